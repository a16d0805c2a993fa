//! Somebody looks back at what was decided otherwise than usual: an emergency, or a decision of one person alone. Both leave a review
//! due; here is where it is put on record.

use std::sync::Arc;

use certrail_criteria::Evidence;
use certrail_domain::{
    Action, Certified, ExceptionState, Facts, LookedBack, Problem, ProblemKind, Release, Truth, facts::ApprovalVerdict,
};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError,
    tables::{
        decisions::{self, StoredDecision},
        releases,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    Caller,
    access::{On, allow, decides},
    decision::{decided_at, how_decided},
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
    let mut certified = Vec::new();
    let mut deciders: Vec<String> = release.emergency.iter().map(|e| e.declared_by.clone()).collect();
    for decision in decisions::of_release(batch.tx, release.id.as_str())?.into_iter().filter(StoredDecision::is_yes) {
        let how = how_decided(&decision)?;
        certified.push(Certified { at: decided_at(&decision), alone: how.review_due.is_some() });
        deciders.push(how.by);
    }
    if release.to_look_back_at(&certified).is_none() {
        let (code, why) = match release.looked_back.is_empty() {
            true => ("nothing-due", "It is no emergency, and nobody decided on it alone."),
            false => ("looked-back", "Somebody looked back at it already, and nothing was decided since."),
        };
        return Err(refuse(ProblemKind::Conflict, code, why, "Its page says what is due.").into());
    }
    if certified.is_empty() && release.shipped_at.is_none() {
        let why = "Nobody has decided on it, and it has not gone out: there is nothing to look back at yet.";
        return Err(refuse(ProblemKind::Refused, "nothing-due", why, "Look back when it went out.").into());
    }
    let account = caller.account();
    let judged = judge_in(batch.tx, batch.criteria, &stored, batch.next_index(), batch.now)?;
    let approved = judged.seen.exceptions.iter().filter(|e| e.state == ExceptionState::Approved);
    let excused = approved.filter_map(|e| e.approver.clone());
    deciders.extend(excused.chain(approvers(&judged.seen.evidence)));
    if deciders.iter().any(|decider| judged.seen.identities.same(decider, &account) != Truth::False) {
        let why = "Whoever declared, certified, excused or approved any of it does not look back at it.";
        return Err(refuse(
            ProblemKind::Refused,
            "own-decision",
            why,
            "Ask an approver or a release manager who did none of that, by any of their accounts.",
        )
        .into());
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
    stored.release.looked_back.push(looked_back);
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    Ok(stored.release)
}

/// Whoever approved a deployment of it.
fn approvers(evidence: &[Evidence]) -> impl Iterator<Item = String> {
    evidence.iter().filter_map(|e| match &e.signal.facts {
        Facts::Approval(a) if a.meaning == "approval" && a.verdict == ApprovalVerdict::Approved => {
            a.approver.as_ref().map(|by| by.account.clone())
        }
        _ => None,
    })
}
