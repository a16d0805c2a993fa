//! Evidence: what is this, and is it genuine?

use axum::{extract::State, response::Response};
use certrail_domain::{EvidencePart, Mark, Problem, ProblemKind};
use certrail_usecases::evidence_view;
use maud::html;

use super::{Page, PageRefusal, layout, show};
use crate::{
    App,
    blocking::in_turn,
    caller::Reader,
    download::{self, FileAsked},
    input::PagePath,
};

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader, PagePath(id): PagePath<String>) -> Page {
    let (engine, own) = (app.engine.clone(), caller.clone());
    let view = in_turn(app.engine.clone(), move || evidence_view(&engine, &own, &id)).await?;
    let s = &view.signal;
    let pretty = |text: serde_json::Result<String>| {
        let why = "Its record cannot be written as JSON.";
        let fix = "Ask whoever runs the server to look at its log.";
        text.map_err(|_| Problem::new(ProblemKind::Internal, "unwritable", "The page cannot be shown.", why, fix))
    };
    let facts = pretty(serde_json::to_string_pretty(&s.signal.facts))?;
    let receipt = pretty(serde_json::to_string_pretty(&view.receipt))?;
    let body = html! {
        p.crumbs { "Evidence / " (s.id) }
        h1 { (s.signal.facts.kind()) " " (s.signal.name) }
        @match view.genuine {
            Some(true) => p.good { "✓ Genuine: it is what was received, and the log holds it as entry " (s.log_index) "." },
            Some(false) => p.alarm role="alert" { "✕ It does not match its fingerprint. Do not rely on it." },
            None => p.note { "The file is gone; its fingerprint is kept." },
        }
        @for warning in &s.signal.warnings { p.note { (warning) } }
        dl {
            dt { "Happened" } dd { @match s.signal.occurred_at { Some(at) => (layout::time(at)), None => "the source does not say" } }
            dt { "Received" }
            dd { (layout::time(s.received)) @if view.doubtful { " " (Mark::OurClock.glyph()) " " (Mark::OurClock.sentence()) } }
            dt { "How we know" } dd { (s.signal.known.sentence()) }
            dt { "From" } dd { (s.signal.source) " by " (s.connector) ", proved by " (s.auth_how) " (" (s.auth_key) ")" }
            @if let Some(actor) = &s.signal.actor { dt { "By" } dd { (actor.shown()) } }
            dt { "Fingerprint" } dd { code { "sha256:" (view.receipt_digest()) } }
            dt { "Size" } dd { (view.size) " bytes, " (s.media) }
            dt { "Read by" } dd { (s.mapper) }
            @if let Some(fact) = &s.signal.fact { dt { "The fact" } dd { code { (fact) } } }
            @if !s.signal.part.is_untold() { dt { "Part of" } dd { (part(&s.signal.part)) } }
            @if let Some(delivery) = s.part_of { dt { "Came in" } dd { "the delivery of entry " (delivery) } }
            @if let Some(first) = s.duplicate_of { dt { "Repeats" } dd { "entry " (first) } }
            dt { "Belongs to" }
            dd {
                @if let Some(repository) = &view.context { "the repository " (repository) " as a whole, for every release of its products " }
                @else if view.bound.is_empty() { "no release; it waits in the " a href="/unbound" { "unbound queue" } }
                @for (product, version, rule, key) in &view.bound {
                    a href=(format!("/r/{}/{}", layout::encode(product), layout::encode(version))) { (product) " " (version) } " by rule " (rule) " (" code { (key) } ") "
                }
            }
        }
        @if view.history.len() > 1 {
            h2 { "It was bound before" }
            ul { @for (release, rule, from, to) in &view.history { li { (release) " by " (rule) ", from entry " (from) @if let Some(to) = to { " to " (to) } } } }
        }
        h2 { "What it says" }
        pre tabindex="0" { (facts) }
        h2 { "As received" }
        p { a.button href=(format!("/e/{}/raw", s.id)) { "Download the original" } }
        pre tabindex="0" { (view.preview) @if view.size > 4000 { "\n…" } }
        h2 { "Proof" }
        p { "Its entry in the log, the path to the signed head, and that head. Keep it: it verifies without us." }
        pre tabindex="0" { (receipt) }
    };
    Ok(show(&app, &caller, s.signal.facts.kind(), "", &body))
}

/// The original, as a download: it is never rendered as a page of ours.
pub(super) async fn raw(
    State(app): State<App>,
    PagePath(id): PagePath<String>,
    asked: FileAsked,
) -> Result<Response, PageRefusal> {
    Ok(download::original(app, id, asked).await?)
}

/// Which set of reports it belongs to, in words.
fn part(part: &EvidencePart) -> String {
    let attempt = part.attempt.map(|n| n.to_string());
    let words =
        [("run", &part.run), ("attempt", &attempt), ("job", &part.job), ("step", &part.step), ("shard", &part.shard)]
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    words.collect::<Vec<_>>().join(", ")
}
