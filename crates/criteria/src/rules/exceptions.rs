//! T26, T27: every exception that was approved is still in force, and by somebody else than who asked.

use certrail_domain::{Cause, ExceptionState, Row, Subject, Truth, Verdict};

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
                (Verdict::Failed, Cause::Expired, format!("It ended on {}.", e.expires_at.date()))
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
