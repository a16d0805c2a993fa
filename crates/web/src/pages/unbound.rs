//! The unbound queue: what belongs to no release, why, and where it might.

use axum::{extract::State, response::Redirect};
use certrail_domain::Action;
use certrail_usecases::{Listed, bind_by_hand, unbound_queue};
use maud::html;
use serde::Deserialize;

use super::{Page, PageRefusal, layout, show};
use crate::{
    App,
    blocking::in_turn,
    caller::Reader,
    input::{Filled, Filter, PagePath},
};

/// Signals on one page.
const ON_A_PAGE: u64 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Behind this entry.
    before: Option<u64>,
}

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader, Filter(which): Filter<Which>) -> Page {
    let (engine, own) = (app.engine.clone(), caller.clone());
    let (lines, total) =
        in_turn(app.engine.clone(), move || unbound_queue(&engine, &own, which.before, ON_A_PAGE)).await?;
    let may = caller.may(Action::Bind);
    let body = html! {
        h1 { "Unbound (" (total) ")" }
        p { "Signals we keep and could not bind to a release. A later fact (the tag, the push, the product) binds them by itself." }
        @if total == 0 { p { "Everything is bound." } }
        ul.cards {
            @for row in &lines {
                @match row {
                Listed::Damaged(row) => { li.card { strong { (row.name) } span { (layout::damaged(row)) } } }
                Listed::Whole(line) => { li.card {
                    strong { a href=(format!("/e/{}", line.id)) { (line.kind) " " (line.name) } }
                    span { (line.reason) }
                    span.meta { "from " (line.source) ", received " (layout::time(line.received_at)) }
                    @if may && !line.candidates.is_empty() {
                        form.inline method="post" action=(format!("/unbound/{}/bind", line.id)) {
                            label { "Bind to " select name="release" { @for c in &line.candidates { option value=(c) { (c) } } } }
                            button type="submit" { "Bind" }
                        }
                    }
                } } }
            }
        }
        @if let Some(last) = lines.last().filter(|_| lines.len() as u64 == ON_A_PAGE).map(|row| row.cursor(|line| line.index.to_string())) {
            p { a href=(format!("/unbound?before={}", last)) { "Older" } }
        }
    };
    Ok(show(&app, &caller, "Unbound", "/unbound", &body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BindForm {
    release: String,
}

pub(super) async fn bind(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath(id): PagePath<String>,
    Filled(form): Filled<BindForm>,
) -> Result<Redirect, PageRefusal> {
    let (product, version) = form.release.split_once('/').unwrap_or((&form.release, ""));
    bind_by_hand(&app.engine, &caller, &id, product, version).await?;
    Ok(Redirect::to("/unbound"))
}
