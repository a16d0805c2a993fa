//! `POST /hooks/{connector}`: deliveries of forges and trackers.

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use certrail_domain::ProblemKind;
use certrail_usecases::{Ack, Delivery, deliver_webhook, expect_webhook, is_heard};
use serde::Serialize;

use crate::{
    App,
    input::Path,
    operation::{Access, Operation},
    peer::Peer,
    refusal::Refusal,
    room::{Received, Sender},
};

/// GitHub caps payloads at 25 MB.
const MAX_DELIVERY: usize = 25 * 1024 * 1024;

pub(crate) fn operations() -> Vec<Operation> {
    vec![Operation::post("/hooks/{connector}", Access::Proves, receive)]
}

async fn receive(
    State(app): State<App>,
    Path(connector): Path<String>,
    from: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // The label is one of ours, never what a stranger typed.
    let label = if is_heard(&app.engine, &connector) { connector.clone() } else { "unknown".to_owned() };
    match take(&app, connector, &headers, from.map_or(Peer::Together, |Extension(peer)| peer), body).await {
        Ok(response) => {
            metrics::counter!("certrail_deliveries_total", "connector" => label.clone(), "outcome" => "recorded")
                .increment(1);
            response
        }
        Err(refusal) => {
            let outcome = match refusal.0.kind {
                ProblemKind::NotSignedIn => "wrong_signature",
                ProblemKind::Internal | ProblemKind::Unavailable => "failed",
                _ => "refused",
            };
            metrics::counter!("certrail_deliveries_total", "connector" => label, "outcome" => outcome).increment(1);
            refusal.into_response()
        }
    }
}

async fn take(app: &App, connector: String, headers: &HeaderMap, from: Peer, body: Body) -> Result<Response, Refusal> {
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    expect_webhook(&app.engine, &connector, &headers)?;
    let Received { bytes: body, room: _room } = app.room.receive(Sender::Unproven(from), body, MAX_DELIVERY).await?;
    let (ack, head) = deliver_webhook(&app.engine, Delivery { connector, headers, body }).await?;
    let status = if ack.duplicate { StatusCode::OK } else { StatusCode::ACCEPTED };
    let receipt = format!("/api/v1/receipts/{}", ack.index);
    Ok((status, Json(Taken { ack, checkpoint: &head.checkpoint, receipt })).into_response())
}

/// The answer to a delivery.
#[derive(Serialize)]
struct Taken<'a> {
    ack: Ack,
    checkpoint: &'a str,
    receipt: String,
}
