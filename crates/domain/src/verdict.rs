//! The six verdicts and why one was reached (law 5).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The verdict on a requirement or on one of its subjects. Ordered from best to worst, so that a
/// group takes the maximum of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The requirement does not speak of this release; a rule or a named person says why.
    NotApplicable,
    /// Evidence shows that it holds.
    Passed,
    /// It does not hold, and an approved exception covers exactly that.
    Excepted,
    /// Evidence is there, but it cannot tell.
    Indeterminate,
    /// No evidence is held.
    Missing,
    /// Evidence shows that it does not hold.
    Failed,
}

impl Verdict {
    /// Whether a gate may open on it. Absence is never a pass.
    #[must_use]
    pub const fn opens_gate(self) -> bool {
        matches!(self, Self::Passed | Self::Excepted | Self::NotApplicable)
    }

    /// Whether it counts as met in "17 of 20 requirements met".
    #[must_use]
    pub const fn is_met(self) -> bool {
        matches!(self, Self::Passed | Self::Excepted)
    }

    /// The word people meet (ux §2.4).
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotApplicable => "Not applicable",
            Self::Passed => "Passed",
            Self::Excepted => "By exception",
            Self::Indeterminate => "Could not tell",
            Self::Missing => "Missing",
            Self::Failed => "Failed",
        }
    }

    /// The glyph beside the word, so that colour never stands alone.
    #[must_use]
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::NotApplicable => "–",
            Self::Passed => "✓",
            Self::Excepted => "◆",
            Self::Indeterminate => "?",
            Self::Missing => "○",
            Self::Failed => "✕",
        }
    }

    /// The stable name used in JSON, SQL and style classes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "not_applicable",
            Self::Passed => "passed",
            Self::Excepted => "excepted",
            Self::Indeterminate => "indeterminate",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a subject got its verdict: machine-readable, one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Everything asked for is there and good.
    Satisfied,
    /// Nothing of the kind is held.
    Absent,
    /// It was good once; the subject changed afterwards.
    Stale,
    /// It speaks of another commit, digest or environment.
    WrongSubject,
    /// It is there and too low.
    BelowThreshold,
    /// It says no.
    Negative,
    /// It ran and saw nothing: no tests, no files, no packages (AR-16).
    Empty,
    /// It was made, or reached us, too late to count.
    TooLate,
    /// It is older than allowed.
    Expired,
    /// The same person on both sides.
    NotIndependent,
    /// The clocks cannot tell the order.
    ClockUncertain,
    /// It cannot be told whether two accounts are one person.
    IdentityUncertain,
    /// The evidence could not be read, or the check could not be computed.
    Error,
    /// It is here, and not all of it is known: it is still being taken in, or could not be.
    Incomplete,
    /// A named exception covers it.
    Excepted,
    /// There is nothing of the kind to check.
    NoSubjects,
    /// It was only told, where what happened has to be observed.
    NotObserved,
    /// It has to happen after a point that has not been reached yet.
    NotYet,
}

impl Cause {
    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::Absent => "absent",
            Self::Stale => "stale",
            Self::WrongSubject => "wrong_subject",
            Self::BelowThreshold => "below_threshold",
            Self::Negative => "negative",
            Self::Empty => "empty",
            Self::TooLate => "too_late",
            Self::Expired => "expired",
            Self::NotIndependent => "not_independent",
            Self::ClockUncertain => "clock_uncertain",
            Self::IdentityUncertain => "identity_uncertain",
            Self::Error => "error",
            Self::Incomplete => "incomplete",
            Self::Excepted => "excepted",
            Self::NoSubjects => "no_subjects",
            Self::NotObserved => "not_observed",
            Self::NotYet => "not_yet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_never_a_pass() {
        for verdict in [Verdict::Missing, Verdict::Indeterminate, Verdict::Failed] {
            assert!(!verdict.opens_gate());
            assert!(!verdict.is_met());
        }
    }

    #[test]
    fn a_group_takes_its_worst_member() {
        let worst = [Verdict::Passed, Verdict::Missing, Verdict::Excepted].into_iter().max();
        assert_eq!(worst, Some(Verdict::Missing));
    }
}
