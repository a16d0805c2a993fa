//! Leaves to tiles to the root of every signed head, each by the key of the life it belongs to.

use std::collections::BTreeMap;

use certrail_ledger::{
    Hash,
    life::{Life, verify_head},
    note::Checkpoint,
    tile,
    tree::{CompactRange, leaf_hash, node_hash},
};
use certrail_store::{
    StoreError,
    tables::{audit, log},
};

use super::{Check, FsckReport};
use crate::LastSigned;

/// The tree as it grows again from its leaves.
pub(super) struct Tree {
    range: CompactRange,
    /// Hashes of the open tile of each level, as they fill.
    open: Vec<Vec<Hash>>,
    /// The signed heads that the tree has not reached yet: size and root.
    heads: BTreeMap<u64, Hash>,
    /// A leaf is missing: what comes behind it cannot be compared.
    pub(super) broken: bool,
}

impl Tree {
    pub(super) fn begin(check: &mut Check<'_>, head: &log::Head) -> Result<Self, StoreError> {
        let lives = crate::engine_lives(check.tx)?;
        keys_are_ours(check, &lives)?;
        for life in lives.iter().filter(|life| life.handed_over_by().is_none()) {
            check.report.fault(format!("The hand-over to life {} of the log does not verify.", life.number));
        }
        if lives.last().is_none_or(|life| life.number != head.epoch) {
            check.report.fault(format!("The log is in life {}, which is not the newest on record.", head.epoch));
        }
        let numbers: Vec<i64> = lives.iter().map(|life| life.number).collect();
        if audit::life_numbers(check.tx)? != numbers {
            check.report.fault("The lives of the log are kept under other numbers than they say.");
        }
        let mut heads = BTreeMap::new();
        let mut after = 0;
        loop {
            let some = log::checkpoints(check.tx, after, 1000)?;
            let Some((last, _)) = some.last() else { break };
            after = *last;
            for (size, note) in some {
                heads.extend(verified(&lives, &note, size, &mut check.report).map(|c| (size, c.root)));
            }
        }
        // The newest is stored twice: as one of many, and as the head that everything is answered with.
        let newest =
            (head.size > 0).then(|| verified(&lives, &head.checkpoint, head.size, &mut check.report)).flatten();
        if let Some(newest) = newest {
            if heads.insert(head.size, newest.root) != Some(newest.root) {
                check.report.fault("The head of the log is not the newest of the signed heads that are kept.");
            }
            if newest.origin != head.origin {
                check.report.fault("The log is kept under another name than its heads were signed with.");
            }
        }
        if let Some(last) = check.last_signed.clone() {
            signed_last(check, head, &last, &mut heads);
        }
        Ok(Self { range: CompactRange::default(), open: Vec::new(), heads, broken: false })
    }

    /// The next leaf.
    pub(super) fn grow(&mut self, check: &mut Check<'_>, index: u64, leaf: &[u8]) -> Result<(), StoreError> {
        check.report.leaves += 1;
        if self.broken {
            return Ok(());
        }
        let hash = leaf_hash(leaf);
        self.range.append(hash);
        self.tiles(check, hash, index)?;
        if let Some(root) = self.heads.remove(&(index + 1)) {
            check.report.checkpoints += 1;
            if root != self.range.root() {
                check.report.fault(format!(
                    "The checkpoint over {} entries was signed over another tree than the stored leaves give.",
                    index + 1
                ));
            }
        }
        Ok(())
    }

    fn tiles(&mut self, check: &mut Check<'_>, mut hash: Hash, index: u64) -> Result<(), StoreError> {
        let (mut level, mut position) = (0_usize, index);
        loop {
            if self.open.len() <= level {
                self.open.push(Vec::with_capacity(tile::WIDTH as usize));
            }
            self.open[level].push(hash);
            if self.open[level].len() < tile::WIDTH as usize {
                return Ok(());
            }
            let full = std::mem::take(&mut self.open[level]);
            let number = position / tile::WIDTH;
            check.report.tiles += 1;
            match log::tile(check.tx, level as u8, number)? {
                Some(stored) if stored == full.concat() => {}
                Some(_) => {
                    check.report.fault(format!("Tile {level}/{number} does not hold the hashes of its leaves."));
                }
                None => check.report.fault(format!("Tile {level}/{number} is not there.")),
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

    pub(super) fn finish(self, check: &mut Check<'_>, head: &log::Head) {
        if self.broken {
            return;
        }
        if head.keys_from > head.size {
            check.report.fault("The head of the log expects keys from an entry on that is not there.");
        }
        if self.range.size() != head.size || self.range.roots().concat() != head.roots {
            check.report.fault("The head of the log is not the tree of its leaves.");
        }
        for size in self.heads.into_keys() {
            check.report.fault(format!(
                "A checkpoint over {size} entries was signed, and the log has only {}: it was rolled back.",
                head.size
            ));
        }
    }
}

/// What the guard remembers must be a head of this log.
fn signed_last(check: &mut Check<'_>, head: &log::Head, last: &LastSigned, heads: &mut BTreeMap<u64, Hash>) {
    let Ok(signed) = Checkpoint::parse_unverified(&last.checkpoint) else {
        check.report.fault("What was signed last cannot be read.");
        return;
    };
    if last.epoch < head.epoch || signed.size == 0 {
        return;
    }
    let other = heads.insert(signed.size, signed.root).is_some_and(|root| root != signed.root);
    if other || last.epoch > head.epoch || signed.size > head.size {
        check.report.fault(format!(
            "{} entries were signed last, and the log that is here is another: it was put back from an older copy, or changed.",
            signed.size
        ));
    }
}

/// Keys on record are those in the folder of keys: whoever rewrites the whole database can sign it with their own.
fn keys_are_ours(check: &mut Check<'_>, lives: &[Life]) -> Result<(), StoreError> {
    let Some(keys) = check.keys else { return Ok(()) };
    let own = keys.log_keys()?;
    for life in lives {
        let held = own.get(&life.number).map(|key| key.verifier().vkey());
        if held.as_ref().is_some_and(|held| *held != life.key) {
            check.report.fault(format!("Life {} of the log is on record with a key that is not ours.", life.number));
        }
    }
    if lives.last().is_none_or(|newest| !own.contains_key(&newest.number)) {
        check.report.fault("The key of the newest life of the log is not here.");
    }
    Ok(())
}

/// The signed head over `size` entries, by the key of the life it belongs to.
fn verified(lives: &[Life], note: &str, size: u64, report: &mut FsckReport) -> Option<Checkpoint> {
    match verify_head(lives, note, size) {
        Ok(c) if c.size == size => return Some(c),
        Ok(c) => report.fault(format!("The checkpoint stored for {size} entries speaks of {}.", c.size)),
        Err(e) => report.fault(format!("The checkpoint over {size} entries does not verify: {e}.")),
    }
    None
}
