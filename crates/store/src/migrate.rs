//! Forward migrations, each applied once, in order.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::{Result, StoreError, Tx, Writer};

const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001-first.sql")];

/// FNV-1a of a migration's text: a migration that was edited after it ran is noticed, not guessed at.
fn fingerprint(text: &str) -> String {
    // A checkout may end its lines in another way.
    let hash = text
        .bytes()
        .filter(|b| *b != b'\r')
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

pub(crate) fn run(writer: &mut Writer) -> Result<()> {
    apply(writer.connection())
}

/// What the database holds otherwise than the migrations make it: tables, indexes, triggers and views, each as `its kind
/// its name`. What was added, changed and taken away counts alike.
///
/// # Errors
/// When the database fails.
pub fn foreign_objects(tx: &Tx<'_>) -> Result<Vec<String>> {
    // The indexes of keys have no text; statistics of ANALYZE are SQLite's own.
    const OBJECTS: &str = "SELECT type || ' ' || name, sql FROM sqlite_master
                           WHERE sql IS NOT NULL AND name NOT IN ('sqlite_stat1', 'sqlite_stat4')";
    let fresh = Connection::open_in_memory()?;
    apply(&fresh)?;
    let mut statement = fresh.prepare(OBJECTS)?;
    let ours: BTreeMap<String, String> =
        statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let here: BTreeMap<String, String> =
        tx.query(OBJECTS, &[], |r| Ok((r.text(0)?, r.text(1)?)))?.into_iter().collect();
    let other = here.iter().filter(|(name, text)| ours.get(*name) != Some(text)).map(|(name, _)| name);
    let gone = ours.keys().filter(|name| !here.contains_key(*name));
    Ok(other.chain(gone).cloned().collect())
}

fn apply(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL, fingerprint TEXT NOT NULL)",
    )?;
    let applied = connection
        .prepare("SELECT version, fingerprint FROM schema_version")
        .and_then(|mut s| {
            s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<Vec<(i64, String)>>>()
        })
        .map_err(|e| match e {
            rusqlite::Error::SqlInputError { .. } => StoreError::Unreleased, // no such column
            other => other.into(),
        })?;
    for (version, fingerprint) in applied {
        let text = usize::try_from(version - 1).ok().and_then(|i| MIGRATIONS.get(i));
        if text.is_some_and(|text| self::fingerprint(text) != fingerprint) {
            return Err(StoreError::Unreleased);
        }
    }
    let found: i64 =
        connection.query_row("SELECT COALESCE(MAX(version), 0) FROM schema_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (i, text) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let text = text.replace("{bytes}", "BLOB").replace("{keyed}", "WITHOUT ROWID").replace("{id}", "INTEGER");
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;\n{text}\nINSERT INTO schema_version (version, fingerprint) VALUES ({}, '{}');\nCOMMIT;",
            i + 1,
            fingerprint(MIGRATIONS[i])
        ))?;
    }
    Ok(())
}
