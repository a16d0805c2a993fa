//! The release as its evidence tells it: changes with their authors and reviews, deployments,
//! and which evidence may count at all.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry},
};

use certrail_domain::{
    ActorKind, Course, EvidenceId, FactId, Facts, Interval, RangeBase, Time, Truth, Word,
    facts::{Change, ChangeState, Commit, Deployment, Push, Review, ReviewVerdict},
    normal_version,
};

use crate::{Clock, Evidence, Identities, Input};

/// A review with the evidence that tells of it.
#[derive(Clone, Debug)]
pub struct ReviewView<'a> {
    /// The evidence.
    pub evidence: &'a Evidence,
    /// What it says.
    pub review: &'a Review,
    /// It counts against the change, as every no does; as a yes it would not.
    pub only_told: bool,
}

/// A change of the release, put together from its events.
#[derive(Clone, Debug)]
pub struct ChangeView<'a> {
    /// `change:acme/pay#12`, or `push:<sha>` for commits that came without a change.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The newest event that tells of it; `None` for a direct push.
    pub change: Option<&'a Change>,
    /// `owner/name` and branch it went to.
    pub target: (&'a str, &'a str),
    /// When it reached that branch.
    pub merged: Option<Interval>,
    /// The commit to be reviewed: the head at merge, else the newest head.
    pub head: Option<&'a str>,
    /// Who moved the head to that commit, if anybody said.
    pub last_pusher: Option<&'a str>,
    /// Everybody who wrote any of it, co-authors and the human behind an agent included.
    pub authors: BTreeSet<&'a str>,
    /// Work items it names.
    pub tickets: BTreeSet<&'a str>,
    /// Reviews in order.
    pub reviews: Vec<ReviewView<'a>>,
    /// Commits it brought.
    pub commits: Vec<&'a Commit>,
    /// The evidence that tells of it, reviews left out.
    pub evidence: Vec<EvidenceId>,
}

/// A deployment, put together from its events.
#[derive(Clone, Debug)]
pub struct DeploymentView<'a> {
    /// `github:acme/pay/123/production`.
    pub id: String,
    /// Its newest event.
    pub newest: &'a Deployment,
    /// It went to production, as the product or the sender has it.
    pub production: bool,
    /// When it began, as [`Course`] has it.
    pub start: Interval,
    /// When it succeeded.
    pub succeeded: Option<Interval>,
    /// The artefacts it deployed, from all its events.
    pub digests: BTreeSet<String>,
    /// The evidence that tells of it.
    pub evidence: Vec<EvidenceId>,
}

/// The release as its evidence tells it.
#[derive(Debug)]
pub struct World<'a> {
    /// Evidence that may count, in order of arrival.
    pub usable: Vec<&'a Evidence>,
    /// The same, newest first by when it happened.
    pub newest_first: Vec<&'a Evidence>,
    /// Evidence that claims the future (T39); it counts for nothing.
    pub future: Vec<&'a Evidence>,
    /// Evidence made after the release began to go to production (T38); it cannot satisfy what had to come before.
    pub after: Vec<&'a Evidence>,
    /// Its changes, in order of merging.
    pub changes: Vec<ChangeView<'a>>,
    /// The deployments of exactly it, in order.
    pub deployments: Vec<DeploymentView<'a>>,
    /// The moment that counts: when it began to go to production, else the clock of the decision.
    /// What expires later does not undo what shipped under it.
    pub as_of: Clock,
    /// The clock of the decision.
    pub clock: Clock,
}

/// Kinds that speak of what comes with or after deployment, and so are never too late.
fn follows_deployment(facts: &Facts) -> bool {
    matches!(facts, Facts::Deployment(_) | Facts::Validation(_))
}

impl<'a> World<'a> {
    /// Puts the release together.
    #[must_use]
    pub fn new(input: &Input<'a>) -> Self {
        let (future, present): (Vec<&Evidence>, Vec<&Evidence>) = once(input.evidence).partition(|e| claims_future(e));
        let deployments = deployments(input, &present, &future);
        let begun =
            deployments.iter().filter(|d| d.production && d.succeeded.is_some()).map(|d| d.start).min_by_key(|i| i.at);
        let too_late = |e: &&Evidence| {
            begun.is_some_and(|start| !follows_deployment(&e.signal.facts) && start.before(e.interval()) == Truth::True)
        };
        let (after, usable): (Vec<&Evidence>, Vec<&Evidence>) = present.into_iter().partition(too_late);
        let changes = changes(input, &usable, &after);
        let mut newest_first = usable.clone();
        newest_first.sort_unstable_by_key(|e| Reverse((e.at(), e.log_index)));
        // A deployment that claims to have begun before its release was cut takes nothing back to when evidence was fresh.
        let cut = input.release.cut_at.unwrap_or(input.release.created_at);
        let clock = Clock::running(input.decision_time);
        let begun = begun.map(|b| b.at.max(cut));
        let as_of = match begun {
            Some(at) if clock.has_come(at) => Clock::stopped(at),
            _ => Clock::running(input.decision_time),
        };
        // What claims a time that has not come is looked at again when it has.
        for e in input.evidence.iter().chain(input.context) {
            clock.has_come(e.at());
        }
        Self { usable, newest_first, future, after, changes, deployments, as_of, clock }
    }

