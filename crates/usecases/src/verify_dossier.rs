//! Verifying a dossier offline: the file alone, and the public keys somebody holds.

use std::collections::BTreeSet;

use certrail_domain::{Evaluation, EvidenceId, Mentioned, sentence};
use certrail_dossier::Dossier;
use certrail_ledger::{
    Hash, commitment,
    dsse::Envelope,
    keys::{DecisionVerifier, VerifierKey},
    leaf::{self, Read},
    life::{Life, leads, verify_head, vouching},
    note::Checkpoint,
    receipt::verify_entry,
    seal, sha256, tree, unhex, unhex_half,
};
use certrail_store::tables::signals::index_of;
use data_encoding::HEXLOWER;
use serde::Serialize;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub what: String,
    /// Whether it holds.
    pub holds: bool,
    /// Why not, or how many.
    pub detail: String,
}

/// The outcome of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Everything that was checked, in order.
    pub checks: Vec<Check>,
    /// What the dossier says, if it could be read.
    pub sentence: Option<String>,
    /// The log's public key, to be compared with the copy somebody holds.
    pub log_key: Option<String>,
    /// The key that sealed the file: base64 of the SHA-256 of its SubjectPublicKeyInfo.
    pub seal_key: Option<String>,
}

impl Verification {
    /// Whether everything holds, and something was checked at all.
    #[must_use]
    pub fn genuine(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|c| c.holds)
    }

    fn note(&mut self, what: &str, outcome: Result<String, String>) -> bool {
        let holds = outcome.is_ok();
        let detail = outcome.unwrap_or_else(|why| why);
        self.checks.push(Check { what: what.into(), holds, detail });
        holds
    }
}

/// Verifies a dossier file, JSON or PDF. `trusted` is the log key somebody holds; without it the key
/// inside is used, and has to be compared by eye.
#[must_use]
pub fn verify_dossier(file: &[u8], trusted: Option<&str>) -> Verification {
    let mut v = Verification::default();
    let mut pdf_key = None;
    let json = if file.starts_with(b"%PDF-") {
        let Some((json, key)) = open_pdf(file, &mut v) else { return v };
        pdf_key = Some(key);
        json
    } else {
        file.to_vec()
    };
    let Some((bytes, seal)) = seal::open_json(&json) else {
        v.note("seal of the dossier", Err("the file carries no seal in the form certrail writes".into()));
        return v;
    };
    let key = seal.verify(&bytes);
    v.seal_key = key.as_ref().map(DecisionVerifier::key_id);
    if !v.note(
        "seal of the dossier",
        key.map(|k| format!("key {}", k.key_id())).ok_or_else(|| "the bytes were changed after sealing".into()),
    ) {
        return v;
    }
    let dossier: Dossier = match serde_json::from_slice(&bytes) {
        Ok(dossier) => dossier,
        Err(e) => {
            v.note("form of the dossier", Err(format!("it does not read: {e}")));
            return v;
        }
    };
    v.sentence = Some(dossier.sentence.clone());
    v.log_key = Some(dossier.integrity.log_key.clone());
    if let Some(key) = pdf_key {
        // Pages and attachment must come from the same hand: a seal by any other key is a forgery.
        let same = key == dossier.integrity.dossier_key;
        let outcome =
            if same { Ok("the same key".to_owned()) } else { Err("the pages were sealed by another key".to_owned()) };
        v.note("pages and attachment are sealed by the same key", outcome);
    }
    contents(&dossier, &seal.key, trusted, &mut v);
    v
}

