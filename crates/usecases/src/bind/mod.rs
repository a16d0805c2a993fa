//! Binding: which release a signal belongs to, decided inside the transaction that records it.
//!
//! A release owns base keys (its name, its artefacts, the commits of its range); links make it own
//! more. Ownership is what links reach from base keys, so it is a function of the *set* of signals:
//! the order of arrival cannot matter. When ownership changes, the signals that may be affected
//! bind again, and one `rebind` entry in the log tells what moved.

mod again;
mod base;
pub(crate) mod context;
mod ownership;
mod place;
mod range;
mod shipping;
mod sources;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use certrail_domain::{
    ActorKind, Audience, BindRule, Extent, Facts, Key, Link, Match, Product, Release, ReleaseId, ReleaseState,
    ReleaseType, Signal,
    facts::{Commit, Push, ReleaseManifest, Tag},
    normal_version, version_of_tag,
};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings::{self, Binding},
        context::StoredRepository,
        graph::{self, Told},
        products,
        releases::{self, StoredRelease},
        signals::{self, StoredSignal},
    },
};
use serde::Serialize;

pub(crate) use again::owned_again;
pub(crate) use base::{Contained, refresh as refresh_base, worked_out as base_again};
pub(crate) use ownership::Touched;
pub(crate) use place::{Outcome, place, reason};
pub(crate) use shipping::{twins, twins_of, went_out_again};

use crate::engine::{Batch, Fault, Job, random};
use place::{Alone, Places};

/// Work that one signal causes on others.
#[derive(Default)]
pub(crate) struct Effects {
    /// What a change of ownership may move.
    pub(crate) touched: Touched,
    /// Releases whose deployments have to be looked at again.
    pub(crate) ship: BTreeSet<i64>,
    /// What people should know.
    pub(crate) warnings: Vec<String>,
}

