//! A deployment seals: what reached production, when, whether a decision allowed it, and whether it was taken back.

use std::collections::{BTreeMap, BTreeSet};

use certrail_criteria::{Twin, stood_certified};
use certrail_domain::{
    BindRule, Course, Facts, Interval, Product, Release, ReleaseState, Time, Truth, Word,
    facts::{Deployment, DeploymentState, plain_environment},
    tries,
};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, graph, products,
        releases::{self, StoredRelease},
        shipments::{self, Shipments},
        signals::StoredSignal,
    },
};
use serde::Serialize;

use crate::engine::{Batch, Fault};

/// What an entry tells of a release that went into production, or out of it.
#[derive(Serialize)]
struct Sealed<'a> {
    release: &'a str,
    state: ReleaseState,
    shipped_at: Option<Time>,
    ungated: bool,
}

/// Looks at the deployments bound to a release and brings its state up to date, and that of others at its commit.
pub(super) fn refresh(batch: &mut Batch<'_>, seq: i64) -> Result<(), Fault> {
    let Some(stored) = releases::by_seq(batch.tx, seq)? else { return Ok(()) };
    let all = AtOneCommit::of(batch.tx, &stored)?;
    refresh_one(batch, seq, &all)?;
    let others: Vec<i64> = all.0.iter().map(|(twin, _)| *twin).filter(|twin| *twin != seq).collect();
    others.into_iter().try_for_each(|twin| refresh_one(batch, twin, &all))
}

/// The releases of a product that are cut at one commit, with what was decided on them.
struct AtOneCommit(Vec<(i64, Twin)>);

impl AtOneCommit {
    fn of(tx: &Tx<'_>, stored: &StoredRelease) -> Result<Self, StoreError> {
        let others = twins_of(tx, stored.seq, &stored.release, NOW)?;
        // Mostly there is one, and nobody asks what speaks for it.
        if others.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let mut all = Vec::new();
        for (seq, release) in others.iter().map(|(seq, release)| (*seq, release)).chain([(stored.seq, &stored.release)])
        {
            all.extend(twin_at(tx, (seq, release), NOW)?.map(|twin| (seq, twin)));
        }
        Ok(Self(all))
    }

    /// Whether a deployment that names none of them is of this one.
    fn is_of(&self, seq: i64, began: (Interval, u64), digests: &BTreeSet<String>) -> bool {
        let own = self.0.iter().find(|(twin, _)| *twin == seq);
        let others = self.0.iter().filter(|(twin, _)| *twin != seq).map(|(_, twin)| twin);
        own.is_none_or(|(_, own)| own.is_deployed(others, began, digests))
    }
}

/// Behind everything that the log holds.
const NOW: u64 = u64::MAX >> 1;

/// Looks at the deployments bound to a release and brings its state up to date, and that of releases it follows.
fn refresh_one(batch: &mut Batch<'_>, seq: i64, all: &AtOneCommit) -> Result<(), Fault> {
    let Some(stored) = releases::by_seq(batch.tx, seq)? else { return Ok(()) };
    if stored.release.commit.is_none() {
        return Ok(());
    }
    let Some(product) = products::get(batch.tx, &stored.release.product)? else { return Ok(()) };
    let Out { went_out, deployments } = out(batch.tx, &stored, &product, all)?;
    let ungated = !went_out.is_empty() && !decided(batch.tx, &stored, deployments.values())?;
    let followed = note(batch.tx, &stored, &went_out)?;
    let shipped = went_out.iter().map(|(_, at)| Time::from_micros(*at)).min();
    restate(batch, stored, shipped, ungated)?;
    for other in followed {
        let Some(other) = releases::by_seq(batch.tx, other)? else { continue };
        // Others at its commit run on with it, and are taken back with it.
        let twins = twins_of(batch.tx, other.seq, &other.release, NOW)?;
        let twins = twins.into_iter().map(|(twin, _)| releases::by_seq(batch.tx, twin));
        let twins: Vec<Option<StoredRelease>> = twins.collect::<Result<_, _>>()?;
        for other in std::iter::once(other).chain(twins.into_iter().flatten()) {
            let (shipped, ungated) = (other.release.shipped_at, other.release.ungated);
            restate(batch, other, shipped, ungated)?;
        }
    }
    super::base::refresh(batch, seq)
}

/// What deployments say of a release.
struct Out {
    /// When it went into production.
    went_out: Shipments,
    /// Each deployment by its own beginning and its own artefacts: what was deployed second is judged by itself (T23). No beginning
    /// where what was deployed is of another commit than the release.
    deployments: BTreeMap<String, Deployed>,
}

/// When a deployment began, and when we heard so where that is only told; and its artefacts.
type Deployed = (Option<(Interval, Option<Time>)>, BTreeSet<String>);

