//! What a decision about a finding would change, before anybody asks for it.

use std::collections::BTreeMap;

use certrail_criteria::{evaluate, open_findings};
use certrail_domain::{
    Action, ExceptionState, FindingDecision, FindingId, Problem, Reach, Release, ReleaseState, Time,
};
use certrail_store::{
    StoreError, Tx,
    tables::{
        findings, products,
        releases::{self, StoredRelease},
    },
};
use serde::Serialize;

use crate::{
    Caller,
    access::{On, allow},
    decide_finding::{NewFindingDecision, Opens, draft, find},
    engine::{Engine, Fault, internal},
    judge::{Judged, judge_in},
    track,
};

/// What a decision would change for one release on its way.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseEffect {
    /// `payments-api`.
    pub product: String,
    /// `2.4.1`.
    pub version: String,
    /// Percent of requirements met now.
    pub before: u64,
    /// Percent with the decision.
    pub after: u64,
    /// Its gate is closed now and would open.
    pub unblocks: bool,
    /// When it would be blocked by this finding if nothing else happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_at: Option<Time>,
    /// When it is planned to ship.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_at: Option<Time>,
}

/// What a decision would change.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// One sentence or two.
    pub sentence: String,
    /// When it would end.
    pub expires_at: Time,
    /// The releases on their way that have the finding.
    pub releases: Vec<ReleaseEffect>,
}

/// Releases of a product that are looked at: those on their way are among the newest.
const NEWEST: u64 = 30;

/// Whether a release is on its way: nothing decided yet, or certified and not out.
pub(crate) const fn on_its_way(release: &Release) -> bool {
    matches!(release.state, ReleaseState::Open | ReleaseState::Cut | ReleaseState::Certified)
}

/// The releases of a product that are on their way.
pub(crate) fn coming(tx: &Tx<'_>, product: &str) -> Result<Vec<StoredRelease>, StoreError> {
    let newest = releases::of_product(tx, product, None, NEWEST)?;
    Ok(newest.into_iter().filter(|s| on_its_way(&s.release)).collect())
}

/// Works out what the same decision about several findings would change. Nothing is recorded.
///
/// # Errors
/// What was asked for does not hold together, an unknown finding, a store that fails.
pub fn finding_effect(
    engine: &Engine,
    caller: &Caller,
    ids: &[String],
    new: &NewFindingDecision,
) -> Result<Effect, Problem> {
    let outcome = engine.store.read(|tx| Ok(effect_in(tx, engine, caller, ids, new))).map_err(|e| internal(&e))?;
    outcome.map_err(|fault| match fault {
        Fault::Problem(problem) => problem,
        Fault::Store(error) => internal(&error),
    })
}

fn effect_in(
    tx: &Tx<'_>,
    engine: &Engine,
    caller: &Caller,
    ids: &[String],
    new: &NewFindingDecision,
) -> Result<Effect, Fault> {
    let (now, position) = (engine.now(), engine.head().size());
    // By product: the finding's id there, and the decision as if somebody else had approved it.
    let mut by_product: BTreeMap<String, Vec<(FindingId, FindingDecision)>> = BTreeMap::new();
    let mut expires_at = now;
    let mut opens = Opens::new(position, now);
    for id in ids {
        let stored = find(tx, id)?;
        allow(caller, Action::Read, On::Product(&stored.finding.product))?;
        let open = opens.of(tx, &engine.criteria, &stored.finding.product, new.release.as_deref())?;
        let drafted = draft(tx, &stored, new, &caller.account(), now, open)?;
        let decision = FindingDecision {
            approver: Some(String::new()),
            state: ExceptionState::Approved,
            decided_at: Some(now),
            ..drafted
        };
        expires_at = expires_at.max(decision.expires_at);
        let names = match decision.reach {
            Reach::Everywhere { .. } => products::names(tx)?,
            _ => vec![decision.product.clone()],
        };
        for name in names {
            let key = track::key(&name, &decision.fingerprint);
            if findings::standing(tx, &key)?.is_some() {
                by_product.entry(name).or_default().push((FindingId::of_key(&key), decision.clone()));
            }
        }
    }
    let mut releases = Vec::new();
    for (product, decisions) in by_product {
        for stored in coming(tx, &product)? {
            let judged = judge_in(tx, &engine.criteria, &stored, position, now)?;
            releases.extend(on_release(judged, &decisions));
        }
    }
    Ok(Effect { sentence: words(&releases, now), expires_at, releases })
}

/// What decisions would change for a release; nothing if it has none of the findings.
fn on_release(mut judged: Judged, decisions: &[(FindingId, FindingDecision)]) -> Option<ReleaseEffect> {
    let release = judged.seen.release.clone();
    let limits = judged.criteria.limits();
    let mut found = false;
    let mut blocked_at: Option<Time> = None;
    {
        let input = judged.seen.input();
        let open = open_findings(&input);
        for (id, decision) in decisions {
            let Some(finding) = open.open.get(id.as_str()) else { continue };
            found = true;
            let due = limits.deadline(&finding.graded()).map(|d| d.at);
            let due = due.map(|due| if decision.reaches(&release) { due.max(decision.expires_at) } else { due });
            blocked_at = blocked_at.into_iter().chain(due).min();
        }
    }
    if !found {
        return None;
    }
    let known = &mut judged.seen.findings.decisions;
    known.extend(decisions.iter().cloned());
    known.sort_by(|a, b| a.0.cmp(&b.0));
    let digest = judged.evaluation.snapshot.criteria_digest.clone();
    let then = evaluate(&judged.criteria, &digest, &judged.seen.input()).evaluation;
    Some(ReleaseEffect {
        product: release.product,
        version: release.version,
        before: judged.evaluation.summary.percent,
        after: then.summary.percent,
        unblocks: !judged.evaluation.opens(false) && then.opens(false),
        blocked_at,
        planned_at: release.planned_at,
    })
}

/// "Would unblock 2.4.1 (95% → 100%). If not renewed, 2.5.0 (planned 4 May) is blocked on 30 Apr."
fn words(effects: &[ReleaseEffect], now: Time) -> String {
    let mut said: Vec<String> = effects
        .iter()
        .filter(|e| e.after > e.before || e.unblocks)
        .map(|e| {
            let verb = if e.unblocks { "unblock" } else { "help" };
            format!("Would {verb} {} {} ({}% → {}%).", e.product, e.version, e.before, e.after)
        })
        .collect();
    if said.is_empty() {
        said.push(match effects.len() {
            0 => "No release on its way has it.".to_owned(),
            _ => "Would change no verdict today.".to_owned(),
        });
    }
    let next = effects.iter().filter_map(|e| Some((e, e.blocked_at.filter(|at| *at > now)?))).min_by_key(|(_, at)| *at);
    if let Some((e, at)) = next {
        let planned = e.planned_at.map(|p| format!(" (planned {})", p.date())).unwrap_or_default();
        said.push(format!("If not renewed, {} {}{planned} is blocked on {}.", e.product, e.version, at.date()));
    }
    said.join(" ")
}
