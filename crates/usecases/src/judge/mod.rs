//! Judging a release: gather what the log held at a position, and evaluate.

mod findings;
mod going_out;
mod seen;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use certrail_criteria::{Approved, Criteria, Evaluated, Input, Rule, approval_for, evaluate};
use certrail_domain::{Evaluation, Exception, Problem, ProblemKind, Row, Snapshot, Time, Truth};
use certrail_ledger::{Hash, sha256};
use certrail_store::{
    BlobFiles, StoreError, Tx,
    tables::releases::{self, StoredRelease},
};

pub(crate) use going_out::joined;
pub(crate) use seen::{Seen, as_evidence, certifications};

use self::seen::{beside, see};
use crate::{
    criteria_sets::CriteriaSets,
    engine::{Engine, Kept, Made, internal},
};

/// An evaluation with what it was made from.
#[derive(Debug)]
pub struct Judged {
    /// The outcome.
    pub evaluation: Evaluation,
    /// What it saw.
    pub seen: Seen,
    /// The criteria.
    pub criteria: Arc<Criteria>,
    /// The first instant at which the clock alone could change a verdict.
    pub valid_until: Option<Time>,
    /// The accounts of everybody who wrote any of the release.
    authors: BTreeSet<String>,
    body: OnceLock<Arc<(Hash, Kept)>>,
    /// How the approvals stand for environments whose gates were asked, or are likely to be.
    approvals: Mutex<Vec<Approved>>,
}

/// Environments of one release whose approvals are remembered.
const ENVIRONMENTS: usize = 16;

impl Judged {
    /// The evaluation as it is kept with a gate's answer, and its digest: written once, however often a gate is asked.
    ///
    /// # Errors
    /// When it does not serialise, or the disk refuses.
    pub(crate) fn body(&self, blobs: &BlobFiles) -> Result<Arc<(Hash, Kept)>, Problem> {
        if let Some(body) = self.body.get() {
            return Ok(body.clone());
        }
        let bytes = serde_json::to_vec(&self.evaluation).map_err(|e| internal(&e))?;
        let digest = sha256(&bytes);
        let kept = Kept::prepare(blobs, &digest, &bytes).map_err(|e| internal(&e))?;
        Ok(self.body.get_or_init(|| Arc::new((digest, kept))).clone())
    }

    /// Whether somebody wrote any of the release, by any of their accounts.
    pub(crate) fn wrote(&self, account: &str) -> Truth {
        self.seen.identities.among(account, self.authors.iter().map(String::as_str))
    }

    /// Whether an exception was approved by somebody who may, when every artefact of the release was there.
    pub(crate) fn excuses_all(&self, exception: &Exception) -> bool {
        let Seen { release, product, .. } = &self.seen;
        let may = match exception.alone {
            true => product.sole_decider,
            false => exception.approver.as_deref().is_some_and(|by| self.wrote(by) == Truth::False),
        };
        may && release.digests.iter().all(|digest| exception.digests.contains(digest))
    }

    /// Whether a requirement checks something: sets name their requirements as they like, so what is checked counts, and no id.
    pub(crate) fn checks(&self, requirement: &str, what: impl Fn(&Rule) -> bool) -> bool {
        self.criteria.requirements.iter().any(|r| r.id == requirement && what(&r.check))
    }

    /// How the approval for an environment stands at `now`: looked for once, until the clock alone could change it.
    pub(crate) fn approval(&self, environment: &str, days: i64, now: Time) -> Row {
        let mut known = self.approvals.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |approved: &Approved| approved.environment == environment && approved.days == days;
        if let Some(approved) = known.iter().find(|approved| same(approved) && approved.is_right_at(now)) {
            return approved.row.clone();
        }
        let approved = approval_for(&Input { decision_time: now, ..self.seen.input() }, environment, days);
        let row = approved.row.clone();
        known.retain(|approved| !same(approved));
        known.truncate(ENVIRONMENTS - 1);
        known.insert(0, approved);
        row
    }
}

/// Judges a release as known now. What is kept of it counts as long as nothing it rests on has changed; its position and
/// its time are then those at which it was made.
///
/// # Errors
/// When the store fails.
pub fn judge(engine: &Engine, stored: &StoredRelease) -> Result<Arc<Judged>, Problem> {
    let (position, now) = (engine.head().size(), engine.now());
    engine.read(|tx| judge_now(tx, engine, stored, position, now))
}

/// [`judge`] inside a transaction that sees `position`, the newest.
pub(crate) fn judge_now(
    tx: &Tx<'_>,
    engine: &Engine,
    stored: &StoredRelease,
    position: u64,
    now: Time,
) -> Result<Arc<Judged>, StoreError> {
    let beside = beside(tx, stored)?;
    let judged = engine.kept.get_or_make(tx, (stored, &beside), position, now, |before: Option<Arc<Judged>>| {
        let before = before.as_ref().map(|judged| &judged.seen);
        let judged = judge_with(tx, &engine.criteria, stored, Moment { position, at: now, next: false }, before)?;
        let (valid_until, weight) = (judged.valid_until, weight(&judged));
        Ok(Made { value: Arc::new(judged), at: now, valid_until, weight, acts: 0 })
    })?;
    #[cfg(debug_assertions)]
    is_still_right(tx, engine, stored, position, now, &judged.evaluation)?;
    Ok(judged)
}

