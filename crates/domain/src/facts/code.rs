//! Facts about source code: pushes, tags, changes, reviews, branch rules.

use serde::{Deserialize, Serialize};

use crate::{Actor, BindRule, Key, Link, Time, account_in_commit, ticket_keys};

/// A commit as a push or a checkout lists it. Its dates are author-controlled and never order anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The full object id.
    pub sha: String,
    /// The author's account or e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Everyone named in a `Co-authored-by` trailer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub co_authors: Vec<String>,
    /// The first line of the message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Work items named anywhere in the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<String>,
    /// Parents, where the sender knows them; order as in the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parents: Option<Vec<String>>,
    /// Author, message and parents were read from the object itself, whose id this is: whoever sent it could not make them up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proved: bool,
    /// Its committer is the account under which the forge itself commits: somebody merged by a button, updated a branch or wrote
    /// in its editor. A committer is what whoever commits says; `None` where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_forge: Option<bool>,
    /// The forge had it on another branch before it came with this push.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known_before: bool,
}

impl Commit {
    /// Whoever owns a commit owns the work items that it names.
    pub(super) fn links(&self) -> impl Iterator<Item = Link> {
        self.tickets.iter().map(|t| Link::new(Key::commit(&self.sha), Key::ticket(t), BindRule::Ticket))
    }

    /// Reads title, co-authors and work items out of a message.
    #[must_use]
    pub fn from_message(sha: &str, author: Option<String>, message: &str, parents: Option<Vec<String>>) -> Self {
        let co_authors = message
            .lines()
            .filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.trim().eq_ignore_ascii_case("co-authored-by").then(|| mail_or_name(value))
            })
            .collect();
        Self {
            sha: sha.to_ascii_lowercase(),
            author,
            co_authors,
            title: message.lines().next().unwrap_or_default().chars().take(200).collect(),
            tickets: ticket_keys(message),
            parents,
            proved: false,
            by_forge: None,
            known_before: false,
        }
    }
}

/// `Ada <ada@example.org>` → the account of that address.
fn mail_or_name(text: &str) -> String {
    let inside = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(mail, _)| mail);
    account_in_commit(inside.unwrap_or(text))
}

/// Commits reached a branch. Order and reachability come from here, times from our clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// `owner/name`.
    pub repository: String,
    /// The branch.
    pub branch: String,
    /// The head before; `None` for a new branch.
    pub before: Option<String>,
    /// The head after; `None` where the branch was removed.
    pub after: Option<String>,
    /// The new commits, oldest first, as far as the source lists them.
    pub commits: Vec<Commit>,
    /// The head before is not an ancestor of the head after.
    pub forced: bool,
    /// It is the branch that the repository began with, as its forge says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default_branch: bool,
    /// Who pushed.
    pub pusher: Option<Actor>,
}

impl Push {
    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.commits.iter().map(|c| Key::commit(&c.sha)).collect();
        keys.extend(self.after.iter().map(|sha| Key::commit(sha)));
        keys.push(Key::target(&self.repository, &self.branch));
        keys
    }

    pub(super) fn links(&self) -> Vec<Link> {
        self.commits.iter().flat_map(Commit::links).collect()
    }
}

/// A tag was made, moved or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// `owner/name`.
    pub repository: String,
    /// The tag's name.
    pub name: String,
    /// The commit it points at; `None` where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The tag was removed.
    #[serde(default)]
    pub removed: bool,
    /// Artefacts published under it, `sha256:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
}

impl Tag {
    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::tag(&self.repository, &self.name)];
        keys.extend(self.commit.iter().map(|c| Key::commit(c)));
        keys
    }

    pub(super) fn links(&self) -> Vec<Link> {
        let own = Key::tag(&self.repository, &self.name);
        self.digests.iter().map(|d| Link::new(own.clone(), Key::digest(d), BindRule::Digest)).collect()
    }
}

/// Where a change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// Under way.
    Open,
    /// Merged.
    Merged,
    /// Closed without merging.
    Closed,
}

