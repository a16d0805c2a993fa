//! The typed checks of requirements, one file each, and the one that takes an expression.
//!
//! A check looks at a [`Scope`] and returns what it [`Found`]: a row per subject, the temporal
//! rules it applied, and what to say when there was no subject at all.

mod approval;
mod branch_rule;
mod certified_first;
mod coverage;
mod evidence;
mod exceptions;
mod findings;
mod review;
mod rollback_target;
mod sbom;
mod scan;
mod sign_off;
mod states;
mod tests;
mod validation;
mod work_item;

use std::collections::BTreeSet;

use certrail_domain::{
    Cause, Clock, EvidenceId, Exception, Key, Limits, OwnDays, Product, Release, Row, RuleOutcome, RuleResult, Subject,
    Time, Truth, Verdict,
    facts::{ScanKind, same_environment},
};
use serde::{Deserialize, Serialize};

use crate::{Evidence, Input, World};

/// What a requirement checks, with its thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// Each change names a work item that we hold.
    WorkItem,
    /// Each change was approved by somebody independent, on its final version, before it was merged.
    Review {
        /// How many independent approvals.
        approvals: u64,
    },
    /// Each change went to a branch whose protection was in force.
    BranchProtection {
        /// How many reviews the forge had to require.
        reviews: u64,
        /// How old the newest word about the rule may be at merge.
        max_gap_days: i64,
    },
    /// Suites passed on the release.
    Tests {
        /// Suites by name; none named means at least one suite.
        suites: Vec<String>,
    },
    /// Enough lines are covered.
    Coverage {
        /// How many in a hundred.
        lines_percent: u64,
    },
    /// A scan of the exact object ran and saw something.
    Scan {
        /// The kinds of scan that count.
        of: Vec<ScanKind>,
        /// What has to be scanned.
        target: Object,
        /// How old it may be at the decision.
        max_age_days: i64,
        /// How old its database of vulnerabilities may have been when it scanned (T15); dependency scans only.
        #[serde(default = "three")]
        max_database_age_days: i64,
        /// How many findings it may have; unlimited here means that the findings rule judges them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_findings: Option<u64>,
    },
    /// No open finding is past its limit.
    Findings {
        /// The clocks that run; the one that ends first counts.
        #[serde(default = "own")]
        clocks: Vec<Clock>,
        /// Days for critical ones, by our own clock.
        critical_days: i64,
        /// Days for high ones.
        high_days: i64,
        /// Days for medium ones.
        medium_days: i64,
        /// Days for low ones.
        low_days: i64,
    },
    /// Each artefact has a bill of materials.
    Sbom,
    /// Somebody signed exactly this build, with a meaning.
    SignOff {
        /// The meaning.
        meaning: String,
    },
    /// It is known what to go back to.
    RollbackTarget,
    /// Every exception is in order.
    Exceptions,
    /// Somebody separate allowed exactly this to be deployed, beforehand.
    Approval {
        /// The environment.
        environment: String,
        /// For how long an approval holds.
        validity_days: i64,
    },
    /// Every production deployment came after a certification.
    CertifiedFirst,
    /// It was checked after deployment.
    Validation {
        /// The environment.
        environment: String,
        /// How soon.
        within_hours: i64,
    },
    /// At least one piece of evidence of a kind fulfils a predicate.
    Evidence {
        /// The kind.
        of: String,
        /// A CEL predicate on `facts` and `release`.
        r#where: String,
    },
}

/// Days a database of vulnerabilities may be behind when nothing else is said (compliance T15: 24 to 72 hours).
const fn three() -> i64 {
    3
}

/// The clock where a set names none.
fn own() -> Vec<Clock> {
    vec![Clock::Own]
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Object {
    /// The commit the release is cut at.
    Commit,
    /// Each of its artefacts.
    Digest,
}

/// What a check may look at.
pub(crate) struct Scope<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) world: &'a World<'a>,
}

