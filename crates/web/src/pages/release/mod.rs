//! The release: can it ship, or was it right? What is long is begun here and goes on on a page of its own.

mod decide;
mod exceptions;
mod lists;

pub(super) use decide::{approve, authorise_work_item, certify, emergency, look_back, reject};
pub(super) use exceptions::{answer as answer_exception, request as request_exception};
pub(super) use lists::{all_changes, all_evidence, all_rows};

use axum::{Extension, extract::State, response::Html};
use certrail_domain::{HowKnown, Problem, ReleaseState, sentence};
use certrail_usecases::{Caller, Engine, ReleaseView, dossier::Dossier, recent_release_view, release_view};
use maud::{Markup, html};

use super::{Page, layout, show};
use crate::{App, blocking::in_turn, caller::Reader, input::PagePath, operation::Crowd, svg};

/// Scans on the page.
const ROWS: usize = 50;

pub(super) async fn page(
    State(app): State<App>,
    Reader(caller): Reader,
    Extension(crowd): Extension<Crowd>,
    PagePath((product, version)): PagePath<(String, String)>,
) -> Page {
    let engine = app.engine.clone();
    // Drawing it takes as long as looking does, so that both are done where they keep nobody else waiting.
    let drawn = in_turn(engine, move || Ok(draw(&app, &caller, &view(&app.engine, crowd, &product, &version)?)));
    Ok(drawn.await?)
}

fn draw(app: &App, caller: &Caller, view: &ReleaseView) -> Html<String> {
    let d = &view.dossier;
    let r = &d.release;
    let here = address(d);
    let body = html! {
        p.crumbs { a href="/releases" { "Releases" } " / " a href=(super::asked::place(&r.product)) { (r.product) } " / " (r.version) }
        section.hero aria-label="Readiness" {
            (svg::ring(&d.summary))
            div {
                h1 { (d.sentence) }
                p { (d.fraction) span.meta { " As of " (d.made_at.human()) "." } }
                p.meta {
                    "State: " strong { (r.state.name().replace('_', " ")) } " · " (d.standing)
                    @if let Some(commit) = &r.commit { " · commit " (layout::short(commit)) }
                    @for digest in &r.digests { " · build " (layout::short(digest)) }
                    @if let Some(at) = r.planned_at { " · planned " (layout::time(at)) }
                    @if let Some(at) = r.shipped_at {
                        @if r.state == ReleaseState::RolledBack { " · went to production " (layout::time(at)) ", and was taken back" }
                        @else { " · in production since " (layout::time(at)) }
                    }
                }
                @if r.ungated { p.alarm role="alert" { "It reached production without a valid decision." } }
                @for notice in &d.notices { p.note { (notice) } }
                @if let Some(range) = sentence::range(r) {
                    @if r.range_partial { p.note { (range) " In a checkout, " code { "certrail release cut " (r.version) } " tells it exactly, and the " a href=(format!("/p/{}#baselines", layout::encode(&r.product))) { "page of the product" } " says from where on history is judged." } }
                    @else { p.meta { (range) } }
                }
                div.actions {
                    form method="post" action=(format!("{here}/dossiers")) { button type="submit" { "Make a dossier" } }
                    a href=(format!("{here}/dossiers")) { "Dossiers made so far" }
                }
            }
        }
        (open_items(caller, d, &here))
        (decide::decide(caller, view, &here))
        (met(d, &here))
        (findings(d))
        h2 #timeline { "Timeline" }
        (svg::timeline(&d.events, r.cut_at, r.certified_at, r.shipped_at))
        (lists::events(d, &here))
        (lists::changes(d, &here))
        (decisions(d))
        (approvals(d))
        (deployments(d))
        (exceptions::list(caller, d, &here))
        (controls(d))
        (asks(view))
    };
    let title = format!("{} · {}% · {}", r.version, d.summary.percent, r.product);
    show(app, caller, &title, "/releases", &body)
}

/// The address of a release's page.
fn address(d: &Dossier) -> String {
    format!("/r/{}/{}", layout::encode(&d.release.product), layout::encode(&d.release.version))
}

/// While many wait, what somebody saw a moment ago is shown again; the page says as of when it is.
fn view(engine: &Engine, Crowd(crowd): Crowd, product: &str, version: &str) -> Result<ReleaseView, Problem> {
    let recent = if crowd { recent_release_view(engine, product, version)? } else { None };
    recent.map_or_else(|| release_view(engine, product, version), Ok)
}

fn open_items(caller: &Caller, d: &Dossier, here: &str) -> Markup {
    let open = sentence::open_items(&d.evaluation);
    html! {
        h2 #open { "What is open (" (open.len()) ")" }
        @if open.is_empty() { p { "Nothing is open." } }
        ul.tasks {
            @for item in open {
                li id=(item.id) {
                    details {
                        summary {
                            @if item.pending { (svg::pending()) } @else { (svg::tag(item.verdict)) }
                            " " strong { (item.title) } " " span { (item.sentence) }
                        }
                        @if !item.fix.is_empty() { p.fix { strong { "What to do: " } (item.fix) } }
                        (lists::rows(item, here))
                        (exceptions::ask(caller, d, &item.id, here))
                    }
                }
            }
        }
    }
}

fn met(d: &Dossier, here: &str) -> Markup {
    let met: Vec<_> = d.evaluation.requirements.iter().filter(|r| r.verdict.opens_gate() || !r.blocking).collect();
    html! {
        h2 #met { "Met, or not asked for (" (met.len()) ")" }
        ul.tasks.quiet {
            @for item in met {
                li id=(item.id) {
                    details {
                        summary {
                            // Finished things are plain text, so that open ones stand out.
                            @if item.verdict == certrail_domain::Verdict::Excepted { (svg::tag(item.verdict)) } @else { span.word { (item.verdict.glyph()) " " (item.verdict.word()) } }
                            " " strong { (item.title) } @if !item.blocking { span.meta { " (advisory)" } } " " span { (item.sentence) }
                        }
                        (lists::rows(item, here))
                    }
                }
            }
        }
    }
}

