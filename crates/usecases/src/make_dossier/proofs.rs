//! Section 11 and Annex A: evidence and decisions with their proofs, and what integrity rests on.

use std::collections::BTreeSet;

use certrail_criteria::Evidence;
use certrail_domain::{EvidenceId, Mark};
use certrail_dossier::{DecisionEntry, DecisionRow, EvidenceRow, Integrity, LogRef, Proof, Salts};
use certrail_ledger::{Hash, hex, life::vouching, tree};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, decisions, log,
        releases::StoredRelease,
        signals::{self, StoredSignal},
    },
};

use crate::{
    decision::{HowDecided, decided_at, how_decided},
    engine::{Engine, LogHead},
    judge::Judged,
};

fn proof_of(tx: &Tx<'_>, head: &LogHead, index: u64) -> Result<Proof, StoreError> {
    let receipt = crate::prove::receipt_in(tx, head, index)?;
    Ok(Proof { index, leaf: receipt.leaf, hashes: receipt.proof })
}

fn no_proof(index: u64) -> Proof {
    Proof { index, leaf: String::new(), hashes: Vec::new() }
}

/// The release's own evidence, and what its verdicts rest on besides: branch rules and alerts of its repositories.
pub(super) fn evidence_rows(
    tx: &Tx<'_>,
    judged: &Judged,
    marks: Vec<Vec<Mark>>,
    head: &LogHead,
    show: &dyn Fn(&str) -> String,
    proofs: bool,
) -> Result<Vec<EvidenceRow>, StoreError> {
    let seen = &judged.seen;
    let mut rows = Vec::with_capacity(seen.evidence.len());
    for ((stored, evidence), marks) in seen.signals.iter().zip(&seen.evidence).zip(marks) {
        rows.push(EvidenceRow {
            rule: Some(evidence.rule),
            marks,
            ..evidence_row(tx, head, show, proofs, stored, evidence)?
        });
    }
    let cited: BTreeSet<&EvidenceId> =
        judged.evaluation.requirements.iter().flat_map(|r| &r.rows).flat_map(|row| &row.inputs).collect();
    let own: BTreeSet<u64> = seen.evidence.iter().map(|e| e.log_index).collect();
    for evidence in seen.context.iter().filter(|e| cited.contains(&e.id) && !own.contains(&e.log_index)) {
        let stored = signals::get(tx, evidence.log_index)?
            .ok_or_else(|| StoreError::Damaged(format!("signal {} is not there", evidence.log_index)))?;
        rows.push(evidence_row(tx, head, show, proofs, &stored, evidence)?);
    }
    Ok(rows)
}

