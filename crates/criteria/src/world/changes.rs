//! The changes of a release with their authors and reviews, and the commits that came without one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use certrail_domain::{
    Actor, EvidenceId, Facts, Interval, RangeBase, Time, Truth,
    facts::{Change, ChangeState, Commit, Push, ReviewVerdict},
    normal_version,
};

use super::{
    cover::{Brought, History, Landed, Told},
    words::{Merged, ReviewView, last_words},
};
use crate::{Evidence, Identities, Input};

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
    /// That branch is the one the release is cut from. What went to another came here by a change of its own, if it did.
    pub on_line: bool,
    /// It came with the change of this name, and nothing tells whether it belongs to it.
    pub unclear_of: Option<String>,
    /// When it reached that branch.
    pub merged: Option<Interval>,
    /// What told of the merge, where that was the forge, by its own clock.
    pub merge_clock: Option<&'a Evidence>,
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

impl ChangeView<'_> {
    /// Marks the reviews of others that an author set aside, or somebody who may be one.
    fn judge_setting_aside(&mut self, identities: &Identities) {
        for view in &mut self.reviews {
            let (Some(by), Some(reviewer)) = (&view.review.set_aside_by, &view.review.reviewer) else { continue };
            view.by_author = identities.same(&by.account, &reviewer.account) != Truth::True
                && identities.among(&by.account, self.authors.iter().copied()) != Truth::False;
        }
    }

    /// When it was merged, with the clock of whoever tells.
    pub(crate) fn merging(&self) -> Option<Merged<'_>> {
        self.merged.map(|at| Merged { at, by: self.merge_clock })
    }
}

/// Puts the changes together from what was told, whenever that was.
pub(super) fn changes<'a>(input: &Input<'a>, usable: &[&'a Evidence], after: &[&'a Evidence]) -> Vec<ChangeView<'a>> {
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
                let view = ReviewView::new(e, r);
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
    let believed = |e: &Evidence| e.is_believed(input.product);
    let merged = events.values().flatten().map(|(_, change)| *change);
    let history = History::new(
        pushes.iter().map(|(e, push)| (*push, believed(e))),
        &range,
        input.release.commit.as_deref(),
        merged,
    );
    let line = Line::new(input, &pushes, events.values().flatten().map(|(_, change)| *change));
    let mut covered = Covered::default();
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
        let (mut view, brought) = one_change(&key, &told, &history, counting);
        // Of what is cut, what is not merged is no part.
        view.on_line = line.has(view.target.1) && (view.merged.is_some() || input.release.commit.is_none());
        view.judge_setting_aside(input.identities);
        // A no counts from everybody, until it is told otherwise: what was told takes back what was told, whenever, and no more.
        let last = last_words(&only_told, None, input.identities);
        let noes = last.into_values().filter(|r| r.review.verdict == ReviewVerdict::ChangesRequested);
        view.reviews.extend(noes.map(|no| ReviewView { only_told: true, ..no.clone() }));
        view.reviews.sort_by_key(|r| (r.evidence.at(), r.evidence.log_index));
        // Only a merged change answers for its commits: what was closed, or is still open, covers nothing.
        if let Some(brought) = brought {
            covered.add(&view, &brought);
        }
        // What was closed without merging is not part of anything.
        if view.change.is_none_or(|c| c.state != ChangeState::Closed) {
            views.push(view);
        }
    }
    views.extend(direct_pushes(input, &pushes, &range, &covered, &line, &history));
    views.sort_by(|a, b| {
        let at = |v: &ChangeView<'_>| v.merged.map_or(Time::from_micros(i64::MAX), |m| m.at);
        (at(a), &a.id).cmp(&(at(b), &b.id))
    });
    views
}

