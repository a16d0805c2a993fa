//! Connectors, their secrets by name, and what forges call their repositories.

use certrail_domain::{Connector, RepositoryName};

use super::to_json;
use crate::{Result, Row, Tx};

/// Stores a connector, new or changed.
///
/// # Errors
/// When the database fails.
pub fn put(tx: &Tx<'_>, connector: &Connector, log_index: u64) -> Result<()> {
    tx.exec(
        "INSERT INTO connector (id, log_index, document) VALUES (?1, ?2, ?3)",
        &[(&connector.id).into(), log_index.into(), (&to_json(connector)?).into()],
    )?;
    Ok(())
}

/// A connector as it is now.
///
/// # Errors
/// When the database fails, or its record is damaged.
pub fn get(tx: &Tx<'_>, id: &str) -> Result<Option<Connector>> {
    let sql = "SELECT document FROM connector WHERE id = ?1 ORDER BY log_index DESC LIMIT 1";
    tx.first(sql, &[id.into()], |r| r.json(0))
}

/// Every connector as it is now, by id, each with what came of reading it.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &Tx<'_>) -> Result<Vec<(String, Result<Connector>)>> {
    tx.query(
        "SELECT id, document FROM connector c
         WHERE log_index = (SELECT MAX(log_index) FROM connector WHERE id = c.id) ORDER BY id",
        &[],
        |r| Ok((r.text(0)?, r.json(1))),
    )
}

/// Notes that a secret of a connector is there. What it is stands in no database.
///
/// # Errors
/// When the database fails.
pub fn note_secret(tx: &Tx<'_>, name: &str, connector: &str, log_index: u64) -> Result<()> {
    tx.exec(
        "INSERT INTO connector_secret (name, connector, log_index) VALUES (?1, ?2, ?3)",
        &[name.into(), connector.into(), log_index.into()],
    )?;
    Ok(())
}

/// The secrets that are on record: name, connector and entry, by entry.
///
/// # Errors
/// When the database fails.
pub fn secrets(tx: &Tx<'_>) -> Result<Vec<(String, String, u64)>> {
    let sql = "SELECT name, connector, log_index FROM connector_secret ORDER BY log_index";
    tx.query(sql, &[], |r| Ok((r.text(0)?, r.text(1)?, r.uint(2)?)))
}

/// Notes what a forge calls a repository from an entry on.
///
/// # Errors
/// When the database fails.
pub fn name_repository(tx: &Tx<'_>, named: &RepositoryName, log_index: u64) -> Result<()> {
    tx.exec(
        "INSERT INTO repository_name (connector, host, forge_id, log_index, name, canonical)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            (&named.connector).into(),
            (&named.host).into(),
            (&named.forge_id).into(),
            log_index.into(),
            (&named.name).into(),
            (&named.canonical).into(),
        ],
    )?;
    Ok(())
}

/// Every name that forges ever called their repositories, with the entry that told it, oldest first.
///
/// # Errors
/// When the database fails.
pub fn names(tx: &Tx<'_>) -> Result<Vec<(RepositoryName, u64)>> {
    tx.query(
        "SELECT connector, host, forge_id, name, canonical, log_index FROM repository_name ORDER BY log_index",
        &[],
        |r| Ok((named(r)?, r.uint(5)?)),
    )
}

/// What forges call their repositories now, each once for each connector.
///
/// # Errors
/// When the database fails.
pub fn names_now(tx: &Tx<'_>) -> Result<Vec<RepositoryName>> {
    tx.query(
        "SELECT connector, host, forge_id, name, canonical FROM repository_name n
         WHERE log_index = (SELECT MAX(log_index) FROM repository_name WHERE connector = n.connector AND forge_id = n.forge_id)
         ORDER BY connector, forge_id",
        &[],
        named,
    )
}

fn named(r: &Row<'_>) -> Result<RepositoryName> {
    Ok(RepositoryName {
        connector: r.text(0)?,
        host: r.text(1)?,
        forge_id: r.text(2)?,
        name: r.text(3)?,
        canonical: r.text(4)?,
    })
}
