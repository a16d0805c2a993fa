//! Judging a release: gather what the log held at a position, and evaluate.

use std::sync::Arc;

use certrail_criteria::{Certification, Criteria, Evidence, Identities, Input, evaluate};
use certrail_domain::{Evaluation, Exception, Key, Problem, Time};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, decisions, exceptions, people, products,
        releases::{self, StoredRelease},
        signals::{self, StoredSignal},
    },
};

use crate::{
    criteria_sets::CriteriaSets,
    engine::{Engine, internal},
};

/// An evaluation with what it was made from.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The outcome.
    pub evaluation: Evaluation,
    /// The evidence it saw, in order of arrival.
    pub evidence: Vec<Evidence>,
    /// The same as stored.
    pub signals: Vec<Arc<StoredSignal>>,
    /// The exceptions it saw.
    pub exceptions: Vec<Exception>,
    /// The criteria.
    pub criteria: Arc<Criteria>,
    /// The certifications it saw.
    pub certifications: Vec<Certification>,
    /// Who is who.
    pub identities: Identities,
    /// Branch rules and the like it saw.
    pub context: Vec<Evidence>,
    /// Versions that were good before.
    pub known_versions: Vec<String>,
}

/// Judges a release as known now.
///
/// # Errors
/// When the store fails.
pub fn judge(engine: &Arc<Engine>, stored: &StoredRelease) -> Result<Judged, Problem> {
    let (position, now) = (engine.head().size(), engine.now());
    judge_at(engine, stored, position, now)
}

/// Judges a release as it was known at a log position, by the clock given.
///
/// # Errors
/// When the store fails.
pub fn judge_at(engine: &Arc<Engine>, stored: &StoredRelease, position: u64, at: Time) -> Result<Judged, Problem> {
    engine.store.read(|tx| judge_in(tx, &engine.criteria, stored, position, at)).map_err(|e| internal(&e))
}

/// Judges inside a transaction.
pub(crate) fn judge_in(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    position: u64,
    at: Time,
) -> Result<Judged, StoreError> {
    // As known at that position: what was learned later must not change a past evaluation.
    let seen = releases::at(tx, stored.seq, position)?.ok_or_else(|| {
        StoreError::Damaged(format!("release {} was not known at position {position}", stored.release.id))
    })?;
    let release = &seen;
    let bound = bindings::evidence_at(tx, stored.seq, position)?;
    let mut evidence = Vec::with_capacity(bound.len());
    let mut signals = Vec::with_capacity(bound.len());
    for (signal, rule, _) in bound {
        evidence.push(as_evidence(&signal, rule));
        signals.push(signal);
    }
    let product = products::at(tx, &release.product, position)?
        .ok_or_else(|| StoreError::Damaged(format!("product {} is not there", release.product)))?;
    let mut context = Vec::new();
    for repository in &product.repositories {
        for kind in ["code.branch_rule", "security.alert"] {
            for signal in signals::about_of_kind(tx, &Key::repository(repository), kind, position)? {
                context.push(as_evidence(&signal, certrail_domain::BindRule::OpenRelease));
            }
        }
    }
    context.sort_by_key(|e| e.log_index);
    let exceptions = exceptions::of_release_at(tx, release.id.as_str(), position)?;
    let certifications: Vec<Certification> = decisions::of_release(tx, release.id.as_str())?
        .into_iter()
        .filter(|d| d.log_index < position && d.kind == "certification")
        .map(|d| Certification {
            log_index: d.log_index,
            at: Time::from_micros(d.decided),
            passed: d.result == "PASSED",
            digests: signed_digests(tx, stored.seq, d.log_index),
        })
        .collect();
    let identities = Identities::new(people::all_at(tx, position)?.into_iter().flat_map(|p| {
        let id = p.id.to_string();
        let own = (id.to_lowercase(), id.clone());
        p.accounts.into_iter().map(move |a| (a, id.clone())).chain([own])
    }));
    let known_versions = known_versions(tx, release, position)?;
    let (criteria, digest) = sets.in_force(tx, &product.criteria, position)?;
    let input = Input {
        release,
        evidence: &evidence,
        context: &context,
        exceptions: &exceptions,
        certifications: &certifications,
        known_versions: &known_versions,
        identities: &identities,
        log_position: position,
        decision_time: at,
    };
    let evaluation = evaluate(&criteria, &digest, &input);
    Ok(Judged {
        evaluation,
        evidence,
        signals,
        exceptions,
        criteria,
        certifications,
        identities,
        context,
        known_versions,
    })
}

/// The artefacts a decision spoke of: those the release had when it was made. What came later is not covered.
fn signed_digests(tx: &Tx<'_>, seq: i64, log_index: u64) -> Vec<String> {
    releases::at(tx, seq, log_index).ok().flatten().map(|r| r.digests).unwrap_or_default()
}

pub(crate) fn as_evidence(signal: &StoredSignal, rule: certrail_domain::BindRule) -> Evidence {
    Evidence {
        id: signal.id(),
        log_index: signal.log_index,
        received: signal.received,
        connector: signal.connector.clone(),
        rule,
        duplicate_of: signal.duplicate_of,
        signal: signal.signal.clone(),
    }
}

/// Versions of the product, other than this one, that a decision before `position` certified.
fn known_versions(tx: &Tx<'_>, release: &certrail_domain::Release, position: u64) -> Result<Vec<String>, StoreError> {
    let mut known = Vec::new();
    for other in releases::of_product(tx, &release.product, Time::from_micros(i64::MAX), 200)? {
        if other.release.id == release.id {
            continue;
        }
        let good = decisions::of_release(tx, other.release.id.as_str())?
            .iter()
            .any(|d| d.log_index < position && d.kind == "certification" && d.result == "PASSED");
        if good {
            known.push(other.release.version);
        }
    }
    known.sort();
    Ok(known)
}

/// The bytes of an evaluation at a position and time: what a re-run years later must give again.
///
/// # Errors
/// When the store fails.
pub fn evaluation_at(
    engine: &Arc<Engine>,
    stored: &StoredRelease,
    position: u64,
    at: Time,
) -> Result<Vec<u8>, Problem> {
    let judged = judge_at(engine, stored, position, at)?;
    serde_json::to_vec(&judged.evaluation).map_err(|e| internal(&e))
}
