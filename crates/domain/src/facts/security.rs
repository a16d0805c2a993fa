//! Facts about security: scans, alerts, bills of materials.

use serde::{Deserialize, Serialize};

use super::FindingSeen;
use crate::{Key, Time};

/// What a scan looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanKind {
    /// Weaknesses in source code.
    Sast,
    /// Secrets in source code.
    Secret,
    /// Known vulnerabilities in dependencies.
    Sca,
    /// Known vulnerabilities in an image.
    Container,
    /// Mistakes in infrastructure code.
    Iac,
    /// A running application.
    Dast,
    /// The settings and patches of a machine or cloud account.
    Host,
    /// How a project is run: reviews, pinned dependencies, signed releases.
    Posture,
    /// The report does not say.
    Unknown,
}

impl ScanKind {
    /// The name used in criteria, JSON and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sast => "sast",
            Self::Secret => "secret",
            Self::Sca => "sca",
            Self::Container => "container",
            Self::Iac => "iac",
            Self::Dast => "dast",
            Self::Host => "host",
            Self::Posture => "posture",
            Self::Unknown => "unknown",
        }
    }

    /// The kind of that name, as it is stored.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::told(name).or((name == Self::Unknown.name()).then_some(Self::Unknown))
    }

    /// The kind that a sender means by a name; nobody means `unknown`.
    #[must_use]
    pub fn told(name: &str) -> Option<Self> {
        Self::TOLD.into_iter().find(|kind| kind.name() == name)
    }

    /// Every kind that a sender may name.
    pub const TOLD: [Self; 8] =
        [Self::Sast, Self::Secret, Self::Sca, Self::Container, Self::Iac, Self::Dast, Self::Host, Self::Posture];

    /// Whether it looks things up in a database of vulnerabilities, whose date then counts.
    #[must_use]
    pub const fn needs_database(self) -> bool {
        matches!(self, Self::Sca | Self::Container)
    }
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// CVSS 0.1–3.9.
    Low,
    /// CVSS 4.0–6.9.
    Medium,
    /// CVSS 7.0–8.9.
    High,
    /// CVSS 9.0–10.0.
    Critical,
}

impl Level {
    /// The name used in JSON and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The CVSS v3.1 and v4.0 band of a score (compliance §7.3).
    #[must_use]
    pub fn of_score(score: f64) -> Self {
        match score {
            s if s >= 9.0 => Self::Critical,
            s if s >= 7.0 => Self::High,
            s if s >= 4.0 => Self::Medium,
            s if s > 0.0 => Self::Low,
            _ => Self::Info,
        }
    }
}

/// How many findings of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
    /// The rest.
    pub info: u64,
}

impl Levels {
    /// Counts one more of `level`.
    pub const fn add(&mut self, level: Level) {
        match level {
            Level::Critical => self.critical += 1,
            Level::High => self.high += 1,
            Level::Medium => self.medium += 1,
            Level::Low => self.low += 1,
            Level::Info => self.info += 1,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.critical + self.high + self.medium + self.low + self.info
    }
}

/// A scanner's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// What it looked for.
    pub scan: ScanKind,
    /// The tool.
    pub tool: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_version: Option<String>,
    /// What was scanned, as the tool names it: an image, a repository, an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whether the tool says that it ran to its end; `None` where it does not say.
    pub success: Option<bool>,
    /// Why it did not look at everything it should have, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// Files, packages or addresses it looked at; `None` where it does not say.
    pub looked_at: Option<u64>,
    /// Rules it ran with, 0 if not listed.
    #[serde(default)]
    pub rules: u64,
    /// Findings by level; those the report may leave out itself are not among them.
    pub levels: Levels,
    /// Findings that the report marks as suppressed.
    #[serde(default)]
    pub suppressed: u64,
    /// The gravest findings, at most [`Scan::MAX_FINDINGS`].
    #[serde(default)]
    pub findings: Vec<FindingSeen>,
    /// All findings that were read: how many, and a digest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<AllFindings>,
    /// The product its sender named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The part of the product it answers for: as its sender says, else the report, else the name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The commit it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The artefacts it names, `sha256:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Where its knowledge of vulnerabilities comes from.
    #[serde(default)]
    pub database: Database,
}

