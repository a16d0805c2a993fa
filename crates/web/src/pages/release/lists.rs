//! What a release can have thousands of: rows of a requirement, changes, evidence. The release page shows the first of each;
//! the rest is on pages of its own, so that no page grows with the release.

use axum::{Extension, extract::State};
use certrail_domain::{Problem, ProblemKind, RequirementResult, Row};
use certrail_usecases::dossier::{ChangeRow, Dossier, Event};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::{Page, layout, show};
use crate::{
    App,
    blocking::in_turn,
    caller::Reader,
    input::{Filter, PagePath},
    operation::Crowd,
    svg,
};

/// Items of a list on a page of its own.
const ON_A_PAGE: usize = 200;
/// Of each list on the release page.
const ROWS: usize = 25;
const CHANGES: usize = 50;
const EVENTS: usize = 100;

/// Where a list goes on.
#[derive(Deserialize)]
pub(in crate::pages) struct Place {
    from: Option<usize>,
}

/// A part of a list.
struct Part<'a, T> {
    items: &'a [T],
    from: usize,
    total: usize,
}

impl<'a, T> Part<'a, T> {
    fn of(all: &'a [T], place: &Place) -> Self {
        let from = place.from.unwrap_or(0).min(all.len());
        Self { items: &all[from..all.len().min(from.saturating_add(ON_A_PAGE))], from, total: all.len() }
    }

    /// What is shown, and where the list goes on.
    fn places(&self, address: &str) -> Markup {
        let to = self.from + self.items.len();
        html! {
            p.meta {
                @if self.items.is_empty() { "Nothing from here on; there are " (self.total) "." } @else { (self.from + 1) " to " (to) " of " (self.total) "." }
                @if self.from > 0 { " " a href=(format!("{address}?from={}", self.from.saturating_sub(ON_A_PAGE))) { "Earlier" } }
                @if to < self.total { " " a href=(format!("{address}?from={to}")) { "Further" } }
            }
        }
    }
}

/// The line behind the first of a list.
fn rest(shown: usize, total: usize, address: &str) -> Markup {
    html! { @if total > shown { p { a href=(address) { "All " (total) } span.meta { " (here are " (shown) ")" } } } }
}

/// The first rows of a requirement, those that are open before the others.
pub(super) fn rows(requirement: &RequirementResult, here: &str) -> Markup {
    let open = |row: &&Row| !row.verdict.opens_gate();
    let first: Vec<&Row> = (requirement.rows.iter().filter(open))
        .chain(requirement.rows.iter().filter(|row| !open(row)))
        .take(ROWS)
        .collect();
    let address = format!("{here}/requirements/{}", layout::encode(&requirement.id));
    html! {
        ul.rows { @for row in &first { (row_line(row)) } }
        (rest(first.len(), requirement.rows.len(), &address))
    }
}

fn row_line(row: &Row) -> Markup {
    html! {
        li {
            (svg::tag(row.verdict)) " " @if let Some(id) = row.subject.id.strip_prefix("finding:").filter(|id| id.starts_with("fnd_")) { a href=(format!("/f/{id}")) { (row.subject.name) } } @else { (row.subject.name) } ": " (row.sentence)
            @if !row.inputs.is_empty() {
                span.meta { " Evidence: " @for (i, id) in row.inputs.iter().take(ROWS).enumerate() { @if i > 0 { ", " } a href=(format!("/e/{id}")) { "E" (i + 1) } } @if row.inputs.len() > ROWS { ", and " (row.inputs.len() - ROWS) " more" } }
            }
        }
    }
}

/// What happened, as a table; and what of it needs a look.
pub(super) fn events(d: &Dossier, here: &str) -> Markup {
    let first = &d.events[..d.events.len().min(EVENTS)];
    let marked: Vec<&Event> = d.events.iter().filter(|e| !e.marks.is_empty()).collect();
    html! {
        details {
            summary { "The same as a table (" (d.events.len()) ")" }
            (events_table(first))
            (rest(first.len(), d.events.len(), &format!("{here}/evidence")))
        }
        @if !marked.is_empty() {
            p { (marked.len()) " need" @if marked.len() == 1 { "s" } " a look:" }
            ul { @for e in marked.iter().take(8) { li { @for mark in &e.marks { span.tag.late { (mark.glyph()) " " (mark.word()) } " " } a href=(format!("/e/{}", e.evidence)) { (e.what) } ". " @for mark in &e.marks { (mark.sentence()) " " } } } }
        }
    }
}

