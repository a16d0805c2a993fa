//! Reading.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use certrail_domain::{Product, Time};
use certrail_usecases::{
    Listed, LogReceipt, ReleaseCard, evaluation_at, evidence_view, find_release, judge, list_products, list_releases,
    receipt as make_receipt, unbound_queue,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use crate::{
    App,
    blocking::in_turn,
    caller::SignedIn,
    download::{self, FileAsked},
    input::{Params, Path},
    refusal::Refusal,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    limit: Option<u64>,
    /// Behind which to go on: the `cursor` of the last release, the `index` of the last signal.
    pub(super) before: Option<u64>,
}

impl Page {
    pub(super) fn limit(&self) -> u64 {
        self.limit.unwrap_or(50).clamp(1, 200)
    }
}

pub(crate) async fn products(State(app): State<App>, SignedIn(caller): SignedIn) -> Answer<Vec<Listed<Product>>> {
    Ok(Json(in_turn(app.engine.clone(), move || list_products(&app.engine, &caller)).await?))
}

pub(crate) async fn releases(
    State(app): State<App>,
    Path(product): Path<String>,
    Params(page): Params<Page>,
) -> Answer<Vec<Listed<ReleaseCard>>> {
    Ok(Json(
        in_turn(app.engine.clone(), move || {
            // A cursor beyond every release is behind none: all of them come before it.
            let before = page.before.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
            list_releases(&app.engine, &product, before, page.limit())
        })
        .await?,
    ))
}

pub(crate) async fn release(State(app): State<App>, Path((product, version)): Path<(String, String)>) -> Answer<Value> {
    let card = in_turn(app.engine.clone(), move || {
        let stored = find_release(&app.engine, &product, &version)?;
        let judged = judge(&app.engine, &stored)?;
        let sentence = certrail_domain::sentence::sentence(&stored.release, &judged.evaluation);
        let fraction = certrail_domain::sentence::fraction(&judged.evaluation.summary);
        Ok(json!({ "schema": "certrail.release/1", "release": stored.release, "sentence": sentence, "fraction": fraction, "evaluation": judged.evaluation }))
    })
    .await?;
    Ok(Json(card))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsOf {
    position: u64,
    at: Time,
    /// As a gate asked about the next deployment of what had been in production.
    #[serde(default)]
    next: bool,
}

/// An old evaluation, run again: byte for byte what it was.
pub(crate) async fn evaluation(
    State(app): State<App>,
    Path((product, version)): Path<(String, String)>,
    Params(as_of): Params<AsOf>,
) -> Result<Response, Refusal> {
    let bytes = in_turn(app.engine.clone(), move || {
        let stored = find_release(&app.engine, &product, &version)?;
        evaluation_at(&app.engine, &stored, as_of.position, as_of.at, as_of.next)
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

pub(crate) async fn evidence(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Answer<Value> {
    let view = in_turn(app.engine.clone(), move || evidence_view(&app.engine, &caller, &id)).await?;
    let s = &view.signal;
    Ok(Json(json!({
        "id": s.id, "index": s.log_index, "name": s.signal.name, "connector": s.connector, "media": s.media,
        "received_at": s.received, "clock_uncertain": view.doubtful, "sha256": view.receipt_digest(), "genuine": view.genuine, "size": view.size,
        "known": s.signal.known, "repeats": s.duplicate_of, "part_of": s.part_of,
        "signal": *s.signal, "bound": view.bound, "context": view.context, "history": view.history, "receipt": view.receipt,
    })))
}

/// The raw bytes, never shown by the browser as a page of ours.
pub(crate) async fn raw(State(app): State<App>, Path(id): Path<String>, asked: FileAsked) -> Result<Response, Refusal> {
    Ok(download::original(app, id, asked).await?)
}

pub(crate) async fn receipt(State(app): State<App>, Path(index): Path<u64>) -> Answer<LogReceipt> {
    Ok(Json(in_turn(app.engine.clone(), move || make_receipt(&app.engine, &app.engine.head(), index)).await?))
}

pub(crate) async fn unbound(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Params(page): Params<Page>,
) -> Answer<Value> {
    let (items, total) =
        in_turn(app.engine.clone(), move || unbound_queue(&app.engine, &caller, page.before, page.limit())).await?;
    Ok(Json(json!({ "items": items, "total": total })))
}