/// The seal over the PDF, and the JSON attached inside.
fn open_pdf(file: &[u8], v: &mut Verification) -> Option<(Vec<u8>, String)> {
    let opened = seal::open_pdf(file);
    let holds = opened.as_ref().and_then(|(bytes, seal)| seal.verify(bytes)).map(|k| format!("key {}", k.key_id()));
    if !v.note("seal of the PDF", holds.ok_or_else(|| "the PDF was changed after sealing, or was never sealed".into()))
    {
        return None;
    }
    let (bytes, seal) = opened?;
    let json = attachment(&bytes);
    v.note(
        "dossier attached to the PDF",
        json.as_ref().map(|j| format!("{} bytes", j.len())).ok_or_else(|| "no dossier.json is attached".into()),
    );
    Some((json?, seal.key))
}

/// Finds the attached JSON: the stream of the embedded file, deflated or plain (ISO 32000-2 §7.11.4).
fn attachment(pdf: &[u8]) -> Option<Vec<u8>> {
    let find = |haystack: &[u8], needle: &[u8]| haystack.windows(needle.len()).position(|w| w == needle);
    let mut from = 0;
    while let Some(at) = find(&pdf[from..], b"stream") {
        let start = from + at + b"stream".len();
        from = start;
        if pdf[..start - 6].ends_with(b"end") {
            continue;
        }
        let body = pdf[start..].strip_prefix(b"\r\n").or_else(|| pdf[start..].strip_prefix(b"\n"))?;
        let end = find(body, b"endstream")?;
        let body = &body[..end];
        from = start + end;
        let inflated = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(body, 512 * 1024 * 1024).ok();
        for candidate in [inflated.as_deref(), Some(body)].into_iter().flatten() {
            let candidate = candidate.strip_suffix(b"\n").unwrap_or(candidate);
            if candidate.starts_with(b"{\"schema\":\"certrail.dossier/") {
                return Some(candidate.to_vec());
            }
        }
    }
    None
}

fn contents(d: &Dossier, sealed_by: &str, trusted: Option<&str>, v: &mut Verification) {
    let Some(key) = VerifierKey::parse(&d.integrity.log_key) else {
        v.note("key of the log", Err("it is malformed".into()));
        return;
    };
    let lives: Result<Vec<Life>, _> = d.integrity.lives.iter().cloned().map(serde_json::from_value).collect();
    let Ok(lives) = lives else {
        v.note("lives of the log", Err("one of them is malformed".into()));
        return;
    };
    if let Some(trusted) = trusted {
        v.note("key of the log is the one you hold", held(d, &lives, trusted.trim(), &key));
    }
    v.note("the log's key vouches for the keys that signed and sealed", vouched(d, &lives, sealed_by, &key));
    let checkpoint = match Checkpoint::verify(&d.integrity.checkpoint, &key) {
        Ok(checkpoint) => checkpoint,
        Err(e) => {
            v.note("signed head of the log", Err(e.to_string()));
            return;
        }
    };
    v.note("signed head of the log", Ok(format!("{} entries", checkpoint.size)));
    v.note("consistency with the heads at the decisions", consistency(d, &lives, &checkpoint));
    v.note("evidence is in the log, unchanged", evidence(d, &checkpoint));
    v.note("decisions are signed and in the log", decisions(d, &checkpoint));
    v.note("labels of the release", labels(d));
    v.note("what it says follows from its evaluation", conclusions(d));
    v.note("its words are those of its verdicts", words(d));
}

/// The sentences on the first page, written again. Another version may say the same in other words; then they are
/// not compared, and that is said.
fn words(d: &Dossier) -> Result<String, String> {
    let (evaluation, release, summary) = (&d.evaluation, &d.release, &d.evaluation.summary);
    let own = crate::make_dossier::tool();
    if d.integrity.tool != own {
        return Ok(format!(
            "NOT COMPARED: it says it was made by {}, and this is {own}; read the verdicts",
            d.integrity.tool
        ));
    }
    for (what, said, follows) in [
        ("sentence", &d.sentence, sentence::sentence(release, evaluation)),
        ("fraction", &d.fraction, sentence::fraction(summary)),
        ("standing", &d.standing, sentence::standing(release, summary.excepted > 0).to_owned()),
    ] {
        if *said != follows {
            return Err(format!("the {what} should read: {follows}"));
        }
    }
    Ok("sentence, fraction and standing".into())
}

