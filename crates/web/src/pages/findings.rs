//! Findings: the queue of what needs a decision, and the shelves.

use axum::extract::State;
use certrail_domain::{Finding, Time, facts::Level};
use certrail_usecases::{
    Ending, FindingCard, FindingCounts, FindingQueue, FindingsWanted, Listed, QueueItem, ScanOnItsWay, Shelf,
    count_findings, finding_queue, list_findings, names_of_products, scans_on_their_way, shelves,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Page, decide_finding, layout, show};
use crate::{App, blocking::in_turn, caller::Reader, input::Filter, svg};

/// Findings on one page.
const ON_A_PAGE: u64 = 50;

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    product: String,
    /// A shelf; the queue without one.
    #[serde(default)]
    show: String,
    after: Option<String>,
    /// What was just recorded: ids of decisions.
    #[serde(default)]
    done: String,
    /// For how many findings.
    n: Option<u64>,
}

enum Shown {
    Queue(FindingQueue),
    Shelf(Vec<Listed<FindingCard>>),
}

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader, Filter(which): Filter<Which>) -> Page {
    let (engine, own) = (app.engine.clone(), caller.clone());
    let product = Some(which.product.clone()).filter(|p| !p.is_empty());
    let (of, shelf, after) = (product.clone(), which.show.clone(), which.after.clone());
    let (listed, counts, products, on_their_way) = in_turn(app.engine.clone(), move || {
        let listed = if shelf.is_empty() {
            Shown::Queue(finding_queue(&engine, &own, of.as_deref())?)
        } else {
            let shelves = shelves(Some(&shelf))?;
            let wanted = FindingsWanted { product: of.clone(), shelves, after, limit: ON_A_PAGE };
            Shown::Shelf(list_findings(&engine, &own, &wanted)?)
        };
        let mut on_their_way = scans_on_their_way(&engine, &own)?;
        on_their_way.retain(|scan| of.as_ref().is_none_or(|of| *of == scan.product));
        let counts = count_findings(&engine, &own, of.as_deref())?;
        Ok((listed, counts, names_of_products(&engine, &own)?, on_their_way))
    })
    .await?;
    let now = app.engine.now();
    let back = address(&which.product, &which.show);
    let account = caller.account();
    let empty = match &listed {
        Shown::Queue(queue) => queue.items.is_empty(),
        Shown::Shelf(cards) => cards.is_empty(),
    };
    let title = match &listed {
        Shown::Queue(queue) => {
            format!("Needs a decision, in a release that ships within 14 days: {}", queue.total)
        }
        Shown::Shelf(_) => format!("Findings: {}", word(&which.show)),
    };
    let body = html! {
        h1 { (title) }
        (recorded(&which, &back))
        @for scan in &on_their_way { (on_its_way(scan)) }
        (svg::dues(&counts.due))
        (views(&which, &counts, &products, &listed))
        p.meta { "Keys: " kbd { "j" } " " kbd { "k" } " move, " kbd { "x" } " select, " kbd { "e" } " decide, " kbd { "u" } " undo." }
        ol.findings {
            @match &listed {
                Shown::Queue(queue) => {
                    @for release in &queue.damaged { li { strong { (release) } " could not be judged: a record of it is damaged, and what it needs is not listed here. Ask whoever runs the server for " code { "certrail admin fsck" } "." } }
                    @for item in &queue.items { (queued(item, now)) }
                }
                Shown::Shelf(cards) => { @for row in cards { @match row { Listed::Whole(card) => (shelved(card, now, which.show != Shelf::Fixed.name())), Listed::Damaged(row) => { li { strong { (row.name) } " " (layout::damaged(row)) } } } } }
            }
        }
        @if empty { p { "Nothing is here." } }
        @match &listed {
            Shown::Queue(queue) => {
                @if queue.total > queue.items.len() as u64 { p.meta { "The first " (queue.items.len()) " of " (queue.total) "." } }
                (asked_for(queue.items.iter().map(|i| &i.card), &caller.role, &account, now, &back))
                (ending(&queue.ending, now))
            }
            Shown::Shelf(cards) => {
                (asked_for(cards.iter().filter_map(Listed::whole), &caller.role, &account, now, &back))
                @if let Some(last) = cards.last().filter(|_| cards.len() as u64 == ON_A_PAGE).map(|row| row.cursor(|card| card.cursor.clone())) {
                    p { a href=(format!("{back}&after={last}")) { "Next" } }
                }
            }
        }
        @if !empty && which.show != Shelf::Fixed.name() { (decide_finding::form(caller.role, None, &[], now, &back)) }
        script src="/static/findings.js" defer {}
    };
    Ok(show(&app, &caller, "Findings", "/findings", &body))
}

