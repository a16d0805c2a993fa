//! Releases at which the range of others ends: those that somebody certified, and those that were seen in production with an
//! evaluation on record. What was cut and never judged ends no range: whatever it brought belongs to the next one too.
//!
//! A release counts so from an entry of the log on, and ends the range of those alone that do not count yet, or do from a
//! later entry on. So what somebody decided on keeps what it had when they looked, whatever is certified after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use certrail_domain::{BaseKind, Facts, HowKnown, RangeBase, Release, facts::DeploymentState, is_prerelease};
use certrail_ledger::{hex, leaf::label, sha256};
use certrail_store::{
    StoreError, Tx,
    tables::{
        audit, bindings, decisions, graph, products,
        range_bases::{self, StoredBase},
        releases::{self, StoredRelease},
    },
};
use serde::{Deserialize, Serialize};

use super::{ownership, range};
use crate::engine::{Batch, Fault, Job};

/// What an entry tells of a release that ends the range of others from that entry on; no kind where it does no longer.
#[derive(Serialize)]
struct Judged<'a> {
    release: &'a str,
    kind: Option<BaseKind>,
    commits: Contained,
}

/// The commits that a release takes out of others: how many, and the SHA-256 of their ids in order, each in a line of its own.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contained {
    number: u64,
    sha256: String,
}

impl Contained {
    pub(crate) fn of(commits: &BTreeSet<String>) -> Self {
        let lines: String = commits.iter().flat_map(|commit| [commit.as_str(), "\n"]).collect();
        Self { number: commits.len() as u64, sha256: hex(&sha256(lines.as_bytes())) }
    }
}

/// Whether a release ends the range of others, worked out from decisions, deployments and questions to gates.
pub(crate) fn worked_out(tx: &Tx<'_>, stored: &StoredRelease) -> Result<Option<BaseKind>, StoreError> {
    let id = stored.release.id.as_str();
    match decisions::newest(tx, id)? {
        Some(yes) if yes.is_yes() => return Ok(Some(BaseKind::Certified)),
        // What somebody decided against is judged with whatever comes next.
        Some(_) => return Ok(None),
        None => {}
    }
    let seen = seen_in_production(tx, stored)? && decisions::first_evaluated(tx, id)?.is_some();
    Ok(seen.then_some(BaseKind::InProduction))
}

/// Whether a deployment system saw it in production. That somebody told of a deployment is not enough.
fn seen_in_production(tx: &Tx<'_>, stored: &StoredRelease) -> Result<bool, StoreError> {
    let Some(product) = products::get(tx, &stored.release.product)? else { return Ok(false) };
    let deployments = bindings::deployments(tx, stored.seq)?;
    Ok(deployments.iter().any(|(signal, rule)| match &signal.signal.facts {
        Facts::Deployment(d) => {
            signal.signal.known == HowKnown::Observed
                && product.is_production(d, signal.log_index)
                && d.state == DeploymentState::Succeeded
                && stored.release.is_deployed_by(d, *rule)
        }
        _ => false,
    }))
}

/// Whether a release ends the range of others may have changed: an entry says so, from which on it holds, and releases behind it
/// follow, each as a job of its own.
pub(crate) fn refresh(batch: &mut Batch<'_>, seq: i64) -> Result<(), Fault> {
    let Some(stored) = releases::by_seq(batch.tx, seq)? else { return Ok(()) };
    let known = range_bases::get(batch.tx, seq)?;
    let now = worked_out(batch.tx, &stored)?;
    if known.as_ref().map(|base| base.kind) == now {
        return Ok(());
    }
    // The entry that tells of it comes when it is known what it contains.
    let at = batch.next_index();
    let from_index = known.as_ref().map_or(at, |base| base.from_index);
    range_bases::set(batch.tx, seq, now.map(|kind| StoredBase { from_index, kind }).as_ref())?;
    let had = range_bases::commits(batch.tx, seq)?;
    // Where it is judged no longer, it follows again what was judged since.
    let mut moves = now.is_none();
    let has: BTreeSet<String> = match (&known, now) {
        (_, None) => BTreeSet::new(),
        // What it took out of others stands from when it began to.
        (Some(_), Some(_)) => had.clone(),
        (None, Some(_)) => match range::follows_from_cut(batch.tx, &stored)? {
            Some(walked) => {
                // Its own range ends where it did, unless part of the way back was a guess.
                moves = !is_kept(batch.tx, &stored, &walked)?;
                walked.reached
            }
            None => BTreeSet::new(),
        },
    };
    contains(batch, seq, &had, &has)?;
    tell(batch, &stored, now, &has)?;
    let Release { product, version, commit, .. } = &stored.release;
    let waiting = graph::waiting_for(batch.tx, &range::place_of(product, version), product)?;
    let mut behind: BTreeSet<i64> = waiting.into_iter().collect();
    let ended: Vec<&String> = if now.is_some() { commit.iter().collect() } else { had.iter().collect() };
    for commit in ended {
        behind.extend(concerned(batch.tx, product, commit)?);
    }
    if moves {
        behind.insert(seq);
    } else {
        behind.remove(&seq);
    }
    follow(batch, product, behind)
}