/// What a check found.
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    pub(crate) rules: Vec<RuleResult>,
    /// What to say when there are no rows.
    pub(crate) fallback: (Verdict, Cause, String),
    /// It is about what comes after deployment, and that has not happened.
    pub(crate) pending: bool,
}

impl Found {
    /// No subject, and what that means.
    pub(crate) fn nothing(verdict: Verdict, cause: Cause, sentence: &str) -> Self {
        Self { rows: vec![], rules: vec![], fallback: (verdict, cause, sentence.to_owned()), pending: false }
    }

    pub(crate) fn rows(rows: Vec<Row>) -> Self {
        Self { rows, ..Self::nothing(Verdict::Missing, Cause::Absent, "We hold no evidence for this point.") }
    }
}

impl Rule {
    /// The word for every environment the product calls production; any other means the environment of that name.
    pub const PRODUCTION: &str = "production";

    /// Whether it checks how good the release is: tests, coverage, scans, findings.
    #[must_use]
    pub const fn is_about_quality(&self) -> bool {
        matches!(self, Self::Tests { .. } | Self::Coverage { .. } | Self::Scan { .. } | Self::Findings { .. })
    }

    /// Whether it checks that a deployment was approved.
    #[must_use]
    pub const fn is_approval(&self) -> bool {
        matches!(self, Self::Approval { .. })
    }

    /// Whether it is about a deployment to production, and so about what comes with it or after it.
    #[must_use]
    pub fn comes_with_production(&self, product: &Product) -> bool {
        match self {
            Self::Approval { .. } | Self::CertifiedFirst => true,
            Self::Validation { environment, .. } => {
                product.calls_production(environment) || same_environment(environment, Self::PRODUCTION)
            }
            _ => false,
        }
    }

    /// Whether it looks at each deployment for itself, or at what was settled before any.
    pub(crate) const fn looks_at_each_deployment(&self) -> bool {
        matches!(
            self,
            Self::Approval { .. }
                | Self::CertifiedFirst
                | Self::Validation { .. }
                | Self::Review { .. }
                | Self::BranchProtection { .. }
        )
    }

    /// Whether it checks that changes were reviewed.
    #[must_use]
    pub const fn is_review(&self) -> bool {
        matches!(self, Self::Review { .. })
    }

