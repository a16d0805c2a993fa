//! Pictures, drawn by the server: each has a title, a description and a sentence beside it.

use std::collections::BTreeMap;

use certrail_domain::{FindingState, Summary, Time, Verdict, sentence};
use certrail_usecases::{
    FindingStep,
    dossier::{Event, FindingGroup},
};
use maud::{Markup, html};

/// The order in which segments stand, worst last (ux §2.2).
fn segments(s: &Summary) -> [(u64, &'static str); 6] {
    [
        (s.met - s.excepted.min(s.met), "passed"),
        (s.excepted, "excepted"),
        (s.pending, "pending"),
        (s.indeterminate, "indeterminate"),
        (s.missing, "missing"),
        (s.failed, "failed"),
    ]
}

/// The readiness ring.
pub(crate) fn ring(s: &Summary) -> Markup {
    let radius = 40.0_f64;
    let around = 2.0 * std::f64::consts::PI * radius;
    let total = s.counted.max(1) as f64;
    let mut from = 0.0;
    let arcs: Vec<(f64, f64, &str)> = segments(s)
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, class)| {
            let length = around * n as f64 / total;
            let start = from;
            from += length;
            (start, (length - 2.0).max(1.0), class)
        })
        .collect();
    html! {
        svg.ring viewBox="0 0 96 96" width="96" height="96" role="img" aria-labelledby="ring-title ring-desc" {
            title #ring-title { "Readiness" }
            desc #ring-desc { (sentence::fraction(s)) }
            @for (start, length, class) in arcs {
                circle class=(format!("seg {class}")) cx="48" cy="48" r=(radius) fill="none" stroke-width="10"
                    stroke-dasharray=(format!("{length:.2} {:.2}", around - length))
                    stroke-dashoffset=(format!("{:.2}", around / 4.0 - start)) {}
            }
            text x="48" y="54" text-anchor="middle" { (s.percent) "%" }
        }
    }
}

/// The readiness bar, for lists.
pub(crate) fn bar(s: &Summary) -> Markup {
    let total = s.counted.max(1) as f64;
    let mut x = 0.0;
    let parts: Vec<(f64, f64, &str)> = segments(s)
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, class)| {
            let width = 160.0 * n as f64 / total;
            let at = x;
            x += width;
            (at, (width - 1.5).max(1.0), class)
        })
        .collect();
    html! {
        svg.bar viewBox="0 0 160 10" width="160" height="10" role="img" aria-label=(sentence::fraction(s)) {
            @for (at, width, class) in parts {
                rect class=(format!("fill {class}")) x=(format!("{at:.1}")) y="1" width=(format!("{width:.1}")) height="8" rx="1" {}
            }
        }
    }
}

const LANES: [&str; 7] = ["Plan", "Code", "Build", "Test", "Security", "Approval", "Deploy"];

/// The evidence timeline: each mark at the time it happened, with a tail to when we received it.
pub(crate) fn timeline(events: &[Event], cut: Option<Time>, certified: Option<Time>, shipped: Option<Time>) -> Markup {
    let times = events.iter().flat_map(|e| [e.at, e.received]).chain(cut).chain(certified).chain(shipped);
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
        return html! {};
    };
    let span = last.since(first).max(1) as f64;
    let x = |t: Time| 90.0 + 690.0 * t.since(first) as f64 / span;
    let y = |lane: usize| 24.0 + 26.0 * lane as f64;
    let lines = [(cut, "cut"), (certified, "certified"), (shipped, "shipped")];
    html! {
        svg.timeline viewBox="0 0 800 230" role="img" aria-labelledby="tl-title tl-desc" {
            title #tl-title { "Evidence over time" }
            desc #tl-desc { (events.len()) " pieces of evidence from " (first.human()) " to " (last.human()) ". The table below holds the same." }
            @for (i, lane) in LANES.iter().enumerate() {
                text.lane x="4" y=(format!("{:.0}", y(i) + 4.0)) { (lane) }
                line.track x1="90" x2="790" y1=(format!("{:.0}", y(i))) y2=(format!("{:.0}", y(i))) {}
            }
            @for (at, word) in lines.iter().filter_map(|(t, w)| t.map(|t| (t, *w))) {
                line.when x1=(format!("{:.1}", x(at))) x2=(format!("{:.1}", x(at))) y1="10" y2="196" {}
                text.when x=(format!("{:.1}", x(at).min(750.0) + 2.0)) y="208" { (word) }
            }
            @for ((lane, _), dot) in &dots(events, x) {
                @if let Some(received) = dot.late {
                    line.tail x1=(format!("{:.1}", x(dot.first.at))) x2=(format!("{:.1}", x(received))) y1=(format!("{:.0}", y(*lane))) y2=(format!("{:.0}", y(*lane))) {}
                }
                circle class=(if dot.look { "mark look" } else { "mark" }) cx=(format!("{:.1}", x(dot.first.at))) cy=(format!("{:.0}", y(*lane))) r="4" {
                    title { (dot.first.what) " — " (dot.first.at.human()) @if dot.more > 0 { ", and " (dot.more) " more" } }
                }
            }
            text.when x="90" y="224" { (first.date()) }
            text.when x="790" y="224" text-anchor="end" { (last.date()) }
        }
    }
}

