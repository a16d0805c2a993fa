//! Recomputing everything: leaves to tiles to every stored checkpoint, bodies and documents against
//! their commitments, projections against the log. Names what is wrong.

use std::{collections::BTreeMap, sync::Arc};

use certrail_domain::Problem;
use certrail_ledger::{
    commitment, hex,
    keys::VerifierKey,
    leaf::{self, Read},
    life::Life,
    note::Checkpoint,
    sha256, tile,
    tree::{CompactRange, leaf_hash, node_hash},
};
use certrail_store::{
    StoreError, Tx,
    tables::{bindings, log, signals},
};
use serde::Serialize;

use crate::{
    EpochBegan,
    engine::{Engine, internal},
};

/// What was looked at and what is wrong.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FsckReport {
    /// Leaves hashed.
    pub leaves: u64,
    /// Tiles compared.
    pub tiles: u64,
    /// Checkpoints verified.
    pub checkpoints: u64,
    /// Bodies compared with their commitments.
    pub bodies: u64,
    /// Documents compared with their commitments.
    pub documents: u64,
    /// What is wrong, one sentence each; empty is good.
    pub faults: Vec<String>,
}

/// At most this many faults are listed.
const MAX_FAULTS: usize = 100;

/// Recomputes everything.
///
/// # Errors
/// When the store cannot be read at all; what can be read and is wrong is in the report.
pub fn fsck(engine: &Arc<Engine>) -> Result<FsckReport, Problem> {
    let mut report = FsckReport::default();
    engine.store.read(|tx| check(engine, tx, &mut report)).map_err(|e| internal(&e))?;
    Ok(report)
}

fn fault(report: &mut FsckReport, text: String) {
    if report.faults.len() < MAX_FAULTS {
        report.faults.push(text);
    }
}

fn check(engine: &Arc<Engine>, tx: &Tx<'_>, report: &mut FsckReport) -> Result<(), StoreError> {
    let head = engine.head();
    let mut lives = Lives::read(tx, report)?;
    let mut checkpoints = stored_checkpoints(&lives, tx, report)?;
    let mut range = CompactRange::default();
    // Hashes of the open tile of each level, as they fill.
    let mut open: Vec<Vec<[u8; 32]>> = Vec::new();
    let step = 4096;
    let mut from = 0;
    while from < head.size() {
        let to = (from + step).min(head.size());
        let leaves = match crate::engine_leaves(tx, from, to) {
            Ok(leaves) => leaves,
            Err(e) => {
                fault(report, format!("{e}"));
                return Ok(());
            }
        };
        for (i, leaf) in leaves.iter().enumerate() {
            let index = from + i as u64;
            let hash = leaf_hash(leaf);
            range.append(hash);
            grow(tx, &mut open, hash, index, report)?;
            report.leaves += 1;
            if let Some(root) = checkpoints.remove(&(index + 1)) {
                report.checkpoints += 1;
                if root != range.root() {
                    fault(
                        report,
                        format!(
                            "The checkpoint over {} entries was signed over another tree than the stored leaves give.",
                            index + 1
                        ),
                    );
                }
            }
        }
        contents(engine, tx, from, &leaves, &mut lives, report)?;
        from = to;
    }
    for life in lives.untold {
        fault(report, format!("Life {} of the log is kept, and no entry began it.", life.number));
    }
    if range.root() != head.range.root() {
        fault(report, "The head of the log is not the tree of its leaves.".into());
    }
    for size in checkpoints.into_keys() {
        fault(
            report,
            format!(
                "A checkpoint over {size} entries was signed, and the log has only {}: it was rolled back.",
                head.size()
            ),
        );
    }
    Ok(())
}

/// The lives of the log: which key may have signed what.
struct Lives {
    all: Vec<Life>,
    /// Those whose entry has not been met yet.
    untold: Vec<Life>,
}

impl Lives {
    fn read(tx: &Tx<'_>, report: &mut FsckReport) -> Result<Self, StoreError> {
        let all = crate::engine_lives(tx)?;
        for life in &all {
            if life.handed_over_by().is_none() {
                fault(report, format!("The hand-over to life {} of the log does not verify.", life.number));
            }
        }
        // The first began with the log itself.
        let untold = all.iter().skip(1).cloned().collect();
        Ok(Self { all, untold })
    }

    /// An entry tells that a life began.
    fn told(&mut self, document: &str, index: u64, report: &mut FsckReport) {
        let told = serde_json::from_str::<EpochBegan>(document).ok().map(|began| began.life);
        let known = self.untold.iter().position(|life| Some(life) == told.as_ref() && life.kept == index);
        match known {
            Some(at) => drop(self.untold.remove(at)),
            None => fault(report, format!("Entry {index} tells of a life of the log that is not kept as it tells.")),
        }
    }

    /// The signed head over `size` entries, by the key of the life it belongs to.
    fn verify(&self, note: &str, size: u64) -> Result<Checkpoint, String> {
        let life = self.all.iter().rev().find(|life| life.kept < size).ok_or("it belongs to no life of the log")?;
        let key = VerifierKey::parse(&life.key).ok_or("the key of its life is malformed")?;
        Checkpoint::verify(note, &key).map_err(|e| e.to_string())
    }
}

fn stored_checkpoints(
    lives: &Lives,
    tx: &Tx<'_>,
    report: &mut FsckReport,
) -> Result<BTreeMap<u64, [u8; 32]>, StoreError> {
    let mut all = BTreeMap::new();
    let mut after = 0;
    loop {
        let some = log::checkpoints(tx, after, 1000)?;
        let Some((last, _)) = some.last() else { return Ok(all) };
        after = *last;
        for (size, note) in some {
            match lives.verify(&note, size) {
                Ok(c) if c.size == size => drop(all.insert(size, c.root)),
                Ok(c) => fault(report, format!("The checkpoint stored for {size} entries speaks of {}.", c.size)),
                Err(e) => fault(report, format!("The checkpoint over {size} entries does not verify: {e}.")),
            }
        }
    }
}

