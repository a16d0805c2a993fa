//! T17: no open finding is past its limit. Clocks start at detection, or where they say.

use certrail_domain::{Cause, EvidenceId, Limits, Row, Subject, Time, Verdict};

use super::{Found, Scope};
use crate::findings::{Incomplete, OpenFinding, collect};

pub(super) fn check(scope: &Scope<'_>, limits: &Limits) -> Found {
    let found = collect(scope.input, scope.world);
    if !found.scanned {
        return Found::nothing(
            Verdict::Missing,
            Cause::Absent,
            "Nothing was scanned, so nothing is known of findings.",
        );
    }
    let decided = found.open.values().filter(|f| f.decision.is_some()).count();
    let total = found.open.len() - decided;
    let mut rows: Vec<Row> = found.open.values().filter_map(|f| late(scope, limits, f)).collect();
    rows.extend(found.incomplete.iter().map(incomplete));
    rows.sort_by(|a, b| a.subject.id.cmp(&b.subject.id));
    let sentence = match total {
        0 if decided > 0 => "Nothing is open but what was decided.".to_owned(),
        0 => "The scans found nothing open.".to_owned(),
        1 => "1 finding is open and within its limit.".to_owned(),
        n => format!("{n} findings are open, all within their limits."),
    };
    let sentence = match decided {
        0 => sentence,
        1 => format!("{sentence} 1 more is decided."),
        n => format!("{sentence} {n} more are decided."),
    };
    Found { fallback: (Verdict::Passed, Cause::Satisfied, sentence), ..Found::rows(rows) }
}

/// A scan whose findings are not all known: it may have found anything.
fn incomplete((scan, why): &(EvidenceId, Incomplete)) -> Row {
    Row {
        subject: Subject { id: format!("scan:{scan}"), name: format!("scan {scan}") },
        verdict: Verdict::Indeterminate,
        cause: Cause::Incomplete,
        sentence: format!("What this scan found {}, so not all that is open is known.", why.words()),
        inputs: vec![scan.clone()],
        exception: None,
    }
}

/// A finding past its limit: failed, or excepted where a decision covers it.
fn late(scope: &Scope<'_>, limits: &Limits, f: &OpenFinding<'_>) -> Option<Row> {
    let clock = &scope.world.as_of;
    let deadline = limits.deadline(&f.graded()).filter(|d| clock.has_come(d.at))?;
    let sentence = format!(
        "{} ({}) is {} over its limit of {}.",
        f.name,
        f.level.name(),
        Time::span(clock.now().since(deadline.at)),
        deadline.words()
    );
    let row = Row {
        subject: Subject { id: format!("finding:{}", f.id), name: f.name.to_owned() },
        verdict: Verdict::Failed,
        cause: Cause::Expired,
        sentence,
        inputs: f.inputs.clone(),
        exception: None,
    };
    Some(match f.decision {
        None => row,
        Some(decision) => Row {
            verdict: Verdict::Excepted,
            cause: Cause::Excepted,
            exception: Some(decision.id.clone()),
            sentence: format!(
                "The rule was not met ({}); {}",
                row.sentence.trim_end_matches('.'),
                decision.sentence(|account| scope.input.identities.name(account).to_owned())
            ),
            ..row
        },
    })
}
