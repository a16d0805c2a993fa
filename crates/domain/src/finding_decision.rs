//! What people decide about a finding: exceptions that reach as far as they say and end when they say.

use serde::{Deserialize, Serialize};

use crate::{
    ExceptionId, ExceptionState, FindingId, FindingState, Release, ReleaseId, Time, facts::Level, version::line_of,
};

/// What is claimed. Each takes somebody else's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// It is there, and the risk is taken for a time.
    Accept,
    /// It is none.
    FalsePositive,
    /// It is there and does not affect this product (VEX).
    NotAffected,
}

impl Claim {
    /// Every claim.
    pub const ALL: [Self; 3] = [Self::Accept, Self::FalsePositive, Self::NotAffected];

    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::FalsePositive => "false_positive",
            Self::NotAffected => "not_affected",
        }
    }

    /// In a sentence about a person: Dana ….
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Accept => "accepted this",
            Self::FalsePositive => "agreed that this is a false positive",
            Self::NotAffected => "agreed that this does not affect the product",
        }
    }

    /// Where a finding stands while the claim holds.
    #[must_use]
    pub const fn state(self) -> FindingState {
        match self {
            Self::Accept => FindingState::Accepted,
            Self::FalsePositive => FindingState::FalsePositive,
            Self::NotAffected => FindingState::NotAffected,
        }
    }

    /// How long it may hold at most, in days (compliance §7.1): a risk by its level, a claim about facts a year.
    #[must_use]
    pub const fn most_days(self, level: Level) -> i64 {
        match (self, level) {
            (Self::Accept, Level::Critical) => 14,
            (Self::Accept, Level::High) => 30,
            (Self::Accept, Level::Medium) => 90,
            (Self::Accept, Level::Low | Level::Info) => 180,
            (Self::FalsePositive | Self::NotAffected, _) => 365,
        }
    }

    /// How long it holds where nobody says, in days: 90, or as long as it may.
    #[must_use]
    pub fn usual_days(self, level: Level) -> i64 {
        self.most_days(level).min(90)
    }
}

/// Why a vulnerability does not affect a product: the five words of VEX (CISA, Status Justifications, 2022).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Justification {
    /// The vulnerable component is not in the product.
    ComponentNotPresent,
    /// The component is there without the vulnerable code.
    VulnerableCodeNotPresent,
    /// The vulnerable code cannot be controlled by an adversary.
    VulnerableCodeCannotBeControlledByAdversary,
    /// The vulnerable code is not run.
    VulnerableCodeNotInExecutePath,
    /// Something built in keeps it from being exploited.
    InlineMitigationsAlreadyExist,
}

impl Justification {
    /// All five.
    pub const ALL: [Self; 5] = [
        Self::ComponentNotPresent,
        Self::VulnerableCodeNotPresent,
        Self::VulnerableCodeCannotBeControlledByAdversary,
        Self::VulnerableCodeNotInExecutePath,
        Self::InlineMitigationsAlreadyExist,
    ];

    /// The standard's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ComponentNotPresent => "component_not_present",
            Self::VulnerableCodeNotPresent => "vulnerable_code_not_present",
            Self::VulnerableCodeCannotBeControlledByAdversary => "vulnerable_code_cannot_be_controlled_by_adversary",
            Self::VulnerableCodeNotInExecutePath => "vulnerable_code_not_in_execute_path",
            Self::InlineMitigationsAlreadyExist => "inline_mitigations_already_exist",
        }
    }

    /// The justification of that word, also as CSAF and `CycloneDX` put it.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|j| j.name() == word).or(match word {
            "code_not_present" => Some(Self::VulnerableCodeNotPresent),
            "code_not_reachable" => Some(Self::VulnerableCodeNotInExecutePath),
            "requires_configuration" | "requires_dependency" | "requires_environment" => {
                Some(Self::VulnerableCodeCannotBeControlledByAdversary)
            }
            "protected_by_compiler"
            | "protected_at_runtime"
            | "protected_at_perimeter"
            | "protected_by_mitigating_control" => Some(Self::InlineMitigationsAlreadyExist),
            _ => None,
        })
    }
}

