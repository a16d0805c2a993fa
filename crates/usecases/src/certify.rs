//! Somebody entitled decides: evaluate, freeze the state of the world, sign, record.

use std::sync::Arc;

use certrail_criteria::{Evidence, Input, evaluate};
use certrail_domain::{
    Action, DecisionId, EvidenceId, ExceptionId, Facts, HowKnown, Problem, ProblemKind, ReleaseState, Role, Snapshot,
    Summary, Time, sentence,
};
use certrail_ledger::{dsse::Envelope, leaf::label, sha256};
use certrail_store::{
    StoreError,
    tables::{
        decisions::{self, StoredDecision},
        log, people,
        releases::{self, StoredRelease},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Caller,
    access::{On, allow, decides},
    bind,
    engine::{Batch, Engine, Fault, Kept, LogHead, random},
    jobs,
    judge::judge_in,
    make_dossier::{Renderer, with_decision},
    separation,
};

/// The act of trying to certify in vain.
pub(crate) const REFUSED: &str = "certification-refused";

/// The state of the world at a decision (law 8): content-addressed, named by the decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrozenWorld {
    /// `certrail.world/1`.
    pub schema: String,
    /// What the evaluation was a function of.
    pub snapshot: Snapshot,
    /// SHA-256 of the evaluation's bytes.
    pub evaluation: String,
    /// The fraction.
    pub summary: Summary,
    /// Every piece of evidence it saw.
    pub evidence: Vec<EvidenceId>,
    /// Findings open at that moment, decided ones too: id and level.
    pub open_findings: Vec<(String, String)>,
    /// Covered lines in hundredths of a percent.
    pub coverage: Option<u64>,
    /// Whoever decided is one of its authors, and the product lets one person decide everything: nobody else did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// It had gone to production before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Exceptions in force.
    pub exceptions: Vec<ExceptionId>,
    /// Who held which role.
    pub roles: Vec<(String, Role)>,
    /// Who could have decided.
    pub could_certify: Vec<String>,
    /// Who could have approved the deployment.
    pub could_approve: Vec<String>,
}

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

