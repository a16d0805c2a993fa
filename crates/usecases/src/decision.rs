//! A signed decision about a release, with the state of the world that it rests on.

use certrail_domain::{
    Action, DecidedAgainst, DecisionId, EvidenceId, ExceptionId, Facts, HowKnown, Role, Snapshot, Summary, Time,
};
use certrail_ledger::{dsse::Envelope, leaf::label, sha256};
use certrail_store::{
    StoreError,
    tables::{
        decisions::{self, StoredDecision},
        log, people,
        releases::StoredRelease,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Caller,
    engine::{Batch, Fault, Kept, random},
    judge::Judged,
    separation,
};

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

/// How somebody came to decide.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// As one of its authors, where the product lets them.
    pub(crate) alone: bool,
    /// After it had gone to production.
    pub(crate) late: bool,
}

/// What a decision says.
pub(crate) enum Meaning<'a> {
    /// It meets its criteria.
    Certification {
        /// What whoever decided says beside it.
        note: &'a str,
    },
    /// It is not to go out, or not any more.
    Against(&'a DecidedAgainst),
}

impl<'a> Meaning<'a> {
    /// The kind of the decision.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Certification { .. } => CERTIFICATION,
            Self::Against(against) => against.kind(),
        }
    }

    /// The act that tells of it.
    const fn act(&self) -> &'static str {
        match self {
            Self::Certification { .. } => CERTIFIED,
            Self::Against(_) => AGAINST,
        }
    }

    const fn passed(&self) -> bool {
        matches!(self, Self::Certification { .. })
    }

    /// In the words of the SLSA verification summary.
    const fn result(&self) -> &'static str {
        if self.passed() { "PASSED" } else { "FAILED" }
    }

    const fn words(&self) -> &'a str {
        match self {
            Self::Certification { note } => note,
            Self::Against(against) => against.reason.as_str(),
        }
    }

    const fn instead(&self) -> Option<&'a String> {
        match self {
            Self::Certification { .. } => None,
            Self::Against(against) => against.superseded_by.as_ref(),
        }
    }
}

/// The kind of a decision that certifies.
pub(crate) const CERTIFICATION: &str = "certification";
/// The act that tells of one.
pub(crate) const CERTIFIED: &str = "certified";
/// The act that tells that a release was decided against.
pub(crate) const AGAINST: &str = "decided-against";

/// A decision that was signed.
pub(crate) struct Signed {
    pub(crate) id: DecisionId,
    /// The entry of its last statement.
    pub(crate) index: u64,
    /// SHA-256 of the frozen world.
    pub(crate) world: [u8; 32],
}

/// Freezes the state of the world as a judgement saw it.
pub(crate) fn freeze(
    batch: &Batch<'_>,
    judged: &Judged,
    evaluation_bytes: &[u8],
    how: How,
) -> Result<FrozenWorld, Fault> {
    let evaluation = &judged.evaluation;
    let people = people::all_at(batch.tx, batch.next_index())?;
    let able = |action: Action| people.iter().filter(|p| p.role.may(action)).map(|p| p.id.to_string()).collect();
    Ok(FrozenWorld {
        schema: "certrail.world/1".into(),
        snapshot: evaluation.snapshot.clone(),
        evaluation: certrail_ledger::hex(&sha256(evaluation_bytes)),
        summary: evaluation.summary,
        evidence: judged.seen.evidence.iter().map(|e| e.id.clone()).collect(),
        open_findings: open_findings(&judged.seen.input()),
        coverage: judged.seen.evidence.iter().rev().find_map(|e| match &e.signal.facts {
            Facts::Coverage(c) => c.line_basis_points(),
            _ => None,
        }),
        alone: how.alone,
        late: how.late,
        exceptions: evaluation.snapshot.exceptions.clone(),
        roles: people.iter().map(|p| (p.id.to_string(), p.role)).collect(),
        could_certify: able(Action::Certify),
        could_approve: able(Action::Approve),
    })
}

/// Signs a decision that rests on a frozen world and the bytes of an evaluation, and puts it on record.
pub(crate) fn sign(
    batch: &mut Batch<'_>,
    caller: &Caller,
    stored: &StoredRelease,
    (world, evaluation_bytes): (&FrozenWorld, &[u8]),
    meaning: &Meaning<'_>,
) -> Result<Signed, Fault> {
    let world_bytes = serde_json::to_vec(world).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let world_digest = sha256(&world_bytes);
    let id = DecisionId::new(batch.now, random()?);
    let statements = statements(batch, caller, &stored.release, world, &world_digest, &id, meaning);
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
    let entries: Vec<u64> = envelopes.iter().map(|(index, _)| *index).collect();
    let mut told = json!({ "decision": id, "entries": entries, "world": certrail_ledger::hex(&world_digest) });
    if let Meaning::Against(against) = meaning {
        told["against"] = json!(against);
    }
    batch.control(meaning.act(), &caller.account(), &[mark], &told)?;
    for bytes in [world_bytes.as_slice(), evaluation_bytes] {
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
            kind: meaning.kind().into(),
            result: meaning.result().into(),
            actor: caller.account(),
            decided: batch.now.as_micros(),
            envelope: serde_json::to_string(&envelopes).map_err(|e| StoreError::Damaged(e.to_string()))?,
            world: world_digest,
        },
    )?;
    Ok(Signed { id, index, world: world_digest })
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
    meaning: &Meaning<'_>,
) -> [serde_json::Value; 2] {
    let passed = meaning.passed();
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
            "verificationResult": meaning.result(),
            "verifiedLevels": if passed { vec!["CERTRAIL_RELEASE_CERTIFIED"] } else { Vec::new() },
            "slsaVersion": "1.2",
        },
    });
    let own = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": if passed { "https://certrail.dev/attestation/certification/v1" } else { "https://certrail.dev/attestation/rejection/v1" },
        "predicate": {
            "decision": id,
            "release": { "id": release.id, "product": release.product, "version": release.version, "type": release.release_type.name() },
            "decidedBy": { "person": caller.account(), "name": caller.name, "role": caller.role.name(), "known": known.name() },
            "decidedAt": at,
            "meaning": meaning.kind(),
            "note": meaning.words(),
            "logPosition": world.snapshot.log_position,
            "evaluation": { "sha256": world.evaluation },
            "world": { "sha256": world_hex },
            "exceptions": world.exceptions,
            "separationOfDuties": passed.then_some(!world.alone),
            "late": world.late,
            "supersededBy": meaning.instead(),
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
