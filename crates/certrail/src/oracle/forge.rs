//! What really happens: commits and who wrote them, branches, changes, reviews, merges, the rule of main. Each move does here
//! what it would do at a forge, and leaves behind what the forge would deliver.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::Time;

use super::{
    deliveries::{self, Delivery},
    moves::{BOT, Beside, Branch, How, MEMBERS, Move, PEOPLE, Say, To, Who},
    truth,
};

pub(super) const MAIN: &str = "main";

/// A commit as it is, and who really wrote what is in it.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) parents: Vec<String>,
    /// The object, whose id is that of the commit.
    pub(super) object: String,
    pub(super) title: String,
    pub(super) author: Who,
    /// Named in trailers of its message.
    pub(super) with: Vec<Who>,
    pub(super) by_forge: bool,
    /// Whoever really wrote what it adds; nobody where it only joins what there was.
    pub(super) writers: BTreeSet<Who>,
    /// In the order in which commits were made.
    pub(super) number: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Merged,
    Closed,
}

/// What somebody said of a change.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) by: Who,
    pub(super) say: Say,
    pub(super) revision: String,
    pub(super) target: String,
    /// Who set it aside.
    pub(super) aside: Option<Who>,
    /// The forge's number of it.
    pub(super) number: u64,
    pub(super) at: Time,
}

/// A change towards a branch.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) number: u64,
    pub(super) source: String,
    pub(super) fork: bool,
    pub(super) opener: Who,
    pub(super) target: String,
    /// Each head it had, the last one last.
    pub(super) heads: Vec<String>,
    pub(super) state: State,
    pub(super) said: Vec<Said>,
    /// Whoever pushed to its branch, as long as there is the branch.
    pub(super) pushers: BTreeSet<Who>,
    pub(super) merge: Option<String>,
    pub(super) merged_by: Option<Who>,
    /// How many commits it brings.
    pub(super) count: usize,
}

impl Change {
    pub(super) fn head(&self) -> &str {
        self.heads.last().expect("a change has a head")
    }
}

/// How a commit came to main.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landed {
    /// It was part of a change that was reviewed as it should be.
    pub(super) reviewed: bool,
    /// Main required a review then.
    pub(super) protected: bool,
}

/// A forge with one repository.
pub(super) struct Forge {
    pub(super) repository: String,
    pub(super) now: Time,
    /// When something was last pushed.
    pub(super) pushed: Time,
    pub(super) commits: BTreeMap<String, Commit>,
    pub(super) heads: BTreeMap<String, String>,
    pub(super) changes: Vec<Change>,
    pub(super) landed: BTreeMap<String, Landed>,
    /// Somebody pushed to a fork before there was a change of it, and no commit names them: nobody tells the product.
    pub(super) untold: bool,
    pub(super) root: String,
    pushers: BTreeMap<String, BTreeSet<Who>>,
    forks: BTreeSet<Branch>,
    rule: Option<u64>,
    /// When the rule was last changed; that it is removed does not count as such.
    pub(super) rule_changed: Time,
    switched_off: bool,
    ids: u64,
    pub(super) out: Vec<Delivery>,
}

fn named(branch: Branch) -> String {
    format!("work-{branch}")
}

impl Forge {
    /// A repository with one commit, whose main requires a review.
    pub(super) fn new(repository: &str, begun: Time, moves: &[Move]) -> Self {
        let forks = moves.iter().filter_map(|m| match m {
            Move::Open { branch, fork: true, .. } => Some(*branch),
            _ => None,
        });
        let mut forge = Self {
            repository: repository.to_owned(),
            now: begun,
            pushed: begun,
            commits: BTreeMap::new(),
            heads: BTreeMap::new(),
            changes: Vec::new(),
            landed: BTreeMap::new(),
            untold: false,
            root: String::new(),
            pushers: BTreeMap::new(),
            forks: forks.collect(),
            rule: None,
            rule_changed: begun,
            switched_off: false,
            ids: 0,
            out: Vec::new(),
        };
        forge.root = forge.commit(vec![], 0, &[], false, BTreeSet::from([0]), "Begin");
        let root = forge.root.clone();
        forge.protect(Some(1));
        forge.push(MAIN, &root, 0, false);
        forge.landed.clear();
        forge
    }

    /// Does what a move says, where it can be done.
    pub(super) fn play(&mut self, some: Move) {
        self.now = self.now.plus(600 * Time::SECOND);
        // What cannot be done is not done.
        let _ = self.try_to(some);
    }

