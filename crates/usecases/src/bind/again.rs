//! What a release owns, worked out again without changing anything: what a check of the whole store compares.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::{BindRule, Key, RangeBase, ReleaseState};
use certrail_store::{
    StoreError, Tx,
    tables::{bindings, products, releases::StoredRelease},
};

use super::{ownership, range, sources::Sources};

/// What follows from the cut of a release, or from what an open one collected.
pub(crate) struct Owned {
    /// Each key with the rank of its rule.
    pub(crate) keys: BTreeMap<String, i64>,
    /// The artefacts among them; an open release has none of its own.
    pub(crate) digests: Option<Vec<String>>,
    /// Whether there may be commits that we do not know; nobody asks that of an open release.
    pub(crate) partial: Option<bool>,
    /// Where its range ends for want of knowledge, or at what was judged.
    pub(crate) dark: Vec<String>,
    /// What was judged that it ends at, and the versions that it includes; nobody asks that of an open release.
    pub(crate) bases: Option<(Vec<RangeBase>, Vec<String>)>,
    /// The commits of its range to which a way from its cut leads.
    pub(crate) reached: BTreeSet<String>,
}

/// What a release should own, and what is kept.
pub(crate) fn owned_again(tx: &Tx<'_>, stored: &StoredRelease) -> Result<(Owned, BTreeMap<String, i64>), StoreError> {
    let members = bindings::members(tx, stored.seq)?;
    let cut = range::follows_from_cut(tx, stored)?;
    let (partial, dark, bases, way) = match &cut {
        Some(walked) => (
            Some(walked.partial),
            walked.dark.clone(),
            Some((walked.bases.clone(), walked.includes.clone())),
            walked.reached.clone(),
        ),
        None => (None, Vec::new(), None, BTreeSet::new()),
    };
    let base = match cut {
        Some(walked) => {
            // How a tag is written was the product's word of its time.
            let mut base = walked.base;
            let (product, version) = (&stored.release.product, &stored.release.version);
            for then in products::versions(tx, product, i64::MAX as u64)? {
                for repository in &then.repositories {
                    let tag = Key::tag(repository, &then.tag_pattern.replace("{version}", version));
                    if bindings::member(tx, stored.seq, &tag)?.is_some() {
                        base.insert(tag, BindRule::Explicit.rank());
                    }
                }
            }
            base
        }
        None => open_base_again(tx, stored, &members)?,
    };
    let product = products::get(tx, &stored.release.product)?.filter(|_| stored.release.commit.is_some());
    let (reached, sources) = match &product {
        Some(product) => ownership::reach_with_sources(tx, stored.seq, &base, product)?,
        None => (ownership::reach(tx, stored.seq, &base)?, Sources::default()),
    };
    let dark = range::waits(dark, sources);
    let digests = (stored.release.state != ReleaseState::Open)
        .then(|| ownership::artefacts_among(reached.iter().map(|(key, rank)| (key, *rank))));
    let text = |(key, rank): (Key, i64)| (key.as_str().to_owned(), rank);
    let keys = reached.into_iter().map(text).collect();
    Ok((
        Owned { keys, digests, partial, dark, bases, reached: way },
        members.into_iter().map(|(key, rank, _)| text((key, rank))).collect(),
    ))
}

/// What an open release owns from the beginning, and those of its commits that did reach the branch: which it collected
/// has no other record.
fn open_base_again(
    tx: &Tx<'_>,
    stored: &StoredRelease,
    members: &[(Key, i64, bool)],
) -> Result<BTreeMap<Key, i64>, StoreError> {
    let rank = BindRule::OpenRelease.rank();
    let Some(product) = products::get(tx, &stored.release.product)? else { return Ok(BTreeMap::new()) };
    let mut base: BTreeMap<Key, i64> = super::open_base(&product).into_iter().map(|key| (key, rank)).collect();
    for (key, _, _) in members.iter().filter(|(key, _, base)| *base && key.parts().0 == "commit") {
        if range::reached_branch(tx, &product, key.parts().1)? {
            base.insert(key.clone(), rank);
        }
    }
    Ok(base)
}
