//! Somebody entitled decides: evaluate, freeze the state of the world, sign, record.

use std::sync::Arc;

use certrail_domain::{Action, DecisionId, Problem, ProblemKind, ReleaseState, sentence};
use certrail_ledger::{leaf::label, sha256};
use certrail_store::{
    StoreError,
    tables::releases::{self, StoredRelease},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Caller,
    access::{On, allow, decides},
    as_seen::{as_seen, no_such_position},
    bind,
    decision::{How, Meaning, freeze, sign},
    engine::{Batch, Engine, Fault, Kept, LogHead},
    jobs,
    judge::{certifications, judge_to_decide},
    make_dossier::{Renderer, with_decision},
    separation,
    tag_elsewhere::tag_elsewhere,
};

/// The act of trying to certify in vain.
pub(crate) const REFUSED: &str = "certification-refused";

/// What whoever decided gets back.
#[derive(Clone, Debug, Serialize)]
pub struct CertifyReceipt {
    /// The decision.
    pub id: DecisionId,
    /// Its entry in the log.
    pub index: u64,
    /// The sentence at that moment.
    pub sentence: String,
    /// The fraction at that moment.
    pub fraction: String,
    /// SHA-256 of the frozen state of the world.
    pub world: String,
    /// The number of the dossier that was made with it; `None` if that takes longer, or failed.
    pub dossier: Option<u64>,
}

/// How somebody certifies.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCertification {
    /// What they say beside their signature.
    #[serde(default)]
    pub note: String,
    /// The position of the log at which they looked: what joined the release later was not decided on.
    pub seen: Option<u64>,
}

/// Certifies a release, and makes a dossier of it as it stands then.
///
/// # Errors
/// A role that may not, open requirements (each named), a release that is not cut or is decided already.
pub async fn certify(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    new: NewCertification,
    renderer: Renderer,
) -> Result<(CertifyReceipt, Arc<LogHead>), Problem> {
    allow(caller, Action::Certify, On::Product(product))?;
    if caller.person.is_none() {
        return Err(refuse(
            "not-a-person",
            "A certification is a person's signature, and this token belongs to nobody.",
            "Sign in as a person with the role release-manager.",
        ));
    }
    decides(caller, Some(&crate::inputs::product(engine, product)?))?;
    if let Some(doubt) = engine.clock_doubt() {
        let fix = "Ask whoever runs the server to correct its clock.";
        return Err(refuse("clock-uncertain", doubt.sentence(), fix));
    }
    let note = crate::inputs::words("note", &new.note, 0)?;
    let stored = crate::look::find_release(engine, product, version)?;
    let decider = caller.clone();
    let (decided, head) = engine.write(move |batch| decide(batch, &decider, stored.seq, &note, new.seen)).await?;
    let mut receipt = decided?;
    // Releases that contain it are judged without what it brought.
    jobs::follow(engine, vec![product.to_owned()]).await?;
    receipt.dossier = with_decision(engine, caller, product, version, renderer).await;
    Ok((receipt, head))
}

fn refuse(code: &str, why: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Refused, code, "The release was not certified.", why, fix)
}

