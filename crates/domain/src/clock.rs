//! Remediation clocks: by when a finding has to be gone, counted from which event (compliance §7.4).

use serde::{Deserialize, Serialize};

use crate::{Time, facts::Level};

/// A clock that somebody other than us defined, or our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Clock {
    /// The team's own days by level.
    #[serde(rename = "own")]
    Own,
    /// PCI DSS 4.0.1, 6.3.3: critical ones within a month of the patch's release; the rest by own ranking.
    #[serde(rename = "pci-6.3.3")]
    PciDss,
    /// `FedRAMP` Rev 5 baselines, RA-5(d) and SI-2(c): 30, 90 and 180 days from discovery.
    #[serde(rename = "fedramp-rev5")]
    FedrampRev5,
    /// `FedRAMP` Consolidated Rules 2026, VDR-TFR-PVR, Class C: days from evaluation.
    #[serde(rename = "fedramp-class-c")]
    FedrampClassC,
    /// The same, Class D.
    #[serde(rename = "fedramp-class-d")]
    FedrampClassD,
    /// CISA BOD 26-04: exploited, exposed, automatable, impact.
    #[serde(rename = "bod-26-04")]
    Bod2604,
}

impl Clock {
    /// The name used in criteria and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::PciDss => "pci-6.3.3",
            Self::FedrampRev5 => "fedramp-rev5",
            Self::FedrampClassC => "fedramp-class-c",
            Self::FedrampClassD => "fedramp-class-d",
            Self::Bod2604 => "bod-26-04",
        }
    }
}

/// What people know about a finding that no scanner tells. What nobody has said is taken to be bad.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// Reachable from the internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed: Option<bool>,
    /// Its exploitation can be automated (SSVC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatable: Option<bool>,
    /// Exploiting it gives total control (SSVC technical impact).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_impact: Option<bool>,
    /// Likely to be exploited here (`FedRAMP` LEV).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely_exploitable: Option<bool>,
    /// Potential agency impact, 1 to 5 (`FedRAMP` N1–N5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub potential_impact: Option<u8>,
    /// When the patch was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_released: Option<Time>,
}

impl Assessment {
    /// What was known before, with what is said now in its place.
    #[must_use]
    pub fn then(self, now: &Self) -> Self {
        Self {
            exposed: now.exposed.or(self.exposed),
            automatable: now.automatable.or(self.automatable),
            total_impact: now.total_impact.or(self.total_impact),
            likely_exploitable: now.likely_exploitable.or(self.likely_exploitable),
            potential_impact: now.potential_impact.or(self.potential_impact),
            patch_released: now.patch_released.or(self.patch_released),
        }
    }

    /// Whether anything is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a clock looks at.
#[derive(Clone, Copy, Debug)]
pub struct Graded<'a> {
    /// How grave.
    pub level: Level,
    /// Known to be exploited (CISA KEV).
    pub exploited: bool,
    /// When it was detected, or detected again after a fix.
    pub detected: Time,
    /// What people said about it last, and when.
    pub assessed: Option<(&'a Assessment, Time)>,
}

/// By when, and why then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// The clock.
    pub clock: Clock,
    /// What starts it, in words.
    pub start: &'static str,
    /// When that was.
    pub from: Time,
    /// How long it runs, in hours.
    pub hours: i64,
    /// When it ends.
    pub at: Time,
}

impl Deadline {
    /// `7 days from detection on 3 May 2026 (own)`.
    #[must_use]
    pub fn words(&self) -> String {
        let long = match (self.hours / 24, self.hours % 24) {
            (1, 0) => "1 day".to_owned(),
            (days, 0) => format!("{days} days"),
            _ => format!("{} hours", self.hours),
        };
        format!("{long} from {} on {}, {}", self.start, self.from.date(), self.clock.title())
    }
}

/// Days to fix by level where a team says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDays {
    /// Critical ones.
    pub critical: i64,
    /// High ones.
    pub high: i64,
    /// Medium ones.
    pub medium: i64,
    /// Low ones.
    pub low: i64,
}

