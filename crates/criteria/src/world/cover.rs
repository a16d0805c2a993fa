//! Which commits a merged change brought to its branch: exactly what lies between its base and its merged head. What reached
//! the branch beside it, before it, or was once its head and is no more, it does not answer for.

use std::collections::{BTreeSet, HashMap, HashSet};

use certrail_domain::facts::{Change, ChangeState, Commit, Push};

use crate::{Evidence, Input};

/// A commit on a branch of a repository.
type Place<'a> = (&'a str, &'a str, &'a str);

/// What is said of a commit.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) commit: &'a Commit,
    /// Its object proves it, or a push that is believed lists it.
    pub(super) believed: bool,
}

/// A change that was merged as some commit.
struct Merged<'a> {
    number: u64,
    head: &'a str,
}

/// Whether a push is the merge of a change by the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landed {
    No,
    Merged,
    Squashed,
}

/// A merged change whose head came to its target.
struct Came<'a> {
    branch: &'a str,
    head: &'a str,
    merge: Option<&'a str>,
    count: Option<u64>,
}

/// What pushes, and commits that prove what they follow, tell of the history.
pub(super) struct History<'a> {
    /// Pushes that are believed.
    pushes: Vec<&'a Push>,
    /// Those that ended at a commit.
    by_tip: HashMap<&'a str, Vec<usize>>,
    /// Those that brought a commit to a branch.
    reached: HashMap<Place<'a>, Vec<usize>>,
    /// What commits follow, as their own objects say.
    parents: HashMap<&'a str, &'a [String]>,
    /// What is told of a commit, by whomever.
    told: HashMap<&'a str, Vec<Told<'a>>>,
    /// The commits that a checkout told as those of the release.
    range: HashSet<&'a str>,
    /// First parents from the cut on, as far as objects prove them: each was the head of the branch once.
    mainline: HashSet<&'a str>,
    /// What merging a change made, by target.
    merges: HashMap<Place<'a>, Merged<'a>>,
    /// Merged changes by the head they were merged with, by target.
    heads: HashMap<Place<'a>, Came<'a>>,
    /// Heads with which changes were merged, to whatever branch.
    merged_heads: HashSet<&'a str>,
    /// The branches on which commits were new.
    written_on: HashMap<&'a str, BTreeSet<&'a str>>,
}

/// What a change brought.
#[derive(Debug, Default)]
pub(super) struct Brought<'a> {
    /// Its commits, those that squashing left behind included.
    pub(super) own: BTreeSet<&'a str>,
    /// The commits it answers for on its branch.
    pub(super) covered: HashSet<&'a str>,
    /// Commits of others that came with it, all of which are answered for by one or another.
    pub(super) joint: HashSet<&'a str>,
    /// Commits that came with it, and of which nothing tells whether they are its own.
    pub(super) unclear: HashSet<&'a str>,
    /// All its own commits are known: every way back from its head was followed to its end, or the forge counts no more.
    pub(super) whole: bool,
    /// Its merge commit was made by hand, and not by the forge.
    pub(super) by_hand: bool,
    /// Its head is on the branch itself: it was neither squashed nor rebased.
    pub(super) lands_itself: bool,
}

