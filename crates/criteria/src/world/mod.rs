//! The release as its evidence tells it: changes with their authors and reviews, deployments,
//! and which evidence may count at all.

mod changes;
mod cover;
mod deployments;
mod words;

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, hash_map::Entry},
};

use certrail_domain::{FactId, Facts, Interval, Time, Truth};

use crate::{Clock, Evidence, Input};

pub use changes::ChangeView;
pub(crate) use deployments::DeploymentView;
pub(crate) use words::{ReviewView, last_words};

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
    /// Everybody who wrote any part of it.
    pub authors: BTreeSet<&'a str>,
    /// The deployments of exactly it, in order.
    pub deployments: Vec<DeploymentView<'a>>,
    /// The moment that counts: when it first began to go to production, else the clock of the decision.
    /// What expires later does not undo what shipped under it.
    pub as_of: Clock,
    /// It went to production, so that the moment that counts stays what it is.
    went_out: bool,
    /// The clock of the decision.
    pub clock: Clock,
}

/// Kinds that speak of what comes with or after deployment, and so are never too late.
fn follows_deployment(facts: &Facts) -> bool {
    matches!(facts, Facts::Deployment(_) | Facts::Validation(_))
}

impl<'a> World<'a> {
    /// Puts the release together: as of when it first went to production, or now.
    #[must_use]
    pub fn new(input: &Input<'a>) -> Self {
        Self::put_together(input, None)
    }

    /// The same as of the beginning of a later deployment: what came before that counts, and what ended before does not.
    pub(crate) fn as_of_deployment(input: &Input<'a>, began: Interval) -> Self {
        Self::put_together(input, Some(began))
    }

    fn put_together(input: &Input<'a>, later: Option<Interval>) -> Self {
        let (future, present): (Vec<&Evidence>, Vec<&Evidence>) = once(input.evidence).partition(|e| claims_future(e));
        let mut deployments = deployments::deployments(input, &present, &future);
        if input.next {
            deployments.retain(|d| !d.production);
        }
        let went_out = deployments.iter().filter(|d| d.production && d.succeeded.is_some()).map(|d| d.start);
        let begun = later.or_else(|| went_out.min_by_key(|i| i.at));
        let too_late = |e: &&Evidence| {
            begun.is_some_and(|start| !follows_deployment(&e.signal.facts) && start.before(e.interval()) == Truth::True)
        };
        let (after, usable): (Vec<&Evidence>, Vec<&Evidence>) = present.into_iter().partition(too_late);
        let changes = changes::changes(input, &usable, &after);
        let mut newest_first = usable.clone();
        newest_first.sort_unstable_by_key(|e| Reverse((e.at(), e.log_index)));
        // A deployment that claims to have begun before its release was cut takes nothing back to when evidence was fresh.
        let cut = input.release.cut_at.unwrap_or(input.release.created_at);
        let clock = Clock::running(input.decision_time);
        let begun = begun.map(|b| b.at.max(cut));
        let out = begun.filter(|at| later.is_some() || clock.has_come(*at));
        // Of one that went out it says until when a later deployment would be judged alike.
        let as_of = Clock::running(out.unwrap_or(input.decision_time));
        // What claims a time that has not come is looked at again when it has.
        for e in input.evidence.iter().chain(input.context) {
            clock.has_come(e.at());
        }
        let authors = changes.iter().flat_map(|c| c.authors.iter().copied()).collect();
        let went_out = out.is_some();
        Self { usable, newest_first, future, after, changes, authors, deployments, as_of, went_out, clock }
    }

    /// The first instant at which the clock alone could change what was made of this.
    #[must_use]
    pub fn valid_until(&self) -> Option<Time> {
        self.as_of.turn().filter(|_| !self.went_out).into_iter().chain(self.clock.turn()).min()
    }

    /// What reached the branch the release is cut from: its changes, and what came without one.
    pub fn changes_of_line(&self) -> impl Iterator<Item = &ChangeView<'a>> {
        self.changes.iter().filter(|change| change.on_line)
    }

    /// Deployments to production that were under way and are not known to have succeeded, in order.
    pub fn attempts(&self) -> impl Iterator<Item = &DeploymentView<'a>> {
        self.deployments.iter().filter(|d| d.production && d.under_way && d.succeeded.is_none())
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

/// The sentence part for how long after `earlier` something happened: `3 h 12 min before`.
#[must_use]
pub fn spans(earlier: Time, later: Time) -> String {
    Time::span(later.since(earlier))
}
