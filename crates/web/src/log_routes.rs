//! The log as C2SP tlog-tiles: leaves hold commitments only, so anybody may read it.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use certrail_domain::{Problem, ProblemKind};
use certrail_usecases::tile_bytes;

use crate::{
    App,
    blocking::blocking,
    input::Path,
    operation::{Access, Operation},
    refusal::Refusal,
};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/log/checkpoint", Access::Open, checkpoint),
        Operation::get("/log/key", Access::Open, key),
        Operation::get("/log/tile/{*path}", Access::Open, tile),
    ]
}

async fn checkpoint(State(app): State<App>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")],
        app.engine.head().checkpoint.clone(),
    )
        .into_response()
}

async fn key(State(app): State<App>) -> String {
    app.engine.head().key.verifier().vkey()
}

async fn tile(State(app): State<App>, Path(path): Path<String>) -> Result<Response, Refusal> {
    let bytes = blocking(move || tile_bytes(&app.engine, &path)).await?.ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            "no-such-tile",
            "There is no such tile.",
            "The path is malformed, or the log is not that large yet.",
            "Read /log/checkpoint for the size.",
        )
    })?;
    // Tiles never change once they exist.
    Ok((
        [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ],
        bytes,
    )
        .into_response())
}
