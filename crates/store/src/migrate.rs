//! Forward migrations, each applied once, in order.

use crate::{Result, StoreError, Writer};

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
    let connection = &writer.connection();
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
        let text = text.replace("{bytes}", "BLOB").replace("{keyed}", "WITHOUT ROWID");
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;\n{text}\nINSERT INTO schema_version (version, fingerprint) VALUES ({}, '{}');\nCOMMIT;",
            i + 1,
            fingerprint(MIGRATIONS[i])
        ))?;
    }
    Ok(())
}