impl<'a> History<'a> {
    pub(super) fn new(
        pushes: impl Iterator<Item = (&'a Push, bool)> + Clone,
        range: &[(&'a Evidence, &'a Commit)],
        cut: Option<&'a str>,
        merged: impl Iterator<Item = &'a Change>,
    ) -> Self {
        let mut told: HashMap<&str, Vec<Told<'_>>> = HashMap::new();
        let pushed = pushes.clone().flat_map(|(p, believed)| p.commits.iter().map(move |c| (c, believed)));
        for (commit, believed) in pushed.chain(range.iter().map(|(_, c)| (*c, c.proved))) {
            told.entry(&commit.sha).or_default().push(Told { commit, believed });
        }
        let proved = told.iter().filter_map(|(sha, all)| {
            let told = all.iter().find(|t| t.commit.proved)?;
            Some((*sha, told.commit.parents.as_deref()?))
        });
        let parents: HashMap<&str, &[String]> = proved.collect();
        let mut mainline = HashSet::new();
        let mut next = cut;
        while let Some(commit) = next.filter(|commit| mainline.insert(*commit)) {
            next = parents.get(commit).and_then(|p| p.first()).map(String::as_str);
        }
        let pushes: Vec<&Push> = pushes.filter(|(_, believed)| *believed).map(|(push, _)| push).collect();
        let mut by_tip: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut reached: HashMap<Place<'_>, Vec<usize>> = HashMap::new();
        let mut written_on: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for (n, push) in pushes.iter().enumerate() {
            if let Some(after) = push.after.as_deref() {
                by_tip.entry(after).or_default().push(n);
            }
            for commit in &push.commits {
                reached.entry((&push.repository, &push.branch, &commit.sha)).or_default().push(n);
                if !commit.known_before {
                    written_on.entry(&commit.sha).or_default().insert(&push.branch);
                }
            }
        }
        let (mut merges, mut heads, mut merged_heads) = (HashMap::new(), HashMap::new(), HashSet::new());
        for change in merged.filter(|c| c.state == ChangeState::Merged) {
            let Change {
                repository, target_branch, head_branch: branch, head, merge_commit, commit_count: count, ..
            } = change;
            let place = |sha: &'a str| (repository.as_str(), target_branch.as_str(), sha);
            let merge = merge_commit.as_deref();
            let merged = Merged { number: change.number, head };
            merges.extend(merge.map(|sha| (place(sha), merged)));
            merged_heads.insert(head.as_str());
            heads.insert(place(head), Came { branch, head, merge, count: *count });
        }
        let range = range.iter().map(|(_, c)| c.sha.as_str()).collect();
        Self { pushes, by_tip, reached, parents, told, range, mainline, merges, heads, merged_heads, written_on }
    }

    /// Who pushed a commit to the target of a change.
    pub(super) fn pusher_of(&self, change: &'a Change, commit: &'a str) -> Option<&'a str> {
        let push = self.pushes[self.carrying(&change.repository, &change.target_branch, commit)?];
        push.pusher.as_ref().map(|actor| actor.account.as_str())
    }