/// The range of a release that ends those of others changed. What it takes out of them never grows: somebody decided on what
/// was known of it then, and what is learned later is judged with whatever comes next, too.
pub(super) fn refresh_commits(
    batch: &mut Batch<'_>,
    stored: &StoredRelease,
    reached: &BTreeSet<String>,
) -> Result<(), Fault> {
    let Some(base) = range_bases::get(batch.tx, stored.seq)? else { return Ok(()) };
    let had = range_bases::commits(batch.tx, stored.seq)?;
    let has: BTreeSet<String> = had.intersection(reached).cloned().collect();
    if had == has {
        return Ok(());
    }
    contains(batch, stored.seq, &had, &has)?;
    tell(batch, stored, Some(base.kind), &has)?;
    let mut behind = BTreeSet::new();
    for commit in had.difference(&has) {
        behind.extend(concerned(batch.tx, &stored.release.product, commit)?);
    }
    behind.remove(&stored.seq);
    follow(batch, &stored.release.product, behind)
}

/// Whether the range that is kept of a release is the one that a walk came to.
fn is_kept(tx: &Tx<'_>, stored: &StoredRelease, walked: &range::Walked) -> Result<bool, StoreError> {
    let Release { bases, includes, range_partial, .. } = &stored.release;
    let commits: BTreeSet<String> = walked.commits.iter().cloned().collect();
    Ok(commits == ownership::range_commits(tx, stored.seq)?
        && (&walked.bases, &walked.includes, walked.partial) == (bases, includes, *range_partial)
        && walked.dark == audit::frontier(tx, stored.seq)?)
}

/// Tells of a release that ends the range of others, or does no longer.
fn tell(
    batch: &mut Batch<'_>,
    stored: &StoredRelease,
    kind: Option<BaseKind>,
    commits: &BTreeSet<String>,
) -> Result<(), Fault> {
    let mark = [label(&stored.label_key, stored.release.id.as_str())];
    let told = Judged { release: stored.release.id.as_str(), kind, commits: Contained::of(commits) };
    batch.control("release-judged", "certrail", &mark, &told).map(drop)
}

fn contains(batch: &Batch<'_>, seq: i64, had: &BTreeSet<String>, has: &BTreeSet<String>) -> Result<(), StoreError> {
    for commit in had.symmetric_difference(has) {
        range_bases::set_commit(batch.tx, commit, seq, has.contains(commit))?;
    }
    Ok(())
}

/// Releases whose range has a commit, or ends there.
pub(super) fn concerned(tx: &Tx<'_>, product: &str, commit: &str) -> Result<Vec<i64>, StoreError> {
    let mut all = ownership::cut_releases_with(tx, product, commit)?;
    all.extend(graph::waiting_for(tx, commit, product)?);
    Ok(all)
}

/// Leaves it to jobs to work out ranges again.
pub(super) fn follow(batch: &mut Batch<'_>, product: &str, behind: BTreeSet<i64>) -> Result<(), Fault> {
    for seq in behind {
        batch.leave(product, &Job::FollowRange(seq))?;
    }
    Ok(())
}

/// A release that ends the range of another.
pub(super) struct Base {
    from_index: u64,
    kind: BaseKind,
    pub(super) release: Release,
}

impl Base {
    /// As the other one names it.
    pub(super) fn named(&self) -> Option<RangeBase> {
        let commit = self.release.commit.clone()?;
        let (version, release) = (Some(self.release.version.clone()), Some(self.release.id.clone()));
        Some(RangeBase { kind: self.kind, commit, version, release })
    }
}

