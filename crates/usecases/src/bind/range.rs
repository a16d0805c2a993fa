//! The commits of a release: reachable from its cut, not from the previous release of the line.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::{Audience, BindRule, Key, Release, is_prerelease, normal_version};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, graph, products,
        releases::{self, StoredRelease},
    },
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
        certrail_store::tables::signals::insert_link(tx, &link, Audience::EVERYONE)?;
    }
    Ok(())
}

/// Works out anew what a cut release contains, and moves what has to move.
pub(super) fn recompute(batch: &mut Batch<'_>, seq: i64, effects: &mut Effects) -> Result<(), Fault> {
    let Some(mut stored) = releases::by_seq(batch.tx, seq)? else { return Ok(()) };
    let Some(product) = products::get(batch.tx, &stored.release.product)? else { return Ok(()) };
    let Some(Walked { mut base, commits, dark, partial }) = follows_from_cut(batch.tx, &stored)? else {
        return Ok(());
    };
    let version = stored.release.version.clone();
    for repository in &product.repositories {
        let tag = Key::tag(repository, &product.tag_pattern.replace("{version}", &version));
        base.insert(tag, BindRule::Explicit.rank());
    }
    let before: BTreeSet<String> = bindings::members(batch.tx, seq)?
        .into_iter()
        .filter(|(key, rank, base)| *base && *rank == BindRule::Commit.rank() && key.parts().0 == "commit")
        .map(|(key, ..)| key.parts().1.to_owned())
        .collect();
    ownership::replace(batch.tx, seq, &base, &mut effects.touched)?;
    graph::set_frontier(batch.tx, seq, &dark)?;
    if stored.release.range_partial != partial {
        stored.release.range_partial = partial;
        releases::update(batch.tx, &stored, &version, batch.work_first)?;
    }
    move_commits(batch, &product, &commits, &before, effects)
}

