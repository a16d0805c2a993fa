//! Dossiers: each made once, numbered, and kept as it was handed out.

use certrail_domain::Time;

use crate::{Result, Row, StoreError, Tx};

/// A dossier that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDossier {
    /// Its number, from 1.
    pub number: u64,
    /// Its entry in the log.
    pub log_index: u64,
    /// When, microseconds.
    pub made: i64,
    /// Who asked for it.
    pub maker: String,
    /// SHA-256 of the sealed JSON, as it is handed out.
    pub json: [u8; 32],
    /// SHA-256 of the sealed PDF, where there is one.
    pub pdf: Option<[u8; 32]>,
}

/// Stores that a dossier was made.
///
/// # Errors
/// When the number is taken.
pub fn insert(tx: &Tx<'_>, release: &str, d: &StoredDossier) -> Result<()> {
    tx.exec(
        "INSERT INTO dossier (release, number, log_index, made, maker, json, pdf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            release.into(),
            d.number.into(),
            d.log_index.into(),
            d.made.into(),
            (&d.maker).into(),
            (&d.json).into(),
            d.pdf.as_ref().into(),
        ],
    )?;
    Ok(())
}

fn map(r: &Row<'_>) -> Result<StoredDossier> {
    let pdf = r.opt_bytes(5)?.map(|bytes| {
        bytes.try_into().map_err(|_| StoreError::Damaged("the digest of a dossier has another length".into()))
    });
    Ok(StoredDossier {
        number: r.uint(0)?,
        log_index: r.uint(1)?,
        made: r.int(2)?,
        maker: r.text(3)?,
        json: r.hash(4)?,
        pdf: pdf.transpose()?,
    })
}

/// Up to `limit` dossiers of a release below a number, newest first.
///
/// # Errors
/// When the database fails.
pub fn of_release(tx: &Tx<'_>, release: &str, before: u64, limit: u64) -> Result<Vec<StoredDossier>> {
    tx.query(
        "SELECT number, log_index, made, maker, json, pdf FROM dossier WHERE release = ?1 AND number < ?2
         ORDER BY number DESC LIMIT ?3",
        &[release.into(), before.into(), limit.into()],
        map,
    )
}

/// The dossier of that number.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, release: &str, number: u64) -> Result<Option<StoredDossier>> {
    let sql = "SELECT number, log_index, made, maker, json, pdf FROM dossier WHERE release = ?1 AND number = ?2";
    tx.first(sql, &[release.into(), number.into()], map)
}

/// How many dossiers somebody had made since a moment, of whatever release.
///
/// # Errors
/// When the database fails.
pub fn made_by_since(tx: &Tx<'_>, maker: &str, since: Time) -> Result<u64> {
    let sql = "SELECT COUNT(*) FROM dossier WHERE maker = ?1 AND made > ?2";
    Ok(tx.first(sql, &[maker.into(), since.as_micros().into()], |r| r.uint(0))?.unwrap_or(0))
}

/// The number of the newest dossier of a release; 0 if there is none.
///
/// # Errors
/// When the database fails.
pub fn last(tx: &Tx<'_>, release: &str) -> Result<u64> {
    let newest =
        tx.first("SELECT MAX(number) FROM dossier WHERE release = ?1", &[release.into()], |r| r.opt_uint(0))?;
    Ok(newest.flatten().unwrap_or(0))
}
