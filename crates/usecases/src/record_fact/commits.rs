//! Commits as they are told: read from their own objects where these are sent.

use certrail_domain::{Problem, account_of_mail, facts::Commit};

use super::input::CommitInput;
use crate::inputs::{self, clip, refuse};

/// Commits in one range.
pub(super) const MOST: usize = 100_000;

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

/// The account of somebody as people write it: `@Dana`, an address that a forge made up.
pub(super) fn account(text: &str) -> String {
    let text = text.trim();
    account_of_mail(text.strip_prefix('@').unwrap_or(text))
}

fn one(told: CommitInput) -> Result<Commit, Problem> {
    inputs::commit(&told.sha)?;
    let said = told.author.is_some()
        || told.parents.is_some()
        || !(told.title.is_empty() && told.co_authors.is_empty() && told.tickets.is_empty());
    let short = clip(&told.sha);
    match told.raw {
        Some(_) if said => Err(refuse(
            "commit-told-twice",
            format!("Of commit {short} both the object is given and what it says."),
            "Give `raw` alone, as `git cat-file commit ID` prints it; or leave it out.",
        )),
        Some(object) => certrail_sources::git::commit(&told.sha, object.as_bytes()).map_err(|why| {
            let fix = "Give `raw` as `git cat-file commit ID` prints it, or leave it out and say what you know.";
            refuse("other-commit", format!("Commit {short} is not what was given for it: {why}."), fix)
        }),
        None => Ok(Commit {
            sha: told.sha.to_ascii_lowercase(),
            author: told.author.as_deref().map(account),
            co_authors: told.co_authors.iter().map(|who| account(who)).collect(),
            title: told.title,
            tickets: told.tickets.iter().map(|key| key.to_ascii_uppercase()).collect(),
            parents: told.parents,
            proved: false,
        }),
    }
}