fn events_table(events: &[Event]) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                caption { "Evidence in order of happening" }
                thead { tr { th scope="col" { "Happened" } th scope="col" { "Received" } th scope="col" { "Part" } th scope="col" { "What" } th scope="col" { "Marks" } } }
                tbody {
                    @for e in events {
                        tr {
                            td { (layout::time(e.at)) }
                            td { (layout::time(e.received)) }
                            td { (e.lane) }
                            td { a href=(format!("/e/{}", e.evidence)) { (e.what) } }
                            td { @for mark in &e.marks { span.tag.late title=(mark.sentence()) { (mark.glyph()) " " (mark.word()) } " " } }
                        }
                    }
                }
            }
        }
    }
}

/// The first changes, those that nobody reviewed before the others.
pub(super) fn changes(d: &Dossier, here: &str) -> Markup {
    let open = |c: &&ChangeRow| !c.review.opens_gate();
    let first: Vec<&ChangeRow> =
        d.changes.iter().filter(open).chain(d.changes.iter().filter(|c| !open(c))).take(CHANGES).collect();
    html! {
        h2 #changes { "Changes (" (d.changes.len()) ")" }
        ul { @for change in &first { (change_line(change)) } }
        (rest(first.len(), d.changes.len(), &format!("{here}/changes")))
    }
}

fn change_line(c: &ChangeRow) -> Markup {
    html! {
        li {
            (svg::tag(c.review)) " " @match &c.url { Some(url) => a href=(url) rel="noreferrer" { (c.name) " ↗" }, None => (c.name) }
            " by " (c.authors.join(", ")) ". " (c.review_sentence)
            @if !c.tickets.is_empty() { span.meta { " For " (c.tickets.join(", ")) } }
        }
    }
}

/// A page of one list of a release.
async fn page(
    app: App,
    (caller, crowd): (Reader, Crowd),
    (product, version): (String, String),
    title: &'static str,
    list: impl FnOnce(&Dossier, &str) -> Result<Markup, Problem> + Send + 'static,
) -> Page {
    let engine = app.engine.clone();
    let drawn = in_turn(engine, move || {
        let view = super::view(&app.engine, crowd, &product, &version)?;
        let d = &view.dossier;
        let here = super::address(d);
        let body = html! {
            p.crumbs { a href="/releases" { "Releases" } " / " (d.release.product) " / " a href=(here) { (d.release.version) } " / " (title) }
            (list(d, &here)?)
        };
        let title = format!("{title} · {} · {}", d.release.version, d.release.product);
        Ok(show(&app, &caller.0, &title, "/releases", &body))
    });
    Ok(drawn.await?)
}

pub(in crate::pages) async fn all_evidence(
    State(app): State<App>,
    caller: Reader,
    Extension(crowd): Extension<Crowd>,
    PagePath(release): PagePath<(String, String)>,
    Filter(place): Filter<Place>,
) -> Page {
    page(app, (caller, crowd), release, "Evidence", move |d, here| {
        let part = Part::of(&d.events, &place);
        let places = part.places(&format!("{here}/evidence"));
        Ok(html! { h1 { "Evidence of " (d.release.version) } (places) (events_table(part.items)) (places) })
    })
    .await
}

pub(in crate::pages) async fn all_changes(
    State(app): State<App>,
    caller: Reader,
    Extension(crowd): Extension<Crowd>,
    PagePath(release): PagePath<(String, String)>,
    Filter(place): Filter<Place>,
) -> Page {
    page(app, (caller, crowd), release, "Changes", move |d, here| {
        let part = Part::of(&d.changes, &place);
        let places = part.places(&format!("{here}/changes"));
        Ok(
            html! { h1 { "Changes of " (d.release.version) } (places) ul { @for change in part.items { (change_line(change)) } } (places) },
        )
    })
    .await
}

pub(in crate::pages) async fn all_rows(
    State(app): State<App>,
    caller: Reader,
    Extension(crowd): Extension<Crowd>,
    PagePath((product, version, id)): PagePath<(String, String, String)>,
    Filter(place): Filter<Place>,
) -> Page {
    page(app, (caller, crowd), (product, version), "Requirement", move |d, here| {
        let known = d.evaluation.requirements.iter().find(|r| r.id == id);
        let requirement = known.ok_or_else(|| no_such_requirement(&id))?;
        let part = Part::of(&requirement.rows, &place);
        let places = part.places(&format!("{here}/requirements/{}", layout::encode(&requirement.id)));
        Ok(html! {
            h1 { (requirement.title) }
            p { (svg::tag(requirement.verdict)) " " (requirement.sentence) }
            @if !requirement.fix.is_empty() { p.fix { strong { "What to do: " } (requirement.fix) } }
            (places)
            ul.rows { @for row in part.items { (row_line(row)) } }
            (places)
        })
    })
    .await
}

fn no_such_requirement(id: &str) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "no-such-requirement",
        "There is no such requirement.",
        format!("The criteria of this release have no requirement `{}`.", id.chars().take(60).collect::<String>()),
        "Follow a link on the release page.",
    )
}
