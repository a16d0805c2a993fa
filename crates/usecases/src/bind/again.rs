//! What a release owns, worked out again without changing anything: what a check of the whole store compares.

use std::collections::BTreeMap;

use certrail_domain::{Key, ReleaseState};
use certrail_store::{
    StoreError, Tx,
    tables::{bindings, releases::StoredRelease},
};

use super::{ownership, range};

/// What follows from the cut of a release, or from what an open one collected.
pub(crate) struct Owned {
    /// Each key with the rank of its rule.
    pub(crate) keys: BTreeMap<String, i64>,
    /// The artefacts among them; an open release has none of its own.
    pub(crate) digests: Option<Vec<String>>,
    /// Whether there may be commits that we do not know; nobody asks that of an open release.
    pub(crate) partial: Option<bool>,
}

/// What a release should own, and what is kept.
pub(crate) fn owned_again(tx: &Tx<'_>, stored: &StoredRelease) -> Result<(Owned, BTreeMap<String, i64>), StoreError> {
    let members = bindings::members(tx, stored.seq)?;
    let cut = range::follows_from_cut(tx, stored)?;
    let partial = cut.as_ref().map(|walked| walked.partial);
    // How tags are written is the product's word of its time; and what an open release collected has no other record.
    let kept_base = |key: &Key, base: bool| base && (cut.is_none() || key.parts().0 == "tag");
    let mut base: BTreeMap<Key, i64> =
        members.iter().filter(|(key, _, base)| kept_base(key, *base)).map(|(k, r, _)| (k.clone(), *r)).collect();
    base.extend(cut.into_iter().flat_map(|walked| walked.base));
    let reached = ownership::reach(tx, &base)?;
    let digests = (stored.release.state != ReleaseState::Open)
        .then(|| ownership::artefacts_among(reached.iter().map(|(key, rank)| (key, *rank))));
    let text = |(key, rank): (Key, i64)| (key.as_str().to_owned(), rank);
    let keys = reached.into_iter().map(text).collect();
    Ok((Owned { keys, digests, partial }, members.into_iter().map(|(key, rank, _)| text((key, rank))).collect()))
}
