//! T03–T07: each change was approved before it was merged, on its final version, by somebody who
//! wrote none of it and did not push last.

use certrail_domain::{
    Actor, ActorKind, Cause, Row, RuleResult, Subject, Time, Truth, Verdict, facts::ReviewVerdict, shown_account,
};

use super::{Found, Scope, rule};
use crate::world::{ChangeView, ReviewView, last_words};

/// What it means that a release has no changes: not that all were reviewed.
pub(super) fn no_changes() -> (Verdict, Cause, String) {
    (Verdict::Missing, Cause::NoSubjects, "We know of no change in this release.".to_owned())
}

pub(super) fn check(scope: &Scope<'_>, approvals: u64) -> Found {
    let mut rows = Vec::new();
    let mut rules = Vec::new();
    for change in scope.world.changes_of_line() {
        let (row, mut results) = one(scope, change, approvals.max(1));
        rows.push(row);
        rules.append(&mut results);
    }
    if scope.input.release.range_partial && !rows.is_empty() {
        let sentence =
            "The commit range could not be followed to the release before, so there may be changes we do not know.";
        rows.push(super::release_row(scope, Verdict::Indeterminate, Cause::Error, sentence, vec![]));
    }
    Found { rules, fallback: no_changes(), ..Found::rows(rows) }
}

/// How one approval stands.
struct Approval<'a> {
    by: &'a str,
    at: Time,
    before_merge: Truth,
    final_revision: bool,
    /// The change was to go to another branch when they looked at it.
    other_target: Option<&'a str>,
    /// Wrote none of it.
    independent: Truth,
    /// Did not push its last version.
    not_pusher: Truth,
    human: bool,
}

impl Approval<'_> {
    /// As people read it.
    fn who(&self) -> &str {
        shown_account(self.by)
    }
}

