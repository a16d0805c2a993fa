//! Products and criteria: who owns which repository, and what is asked of a release.

use std::sync::Arc;

use certrail_criteria::Criteria;
use certrail_domain::{Action, Problem, ProblemKind, Product};
use certrail_ledger::sha256;
use certrail_store::tables::{
    bindings,
    criteria::{self, StoredCriteria},
    products,
};

use crate::{
    Caller,
    access::allow,
    bind::{self, Effects},
    engine::{Engine, Fault},
};

/// Makes or changes a product. What waited unbound for its repositories binds in the same commit.
///
/// # Errors
/// A role that may not, a malformed name, a failed commit.
pub async fn put_product(engine: &Arc<Engine>, caller: &Caller, mut product: Product) -> Result<Product, Problem> {
    allow(caller, Action::Administer)?;
    let refuse = |why: &str, fix: &str| {
        Problem::new(ProblemKind::BadInput, "bad-product", "The product was not recorded.", why, fix)
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if product.name.is_empty() || product.name.len() > 80 || !product.name.chars().all(plain) {
        return Err(refuse(
            "Its name is empty or has characters that do not fit into an address.",
            "Use letters, digits, hyphen, underscore and dot.",
        ));
    }
    if !product.tag_pattern.contains("{version}") {
        return Err(refuse("Its tag pattern does not say where the version is.", "Write it like v{version}."));
    }
    product.repositories =
        product.repositories.iter().map(|r| r.trim().to_ascii_lowercase()).filter(|r| !r.is_empty()).collect();
    product.repositories.sort();
    product.repositories.dedup();
    let caller = caller.clone();
    let (product, _) = engine
        .write(move |batch| {
            let position = batch.next_index() + 1;
            if criteria::in_force(batch.tx, &product.criteria, position)?.is_none() {
                return Err(refuse("Its criteria set is not known.", "Use `standard`, or add the set first.").into());
            }
            let index = batch.control("product", &caller.account(), &[], &product)?;
            products::put(batch.tx, &product, index)?;
            bind::open_release(batch, &product)?;
            let mut effects = Effects::default();
            effects
                .touched
                .signals
                .extend(bindings::unbound(batch.tx, i64::MAX as u64, 10_000)?.into_iter().map(|(i, _)| i));
            bind::relearn(batch, &mut effects)?;
            bind::settle(batch, effects, "product")?;
            Ok(product.clone())
        })
        .await?;
    Ok(product)
}

/// Records a criteria set, byte for byte. The newest of a name is in force from then on.
///
/// # Errors
/// A role that may not, a set that is not admitted, a failed commit.
pub async fn put_criteria(engine: &Arc<Engine>, caller: &Caller, text: String) -> Result<String, Problem> {
    allow(caller, Action::Administer)?;
    let set = Criteria::parse(&text).map_err(|e| {
        Problem::new(
            ProblemKind::BadInput,
            "bad-criteria",
            "The criteria were not recorded.",
            format!("{e}."),
            "Fix the file and send it again.",
        )
    })?;
    let digest = sha256(text.as_bytes());
    let caller = caller.clone();
    let (name, _) = engine
        .write(move |batch| {
            let known = criteria::in_force(batch.tx, &set.name, i64::MAX as u64)?;
            if known.is_some_and(|k| k.digest == digest) {
                return Ok(set.name.clone());
            }
            let document = serde_json::json!({ "name": set.name, "version": set.version, "sha256": certrail_ledger::hex(&digest), "text": text });
            let log_index = batch.control("criteria", &caller.account(), &[], &document)?;
            criteria::insert(batch.tx, &StoredCriteria { digest, name: set.name.clone(), version: set.version.clone(), text: text.clone(), log_index })?;
            Ok::<_, Fault>(set.name.clone())
        })
        .await?;
    Ok(name)
}
