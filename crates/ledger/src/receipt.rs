//! Receipts: the proof that one entry is in the log, small enough to keep in a CI log.

use serde::{Deserialize, Serialize};

use crate::{
    Hash, hex,
    keys::VerifierKey,
    note::{Checkpoint, NoteError},
    tree::{self, ProofError},
    unhex,
};

/// What we hand out for an entry. Verifies offline with the log's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The entry's index in the log.
    pub index: u64,
    /// The leaf's bytes; always UTF-8 in our log.
    pub leaf: String,
    /// The inclusion proof, hex, nearest sibling first.
    pub proof: Vec<String>,
    /// The signed checkpoint that covers it.
    pub checkpoint: String,
}

/// Why a receipt was rejected.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint is not good.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The proof does not lead from the leaf to the checkpoint's root.
    #[error("inclusion proof of entry {index} fails: {cause}")]
    Proof {
        /// The entry.
        index: u64,
        /// Why.
        #[source]
        cause: ProofError,
    },
    /// A hash of the proof is malformed.
    #[error("inclusion proof of entry {0} is malformed")]
    Malformed(u64),
}

impl Receipt {
    /// A receipt; `None` for a leaf that is not UTF-8, which no leaf of our log is.
    #[must_use]
    pub fn new(index: u64, leaf: Vec<u8>, proof: &[Hash], checkpoint: &str) -> Option<Self> {
        let leaf = String::from_utf8(leaf).ok()?;
        let proof = proof.iter().map(|h| hex(h)).collect();
        Some(Self { index, leaf, proof, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies checkpoint and inclusion; returns the checkpoint.
    ///
    /// # Errors
    /// When any of it does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, key)?;
        verify_entry(self.index, self.leaf.as_bytes(), &self.proof, &checkpoint)?;
        Ok(checkpoint)
    }
}

/// Verifies that `leaf` is entry `index` under `checkpoint`; `proof` is hex.
///
/// # Errors
/// When the proof is malformed or does not hold.
pub fn verify_entry(index: u64, leaf: &[u8], proof: &[String], checkpoint: &Checkpoint) -> Result<(), ReceiptError> {
    let proof: Option<Vec<Hash>> = proof.iter().map(|h| unhex(h)).collect();
    let proof = proof.ok_or(ReceiptError::Malformed(index))?;
    tree::verify_inclusion(&tree::leaf_hash(leaf), index, checkpoint.size, &proof, &checkpoint.root)
        .map_err(|cause| ReceiptError::Proof { index, cause })
}
