//! What is stored beside an entry against what its leaf commits to.

use certrail_domain::{RetentionClass, Time};
use certrail_ledger::{
    Hash, Salt, commitment,
    dsse::Envelope,
    hex,
    leaf::{Authentication, Body, Capture, Captured, Control, Read},
    sha256, unhex, unhex_half,
};
use certrail_store::{
    StoreError,
    tables::{
        audit::{self, SignalColumns},
        keys::{self, KeyOf},
        log::{self, Act},
        signals,
    },
};

use super::Check;
use crate::engine::{content_key, delivery_key};

/// A signal: its bytes, its facts and people, everything its row says, and that it can be found by delivery and key.
pub(super) fn signal(
    check: &mut Check<'_>,
    index: u64,
    leaf: &[u8],
    said: &Captured,
    signal: &signals::StoredSignal,
) -> Result<(), StoreError> {
    let (tx, report) = (check.tx, &mut check.report);
    report.bodies += 1;
    if signal.salts.body.is_none()
        || signal.salts.facts.is_none()
        || (said.people.is_some() && signal.salts.people.is_none())
    {
        report.fault(format!("A salt of entry {index} is gone, and no erasure is on record."));
        return Ok(());
    }
    let mut size = None;
    match crate::accept::body_of(tx, check.blobs, &signal.body, &signal.place) {
        Err(StoreError::Damaged(why)) => {
            report.fault(format!("The bytes of entry {index} do not match their fingerprint: {why}."));
        }
        Err(e) => return Err(e),
        Ok(None) => report.fault(format!("The bytes of entry {index} (sha256 {}) are not there.", hex(&signal.body))),
        Ok(Some(bytes)) if sha256(&bytes) != signal.body => {
            report.fault(format!("The bytes of entry {index} do not match their fingerprint."));
        }
        Ok(Some(bytes)) => size = Some(bytes.len() as u64),
    }
    let holds =
        |salt: Option<Salt>, digest: &Hash, said: &Hash| salt.is_some_and(|salt| commitment(&salt, digest) == *said);
    if !holds(signal.salts.body, &signal.body, &said.body) {
        report.fault(format!("Entry {index} committed to other bytes than are stored for it."));
    }
    let texts =
        signals::texts(tx, index)?.ok_or_else(|| StoreError::Damaged(format!("signal {index} is not there")))?;
    if !holds(signal.salts.facts, &sha256(texts.facts.as_bytes()), &said.facts) {
        report.fault(format!("Entry {index} committed to other facts than are stored for it."));
    }
    let people = match (&texts.people, &said.people) {
        (Some(text), Some(people)) => holds(signal.salts.people, &sha256(text.as_bytes()), people),
        (None, None) => signal.salts.people.is_none(),
        _ => false,
    };
    if !people {
        report.fault(format!("Entry {index} committed to other people than are stored for it."));
    }
    // The row says the same in columns: written as a leaf again, it must give the same bytes.
    let key = check.keys.map_or(said.delivery, |keys| delivery_key(keys, &signal.connector, &signal.delivery));
    let labels: Vec<[u8; 16]> = said.labels.iter().filter_map(|l| unhex_half(l)).collect();
    let again = Capture {
        auth: Authentication { how: &signal.auth_how, key: &signal.auth_key },
        body: Body { commitment: said.body, media: &signal.media, size: size.unwrap_or_default() },
        connector: &signal.connector,
        delivery: key,
        duplicate_of: signal.duplicate_of,
        facts: said.facts,
        mapper: &signal.mapper,
        known: signal.signal.known.name(),
        labels: &labels,
        part_of: signal.part_of,
        people: said.people,
        received: &signal.received.to_string(),
        retention: RetentionClass::of(&signal.signal.facts).name(),
        source: &signal.signal.source,
    };
    if size.is_some() && again.encode().as_deref() != Ok(leaf) {
        report.fault(format!("Sender, time or type of entry {index} are stored otherwise than it says."));
    }
    let said = &signal.signal;
    let columns = SignalColumns {
        kind: said.facts.kind().to_owned(),
        source: said.source.clone(),
        known: said.known.name().to_owned(),
        occurred: said.occurred_at.map(Time::as_micros),
    };
    if audit::columns(tx, index)? != Some(columns) {
        report
            .fault(format!("Kind, source, time or how it is known of entry {index} are kept otherwise than it says."));
    }
    let known = keys::find(tx, KeyOf::Delivery, &key)? == Some(index);
    if !known && index < check.keys_from {
        report.fault(format!("The delivery of entry {index} is not known; sent again, it would be recorded twice."));
    }
    check.in_tables.0 += u64::from(known);
    let brought = signal.duplicate_of.is_none();
    let known = keys::find(tx, KeyOf::Content, &content_key(&signal.body))? == Some(index);
    if brought && !known && index < check.keys_from {
        report.fault(format!("That entry {index} brought its bytes first is not known."));
    }
    check.in_tables.1 += u64::from(known);
    for key in subjects(signal) {
        if !audit::is_about(tx, key.as_str(), index)? {
            report.fault(format!("Entry {index} cannot be found by {}.", key.as_str()));
        }
    }
    Ok(())
}

/// The keys that a signal is found by.
pub(super) fn subjects(signal: &signals::StoredSignal) -> Vec<certrail_domain::Key> {
    signal.signal.keys().into_iter().filter(|k| k.parts().0 != "target").collect()
}

/// A document and the columns beside it.
pub(super) fn document(check: &mut Check<'_>, index: u64, leaf: &[u8], read: &Read, act: &Act) {
    check.report.documents += 1;
    let Read::Control { body, labels, .. } = read else { return };
    let body = *body;
    let salt: Option<Salt> = act.salt.as_deref().and_then(|s| s.try_into().ok());
    let good = salt.is_some_and(|salt| commitment(&salt, &sha256(act.document.as_bytes())) == body);
    let labels: Vec<[u8; 16]> = labels.iter().filter_map(|l| unhex_half(l)).collect();
    let again = Control {
        act: &act.act,
        actor: &act.actor,
        body: Body { commitment: body, media: "application/json", size: act.document.len() as u64 },
        labels: &labels,
        received: &Time::from_micros(act.received).to_string(),
    };
    if !good || again.encode().as_deref() != Ok(leaf) {
        check.report.fault(format!("The document of entry {index} ({}) is not what was recorded.", act.act));
    }
}

/// A signed decision.
pub(super) fn decision(check: &mut Check<'_>, index: u64, digest: &[u8], act: &Act) {
    check.report.documents += 1;
    let envelope: Option<Envelope> = serde_json::from_str(&act.document).ok();
    let same = envelope.as_ref().and_then(Envelope::signed_digest).is_some_and(|d| d.as_slice() == digest);
    let verified = |e: Envelope| check.keys.is_none_or(|keys| e.verify(keys.certifier.verifier()).is_some());
    let signed = envelope.is_some_and(verified);
    if !same || !signed {
        check.report.fault(format!("The decision of entry {index} is not what was signed."));
    }
}

/// The bytes of a digest written in hex that an entry rests on, if they are here and are what they are called.
pub(super) fn bytes_of(check: &Check<'_>, entry: u64, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(digest) = unhex(digest) else { return Ok(None) };
    let Some(place) = log::body(check.tx, entry, &digest)? else { return Ok(None) };
    Ok(crate::accept::body_of(check.tx, check.blobs, &digest, &place)?.filter(|bytes| sha256(bytes) == digest))
}