/// A change from its events, and what it brought if it is merged.
fn one_change<'a>(
    key: &(&str, u64),
    told: &[(&'a Evidence, &'a Change)],
    history: &History<'a>,
    reviews: Vec<ReviewView<'a>>,
) -> (ChangeView<'a>, Option<Brought<'a>>) {
    let merged = told.iter().rev().find(|(_, c)| c.state == ChangeState::Merged);
    let (newest_evidence, newest) = merged.or_else(|| told.last()).copied().expect("a change has an event");
    let brought = history.brought(newest);
    let target = newest.target_branch.as_str();
    let mut authors: BTreeSet<&str> = BTreeSet::new();
    let mut tickets: BTreeSet<&str> = BTreeSet::new();
    for (_, change) in told {
        authors.extend(change.author.iter().chain(&change.principal).map(|a| a.account.as_str()));
        // Whoever pushed to it wrote some of it, unless all they did was to press a button.
        let by_button = |push| history.is_by_button(push, target);
        let pusher = change.pusher.as_ref().filter(|_| !history.ended_at(&change.head).any(by_button));
        authors.extend(pusher.map(|a| a.account.as_str()));
        tickets.extend(change.tickets.iter().map(String::as_str));
    }
    let heads = told.iter().map(|(_, change)| change.head.as_str()).chain(brought.own.iter().copied());
    let pushed = history.led_to(heads, &newest.head_branch, target).into_iter();
    let pushed = pushed.filter(|push| !history.is_by_button(push, target));
    authors.extend(pushed.filter_map(|push| Some(push.pusher.as_ref()?.account.as_str())));
    let merge = newest.merge_commit.as_deref();
    let listed: Vec<&Commit> = told.iter().flat_map(|(_, change)| &change.commits).collect();
    let shas: BTreeSet<&str> =
        brought.own.iter().chain(&brought.covered).copied().chain(listed.iter().map(|c| c.sha.as_str())).collect();
    let mut commits: Vec<&Commit> = Vec::new();
    for sha in shas {
        let joins = |push| history.is_update(push, target) || history.landed(push) == Landed::Merged;
        let updates = || history.ended_at(sha).any(joins);
        // Whoever presses the button that merges, or the one that updates a branch, wrote nothing.
        let by_button = if merge == Some(sha) && brought.lands_itself { !brought.by_hand } else { updates() };
        let said = listed.iter().filter(|c| c.sha == sha).map(|commit| Told { commit, believed: true });
        for Told { commit, believed } in history.told(sha).chain(said) {
            // What the forge squashed names whoever made any of the commits, also by a button: where these are known, they tell.
            let repeats = merge == Some(sha) && !brought.lands_itself && brought.whole && commit.by_forge == Some(true);
            if !by_button && !repeats {
                authors.extend(commit.author.iter().chain(&commit.co_authors).map(String::as_str));
            }
            if believed {
                tickets.extend(commit.tickets.iter().map(String::as_str));
                if commits.last().is_none_or(|c| c.sha != commit.sha) {
                    commits.push(commit);
                }
            }
        }
    }
    // The forge itself commits under a name of its own; it is nobody's author.
    authors.remove("web-flow");
    if brought.by_hand
        && let Some(by) = merge.and_then(|m| history.pusher_of(newest, m))
    {
        authors.insert(by);
    }
    let at = newest.merged_at.map(|at| Interval::new(at, newest_evidence.interval().epsilon));
    let mut view = ChangeView {
        id: format!("change:{}#{}", key.0, key.1),
        name: if newest.title.is_empty() { format!("#{}", key.1) } else { format!("#{} {}", key.1, newest.title) },
        change: Some(newest),
        target: (&newest.repository, &newest.target_branch),
        on_line: true,
        unclear_of: None,
        merged: merged.and(at.or(Some(newest_evidence.interval()))),
        merge_clock: merged.map(|(e, _)| *e).filter(|e| e.is_observed() && e.signal.occurred_at.is_some()),
        head: Some(newest.head.as_str()),
        last_pusher: last_pusher(newest, told, history),
        authors,
        tickets,
        reviews,
        commits,
        evidence: told.iter().map(|(e, _)| e.id.clone()).collect(),
    };
    for review in &mut view.reviews {
        review.other_target = other_target(review, told, &newest.target_branch);
    }
    (view, merged.is_some().then_some(brought))
}

/// Who moved the head to where it is. Bringing it up to date with the target moves it, and is nobody's work.
fn last_pusher<'a>(newest: &'a Change, told: &[(&'a Evidence, &'a Change)], history: &History<'a>) -> Option<&'a str> {
    let mut head = newest.head.as_str();
    let mut seen = BTreeSet::new();
    while seen.insert(head) {
        let ended = |by_button: bool| {
            let target = newest.target_branch.as_str();
            history.ended_at(head).find(|p| history.is_by_button(p, target) == by_button && p.branch != target)
        };
        if let Some(before) = ended(true).and_then(|push| push.before.as_deref()) {
            head = before;
            continue;
        }
        let said = told.iter().rev().find(|(_, c)| c.head == head && c.pusher.is_some());
        let by = said.and_then(|(_, c)| c.pusher.as_ref()).or_else(|| ended(false)?.pusher.as_ref());
        return by.map(|a| a.account.as_str());
    }
    None
}