impl Default for OwnDays {
    fn default() -> Self {
        Self { critical: 7, high: 30, medium: 90, low: 180 }
    }
}

/// The clocks that run for a product. The one that ends first counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Which clocks.
    pub clocks: Vec<Clock>,
    /// Days of [`Clock::Own`].
    pub own: OwnDays,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clocks: vec![Clock::Own], own: OwnDays::default() }
    }
}

impl Limits {
    /// These limits and others: every clock of either, and of own days the shorter ones.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let own = match (self.clocks.contains(&Clock::Own), other.clocks.contains(&Clock::Own)) {
            (true, true) => OwnDays {
                critical: self.own.critical.min(other.own.critical),
                high: self.own.high.min(other.own.high),
                medium: self.own.medium.min(other.own.medium),
                low: self.own.low.min(other.own.low),
            },
            (false, true) => other.own,
            _ => self.own,
        };
        let mut clocks = self.clocks;
        clocks.extend(other.clocks);
        clocks.sort();
        clocks.dedup();
        Self { clocks, own }
    }

    /// What every clock says, the earliest first.
    #[must_use]
    pub fn deadlines(&self, finding: &Graded<'_>) -> Vec<Deadline> {
        let mut all: Vec<Deadline> = self.clocks.iter().filter_map(|c| c.deadline(finding, self.own)).collect();
        all.sort_by_key(|d| (d.at, d.clock));
        all
    }

    /// The deadline that counts; `None` where no clock runs.
    #[must_use]
    pub fn deadline(&self, finding: &Graded<'_>) -> Option<Deadline> {
        self.deadlines(finding).into_iter().next()
    }
}

/// What starts a clock.
const DETECTION: &str = "detection";
const PATCH: &str = "the release of the patch";
const UNTOLD_PATCH: &str = "detection (nobody told when the patch was released)";
const EVALUATION: &str = "evaluation";
const LATEST_EVALUATION: &str = "the last day for its evaluation, 5 days after detection";

impl Clock {
    /// Every clock.
    pub const ALL: [Self; 6] =
        [Self::Own, Self::PciDss, Self::FedrampRev5, Self::FedrampClassC, Self::FedrampClassD, Self::Bod2604];

