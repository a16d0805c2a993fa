//! Files on their way out, the same from pages and API: always a download, never rendered as a page of ours.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use certrail_domain::{Problem, ProblemKind};
use certrail_usecases::{Caller, Renderer, evidence_view, make_dossier};

use crate::{App, blocking::in_turn};

/// A file by name and media type.
fn file(name: &str, media: &'static str, bytes: Vec<u8>) -> Response {
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' }).collect();
    let disposition = format!("attachment; filename=\"{safe}\"");
    ([(header::CONTENT_TYPE, media.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

/// The raw bytes of a piece of evidence.
pub(crate) async fn original(app: App, caller: Caller, id: String) -> Result<Response, Problem> {
    let (name, bytes) = in_turn(app.engine.clone(), move || {
        let view = evidence_view(&app.engine, &caller, &id)?;
        let bytes = app.engine.body(&view.signal)?.ok_or_else(|| {
            Problem::new(
                ProblemKind::NotFound,
                "bytes-gone",
                "The original is not here.",
                "Its bytes are gone; their fingerprint is kept.",
                "Ask whoever runs the server: `certrail admin fsck` says what is missing.",
            )
        })?;
        Ok((view.signal.id().to_string(), bytes))
    })
    .await?;
    Ok(file(&name, "application/octet-stream", bytes))
}

/// The next dossier of a release as JSON.
pub(crate) async fn dossier_json(app: &App, product: &str, version: &str) -> Result<Response, Problem> {
    let made = make_dossier(&app.engine, product, version, Renderer::None).await?;
    Ok(file(&format!("dossier-{}-{}.json", made.name, made.number), "application/json", made.json))
}

/// The next dossier of a release as PDF.
pub(crate) async fn dossier_pdf(app: &App, product: &str, version: &str) -> Result<Response, Problem> {
    let made = make_dossier(&app.engine, product, version, app.settings.renderer.clone()).await?;
    let pdf = made.pdf.ok_or_else(|| {
        Problem::new(
            ProblemKind::Unavailable,
            "no-renderer",
            "The PDF was not made.",
            "This server runs without a renderer.",
            "Take the JSON, which holds the same.",
        )
    })?;
    Ok(file(&format!("dossier-{}-{}.pdf", made.name, made.number), "application/pdf", pdf))
}
