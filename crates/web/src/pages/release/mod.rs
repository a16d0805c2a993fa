//! The release: can it ship, or was it right?

use axum::{
    extract::{Path, State},
    response::{Redirect, Response},
};
use certrail_domain::{Action, ReleaseState, sentence};
use certrail_usecases::{
    FactInput, ReleaseView, Sending, certify as certify_release, dossier::Dossier, record_fact, release_view,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Page, PageRefusal, layout, show};
use crate::{App, blocking::blocking, caller::Reader, download, input::Filled, svg};

pub(super) async fn page(
    State(app): State<App>,
    Reader(caller): Reader,
    Path((product, version)): Path<(String, String)>,
) -> Page {
    let engine = app.engine.clone();
    let view = blocking(move || release_view(&engine, &product, &version)).await?;
    let d = &view.dossier;
    let r = &d.release;
    let here = format!("/r/{}/{}", layout::encode(&r.product), layout::encode(&r.version));
    let body = html! {
        p.crumbs { a href="/releases" { "Releases" } " / " (r.product) " / " (r.version) }
        section.hero aria-label="Readiness" {
            (svg::ring(&d.summary))
            div {
                h1 { (d.sentence) }
                p { (d.fraction) }
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
                @if r.range_partial { p.note { "Its commit range could not be followed to the release before. In a checkout, " code { "certrail release cut " (r.version) } " tells it exactly." } }
                p.actions {
                    a.button href=(format!("{here}/dossier.pdf")) { "Dossier (PDF)" } " "
                    a.button href=(format!("{here}/dossier.json")) { "Dossier (JSON)" }
                }
            }
        }
        (open_items(d))
        (decide(&caller, d, &here))
        (met(d))
        (findings(d))
        h2 #timeline { "Timeline" }
        (svg::timeline(&d.events, r.cut_at, r.certified_at, r.shipped_at))
        (events(d))
        (changes(d))
        (approvals(d))
        (deployments(d))
        (exceptions(d))
        (controls(d))
        (asks(&view))
    };
    let title = format!("{} · {}% · {}", r.version, d.summary.percent, r.product);
    Ok(show(&app, &caller, &title, "/releases", &body))
}

fn open_items(d: &Dossier) -> Markup {
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
                        (rows(&item.rows))
                    }
                }
            }
        }
    }
}

fn rows(rows: &[certrail_domain::Row]) -> Markup {
    html! {
        ul.rows {
            @for row in rows {
                li {
                    (svg::tag(row.verdict)) " " @if let Some(id) = row.subject.id.strip_prefix("finding:").filter(|id| id.starts_with("fnd_")) { a href=(format!("/f/{id}")) { (row.subject.name) } } @else { (row.subject.name) } ": " (row.sentence)
                    @if !row.inputs.is_empty() {
                        span.meta { " Evidence: " @for (i, id) in row.inputs.iter().enumerate() { @if i > 0 { ", " } a href=(format!("/e/{id}")) { "E" (i + 1) } } }
                    }
                }
            }
        }
    }
}

/// What this person may do here; what they may not is absent, and a line says who can.
fn decide(caller: &certrail_usecases::Caller, d: &Dossier, here: &str) -> Markup {
    let r = &d.release;
    let cut = r.state == ReleaseState::Cut;
    html! {
        @if cut && caller.may(Action::Certify) {
            form.inline method="post" action=(format!("{here}/certify")) {
                label { "Note " input name="note" maxlength="500"; }
                button type="submit" { "Certify " (r.version) }
            }
        } @else if cut { p.meta { "Release managers can certify it." } }
        @if matches!(r.state, ReleaseState::Cut | ReleaseState::Certified) {
            @if caller.may(Action::Approve) || caller.may(Action::Certify) {
                form.inline method="post" action=(format!("{here}/approve")) {
                    p { "You are signing " @if let Some(digest) = r.digests.first() { "build " (layout::short(digest)) } @else if let Some(c) = &r.commit { "commit " (layout::short(c)) } ". If it changes, this signature goes stale." }
                    @if caller.may(Action::Approve) { button name="as" value="approval" type="submit" { "Approve deployment to production" } }
                    button name="as" value="qa" type="submit" { "Give QA sign-off" }
                }
            } @else { p.meta { "Approvers can approve its deployment." } }
        }
    }
}

fn met(d: &Dossier) -> Markup {
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
                        (rows(&item.rows))
                    }
                }
            }
        }
    }
}

