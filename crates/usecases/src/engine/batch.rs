//! One commit in the making: what a piece of work may do to it.

use std::sync::Arc;

use certrail_domain::{Problem, ProblemKind, Time};
use certrail_ledger::{
    Hash, commitment,
    dsse::Envelope,
    half,
    keys::LogKey,
    leaf::{self, Body, Capture, Control, Labels, TooLarge, hashedrekord, keyed},
    life::Life,
    sha256,
};
use certrail_store::{
    BlobFiles, BlobPlace, FramePlace, HalfKey, RecentKeys, StoreError, Tx,
    tables::{
        keys::KeyOf,
        log,
        signals::{self, StoredSignal, Texts},
    },
};
use serde::Serialize;

use super::{Keys, committer::Fault, kept};
use crate::criteria_sets::CriteriaSets;

/// A commit in the making.
pub struct Batch<'a> {
    /// The transaction.
    pub tx: &'a Tx<'a>,
    pub(crate) blobs: &'a BlobFiles,
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
    /// The newest keys.
    pub(super) recent: &'a mut RecentKeys,
    /// The signals in this commit, with the bytes of their normalised text.
    pub(super) signals: Vec<(Arc<StoredSignal>, u64)>,
    /// How much of what a scan moves goes into it.
    pub(crate) pieces: super::Pieces,
    /// How many findings it moved so far.
    pub(crate) moved: usize,
    /// Somebody acted: people expect to see what came of it.
    pub(super) acted: bool,
    /// Something is left to later commits.
    pub(super) left: bool,
    /// The life of the log that begins with this commit, and its key.
    pub(super) life: Option<(i64, Arc<LogKey>)>,
}

/// Bytes on their way into a commit: a frame, or on disk already in a file of their own.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    size: u64,
    frame: Option<Vec<u8>>,
}

impl Kept {
    /// Packs small bytes; writes large ones out, durable when this returns. Outside the commit, since it takes time.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn prepare(blobs: &BlobFiles, digest: &Hash, bytes: &[u8]) -> Result<Self, StoreError> {
        let size = bytes.len() as u64;
        if bytes.len() <= BlobFiles::PACKABLE {
            let frame = certrail_store::pack(bytes)?;
            if frame.len() <= BlobFiles::SMALL {
                return Ok(Self { size, frame: Some(frame) });
            }
        }
        blobs.put(&certrail_ledger::hex(digest), bytes)?;
        Ok(Self { size, frame: None })
    }
}

/// The key of a delivery.
pub(crate) fn delivery_key(keys: &Keys, connector: &str, delivery: &str) -> HalfKey {
    keyed(&keys.delivery, format!("{connector}\n{delivery}").as_bytes())
}

/// The key of a signal's bytes.
pub(crate) fn content_key(digest: &Hash) -> HalfKey {
    half(digest)
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

    /// Leaves a job to later commits.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn leave(&mut self, product: &str, job: &super::Job) -> Result<(), StoreError> {
        self.left = true;
        job.put(self.tx, product)
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

    /// The signal that a delivery became, if it is known.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn delivered(&self, key: &HalfKey) -> Result<Option<u64>, StoreError> {
        self.recent.find(self.tx, KeyOf::Delivery, key)
    }

    /// The signal that brought some bytes first, if any did.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn brought(&self, digest: &Hash) -> Result<Option<Arc<StoredSignal>>, StoreError> {
        let Some(first) = self.recent.find(self.tx, KeyOf::Content, &content_key(digest))? else { return Ok(None) };
        let known = signals::get(self.tx, first)?
            .ok_or_else(|| StoreError::Damaged(format!("signal {first} brought bytes and is not there")))?;
        // Half a digest is a key, and the whole of it tells.
        Ok(Some(known).filter(|known| known.body == *digest))
    }

    /// Where the bytes of a signal are, and the entry that brought them first, if another did.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn keep_content(
        &mut self,
        digest: &Hash,
        kept: &Kept,
        log_index: u64,
    ) -> Result<(BlobPlace, Option<u64>), StoreError> {
        if let Some(known) = self.brought(digest)? {
            return Ok((known.place, Some(known.log_index)));
        }
        self.recent.add(KeyOf::Content, content_key(digest), log_index);
        Ok((self.keep(kept), None))
    }

    /// Remembers which entry a delivery became.
    pub(crate) fn remember_delivery(&mut self, key: HalfKey, log_index: u64) {
        self.recent.add(KeyOf::Delivery, key, log_index);
    }

    /// Keeps bytes that an entry rests on.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn keep_body(&mut self, digest: &Hash, kept: &Kept, log_index: u64) -> Result<(), StoreError> {
        let place = self.keep(kept);
        log::insert_body(self.tx, log_index, digest, &place)
    }

    /// Puts a frame into this commit's pack, if it is not in a file of its own.
    fn keep(&mut self, kept: &Kept) -> BlobPlace {
        let frame = kept.frame.as_ref().map(|frame| {
            let start = self.pack.len() as u64;
            self.pack.extend_from_slice(frame);
            FramePlace { pack: i64::try_from(self.first).unwrap_or(i64::MAX), start, packed: frame.len() as u64 }
        });
        BlobPlace { size: kept.size, frame }
    }

    /// Stores a signal; `texts` are the exact ones that were committed to.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn insert_signal(&mut self, signal: StoredSignal, texts: &Texts) -> Result<(), StoreError> {
        self.acted |= signal.auth_how == super::SESSION;
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
        self.acted |= !kept::BESIDE.contains(&act);
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
