//! `/api/v1`: JSON in, JSON out.

mod admin;
mod decide;
mod findings;
mod record;
mod show;

pub(crate) use findings::state_of;

use axum::{
    Json, Router,
    extract::{FromRequest, Request},
    routing::{get, post, put},
};
use certrail_domain::{Problem, ProblemKind};
use serde::de::DeserializeOwned;

use crate::{
    App,
    refusal::{Refusal, read_body},
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/evidence", post(record::evidence))
        .route("/evidence/{id}", get(show::evidence))
        .route("/evidence/{id}/raw", get(show::raw))
        .route("/facts", post(record::fact))
        .route("/receipts/{index}", get(show::receipt))
        .route("/unbound", get(show::unbound))
        .route("/unbound/{id}/bind", post(decide::bind))
        .route("/products", get(show::products))
        .route("/products/{product}", put(admin::product))
        .route("/products/{product}/releases", get(show::releases))
        .route("/products/{product}/releases/{version}", get(show::release))
        .route("/products/{product}/releases/{version}/certify", post(decide::certify))
        .route("/products/{product}/releases/{version}/gates/{gate}", post(decide::gate))
        .route("/products/{product}/releases/{version}/evaluation", get(show::evaluation))
        .route("/products/{product}/releases/{version}/dossier.json", get(show::dossier_json))
        .route("/products/{product}/releases/{version}/dossier.pdf", get(show::dossier_pdf))
        .route("/findings", get(findings::list))
        .route("/findings/queue", get(findings::queue))
        .route("/findings/{id}", get(findings::show))
        .route("/findings/{id}/triage", post(findings::triage))
        .route("/findings/{id}/decisions", post(findings::decide))
        .route("/findings/{id}/effect", post(findings::effect))
        .route("/finding-decisions/{id}/{verb}", post(findings::decision))
        .route("/products/{product}/releases/{version}/findings", get(findings::of_release))
        .route("/exceptions", post(decide::request_exception))
        .route("/exceptions/{id}/{verb}", post(decide::exception))
        .route("/criteria", put(admin::criteria))
        .route("/people", get(admin::people).put(admin::person))
        .route("/tokens", get(admin::tokens).post(admin::token))
        .route("/tokens/{id}", axum::routing::delete(admin::revoke))
        .route("/whoami", get(admin::whoami))
        .fallback(async || {
            Refusal(Problem::new(
                ProblemKind::NotFound,
                "no-such-address",
                "There is nothing at this address.",
                "The path is not part of the API.",
                "Look at docs/reference/api.md.",
            ))
        })
}

/// JSON bodies above this are mistakes.
const MAX_JSON: usize = 16 * 1024 * 1024;

/// A JSON body, refused in our own words. Keeps the raw bytes: they are what gets recorded.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) bytes: Vec<u8>,
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &App) -> Result<Self, Refusal> {
        Self::parse(read_body(request.into_body(), MAX_JSON).await?)
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// Reads what was sent.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, Refusal> {
        let value = serde_json::from_slice(&bytes).map_err(|e| {
            Problem::new(
                ProblemKind::BadInput,
                "bad-json",
                "Nothing was recorded.",
                format!("The body does not read: {e}."),
                "Look at docs/reference/api.md for its shape.",
            )
        })?;
        Ok(Self { value, bytes })
    }
}

type Answer<T> = Result<Json<T>, Refusal>;