    /// The environment it speaks of, if it speaks of one.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        match self {
            Self::Approval { environment, .. } | Self::Validation { environment, .. } => Some(environment),
            Self::CertifiedFirst => Some(Self::PRODUCTION),
            _ => None,
        }
    }

    /// Whether it is asked before a product is deployed to an environment, which counts as production or not: of what speaks of
    /// another environment only a check after its deployment is, since it tells whether this one may follow. To what is no
    /// production goes what is not signed yet and needs no way back.
    #[must_use]
    pub fn is_asked_for(&self, environment: &str, production: bool) -> bool {
        let means_it =
            |of: &str| same_environment(of, environment) || production && same_environment(of, Self::PRODUCTION);
        match self {
            Self::SignOff { .. } | Self::RollbackTarget => production,
            // What began without a decision is past; the gate itself asks for one, and for an approval of exactly this environment.
            Self::CertifiedFirst | Self::Approval { .. } => false,
            Self::Validation { environment: of, .. } => production && !means_it(of),
            _ => true,
        }
    }

    /// For how many days it lets an approval for an environment of a product hold; none where it is not about that.
    #[must_use]
    pub fn approval_days(&self, product: &Product, environment: &str) -> Option<i64> {
        match self {
            Self::Approval { environment: of, validity_days } => {
                let means_it = same_environment(of, environment)
                    || same_environment(of, Self::PRODUCTION) && product.calls_production(environment);
                means_it.then_some(*validity_days)
            }
            _ => None,
        }
    }

    /// The expression in it, if any.
    pub(crate) fn expression(&self) -> Option<&String> {
        match self {
            Self::Evidence { r#where, .. } => Some(r#where),
            _ => None,
        }
    }

    /// The clocks it holds findings to, if it does.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        match self {
            Self::Findings { clocks, critical_days, high_days, medium_days, low_days } => Some(Limits {
                clocks: clocks.clone(),
                own: OwnDays { critical: *critical_days, high: *high_days, medium: *medium_days, low: *low_days },
            }),
            _ => None,
        }
    }

    /// The days and hours in it.
    pub(crate) fn spans(&self) -> Vec<i64> {
        match self {
            Self::BranchProtection { max_gap_days, .. } => vec![*max_gap_days],
            Self::Scan { max_age_days, max_database_age_days, .. } => vec![*max_age_days, *max_database_age_days],
            Self::Findings { critical_days, high_days, medium_days, low_days, .. } => {
                vec![*critical_days, *high_days, *medium_days, *low_days]
            }
            Self::Approval { validity_days, .. } => vec![*validity_days],
            Self::Validation { within_hours, .. } => vec![*within_hours],
            _ => Vec::new(),
        }
    }

    pub(crate) fn run(&self, scope: &Scope<'_>) -> Found {
        match self {
            Self::WorkItem => work_item::check(scope),
            Self::Review { approvals } => review::check(scope, *approvals),
            Self::BranchProtection { reviews, max_gap_days } => branch_rule::check(scope, *reviews, *max_gap_days),
            Self::Tests { suites } => tests::check(scope, suites),
            Self::Coverage { lines_percent } => coverage::check(scope, *lines_percent),
            Self::Scan { of, target, max_age_days, max_database_age_days, max_findings } => {
                let limits = scan::Limits {
                    of,
                    max_age_days: *max_age_days,
                    max_database_age_days: *max_database_age_days,
                    max_findings: *max_findings,
                };
                scan::check(scope, *target, &limits)
            }
            Self::Findings { .. } => findings::check(scope, &self.limits().unwrap_or_default()),
            Self::Sbom => sbom::check(scope),
            Self::SignOff { meaning } => sign_off::check(scope, meaning),
            Self::RollbackTarget => rollback_target::check(scope),
            Self::Exceptions => exceptions::check(scope),
            Self::Approval { environment, validity_days } => approval::check(scope, environment, *validity_days),
            Self::CertifiedFirst => certified_first::check(scope),
            Self::Validation { environment, within_hours } => validation::check(scope, environment, *within_hours),
            Self::Evidence { of, r#where } => evidence::check(scope, of, r#where),
        }
    }
}

/// How the approval to deploy to one environment stands.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The environment.
    pub environment: String,
    /// For how many days an approval holds.
    pub days: i64,
    /// The row, as of `at`.
    pub row: Row,
    at: Time,
    valid_until: Option<Time>,
}

impl Approved {
    /// Whether the row is what a look at `now` would give, as long as what it was made from is the same. Ages in its
    /// sentence are those of when it was made.
    #[must_use]
    pub fn is_right_at(&self, now: Time) -> bool {
        self.at <= now && self.valid_until.is_none_or(|until| now < until)
    }
}

/// How the approval to deploy to exactly one environment stands, by the same rule as at the judgement: an approval
/// for one environment opens no other, and neither does an author's, an old one or one of another build.
#[must_use]
pub fn approval_for(input: &Input<'_>, environment: &str, validity_days: i64) -> Approved {
    let world = World::new(input);
    in_world(&Scope { input, world: &world }, environment, validity_days)
}

fn in_world(scope: &Scope<'_>, environment: &str, days: i64) -> Approved {
    let row = approval::for_environment(scope, environment, days);
    let valid_until = scope.world.valid_until();
    Approved { environment: environment.to_owned(), days, row, at: scope.input.decision_time, valid_until }
}

/// How many days an approval of a deployment holds where the criteria do not say.
pub const APPROVAL_DAYS: i64 = 7;

