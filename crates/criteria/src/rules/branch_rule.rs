//! T09: the forge's own protection was in force when each change was merged.

use std::collections::BTreeMap;

use certrail_domain::{Cause, Facts, Row, Subject, Time, Verdict, facts::BranchRule};

use super::{Found, Scope};
use crate::{Clock, Evidence, world::ChangeView};

pub(super) fn check(scope: &Scope<'_>, reviews: u64, max_gap_days: i64) -> Found {
    let rows = scope.world.changes_of_line().map(|change| row(scope, change, reviews, max_gap_days)).collect();
    Found { fallback: super::review::no_changes(), ..Found::rows(rows) }
}

fn row(scope: &Scope<'_>, change: &ChangeView<'_>, reviews: u64, max_gap_days: i64) -> Row {
    let (repository, branch) = change.target;
    let stopped = change.merged.map(|m| Clock::stopped(m.at));
    let merged = stopped.as_ref().unwrap_or(&scope.world.clock);
    let merged_at = merged.now();
    let known = in_force(scope, repository, branch, merged_at);
    let name = &change.name;
    let reported = scope.input.context.iter().any(|e| !e.is_observed() && is_about(e, repository, branch).is_some());
    let (verdict, cause, sentence) = match known {
        InForce::Unknown if reported => (
            Verdict::Missing,
            Cause::NotObserved,
            format!("The protection of {branch} in {repository} was only reported; the forge's own word counts."),
        ),
        InForce::Unknown => (
            Verdict::Missing,
            Cause::Absent,
            format!("We hold no word on the protection of {branch} in {repository} from before {name} was merged."),
        ),
        InForce::Off(e) => (
            Verdict::Failed,
            Cause::Negative,
            format!("All protection of {repository} had been switched off{} when {name} was merged.", by(scope, e)),
        ),
        InForce::Removed(e) => (
            Verdict::Failed,
            Cause::Negative,
            format!("The protection of {branch} had been removed{} when {name} was merged.", by(scope, e)),
        ),
        InForce::Rule(e, _) if merged.is_longer_ago(e.at(), max_gap_days * Time::DAY) => (
            Verdict::Indeterminate,
            Cause::Expired,
            format!(
                "The last word on the protection of {branch} is {} older than the merge of {name}.",
                crate::spans(e.at(), merged_at)
            ),
        ),
        InForce::Rule(_, rule) => match rule.required_reviews {
            None => (
                Verdict::Indeterminate,
                Cause::Error,
                format!("The protection of {branch} does not say how many reviews it requires."),
            ),
            Some(n) if n < reviews => (
                Verdict::Failed,
                Cause::BelowThreshold,
                format!("{branch} required {n} reviews when {name} was merged; {reviews} are needed."),
            ),
            Some(n) => {
                let bypass = if rule.enforce_admins == Some(false) { "; administrators could bypass that" } else { "" };
                let many = if n == 1 { "" } else { "s" };
                let sentence = format!("{branch} required {n} review{many} when {name} was merged{bypass}.");
                (Verdict::Passed, Cause::Satisfied, sentence)
            }
        },
    };
    let inputs = match known {
        InForce::Unknown => vec![],
        InForce::Off(e) | InForce::Removed(e) | InForce::Rule(e, _) => vec![e.id.clone()],
    };
    let subject = Subject { id: change.id.clone(), name: name.clone() };
    Row { subject, verdict, cause, sentence, inputs, exception: None }
}

/// ` by NAME`, where it is known who did it.
fn by(scope: &Scope<'_>, e: &Evidence) -> String {
    e.signal.actor.as_ref().map(|who| format!(" by {}", scope.input.identities.shown(who))).unwrap_or_default()
}

