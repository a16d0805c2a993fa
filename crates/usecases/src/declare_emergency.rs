//! An emergency is declared by a person: who, why, and by when somebody looks back at it. What criteria ask less of it, they ask
//! less from then on; no pipeline turns a release into one.

use std::sync::Arc;

use certrail_domain::{
    Action, Emergency, EmergencyReason, Problem, ProblemKind, Release, ReleaseState, ReleaseType, Time,
};
use certrail_ledger::leaf::label;
use certrail_store::{StoreError, tables::releases};
use serde::{Deserialize, Serialize};

use crate::{
    Caller,
    access::{On, allow, decides},
    engine::{Batch, Engine, Fault},
    inputs,
    judge::judge_in,
    separation,
};

/// The act of declaring one.
pub(crate) const DECLARED: &str = "release-emergency";
/// Within how long somebody looks back at one, in days (compliance §7.2: two working days, five at most).
const REVIEW_DAYS: i64 = 5;

/// What is declared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEmergency {
    /// What makes it one: a closed list.
    pub because: EmergencyReason,
    /// What happened, at least twenty characters.
    pub reason: String,
}

/// What an entry tells of it.
#[derive(Serialize)]
struct Told<'a> {
    release: &'a str,
    emergency: &'a Emergency,
}

fn refuse(kind: ProblemKind, code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(kind, code, "It was not declared an emergency.", why, fix)
}

/// Declares that a release is an emergency.
///
/// # Errors
/// A role that may not, an author of it, too short a reason, a release that is not cut or decided already, a failed commit.
pub async fn declare_emergency(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    new: NewEmergency,
) -> Result<Release, Problem> {
    allow(caller, Action::Certify, On::Product(product))?;
    if caller.person.is_none() {
        let why = "A person declares an emergency, and this token belongs to nobody.";
        return Err(refuse(ProblemKind::Refused, "not-a-person", why, "Sign in as a release manager."));
    }
    decides(caller, Some(&inputs::product(engine, product)?))?;
    let reason = inputs::words("reason", &new.reason, 20)?;
    let stored = crate::look::find_release(engine, product, version)?;
    let caller = caller.clone();
    let (release, _) = engine.write(move |batch| declare(batch, &caller, stored.seq, new.because, &reason)).await?;
    Ok(release)
}

fn declare(
    batch: &mut Batch<'_>,
    caller: &Caller,
    seq: i64,
    because: EmergencyReason,
    reason: &str,
) -> Result<Release, Fault> {
    let mut stored = releases::by_seq(batch.tx, seq)?.ok_or_else(|| StoreError::Damaged(format!("release {seq}")))?;
    if stored.release.state != ReleaseState::Cut {
        let why = format!("It is {}.", stored.release.state.name().replace('_', " "));
        let fix = match stored.release.state {
            ReleaseState::Open => "Cut it first: `certrail release cut VERSION`.",
            ReleaseState::Rejected | ReleaseState::Superseded => "Cut another version, and declare that one.",
            _ => "Declare it between its cut and its certification; of what is certified or out, cut another version.",
        };
        return Err(refuse(ProblemKind::Refused, "not-open", why, fix).into());
    }
    if stored.release.emergency.is_some() {
        let fix = "Its page says who declared it, and why.";
        return Err(refuse(ProblemKind::Conflict, "declared", "It was declared one already.", fix).into());
    }
    let judged = judge_in(batch.tx, batch.criteria, &stored, batch.next_index(), batch.now)?;
    separation::decides_alone(caller, &judged.seen.product, &judged, "It was not declared an emergency.")?;
    let emergency = Emergency {
        because,
        reason: reason.to_owned(),
        declared_by: caller.account(),
        declared_at: batch.now,
        review_due: batch.now.plus(REVIEW_DAYS * Time::DAY),
    };
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let told = Told { release: stored.release.id.as_str(), emergency: &emergency };
    batch.control(DECLARED, &caller.account(), &[mark], &told)?;
    stored.release.release_type = ReleaseType::Emergency;
    stored.release.emergency = Some(emergency);
    let version = stored.release.version.clone();
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    Ok(stored.release)
}