/// A scan that is not taken in wholly: what is listed is not all.
fn on_its_way(scan: &ScanOnItsWay) -> Markup {
    html! {
        p.note role="status" {
            "What " (scan.name) " found in " (scan.product) " is still being taken in: " (scan.taken_in) " of " (scan.of) ". "
            progress max=(scan.of.max(1)) value=(scan.taken_in) { (scan.taken_in) " of " (scan.of) }
            " Until that is done it is undecided for every release it belongs to."
        }
    }
}

/// Decisions that end soon: red within three days.
fn ending(soon: &[Ending], now: Time) -> Markup {
    html! {
        @if !soon.is_empty() {
            h2 { "Decisions that end within 14 days" }
            ul.rows {
                @for Ending { name, level: grave, decision } in soon {
                    @let left = decision.expires_at.since(now);
                    li {
                        a href=(format!("/f/{}", decision.finding)) { (name) } " " (level(*grave)) " "
                        span.meta { (decision.product) ", " (decision.claim.name().replace('_', " ")) " " (decision.reach.words()) } " "
                        span class=(if left <= 3 * Time::DAY { "tag failed" } else { "tag late" }) { "ends in " (Time::span(left)) }
                    }
                }
            }
        }
    }
}

fn address(product: &str, show: &str) -> String {
    format!("/findings?product={}&show={}", layout::encode(product), layout::encode(show))
}

fn word(show: &str) -> &str {
    match show {
        "suppressed" => "left out by the reports themselves",
        other => other,
    }
}

/// What was just recorded, with a way back for ten seconds.
fn recorded(which: &Which, back: &str) -> Markup {
    let Some(n) = which.n else { return html! {} };
    let ids: Vec<&str> = which.done.split('.').filter(|id| id.starts_with("exc_")).collect();
    html! {
        div.good role="status" {
            @if ids.is_empty() { "Recorded for " (n) @if n == 1 { " finding." } @else { " findings." } }
            @else {
                "Asked for: " @for (i, id) in ids.iter().enumerate() { @if i > 0 { ", " } code { (id) } } ". It holds when somebody else approves. "
                form.undo.small method="post" action="/findings/revoke/decisions" {
                    @for id in &ids { input type="hidden" name="id" value=(id); }
                    input type="hidden" name="back" value=(back);
                    button.plain type="submit" { "Undo" }
                }
            }
        }
    }
}

fn views(which: &Which, counts: &FindingCounts, products: &[String], listed: &Shown) -> Markup {
    let views = [("open", "Open"), ("decided", "Decided"), ("suppressed", "Left out by reports"), ("fixed", "Fixed")];
    let many = |n: u64| if n >= FindingCounts::MOST { format!("{n} or more") } else { n.to_string() };
    html! {
        nav.views aria-label="Views" {
            a href=(address(&which.product, "")) aria-current=[which.show.is_empty().then_some("true")] { "Needs a decision" @if let Shown::Queue(q) = listed { " " (q.total) } }
            @for (show, word) in views {
                a href=(address(&which.product, show)) aria-current=[(which.show == show).then_some("true")] { (word) " " (many(counts.shelves.get(show).copied().unwrap_or(0))) }
            }
            a href=(address(&which.product, "all")) aria-current=[(which.show == "all").then_some("true")] { "All" }
        }
        form.inline method="get" action="/findings" {
            input type="hidden" name="show" value=(which.show);
            label { "Product " select name="product" {
                option value="" { "all" }
                @for product in products { option value=(product) selected[*product == which.product] { (product) } }
            } }
            button type="submit" { "Show" }
        }
    }
}

