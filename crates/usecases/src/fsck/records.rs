//! What is stored beside an entry against what its leaf commits to.

use certrail_domain::Time;
use certrail_ledger::{
    Hash, commitment,
    dsse::Envelope,
    hex,
    leaf::{Authentication, Body, Capture, Control, Read, keyed},
    sha256, unhex,
};
use certrail_store::{
    StoreError,
    tables::{audit, log::Act, signals},
};

use super::Check;

/// A signal: its bytes, its normalised form, everything its row says, and that it can be found by delivery and key.
pub(super) fn signal(
    check: &mut Check<'_>,
    index: u64,
    leaf: &[u8],
    read: &Read,
    signal: &signals::StoredSignal,
) -> Result<(), StoreError> {
    let (tx, report) = (check.tx, &mut check.report);
    report.bodies += 1;
    let Read::Capture { body, normalised, labels, delivery, .. } = read else { return Ok(()) };
    let (body, normalised, delivery) = (*body, *normalised, *delivery);
    let salt: Option<Hash> = signal.salt.as_deref().and_then(|s| s.try_into().ok());
    let Some(salt) = salt else {
        report.fault(format!("The salt of entry {index} is gone, and no erasure is on record."));
        return Ok(());
    };
    let mut size = None;
    match crate::accept::body_of(tx, check.blobs, &signal.body)? {
        None => report.fault(format!("The bytes of entry {index} (sha256 {}) are not there.", hex(&signal.body))),
        Some(bytes) if sha256(&bytes) != signal.body => {
            report.fault(format!("The bytes of entry {index} do not match their fingerprint."));
        }
        Some(bytes) => size = Some(bytes.len() as u64),
    }
    if commitment(&salt, &signal.body) != body {
        report.fault(format!("Entry {index} committed to other bytes than are stored for it."));
    }
    let text = signals::normalised(tx, index)?.unwrap_or_default();
    if commitment(&salt, &sha256(text.as_bytes())) != normalised {
        report.fault(format!("Entry {index} committed to another normalised form than is stored for it."));
    }
    // The row says the same in columns: written as a leaf again, it must give the same bytes.
    let text = format!("{}\n{}", signal.connector, signal.delivery);
    let key = check.keys.map_or(delivery, |keys| keyed(&keys.delivery, text.as_bytes()));
    let labels: Vec<[u8; 16]> = labels.iter().filter_map(|l| half(l)).collect();
    let again = Capture {
        auth: Authentication { how: &signal.auth_how, key: &signal.auth_key },
        body: Body { commitment: body, media: &signal.media, size: size.unwrap_or_default() },
        delivery: key,
        duplicate_of: signal.duplicate_of,
        labels: &labels,
        normalised,
        mapper: &signal.mapper,
        received: &signal.received.to_string(),
        source: &signal.signal.source,
    };
    if size.is_some() && again.encode() != leaf {
        report.fault(format!("Sender, time or type of entry {index} are stored otherwise than it says."));
    }
    let (kind, source) = (signal.signal.facts.kind(), signal.signal.source.as_str());
    if audit::columns(tx, index)? != Some((kind.to_owned(), source.to_owned())) {
        report.fault(format!("Entry {index} is kept as of another kind or source than it is."));
    }
    if signals::delivery(tx, &key)? != Some(index) {
        report.fault(format!("The delivery of entry {index} is not known; sent again, it would be recorded twice."));
    }
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

fn half(text: &str) -> Option<[u8; 16]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// A document and the columns beside it.
pub(super) fn document(check: &mut Check<'_>, index: u64, leaf: &[u8], read: &Read, act: &Act) {
    check.report.documents += 1;
    let Read::Control { body, labels, .. } = read else { return };
    let body = *body;
    let salt: Option<Hash> = act.salt.as_deref().and_then(|s| s.try_into().ok());
    let good = salt.is_some_and(|salt| commitment(&salt, &sha256(act.document.as_bytes())) == body);
    let labels: Vec<[u8; 16]> = labels.iter().filter_map(|l| half(l)).collect();
    let again = Control {
        act: &act.act,
        actor: &act.actor,
        body: Body { commitment: body, media: "application/json", size: act.document.len() as u64 },
        labels: &labels,
        received: &Time::from_micros(act.received).to_string(),
    };
    if !good || again.encode() != leaf {
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

/// The bytes of a digest written in hex, if they are here and are what they are called.
pub(super) fn bytes_of(check: &Check<'_>, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(digest) = unhex(digest) else { return Ok(None) };
    Ok(crate::accept::body_of(check.tx, check.blobs, &digest)?.filter(|bytes| sha256(bytes) == digest))
}
