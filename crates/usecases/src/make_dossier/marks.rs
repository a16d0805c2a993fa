//! What is marked about a piece of evidence: late, repeated, of a clock that cannot be right.

use std::collections::HashMap;

use certrail_criteria::{Evidence, Receipt};
use certrail_domain::{Facts, HowKnown, Mark};

use crate::judge::Judged;

/// The marks of each piece of evidence, in its order.
pub(super) fn marks(judged: &Judged) -> Vec<Vec<Mark>> {
    let mut rules: HashMap<&str, Vec<&str>> = HashMap::new();
    for result in &judged.evaluation.rules {
        rules.entry(result.subject.as_str()).or_default().push(result.rule.as_str());
    }
    let decided = judged.seen.certifications.iter().filter(|c| c.passed).map(|c| c.at).min();
    let of = |e: &Evidence| {
        let own = rules.get(e.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut marks = Vec::new();
        if matches!(e.signal.facts, Facts::Unread { .. }) {
            marks.push(Mark::Unread);
        }
        if own.contains(&"T38") {
            marks.push(Mark::Late);
        }
        if own.contains(&"T37") {
            marks.push(if decided.is_some_and(|d| d < e.received) { Mark::Late } else { Mark::RecordedLate });
        }
        if own.contains(&"T39") {
            marks.push(Mark::Clock);
        }
        if e.receipt != Receipt::Known {
            marks.push(Mark::OurClock);
        }
        // A file about another commit may well have the same bytes; the same event told twice is a replay.
        if e.duplicate_of.is_some() && e.signal.known == HowKnown::Observed {
            marks.push(Mark::Repeat);
        }
        marks.sort();
        marks.dedup();
        marks
    };
    judged.seen.evidence.iter().map(of).collect()
}