/// What commits the log to every finding of a report, also those that the facts have no room for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllFindings {
    /// How many, each place counted.
    pub count: u64,
    /// How many different ones, by fingerprint.
    pub different: u64,
    /// SHA-256, hex, of their JSON, one a line, in the order of the report.
    pub digest: String,
}

/// Why a scan proves nothing, and closes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanDoubt<'a> {
    /// The tool says that it did not run to its end.
    Failed,
    /// It did not look at everything, for this reason.
    Partial(&'a str),
    /// Nothing shows that it looked at anything.
    Empty,
    /// It does not say how old its database of vulnerabilities is.
    Undated,
}

impl ScanDoubt<'_> {
    /// Why, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Failed => "It says that it did not run to its end.".to_owned(),
            Self::Partial(why) => format!("It did not look at everything: {}.", why.trim_end_matches('.')),
            Self::Empty => "It does not show that it looked at anything.".to_owned(),
            Self::Undated => "It does not say how old its database of vulnerabilities is.".to_owned(),
        }
    }
}

/// How old a scanner's knowledge of vulnerabilities is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// The report does not say, and the tool works with a copy that may be old.
    #[default]
    Undated,
    /// The copy is of this time.
    Dated(Time),
    /// The tool asks a service each time it runs.
    Live,
}

impl Database {
    /// The date of the copy, if there is one and it is known.
    #[must_use]
    pub const fn date(self) -> Option<Time> {
        match self {
            Self::Dated(at) => Some(at),
            Self::Undated | Self::Live => None,
        }
    }
}

impl Scan {
    /// Findings kept beside the counts; the raw report holds them all.
    pub const MAX_FINDINGS: usize = 500;

    /// Why it proves nothing (T15, T16, AR-16); `None` where it is complete. A tool that tells nothing of what it looked at
    /// must at least show its rules or results.
    #[must_use]
    pub fn doubt(&self) -> Option<ScanDoubt<'_>> {
        let shown = match self.looked_at {
            Some(n) => n > 0,
            None => self.rules > 0 || self.levels.total() > 0 || self.suppressed > 0,
        };
        match (&self.success, &self.partial) {
            (Some(false), _) => Some(ScanDoubt::Failed),
            (_, Some(why)) => Some(ScanDoubt::Partial(why)),
            _ if !shown => Some(ScanDoubt::Empty),
            _ if self.scan.needs_database() && self.database == Database::Undated => Some(ScanDoubt::Undated),
            _ => None,
        }
    }

    /// What scans answer for each other: kind, tool, sender, what was scanned without tag or digest, and the part of the
    /// product. Only a scan of the same scope says that a finding is gone.
    #[must_use]
    pub fn answers_for(&self, source: &str) -> String {
        let target = self.target.as_deref().unwrap_or_default();
        let target = target.split_once('@').map_or(target, |(name, _)| name);
        // A colon behind the last slash begins a tag; one before it is a port.
        let folder = target.rfind('/').map_or(0, |i| i + 1);
        let stem = target[folder..].find(':').map_or(target, |i| &target[..folder + i]);
        let scope = self.scope.as_deref().unwrap_or_default();
        format!("{}|{}|{source}|{stem}|{scope}", self.scan.name(), self.tool.to_lowercase())
    }

    /// How far the clock of a sender may be ahead of ours.
    pub const AHEAD: i64 = 5 * 60 * Time::SECOND;

    /// When it was made, for putting scans in order: as the report says, else its sender; never after it was received.
    #[must_use]
    pub fn made_at(&self, received: Time, occurred: Option<Time>) -> Time {
        self.finished_at.or(occurred).map_or(received, |at| at.min(received))
    }

    /// Whether it says that something is gone, sent for what is `named`: it is complete, it is known what part it answers for, it
    /// looked at what it was sent for, and it does not claim to come from the future (T39).
    #[must_use]
    pub fn closes(&self, named: &[Key], received: Time, occurred: Option<Time>) -> bool {
        let latest = received.plus(Self::AHEAD);
        let ahead = self.finished_at.into_iter().chain(occurred).any(|at| at > latest);
        self.doubt().is_none() && self.scope.is_some() && !ahead && self.contradiction(named).is_none()
    }

    /// What the report itself says that it looked at, `commit:…` or `digest:…`, where its sender named others of that kind only.
    #[must_use]
    pub fn contradiction(&self, named: &[Key]) -> Option<Key> {
        let artefacts: Vec<Key> = self.digests.iter().map(|d| Key::digest(d)).collect();
        let commit: Vec<Key> = self.commit.iter().map(|c| Key::commit(c)).collect();
        [artefacts, commit].into_iter().find_map(|own| Key::elsewhere(&own, named))
    }

    /// A scan about which nothing is known yet.
    #[must_use]
    pub const fn new(scan: ScanKind, tool: String) -> Self {
        Self {
            scan,
            tool,
            tool_version: None,
            target: None,
            success: None,
            partial: None,
            looked_at: None,
            rules: 0,
            levels: Levels { critical: 0, high: 0, medium: 0, low: 0, info: 0 },
            suppressed: 0,
            findings: Vec::new(),
            all: None,
            product: None,
            scope: None,
            commit: None,
            digests: Vec::new(),
            started_at: None,
            finished_at: None,
            database: Database::Undated,
        }
    }
}