/// How the approvals for production stand, as the rules of a set ask for them: what its gates ask next.
pub(crate) fn approvals_for_production<'a>(
    scope: &Scope<'_>,
    rules: &(impl Iterator<Item = &'a Rule> + Clone),
) -> Vec<Approved> {
    let product = scope.input.product;
    let asked = product.production.iter().flat_map(|environment| {
        let mut days: BTreeSet<i64> =
            rules.clone().filter_map(|rule| rule.approval_days(product, environment)).collect();
        if days.is_empty() {
            days.insert(APPROVAL_DAYS);
        }
        days.into_iter().map(move |days| (environment, days))
    });
    asked.map(|(environment, days)| in_world(scope, environment, days)).collect()
}

/// A row about the release as a whole.
pub(crate) fn release_row(
    scope: &Scope<'_>,
    verdict: Verdict,
    cause: Cause,
    sentence: impl Into<String>,
    inputs: Vec<EvidenceId>,
) -> Row {
    let subject = Subject { id: "release".into(), name: scope.input.release.title() };
    Row { subject, verdict, cause, sentence: sentence.into(), inputs, exception: None }
}

/// A temporal rule's result.
pub(crate) fn rule(
    name: &str,
    subject: &str,
    truth: Truth,
    sentence: impl Into<String>,
    inputs: Vec<EvidenceId>,
) -> RuleResult {
    let outcome = match truth {
        Truth::True => RuleOutcome::Pass,
        Truth::False => RuleOutcome::Fail,
        Truth::Unknown => RuleOutcome::Indeterminate,
    };
    RuleResult { rule: name.into(), subject: subject.into(), outcome, sentence: sentence.into(), inputs }
}

/// How evidence stands to the release it is bound to (T13, T14): what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The release itself, or one of its artefacts, or its commit.
    This,
    /// Another commit or another build.
    Other,
}

impl Scope<'_> {
    /// Whether somebody wrote any of the release, by any of their accounts.
    pub(crate) fn wrote(&self, account: &str) -> Truth {
        self.input.identities.among(account, self.world.authors.iter().copied())
    }

    /// Whether whoever approved an exception may decide on what it excuses: they wrote none of it, or the product has one person
    /// who decides everything, on record.
    pub(crate) fn may_decide(&self, exception: &Exception) -> Truth {
        let approver = exception.approver.as_deref();
        if exception.alone {
            return self.input.product.sole_decider.into();
        }
        approver.map_or(Truth::False, |account| !self.wrote(account))
    }

    /// Whether evidence is about exactly what is released.
    pub(crate) fn about(&self, e: &Evidence, also: &[Key]) -> About {
        about(self.input.release, e, also)
    }

    /// Evidence that may count, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Evidence> {
        self.world.newest_first.iter().copied()
    }
}

/// Whether evidence is about exactly what is released: named outright, or by cut commit, or by artefact.
pub(crate) fn about(release: &Release, e: &Evidence, also: &[Key]) -> About {
    let is_this = |key: &Key| {
        let (kind, value) = key.parts();
        match kind {
            "commit" => release.commit.as_deref() == Some(value),
            "digest" => release.digests.iter().any(|d| d == value),
            "release" => {
                let version = value.strip_prefix(release.product.as_str()).and_then(|rest| rest.strip_prefix('/'));
                version == Some(release.version.as_str())
            }
            _ => false,
        }
    };
    let keys = || e.signal.named.iter().chain(also);
    // The more exact name counts: a digest before a commit, a commit before the release. Evidence
    // that names a build or commit at all must name ours.
    let named = |kind: &str| keys().any(|k| k.parts().0 == kind);
    let exact = match () {
        () if named("digest") && !release.digests.is_empty() => Some("digest"),
        () if named("commit") => Some("commit"),
        () => None,
    };
    let hit = keys().any(|k| exact.is_none_or(|kind| k.parts().0 == kind) && is_this(k));
    if hit { About::This } else { About::Other }
}
