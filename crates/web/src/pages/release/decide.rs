//! Certifying and approving from the release page.

use axum::{extract::State, response::Redirect};
use certrail_domain::{Action, ReleaseState};
use certrail_usecases::{FactInput, Sending, certify as certify_release, dossier::Dossier, record_fact};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::{PageRefusal, layout};
use crate::{
    App,
    caller::Reader,
    input::{Filled, PagePath},
};

/// What this person may do here; what they may not is absent, and a line says who can.
pub(super) fn decide(caller: &certrail_usecases::Caller, d: &Dossier, here: &str) -> Markup {
    let r = &d.release;
    let cut = r.state == ReleaseState::Cut;
    html! {
        @if cut && caller.may(Action::Certify) {
            form.inline method="post" action=(format!("{here}/certify")) {
                label { "Note " input name="note" maxlength="500"; }
                button type="submit" { "Certify " (r.version) }
            }
        } @else if cut { p.meta { "Release managers can certify it." } }
        @if matches!(r.state, ReleaseState::Cut | ReleaseState::Certified) {
            @if caller.may(Action::Approve) || caller.may(Action::Certify) {
                form.inline method="post" action=(format!("{here}/approve")) {
                    p { "You are signing " @if let Some(digest) = r.digests.first() { "build " (layout::short(digest)) } @else if let Some(c) = &r.commit { "commit " (layout::short(c)) } ". If it changes, this signature goes stale." }
                    @if caller.may(Action::Approve) { button name="as" value="approval" type="submit" { "Approve deployment to production" } }
                    button name="as" value="qa" type="submit" { "Give QA sign-off" }
                }
            } @else { p.meta { "Approvers can approve its deployment." } }
        }
    }
}

#[derive(Deserialize)]
pub(in crate::pages) struct CertifyForm {
    #[serde(default)]
    note: String,
}

pub(in crate::pages) async fn certify(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<CertifyForm>,
) -> Result<Redirect, PageRefusal> {
    certify_release(&app.engine, &caller, &product, &version, form.note, app.settings.renderer.clone()).await?;
    Ok(Redirect::to(&format!("/r/{}/{}", layout::encode(&product), layout::encode(&version))))
}

#[derive(Deserialize)]
pub(in crate::pages) struct ApproveForm {
    r#as: String,
}

pub(in crate::pages) async fn approve(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<ApproveForm>,
) -> Result<Redirect, PageRefusal> {
    let environment = if form.r#as == "approval" { "production" } else { "" };
    let body = serde_json::json!({ "kind": "deployment.approval", "product": product, "release": version, "environment": environment, "meaning": form.r#as, "verdict": "approved" });
    let bad = |_: serde_json::Error| {
        certrail_domain::Problem::new(
            certrail_domain::ProblemKind::BadInput,
            "bad-form",
            "Nothing was recorded.",
            "The form is not complete.",
            "Use the buttons on the release page.",
        )
    };
    let bytes = serde_json::to_vec(&body).map_err(bad)?;
    let fact: FactInput = serde_json::from_value(body).map_err(bad)?;
    record_fact(&app.engine, &caller, fact, bytes, Sending::default()).await?;
    Ok(Redirect::to(&format!("/r/{}/{}", layout::encode(&product), layout::encode(&version))))
}