/// What a release owns because of where it is cut: its name, its cut and the commits that lead there.
pub(super) fn follows_from_cut(tx: &Tx<'_>, stored: &StoredRelease) -> Result<Option<Walked>, StoreError> {
    let Release { product, version, commit, repository, .. } = &stored.release;
    let Some(commit) = commit else { return Ok(None) };
    let told: BTreeSet<String> = certrail_store::tables::signals::links_from(tx, &exact_key(stored.seq), stored.seq)?
        .into_iter()
        .map(|(key, _)| key.parts().1.to_owned())
        .collect();
    let previous = previous_of(tx, &stored.release)?;
    let mut walked = Walk { tx, seq: stored.seq, product, version, told: &told, previous: &previous }.from(commit)?;
    let explicit = BindRule::Explicit.rank();
    for own in [Key::release(product, version), Key::cut(commit)] {
        walked.base.extend(repository.iter().map(|name| (Key::within(name, &own), explicit)));
        walked.base.insert(own, explicit);
    }
    walked.base.extend(walked.commits.iter().map(|c| (Key::commit(c), BindRule::Commit.rank())));
    Ok(Some(walked))
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

/// Whether a commit reached the branch of a product, in one of its repositories.
pub(super) fn reached_branch(
    tx: &Tx<'_>,
    product: &certrail_domain::Product,
    commit: &str,
) -> Result<bool, StoreError> {
    let pushed = graph::pushed_to(tx, commit, &product.name)?;
    Ok(pushed.iter().any(|(r, b)| product.repositories.contains(r) && *b == product.branch))
}

fn give_back(
    batch: &Batch<'_>,
    product: &certrail_domain::Product,
    open: i64,
    commit: &str,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    if reached_branch(batch.tx, product, commit)? && !ownership::in_a_cut_release(batch.tx, &product.name, commit)? {
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

/// A key of the frontier: whoever waits there wants to know where a version is cut.
pub(super) fn place_of(product: &str, version: &str) -> String {
    format!("version:{product}/{}", normal_version(version))
}

/// Where a sender says that the range ends.
#[derive(Default)]
struct Previous {
    /// They said something.
    named: bool,
    /// Where that release is cut, if we know it.
    cut: Option<String>,
    /// The places in the frontier where more is heard of it.
    places: Vec<String>,
}

/// The release before, as it was told. Behind a candidate stands what the candidate itself follows, unless this is
/// one too; and no release comes before itself.
fn previous_of(tx: &Tx<'_>, release: &Release) -> Result<Previous, StoreError> {
    let mut previous = Previous::default();
    let mut next = release.previous.clone();
    while let Some(version) = next.take() {
        let place = place_of(&release.product, &version);
        if version == release.version || previous.places.contains(&place) {
            return Ok(Previous { named: false, cut: None, places: previous.places });
        }
        previous.places.push(place);
        let before = releases::by_version(tx, &release.product, &version)?.map(|s| s.release);
        if is_prerelease(&version) && !is_prerelease(&release.version) {
            next = before.and_then(|r| r.previous);
            continue;
        }
        previous.named = true;
        previous.cut = before.and_then(|r| r.commit);
    }
    Ok(previous)
}

/// The way back from a cut.
struct Walk<'a> {
    tx: &'a Tx<'a>,
    seq: i64,
    product: &'a str,
    version: &'a str,
    /// The range as a checkout told it; empty where nobody did.
    told: &'a BTreeSet<String>,
    previous: &'a Previous,
}

/// What the way back met.
#[derive(Default)]
pub(super) struct Walked {
    /// The commits of the release.
    commits: Vec<String>,
    /// Where the way ended for want of knowledge: whatever tells of one of these is reason to walk again.
    pub(super) dark: Vec<String>,
    /// There may be commits that we do not know.
    pub(super) partial: bool,
    /// The keys that the release owns because of all that.
    pub(super) base: BTreeMap<Key, i64>,
}

impl Walk<'_> {
    /// Walks back from the cut to the cuts of other releases. What a checkout told is part of the release, whatever
    /// else is known; and where it leaves out what pushes told, and no release before contains, that is part of it
    /// all the same: leaving a commit out does not hide it.
    fn from(&self, cut: &str) -> Result<Walked, StoreError> {
        let mut walked = Walked { dark: self.previous.places.clone(), ..Walked::default() };
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut before: Option<BTreeSet<String>> = None;
        let mut queue: Vec<String> = self.told.iter().cloned().chain([cut.to_owned()]).collect();
        while let Some(commit) = queue.pop() {
            let own = commit == cut || self.told.contains(&commit);
            if !seen.insert(commit.clone()) || !own && self.ends_at(&commit)? {
                continue;
            }
            let parents = graph::parents(self.tx, &commit, self.product)?;
            if !own && !self.told.is_empty() {
                if parents.is_none() {
                    walked.partial |= !self.previous.named;
                    walked.dark.push(commit);
                    continue;
                }
                if before.is_none() {
                    before = Some(self.history_of_previous(cut, &mut walked.dark)?);
                }
                if before.as_ref().is_some_and(|known| known.contains(&commit)) {
                    continue;
                }
            }
            if walked.commits.len() >= MAX_COMMITS {
                walked.partial = true;
                break;
            }
            match parents {
                Some(parents) => queue.extend(parents),
                None => {
                    walked.partial = true;
                    walked.dark.push(commit.clone());
                }
            }
            walked.commits.push(commit);
        }
        walked.commits.sort();
        walked.dark.sort();
        walked.dark.dedup();
        Ok(walked)
    }

    /// Every commit the release before surely contains or follows. One that comes after this cut is not before it.
    fn history_of_previous(&self, own: &str, dark: &mut Vec<String>) -> Result<BTreeSet<String>, StoreError> {
        let mut seen = BTreeSet::new();
        let mut queue: Vec<String> = self.previous.cut.iter().cloned().collect();
        while let Some(commit) = queue.pop() {
            if seen.len() >= MAX_COMMITS || !seen.insert(commit.clone()) {
                continue;
            }
            match graph::sure_parents(self.tx, &commit, self.product)? {
                Some(parents) => queue.extend(parents),
                None => dark.push(commit),
            }
        }
        if seen.contains(own) {
            seen.clear();
        }
        Ok(seen)
    }

    /// Whether another release is cut there. A candidate (`2.5.0-rc.1`) ends no way but that of a candidate: what
    /// it brought belongs to the release it was a candidate for, which is the one that is decided on.
    fn ends_at(&self, commit: &str) -> Result<bool, StoreError> {
        for other in graph::cut_at(self.tx, commit)? {
            if other == self.seq {
                continue;
            }
            let ends = releases::by_seq(self.tx, other)?.is_some_and(|s| {
                let candidate = is_prerelease(&s.release.version) && !is_prerelease(self.version);
                s.release.product == self.product && !candidate
            });
            if ends {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
