//! The outcome of judging a release: a verdict per requirement at one log position and time.

use serde::{Deserialize, Serialize};

use crate::{Cause, EvidenceId, ExceptionId, ReleaseId, Time, Verdict};

/// What an evaluation was a function of (law 4). Same snapshot, same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The release.
    pub release: ReleaseId,
    /// Entries of the log that were seen: all with an index below this.
    pub log_position: u64,
    /// The clock of the decision.
    pub decision_time: Time,
    /// The criteria set.
    pub criteria: String,
    /// Its version.
    pub criteria_version: String,
    /// SHA-256 over its bytes, hex.
    pub criteria_digest: String,
    /// The version of the rules that ran.
    pub evaluator: String,
    /// Exceptions in force, by id.
    pub exceptions: Vec<ExceptionId>,
    /// Evidence bound to the release at that position.
    pub evidence_count: u64,
    /// It was judged for its next deployment to production, as of the clock, and not for those that had been.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub next: bool,
}

/// The outcome of one temporal rule on one subject (compliance §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It does not speak of this.
    NotApplicable,
    /// It holds.
    Pass,
    /// It holds no, and an exception covers it.
    Excused,
    /// Cannot be told.
    Indeterminate,
    /// It does not hold.
    Fail,
}

impl RuleOutcome {
    /// The word people meet.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotApplicable => "Does not apply",
            Self::Pass => "Holds",
            Self::Excused => "By exception",
            Self::Indeterminate => "Could not tell",
            Self::Fail => "Does not hold",
        }
    }
}

/// One temporal rule applied to one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleResult {
    /// `T03`.
    pub rule: String,
    /// What it was applied to.
    pub subject: String,
    /// How it came out.
    pub outcome: RuleOutcome,
    /// One plain sentence.
    pub sentence: String,
    /// The evidence read.
    pub inputs: Vec<EvidenceId>,
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// Stable within the release: `change:acme/pay#12`, `digest:sha256:…`, `release`.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// The verdict on one subject of a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What it is about.
    pub subject: Subject,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, one word.
    pub cause: Cause,
    /// Why, one sentence.
    pub sentence: String,
    /// The evidence read to reach it.
    pub inputs: Vec<EvidenceId>,
    /// The exception that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionId>,
}

/// The verdict on one requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequirementResult {
    /// Its id in the criteria.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// The verdict: the worst of its rows.
    pub verdict: Verdict,
    /// Why: the cause of the worst row.
    pub cause: Cause,
    /// One sentence for the list of blockers.
    pub sentence: String,
    /// What to do about it.
    pub fix: String,
    /// Whether a gate stays closed over it.
    pub blocking: bool,
    /// It is about what comes after deployment, and that has not happened yet: a mark, not a verdict.
    #[serde(default)]
    pub pending: bool,
    /// A row per subject.
    pub rows: Vec<Row>,
}

/// "17 of 20 requirements met": the fraction, and what the rest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Requirements that count: blocking and applicable.
    pub counted: u64,
    /// Passed or excepted among them.
    pub met: u64,
    /// Excepted among them.
    pub excepted: u64,
    /// Missing among them.
    pub missing: u64,
    /// Failed among them.
    pub failed: u64,
    /// Could not tell among them.
    pub indeterminate: u64,
    /// Not due yet among them; the gate before deployment does not wait for these.
    pub pending: u64,
    /// Met in percent, rounded down; 0 when nothing counts.
    pub percent: u64,
}

/// An evaluation: a pure function of its [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `certrail.evaluation/1`.
    pub schema: String,
    /// What it was a function of.
    pub snapshot: Snapshot,
    /// The fraction.
    pub summary: Summary,
    /// A verdict per requirement, in the order of the criteria.
    pub requirements: Vec<RequirementResult>,
    /// The temporal rules, in order.
    pub rules: Vec<RuleResult>,
}

impl Evaluation {
    /// The name and version of this shape.
    pub const SCHEMA: &'static str = "certrail.evaluation/1";

    /// Whether nothing blocking stands in the way. With `after_deployment` false, requirements that
    /// cannot be met before deployment do not count against it.
    #[must_use]
    pub fn opens(&self, after_deployment: bool) -> bool {
        !self.requirements.is_empty() && self.blockers(after_deployment).next().is_none()
    }

    /// The requirements that keep a gate closed.
    pub fn blockers(&self, after_deployment: bool) -> impl Iterator<Item = &RequirementResult> {
        self.requirements
            .iter()
            .filter(move |r| r.blocking && !r.verdict.opens_gate() && (after_deployment || !r.pending))
    }

    /// The fraction over `requirements`.
    #[must_use]
    pub fn summarise(requirements: &[RequirementResult]) -> Summary {
        let mut s = Summary::default();
        for r in requirements.iter().filter(|r| r.blocking && r.verdict != Verdict::NotApplicable) {
            s.counted += 1;
            match r.verdict {
                Verdict::Passed => s.met += 1,
                Verdict::Excepted => {
                    s.met += 1;
                    s.excepted += 1;
                }
                _ if r.pending => s.pending += 1,
                Verdict::Missing => s.missing += 1,
                Verdict::Failed => s.failed += 1,
                Verdict::Indeterminate | Verdict::NotApplicable => s.indeterminate += 1,
            }
        }
        s.percent = (s.met * 100).checked_div(s.counted).unwrap_or(0);
        s
    }
}
