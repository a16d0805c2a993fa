//! Products and criteria: who owns which repository, and what is asked of a release.

use std::sync::Arc;

use certrail_criteria::Criteria;
use certrail_domain::{
    Action, ChangedSettings, Problem, ProblemKind, Product, SettingsChange, SettingsState, Time, is_invisible,
};
use certrail_ledger::{hex, sha256};
use certrail_store::{
    StoreError,
    tables::{
        criteria::{self, StoredCriteria},
        products, releases, settings_changes,
    },
};
use serde_json::json;

use crate::{
    Caller,
    access::{On, allow},
    bind,
    change_settings::{self, SettingsRequest},
    connectors,
    engine::{Batch, Engine, Fault, Job, internal},
    inputs, jobs,
};

/// What came of telling settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put<T> {
    /// It is so from now on.
    InEffect(T),
    /// It waits for somebody else.
    Waits(Box<SettingsChange>),
}

/// Makes or changes a product; what would weaken how it is judged, where a release was decided on already, waits for another admin.
/// What waited unbound for its repositories binds before this returns, or soon after where it
/// is very much.
///
/// # Errors
/// A role that may not, a malformed name, a failed commit.
pub async fn put_product(
    engine: &Arc<Engine>,
    caller: &Caller,
    mut product: Product,
    asked: SettingsRequest,
) -> Result<Put<Product>, Problem> {
    allow(caller, Action::Administer, On::Product(&product.name))?;
    let asked = asked.checked(engine.now())?;
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
    let (put, _) = engine
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
            if let Some(before) = &before
                && let Some(waits) = asks_somebody_else(batch, &caller, before, &product, &asked)?
            {
                return Ok(Put::Waits(waits.into()));
            }
            Ok(Put::InEffect(keep_product(batch, &product, before.as_ref(), &caller.account())?))
        })
        .await?;
    if let Put::InEffect(product) = &put {
        // It is done whether or not whoever asked is still there.
        jobs::follow(engine, vec![product.name.clone()]).await?;
    }
    Ok(put)
}

/// A change of a product that weakens how its releases are judged needs somebody else, once one was decided on.
fn asks_somebody_else(
    batch: &mut Batch<'_>,
    caller: &Caller,
    before: &Product,
    after: &Product,
    asked: &(String, Option<Time>),
) -> Result<Option<SettingsChange>, Fault> {
    let weaker = change_settings::of_product(batch, before, after)?;
    if asked.1.is_none() && (weaker.is_empty() || !releases::was_any_decided(batch.tx, &before.name)?) {
        return Ok(None);
    }
    let settings = ChangedSettings::Product { before: before.clone().into(), after: after.clone().into() };
    change_settings::request(batch, caller, settings, weaker, asked.clone()).map(Some)
}

/// Records a product's new state, and returns it as it is kept; what belongs to its releases follows.
pub(crate) fn keep_product(
    batch: &mut Batch<'_>,
    product: &Product,
    before: Option<&Product>,
    by: &str,
) -> Result<Product, Fault> {
    let product = product.clone().following(before, batch.next_index());
    let index = batch.control("product", by, &[], &product)?;
    products::put(batch.tx, &product, index)?;
    bind::open_release(batch, &product)?;
    let moved = |known: &Product| (&known.repositories, &known.branch) != (&product.repositories, &product.branch);
    if before.is_some_and(moved) {
        let effects = bind::follow_product(batch, &product)?;
        bind::settle(batch, effects, "product")?;
    }
    let mut left = before.map(|known| known.repositories.clone()).unwrap_or_default();
    left.retain(|repository| !product.repositories.contains(repository));
    // Also where nothing is another: telling a product again is how somebody asks for it to be worked out again.
    batch.leave(&product.name, &Job::FollowProduct(left))?;
    if before.is_some_and(|known| known.criteria != product.criteria) {
        batch.leave(&product.name, &Job::DueAgain)?;
    }
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

/// The name of the set that comes with the program; no other may be called so.
const STANDARD: &str = "standard";

/// Records a criteria set, byte for byte. The first of a name is in force at once; a later one waits for another admin.
///
/// # Errors
/// A role that may not, a set that is not admitted or has a name or version of another, a failed commit.
pub async fn put_criteria(
    engine: &Arc<Engine>,
    caller: &Caller,
    text: String,
    asked: SettingsRequest,
) -> Result<Put<String>, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    let refuse = |why: &str, fix: &str| {
        Problem::new(ProblemKind::BadInput, "bad-criteria", "The criteria were not recorded.", why, fix)
    };
    let set = Criteria::parse(&text).map_err(|e| refuse(&format!("{e}."), "Fix the file and send it again."))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if set.name.is_empty() || set.name.len() > 80 || !set.name.chars().all(plain) {
        let why = "Its name is empty or has characters that do not fit into an address.";
        return Err(refuse(why, "Use letters, digits, hyphen, underscore and dot."));
    }
    inputs::required(&set.version, "version")?;
    if set.name.eq_ignore_ascii_case(STANDARD) && text != certrail_criteria::STANDARD {
        let why = "`standard` is the set that comes with the program, and this is another one.";
        return Err(refuse(why, "Give it a name of its own, and name that in the product."));
    }
    let asked = asked.checked(engine.now())?;
    let caller = caller.clone();
    let ((put, follow), _) = engine
        .write(move |batch| {
            match criteria::in_force(batch.tx, &set.name, i64::MAX as u64)? {
                None if asked.1.is_some() => {
                    let why = "The first set of a name is in force at once.";
                    return Err(refuse(why, "Leave out from when on.").into());
                }
                None => {
                    let follow = keep_criteria(batch, &text, &caller.account())?;
                    return Ok((Put::InEffect(set.name.clone()), follow));
                }
                Some(known) if known.text == text => return Ok((Put::InEffect(set.name.clone()), Vec::new())),
                Some(known) if known.version == set.version && set.name != STANDARD => {
                    let why = format!("Version {} of {} is known, with another text.", set.version, set.name);
                    return Err(refuse(&why, "Give it a version of its own.").into());
                }
                Some(_) => {}
            }
            let settings = changed(&set, &text);
            let weaker = change_settings::weaker_than_now(batch, &settings)?;
            let waits = change_settings::request(batch, &caller, settings, weaker, asked.clone())?;
            Ok::<_, Fault>((Put::Waits(waits.into()), Vec::new()))
        })
        .await?;
    jobs::follow(engine, follow).await?;
    Ok(put)
}