/// The releases that end the range of one, as far as its way back met them.
pub(super) struct Bases<'a> {
    tx: &'a Tx<'a>,
    product: &'a str,
    seq: i64,
    /// It is a candidate (`2.5.0-rc.1`), which other candidates may come before.
    candidate: bool,
    /// From which entry on it ends the range of others itself.
    judged: Option<u64>,
    known: BTreeMap<i64, Option<Rc<Base>>>,
    /// Those that surely come before it.
    before: BTreeSet<i64>,
    /// Those among them behind which nobody looked yet, by the entry from which on they count: what comes before one of them
    /// counts from an earlier entry on, which is where a search can stop.
    edge: BTreeSet<(u64, i64)>,
}

impl<'a> Bases<'a> {
    pub(super) fn of(tx: &'a Tx<'a>, stored: &'a StoredRelease) -> Result<Self, StoreError> {
        Ok(Self {
            tx,
            product: &stored.release.product,
            seq: stored.seq,
            candidate: is_prerelease(&stored.release.version),
            judged: range_bases::get(tx, stored.seq)?.map(|base| base.from_index),
            known: BTreeMap::new(),
            before: BTreeSet::new(),
            edge: BTreeSet::new(),
        })
    }

    /// What the release takes out of others, where it does: what is learned of it later are no guesses.
    pub(super) fn own_commits(&self) -> Result<Option<BTreeSet<String>>, StoreError> {
        self.judged.map(|_| range_bases::commits(self.tx, self.seq)).transpose()
    }

    /// From which entry on the release ends the range of others itself.
    pub(super) const fn judged(&self) -> Option<u64> {
        self.judged
    }

    /// A release, if the range may end at it. One of a candidate ends the range of candidates only: what a candidate brought
    /// belongs to the release it was a candidate for, which is the one that is decided on.
    pub(super) fn get(&mut self, seq: i64) -> Result<Option<Rc<Base>>, StoreError> {
        if let Some(known) = self.known.get(&seq) {
            return Ok(known.clone());
        }
        let found = match range_bases::get(self.tx, seq)?.filter(|_| seq != self.seq) {
            Some(base) if self.judged.is_none_or(|judged| base.from_index < judged) => {
                let kind = base.kind;
                releases::by_seq(self.tx, seq)?
                    .map(|s| s.release)
                    .filter(|r| r.product == self.product && (self.candidate || !is_prerelease(&r.version)))
                    .map(|release| Rc::new(Base { from_index: base.from_index, kind, release }))
            }
            _ => None,
        };
        self.known.insert(seq, found.clone());
        Ok(found)
    }

    /// The releases with a commit at which the range may end.
    pub(super) fn with(&mut self, commit: &str) -> Result<Vec<i64>, StoreError> {
        let mut found = Vec::new();
        for seq in range_bases::with_commit(self.tx, commit)? {
            if self.get(seq)?.is_some() {
                found.push(seq);
            }
        }
        Ok(found)
    }

    /// The way back met a release: it comes before.
    pub(super) fn meets(&mut self, seq: i64) -> Result<(), StoreError> {
        if !self.before.contains(&seq)
            && let Some(base) = self.get(seq)?
        {
            self.edge.insert((base.from_index, seq));
        }
        Ok(())
    }

    /// Whether a release comes before, directly or behind others that do.
    pub(super) fn comes_before(&mut self, seq: i64) -> Result<bool, StoreError> {
        let Some(wanted) = self.get(seq)? else { return Ok(false) };
        while let Some((from_index, next)) = self.edge.last().copied()
            && from_index >= wanted.from_index
        {
            self.edge.remove(&(from_index, next));
            self.before.insert(next);
            let Some(base) = self.get(next)? else { continue };
            for id in base.release.bases.iter().filter_map(|b| b.release.as_ref()) {
                if let Some(behind) = releases::by_id(self.tx, id.as_str())? {
                    self.meets(behind.seq)?;
                }
            }
        }
        Ok(self.before.contains(&seq))
    }

    /// What was met comes before no more.
    pub(super) fn forget(&mut self) {
        self.before.clear();
        self.edge.clear();
    }

    /// Whether one of some releases comes before.
    pub(super) fn one_comes_before(&mut self, some: &[i64]) -> Result<bool, StoreError> {
        for seq in some {
            if self.comes_before(*seq)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
