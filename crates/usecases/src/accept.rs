//! Taking a signal in: bytes, signal, bindings, leaf and follow-ups, all in one commit.

use std::{borrow::Cow, sync::Arc};

use certrail_domain::{EvidenceId, Facts, Problem, RetentionClass, Signal};
use certrail_ledger::{
    Hash, Salt, commitment,
    leaf::{Authentication, Body, Capture},
    sha256,
};
use certrail_store::{
    BlobFiles, BlobPlace, StoreError,
    tables::{
        bindings, log,
        releases::{self, StoredRelease},
        signals::{self, Salts, StoredSignal, Texts, evidence_id},
    },
};

use crate::{
    bind,
    engine::{Batch, Engine, Fault, Job, Kept, delivery_key, in_place, internal, random},
    track::{self, AlertEvent, Prepared, VexSender},
};

/// Something to take in, already verified and mapped.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The connector: `github`, `cli`, `api`, `page`.
    pub(crate) connector: Cow<'static, str>,
    /// The sender's delivery id.
    pub(crate) delivery: String,
    /// The media type.
    pub(crate) media: String,
    /// How the sender proved who it is.
    pub(crate) auth_how: String,
    /// The secret's or token's name.
    pub(crate) auth_key: String,
    /// The mapper or reader.
    pub(crate) mapper: String,
    /// The raw bytes.
    pub(crate) body: Vec<u8>,
    /// What it says.
    pub(crate) signal: Arc<Signal>,
    /// The entry of the delivery that this is a part of.
    pub(crate) part_of: Option<u64>,
    /// The findings of a scan.
    pub(crate) findings: Option<Prepared>,
    /// Who sent it, where what it says may become decisions that are asked for.
    pub(crate) vex: Option<VexSender>,
}

/// An [`Incoming`] with what can be done outside the commit: hashed, written out, its large body on disk.
#[derive(Debug)]
pub(crate) struct Ready {
    incoming: Incoming,
    /// Digest of the raw bytes.
    digest: Hash,
    kept: Kept,
    texts: Texts,
}

impl Incoming {
    /// Hashes and writes out what can be done outside the commit. Large bodies are on disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn ready(self, engine: &Engine) -> Result<Ready, Problem> {
        let ready = match self.body.len() > BlobFiles::SMALL {
            // It goes to the disk before anything is committed.
            true => in_place(|| self.prepare(&engine.blobs)),
            false => self.prepare(&engine.blobs),
        };
        ready.map_err(|e| internal(&e))
    }

    fn prepare(self, blobs: &BlobFiles) -> Result<Ready, StoreError> {
        let digest = sha256(&self.body);
        let (apart, people) = self.signal.without_people();
        let write = |e: serde_json::Error| StoreError::Damaged(e.to_string());
        let facts = serde_json::to_string(&apart).map_err(write)?;
        let people = if people.is_empty() { None } else { Some(serde_json::to_string(&people).map_err(write)?) };
        let kept = Kept::prepare(blobs, &digest, &self.body)?;
        Ok(Ready { incoming: self, digest, kept, texts: Texts { facts, people } })
    }
}

/// Where a signal ended up, for the sender.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Placed {
    /// `payments-api/2.4.1`.
    pub release: String,
    /// The rule that bound it.
    pub rule: &'static str,
    /// Why, one sentence.
    pub why: &'static str,
}

/// The acknowledgement of a signal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ack {
    /// Its evidence id.
    pub id: EvidenceId,
    /// Its entry in the log.
    pub index: u64,
    /// SHA-256 of the raw bytes, hex.
    pub digest: String,
    /// This delivery had been recorded before; the entry is the same.
    pub duplicate: bool,
    /// The entry whose content it repeats, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u64>,
    /// The releases it belongs to.
    pub bound: Vec<Placed>,
    /// The repository that it concerns as a whole, for every release of its products.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Why it belongs to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unbound: Option<String>,
    /// What struck us.
    pub warnings: Vec<String>,
}

/// Takes a signal in. The same delivery again is answered with what the first one became (law 2).
pub(crate) fn accept(batch: &mut Batch<'_>, ready: &Ready) -> Result<Ack, Fault> {
    take_in(batch, ready, ready.incoming.part_of)
}

/// [`accept`] for a part of the delivery whose entry is `whole`, of the same commit.
pub(crate) fn accept_part(batch: &mut Batch<'_>, ready: &Ready, whole: u64) -> Result<Ack, Fault> {
    take_in(batch, ready, Some(whole))
}