/// Brings the set that comes with the program, as its start does: in force where none is; where another version of it is, it is
/// proposed, unless somebody refused exactly it. An admin decides.
///
/// # Errors
/// A set that is not admitted, a failed commit.
pub async fn bring_criteria(engine: &Arc<Engine>, text: String) -> Result<Put<String>, Problem> {
    let set = Criteria::parse(&text).map_err(|e| internal(&e))?;
    let caller = Caller::internal(change_settings::PROGRAM);
    let (put, _) = engine
        .write(move |batch| {
            let in_effect = Put::InEffect(set.name.clone());
            match criteria::in_force(batch.tx, &set.name, i64::MAX as u64)? {
                None => {
                    keep_criteria(batch, &text, &caller.account())?;
                    return Ok(in_effect);
                }
                Some(known) if known.text == text => return Ok(in_effect),
                Some(_) => {}
            }
            let settings = changed(&set, &text);
            let by_people = |c: &SettingsChange| c.decided_by.as_deref() != Some(change_settings::PROGRAM);
            let refused =
                |c: &SettingsChange| c.settings == settings && c.state == SettingsState::Rejected && by_people(c);
            if settings_changes::of(batch.tx, &settings.key())?.iter().any(refused) {
                return Ok(in_effect);
            }
            let weaker = change_settings::weaker_than_now(batch, &settings)?;
            let waits = change_settings::request(batch, &caller, settings, weaker, (String::new(), None))?;
            Ok::<_, Fault>(Put::Waits(waits.into()))
        })
        .await?;
    Ok(put)
}

fn changed(set: &Criteria, text: &str) -> ChangedSettings {
    ChangedSettings::Criteria {
        name: set.name.clone(),
        version: set.version.clone(),
        sha256: hex(&sha256(text.as_bytes())),
        text: text.to_owned(),
    }
}

/// Records a set that is in force from here on. Returns the products that it judges.
pub(crate) fn keep_criteria(batch: &mut Batch<'_>, text: &str, by: &str) -> Result<Vec<String>, Fault> {
    let Criteria { name, version, .. } = Criteria::parse(text).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let digest = sha256(text.as_bytes());
    let document = json!({ "name": name, "version": version, "sha256": hex(&digest), "text": text });
    let log_index = batch.control("criteria", by, &[], &document)?;
    // Of a product whose record is damaged it cannot be told; it is judged again when that is mended.
    let mut products = Vec::new();
    for (product, known) in products::listed(batch.tx)? {
        if known.is_ok_and(|p| p.criteria == name) {
            batch.leave(&product, &Job::DueAgain)?;
            products.push(product);
        }
    }
    criteria::insert(batch.tx, &StoredCriteria { digest, name, version, text: text.to_owned(), log_index })?;
    Ok(products)
}
