//! The baseline of a product: from which commit on its history is judged (ADR 23). What it contains shipped before anybody
//! judged, and is asked about no more; so it is stated by a person, on record, and printed wherever a range ends there.
//!
//! As long as no release of the product was judged, whoever administers it states it alone. After that one is a way around
//! judgement, and somebody else has to approve it.

use std::{collections::BTreeSet, sync::Arc};

use certrail_domain::{Action, Baseline, Problem, ProblemKind, Product, Time, is_version, normal_version};
use certrail_store::{
    StoreError, Tx,
    tables::{graph, products, range_bases, releases},
};
use serde::Deserialize;

use crate::{
    Caller,
    access::{On, allow, decides},
    engine::{Batch, Engine, Fault, Job},
    held::is_no_newcomer,
    inputs, jobs,
};

/// What is stated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBaseline {
    /// The commit, its whole name.
    pub commit: String,
    /// What the tags of the repository call it, where the range of the first release is told from there.
    pub version: Option<String>,
    /// Why there, at least twenty characters.
    pub reason: String,
}

/// Baselines of one product, ended ones too.
const MOST: usize = 100;
/// So many commits behind one are looked up; what it contains beyond them is met only by a way that goes past it.
const MOST_COMMITS: usize = 100_000;

fn refuse(kind: ProblemKind, code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(kind, code, "Nothing was changed of the baselines.", why, fix)
}

/// States a baseline. Where a release was judged already, it waits for somebody else's approval.
///
/// # Errors
/// A role that may not, no commit, too short a reason, one that is stated already, a failed commit.
pub async fn state_baseline(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    new: NewBaseline,
) -> Result<Product, Problem> {
    allow(caller, Action::Administer, On::Product(product))?;
    if caller.person.is_none() && caller.how != "internal" {
        let why = "A person states from where on a history is judged, and this token belongs to nobody.";
        return Err(refuse(ProblemKind::Refused, "not-a-person", why, "Sign in, or use a token of your own."));
    }
    inputs::commit(&new.commit)?;
    let reason = inputs::words("reason", &new.reason, 20)?;
    if let Some(version) = &new.version {
        inputs::required(version, "version")?;
        if !is_version(normal_version(version.trim())) {
            let why = format!("`{}` is no version.", inputs::clip(version));
            let fix = "Name it as its tag does: 2.4.0.";
            return Err(refuse(ProblemKind::BadInput, "bad-version", why, fix));
        }
    }
    inputs::product(engine, product)?;
    let (name, account) = (product.to_owned(), caller.account());
    let (stated, _) = engine
        .write(move |batch| {
            let mut product = known(batch.tx, &name)?;
            let commit = new.commit.to_ascii_lowercase();
            let version = new.version.as_deref().map(|v| normal_version(v.trim()).to_owned());
            let same =
                |b: &Baseline| (&b.commit, &b.version, &b.reason) == (&commit, &version, &reason) && b.until.is_none();
            if product.baselines.iter().any(same) {
                return Ok(product);
            }
            if product.baselines.iter().any(|b| b.commit == commit && b.until.is_none()) {
                let why = "That commit is a baseline here already, or waits to be approved.";
                return Err(refuse(ProblemKind::Conflict, "stated", why, "Look at the page of the product.").into());
            }
            if product.baselines.len() >= MOST {
                let why = format!("The product has {MOST} baselines, ended ones too.");
                return Err(refuse(ProblemKind::Refused, "too-many", why, "Certify a release instead.").into());
            }
            let judged = releases::was_any_judged(batch.tx, &name)?;
            let counts = !judged || product.sole_decider;
            product.baselines.push(Baseline {
                commit,
                version,
                reason: reason.clone(),
                requester: account.clone(),
                requested_at: batch.now,
                approver: None,
                alone: judged && counts,
                since: counts.then(|| batch.next_index()),
                until: None,
            });
            keep(batch, &account, &product)?;
            Ok(product)
        })
        .await?;
    jobs::follow(engine, vec![product.to_owned()]).await?;
    Ok(stated)
}

