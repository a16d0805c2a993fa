//! What a release owns: base keys, and what links reach from them.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::{BindRule, Key, Product, ReleaseState};
use certrail_store::{
    StoreError, Tx,
    tables::{bindings, releases, signals},
};

use super::sources::Sources;

/// What a change of ownership may move.
#[derive(Default)]
pub(crate) struct Touched {
    /// Signals whose bindings may have changed; with a release where all that changed is what that one owns.
    pub(crate) signals: BTreeMap<u64, Option<i64>>,
    /// Releases whose artefacts may have changed.
    pub(crate) artefacts: BTreeSet<i64>,
    /// Releases that own a head of a change which they did not before: what led to it may be theirs.
    pub(crate) heads: BTreeSet<i64>,
}

impl Touched {
    /// Signals that have to look for all their releases again.
    pub(crate) fn look_again(&mut self, signals: impl IntoIterator<Item = u64>) {
        self.signals.extend(signals.into_iter().map(|index| (index, None)));
    }

    /// More changed than what releases own: which of them a signal concerns, say.
    pub(crate) fn look_at_all(&mut self) {
        self.signals.values_mut().for_each(|only| *only = None);
    }

    /// Signals of whose keys a release owns others than before.
    fn owned_otherwise(&mut self, seq: i64, signals: Vec<u64>) {
        for index in signals {
            let only = self.signals.entry(index).or_insert(Some(seq));
            *only = only.filter(|known| *known == seq);
        }
    }
}

/// As many as there are.
const ALL: u64 = i64::MAX as u64;

/// Notes every signal about a key. Broad keys concern whole histories; what hangs on them is found by release.
fn touch(tx: &Tx<'_>, seq: i64, key: &Key, touched: &mut Touched) -> Result<(), StoreError> {
    if key.parts().0 == "digest" {
        touched.artefacts.insert(seq);
    }
    if !key.is_broad() {
        touched.owned_otherwise(seq, signals::about(tx, key, 0, ALL)?);
    }
    Ok(())
}

/// Makes a release own a base key, and everything that follows from it.
pub(super) fn add_base(
    tx: &Tx<'_>,
    seq: i64,
    key: &Key,
    rule: BindRule,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let known = bindings::member(tx, seq, key)?.map(|(rank, _)| rank);
    let rank = known.map_or(rule.rank(), |k| k.min(rule.rank()));
    bindings::set_member(tx, seq, key, rank, true)?;
    if known != Some(rank) {
        touch(tx, seq, key, touched)?;
        spread(tx, seq, key, rank, touched)?;
    }
    Ok(())
}

/// A key gained a link: whoever owns the key owns what it leads to.
pub(super) fn follow(tx: &Tx<'_>, from: &Key, touched: &mut Touched) -> Result<(), StoreError> {
    for (seq, rank) in bindings::owners(tx, from)? {
        spread(tx, seq, from, rank, touched)?;
    }
    Ok(())
}

/// Owns what links reach from `key`. A key reached in two ways is owned by the stronger rule.
fn spread(tx: &Tx<'_>, seq: i64, key: &Key, rank: i64, touched: &mut Touched) -> Result<(), StoreError> {
    let mut queue = vec![(key.clone(), rank)];
    while let Some((key, rank)) = queue.pop() {
        for (target, link_rank) in signals::links_from(tx, &key, seq)? {
            let reached = rank.max(link_rank);
            let known = bindings::member(tx, seq, &target)?;
            if known.is_some_and(|(rank, _)| rank <= reached) {
                continue;
            }
            let base = known.is_some_and(|(_, base)| base);
            bindings::set_member(tx, seq, &target, reached, base)?;
            touch(tx, seq, &target, touched)?;
            if is_head(&target, reached) {
                touched.heads.insert(seq);
            }
            queue.push((target, reached));
        }
    }
    Ok(())
}

/// The artefacts a release owns, sorted: digests reached by the digest rule or better.
pub(super) fn artefacts(tx: &Tx<'_>, seq: i64) -> Result<Vec<String>, StoreError> {
    Ok(artefacts_among(bindings::members(tx, seq)?.iter().map(|(key, rank, _)| (key, *rank))))
}

/// The artefacts among keys that are owned.
pub(super) fn artefacts_among<'a>(owned: impl Iterator<Item = (&'a Key, i64)>) -> Vec<String> {
    let mut digests: Vec<String> = owned
        .filter(|(key, rank)| key.parts().0 == "digest" && *rank <= BindRule::Digest.rank())
        .map(|(key, _)| key.parts().1.to_owned())
        .collect();
    digests.sort();
    digests
}

/// Whether a release owns a key.
pub(super) fn owns(tx: &Tx<'_>, seq: i64, key: &Key) -> Result<bool, StoreError> {
    Ok(bindings::member(tx, seq, key)?.is_some())
}

/// The releases of a product that own a commit as part of their range.
pub(super) fn cut_releases_with(tx: &Tx<'_>, product: &str, commit: &str) -> Result<Vec<i64>, StoreError> {
    let mut found = Vec::new();
    for (seq, rank) in bindings::owners(tx, &Key::commit(commit))? {
        if rank != BindRule::Commit.rank() {
            continue;
        }
        if releases::by_seq(tx, seq)?
            .is_some_and(|s| s.release.product == product && s.release.state != ReleaseState::Open)
        {
            found.push(seq);
        }
    }
    Ok(found)
}