    /// The first instant at which the clock alone could change what was made of this.
    #[must_use]
    pub fn valid_until(&self) -> Option<Time> {
        self.as_of.turn().into_iter().chain(self.clock.turn()).min()
    }

    /// Everybody who wrote any part of the release.
    #[must_use]
    pub fn authors(&self) -> BTreeSet<&'a str> {
        self.changes.iter().flat_map(|c| c.authors.iter().copied()).collect()
    }

    /// Successful deployments to production, in order.
    pub fn production(&self) -> impl Iterator<Item = &DeploymentView<'a>> {
        self.deployments.iter().filter(|d| d.production && d.succeeded.is_some())
    }
}

/// Each fact once, however often it was told: its first sighting counts. Sightings that disagree all count, so that none hides
/// what another says.
fn once(evidence: &[Evidence]) -> impl Iterator<Item = &Evidence> {
    let mut first: HashMap<&FactId, &Evidence> = HashMap::with_capacity(evidence.len());
    let mut others: HashMap<&FactId, Vec<&Evidence>> = HashMap::new();
    evidence.iter().filter(move |e| {
        let Some(fact) = &e.signal.fact else { return true };
        let first = match first.entry(fact) {
            Entry::Vacant(free) => {
                free.insert(e);
                return true;
            }
            Entry::Occupied(first) => *first.get(),
        };
        let others = others.entry(fact).or_default();
        let same = |b: &&Evidence| b.signal.facts == e.signal.facts && b.signal.known == e.signal.known;
        let told = same(&first) || others.iter().any(same);
        if !told {
            others.push(e);
        }
        !told
    })
}

fn claims_future(e: &Evidence) -> bool {
    e.signal.claims_future(e.receipt_interval())
}

/// The deployments of exactly this release. Others that are bound to it, of a commit in its history say, are
/// part of its story and decide nothing.
fn deployments<'a>(input: &Input<'a>, present: &[&'a Evidence], future: &[&'a Evidence]) -> Vec<DeploymentView<'a>> {
    let mut by_id: BTreeMap<String, Vec<(&'a Evidence, &'a Deployment)>> = BTreeMap::new();
    for e in present.iter().chain(future) {
        if let Facts::Deployment(d) = &e.signal.facts
            && input.release.is_deployed_by(d, e.rule)
        {
            by_id.entry(d.attempt()).or_default().push((e, d));
        }
    }
    let mut views: Vec<DeploymentView<'a>> = by_id
        .into_iter()
        .filter_map(|(id, mut events)| {
            events.sort_by_key(|(e, _)| (e.at(), e.log_index));
            let word = |e: &Evidence, d: &Deployment| {
                Word::of(&e.signal, d.state, e.received, e.receipt_interval(), e.log_index)
            };
            let words: Vec<Word> = events.iter().map(|(e, d)| word(e, d)).collect();
            let Course { began: start, succeeded } = Course::of(&words)?;
            events.retain(|(e, _)| !claims_future(e));
            let (_, newest) = *events.last()?;
            Some(DeploymentView {
                id,
                newest,
                production: events.iter().any(|(_, d)| input.product.is_production(d)),
                start,
                succeeded,
                digests: events.iter().flat_map(|(_, d)| d.digests.iter().cloned()).collect(),
                evidence: events.iter().map(|(e, _)| e.id.clone()).collect(),
            })
        })
        .collect();
    views.sort_by(|a, b| (a.start.at, &a.id).cmp(&(b.start.at, &b.id)));
    views
}