/// How a branch was protected at a moment, and what tells.
#[derive(Clone, Copy)]
enum InForce<'a> {
    Unknown,
    /// All protection of the repository was switched off.
    Off(&'a Evidence),
    /// Its rule was removed, and no other matches it.
    Removed(&'a Evidence),
    Rule(&'a Evidence, &'a BranchRule),
}

/// What was in force for a branch at `at`: a rule for exactly it before any pattern, and of patterns the oldest, as the forge
/// has it (GitHub, "Managing a branch protection rule").
fn in_force<'a>(scope: &Scope<'a>, repository: &str, branch: &str, at: Time) -> InForce<'a> {
    let rule = |e: &'a Evidence| Some((e, is_about(e, repository, branch)?));
    // That a rule is gone, or all were switched, is dated by the last push before: what came with that push came before it.
    let by_push = |rule: &BranchRule| rule.removed || rule.switched.is_some();
    let told = |(e, rule): &(&'a Evidence, &'a BranchRule)| e.at() < at || e.at() == at && !by_push(rule);
    let all: Vec<(&Evidence, &BranchRule)> = scope.input.context.iter().filter_map(rule).filter(told).collect();
    // That a rule is gone, or all are off, counts from whomever we hear it; that one holds, from the forge alone. Where the
    // forge says anything, nobody is believed beside it.
    let heard = all.iter().any(|(e, _)| e.is_observed());
    let counts = |e: &Evidence, rule: &BranchRule| {
        is_bad(rule) || if heard { e.is_observed() } else { e.is_believed(scope.input.product) }
    };
    let mut newest: BTreeMap<&str, (&Evidence, &BranchRule)> = BTreeMap::new();
    for (e, rule) in all.into_iter().filter(|(e, rule)| counts(e, rule)) {
        // Of what was switched with no push between, the order in which we heard it tells; else bad news is the later.
        let order = |e: &Evidence, rule: &BranchRule| match rule.switched {
            Some(_) => (e.at(), e.received, is_bad(rule), e.log_index),
            None => (e.at(), Time::default(), is_bad(rule), e.log_index),
        };
        let known = newest.entry(&rule.pattern).or_insert((e, rule));
        if order(e, rule) >= order(known.0, known.1) {
            *known = (e, rule);
        }
    }
    if let Some((e, _)) = newest.remove("").filter(|(_, rule)| rule.switched == Some(false)) {
        return InForce::Off(e);
    }
    let (gone, standing): (Vec<_>, Vec<_>) = newest.into_values().partition(|(_, rule)| rule.removed);
    let age = |(e, rule): &(&'a Evidence, &'a BranchRule)| {
        (rule.pattern != branch, rule.created_at.unwrap_or_else(|| e.at()), e.log_index)
    };
    match (standing.into_iter().min_by_key(age), gone.into_iter().max_by_key(|(e, _)| (e.at(), e.log_index))) {
        (Some((e, rule)), _) => InForce::Rule(e, rule),
        (None, Some((e, _))) => InForce::Removed(e),
        (None, None) => InForce::Unknown,
    }
}

/// Whether something tells that protection is gone.
fn is_bad(rule: &BranchRule) -> bool {
    rule.removed || rule.switched == Some(false)
}

/// The rule in a piece of evidence, if it is one for that branch.
fn is_about<'a>(e: &'a Evidence, repository: &str, branch: &str) -> Option<&'a BranchRule> {
    match &e.signal.facts {
        Facts::BranchRule(r) if r.repository == repository && (r.switched.is_some() || covers(&r.pattern, branch)) => {
            Some(r)
        }
        _ => None,
    }
}

/// `main`, `release/*`, `**/*`: a star stands for anything within a part of the name.
fn covers(pattern: &str, branch: &str) -> bool {
    let mode = gix_glob::wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
    pattern == branch || gix_glob::wildmatch(pattern.into(), branch.into(), mode)
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn patterns_match_as_forges_match_them() {
        for (pattern, branch, matches) in [
            ("main", "main", true),
            ("main", "mains", false),
            ("*", "main", true),
            ("*", "release/1", false),
            ("release/*", "release/1", true),
            ("release/*", "release/1/hot", false),
            ("release/**/*", "release/1/hot", true),
            ("rel*/[0-9]", "release/4", true),
            ("", "main", false),
        ] {
            assert_eq!(covers(pattern, branch), matches, "{pattern} {branch}");
        }
    }
}