/// One line of a `rebind` entry: what ended and what began; what stays as it was is not told again.
#[derive(Serialize)]
struct Moved {
    signal: u64,
    from: Vec<String>,
    to: Vec<String>,
    /// The repository that it is context of.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

/// What a signal changes about releases, commits and ownership, before it is bound itself.
pub(crate) fn learn(batch: &mut Batch<'_>, signal: &Signal) -> Result<Effects, Fault> {
    let mut effects = Effects::default();
    match &signal.facts {
        Facts::Push(push) => learn_push(batch, push, signal.audience(), &mut effects)?,
        Facts::Tag(tag) => learn_tag(batch, tag, &signal.reach, &mut effects)?,
        Facts::Manifest(manifest) => learn_manifest(batch, manifest, is_persons(signal), &mut effects)?,
        Facts::Change(_) => effects.touched.look_again(context::closed(batch.tx, signal)?),
        _ => {}
    }
    for link in signal.links() {
        if signals::insert_link(batch.tx, &link, signal.audience())? {
            ownership::follow(batch.tx, &link.from, &mut effects.touched)?;
        }
    }
    Ok(effects)
}

/// Writes what a new signal is about, its bindings, and what it tells of its repository as a whole.
pub(crate) fn record(
    batch: &Batch<'_>,
    signal: &Signal,
    repository: Option<&StoredRepository>,
    outcome: &Outcome,
    log_index: u64,
) -> Result<(), StoreError> {
    if let Some(told) = repository.and_then(|r| context::told(r.seq, signal, batch.now, log_index)) {
        certrail_store::tables::context::insert(batch.tx, &told)?;
    }
    for key in signal.keys().iter().filter(|k| k.parts().0 != "target") {
        signals::insert_subject(batch.tx, key, log_index)?;
    }
    for (stored, m) in &outcome.bound {
        bindings::insert(
            batch.tx,
            &Binding { release: stored.seq, log_index, rule: m.rule, key: m.key.clone(), from_index: log_index },
            signal.facts.kind(),
        )?;
    }
    if outcome.unbound.is_some() {
        bindings::set_unbound(batch.tx, log_index)?;
    }
    Ok(())
}

/// The blinded labels of the releases in an outcome, and that of the repository it is context of.
pub(crate) fn labels(outcome: &Outcome) -> Vec<[u8; 16]> {
    let releases = outcome.bound.iter().map(|(s, _)| label(&s.label_key, s.release.id.as_str()));
    releases.chain(outcome.context.iter().map(|r| context::mark(&r.name, &r.label_key))).collect()
}

/// Binds again what was touched, with one entry in the log that tells what moved; then looks at deployments.
pub(crate) fn settle(batch: &mut Batch<'_>, mut effects: Effects, cause: &str) -> Result<Vec<String>, Fault> {
    // What led to a change that a release has now is part of it.
    let heads = std::mem::take(&mut effects.touched.heads);
    walk_again(batch, heads, &mut effects)?;
    let mut moved = Vec::new();
    let mut plans = Vec::new();
    let mut marks: BTreeSet<[u8; 16]> = BTreeSet::new();
    let mut ship = effects.ship;
    let mut tracked = Vec::new();
    let mut places = Places::new(batch.tx);
    for seq in effects.touched.artefacts {
        if refresh_artefacts(batch, seq)? {
            ship.insert(seq);
        }
    }
    for (index, only) in effects.touched.signals {
        let Some(stored) = signals::get(batch.tx, index)? else { continue };
        let Some(Change { ended, begun, context, waits }) = change(&mut places, &stored, only)? else { continue };
        // What findings follow from is looked at again where it went.
        let is_tracked = matches!(stored.signal.facts, Facts::Scan(_) | Facts::Alert(_));
        if ended.is_empty() && begun.is_empty() {
            // Whether it waits is for those who have its repository: their product's entry is the record.
            if waits {
                bindings::set_unbound(batch.tx, index)?;
            } else if bindings::clear_unbound(batch.tx, index)? && is_tracked {
                tracked.push(index);
            }
            continue;
        }
        let mut names = Vec::new();
        for b in &ended {
            if let Some(s) = places.release(b.release)? {
                marks.insert(label(&s.label_key, s.release.id.as_str()));
                names.push(format!("{} {}", b.rule.name(), s.release.id));
            }
        }
        marks.extend(begun.iter().map(|(s, _)| label(&s.label_key, s.release.id.as_str())));
        marks.extend(context.iter().map(|r| context::mark(&r.name, &r.label_key)));
        if matches!(stored.signal.facts, Facts::Deployment(_)) {
            ship.extend(ended.iter().map(|b| b.release));
            ship.extend(begun.iter().map(|(s, _)| s.seq));
        }
        let to = begun.iter().map(|(s, m)| format!("{} {}", m.rule.name(), s.release.id)).collect();
        let context = context.map(|r| r.name);
        moved.push(Moved { signal: index, from: names, to, context });
        plans.push((index, stored.signal.facts.kind(), ended, begun, waits));
        tracked.extend(is_tracked.then_some(index));
    }
    if !moved.is_empty() {
        #[derive(Serialize)]
        struct Rebind<'a> {
            cause: &'a str,
            moved: Vec<Moved>,
        }
        let marks: Vec<[u8; 16]> = marks.into_iter().collect();
        let at = batch.control("rebind", "certrail", &marks, &Rebind { cause, moved })?;
        let mut releases = BTreeSet::new();
        for (index, kind, ended, begun, waits) in plans {
            releases.extend(ended.iter().map(|b| b.release).chain(begun.iter().map(|(s, _)| s.seq)));
            for b in &ended {
                bindings::end(batch.tx, b, at)?;
            }
            for (stored, m) in &begun {
                bindings::insert(
                    batch.tx,
                    &Binding {
                        release: stored.seq,
                        log_index: index,
                        rule: m.rule,
                        key: m.key.clone(),
                        from_index: at,
                    },
                    kind,
                )?;
            }
            if waits {
                bindings::set_unbound(batch.tx, index)?;
            } else {
                bindings::clear_unbound(batch.tx, index)?;
            }
        }
        for seq in releases {
            bindings::moved(batch.tx, seq, at)?;
        }
    }
    for index in tracked {
        crate::track::bound_again(batch, index)?;
    }
    for seq in ship {
        shipping::refresh(batch, seq)?;
    }
    Ok(effects.warnings)
}

