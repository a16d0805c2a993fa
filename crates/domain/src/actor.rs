//! Who did something, as far as the source tells.

use serde::{Deserialize, Serialize};

use crate::shown_account;

/// What kind of being is behind an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    Human,
    /// A program with an account of its own. It never counts as a reviewer.
    Bot,
    /// The source does not say. It never counts as independent (AR-12).
    Unknown,
}

/// An account, with what the source says about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The account, lower case, with its home (see [`crate::Home`]); an e-mail address where the source gives nothing else.
    pub account: String,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is.
    pub kind: ActorKind,
}

impl Actor {
    /// A person by account.
    #[must_use]
    pub fn human(account: &str) -> Self {
        Self { account: account.to_lowercase(), name: None, kind: ActorKind::Human }
    }

    /// Someone of whom only the account is known.
    #[must_use]
    pub fn unknown(account: &str) -> Self {
        Self { account: account.to_lowercase(), name: None, kind: ActorKind::Unknown }
    }

    /// The name to show: the given one, else the account.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| shown_account(&self.account))
    }
}
