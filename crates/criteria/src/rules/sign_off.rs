//! Somebody signed exactly this build, with a stated meaning (21 CFR 11.50).

use certrail_domain::{
    Cause, Facts, Truth, Verdict,
    facts::{Approval, ApprovalVerdict},
};

use super::{
    Found, Scope,
    approval::{same_object, told_back},
    release_row,
};

pub(super) fn check(scope: &Scope<'_>, meaning: &str) -> Found {
    let (mut stale, mut told) = (None, None);
    let (mut yes, mut own) = (None, None);
    let wrote = |a: &Approval| a.approver.as_ref().map_or(Truth::Unknown, |by| scope.wrote(&by.account));
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
        // A no is taken back by whoever said it, and by no artefact that joins.
        if a.verdict != ApprovalVerdict::Rejected && !same_object(scope, (e, a), None) {
            stale = stale.or(Some((who, inputs)));
            continue;
        }
        match a.verdict {
            ApprovalVerdict::Approved if !scope.input.product.sole_decider && wrote(a) != Truth::False => {
                let (verdict, cause, sentence) = match wrote(a) {
                    Truth::True => (
                        Verdict::Failed,
                        Cause::NotIndependent,
                        format!(
                            "{who} signed this build and is one of its authors; somebody who wrote none of it has to."
                        ),
                    ),
                    _ => (
                        Verdict::Indeterminate,
                        Cause::IdentityUncertain,
                        format!(
                            "{who} signed this build, and may be one of its authors under another account; link the accounts to people."
                        ),
                    ),
                };
                own = own.or(Some(release_row(scope, verdict, cause, sentence, inputs)));
            }
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
    if let Some(row) = yes.or(own) {
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
