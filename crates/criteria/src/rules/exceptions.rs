//! T26, T27: every exception that was approved is still in force, and by somebody else than who asked.

use certrail_domain::{Cause, Exception, ExceptionState, Row, Subject, Time, Truth, Verdict};

use super::{Found, Scope};

pub(super) fn check(scope: &Scope<'_>) -> Found {
    let clock = &scope.world.as_of;
    let rows: Vec<Row> = scope
        .input
        .exceptions
        .iter()
        .filter(|e| e.state == ExceptionState::Approved)
        .map(|e| {
            let stands = clock.holds(e.edges(), |now| e.in_force(now));
            let approver = || e.approver.as_deref().map_or("somebody", |account| scope.input.identities.name(account));
            let (verdict, cause, sentence) = if stands && scope.may_decide(e) == Truth::False {
                let sentence = format!("{} approved it, and is an author of what it excuses.", approver());
                (Verdict::Failed, Cause::NotIndependent, sentence)
            } else if stands && scope.may_decide(e) == Truth::Unknown {
                let sentence = format!(
                    "{} approved it, and may be an author of what it excuses under another account; link the accounts to people.",
                    approver()
                );
                (Verdict::Indeterminate, Cause::IdentityUncertain, sentence)
            } else if stands && e.alone {
                let until = e.expires_at.date();
                let sentence =
                    format!("It is in force until {until}, decided by its author or whoever asked; no separation of duties.");
                (Verdict::Passed, Cause::Satisfied, sentence)
            } else if stands {
                (Verdict::Passed, Cause::Satisfied, format!("It is in force until {}.", e.expires_at.date()))
            } else if clock.has_come(e.expires_at) {
                let ended = e.expires_at.date();
                match renewed(scope, e) {
                    Some(until) => {
                        let until = until.date();
                        (Verdict::Passed, Cause::Satisfied, format!("It ended on {ended}; another is in force until {until}."))
                    }
                    None => {
                        let sentence = format!("It ended on {ended}. Renew it, or revoke it where nothing rests on it any more.");
                        (Verdict::Failed, Cause::Expired, sentence)
                    }
                }
            } else {
                (
                    Verdict::Failed,
                    Cause::NotIndependent,
                    "It was not approved by somebody else, or not before it was used.".to_owned(),
                )
            };
            Row {
                subject: Subject { id: e.id.to_string(), name: format!("exception for {}", e.scope.requirement) },
                verdict,
                cause,
                sentence,
                inputs: vec![],
                exception: None,
            }
        })
        .collect();
    Found {
        fallback: (Verdict::NotApplicable, Cause::NoSubjects, "No exception was granted.".into()),
        ..Found::rows(rows)
    }
}

/// Until when another exception, in force, covers what an ended one did.
fn renewed(scope: &Scope<'_>, ended: &Exception) -> Option<Time> {
    let (clock, of) = (&scope.world.as_of, &ended.scope);
    let covers = |e: &&Exception| {
        e.scope.requirement == of.requirement && (e.scope.subject.is_none() || e.scope.subject == of.subject)
    };
    let in_force = |e: &&Exception| clock.holds(e.edges(), |now| e.in_force(now)) && scope.may_decide(e) == Truth::True;
    scope.input.exceptions.iter().filter(covers).filter(in_force).map(|e| e.expires_at).max()
}