    /// What is told of a commit.
    pub(super) fn told(&self, sha: &str) -> impl Iterator<Item = Told<'a>> {
        self.told.get(sha).into_iter().flatten().copied()
    }

    /// The believed pushes that ended at a commit.
    pub(super) fn ended_at(&self, tip: &str) -> impl Iterator<Item = &'a Push> {
        self.by_tip.get(tip).into_iter().flatten().map(|n| self.pushes[*n])
    }

    /// Whether all a push did was to bring a branch up to date with another: the forge merged what it had there already. A
    /// change that was merged into the branch looks the same, and is none.
    pub(super) fn is_update(&self, push: &Push, target: &str) -> bool {
        let Some((last, others)) = push.commits.split_last() else { return false };
        // Written on a branch that we heard of, and not on the target: what was merged is somebody's work.
        let written_elsewhere = |sha: &str| {
            let on = self.written_on.get(sha);
            on.is_some_and(|on| on.iter().any(|branch| *branch != push.branch && *branch != target))
                && !self.was_on(&push.repository, target, sha, &last.sha)
        };
        push.after.as_deref() == Some(&last.sha)
            && last.by_forge == Some(true)
            && !others.is_empty()
            && others.iter().all(|c| c.known_before && !written_elsewhere(&c.sha))
            && !self.merges.contains_key(&(push.repository.as_str(), push.branch.as_str(), &last.sha))
    }

    /// The pushes that led to the heads of a change, one behind the other on its branch, those that were replaced by force
    /// included.
    pub(super) fn led_to(&self, heads: impl Iterator<Item = &'a str>, branch: &str, target: &str) -> Vec<&'a Push> {
        let (mut seen, mut led) = (HashSet::new(), Vec::new());
        let mut queue: Vec<(&str, bool)> = heads.map(|head| (head, true)).collect();
        while let Some((tip, is_head)) = queue.pop() {
            if !seen.insert(tip) {
                continue;
            }
            // What led to the head of another change that was merged is that one's.
            if !is_head && self.merged_heads.contains(tip) {
                continue;
            }
            let of_branch = |p: &&Push| p.branch != target && (is_head || p.branch == branch);
            for push in self.ended_at(tip).filter(of_branch) {
                led.push(push);
                queue.extend(push.before.as_deref().map(|before| (before, false)));
            }
        }
        led
    }

    /// Whether a commit was on a branch by a push that did not bring another one as well.
    fn was_on(&self, repository: &str, branch: &str, sha: &str, without: &str) -> bool {
        let by = |sha| self.reached.get(&(repository, branch, sha)).map_or(&[] as &[usize], Vec::as_slice);
        by(sha).iter().any(|n| !by(without).contains(n))
    }

    /// Whether what a push ended at is what merging another change into its branch made, by the button: whoever pressed it wrote
    /// nothing, and neither did they write the commit where it is a merge.
    pub(super) fn landed(&self, push: &Push) -> Landed {
        let Some(last) = push.commits.last().filter(|c| Some(&c.sha) == push.after.as_ref()) else { return Landed::No };
        let place = (push.repository.as_str(), push.branch.as_str(), last.sha.as_str());
        match self.merges.get(&place) {
            Some(merged) if last.by_forge != Some(false) => {
                if push.commits.iter().any(|c| c.sha == merged.head) {
                    Landed::Merged
                } else {
                    Landed::Squashed
                }
            }
            _ => Landed::No,
        }
    }

    /// Whether a push was somebody pressing a button, and nobody's work: an update of the branch, or the merge of another change
    /// into it.
    pub(super) fn is_by_button(&self, push: &Push, target: &str) -> bool {
        self.is_update(push, target) || self.landed(push) != Landed::No
    }

    /// The commits to which a way leads from the cut of a release: what pushes that ended there brought and followed, and parents
    /// that objects prove, back to where its range ends.
    pub(super) fn ships(&self, input: &'a Input<'_>) -> HashSet<&'a str> {
        let ends: HashSet<&str> = input.release.bases.iter().map(|base| base.commit.as_str()).collect();
        let mut ships = HashSet::new();
        let mut queue: Vec<&str> = input.release.commit.as_deref().into_iter().collect();
        while let Some(commit) = queue.pop() {
            if ends.contains(commit) || !ships.insert(commit) {
                continue;
            }
            if let Some(parents) = self.parents.get(commit) {
                queue.extend(parents.iter().map(String::as_str));
            }
            for push in self.ended_at(commit) {
                queue.extend(push.commits.iter().map(|c| c.sha.as_str()));
                queue.extend(push.before.as_deref().filter(|_| !push.forced));
            }
        }
        ships
    }

    /// What a merged change brought to its target.
    pub(super) fn brought(&self, change: &'a Change) -> Brought<'a> {
        let (repository, target) = (change.repository.as_str(), change.target_branch.as_str());
        let (head, merge) = (change.head.as_str(), change.merge_commit.as_deref());
        let carrying = merge.and_then(|m| self.carrying(repository, target, m));
        let carrying = carrying.or_else(|| self.carrying(repository, target, head));
        let (own, whole) = self.own(change, carrying);
        let mut brought = Brought { own, whole, ..Brought::default() };
        let Some(n) = carrying else {
            // Nobody told of the push: what a checkout told of the branch stands in for it.
            brought.lands_itself = self.range.contains(head);
            brought.covered.extend(brought.own.iter().copied().filter(|sha| self.range.contains(sha)));
            brought.covered.extend(merge.filter(|m| self.may_be_merge(m, brought.lands_itself, head)));
            return brought;
        };
        let list = &self.pushes[n].commits;
        let places: HashMap<&str, usize> = list.iter().enumerate().map(|(n, c)| (c.sha.as_str(), n)).collect();
        let at = |sha: &str| places.get(sha).copied();
        let head_at = at(head);
        brought.lands_itself = head_at.is_some();
        let merge_at = merge.and_then(at);
        // The forge itself squashed or rebased it: nobody else has a hand in such a push. Of a queue each has its part.
        if head_at.is_none()
            && let Some(end) = merge_at
        {
            let start = self.part_before(repository, target, list, end);
            let most = change.commit_count.map_or(usize::MAX, |n| usize::try_from(n.max(1)).unwrap_or(usize::MAX));
            let start = start.max((end + 1).saturating_sub(most));
            // As many of its commits are known as the forge counts.
            brought.whole |= change.commit_count == Some(brought.own.len() as u64);
            let told = brought.whole && brought.own.iter().all(|sha| self.told.contains_key(sha));
            let (same, other): (Vec<&Commit>, Vec<&Commit>) =
                list[start..end].iter().partition(|commit| !told || self.is_rebased(commit, &brought.own));
            brought.covered.extend(same.into_iter().map(|c| c.sha.as_str()).chain([list[end].sha.as_str()]));
            brought.unclear.extend(other.into_iter().map(|c| c.sha.as_str()));
            return brought;
        }
        let listed = |sha: &str| at(sha).is_some() || self.pushes[n].after.as_deref() == Some(sha);
        // What is its own came with it: the rest was on the target before.
        brought.own.retain(|sha| listed(sha));
        brought.covered.extend(&brought.own);
        // As many of its commits are known as the forge counts.
        brought.whole |= change.commit_count == Some(brought.covered.len() as u64);
        let made = merge.filter(|m| *m != head && self.may_be_merge(m, true, head));
        if let Some(merge) = made {
            brought.covered.insert(merge);
            brought.by_hand = self.told(merge).any(|t| t.believed && t.commit.by_forge == Some(false));
        }
        let rest: Vec<&str> = list.iter().map(|c| c.sha.as_str()).filter(|s| !brought.covered.contains(s)).collect();
        let several = self.came(repository, target, list).count() > 1;
        if (several || !brought.whole)
            && self.counted(&self.pushes[n].repository, target, list) == Some(list.len() as u64)
        {
            // Of several that came together, what was written on the branch of another is that one's, and so is what merging it made.
            let others: BTreeSet<&str> =
                self.came(repository, target, list).map(|c| c.branch).filter(|b| *b != change.head_branch).collect();
            let elsewhere = |sha: &&'a str| {
                let merged = self.merges.get(&(repository, target, *sha));
                merged.is_some_and(|merged| merged.number != change.number)
                    || self.written_on.get(sha).is_some_and(|on| on.iter().any(|branch| others.contains(branch)))
            };
            let (theirs, own): (Vec<&str>, Vec<&str>) =
                rest.into_iter().partition(|sha| brought.whole || elsewhere(sha));
            brought.covered.extend(own);
            brought.joint.extend(theirs);
        } else if let Some(head_at) = head_at.filter(|_| !brought.whole) {
            // What is listed before the head may lead to it.
            brought.unclear.extend(rest.into_iter().filter(|sha| at(sha).is_some_and(|n| n < head_at)));
        }
        brought
    }

    /// The push by which a commit came to a branch: the one that ended there, else the shortest that lists it.
    fn carrying(&self, repository: &'a str, branch: &'a str, commit: &'a str) -> Option<usize> {
        let listing = self.reached.get(&(repository, branch, commit))?;
        let rank =
            |n: &&usize| (self.pushes[**n].after.as_deref() != Some(commit), self.pushes[**n].commits.len(), **n);
        listing.iter().min_by_key(rank).copied()
    }

    /// The commits of a change, back from its head to what was on the target before; and whether each way was followed to there.
    fn own(&self, change: &'a Change, carrying: Option<usize>) -> (BTreeSet<&'a str>, bool) {
        let (repository, target) = (change.repository.as_str(), change.target_branch.as_str());
        let head = change.head.as_str();
        let was_there = |sha: &'a str| {
            let place = (repository, target, sha);
            let by = self.reached.get(&place);
            let carried = by.is_some_and(|by| carrying.is_some_and(|n| by.contains(&n)));
            // By another push as well: the target was moved back since.
            let before = by.is_some_and(|by| by.iter().any(|n| carrying.is_none_or(|c| !self.is_same(*n, c))));
            let merged_other = self.merges.get(&place).is_some_and(|merged| merged.number != change.number);
            before || !carried && (merged_other || (self.mainline.contains(sha) && sha != head))
        };
        let (mut own, mut whole) = (BTreeSet::new(), true);
        // With whether a push that led here lists it: then what it follows is in that push, or was there before it.
        let mut queue = vec![(head, false)];
        while let Some((tip, listed)) = queue.pop() {
            if was_there(tip) || !own.insert(tip) {
                continue;
            }
            let mut known = listed;
            let of_branch = |p: &&Push| p.branch == change.head_branch || tip == head;
            for push in self.ended_at(tip).filter(|p| p.repository == repository).filter(of_branch) {
                known = true;
                if !self.is_update(push, target) {
                    queue.extend(push.commits.iter().map(|c| (c.sha.as_str(), true)));
                }
                // What a push to the target followed was on the target.
                match push.before.as_deref().filter(|_| push.branch != target) {
                    Some(before) if !push.forced => queue.push((before, false)),
                    Some(_) => whole = false,
                    None => {}
                }
            }
            if let Some(parents) = self.parents.get(tip) {
                known = true;
                queue.extend(parents.iter().map(|parent| (parent.as_str(), false)));
            }
            whole &= known;
        }
        (own, whole)
    }

    /// Whether two pushes are one, told twice.
    fn is_same(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.pushes[a], self.pushes[b]);
        (&a.before, &a.after) == (&b.before, &b.after)
    }

    /// Whether a commit is one of some others, put onto another base: it has the author and the title of one.
    fn is_rebased(&self, commit: &Commit, own: &BTreeSet<&str>) -> bool {
        let same = |t: Told<'_>| (&t.commit.author, &t.commit.title) == (&commit.author, &commit.title);
        own.iter().any(|sha| self.told(sha).any(same))
    }

    /// Whether a commit may be what merging made. Where the head itself is on the branch it is a commit with two parents: its
    /// object proves it; else who commits it says so, by committing as the forge does or by a message as git makes them.
    fn may_be_merge(&self, merge: &str, lands_itself: bool, head: &str) -> bool {
        if !lands_itself || merge == head {
            return true;
        }
        let says = |t: Told<'_>| t.commit.by_forge != Some(false) || t.commit.title.starts_with("Merge ");
        match self.parents.get(merge) {
            Some(parents) => parents.len() > 1,
            None => self.told(merge).any(|t| t.believed && says(t)),
        }
    }

    /// Where in a push the part of another change ends, before the one that ends at `end`.
    fn part_before(&self, repository: &str, target: &str, list: &[Commit], end: usize) -> usize {
        let merges = |c: &Commit| self.merges.contains_key(&(repository, target, c.sha.as_str()));
        list[..end].iter().rposition(merges).map_or(0, |n| n + 1)
    }

    /// The changes whose heads a push brought.
    fn came<'b>(
        &'b self,
        repository: &'b str,
        target: &'b str,
        list: &'b [Commit],
    ) -> impl Iterator<Item = &'b Came<'a>> {
        list.iter().filter_map(move |c| self.heads.get(&(repository, target, c.sha.as_str())))
    }

    /// How many commits the changes that a push merged have together, as the forge counts them, with what merging made; none
    /// where it does not say, or where several came and the forge itself did not merge them: they may share some.
    fn counted(&self, repository: &str, target: &str, list: &[Commit]) -> Option<u64> {
        let came: Vec<&Came<'_>> = self.came(repository, target, list).collect();
        let last = list.last()?;
        if came.len() > 1 && last.by_forge != Some(true) {
            return None;
        }
        let made = |came: &&Came<'_>| {
            let made = came.merge.filter(|m| *m != came.head && self.may_be_merge(m, true, came.head));
            u64::from(made.is_some_and(|m| list.iter().any(|c| c.sha == m)))
        };
        came.iter().map(|came| Some(came.count? + made(came))).sum()
    }
}