fn one(scope: &Scope<'_>, change: &ChangeView<'_>, needed: u64) -> (Row, Vec<RuleResult>) {
    let inputs: Vec<_> =
        change.evidence.iter().cloned().chain(change.reviews.iter().map(|r| r.evidence.id.clone())).collect();
    let row = |verdict, cause, sentence: String| Row {
        subject: Subject { id: change.id.clone(), name: change.name.clone() },
        verdict,
        cause,
        sentence,
        inputs: inputs.clone(),
        exception: None,
    };
    if let Some(of) = &change.unclear_of {
        let sentence = format!(
            "{} came to {} with {of}, and nothing tells whether it is part of it; a checkout does: `certrail release cut`.",
            change.name, change.target.1
        );
        return (row(Verdict::Indeterminate, Cause::Error, sentence), vec![]);
    }
    if change.change.is_none() {
        let sentence = format!("{} went to {} without a change, so nobody reviewed it.", change.name, change.target.1);
        return (row(Verdict::Failed, Cause::Absent, sentence), vec![]);
    }
    let identities = scope.input.identities;
    let latest = last_words(&change.reviews, change.merging(), identities);
    let newest = |verdict: ReviewVerdict| {
        let told = latest.values().filter(move |v| v.review.verdict == verdict);
        told.filter_map(|v| Some((v.review.reviewer.as_ref()?, *v)))
    };
    // What the forge saw tells more than what was only told.
    let rejecting =
        newest(ReviewVerdict::ChangesRequested).min_by_key(|(_, v)| v.only_told).map(|(by, v)| (by, v.only_told));
    let set_aside = |by: &Actor| {
        let view =
            change.reviews.iter().find(|v| v.by_author && identities.same(reviewer(v), &by.account) == Truth::True);
        view.and_then(|v| v.review.set_aside_by.as_ref()).map(|who| shown_account(&who.account))
    };
    let given: Vec<Approval<'_>> = newest(ReviewVerdict::Approved)
        .map(|(by, v)| Approval {
            by: &by.account,
            at: v.evidence.at(),
            before_merge: change.merging().map_or(Truth::True, |merged| merged.follows(v.evidence)),
            other_target: v.other_target,
            final_revision: v.review.revision.is_some() && v.review.revision.as_deref() == change.head,
            independent: !identities.among(&by.account, change.authors.iter().copied()),
            not_pusher: change.last_pusher.map_or(Truth::Unknown, |p| !identities.same(p, &by.account)),
            human: by.kind == ActorKind::Human,
        })
        .collect();
    let good: Vec<&Approval<'_>> = given
        .iter()
        .filter(|a| a.final_revision && a.other_target.is_none())
        .filter(|a| a.independent == Truth::True && a.human && a.before_merge == Truth::True)
        .collect();
    let not_pusher: Vec<&&Approval<'_>> = good.iter().filter(|a| a.not_pusher == Truth::True).collect();
    let results = results(change, &given, &inputs);
    // Two accounts of one person are one approval.
    let mut people: Vec<&str> = Vec::new();
    for approval in &good {
        // Where it cannot be told, they may be one.
        if people.iter().all(|counted| identities.same(counted, approval.by) == Truth::False) {
            people.push(approval.by);
        }
    }
    let enough = people.len() as u64 >= needed;
    let row = if let Some((by, only_told)) = rejecting {
        let name = &change.name;
        let aside = set_aside(by);
        let by = shown_account(&by.account);
        let sentence = if let Some(who) = aside {
            format!("{by} asked for changes in {name}, and {who}, who may be one of its authors, set that aside.")
        } else if only_told {
            format!(
                "That {by} asked for changes in {name} was only reported. It stands until it is reported as dismissed."
            )
        } else {
            format!("{by} asked for changes in {name} and did not take that back.")
        };
        row(Verdict::Failed, Cause::Negative, sentence)
    } else if enough && !not_pusher.is_empty() {
        let first = not_pusher[0];
        let when = change.merged.map_or_else(
            || "it is not merged yet".to_owned(),
            |m| format!("{} before it was merged", crate::spans(first.at, m.at)),
        );
        row(
            Verdict::Passed,
            Cause::Satisfied,
            format!("{} approved the final version of {}; {when}.", first.who(), change.name),
        )
    } else if enough && change.last_pusher.is_none() {
        row(
            Verdict::Indeterminate,
            Cause::Error,
            format!("Nobody told us who pushed the final version of {}.", change.name),
        )
    } else if enough && good.iter().any(|a| a.not_pusher == Truth::Unknown) {
        row(
            Verdict::Indeterminate,
            Cause::IdentityUncertain,
            format!(
                "Whoever approved {} may be the one who pushed to it last; link the accounts to people.",
                change.name
            ),
        )
    } else if enough {
        row(
            Verdict::Failed,
            Cause::NotIndependent,
            format!("The only one who approved {} also pushed to it last.", change.name),
        )
    } else {
        shortfall(change, &given, people.len(), needed, row)
    };
    (row, results)
}

/// Whose review it is.
fn reviewer<'a>(view: &ReviewView<'a>) -> &'a str {
    view.review.reviewer.as_ref().map_or("", |actor| &actor.account)
}