/// What changes about the bindings of a signal.
struct Change {
    ended: Vec<Binding>,
    begun: Vec<(Arc<StoredRelease>, Match)>,
    /// The repository that it is context of.
    context: Option<StoredRepository>,
    /// Whether it belongs nowhere.
    waits: bool,
}

/// What changes about the bindings of a signal, all that changed being what one release owns, where that is given; `None` if
/// nothing may. That the short way leads where the long one does, every story tests in debug builds.
fn change(places: &mut Places<'_>, stored: &StoredSignal, only: Option<i64>) -> Result<Option<Change>, StoreError> {
    let begun = match only.map_or(Ok(Alone::Unclear), |seq| places.alone(&stored.signal, stored.log_index, seq))? {
        Alone::Nothing => None,
        Alone::Joins(joined) => Some(joined),
        Alone::Unclear => return change_of_all(places, stored),
    };
    #[cfg(debug_assertions)]
    {
        let all = change_of_all(places, stored)?;
        let of = |begun: &(Arc<StoredRelease>, Match)| (begun.0.seq, begun.1.clone());
        let slow = all.iter().flat_map(|c| &c.begun).map(of).collect::<Vec<_>>();
        assert_eq!(begun.iter().map(of).collect::<Vec<_>>(), slow, "entry {}", stored.log_index);
        assert!(all.is_none_or(|c| c.ended.is_empty() && c.context.is_none() && !c.waits), "{}", stored.log_index);
    }
    Ok(begun.map(|joined| Change { ended: Vec::new(), begun: vec![joined], context: None, waits: false }))
}

/// What changes about the bindings of a signal, all its releases looked at.
fn change_of_all(places: &mut Places<'_>, stored: &StoredSignal) -> Result<Option<Change>, StoreError> {
    let (tx, index) = (places.tx, stored.log_index);
    let now = bindings::of_signal(tx, index)?;
    let keys = stored.signal.keys();
    if now.iter().any(|b| !keys.contains(&b.key)) {
        return Ok(None); // bound by hand: a person's word stands
    }
    let Outcome { bound, context, unbound } = places.of(&stored.signal, index)?;
    let after: HashMap<i64, &Match> = bound.iter().map(|(s, m)| (s.seq, m)).collect();
    let before: HashMap<i64, &Binding> = now.iter().map(|b| (b.release, b)).collect();
    let stays = |b: &Binding, m: &Match| m.rule == b.rule && m.key == b.key;
    let ended = |b: &&Binding| !after.get(&b.release).is_some_and(|m| stays(b, m));
    let begun = |(s, m): &&(Arc<StoredRelease>, Match)| !before.get(&s.seq).is_some_and(|b| stays(b, m));
    let ended = now.iter().filter(ended).cloned().collect();
    let begun = bound.iter().filter(begun).cloned().collect();
    Ok(Some(Change { ended, begun, context, waits: unbound.is_some() }))
}

/// Looks at the deployments of a release again.
pub(crate) fn refresh_shipping(batch: &mut Batch<'_>, seq: i64) -> Result<(), Fault> {
    shipping::refresh(batch, seq)
}

/// Looks again at pushes, tags and manifests among the touched signals: a product that was not known
/// when they came is known now.
pub(crate) fn relearn(batch: &mut Batch<'_>, effects: &mut Effects) -> Result<(), Fault> {
    for index in effects.touched.signals.keys().copied().collect::<Vec<_>>() {
        let Some(stored) = signals::get(batch.tx, index)? else { continue };
        match &stored.signal.facts {
            Facts::Push(push) => learn_push(batch, push, stored.signal.audience(), effects)?,
            Facts::Tag(tag) => learn_tag(batch, tag, &stored.signal.reach, effects)?,
            Facts::Manifest(manifest) => learn_manifest(batch, manifest, is_persons(&stored.signal), effects)?,
            _ => {}
        }
    }
    Ok(())
}

