//! From which commits on the history of a product is judged, on its page.

use axum::{extract::State, response::Redirect};
use certrail_domain::{Action, Baseline, Product};
use certrail_usecases::{Caller, NewBaseline, ProductView, decide_baseline, state_baseline};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageRefusal,
    asked::{Looked, Verb, button, place},
    layout,
};
use crate::{
    App,
    caller::Reader,
    input::{Filled, PagePath},
};

pub(super) fn section(view: &ProductView, caller: &Caller) -> Markup {
    let product = &view.product;
    html! {
        h2 #baselines { "From where on history is judged" }
        p { "The range of a release reaches back to the last one that was certified, or was seen in production with an evaluation on record. Where there is none yet, a baseline says from which commit on: what it contains shipped before anybody judged. Once a release was judged, somebody other than whoever states a baseline has to approve it." }
        @if product.baselines.is_empty() { p.meta { "No baseline is stated." } }
        @else {
            div.scroll tabindex="0" {
                table {
                    caption { "Baselines" }
                    thead { tr { th scope="col" { "Commit" } th scope="col" { "Stands" } th scope="col" { "Decide" } } }
                    tbody {
                        @for baseline in product.baselines.iter().rev() {
                            tr {
                                th scope="row" { (layout::short(&baseline.commit)) @if let Some(version) = &baseline.version { " (" (version) ")" } }
                                td { (standing(view, baseline)) }
                                td { (decide(product, baseline, caller)) }
                            }
                        }
                    }
                }
            }
        }
        @if caller.may(Action::Administer) { (state(product)) }
        @else { p.meta { "Admins can state one." } }
    }
}

fn standing(view: &ProductView, baseline: &Baseline) -> Markup {
    html! {
        @match (baseline.since, baseline.until) {
            (None, _) => { span.tag.pending { "… Waits for approval" } }
            (Some(since), None) => { strong { "Counts" } ", from entry " (since) " of the log on" }
            (Some(since), Some(until)) => { "Counted from entry " (since) " to " (until) " of the log, for releases judged until then" }
        }
        @if let Some(approver) = &baseline.approver { ", approved by " (view.name(approver)) }
        ", stated by " (view.name(&baseline.requester)) " on " (layout::time(baseline.requested_at)) ": " (baseline.reason)
    }
}

fn decide(product: &Product, baseline: &Baseline, caller: &Caller) -> Markup {
    let own = baseline.requester == caller.account();
    let one = format!("{}/baselines/{}", place(&product.name), baseline.commit);
    let button = |verb: &str, word: &str| button(&one, baseline.requested_at, verb, word);
    let waits = baseline.since.is_none();
    html! {
        @if baseline.until.is_none() {
            @if waits && !own && caller.may(Action::GrantException) { (button("approve", "Approve")) " " }
            @if caller.may(Action::GrantException) || caller.may(Action::Administer) { (button("end", if waits { "Reject" } else { "End it" })) }
            @if waits && (own || !caller.may(Action::GrantException)) { span.meta { "An approver other than whoever stated it decides." } }
        }
    }
}

fn state(product: &Product) -> Markup {
    html! {
        details {
            summary { "State a baseline" }
            form.inline method="post" action=(format!("{}/baselines", place(&product.name))) {
                label { "Commit, its whole name " input name="commit" required minlength="40" maxlength="64" size="42" spellcheck="false"; }
                label { "What a tag calls it, if the first range is told from there " input name="version" maxlength="100" size="12"; }
                label { "Why there (20 characters or more; an auditor reads it) " input name="reason" required minlength="20" maxlength="2000" size="40"; }
                button type="submit" { "State it" }
            }
        }
    }
}

/// The form of a baseline: the version may be left open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stated {
    commit: String,
    #[serde(default)]
    version: String,
    reason: String,
}

pub(super) async fn request(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath(product): PagePath<String>,
    Filled(stated): Filled<Stated>,
) -> Result<Redirect, PageRefusal> {
    let version = Some(stated.version).filter(|version| !version.is_empty());
    let new = NewBaseline { commit: stated.commit.trim().to_owned(), version, reason: stated.reason };
    state_baseline(&app.engine, &caller, &product, new).await?;
    Ok(back(&product))
}

pub(super) async fn answer(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, commit, verb)): PagePath<(String, String, Verb)>,
    Filled(looked): Filled<Looked>,
) -> Result<Redirect, PageRefusal> {
    decide_baseline(&app.engine, &caller, &product, &commit, verb == Verb::Approve, Some(looked.seen)).await?;
    Ok(back(&product))
}

fn back(product: &str) -> Redirect {
    Redirect::to(&format!("{}#baselines", place(product)))
}
