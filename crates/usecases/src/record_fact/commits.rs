//! Commits as they are told: read from their own objects where these are sent.

use certrail_domain::{Problem, facts::Commit, settled, told_account};

use super::input::CommitInput;
use crate::inputs::{self, clip, refuse};

/// Commits in one range: nobody else's delivery waits for long while they are taken in.
pub(super) const MOST: usize = 20_000;

/// Leaves out what is said of commits beside their objects; returns of how many.
pub(super) fn leave_objects(told: &mut [CommitInput]) -> usize {
    let said = told.iter_mut().filter(|commit| commit.raw.is_none() && commit.says_something());
    said.map(|commit| *commit = CommitInput { sha: commit.sha.clone(), ..CommitInput::default() }).count()
}

/// Reads commits.
///
/// # Errors
/// More than `most` (`fix` says what to do), a malformed id, an object that is not the commit of its id.
pub(super) fn read(told: Vec<CommitInput>, most: usize, fix: &str) -> Result<Vec<Commit>, Problem> {
    if told.len() > most {
        return Err(refuse("range-too-large", format!("It holds more than {most} commits."), fix));
    }
    told.into_iter().map(one).collect()
}

fn one(told: CommitInput) -> Result<Commit, Problem> {
    inputs::commit(&told.sha)?;
    let said = told.says_something();
    let short = clip(&told.sha);
    match told.raw {
        Some(_) if said => Err(refuse(
            "commit-told-twice",
            format!("Of commit {short} both the object is given and what it says."),
            "Give `raw` alone, as `git cat-file commit ID` prints it; or leave it out.",
        )),
        Some(object) => {
            let mut commit = certrail_sources::git::commit(&told.sha, object.as_bytes()).map_err(|why| {
                let fix = "Give `raw` as `git cat-file commit ID` prints it, or leave it out and say what you know.";
                refuse("other-commit", format!("Commit {short} is not what was given for it: {why}."), fix)
            })?;
            for account in commit.author.iter_mut().chain(&mut commit.co_authors) {
                *account = settled(account);
            }
            Ok(commit)
        }
        None => {
            told.parents.iter().flatten().try_for_each(|parent| inputs::commit(parent))?;
            told.tickets.iter().try_for_each(|key| inputs::work_item(key))?;
            Ok(Commit {
                sha: told.sha.to_ascii_lowercase(),
                author: told.author.as_deref().map(told_account),
                co_authors: told.co_authors.iter().map(|who| told_account(who)).collect(),
                title: told.title,
                tickets: told.tickets.iter().map(|key| key.to_ascii_uppercase()).collect(),
                parents: told.parents,
                proved: false,
                by_forge: None,
                known_before: false,
            })
        }
    }
}
