//! T09: the forge's own protection was in force when each change was merged.

use certrail_domain::{Cause, Facts, Row, Subject, Time, Verdict, facts::BranchRule};

use super::{Found, Scope};
use crate::{Clock, Evidence};

pub(super) fn check(scope: &Scope<'_>, reviews: u64, max_gap_days: i64) -> Found {
    let rows = scope
        .world
        .changes_of_line()
        .map(|change| {
            let (repository, branch) = change.target;
            let stopped = change.merged.map(|m| Clock::stopped(m.at));
            let merged = stopped.as_ref().unwrap_or(&scope.world.clock);
            let merged_at = merged.now();
            let known = newest(scope, repository, branch, merged_at);
            let told = scope.input.context.iter().any(|e| is_about(e, repository, branch).is_some());
            let (verdict, cause, sentence) = match known {
                None if told => (
                    Verdict::Missing,
                    Cause::NotObserved,
                    format!(
                        "The protection of {branch} in {repository} was only reported; the forge's own word counts."
                    ),
                ),
                None => (
                    Verdict::Missing,
                    Cause::Absent,
                    format!(
                        "We hold no word on the protection of {branch} in {repository} from before {} was merged.",
                        change.name
                    ),
                ),
                Some((e, _)) if merged.is_longer_ago(e.at(), max_gap_days * Time::DAY) => (
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
fn newest<'a>(scope: &Scope<'a>, repository: &str, branch: &str, at: Time) -> Option<(&'a Evidence, &'a BranchRule)> {
    // That a rule is gone counts from whomever we hear it; that one holds, from the forge alone. Where the forge says
    // anything, nobody is believed beside it.
    let known: Vec<(&Evidence, &BranchRule)> = (scope.input.context.iter())
        .filter_map(|e| Some((e, is_about(e, repository, branch)?)))
        .filter(|(e, rule)| e.at() <= at && (rule.removed || e.is_believed(scope.input.product)))
        .collect();
    let heard = known.iter().any(|(e, _)| e.is_observed());
    known
        .into_iter()
        .filter(|(e, rule)| !heard || rule.removed || e.is_observed())
        .max_by_key(|(e, _)| (e.at(), e.log_index))
}

/// The rule in a piece of evidence, if it is one for that branch.
fn is_about<'a>(e: &'a Evidence, repository: &str, branch: &str) -> Option<&'a BranchRule> {
    match &e.signal.facts {
        Facts::BranchRule(r) if r.repository == repository && covers(&r.pattern, branch) => Some(r),
        _ => None,
    }
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