fn scans(many: u64) -> String {
    if many == 1 { "1 scan".to_owned() } else { format!("{many} scans") }
}

/// What is open against the release before, and what each scan looked at.
fn findings(d: &Dossier) -> Markup {
    let f = &d.findings;
    html! {
        h2 #findings-of-it { "Findings" }
        @if !f.scanned { p { "No complete scan is held, so nothing is known of findings." } }
        @if f.incomplete > 0 {
            p.note role="status" { "What " (scans(f.incomplete)) " found is still being taken in, and not listed yet. " a href="" { "Look again" } "." }
        }
        @if f.given_up > 0 {
            p.alarm { "What " (scans(f.given_up)) " found could not be taken in, and is not listed. A complete scan of the same scope takes its place." }
        }
        @if let Some(why) = &f.not_compared { p.alarm role="alert" { (why) } }
        @if let Some(previous) = &f.previous { p.meta { "Compared with " a href=(format!("/r/{}/{}", layout::encode(&d.release.product), layout::encode(previous))) { (previous) } "." } }
        (svg::groups(&f.groups))
        @for group in &f.groups {
            details {
                summary { (group.title()) " (" (group.total) ")" }
                ul.rows {
                    @for line in group.findings.iter().take(50) {
                        li {
                            (super::findings::level(line.level)) " "
                            @if line.id.starts_with("fnd_") { a href=(format!("/f/{}", line.id)) { (line.name) } } @else { (line.name) }
                            @if let Some(due) = line.due { span.meta { " due " (layout::time(due)) ", " (line.clock) } }
                        }
                    }
                    @if group.total > 50 { li.meta { "The gravest 50 of " (group.total) "." } }
                }
            }
        }
        @if !d.security.is_empty() {
            details {
                summary { "What each scan looked at (" (d.security.len()) ")" }
                div.scroll tabindex="0" {
                    table {
                        caption { "Scans, alerts and bills of materials" }
                        thead { tr { th scope="col" { "Kind" } th scope="col" { "Tool" } th scope="col" { "Looked at" } th scope="col" { "Database" } th scope="col" { "Found" } th scope="col" { "When" } } }
                        tbody { @for x in d.security.iter().take(ROWS) { tr { td { (x.kind) } td { a href=(format!("/e/{}", x.evidence)) { (x.tool) } } td { code { (x.looked_at) } @if !x.saw.is_empty() { " " span.meta { (x.saw) } } } td { (x.database) } td { @if !x.doubt.is_empty() { strong { (x.doubt) } " " } (x.found) } td { (layout::time(x.at)) } } } }
                    }
                }
            }
        }
    }
}

fn decisions(d: &Dossier) -> Markup {
    html! {
        @if !d.decisions.is_empty() {
            h2 #decisions { "Decisions" }
            ul { @for x in &d.decisions { li { (x.kind.replace('_', " ")) " by " (x.by) " on " (layout::time(x.at)) ": " (x.result.to_lowercase()) ", decided " @if x.known == HowKnown::Observed { "in a session of their own" } @else { strong { "by a token, so it was only reported" } } } } }
        }
    }
}

fn approvals(d: &Dossier) -> Markup {
    html! {
        @if !d.approvals.is_empty() {
            h2 #approvals { "Approvals" }
            ul { @for a in &d.approvals { li { (a.approver) " " (a.verdict) " (" (a.meaning) @if !a.environment.is_empty() { ", " (a.environment) } ") of " code { (a.object) } " on " (layout::time(a.at)) @if !a.comment.is_empty() { ": " (a.comment) } } } }
        }
    }
}

fn deployments(d: &Dossier) -> Markup {
    html! {
        @if !d.deployments.is_empty() {
            h2 #deployments { "Deployments" }
            ul { @for x in &d.deployments { li { (x.environment) ": " code { (x.object) } @if x.same_object { " as released" } @else { strong { " is not what was released" } } ", began " (layout::time(x.start)) @if let Some(at) = x.succeeded { ", succeeded " (layout::time(at)) } } } }
        }
    }
}

fn controls(d: &Dossier) -> Markup {
    html! {
        h2 #controls { "Controls this evidence supports" }
        details {
            summary { (d.controls.len()) " controls" }
            div.scroll tabindex="0" {
                table {
                    caption { "Control matrix. This evidence supports the controls named; whether a control operates is for the auditor to conclude." }
                    thead { tr { th scope="col" { "Framework" } th scope="col" { "Control" } th scope="col" { "Asks for (our words)" } th scope="col" { "Result" } th scope="col" { "Requirements" } th scope="col" { "Also needed" } } }
                    tbody {
                        @for c in &d.controls {
                            tr {
                                td { (c.framework) } th scope="row" { (c.control) } td { (c.words) } td { (svg::tag(c.verdict)) }
                                td { @for (i, r) in c.requirements.iter().enumerate() { @if i > 0 { ", " } a href=(format!("#{r}")) { (r) } } @if c.evidence.is_empty() { " (no evidence held)" } }
                                td { (c.also) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn asks(view: &ReleaseView) -> Markup {
    html! {
        @if !view.asks.is_empty() {
            h2 #gates { "Gates asked" }
            ul { @for (gate, answer, _, at) in &view.asks { li { code { (gate) } ": " strong { (answer) } " on " (layout::time(*at)) } } }
        }
    }
}
