//! Where ranges end: releases that were judged, with what they contain, and what baselines contain.

use std::collections::BTreeSet;

use certrail_domain::BaseKind;

use crate::{Result, StoreError, Tx};

/// From which entry on a release ends the range of others, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBase {
    /// The entry.
    pub from_index: u64,
    /// Why.
    pub kind: BaseKind,
}

/// Whether a release ends the range of others.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, release: i64) -> Result<Option<StoredBase>> {
    tx.first("SELECT from_index, kind FROM range_base WHERE release = ?1", &[release.into()], |r| {
        let kind = r.text(1)?;
        let unknown = || StoreError::Damaged(format!("a release that ends the range of others by `{kind}`"));
        Ok(StoredBase { from_index: r.uint(0)?, kind: BaseKind::from_name(&kind).ok_or_else(unknown)? })
    })
}

/// Makes a release one that ends the range of others; with `None` it does no longer.
///
/// # Errors
/// When the database fails.
pub fn set(tx: &Tx<'_>, release: i64, base: Option<&StoredBase>) -> Result<()> {
    tx.exec("DELETE FROM range_base WHERE release = ?1", &[release.into()])?;
    let Some(base) = base else { return Ok(()) };
    let sql = "INSERT INTO range_base (release, from_index, kind) VALUES (?1, ?2, ?3)";
    tx.exec(sql, &[release.into(), base.from_index.into(), base.kind.name().into()]).map(drop)
}

/// The commits of a release that ends the range of others.
///
/// # Errors
/// When the database fails.
pub fn commits(tx: &Tx<'_>, release: i64) -> Result<BTreeSet<String>> {
    let sql = "SELECT commit_id FROM range_base_commit WHERE release = ?1";
    Ok(tx.query(sql, &[release.into()], |r| r.text(0))?.into_iter().collect())
}

/// Keeps that a commit belongs, or does no longer belong, to a release that ends the range of others.
///
/// # Errors
/// When the database fails.
pub fn set_commit(tx: &Tx<'_>, commit: &str, release: i64, belongs: bool) -> Result<()> {
    let sql = if belongs {
        "INSERT INTO range_base_commit (commit_id, release) VALUES (?1, ?2) ON CONFLICT (commit_id, release) DO NOTHING"
    } else {
        "DELETE FROM range_base_commit WHERE commit_id = ?1 AND release = ?2"
    };
    tx.exec(sql, &[commit.into(), release.into()]).map(drop)
}

/// The releases with a commit that end the range of others.
///
/// # Errors
/// When the database fails.
pub fn with_commit(tx: &Tx<'_>, commit: &str) -> Result<Vec<i64>> {
    let sql = "SELECT release FROM range_base_commit WHERE commit_id = ?1 ORDER BY release";
    tx.query(sql, &[commit.into()], |r| r.int(0))
}

/// Keeps what the baseline of a product contains that counts from an entry on.
///
/// # Errors
/// When the database fails.
pub fn insert_baseline(tx: &Tx<'_>, product: &str, commits: &BTreeSet<String>, from_index: u64) -> Result<()> {
    for commit in commits {
        tx.exec(
            "INSERT INTO baseline_commit (product, commit_id, from_index) VALUES (?1, ?2, ?3)
             ON CONFLICT (product, commit_id, from_index) DO NOTHING",
            &[product.into(), commit.into(), from_index.into()],
        )?;
    }
    Ok(())
}

/// The entries from which on baselines of a product count that contain a commit.
///
/// # Errors
/// When the database fails.
pub fn baselines_with(tx: &Tx<'_>, product: &str, commit: &str) -> Result<Vec<u64>> {
    let sql = "SELECT from_index FROM baseline_commit WHERE product = ?1 AND commit_id = ?2 ORDER BY from_index";
    tx.query(sql, &[product.into(), commit.into()], |r| r.uint(0))
}

/// What is kept of the baselines of a product: the entry from which on each counts, and a commit that it contains.
///
/// # Errors
/// When the database fails.
pub fn baselines_of(tx: &Tx<'_>, product: &str) -> Result<Vec<(u64, String)>> {
    let sql = "SELECT from_index, commit_id FROM baseline_commit WHERE product = ?1 ORDER BY from_index, commit_id";
    tx.query(sql, &[product.into()], |r| Ok((r.uint(0)?, r.text(1)?)))
}

/// The products of which a baseline is kept.
///
/// # Errors
/// When the database fails.
pub fn products_with_baselines(tx: &Tx<'_>) -> Result<Vec<String>> {
    tx.query("SELECT DISTINCT product FROM baseline_commit ORDER BY product", &[], |r| r.text(0))
}
