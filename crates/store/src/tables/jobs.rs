//! What commits left to later ones.

use crate::{Result, Row, Tx};

/// A job, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// Its row: jobs are done in this order.
    pub seq: i64,
    /// The product it is done for.
    pub product: String,
    /// What is to be done.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// The step that is next,
    pub step: i64,
    /// and where that goes on.
    pub next: i64,
}

fn map(r: &Row<'_>) -> Result<StoredJob> {
    Ok(StoredJob {
        seq: r.int(0)?,
        product: r.text(1)?,
        kind: r.text(2)?,
        subject: r.text(3)?,
        step: r.int(4)?,
        next: r.int(5)?,
    })
}

/// Puts a job at the end of the line. One that waits there already begins anew, behind all others.
///
/// # Errors
/// When the database fails.
pub fn put(tx: &Tx<'_>, product: &str, kind: &str, subject: &str) -> Result<()> {
    tx.exec("DELETE FROM job WHERE kind = ?1 AND subject = ?2", &[kind.into(), subject.into()])?;
    tx.exec(
        "INSERT INTO job (seq, product, kind, subject, step, next)
         SELECT COALESCE(MAX(seq), 0) + 1, ?1, ?2, ?3, 0, 0 FROM job",
        &[product.into(), kind.into(), subject.into()],
    )?;
    Ok(())
}

/// How far a job has come. Tells whether it is still there.
///
/// # Errors
/// When the database fails.
pub fn advance(tx: &Tx<'_>, seq: i64, step: i64, next: i64) -> Result<bool> {
    let sql = "UPDATE job SET step = ?2, next = ?3 WHERE seq = ?1";
    Ok(tx.exec(sql, &[seq.into(), step.into(), next.into()])? == 1)
}

/// A job is done.
///
/// # Errors
/// When the database fails.
pub fn done(tx: &Tx<'_>, seq: i64) -> Result<()> {
    tx.exec("DELETE FROM job WHERE seq = ?1", &[seq.into()])?;
    Ok(())
}

/// A job as it stands.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, seq: i64) -> Result<Option<StoredJob>> {
    tx.first("SELECT seq, product, kind, subject, step, next FROM job WHERE seq = ?1", &[seq.into()], map)
}

/// Every job, in the order in which they are done.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &Tx<'_>) -> Result<Vec<StoredJob>> {
    tx.query("SELECT seq, product, kind, subject, step, next FROM job ORDER BY seq", &[], map)
}

/// The first job of each product.
///
/// # Errors
/// When the database fails.
pub fn first_of_each(tx: &Tx<'_>) -> Result<Vec<StoredJob>> {
    let sql = "SELECT seq, product, kind, subject, step, next FROM job
        WHERE seq IN (SELECT MIN(seq) FROM job GROUP BY product) ORDER BY product";
    tx.query(sql, &[], map)
}

/// Whether a job is still to be done.
///
/// # Errors
/// When the database fails.
pub fn is_left(tx: &Tx<'_>, kind: &str, subject: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM job WHERE kind = ?1 AND subject = ?2";
    Ok(tx.first(sql, &[kind.into(), subject.into()], |r| r.int(0))?.is_some())
}

/// Whether a product has a job of a kind.
///
/// # Errors
/// When the database fails.
pub fn has(tx: &Tx<'_>, product: &str, kind: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM job WHERE product = ?1 AND kind = ?2 LIMIT 1";
    Ok(tx.first(sql, &[product.into(), kind.into()], |r| r.int(0))?.is_some())
}