    fn try_to(&mut self, some: Move) -> Option<()> {
        match some {
            Move::Push { by, branch, commits, author, with } => {
                self.may_push(by, branch)?;
                let mut head = self.heads.get(&named(branch)).or_else(|| self.heads.get(MAIN))?.clone();
                for _ in 0..commits {
                    let who = author.unwrap_or(by);
                    let writers = [Some(by), author, with].into_iter().flatten().collect();
                    head = self.commit(vec![head], who, with.as_slice(), false, writers, "Work");
                }
                self.push(&named(branch), &head, by, false);
            }
            Move::Amend { by, branch } => {
                self.may_push(by, branch)?;
                let head = self.heads.get(&named(branch))?.clone();
                let old = self.commits[&head].clone();
                if old.parents.len() != 1 || self.ancestors(self.heads.get(MAIN)?).contains(&head) {
                    return None;
                }
                let mut writers = old.writers.clone();
                writers.insert(by);
                let new = self.commit(old.parents.clone(), old.author, &old.with, false, writers, "Work, amended");
                self.push(&named(branch), &new, by, true);
            }
            Move::Open { by, branch, to, fork } => self.open(by, branch, to, fork)?,
            Move::Retarget { by, branch, to } => {
                let target = self.target(branch, to)?;
                let n = self.open_change(branch)?;
                if by >= MEMBERS || self.changes[n].target == target {
                    return None;
                }
                self.changes[n].target = target;
                self.recount(n);
                self.out.push(deliveries::change(self, n, "edited", by));
            }
            Move::Review { by, branch, say, old } => self.review(by, branch, say, old)?,
            Move::SetAside { by, branch, of } => {
                let n = self.newest_change(branch)?;
                let said = self.changes[n].said.iter_mut().rev();
                let last = said.into_iter().find(|s| s.by == of && s.say != Say::Comment && s.aside.is_none())?;
                if by >= MEMBERS {
                    return None;
                }
                last.aside = Some(by);
                let last = last.clone();
                self.out.push(deliveries::review(self, n, &last, Some(by)));
            }
            Move::Update { by, branch } => {
                let n = self.open_change(branch)?;
                let (head, target) =
                    (self.changes[n].head().to_owned(), self.heads.get(&self.changes[n].target)?.clone());
                if by >= MEMBERS || self.changes[n].fork || self.ancestors(&head).contains(&target) {
                    return None;
                }
                let merge =
                    self.commit(vec![head, target], by, &[], true, BTreeSet::new(), "Merge branch 'main' into work");
                self.update(&named(branch), &merge, by);
            }
            Move::MergeIn { by, branch, other } => {
                self.may_push(by, branch)?;
                let head = self.heads.get(&named(branch))?.clone();
                let other = self.heads.get(&other.map_or(MAIN.to_owned(), named))?.clone();
                if self.ancestors(&head).contains(&other) {
                    return None;
                }
                let merge = self.commit(vec![head, other], by, &[], false, BTreeSet::new(), "Merge by hand");
                self.push(&named(branch), &merge, by, false);
            }
            Move::Land { by, branch, how } => {
                let n = self.open_change(branch)?;
                if by >= MEMBERS {
                    return None;
                }
                let target = self.changes[n].target.clone();
                let tip = self.heads.get(&target)?.clone();
                let merge = self.merged_as(n, &tip, by, how)?;
                self.land(&target, &merge, by, &[(n, merge.clone())]);
            }
            Move::Queue { by, first, second, how } => {
                let (a, b) = (self.open_change(first)?, self.open_change(second)?);
                let target = self.changes[a].target.clone();
                if a == b || by >= MEMBERS || self.changes[b].target != target {
                    return None;
                }
                let tip = self.heads.get(&target)?.clone();
                let one = self.merged_as(a, &tip, by, how)?;
                let two = self.merged_as(b, &one, by, how)?;
                self.land(&target, &two, by, &[(a, one), (b, two.clone())]);
            }
            Move::LandByHand { by, branch, forward, beside } => self.land_by_hand(by, branch, forward, beside)?,
            Move::PushMain { by } => {
                let head = self.heads.get(MAIN)?.clone();
                let new = self.commit(vec![head], by, &[], false, BTreeSet::from([by]), "Quick fix");
                self.push(MAIN, &new, by, false);
            }
            Move::PushOldHead { by, branch } => {
                let n = self.newest_change(branch)?;
                let (now, main) = (self.ancestors(self.changes[n].head()), self.heads.get(MAIN)?.clone());
                let there = self.ancestors(&main);
                let old =
                    self.changes[n].heads.iter().rev().find(|h| !now.contains(*h) && !there.contains(*h))?.clone();
                let new = if self.ancestors(&old).contains(&main) {
                    old
                } else {
                    self.commit(vec![main, old], by, &[], false, BTreeSet::new(), "Merge by hand")
                };
                self.push(MAIN, &new, by, false);
            }
            Move::Close { branch } => {
                let n = self.open_change(branch)?;
                self.changes[n].state = State::Closed;
                self.out.push(deliveries::change(self, n, "closed", 0));
            }
            Move::Protect { reviews } => self.protect(reviews),
            Move::Switch { on } => {
                self.switched_off = !on;
                self.out.push(deliveries::switched(self, on));
            }
        }
        Some(())
    }