/// Certifies a release, and makes a dossier of it as it stands then.
///
/// # Errors
/// A role that may not, open requirements (each named), a release that is not cut or is decided already.
pub async fn certify(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    note: String,
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
    let note = crate::inputs::words("note", &note, 0)?;
    let stored = crate::look::find_release(engine, product, version)?;
    let decider = caller.clone();
    let (decided, head) = engine.write(move |batch| decide(batch, &decider, stored.seq, &note)).await?;
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
        ReleaseState::Cut | ReleaseState::Shipped | ReleaseState::RolledBack
            if stored.release.certified_at.is_none() => {}
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
    let late = stored.release.shipped_at.is_some();
    let position = batch.next_index();
    let judged = judge_in(batch.tx, batch.criteria, &stored, position, batch.now)?;
    let evaluation = &judged.evaluation;
    // Late, it is judged as if it had not gone out: neither does a deployment hide what was learned since, nor does it make what
    // is missing impossible to bring.
    let now = late.then(|| {
        let kept = |e: &&Evidence| !matches!(e.signal.facts, Facts::Deployment(_) | Facts::Validation(_));
        let evidence: Vec<Evidence> = judged.seen.evidence.iter().filter(kept).cloned().collect();
        evaluate(&judged.criteria, "", &Input { evidence: &evidence, ..judged.seen.input() }).evaluation
    });
    let open: Vec<String> = sentence::open_items(now.as_ref().unwrap_or(evaluation))
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
    let people = people::all_at(batch.tx, position)?;
    let able = |action: Action| people.iter().filter(|p| p.role.may(action)).map(|p| p.id.to_string()).collect();
    let world = FrozenWorld {
        schema: "certrail.world/1".into(),
        snapshot: evaluation.snapshot.clone(),
        evaluation: certrail_ledger::hex(&sha256(&evaluation_bytes)),
        summary: evaluation.summary,
        evidence: judged.seen.evidence.iter().map(|e| e.id.clone()).collect(),
        open_findings: open_findings(&judged.seen.input()),
        coverage: judged.seen.evidence.iter().rev().find_map(|e| match &e.signal.facts {
            Facts::Coverage(c) => c.line_basis_points(),
            _ => None,
        }),
        alone,
        late,
        exceptions: evaluation.snapshot.exceptions.clone(),
        roles: people.iter().map(|p| (p.id.to_string(), p.role)).collect(),
        could_certify: able(Action::Certify),
        could_approve: able(Action::Approve),
    };
    let world_bytes = serde_json::to_vec(&world).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let world_digest = sha256(&world_bytes);
    let id = DecisionId::new(batch.now, random()?);
    let statements = statements(batch, caller, &stored.release, &world, &world_digest, &id, note);
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let mut index = 0;
    let mut envelopes = Vec::new();
    for statement in statements {
        let bytes = serde_json::to_vec(&statement).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let envelope = Envelope::sign(&bytes, &batch.keys.certifier).map_err(|e| StoreError::Damaged(e.to_string()))?;
        index = batch.append_decision(&envelope)?;
        let document = serde_json::to_string(&envelope).map_err(|e| StoreError::Damaged(e.to_string()))?;
        log::insert_act(
            batch.tx,
            &log::Act {
                log_index: index,
                act: "decision".into(),
                actor: caller.account(),
                received: batch.now.as_micros(),
                salt: None,
                document,
            },
        )?;
        envelopes.push((index, envelope));
    }
    // A hashedrekord leaf has no room for a label; this entry says which release it belongs to.
    batch.control("certified", &caller.account(), &[mark], &json!({ "decision": id, "entries": envelopes.iter().map(|(i, _)| i).collect::<Vec<_>>(), "world": certrail_ledger::hex(&world_digest) }))?;
    for bytes in [&world_bytes, &evaluation_bytes] {
        let digest = sha256(bytes);
        let kept = Kept::prepare(batch.blobs, &digest, bytes)?;
        batch.keep_body(&digest, &kept, index)?;
    }
    decisions::insert(
        batch.tx,
        &StoredDecision {
            id: id.to_string(),
            log_index: index,
            release: stored.release.id.to_string(),
            kind: "certification".into(),
            result: "PASSED".into(),
            actor: caller.account(),
            decided: batch.now.as_micros(),
            envelope: serde_json::to_string(&envelopes).map_err(|e| StoreError::Damaged(e.to_string()))?,
            world: world_digest,
        },
    )?;
    let old_version = stored.release.version.clone();
    if !late {
        stored.release.state = ReleaseState::Certified;
    }
    stored.release.certified_at = Some(batch.now);
    releases::update(batch.tx, &stored, &old_version, batch.work_first)?;
    bind::refresh_base(batch, seq)?;
    Ok(Ok(CertifyReceipt {
        id,
        index,
        sentence: sentence::sentence(&stored.release, evaluation),
        fraction: sentence::fraction(&evaluation.summary),
        world: certrail_ledger::hex(&world_digest),
        dossier: None,
    }))
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

fn open_findings(input: &certrail_criteria::Input<'_>) -> Vec<(String, String)> {
    certrail_criteria::open_findings(input).open.into_iter().map(|(id, f)| (id, f.level.name().to_owned())).collect()
}

/// Two in-toto statements: a SLSA verification summary that others' tools read, and ours with everything.
fn statements(
    batch: &Batch<'_>,
    caller: &Caller,
    release: &certrail_domain::Release,
    world: &FrozenWorld,
    world_digest: &[u8; 32],
    id: &DecisionId,
    note: &str,
) -> [serde_json::Value; 2] {
    let mut subjects: Vec<serde_json::Value> = release
        .digests
        .iter()
        .map(|d| json!({ "name": release.title(), "digest": { "sha256": d.trim_start_matches("sha256:") } }))
        .collect();
    if let Some(commit) = release.commit.as_ref().filter(|_| subjects.is_empty()) {
        subjects.push(json!({ "name": release.title(), "digest": { "gitCommit": commit } }));
    }
    let known = if caller.is_interactive() { HowKnown::Observed } else { HowKnown::Reported };
    let at = batch.now.to_string();
    let world_hex = certrail_ledger::hex(world_digest);
    let vsa = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {
            "verifier": { "id": format!("https://{}", batch.keys.origin()), "version": { "certrail": env!("CARGO_PKG_VERSION") } },
            "timeVerified": at,
            "resourceUri": format!("pkg:generic/{}@{}", release.product, release.version),
            "policy": { "uri": format!("certrail:criteria/{}@{}", world.snapshot.criteria, world.snapshot.criteria_version), "digest": { "sha256": world.snapshot.criteria_digest } },
            "inputAttestations": [{ "uri": format!("certrail:world/{world_hex}"), "digest": { "sha256": world_hex } }],
            "verificationResult": "PASSED",
            "verifiedLevels": ["CERTRAIL_RELEASE_CERTIFIED"],
            "slsaVersion": "1.2",
        },
    });
    let own = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://certrail.dev/attestation/certification/v1",
        "predicate": {
            "decision": id,
            "release": { "id": release.id, "product": release.product, "version": release.version, "type": release.release_type.name() },
            "decidedBy": { "person": caller.account(), "name": caller.name, "role": caller.role.name(), "known": known.name() },
            "decidedAt": at,
            "meaning": "certification",
            "note": note,
            "logPosition": world.snapshot.log_position,
            "evaluation": { "sha256": world.evaluation },
            "world": { "sha256": world_hex },
            "exceptions": world.exceptions,
            "separationOfDuties": !world.alone,
            "late": world.late,
            "reviewDue": world.alone.then(|| separation::review_due(batch.now).to_string()),
        },
    });
    [vsa, own]
}

