//! It is known what to go back to, and that was good once.

use certrail_domain::{Cause, Facts, Verdict};

use super::{Found, Scope, release_row};

pub(super) fn check(scope: &Scope<'_>) -> Found {
    for e in scope.newest_first() {
        let Facts::RollbackTarget(target) = &e.signal.facts else { continue };
        let inputs = vec![e.id.clone()];
        let row = if target.version == scope.input.release.version {
            release_row(
                scope,
                Verdict::Failed,
                Cause::WrongSubject,
                "The rollback target is this release itself.",
                inputs,
            )
        } else if target.plan.trim().is_empty() {
            release_row(
                scope,
                Verdict::Failed,
                Cause::Empty,
                format!("The way back to {} is not written down.", target.version),
                inputs,
            )
        } else if scope.input.known_versions.contains(&target.version) {
            release_row(
                scope,
                Verdict::Passed,
                Cause::Satisfied,
                format!("It can go back to {}, which is certified.", target.version),
                inputs,
            )
        } else {
            release_row(
                scope,
                Verdict::Indeterminate,
                Cause::Error,
                format!("{} is not another version that is certified and was not taken back.", target.version),
                inputs,
            )
        };
        return Found::rows(vec![row]);
    }
    Found::nothing(Verdict::Missing, Cause::Absent, "It is not recorded what to go back to.")
}