/// The branch a change was to go to when somebody looked at it, where that is another than the one it went to.
fn other_target<'a>(review: &ReviewView<'a>, told: &[(&'a Evidence, &'a Change)], target: &str) -> Option<&'a str> {
    // What the review itself says counts, where the change ever was to go there; else what the change said last.
    let own = review.review.target_branch.as_deref().filter(|own| told.iter().any(|(_, c)| c.target_branch == *own));
    let then =
        || told.iter().rev().find(|(e, _)| e.at() <= review.evidence.at()).map(|(_, c)| c.target_branch.as_str());
    own.or_else(then).filter(|then| *then != target)
}

/// The branches a release is cut from: the one of the product, else that of a line of its own.
struct Line<'a>(BTreeSet<&'a str>);

impl<'a> Line<'a> {
    fn new(input: &Input<'a>, pushes: &[(&'a Evidence, &'a Push)], changes: impl Iterator<Item = &'a Change>) -> Self {
        let own = input.release.branch.as_deref().unwrap_or(&input.product.branch);
        let mut line = BTreeSet::from([own]);
        let Some(cut) = input.release.commit.as_deref() else { return Self(line) };
        let believed: Vec<&Push> =
            pushes.iter().filter(|(e, _)| e.is_believed(input.product)).map(|(_, push)| *push).collect();
        let listing = |p: &Push| p.after.as_deref() == Some(cut) || p.commits.iter().any(|c| c.sha == cut);
        let on = |with: &dyn Fn(&Push) -> bool| -> BTreeSet<&'a str> {
            believed.iter().filter(|p| with(p)).map(|p| p.branch.as_str()).collect()
        };
        let anywhere = on(&listing);
        // A branch that was merged into another of them is where work came from, and not what the release is cut from.
        let merged: Vec<&Change> = changes.filter(|c| c.state == ChangeState::Merged).collect();
        let source = |branch: &str| {
            let into = |c: &Change| c.target_branch != branch && anywhere.contains(c.target_branch.as_str());
            merged.iter().any(|c| c.head_branch == branch && into(c))
        };
        // Where it was the head once is where it was cut; what came to another branch later was merged forward.
        let ended = on(&|p| p.after.as_deref() == Some(cut));
        let first = |some: &BTreeSet<&'a str>| -> BTreeSet<&'a str> {
            some.iter().copied().filter(|branch| !source(branch)).collect()
        };
        let cut_on = [first(&ended), first(&anywhere), anywhere.clone()].into_iter().find(|some| !some.is_empty());
        let cut_on = cut_on.unwrap_or_default();
        if !cut_on.contains(own) {
            line.extend(cut_on);
        }
        // What a branch of the line began with was judged on the branch that it began from.
        for origin in line.clone().into_iter().filter(|branch| *branch != own) {
            let begun = believed.iter().filter(|p| p.branch == origin && p.before.is_none());
            let begun: Vec<&str> = begun.filter(|p| p.commits.is_empty()).filter_map(|p| p.after.as_deref()).collect();
            let from = |p: &Push| p.after.as_deref().is_some_and(|after| begun.contains(&after));
            line.extend(on(&from).into_iter().filter(|branch| !source(branch)));
        }
        Self(line)
    }

    /// The branch to name where no push tells: one of its own, if it has one.
    fn named(&self, input: &Input<'a>) -> &'a str {
        let own = input.release.branch.as_deref().unwrap_or(&input.product.branch);
        self.0.iter().copied().find(|branch| *branch != own).unwrap_or(own)
    }

    fn has(&self, branch: &str) -> bool {
        self.0.contains(branch)
    }
}