/// Reads the deployments bound to a release.
fn out(tx: &Tx<'_>, stored: &StoredRelease, product: &Product, all: &AtOneCommit) -> Result<Out, StoreError> {
    let evidence = bindings::deployments(tx, stored.seq)?;
    let mut words: BTreeMap<String, Vec<(&StoredSignal, &Deployment, bool)>> = BTreeMap::new();
    for (signal, rule) in &evidence {
        if let Facts::Deployment(d) = &signal.signal.facts
            && stored.release.is_deployed_by(d, *rule)
        {
            words.entry(d.attempt()).or_default().push((signal.as_ref(), d, *rule == BindRule::Explicit));
        }
    }
    let mut out = Out { went_out: Shipments::new(), deployments: BTreeMap::new() };
    let each = words.into_iter().flat_map(|(attempt, told)| {
        let words: Vec<Word> = told.iter().map(|(signal, d, _)| word(signal, d)).collect();
        let of = |places: Vec<usize>| places.into_iter().map(|place| told[place]).collect::<Vec<_>>();
        let named = |(n, places)| (format!("{attempt}#{n}"), of(places));
        tries(&words).into_iter().enumerate().map(named).collect::<Vec<_>>()
    });
    for (attempt, told) in each {
        let course = Course::of(&told.iter().map(|(signal, d, _)| word(signal, d)).collect::<Vec<_>>());
        let Some(Course { began, succeeded: Some(succeeded), told: heard }) = course else { continue };
        // That it was production is said by any word about it, as the judgement has it.
        if !told.iter().any(|(signal, d, _)| product.is_production(d, signal.log_index)) {
            continue;
        }
        // What any word about it names was deployed, as far as anybody knows.
        let digests: BTreeSet<String> = told.iter().flat_map(|(_, d, _)| d.digests.iter().cloned()).collect();
        let first = told.iter().map(|(signal, ..)| signal.log_index).min().unwrap_or_default();
        let is_named = told.iter().any(|(.., named)| *named);
        if !is_named && !all.is_of(stored.seq, (began, first), &digests) {
            continue;
        }
        for (_, d, _) in told.iter().filter(|(_, d, _)| d.state == DeploymentState::Succeeded) {
            let place = (plain_environment(&d.environment), succeeded.at.as_micros());
            out.went_out.insert(place);
        }
        let mut commits = told.iter().filter_map(|(_, d, _)| d.commit.as_ref());
        let is_it = commits.all(|commit| Some(commit) == stored.release.commit.as_ref());
        out.deployments.insert(attempt, (is_it.then_some((began, heard)), digests));
    }
    Ok(out)
}

/// The other releases of its product that are cut at the commit of a release, as known at a position.
pub(crate) fn twins_of(
    tx: &Tx<'_>,
    own: i64,
    release: &Release,
    position: u64,
) -> Result<Vec<(i64, Release)>, StoreError> {
    let Some(commit) = &release.commit else { return Ok(Vec::new()) };
    let mut twins = Vec::new();
    for seq in graph::cut_at(tx, commit)?.into_iter().filter(|seq| *seq != own) {
        let other = releases::at(tx, seq, position)?;
        twins.extend(other.filter(|o| o.product == release.product && o.cut_at.is_some()).map(|o| (seq, o)));
    }
    Ok(twins)
}

/// The same with what was decided on them.
pub(crate) fn twins(tx: &Tx<'_>, own: i64, release: &Release, position: u64) -> Result<Vec<Twin>, StoreError> {
    let mut twins = Vec::new();
    for (seq, other) in twins_of(tx, own, release, position)? {
        twins.extend(twin_at(tx, (seq, &other), position)?);
    }
    Ok(twins)
}

fn twin_at(tx: &Tx<'_>, (seq, release): (i64, &Release), position: u64) -> Result<Option<Twin>, StoreError> {
    let Some(cut_at) = release.cut_at else { return Ok(None) };
    let certifications = crate::judge::certifications(tx, (seq, release), position)?;
    let joined = crate::judge::joined(tx, seq, position)?;
    let Release { version, decided_against, digests, .. } = release.clone();
    Ok(Some(Twin { version, against: decided_against, cut_at, digests, joined, certifications }))
}

/// When a release went into production, by its deployments, worked out again; `None` for one that is not cut.
pub(crate) fn went_out_again(tx: &Tx<'_>, stored: &StoredRelease) -> Result<Option<Shipments>, StoreError> {
    let product = products::get(tx, &stored.release.product)?.filter(|_| stored.release.commit.is_some());
    product.map(|product| Ok(out(tx, stored, &product, &AtOneCommit::of(tx, stored)?)?.went_out)).transpose()
}

