//! Facts about builds and about what a release is made of.

use serde::{Deserialize, Serialize};

use super::{CheckConclusion, Commit};
use crate::{Link, ReleaseType, Time};

/// A pipeline run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRun {
    /// `owner/name`.
    pub repository: String,
    /// Its number.
    pub run: u64,
    /// Which try this is, from 1.
    pub attempt: u64,
    /// The workflow's name.
    pub name: String,
    /// The commit it ran on.
    pub commit: String,
    /// The branch it ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// How it ended.
    pub conclusion: CheckConclusion,
    /// When it last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// A release was named, with what it contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseManifest {
    /// The product's name.
    pub product: String,
    /// The version.
    pub version: String,
    /// Its type.
    pub release_type: ReleaseType,
    /// `owner/name`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The commit it is cut at.
    pub commit: String,
    /// The version it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The exact range, where the sender had a checkout; `None` means "work it out from pushes".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Vec<Commit>>,
    /// Its artefacts, `sha256:…`.
    #[serde(default)]
    pub digests: Vec<String>,
    /// When it is planned to ship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_at: Option<Time>,
}

impl ReleaseManifest {
    /// What the commits that a checkout told of name.
    pub(super) fn links(&self) -> Vec<Link> {
        self.range.iter().flatten().flat_map(Commit::links).collect()
    }
}
