//! When what went into which production environment: what follows what can be told in any order of arrival.

use std::collections::BTreeSet;

use crate::{Result, StoreError, Tx};

/// Environment and time, microseconds, at which a release went into production.
pub type Shipments = BTreeSet<(String, i64)>;

/// Those of a release.
///
/// # Errors
/// When the database fails.
pub fn of_release(tx: &Tx<'_>, release: i64) -> Result<Shipments> {
    let rows = tx.query("SELECT environment, at FROM shipment WHERE release = ?1", &[release.into()], |r| {
        Ok((r.text(0)?, r.int(1)?))
    })?;
    Ok(rows.into_iter().collect())
}

/// Notes those of a release in place of what was known.
///
/// # Errors
/// When the database fails.
pub fn replace(tx: &Tx<'_>, product: &str, release: i64, shipments: &Shipments) -> Result<()> {
    tx.exec("DELETE FROM shipment WHERE release = ?1", &[release.into()])?;
    for (environment, at) in shipments {
        tx.exec(
            "INSERT INTO shipment (product, environment, at, release) VALUES (?1, ?2, ?3, ?4)",
            &[product.into(), environment.into(), (*at).into(), release.into()],
        )?;
    }
    Ok(())
}

/// The next other releases that went into an environment after `at`, and when: several only at one moment.
///
/// # Errors
/// When the database fails.
pub fn next_others(tx: &Tx<'_>, product: &str, environment: &str, release: i64, at: i64) -> Result<Vec<(i64, i64)>> {
    tx.query(
        "SELECT release, at FROM shipment WHERE product = ?1 AND environment = ?2 AND release <> ?4
           AND at = (SELECT MIN(at) FROM shipment
             WHERE product = ?1 AND environment = ?2 AND at > ?3 AND release <> ?4)",
        &[product.into(), environment.into(), at.into(), release.into()],
        |r| Ok((r.int(0)?, r.int(1)?)),
    )
}

/// Whether the first of two releases went into an environment for the first time before the second did.
///
/// # Errors
/// When the database fails.
pub fn came_first(tx: &Tx<'_>, product: &str, environment: &str, (one, other): (i64, i64)) -> Result<bool> {
    let first = |release: i64| {
        let sql = "SELECT MIN(at) FROM shipment WHERE product = ?1 AND environment = ?2 AND release = ?3";
        let found = tx.first(sql, &[product.into(), environment.into(), release.into()], |r| r.opt_int(0))?;
        Ok::<_, StoreError>(found.flatten())
    };
    Ok(matches!((first(one)?, first(other)?), (Some(one), Some(other)) if one < other))
}

/// The other releases that something which went into an environment at `at` may follow: those at that very moment,
/// and the newest before it.
///
/// # Errors
/// When the database fails.
pub fn out_before(tx: &Tx<'_>, product: &str, environment: &str, release: i64, at: i64) -> Result<Vec<i64>> {
    tx.query(
        "SELECT release FROM shipment WHERE product = ?1 AND environment = ?2 AND release <> ?4
           AND at >= COALESCE((SELECT MAX(at) FROM shipment
             WHERE product = ?1 AND environment = ?2 AND at < ?3 AND release <> ?4), ?3) AND at <= ?3",
        &[product.into(), environment.into(), at.into(), release.into()],
        |r| r.int(0),
    )
}