/// What lies so close together that it is one dot on the timeline.
struct Dot<'a> {
    first: &'a Event,
    more: usize,
    /// When the last of it reached us, where that was more than a minute after it happened.
    late: Option<Time>,
    /// Something in it needs a look.
    look: bool,
}

/// Dots by lane and place: as many as fit, however many events there are.
fn dots(events: &[Event], x: impl Fn(Time) -> f64) -> BTreeMap<(usize, i64), Dot<'_>> {
    let mut dots: BTreeMap<(usize, i64), Dot<'_>> = BTreeMap::new();
    for (n, e) in events.iter().enumerate() {
        let Some(lane) = LANES.iter().position(|l| *l == e.lane) else { continue };
        // A few stand each for themselves.
        let place = if events.len() > 300 { (x(e.at) / 4.0) as i64 } else { n as i64 };
        let late = (e.received.since(e.at).abs() > 60 * Time::SECOND).then_some(e.received);
        let dot = Dot { first: e, more: 0, late, look: !e.marks.is_empty() };
        dots.entry((lane, place))
            .and_modify(|known| {
                known.more += 1;
                known.late = known.late.max(dot.late);
                known.look |= dot.look;
            })
            .or_insert(dot);
    }
    dots
}

/// Open findings by when they are due: overdue, within 7 days, within 30, later, without limit.
pub(crate) fn dues(counts: &[u64; 5]) -> Markup {
    const WORDS: [(&str, &str); 5] = [
        ("over their limit", "failed"),
        ("within 7 days", "indeterminate"),
        ("within 30 days", "excepted"),
        ("later", "passed"),
        ("without limit", "pending"),
    ];
    let total: u64 = counts.iter().sum();
    let said: Vec<String> =
        counts.iter().zip(WORDS).filter(|(n, _)| **n > 0).map(|(n, (word, _))| format!("{n} {word}")).collect();
    let mut x = 0.0;
    let parts: Vec<(f64, f64, u64, &str, &str)> = counts
        .iter()
        .zip(WORDS)
        .filter(|(n, _)| **n > 0)
        .map(|(n, (word, class))| {
            let width = 720.0 * *n as f64 / total.max(1) as f64;
            let at = x;
            x += width;
            (at, (width - 2.0).max(2.0), *n, word, class)
        })
        .collect();
    html! {
        @if total > 0 {
            svg.dues viewBox="0 0 720 24" role="img" aria-labelledby="dues-title dues-desc" {
                title #dues-title { "Open findings by when they are due" }
                desc #dues-desc { (said.join(", ")) "." }
                @for (at, width, n, word, class) in parts {
                    rect class=(format!("fill {class}")) x=(format!("{at:.1}")) y="2" width=(format!("{width:.1}")) height="18" rx="2" { title { (n) " " (word) } }
                }
            }
            p.meta { (total) " open: " (said.join(" · ")) }
        }
    }
}

