//! T32: it was checked after deployment, soon, in the same place.

use std::collections::BTreeMap;

use certrail_domain::{
    Cause, Facts, Key, Row, Subject, Time, Truth, Verdict,
    facts::{Validation, same_environment},
    plain,
};

use super::{Found, Rule, Scope, scan::short_digest};
use crate::{Evidence, world::DeploymentView};

pub(super) fn check(scope: &Scope<'_>, environment: &str, within_hours: i64) -> Found {
    // What comes after production is awaited; what comes before it has to be there.
    let production =
        scope.input.product.calls_production(environment) || same_environment(environment, Rule::PRODUCTION);
    let mut deployed: Vec<&DeploymentView<'_>> = super::approval::deployments_to(scope, environment).collect();
    deployed.sort_by_key(|d| (d.start.at, &d.id));
    // What comes before production is asked of what runs there now: earlier deployments are behind it.
    let asked: Vec<&DeploymentView<'_>> =
        if production { deployed.clone() } else { running(scope, &deployed).into_iter().collect() };
    let rows: Vec<Row> = asked.iter().map(|d| one(scope, d, &deployed, within_hours)).collect();
    let missing = if production || rows.is_empty() { Vec::new() } else { not_deployed(scope, &asked) };
    let pending = production && rows.iter().all(|row| row.cause == Cause::NotYet);
    let fallback = match production {
        true => (Verdict::Missing, Cause::NotYet, format!("It is not deployed to {environment} yet.")),
        false => {
            (Verdict::Missing, Cause::Absent, format!("Nobody checked it on {environment}: it was not deployed there."))
        }
    };
    let absent = missing.into_iter().map(|digest| {
        let subject =
            Subject { id: Key::digest(&digest).to_string(), name: format!("artefact {}", short_digest(&digest)) };
        let sentence = format!("It was not deployed to {environment}, and so not checked there.");
        Row { subject, verdict: Verdict::Missing, cause: Cause::Absent, sentence, inputs: Vec::new(), exception: None }
    });
    Found { pending, fallback, ..Found::rows(rows.into_iter().chain(absent).collect()) }
}

/// What runs where something is tried: the newest deployment of each artefact, and the newest of all but for what carries none of
/// them, which is of something else in the same repository.
fn running<'d, 'a>(scope: &Scope<'_>, deployed: &[&'d DeploymentView<'a>]) -> Vec<&'d DeploymentView<'a>> {
    let own = |d: &&&DeploymentView<'_>| is_own(scope, d);
    let newest = deployed.iter().rev().find(own).copied();
    let of =
        |digest: &String| deployed.iter().rev().find(|d| d.digests.is_empty() || d.digests.contains(digest)).copied();
    let mut running: Vec<&DeploymentView<'_>> =
        scope.input.release.digests.iter().filter_map(of).chain(newest).collect();
    running.sort_by_key(|d| (d.start.at, &d.id));
    running.dedup_by(|a, b| a.id == b.id);
    running
}

/// The artefacts of the release that joined it after whatever runs there was deployed, and that nothing there carries: what was there
/// then and does not run there is not for running there.
fn not_deployed(scope: &Scope<'_>, running: &[&DeploymentView<'_>]) -> Vec<String> {
    let carried = |digest: &&String| running.iter().any(|d| d.digests.is_empty() || d.digests.contains(*digest));
    let newest = running.iter().map(|d| d.heard).max().unwrap_or_default();
    let joined_later = |digest: &&String| scope.input.joined.get(*digest).is_none_or(|joined| *joined > newest);
    let of_release = scope.input.release.digests.iter();
    of_release.filter(|digest| !carried(digest)).filter(joined_later).cloned().collect()
}