    fn may_push(&self, by: Who, branch: Branch) -> Option<()> {
        (by < MEMBERS || self.forks.contains(&branch) || by == BOT).then_some(())
    }

    fn protect(&mut self, reviews: Option<u64>) {
        self.rule = reviews;
        if reviews.is_some() {
            self.rule_changed = self.now;
        }
        self.out.push(deliveries::rule(self, reviews));
    }

    pub(super) fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn commit(
        &mut self,
        parents: Vec<String>,
        author: Who,
        with: &[Who],
        by_forge: bool,
        writers: BTreeSet<Who>,
        title: &str,
    ) -> String {
        let number = self.commits.len();
        // What is rebased keeps its message.
        let title =
            if title.ends_with(|c: char| c.is_ascii_digit()) { title.to_owned() } else { format!("{title} {number}") };
        let committer = if by_forge { "GitHub <noreply@github.com>".to_owned() } else { mail(author) };
        let (seconds, tree) = (self.now.as_micros() / Time::SECOND, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        let parent_lines: String = parents.iter().map(|p| format!("parent {p}\n")).collect();
        let trailers: String = with.iter().map(|w| format!("Co-authored-by: {}\n", mail(*w))).collect();
        let object = format!(
            "tree {tree}\n{parent_lines}author {} {seconds} +0000\ncommitter {committer} {seconds} +0000\n\n{title} of {}\n\n{trailers}",
            mail(author),
            self.repository
        );
        let whole = format!("commit {}\0{object}", object.len());
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, whole.as_bytes());
        let id = data_encoding::HEXLOWER.encode(digest.as_ref());
        let commit = Commit { parents, object, title, author, with: with.to_vec(), by_forge, writers, number };
        self.commits.insert(id.clone(), commit);
        id
    }

    /// A commit and all that it contains.
    pub(super) fn ancestors(&self, of: &str) -> BTreeSet<String> {
        let (mut seen, mut queue) = (BTreeSet::new(), vec![of.to_owned()]);
        while let Some(id) = queue.pop() {
            if seen.insert(id.clone()) {
                queue.extend(self.commits[&id].parents.iter().cloned());
            }
        }
        seen
    }

    /// What one commit contains that another does not, in the order in which it was made.
    pub(super) fn between(&self, base: Option<&str>, head: &str) -> Vec<String> {
        let known = base.map_or_else(BTreeSet::new, |b| self.ancestors(b));
        let mut new: Vec<String> = self.ancestors(head).difference(&known).cloned().collect();
        new.sort_by_key(|id| self.commits[id].number);
        new
    }

    /// Whether another branch has a commit.
    pub(super) fn is_elsewhere(&self, id: &str, branch: &str) -> bool {
        self.heads.iter().any(|(name, head)| name != branch && self.is_heard(name) && self.ancestors(head).contains(id))
    }

    /// Whether the forge tells of pushes to a branch: those to forks it does not.
    fn is_heard(&self, branch: &str) -> bool {
        !self.forks.iter().any(|fork| named(*fork) == branch)
    }

    fn open_change(&self, branch: Branch) -> Option<usize> {
        self.newest_change(branch).filter(|n| self.changes[*n].state == State::Open)
    }

    fn newest_change(&self, branch: Branch) -> Option<usize> {
        self.changes.iter().rposition(|c| c.source == named(branch))
    }

    fn target(&self, branch: Branch, to: To) -> Option<String> {
        let target = match to {
            To::Main => MAIN.to_owned(),
            To::Other(other) => named(other),
        };
        (target != named(branch) && self.heads.contains_key(&target) && self.is_heard(&target)).then_some(target)
    }

    fn recount(&mut self, n: usize) {
        let base = self.heads.get(&self.changes[n].target).cloned();
        self.changes[n].count = self.between(base.as_deref(), self.changes[n].head()).len();
    }