/// The counts are worked out again from the verdicts, and the verdicts from their rows.
fn conclusions(d: &Dossier) -> Result<String, String> {
    let (evaluation, release) = (&d.evaluation, &d.release);
    let summary = Evaluation::summarise(&evaluation.requirements);
    if evaluation.snapshot.release != release.id {
        return Err("the evaluation is of another release".into());
    }
    if evaluation.summary != summary || d.summary != summary {
        return Err("the counts are not those of its requirements".into());
    }
    for requirement in &evaluation.requirements {
        let worst = requirement.rows.iter().map(|row| row.verdict).max();
        if worst != Some(requirement.verdict) {
            return Err(format!("{} is not as its rows are", requirement.title));
        }
    }
    let held: BTreeSet<&EvidenceId> = d.evidence.iter().map(|row| &row.id).collect();
    let cited = evaluation.requirements.iter().flat_map(|r| &r.rows).flat_map(|row| &row.inputs);
    let told = d.tests.iter().map(|t| &t.evidence).chain(d.security.iter().map(|s| &s.evidence));
    let told = told.chain(d.approvals.iter().map(|a| &a.evidence)).chain(d.acceptance.iter().map(|a| &a.evidence));
    let told = told.chain(d.events.iter().map(|e| &e.evidence)).chain(d.deployments.iter().flat_map(|x| &x.evidence));
    let told = told.chain(d.controls.iter().flat_map(|c| &c.evidence));
    if let Some(stranger) = cited.chain(told).find(|id| !held.contains(id)) {
        return Err(format!("it speaks of {stranger}, which is not among its evidence"));
    }
    Ok(format!("{} requirements", evaluation.requirements.len()))
}

/// From the log's key to the certifier's and the sealer's: without this, anybody could seal anything.
fn vouched(d: &Dossier, lives: &[Life], sealed_by: &str, key: &VerifierKey) -> Result<String, String> {
    let parse = |text: &str| HEXLOWER.decode(text.as_bytes()).ok().and_then(|b| DecisionVerifier::from_spki(&b));
    let certifier = parse(&d.integrity.certifier_key).ok_or("the certifier's key is malformed")?;
    let dossier = parse(&d.integrity.dossier_key).ok_or("the sealing key is malformed")?;
    if d.integrity.dossier_key != sealed_by {
        return Err("the file was sealed by another key".into());
    }
    let signature = HEXLOWER.decode(d.integrity.keys_signature.as_bytes()).map_err(|_| "the signature is malformed")?;
    let good = d.integrity.origin == key.name()
        && key.verifies(&vouching(&d.integrity.origin, &certifier, &dossier, lives), &signature);
    if good { Ok("certifier and sealer".into()) } else { Err("the log's key did not sign for these keys".into()) }
}

/// The key somebody holds is the log's, or that of an earlier life which handed the log over.
fn held(d: &Dossier, lives: &[Life], trusted: &str, key: &VerifierKey) -> Result<String, String> {
    if trusted == d.integrity.log_key {
        return Ok(key.name().to_owned());
    }
    if leads(lives, trusted, &d.integrity.log_key) {
        let began = "it handed the log over after a loss or a compromise; ask for the reason, and hold the new key";
        return Ok(format!("{began}: {}", d.integrity.log_key));
    }
    Err("it is another key".into())
}

/// A head by the key of the life it belongs to. Past what the next life kept, a head is of a life that was lost.
fn earlier_head(lives: &[Life], note: &str) -> Result<Checkpoint, String> {
    let size = Checkpoint::parse_unverified(note).map_err(|e| e.to_string())?.size;
    verify_head(lives, note, size).map_err(|e| e.to_string())
}

