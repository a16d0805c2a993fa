//! A product and its releases.

use serde::{Deserialize, Serialize};

use crate::{
    Baseline, BindRule, RangeBase, ReleaseId, Time,
    facts::{BandPolicy, Deployment, same_environment},
};

/// What is released. Owns repositories and environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its name, as in `/r/{product}/{version}`.
    pub name: String,
    /// `owner/name` of each repository, lower case.
    pub repositories: Vec<String>,
    /// The branch releases are cut from.
    pub branch: String,
    /// How a tag names a version: `v{version}`.
    pub tag_pattern: String,
    /// Environments that count as production.
    pub production: Vec<String>,
    /// Environments that it has besides: staging, say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// The criteria set that judges it.
    pub criteria: String,
    /// Which of the things a report says about a finding decides how grave it is.
    #[serde(default, skip_serializing_if = "BandPolicy::is_usual")]
    pub severity: BandPolicy,
    /// Kinds of facts that count here though they were only reported, each decided by two people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts_reported: Vec<AcceptedReport>,
    /// One person makes and decides everything here; its admin said so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sole_decider: bool,
    /// From which commits on its history is judged, the older ones too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<Baseline>,
    /// What counted as production before, oldest first: a deployment is judged by what did when it was heard of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub production_before: Vec<FormerProduction>,
}

/// Environments that counted as production until an entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerProduction {
    /// The entry from which on others do.
    pub until: u64,
    /// Their names.
    pub environments: Vec<String>,
}

/// A kind of facts that counts for a product though it was only reported: asked for by one, approved by another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedReport {
    /// The kind of facts, `requirement.ticket`.
    pub kind: String,
    /// Why they cannot be observed.
    pub reason: String,
    /// Who asked.
    pub requester: String,
    /// When.
    pub requested_at: Time,
    /// Who approved; nobody yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Time>,
}

impl Product {
    /// A product with the usual habits.
    #[must_use]
    pub fn new(name: &str, repository: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            repositories: repository.map(str::to_ascii_lowercase).into_iter().collect(),
            branch: "main".to_owned(),
            tag_pattern: "v{version}".to_owned(),
            production: vec!["production".to_owned(), "prod".to_owned()],
            environments: Vec::new(),
            criteria: "standard".to_owned(),
            severity: BandPolicy::default(),
            accepts_reported: Vec::new(),
            sole_decider: false,
            baselines: Vec::new(),
            production_before: Vec::new(),
        }
    }

    /// The baselines that end the range of a release that is judged from an entry on, or not yet. One that an admin stated alone
    /// because there is no other person counts as long as that is so.
    pub fn baselines_for(&self, judged: Option<u64>) -> impl Iterator<Item = &Baseline> {
        self.baselines.iter().filter(move |b| b.counts_for(judged) && (!b.alone || self.sole_decider))
    }

    /// Whether facts of a kind count though they were only reported.
    #[must_use]
    pub fn accepts(&self, kind: &str) -> bool {
        let approved = |a: &AcceptedReport| {
            a.approver.as_ref().is_some_and(|approver| *approver != a.requester || self.sole_decider)
        };
        self.accepts_reported.iter().any(|a| a.kind == kind && approved(a))
    }

    /// Whether an environment is one that it calls production.
    #[must_use]
    pub fn calls_production(&self, environment: &str) -> bool {
        self.production.iter().any(|name| same_environment(name, environment))
    }

    /// Whether a deployment that an entry of the log tells of went to production: this product said so of the environment when it
    /// was heard, or the sender does. Later edits neither heal nor hurt it.
    #[must_use]
    pub fn is_production(&self, deployment: &Deployment, heard: u64) -> bool {
        deployment.production || self.called_production(&deployment.environment, heard)
    }

    /// Whether an environment was one that it called production at an entry of the log.
    #[must_use]
    pub fn called_production(&self, environment: &str, entry: u64) -> bool {
        let then = self.production_before.iter().find(|former| entry < former.until);
        let names = then.map_or(&self.production, |former| &former.environments);
        names.iter().any(|name| same_environment(name, environment))
    }

    /// This product as it comes after another state of it, by an entry of the log: what counted as production until then is kept.
    #[must_use]
    pub fn following(mut self, before: Option<&Self>, entry: u64) -> Self {
        self.production_before = before.map(|known| known.production_before.clone()).unwrap_or_default();
        if let Some(known) = before.filter(|known| known.production != self.production) {
            self.production_before.push(FormerProduction { until: entry, environments: known.production.clone() });
        }
        self
    }
}

