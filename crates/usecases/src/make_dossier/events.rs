//! Section 10: what happened, in order, one sentence each, with marks.

use std::collections::{BTreeMap, BTreeSet};

use certrail_criteria::Evidence;
use certrail_domain::{
    EvidenceId, Facts, Mark,
    facts::{ReviewVerdict, Verified},
};
use certrail_dossier::Event;

use crate::judge::Judged;

pub(super) fn events(judged: &Judged, marks: &[Vec<Mark>], show: &dyn Fn(&str) -> String) -> Vec<Event> {
    let stale = stale_reviews(judged);
    let mut out: Vec<Event> = judged
        .seen
        .evidence
        .iter()
        .zip(marks)
        .map(|(e, marks)| {
            let mut marks = marks.clone();
            if stale.contains(&e.id) {
                marks.push(Mark::Stale);
            }
            Event {
                at: e.at(),
                received: e.received,
                lane: e.signal.facts.lane().into(),
                what: what(e, show),
                marks,
                evidence: e.id.clone(),
            }
        })
        .collect();
    out.sort_by(|a, b| (a.at, &a.evidence).cmp(&(b.at, &b.evidence)));
    out
}

/// Approvals of a version that was not the last.
fn stale_reviews(judged: &Judged) -> BTreeSet<&EvidenceId> {
    let mut heads: BTreeMap<(&str, u64), (u64, &str)> = BTreeMap::new();
    for e in &judged.seen.evidence {
        if let Facts::Change(c) = &e.signal.facts {
            let known = heads.entry((c.repository.as_str(), c.number)).or_insert((0, ""));
            let rank = e.at().as_micros().unsigned_abs();
            if rank >= known.0 {
                *known = (rank, c.head.as_str());
            }
        }
    }
    judged
        .seen
        .evidence
        .iter()
        .filter(|e| match &e.signal.facts {
            Facts::Review(r) => {
                let head = heads.get(&(r.repository.as_str(), r.number)).map(|(_, h)| *h);
                r.verdict == ReviewVerdict::Approved && head.is_some() && r.revision.as_deref() != head
            }
            _ => false,
        })
        .map(|e| &e.id)
        .collect()
}

/// One sentence on what a piece of evidence says.
fn what(e: &Evidence, show: &dyn Fn(&str) -> String) -> String {
    let who = e
        .signal
        .actor
        .as_ref()
        .map_or_else(|| "Somebody".to_owned(), |a| a.name.clone().unwrap_or_else(|| show(&a.account)));
    let short = |sha: &str| sha.chars().take(7).collect::<String>();
    match &e.signal.facts {
        Facts::Push(p) => format!(
            "{who} pushed {} commit{} to {}",
            p.commits.len(),
            if p.commits.len() == 1 { "" } else { "s" },
            p.branch
        ),
        Facts::Tag(t) => format!("Tag {} {}", t.name, if t.removed { "was removed" } else { "was made" }),
        Facts::Change(c) => format!("Change #{} {}: {}", c.number, c.action.replace('_', " "), c.title),
        Facts::Review(r) => format!(
            "{} {} change #{}{}",
            r.reviewer.as_ref().map_or_else(|| "Somebody".into(), |a| show(&a.account)),
            match r.verdict {
                ReviewVerdict::Approved => "approved",
                ReviewVerdict::ChangesRequested => "asked for changes in",
                ReviewVerdict::Commented => "commented on",
                ReviewVerdict::Dismissed => "had a review set aside on",
            },
            r.number,
            r.set_aside_by.as_ref().map_or_else(String::new, |by| format!(" by {}", show(&by.account)))
        ),
        Facts::BranchRule(b) => match b.switched {
            Some(on) => format!("All protection of {} was switched {}", b.repository, if on { "on" } else { "off" }),
            None => format!("Protection of {} was {}", b.pattern, if b.removed { "removed" } else { "set" }),
        },
        Facts::Check(c) => {
            format!("Check {} on {}: {}", c.name, short(&c.commit), format!("{:?}", c.conclusion).to_lowercase())
        }
        Facts::TestRun(t) => format!("Suite {}: {} of {} passed", t.suite, t.passed, t.tests),
        Facts::Coverage(c) => format!("Coverage: {} of {} lines", c.lines_covered, c.lines_total),
        Facts::Scan(s) => format!("{} ({}) found {}", s.tool, s.scan.name(), s.levels.total()),
        Facts::Sbom(s) => format!("Bill of materials with {} components", s.components),
        Facts::Vex(v) => format!("VEX document with {} statements", v.total),
        Facts::Attestation(a) => {
            let signed = match &a.verified {
                Verified::Yes { by } => format!("signed by {by}"),
                Verified::No { .. } => "the signature does not hold".to_owned(),
                Verified::NotChecked { .. } => "the signature was not checked".to_owned(),
            };
            format!("Attestation {} about {} subjects; {signed}", a.predicate_type, a.subjects_total)
        }
        Facts::Archive(a) => format!("Archive with {} files", a.total),
        Facts::Alert(a) => format!("Alert #{} {}: {}", a.number, a.action, a.title),
        Facts::Build(b) => {
            format!("Workflow {} on {}: {}", b.name, short(&b.commit), format!("{:?}", b.conclusion).to_lowercase())
        }
        Facts::Manifest(m) => format!("{who} cut {} at {}", m.version, short(&m.commit)),
        Facts::Ticket(t) => format!("{} {}: {}", t.key, t.status, t.title),
        Facts::Approval(a) => format!(
            "{} said {} ({}{})",
            a.approver.as_ref().map_or_else(|| "Somebody".into(), |p| show(&p.account)),
            format!("{:?}", a.verdict).to_lowercase(),
            a.meaning,
            if a.environment.is_empty() { String::new() } else { format!(", {}", a.environment) }
        ),
        Facts::Deployment(d) => format!("Deployment to {} {}", d.environment, format!("{:?}", d.state).to_lowercase()),
        Facts::Validation(v) => {
            format!("{} in {} {}", v.name, v.environment, if v.passed { "held" } else { "did not hold" })
        }
        Facts::RollbackTarget(r) => format!("Rollback target: {}", r.version),
        Facts::Unread { name, .. } => format!("{name} was kept and could not be read"),
    }
}
