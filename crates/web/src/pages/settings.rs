//! Changes of what releases are judged by: those that wait, with what becomes weaker, and those that were decided.

use std::collections::BTreeSet;

use axum::{extract::State, response::Redirect};
use certrail_domain::{Action, ChangedSettings, Product, SettingsChange, SettingsState};
use certrail_usecases::{Caller, decide_settings, names_of_people, settings_changes};
use maud::{Markup, html};

use super::{
    Page, PageRefusal,
    asked::{Looked, Verb, button},
    layout, show,
};
use crate::{
    App,
    blocking::in_turn,
    caller::Reader,
    input::{Filled, PagePath},
};

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader) -> Page {
    let (engine, own) = (app.engine.clone(), caller.clone());
    let (open, ended, names) = in_turn(app.engine.clone(), move || {
        let (open, ended) = settings_changes(&engine, &own)?;
        Ok((open, ended, names_of_people(&engine)?))
    })
    .await?;
    let name = |account: &str| names.get(account).cloned().unwrap_or_else(|| account.to_owned());
    let body = html! {
        h1 { "Changes of settings" }
        p { "Criteria, and what of a product decides how they apply, are changed by two people: one asks, another admin approves. The first set of a name, and a product of which no release was decided on yet, need nobody else. Where there is one admin alone, a change takes effect a day after it was asked for, and pages and dossiers say so. Evaluations on record stay as they are." }
        h2 { "Waiting" }
        @if open.is_empty() { p.meta { "No change waits." } }
        @for change in &open { (waiting(change, &caller, &name)) }
        h2 { "Decided" }
        @if ended.is_empty() { p.meta { "No change was asked for yet." } }
        @else {
            div.scroll tabindex="0" {
                table {
                    caption { "Newest first" }
                    thead { tr { th scope="col" { "What" } th scope="col" { "Asked for" } th scope="col" { "Came of it" } th scope="col" { "Became weaker" } } }
                    tbody { @for change in &ended { (decided(change, &name)) } }
                }
            }
        }
    };
    Ok(show(&app, &caller, "Changes of settings", "/settings", &body))
}

fn waiting(change: &SettingsChange, caller: &Caller, name: &dyn Fn(&str) -> String) -> Markup {
    let own = change.requester == caller.account();
    let may = caller.may(Action::Administer);
    let one = format!("/settings/{}", change.id);
    html! {
        section #(change.id) {
            h3 { "… " (change.settings.title()) }
            p {
                (name(&change.requester)) " asked on " (layout::time(change.requested_at))
                @if change.reason.is_empty() { ", and did not say why." } @else { ": " (change.reason) }
                @if let Some(from) = change.from { " From " (layout::time(from)) " on." }
                @if change.state == SettingsState::Approved { " " strong { "Approved by " (name(change.decided_by.as_deref().unwrap_or_default())) "." } }
            }
            (weakens(&change.weaker))
            @match &change.settings {
                ChangedSettings::Criteria { text, .. } => { details { summary { "The whole set" } pre { (text) } } }
                ChangedSettings::Product { before, after } => { (members(before, after)) }
            }
            @if may && !own && change.state == SettingsState::Requested { (button(&one, change.requested_at, "approve", "Approve")) " " }
            @if may { (button(&one, change.requested_at, "end", if own { "Take it back" } else { "Reject" })) }
            @if own { p.meta { "Another admin decides. Where you are the only one, and were since you asked, it takes effect on " (layout::time(change.alone_from())) "." } }
            @else if !may { p.meta { "An admin decides." } }
        }
    }
}

/// Every member of a product that becomes another.
fn members(before: &Product, after: &Product) -> Markup {
    let all = |product: &Product| serde_json::to_value(product).unwrap_or_default();
    let (was, is) = (all(before), all(after));
    let names: BTreeSet<&String> =
        [&was, &is].into_iter().filter_map(|v| v.as_object()).flat_map(|o| o.keys()).collect();
    let said = |value: &serde_json::Value| if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    html! {
        p { "Becomes another:" }
        ul { @for name in names { @if was[name] != is[name] { li { code { (name) } ": " (said(&was[name])) " → " (said(&is[name])) } } } }
    }
}

fn weakens(weaker: &[String]) -> Markup {
    html! {
        @if weaker.is_empty() { p { "Nothing becomes weaker." } }
        @else { p { strong { "Becomes weaker:" } } ul { @for what in weaker { li { (what) } } } }
    }
}

fn decided(change: &SettingsChange, name: &dyn Fn(&str) -> String) -> Markup {
    let by = change.decided_by.as_deref().map(name).unwrap_or_default();
    let at = layout::time(change.decided_at.unwrap_or_default());
    html! {
        tr {
            th scope="row" { (change.settings.title()) }
            td { (name(&change.requester)) ", " (layout::time(change.requested_at)) @if !change.reason.is_empty() { ": " (change.reason) } }
            td {
                @match (change.state, change.alone) {
                    (SettingsState::Applied, true) => { strong { "In effect since " (at) "; one admin alone decided" } }
                    (SettingsState::Applied, false) => { "In effect since " (at) ", decided by " (by) }
                    _ => { "Rejected on " (at) " by " (by) }
                }
            }
            td { @if change.weaker.is_empty() { "nothing" } @else { ul { @for what in &change.weaker { li { (what) } } } } }
        }
    }
}

pub(super) async fn answer(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((id, verb)): PagePath<(String, Verb)>,
    Filled(looked): Filled<Looked>,
) -> Result<Redirect, PageRefusal> {
    decide_settings(&app.engine, &caller, &id, verb == Verb::Approve, Some(looked.seen)).await?;
    Ok(Redirect::to("/settings"))
}