/// ITIL change types side by side with our words (compliance §1.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseType {
    /// Pre-authorised by a template.
    Standard,
    /// The ordinary path.
    #[default]
    Normal,
    /// The abbreviated path; a review is due afterwards.
    Emergency,
}

impl ReleaseType {
    /// The name used in JSON and SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Normal => "normal",
            Self::Emergency => "emergency",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Standard, Self::Normal, Self::Emergency].into_iter().find(|t| t.name() == name)
    }
}

/// Where a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseState {
    /// Collects what is on its way.
    Open,
    /// Named and fixed; evidence still arrives.
    Cut,
    /// Somebody entitled decided that it meets its criteria.
    Certified,
    /// It reached production; sealed.
    Shipped,
    /// Decided against.
    Rejected,
    /// A later release took its place before it shipped.
    Superseded,
    /// It was taken back out of production.
    RolledBack,
}

impl ReleaseState {
    const ALL: [Self; 7] =
        [Self::Open, Self::Cut, Self::Certified, Self::Shipped, Self::Rejected, Self::Superseded, Self::RolledBack];

    /// The name used in JSON and SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Cut => "cut",
            Self::Certified => "certified",
            Self::Shipped => "shipped",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::RolledBack => "rolled_back",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// One version of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its name for ever.
    pub id: ReleaseId,
    /// The product.
    pub product: String,
    /// What people call it; `next` while open.
    pub version: String,
    /// Its type.
    pub release_type: ReleaseType,
    /// Where it stands.
    pub state: ReleaseState,
    /// The repository it is cut from.
    pub repository: Option<String>,
    /// The branch that feeds it while open.
    pub branch: Option<String>,
    /// The commit it is cut at.
    pub commit: Option<String>,
    /// The version it follows.
    pub previous: Option<String>,
    /// Its artefacts, `sha256:…`, sorted.
    pub digests: Vec<String>,
    /// When it was first heard of, by our clock.
    pub created_at: Time,
    /// When it was cut, by our clock.
    pub cut_at: Option<Time>,
    /// When it was certified.
    pub certified_at: Option<Time>,
    /// When it reached production, by the deployment system's clock.
    pub shipped_at: Option<Time>,
    /// When it is planned to ship.
    pub planned_at: Option<Time>,
    /// The range could not be followed to a known end; a checkout can tell (`certrail release cut`).
    pub range_partial: bool,
    /// Where its range ends: at what was judged before, or at the baseline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<RangeBase>,
    /// Versions that are cut within its range: nobody had judged them, so what they brought is judged with this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<String>,
    /// It reached production without a valid decision.
    pub ungated: bool,
    /// A person declared it an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
    /// The newest decision is against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_against: Option<DecidedAgainst>,
    /// Each time somebody looked back at it, where that was due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_back: Vec<LookedBack>,
}

/// A certification, as far as it matters to whoever looks back.
#[derive(Clone, Copy, Debug)]
pub struct Certified {
    /// When.
    pub at: Time,
    /// One of the authors decided alone.
    pub alone: bool,
}

/// That somebody looked back at a release, as an emergency and a decision of one person alone leave due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedBack {
    /// Who.
    pub by: String,
    /// When, by our clock.
    pub at: Time,
    /// What came of it.
    pub note: String,
}

/// That a release is not to go out, as a person decided it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedAgainst {
    /// Who decided.
    pub by: String,
    /// When, by our clock.
    pub at: Time,
    /// Why.
    pub reason: String,
    /// It had been certified, and that was withdrawn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrew: bool,
    /// The version that takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