    fn open(&mut self, by: Who, branch: Branch, to: To, fork: bool) -> Option<()> {
        let target = self.target(branch, to)?;
        let head = self.heads.get(&named(branch))?.clone();
        if self.open_change(branch).is_some() || self.ancestors(self.heads.get(&target)?).contains(&head) {
            return None;
        }
        if by >= MEMBERS && by != BOT && !fork {
            return None;
        }
        let pushers = self.pushers.get(&named(branch)).cloned().unwrap_or_default();
        self.changes.push(Change {
            number: self.changes.len() as u64 + 1,
            source: named(branch),
            fork: self.forks.contains(&branch),
            opener: by,
            target,
            heads: vec![head],
            state: State::Open,
            said: Vec::new(),
            pushers,
            merge: None,
            merged_by: None,
            count: 0,
        });
        let n = self.changes.len() - 1;
        self.recount(n);
        let own = self.between(Some(&self.heads[&self.changes[n].target]), self.changes[n].head());
        let named: BTreeSet<Who> =
            own.iter().map(|id| &self.commits[id]).flat_map(|c| c.with.iter().copied().chain([c.author])).collect();
        self.untold |=
            self.changes[n].fork && self.changes[n].pushers.iter().any(|who| *who != by && !named.contains(who));
        self.out.push(deliveries::change(self, n, "opened", by));
        Some(())
    }

    fn review(&mut self, by: Who, branch: Branch, say: Say, old: bool) -> Option<()> {
        let n = self.open_change(branch)?;
        let change = &self.changes[n];
        // The forge lets nobody approve what they opened.
        if by == change.opener && say != Say::Comment {
            return None;
        }
        let revision = change.heads.iter().rev().nth(usize::from(old)).or(change.heads.last())?.clone();
        let (target, at, number) = (change.target.clone(), self.now, self.id());
        let said = Said { by, say, revision, target, aside: None, number, at };
        self.changes[n].said.push(said.clone());
        self.out.push(deliveries::review(self, n, &said, None));
        Some(())
    }

    /// What merging a change onto a tip makes.
    fn merged_as(&mut self, n: usize, tip: &str, by: Who, how: How) -> Option<String> {
        let head = self.changes[n].head().to_owned();
        let own = self.between(Some(tip), &head);
        if own.is_empty() {
            return None;
        }
        let writers: BTreeSet<Who> = own.iter().flat_map(|id| self.commits[id].writers.clone()).collect();
        Some(match how {
            How::Merge => self.commit(vec![tip.to_owned(), head], by, &[], true, BTreeSet::new(), "Merge pull request"),
            How::Squash => {
                let named = own.iter().flat_map(|id| {
                    let commit = &self.commits[id];
                    std::iter::once(commit.author).chain(commit.with.iter().copied())
                });
                let opener = self.changes[n].opener;
                let with: Vec<Who> = named.collect::<BTreeSet<_>>().into_iter().filter(|w| *w != opener).collect();
                self.commit(vec![tip.to_owned()], opener, &with, true, writers, "Squashed")
            }
            How::Rebase => {
                // Whom only a merge commit names, rebasing names no more; in a fork nobody heard them push.
                let (merges, kept): (Vec<&String>, Vec<&String>) =
                    own.iter().partition(|id| self.commits[*id].parents.len() > 1);
                let named: BTreeSet<Who> = kept.iter().map(|id| self.commits[*id].author).collect();
                let change = &self.changes[n];
                let author = |id: &String| self.commits[id].author;
                let forgotten =
                    merges.iter().map(|id| author(id)).any(|who| who != change.opener && !named.contains(&who));
                self.untold |= change.fork && forgotten;
                let mut tip = tip.to_owned();
                for id in own {
                    let old = self.commits[&id].clone();
                    if old.parents.len() == 1 {
                        tip = self.commit(vec![tip], old.author, &old.with, true, old.writers.clone(), &old.title);
                    }
                }
                tip
            }
        })
    }

    /// The forge moves a target to what merging made.
    fn land(&mut self, target: &str, tip: &str, by: Who, merged: &[(usize, String)]) {
        let mut start = self.heads.get(target).cloned();
        for (n, merge) in merged {
            let reviewed = truth::is_reviewed(self, *n, None);
            for id in self.between(start.as_deref(), merge) {
                self.lands(target, &id, reviewed);
            }
            start = Some(merge.clone());
        }
        self.recount_all(merged.iter().map(|(n, _)| *n));
        self.push_told(target, tip, by, false);
        for (n, merge) in merged {
            self.merged(*n, merge, by);
        }
    }

