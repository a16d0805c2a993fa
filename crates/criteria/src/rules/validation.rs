//! T32: it was checked after deployment, soon, in the same place.

use certrail_domain::{Cause, Facts, Row, Subject, Time, Truth, Verdict, facts::same_environment};

use super::{Found, Rule, Scope};

pub(super) fn check(scope: &Scope<'_>, environment: &str, within_hours: i64) -> Found {
    let within = within_hours * 3600 * Time::SECOND;
    let clock = &scope.world.clock;
    // What comes after production is awaited; what comes before it has to be there.
    let production =
        scope.input.product.calls_production(environment) || same_environment(environment, Rule::PRODUCTION);
    let mut pending = production;
    let all = || super::approval::deployments_to(scope, environment).filter_map(|d| d.succeeded.map(|end| (d, end)));
    // What comes before production is asked of what runs there now: an earlier try is behind it.
    let newest = all().map(|(d, _)| d.start.at).max();
    let rows: Vec<Row> = all()
        .filter(|(d, _)| production || Some(d.start.at) == newest)
        .map(|(d, end)| {
            let checks: Vec<_> = scope
                .world
                .usable
                .iter()
                .filter_map(|e| match &e.signal.facts {
                    Facts::Validation(v) if same_environment(&v.environment, &d.newest.environment) => Some((*e, v)),
                    _ => None,
                })
                // By clocks that may differ; what says itself that it was earlier was.
                .filter(|(e, _)| end.before(e.interval()) != Truth::False && e.at() >= end.at)
                .collect();
            // The newest word counts: a check that is repeated heals, and one that fails later is bad news whenever it comes.
            let last = checks.iter().max_by_key(|(e, _)| (e.at(), e.log_index));
            let failed = last.filter(|(_, v)| !v.passed);
            let in_time = checks.iter().find(|(e, v)| v.passed && e.at().since(end.at) <= within);
            let overdue = clock.is_longer_ago(end.at, within);
            let (verdict, cause, sentence) = match (in_time, failed) {
                (_, Some((_, v))) => {
                    (Verdict::Failed, Cause::Negative, format!("{} did not hold after the deployment.", v.name))
                }
                (Some((e, v)), None) => (
                    Verdict::Passed,
                    Cause::Satisfied,
                    format!("{} held {} after the deployment.", v.name, crate::spans(end.at, e.at())),
                ),
                (None, None) if overdue => (
                    Verdict::Missing,
                    Cause::Absent,
                    format!("Nobody checked within {within_hours} hours of the deployment."),
                ),
                (None, None) => (
                    Verdict::Missing,
                    Cause::NotYet,
                    format!("A check is due within {within_hours} hours of the deployment."),
                ),
            };
            pending &= cause == Cause::NotYet;
            Row {
                subject: Subject {
                    id: format!("deployment:{}", d.id),
                    name: format!("deployment to {} on {}", d.newest.environment, end.at.human()),
                },
                verdict,
                cause,
                sentence,
                inputs: checks.iter().map(|(e, _)| e.id.clone()).collect(),
                exception: None,
            }
        })
        .collect();
    Found {
        pending,
        fallback: match production {
            true => (Verdict::Missing, Cause::NotYet, format!("It is not deployed to {environment} yet.")),
            false => (
                Verdict::Missing,
                Cause::Absent,
                format!("Nobody checked it on {environment}: it was not deployed there."),
            ),
        },
        ..Found::rows(rows)
    }
}
