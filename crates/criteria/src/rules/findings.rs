//! T17: no open finding is past its limit. The clock starts when we first heard of it in this release's evidence.

use std::collections::BTreeMap;

use certrail_domain::{
    Cause, EvidenceId, Facts, Key, Row, Subject, Time, Verdict,
    facts::{Alert, Level, Scan},
};

use super::{Found, Scope};
use crate::Evidence;

struct Open<'a> {
    title: &'a str,
    level: Level,
    since: Time,
    inputs: Vec<EvidenceId>,
}

pub(super) fn check(scope: &Scope<'_>, days: [i64; 4]) -> Found {
    let mut scanned = false;
    let open = collect(scope, &mut scanned);
    if !scanned {
        return Found::nothing(
            Verdict::Missing,
            Cause::Absent,
            "Nothing was scanned, so nothing is known of findings.",
        );
    }
    let now = scope.world.as_of;
    let total = open.len();
    let mut rows: Vec<Row> = open
        .into_iter()
        .filter_map(|(fingerprint, f)| {
            let limit_days = match f.level {
                Level::Info => return None,
                Level::Low => days[0],
                Level::Medium => days[1],
                Level::High => days[2],
                Level::Critical => days[3],
            };
            let due = f.since.plus(limit_days * Time::DAY);
            (due <= now).then(|| Row {
                subject: Subject { id: format!("finding:{fingerprint}"), name: f.title.to_owned() },
                verdict: Verdict::Failed,
                cause: Cause::Expired,
                sentence: format!(
                    "{} ({}) is {} over its {limit_days}-day limit, counted from {}.",
                    f.title,
                    f.level.name(),
                    Time::span(now.since(due)),
                    f.since.date()
                ),
                inputs: f.inputs,
                exception: None,
            })
        })
        .collect();
    rows.sort_by(|a, b| a.subject.id.cmp(&b.subject.id));
    let sentence = match total {
        0 => "The scans found nothing open.".to_owned(),
        1 => "1 finding is open and within its limit.".to_owned(),
        n => format!("{n} findings are open, all within their limits."),
    };
    Found { fallback: (Verdict::Passed, Cause::Satisfied, sentence), ..Found::rows(rows) }
}

/// What is open: the newest scan of each tool on this release tells what it still sees, alerts tell by themselves.
fn collect<'a>(scope: &'a Scope<'_>, scanned: &mut bool) -> BTreeMap<String, Open<'a>> {
    let mut first_seen: BTreeMap<String, Time> = BTreeMap::new();
    // One scan does not answer for another tool, kind or object; one that saw nothing answers for none.
    let mut newest: BTreeMap<String, &Evidence> = BTreeMap::new();
    // One that saw only a part, or does not show what it saw, closes nothing; what it did see is open all the same.
    let mut doubted: Vec<&Evidence> = Vec::new();
    let mut alerts: BTreeMap<String, (&Evidence, &Alert)> = BTreeMap::new();
    // Alerts that name no commit concern the repository as a whole: every release made while they are open.
    let whole =
        scope.input.context.iter().filter(|e| {
            matches!(&e.signal.facts, Facts::Alert(a) if a.commit.is_none()) && e.at() <= scope.world.as_of
        });
    for e in scope.world.usable.iter().copied().chain(whole) {
        match &e.signal.facts {
            Facts::Scan(s) => {
                for f in &s.findings {
                    let seen = first_seen.entry(f.fingerprint.clone()).or_insert_with(|| e.at());
                    *seen = (*seen).min(e.at());
                }
                if s.doubt().is_some() {
                    doubted.push(e);
                    continue;
                }
                *scanned = true;
                let known = newest.entry(scanned_by(e, s)).or_insert(e);
                if (e.at(), e.log_index) >= (known.at(), known.log_index) {
                    *known = e;
                }
            }
            Facts::Alert(a) => {
                let id = format!("alert:{:?}:{}#{}", a.source, a.repository, a.number).to_lowercase();
                let known = alerts.entry(id).or_insert((e, a));
                if (e.at(), e.log_index) >= (known.0.at(), known.0.log_index) {
                    *known = (e, a);
                }
            }
            _ => {}
        }
    }
    doubted.retain(|e| {
        let Facts::Scan(s) = &e.signal.facts else { return false };
        newest.get(&scanned_by(e, s)).is_none_or(|n| (e.at(), e.log_index) > (n.at(), n.log_index))
    });
    let mut open = BTreeMap::new();
    for e in newest.into_values().chain(doubted) {
        let Facts::Scan(scan) = &e.signal.facts else { continue };
        for f in scan.findings.iter().filter(|f| f.suppressed.is_none()) {
            let since = first_seen.get(&f.fingerprint).copied().unwrap_or_else(|| e.at());
            let entry = open.entry(f.fingerprint.clone()).or_insert(Open {
                title: &f.title,
                level: f.level,
                since,
                inputs: vec![],
            });
            entry.inputs.push(e.id.clone());
        }
    }
    // Dismissed at the forge is not accepted here: that takes an exception (law 6).
    for (id, (e, a)) in alerts.into_iter().filter(|(_, (_, a))| a.open || a.dismissed) {
        let since = a.detected_at.unwrap_or_else(|| e.at());
        open.insert(
            id,
            Open { title: &a.title, level: a.level.unwrap_or(Level::High), since, inputs: vec![e.id.clone()] },
        );
    }
    open
}

/// Tool, kind and object of a scan.
fn scanned_by(e: &Evidence, s: &Scan) -> String {
    let mut about: Vec<&str> = e.signal.named.iter().map(Key::as_str).collect();
    about.extend(s.digests.iter().map(String::as_str));
    about.extend(s.commit.as_deref());
    about.sort_unstable();
    about.dedup();
    format!("{}\n{}\n{}", s.tool, s.scan.name(), about.join(" "))
}