/// Whether a certification stood before each deployment, and spoke of its artefacts.
fn decided<'a>(
    tx: &Tx<'_>,
    stored: &StoredRelease,
    mut deployments: impl Iterator<Item = &'a Deployed>,
) -> Result<bool, StoreError> {
    let certifications = crate::judge::certifications(tx, (stored.seq, &stored.release), u64::MAX)?;
    Ok(deployments.all(|(start, digests)| {
        start.is_some_and(|start| stood_certified(&certifications, start, digests) != Truth::False)
    }))
}

/// Notes when a release went into production; returns the releases that were out at the moments that are new or gone.
fn note(tx: &Tx<'_>, stored: &StoredRelease, went_out: &Shipments) -> Result<BTreeSet<i64>, StoreError> {
    let known = shipments::of_release(tx, stored.seq)?;
    let mut followed = BTreeSet::new();
    if known == *went_out {
        return Ok(followed);
    }
    shipments::replace(tx, &stored.release.product, stored.seq, went_out)?;
    // All its moments: whether it had been out before is what makes a later one going back.
    for (environment, at) in known.union(went_out) {
        followed.extend(shipments::out_before(tx, &stored.release.product, environment, stored.seq, *at)?);
    }
    Ok(followed)
}

/// Whether the release was taken back somewhere and is out nowhere: an environment went back to another release, and
/// none has this one as its newest.
fn is_rolled_back(tx: &Tx<'_>, stored: &StoredRelease) -> Result<bool, StoreError> {
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    for (environment, at) in shipments::of_release(tx, stored.seq)? {
        newest.insert(environment, at); // in order of time within an environment
    }
    let mut taken_back = false;
    for (environment, at) in newest {
        match next_goes_back(tx, stored, &environment, at)? {
            None => return Ok(false),
            Some(goes_back) => taken_back |= goes_back,
        }
    }
    Ok(taken_back)
}

/// Whether what went into an environment next, after `at`, took a release back: that is told by what runs, one that first was out
/// there before it or that it follows. `None` where nothing else did; the same commit is nothing else.
fn next_goes_back(
    tx: &Tx<'_>,
    stored: &StoredRelease,
    environment: &str,
    mut at: i64,
) -> Result<Option<bool>, StoreError> {
    let Release { product, bases, includes, commit, .. } = &stored.release;
    loop {
        let next = shipments::next_others(tx, product, environment, stored.seq, at)?;
        let Some((_, then)) = next.first() else { return Ok(None) };
        at = *then;
        let (mut others, mut goes_back) = (false, false);
        for (seq, _) in next {
            let Some(other) = releases::by_seq(tx, seq)?.map(|other| other.release).filter(|o| o.commit != *commit)
            else {
                continue;
            };
            let is_base = bases.iter().any(|base| Some(&base.commit) == other.commit.as_ref());
            others = true;
            goes_back |= is_base
                || includes.contains(&other.version)
                || shipments::came_first(tx, product, environment, (seq, stored.seq))?;
        }
        if others {
            return Ok(Some(goes_back));
        }
    }
}

/// Writes the state that follows, with an entry that tells of it, if it is another than before.
fn restate(
    batch: &mut Batch<'_>,
    mut stored: StoredRelease,
    shipped_at: Option<Time>,
    ungated: bool,
) -> Result<(), Fault> {
    let state = match (stored.release.state, shipped_at) {
        (_, Some(_)) if is_rolled_back(batch.tx, &stored)? => ReleaseState::RolledBack,
        (_, Some(_)) => ReleaseState::Shipped,
        // What was heard of a deployment is bound elsewhere now, and this never went there.
        (ReleaseState::Shipped | ReleaseState::RolledBack, None) => stored.release.state_before_production(),
        (state, None) => state,
    };
    let release = &mut stored.release;
    let known = (release.state, release.shipped_at, release.ungated);
    (release.state, release.shipped_at, release.ungated) = (state, shipped_at, ungated);
    if known == (state, shipped_at, ungated) {
        return Ok(());
    }
    let version = release.version.clone();
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    let mark = [label(&stored.label_key, stored.release.id.as_str())];
    let sealed = Sealed { release: stored.release.id.as_str(), state, shipped_at, ungated };
    let act = match (state, shipped_at, ungated) {
        (_, None, _) => "release-unsealed",
        (ReleaseState::RolledBack, ..) => "release-rolled-back",
        (.., true) => "release-ungated",
        _ => "release-sealed",
    };
    batch.control(act, "certrail", &mark, &sealed)?;
    Ok(())
}

const fn receipt(signal: &StoredSignal) -> Interval {
    Interval::new(signal.received, Interval::SERVER)
}

fn word(signal: &StoredSignal, d: &Deployment) -> Word {
    Word::of(&signal.signal, d.state, signal.received, receipt(signal), signal.log_index)
}
