//! Somebody looks back at what was decided otherwise than usual: an emergency, or a decision of one person alone. Both leave a review
//! due; here is where it is put on record.

use std::sync::Arc;

use certrail_domain::{Action, LookedBack, Problem, ProblemKind, Release};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError,
    tables::{decisions, releases},
};
use serde::{Deserialize, Serialize};

use crate::{
    Caller,
    access::{On, allow, decides},
    decision::how_decided,
    engine::{Batch, Engine, Fault},
    inputs,
    judge::judge_in,
    separation,
};

/// The act of looking back.
pub(crate) const LOOKED_BACK: &str = "release-looked-back";

/// What somebody found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLookBack {
    /// What came of it, at least twenty characters.
    pub note: String,
}

/// What an entry tells of it.
#[derive(Serialize)]
struct Told<'a> {
    release: &'a str,
    looked_back: &'a LookedBack,
}

fn refuse(kind: ProblemKind, code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(kind, code, "The review was not recorded.", why, fix)
}

/// Puts on record that somebody looked back at a release.
///
/// # Errors
/// A role that may not, whoever decided or wrote it, a release at which nobody has to look back, too short a note.
pub async fn look_back(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    new: NewLookBack,
) -> Result<Release, Problem> {
    let action = if caller.may(Action::Approve) { Action::Approve } else { Action::Certify };
    allow(caller, action, On::Product(product))?;
    decides(caller, None)?;
    let note = inputs::words("note", &new.note, 20)?;
    let stored = crate::look::find_release(engine, product, version)?;
    let caller = caller.clone();
    let (release, _) = engine.write(move |batch| record(batch, &caller, stored.seq, &note)).await?;
    Ok(release)
}

fn record(batch: &mut Batch<'_>, caller: &Caller, seq: i64, note: &str) -> Result<Release, Fault> {
    let mut stored = releases::by_seq(batch.tx, seq)?.ok_or_else(|| StoreError::Damaged(format!("release {seq}")))?;
    let release = &stored.release;
    if release.looked_back.is_some() {
        let fix = "Its page says who did, and what came of it.";
        return Err(refuse(ProblemKind::Conflict, "looked-back", "Somebody looked back at it already.", fix).into());
    }
    let decision = decisions::newest(batch.tx, release.id.as_str())?;
    let alone = decision.as_ref().map(how_decided).transpose()?.filter(|how| how.review_due.is_some());
    let mut deciders: Vec<&str> = release.emergency.iter().map(|e| e.declared_by.as_str()).collect();
    deciders.extend(alone.iter().map(|how| how.by.as_str()));
    if deciders.is_empty() {
        let why = "It is no emergency, and nobody decided on it alone.";
        return Err(refuse(ProblemKind::Refused, "nothing-due", why, "There is nothing to do.").into());
    }
    let account = caller.account();
    let judged = judge_in(batch.tx, batch.criteria, &stored, batch.next_index(), batch.now)?;
    if deciders.contains(&account.as_str()) {
        let why = "Whoever decided does not look back at it.";
        return Err(refuse(ProblemKind::Refused, "own-decision", why, "Ask somebody else.").into());
    }
    if separation::decides_alone(caller, &judged.seen.product, &judged, "The review was not recorded.")? {
        let why = format!("{} is one of its authors, or may be.", caller.name);
        return Err(refuse(ProblemKind::Refused, "an-author", why, "Ask somebody who wrote none of it.").into());
    }
    let looked_back = LookedBack { by: account.clone(), at: batch.now, note: note.to_owned() };
    let mark = label(&stored.label_key, release.id.as_str());
    let told = Told { release: release.id.as_str(), looked_back: &looked_back };
    batch.control(LOOKED_BACK, &account, &[mark], &told)?;
    let version = stored.release.version.clone();
    stored.release.looked_back = Some(looked_back);
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    Ok(stored.release)
}
