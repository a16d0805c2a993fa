//! Products and criteria: who owns which repository, and what is asked of a release.

use std::sync::Arc;

use certrail_criteria::Criteria;
use certrail_domain::{Action, Problem, ProblemKind, Product, is_invisible};
use certrail_ledger::sha256;
use certrail_store::tables::{
    criteria::{self, StoredCriteria},
    products,
};

use crate::{
    Caller,
    access::{On, allow},
    bind, connectors,
    engine::{Engine, Fault, Job},
    inputs, jobs,
};

/// Makes or changes a product. What waited unbound for its repositories binds before this returns, or soon after where it
/// is very much.
///
/// # Errors
/// A role that may not, a malformed name, a failed commit.
pub async fn put_product(engine: &Arc<Engine>, caller: &Caller, mut product: Product) -> Result<Product, Problem> {
    allow(caller, Action::Administer, On::Product(&product.name))?;
    let refuse = |why: &str, fix: &str| {
        Problem::new(ProblemKind::BadInput, "bad-product", "The product was not recorded.", why, fix)
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if product.name.is_empty()
        || product.name.len() > 80
        || !product.name.chars().all(plain)
        || product.name.starts_with('.')
    {
        return Err(refuse(
            "Its name is empty or has characters that do not fit into an address.",
            "Use letters, digits, hyphen, underscore and dot, and begin with another than the dot.",
        ));
    }
    if !product.tag_pattern.contains("{version}") {
        return Err(refuse("Its tag pattern does not say where the version is.", "Write it like v{version}."));
    }
    let lists = [
        ("repositories", &product.repositories),
        ("production", &product.production),
        ("environments", &product.environments),
    ];
    for (name, values) in lists {
        values.iter().try_for_each(|value| inputs::required(value, name))?;
    }
    for (name, value) in [("branch", &product.branch), ("criteria", &product.criteria)] {
        inputs::required(value, name)?;
    }
    if let Some((why, fix)) = inputs::odd_repository(&product.repositories) {
        return Err(refuse(&why, fix));
    }
    let named = product.repositories.iter().chain(&product.production).chain(&product.environments);
    let named = named.chain([&product.branch]);
    if named.flat_map(|name| name.chars()).any(is_invisible) {
        let why = "A name in it has characters that nobody sees.";
        return Err(refuse(why, "Type the names of repositories, branch and environments anew."));
    }
    // Without one, nothing that is deployed would ever count as production, and no deployment as ungated.
    if product.production.is_empty() {
        return Err(refuse("It names no environment that counts as production.", "Name one with --production."));
    }
    product.repositories = product.repositories.iter().map(|r| r.trim().to_ascii_lowercase()).collect();
    for environments in [&mut product.production, &mut product.environments] {
        *environments = environments.iter().map(|e| e.trim().to_owned()).collect();
    }
    product.repositories.sort();
    product.repositories.dedup();
    let caller = caller.clone();
    let (product, _) = engine
        .write(move |batch| {
            let position = batch.next_index() + 1;
            if criteria::in_force(batch.tx, &product.criteria, position)?.is_none() {
                return Err(refuse("Its criteria set is not known.", "Use `standard`, or add the set first.").into());
            }
            let before = products::get(batch.tx, &product.name)?;
            if before.is_none()
                && let Some(alike) =
                    products::names(batch.tx)?.iter().find(|name| name.eq_ignore_ascii_case(&product.name))
            {
                let why = format!("There is a product {alike}, which differs in case only.");
                return Err(refuse(&why, "Use another name.").into());
            }
            // Named as its forge calls it now; what the product has already stays what it is called here.
            let held_before = before.as_ref().map(|b| b.repositories.clone()).unwrap_or_default();
            for repository in product.repositories.iter_mut().filter(|r| !held_before.contains(r)) {
                *repository = connectors::canonical_in(batch.tx, repository)?;
            }
            product.repositories.sort();
            product.repositories.dedup();
            let held = before.as_ref().map(|b| b.repositories.as_slice()).unwrap_or_default();
            for repository in product.repositories.iter().filter(|r| !held.contains(r)) {
                claims(batch.tx, &caller, repository)?;
            }
            // What it accepts, and from where on it is judged, is decided elsewhere.
            product.baselines = before.as_ref().map(|b| b.baselines.clone()).unwrap_or_default();
            product.accepts_reported = before.as_ref().map(|b| b.accepts_reported.clone()).unwrap_or_default();
            let index = batch.control("product", &caller.account(), &[], &product)?;
            products::put(batch.tx, &product, index)?;
            if before.as_ref().is_some_and(|known| known.production != product.production) {
                bind::ship_again(batch, &product.name)?;
            }
            bind::open_release(batch, &product)?;
            let moved =
                |known: &Product| (&known.repositories, &known.branch) != (&product.repositories, &product.branch);
            if before.as_ref().is_some_and(moved) {
                let effects = bind::follow_product(batch, &product)?;
                bind::settle(batch, effects, "product")?;
            }
            let mut left = before.as_ref().map(|known| known.repositories.clone()).unwrap_or_default();
            left.retain(|repository| !product.repositories.contains(repository));
            // Also where nothing is another: telling a product again is how somebody asks for it to be worked out again.
            batch.leave(&product.name, &Job::FollowProduct(left))?;
            if before.as_ref().is_some_and(|known| known.criteria != product.criteria) {
                batch.leave(&product.name, &Job::DueAgain)?;
            }
            Ok(product.clone())
        })
        .await?;
    // It is done whether or not whoever asked is still there.
    jobs::follow(engine, vec![product.name.clone()]).await?;
    Ok(product)
}

/// Who claims a repository sees what its forge tells. One that other products have is claimed by whoever reaches those.
fn claims(tx: &certrail_store::Tx<'_>, caller: &Caller, repository: &str) -> Result<(), Fault> {
    let foreign = products::of_repository(tx, repository)?.iter().any(|p| !caller.reaches(&p.name));
    if !foreign && caller.scope.repositories.has_in_any_case(repository) {
        return Ok(());
    }
    let fix = "Ask an admin who reaches everything.";
    let why = format!("The repository {repository} is not within your reach, or is another product's.");
    Err(Problem::new(ProblemKind::NotAllowed, "scope", "The product was not recorded.", why, fix).into())
}

/// Records a criteria set, byte for byte. The newest of a name is in force from then on.
///
/// # Errors
/// A role that may not, a set that is not admitted, a failed commit.
pub async fn put_criteria(engine: &Arc<Engine>, caller: &Caller, text: String) -> Result<String, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
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
    let ((name, names), _) = engine
        .write(move |batch| {
            let known = criteria::in_force(batch.tx, &set.name, i64::MAX as u64)?;
            if known.is_some_and(|k| k.digest == digest) {
                return Ok((set.name.clone(), Vec::new()));
            }
            let document = serde_json::json!({ "name": set.name, "version": set.version, "sha256": certrail_ledger::hex(&digest), "text": text });
            let log_index = batch.control("criteria", &caller.account(), &[], &document)?;
            criteria::insert(batch.tx, &StoredCriteria { digest, name: set.name.clone(), version: set.version.clone(), text: text.clone(), log_index })?;
            // Of a product whose record is damaged it cannot be told; it is judged again when that is mended.
            let mut names = Vec::new();
            for (product, known) in products::listed(batch.tx)? {
                if known.is_ok_and(|p| p.criteria == set.name) {
                    batch.leave(&product, &Job::DueAgain)?;
                    names.push(product);
                }
            }
            Ok::<_, Fault>((set.name.clone(), names))
        })
        .await?;
    jobs::follow(engine, names).await?;
    Ok(name)
}
