//! What a decision about a finding would change, before anybody asks for it.

use certrail_criteria::{evaluate, open_findings};
use certrail_domain::{
    ExceptionState, FindingDecision, FindingId, Problem, Reach, Release, ReleaseState, Time, sentence,
};
use certrail_store::tables::{
    findings, products,
    releases::{self, StoredRelease},
};
use serde::Serialize;

use crate::{
    Caller,
    decide_finding::{NewFindingDecision, draft, find},
    engine::{Engine, Fault, internal},
    judge::judge_in,
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
pub(crate) fn coming(
    tx: &certrail_store::Tx<'_>,
    product: &str,
) -> Result<Vec<StoredRelease>, certrail_store::StoreError> {
    let newest = releases::of_product(tx, product, None, NEWEST)?;
    Ok(newest.into_iter().filter(|s| on_its_way(&s.release)).collect())
}

/// Works out what a decision would change. Nothing is recorded.
///
/// # Errors
/// What was asked for does not hold together, an unknown finding, a store that fails.
pub fn finding_effect(engine: &Engine, caller: &Caller, id: &str, new: &NewFindingDecision) -> Result<Effect, Problem> {
    let (now, position) = (engine.now(), engine.head().size());
    let outcome: Result<Effect, Fault> = engine
        .store
        .read(|tx| {
            Ok((|| {
                let finding = find(tx, id)?.finding;
                let drafted = draft(tx, &finding, new, &caller.account(), now)?;
                // As if somebody else had approved it.
                let decision = FindingDecision {
                    approver: Some(String::new()),
                    state: ExceptionState::Approved,
                    decided_at: Some(now),
                    ..drafted
                };
                let names = match decision.reach {
                    Reach::Everywhere { .. } => products::all(tx)?.into_iter().map(|p| p.name).collect(),
                    _ => vec![decision.product.clone()],
                };
                let mut effects = Vec::new();
                for name in names {
                    let key = track::key(&name, &decision.fingerprint);
                    if findings::standing(tx, &key)?.is_none() {
                        continue;
                    }
                    let own = FindingId::of_key(&key);
                    for stored in coming(tx, &name)? {
                        let mut judged = judge_in(tx, &engine.criteria, &stored, position, now)?;
                        let limits = judged.criteria.limits();
                        let deadline = {
                            let input = judged.seen.input();
                            let open = open_findings(&input);
                            let Some(open) = open.open.get(own.as_str()) else { continue };
                            limits.deadline(&open.graded()).map(|d| d.at)
                        };
                        let reaches = decision.reaches(&stored.release);
                        let blocked_at = deadline.map(|due| if reaches { due.max(decision.expires_at) } else { due });
                        let decisions = &mut judged.seen.findings.decisions;
                        decisions.push((own.clone(), decision.clone()));
                        decisions.sort_by(|a, b| a.0.cmp(&b.0));
                        let digest = judged.evaluation.snapshot.criteria_digest.clone();
                        let then = evaluate(&judged.criteria, &digest, &judged.seen.input());
                        effects.push(ReleaseEffect {
                            product: name.clone(),
                            version: stored.release.version.clone(),
                            before: judged.evaluation.summary.percent,
                            after: then.summary.percent,
                            unblocks: !judged.evaluation.opens(false) && then.opens(false),
                            blocked_at,
                            planned_at: stored.release.planned_at,
                        });
                    }
                }
                Ok(Effect { sentence: words(&effects, now), expires_at: decision.expires_at, releases: effects })
            })())
        })
        .map_err(|e| internal(&e))?;
    outcome.map_err(|fault| match fault {
        Fault::Problem(problem) => problem,
        Fault::Store(error) => internal(&error),
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

/// How a release stands that a finding is in: for the queue.
#[derive(Clone, Debug, Serialize)]
pub struct InRelease {
    /// The product.
    pub product: String,
    /// The version.
    pub version: String,
    /// The finding keeps its gate closed.
    pub blocks: bool,
    /// How ready it is.
    pub fraction: String,
}

/// The findings in the releases on their way, of one product or of all: by id, the releases each is in.
///
/// # Errors
/// When the store fails.
pub(crate) fn in_coming_releases(
    engine: &Engine,
    product: Option<&str>,
) -> Result<std::collections::BTreeMap<String, Vec<InRelease>>, Problem> {
    let (now, position) = (engine.now(), engine.head().size());
    engine.read(|tx| {
        let names = match product {
            Some(name) => vec![name.to_owned()],
            None => products::all(tx)?.into_iter().map(|p| p.name).collect(),
        };
        let mut by_finding: std::collections::BTreeMap<String, Vec<InRelease>> = std::collections::BTreeMap::new();
        for name in names {
            for stored in coming(tx, &name)? {
                let judged = judge_in(tx, &engine.criteria, &stored, position, now)?;
                let input = judged.seen.input();
                let fraction = sentence::fraction(&judged.evaluation.summary);
                let limits = judged.criteria.limits();
                for (id, open) in open_findings(&input).open {
                    let late = limits.deadline(&open.graded()).is_some_and(|d| d.at <= now);
                    by_finding.entry(id).or_default().push(InRelease {
                        product: name.clone(),
                        version: stored.release.version.clone(),
                        blocks: late && open.decision.is_none(),
                        fraction: fraction.clone(),
                    });
                }
            }
        }
        Ok(by_finding)
    })
}