/// Why the approvals that are there do not suffice: the most telling reason.
fn shortfall(
    change: &ChangeView<'_>,
    given: &[Approval<'_>],
    good: usize,
    needed: u64,
    row: impl Fn(Verdict, Cause, String) -> Row,
) -> Row {
    let name = &change.name;
    if good > 0 {
        return row(Verdict::Failed, Cause::BelowThreshold, format!("{good} of {needed} people approved {name}."));
    }
    let of_it = |a: &&Approval<'_>| a.final_revision && a.human;
    if let Some(a) = given.iter().filter(of_it).find(|a| a.independent == Truth::Unknown) {
        let sentence = format!(
            "{} approved {name}, and may be one of its authors under another account; link the accounts to people.",
            a.who()
        );
        return row(Verdict::Indeterminate, Cause::IdentityUncertain, sentence);
    }
    if let Some(a) =
        given.iter().filter(of_it).find(|a| a.independent == Truth::True && a.before_merge == Truth::Unknown)
    {
        let sentence =
            format!("{} approved {name} so close to the merge that the clocks cannot tell which came first.", a.who());
        return row(Verdict::Indeterminate, Cause::ClockUncertain, sentence);
    }
    if let Some(a) = given.iter().find(|a| a.before_merge == Truth::False) {
        return row(Verdict::Failed, Cause::TooLate, format!("{} approved {name} only after it was merged.", a.who()));
    }
    if let Some(a) = given.iter().find(|a| !a.final_revision) {
        return row(
            Verdict::Failed,
            Cause::Stale,
            format!("{} approved {name} before its last commit; nobody approved the final version.", a.who()),
        );
    }
    if let Some((a, other)) = given.iter().find_map(|a| Some((a, a.other_target?))) {
        let sentence = format!("{} approved {name} when it was to go to {other}, not to {}.", a.who(), change.target.1);
        return row(Verdict::Failed, Cause::Stale, sentence);
    }
    if let Some(a) = given.iter().find(|a| !a.human) {
        return row(
            Verdict::Failed,
            Cause::NotIndependent,
            format!("{} approved {name}, and is not known to be a person.", a.who()),
        );
    }
    if let Some(a) = given.iter().find(|a| a.independent == Truth::False) {
        return row(
            Verdict::Failed,
            Cause::NotIndependent,
            format!("{} approved {name} and is one of its authors.", a.who()),
        );
    }
    let opinion = change.reviews.iter().find(|v| !v.is_counted() && v.review.verdict == ReviewVerdict::Approved);
    if let Some(who) = opinion.and_then(|v| v.review.reviewer.as_ref()) {
        let sentence = format!(
            "{} approved {name}, and is no member or collaborator of {}: the forge does not count that.",
            shown_account(&who.account),
            change.target.0
        );
        return row(Verdict::Failed, Cause::NotIndependent, sentence);
    }
    row(Verdict::Missing, Cause::Absent, format!("We hold no approval of {name}."))
}

/// T03, T04, T05 and T07 for the approvals of one change: each holds if some approval fulfils it.
fn results(change: &ChangeView<'_>, given: &[Approval<'_>], inputs: &[certrail_domain::EvidenceId]) -> Vec<RuleResult> {
    if given.is_empty() {
        let sentence = format!("No approval of {} was recorded.", change.name);
        return vec![rule("T03", &change.id, Truth::False, sentence, inputs.to_vec())];
    }
    let before = Truth::any(given.iter().map(|a| a.before_merge));
    let fresh = Truth::any(given.iter().map(|a| a.final_revision.into()));
    let separate = Truth::any(given.iter().map(|a| a.not_pusher));
    let independent = Truth::any(given.iter().filter(|a| a.human).map(|a| a.independent));
    let name = &change.name;
    let yes_no = |truth: Truth, yes: &str, no: &str, unknown: &str| match truth {
        Truth::True => format!("{name}: {yes}"),
        Truth::False => format!("{name}: {no}"),
        Truth::Unknown => format!("{name}: {unknown}"),
    };
    vec![
        rule(
            "T03",
            &change.id,
            before,
            yes_no(
                before,
                "approved before it was merged.",
                "approved only after it was merged.",
                "approved so close to the merge that the clocks cannot tell.",
            ),
            inputs.to_vec(),
        ),
        rule(
            "T04",
            &change.id,
            fresh,
            yes_no(fresh, "the approval is of the final version.", "the approval is of an earlier version.", ""),
            inputs.to_vec(),
        ),
        rule(
            "T05",
            &change.id,
            separate,
            yes_no(
                separate,
                "somebody other than the last pusher approved.",
                "only the last pusher approved.",
                "it cannot be told whether somebody other than the last pusher approved.",
            ),
            inputs.to_vec(),
        ),
        rule(
            "T07",
            &change.id,
            independent,
            yes_no(
                independent,
                "somebody who wrote none of it approved.",
                "only authors or programs approved.",
                "it cannot be told whether those who approved wrote none of it.",
            ),
            inputs.to_vec(),
        ),
    ]
}