/// Commits reached a branch: what follows what is one history, whichever branch a product listens to; and what reached that
/// one is on its way.
fn learn_push(batch: &mut Batch<'_>, push: &Push, to: Audience<'_>, effects: &mut Effects) -> Result<(), Fault> {
    let mut listening = products::of_repository(batch.tx, &push.repository)?;
    listening.retain(|product| to.reach.has(&product.name));
    if listening.is_empty() {
        return Ok(());
    }
    let changed = learn_history(batch.tx, push, to, &mut effects.touched)?;
    for product in listening.into_iter().filter(|product| product.branch == push.branch) {
        let open = open_release(batch, &product)?;
        for commit in &push.commits {
            if !ownership::in_a_cut_release(batch.tx, &product.name, &commit.sha)? {
                ownership::add_base(
                    batch.tx,
                    open.seq,
                    &Key::commit(&commit.sha),
                    BindRule::OpenRelease,
                    &mut effects.touched,
                )?;
            }
        }
    }
    let mut waiting = BTreeSet::new();
    for product in products::ever_of_repository(batch.tx, &push.repository)? {
        for sha in &changed {
            waiting.extend(ownership::cut_releases_with(batch.tx, &product, sha)?);
        }
        for commit in &push.commits {
            waiting.extend(graph::waiting_for(batch.tx, &commit.sha, &product)?);
        }
        // What led to the head of a change is looked for among what is stored, this push included.
        if let Some(after) = &push.after {
            effects.touched.heads.extend(graph::waiting_for(batch.tx, after, &product)?);
        }
    }
    walk_again(batch, waiting, effects)
}

/// Ranges that are worked out again in the commit that gives reason to it; others are by jobs, each in a commit of its own.
const AT_ONCE: usize = 3;

/// Works out again what releases contain.
fn walk_again(batch: &mut Batch<'_>, some: BTreeSet<i64>, effects: &mut Effects) -> Result<(), Fault> {
    for (n, seq) in some.into_iter().enumerate() {
        if n < AT_ONCE {
            range::recompute(batch, seq, effects)?;
        } else if let Some(stored) = releases::by_seq(batch.tx, seq)? {
            batch.leave(&stored.release.product, &Job::FollowRange(seq))?;
        }
    }
    Ok(())
}

/// What the commits of a push follow. Returns those of whom something new was told.
fn learn_history(
    tx: &Tx<'_>,
    push: &Push,
    to: Audience<'_>,
    touched: &mut Touched,
) -> Result<BTreeSet<String>, StoreError> {
    let mut changed = BTreeSet::new();
    for (child, parents, told) in history_of(push) {
        if graph::add_edge(tx, child, &parents, told, to)? {
            changed.insert(child.to_owned());
        }
    }
    for commit in &push.commits {
        let new = graph::insert_pushed(tx, &commit.sha, &push.repository, &push.branch, to.reach)?;
        if new {
            // Whoever speaks of this repository only, its forge among them, may have told of it before.
            touched.look_again(signals::about(tx, &Key::commit(&commit.sha), 0, i64::MAX as u64)?);
        }
    }
    Ok(changed)
}

/// What a push tells of what follows what: a commit, what it follows, and how that is known.
pub(crate) fn history_of(push: &Push) -> Vec<(&str, String, Told)> {
    let mut history = Vec::new();
    // The push that creates the branch of the repository begins its history. Another branch begins somewhere in it, and
    // after a forced push the way back is not known.
    let mut parent = match push.before.as_deref() {
        _ if push.forced => None,
        None => push.default_branch.then_some(""),
        before => before,
    };
    for commit in &push.commits {
        if let Some(before) = parent.replace(&commit.sha) {
            let told = match (commit.known_before, push.default_branch) {
                (false, _) => Told::Listed,
                (true, true) => Told::Landed,
                (true, false) => Told::ListedAgain,
            };
            history.push((commit.sha.as_str(), before.to_owned(), told));
        }
    }
    if let Some(head) = push.commits.last() {
        let before = push.before.iter().filter(|_| !push.forced);
        let listed = push.commits.iter().map(|c| &c.sha).filter(|sha| **sha != head.sha);
        let all: Vec<&str> = before.chain(listed).map(String::as_str).collect();
        if !all.is_empty() {
            history.push((head.sha.as_str(), all.join(" "), Told::Pushed));
        }
    }
    history
}