impl DecidedAgainst {
    /// The kind of the decision: `withdrawal` of a certification, or `rejection`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.withdrew { "withdrawal" } else { "rejection" }
    }

    /// The state of a release that is not in production.
    #[must_use]
    pub const fn state(&self) -> ReleaseState {
        if self.superseded_by.is_some() { ReleaseState::Superseded } else { ReleaseState::Rejected }
    }

    /// What was decided, behind a name: `withdrew its certification on … in favour of 2.4.2: …`.
    #[must_use]
    pub fn words(&self) -> String {
        let did = if self.withdrew { "withdrew its certification" } else { "rejected it" };
        let instead = self.superseded_by.as_ref().map(|v| format!(" in favour of {v}")).unwrap_or_default();
        format!("{did} on {}{instead}: {}", self.at.human(), self.reason)
    }
}

/// What makes a release an emergency (compliance §7.2): a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmergencyReason {
    /// An incident goes on.
    Incident,
    /// A vulnerability is exploited.
    ExploitedVulnerability,
    /// Data may be lost.
    DataLoss,
    /// The law or a court orders it.
    LegalOrder,
}

impl EmergencyReason {
    /// Every one, in the order of the list.
    pub const ALL: [Self; 4] = [Self::Incident, Self::ExploitedVulnerability, Self::DataLoss, Self::LegalOrder];

    /// The name used in JSON and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::ExploitedVulnerability => "exploited-vulnerability",
            Self::DataLoss => "data-loss",
            Self::LegalOrder => "legal-order",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Incident => "an incident that goes on",
            Self::ExploitedVulnerability => "a vulnerability that is exploited",
            Self::DataLoss => "a risk of losing data",
            Self::LegalOrder => "an order of the law",
        }
    }
}

/// That a release is an emergency, as a person declared it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// What makes it one.
    pub because: EmergencyReason,
    /// What happened.
    pub reason: String,
    /// Who declared it.
    pub declared_by: String,
    /// When, by our clock.
    pub declared_at: Time,
    /// By when somebody has to look back at it.
    pub review_due: Time,
}

impl Release {
    /// What an open release is called until it gets a version.
    pub const OPEN_VERSION: &'static str = "next";

    /// Whether a deployment is of this release, not merely of something in its history: the release or its tag
    /// was named outright, or one of its artefacts, or the commit it is cut at. Another build of that commit
    /// counts too: that it is not what was certified is for the rules to say, and must not go unseen.
    #[must_use]
    pub fn is_deployed_by(&self, deployment: &Deployment, bound_by: BindRule) -> bool {
        bound_by == BindRule::Explicit
            || deployment.digests.iter().any(|d| self.digests.contains(d))
            || deployment.commit.is_some() && deployment.commit == self.commit
    }

    /// From when on there is something that somebody has to look back at, and nobody did since: a decision of one person alone, or of an
    /// emergency the newest decision, its deployment, or for want of both its declaration.
    #[must_use]
    pub fn to_look_back_at(&self, certified: &[Certified]) -> Option<Time> {
        let lone = certified.iter().filter(|c| c.alone).map(|c| c.at);
        let emergency = self.emergency.as_ref().map(|declared| {
            let out = certified.iter().map(|c| c.at).chain(self.shipped_at).max();
            out.unwrap_or(declared.declared_at)
        });
        let since = lone.chain(emergency).max()?;
        self.looked_back.iter().all(|back| back.at < since).then_some(since)
    }

    /// What it is where it is not in production.
    #[must_use]
    pub fn state_before_production(&self) -> ReleaseState {
        match (&self.decided_against, self.certified_at) {
            (Some(against), _) => against.state(),
            (None, Some(_)) => ReleaseState::Certified,
            (None, None) => ReleaseState::Cut,
        }
    }

    /// `payments-api 2.4.1`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.product, self.version)
    }
}