/// The commits that merged changes answer for, each on the branch it was merged to.
#[derive(Default)]
struct Covered<'a> {
    by_place: HashSet<(&'a str, &'a str, &'a str)>,
    /// What came with a change and may be its own, with its name.
    unclear: HashMap<(&'a str, &'a str, &'a str), String>,
}

impl<'a> Covered<'a> {
    fn add(&mut self, view: &ChangeView<'a>, brought: &Brought<'a>) {
        let (repository, branch) = view.target;
        let listed = view.change.iter().flat_map(|change| change.commits.iter().map(|c| c.sha.as_str()));
        self.by_place.extend(
            brought.covered.iter().chain(&brought.joint).copied().chain(listed).map(|sha| (repository, branch, sha)),
        );
        for sha in &brought.unclear {
            self.unclear.entry((repository, branch, sha)).or_insert_with(|| view.name.clone());
        }
    }
}

/// Commits that reached the branch, or are in the range, and belong to no change.
fn direct_pushes<'a>(
    input: &Input<'a>,
    pushes: &[(&'a Evidence, &'a Push)],
    range: &[(&'a Evidence, &'a Commit)],
    covered: &Covered<'a>,
    line: &Line<'a>,
    history: &History<'a>,
) -> Vec<ChangeView<'a>> {
    let mut views = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (e, push) in pushes.iter().filter(|(_, p)| line.has(&p.branch)) {
        seen.extend(push.commits.iter().map(|c| c.sha.as_str()));
        let place = |c: &'a Commit| (push.repository.as_str(), push.branch.as_str(), c.sha.as_str());
        let rest = push.commits.iter().filter(|c| !covered.by_place.contains(&place(c)));
        let (unclear, rest): (Vec<&'a Commit>, Vec<&'a Commit>) =
            rest.partition(|c| covered.unclear.contains_key(&place(c)));
        for commit in unclear {
            let name = covered.unclear.get(&place(commit)).cloned();
            views.push(came_alone(e, vec![commit], (&push.repository, &push.branch), push.pusher.as_ref(), name));
        }
        if !rest.is_empty() {
            views.push(came_alone(e, rest, (&push.repository, &push.branch), push.pusher.as_ref(), None));
        }
    }
    let repository = input.release.repository.as_deref().unwrap_or_default();
    let branch = line.named(input);
    let anywhere: HashSet<&str> =
        covered.by_place.iter().filter(|(_, branch, _)| line.has(branch)).map(|(_, _, sha)| *sha).collect();
    for (e, commit) in range {
        if !anywhere.contains(commit.sha.as_str()) && seen.insert(&commit.sha) {
            views.push(came_alone(e, vec![*commit], (repository, branch), None, None));
        }
    }
    // What ships and came to the line by no push that we heard.
    let ships = history.ships(input);
    for (e, push) in pushes.iter().filter(|(_, p)| !line.has(&p.branch)) {
        let unheard = |c: &&Commit| {
            !c.known_before
                && ships.contains(c.sha.as_str())
                && !anywhere.contains(c.sha.as_str())
                && !seen.contains(c.sha.as_str())
        };
        let rest: Vec<&'a Commit> = push.commits.iter().filter(unheard).collect();
        seen.extend(rest.iter().map(|c| c.sha.as_str()));
        if !rest.is_empty() {
            views.push(came_alone(e, rest, (&push.repository, branch), push.pusher.as_ref(), None));
        }
    }
    views
}

/// Commits that came without a change, the last of them to name them by.
fn came_alone<'a>(
    evidence: &'a Evidence,
    commits: Vec<&'a Commit>,
    target: (&'a str, &'a str),
    pusher: Option<&'a Actor>,
    unclear_of: Option<String>,
) -> ChangeView<'a> {
    let last = commits.last().expect("at least one commit");
    let short: String = last.sha.chars().take(7).collect();
    let what = if unclear_of.is_some() { "commit" } else { "direct push" };
    let written = commits.iter().flat_map(|c| c.author.iter().chain(&c.co_authors)).map(String::as_str);
    ChangeView {
        id: format!("push:{}", last.sha),
        name: format!("{what} {short} {}", last.title).trim_end().to_owned(),
        change: None,
        target,
        on_line: true,
        unclear_of,
        merged: Some(evidence.interval()),
        merge_clock: None,
        head: Some(&last.sha),
        last_pusher: pusher.map(|a| a.account.as_str()),
        authors: written.chain(pusher.map(|a| a.account.as_str())).filter(|a| *a != "web-flow").collect(),
        tickets: commits.iter().flat_map(|c| c.tickets.iter()).map(String::as_str).collect(),
        reviews: Vec::new(),
        commits,
        evidence: vec![evidence.id.clone()],
    }
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