    /// What people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Own => "own limits",
            Self::PciDss => "PCI DSS 6.3.3",
            Self::FedrampRev5 => "FedRAMP Rev 5",
            Self::FedrampClassC => "FedRAMP 2026 Class C",
            Self::FedrampClassD => "FedRAMP 2026 Class D",
            Self::Bod2604 => "BOD 26-04",
        }
    }

    /// By when a finding has to be gone; `None` where this clock does not run for it.
    #[must_use]
    pub fn deadline(self, finding: &Graded<'_>, own: OwnDays) -> Option<Deadline> {
        let days = |days: i64| Some((DETECTION, finding.detected, days * 24));
        let (start, from, hours) = match self {
            Self::Own => match finding.level {
                Level::Critical => days(own.critical),
                Level::High => days(own.high),
                Level::Medium => days(own.medium),
                Level::Low => days(own.low),
                Level::Info => None,
            },
            Self::PciDss => {
                (finding.level == Level::Critical).then(|| match finding.assessed.and_then(|(a, _)| a.patch_released) {
                    Some(released) => (PATCH, released, 30 * 24),
                    None => (UNTOLD_PATCH, finding.detected, 30 * 24),
                })
            }
            // The date of the catalogue supersedes; no report tells it, so the two weeks it used to give.
            Self::FedrampRev5 if finding.exploited => days(14),
            Self::FedrampRev5 => match finding.level {
                Level::Critical | Level::High => days(30),
                Level::Medium => days(90),
                Level::Low => days(180),
                Level::Info => None,
            },
            Self::FedrampClassC | Self::FedrampClassD => self.fedramp_2026(finding),
            Self::Bod2604 => bod_26_04(finding).and_then(days),
        }?;
        Some(Deadline { clock: self, start, from, hours, at: from.plus(hours * Time::DAY / 24) })
    }

    /// VDR-TFR-PVR: by potential impact, reachability and likelihood; not told means the worst.
    fn fedramp_2026(self, finding: &Graded<'_>) -> Option<(&'static str, Time, i64)> {
        let said = finding.assessed.map(|(a, _)| a);
        let impact = said.and_then(|a| a.potential_impact).unwrap_or(match finding.level {
            Level::Critical => 5,
            Level::High => 4,
            Level::Medium => 3,
            Level::Low => 2,
            Level::Info => 1,
        });
        let likely = said.and_then(|a| a.likely_exploitable).unwrap_or(true);
        let reachable = said.and_then(|a| a.exposed).unwrap_or(true);
        // Hours: reachable and likely, likely only, neither.
        let row: [i64; 3] = match (self, impact) {
            (_, 0 | 1) => return None,
            (Self::FedrampClassD, 2) => [24 * 24, 96 * 24, 192 * 24],
            (Self::FedrampClassD, 3) => [8 * 24, 16 * 24, 64 * 24],
            (Self::FedrampClassD, 4) => [2 * 24, 8 * 24, 32 * 24],
            (Self::FedrampClassD, _) => [12, 24, 8 * 24],
            (_, 2) => [48 * 24, 128 * 24, 192 * 24],
            (_, 3) => [16 * 24, 32 * 24, 128 * 24],
            (_, 4) => [4 * 24, 8 * 24, 64 * 24],
            (_, _) => [2 * 24, 4 * 24, 16 * 24],
        };
        let hours = match (likely, reachable) {
            (true, true) => row[0],
            (true, false) => row[1],
            (false, _) => row[2],
        };
        let latest = finding.detected.plus(5 * Time::DAY);
        Some(match finding.assessed {
            // Evaluating late gains no time.
            // An evaluation from before it was reopened counts from then on.
            Some((_, at)) if at <= latest => (EVALUATION, at.max(finding.detected), hours),
            _ => (LATEST_EVALUATION, latest, hours),
        })
    }
}