fn evidence_row(
    tx: &Tx<'_>,
    head: &LogHead,
    show: &dyn Fn(&str) -> String,
    proofs: bool,
    s: &StoredSignal,
    e: &Evidence,
) -> Result<EvidenceRow, StoreError> {
    let actor = e.signal.actor.as_ref();
    let (facts, people) = if proofs {
        let texts = signals::texts(tx, s.log_index)?;
        let texts = texts.ok_or_else(|| StoreError::Damaged(format!("signal {} is not there", s.log_index)))?;
        (texts.facts, texts.people)
    } else {
        (String::new(), None)
    };
    Ok(EvidenceRow {
        id: e.id.clone(),
        kind: e.signal.facts.kind().into(),
        name: s.signal.name.clone(),
        source: e.signal.source.clone(),
        occurred_at: e.signal.occurred_at,
        received_at: e.received,
        actor: actor.map_or_else(String::new, |a| a.name.clone().unwrap_or_else(|| show(&a.account))),
        rule: None,
        sha256: hex(&s.body),
        media: s.media.clone(),
        known: e.signal.known,
        salts: Salts {
            body: s.salts.body.map(|salt| hex(&salt)),
            facts: s.salts.facts.map(|salt| hex(&salt)),
            people: s.salts.people.map(|salt| hex(&salt)),
        },
        facts,
        people,
        marks: Vec::new(),
        proof: if proofs { proof_of(tx, head, s.log_index)? } else { no_proof(s.log_index) },
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is a function for map_err")]
fn damaged(e: serde_json::Error) -> StoreError {
    StoreError::Damaged(e.to_string())
}

/// A text that a decision rests on. Without it a dossier would be sealed that cannot be verified.
fn text_of(engine: &Engine, tx: &Tx<'_>, entry: u64, digest: &Hash) -> Result<String, StoreError> {
    let missing = || StoreError::Damaged(format!("the bytes of sha256 {} are not there", hex(digest)));
    let place = log::body(tx, entry, digest)?.ok_or_else(missing)?;
    let bytes = crate::accept::body_of(tx, &engine.blobs, digest, &place)?.ok_or_else(missing)?;
    String::from_utf8(bytes).map_err(|e| StoreError::Damaged(e.to_string()))
}

pub(super) fn decision_rows(
    engine: &Engine,
    tx: &Tx<'_>,
    stored: &StoredRelease,
    head: &LogHead,
    show: &dyn Fn(&str) -> String,
    proofs: bool,
) -> Result<Vec<DecisionRow>, StoreError> {
    decisions::of_release(tx, stored.release.id.as_str())?
        .into_iter()
        .map(|d| {
            let HowDecided { by, known, review_due, late } = how_decided(&d)?;
            let at = decided_at(&d);
            let mut row = DecisionRow {
                id: d.id,
                kind: d.kind,
                result: d.result,
                by: show(&by),
                known,
                at,
                late,
                review_due,
                world_digest: hex(&d.world),
                world: String::new(),
                evaluation: String::new(),
                entries: Vec::new(),
            };
            if proofs {
                row.world = text_of(engine, tx, d.log_index, &d.world)?;
                let frozen: crate::decision::FrozenWorld = serde_json::from_str(&row.world).map_err(damaged)?;
                let digest = certrail_ledger::unhex(&frozen.evaluation)
                    .ok_or_else(|| StoreError::Damaged(format!("decision {} names no evaluation", row.id)))?;
                row.evaluation = text_of(engine, tx, d.log_index, &digest)?;
                let entries: Vec<(u64, serde_json::Value)> = serde_json::from_str(&d.envelope).map_err(damaged)?;
                for (index, envelope) in entries {
                    row.entries.push(DecisionEntry { envelope, proof: proof_of(tx, head, index)? });
                }
            }
            Ok(row)
        })
        .collect()
}

/// The program and rules that make a dossier of ours.
pub(crate) fn tool() -> String {
    format!("certrail {}, {}", env!("CARGO_PKG_VERSION"), certrail_criteria::EVALUATOR)
}

pub(super) fn integrity(
    engine: &Engine,
    tx: &Tx<'_>,
    stored: &StoredRelease,
    head: &LogHead,
    decisions: &[DecisionRow],
    proofs: bool,
) -> Result<Integrity, StoreError> {
    let mut earlier = Vec::new();
    if proofs {
        for index in decisions.iter().flat_map(|d| d.entries.iter()).map(|e| e.proof.index) {
            let (size, checkpoint) = log::checkpoint_covering(tx, index + 1)?
                .ok_or_else(|| StoreError::Damaged(format!("no signed head covers entry {index}")))?;
            let consistency =
                tree::consistency_proof(&head.tiles(tx), size, head.size())?.iter().map(|h| hex(h)).collect();
            let known = earlier.iter().any(|r: &LogRef| r.checkpoint == checkpoint);
            if !known && size < head.size() {
                earlier.push(LogRef { checkpoint, consistency });
            }
        }
    }
    let lives = crate::engine_lives(tx)?;
    let unbound = bindings::unbound_count(tx)?;
    let mut limits = vec![
        "Inclusion is proved for each record listed. That nothing was left out is provable with the full log and the label key.".to_owned(),
        "Times of sources are theirs; times of receipt are ours and never run backwards within an era of our clock.".to_owned(),
    ];
    let eras = log::clock_eras(tx)?;
    if !eras.is_empty() {
        let begun: Vec<String> = eras.iter().map(|(entry, at)| format!("entry {entry} on {}", at.human())).collect();
        limits.push(format!(
            "An operator set our clock right and began an era of it: {}. What was received before, by a clock that showed later than that, was received at an uncertain time, and says so.",
            begun.join(", ")
        ));
    }
    if unbound > 0 {
        limits.push(format!("{unbound} signals were bound to no release when this was made."));
    }
    if lives.len() > 1 {
        limits.push(format!(
            "The log began {} times, after a loss or a compromise; the entries of kind `epoch-began` say why. It goes on as {}.",
            lives.len(),
            head.origin()
        ));
    }
    Ok(Integrity {
        origin: head.origin().to_owned(),
        log_key: head.key.verifier().vkey(),
        certifier_key: hex(engine.keys.certifier.verifier().spki()),
        dossier_key: hex(engine.keys.dossier.verifier().spki()),
        keys_signature: hex(&head.key.sign(&vouching(
            head.origin(),
            engine.keys.certifier.verifier(),
            engine.keys.dossier.verifier(),
            &lives,
        ))),
        lives: lives.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(damaged)?,
        checkpoint: head.checkpoint.clone(),
        earlier,
        label_key: if proofs { hex(&stored.label_key) } else { String::new() },
        tool: tool(),
        limits,
    })
}
