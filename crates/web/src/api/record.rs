//! Sending evidence and facts.

use axum::{
    body::Body as RawBody,
    extract::{Query, State},
};
use certrail_domain::Time;
use certrail_usecases::{EvidenceFile, EvidenceReceipt, FactInput, add_evidence, receipt, record_fact};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Body};
use crate::{App, caller::SignedIn, refusal::read_body};

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
    Query(about): Query<About>,
    body: RawBody,
) -> Answer<Recorded> {
    let bytes = read_body(body, MAX_REPORT).await?;
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
    };
    let (evidence, head) = add_evidence(&app.engine, &caller, file, bytes).await?;
    metrics::counter!("certrail_evidence_total", "type" => evidence.r#type.clone()).increment(1);
    let receipt = receipt(&app.engine, &head, evidence.ack.index)?;
    let url = format!("/e/{}", evidence.ack.id);
    Ok(axum::Json(Recorded { evidence, receipt, url }))
}

pub(crate) async fn fact(State(app): State<App>, SignedIn(caller): SignedIn, body: Body<FactInput>) -> Answer<Value> {
    let (ack, met, head) = record_fact(&app.engine, &caller, body.value, body.bytes, "api").await?;
    let receipt = receipt(&app.engine, &head, ack.index)?;
    Ok(axum::Json(json!({ "ack": ack, "met": met, "receipt": receipt, "url": format!("/e/{}", ack.id) })))
}
