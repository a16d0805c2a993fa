//! What is true, by rules as simple as the sentences of the criteria, written down without looking at how the product works
//! it out. In words for everybody: `docs/explanation/oracle.md`.

use std::collections::BTreeSet;

use super::{
    forge::{Change, Forge},
    moves::{MEMBERS, Say, Who},
};

/// Whether a change was reviewed as it should be, at the moment it is merged: somebody who may write, is a person, wrote none of
/// it and pushed none of it approved its final version for the branch it goes to, and took that back in no way; and nobody who
/// may write said no and was left standing.
pub(super) fn is_reviewed(forge: &Forge, n: usize, merged_by_hand: Option<Who>) -> bool {
    let change = &forge.changes[n];
    let mut wrote = writers(forge, change);
    wrote.extend(merged_by_hand);
    let yes = (0..MEMBERS).any(|who| {
        let last = last_word(change, who, &wrote);
        !wrote.contains(&who)
            && last.is_some_and(|(say, revision, target)| {
                say == Say::Yes && revision == change.head() && target == change.target
            })
    });
    let no = (0..MEMBERS).any(|who| last_word(change, who, &wrote).is_some_and(|(say, ..)| say == Say::No));
    yes && !no
}

/// Everybody who wrote some of a change: its commits as they are, whoever opened it, and whoever pushed to its branch.
fn writers(forge: &Forge, change: &Change) -> BTreeSet<Who> {
    let base = forge.heads.get(&change.target).cloned();
    let own = forge.between(base.as_deref(), change.head());
    let mut wrote: BTreeSet<Who> = own.iter().flat_map(|id| forge.commits[id].writers.iter().copied()).collect();
    wrote.insert(change.opener);
    wrote.extend(&change.pushers);
    wrote
}

/// What somebody last said that stands: not a comment, and not set aside, unless whoever set a no aside wrote some of it.
fn last_word<'a>(change: &'a Change, who: Who, wrote: &BTreeSet<Who>) -> Option<(Say, &'a str, &'a str)> {
    let said = change.said.iter().rev().filter(|s| s.by == who && s.say != Say::Comment);
    let mut stands = said.map(|s| {
        let aside = s.aside.is_some_and(|by| s.say == Say::Yes || by == who || !wrote.contains(&by));
        (!aside).then_some((s.say, s.revision.as_str(), s.target.as_str()))
    });
    stands.next().flatten()
}

/// Whether everything that ships was reviewed.
pub(super) fn all_reviewed(forge: &Forge, ships: &[String]) -> bool {
    !ships.is_empty() && ships.iter().all(|id| forge.landed.get(id).is_some_and(|l| l.reviewed))
}

/// Whether main required a review whenever something of what ships came to it.
pub(super) fn all_protected(forge: &Forge, ships: &[String]) -> bool {
    !ships.is_empty() && ships.iter().all(|id| forge.landed.get(id).is_some_and(|l| l.protected))
}
