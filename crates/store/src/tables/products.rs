//! Products and the repositories they own.

use certrail_domain::Product;

use super::to_json;
use crate::{Result, Tx};

/// Stores a product, new or changed.
///
/// # Errors
/// When the database fails.
pub fn put(tx: &Tx<'_>, product: &Product, log_index: u64) -> Result<()> {
    let document = to_json(product)?;
    tx.exec(
        "INSERT INTO product (name, document, log_index) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET document = excluded.document, log_index = excluded.log_index",
        &[(&product.name).into(), (&document).into(), log_index.into()],
    )?;
    tx.exec(
        "INSERT INTO product_version (name, from_index, document) VALUES (?1, ?2, ?3)",
        &[(&product.name).into(), log_index.into(), (&document).into()],
    )?;
    // What it heard while it had a repository stays its own.
    tx.exec("UPDATE product_repository SET held = 0 WHERE product = ?1", &[(&product.name).into()])?;
    for repository in &product.repositories {
        tx.exec(
            "INSERT INTO product_repository (repository, product, held) VALUES (?1, ?2, 1)
             ON CONFLICT (repository, product) DO UPDATE SET held = 1",
            &[repository.into(), (&product.name).into()],
        )?;
    }
    Ok(())
}

/// The product of that name.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, name: &str) -> Result<Option<Product>> {
    tx.first("SELECT document FROM product WHERE name = ?1", &[name.into()], |r| r.json(0))
}

/// The product of that name as it was known at log position `position`.
///
/// # Errors
/// When the database fails.
pub fn at(tx: &Tx<'_>, name: &str, position: u64) -> Result<Option<Product>> {
    tx.first(
        "SELECT document FROM product_version WHERE name = ?1 AND from_index < ?2 ORDER BY from_index DESC LIMIT 1",
        &[name.into(), position.into()],
        |r| r.json(0),
    )
}

/// Every state a product had below a log position, oldest first.
///
/// # Errors
/// When the database fails.
pub fn versions(tx: &Tx<'_>, name: &str, position: u64) -> Result<Vec<Product>> {
    let sql = "SELECT document FROM product_version WHERE name = ?1 AND from_index < ?2 ORDER BY from_index";
    tx.query(sql, &[name.into(), position.into()], |r| r.json(0))
}

/// The name of every product, in order.
///
/// # Errors
/// When the database fails.
pub fn names(tx: &Tx<'_>) -> Result<Vec<String>> {
    tx.query("SELECT name FROM product ORDER BY name", &[], |r| r.text(0))
}

/// Every product by name, those whose record is damaged too.
///
/// # Errors
/// When the database fails.
pub fn listed(tx: &Tx<'_>) -> Result<Vec<(String, Result<Product>)>> {
    tx.query("SELECT name, document FROM product ORDER BY name", &[], |r| Ok((r.text(0)?, r.json(1))))
}

/// Every product, by name.
///
/// # Errors
/// When the database fails, or the record of one is damaged.
pub fn all(tx: &Tx<'_>) -> Result<Vec<Product>> {
    tx.query("SELECT document FROM product ORDER BY name", &[], |r| r.json(0))
}

/// The products that own a repository.
///
/// # Errors
/// When the database fails.
pub fn of_repository(tx: &Tx<'_>, repository: &str) -> Result<Vec<Product>> {
    tx.query(
        "SELECT p.document FROM product_repository r JOIN product p ON p.name = r.product
         WHERE r.repository = ?1 AND r.held = 1 ORDER BY p.name",
        &[repository.into()],
        |r| r.json(0),
    )
}

/// Whether a product had a repository as of an entry of the log, or later.
///
/// # Errors
/// When the database fails.
pub fn had_since(tx: &Tx<'_>, name: &str, repository: &str, log_index: u64) -> Result<bool> {
    let then: Vec<Product> = tx.query(
        "SELECT document FROM product_version WHERE name = ?1 AND from_index >= COALESCE(
            (SELECT MAX(from_index) FROM product_version WHERE name = ?1 AND from_index <= ?2), 0)",
        &[name.into(), log_index.into()],
        |r| r.json(0),
    )?;
    Ok(then.iter().any(|product| product.repositories.iter().any(|one| one == repository)))
}

/// The names of the products that own a repository, or did.
///
/// # Errors
/// When the database fails.
pub fn ever_of_repository(tx: &Tx<'_>, repository: &str) -> Result<Vec<String>> {
    tx.query(
        "SELECT product FROM product_repository WHERE repository = ?1 ORDER BY product",
        &[repository.into()],
        |r| r.text(0),
    )
}