/// A pull or merge request as it stood at one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `owner/name` of the repository it merges into.
    pub repository: String,
    /// Its number there.
    pub number: u64,
    /// What happened, in the source's word: `opened`, `synchronize`, `closed`.
    pub action: String,
    /// Where it stands.
    pub state: ChangeState,
    /// Its title.
    pub title: String,
    /// Work items named in title, body or branch.
    #[serde(default)]
    pub tickets: Vec<String>,
    /// Who opened it.
    pub author: Option<Actor>,
    /// Whoever asked an agent to make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Actor>,
    /// Head commit at this event.
    pub head: String,
    /// The branch it comes from.
    pub head_branch: String,
    /// The branch it goes to.
    pub target_branch: String,
    /// Who moved the head with this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pusher: Option<Actor>,
    /// The commit that merging made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<String>,
    /// Who merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_by: Option<Actor>,
    /// When it merged, by the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<Time>,
    /// The commits it brings, where its teller lists them; a forge tells them with pushes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Commit>,
    /// How many commits it brings, as its forge counts them between its base and its head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_count: Option<u64>,
    /// Where a person reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Change {
    pub(super) fn keys(&self) -> Vec<Key> {
        vec![
            Key::change(&self.repository, self.number),
            Key::commit(&self.head),
            Key::target(&self.repository, &self.target_branch),
        ]
    }

    /// The commits by which releases own what is told of it: its head, and what its merge made.
    #[must_use]
    pub fn own_commits(&self) -> Vec<Key> {
        std::iter::once(&self.head).chain(&self.merge_commit).map(|sha| Key::commit(sha)).collect()
    }

    /// What follows where nobody but its teller says so: whoever owns its commits owns the work items that it names.
    pub(crate) fn told_links(&self) -> Vec<Link> {
        let named = self.own_commits().into_iter().flat_map(|commit| {
            self.tickets.iter().map(move |ticket| Link::new(commit.clone(), Key::ticket(ticket), BindRule::Ticket))
        });
        named.chain(self.commits.iter().flat_map(Commit::links)).collect()
    }

    pub(super) fn links(&self) -> Vec<Link> {
        let change = Key::change(&self.repository, self.number);
        let mut links = vec![Link::new(change.clone(), Key::commit(&self.head), BindRule::Change)];
        if self.state == ChangeState::Merged {
            // Owning what the merge made, or the head itself, is owning the change (rule 4).
            links.extend(
                self.merge_commit.iter().map(|sha| Link::new(Key::commit(sha), change.clone(), BindRule::Change)),
            );
            links.push(Link::new(Key::commit(&self.head), change.clone(), BindRule::Change));
        }
        links.extend(self.tickets.iter().map(|t| Link::new(change.clone(), Key::ticket(t), BindRule::Ticket)));
        links
    }
}

/// What a reviewer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// Yes.
    Approved,
    /// No.
    ChangesRequested,
    /// Neither.
    Commented,
    /// An earlier review was set aside.
    Dismissed,
}

/// A review of one revision of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// `owner/name`.
    pub repository: String,
    /// The change's number.
    pub number: u64,
    /// Who reviewed.
    pub reviewer: Option<Actor>,
    /// What they said.
    pub verdict: ReviewVerdict,
    /// The commit they looked at; `None` where the source does not say, and then it covers nothing.
    pub revision: Option<String>,
    /// When, by the server's clock.
    pub submitted_at: Option<Time>,
    /// The branch the change goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_branch: Option<String>,
    /// Whether whoever reviewed belongs to those whose reviews the forge counts: owners, members and collaborators of the
    /// repository. `None` where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
    /// Who set an earlier review aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside_by: Option<Actor>,
}

/// Branch protection as it stood, or as it was just changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRule {
    /// `owner/name`.
    pub repository: String,
    /// The branch or pattern it protects; empty where all protection is switched.
    pub pattern: String,
    /// The rule was removed with this event.
    #[serde(default)]
    pub removed: bool,
    /// All protection of the repository was switched with this event: `false` off, `true` on again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switched: Option<bool>,
    /// When it was made: of several patterns that match a branch, the forge follows the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// Approving reviews required; `None` where the source does not say.
    pub required_reviews: Option<u64>,
    /// Approvals fall when the head moves.
    pub dismiss_stale: Option<bool>,
    /// Administrators are bound too.
    pub enforce_admins: Option<bool>,
    /// The checks it requires.
    #[serde(default)]
    pub required_checks: Vec<String>,
}
