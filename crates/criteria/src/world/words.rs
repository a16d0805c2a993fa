//! Reviews and whose last word counts.

use std::{cmp::Ordering, collections::BTreeMap};

use certrail_domain::{
    Interval, Truth,
    facts::{Review, ReviewVerdict},
};

use crate::{Evidence, Identities};

/// A review with the evidence that tells of it.
#[derive(Clone, Debug)]
pub struct ReviewView<'a> {
    /// The evidence.
    pub evidence: &'a Evidence,
    /// What it says.
    pub review: &'a Review,
    /// It counts against the change, as every no does; as a yes it would not.
    pub only_told: bool,
    /// The branch the change was to go to then, where that is another than the one it went to.
    pub other_target: Option<&'a str>,
    /// It sets another's review aside, and whoever did so is an author of the change, or may be.
    pub by_author: bool,
}

impl<'a> ReviewView<'a> {
    pub(super) const fn new(evidence: &'a Evidence, review: &'a Review) -> Self {
        Self { evidence, review, only_told: false, other_target: None, by_author: false }
    }

    /// Whether it counts at all: the forge counts nobody who may not write, and neither their yes nor their no.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.review.counted != Some(false)
    }
}

/// When a change was merged, and what told so by the forge's own clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Merged<'a> {
    pub(super) at: Interval,
    pub(super) by: Option<&'a Evidence>,
}

impl Merged<'_> {
    /// Whether something was told to have happened before the merge. Two times of one clock need no allowance.
    pub(crate) fn follows(self, e: &Evidence) -> Truth {
        match self.order(e) {
            Some(order) => order.map_or(Truth::Unknown, |o| o.is_lt().into()),
            None => e.interval().before(self.at),
        }
    }

    /// Whether something was told to have happened after the merge.
    fn precedes(self, e: &Evidence) -> Truth {
        match self.order(e) {
            Some(order) => order.map_or(Truth::Unknown, |o| o.is_gt().into()),
            None => self.at.before(e.interval()),
        }
    }

    /// The order of something and the merge, where both are of one clock; none within it where both are of one second.
    fn order(self, e: &Evidence) -> Option<Option<Ordering>> {
        let same = self.by.is_some_and(|by| by.signal.source == e.signal.source)
            && e.is_observed()
            && e.signal.occurred_at.is_some();
        same.then(|| Some(e.at().cmp(&self.at.at)).filter(|order| order.is_ne()))
    }
}

/// The last word of each person who reviewed a change, from reviews in order: a later one replaces the earlier, but
/// what came after the merge replaces nothing from before; a comment replaces nothing.
pub(crate) fn last_words<'v, 'a>(
    reviews: &'v [ReviewView<'a>],
    merged: Option<Merged<'_>>,
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
        if stays || replayed || known_better || !view.is_counted() {
            continue; // a replay under a fresh delivery id revives nothing
        }
        let after = |v: &ReviewView<'_>| merged.is_some_and(|m| m.precedes(v.evidence) == Truth::True);
        let before = |v: &ReviewView<'_>| merged.is_none_or(|m| m.follows(v.evidence) == Truth::True);
        let replaces = latest.get(person).is_none_or(|known| {
            if no(known) && view.by_author {
                false // nobody sets aside what was said against their own work
            } else if no(known) && !no(&view) {
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