fn consistency(d: &Dossier, lives: &[Life], head: &Checkpoint) -> Result<String, String> {
    if lives.last().is_none_or(|life| life.key != d.integrity.log_key) {
        return Err("the newest life of the log has another key".into());
    }
    for earlier in &d.integrity.earlier {
        let old = earlier_head(lives, &earlier.checkpoint)?;
        let proof: Option<Vec<_>> = earlier.consistency.iter().map(|h| unhex(h)).collect();
        let proof = proof.ok_or("a proof is malformed")?;
        tree::verify_consistency(old.size, head.size, &proof, &old.root, &head.root)
            .map_err(|e| format!("the head at {} entries is not a prefix: {e}", old.size))?;
    }
    Ok(format!("{} earlier heads", d.integrity.earlier.len()))
}

fn evidence(d: &Dossier, head: &Checkpoint) -> Result<String, String> {
    for row in &d.evidence {
        let fail = |why: &str| format!("{}: {why}", row.id);
        verify_entry(row.proof.index, row.proof.leaf.as_bytes(), &row.proof.hashes, head)
            .map_err(|e| fail(&e.to_string()))?;
        let Some(Read::Capture(said)) = leaf::read(row.proof.leaf.as_bytes()) else {
            return Err(fail("its entry is of another kind"));
        };
        if said.received != row.received_at.to_string() || said.source != row.source {
            return Err(fail("time of receipt or source differ from the entry"));
        }
        if said.known != row.known.name() {
            return Err(fail("how it is known differs from the entry"));
        }
        let digest = unhex(&row.sha256).ok_or_else(|| fail("its fingerprint is malformed"))?;
        opens(row.salts.body.as_deref(), &digest, &said.body).map_err(|e| fail(&format!("its fingerprint {e}")))?;
        opens(row.salts.facts.as_deref(), &sha256(row.facts.as_bytes()), &said.facts)
            .map_err(|e| fail(&format!("its content {e}")))?;
        let people: Vec<Mentioned> = match (&row.people, &said.people) {
            (Some(text), Some(people)) => {
                opens(row.salts.people.as_deref(), &sha256(text.as_bytes()), people)
                    .map_err(|e| fail(&format!("the people it speaks of {e}")))?;
                serde_json::from_str(text).map_err(|e| fail(&e.to_string()))?
            }
            (None, None) => Vec::new(),
            _ => return Err(fail("the people it speaks of are not those recorded")),
        };
        let mut signal: certrail_domain::Signal = serde_json::from_str(&row.facts).map_err(|e| fail(&e.to_string()))?;
        if !people.is_empty() && !signal.put_people_back(&people) {
            return Err(fail("the people it speaks of are not those of its content"));
        }
        if signal.name != row.name {
            return Err(fail("its name differs from the recorded content"));
        }
        if signal.known != row.known {
            return Err(fail("how it is known differs from the recorded content"));
        }
        let same =
            signal.facts.kind() == row.kind && signal.occurred_at == row.occurred_at && signal.source == row.source;
        if !same {
            return Err(fail("kind, time or source differ from the recorded content"));
        }
        if index_of(row.id.as_str()) != Some(row.proof.index) {
            return Err(fail("its id names another entry"));
        }
    }
    Ok(format!("{} records", d.evidence.len()))
}

/// Whether a salt ties content to what an entry committed to. Erasure leaves a tombstone in the log; without one, a salt
/// that is gone hides a change.
fn opens(salt: Option<&str>, digest: &Hash, committed: &Hash) -> Result<(), &'static str> {
    let salt = salt.ok_or("has no salt, so nothing ties it to the entry")?;
    let salt = unhex_half(salt).ok_or("has a malformed salt")?;
    if commitment(&salt, digest) == *committed { Ok(()) } else { Err("is not what was recorded") }
}

