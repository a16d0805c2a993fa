//! Sending evidence and facts.

use axum::{body::Body as RawBody, extract::State};
use certrail_domain::{EvidencePart, Problem, ProblemKind, Time};
use certrail_usecases::{
    EvidenceFile, EvidenceReceipt, FactInput, Sending, Told, add_evidence, follow_evidence, receipt, record_fact,
};
use serde::{Deserialize, Serialize};

use super::{Answer, Body, MAX_FACT};
use crate::{
    App,
    blocking::blocking,
    caller::SignedIn,
    input::Params,
    refusal::Refusal,
    room::{Received, Sender},
};

const MAX_REPORT: usize = 256 * 1024 * 1024;

/// What is said about a report, in the query string; the report itself is the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    product: String,
    #[serde(default)]
    name: String,
    release: Option<String>,
    commit: Option<String>,
    /// Several separated by commas.
    digest: Option<String>,
    r#type: Option<String>,
    #[serde(rename = "for")]
    purpose: Option<String>,
    occurred_at: Option<Time>,
    database_date: Option<Time>,
    scope: Option<String>,
    /// Which set of reports it belongs to.
    run: Option<String>,
    attempt: Option<u64>,
    job: Option<String>,
    step: Option<String>,
    shard: Option<String>,
    met: Option<bool>,
}

/// The key of a delivery, as the header names it (draft-ietf-httpapi-idempotency-key-header).
pub(crate) struct Key(Option<String>);

impl<S: Sync> axum::extract::FromRequestParts<S> for Key {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Refusal> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        // The draft writes a string item, with quotes; without them it is read all the same.
        let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
        if text.is_empty() || text.len() > 200 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Problem::new(
                ProblemKind::BadInput,
                "bad-idempotency-key",
                "Nothing was recorded.",
                "`Idempotency-Key` is empty, longer than 200 characters, or has others than visible ASCII.",
                "Send a random one for each file, and the same one again when you try again; or leave it out.",
            )
            .into());
        }
        Ok(Self(Some(text.to_owned())))
    }
}

/// When a fact was first tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tried {
    occurred_at: Option<Time>,
}

#[derive(Serialize)]
pub(crate) struct Recorded {
    #[serde(flatten)]
    evidence: EvidenceReceipt,
    receipt: certrail_usecases::LogReceipt,
    url: String,
}

pub(crate) async fn evidence(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Params(about): Params<About>,
    Key(key): Key,
    body: RawBody,
) -> Answer<Recorded> {
    let Received { bytes, room } = app.room.receive(Sender::Proven(caller.account()), body, MAX_REPORT).await?;
    let (product, wants_met) = (about.product.clone(), about.met != Some(false));
    let file = EvidenceFile {
        product: about.product,
        name: about.name,
        release: about.release,
        commit: about.commit,
        digest: about.digest.map(|d| d.split(',').map(|x| x.trim().to_owned()).collect()).unwrap_or_default(),
        r#type: about.r#type,
        purpose: about.purpose,
        occurred_at: about.occurred_at,
        database_date: about.database_date,
        scope: about.scope,
        part: EvidencePart {
            run: about.run,
            attempt: about.attempt,
            job: about.job,
            step: about.step,
            shard: about.shard,
        },
    };
    let (mut evidence, head) = add_evidence(&app.engine, &caller, file, bytes, key).await?;
    // It is on disk: whoever waits for it to be taken in takes nobody's room.
    drop(room);
    follow_evidence(&app.engine, &product, wants_met, &mut evidence).await?;
    metrics::counter!("certrail_evidence_total", "type" => evidence.r#type.clone()).increment(1);
    let index = evidence.ack.index;
    let receipt = blocking(move || receipt(&app.engine, &head, index)).await?;
    let url = format!("/e/{}", evidence.ack.id);
    Ok(axum::Json(Recorded { evidence, receipt, url }))
}

#[derive(Serialize)]
pub(crate) struct RecordedFact {
    #[serde(flatten)]
    told: Told,
    receipt: certrail_usecases::LogReceipt,
    url: String,
}

pub(crate) async fn fact(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Params(tried): Params<Tried>,
    Key(key): Key,
    body: Body<FactInput, MAX_FACT>,
) -> Answer<RecordedFact> {
    let sending = Sending { key, tried_at: tried.occurred_at };
    let (told, head) = record_fact(&app.engine, &caller, body.value, body.bytes, sending).await?;
    let index = told.ack.index;
    let receipt = blocking(move || receipt(&app.engine, &head, index)).await?;
    let url = format!("/e/{}", told.ack.id);
    Ok(axum::Json(RecordedFact { told, receipt, url }))
}
