//! The commits of a release: reachable from its cut, and not from what was judged before it or is older than the baseline.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::{Audience, Baseline, BindRule, Key, Product, RangeBase, Release, is_prerelease, normal_version};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError, Tx,
    tables::{
        graph, products, range_bases,
        releases::{self, StoredRelease},
    },
};
use serde::Serialize;

use super::{
    Effects,
    base::{self, Bases},
    open_release, ownership,
    sources::Sources,
};
use crate::engine::{Batch, Fault};

/// A range larger than this is a mistake; it is cut off and marked partial.
const MAX_COMMITS: usize = 100_000;

/// What an entry tells of the range of a release.
#[derive(Serialize)]
struct Told<'a> {
    release: &'a str,
    range_partial: bool,
    bases: &'a [RangeBase],
    includes: &'a [String],
}

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
    let Some(Walked { base: mut owned, commits, reached, dark, partial, bases, includes }) =
        follows_from_cut(batch.tx, &stored)?
    else {
        return Ok(());
    };
    let version = stored.release.version.clone();
    for repository in &product.repositories {
        let tag = Key::tag(repository, &product.tag_pattern.replace("{version}", &version));
        owned.insert(tag, BindRule::Explicit.rank());
    }
    let before = ownership::range_commits(batch.tx, seq)?;
    let (wanted, sources) = ownership::reach_with_sources(batch.tx, seq, &owned, &product)?;
    ownership::own(batch.tx, seq, &owned, &wanted, &mut effects.touched)?;
    graph::set_frontier(batch.tx, seq, &waits(dark, sources))?;
    let release = &stored.release;
    if (release.range_partial, &release.bases, &release.includes) != (partial, &bases, &includes) {
        let mark = [label(&stored.label_key, stored.release.id.as_str())];
        let told =
            Told { release: stored.release.id.as_str(), range_partial: partial, bases: &bases, includes: &includes };
        batch.control("release-range", "certrail", &mark, &told)?;
        stored.release.range_partial = partial;
        stored.release.bases = bases;
        stored.release.includes = includes;
        releases::update(batch.tx, &stored, &version, batch.work_first)?;
        // What it follows tells what going back is.
        effects.ship.insert(seq);
        // Those that name it as the release before ask how far it is known.
        let place = place_of(&stored.release.product, &version);
        let mut waiting: BTreeSet<i64> =
            graph::waiting_for(batch.tx, &place, &stored.release.product)?.into_iter().collect();
        waiting.remove(&seq);
        base::follow(batch, &stored.release.product, waiting)?;
    }
    base::refresh_commits(batch, &stored, &reached)?;
    move_commits(batch, &product, &commits, &before, effects)
}

/// Everything of which a release waits to hear more: commits of its range, and heads of changes.
pub(super) fn waits(mut dark: Vec<String>, sources: Sources) -> Vec<String> {
    dark.extend(sources.unknown);
    dark.sort();
    dark.dedup();
    dark
}

/// What a release owns because of where it is cut: its name, its cut and the commits that lead there.
pub(super) fn follows_from_cut(tx: &Tx<'_>, stored: &StoredRelease) -> Result<Option<Walked>, StoreError> {
    let Release { product: name, version, commit, repository, .. } = &stored.release;
    let Some(commit) = commit else { return Ok(None) };
    let Some(product) = products::get(tx, name)? else { return Ok(None) };
    let told: BTreeSet<String> = certrail_store::tables::signals::links_from(tx, &exact_key(stored.seq), stored.seq)?
        .into_iter()
        .map(|(key, _)| key.parts().1.to_owned())
        .collect();
    let mut bases = Bases::of(tx, stored)?;
    let previous = previous_of(tx, &product, &stored.release, &mut bases)?;
    let own = bases.own_commits()?;
    let mut walked = Walk { tx, product: &product, told: &told, previous: &previous, bases, own }.from(commit)?;
    let explicit = BindRule::Explicit.rank();
    for own in [Key::release(name, version), Key::cut(commit)] {
        walked.base.extend(repository.iter().map(|repository| (Key::within(repository, &own), explicit)));
        walked.base.insert(own, explicit);
    }
    walked.base.extend(walked.commits.iter().map(|c| (Key::commit(c), BindRule::Commit.rank())));
    Ok(Some(walked))
}

