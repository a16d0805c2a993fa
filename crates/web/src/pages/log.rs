//! The log: who did what, when. Append-only.

use axum::extract::State;
use certrail_usecases::{Listed, log_entries};
use maud::html;
use serde::Deserialize;

use super::{Page, layout, show};
use crate::{App, blocking::in_turn, caller::Reader, input::Filter};

#[derive(Deserialize)]
pub(super) struct From {
    before: Option<u64>,
}

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader, Filter(from): Filter<From>) -> Page {
    let engine = app.engine.clone();
    let lines = in_turn(app.engine.clone(), move || log_entries(&engine, from.before, 100)).await?;
    let head = app.engine.head();
    let last = lines.last().map(|row| match row {
        Listed::Whole(line) => line.index,
        Listed::Damaged(row) => row.cursor.parse().unwrap_or_default(),
    });
    let body = html! {
        h1 { "Log" }
        p { (head.size()) " entries. Nothing here is ever changed or removed." }
        details { summary { "Signed head" } pre { (head.checkpoint) } p.meta { "Public key: " code { (head.key.verifier().vkey()) } " · " a href="/log/checkpoint" { "checkpoint" } } }
        div.scroll tabindex="0" {
            table {
                caption { "Entries, newest first" }
                thead { tr { th scope="col" { "Entry" } th scope="col" { "Received" } th scope="col" { "What" } th scope="col" { "Who" } } }
                tbody {
                    @for row in &lines {
                        @match row {
                        Listed::Damaged(row) => { tr { td.number { (row.cursor) } td colspan="3" { (layout::damaged(row)) } } }
                        Listed::Whole(line) => { tr {
                            td.number { (line.index) }
                            td { (layout::time(line.received_at)) }
                            td { @match &line.evidence { Some(id) => a href=(format!("/e/{id}")) { (line.what) }, None => (line.what) } }
                            td { (line.actor) }
                        } } }
                    }
                }
            }
        }
        @if let Some(last) = last.filter(|l| *l > 0) { p { a href=(format!("/log?before={last}")) { "Older entries" } } }
    };
    Ok(show(&app, &caller, "Log", "/log", &body))
}
