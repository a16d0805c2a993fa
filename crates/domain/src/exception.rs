//! Approved, scoped, expiring departures. An exception informs a verdict; it never repaints a finding (law 6).

use serde::{Deserialize, Serialize};

use crate::{ExceptionId, ReleaseId, Time};

/// Where an exception stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionState {
    /// Asked for; no effect yet.
    Requested,
    /// Approved by somebody else.
    Approved,
    /// Refused.
    Rejected,
    /// Ended before its time.
    Revoked,
}

impl ExceptionState {
    /// The name used in JSON and SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Requested, Self::Approved, Self::Rejected, Self::Revoked].into_iter().find(|s| s.name() == name)
    }
}

/// What an exception covers: one requirement of one release, and optionally one subject of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionScope {
    /// The release.
    pub release: ReleaseId,
    /// The requirement's id.
    pub requirement: String,
    /// One subject (`finding:<fingerprint>`, `change:…`); `None` covers the requirement as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// An exception with its whole story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its id.
    pub id: ExceptionId,
    /// What it covers.
    pub scope: ExceptionScope,
    /// Why.
    pub reason: String,
    /// What is done instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub compensating: String,
    /// Who asked.
    pub requester: String,
    /// Who approved; never the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// Where it stands.
    pub state: ExceptionState,
    /// When it was asked for, by our clock.
    pub requested_at: Time,
    /// When it was approved, rejected or revoked, by our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
    /// When it ends. Always set.
    pub expires_at: Time,
    /// It was approved with a token, which the product accepts: a report of an approval.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_by_token: bool,
    /// Whoever approved it asked for it, or is an author of what it excuses, in a product whose one person decides everything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// The artefacts that its release had when it was approved: what joins later nobody excused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
}

impl Exception {
    /// The longest life an exception may be asked for: 180 days (compliance §7.1, low severity).
    pub const MAX_LIFE: i64 = 180 * Time::DAY;

    /// T26 and T27: approved by somebody else, recorded before `at`, and not expired at `at`.
    #[must_use]
    pub fn in_force(&self, at: Time) -> bool {
        self.state == ExceptionState::Approved
            && self.decided_at.is_some_and(|decided| decided <= at)
            && at < self.expires_at
            && self.approver.as_ref().is_some_and(|a| *a != self.requester || self.alone)
    }

    /// When it begins and ends to be in force.
    pub fn edges(&self) -> impl Iterator<Item = Time> {
        self.decided_at.into_iter().chain([self.expires_at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_live_exception_approved_by_somebody_else_counts() {
        let at = |s: i64| Time::from_micros(s * Time::SECOND);
        let good = Exception {
            id: ExceptionId::from_stored("exc_1"),
            scope: ExceptionScope {
                release: ReleaseId::from_stored("rel_1"),
                requirement: "dast".into(),
                subject: None,
            },
            reason: "no public surface".into(),
            compensating: String::new(),
            requester: "a".into(),
            approver: Some("b".into()),
            state: ExceptionState::Approved,
            requested_at: at(0),
            decided_at: Some(at(10)),
            expires_at: at(20),
            told_by_token: false,
            alone: false,
            digests: Vec::new(),
        };
        assert!(good.in_force(at(10)));
        assert!(!good.in_force(at(9)), "backdated");
        assert!(!good.in_force(at(20)), "expired");
        assert!(!Exception { approver: Some("a".into()), ..good.clone() }.in_force(at(10)), "self-approved");
        assert!(!Exception { state: ExceptionState::Requested, ..good }.in_force(at(10)), "not approved");
    }
}