/// Whether a commit is in the range of a release that is cut.
pub(super) fn in_a_cut_release(tx: &Tx<'_>, product: &str, commit: &str) -> Result<bool, StoreError> {
    Ok(!cut_releases_with(tx, product, commit)?.is_empty())
}

/// The commits a release owns as base keys.
pub(super) fn base_commits(tx: &Tx<'_>, seq: i64) -> Result<Vec<String>, StoreError> {
    let all = bindings::members(tx, seq)?;
    Ok(all
        .into_iter()
        .filter(|(k, _, b)| *b && k.parts().0 == "commit")
        .map(|(k, ..)| k.parts().1.to_owned())
        .collect())
}

/// The commits of the range of a release that is cut.
pub(super) fn range_commits(tx: &Tx<'_>, seq: i64) -> Result<BTreeSet<String>, StoreError> {
    let all = bindings::members(tx, seq)?;
    Ok(all
        .into_iter()
        .filter(|(key, rank, base)| *base && *rank == BindRule::Commit.rank() && key.parts().0 == "commit")
        .map(|(key, ..)| key.parts().1.to_owned())
        .collect())
}

/// Drops everything a release owns; what was bound to it will look for a release again.
pub(super) fn release_all(tx: &Tx<'_>, seq: i64, touched: &mut Touched) -> Result<(), StoreError> {
    touched.look_again(bindings::indexes_of_release(tx, seq)?);
    for (key, ..) in bindings::members(tx, seq)? {
        bindings::remove_member(tx, seq, &key)?;
    }
    Ok(())
}

/// Whether a key is a head of a change, and no commit of a range.
fn is_head(key: &Key, rank: i64) -> bool {
    rank == BindRule::Change.rank() && key.parts().0 == "commit"
}

/// [`reach`] for a release that is cut, with what led to the heads of its changes.
pub(super) fn reach_with_sources(
    tx: &Tx<'_>,
    seq: i64,
    base: &BTreeMap<Key, i64>,
    product: &Product,
) -> Result<(BTreeMap<Key, i64>, Sources), StoreError> {
    let mut wanted = reach(tx, seq, base)?;
    let mut sources = Sources::default();
    let mut followed: BTreeSet<Key> = BTreeSet::new();
    loop {
        let heads = wanted.iter().filter(|(key, rank)| is_head(key, **rank) && !base.contains_key(*key));
        let heads: Vec<Key> = heads.map(|(key, _)| key.clone()).filter(|key| followed.insert(key.clone())).collect();
        if heads.is_empty() {
            break;
        }
        for head in heads {
            sources.follow(tx, product, seq, head.parts().1)?;
        }
        let change = BindRule::Change.rank();
        let new = sources.tips.iter().map(|tip| Key::commit(tip)).filter(|key| !wanted.contains_key(key));
        let new: BTreeMap<Key, i64> = new.map(|key| (key, change)).collect();
        for (key, rank) in reach(tx, seq, &new)? {
            let known = wanted.entry(key).or_insert(rank);
            *known = rank.min(*known);
        }
    }
    Ok((wanted, sources))
}

/// What owning `base` leads to for a release, each key by the strongest rule that reaches it.
pub(super) fn reach(tx: &Tx<'_>, seq: i64, base: &BTreeMap<Key, i64>) -> Result<BTreeMap<Key, i64>, StoreError> {
    let mut wanted = base.clone();
    let mut queue: Vec<(Key, i64)> = base.iter().map(|(k, r)| (k.clone(), *r)).collect();
    while let Some((key, rank)) = queue.pop() {
        if wanted.get(&key).is_some_and(|best| *best < rank) {
            continue;
        }
        for (target, link_rank) in signals::links_from(tx, &key, seq)? {
            let reached = rank.max(link_rank);
            if wanted.get(&target).is_none_or(|known| reached < *known) {
                wanted.insert(target.clone(), reached);
                queue.push((target, reached));
            }
        }
    }
    Ok(wanted)
}

/// Makes a release own exactly `base` and what follows from it, and notes every signal this may move.
pub(super) fn replace(
    tx: &Tx<'_>,
    seq: i64,
    base: &BTreeMap<Key, i64>,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let wanted = reach(tx, seq, base)?;
    own(tx, seq, base, &wanted, touched)
}

/// Makes a release own exactly what is wanted, and notes every signal this may move.
pub(super) fn own(
    tx: &Tx<'_>,
    seq: i64,
    base: &BTreeMap<Key, i64>,
    wanted: &BTreeMap<Key, i64>,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let known: BTreeMap<Key, i64> = bindings::members(tx, seq)?.into_iter().map(|(k, r, _)| (k, r)).collect();
    for key in known.keys().filter(|k| !wanted.contains_key(*k)) {
        bindings::remove_member(tx, seq, key)?;
        touch(tx, seq, key, touched)?;
    }
    for (key, rank) in wanted {
        bindings::set_member(tx, seq, key, *rank, base.contains_key(key))?;
        if known.get(key) != Some(rank) {
            touch(tx, seq, key, touched)?;
        }
    }
    Ok(())
}

/// Takes a base key away from a release, with all that followed from it alone.
pub(super) fn remove_bases(
    tx: &Tx<'_>,
    seq: i64,
    gone: &BTreeSet<Key>,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let base: BTreeMap<Key, i64> = bindings::members(tx, seq)?
        .into_iter()
        .filter(|(k, _, b)| *b && !gone.contains(k))
        .map(|(k, r, _)| (k, r))
        .collect();
    replace(tx, seq, &base, touched)
}