/// Commits now in a cut release leave the open one; commits no longer in any go back to it.
fn move_commits(
    batch: &mut Batch<'_>,
    product: &Product,
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
pub(super) fn reached_branch(tx: &Tx<'_>, product: &Product, commit: &str) -> Result<bool, StoreError> {
    let pushed = graph::pushed_to(tx, commit, &product.name)?;
    Ok(pushed.iter().any(|(r, b)| product.repositories.contains(r) && *b == product.branch))
}

fn give_back(
    batch: &Batch<'_>,
    product: &Product,
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
    product: &Product,
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
    /// What a checkout leaves out because that release contains it is known to have been judged, or to be older than the
    /// baseline.
    whole: bool,
    /// The judged releases behind it.
    bases: Vec<i64>,
    /// The baseline that is called so.
    baseline: Option<RangeBase>,
    /// The places in the frontier where more is heard of it.
    places: Vec<String>,
}

/// The release before, as it was told, and those it follows up to the first that was judged. Behind a candidate stands what the
/// candidate itself follows, unless this is one too; and no release comes before itself.
fn previous_of(
    tx: &Tx<'_>,
    product: &Product,
    release: &Release,
    bases: &mut Bases<'_>,
) -> Result<Previous, StoreError> {
    let mut previous = Previous::default();
    let mut next = release.previous.clone();
    let mut named = false;
    while let Some(version) = next.take() {
        let place = place_of(&release.product, &version);
        if version == release.version || previous.places.contains(&place) {
            break;
        }
        previous.places.push(place);
        let before = releases::by_version(tx, &release.product, &version)?;
        let cut = before.as_ref().and_then(|b| b.release.commit.as_deref());
        if let Some(baseline) = product.baselines_for(bases.judged()).find(|b| b.is_called(&version))
            && cut.is_none_or(|cut| cut == baseline.commit)
        {
            previous.whole |= !named;
            previous.baseline = Some(baseline.named());
            break;
        }
        let Some(before) = before else { break };
        let candidate = is_prerelease(&version) && !is_prerelease(&release.version);
        if bases.get(before.seq)?.is_some() {
            previous.bases.push(before.seq);
            previous.whole |= !named;
            break;
        }
        if !candidate && !std::mem::replace(&mut named, true) {
            let Release { commit, range_partial, bases: its, previous: its_previous, .. } = &before.release;
            // Two that name each other make neither whole.
            let grounded = !its.is_empty() || its_previous.is_none();
            previous.whole = commit.is_some() && !range_partial && grounded;
        }
        next = before.release.previous;
    }
    Ok(previous)
}

/// Whether anything of a product is called so that a range might end at.
pub(super) fn is_known(tx: &Tx<'_>, product: &Product, version: &str) -> Result<bool, StoreError> {
    Ok(product.baselines_for(None).any(|b| b.is_called(version))
        || releases::by_version(tx, &product.name, version)?.is_some())
}

/// The way back from a cut.
struct Walk<'a> {
    tx: &'a Tx<'a>,
    product: &'a Product,
    /// The range as a checkout told it; empty where nobody did.
    told: &'a BTreeSet<String>,
    previous: &'a Previous,
    bases: Bases<'a>,
    /// What it takes out of others, where it does.
    own: Option<BTreeSet<String>>,
}

