//! Proofs: receipts of entries, tiles of the log, consistency between heads.

use std::sync::Arc;

use certrail_domain::{Problem, ProblemKind};
use certrail_ledger::{Hash, receipt::Receipt, tile, tree};
use certrail_store::{StoreError, Tx};

use crate::engine::{Engine, LogHead, internal};

/// The receipt of an entry under a head: index, leaf, inclusion proof, checkpoint.
///
/// # Errors
/// When the entry does not exist under that head, or the store fails.
pub fn receipt(engine: &Engine, head: &Arc<LogHead>, index: u64) -> Result<Receipt, Problem> {
    if index >= head.size() {
        return Err(no_entry(index, head.size()));
    }
    engine.store.read(|tx| receipt_in(tx, head, index)).map_err(|e| internal(&e))
}

pub(crate) fn receipt_in(tx: &Tx<'_>, head: &LogHead, index: u64) -> Result<Receipt, StoreError> {
    let leaf = crate::engine_leaves(tx, index, index + 1)?
        .pop()
        .ok_or_else(|| StoreError::Damaged(format!("leaf {index} is not there")))?;
    let proof = tree::inclusion_proof(&head.tiles(tx), index, head.size())?;
    Receipt::new(index, leaf, &proof, &head.checkpoint)
        .ok_or_else(|| StoreError::Damaged(format!("leaf {index} is no text")))
}

fn no_entry(index: u64, size: u64) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "no-such-entry",
        "There is no such entry.",
        format!("The log has {size} entries; {index} is not among them."),
        "Entries are numbered from 0.",
    )
}

/// The proof that the tree of `old` leaves is a prefix of the tree under `head`.
///
/// # Errors
/// When the store fails.
pub fn consistency(engine: &Engine, head: &Arc<LogHead>, old: u64) -> Result<Vec<Hash>, Problem> {
    engine.store.read(|tx| tree::consistency_proof(&head.tiles(tx), old, head.size())).map_err(|e| internal(&e))
}

/// The bytes of a tile or entry bundle by its tlog-tiles path; `None` if there is none under the newest head.
///
/// # Errors
/// When the store fails.
pub fn tile_bytes(engine: &Engine, path: &str) -> Result<Option<Vec<u8>>, Problem> {
    let Some(wanted) = tile::parse_path(path) else { return Ok(None) };
    let head = engine.head();
    let level = wanted.level.unwrap_or(0);
    if tile::width_at(head.size(), level, wanted.index) < wanted.width {
        return Ok(None);
    }
    let first = wanted.index * tile::WIDTH;
    engine
        .store
        .read(|tx| match wanted.level {
            Some(level) => Ok(Some(tree::Tiles::tile(&head.tiles(tx), level, wanted.index, wanted.width)?.concat())),
            None => {
                let mut bundle = Vec::new();
                for leaf in crate::engine_leaves(tx, first, first + wanted.width as u64)? {
                    tile::push_entry(&mut bundle, &leaf)
                        .ok_or_else(|| StoreError::Damaged(format!("a leaf of {} bytes is in the log", leaf.len())))?;
                }
                Ok(Some(bundle))
            }
        })
        .map_err(|e: StoreError| internal(&e))
}
