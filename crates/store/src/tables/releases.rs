//! Releases and the names they go by.

use certrail_domain::Release;

use super::to_json;
use crate::{Result, Row, Tx};

/// A release with what only the store and the ledger know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRelease {
    /// Its number, the key of bindings.
    pub seq: i64,
    /// The key of its blinded label.
    pub label_key: [u8; 32],
    /// The release.
    pub release: Release,
}

fn map(r: &Row<'_>) -> Result<StoredRelease> {
    Ok(StoredRelease { seq: r.int(0)?, label_key: r.hash(1)?, release: r.json(2)? })
}

/// Stores a new release.
///
/// # Errors
/// When the product has that version already.
pub fn insert(tx: &Tx<'_>, release: &Release, label_key: &[u8; 32], from_index: u64) -> Result<StoredRelease> {
    let seq = tx.first("SELECT COALESCE(MAX(seq), 0) + 1 FROM release", &[], |r| r.int(0))?.unwrap_or(1);
    let document = to_json(release)?;
    tx.exec(
        "INSERT INTO release (seq, id, product, version, state, document, label_key, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            seq.into(),
            release.id.as_str().into(),
            (&release.product).into(),
            (&release.version).into(),
            release.state.name().into(),
            (&document).into(),
            label_key.into(),
            release.created_at.as_micros().into(),
        ],
    )?;
    remember(tx, seq, from_index, &document)?;
    Ok(StoredRelease { seq, label_key: *label_key, release: release.clone() })
}

/// Notes the state of a release from a log position on; the last state of one position counts.
fn remember(tx: &Tx<'_>, seq: i64, from_index: u64, document: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO release_version (release, from_index, document) VALUES (?1, ?2, ?3)
         ON CONFLICT (release, from_index) DO UPDATE SET document = excluded.document",
        &[seq.into(), from_index.into(), document.into()],
    )?;
    Ok(())
}

/// The release as it was known at log position `position`.
///
/// # Errors
/// When the database fails.
pub fn at(tx: &Tx<'_>, seq: i64, position: u64) -> Result<Option<Release>> {
    tx.first(
        "SELECT document FROM release_version WHERE release = ?1 AND from_index < ?2
         ORDER BY from_index DESC LIMIT 1",
        &[seq.into(), position.into()],
        |r| r.json(0),
    )
}

/// Stores a changed release; a changed version leaves its old name as an alias.
///
/// # Errors
/// When the product has the new version already.
pub fn update(tx: &Tx<'_>, stored: &StoredRelease, old_version: &str, from_index: u64) -> Result<()> {
    let release = &stored.release;
    let document = to_json(release)?;
    tx.exec(
        "UPDATE release SET version = ?2, state = ?3, document = ?4 WHERE seq = ?1",
        &[stored.seq.into(), (&release.version).into(), release.state.name().into(), (&document).into()],
    )?;
    remember(tx, stored.seq, from_index, &document)?;
    if release.version != old_version && old_version != Release::OPEN_VERSION {
        tx.exec(
            "INSERT INTO release_alias (product, version, release) VALUES (?1, ?2, ?3)
             ON CONFLICT (product, version) DO UPDATE SET release = excluded.release",
            &[(&release.product).into(), old_version.into(), stored.seq.into()],
        )?;
    }
    Ok(())
}

/// Each state a release ever had, with the log position from which on, oldest first, each with what came of reading it.
///
/// # Errors
/// When the database fails.
pub fn states(tx: &Tx<'_>, seq: i64) -> Result<Vec<(u64, Result<Release>)>> {
    let sql = "SELECT from_index, document FROM release_version WHERE release = ?1 ORDER BY from_index";
    tx.query(sql, &[seq.into()], |r| Ok((r.uint(0)?, r.json(1))))
}

/// Every release, by number.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &Tx<'_>) -> Result<Vec<StoredRelease>> {
    tx.query("SELECT seq, label_key, document FROM release ORDER BY seq", &[], map)
}

/// The release with that number.
///
/// # Errors
/// When the database fails.
pub fn by_seq(tx: &Tx<'_>, seq: i64) -> Result<Option<StoredRelease>> {
    tx.first("SELECT seq, label_key, document FROM release WHERE seq = ?1", &[seq.into()], map)
}

