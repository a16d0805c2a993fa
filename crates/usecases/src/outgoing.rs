//! Files on their way out: bytes as they were kept, piece by piece, so that a large one never stands in memory whole.

use std::io::Read;

use aws_lc_rs::digest::{Context, SHA256};
use certrail_domain::{Problem, ProblemKind};
use certrail_ledger::{Hash, hex};
use certrail_store::{BlobPlace, BodyReader, StoreError, tables::log};

use crate::engine::{Engine, internal};

/// A file that somebody may have.
#[derive(Clone, Debug)]
pub struct OutgoingFile {
    /// What it is called when it is saved.
    pub name: String,
    /// Its media type.
    pub media: &'static str,
    pub(crate) digest: Hash,
    pub(crate) place: BlobPlace,
}

impl OutgoingFile {
    /// SHA-256 of its bytes, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.digest)
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.place.size
    }

    /// Its bytes from one on.
    ///
    /// # Errors
    /// When they are not here any more, or the store fails.
    pub fn read(&self, engine: &Engine, from: u64) -> Result<BodyReader, Problem> {
        read(engine, &self.digest, &self.place, from).map_err(|e| internal(&e))?.ok_or_else(|| {
            Problem::new(
                ProblemKind::NotFound,
                "bytes-gone",
                "The original is not here.",
                "Its bytes are gone; their fingerprint is kept.",
                "Ask whoever runs the server: `certrail admin fsck` says what is missing.",
            )
        })
    }
}

fn read(engine: &Engine, digest: &Hash, place: &BlobPlace, from: u64) -> Result<Option<BodyReader>, StoreError> {
    match &place.frame {
        Some(frame) => {
            let bytes = engine.store.read(|tx| log::unpacked(tx, frame, place.size))?;
            Ok(bytes.map(|bytes| BodyReader::held(bytes, from)))
        }
        None => engine.blobs.read(&hex(digest), place.size, from),
    }
}

/// What a look at kept bytes shows.
pub(crate) struct Glance {
    /// Whether they match their fingerprint; `None` when they are gone.
    pub(crate) genuine: Option<bool>,
    /// The first of them.
    pub(crate) first: Vec<u8>,
}

/// Looks at kept bytes: all of them for whether they are what they were, the first `keep` for people. What cannot be unpacked is a
/// file that does not match.
pub(crate) fn glance(engine: &Engine, digest: &Hash, place: &BlobPlace, keep: usize) -> Result<Glance, Problem> {
    let damaged = Glance { genuine: Some(false), first: Vec::new() };
    let mut reader = match read(engine, digest, place, 0) {
        Ok(Some(reader)) => reader,
        Ok(None) => return Ok(Glance { genuine: None, first: Vec::new() }),
        Err(StoreError::Damaged(_)) => return Ok(damaged),
        Err(error) => return Err(internal(&error)),
    };
    let (mut hash, mut first, mut piece, mut size) = (Context::new(&SHA256), Vec::new(), vec![0; 64 * 1024], 0);
    loop {
        let Ok(read) = reader.read(&mut piece) else { return Ok(damaged) };
        let bytes = piece.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        size += bytes.len() as u64;
        hash.update(bytes);
        let room = keep - first.len().min(keep);
        first.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
    let genuine = size == place.size && hash.finish().as_ref() == digest.as_slice();
    Ok(Glance { genuine: Some(genuine), first })
}