fn grow(
    tx: &Tx<'_>,
    open: &mut Vec<Vec<[u8; 32]>>,
    hash: [u8; 32],
    index: u64,
    report: &mut FsckReport,
) -> Result<(), StoreError> {
    let (mut hash, mut level, mut position) = (hash, 0_usize, index);
    loop {
        if open.len() <= level {
            open.push(Vec::with_capacity(256));
        }
        open[level].push(hash);
        if open[level].len() < tile::WIDTH as usize {
            return Ok(());
        }
        let full = std::mem::take(&mut open[level]);
        let number = position / tile::WIDTH;
        report.tiles += 1;
        match log::tile(tx, level as u8, number)? {
            Some(stored) if stored == full.concat() => {}
            Some(_) => fault(report, format!("Tile {level}/{number} does not hold the hashes of its leaves.")),
            None => fault(report, format!("Tile {level}/{number} is not there.")),
        }
        let mut row = full;
        while row.len() > 1 {
            row = row.as_chunks::<2>().0.iter().map(|[l, r]| node_hash(l, r)).collect();
        }
        hash = row[0];
        position = number;
        level += 1;
    }
}

/// Bodies and documents of the entries from `from` on against what their leaves commit to.
fn contents(
    engine: &Arc<Engine>,
    tx: &Tx<'_>,
    from: u64,
    leaves: &[Vec<u8>],
    lives: &mut Lives,
    report: &mut FsckReport,
) -> Result<(), StoreError> {
    let to = from + leaves.len() as u64;
    let mut stored: BTreeMap<u64, signals::StoredSignal> = BTreeMap::new();
    match signals::range(tx, from, to) {
        Ok(all) => stored.extend(all.into_iter().map(|s| (s.log_index, s))),
        Err(e) => fault(report, format!("Signals between {from} and {to} cannot be read: {e}.")),
    }
    let acts: BTreeMap<u64, log::Act> = log::acts(tx, from, to)?.into_iter().map(|a| (a.log_index, a)).collect();
    for (i, bytes) in leaves.iter().enumerate() {
        let index = from + i as u64;
        match (leaf::read(bytes), stored.get(&index), acts.get(&index)) {
            (Some(Read::Capture { body, normalised, .. }), Some(signal), _) => {
                report.bodies += 1;
                signal_matches(engine, tx, index, signal, &body, &normalised, report)?;
            }
            (Some(Read::Control { body, act, .. }), _, Some(stored)) => {
                report.documents += 1;
                if act == EpochBegan::ACT {
                    lives.told(&stored.document, index, report);
                }
                let salt = stored.salt.as_deref().and_then(|s| s.try_into().ok());
                let good =
                    salt.is_some_and(|salt: [u8; 32]| commitment(&salt, &sha256(stored.document.as_bytes())) == body);
                if !good || act != stored.act {
                    fault(report, format!("The document of entry {index} ({act}) is not what was recorded."));
                }
            }
            (Some(Read::Decision { digest, .. }), _, Some(stored)) => {
                report.documents += 1;
                let envelope: Option<certrail_ledger::dsse::Envelope> = serde_json::from_str(&stored.document).ok();
                if envelope.and_then(|e| e.signed_digest()).is_none_or(|d| d.as_slice() != digest) {
                    fault(report, format!("The decision of entry {index} is not what was signed."));
                }
            }
            (None, ..) => fault(report, format!("Entry {index} cannot be read.")),
            _ => fault(report, format!("Entry {index} has nothing stored beside it.")),
        }
    }
    Ok(())
}

fn signal_matches(
    engine: &Arc<Engine>,
    tx: &Tx<'_>,
    index: u64,
    signal: &signals::StoredSignal,
    body: &[u8; 32],
    normalised: &[u8; 32],
    report: &mut FsckReport,
) -> Result<(), StoreError> {
    let salt: Option<[u8; 32]> = signal.salt.as_deref().and_then(|s| s.try_into().ok());
    let Some(salt) = salt else {
        fault(report, format!("The salt of entry {index} is gone, and no erasure is on record."));
        return Ok(());
    };
    match crate::accept::body_of(tx, &engine.blobs, &signal.body)? {
        None => fault(report, format!("The bytes of entry {index} (sha256 {}) are not there.", hex(&signal.body))),
        Some(bytes) if sha256(&bytes) != signal.body => {
            fault(report, format!("The bytes of entry {index} do not match their fingerprint."));
        }
        Some(_) => {}
    }
    if commitment(&salt, &signal.body) != *body {
        fault(report, format!("Entry {index} committed to other bytes than are stored for it."));
    }
    let text = signals::normalised(tx, index)?.unwrap_or_default();
    if commitment(&salt, &sha256(text.as_bytes())) != *normalised {
        fault(report, format!("Entry {index} committed to another normalised form than is stored for it."));
    }
    if bindings::history(tx, index)?.is_empty() && !is_unbound(tx, index)? {
        fault(report, format!("Entry {index} is neither bound to a release nor in the unbound queue."));
    }
    Ok(())
}

fn is_unbound(tx: &Tx<'_>, index: u64) -> Result<bool, StoreError> {
    Ok(bindings::unbound(tx, index + 1, 1)?.first().is_some_and(|(i, _)| *i == index))
}