/// Approves a baseline that waits, rejects it, or ends one that counts. `seen` is when that was stated which somebody looked
/// at.
///
/// # Errors
/// A role that may not, whoever stated it, no such baseline, a failed commit.
pub async fn decide_baseline(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    commit: &str,
    approve: bool,
    seen: Option<Time>,
) -> Result<Product, Problem> {
    // More is judged by whoever administers it, too; less by whoever grants exceptions alone.
    let action = if approve || !caller.may(Action::Administer) { Action::GrantException } else { Action::Administer };
    allow(caller, action, On::Product(product))?;
    if approve {
        decides(caller, None)?;
    }
    inputs::product(engine, product)?;
    let (name, commit, account) = (product.to_owned(), commit.to_ascii_lowercase(), caller.account());
    let caller = caller.clone();
    let (decided, _) = engine
        .write(move |batch| {
            let mut product = known(batch.tx, &name)?;
            let index = batch.next_index();
            let place = product.baselines.iter().position(|b| b.commit == commit && b.until.is_none());
            let Some(place) = place else {
                let why = format!("No baseline at {} counts here or waits.", inputs::clip(&commit));
                return Err(
                    refuse(ProblemKind::NotFound, "no-such-baseline", why, "Look at the page of the product.").into()
                );
            };
            let baseline = &mut product.baselines[place];
            match (approve, baseline.since) {
                (true, Some(_)) => {
                    return Err(refuse(
                        ProblemKind::Conflict,
                        "stated",
                        "It counts already.",
                        "There is nothing to do.",
                    )
                    .into());
                }
                (true, None) if baseline.requester == account => {
                    let why = "Whoever states a baseline does not approve it.";
                    return Err(refuse(ProblemKind::Refused, "own-request", why, "Ask another approver.").into());
                }
                (true, None) if seen.is_some_and(|seen| seen != baseline.requested_at) => {
                    let why = "It was stated again since you looked, with another reason perhaps.";
                    return Err(refuse(ProblemKind::Conflict, "asked-again", why, "Read it again.").into());
                }
                (true, None) => {
                    is_no_newcomer(batch.tx, &caller, (&name, "Nothing was changed."), baseline.requested_at)?;
                    (baseline.approver, baseline.since) = (Some(account.clone()), Some(index));
                }
                (false, Some(_)) => baseline.until = Some(index),
                (false, None) => drop(product.baselines.remove(place)),
            }
            keep(batch, &account, &product)?;
            Ok(product)
        })
        .await?;
    jobs::follow(engine, vec![product.to_owned()]).await?;
    Ok(decided)
}

fn known(tx: &Tx<'_>, name: &str) -> Result<Product, StoreError> {
    products::get(tx, name)?.ok_or_else(|| StoreError::Damaged(format!("product {name} is not there")))
}

/// Records the product; where a baseline counts from this entry on, what it contains is looked up, and releases follow.
fn keep(batch: &mut Batch<'_>, account: &str, product: &Product) -> Result<(), Fault> {
    let index = batch.control("product", account, &[], product)?;
    products::put(batch.tx, product, index)?;
    let begins: Vec<&Baseline> = product.baselines.iter().filter(|b| b.since == Some(index)).collect();
    for baseline in &begins {
        let contains = contains(batch.tx, &product.name, &baseline.commit, MOST_COMMITS)?;
        range_bases::insert_baseline(batch.tx, &product.name, &contains, index)?;
    }
    if !begins.is_empty() || product.baselines.iter().any(|b| b.until == Some(index)) {
        batch.leave(&product.name, &Job::FollowProduct(Vec::new()))?;
    }
    Ok(())
}

/// What a commit surely follows, with itself: neither an order in a list nor anybody's word is ground for leaving anything out.
/// At most so many.
pub(crate) fn contains(tx: &Tx<'_>, product: &str, commit: &str, most: usize) -> Result<BTreeSet<String>, StoreError> {
    let mut seen = BTreeSet::new();
    let mut queue = vec![commit.to_owned()];
    while let Some(commit) = queue.pop() {
        if seen.len() < most && seen.insert(commit.clone()) {
            queue.extend(graph::sure_parents(tx, &commit, product)?);
        }
    }
    Ok(seen)
}