fn take_in(batch: &mut Batch<'_>, ready: &Ready, part_of: Option<u64>) -> Result<Ack, Fault> {
    let Ready { incoming, digest, kept, texts } = ready;
    let key = delivery_key(batch.keys, &incoming.connector, &incoming.delivery);
    if let Some(index) = batch.delivered(&key)? {
        return again(batch, incoming, digest, index);
    }
    let mut effects = bind::learn(batch, &incoming.signal)?;
    let repository = bind::context::known(batch, &incoming.signal)?;
    // Learning may append entries of its own (a release opened); ours comes after them.
    let log_index = batch.next_index();
    let outcome = bind::place(batch.tx, &incoming.signal, batch.next_index())?;
    let (place, repeats) = batch.keep_content(digest, kept, log_index)?;
    let (body, facts, people): (Salt, Salt, Salt) = (random()?, random()?, random()?);
    let received = batch.now.to_string();
    let mut labels = bind::labels(&outcome);
    // Whoever has a repository later finds what concerned it before.
    labels.extend(
        repository.iter().filter(|_| outcome.context.is_none()).map(|r| bind::context::mark(&r.name, &r.label_key)),
    );
    batch.append_capture(&Capture {
        auth: Authentication { how: &incoming.auth_how, key: &incoming.auth_key },
        body: Body { commitment: commitment(&body, digest), media: &incoming.media, size: incoming.body.len() as u64 },
        connector: &incoming.connector,
        delivery: key,
        duplicate_of: repeats,
        facts: commitment(&facts, &sha256(texts.facts.as_bytes())),
        mapper: &incoming.mapper,
        known: incoming.signal.known.name(),
        labels: &labels,
        part_of,
        people: texts.people.as_ref().map(|text| commitment(&people, &sha256(text.as_bytes()))),
        received: &received,
        retention: RetentionClass::of(&incoming.signal.facts).name(),
        source: &incoming.signal.source,
    })?;
    batch.remember_delivery(key, log_index);
    let people = texts.people.is_some().then_some(people);
    let id = evidence_id(batch.now, log_index, digest);
    let stored = StoredSignal {
        id: id.clone(),
        log_index,
        connector: incoming.connector.to_string(),
        delivery: incoming.delivery.clone(),
        media: incoming.media.clone(),
        auth_how: incoming.auth_how.clone(),
        auth_key: incoming.auth_key.clone(),
        received: batch.now,
        body: *digest,
        place,
        salts: Salts { body: Some(body), facts: Some(facts), people },
        mapper: incoming.mapper.clone(),
        duplicate_of: repeats,
        part_of,
        signal: incoming.signal.clone(),
    };
    batch.insert_signal(stored, texts)?;
    bind::record(batch, &incoming.signal, repository.as_ref(), &outcome, log_index)?;
    if matches!(incoming.signal.facts, Facts::Deployment(_)) {
        effects.ship.extend(outcome.bound.iter().map(|(s, _)| s.seq));
    }
    let bound = || outcome.bound.iter().map(|(s, _)| s.as_ref().clone()).collect::<Vec<StoredRelease>>();
    if let Some(prepared) = &incoming.findings {
        track::arrived(batch, prepared, log_index, &bound())?;
    }
    if let Facts::Alert(alert) = &incoming.signal.facts {
        let at = incoming.signal.occurred_at.unwrap_or(batch.now);
        track::alert(batch, alert, AlertEvent { at, entry: log_index, only_new: false }, &bound())?;
    }
    let mut warnings = incoming.signal.warnings.clone();
    if let (Facts::Vex(vex), Some(sender)) = (&incoming.signal.facts, &incoming.vex) {
        if track::are_in_line(batch.tx, &sender.product)? {
            // It may speak of what they found.
            batch.leave(&sender.product, &Job::Propose(log_index))?;
            warnings.push("What it says is asked for when the scans that came before it are taken in.".to_owned());
        } else {
            warnings.extend(track::propose(batch, vex, sender, &id, &bound())?);
        }
    }
    warnings.extend(bind::settle(batch, effects, &log_index.to_string())?);
    Ok(Ack {
        id,
        index: log_index,
        digest: certrail_ledger::hex(digest),
        duplicate: false,
        repeats,
        bound: outcome.bound.iter().map(|(s, m)| placed(&s.release, m.rule)).collect(),
        context: outcome.context.map(|r| r.name),
        unbound: outcome.unbound,
        warnings,
    })
}

fn placed(release: &certrail_domain::Release, rule: certrail_domain::BindRule) -> Placed {
    Placed { release: format!("{}/{}", release.product, release.version), rule: rule.name(), why: rule.sentence() }
}

/// The answer to a delivery that is known. Another body under a known id is refused and said aloud (pitfalls T17).
fn again(batch: &Batch<'_>, incoming: &Incoming, digest: &Hash, index: u64) -> Result<Ack, Fault> {
    let stored =
        signals::get(batch.tx, index)?.ok_or_else(|| StoreError::Damaged(format!("signal {index} is not there")))?;
    let (was, is) = (&stored.signal, &incoming.signal);
    // What a report is for, and of what part of the product, is said beside its bytes.
    let read = matches!(is.facts, Facts::Scan(_) | Facts::TestRun(_) | Facts::Coverage(_));
    let read_otherwise = read && stored.mapper == incoming.mapper && was.facts != is.facts;
    let told = |s: &certrail_domain::Signal| (s.source.clone(), s.name.clone(), s.named.clone(), s.part.clone());
    if stored.body != *digest || told(was) != told(is) || read_otherwise {
        return Err(Fault::Problem(certrail_domain::Problem::new(
            certrail_domain::ProblemKind::Conflict,
            "delivery-changed",
            "This delivery was not recorded.",
            format!(
                "Delivery {} was received before with other content, or for something else (entry {index}).",
                incoming.delivery
            ),
            "Send changed content under a new delivery id.",
        )));
    }
    let mut bound = Vec::new();
    for b in bindings::of_signal(batch.tx, index)? {
        if let Some(s) = releases::by_seq(batch.tx, b.release)? {
            bound.push(placed(&s.release, b.rule));
        }
    }
    let context = bind::place(batch.tx, was, batch.next_index())?.context.map(|r| r.name);
    Ok(Ack {
        id: stored.id.clone(),
        index,
        digest: certrail_ledger::hex(&stored.body),
        duplicate: true,
        repeats: stored.duplicate_of,
        bound,
        context,
        unbound: None,
        warnings: stored.signal.warnings.clone(),
    })
}

/// The bytes of a digest, where they were put.
pub(crate) fn body_of(
    tx: &certrail_store::Tx<'_>,
    blobs: &BlobFiles,
    digest: &Hash,
    place: &BlobPlace,
) -> Result<Option<Vec<u8>>, StoreError> {
    match &place.frame {
        Some(frame) => log::unpacked(tx, frame, place.size),
        None => blobs.get(&certrail_ledger::hex(digest), place.size),
    }
}
