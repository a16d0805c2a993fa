//! The normalised content of a signal, one variant per kind (compliance §4).
//!
//! Mappers in `sources` and readers in `formats` make these; rules in `criteria` read them.
//! [`Facts::keys`] and [`Facts::links`] say how a fact joins releases, so that binding can be
//! rebuilt from stored facts alone.

mod code;
mod decision;
mod deployment;
mod finding;
mod requirement;
mod security;
mod supply;
mod test;

pub use code::{BranchRule, Change, ChangeState, Commit, Push, Review, ReviewVerdict, Tag};
pub use decision::{BuildRun, ReleaseManifest};
pub use deployment::{
    Approval, ApprovalVerdict, Deployment, DeploymentState, RollbackTarget, Validation, plain_environment,
    same_environment,
};
pub use finding::{BandPolicy, Component, Epss, FindingSeen, Score, ScoreSystem, Severity};
pub use requirement::Ticket;
pub use security::{Alert, AlertSource, AllFindings, Database, Level, Levels, Sbom, Scan, ScanDoubt, ScanKind};
pub use supply::{Archive, Attestation, AttestedSubject, Packed, Verified, Vex, VexStatement, VexStatus};
pub use test::{Check, CheckConclusion, Coverage, TestRun};

use serde::{Deserialize, Serialize};

use crate::{BindRule, Key, Link};

/// What a signal says, by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Facts {
    /// Commits reached a branch.
    #[serde(rename = "code.push")]
    Push(Push),
    /// A tag was made, moved or removed.
    #[serde(rename = "code.tag")]
    Tag(Tag),
    /// A pull or merge request was opened, changed, merged or closed.
    #[serde(rename = "code.change")]
    Change(Change),
    /// Somebody reviewed a change.
    #[serde(rename = "code.review")]
    Review(Review),
    /// A snapshot or change of branch protection.
    #[serde(rename = "code.branch_rule")]
    BranchRule(BranchRule),
    /// A check or commit status reported.
    #[serde(rename = "test.check")]
    Check(Check),
    /// A test report.
    #[serde(rename = "test.run")]
    TestRun(TestRun),
    /// A coverage report.
    #[serde(rename = "test.coverage")]
    Coverage(Coverage),
    /// A scanner's report: static, secret, dependency or container.
    #[serde(rename = "security.scan")]
    Scan(Scan),
    /// A bill of materials.
    #[serde(rename = "security.sbom")]
    Sbom(Sbom),
    /// What somebody says of vulnerabilities and products (VEX).
    #[serde(rename = "security.vex")]
    Vex(Vex),
    /// A signed or unsigned statement about artefacts.
    #[serde(rename = "build.attestation")]
    Attestation(Attestation),
    /// An archive of reports.
    #[serde(rename = "evidence.archive")]
    Archive(Archive),
    /// A forge's alert about one issue.
    #[serde(rename = "security.alert")]
    Alert(Alert),
    /// A pipeline run.
    #[serde(rename = "build.run")]
    Build(BuildRun),
    /// A release was named with its commit range and artefacts.
    #[serde(rename = "release.manifest")]
    Manifest(ReleaseManifest),
    /// A work item.
    #[serde(rename = "requirement.ticket")]
    Ticket(Ticket),
    /// Somebody allowed or refused a deployment.
    #[serde(rename = "deployment.approval")]
    Approval(Approval),
    /// A deployment started, went on or ended.
    #[serde(rename = "deployment.event")]
    Deployment(Deployment),
    /// A check after deployment.
    #[serde(rename = "deployment.validation")]
    Validation(Validation),
    /// What to go back to if it fails.
    #[serde(rename = "deployment.rollback_target")]
    RollbackTarget(RollbackTarget),
    /// Kept, and not understood. `why` says what stood in the way.
    #[serde(rename = "unread")]
    Unread {
        /// The name of the event or file as given.
        name: String,
        /// Why it could not be read.
        why: String,
    },
}

