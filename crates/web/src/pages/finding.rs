//! One finding: what it is, when it is due and why then, its life, its decisions, who sees it.

use axum::extract::State;
use certrail_domain::FindingState;
use certrail_usecases::{FindingView, finding_view, names_of_people};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Page, decide_finding, findings, layout, show};
use crate::{
    App,
    blocking::in_turn,
    caller::Reader,
    input::{Filter, PagePath},
    svg,
};

#[derive(Deserialize)]
pub(super) struct Done {
    /// Something was just recorded.
    n: Option<u64>,
}

pub(super) async fn page(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath(id): PagePath<String>,
    Filter(done): Filter<Done>,
) -> Page {
    let here = format!("/f/{}", layout::encode(&id));
    let (engine, own) = (app.engine.clone(), caller.clone());
    let (view, people) =
        in_turn(app.engine.clone(), move || Ok((finding_view(&engine, &own, &id)?, names_of_people(&engine)?))).await?;
    let name = |account: &str| people.get(account).cloned().unwrap_or_else(|| account.to_owned());
    let (f, now, account) = (&view.finding, app.engine.now(), caller.account());
    let body = html! {
        p.crumbs { a href="/findings" { "Findings" } " / " (f.product) " / " (f.seen.rule) }
        h1 { (f.seen.name()) }
        p { (findings::level(f.level)) " " strong { (f.state.name().replace('_', " ")) } " " (findings::left(f, now))
            @if let Some(until) = f.until { " until " (layout::time(until)) } }
        @if done.n.is_some() { p.good role="status" { "Recorded." } }
        (svg::life(&view.moves, f.first_seen, f.due, now))
        (deadlines(&view))
        @if !view.decisions.is_empty() {
            h2 { "Decisions" }
            ul.rows { @for d in view.decisions.iter().rev() { li { (decide_finding::decision(d, Some(f.level), caller.role, &account, now, &here)) span.meta { "asked by " (name(&d.requester)) @if let Some(a) = &d.approver { ", " (d.state.name()) " by " (name(a)) } } } } }
        }
        @if f.state != FindingState::Fixed { (decide_finding::form(caller.role, Some(f.id.as_str()), &[], now, &here)) }
        h2 { "Its life" }
        div.scroll tabindex="0" {
            table {
                caption { "Each step is an entry in the log" }
                thead { tr { th scope="col" { "When" } th scope="col" { "State" } th scope="col" { "By" } th scope="col" { "Why" } th scope="col" { "Entry" } } }
                tbody { @for step in &view.moves { tr { td { (layout::time(step.at)) } td { (step.to.name().replace('_', " ")) } td { (name(&step.by)) } td { (step.why) } td { (step.entry) } } } }
            }
        }
        (facts(&view))
        @if !view.possibly_same.is_empty() {
            h2 { "Possibly the same" }
            p.meta { "Of the same spot in the source, told by another tool or rule. Each is decided for itself." }
            ul { @for other in &view.possibly_same { li { a href=(format!("/f/{}", other.id)) { (other.seen.name()) } " " (findings::level(other.level)) " " (other.state.name().replace('_', " ")) " " span.meta { (other.seen.rule) } } } }
        }
        h2 { "Who sees it" }
        @if view.seen_by.is_empty() { p { @if f.seen.fingerprint.starts_with("alert:") { "The alert of the code host tells of it, not a scan." } @else { "No scan sees it any longer." } } }
        ul { @for by in &view.seen_by { li { (by.scope.split('|').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")) @if let Some(release) = &by.release { " in " a href=(format!("/r/{}/{}", layout::encode(&f.product), layout::encode(release))) { (release) } } ", entry " (by.entry) } } }
        script src="/static/findings.js" defer {}
    };
    Ok(show(&app, &caller, &f.seen.name(), "/findings", &body))
}

fn deadlines(view: &FindingView) -> Markup {
    html! {
        @if view.deadlines.is_empty() { p.meta { "No clock runs for it." } }
        @for (i, d) in view.deadlines.iter().enumerate() {
            p { @if i == 0 { strong { "Due " (layout::time(d.at)) } } @else { "Due " (layout::time(d.at)) } ": " (d.words()) "." }
        }
        @for t in &view.triage { p.meta { (layout::time(t.at)) ": " (t.reason) } }
    }
}

/// Everything its source says.
fn facts(view: &FindingView) -> Markup {
    let seen = &view.finding.seen;
    let s = &seen.severity;
    html! {
        h2 { "What its source says" }
        dl {
            dt { "Rule" } dd { (seen.rule) @if !seen.aliases.is_empty() { " (also " (seen.aliases.join(", ")) ")" } }
            @if !seen.cwes.is_empty() { dt { "Weakness" } dd { @for (i, cwe) in seen.cwes.iter().enumerate() { @if i > 0 { ", " } "CWE-" (cwe) } } }
            @if let Some(c) = &seen.component {
                dt { "Part" } dd { (c.name) " " (c.version.as_deref().unwrap_or("")) @if let Some(purl) = &c.purl { " " code { (purl) } } @if let Some(fixed) = &c.fixed_in { ", fixed in " (fixed) } }
            }
            @if !seen.place.is_empty() { dt { "Place" } dd { code { (seen.place) @if let Some(line) = seen.line { ":" (line) } } } }
            dt { "How grave" }
            dd {
                (view.finding.level.name()) " by our policy"
                @if let Some(word) = &s.word { "; the tool says " (word) }
                @for score in &s.scores { "; " (score.system.name()) " " (score.tenths / 10) "." (score.tenths % 10) @if !score.by.is_empty() { " by " (score.by) } @if let Some(v) = &score.vector { " " code { (v) } } }
                @if let Some(e) = &s.epss { "; EPSS " (format!("{:.2}%", f64::from(e.ppm) / 10_000.0)) @if let Some(m) = &e.model { " (model " (m) ")" } }
                @if let Some(kev) = s.known_exploited { "; " (if kev { "known to be exploited" } else { "not known to be exploited" }) }
            }
            @if let Some(why) = &seen.suppressed { dt { "Left out by the report" } dd { (why) } }
            dt { "Fingerprint" } dd { code { (seen.fingerprint) } }
            dt { "Id" } dd { code { (view.finding.id) } }
        }
    }
}
