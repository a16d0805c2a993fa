//! How we know a fact (DESIGN law 13), and for how long it is kept.

use serde::{Deserialize, Serialize};

use crate::Facts;

/// How we know a fact. Fixed when it is received and part of what the log commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HowKnown {
    /// The system where it happened said so: a forge's or tracker's own signed delivery or its API, or what a person
    /// does here under their own interactive session.
    Observed,
    /// A pipeline said so, or a person by a token.
    Reported,
    /// We worked it out from other facts.
    Derived,
}

/// The kinds of facts to which a yes has to be observed, where nobody accepts less; `decision` is what opens a gate.
pub const HAVE_TO_BE_OBSERVED: [&str; 6] =
    ["code.change", "code.review", "code.branch_rule", "requirement.ticket", "deployment.approval", "decision"];

impl HowKnown {
    /// The name used in JSON, SQL and leaves.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Reported => "reported",
            Self::Derived => "derived",
        }
    }

    /// The way of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Observed, Self::Reported, Self::Derived].into_iter().find(|k| k.name() == name)
    }

    /// In plain words, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Observed => "observed: the system where it happened told us itself",
            Self::Reported => "reported: a pipeline or a person told us",
            Self::Derived => "derived: worked out from other records",
        }
    }

    /// Whether this is as good as `least`. What is derived is no better than a report.
    #[must_use]
    pub const fn suffices(self, least: Self) -> bool {
        matches!(self, Self::Observed) || !matches!(least, Self::Observed)
    }
}

/// Why a signal is kept, which decides for how long (compliance §1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionClass {
    /// A record that a dossier may rest on: what was done, by whom, and how it went.
    Record,
    /// What is handed out with the artefact anyway: bills of materials, VEX, attestations.
    Public,
    /// A delivery that nobody could read: kept as a log of what arrived.
    Log,
}

impl RetentionClass {
    /// The class of a fact.
    #[must_use]
    pub const fn of(facts: &Facts) -> Self {
        match facts {
            Facts::Sbom(_) | Facts::Vex(_) | Facts::Attestation(_) => Self::Public,
            Facts::Unread { .. } => Self::Log,
            _ => Self::Record,
        }
    }

    /// The name used in JSON, SQL and leaves.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Public => "public",
            Self::Log => "log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HowKnown::{self, Derived, Observed, Reported};

    #[test]
    fn only_what_is_observed_suffices_where_that_is_asked_for() {
        for (known, least, good) in [
            (Observed, Observed, true),
            (Observed, Reported, true),
            (Reported, Reported, true),
            (Derived, Reported, true),
            (Reported, Observed, false),
            (Derived, Observed, false),
        ] {
            assert_eq!(known.suffices(least), good, "{known:?} {least:?}");
            assert_eq!(HowKnown::from_name(known.name()), Some(known));
        }
    }
}