fn changes<'a>(input: &Input<'a>, usable: &[&'a Evidence], after: &[&'a Evidence]) -> Vec<ChangeView<'a>> {
    // Changes and pushes are history, not claims about the release: when they were told does not matter.
    let mut events: BTreeMap<(&'a str, u64), Vec<(&'a Evidence, &'a Change)>> = BTreeMap::new();
    let mut pushes: Vec<(&'a Evidence, &'a Push)> = Vec::new();
    let mut reviews: BTreeMap<(&'a str, u64), Vec<ReviewView<'a>>> = BTreeMap::new();
    let mut range: Vec<(&'a Evidence, &'a Commit)> = Vec::new();
    for e in usable.iter().chain(after) {
        match &e.signal.facts {
            // What somebody told of a change or a yes is no change and no yes; a no that was told is one.
            Facts::Change(_) if !e.is_believed(input.product) => {}
            Facts::Change(c) => events.entry((c.repository.as_str(), c.number)).or_default().push((e, c)),
            Facts::Push(p) => pushes.push((e, p)),
            Facts::Review(r) => {
                let view = ReviewView { evidence: e, review: r, only_told: false };
                reviews.entry((r.repository.as_str(), r.number)).or_default().push(view);
            }
            // What it tells of another commit than the one where the release is cut is no range of it; that of a release which
            // nobody decided on is, where this one contains it.
            Facts::Manifest(m)
                if input.release.commit.as_deref().is_none_or(|cut| cut == m.commit)
                    || input.release.includes.iter().any(|version| *version == normal_version(&m.version)) =>
            {
                range.extend(m.range.iter().flatten().map(|c| (*e, c)));
            }
            _ => {}
        }
    }
    let behind = behind(&input.release.bases, &range);
    range.retain(|(_, commit)| !behind.contains(commit.sha.as_str()));
    // A release has hundreds of both: each change looks up its own pushes.
    let mut by_tip: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, (_, push)) in pushes.iter().enumerate() {
        if let Some(after) = push.after.as_deref() {
            by_tip.entry(after).or_default().push(n);
        }
    }
    let pushed_to = |tips: &BTreeSet<&str>| -> Vec<&'a Push> {
        let mut own: Vec<usize> = tips.iter().filter_map(|tip| by_tip.get(tip)).flatten().copied().collect();
        own.sort_unstable();
        own.into_iter().map(|n| pushes[n].1).collect()
    };
    // Whoever anybody says wrote a commit wrote it: a told list takes no author away. Forges list none.
    let mut wrote: HashMap<&str, Vec<&'a Commit>> = HashMap::new();
    let lists = events.values().flatten().any(|(_, change)| !change.commits.is_empty());
    let known = pushes.iter().flat_map(|(_, p)| &p.commits).chain(range.iter().map(|(_, c)| *c));
    for commit in known.filter(|_| lists) {
        wrote.entry(commit.sha.as_str()).or_default().push(commit);
    }
    let mut covered: HashSet<&str> = HashSet::new();
    let mut views: Vec<ChangeView<'a>> = Vec::new();
    for (key, mut told) in events {
        let mut reviewed = reviews.remove(&key).unwrap_or_default();
        reviewed.sort_by_key(|r| (r.evidence.at(), r.evidence.log_index));
        // What the forge itself tells of a change is not told otherwise by anybody.
        let by_forge = told.iter().any(|(e, _)| e.is_observed());
        if by_forge {
            told.retain(|(e, _)| e.is_observed());
            told.sort_by_key(|(e, _)| (e.at(), e.log_index));
        } else {
            // Of what was told the last word counts, also where it corrects a time.
            told.sort_by_key(|(e, _)| e.log_index);
        }
        let by_forge = by_forge || reviewed.iter().any(|r| r.evidence.is_observed());
        let counts = |e: &Evidence| e.is_observed() || (!by_forge && e.is_believed(input.product));
        let (counting, only_told): (Vec<_>, Vec<_>) = reviewed.into_iter().partition(|r| counts(r.evidence));
        let mut own = Vec::new();
        let mut view = one_change(&key, &told, pushed_to, counting, &mut own);
        // A no counts from everybody, until it is told otherwise: what was told takes back what was told, whenever, and no more.
        let last = last_words(&only_told, None, input.identities);
        let noes = last.into_values().filter(|r| r.review.verdict == ReviewVerdict::ChangesRequested);
        view.reviews.extend(noes.map(|no| ReviewView { only_told: true, ..no.clone() }));
        view.reviews.sort_by_key(|r| (r.evidence.at(), r.evidence.log_index));
        let listed = told.iter().flat_map(|(_, change)| &change.commits);
        for commit in listed.filter_map(|c| wrote.get(c.sha.as_str())).flatten() {
            view.authors.extend(commit.author.iter().chain(&commit.co_authors).map(String::as_str));
        }
        // Only a merged change answers for its commits: what was closed, or is still open, covers nothing.
        if view.merged.is_some() {
            covered.extend(own);
        }
        // What was closed without merging is not part of anything.
        if view.change.is_none_or(|c| c.state != ChangeState::Closed) {
            views.push(view);
        }
    }
    views.extend(direct_pushes(input, &pushes, &range, &covered));
    views.sort_by(|a, b| {
        let at = |v: &ChangeView<'_>| v.merged.map_or(Time::from_micros(i64::MAX), |m| m.at);
        (at(a), &a.id).cmp(&(at(b), &b.id))
    });
    views
}