/// Decides, or says why not: an attempt that was judged and refused is on record with its evaluation.
fn decide(
    batch: &mut Batch<'_>,
    caller: &Caller,
    seq: i64,
    note: &str,
    seen: Option<u64>,
) -> Result<Result<CertifyReceipt, Problem>, Fault> {
    // What it contains may have changed, and a job that follows is on its way: nobody decides on less.
    let mut effects = bind::Effects::default();
    bind::follow_range(batch, seq, &mut effects)?;
    bind::settle(batch, effects, "decision")?;
    let mut stored = releases::by_seq(batch.tx, seq)?.ok_or_else(|| StoreError::Damaged(format!("release {seq}")))?;
    match stored.release.state {
        ReleaseState::Open => {
            return Err(refuse(
                "not-cut",
                "It has no version yet, so there is nothing exact to certify.",
                "Cut it first: `certrail release cut VERSION`.",
            )
            .into());
        }
        // That it is out decides nothing: somebody may still say whether it should have been, and that they said so late stays.
        // What joined since somebody certified it was not decided on, and what was decided since against the same thing speaks of
        // it: it is certified anew.
        ReleaseState::Cut
        | ReleaseState::Certified
        | ReleaseState::Shipped
        | ReleaseState::RolledBack
        | ReleaseState::Rejected
        | ReleaseState::Superseded
            if stored.release.certified_at.is_none() || is_to_be_certified_anew(batch, &stored)? => {}
        state => {
            let state = if stored.release.certified_at.is_some() { "certified" } else { state.name() };
            return Err(refuse(
                "already-decided",
                format!("It is {} already.", state.replace('_', " ")),
                "Look at its page for the decision.",
            )
            .into());
        }
    }
    if let Some(seen) = seen {
        let Some(then) = as_seen(batch.tx, seq, seen, batch.next_index())? else {
            return Err(no_such_position("The release was not certified.", &stored.release.title(), seen).into());
        };
        if (then.commit, then.digests) != (stored.release.commit.clone(), stored.release.digests.clone()) {
            return Err(refuse(
                "another-build",
                "It has another artefact than when you looked.",
                "Look at its page again, and decide on what is there now.",
            )
            .into());
        }
    }
    let out = stored.release.shipped_at.is_some();
    // Certified anew behind a withdrawal it is not late for what went out before.
    let late = stored.release.ungated;
    let position = batch.next_index();
    // Late, it is judged as if it had not gone out: neither does a deployment hide what was learned since, nor does it make what
    // is missing impossible to bring.
    let judged = judge_to_decide(batch.tx, batch.criteria, &stored, position, batch.now)?;
    let evaluation = &judged.evaluation;
    let open: Vec<String> = sentence::open_items(evaluation)
        .into_iter()
        .filter(|r| !r.pending && !judged.checks(&r.id, |rule| rule.comes_with_production(&judged.seen.product)))
        .map(|r| format!("{} ({}): {}", r.title, r.verdict.word().to_lowercase(), r.sentence))
        .collect();
    let evaluation_bytes = serde_json::to_vec(evaluation).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let sees = separation::decides_alone(caller, &judged.seen.product, &judged, "The release was not certified.");
    let alone = match sees {
        Ok(alone) => alone,
        Err(problem) => return refused(batch, caller, &stored, &evaluation_bytes, problem).map(Err),
    };
    if let Some(elsewhere) = tag_elsewhere(judged.seen.evidence.iter(), &stored.release) {
        let problem = refuse("tag-moved", elsewhere.sentence(), "Put the tag back, or cut another version.");
        return refused(batch, caller, &stored, &evaluation_bytes, problem).map(Err);
    }
    if evaluation.summary.counted == 0 {
        let problem = refuse(
            "nothing-counts",
            "No requirement applies to it, so there is nothing to certify.",
            "Look at the criteria of the product.",
        );
        return refused(batch, caller, &stored, &evaluation_bytes, problem).map(Err);
    }
    if !open.is_empty() {
        let why = format!(
            "{} requirement{} open: {}",
            open.len(),
            if open.len() == 1 { " is" } else { "s are" },
            open.join(" · ")
        );
        let problem = refuse("requirements-open", why, "Meet them, or ask for an exception.");
        return refused(batch, caller, &stored, &evaluation_bytes, problem).map(Err);
    }
    let world = freeze(batch, &judged, &evaluation_bytes, How { alone, late })?;
    let signed = sign(batch, caller, &stored, (&world, &evaluation_bytes), &Meaning::Certification { note })?;
    let old_version = stored.release.version.clone();
    if !out {
        stored.release.state = ReleaseState::Certified;
    }
    stored.release.certified_at = Some(batch.now);
    stored.release.decided_against = None;
    releases::update(batch.tx, &stored, &old_version, batch.work_first)?;
    // What goes out as one of several releases at a commit goes out as the one that stands certified.
    bind::refresh_shipping(batch, seq)?;
    Ok(Ok(CertifyReceipt {
        id: signed.id,
        index: signed.index,
        sentence: sentence::sentence(&stored.release, evaluation),
        fraction: sentence::fraction(&evaluation.summary),
        world: certrail_ledger::hex(&signed.world),
        dossier: None,
    }))
}

/// Whether a release has an artefact that nobody certified it with, or another version of the same was decided against since.
fn is_to_be_certified_anew(batch: &Batch<'_>, stored: &StoredRelease) -> Result<bool, StoreError> {
    let StoredRelease { seq, release, .. } = stored;
    let position = batch.next_index();
    let certifications = certifications(batch.tx, (*seq, release), position)?;
    let newest = certifications.last().filter(|newest| newest.passed);
    let has_grown = newest.is_some_and(|newest| release.digests.iter().any(|digest| !newest.digests.contains(digest)));
    let twins = bind::twins(batch.tx, *seq, release, position)?;
    Ok(has_grown || twins.iter().any(|twin| twin.opposes(release, &certifications).is_some()))
}

/// That a release was not certified, with who tried, why not, and the evaluation that was looked at.
fn refused(
    batch: &mut Batch<'_>,
    caller: &Caller,
    stored: &StoredRelease,
    evaluation: &[u8],
    problem: Problem,
) -> Result<Problem, Fault> {
    let digest = sha256(evaluation);
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let told = json!({ "release": stored.release.id, "code": problem.code, "why": problem.why,
        "evaluation": certrail_ledger::hex(&digest) });
    let index = batch.control(REFUSED, &caller.account(), &[mark], &told)?;
    let kept = Kept::prepare(batch.blobs, &digest, evaluation)?;
    batch.keep_body(&digest, &kept, index)?;
    Ok(problem)
}
