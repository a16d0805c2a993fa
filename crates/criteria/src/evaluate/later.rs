//! What went to production more than once is judged as of each time (T24): what was fresh, in force or unknown when it first went
//! out may have ended, or become known, before it did again.

use certrail_domain::{Cause, Facts, Interval, Row, Subject, Time, Verdict};

use super::{Judged, judge};
use crate::{
    Input, Requirement, World,
    rules::{Found, Scope},
    world::DeploymentView,
};

/// Later deployments that are looked at; one that nothing could tell from the one before it is none. Of a release with more of
/// them it is not told whether everything held.
const MOST: usize = 20;

/// Adds what did not hold when the release went to production again, where it held the time before.
pub(super) fn look_again(
    first: &World<'_>,
    input: &Input<'_>,
    judged: &mut [Judged<'_>],
    run: &dyn Fn(&Requirement, &Scope<'_>) -> Found,
) {
    let mut out: Vec<&DeploymentView<'_>> = first.production().filter(|d| d.start.at > first.as_of.now()).collect();
    out.sort_by_key(|d| d.start.at);
    let mut before = (first.as_of.now(), first.as_of.turn());
    let mut looked = 0;
    for deployment in out {
        if !may_differ(input, before, deployment.start) {
            continue;
        }
        looked += 1;
        if looked > MOST {
            let mut of_evidence = judged.iter_mut().filter(|one| !one.requirement.check.looks_at_each_deployment());
            if let Some(one) = of_evidence.next() {
                one.rows.push(too_many(deployment));
            }
            return;
        }
        let world = World::as_of_deployment(input, deployment.start);
        let scope = Scope { input, world: &world };
        for one in judged.iter_mut().filter(|one| !one.requirement.check.looks_at_each_deployment()) {
            let again = judge(one.requirement, run(one.requirement, &scope), &scope, &mut Vec::new());
            let bad: Vec<Row> = again.rows.into_iter().filter(|row| !row.verdict.opens_gate()).collect();
            let new = bad.into_iter().filter(|row| !is_bad_already(&one.rows, row));
            let new: Vec<Row> = new.map(|row| of_deployment(row, deployment)).collect();
            one.rows.extend(new);
        }
        before = (deployment.start.at, world.as_of.turn());
    }
}

/// Whether anything could tell a deployment from one that began at `since`: the clock alone, from `turn` on, or what happened or was
/// heard in between.
fn may_differ(input: &Input<'_>, (since, turn): (Time, Option<Time>), began: Interval) -> bool {
    let between = |at: Time| since < at && at <= began.at.plus(began.epsilon);
    let told = input.evidence.iter().chain(input.context);
    turn.is_some_and(|turn| turn <= began.at)
        || told
            .filter(|e| !matches!(e.signal.facts, Facts::Deployment(_) | Facts::Validation(_)))
            .any(|e| between(e.at()) || between(e.received))
}

fn is_bad_already(rows: &[Row], row: &Row) -> bool {
    rows.iter().any(|known| known.subject.id == row.subject.id && !known.verdict.opens_gate())
}

fn too_many(deployment: &DeploymentView<'_>) -> Row {
    let at = deployment.start.at.human();
    let subject = Subject { id: format!("deployment:{}", deployment.id), name: format!("deployments from {at} on") };
    let sentence = format!("It went to production so often that from {at} on it was not judged for each time.");
    let (verdict, cause) = (Verdict::Indeterminate, Cause::Error);
    Row { subject, verdict, cause, sentence, inputs: deployment.evidence.clone(), exception: None }
}

/// A row as of a later deployment.
fn of_deployment(row: Row, deployment: &DeploymentView<'_>) -> Row {
    let at = deployment.start.at.human();
    let subject =
        Subject { id: format!("{}@{}", row.subject.id, deployment.id), name: format!("{}, on {at}", row.subject.name) };
    let to = &deployment.newest.environment;
    Row { subject, sentence: format!("When it went to {to} again on {at}: {}", row.sentence), ..row }
}
