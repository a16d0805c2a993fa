//! T09: the forge's own protection was in force when each change was merged.

use certrail_domain::{Cause, Facts, Row, Subject, Time, Verdict, facts::BranchRule};

use super::{Found, Scope};
use crate::Evidence;

pub(super) fn check(scope: &Scope<'_>, reviews: u64, max_gap_days: i64) -> Found {
    let rows = scope
        .world
        .changes
        .iter()
        .map(|change| {
            let (repository, branch) = &change.target;
            let merged_at = change.merged.map_or(scope.input.decision_time, |m| m.at);
            let known = newest(scope.input.context, repository, branch, merged_at);
            let (verdict, cause, sentence) = match known {
                None => (
                    Verdict::Missing,
                    Cause::Absent,
                    format!(
                        "We hold no word on the protection of {branch} in {repository} from before {} was merged.",
                        change.name
                    ),
                ),
                Some((e, _)) if merged_at.since(e.at()) > max_gap_days * Time::DAY => (
                    Verdict::Indeterminate,
                    Cause::Expired,
                    format!(
                        "The last word on the protection of {branch} is {} older than the merge of {}.",
                        crate::spans(e.at(), merged_at),
                        change.name
                    ),
                ),
                Some((_, rule)) if rule.removed => (
                    Verdict::Failed,
                    Cause::Negative,
                    format!("The protection of {branch} had been removed when {} was merged.", change.name),
                ),
                Some((_, rule)) => match rule.required_reviews {
                    None => (
                        Verdict::Indeterminate,
                        Cause::Error,
                        format!("The protection of {branch} does not say how many reviews it requires."),
                    ),
                    Some(n) if n < reviews => (
                        Verdict::Failed,
                        Cause::BelowThreshold,
                        format!("{branch} required {n} reviews when {} was merged; {reviews} are needed.", change.name),
                    ),
                    Some(n) => (
                        Verdict::Passed,
                        Cause::Satisfied,
                        format!(
                            "{branch} required {n} review{} when {} was merged.",
                            if n == 1 { "" } else { "s" },
                            change.name
                        ),
                    ),
                },
            };
            Row {
                subject: Subject { id: change.id.clone(), name: change.name.clone() },
                verdict,
                cause,
                sentence,
                inputs: known.iter().map(|(e, _)| e.id.clone()).collect(),
                exception: None,
            }
        })
        .collect();
    Found { fallback: super::review::no_changes(), ..Found::rows(rows) }
}

/// The newest rule for a branch known at `at`.
fn newest<'a>(
    context: &'a [Evidence],
    repository: &str,
    branch: &str,
    at: Time,
) -> Option<(&'a Evidence, &'a BranchRule)> {
    context
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::BranchRule(r) if r.repository == repository && covers(&r.pattern, branch) => Some((e, r)),
            _ => None,
        })
        .filter(|(e, _)| e.at() <= at)
        .max_by_key(|(e, _)| (e.at(), e.log_index))
}

/// `main`, `release/*`, `*`: one star stands for anything.
fn covers(pattern: &str, branch: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == branch,
        Some((before, after)) => {
            branch.len() >= before.len() + after.len() && branch.starts_with(before) && branch.ends_with(after)
        }
    }
}
