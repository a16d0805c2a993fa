//! For operators: is it alive, can it work, how does it fare, what is it.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use certrail_usecases::is_set_up;
use serde_json::json;

use crate::{
    App,
    blocking::blocking,
    operation::{Access, Operation},
};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/healthz", Access::Open, healthz),
        Operation::get("/readyz", Access::Open, readyz),
        Operation::get("/metrics", Access::Open, metrics),
        Operation::get("/version", Access::Open, version),
    ]
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready when the database answers and the log's head is there.
async fn readyz(State(app): State<App>) -> Response {
    let engine = app.engine.clone();
    if !engine.can_write() {
        let why = "Nothing can be recorded: the writer has ended. Its log says why; start the server again.";
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "why": why }))).into_response();
    }
    match blocking(move || is_set_up(&engine)).await {
        Ok(_) => {
            // It records, and says what it does not do meanwhile.
            let doubt = app.engine.clock_doubt();
            let clock =
                doubt.as_ref().map_or_else(|| json!("believed"), |d| json!({ "uncertain": d, "why": d.sentence() }));
            let guard = if app.engine.is_unguarded() {
                json!({ "unguarded": true, "why": "What was signed last cannot be noted where --guard names it: a log put back from an older copy would go unnoticed. The server's own log says why." })
            } else {
                json!("noted")
            };
            let ready = json!({ "ready": true, "log_size": app.engine.head().size(), "clock": clock, "guard": guard });
            (StatusCode::OK, Json(ready)).into_response()
        }
        Err(problem) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "why": problem.why }))).into_response()
        }
    }
}

async fn metrics(State(app): State<App>) -> Response {
    metrics::gauge!("certrail_log_entries").set(app.engine.head().size() as f64);
    metrics::gauge!("certrail_guard_noted").set(if app.engine.is_unguarded() { 0.0 } else { 1.0 });
    metrics::gauge!("certrail_build_info", "version" => app.settings.version.clone()).set(1.0);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}

async fn version(State(app): State<App>) -> Json<serde_json::Value> {
    Json(json!({ "name": "certrail", "version": app.settings.version }))
}