/// How far a decision reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "within", rename_all = "snake_case")]
pub enum Reach {
    /// One release.
    Release {
        /// Which.
        release: ReleaseId,
    },
    /// The releases of a line: those whose version begins with these two numbers.
    Line {
        /// `2.4`.
        line: String,
        /// Also releases that nobody knew when it was asked for.
        future: bool,
    },
    /// The product.
    Product {
        /// Also releases that nobody knew when it was asked for.
        future: bool,
    },
    /// Every product that has the same finding.
    Everywhere {
        /// Also releases that nobody knew when it was asked for.
        future: bool,
    },
}

impl Reach {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let also =
            |future: &bool| if *future { ", now and in future versions" } else { ", in the releases known then" };
        match self {
            Self::Release { .. } => "in this release".to_owned(),
            Self::Line { line, future } => format!("in the line {line}{}", also(future)),
            Self::Product { future } => format!("in this product{}", also(future)),
            Self::Everywhere { future } => format!("in every product{}", also(future)),
        }
    }

    /// Whether it covers all there will be of a product, and so decides where the finding as such stands.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Product { future: true } | Self::Everywhere { future: true })
    }
}

/// A decision about a finding with its whole story: an exception in the words of the glossary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingDecision {
    /// Its id.
    pub id: ExceptionId,
    /// The finding it was asked for.
    pub finding: FindingId,
    /// The product of that finding.
    pub product: String,
    /// What makes it the same finding in another product.
    pub fingerprint: String,
    /// What is claimed.
    pub claim: Claim,
    /// Why the product is not affected; with [`Claim::NotAffected`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<Justification>,
    /// How grave the finding was when it was asked for.
    pub level: Level,
    /// It was known to be exploited then (CISA KEV).
    #[serde(default)]
    pub exploited: bool,
    /// How far it reaches.
    pub reach: Reach,
    /// Why.
    pub reason: String,
    /// What is done instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub compensating: String,
    /// The piece of evidence it was taken from: a VEX document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<crate::EvidenceId>,
    /// Who asked.
    pub requester: String,
    /// Who approved; never the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// Where it stands.
    pub state: ExceptionState,
    /// How often the same was decided before.
    #[serde(default)]
    pub renewals: u64,
    /// When it was asked for, by our clock.
    pub requested_at: Time,
    /// When it was approved, rejected or revoked, by our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
    /// Why it was approved, rejected or ended, where that was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub decided_because: String,
    /// When it ends. Always set.
    pub expires_at: Time,
    /// Whoever approved it asked for it, or is an author, in a product whose one person decides everything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl FindingDecision {
    /// T26 and T27: approved by somebody else, before `at`, and not expired at `at`.
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

    /// Whether it was made for a finding as grave as that: a risk that was taken is not taken any longer once it is
    /// greater. What is none, or does not affect, is so at any level.
    #[must_use]
    pub fn covers(&self, level: Level, exploited: bool) -> bool {
        self.claim != Claim::Accept || (level <= self.level && (!exploited || self.exploited))
    }

    /// Whether it waits for somebody to approve it.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.state == ExceptionState::Requested
    }

    /// Whether it speaks of a finding, given by id and fingerprint.
    #[must_use]
    pub fn is_about(&self, finding: &FindingId, fingerprint: &str) -> bool {
        self.finding == *finding || matches!(self.reach, Reach::Everywhere { .. }) && self.fingerprint == fingerprint
    }

    /// Whether it reaches a release. A release without version is in no line.
    #[must_use]
    pub fn reaches(&self, release: &Release) -> bool {
        let known = |future: bool| future || release.created_at <= self.requested_at;
        let own = release.product == self.product;
        match &self.reach {
            Reach::Release { release: id } => *id == release.id,
            Reach::Line { line, future } => own && known(*future) && line_of(&release.version) == Some(line.as_str()),
            Reach::Product { future } => own && known(*future),
            Reach::Everywhere { future } => known(*future),
        }
    }

    /// One sentence for a page and a verdict; `name` turns an account into a name.
    #[must_use]
    pub fn sentence(&self, name: impl Fn(&str) -> String) -> String {
        let who = self.approver.as_deref().map_or_else(|| "nobody yet".to_owned(), name);
        let when = self.decided_at.map(Time::date).unwrap_or_default();
        let why = self.justification.map(|j| format!("{}: ", j.name().replace('_', " "))).unwrap_or_default();
        format!(
            "{who} {} on {when} until {}, {}, because: {why}{}",
            self.claim.verb(),
            self.expires_at.date(),
            self.reach.words(),
            self.reason
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(reach: Reach) -> FindingDecision {
        FindingDecision {
            id: ExceptionId::from_stored("exc_1"),
            finding: FindingId::from_stored("fnd_1"),
            product: "pay".into(),
            fingerprint: "CVE-1 pkg:a".into(),
            claim: Claim::Accept,
            justification: None,
            level: Level::High,
            exploited: false,
            reach,
            reason: "not reachable in our set-up".into(),
            compensating: String::new(),
            evidence: None,
            requester: "a".into(),
            approver: Some("b".into()),
            state: ExceptionState::Approved,
            renewals: 0,
            requested_at: Time::from_micros(10),
            decided_at: Some(Time::from_micros(20)),
            decided_because: String::new(),
            expires_at: Time::from_micros(30),
            alone: false,
        }
    }

    fn release(product: &str, version: &str, created: i64) -> Release {
        serde_json::from_value(serde_json::json!({
            "id": format!("rel_{product}_{version}"), "product": product, "version": version, "release_type": "normal",
            "state": "cut", "repository": null, "branch": null, "commit": null, "previous": null, "digests": [],
            "created_at": Time::from_micros(created).to_string(), "cut_at": null, "certified_at": null, "shipped_at": null,
            "planned_at": null, "range_partial": false, "ungated": false,
        }))
        .unwrap()
    }

    #[test]
    fn it_holds_between_approval_and_end_and_never_by_its_requester() {
        let good = decision(Reach::Product { future: true });
        let at = Time::from_micros;
        assert!(good.in_force(at(20)) && good.in_force(at(29)));
        assert!(!good.in_force(at(19)) && !good.in_force(at(30)));
        assert!(!FindingDecision { approver: Some("a".into()), ..good.clone() }.in_force(at(25)));
        assert!(!FindingDecision { state: ExceptionState::Revoked, ..good }.in_force(at(25)));
    }

    #[test]
    fn an_accepted_risk_is_not_accepted_once_it_is_greater() {
        let accepted = decision(Reach::Product { future: true });
        assert!(accepted.covers(Level::High, false) && accepted.covers(Level::Low, false));
        assert!(!accepted.covers(Level::Critical, false) && !accepted.covers(Level::High, true));
        let none = FindingDecision { claim: Claim::FalsePositive, ..accepted };
        assert!(none.covers(Level::Critical, true));
    }

    #[test]
    fn it_reaches_what_it_says_and_nothing_else() {
        let (old, new, other) = (release("pay", "2.4.1", 5), release("pay", "2.4.2", 15), release("web", "2.4.1", 5));
        for (reach, expected) in [
            (Reach::Release { release: old.id.clone() }, [true, false, false]),
            (Reach::Line { line: "2.4".into(), future: true }, [true, true, false]),
            (Reach::Line { line: "2.4".into(), future: false }, [true, false, false]),
            (Reach::Line { line: "2.5".into(), future: true }, [false, false, false]),
            (Reach::Product { future: true }, [true, true, false]),
            (Reach::Product { future: false }, [true, false, false]),
            (Reach::Everywhere { future: true }, [true, true, true]),
            (Reach::Everywhere { future: false }, [true, false, true]),
        ] {
            let decision = decision(reach);
            assert_eq!([&old, &new, &other].map(|r| decision.reaches(r)), expected, "{:?}", decision.reach);
        }
        assert!(!decision(Reach::Line { line: "2.4".into(), future: true }).reaches(&release("pay", "next", 5)));
        let everywhere = decision(Reach::Everywhere { future: true });
        assert!(everywhere.is_about(&FindingId::from_stored("fnd_2"), "CVE-1 pkg:a"));
        assert!(!decision(Reach::Product { future: true }).is_about(&FindingId::from_stored("fnd_2"), "CVE-1 pkg:a"));
    }
}
