//! Which set of reports one belongs to, and what names a fact.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which part of which set of reports this is, as its sender or the CI says: the run and attempt whose reports count
/// together, and the job, step and shard in it. It says nothing about repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidencePart {
    /// The pipeline run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Which try of the run this is, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// The job in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The step in the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Which of how many: `2/5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
}

impl EvidencePart {
    /// Whether nothing was told.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        *self == Self::default()
    }
}

/// What names a fact, however often and by whichever way we hear it: host, object and revision.
///
/// `ev_…` names an entry of the log; several entries may be sightings of one fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactId(String);

impl FactId {
    /// The longest, in characters: what names a fact is short.
    const LONGEST: usize = 300;

    /// The fact that `object` (`pull_request/123`) stood at `revision` on `host`.
    #[must_use]
    pub fn new(host: &str, object: &str, revision: &str) -> Self {
        Self(format!("{host}/{object}@{revision}").chars().take(Self::LONGEST).collect())
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