fn learn_tag(batch: &mut Batch<'_>, tag: &Tag, reach: &Extent, effects: &mut Effects) -> Result<(), Fault> {
    let Some(commit) = tag.commit.as_ref().filter(|_| !tag.removed) else { return Ok(()) };
    for product in products::of_repository(batch.tx, &tag.repository)?.into_iter().filter(|p| reach.has(&p.name)) {
        let Some(version) = version_of_tag(&product.tag_pattern, &tag.name) else { continue };
        let cut = Cut {
            version: version.to_owned(),
            commit: commit.clone(),
            repository: Some(tag.repository.clone()),
            observed: true,
            ..Cut::default()
        };
        cut_release(batch, &product, &cut, effects)?;
    }
    Ok(())
}

/// Whether a person told something, and no pipeline.
fn is_persons(signal: &Signal) -> bool {
    signal.actor.as_ref().is_some_and(|who| who.kind == ActorKind::Human)
}

fn learn_manifest(
    batch: &mut Batch<'_>,
    m: &ReleaseManifest,
    by_person: bool,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let Some(product) = products::get(batch.tx, &m.product)? else { return Ok(()) };
    let mut waiting = BTreeSet::new();
    // What a checkout tells of commits is told to its own product: another one's history is none of its business.
    let own = Extent::one(&product.name);
    let own = Audience { reach: &own, repository: None };
    for commit in m.range.iter().flatten() {
        let Some(parents) = &commit.parents else { continue };
        if graph::add_edge(batch.tx, &commit.sha, &parents.join(" "), told_by(commit), own)? {
            waiting.extend(base::concerned(batch.tx, &product.name, &commit.sha)?);
        }
    }
    let cut = Cut {
        version: normal_version(&m.version).to_owned(),
        commit: m.commit.clone(),
        repository: m.repository.clone(),
        observed: false,
        digests: m.digests.clone(),
        // A pipeline says of no release that it is anything but ordinary, and nobody in passing that it is an emergency: of
        // both the criteria may ask less.
        release_type: match m.release_type {
            ReleaseType::Normal => None,
            ReleaseType::Standard if by_person => Some(ReleaseType::Standard),
            told => {
                let fix = match told {
                    ReleaseType::Emergency => "a person declares that: `certrail release emergency VERSION`",
                    _ => "a person says that who cuts it with a token of their own",
                };
                effects.warnings.push(format!("It is cut as a normal release, and not as {}; {fix}.", told.name()));
                None
            }
        },
        previous: m.previous.as_deref().map(|v| normal_version(v).to_owned()),
        range: m.range.as_ref().map(|r| r.iter().map(|c| c.sha.clone()).collect()),
        planned_at: m.planned_at,
    };
    cut_release(batch, &product, &cut, effects)?;
    walk_again(batch, waiting, effects)
}

/// How a checkout knows what a commit follows.
pub(crate) const fn told_by(commit: &Commit) -> Told {
    if commit.proved { Told::Proved } else { Told::Exact }
}

/// A release gets its version and its commit.
#[derive(Clone, Debug, Default)]
struct Cut {
    version: String,
    commit: String,
    repository: Option<String>,
    /// Its forge says so.
    observed: bool,
    digests: Vec<String>,
    release_type: Option<ReleaseType>,
    previous: Option<String>,
    range: Option<Vec<String>>,
    planned_at: Option<certrail_domain::Time>,
}

/// The repository of a product that has one; of several, the cut says which.
fn only_repository(product: &Product) -> Option<String> {
    product.repositories.first().filter(|_| product.repositories.len() == 1).cloned()
}

