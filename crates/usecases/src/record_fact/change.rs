//! A change told by hand or by a pipeline: checked, and taken apart into the change, its reviews and the protection of its
//! branch, which are facts of their own.

use certrail_domain::{
    Actor, Facts, Problem, Time,
    facts::{BranchRule, Change, ChangeState, Review},
    ticket_keys, told_account,
};

use super::{
    commits,
    input::{ChangeInput, ReviewInput},
};
use crate::{
    engine::internal,
    inputs::{self, refuse, required},
};

/// Commits of one change.
const MOST_COMMITS: usize = 10_000;
/// Reviews of one change.
const MOST_REVIEWS: usize = 500;

/// A part of what was told of a change.
pub(super) struct Part {
    pub(super) facts: Facts,
    pub(super) at: Time,
    /// Its own bytes, as they are kept.
    pub(super) body: Vec<u8>,
}

/// The reviews of a change in their order, and the protection of its branch.
///
/// # Errors
/// An empty or malformed value.
pub(super) fn parts(told: &ChangeInput, now: Time) -> Result<Vec<Part>, Problem> {
    if told.reviews.len() > MOST_REVIEWS {
        let why = format!("More than {MOST_REVIEWS} reviews are told of one change.");
        return Err(refuse("too-many-reviews", why, "Tell the last one of each reviewer."));
    }
    let repository = repository(told)?;
    let mut parts = Vec::with_capacity(told.reviews.len() + 1);
    for review in &told.reviews {
        let ReviewInput { reviewer, verdict, revision, submitted_at } = review;
        inputs::commit(revision)?;
        let facts = Facts::Review(Review {
            repository: repository.clone(),
            number: told.number,
            reviewer: Some(account(reviewer, "reviewer")?),
            verdict: *verdict,
            revision: Some(revision.to_ascii_lowercase()),
            submitted_at: Some(*submitted_at),
            target_branch: Some(told.target_branch.clone()),
            counted: None,
            set_aside_by: None,
        });
        parts.push(Part { facts, at: *submitted_at, body: bytes(review)? });
    }
    if let Some(protection) = &told.protection {
        let pattern = protection.pattern.clone().unwrap_or_else(|| told.target_branch.clone());
        required(&pattern, "pattern")?;
        protection.required_checks.iter().try_for_each(|check| required(check, "required_checks"))?;
        let facts = Facts::BranchRule(BranchRule {
            repository,
            pattern,
            removed: false,
            switched: None,
            created_at: None,
            required_reviews: Some(protection.required_reviews),
            dismiss_stale: protection.dismiss_stale,
            enforce_admins: protection.enforce_admins,
            required_checks: protection.required_checks.clone(),
        });
        let at = protection.seen_at.or(told.merged_at).unwrap_or(now);
        parts.push(Part { facts, at, body: bytes(protection)? });
    }
    Ok(parts)
}

/// The change itself.
///
/// # Errors
/// An empty or malformed value, a merge without its time or who merged, commits without the head or without authors.
pub(super) fn change(told: ChangeInput) -> Result<Change, Problem> {
    let repository = repository(&told)?;
    for (name, value) in [("title", &told.title), ("target_branch", &told.target_branch)] {
        required(value, name)?;
    }
    let merged = told.state == ChangeState::Merged;
    if merged && (told.merged_at.is_none() || told.merged_by.is_none()) {
        return Err(refuse(
            "merge-not-told",
            "It is merged, and when or by whom is not said.",
            "Give `merged_at` and `merged_by`.",
        ));
    }
    if !merged && (told.merged_at.is_some() || told.merged_by.is_some() || told.merge_commit.is_some()) {
        return Err(refuse(
            "not-merged",
            "When, by whom or as which commit it was merged is said, and its state is another.",
            "Give the state `merged`, or leave these out.",
        ));
    }
    inputs::commit(&told.head)?;
    told.merge_commit.iter().try_for_each(|sha| inputs::commit(sha))?;
    let head = told.head.to_ascii_lowercase();
    let commits = commits::read(told.commits, MOST_COMMITS, "Is its base right?")?;
    if !commits.iter().any(|c| c.sha == head) {
        return Err(refuse(
            "bad-range",
            "Its commits do not hold its head.",
            "Tell every commit that it brings: `git rev-list TARGET..HEAD`.",
        ));
    }
    // Whoever wrote it must not approve it: without authors nobody could tell.
    if let Some(commit) = commits.iter().find(|c| c.author.as_ref().is_none_or(|a| a.trim().is_empty())) {
        return Err(refuse(
            "no-author",
            format!("Who wrote commit {} is not said.", commit.sha),
            "Give `author`, or the object itself as `raw`.",
        ));
    }
    let head_branch = told.head_branch.unwrap_or_default();
    let tickets = ticket_keys(&format!("{} {head_branch}", told.title));
    Ok(Change {
        repository,
        number: told.number,
        action: "told".into(),
        state: told.state,
        title: told.title,
        tickets,
        author: Some(account(&told.author, "author")?),
        principal: None,
        head,
        head_branch,
        target_branch: told.target_branch,
        pusher: Some(account(&told.pusher, "pusher")?),
        merge_commit: told.merge_commit.map(|sha| sha.to_ascii_lowercase()),
        merged_by: told.merged_by.map(|who| account(&who, "merged_by")).transpose()?,
        merged_at: told.merged_at,
        commits,
        commit_count: None,
        url: told.url,
    })
}

fn repository(told: &ChangeInput) -> Result<String, Problem> {
    let name = told.repository.as_deref().map(str::trim).filter(|name| !name.is_empty());
    name.map(str::to_ascii_lowercase).ok_or_else(|| {
        refuse("no-repository", "Which repository it is a change of is not said.", "Give `repository` as OWNER/NAME.")
    })
}

/// Somebody who is named, by the account that everybody calls them by.
fn account(who: &Actor, name: &str) -> Result<Actor, Problem> {
    let account = told_account(&who.account);
    required(&account, name)?;
    if account.starts_with('@') || account.ends_with('@') {
        let why = format!("`{}` is neither an account nor an address.", inputs::clip(&who.account));
        return Err(refuse("bad-account", why, "Give the login, or the address of mail."));
    }
    Ok(Actor { account, ..who.clone() })
}

fn bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|e| internal(&e))
}