fn decisions(d: &Dossier, head: &Checkpoint) -> Result<String, String> {
    let key = HEXLOWER
        .decode(d.integrity.certifier_key.as_bytes())
        .ok()
        .and_then(|b| DecisionVerifier::from_spki(&b))
        .ok_or("the certifier's key is malformed")?;
    for decision in &d.decisions {
        let fail = |why: &str| format!("{}: {why}", decision.id);
        if certrail_ledger::hex(&sha256(decision.world.as_bytes())) != decision.world_digest {
            return Err(fail("the frozen state of the world was changed"));
        }
        let world: crate::decision::FrozenWorld =
            serde_json::from_str(&decision.world).map_err(|e| fail(&e.to_string()))?;
        if certrail_ledger::hex(&sha256(decision.evaluation.as_bytes())) != world.evaluation {
            return Err(fail("the evaluation it rests on was changed"));
        }
        if decision.entries.is_empty() {
            return Err(fail("it has no signed statement"));
        }
        let mut named_release = false;
        for entry in &decision.entries {
            let envelope: Envelope =
                serde_json::from_value(entry.envelope.clone()).map_err(|e| fail(&e.to_string()))?;
            let payload = envelope.verify(&key).ok_or_else(|| fail("its signature does not hold"))?;
            let statement: serde_json::Value = serde_json::from_slice(&payload).map_err(|e| fail(&e.to_string()))?;
            let named = statement
                .pointer("/predicate/world/sha256")
                .or_else(|| statement.pointer("/predicate/inputAttestations/0/digest/sha256"));
            if named.and_then(|n| n.as_str()) != Some(decision.world_digest.as_str()) {
                return Err(fail("a statement names another state of the world"));
            }
            let says = |pointer: &str| statement.pointer(pointer).and_then(|x| x.as_str());
            if says("/predicate/verificationResult").is_some_and(|result| result != decision.result) {
                return Err(fail("a statement gives another result"));
            }
            let at = says("/predicate/decidedAt").or_else(|| says("/predicate/timeVerified"));
            if at != Some(decision.at.to_string().as_str()) {
                return Err(fail("a statement gives another time"));
            }
            if let Some(own) = statement.pointer("/predicate/release/id") {
                let decided = says("/predicate/decision");
                if own.as_str() != Some(d.release.id.as_str()) || decided != Some(decision.id.as_str()) {
                    return Err(fail("it is a decision on another release"));
                }
                if says("/predicate/decidedBy/known") != Some(decision.known.name()) {
                    return Err(fail("a statement tells otherwise how it was decided"));
                }
                if says("/predicate/meaning") != Some(decision.kind.as_str()) {
                    return Err(fail("a statement has another meaning"));
                }
                named_release = true;
            }
            verify_entry(entry.proof.index, entry.proof.leaf.as_bytes(), &entry.proof.hashes, head)
                .map_err(|e| fail(&e.to_string()))?;
            let Some(Read::Decision { digest, signature, spki }) = leaf::read(entry.proof.leaf.as_bytes()) else {
                return Err(fail("its entry is of another kind"));
            };
            let same = envelope.signed_digest().is_some_and(|own| own.as_slice() == digest)
                && envelope.signature() == Some(signature)
                && spki == key.spki();
            if !same {
                return Err(fail("its entry holds another signature"));
            }
        }
        if !named_release {
            return Err(fail("no statement names the release"));
        }
    }
    Ok(format!("{} decisions", d.decisions.len()))
}

/// Evidence that was bound on arrival carries the blinded label of this release or of none we can name.
fn labels(d: &Dossier) -> Result<String, String> {
    let key = unhex(&d.integrity.label_key).ok_or("the label key is malformed")?;
    let own = certrail_ledger::hex(&leaf::label(&key, d.release.id.as_str()));
    let labelled = d.evidence.iter().filter(|row| matches!(leaf::read(row.proof.leaf.as_bytes()), Some(Read::Capture(said)) if said.labels.contains(&own))).count();
    Ok(format!("{labelled} of {} records were bound to it on arrival, the others later", d.evidence.len()))
}
