//! Products and criteria: who owns which repository, and what is asked of a release.

use std::sync::Arc;

use certrail_criteria::Criteria;
use certrail_domain::{Action, Key, Problem, ProblemKind, Product};
use certrail_ledger::sha256;
use certrail_store::tables::{
    bindings,
    criteria::{self, StoredCriteria},
    products, releases, signals,
};

use crate::{
    Caller,
    access::{On, allow},
    bind::{self, Effects},
    connectors,
    engine::{Batch, Engine, Fault, internal},
    inputs, track,
};

/// Makes or changes a product. What waited unbound for its repositories binds before this returns.
///
/// # Errors
/// A role that may not, a malformed name, a failed commit.
pub async fn put_product(engine: &Arc<Engine>, caller: &Caller, mut product: Product) -> Result<Product, Problem> {
    allow(caller, Action::Administer, On::Product(&product.name))?;
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
    for (name, values) in [("repositories", &product.repositories), ("production", &product.production)] {
        values.iter().try_for_each(|value| inputs::required(value, name))?;
    }
    for (name, value) in [("branch", &product.branch), ("criteria", &product.criteria)] {
        inputs::required(value, name)?;
    }
    // Without one, nothing that is deployed would ever count as production, and no deployment as ungated.
    if product.production.is_empty() {
        return Err(refuse("It names no environment that counts as production.", "Name one with --production."));
    }
    product.repositories = product.repositories.iter().map(|r| r.trim().to_ascii_lowercase()).collect();
    product.production = product.production.iter().map(|e| e.trim().to_owned()).collect();
    product.repositories.sort();
    product.repositories.dedup();
    let caller = caller.clone();
    let ((product, rest), _) = engine
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
            // What it accepts is decided by two people, elsewhere.
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
            let next = bind_waiting(batch, i64::MAX as u64)?;
            let limits_changed = before.as_ref().is_some_and(|known| known.criteria != product.criteria);
            let mut left = before.map(|known| known.repositories).unwrap_or_default();
            left.retain(|repository| !product.repositories.contains(repository));
            Ok((product.clone(), Rest { waiting: next, left, limits_changed }))
        })
        .await?;
    // It is done whether or not whoever asked is still there.
    let rest = tokio::spawn(follow(engine.clone(), product.name.clone(), rest));
    rest.await.unwrap_or_else(|error| Err(internal(&error)))?;
    Ok(product)
}

/// What follows from a product's new state, in commits of their own.
struct Rest {
    /// Where to go on among the signals that wait.
    waiting: Option<u64>,
    /// The repositories that are its no more.
    left: Vec<String>,
    limits_changed: bool,
}

async fn follow(engine: Arc<Engine>, product: String, rest: Rest) -> Result<(), Problem> {
    let mut next = rest.waiting;
    // A long queue is worked off in several commits, so that what arrives meanwhile need not wait for it.
    while let Some(before) = next {
        (next, _) = engine.write(move |batch| bind_waiting(batch, before)).await?;
    }
    // Each time, also where no repository is new: a crash may have left it undone, and telling it again takes it up.
    let mut next = Some(None);
    while let Some(before) = next {
        let name = product.clone();
        (next, _) = engine.write(move |batch| follow_repositories(batch, &name, before)).await?;
    }
    for repository in rest.left {
        let mut next = Some(0);
        while let Some(from) = next {
            let repository = repository.clone();
            (next, _) = engine.write(move |batch| place_again(batch, &repository, from)).await?;
        }
    }
    if rest.limits_changed {
        due_again(&engine, &product).await?;
    }
    Ok(())
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

/// Works out the due dates of a product's findings again, in several commits where there are many.
async fn due_again(engine: &Arc<Engine>, product: &str) -> Result<(), Problem> {
    let mut next = Some(0);
    while let Some(after) = next {
        let name = product.to_owned();
        (next, _) = engine.write(move |batch| track::due_again(batch, &name, after)).await?;
    }
    Ok(())
}

/// Releases whose ownership is worked out again in one commit: one may own thousands of signals.
const RELEASES: u64 = 1;

/// Signals looked at again in one commit.
const CHUNK: u64 = 5_000;

/// Binds what waits unbound below an index, newest first; returns where to go on, if there is more.
fn bind_waiting(batch: &mut Batch<'_>, before: u64) -> Result<Option<u64>, Fault> {
    let waiting = bindings::unbound(batch.tx, before, CHUNK)?;
    let next = waiting.last().copied().filter(|_| waiting.len() as u64 == CHUNK);
    let mut effects = Effects::default();
    effects.touched.signals.extend(waiting);
    bind::relearn(batch, &mut effects)?;
    bind::settle(batch, effects, "product")?;
    Ok(next)
}

/// Works out again what the releases of a product own, below one, newest first; returns where to go on, if there is more.
fn follow_repositories(
    batch: &mut Batch<'_>,
    product: &str,
    before: Option<i64>,
) -> Result<Option<Option<i64>>, Fault> {
    let some = releases::of_product(batch.tx, product, before, RELEASES)?;
    let next = some.last().map(|last| Some(last.seq)).filter(|_| some.len() as u64 == RELEASES);
    let mut effects = Effects::default();
    for stored in some {
        bind::follow_repositories(batch, stored.seq, &mut effects)?;
    }
    bind::settle(batch, effects, "product")?;
    Ok(next)
}

/// What concerns a repository as a whole, or a change of it that was closed, may be context of no product any more, from an
/// entry on; returns where to go on, if there is more.
fn place_again(batch: &mut Batch<'_>, repository: &str, from: u64) -> Result<Option<u64>, Fault> {
    let wide = signals::about(batch.tx, &Key::repository(repository), from, CHUNK)?;
    let of_changes = signals::about_changes(batch.tx, repository, from, CHUNK)?;
    // Each list ends where it is full: beyond that, the other one comes again.
    let full = |list: &[u64]| list.last().map(|last| last + 1).filter(|_| list.len() as u64 == CHUNK);
    let next = full(&wide).into_iter().chain(full(&of_changes)).min();
    let mut effects = Effects::default();
    let reached = |index: &u64| next.is_none_or(|next| *index < next);
    effects.touched.signals.extend(wide.into_iter().chain(of_changes).filter(reached));
    bind::settle(batch, effects, "product")?;
    Ok(next)
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
    let ((name, changed), _) = engine
        .write(move |batch| {
            let known = criteria::in_force(batch.tx, &set.name, i64::MAX as u64)?;
            if known.is_some_and(|k| k.digest == digest) {
                return Ok((set.name.clone(), false));
            }
            let document = serde_json::json!({ "name": set.name, "version": set.version, "sha256": certrail_ledger::hex(&digest), "text": text });
            let log_index = batch.control("criteria", &caller.account(), &[], &document)?;
            criteria::insert(batch.tx, &StoredCriteria { digest, name: set.name.clone(), version: set.version.clone(), text: text.clone(), log_index })?;
            Ok::<_, Fault>((set.name.clone(), true))
        })
        .await?;
    // Of a product whose record is damaged it cannot be told; it is judged again when that is mended.
    for (product, known) in engine.read(products::listed)? {
        if changed && known.is_ok_and(|p| p.criteria == name) {
            due_again(engine, &product).await?;
        }
    }
    Ok(name)
}