/// The last word of each person who reviewed a change, from reviews in order: a later one replaces the earlier, but
/// what came after the merge replaces nothing from before; a comment replaces nothing.
pub(crate) fn last_words<'v, 'a>(
    reviews: &'v [ReviewView<'a>],
    merged: Option<Interval>,
    identities: &'v Identities,
) -> BTreeMap<&'v str, &'v ReviewView<'a>> {
    let mut latest: BTreeMap<&str, &ReviewView<'_>> = BTreeMap::new();
    for view in reviews {
        let Some(reviewer) = &view.review.reviewer else { continue };
        // The forge repeats the time of the review when it is set aside; at equal times that wins.
        let person = identities.person(&reviewer.account);
        let stays = latest.get(person).is_some_and(|known| {
            known.review.verdict == ReviewVerdict::Dismissed && known.evidence.at() == view.evidence.at()
        });
        let replayed = view.evidence.is_observed() && view.evidence.duplicate_of.is_some();
        let no = |v: &&ReviewView<'_>| v.review.verdict == ReviewVerdict::ChangesRequested;
        let known_better = view.only_told && latest.get(person).is_some_and(no);
        if stays || replayed || known_better {
            continue; // a replay under a fresh delivery id revives nothing
        }
        let after = |v: &ReviewView<'_>| merged.is_some_and(|m| m.before(v.evidence.interval()) == Truth::True);
        let before = |v: &ReviewView<'_>| merged.is_none_or(|m| v.evidence.interval().before(m) == Truth::True);
        let replaces = latest.get(person).is_none_or(|known| {
            if no(known) && !no(&view) {
                // Where the clocks cannot tell, a no stands.
                before(view) || after(known) || known.evidence.at() == view.evidence.at()
            } else {
                !after(view) || after(known)
            }
        });
        if view.review.verdict != ReviewVerdict::Commented && replaces {
            latest.insert(person, view);
        }
    }
    latest
}

fn one_change<'a>(
    key: &(&str, u64),
    told: &[(&'a Evidence, &'a Change)],
    pushed_to: impl Fn(&BTreeSet<&str>) -> Vec<&'a Push>,
    reviews: Vec<ReviewView<'a>>,
    covered: &mut Vec<&'a str>,
) -> ChangeView<'a> {
    let merged = told.iter().rev().find(|(_, c)| c.state == ChangeState::Merged);
    let (newest_evidence, newest) = merged.or_else(|| told.last()).copied().expect("a change has an event");
    let head = newest.head.as_str();
    let heads: BTreeSet<&str> = told.iter().map(|(_, c)| c.head.as_str()).collect();
    let last_pusher = told
        .iter()
        .rev()
        .find(|(_, c)| c.head == head && c.pusher.is_some())
        .and_then(|(_, c)| c.pusher.as_ref())
        .map(|a| a.account.as_str());
    let mut authors: BTreeSet<&str> = BTreeSet::new();
    let mut tickets: BTreeSet<&str> = BTreeSet::new();
    for (_, change) in told {
        let bot = change.author.as_ref().is_some_and(|a| a.kind == ActorKind::Bot);
        authors.extend(change.author.iter().chain(&change.principal).map(|a| a.account.as_str()));
        // Whoever pushed to it wrote some of it, unless a program did in somebody's name.
        authors.extend(change.pusher.iter().filter(|_| !bot).map(|a| a.account.as_str()));
        tickets.extend(change.tickets.iter().map(String::as_str));
    }
    let merge_commit = newest.merge_commit.as_deref();
    let mut commits: Vec<&Commit> = Vec::new();
    let tips = heads.iter().copied().chain(merge_commit).collect();
    for push in pushed_to(&tips) {
        covered.extend(push.after.as_deref());
        covered.extend(push.commits.iter().map(|c| c.sha.as_str()));
        commits.extend(&push.commits);
    }
    covered.extend(newest.commits.iter().map(|c| c.sha.as_str()));
    commits.extend(&newest.commits);
    covered.extend(heads);
    covered.extend(merge_commit);
    for commit in &commits {
        // The forge itself signs merge commits; it is nobody's author.
        authors.extend(commit.author.iter().chain(&commit.co_authors).map(String::as_str).filter(|a| *a != "web-flow"));
        tickets.extend(commit.tickets.iter().map(String::as_str));
    }
    let at = newest.merged_at.map(|at| Interval::new(at, newest_evidence.interval().epsilon));
    ChangeView {
        id: format!("change:{}#{}", key.0, key.1),
        name: if newest.title.is_empty() { format!("#{}", key.1) } else { format!("#{} {}", key.1, newest.title) },
        change: Some(newest),
        target: (&newest.repository, &newest.target_branch),
        merged: merged.and(at.or(Some(newest_evidence.interval()))),
        head: Some(head),
        last_pusher,
        authors,
        tickets,
        reviews,
        commits,
        evidence: told.iter().map(|(e, _)| e.id.clone()).collect(),
    }
}

