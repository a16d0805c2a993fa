//! A deployment seals: what reached production, when, and whether a decision allowed it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use certrail_domain::{
    BindRule, Facts, Interval, Key, ReleaseState, Time, Truth,
    facts::{Deployment, DeploymentState},
};
use certrail_ledger::leaf::label;
use certrail_store::tables::{bindings, decisions, products, releases, signals::StoredSignal};
use serde::Serialize;

use crate::engine::{Batch, Fault};

#[derive(Serialize)]
struct Sealed<'a> {
    release: &'a str,
    shipped_at: Option<Time>,
    ungated: bool,
}

/// Looks at the deployments bound to a release and brings its state up to date.
pub(super) fn refresh(batch: &mut Batch<'_>, seq: i64) -> Result<(), Fault> {
    let Some(mut stored) = releases::by_seq(batch.tx, seq)? else { return Ok(()) };
    if stored.release.commit.is_none() {
        return Ok(());
    }
    let evidence = bindings::evidence_at(batch.tx, seq, u64::MAX >> 1)?;
    let Some(product) = products::get(batch.tx, &stored.release.product)? else { return Ok(()) };
    let release = &stored.release;
    let mut shipped: Option<Time> = None;
    // Each deployment by its own beginning and its own artefacts: what was deployed second is judged by itself (T23).
    let mut deployments: BTreeMap<(&str, &str), (Time, BTreeSet<&String>)> = BTreeMap::new();
    let (mut rollback, mut newest_rollback) = (false, None);
    for (signal, rule, _) in &evidence {
        let Facts::Deployment(d) = &signal.signal.facts else { continue };
        let counts = product.is_production(d) && d.state == DeploymentState::Succeeded;
        if !counts || !release.is_deployed_by(d, *rule) {
            continue;
        }
        let at = signal.signal.occurred_at.unwrap_or(signal.received);
        let start = started(&evidence, d).unwrap_or(at);
        shipped = Some(shipped.map_or(at, |known| known.min(at)));
        let known = deployments.entry((&d.system, &d.id)).or_insert_with(|| (start, BTreeSet::new()));
        known.0 = known.0.min(start);
        known.1.extend(&d.digests);
        if d.rollback {
            rollback = true;
            newest_rollback = newest_rollback.max(Some(at));
        }
    }
    let mut certifications = Vec::new();
    for d in decisions::of_release(batch.tx, release.id.as_str())? {
        if d.kind == "certification" && d.result == "PASSED" {
            let then = releases::at(batch.tx, seq, d.log_index)?.map(|r| r.digests).unwrap_or_default();
            certifications.push((Interval::new(Time::from_micros(d.decided), 0), then));
        }
    }
    let decided = deployments.values().all(|(start, digests)| {
        certifications.iter().any(|(at, then)| {
            // What was not there when somebody decided was not decided on.
            at.before(Interval::new(*start, Interval::SERVER)) != Truth::False
                && digests.iter().all(|digest| then.contains(digest))
        })
    });
    let state = match (release.state, shipped) {
        (ReleaseState::RolledBack, Some(_)) => ReleaseState::RolledBack,
        (_, Some(_)) => ReleaseState::Shipped,
        // What is production was set anew, and this never went there.
        (ReleaseState::Shipped | ReleaseState::RolledBack, None) if release.certified_at.is_some() => {
            ReleaseState::Certified
        }
        (ReleaseState::Shipped | ReleaseState::RolledBack, None) => ReleaseState::Cut,
        (state, None) => state,
    };
    let known = (release.state, release.shipped_at, release.ungated);
    let now = (state, shipped, shipped.is_some() && !decided);
    let version = release.version.clone();
    (stored.release.state, stored.release.shipped_at, stored.release.ungated) = now;
    if let Some(at) = shipped.filter(|_| rollback) {
        mark_rolled_back(batch, &stored, newest_rollback.unwrap_or(at))?;
    }
    if known == now {
        return Ok(());
    }
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    let mark = [label(&stored.label_key, stored.release.id.as_str())];
    let sealed = Sealed { release: stored.release.id.as_str(), shipped_at: now.1, ungated: now.2 };
    let act = match now {
        (_, None, _) => "release-unsealed",
        (_, _, true) => "release-ungated",
        _ => "release-sealed",
    };
    batch.control(act, "certrail", &mark, &sealed)?;
    Ok(())
}

/// When the same deployment began.
fn started(evidence: &[(Arc<StoredSignal>, BindRule, Key)], of: &Deployment) -> Option<Time> {
    evidence
        .iter()
        .filter_map(|(s, ..)| match &s.signal.facts {
            Facts::Deployment(d) if d.id == of.id && d.system == of.system && d.state == DeploymentState::Started => {
                Some(s.signal.occurred_at.unwrap_or(s.received))
            }
            _ => None,
        })
        .min()
}

/// Going back to an earlier release takes the later one out of production.
fn mark_rolled_back(batch: &mut Batch<'_>, target: &releases::StoredRelease, at: Time) -> Result<(), Fault> {
    // The newest that was out at that moment, whatever became of it since: going back twice takes back one release.
    let mut out = releases::in_state(batch.tx, &target.release.product, ReleaseState::Shipped)?;
    out.extend(releases::in_state(batch.tx, &target.release.product, ReleaseState::RolledBack)?);
    let newest = out
        .into_iter()
        .filter(|s| s.seq != target.seq)
        .filter(|s| s.release.shipped_at.is_some_and(|t| t <= at))
        .max_by_key(|s| s.release.shipped_at);
    if let Some(mut stored) = newest.filter(|s| s.release.state == ReleaseState::Shipped) {
        let version = stored.release.version.clone();
        stored.release.state = ReleaseState::RolledBack;
        releases::update(batch.tx, &stored, &version, batch.work_first)?;
        let mark = [label(&stored.label_key, stored.release.id.as_str())];
        batch.control("release-rolled-back", "certrail", &mark, &stored.release)?;
    }
    Ok(())
}
