//! The floor that `certrail bench` compares ingest with: raw batched inserts, same durability, nothing else.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use crate::Result;

/// Inserts `rows` rows of `bytes` bytes in transactions of `batch`, each durable; returns how long it took.
///
/// # Errors
/// When the database fails.
pub fn batched_insert(folder: &Path, rows: u64, batch: u64, bytes: usize) -> Result<Duration> {
    let connection = Connection::open(folder.join("floor.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE row (id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, received INTEGER NOT NULL, body BLOB NOT NULL);",
    )?;
    let body = vec![b'x'; bytes];
    let begun = Instant::now();
    let mut done = 0;
    while done < rows {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..batch.min(rows - done) {
            connection
                .prepare_cached("INSERT INTO row (source, kind, received, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params!["github:acme/pay", "test.check", 1_i64, body])?;
            done += 1;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(begun.elapsed())
}