/// How a decision was made, as its signed statement says.
pub(crate) struct HowDecided {
    /// Who made it.
    pub(crate) by: String,
    /// How that is known.
    pub(crate) known: HowKnown,
    /// It had gone to production before.
    pub(crate) late: bool,
    /// Until when somebody else should have looked at it, where one of its authors decided alone.
    pub(crate) review_due: Option<Time>,
}

/// Who made a decision, and how that is known, as its signed statement says.
///
/// # Errors
/// When its envelopes cannot be read, or none of them says so.
pub(crate) fn how_decided(decision: &StoredDecision) -> Result<HowDecided, StoreError> {
    let damaged = || StoreError::Damaged(format!("decision {} does not say who made it, and how", decision.id));
    let entries: Vec<(u64, serde_json::Value)> = serde_json::from_str(&decision.envelope).map_err(|_| damaged())?;
    let statements = entries.iter().filter_map(|(_, envelope)| {
        let payload = data_encoding::BASE64.decode(envelope["payload"].as_str()?.as_bytes()).ok()?;
        serde_json::from_slice::<serde_json::Value>(&payload).ok()
    });
    let decided = |s: serde_json::Value| {
        let by = s.pointer("/predicate/decidedBy")?;
        let due = s.pointer("/predicate/reviewDue").and_then(|due| Time::parse(due.as_str()?).ok());
        Some(HowDecided {
            by: by["person"].as_str()?.to_owned(),
            known: HowKnown::from_name(by["known"].as_str()?)?,
            review_due: due,
            late: s.pointer("/predicate/late").and_then(serde_json::Value::as_bool).unwrap_or(false),
        })
    };
    statements.filter_map(decided).next().ok_or_else(damaged)
}

/// When a decision was made, for people.
#[must_use]
pub(crate) fn decided_at(decision: &StoredDecision) -> Time {
    Time::from_micros(decision.decided)
}