fn queued(item: &QueueItem, now: Time) -> Markup {
    let versions = html! {
        @for (i, r) in item.on_its_way_in.iter().enumerate() {
            @if i > 0 { ", " }
            a href=(format!("/r/{}/{}", layout::encode(&item.card.finding.product), layout::encode(&r.version))) { (r.version) }
            @if r.decided { " (decided)" }
        }
    };
    row(&item.card, now, true, &versions, item.blocks)
}

fn shelved(card: &FindingCard, now: Time, choose: bool) -> Markup {
    let versions = html! {
        @if card.releases.is_empty() { "no release" }
        @for (i, version) in card.releases.iter().enumerate() {
            @if i > 0 { ", " }
            a href=(format!("/r/{}/{}", layout::encode(&card.finding.product), layout::encode(version))) { (version) }
        }
    };
    row(card, now, choose, &versions, false)
}

fn row(card: &FindingCard, now: Time, choose: bool, versions: &Markup, blocks: bool) -> Markup {
    let f = &card.finding;
    html! {
        li.finding data-finding=(f.id) tabindex="-1" {
            @if choose { input type="checkbox" name="id" value=(f.id) form="decide" aria-label=(format!("Select {}", f.seen.name())); }
            (level(f.level)) " "
            div {
                a href=(format!("/f/{}", f.id)) { strong { (f.seen.name()) } }
                @if let Some(fixed) = f.seen.component.as_ref().and_then(|c| c.fixed_in.as_ref()) { " → fixed in " (fixed) }
                span.meta { " in " (f.product) " " (versions) }
                @if blocks { " " span.tag.failed { "✕ blocks a release" } }
                br;
                (left(f, now))
                span.meta {
                    " · " (f.state.name().replace('_', " "))
                    " · reachable: " (match f.seen.reachable { Some(true) => "yes", Some(false) => "no", None => "unknown" })
                    @if f.seen.is_exploited() { " · " strong { "known to be exploited" } }
                    " · " (f.seen.rule)
                    @if !f.seen.place.is_empty() { " at " (f.seen.place.chars().take(80).collect::<String>()) }
                }
                @for d in &card.decisions { br; span.meta { @if d.is_asked_for() { "asked for: " } (d.claim.name().replace('_', " ")) " " (d.reach.words()) ", until " (d.expires_at.date()) } }
            }
        }
    }
}

/// The level as a tag: word and glyph, never colour alone.
pub(super) fn level(level: Level) -> Markup {
    let (class, glyph) = match level {
        Level::Critical => ("failed", "▲▲"),
        Level::High => ("failed", "▲"),
        Level::Medium => ("late", "◼"),
        Level::Low => ("pending", "▽"),
        Level::Info => ("not_applicable", "·"),
    };
    html! { span class=(format!("tag {class}")) { span aria-hidden="true" { (glyph) } " " (level.name()) } }
}

/// "4 days over", "12 days left".
pub(super) fn left(f: &Finding, now: Time) -> Markup {
    let Some(due) = f.due.filter(|_| f.state.is_open()) else { return html! {} };
    html! {
        @if due <= now { span.tag.failed { (Time::span(now.since(due))) " over" } }
        @else { span.one-line { (Time::span(due.since(now))) " left" } }
        " " span.meta { "due " (layout::time(due)) }
    }
}

/// What waits for somebody's approval among what is shown.
fn asked_for<'a>(
    cards: impl Iterator<Item = &'a FindingCard>,
    role: &certrail_domain::Role,
    account: &str,
    now: Time,
    back: &str,
) -> Markup {
    let waiting: Vec<_> =
        cards.flat_map(|c| c.decisions.iter().filter(|d| d.is_asked_for()).map(move |d| (&c.finding, d))).collect();
    html! {
        @if !waiting.is_empty() {
            h2 { "Waiting for approval (" (waiting.len()) ")" }
            ul.rows { @for (finding, d) in waiting { li { a href=(format!("/f/{}", finding.id)) { (finding.seen.name()) } (decide_finding::decision(d, None, *role, account, now, back)) } } }
        }
    }
}
