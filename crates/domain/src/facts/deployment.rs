//! Facts about deployments: who allowed them, what ran, how it went.

use serde::{Deserialize, Serialize};

use crate::{Actor, BindRule, Key, Link, Time};

/// Whether somebody allowed a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalVerdict {
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// A yes that was taken back.
    Withdrawn,
}

/// Somebody allowed or refused the deployment of an exact object to an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The environment.
    pub environment: String,
    /// Who said so.
    pub approver: Option<Actor>,
    /// What they said.
    pub verdict: ApprovalVerdict,
    /// The artefacts they named, `sha256:…`; empty where only a commit was named.
    #[serde(default)]
    pub digests: Vec<String>,
    /// The commit they named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What the signature means (21 CFR 11.50): `approval`, `responsibility` …
    pub meaning: String,
    /// What they wrote beside it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// `owner/name`, where it came by a forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The pipeline run that was waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// Other environments of which the same was said at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

impl Approval {
    /// Every environment that it speaks of.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.environment.as_str()).chain(self.also.iter().map(String::as_str))
    }

    /// Whether it speaks of an environment.
    #[must_use]
    pub fn is_for(&self, environment: &str) -> bool {
        self.environments().any(|own| same_environment(own, environment))
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.digests.iter().map(|d| Key::digest(d)).collect();
        keys.extend(self.commit.iter().map(|c| Key::commit(c)));
        if let (Some(repository), Some(run)) = (&self.repository, self.run) {
            keys.push(Key::run(repository, run));
        }
        keys
    }
}

/// Where a deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// Asked for.
    Requested,
    /// Under way.
    Started,
    /// It runs.
    Succeeded,
    /// It failed.
    Failed,
    /// Something else runs there now.
    Inactive,
}

/// Whether two names are of one environment. Case tells none apart, as at GitHub (*Managing environments for deployment*:
/// names are not case sensitive): a no for `Production` is one for `production`. Neither does what nobody sees, or what
/// looks the same.
#[must_use]
pub fn same_environment(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || !(one.is_ascii() && other.is_ascii()) && plain_environment(one) == plain_environment(other)
}

/// The name of an environment as it is compared: in small letters, without what nobody sees.
#[must_use]
pub fn plain_environment(name: &str) -> String {
    crate::blank::plain(name)
}

/// A deployment at one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Who numbers it: `github:owner/name`, `cli:product`.
    pub system: String,
    /// Its number there.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// It is a production environment.
    pub production: bool,
    /// Where it stands.
    pub state: DeploymentState,
    /// The commit it deploys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The artefacts it deploys, `sha256:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// The tag or branch it was asked for by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Who deploys: a person or a pipeline identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployer: Option<Actor>,
    /// When this state was reached, by the system's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Its sender calls it going back to an earlier release: kept as said. Whether it was is told by what ran before.
    #[serde(default)]
    pub rollback: bool,
    /// The repository, for tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The pipeline run it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}

impl Deployment {
    /// What its words are told of: `github:acme/pay/123/production`. One environment: pipelines number a run, and deploy with it to
    /// staging and to production.
    #[must_use]
    pub fn attempt(&self) -> String {
        // A slash in a name ends no part.
        let part = |name: &str| name.replace('%', "%25").replace('/', "%2F");
        format!("{}/{}/{}", self.system, part(&self.id), part(&plain_environment(&self.environment)))
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::deployment(&self.system, &self.id)];
        keys.extend(self.digests.iter().map(|d| Key::digest(d)));
        // What runs is the commit, whatever release is named.
        keys.extend(self.commit.iter().flat_map(|c| [Key::commit(c), Key::cut(c)]));
        // A tag that names a release is the release named outright; the tag key is owned by that release alone.
        if let (Some(repository), Some(reference)) = (&self.repository, &self.reference) {
            keys.push(Key::tag(repository, reference.strip_prefix("refs/tags/").unwrap_or(reference)));
        }
        if let (Some(repository), Some(run)) = (&self.repository, self.run) {
            keys.push(Key::run(repository, run));
        }
        keys
    }

    pub(super) fn links(&self) -> Vec<Link> {
        let own = Key::deployment(&self.system, &self.id);
        let mut links: Vec<Link> =
            self.commit.iter().map(|c| Link::new(Key::cut(c), own.clone(), BindRule::Run)).collect();
        links.extend(self.digests.iter().map(|d| Link::new(Key::digest(d), own.clone(), BindRule::Run)));
        links
    }
}

/// A check after deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// Where.
    pub environment: String,
    /// What was checked.
    pub name: String,
    /// It held.
    pub passed: bool,
}

/// What to go back to if the release fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackTarget {
    /// The release to go back to.
    pub version: String,
    /// Its artefact, if named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The steps, or where they are written.
    pub plan: String,
}