impl Facts {
    /// The kind's stable name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Push(_) => "code.push",
            Self::Tag(_) => "code.tag",
            Self::Change(_) => "code.change",
            Self::Review(_) => "code.review",
            Self::BranchRule(_) => "code.branch_rule",
            Self::Check(_) => "test.check",
            Self::TestRun(_) => "test.run",
            Self::Coverage(_) => "test.coverage",
            Self::Scan(_) => "security.scan",
            Self::Sbom(_) => "security.sbom",
            Self::Vex(_) => "security.vex",
            Self::Attestation(_) => "build.attestation",
            Self::Archive(_) => "evidence.archive",
            Self::Alert(_) => "security.alert",
            Self::Build(_) => "build.run",
            Self::Manifest(_) => "release.manifest",
            Self::Ticket(_) => "requirement.ticket",
            Self::Approval(_) => "deployment.approval",
            Self::Deployment(_) => "deployment.event",
            Self::Validation(_) => "deployment.validation",
            Self::RollbackTarget(_) => "deployment.rollback_target",
            Self::Unread { .. } => "unread",
        }
    }

    /// The lane of the evidence timeline it belongs to (ux §2.2).
    #[must_use]
    pub const fn lane(&self) -> &'static str {
        match self {
            Self::Ticket(_) => "Plan",
            Self::Push(_) | Self::Tag(_) | Self::Change(_) | Self::Review(_) | Self::BranchRule(_) => "Code",
            Self::Build(_) | Self::Manifest(_) | Self::Sbom(_) | Self::Attestation(_) | Self::Archive(_) => "Build",
            Self::Check(_) | Self::TestRun(_) | Self::Coverage(_) => "Test",
            Self::Scan(_) | Self::Alert(_) | Self::Vex(_) => "Security",
            Self::Approval(_) => "Approval",
            Self::Deployment(_) | Self::Validation(_) | Self::RollbackTarget(_) => "Deploy",
            Self::Unread { .. } => "Unread",
        }
    }

    /// The keys this fact is about.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Self::Push(push) => push.keys(),
            Self::Tag(tag) => tag.keys(),
            Self::Change(change) => change.keys(),
            Self::Review(review) => {
                let mut keys = vec![Key::change(&review.repository, review.number)];
                keys.extend(review.target_branch.iter().map(|branch| Key::target(&review.repository, branch)));
                keys
            }
            Self::BranchRule(rule) => vec![Key::repository(&rule.repository)],
            Self::Check(check) => {
                let mut keys = vec![Key::commit(&check.commit)];
                // The branch is no key: what ran on a commit belongs where the commit belongs.
                keys.extend(check.run.map(|run| Key::run(&check.repository, run)));
                keys
            }
            Self::Build(build) => {
                vec![Key::commit(&build.commit), Key::run(&build.repository, build.run)]
            }
            Self::Alert(alert) => {
                let mut keys = vec![Key::repository(&alert.repository)];
                keys.extend(alert.commit.iter().map(|c| Key::commit(c)));
                keys
            }
            Self::Manifest(manifest) => vec![Key::release(&manifest.product, &manifest.version)],
            Self::Ticket(ticket) => vec![Key::ticket(&ticket.key)],
            Self::Approval(approval) => approval.keys(),
            Self::Deployment(deployment) => deployment.keys(),
            Self::Sbom(sbom) => sbom.subjects.iter().map(|d| Key::digest(d)).collect(),
            Self::Scan(scan) => {
                let mut keys: Vec<Key> = scan.digests.iter().map(|d| Key::digest(d)).collect();
                keys.extend(scan.commit.iter().map(|c| Key::commit(c)));
                keys
            }
            Self::Attestation(attestation) => {
                let sha256 = attestation.subjects.iter().filter(|s| s.digest.starts_with("sha256:"));
                let mut keys: Vec<Key> = sha256.map(|s| Key::digest(&s.digest)).collect();
                keys.extend(attestation.commit.iter().map(|c| Key::commit(c)));
                keys
            }
            Self::TestRun(_)
            | Self::Coverage(_)
            | Self::Vex(_)
            | Self::Archive(_)
            | Self::Validation(_)
            | Self::RollbackTarget(_)
            | Self::Unread { .. } => Vec::new(),
        }
    }

    /// What this fact adds to whoever owns one of its keys.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        match self {
            Self::Push(push) => push.links(),
            Self::Tag(tag) => tag.links(),
            Self::Change(change) => change.links(),
            Self::Check(check) => check
                .run
                .map(|run| Link::new(Key::commit(&check.commit), Key::run(&check.repository, run), BindRule::Run))
                .into_iter()
                .collect(),
            Self::Build(build) => {
                vec![Link::new(Key::commit(&build.commit), Key::run(&build.repository, build.run), BindRule::Run)]
            }
            Self::Deployment(deployment) => deployment.links(),
            Self::Manifest(manifest) => manifest.links(),
            _ => Vec::new(),
        }
    }
}
