//! Criteria sets, each version for ever.

use crate::{Result, Row, Tx};

/// A criteria set as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCriteria {
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// Its name.
    pub name: String,
    /// Its version, as it says.
    pub version: String,
    /// Its text, byte for byte.
    pub text: String,
    /// The entry that brought it in.
    pub log_index: u64,
}

/// Stores a set.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &Tx<'_>, c: &StoredCriteria) -> Result<()> {
    tx.exec(
        "INSERT INTO criteria (digest, name, version, text, log_index) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[(&c.digest).into(), (&c.name).into(), (&c.version).into(), (&c.text).into(), c.log_index.into()],
    )?;
    Ok(())
}

/// The set called `name` in force at log position `position`.
///
/// # Errors
/// When the database fails.
pub fn in_force(tx: &Tx<'_>, name: &str, position: u64) -> Result<Option<StoredCriteria>> {
    tx.first(
        "SELECT digest, name, version, text, log_index FROM criteria
         WHERE name = ?1 AND log_index < ?2 ORDER BY log_index DESC LIMIT 1",
        &[name.into(), position.into()],
        map,
    )
}

/// The set that an entry brought in.
///
/// # Errors
/// When the database fails.
pub fn brought_by(tx: &Tx<'_>, log_index: u64) -> Result<Option<StoredCriteria>> {
    tx.first(
        "SELECT digest, name, version, text, log_index FROM criteria WHERE log_index = ?1",
        &[log_index.into()],
        map,
    )
}

fn map(r: &Row<'_>) -> Result<StoredCriteria> {
    Ok(StoredCriteria {
        digest: r.hash(0)?,
        name: r.text(1)?,
        version: r.text(2)?,
        text: r.text(3)?,
        log_index: r.uint(4)?,
    })
}