/// Days by the four questions of the directive; `None` is "at the next upgrade". Not told means the worst, and the impact
/// follows the level.
fn bod_26_04(finding: &Graded<'_>) -> Option<i64> {
    let said = finding.assessed.map(|(a, _)| a);
    let exposed = said.and_then(|a| a.exposed).unwrap_or(true);
    let automatable = said.and_then(|a| a.automatable).unwrap_or(true);
    let total = said.and_then(|a| a.total_impact).unwrap_or(finding.level >= Level::High);
    match (finding.exploited, exposed, automatable, total) {
        (true, true, _, true) | (true, _, true, true) | (_, true, true, true) | (true, true, true, false) => Some(3),
        (true, ..) | (false, true, true, false) | (false, true, false, true) => Some(14),
        (false, true, false, false) | (false, false, true, _) => Some(60),
        (false, false, false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETECTED: Time = Time::from_micros(1_770_000_000_000_000);

    fn days(clock: Clock, level: Level, exploited: bool, assessed: Option<&Assessment>) -> Option<i64> {
        let assessed = assessed.map(|a| (a, DETECTED.plus(Time::DAY)));
        let graded = Graded { level, exploited, detected: DETECTED, assessed };
        clock.deadline(&graded, OwnDays::default()).map(|d| d.at.since(DETECTED) / Time::DAY)
    }

    #[test]
    fn each_clock_has_its_days_and_its_start() {
        for (level, own, pci, rev5) in [
            (Level::Critical, Some(7), Some(30), Some(30)),
            (Level::High, Some(30), None, Some(30)),
            (Level::Medium, Some(90), None, Some(90)),
            (Level::Low, Some(180), None, Some(180)),
            (Level::Info, None, None, None),
        ] {
            assert_eq!(days(Clock::Own, level, false, None), own, "{level:?}");
            assert_eq!(days(Clock::PciDss, level, false, None), pci, "{level:?}");
            assert_eq!(days(Clock::FedrampRev5, level, false, None), rev5, "{level:?}");
        }
        assert_eq!(days(Clock::FedrampRev5, Level::Low, true, None), Some(14));
        let patched = Assessment { patch_released: Some(DETECTED.plus(-20 * Time::DAY)), ..Assessment::default() };
        assert_eq!(days(Clock::PciDss, Level::Critical, false, Some(&patched)), Some(10));
    }

    #[test]
    fn what_nobody_has_assessed_counts_as_the_worst() {
        // Not evaluated: five days to do so, then the shortest row.
        assert_eq!(days(Clock::FedrampClassC, Level::Critical, false, None), Some(7));
        let seen = Assessment { likely_exploitable: Some(false), ..Assessment::default() };
        assert_eq!(days(Clock::FedrampClassC, Level::Critical, false, Some(&seen)), Some(17), "1 + 16");
        let seen = Assessment { potential_impact: Some(3), exposed: Some(false), ..Assessment::default() };
        assert_eq!(days(Clock::FedrampClassD, Level::Critical, false, Some(&seen)), Some(17), "1 + 16");
        assert_eq!(days(Clock::Bod2604, Level::High, false, None), Some(3));
        assert_eq!(days(Clock::Bod2604, Level::Low, false, None), Some(14));
    }

    #[test]
    fn an_old_evaluation_starts_no_clock_before_detection() {
        let seen = Assessment { potential_impact: Some(5), ..Assessment::default() };
        let assessed = Some((&seen, DETECTED.plus(-90 * Time::DAY)));
        let graded = Graded { level: Level::High, exploited: false, detected: DETECTED, assessed };
        assert_eq!(Clock::FedrampClassC.deadline(&graded, OwnDays::default()).map(|d| d.from), Some(DETECTED));
    }

    #[test]
    fn limits_together_are_the_stricter_ones() {
        let own = |high| Limits { clocks: vec![Clock::Own], own: OwnDays { high, ..OwnDays::default() } };
        let pci = Limits { clocks: vec![Clock::PciDss], own: OwnDays { high: 1, ..OwnDays::default() } };
        let both = own(30).and(own(14)).and(pci);
        assert_eq!((both.clocks, both.own.high), (vec![Clock::Own, Clock::PciDss], 14));
    }

    #[test]
    fn bod_26_04_is_the_directive_s_table() {
        let ask = |exploited, exposed, automatable, total| {
            let said = Assessment {
                exposed: Some(exposed),
                automatable: Some(automatable),
                total_impact: Some(total),
                ..Assessment::default()
            };
            days(Clock::Bod2604, Level::Medium, exploited, Some(&said))
        };
        for (exploited, exposed, automatable, total, expected) in [
            (true, true, false, true, Some(3)),
            (true, false, true, true, Some(3)),
            (true, true, true, false, Some(3)),
            (false, true, true, true, Some(3)),
            (true, false, false, true, Some(14)),
            (true, false, false, false, Some(14)),
            (true, true, false, false, Some(14)),
            (true, false, true, false, Some(14)),
            (false, true, true, false, Some(14)),
            (false, true, false, true, Some(14)),
            (false, true, false, false, Some(60)),
            (false, false, true, false, Some(60)),
            (false, false, true, true, Some(60)),
            (false, false, false, true, None),
            (false, false, false, false, None),
        ] {
            assert_eq!(
                ask(exploited, exposed, automatable, total),
                expected,
                "{exploited} {exposed} {automatable} {total}"
            );
        }
    }

    #[test]
    fn the_clock_that_ends_first_counts_and_says_so() {
        let limits = Limits { clocks: vec![Clock::Own, Clock::Bod2604], own: OwnDays::default() };
        let graded = Graded { level: Level::High, exploited: false, detected: DETECTED, assessed: None };
        let first = limits.deadline(&graded).unwrap();
        assert_eq!((first.clock, limits.deadlines(&graded).len()), (Clock::Bod2604, 2));
        assert_eq!(first.words(), format!("3 days from detection on {}, BOD 26-04", DETECTED.date()));
    }
}
