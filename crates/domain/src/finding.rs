//! A finding tracked across scans: what it is, and where it stands.

use serde::{Deserialize, Serialize};

use crate::{
    FindingId, Time,
    facts::{FindingSeen, Level, ScanKind},
};

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// A scan saw it; nobody has looked yet.
    Detected,
    /// It was fixed, and a scan sees it again.
    Reopened,
    /// Somebody looked and said what it is.
    Triaged,
    /// Somebody is at it.
    InRemediation,
    /// Somebody entitled accepts it for a time (an exception).
    Accepted,
    /// It is none, says somebody entitled.
    FalsePositive,
    /// It does not affect this product (VEX), says somebody entitled.
    NotAffected,
    /// No scan sees it any longer.
    Fixed,
}

impl FindingState {
    const ALL: [Self; 8] = [
        Self::Detected,
        Self::Reopened,
        Self::Triaged,
        Self::InRemediation,
        Self::Accepted,
        Self::FalsePositive,
        Self::NotAffected,
        Self::Fixed,
    ];

    /// The name used in JSON and SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Reopened => "reopened",
            Self::Triaged => "triaged",
            Self::InRemediation => "in_remediation",
            Self::Accepted => "accepted",
            Self::FalsePositive => "false_positive",
            Self::NotAffected => "not_affected",
            Self::Fixed => "fixed",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether something has still to be done about it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Detected | Self::Reopened | Self::Triaged | Self::InRemediation)
    }
}

/// A finding as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name for ever: follows from product and fingerprint.
    pub id: FindingId,
    /// The product.
    pub product: String,
    /// What kind of scan sees it.
    pub kind: ScanKind,
    /// Where it stands.
    pub state: FindingState,
    /// The gravest level at which a scan saw it last.
    pub level: Level,
    /// When it was first seen.
    pub first_seen: Time,
    /// The entry in the log that told of it first.
    pub first_entry: u64,
    /// When its clock started: first seen, or reopened.
    pub clock_from: Time,
    /// When it is due; `None` for what has no limit.
    pub due: Option<Time>,
    /// When the decision ends that its state rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// As a scan saw it last.
    pub seen: FindingSeen,
}

/// A step in the life of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingMove {
    /// The entry in the log that tells it.
    pub entry: u64,
    /// The state it moved to.
    pub to: FindingState,
    /// When, by the source of the scan or our clock.
    pub at: Time,
    /// Its clock starts with this step.
    #[serde(default)]
    pub starts_clock: bool,
}
