//! Facts about tests and checks.

use serde::{Deserialize, Serialize};

use crate::Time;

/// How a check ended. Skipped and neutral are kept apart from success on purpose (T10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckConclusion {
    /// It passed.
    Success,
    /// It failed.
    Failure,
    /// It ran and said neither.
    Neutral,
    /// It did not run.
    Skipped,
    /// It was stopped or took too long.
    Cancelled,
    /// It has not ended.
    Running,
    /// A word we do not know.
    Other,
}

/// A check run or commit status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `owner/name`.
    pub repository: String,
    /// The commit it looked at.
    pub commit: String,
    /// Its name.
    pub name: String,
    /// The application that reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// How it ended.
    pub conclusion: CheckConclusion,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// The pipeline run it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// The branch it ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// A test report's counts. `tests` is what was read, not what a header claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    /// The suite, as named with `--for` or by the report.
    pub suite: String,
    /// Cases in all.
    pub tests: u64,
    /// Cases that passed.
    pub passed: u64,
    /// Assertions that failed.
    pub failed: u64,
    /// Cases that ended in an error.
    pub errors: u64,
    /// Cases that did not run.
    pub skipped: u64,
    /// Names of the first failing cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
    /// The run came to its end and so did its report. A cut-off file and an aborted run are not complete.
    pub complete: bool,
    /// The tool that ran it, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// When it started, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// A coverage report's totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Lines that could be covered.
    pub lines_total: u64,
    /// Lines that were.
    pub lines_covered: u64,
    /// Branches that could be covered; 0 if not measured.
    pub branches_total: u64,
    /// Branches that were.
    pub branches_covered: u64,
    /// Files in the report.
    pub files: u64,
    /// The report ended as it should.
    pub complete: bool,
}

impl Coverage {
    /// Covered lines in hundredths of a percent, rounded down; `None` when nothing was measured.
    #[must_use]
    pub fn line_basis_points(&self) -> Option<u64> {
        (self.lines_total > 0).then(|| {
            let covered = u128::from(self.lines_covered.min(self.lines_total));
            u64::try_from(covered * 10_000 / u128::from(self.lines_total)).unwrap_or(0)
        })
    }
}