    fn recount_all(&mut self, changes: impl Iterator<Item = usize>) {
        for n in changes {
            self.recount(n);
        }
    }

    fn merged(&mut self, n: usize, merge: &str, by: Who) {
        let change = &mut self.changes[n];
        change.state = State::Merged;
        change.merge = Some(merge.to_owned());
        change.merged_by = Some(by);
        self.out.push(deliveries::change(self, n, "closed", by));
    }

    fn lands(&mut self, target: &str, id: &str, reviewed: bool) {
        if target == MAIN {
            let protected = !self.switched_off && self.rule.is_some_and(|n| n > 0);
            self.landed.entry(id.to_owned()).or_insert(Landed { reviewed, protected });
        }
    }

    fn land_by_hand(&mut self, by: Who, branch: Branch, forward: bool, beside: Beside) -> Option<()> {
        let n = self.open_change(branch)?;
        let (target, head) = (self.changes[n].target.clone(), self.changes[n].head().to_owned());
        let mut tip = self.heads.get(&target)?.clone();
        if by >= MEMBERS || self.ancestors(&tip).contains(&head) {
            return None;
        }
        let one = BTreeSet::from([by]);
        if beside == Beside::Before {
            tip = self.commit(vec![tip], by, &[], false, one.clone(), "Beside");
        }
        tip = if forward && self.ancestors(&head).contains(&tip) {
            head
        } else {
            self.commit(vec![tip, head], by, &[], false, BTreeSet::new(), "Merge by hand")
        };
        if beside == Beside::After {
            tip = self.commit(vec![tip], by, &[], false, one, "Beside");
        }
        self.push(&target, &tip, by, false);
        Some(())
    }

    /// Somebody moves a branch.
    fn push(&mut self, branch: &str, head: &str, by: Who, forced: bool) {
        self.pushers.entry(branch.to_owned()).or_default().insert(by);
        let before = self.heads.get(branch).cloned();
        // The forge notices what it had changes for.
        let after = self.ancestors(head);
        let noticed: Vec<usize> = (0..self.changes.len())
            .filter(|n| {
                let change = &self.changes[*n];
                change.state == State::Open && change.target == branch && after.contains(change.head())
            })
            .collect();
        let new = self.between(before.as_deref(), head);
        let made = |n: usize| {
            let own = self.changes[n].head();
            new.iter().find(|id| self.commits[*id].parents.iter().skip(1).any(|p| p == own)).cloned()
        };
        let noticed: Vec<(usize, Option<String>)> = noticed.into_iter().map(|n| (n, made(n))).collect();
        self.recount_all(noticed.iter().map(|(n, _)| *n));
        for (n, merge) in &noticed {
            let reviewed = truth::is_reviewed(self, *n, merge.is_some().then_some(by));
            let own = self.between(before.as_deref(), self.changes[*n].head());
            for id in own.iter().chain(merge) {
                self.lands(branch, id, reviewed);
            }
        }
        for id in &new {
            self.lands(branch, id, false);
        }
        self.push_told(branch, head, by, forced);
        for (n, merge) in noticed {
            self.merged(n, &merge.unwrap_or_else(|| head.to_owned()), by);
        }
    }

    /// The forge itself brings a branch up to date, as somebody asked.
    fn update(&mut self, branch: &str, head: &str, by: Who) {
        self.push_told(branch, head, by, false);
    }

    /// Moves a branch and tells of it, and of the changes whose head it is.
    fn push_told(&mut self, branch: &str, head: &str, by: Who, forced: bool) {
        if self.is_heard(branch) {
            self.pushed = self.now;
        }
        let told = self.is_heard(branch).then(|| deliveries::push(self, branch, head, by, forced));
        self.heads.insert(branch.to_owned(), head.to_owned());
        self.out.extend(told);
        for n in 0..self.changes.len() {
            if self.changes[n].source != branch || self.changes[n].state != State::Open {
                continue;
            }
            self.changes[n].heads.push(head.to_owned());
            if let Some(pushers) = self.pushers.get(branch) {
                self.changes[n].pushers.clone_from(pushers);
            }
            self.recount(n);
            self.out.push(deliveries::change(self, n, "synchronize", by));
        }
    }
}

/// Somebody's address as the forge keeps it private.
pub(super) fn mail(who: Who) -> String {
    format!("{0} <{0}@users.noreply.github.com>", PEOPLE[who])
}
