//! The last signed head, kept apart from the database.
//!
//! A database put back from an older copy is whole in itself, and would sign other entries at indexes that
//! others hold proofs for. So the newest signed head is written to a file beside it, best on another disk, and
//! a start with less than that is refused until somebody says what happened (ledger §2.8).

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use certrail_ledger::{note::Checkpoint, tree};
use certrail_store::{StoreError, Tx, write_durably};
use serde::{Deserialize, Serialize};

use super::{Keys, LogHead};

/// How far the file may lag behind: what is lost within this time may go unnoticed.
const LAG: Duration = Duration::from_millis(250);

/// What the file holds. The checkpoint is signed, so nobody but the log can raise it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastSigned {
    /// The life of the log.
    pub epoch: i64,
    /// The signed head.
    pub checkpoint: String,
}

/// Where an operator keeps the last signed head.
#[derive(Clone, Copy, Debug)]
pub struct GuardFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// It may begin with the log as it is.
    pub begins: bool,
}

/// The file.
#[derive(Debug)]
pub(super) struct Guard {
    path: PathBuf,
    written: u64,
    at: Option<Instant>,
    /// A life whose loss nobody has answered for: until a later one begins, what the file says must stay.
    lost: Option<i64>,
}

/// What the guard of a folder nobody serves remembers.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn last_signed(data: &Path, guard: Option<&Path>) -> Result<Option<LastSigned>, StoreError> {
    Guard::new(guard.map_or_else(|| Guard::beside(data), Path::to_owned)).read()
}

impl Guard {
    /// The file inside the data folder, where no other place is named.
    pub(super) fn beside(data: &Path) -> PathBuf {
        data.join("last-signed.json")
    }

    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, written: 0, at: None, lost: None }
    }

    fn io(&self, what: &str, cause: std::io::Error) -> StoreError {
        StoreError::Io { what: format!("{what} {}", self.path.display()), cause }
    }

    /// What was signed last, as far as this file knows.
    pub(super) fn read(&self) -> Result<Option<LastSigned>, StoreError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| StoreError::Damaged(format!("{}: {e}", self.path.display()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(self.io("read", cause)),
        }
    }

    /// Refuses a head that does not hold what was signed last.
    pub(super) fn check(&mut self, head: &LogHead, tx: &Tx<'_>, keys: &Keys) -> Result<(), StoreError> {
        let Some(last) = self.read()? else { return Ok(()) };
        let checked = self.compare(&last, head, tx, keys);
        if matches!(checked, Err(StoreError::RolledBack { .. })) {
            self.lost = Some(last.epoch);
        }
        checked
    }

    fn compare(&self, last: &LastSigned, head: &LogHead, tx: &Tx<'_>, keys: &Keys) -> Result<(), StoreError> {
        // The key of a life that this copy knows nothing of may be gone with it. Then nobody vouches for the file, and
        // it is believed all the same: to refuse is the safe side.
        let signed = match keys.log_keys()?.get(&last.epoch) {
            Some(key) => Checkpoint::verify(&last.checkpoint, key.verifier()),
            None => Checkpoint::parse_unverified(&last.checkpoint),
        };
        let signed =
            signed.map_err(|e| StoreError::Damaged(format!("{} is not by this log: {e}", self.path.display())))?;
        if last.epoch < head.epoch || signed.size == 0 {
            return Ok(());
        }
        let rolled_back = StoreError::RolledBack { signed: signed.size, held: head.size() };
        if last.epoch > head.epoch || signed.size > head.size() {
            return Err(rolled_back);
        }
        let proof = tree::consistency_proof(&head.tiles(tx), signed.size, head.size())?;
        tree::verify_consistency(signed.size, head.size(), &proof, &signed.root, &head.range.root())
            .map_err(|_| rolled_back)
    }

    /// How long until the file should be written again, if it lags at all.
    pub(super) fn due(&self, head: &LogHead) -> Option<Duration> {
        let answered = self.lost.is_none_or(|lost| head.epoch > lost);
        (answered && head.size() > self.written)
            .then(|| self.at.map_or(Duration::ZERO, |at| LAG.saturating_sub(at.elapsed())))
    }

    /// Tries again only after the usual time.
    pub(super) fn put_off(&mut self) {
        self.at = Some(Instant::now());
    }

    /// Writes the head, whole or not at all, and on disk when this returns.
    pub(super) fn write(&mut self, head: &LogHead) -> Result<(), StoreError> {
        let last = LastSigned { epoch: head.epoch, checkpoint: head.checkpoint.clone() };
        let bytes = serde_json::to_vec(&last).map_err(|e| StoreError::Damaged(e.to_string()))?;
        write_durably(&self.path, &bytes)?;
        (self.written, self.at) = (head.size(), Some(Instant::now()));
        Ok(())
    }
}