/// What is open against the release before, and what each scan looked at.
fn findings(d: &Dossier) -> Markup {
    let f = &d.findings;
    html! {
        h2 #findings-of-it { "Findings" }
        @if !f.scanned { p { "No complete scan is held, so nothing is known of findings." } }
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
                        tbody { @for x in &d.security { tr { td { (x.kind) } td { a href=(format!("/e/{}", x.evidence)) { (x.tool) } } td { code { (x.looked_at) } @if !x.saw.is_empty() { " " span.meta { (x.saw) } } } td { (x.database) } td { @if !x.doubt.is_empty() { strong { (x.doubt) } " " } (x.found) } td { (layout::time(x.at)) } } } }
                    }
                }
            }
        }
    }
}

fn events(d: &Dossier) -> Markup {
    html! {
        details {
            summary { "The same as a table (" (d.events.len()) ")" }
            div.scroll tabindex="0" {
                table {
                    caption { "Evidence in order of happening" }
                    thead { tr { th scope="col" { "Happened" } th scope="col" { "Received" } th scope="col" { "Part" } th scope="col" { "What" } th scope="col" { "Marks" } } }
                    tbody {
                        @for e in &d.events {
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
        @let marked: Vec<_> = d.events.iter().filter(|e| !e.marks.is_empty()).collect();
        @if !marked.is_empty() {
            p { (marked.len()) " need" @if marked.len() == 1 { "s" } " a look:" }
            ul { @for e in marked.iter().take(8) { li { @for mark in &e.marks { span.tag.late { (mark.glyph()) " " (mark.word()) } " " } a href=(format!("/e/{}", e.evidence)) { (e.what) } ". " @for mark in &e.marks { (mark.sentence()) " " } } } }
        }
    }
}

fn changes(d: &Dossier) -> Markup {
    html! {
        h2 #changes { "Changes (" (d.changes.len()) ")" }
        ul {
            @for c in &d.changes {
                li {
                    (svg::tag(c.review)) " " @match &c.url { Some(url) => a href=(url) rel="noreferrer" { (c.name) " ↗" }, None => (c.name) }
                    " by " (c.authors.join(", ")) ". " (c.review_sentence)
                    @if !c.tickets.is_empty() { span.meta { " For " (c.tickets.join(", ")) } }
                }
            }
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

fn exceptions(d: &Dossier) -> Markup {
    html! {
        @if !d.exceptions.is_empty() {
            h2 #exceptions { "Exceptions" }
            ul { @for x in &d.exceptions { li { strong { (x.scope.requirement) } ": " (x.reason) " Asked by " (x.requester) @if let Some(a) = &x.approver { ", " (x.state.name()) " by " (a) } ", until " (layout::time(x.expires_at)) "." } } }
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

#[derive(Deserialize)]
pub(super) struct CertifyForm {
    #[serde(default)]
    note: String,
}

pub(super) async fn certify(
    State(app): State<App>,
    Reader(caller): Reader,
    Path((product, version)): Path<(String, String)>,
    Filled(form): Filled<CertifyForm>,
) -> Result<Redirect, PageRefusal> {
    certify_release(&app.engine, &caller, &product, &version, form.note).await?;
    Ok(Redirect::to(&format!("/r/{}/{}", layout::encode(&product), layout::encode(&version))))
}

#[derive(Deserialize)]
pub(super) struct ApproveForm {
    r#as: String,
}

pub(super) async fn approve(
    State(app): State<App>,
    Reader(caller): Reader,
    Path((product, version)): Path<(String, String)>,
    Filled(form): Filled<ApproveForm>,
) -> Result<Redirect, PageRefusal> {
    let environment = if form.r#as == "approval" { "production" } else { "" };
    let body = serde_json::json!({ "kind": "deployment.approval", "product": product, "release": version, "environment": environment, "meaning": form.r#as, "verdict": "approved" });
    let bad = |_: serde_json::Error| {
        certrail_domain::Problem::new(
            certrail_domain::ProblemKind::BadInput,
            "bad-form",
            "Nothing was recorded.",
            "The form is not complete.",
            "Use the buttons on the release page.",
        )
    };
    let bytes = serde_json::to_vec(&body).map_err(bad)?;
    let fact: FactInput = serde_json::from_value(body).map_err(bad)?;
    record_fact(&app.engine, &caller, fact, bytes, Sending::default()).await?;
    Ok(Redirect::to(&format!("/r/{}/{}", layout::encode(&product), layout::encode(&version))))
}

pub(super) async fn dossier_json(
    State(app): State<App>,
    Path((product, version)): Path<(String, String)>,
) -> Result<Response, PageRefusal> {
    Ok(download::dossier_json(&app, &product, &version).await?)
}

pub(super) async fn dossier_pdf(
    State(app): State<App>,
    Path((product, version)): Path<(String, String)>,
) -> Result<Response, PageRefusal> {
    Ok(download::dossier_pdf(&app, &product, &version).await?)
}
