//! One commit in the making: what a piece of work may do to it.

use std::sync::Arc;

use certrail_domain::{Problem, ProblemKind, Time};
use certrail_ledger::{
    Hash, commitment,
    dsse::Envelope,
    keys::LogKey,
    leaf::{self, Body, Capture, Control, Labels, TooLarge, hashedrekord},
    life::Life,
    sha256,
};
use certrail_store::{
    BlobFiles, BlobPlace, StoreError, Tx,
    tables::{
        log,
        signals::{self, StoredSignal, Texts},
    },
};
use serde::Serialize;

use super::{Keys, committer::Fault};
use crate::criteria_sets::CriteriaSets;

/// A commit in the making.
pub struct Batch<'a> {
    /// The transaction.
    pub tx: &'a Tx<'a>,
    pub(super) blobs: &'a BlobFiles,
    /// Keys, for signing decisions.
    pub keys: &'a Keys,
    /// Criteria sets parsed before.
    pub criteria: &'a CriteriaSets,
    /// When everything in this commit was received: never earlier than anything before it.
    pub now: Time,
    /// The index at which the current piece of work began: what it changes holds from there on.
    pub work_first: u64,
    pub(super) first: u64,
    pub(super) leaves: Vec<Vec<u8>>,
    pub(super) pack: Vec<u8>,
    /// The signals in this commit, with the bytes of their normalised text.
    pub(super) signals: Vec<(Arc<StoredSignal>, u64)>,
    /// The life of the log that begins with this commit, and its key.
    pub(super) life: Option<(i64, Arc<LogKey>)>,
}

impl Batch<'_> {
    /// The index the next entry will have; also the log position that this work sees.
    #[must_use]
    pub fn next_index(&self) -> u64 {
        self.first + self.leaves.len() as u64
    }

    /// With this commit another life begins: its key signs from here on.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn begin_life(&mut self, life: &Life, key: Arc<LogKey>) -> Result<(), StoreError> {
        super::head::keep_life(self.tx, life)?;
        self.life = Some((life.number, key));
        Ok(())
    }

    /// Appends a leaf; returns its index.
    fn append(&mut self, leaf: Result<Vec<u8>, TooLarge>) -> Result<u64, Fault> {
        let leaf = leaf.map_err(too_large)?;
        self.leaves.push(leaf);
        Ok(self.next_index() - 1)
    }

    /// Appends the leaf of a signed decision; returns its index.
    ///
    /// # Errors
    /// When the envelope has no signature.
    pub(crate) fn append_decision(&mut self, envelope: &Envelope) -> Result<u64, Fault> {
        let leaf = hashedrekord(envelope, self.keys.certifier.verifier())
            .ok_or_else(|| StoreError::Damaged("an envelope without signature".into()))?;
        self.append(Ok(leaf))
    }

    /// Appends the leaf of a signal, and behind it those of labels that found no room in it; returns its index.
    ///
    /// # Errors
    /// When it would be larger than the log takes.
    pub(crate) fn append_capture(&mut self, capture: &Capture<'_>) -> Result<u64, Fault> {
        let (first, rest) = leaf::spread(capture.labels);
        let index = self.append(Capture { labels: &first, ..capture.clone() }.encode())?;
        self.append_labels(index, &rest)?;
        Ok(index)
    }

    fn append_labels(&mut self, of: u64, chunks: &[Vec<[u8; 16]>]) -> Result<(), Fault> {
        let received = self.now.to_string();
        for labels in chunks {
            self.append(Labels { of, labels, received: &received }.encode())?;
        }
        Ok(())
    }

    /// Keeps small bytes in this commit's pack, or large ones in a file of their own
    /// (callers write those before, outside the commit, where they can). Returns the entry that brought the same bytes first, if any did.
    ///
    /// # Errors
    /// When the store fails.
    pub fn keep_body(&mut self, digest: &Hash, bytes: &[u8], log_index: u64) -> Result<Option<u64>, StoreError> {
        if bytes.len() > BlobFiles::SMALL {
            self.blobs.put(&certrail_ledger::hex(digest), bytes)?;
        }
        self.keep_prepared(digest, bytes, log_index)
    }

    /// [`Batch::keep_body`] for bytes that are on disk already where they are large: nothing is written outside the commit.
    ///
    /// # Errors
    /// When the store fails.
    pub fn keep_prepared(&mut self, digest: &Hash, bytes: &[u8], log_index: u64) -> Result<Option<u64>, StoreError> {
        if let Some((_, first)) = signals::blob(self.tx, digest)? {
            return Ok(Some(first));
        }
        let place = if bytes.len() > BlobFiles::SMALL {
            BlobPlace::File { size: bytes.len() as u64 }
        } else {
            let start = self.pack.len() as u64;
            self.pack.extend_from_slice(bytes);
            BlobPlace::Pack { id: i64::try_from(self.first).unwrap_or(i64::MAX), start, size: bytes.len() as u64 }
        };
        signals::insert_blob(self.tx, digest, place, log_index)?;
        Ok(None)
    }

    /// Stores a signal; `texts` are the exact ones that were committed to.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn insert_signal(&mut self, signal: StoredSignal, texts: &Texts) -> Result<(), StoreError> {
        signals::insert(self.tx, &signal, texts)?;
        // What stays in memory has to be what is read after a restart.
        debug_assert_eq!(signals::get(self.tx, signal.log_index)?.as_deref(), Some(&signal));
        self.signals.push((Arc::new(signal), texts.facts.len() as u64));
        Ok(())
    }

    /// Appends an entry that is no signal, with its document; returns its index.
    ///
    /// # Errors
    /// When the store fails or the document does not serialise.
    pub fn control(
        &mut self,
        act: &str,
        actor: &str,
        labels: &[[u8; 16]],
        document: &impl Serialize,
    ) -> Result<u64, Fault> {
        let text = serde_json::to_string(document).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let salt = random()?;
        let received = self.now.to_string();
        let body = Body {
            commitment: commitment(&salt, &sha256(text.as_bytes())),
            media: "application/json",
            size: text.len() as u64,
        };
        let (first, rest) = leaf::spread(labels);
        let log_index = self.append(Control { act, actor, body, labels: &first, received: &received }.encode())?;
        self.append_labels(log_index, &rest)?;
        log::insert_act(
            self.tx,
            &log::Act {
                log_index,
                act: act.to_owned(),
                actor: actor.to_owned(),
                received: self.now.as_micros(),
                salt: Some(salt.to_vec()),
                document: text,
            },
        )?;
        Ok(log_index)
    }
}

/// What would not fit is refused before anything of it is committed.
fn too_large(error: TooLarge) -> Fault {
    Problem::new(
        ProblemKind::BadInput,
        "entry-too-large",
        "Nothing was recorded.",
        format!("It would make {error}."),
        "Shorten the names it carries: repository, source, account.",
    )
    .into()
}

/// `N` random bytes.
///
/// # Errors
/// When the system gives none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
        Problem::new(
            ProblemKind::Unavailable,
            "no-randomness",
            "The request was not recorded.",
            "The operating system gave no random bytes.",
            "Ask again.",
        )
    })?;
    Ok(bytes)
}
