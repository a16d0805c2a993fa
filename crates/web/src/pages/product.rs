//! A product: where it comes from, by what it is judged, and which reports count here though nobody observed what they say.

use axum::{extract::State, response::Redirect};
use certrail_domain::{AcceptedReport, Action, HAVE_TO_BE_OBSERVED, Product};
use certrail_usecases::{Caller, NewAcceptance, ProductView, decide_acceptance, product_view, request_acceptance};
use maud::{Markup, html};

use super::{
    Page, PageRefusal,
    asked::{Looked, Verb, button, place},
    baselines, layout, show,
};
use crate::{
    App,
    blocking::in_turn,
    caller::Reader,
    input::{Filled, PagePath},
};

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader, PagePath(product): PagePath<String>) -> Page {
    let engine = app.engine.clone();
    let view = in_turn(app.engine.clone(), move || product_view(&engine, &product)).await?;
    let product = &view.product;
    let body = html! {
        p.crumbs { a href=(format!("/releases?product={}", layout::encode(&product.name))) { "Releases of " (product.name) } " / product" }
        h1 { (product.name) }
        @if product.sole_decider { p.note { "One person makes and decides everything here, as an admin declared. Page 1 of every dossier says so." } }
        dl {
            dt { "Repositories" } dd { @if product.repositories.is_empty() { "none" } @for r in &product.repositories { code { (r) } " " } }
            dt { "Branch" } dd { code { (product.branch) } }
            dt { "A tag of a version" } dd { code { (product.tag_pattern) } }
            dt { "Production" } dd { @for e in &product.production { code { (e) } " " } }
            @if !product.environments.is_empty() { dt { "Other environments" } dd { @for e in &product.environments { code { (e) } " " } } }
            dt { "Criteria" } dd { (product.criteria) " · " a href="/settings" { "changes of settings" } }
        }
        (baselines::section(&view, &caller))
        (accepted(&view, &caller))
    };
    Ok(show(&app, &caller, &product.name, "/releases", &body))
}

/// A kind of facts in words.
fn words(kind: &str) -> &str {
    match kind {
        "code.change" => "Changes and their merge",
        "code.review" => "Reviews of changes",
        "code.branch_rule" => "Protection of branches",
        "requirement.ticket" => "Authorisation of work items",
        "deployment.approval" => "Approvals and sign-offs",
        "decision" => "Certifying and granting by token",
        other => other,
    }
}

fn accepted(view: &ProductView, caller: &Caller) -> Markup {
    let product = &view.product;
    let of = |kind: &str| product.accepts_reported.iter().find(|a| a.kind == kind);
    let may_ask = caller.may(Action::RequestException);
    html! {
        h2 #reports { "What counts though it was only reported" }
        p { "A yes to these has to be observed: signed by the forge, or done here by the person in their own session. Where that cannot be had, one person asks that reports count, and somebody else approves. Every verdict that rests on one says so." }
        div.scroll tabindex="0" {
            table {
                caption { "Kinds of facts" }
                thead { tr { th scope="col" { "Kind" } th scope="col" { "Here" } th scope="col" { "Decide" } } }
                tbody {
                    @for kind in HAVE_TO_BE_OBSERVED {
                        tr {
                            th scope="row" { (words(kind)) " " code { (kind) } }
                            @match of(kind) {
                                None => { td { "has to be observed" } td { @if may_ask { (ask(product, kind)) } } }
                                Some(asked) => { td { (standing(view, asked)) } td { (decide(product, asked, caller)) } }
                            }
                        }
                    }
                }
            }
        }
        @if !may_ask { p.meta { "Release managers and admins can ask." } }
    }
}

fn standing(view: &ProductView, asked: &AcceptedReport) -> Markup {
    html! {
        @match (&asked.approver, asked.approved_at) {
            (Some(approver), Some(at)) => { strong { "Reports count" } ", approved by " (view.name(approver)) " on " (layout::time(at)) }
            _ => { span.tag.pending { "… Asked for" } }
        }
        ", asked by " (view.name(&asked.requester)) " on " (layout::time(asked.requested_at)) ": " (asked.reason)
    }
}

fn ask(product: &Product, kind: &str) -> Markup {
    html! {
        details {
            summary { "Ask that reports count" }
            form.inline method="post" action=(format!("{}/accepts-reported", place(&product.name))) {
                input type="hidden" name="kind" value=(kind);
                label { "Why it cannot be observed (20 characters or more; an auditor reads it) " input name="reason" required minlength="20" maxlength="2000" size="40"; }
                button type="submit" { "Ask" }
            }
        }
    }
}

fn decide(product: &Product, asked: &AcceptedReport, caller: &Caller) -> Markup {
    let waits = asked.approver.is_none();
    let own = asked.requester == caller.account() && !product.sole_decider;
    let may = caller.may(Action::GrantException) || product.sole_decider && caller.may(Action::RequestException);
    let one = format!("{}/accepts-reported/{}", place(&product.name), asked.kind);
    let button = |verb: &str, word: &str| button(&one, asked.requested_at, verb, word);
    html! {
        @if may && waits && !own { (button("approve", "Approve")) " " }
        @if may { (button("end", if waits { "Reject" } else { "End it" })) }
        @if waits && (own || !may) { span.meta { "An approver other than whoever asked decides." } }
    }
}

pub(super) async fn request(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath(product): PagePath<String>,
    Filled(asked): Filled<NewAcceptance>,
) -> Result<Redirect, PageRefusal> {
    request_acceptance(&app.engine, &caller, &product, asked).await?;
    Ok(back(&product))
}

pub(super) async fn answer(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, kind, verb)): PagePath<(String, String, Verb)>,
    Filled(looked): Filled<Looked>,
) -> Result<Redirect, PageRefusal> {
    decide_acceptance(&app.engine, &caller, &product, &kind, verb == Verb::Approve, Some(looked.seen)).await?;
    Ok(back(&product))
}

fn back(product: &str) -> Redirect {
    Redirect::to(&format!("{}#reports", place(product)))
}
