//! Somebody entitled decides against a release: it is rejected, or its certification is withdrawn. The gates of certification and production say no from then on;
//! what was deployed before stays as it was.

use std::sync::Arc;

use certrail_domain::{Action, DecidedAgainst, Problem, ProblemKind, Release, ReleaseState};
use certrail_store::{StoreError, tables::releases};
use serde::Deserialize;

use crate::{
    Caller,
    access::{On, allow, decides},
    bind,
    decision::{How, Meaning, freeze, sign},
    engine::{Batch, Engine, Fault},
    inputs, jobs,
    judge::judge_in,
};

/// What is decided.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRejection {
    /// Why, at least twenty characters.
    pub reason: String,
    /// The version that takes its place.
    pub superseded_by: Option<String>,
}

fn refuse(kind: ProblemKind, code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(kind, code, "The release was not rejected.", why, fix)
}

/// Rejects a release, or withdraws its certification. It may be certified again, which stays beside it.
///
/// # Errors
/// A role that may not, too short a reason, a release that is not cut or was decided against already, a failed commit.
pub async fn reject(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    new: NewRejection,
) -> Result<Release, Problem> {
    allow(caller, Action::Certify, On::Product(product))?;
    if caller.person.is_none() {
        let why = "A person decides against a release, and this token belongs to nobody.";
        return Err(refuse(ProblemKind::Refused, "not-a-person", why, "Sign in as a release manager."));
    }
    decides(caller, Some(&inputs::product(engine, product)?))?;
    let reason = inputs::words("reason", &new.reason, 20)?;
    let stored = crate::look::find_release(engine, product, version)?;
    let instead = match &new.superseded_by {
        Some(other) => {
            let other = crate::look::find_release(engine, product, other)?;
            if other.seq == stored.seq || other.release.commit.is_none() {
                let why = "Another version, that is cut, takes the place of a release.";
                return Err(refuse(ProblemKind::Refused, "not-another", why, "Name it, or nothing."));
            }
            if other.release.decided_against.is_some() {
                let why = format!("{} was decided against itself.", other.release.version);
                return Err(refuse(
                    ProblemKind::Refused,
                    "not-another",
                    why,
                    "Name one that is to go out, or nothing.",
                ));
            }
            Some(other.release.version)
        }
        None => None,
    };
    let caller = caller.clone();
    let (release, _) =
        engine.write(move |batch| decide(batch, &caller, stored.seq, reason.clone(), instead.clone())).await?;
    // Releases that contain it are judged with what it brought.
    jobs::follow(engine, vec![product.to_owned()]).await?;
    Ok(release)
}

fn decide(
    batch: &mut Batch<'_>,
    caller: &Caller,
    seq: i64,
    reason: String,
    superseded_by: Option<String>,
) -> Result<Release, Fault> {
    let mut stored = releases::by_seq(batch.tx, seq)?.ok_or_else(|| StoreError::Damaged(format!("release {seq}")))?;
    if stored.release.state == ReleaseState::Open {
        let why = "It has no version yet, so there is nothing exact to decide on.";
        return Err(
            refuse(ProblemKind::Refused, "not-cut", why, "Cut it first: `certrail release cut VERSION`.").into()
        );
    }
    if stored.release.decided_against.is_some() {
        let why = "Somebody decided against it already.";
        return Err(refuse(ProblemKind::Conflict, "already-decided", why, "Look at its page for the decision.").into());
    }
    let judged = judge_in(batch.tx, batch.criteria, &stored, batch.next_index(), batch.now)?;
    let evaluation = serde_json::to_vec(&judged.evaluation).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let against = DecidedAgainst {
        by: caller.account(),
        at: batch.now,
        reason,
        withdrew: stored.release.certified_at.is_some(),
        superseded_by,
    };
    let out = stored.release.shipped_at.is_some();
    let world = freeze(batch, &judged, &evaluation, How { alone: false, late: false })?;
    sign(batch, caller, &stored, (&world, &evaluation), &Meaning::Against(&against))?;
    stored.release.certified_at = None;
    if !out {
        stored.release.state = against.state();
    }
    stored.release.decided_against = Some(against);
    let version = stored.release.version.clone();
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    // What had no decision then may have been another release's at the same commit.
    bind::refresh_shipping(batch, seq)?;
    let stored = releases::by_seq(batch.tx, seq)?.ok_or_else(|| StoreError::Damaged(format!("release {seq}")))?;
    Ok(stored.release)
}
