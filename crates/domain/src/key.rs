//! The facts that signals and releases are joined on (DESIGN §5).
//!
//! A [`Key`] is a typed name: `commit:<sha>`, `change:<repo>#<n>`, `digest:sha256:<hex>` …
//! A [`Link`] says "whoever owns `from` also owns `to`". A release owns a few base keys; what it
//! owns in all is what the links reach from there. Keys and links are sets, so the order in
//! which signals arrive cannot matter.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::BindRule;

/// A typed name that signals and releases can have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// A release named outright: product and version as the sender wrote them, version normalised.
    #[must_use]
    pub fn release(product: &str, version: &str) -> Self {
        Self(format!("release:{product}/{version}"))
    }

    /// A release version named by a sender that knows the repository but not the product.
    #[must_use]
    pub fn tag(repository: &str, tag: &str) -> Self {
        Self(format!("tag:{}@{tag}", repository.to_ascii_lowercase()))
    }

    /// An artefact by digest, `sha256:<hex>`.
    #[must_use]
    pub fn digest(digest: &str) -> Self {
        Self(format!("digest:{}", digest.to_ascii_lowercase()))
    }

    /// A commit by its full object id.
    #[must_use]
    pub fn commit(sha: &str) -> Self {
        Self(format!("commit:{}", sha.to_ascii_lowercase()))
    }

    /// A commit as the exact one a release was cut at. Only the release cut there owns it.
    #[must_use]
    pub fn cut(sha: &str) -> Self {
        Self(format!("cut:{}", sha.to_ascii_lowercase()))
    }

    /// A pull or merge request.
    #[must_use]
    pub fn change(repository: &str, number: u64) -> Self {
        Self(format!("change:{}#{number}", repository.to_ascii_lowercase()))
    }

    /// A work item, `PAY-123`.
    #[must_use]
    pub fn ticket(key: &str) -> Self {
        Self(format!("ticket:{}", key.to_ascii_uppercase()))
    }

    /// A pipeline run of a repository.
    #[must_use]
    pub fn run(repository: &str, run: u64) -> Self {
        Self(format!("run:{}/{run}", repository.to_ascii_lowercase()))
    }

    /// A deployment as its system numbers it.
    #[must_use]
    pub fn deployment(system: &str, id: &str) -> Self {
        Self(format!("deployment:{}/{id}", system.to_ascii_lowercase()))
    }

    /// A branch that work is on its way to.
    #[must_use]
    pub fn target(repository: &str, branch: &str) -> Self {
        Self(format!("target:{}@{branch}", repository.to_ascii_lowercase()))
    }

    /// Everything that concerns a repository as a whole (branch rules, alerts).
    #[must_use]
    pub fn repository(repository: &str) -> Self {
        Self(format!("repository:{}", repository.to_ascii_lowercase()))
    }

    /// `key` as those may name it who speak of one repository only: the release that is cut from it owns both.
    #[must_use]
    pub fn within(repository: &str, key: &Self) -> Self {
        Self(format!("within:{} {key}", repository.to_ascii_lowercase()))
    }

    /// The first of some keys of one kind, where others of that kind are named and none of these.
    #[must_use]
    pub fn elsewhere(own: &[Self], named: &[Self]) -> Option<Self> {
        let first = own.first()?;
        let mut others = named.iter().filter(|key| key.parts().0 == first.parts().0).peekable();
        (others.peek().is_some() && others.all(|key| !own.contains(key))).then(|| first.clone())
    }

    /// Takes a key as it was stored.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first colon, and the rest.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or((&self.0, ""))
    }

    /// Whether every release of a product could match: such a key binds only where nothing better does.
    #[must_use]
    pub fn is_broad(&self) -> bool {
        matches!(self.parts().0, "target" | "repository")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whoever owns `from` also owns `to`, and what is bound through `to` is bound by `rule`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The key already owned.
    pub from: Key,
    /// The key owned as a consequence.
    pub to: Key,
    /// The rule under which signals bind through `to`.
    pub rule: BindRule,
}

impl Link {
    /// A link.
    #[must_use]
    pub const fn new(from: Key, to: Key, rule: BindRule) -> Self {
        Self { from, to, rule }
    }
}
