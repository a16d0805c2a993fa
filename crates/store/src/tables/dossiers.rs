//! Dossiers that were handed out.

use crate::{Result, Tx};

/// A dossier that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDossier {
    /// Its number, from 1.
    pub number: u64,
    /// Its entry in the log.
    pub log_index: u64,
    /// When, microseconds.
    pub made: i64,
    /// Digest of its content, before sealing.
    pub digest: [u8; 32],
}

/// Stores that a dossier was handed out.
///
/// # Errors
/// When the number is taken.
pub fn insert(tx: &Tx<'_>, release: &str, d: &StoredDossier) -> Result<()> {
    tx.exec(
        "INSERT INTO dossier (release, number, log_index, made, digest) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[release.into(), d.number.into(), d.log_index.into(), d.made.into(), (&d.digest).into()],
    )?;
    Ok(())
}

/// The dossiers of a release, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_release(tx: &Tx<'_>, release: &str) -> Result<Vec<StoredDossier>> {
    tx.query(
        "SELECT number, log_index, made, digest FROM dossier WHERE release = ?1 ORDER BY number",
        &[release.into()],
        |r| Ok(StoredDossier { number: r.uint(0)?, log_index: r.uint(1)?, made: r.int(2)?, digest: r.hash(3)? }),
    )
}
