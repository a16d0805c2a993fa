//! Enough lines are covered, on exactly this release.

use certrail_domain::{Cause, Facts, Verdict};

use super::{About, Found, Scope, release_row};

pub(super) fn check(scope: &Scope<'_>, lines_percent: u64) -> Found {
    let mut elsewhere = false;
    for e in scope.newest_first() {
        let Facts::Coverage(coverage) = &e.signal.facts else { continue };
        if scope.about(e, &[]) == About::Other {
            elsewhere = true;
            continue;
        }
        let inputs = vec![e.id.clone()];
        if !coverage.complete {
            let sentence = "The coverage report breaks off; it cannot tell.";
            return Found::rows(vec![release_row(scope, Verdict::Indeterminate, Cause::Error, sentence, inputs)]);
        }
        let row = match coverage.line_basis_points() {
            None => {
                release_row(scope, Verdict::Indeterminate, Cause::Empty, "The coverage report lists no line.", inputs)
            }
            Some(points) => {
                let shown =
                    format!("{}.{:02}% of {} lines are covered", points / 100, points % 100, coverage.lines_total);
                if points >= lines_percent * 100 {
                    release_row(
                        scope,
                        Verdict::Passed,
                        Cause::Satisfied,
                        format!("{shown}; {lines_percent}% are asked for."),
                        inputs,
                    )
                } else {
                    release_row(
                        scope,
                        Verdict::Failed,
                        Cause::BelowThreshold,
                        format!("{shown}; {lines_percent}% are asked for."),
                        inputs,
                    )
                }
            }
        };
        return Found::rows(vec![row]);
    }
    if elsewhere {
        return Found::nothing(
            Verdict::Missing,
            Cause::WrongSubject,
            "The coverage reports we hold are of other commits or builds.",
        );
    }
    Found::nothing(Verdict::Missing, Cause::Absent, "We hold no coverage report of this release.")
}