/// Commits that reached the branch, or are in the range, and belong to no change.
fn direct_pushes<'a>(
    input: &Input<'a>,
    pushes: &[(&'a Evidence, &'a Push)],
    range: &[(&'a Evidence, &'a Commit)],
    covered: &HashSet<&str>,
) -> Vec<ChangeView<'a>> {
    let mut views = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let branch = input.release.branch.as_deref();
    let mut view = |evidence: &'a Evidence,
                    sha: &'a str,
                    commits: Vec<&'a Commit>,
                    target: (&'a str, &'a str),
                    pusher: Option<&'a str>| {
        let authors = commits.iter().flat_map(|c| c.author.iter().chain(&c.co_authors)).map(String::as_str).collect();
        let tickets = commits.iter().flat_map(|c| c.tickets.iter()).map(String::as_str).collect();
        let short: String = sha.chars().take(7).collect();
        let title = commits.last().map_or("", |c| c.title.as_str());
        views.push(ChangeView {
            id: format!("push:{sha}"),
            name: format!("direct push {short} {title}").trim_end().to_owned(),
            change: None,
            target,
            merged: Some(evidence.interval()),
            head: Some(sha),
            last_pusher: pusher,
            authors,
            tickets,
            reviews: Vec::new(),
            commits,
            evidence: vec![evidence.id.clone()],
        });
    };
    for (e, push) in pushes.iter().filter(|(_, p)| branch.is_none_or(|b| b == p.branch)) {
        let uncovered: Vec<&'a Commit> = push.commits.iter().filter(|c| !covered.contains(c.sha.as_str())).collect();
        let Some(after) = push.after.as_deref().filter(|_| !uncovered.is_empty()) else { continue };
        seen.extend(push.commits.iter().map(|c| c.sha.as_str()));
        let pusher = push.pusher.as_ref().map(|a| a.account.as_str());
        view(e, after, uncovered, (&push.repository, &push.branch), pusher);
    }
    for (e, commit) in range {
        // Only its own object proves that it is a merge.
        let merge = commit.proved && commit.parents.as_ref().is_some_and(|p| p.len() > 1);
        if !merge && !covered.contains(commit.sha.as_str()) && seen.insert(&commit.sha) {
            let repository = input.release.repository.as_deref().unwrap_or_default();
            view(e, &commit.sha, vec![*commit], (repository, branch.unwrap_or_default()), None);
        }
    }
    views
}

/// What a checkout told that is behind the ends of the range: it was judged before, or is older than the baseline.
fn behind<'a>(ends: &'a [RangeBase], told: &[(&Evidence, &'a Commit)]) -> HashSet<&'a str> {
    let follows: HashMap<&str, &'a Vec<String>> =
        told.iter().filter_map(|(_, c)| Some((c.sha.as_str(), c.parents.as_ref()?))).collect();
    let mut behind = HashSet::new();
    let mut queue: Vec<&'a str> = ends.iter().map(|end| end.commit.as_str()).collect();
    while let Some(commit) = queue.pop() {
        if behind.insert(commit) {
            queue.extend(follows.get(commit).into_iter().flat_map(|parents| parents.iter().map(String::as_str)));
        }
    }
    behind
}

/// The sentence part for how long after `earlier` something happened: `3 h 12 min before`.
#[must_use]
pub fn spans(earlier: Time, later: Time) -> String {
    Time::span(later.since(earlier))
}
