//! Criteria as data: what must be there, about which subjects, how good, and which controls it serves.

use std::collections::BTreeSet;

use certrail_domain::Limits;
use serde::{Deserialize, Serialize};

use crate::{PredicateError, predicate::Predicate, rules::Rule};

/// The built-in set, byte for byte.
pub const STANDARD: &str = include_str!("../sets/standard.yaml");

/// One line of the criteria.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Its id, stable across versions.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Why it exists, one sentence.
    pub why: String,
    /// What to do when it is not met.
    pub fix: String,
    /// Whether a gate stays closed over it.
    #[serde(default = "yes")]
    pub blocking: bool,
    /// A CEL predicate on `release`; where it says no, the requirement does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies: Option<String>,
    /// What is checked.
    pub check: Rule,
    /// The controls it serves, `framework:id`.
    #[serde(default)]
    pub controls: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// A versioned set of requirements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criteria {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub about: String,
    /// Its requirements, in the order they are shown.
    pub requirements: Vec<Requirement>,
}

/// Why a criteria set was refused.
#[derive(Debug, thiserror::Error)]
pub enum CriteriaError {
    /// It is not YAML of this shape.
    #[error("criteria do not read: {0}")]
    Form(String),
    /// It has no requirements; such a set would pass anything.
    #[error("criteria `{0}` have no requirements, so they would pass anything")]
    Empty(String),
    /// None of its requirements blocks.
    #[error("criteria `{0}` have no blocking requirement, so they would pass anything")]
    NothingBlocks(String),
    /// Two requirements share an id.
    #[error("requirement `{0}` is there twice")]
    Twice(String),
    /// A limit on findings without a clock would pass anything.
    #[error("requirement `{0}` names no clock, so it would pass anything; `clocks: [own]` is the usual one")]
    NoClock(String),
    /// A number of days or hours that means nothing.
    #[error("requirement `{id}` says {given}; days and hours are between 0 and {}", Criteria::LONGEST)]
    Span {
        /// The requirement.
        id: String,
        /// What it says.
        given: i64,
    },
    /// An expression of a requirement was not admitted.
    #[error("requirement `{id}`: {cause}")]
    Expression {
        /// The requirement.
        id: String,
        /// Why.
        #[source]
        cause: PredicateError,
    },
}

impl Criteria {
    /// The most days or hours a requirement may say: a hundred years, in days.
    pub const LONGEST: i64 = 36_500;

    /// The clocks that its findings are held to, of all requirements together; our own where none speaks of findings.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.requirements.iter().filter_map(|r| r.check.limits()).reduce(Limits::and).unwrap_or_default()
    }

    /// Reads and admits a set.
    ///
    /// # Errors
    /// When it is malformed, empty, or holds an expression that is not admitted.
    pub fn parse(text: &str) -> Result<Self, CriteriaError> {
        let set: Self = serde_saphyr::from_str(text).map_err(|e| CriteriaError::Form(e.to_string()))?;
        if set.requirements.is_empty() {
            return Err(CriteriaError::Empty(set.name));
        }
        if !set.requirements.iter().any(|r| r.blocking) {
            return Err(CriteriaError::NothingBlocks(set.name));
        }
        let mut ids = BTreeSet::new();
        for requirement in &set.requirements {
            if !ids.insert(&requirement.id) {
                return Err(CriteriaError::Twice(requirement.id.clone()));
            }
            if requirement.check.limits().is_some_and(|limits| limits.clocks.is_empty()) {
                return Err(CriteriaError::NoClock(requirement.id.clone()));
            }
            if let Some(given) = requirement.check.spans().into_iter().find(|n| !(0..=Self::LONGEST).contains(n)) {
                return Err(CriteriaError::Span { id: requirement.id.clone(), given });
            }
            for source in requirement.applies.iter().chain(requirement.check.expression()) {
                Predicate::compile(source)
                    .map_err(|cause| CriteriaError::Expression { id: requirement.id.clone(), cause })?;
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_set_is_admitted_and_has_what_was_promised() {
        let set = Criteria::parse(STANDARD).expect("admitted");
        assert!(set.requirements.len() >= 14, "{}", set.requirements.len());
        let known: BTreeSet<String> = crate::frameworks()
            .iter()
            .flat_map(|f| f.controls.iter().map(move |c| format!("{}:{}", f.id, c.id)))
            .collect();
        for requirement in &set.requirements {
            assert!(!requirement.controls.is_empty(), "{} serves no control", requirement.id);
            for control in &requirement.controls {
                assert!(known.contains(control), "{} names {control}, which no framework has", requirement.id);
            }
        }
    }

    #[test]
    fn sets_that_would_pass_anything_are_refused() {
        let empty = "name: x\nversion: '1'\nabout: y\nrequirements: []\n";
        assert!(matches!(Criteria::parse(empty), Err(CriteriaError::Empty(_))));
        let advisory = STANDARD.replace("  - id:", "  - blocking: false\n    id:");
        let advisory = advisory.replace("    blocking: false\n    applies", "    applies");
        assert!(Criteria::parse(&advisory).is_err());
        for days in ["high_days: -1", "high_days: 999999999"] {
            let bad = STANDARD.replace("high_days: 30", days);
            assert!(matches!(Criteria::parse(&bad), Err(CriteriaError::Span { .. })), "{days}");
        }
        for bad in ["", "- a", "name: [", "name: x"] {
            assert!(Criteria::parse(bad).is_err(), "{bad}");
        }
    }
}
