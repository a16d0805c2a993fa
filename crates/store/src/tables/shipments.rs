//! When what went into which production environment: what follows what can be told in any order of arrival.

use std::collections::BTreeMap;

use crate::{Result, Tx};

/// Environment and time, microseconds, at which a release went into production, and whether that was going back to it.
pub type Shipments = BTreeMap<(String, i64), bool>;

/// Those of a release.
///
/// # Errors
/// When the database fails.
pub fn of_release(tx: &Tx<'_>, release: i64) -> Result<Shipments> {
    let rows =
        tx.query("SELECT environment, at, rollback FROM shipment WHERE release = ?1", &[release.into()], |r| {
            Ok(((r.text(0)?, r.int(1)?), r.flag(2)?))
        })?;
    Ok(rows.into_iter().collect())
}

/// Notes those of a release in place of what was known.
///
/// # Errors
/// When the database fails.
pub fn replace(tx: &Tx<'_>, product: &str, release: i64, shipments: &Shipments) -> Result<()> {
    tx.exec("DELETE FROM shipment WHERE release = ?1", &[release.into()])?;
    for ((environment, at), rollback) in shipments {
        tx.exec(
            "INSERT INTO shipment (product, environment, at, release, rollback) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[product.into(), environment.into(), (*at).into(), release.into(), i64::from(*rollback).into()],
        )?;
    }
    Ok(())
}

/// Whether the next other release that went into an environment, from `at` on, was gone back to. `None` if none did.
///
/// # Errors
/// When the database fails.
pub fn next_goes_back(tx: &Tx<'_>, product: &str, environment: &str, release: i64, at: i64) -> Result<Option<bool>> {
    tx.first(
        "SELECT rollback FROM shipment WHERE product = ?1 AND environment = ?2 AND at >= ?3 AND release <> ?4
         ORDER BY at, rollback DESC LIMIT 1",
        &[product.into(), environment.into(), at.into(), release.into()],
        |r| r.flag(0),
    )
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
