//! The commit graph: what follows what, what reached which branch, where releases are cut.

use std::collections::BTreeSet;

use certrail_domain::{Audience, Extent};

use super::{reached, repository_of};
use crate::{Result, Tx};

/// How we know what a commit follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A push lists it behind another: an order, and a guess at ancestry where nothing better is known.
    Listed = 0,
    /// A checkout told its parents.
    Exact = 1,
    /// It is the head of a push: what the push lists, and the head before it, are its ancestors.
    Pushed = 2,
    /// Its own object says so, whose id it is.
    Proved = 3,
    /// A push to the branch a repository began with lists it behind another, and its forge had it on another branch before: a
    /// guess where there is no better.
    Landed = 4,
    /// The same of a push to any other branch: a guess where there is no other.
    ListedAgain = 5,
}

/// Remembers what a commit follows, for those whom its teller may tell; nothing that was told before is replaced.
/// `true` if it is new.
///
/// # Errors
/// When the database fails.
pub fn add_edge(tx: &Tx<'_>, child: &str, parents: &str, told: Told, to: Audience<'_>) -> Result<bool> {
    let mut touched = 0;
    for product in reached(to.reach) {
        touched += tx.exec(
            "INSERT INTO edge (child, parents, told, product, repository) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (child, parents, told, product, repository) DO NOTHING",
            &[child.into(), parents.into(), (told as i64).into(), product.into(), repository_of(to).into()],
        )?;
    }
    Ok(touched > 0)
}

/// What was told of a commit to a product, by how it was told.
fn edges(tx: &Tx<'_>, child: &str, product: &str) -> Result<Vec<(String, i64)>> {
    tx.query(
        "SELECT DISTINCT parents, told FROM edge WHERE child = ?1 AND product IN ('', ?2)
         AND (repository = '' OR EXISTS (SELECT 1 FROM product_repository r
              WHERE r.repository = edge.repository AND r.product = ?2))",
        &[child.into(), product.into()],
        |r| Ok((r.text(0)?, r.int(1)?)),
    )
}

fn flat(edges: &[(String, i64)], wanted: impl Fn(i64) -> bool) -> Vec<String> {
    let told = edges.iter().filter(|(_, told)| wanted(*told));
    let mut all: Vec<String> = told.flat_map(|(text, _)| text.split_whitespace()).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

/// Everything a commit follows, for finding what belongs to a release: what its own push brought, what a checkout told, and,
/// unless its object proves what it follows, the order of a push. `None` if nobody told. A root commit follows nothing.
/// Where `guesses` are given, an order leads to these commits alone.
///
/// # Errors
/// When the database fails.
pub fn parents(
    tx: &Tx<'_>,
    child: &str,
    product: &str,
    guesses: Option<&BTreeSet<String>>,
) -> Result<Option<Vec<String>>> {
    let edges = edges(tx, child, product)?;
    let proved = edges.iter().any(|(_, told)| *told == Told::Proved as i64);
    let exact = proved || edges.iter().any(|(_, told)| *told == Told::Exact as i64);
    let guess = [Told::Listed, Told::Landed, Told::ListedAgain].map(|told| told as i64);
    let mut all = flat(&edges, |told| !guess.contains(&told));
    if !exact {
        let guessed = guess.map(|kind| flat(&edges, |told| told == kind));
        let guessed = guessed.into_iter().find(|some| !some.is_empty()).unwrap_or_default();
        all.extend(guessed.into_iter().filter(|parent| guesses.is_none_or(|some| some.contains(parent))));
        all.sort();
        all.dedup();
    }
    Ok((!edges.is_empty()).then_some(all))
}

/// What a commit surely follows, for leaving out what a baseline contains: what its own push brought, and what its object
/// proves. An order in a list is no ground for leaving anything out, and neither is anybody's word.
///
/// # Errors
/// When the database fails.
pub fn sure_parents(tx: &Tx<'_>, child: &str, product: &str) -> Result<Vec<String>> {
    let edges = edges(tx, child, product)?;
    Ok(flat(&edges, |told| told == Told::Pushed as i64 || told == Told::Proved as i64))
}

/// Remembers that a commit reached a branch of a repository, for the products its teller reaches. `true` if that is new.
///
/// # Errors
/// When the database fails.
pub fn insert_pushed(tx: &Tx<'_>, commit: &str, repository: &str, branch: &str, reach: &Extent) -> Result<bool> {
    let mut touched = 0;
    for product in reached(reach) {
        touched += tx.exec(
            "INSERT INTO pushed (commit_id, repository, branch, product) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (commit_id, repository, branch, product) DO NOTHING",
            &[commit.into(), repository.into(), branch.into(), product.into()],
        )?;
    }
    Ok(touched > 0)
}

/// The repositories and branches a commit reached, as a product was told.
///
/// # Errors
/// When the database fails.
pub fn pushed_to(tx: &Tx<'_>, commit: &str, product: &str) -> Result<Vec<(String, String)>> {
    tx.query(
        "SELECT DISTINCT repository, branch FROM pushed WHERE commit_id = ?1 AND product IN ('', ?2)",
        &[commit.into(), product.into()],
        |r| Ok((r.text(0)?, r.text(1)?)),
    )
}

/// Remembers where a release is cut.
///
/// # Errors
/// When the database fails.
pub fn insert_cut(tx: &Tx<'_>, commit: &str, release: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO cut (commit_id, release) VALUES (?1, ?2) ON CONFLICT (commit_id, release) DO NOTHING",
        &[commit.into(), release.into()],
    )?;
    Ok(())
}

/// The releases cut at a commit.
///
/// # Errors
/// When the database fails.
pub fn cut_at(tx: &Tx<'_>, commit: &str) -> Result<Vec<i64>> {
    tx.query("SELECT release FROM cut WHERE commit_id = ?1", &[commit.into()], |r| r.int(0))
}

/// Replaces the commits at which the range of a release ends in the dark.
///
/// # Errors
/// When the database fails.
pub fn set_frontier(tx: &Tx<'_>, release: i64, commits: &[String]) -> Result<()> {
    tx.exec("DELETE FROM frontier WHERE release = ?1", &[release.into()])?;
    for commit in commits {
        tx.exec("INSERT INTO frontier (release, commit_id) VALUES (?1, ?2)", &[release.into(), commit.into()])?;
    }
    Ok(())
}

/// The releases of a product whose range ends in the dark at a commit.
///
/// # Errors
/// When the database fails.
pub fn waiting_for(tx: &Tx<'_>, commit: &str, product: &str) -> Result<Vec<i64>> {
    tx.query(
        "SELECT f.release FROM frontier f JOIN release r ON r.seq = f.release
         WHERE f.commit_id = ?1 AND r.product = ?2",
        &[commit.into(), product.into()],
        |r| r.int(0),
    )
}