/// A bill of materials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sbom {
    /// `CycloneDX`.
    pub format: String,
    /// Its version.
    pub spec_version: String,
    /// Components listed, nested ones included.
    pub components: u64,
    /// Vulnerabilities listed inside.
    pub vulnerabilities: u64,
    /// What it describes: name and version, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub describes: Option<String>,
    /// Digests of what it describes, `sha256:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// The tool that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
}

/// Which of a forge's alert feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSource {
    /// Static analysis.
    CodeScanning,
    /// Known vulnerabilities in dependencies.
    Dependency,
    /// Secrets.
    SecretScanning,
}

impl AlertSource {
    /// The name used in fingerprints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CodeScanning => "code_scanning",
            Self::Dependency => "dependency",
            Self::SecretScanning => "secret_scanning",
        }
    }
}

impl AlertSource {
    /// The kind of scan behind it.
    #[must_use]
    pub const fn kind(self) -> ScanKind {
        match self {
            Self::CodeScanning => ScanKind::Sast,
            Self::Dependency => ScanKind::Sca,
            Self::SecretScanning => ScanKind::Secret,
        }
    }
}

impl Alert {
    /// What makes it the same one at its next event: feed, repository and number.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("alert:{}:{}#{}", self.source.name(), self.repository, self.number)
    }
}

/// A forge's alert about one issue, as it stood at one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `owner/name`.
    pub repository: String,
    /// The feed.
    pub source: AlertSource,
    /// Its number there.
    pub number: u64,
    /// What happened, in the source's word.
    pub action: String,
    /// Still open.
    pub open: bool,
    /// Closed by a person's decision rather than by a fix.
    pub dismissed: bool,
    /// The rule, advisory or secret type.
    pub rule: String,
    /// How grave; `None` where the source does not say.
    pub level: Option<Level>,
    /// What it says.
    pub title: String,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_at: Option<Time>,
    /// The commit it was last seen on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch it was last seen on; `None` where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Where a person reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_leaves_tags_and_digests_out() {
        let of = |target: &str| {
            let scan = Scan { target: Some(target.into()), ..Scan::new(ScanKind::Container, "Trivy".into()) };
            scan.answers_for("ci:acme/pay")
        };
        let expected = "container|trivy|ci:acme/pay|registry.example.org:5000/acme/pay|";
        for target in [
            "registry.example.org:5000/acme/pay:1.0",
            "registry.example.org:5000/acme/pay@sha256:00",
            "registry.example.org:5000/acme/pay",
        ] {
            assert_eq!(of(target), expected, "{target}");
        }
        assert_ne!(of("acme/pay"), of("acme/web"));
        let named = Scan { scope: Some("svc-a.sarif".into()), ..Scan::new(ScanKind::Sast, "Bandit".into()) };
        assert_ne!(named.answers_for("x"), Scan::new(ScanKind::Sast, "Bandit".into()).answers_for("x"));
    }
}
