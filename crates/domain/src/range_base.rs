//! Where the range of a release ends: at what was judged before it, or at the stated beginning of a product's history.

use serde::{Deserialize, Serialize};

use crate::{ReleaseId, Time, normal_version};

/// Why nothing behind a commit is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseKind {
    /// A release is cut there, and somebody entitled certified it.
    Certified,
    /// A release is cut there; its deployment system saw it in production, and an evaluation of it is on record.
    InProduction,
    /// The history of the product is judged from there on ([`Baseline`]).
    Baseline,
}

impl BaseKind {
    /// The name used in JSON and SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certified => "certified",
            Self::InProduction => "in_production",
            Self::Baseline => "baseline",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Certified, Self::InProduction, Self::Baseline].into_iter().find(|kind| kind.name() == name)
    }
}

/// A place at which the range of a release ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RangeBase {
    /// Why it ends there.
    pub kind: BaseKind,
    /// The commit, which belongs to the range no more.
    pub commit: String,
    /// The version that is cut there, or what the baseline says is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The release that is cut there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
}

impl RangeBase {
    /// `2.4.0, which is certified`; `the baseline at 1a2b3c4d5e`.
    #[must_use]
    pub fn words(&self) -> String {
        let commit: String = self.commit.chars().take(10).collect();
        let version = self.version.as_deref();
        match self.kind {
            BaseKind::Certified => format!("{}, which is certified", version.unwrap_or(&commit)),
            BaseKind::InProduction => {
                format!("{}, which was in production uncertified when its range ended here", version.unwrap_or(&commit))
            }
            BaseKind::Baseline => match version {
                Some(version) => format!("the baseline {version} at {commit}"),
                None => format!("the baseline at {commit}"),
            },
        }
    }
}

/// The stated commit from which on a product's history is judged: what it contains shipped before anybody judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The commit.
    pub commit: String,
    /// What is called so in the tags of the repository, for those who name the release before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why there.
    pub reason: String,
    /// Who stated it.
    pub requester: String,
    /// When.
    pub requested_at: Time,
    /// Who else approved it; nobody where no release had been judged yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// Somebody else would have to approve it, were there another: the product had a sole decider.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// From which entry of the log on it counts; not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Until which entry of the log it counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

impl Baseline {
    /// Whether a version is what tags call it.
    #[must_use]
    pub fn is_called(&self, version: &str) -> bool {
        self.version.as_deref().is_some_and(|own| normal_version(own) == normal_version(version))
    }

    /// As the range of a release names it.
    #[must_use]
    pub fn named(&self) -> RangeBase {
        let (commit, version) = (self.commit.clone(), self.version.clone());
        RangeBase { kind: BaseKind::Baseline, commit, version, release: None }
    }

    /// Whether it ends the range of a release that ends the range of others from entry `judged` on itself; `None` is one that
    /// does not yet.
    #[must_use]
    pub fn counts_for(&self, judged: Option<u64>) -> bool {
        self.since.is_some_and(|since| judged.is_none_or(|judged| since < judged))
            && self.until.is_none_or(|until| judged.is_some_and(|judged| judged <= until))
    }
}