/// The life of a finding as a line: its states one after the other, its due date, and today.
pub(crate) fn life(steps: &[FindingStep], first: Time, due: Option<Time>, now: Time) -> Markup {
    let begin = steps.iter().map(|s| s.at).chain([first]).min().unwrap_or(first);
    let end = steps.iter().map(|s| s.at).chain([now]).chain(due).max().unwrap_or(now);
    let span = end.since(begin).max(1) as f64;
    let x = |t: Time| 4.0 + 700.0 * t.since(begin) as f64 / span;
    let class = |state: FindingState| match state {
        FindingState::Fixed => "passed",
        FindingState::Accepted | FindingState::FalsePositive | FindingState::NotAffected => "excepted",
        FindingState::Triaged | FindingState::InRemediation => "indeterminate",
        FindingState::Detected | FindingState::Reopened => "failed",
    };
    let ends = steps.iter().skip(1).map(|s| s.at).chain([now]);
    let said: Vec<String> =
        steps.iter().map(|s| format!("{} on {}", s.to.name().replace('_', " "), s.at.date())).collect();
    html! {
        svg.dues viewBox="0 0 720 52" role="img" aria-labelledby="life-title life-desc" {
            title #life-title { "Its life" }
            desc #life-desc { (said.join(", ")) "." }
            @for (step, until) in steps.iter().zip(ends) {
                rect class=(format!("fill {}", class(step.to))) x=(format!("{:.1}", x(step.at))) y="8" width=(format!("{:.1}", (x(until) - x(step.at) - 1.0).max(3.0))) height="12" rx="2" { title { (step.to.name().replace('_', " ")) " from " (step.at.human()) } }
            }
            @if let Some(due) = due {
                line.due x1=(format!("{:.1}", x(due))) x2=(format!("{:.1}", x(due))) y1="2" y2="26" {}
                text x=(format!("{:.1}", x(due).clamp(30.0, 660.0))) y="40" text-anchor="middle" { "due " (due.date()) }
            }
            @if due.is_none_or(|due| (x(due) - 4.0).abs() > 140.0) { text x="4" y="40" { "since " (begin.date()) } }
        }
    }
}

/// The findings of a release against the one before, as a bar.
pub(crate) fn groups(groups: &[FindingGroup]) -> Markup {
    let class = |name: &str| match name {
        "new" => "failed",
        "carried" => "indeterminate",
        "decided" => "excepted",
        "fixed" => "passed",
        _ => "pending",
    };
    let total: u64 = groups.iter().map(|g| g.total).sum();
    let said: Vec<String> = groups.iter().map(|g| format!("{} {}", g.total, g.title().to_lowercase())).collect();
    let mut x = 0.0;
    let places: Vec<(f64, f64)> = groups
        .iter()
        .map(|g| {
            let width = 720.0 * g.total as f64 / total.max(1) as f64;
            x += width;
            (x - width, width)
        })
        .collect();
    html! {
        @if total > 0 {
            svg.dues viewBox="0 0 720 24" role="img" aria-labelledby="groups-title groups-desc" {
                title #groups-title { "Findings against the release before" }
                desc #groups-desc { (said.join(", ")) "." }
                @for (g, (x, width)) in groups.iter().zip(&places) {
                    rect class=(format!("fill {}", class(&g.name))) x=(format!("{x:.1}")) y="2" width=(format!("{:.1}", (width - 2.0).max(2.0))) height="18" rx="2" { title { (g.total) " " (g.title().to_lowercase()) } }
                }
            }
            p.meta { (said.join(" · ")) }
        }
    }
}

/// A status tag: word and glyph, never colour alone.
pub(crate) fn tag(verdict: Verdict) -> Markup {
    html! { span class=(format!("tag {}", verdict.name())) { span aria-hidden="true" { (verdict.glyph()) } " " (verdict.word()) } }
}

/// The tag of something that is not due yet.
pub(crate) fn pending() -> Markup {
    html! { span.tag.pending { span aria-hidden="true" { "…" } " Not due yet" } }
}