/// How a deployment was checked.
fn one(scope: &Scope<'_>, d: &DeploymentView<'_>, deployed: &[&DeploymentView<'_>], within_hours: i64) -> Row {
    let within = within_hours * 3600 * Time::SECOND;
    let environment = &d.newest.environment;
    let end = d.succeeded.unwrap_or(d.start);
    let checks = checks(scope, d, deployed);
    let newest = newest_of_each(&checks);
    let failed = newest.values().find(|(_, v)| !v.passed);
    let in_time = checks.iter().find(|(e, v)| v.passed && e.at().since(end.at) <= within);
    let (verdict, cause, sentence) = match (in_time, failed) {
        _ if another_build(scope, d) => (
            Verdict::Failed,
            Cause::WrongSubject,
            format!("What was deployed to {environment} is another build than this release."),
        ),
        (_, Some((_, v))) => {
            (Verdict::Failed, Cause::Negative, format!("{} did not hold after the deployment.", v.name))
        }
        (Some((e, v)), None) => (
            Verdict::Passed,
            Cause::Satisfied,
            format!("{} held {} after the deployment.", v.name, crate::spans(end.at, e.at())),
        ),
        (None, None) if scope.world.clock.is_longer_ago(end.at, within) => {
            (Verdict::Missing, Cause::Absent, format!("Nobody checked within {within_hours} hours of the deployment."))
        }
        (None, None) => {
            (Verdict::Missing, Cause::NotYet, format!("A check is due within {within_hours} hours of the deployment."))
        }
    };
    let subject = Subject {
        id: format!("deployment:{}", d.id),
        name: format!("deployment to {environment} on {}", end.at.human()),
    };
    Row {
        subject,
        verdict,
        cause,
        sentence,
        inputs: checks.iter().map(|(e, _)| e.id.clone()).collect(),
        exception: None,
    }
}

type Check<'a> = (&'a Evidence, &'a Validation);

/// The checks of a deployment: those of its environment from then on, up to the next one there that replaces it.
fn checks<'a>(scope: &Scope<'a>, d: &DeploymentView<'_>, deployed: &[&DeploymentView<'_>]) -> Vec<Check<'a>> {
    let end = d.succeeded.unwrap_or(d.start);
    let there = |other: &&&DeploymentView<'_>| same_environment(&other.newest.environment, &d.newest.environment);
    let replaces = |other: &&&DeploymentView<'_>| {
        d.digests.is_empty()
            || other.digests.is_empty()
            || !d.digests.is_disjoint(&other.digests)
            || !is_own(scope, other)
    };
    let next = deployed
        .iter()
        .filter(there)
        .filter(replaces)
        .filter_map(|other| other.succeeded)
        .map(|s| s.at)
        .filter(|at| *at > end.at)
        .min();
    let told = scope.world.usable.iter().filter_map(|e| match &e.signal.facts {
        Facts::Validation(v) if same_environment(&v.environment, &d.newest.environment) => Some((*e, v)),
        _ => None,
    });
    // By clocks that may differ; what says itself that it was earlier was.
    told.filter(|(e, _)| end.before(e.interval()) != Truth::False && e.at() >= end.at)
        .filter(|(e, _)| next.is_none_or(|next| e.at() < next))
        .collect()
}

/// The newest word about each thing that was checked: a check that is repeated heals, one that fails later is bad news whenever it
/// comes, and no other check stands in for it.
fn newest_of_each<'a>(checks: &[Check<'a>]) -> BTreeMap<String, Check<'a>> {
    let mut newest: BTreeMap<String, Check<'a>> = BTreeMap::new();
    for (e, v) in checks {
        let known = newest.entry(plain(&v.name)).or_insert((e, v));
        if (e.at(), e.log_index) >= (known.0.at(), known.0.log_index) {
            *known = (e, v);
        }
    }
    newest
}

/// Whether something else than the release was deployed: of another commit, or with none of its artefacts. That it works tells
/// nothing of the release.
fn another_build(scope: &Scope<'_>, d: &DeploymentView<'_>) -> bool {
    d.commits.iter().any(|commit| Some(commit) != scope.input.release.commit.as_ref()) || !is_own(scope, d)
}

/// Whether something of the release was deployed; what names no artefact may be it.
fn is_own(scope: &Scope<'_>, d: &DeploymentView<'_>) -> bool {
    let own = &scope.input.release.digests;
    d.digests.is_empty() || own.is_empty() || d.digests.iter().any(|digest| own.contains(digest))
}
