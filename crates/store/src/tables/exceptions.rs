//! Exceptions: each change is a new row, so that any past position can be seen.

use certrail_domain::Exception;

use super::to_json;
use crate::{Result, Tx};

/// Records the state of an exception from `log_index` on.
///
/// # Errors
/// When the database fails.
pub fn record(tx: &Tx<'_>, exception: &Exception, log_index: u64) -> Result<()> {
    tx.exec(
        "UPDATE exception SET to_index = ?2 WHERE id = ?1 AND to_index IS NULL",
        &[exception.id.as_str().into(), log_index.into()],
    )?;
    let document = to_json(exception)?;
    tx.exec(
        "INSERT INTO exception (id, log_index, to_index, release, document) VALUES (?1, ?2, NULL, ?3, ?4)",
        &[exception.id.as_str().into(), log_index.into(), exception.scope.release.as_str().into(), (&document).into()],
    )?;
    Ok(())
}

/// The exception of that id as it stands now.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, id: &str) -> Result<Option<Exception>> {
    tx.first("SELECT document FROM exception WHERE id = ?1 AND to_index IS NULL", &[id.into()], |r| r.json(0))
}

/// Every exception as it stands now, by id.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &Tx<'_>) -> Result<Vec<Exception>> {
    tx.query("SELECT document FROM exception WHERE to_index IS NULL ORDER BY id", &[], |r| r.json(0))
}

/// The exceptions of a release as the log stood at `position`, by id.
///
/// # Errors
/// When the database fails.
pub fn of_release_at(tx: &Tx<'_>, release: &str, position: u64) -> Result<Vec<Exception>> {
    tx.query(
        "SELECT document FROM exception
         WHERE release = ?1 AND log_index < ?2 AND (to_index IS NULL OR to_index >= ?2) ORDER BY id",
        &[release.into(), position.into()],
        |r| r.json(0),
    )
}
