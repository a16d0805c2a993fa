//! Certifying and approving from the release page.

use std::collections::BTreeSet;

use axum::{extract::State, response::Redirect};
use certrail_domain::{Action, EmergencyReason, Problem, ProblemKind, ReleaseState, is_blank};
use certrail_usecases::{
    Caller, FactInput, NewCertification, NewEmergency, NewLookBack, NewRejection, ReleaseView, Sending,
    certify as certify_release, declare_emergency, dossier::Dossier, look_back as look_back_at, record_fact,
    reject as reject_release,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::{PageRefusal, layout};
use crate::{
    App,
    caller::Reader,
    input::{Filled, PagePath},
};

/// What this person may do here; what they may not is absent, and a line says who can.
pub(super) fn decide(caller: &certrail_usecases::Caller, view: &ReleaseView, here: &str) -> Markup {
    let d = &view.dossier;
    let reached = || view.production.iter().filter(|name| caller.scope.environments.has_in_any_case(name));
    let r = &d.release;
    let cut = r.state == ReleaseState::Cut;
    let late = matches!(r.state, ReleaseState::Shipped | ReleaseState::RolledBack) && r.certified_at.is_none();
    let again = matches!(r.state, ReleaseState::Rejected | ReleaseState::Superseded);
    html! {
        @if (cut || late || again) && caller.may(Action::Certify) {
            @if late && r.ungated { p.meta { "It is in production without a decision, and stays on record as ungated. Certified now, it is marked as certified late." } }
            form.inline method="post" action=(format!("{here}/certify")) {
                (seen(d))
                label { "Note " input name="note" maxlength="500"; }
                button type="submit" { "Certify " (r.version) }
            }
            @if cut && r.emergency.is_none() { (declare(here)) }
        } @else if cut { p.meta { "Release managers can certify it." } }
        @if r.certified_at.is_some() && caller.may(Action::Certify) {
            details {
                summary { "Certify it anew" }
                p.meta { "Where an artefact joined it since it was certified, which nobody decided on." }
                form.inline method="post" action=(format!("{here}/certify")) { (seen(d)) button type="submit" { "Certify " (r.version) " anew" } }
            }
        }
        // What went out may go out again, and what was rejected be mended.
        @if r.commit.is_some() {
            @if caller.may(Action::Approve) || caller.may(Action::Certify) {
                p { "You are signing " @if let Some(digest) = r.digests.first() { "build " (layout::short(digest)) } @else if let Some(c) = &r.commit { "commit " (layout::short(c)) } ". If it changes, this signature goes stale." }
                @if caller.may(Action::Approve) && reached().next().is_some() {
                    form.inline method="post" action=(format!("{here}/approve")) {
                        (seen(d))
                        label { "Environment " select name="approval" { @for name in reached() { option { (name) } } } }
                        button type="submit" { "Approve deployment" }
                    }
                }
                form.inline method="post" action=(format!("{here}/approve")) {
                    (seen(d))
                    button name="sign_off" value="qa" type="submit" { "Give QA sign-off" }
                }
            } @else { p.meta { "Approvers can approve its deployment." } }
        }
        @if caller.may(Action::Certify) && r.commit.is_some() && r.decided_against.is_none() { (reject_form(here, r.certified_at.is_some())) }
        @if (caller.may(Action::Approve) || caller.may(Action::Certify)) && is_due(d) { (look_back_form(here)) }
        @if caller.may(Action::Approve) || caller.may(Action::Certify) { (authorise(d, here)) }
    }
}

/// At which position of the log the page was made: nobody decides on what came later.
pub(super) fn seen(d: &Dossier) -> Markup {
    html! { input type="hidden" name="seen" value=(d.evaluation.snapshot.log_position); }
}

/// Whether somebody has to look back at it.
fn is_due(d: &Dossier) -> bool {
    let certified: Vec<_> = d.decisions.iter().filter_map(|decision| decision.certified()).collect();
    let happened = !certified.is_empty() || d.release.shipped_at.is_some();
    happened && d.release.to_look_back_at(&certified).is_some()
}

/// Puts on record that somebody looked back at it.
fn look_back_form(here: &str) -> Markup {
    html! {
        form.inline method="post" action=(format!("{here}/look-back")) {
            label { "What you found, looking back at it (20 characters or more; an auditor reads it) " input name="note" required minlength="20" maxlength="2000" size="40"; }
            button type="submit" { "Record the review" }
        }
    }
}

/// Rejects it, or withdraws its certification.
fn reject_form(here: &str, certified: bool) -> Markup {
    let word = if certified { "Withdraw the certification" } else { "Reject it" };
    html! {
        details {
            summary { (word) }
            p.meta { "The gates of certification and of production say no from then on, with your name and reason. What was deployed before stays as it was." }
            form.inline method="post" action=(format!("{here}/reject")) {
                label { "Why (20 characters or more; an auditor reads it) " input name="reason" required minlength="20" maxlength="2000" size="40"; }
                label { "The version that takes its place, if there is one " input name="superseded_by" maxlength="100" size="12"; }
                button type="submit" { (word) }
            }
        }
    }
}

/// Declares an emergency: what makes it one, and what happened.
fn declare(here: &str) -> Markup {
    html! {
        details {
            summary { "Declare an emergency" }
            p.meta { "The criteria may ask less of it. Who declared it, and why, stands on page 1, with when somebody has to look back at it." }
            form.inline method="post" action=(format!("{here}/emergency")) {
                label { "What makes it one " select name="because" { @for one in EmergencyReason::ALL { option value=(one.name()) { (one.words()) } } } }
                label { "What happened (20 characters or more; an auditor reads it) " input name="reason" required minlength="20" maxlength="2000" size="40"; }
                button type="submit" { "Declare it" }
            }
        }
    }
}

/// The work items that its changes name.
fn authorise(d: &Dossier, here: &str) -> Markup {
    let named: BTreeSet<&String> = d.changes.iter().flat_map(|change| &change.tickets).collect();
    html! {
        @if !named.is_empty() {
            form.inline method="post" action=(format!("{here}/work-items")) {
                label { "Work item " select name="key" { @for key in &named { option { (key) } } } }
                button type="submit" { "Authorise it" }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::pages) struct AuthoriseForm {
    key: String,
}

pub(in crate::pages) async fn authorise_work_item(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<AuthoriseForm>,
) -> Result<Redirect, PageRefusal> {
    let title = format!("Authorised on the page of {product} {version}");
    let told = serde_json::json!({ "kind": "requirement.ticket", "product": product, "key": form.key, "title": title,
        "status": "authorised", "authorised_by": caller.actor() });
    record(&app, &caller, told).await?;
    Ok(back(&product, &version))
}

fn back(product: &str, version: &str) -> Redirect {
    Redirect::to(&format!("/r/{}/{}", layout::encode(product), layout::encode(version)))
}

/// Records what somebody says on the page.
async fn record(app: &App, caller: &Caller, told: serde_json::Value) -> Result<(), PageRefusal> {
    let bytes = serde_json::to_vec(&told).map_err(|_| bad())?;
    let fact: FactInput = serde_json::from_value(told).map_err(|_| bad())?;
    record_fact(&app.engine, caller, fact, bytes, Sending::default()).await?;
    Ok(())
}

fn bad() -> Problem {
    let fix = "Use the buttons on the release page.";
    Problem::new(ProblemKind::BadInput, "bad-form", "Nothing was recorded.", "The form is not complete.", fix)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::pages) struct RejectForm {
    reason: String,
    #[serde(default)]
    superseded_by: String,
}

pub(in crate::pages) async fn reject(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<RejectForm>,
) -> Result<Redirect, PageRefusal> {
    // A browser sends the input that nobody filled in, too.
    let superseded_by = Some(form.superseded_by).filter(|version| !is_blank(version));
    let new = NewRejection { reason: form.reason, superseded_by };
    reject_release(&app.engine, &caller, &product, &version, new).await?;
    Ok(back(&product, &version))
}

pub(in crate::pages) async fn certify(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<NewCertification>,
) -> Result<Redirect, PageRefusal> {
    certify_release(&app.engine, &caller, &product, &version, form, app.settings.renderer.clone()).await?;
    Ok(back(&product, &version))
}

pub(in crate::pages) async fn look_back(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<NewLookBack>,
) -> Result<Redirect, PageRefusal> {
    look_back_at(&app.engine, &caller, &product, &version, form).await?;
    Ok(back(&product, &version))
}

pub(in crate::pages) async fn emergency(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<NewEmergency>,
) -> Result<Redirect, PageRefusal> {
    declare_emergency(&app.engine, &caller, &product, &version, form).await?;
    Ok(back(&product, &version))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::pages) struct ApproveForm {
    /// The environment it may go to.
    approval: Option<String>,
    /// What is signed off.
    sign_off: Option<SignOff>,
    /// The position of the log at which the page was made.
    seen: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SignOff {
    Qa,
}

pub(in crate::pages) async fn approve(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(form): Filled<ApproveForm>,
) -> Result<Redirect, PageRefusal> {
    let (meaning, environment) = match (form.approval, form.sign_off) {
        (Some(environment), None) => ("approval", environment),
        (None, Some(SignOff::Qa)) => ("qa", String::new()),
        _ => return Err(bad().into()),
    };
    let body = serde_json::json!({ "kind": "deployment.approval", "product": product, "release": version, "environment": environment, "meaning": meaning, "verdict": "approved", "seen": form.seen });
    record(&app, &caller, body).await?;
    Ok(back(&product, &version))
}
