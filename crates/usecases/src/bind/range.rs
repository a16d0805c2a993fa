//! The commits of a release: reachable from its cut, not from the previous release of the line.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::{BindRule, Key};
use certrail_store::{
    StoreError, Tx,
    tables::{bindings, graph, products, releases},
};

use super::{Effects, open_release, ownership};
use crate::engine::{Batch, Fault};

/// A range larger than this is a mistake; it is cut off and marked partial.
const MAX_COMMITS: usize = 100_000;

/// A key that only this release owns, standing for "the sender told the exact range".
fn exact_key(seq: i64) -> Key {
    Key::from_stored(format!("range:{seq}"))
}

/// Remembers the exact range that a checkout told.
pub(super) fn set_exact(tx: &Tx<'_>, seq: i64, range: Option<&[String]>) -> Result<(), StoreError> {
    let Some(range) = range else { return Ok(()) };
    for commit in range {
        let link = certrail_domain::Link::new(exact_key(seq), Key::commit(commit), BindRule::Commit);
        certrail_store::tables::signals::insert_link(tx, &link)?;
    }
    Ok(())
}

/// Works out anew what a cut release contains, and moves what has to move.
pub(super) fn recompute(batch: &mut Batch<'_>, seq: i64, effects: &mut Effects) -> Result<(), Fault> {
    let Some(mut stored) = releases::by_seq(batch.tx, seq)? else { return Ok(()) };
    let Some(commit) = stored.release.commit.clone() else { return Ok(()) };
    let Some(product) = products::get(batch.tx, &stored.release.product)? else { return Ok(()) };
    let exact: Vec<String> = certrail_store::tables::signals::links_from(batch.tx, &exact_key(seq))?
        .into_iter()
        .map(|(key, _)| key.parts().1.to_owned())
        .collect();
    let (commits, ends) = if exact.is_empty() { walk(batch.tx, seq, &product.name, &commit)? } else { (exact, vec![]) };
    let version = stored.release.version.clone();
    let mut base: BTreeMap<Key, i64> = BTreeMap::new();
    let explicit = BindRule::Explicit.rank();
    base.insert(Key::release(&product.name, &version), explicit);
    base.insert(Key::cut(&commit), explicit);
    for repository in &product.repositories {
        base.insert(Key::tag(repository, &product.tag_pattern.replace("{version}", &version)), explicit);
    }
    base.extend(commits.iter().map(|c| (Key::commit(c), BindRule::Commit.rank())));
    let before: BTreeSet<String> = bindings::members(batch.tx, seq)?
        .into_iter()
        .filter(|(key, rank, base)| *base && *rank == BindRule::Commit.rank() && key.parts().0 == "commit")
        .map(|(key, ..)| key.parts().1.to_owned())
        .collect();
    ownership::replace(batch.tx, seq, &base, &mut effects.touched)?;
    graph::set_frontier(batch.tx, seq, &ends, &[])?;
    stored.release.range_partial = !ends.is_empty();
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    move_commits(batch, &product, &commits, &before, effects)
}

/// Commits now in a cut release leave the open one; commits no longer in any go back to it.
fn move_commits(
    batch: &mut Batch<'_>,
    product: &certrail_domain::Product,
    now: &[String],
    before: &BTreeSet<String>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let open = open_release(batch, product)?;
    let mut gone = BTreeSet::new();
    for commit in now {
        let key = Key::commit(commit);
        if ownership::owns(batch.tx, open.seq, &key)? {
            gone.insert(key);
        }
    }
    if !gone.is_empty() {
        ownership::remove_bases(batch.tx, open.seq, &gone, &mut effects.touched)?;
    }
    let kept: BTreeSet<&String> = now.iter().collect();
    for commit in before.iter().filter(|c| !kept.contains(c)) {
        give_back(batch, product, open.seq, commit, effects)?;
    }
    Ok(())
}

fn give_back(
    batch: &Batch<'_>,
    product: &certrail_domain::Product,
    open: i64,
    commit: &str,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let pushed = graph::pushed_to(batch.tx, commit)?;
    let ours = pushed.iter().any(|(r, b)| product.repositories.contains(r) && *b == product.branch);
    if ours && !ownership::in_a_cut_release(batch.tx, &product.name, commit)? {
        ownership::add_base(batch.tx, open, &Key::commit(commit), BindRule::OpenRelease, &mut effects.touched)?;
    }
    Ok(())
}

/// After a conversion: commits of the branch that the new release does not contain belong to the next one.
pub(super) fn leftovers(
    batch: &mut Batch<'_>,
    product: &certrail_domain::Product,
    commits: &[String],
    effects: &mut Effects,
) -> Result<(), Fault> {
    let open = open_release(batch, product)?;
    for commit in commits {
        give_back(batch, product, open.seq, commit, effects)?;
    }
    Ok(())
}

/// Walks back from the cut to the cuts of other releases. Returns the commits and where the way was lost.
fn walk(tx: &Tx<'_>, seq: i64, product: &str, cut: &str) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut ends = Vec::new();
    let mut queue = vec![cut.to_owned()];
    let mut out = Vec::new();
    while let Some(commit) = queue.pop() {
        if !seen.insert(commit.clone()) {
            continue;
        }
        if commit != cut && is_cut_of_another(tx, seq, product, &commit)? {
            continue;
        }
        if out.len() >= MAX_COMMITS {
            ends.push(commit);
            break;
        }
        match graph::parents(tx, &commit)? {
            Some(parents) => queue.extend(parents),
            None => ends.push(commit.clone()),
        }
        out.push(commit);
    }
    Ok((out, ends))
}

fn is_cut_of_another(tx: &Tx<'_>, seq: i64, product: &str, commit: &str) -> Result<bool, StoreError> {
    for other in graph::cut_at(tx, commit)? {
        if other != seq && releases::by_seq(tx, other)?.is_some_and(|s| s.release.product == product) {
            return Ok(true);
        }
    }
    Ok(false)
}