fn cut_release(batch: &mut Batch<'_>, product: &Product, cut: &Cut, effects: &mut Effects) -> Result<(), Fault> {
    let existing = releases::by_version(batch.tx, &product.name, &cut.version)?;
    if let Some(known) = existing.as_ref().and_then(|s| s.release.commit.as_ref())
        && *known != cut.commit
    {
        // The first commit stands; what a tag says later is kept as evidence and never moves a release.
        effects
            .warnings
            .push(format!("{} {} is cut at {known}; this names {}.", product.name, cut.version, cut.commit));
        return Ok(());
    }
    // Where it is cut from is the forge's to say, then the first one's who told.
    let elsewhere = existing.as_ref().filter(|s| s.release.commit.is_some()).and_then(|s| s.release.repository.clone());
    let elsewhere = elsewhere.filter(|was| cut.repository.as_ref().is_some_and(|is| !is.eq_ignore_ascii_case(was)));
    let stands = match &elsewhere {
        Some(was) if cut.observed => graph::pushed_to(batch.tx, &cut.commit, &product.name)?
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(was)),
        _ => true,
    };
    if let Some(was) = elsewhere.as_ref().filter(|_| stands) {
        effects
            .warnings
            .push(format!("{} {} is cut from {was}; this changes nothing of it.", product.name, cut.version));
        return Ok(());
    }
    let open = open_release(batch, product)?;
    let on_its_way = ownership::owns(batch.tx, open.seq, &Key::commit(&cut.commit))?;
    let mut stored = match existing {
        Some(stored) => stored,
        // The release that collected this commit becomes the version: same id, everything already bound stays.
        None if on_its_way => open.clone(),
        None => new_release(batch, product, &cut.version)?,
    };
    let old_version = stored.release.version.clone();
    let converts = stored.seq == open.seq;
    let release = &mut stored.release;
    cut.version.clone_into(&mut release.version);
    if release.commit.is_none() {
        release.repository = cut.repository.clone().or_else(|| only_repository(product));
    }
    if elsewhere.is_some() {
        // Who may speak of it changes with where it is cut from.
        release.repository.clone_from(&cut.repository);
        effects.touched.look_again(bindings::indexes_of_release(batch.tx, stored.seq)?);
        for (key, ..) in bindings::members(batch.tx, stored.seq)? {
            effects.touched.look_again(signals::about(batch.tx, &key, 0, i64::MAX as u64)?);
        }
    }
    // What it is, is fixed at the cut.
    if let Some(told) = cut.release_type {
        if release.commit.is_none() {
            release.release_type = told;
        } else if told != release.release_type {
            let was = release.release_type.name();
            effects.warnings.push(format!("It was cut as {was}; that it is {} changes nothing.", told.name()));
        }
    }
    release.commit = Some(cut.commit.clone());
    // What was told first stands: a later word must not take commits out of what somebody decided on.
    release.previous = release.previous.take().or_else(|| cut.previous.clone());
    release.planned_at = cut.planned_at.or(release.planned_at);
    release.cut_at = release.cut_at.or(Some(batch.now));
    if release.state == ReleaseState::Open {
        release.state = ReleaseState::Cut;
    }
    releases::update(batch.tx, &stored, &old_version, batch.work_first)?;
    graph::insert_cut(batch.tx, &cut.commit, stored.seq)?;
    for digest in &cut.digests {
        // From the release itself: another product may be cut at the same commit.
        let own = Key::release(&product.name, &cut.version);
        signals::insert_link(batch.tx, &Link::new(own, Key::digest(digest), BindRule::Digest), Audience::EVERYONE)?;
    }
    let mark = [label(&stored.label_key, stored.release.id.as_str())];
    batch.control("release-cut", "certrail", &mark, &stored.release)?;
    let mut collected = Vec::new();
    if converts {
        collected = ownership::base_commits(batch.tx, stored.seq)?;
        ownership::release_all(batch.tx, stored.seq, &mut effects.touched)?;
        open_release(batch, product)?;
    }
    // Others contain it, or wait to know where it is cut, or what is.
    let mut waiting: BTreeSet<i64> = base::concerned(batch.tx, &product.name, &cut.commit)?.into_iter().collect();
    waiting.extend(graph::waiting_for(batch.tx, &range::place_of(&product.name, &cut.version), &product.name)?);
    waiting.remove(&stored.seq);
    // What somebody decided on is told no other range.
    if matches!(stored.release.state, ReleaseState::Open | ReleaseState::Cut) {
        range::set_exact(batch.tx, stored.seq, cut.range.as_deref())?;
    }
    range::recompute(batch, stored.seq, effects)?;
    walk_again(batch, waiting, effects)?;
    if let Some(previous) = cut.previous.as_ref().filter(|_| !cut.observed)
        && !range::is_known(batch.tx, product, previous)?
    {
        effects.warnings.push(format!(
            "No release or baseline of {} is called {previous}, so nothing is left out because of it.",
            product.name
        ));
    }
    range::leftovers(batch, product, &collected, effects)?;
    effects.ship.insert(stored.seq);
    Ok(())
}

