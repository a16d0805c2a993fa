//! Changes of what releases are judged by: criteria, and what of a product decides how they apply. One asks, another decides.

use serde::{Deserialize, Serialize};

use crate::{Product, SettingsChangeId, Time};

/// Where a change of settings stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingsState {
    /// Asked for; it has no effect yet.
    Requested,
    /// Approved, and in effect from a time on that has not come.
    Approved,
    /// In effect since it was decided last.
    Applied,
    /// Refused, or taken back by whoever asked.
    Rejected,
}

impl SettingsState {
    /// The name used in JSON and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
        }
    }

    /// Whether anything may still come of it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Approved)
    }
}

/// What is to become another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum ChangedSettings {
    /// A criteria set.
    Criteria {
        /// Its name.
        name: String,
        /// The version that it would get.
        version: String,
        /// SHA-256 of its text, in hexadecimal digits.
        sha256: String,
        /// Its text, byte for byte.
        text: String,
    },
    /// A product.
    Product {
        /// How it was when it was asked for: what differs between the two is what changes.
        before: Box<Product>,
        /// How it is to be.
        after: Box<Product>,
    },
}

impl ChangedSettings {
    /// What changes, in words: `the criteria standard`.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Criteria { name, version, .. } => format!("the criteria {name}, version {version}"),
            Self::Product { after, .. } => format!("the product {}", after.name),
        }
    }

    /// What of which only one change may wait at a time.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Criteria { name, .. } => format!("criteria:{name}"),
            Self::Product { after, .. } => format!("product:{}", after.name),
        }
    }
}

/// A change of settings with its whole story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChange {
    /// Its id.
    pub id: SettingsChangeId,
    /// What changes.
    pub settings: ChangedSettings,
    /// What becomes weaker by it, a sentence each; nothing for what only becomes stricter.
    pub weaker: Vec<String>,
    /// Why; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// From when on; at once where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Who asked: a person, a token, or the program itself for the set it brings.
    pub requester: String,
    /// When, by our clock.
    pub requested_at: Time,
    /// Where it stands.
    pub state: SettingsState,
    /// Who decided last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When, by our clock; for one in effect, since when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
    /// Nobody else decided: whoever asked was the only admin, and it took effect after [`SettingsChange::ALONE`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl SettingsChange {
    /// How long the change of a sole admin waits, and the approval of whoever became an admin after it was asked for.
    pub const ALONE: i64 = Time::DAY;

    /// The time from which on it may take effect without anybody else, if ever.
    #[must_use]
    pub fn alone_from(&self) -> Time {
        let waited = self.requested_at.plus(Self::ALONE);
        self.from.map_or(waited, |from| from.max(waited))
    }
}
