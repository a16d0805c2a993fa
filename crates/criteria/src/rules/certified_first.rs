//! T23: production got only what was certified before.

use certrail_domain::{Cause, Interval, Row, Subject, Time, Truth, Verdict, facts::same_environment};

use super::{Found, Scope, rule};
use crate::{stood_certified, world::DeploymentView};

pub(super) fn check(scope: &Scope<'_>) -> Found {
    let mut rules = Vec::new();
    let mut rows: Vec<Row> = scope
        .world
        .production()
        .map(|d| {
            let (truth, elsewhere) = certified(scope, d);
            let (verdict, cause, sentence) = match (truth, elsewhere) {
                (_, Some(commit)) => {
                    let short: String = commit.chars().take(7).collect();
                    let sentence = format!("What went to {} is of another commit, {short}.", d.newest.environment);
                    (Verdict::Failed, Cause::WrongSubject, sentence)
                }
                (Truth::True, None) => {
                    (Verdict::Passed, Cause::Satisfied, "It was certified before it went to production.".to_owned())
                }
                (Truth::Unknown, None) if d.told.is_some_and(|told| told > d.start.at.plus(Interval::SERVER)) => (
                    Verdict::Indeterminate,
                    Cause::NotObserved,
                    "That it went out while its certification stood is only told.".to_owned(),
                ),
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
            let row = row(d, (verdict, cause), sentence);
            rules.push(rule("T23", &row.subject.id, truth, row.sentence.clone(), d.evidence.clone()));
            row
        })
        .collect();
    let attempts: Vec<Row> = scope.world.attempts().filter_map(|d| begun(scope, d)).collect();
    let failed = attempts.iter().filter(|row| row.verdict == Verdict::Failed);
    rules
        .extend(failed.map(|row| rule("T23", &row.subject.id, Truth::False, row.sentence.clone(), row.inputs.clone())));
    let pending = rows.is_empty() && attempts.iter().all(|row| row.cause == Cause::NotYet);
    rows.extend(attempts);
    Found {
        rules,
        pending,
        fallback: (Verdict::Missing, Cause::NotYet, "It has not gone to production yet.".into()),
        ..Found::rows(rows)
    }
}

/// For so long nobody has to say how a deployment ended.
const UNDER_WAY: i64 = 3600 * Time::SECOND;

/// What is to be said of a deployment that began and is not known to have succeeded. One that was certified has still to end; where
/// a gate said no while it was under way and it ended, the gate stopped it.
fn begun(scope: &Scope<'_>, d: &DeploymentView<'_>) -> Option<Row> {
    let truth = certified(scope, d).0;
    if truth == Truth::True {
        return None;
    }
    let refused = |at: Interval| {
        scope.input.refusals.iter().any(|no| {
            let said = Interval::new(no.at, Interval::SERVER);
            same_environment(&no.environment, &d.newest.environment)
                && said.before(d.start) != Truth::True
                && at.before(said) != Truth::True
        })
    };
    let (environment, at) = (&d.newest.environment, d.start.at.human());
    let begun = format!("A deployment to {environment} began on {at} without a valid decision");
    let (outcome, sentence) = match d.ended {
        Some(ended) if refused(ended) => return None,
        _ if truth == Truth::Unknown => (
            (Verdict::Indeterminate, Cause::ClockUncertain),
            format!(
                "Whether a deployment to {environment} began on {at} while its certification stood cannot be told."
            ),
        ),
        Some(_) => (
            (Verdict::Failed, Cause::Absent),
            format!("{begun} and did not succeed; how much of it ran there is not known."),
        ),
        None if scope.world.clock.is_longer_ago(d.start.at, UNDER_WAY) => {
            ((Verdict::Failed, Cause::Absent), format!("{begun}, and nobody has said how it ended."))
        }
        None => ((Verdict::Missing, Cause::NotYet), format!("{begun}, and is under way.")),
    };
    Some(row(d, outcome, sentence))
}

/// Whether what was deployed was certified before; and the commit, where it is another one than the release's.
fn certified<'d>(scope: &Scope<'_>, d: &'d DeploymentView<'_>) -> (Truth, Option<&'d String>) {
    match d.commits.iter().find(|commit| Some(*commit) != scope.input.release.commit.as_ref()) {
        None => (stood_certified(scope.input.certifications, (d.start, d.told), &d.digests), None),
        elsewhere => (Truth::False, elsewhere),
    }
}

fn row(d: &DeploymentView<'_>, (verdict, cause): (Verdict, Cause), sentence: String) -> Row {
    let id = format!("deployment:{}", d.id);
    let name = format!("deployment to {} on {}", d.newest.environment, d.start.at.human());
    Row { subject: Subject { id, name }, verdict, cause, sentence, inputs: d.evidence.clone(), exception: None }
}
