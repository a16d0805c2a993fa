//! Somebody signed exactly this build, with a stated meaning (21 CFR 11.50).

use certrail_domain::{Cause, Facts, Verdict, facts::ApprovalVerdict};

use super::{
    Found, Scope,
    approval::{same_object, told_back},
    release_row,
};

pub(super) fn check(scope: &Scope<'_>, meaning: &str) -> Found {
    let (mut stale, mut told) = (None, None);
    let mut yes = None;
    let mut heard = std::collections::BTreeSet::new();
    let taken_back = told_back(scope, meaning);
    for e in scope.newest_first() {
        let Facts::Approval(a) = &e.signal.facts else { continue };
        if a.meaning != meaning || taken_back.contains(&e.id) {
            continue;
        }
        let who = a.approver.as_ref().map_or("somebody", |p| p.shown());
        if a.verdict == ApprovalVerdict::Approved && !e.is_believed(scope.input.product) {
            told = told.or(Some((who, vec![e.id.clone()])));
            continue;
        }
        // The newest word of each person counts; one standing no is a no.
        if !heard.insert(a.approver.as_ref().map(|p| p.account.as_str())) {
            continue;
        }
        let inputs = vec![e.id.clone()];
        if !same_object(scope, a, None) {
            stale = stale.or(Some((who, inputs)));
            continue;
        }
        match a.verdict {
            ApprovalVerdict::Approved => {
                let sentence = format!("{who} signed exactly this build on {}.", e.at().human());
                yes = yes.or(Some(release_row(scope, Verdict::Passed, Cause::Satisfied, sentence, inputs)));
            }
            ApprovalVerdict::Rejected => {
                let sentence = format!("{who} looked at this build and said no.");
                return Found::rows(vec![release_row(scope, Verdict::Failed, Cause::Negative, sentence, inputs)]);
            }
            ApprovalVerdict::Withdrawn => {}
        }
    }
    if let Some(row) = yes {
        return Found::rows(vec![row]);
    }
    match stale {
        Some((who, inputs)) => {
            let sentence = format!("{who} signed another build than this one; it has to be asked for again.");
            Found::rows(vec![release_row(scope, Verdict::Failed, Cause::Stale, sentence, inputs)])
        }
        None if told.is_some() => {
            let (who, inputs) = told.unwrap_or_default();
            let sentence = format!(
                "That {who} signed this build was only reported; it counts when {who} signs in a session of theirs."
            );
            Found::rows(vec![release_row(scope, Verdict::Missing, Cause::NotObserved, sentence, inputs)])
        }
        None => Found::nothing(Verdict::Missing, Cause::Absent, "Nobody has signed this build yet."),
    }
}
