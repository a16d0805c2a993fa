//! Exceptions on the release page: asked for beside what is open, decided by somebody else, in a session.

use axum::{extract::State, response::Redirect};
use certrail_domain::{Action, Exception, ExceptionState, Problem, ProblemKind, ReleaseState, Time};
use certrail_usecases::{Caller, NewException, decide_exception, dossier::Dossier, request_exception};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::{PageRefusal, layout};
use crate::{
    App,
    caller::Reader,
    input::{Filled, PagePath},
};

/// Days that are offered.
const DAYS: i64 = 30;

/// Those there are, with what this person may do about each.
pub(super) fn list(caller: &Caller, d: &Dossier, here: &str) -> Markup {
    html! {
        @if !d.exceptions.is_empty() {
            h2 #exceptions { "Exceptions" }
            ul { @for x in &d.exceptions { li { (one(caller, d, x, here)) } } }
        }
    }
}

fn one(caller: &Caller, d: &Dossier, x: &Exception, here: &str) -> Markup {
    let now = d.made_at;
    // The dossier has names; whoever asked is told by account where it is decided.
    let grants = caller.may(Action::GrantException) && x.requester != caller.name;
    let asked = x.state == ExceptionState::Requested && x.expires_at > now;
    let holds = x.state == ExceptionState::Approved && x.expires_at > now;
    let button = |verb: &str, word: &str| {
        html! { form.small method="post" action=(format!("{here}/exceptions/{}/{verb}", x.id)) { (super::decide::seen(d)) button.plain type="submit" { (word) } } }
    };
    html! {
        @if asked { span.tag.pending { "… Asked for" } " " }
        strong { (x.scope.requirement) } @if let Some(subject) = &x.scope.subject { " of " code { (subject) } } ": " (x.reason)
        @if !x.compensating.is_empty() { " Instead: " (x.compensating) }
        " Asked by " (x.requester) @if let Some(a) = &x.approver { ", " (x.state.name()) " by " (a) } ", until " (layout::time(x.expires_at)) "."
        @if asked && grants { " " (button("approve", "Approve")) " " (button("reject", "Reject")) }
        @if holds && grants { " " (button("revoke", "End it now")) }
        @if asked && !grants { " " span.meta { "An approver other than whoever asked decides." } }
    }
}

/// A form to ask for one, beside a requirement that is open.
pub(super) fn ask(caller: &Caller, d: &Dossier, requirement: &str, here: &str) -> Markup {
    let waits = |x: &Exception| x.scope.requirement == requirement && x.state == ExceptionState::Requested;
    let over = matches!(d.release.state, ReleaseState::Open);
    let day = |n: i64| d.made_at.plus(n * Time::DAY).to_string()[..10].to_owned();
    html! {
        @if caller.may(Action::RequestException) && !over && !d.exceptions.iter().any(waits) {
            details {
                summary { "Ask for an exception" }
                form.inline method="post" action=(format!("{here}/exceptions")) {
                    input type="hidden" name="requirement" value=(requirement);
                    label { "Why it cannot be met (20 characters or more; an auditor reads it) " input name="reason" required minlength="20" maxlength="2000" size="40"; }
                    label { "What is done instead " input name="compensating" maxlength="2000" size="30"; }
                    label { "Until the end of " input type="date" name="until" required min=(day(1)) max=(day(179)) value=(day(DAYS)); }
                    button type="submit" { "Ask" }
                    p { "It has no effect until an approver other than you approves it." }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(in crate::pages) struct Asked {
    requirement: String,
    reason: String,
    #[serde(default)]
    compensating: String,
    /// A day, `2026-03-15`.
    until: String,
}

pub(in crate::pages) async fn request(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): PagePath<(String, String)>,
    Filled(asked): Filled<Asked>,
) -> Result<Redirect, PageRefusal> {
    let expires_at = Time::parse(&format!("{}T23:59:59Z", asked.until)).map_err(|_| {
        let why = "The day it ends on is no day.";
        Problem::new(ProblemKind::BadInput, "bad-form", "Nothing was recorded.", why, "Write it as 2026-03-15.")
    })?;
    let back = back(&product, &version);
    let new = NewException {
        product,
        release: version,
        requirement: asked.requirement,
        subject: None,
        reason: asked.reason,
        compensating: asked.compensating,
        expires_at,
    };
    request_exception(&app.engine, &caller, new).await?;
    Ok(back)
}

/// What becomes of one.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::pages) enum Verb {
    Approve,
    Reject,
    Revoke,
}

/// At which position of the log whoever decides looked.
#[derive(Deserialize)]
pub(in crate::pages) struct Looked {
    seen: Option<u64>,
}

pub(in crate::pages) async fn answer(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version, id, verb)): PagePath<(String, String, String, Verb)>,
    Filled(looked): Filled<Looked>,
) -> Result<Redirect, PageRefusal> {
    let to = match verb {
        Verb::Approve => ExceptionState::Approved,
        Verb::Reject => ExceptionState::Rejected,
        Verb::Revoke => ExceptionState::Revoked,
    };
    decide_exception(&app.engine, &caller, &id, to, looked.seen).await?;
    Ok(back(&product, &version))
}

fn back(product: &str, version: &str) -> Redirect {
    Redirect::to(&format!("/r/{}/{}#exceptions", layout::encode(product), layout::encode(version)))
}