/// What the way back met.
#[derive(Default)]
pub(super) struct Walked {
    /// The commits of the release.
    pub(super) commits: Vec<String>,
    /// Those that a way from the cut led to; the others are a checkout's word alone.
    pub(super) reached: BTreeSet<String>,
    /// Where the way ended for want of knowledge, or at what was judged: whatever is told of one of these is reason to walk
    /// again.
    pub(super) dark: Vec<String>,
    /// There may be commits that we do not know.
    pub(super) partial: bool,
    /// Where it ends.
    pub(super) bases: Vec<RangeBase>,
    /// Versions that are cut within it.
    pub(super) includes: Vec<String>,
    /// The keys that the release owns because of all that.
    pub(super) base: BTreeMap<Key, i64>,
}

impl Walk<'_> {
    /// Walks back from the cut to what was judged before it, or to the baseline. What a checkout told is part of the release,
    /// unless it is behind one of these; and where it leaves out what pushes told, and nothing that was judged contains, that is
    /// part of it all the same: leaving a commit out does not hide it.
    fn from(mut self, cut: &str) -> Result<Walked, StoreError> {
        let mut walked = Walked { dark: self.previous.places.clone(), ..Walked::default() };
        let mut ends: BTreeSet<RangeBase> = BTreeSet::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut queue: Vec<String> = vec![cut.to_owned()];
        // Commits of judged releases of which it is not known yet whether they come before this one.
        let mut held: Vec<(String, Vec<i64>)> = Vec::new();
        // Those among them that were part of the way all the same.
        let mut passed: Vec<(String, Vec<i64>)> = Vec::new();
        // Where the way ended at what was judged, or is older than that.
        let mut ended: Vec<String> = Vec::new();
        let mut rest = Some(self.told);
        self.starts(cut)?;
        loop {
            let Some(commit) = queue.pop() else {
                // Nothing more is met by other ways: what is held is behind what was met, or is part of the range.
                if let Some((commit, by)) = held.pop() {
                    if self.bases.one_comes_before(&by)? {
                        ended.push(commit);
                    } else {
                        let parents = self.parents(&commit)?;
                        walked.takes(&commit, parents, &mut queue);
                        passed.push((commit, by));
                    }
                    continue;
                }
                // What a checkout told and no way led to, unless it is behind the ends.
                let Some(told) = rest.take() else { break };
                walked.reached = walked.commits.iter().cloned().collect();
                let behind = self.behind(&ended)?;
                queue.extend(told.iter().filter(|commit| !behind.contains(*commit)).cloned());
                continue;
            };
            if !seen.insert(commit.clone()) {
                continue;
            }
            if commit != cut {
                if let Some(baseline) = self.baseline_at(&commit)? {
                    ends.insert(baseline);
                    ended.push(commit);
                    continue;
                }
                let by = self.bases.with(&commit)?;
                if !by.is_empty() {
                    if self.is_cut_of(&by, &commit, &mut ends)? {
                        ended.push(commit);
                    } else {
                        held.push((commit, by));
                    }
                    continue;
                }
            }
            let own = commit == cut || self.told.contains(&commit);
            let parents = self.parents(&commit)?;
            if !own && !self.told.is_empty() && parents.is_none() && !self.is_heard_of(&commit)? {
                walked.partial |= !self.previous.whole;
                ends.extend(self.previous.baseline.clone().filter(|_| self.previous.whole));
                walked.dark.push(commit);
                continue;
            }
            if walked.commits.len() >= MAX_COMMITS {
                walked.partial = true;
                break;
            }
            walked.takes(&commit, parents, &mut queue);
        }
        for (commit, by) in passed {
            if self.bases.one_comes_before(&by)? {
                walked.commits.retain(|c| *c != commit);
                walked.reached.remove(&commit);
                ended.push(commit);
            }
        }
        for seq in &self.previous.bases {
            if self.bases.comes_before(*seq)? {
                ends.extend(self.bases.get(*seq)?.and_then(|base| base.named()));
            }
        }
        walked.bases = ends.into_iter().collect();
        walked.includes = self.cut_within(cut, &walked.commits)?;
        walked.commits.sort();
        walked.dark.extend(ended);
        walked.dark.sort();
        walked.dark.dedup();
        Ok(walked)
    }

    /// What a commit follows. Of a release that ends the range of others nothing new is guessed.
    fn parents(&self, commit: &str) -> Result<Option<Vec<String>>, StoreError> {
        graph::parents(self.tx, commit, &self.product.name, self.own.as_ref())
    }

    /// What a checkout told that is behind some commits.
    fn behind(&self, ended: &[String]) -> Result<BTreeSet<String>, StoreError> {
        let mut behind = BTreeSet::new();
        let mut queue = ended.to_vec();
        while let Some(commit) = queue.pop() {
            for parent in self.parents(&commit)?.into_iter().flatten() {
                if self.told.contains(&parent) && behind.insert(parent.clone()) {
                    queue.push(parent);
                }
            }
        }
        behind.extend(ended.iter().cloned());
        Ok(behind)
    }

    /// The releases it is said to follow come before it, unless one of them contains its cut.
    fn starts(&mut self, cut: &str) -> Result<(), StoreError> {
        let with_cut = self.bases.with(cut)?;
        for seq in &self.previous.bases {
            self.bases.meets(*seq)?;
        }
        if self.bases.one_comes_before(&with_cut)? {
            self.bases.forget();
        }
        Ok(())
    }

    /// Whether one of some judged releases is cut at a commit: the range ends there.
    fn is_cut_of(&mut self, some: &[i64], commit: &str, ends: &mut BTreeSet<RangeBase>) -> Result<bool, StoreError> {
        let mut cut = false;
        for seq in some {
            let Some(base) = self.bases.get(*seq)? else { continue };
            if base.release.commit.as_deref() == Some(commit) {
                self.bases.meets(*seq)?;
                ends.extend(base.named());
                cut = true;
            }
        }
        Ok(cut)
    }

    /// What a baseline contains that counts for this release is older than what is judged.
    fn baseline_at(&self, commit: &str) -> Result<Option<RangeBase>, StoreError> {
        let in_force: Vec<&Baseline> = self.product.baselines_for(self.bases.judged()).collect();
        if in_force.is_empty() {
            return Ok(None);
        }
        let with = range_bases::baselines_with(self.tx, &self.product.name, commit)?;
        let found = in_force.into_iter().find(|b| b.since.is_some_and(|since| with.contains(&since)));
        Ok(found.map(Baseline::named))
    }

    /// The other versions of the product that are cut at commits of the range: candidates, and what nobody
    /// decided on.
    fn cut_within(&self, cut: &str, commits: &[String]) -> Result<Vec<String>, StoreError> {
        let mut found = BTreeSet::new();
        for commit in commits.iter().filter(|commit| *commit != cut) {
            found.extend(self.cut_at(commit)?.into_iter().map(|release| release.version));
        }
        Ok(found.into_iter().collect())
    }

    /// Whether it was pushed, or a release of the product is cut there: it is part of the history even if nobody told what it
    /// follows.
    fn is_heard_of(&self, commit: &str) -> Result<bool, StoreError> {
        Ok(!graph::pushed_to(self.tx, commit, &self.product.name)?.is_empty() || !self.cut_at(commit)?.is_empty())
    }

    /// The releases of the product that are cut at a commit.
    fn cut_at(&self, commit: &str) -> Result<Vec<Release>, StoreError> {
        let mut found = Vec::new();
        for seq in graph::cut_at(self.tx, commit)? {
            found.extend(releases::by_seq(self.tx, seq)?.map(|s| s.release));
        }
        found.retain(|release| release.product == self.product.name);
        Ok(found)
    }
}

impl Walked {
    /// A commit is part of the range, and the way goes on behind it.
    fn takes(&mut self, commit: &str, parents: Option<Vec<String>>, queue: &mut Vec<String>) {
        match parents {
            Some(parents) => queue.extend(parents),
            None => {
                self.partial = true;
                self.dark.push(commit.to_owned());
            }
        }
        self.commits.push(commit.to_owned());
    }
}
