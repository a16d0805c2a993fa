//! T23: production got only what was certified before.

use certrail_domain::{Cause, Interval, Row, Subject, Truth, Verdict};

use super::{Found, Scope, rule};
use crate::certified_before;

pub(super) fn check(scope: &Scope<'_>) -> Found {
    let mut rules = Vec::new();
    let rows: Vec<Row> = scope
        .world
        .production()
        .map(|d| {
            let before = |at| Interval::new(at, Interval::SERVER).before(d.start);
            let elsewhere = d.commits.iter().find(|commit| Some(*commit) != scope.input.release.commit.as_ref());
            let truth = match elsewhere {
                None => certified_before(scope.input.certifications, before, &d.digests),
                Some(_) => Truth::False,
            };
            let (verdict, cause, sentence) = match (truth, elsewhere) {
                (_, Some(commit)) => {
                    let short: String = commit.chars().take(7).collect();
                    let sentence = format!("What went to {} is of another commit, {short}.", d.newest.environment);
                    (Verdict::Failed, Cause::WrongSubject, sentence)
                }
                (Truth::True, None) => {
                    (Verdict::Passed, Cause::Satisfied, "It was certified before it went to production.".to_owned())
                }
                (Truth::Unknown, None) => (
                    Verdict::Indeterminate,
                    Cause::ClockUncertain,
                    "It was certified so close to the deployment that the clocks cannot tell which was first."
                        .to_owned(),
                ),
                (Truth::False, None) => (
                    Verdict::Failed,
                    Cause::Absent,
                    format!("It went to {} without a valid decision.", d.newest.environment),
                ),
            };
            let id = format!("deployment:{}", d.id);
            rules.push(rule("T23", &id, truth, sentence.clone(), d.evidence.clone()));
            let name = format!("deployment to {} on {}", d.newest.environment, d.start.at.human());
            Row { subject: Subject { id, name }, verdict, cause, sentence, inputs: d.evidence.clone(), exception: None }
        })
        .collect();
    let pending = rows.is_empty();
    Found {
        rules,
        pending,
        fallback: (Verdict::Missing, Cause::NotYet, "It has not gone to production yet.".into()),
        ..Found::rows(rows)
    }
}
