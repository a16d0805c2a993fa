//! T26, T27: every exception that was approved is still in force, and by somebody else than who asked.

use certrail_domain::{Cause, ExceptionState, Row, Subject, Verdict};

use super::{Found, Scope};

pub(super) fn check(scope: &Scope<'_>) -> Found {
    let clock = &scope.world.as_of;
    let rows: Vec<Row> = scope
        .input
        .exceptions
        .iter()
        .filter(|e| e.state == ExceptionState::Approved)
        .map(|e| {
            let (verdict, cause, sentence) = if clock.holds(e.edges(), |now| e.in_force(now)) {
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