/// Brings the artefacts in a release's record in line with what it owns. `true` if they changed.
fn refresh_artefacts(batch: &mut Batch<'_>, seq: i64) -> Result<bool, Fault> {
    let Some(mut stored) = releases::by_seq(batch.tx, seq)? else { return Ok(false) };
    let digests = ownership::artefacts(batch.tx, seq)?;
    if digests == stored.release.digests || stored.release.state == ReleaseState::Open {
        return Ok(false);
    }
    let version = stored.release.version.clone();
    stored.release.digests = digests;
    releases::update(batch.tx, &stored, &version, batch.work_first)?;
    Ok(true)
}

/// A product's repositories or branch changed: its open release collects from where they are now.
pub(crate) fn follow_product(batch: &mut Batch<'_>, product: &Product) -> Result<Effects, Fault> {
    let mut effects = Effects::default();
    let open = open_release(batch, product)?;
    // Whatever is bound to it looks for its release again: a repository or branch may have left.
    effects.touched.look_again(bindings::indexes_of_release(batch.tx, open.seq)?);
    let mut keys = open_base(product);
    for commit in ownership::base_commits(batch.tx, open.seq)? {
        if range::reached_branch(batch.tx, product, &commit)? {
            keys.push(Key::commit(&commit));
        }
    }
    let base = keys.into_iter().map(|key| (key, BindRule::OpenRelease.rank())).collect();
    ownership::replace(batch.tx, open.seq, &base, &mut effects.touched)?;
    effects.touched.look_at_all();
    Ok(effects)
}

/// What a release that is cut owns, worked out again: another repository became its product's, which may have told of it before;
/// or another release, or a baseline, ends its range now.
pub(crate) fn follow_range(batch: &mut Batch<'_>, seq: i64, effects: &mut Effects) -> Result<(), Fault> {
    range::recompute(batch, seq, effects)
}

/// What the open release of a product owns from the beginning.
fn open_base(product: &Product) -> Vec<Key> {
    let mut base = vec![Key::release(&product.name, Release::OPEN_VERSION)];
    for repository in &product.repositories {
        base.push(Key::target(repository, &product.branch));
    }
    base
}

/// The open release of a product: there is always one.
pub(crate) fn open_release(batch: &mut Batch<'_>, product: &Product) -> Result<StoredRelease, Fault> {
    if let Some(stored) = releases::by_version(batch.tx, &product.name, Release::OPEN_VERSION)?
        && stored.release.state == ReleaseState::Open
    {
        return Ok(stored);
    }
    let stored = new_release(batch, product, Release::OPEN_VERSION)?;
    let mut touched = Touched::default();
    for key in open_base(product) {
        ownership::add_base(batch.tx, stored.seq, &key, BindRule::OpenRelease, &mut touched)?;
    }
    Ok(stored)
}

fn new_release(batch: &mut Batch<'_>, product: &Product, version: &str) -> Result<StoredRelease, Fault> {
    let label_key: [u8; 32] = random()?;
    let release = Release {
        id: ReleaseId::new(batch.now, random()?),
        product: product.name.clone(),
        version: version.to_owned(),
        release_type: ReleaseType::Normal,
        state: if version == Release::OPEN_VERSION { ReleaseState::Open } else { ReleaseState::Cut },
        repository: only_repository(product),
        branch: Some(product.branch.clone()),
        commit: None,
        previous: None,
        digests: Vec::new(),
        created_at: batch.now,
        cut_at: None,
        certified_at: None,
        shipped_at: None,
        planned_at: None,
        range_partial: false,
        bases: Vec::new(),
        includes: Vec::new(),
        ungated: false,
        emergency: None,
        decided_against: None,
        looked_back: Vec::new(),
    };
    let stored = releases::insert(batch.tx, &release, &label_key, batch.work_first)?;
    let mark = [label(&label_key, release.id.as_str())];
    #[derive(Serialize)]
    struct Opened<'a> {
        release: &'a Release,
        label_key: String,
    }
    batch.control(
        "release-opened",
        "certrail",
        &mark,
        &Opened { release: &release, label_key: certrail_ledger::hex(&label_key) },
    )?;
    Ok(stored)
}