/// What is kept must say what is said when it is made anew: every story in debug builds is a test of that.
#[cfg(debug_assertions)]
fn is_still_right(
    tx: &Tx<'_>,
    engine: &Engine,
    stored: &StoredRelease,
    position: u64,
    now: Time,
    kept: &Evaluation,
) -> Result<(), StoreError> {
    if kept.snapshot.log_position <= position {
        let fresh = judge_in(tx, &engine.criteria, stored, position, now)?.evaluation;
        let verdicts = |e: &Evaluation| -> Vec<_> {
            e.requirements
                .iter()
                .map(|r| (r.id.clone(), r.verdict, r.cause, r.rows.iter().map(|row| row.verdict).collect::<Vec<_>>()))
                .collect()
        };
        assert_eq!(verdicts(kept), verdicts(&fresh), "what is kept of {}", stored.release.title());
    }
    Ok(())
}

/// The outcome of [`judge`] alone, for lists: it takes far less to keep.
///
/// # Errors
/// When the store fails.
pub(crate) fn evaluation_now(
    tx: &Tx<'_>,
    engine: &Engine,
    stored: &StoredRelease,
    position: u64,
    now: Time,
) -> Result<Arc<Evaluation>, StoreError> {
    let beside = beside(tx, stored)?;
    engine.kept.get_or_make(tx, (stored, &beside), position, now, |_| {
        let judged = judge_in(tx, &engine.criteria, stored, position, now)?;
        let weight = rows(&judged.evaluation) * 500;
        Ok(Made { value: Arc::new(judged.evaluation), at: now, valid_until: judged.valid_until, weight, acts: 0 })
    })
}

fn rows(evaluation: &Evaluation) -> u64 {
    evaluation.requirements.iter().map(|r| r.rows.len() as u64).sum()
}

/// Bytes of a judgement, roughly, as measured: what evidence says is most of it.
fn weight(judged: &Judged) -> u64 {
    let findings = &judged.seen.findings;
    let seen: usize = findings.scans.values().map(Vec::len).sum();
    let own = judged.seen.evidence.len() * 1_500 + findings.known.len() * 250 + seen * 32;
    own as u64 + rows(&judged.evaluation) * 500
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
    judge_with(tx, sets, stored, Moment { position, at, next: false }, None)
}

/// [`judge_in`] as its evaluation says that it was judged.
pub(crate) fn judge_again(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    snapshot: &Snapshot,
) -> Result<Judged, StoreError> {
    let Snapshot { log_position: position, decision_time: at, next, .. } = *snapshot;
    judge_with(tx, sets, stored, Moment { position, at, next }, None)
}

/// Judges a release inside a transaction for whoever decides about it now: for its next deployment to production, where it had
/// one before.
pub(crate) fn judge_to_decide(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    position: u64,
    at: Time,
) -> Result<Judged, StoreError> {
    judge_with(tx, sets, stored, Moment { position, at, next: stored.release.shipped_at.is_some() }, None)
}

/// [`judge`] for a gate, which asks about the next deployment: what went out earlier is neither an excuse nor in the way.
///
/// # Errors
/// When the store fails.
pub(crate) fn judge_next(engine: &Engine, stored: &StoredRelease) -> Result<Arc<Judged>, Problem> {
    /// It is kept beside what pages are told.
    struct Next(Arc<Judged>);
    if stored.release.shipped_at.is_none() {
        return judge(engine, stored);
    }
    let (position, now) = (engine.head().size(), engine.now());
    let next = engine.read(|tx| {
        let beside = beside(tx, stored)?;
        engine.kept.get_or_make(tx, (stored, &beside), position, now, |before: Option<Arc<Next>>| {
            let before = before.as_ref().map(|next| &next.0.seen);
            let moment = Moment { position, at: now, next: true };
            let judged = judge_with(tx, &engine.criteria, stored, moment, before)?;
            let (valid_until, weight) = (judged.valid_until, weight(&judged));
            Ok(Made { value: Arc::new(Next(Arc::new(judged))), at: now, valid_until, weight, acts: 0 })
        })
    })?;
    Ok(next.0.clone())
}

/// As of when a release is judged, and for what.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// All entries below this are seen.
    pub(super) position: u64,
    /// By which clock.
    pub(super) at: Time,
    /// For its next deployment to production.
    pub(super) next: bool,
}

/// [`judge_in`] for whoever saw the release before, at any position: what an entry says never changes, so that it is not
/// read again.
fn judge_with(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    moment: Moment,
    before: Option<&Seen>,
) -> Result<Judged, StoreError> {
    // As known at that position: what was learned later must not change a past evaluation.
    let seen = see(tx, stored, moment, before)?;
    let (criteria, digest) = sets.in_force(tx, &seen.product.criteria, seen.settled)?;
    let Evaluated { evaluation, valid_until, approvals, authors } = evaluate(&criteria, &digest, &seen.input());
    // That somebody asks a gate changes nothing that is judged, but for these.
    let valid_until = if seen.refusals.is_some() { Some(moment.at) } else { valid_until };
    Ok(Judged { evaluation, seen, criteria, valid_until, authors, body: OnceLock::new(), approvals: approvals.into() })
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
    next: bool,
) -> Result<Vec<u8>, Problem> {
    let known = engine.read(|tx| releases::at(tx, stored.seq, position.min(i64::MAX as u64)))?.is_some();
    let size = engine.head().size();
    if position > size || !known {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "no-such-position",
            "There is no such evaluation.",
            if known {
                format!("The log has {size} entries; position {position} is still to come.")
            } else {
                format!("{} was not known yet at position {position}.", stored.release.title())
            },
            "Take the position from a decision, a gate's answer or the dossier.",
        ));
    }
    let moment = Moment { position, at, next };
    let judged = engine.store.read(|tx| judge_with(tx, &engine.criteria, stored, moment, None));
    let judged = judged.map_err(|e| internal(&e))?;
    serde_json::to_vec(&judged.evaluation).map_err(|e| internal(&e))
}