/// The release with that id.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &Tx<'_>, id: &str) -> Result<Option<StoredRelease>> {
    tx.first("SELECT seq, label_key, document FROM release WHERE id = ?1", &[id.into()], map)
}

/// The release of a product that has, or had, that version.
///
/// # Errors
/// When the database fails.
pub fn by_version(tx: &Tx<'_>, product: &str, version: &str) -> Result<Option<StoredRelease>> {
    let found = tx.first(
        "SELECT seq, label_key, document FROM release WHERE product = ?1 AND version = ?2",
        &[product.into(), version.into()],
        map,
    )?;
    if found.is_some() {
        return Ok(found);
    }
    let alias = tx.first(
        "SELECT release FROM release_alias WHERE product = ?1 AND version = ?2",
        &[product.into(), version.into()],
        |r| r.int(0),
    )?;
    alias.map_or(Ok(None), |seq| by_seq(tx, seq))
}

/// Up to `limit` releases of a product, newest first; with `before`, those behind that one in this order.
///
/// # Errors
/// When the database fails or a row is damaged.
pub fn of_product(tx: &Tx<'_>, product: &str, before: Option<i64>, limit: u64) -> Result<Vec<StoredRelease>> {
    listed(tx, product, before, limit)?.into_iter().map(|row| row.release).collect()
}

/// When what is known of a release changed last, as the log stood at a position.
///
/// # Errors
/// When the database fails.
pub fn changed_at(tx: &Tx<'_>, seq: i64, position: u64) -> Result<Option<u64>> {
    let sql = "SELECT MAX(from_index) FROM release_version WHERE release = ?1 AND from_index < ?2";
    Ok(tx.first(sql, &[seq.into(), position.into()], |r| r.opt_uint(0))?.flatten())
}

/// Whether any release of a product was ever decided on.
///
/// # Errors
/// When the database fails.
pub fn was_any_decided(tx: &Tx<'_>, product: &str) -> Result<bool> {
    let decided = "SELECT 1 FROM decision d JOIN release r ON r.id = d.release WHERE r.product = ?1 LIMIT 1";
    Ok(tx.first(decided, &[product.into()], |r| r.int(0))?.is_some())
}

/// [`was_any_decided`], or told to have been in production, whatever is said now.
///
/// # Errors
/// When the database fails.
pub fn was_any_judged(tx: &Tx<'_>, product: &str) -> Result<bool> {
    let shipped = "SELECT 1 FROM release_version v JOIN release r ON r.seq = v.release
                   WHERE r.product = ?1 AND v.document NOT LIKE '%\"shipped_at\":null%' LIMIT 1";
    Ok(was_any_decided(tx, product)? || tx.first(shipped, &[product.into()], |r| r.int(0))?.is_some())
}

/// A release in a list, which may be damaged.
#[derive(Debug)]
pub struct ListedRelease {
    /// Its number.
    pub seq: i64,
    /// Its version.
    pub version: String,
    /// What came of reading it.
    pub release: Result<StoredRelease>,
}

/// [`of_product`], row by row.
///
/// # Errors
/// When the database fails.
pub fn listed(tx: &Tx<'_>, product: &str, before: Option<i64>, limit: u64) -> Result<Vec<ListedRelease>> {
    let row = |r: &Row<'_>| Ok(ListedRelease { seq: r.int(0)?, version: r.text(3)?, release: map(r) });
    let Some(seq) = before else {
        return tx.query(
            "SELECT seq, label_key, document, version FROM release WHERE product = ?1
             ORDER BY created DESC, seq DESC LIMIT ?2",
            &[product.into(), limit.into()],
            row,
        );
    };
    tx.query(
        "SELECT r.seq, r.label_key, r.document, r.version FROM release r JOIN release b ON b.seq = ?2
         WHERE r.product = ?1 AND r.created <= b.created AND (r.created < b.created OR r.seq < b.seq)
         ORDER BY r.created DESC, r.seq DESC LIMIT ?3",
        &[product.into(), seq.into(), limit.into()],
        row,
    )
}
