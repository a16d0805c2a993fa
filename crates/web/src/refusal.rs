//! A problem on its way out: problem+json for machines, a page for people.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use certrail_domain::{Problem, ProblemKind};
use serde_json::json;

/// A refusal for machines.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

pub(crate) fn status(kind: ProblemKind) -> StatusCode {
    StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let p = self.0;
        let status = status(p.kind);
        let body = json!({
            "type": format!("urn:certrail:problem:{}", p.code),
            "title": p.what,
            "status": status.as_u16(),
            "detail": p.why,
            "code": p.code,
            "fix": p.fix,
        });
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// The refusal of a body that is too large.
pub(crate) fn too_large(limit: usize) -> Problem {
    Problem::new(
        ProblemKind::TooLarge,
        "too-large",
        "Nothing was recorded.",
        match limit >> 20 {
            0 => format!("The body is larger than {} KiB.", limit >> 10),
            mib => format!("The body is larger than {mib} MiB."),
        },
        "Send less at once: a smaller body, or several.",
    )
}
