//! One security issue as one report saw it, with everything the report says about how grave it is.

use serde::{Deserialize, Serialize};

use super::Level;
use crate::Time;

/// Which edition of the Common Vulnerability Scoring System a score is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ScoreSystem {
    /// CVSS v2.
    #[serde(rename = "CVSS:2.0")]
    V2,
    /// CVSS v3.0 and v3.1.
    #[serde(rename = "CVSS:3")]
    V3,
    /// CVSS v4.0.
    #[serde(rename = "CVSS:4.0")]
    V4,
}

impl ScoreSystem {
    /// The name people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "CVSS v2",
            Self::V3 => "CVSS v3",
            Self::V4 => "CVSS v4",
        }
    }
}

/// A score as a report gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Score {
    /// By which edition.
    pub system: ScoreSystem,
    /// Tenths: 0 to 100.
    pub tenths: u8,
    /// The vector, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
    /// Who scored it: `nvd`, `ghsa`, `redhat`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// The probability of exploitation within 30 days (FIRST EPSS). Scores of different models do not compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epss {
    /// Parts per million.
    pub ppm: u32,
    /// The model's version, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The day it was scored, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// Everything a report says about how grave a finding is. Kept whole, so that a policy can be applied again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Severity {
    /// The tool's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// What the tool's word means on our scale; `None` where it gives none we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Level>,
    /// Scores, by whoever gave them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
    /// EPSS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
    /// In CISA's catalogue of known exploited vulnerabilities; `None` where the report does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_exploited: Option<bool>,
}

/// Which of the inputs decides the band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BandPolicy {
    /// The tool's word, which knows the distribution's own rating; else the newest CVSS.
    #[default]
    ToolFirst,
    /// The newest CVSS edition, its highest score; else the tool's word.
    ScoreFirst,
    /// The gravest of all.
    Highest,
}

impl BandPolicy {
    /// Whether it is what holds where nobody says anything.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The name used in configuration and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToolFirst => "tool-first",
            Self::ScoreFirst => "score-first",
            Self::Highest => "highest",
        }
    }
}

impl Severity {
    /// The one band by `policy`; `None` where nothing is given at all.
    ///
    /// A known exploited vulnerability is never below high: exploitation is a fact, a score an estimate.
    #[must_use]
    pub fn band(&self, policy: BandPolicy) -> Option<Level> {
        let newest = self.scores.iter().map(|s| s.system).max();
        let scored = self
            .scores
            .iter()
            .filter(|s| Some(s.system) == newest)
            .map(|s| s.tenths)
            .max()
            .map(|tenths| Level::of_score(f64::from(tenths) / 10.0));
        let band = match policy {
            BandPolicy::ToolFirst => self.tool.or(scored),
            BandPolicy::ScoreFirst => scored.or(self.tool),
            BandPolicy::Highest => self.tool.max(scored),
        };
        if self.known_exploited == Some(true) { band.max(Some(Level::High)) } else { band }
    }
}

/// The part that is affected.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Component {
    /// Its name as the tool gives it.
    pub name: String,
    /// The version found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its package URL (ECMA-427), as given or as the ecosystem and name make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// The version that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_in: Option<String>,
}

/// One finding as a scan saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingSeen {
    /// Stable across scans; what it is made of is told where `certrail-formats` makes it.
    pub fingerprint: String,
    /// The rule or vulnerability, as the tool names it.
    pub rule: String,
    /// How grave, by the default policy; high where the report does not say.
    pub level: Level,
    /// What is broken, in the tool's words.
    pub title: String,
    /// Where: a path, an address, a host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The line, for a person to look at. Never part of the fingerprint alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Other names of the same vulnerability: CVE, GHSA, OSV.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Weaknesses it is an instance of (CWE numbers).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<u32>,
    /// All that is said about how grave it is.
    #[serde(default)]
    pub severity: Severity,
    /// The part that is affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// The tool followed calls and says whether the broken code is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachable: Option<bool>,
    /// The report itself marks it as suppressed, in these words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
    /// When the source first saw it, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
}

impl FindingSeen {
    /// What people call it: the affected part before what is broken.
    #[must_use]
    pub fn name(&self) -> String {
        let title = if self.title.is_empty() { &self.rule } else { &self.title };
        // Many titles begin with the part's name already.
        let bare = |name: &str| {
            let rest = title.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name));
            rest.and_then(|_| title[name.len()..].strip_prefix(':')).map_or(title.as_str(), str::trim_start)
        };
        let name = match &self.component {
            Some(Component { name, version: Some(version), .. }) => format!("{name} {version}: {}", bare(name)),
            Some(Component { name, .. }) => format!("{name}: {}", bare(name)),
            None => title.clone(),
        };
        name.chars().take(200).collect()
    }

    /// The spot in the source it is about: file and line. Two findings of one spot are possibly the same, told by two tools.
    #[must_use]
    pub fn spot(&self) -> Option<String> {
        let line = self.line.filter(|_| self.component.is_none() && !self.place.is_empty())?;
        let place = self.place.replace('\\', "/");
        Some(format!("{}:{line}", place.trim_start_matches("file://").trim_start_matches("./")))
    }

    /// Whether the report's own word is enough to leave it out: up to medium. What is high or critical stays until
    /// somebody here decides (law 6).
    #[must_use]
    pub fn is_left_out(&self) -> bool {
        self.suppressed.is_some() && self.level <= Level::Medium
    }

    /// Whether its source says that it is being exploited (CISA KEV).
    #[must_use]
    pub fn is_exploited(&self) -> bool {
        self.severity.known_exploited == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(system: ScoreSystem, tenths: u8) -> Score {
        Score { system, tenths, vector: None, by: String::new() }
    }

    #[test]
    fn a_name_says_the_part_once() {
        let named = |title: &str, version: Option<&str>| {
            let component =
                Component { name: "openssl".into(), version: version.map(Into::into), ..Component::default() };
            let seen = serde_json::json!({ "fingerprint": "f", "rule": "CVE-1", "level": "low", "title": title });
            let seen: FindingSeen = serde_json::from_value(seen).unwrap();
            FindingSeen { component: Some(component), ..seen }.name()
        };
        assert_eq!(named("OpenSSL: slow parsing", Some("3.0.1")), "openssl 3.0.1: slow parsing");
        assert_eq!(named("slow parsing", None), "openssl: slow parsing");
        assert_eq!(named("", Some("3.0.1")), "openssl 3.0.1: CVE-1");
        assert_eq!(named("ö", None), "openssl: ö");
    }

    #[test]
    fn the_band_follows_the_policy_and_a_known_exploit_lifts_it() {
        let severity = Severity {
            tool: Some(Level::Low),
            scores: vec![score(ScoreSystem::V2, 100), score(ScoreSystem::V3, 98), score(ScoreSystem::V3, 53)],
            ..Severity::default()
        };
        assert_eq!(severity.band(BandPolicy::ToolFirst), Some(Level::Low));
        assert_eq!(severity.band(BandPolicy::ScoreFirst), Some(Level::Critical));
        assert_eq!(severity.band(BandPolicy::Highest), Some(Level::Critical));
        let exploited = Severity { known_exploited: Some(true), ..severity };
        assert_eq!(exploited.band(BandPolicy::ToolFirst), Some(Level::High));
        assert_eq!(Severity::default().band(BandPolicy::Highest), None);
    }
}
