//! What may be told: the shapes of facts as they are sent.

use certrail_domain::{
    Actor, Problem, ReleaseType, Time,
    facts::{ApprovalVerdict, ChangeState, DeploymentState, ReviewVerdict},
    is_blank, is_invisible,
};
use serde::{Deserialize, Serialize};

use crate::inputs;

/// A fact as it is sent. The sender's role decides which kinds it may tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum FactInput {
    /// A release is cut.
    #[serde(rename = "release.manifest")]
    Manifest(ManifestInput),
    /// A change with its reviews, its merge and the protection of its branch.
    #[serde(rename = "code.change")]
    Change(Box<ChangeInput>),
    /// A work item.
    #[serde(rename = "requirement.ticket")]
    Ticket(TicketInput),
    /// An approval or sign-off of a release.
    #[serde(rename = "deployment.approval")]
    Approval(ApprovalInput),
    /// A deployment.
    #[serde(rename = "deployment.event")]
    Deployment(DeploymentInput),
    /// A check after deployment.
    #[serde(rename = "deployment.validation")]
    Validation(ValidationInput),
    /// What to go back to.
    #[serde(rename = "deployment.rollback_target")]
    RollbackTarget(RollbackInput),
}

impl FactInput {
    /// Blanks around the name of an environment are nobody's environment, and what nobody sees in it is refused.
    ///
    /// # Errors
    /// A name that holds what nobody sees.
    pub(super) fn trim_environment(&mut self) -> Result<(), Problem> {
        let environment = match self {
            Self::Approval(a) => &mut a.environment,
            Self::Deployment(d) => &mut d.environment,
            Self::Validation(v) => &mut v.environment,
            Self::Manifest(_) | Self::Change(_) | Self::Ticket(_) | Self::RollbackTarget(_) => return Ok(()),
        };
        *environment = environment.trim().to_owned();
        if environment.chars().any(is_invisible) && !is_blank(environment) {
            let why = "The name of the environment has characters that nobody sees.";
            return Err(inputs::refuse("unseen-character", why, "Type it anew."));
        }
        Ok(())
    }

    /// What does not say when it happened had happened when it was first tried.
    pub(super) fn tried_at(&mut self, at: Option<Time>) {
        let occurred = match self {
            Self::Ticket(t) => &mut t.occurred_at,
            Self::Deployment(d) => &mut d.occurred_at,
            Self::Validation(v) => &mut v.occurred_at,
            Self::RollbackTarget(r) => &mut r.occurred_at,
            Self::Manifest(_) | Self::Change(_) | Self::Approval(_) => return,
        };
        *occurred = occurred.or(at);
    }
}

/// A release is cut.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestInput {
    /// The product.
    pub product: String,
    /// The version.
    pub version: String,
    /// Its type.
    #[serde(default)]
    pub release_type: ReleaseType,
    /// `owner/name`, where known.
    #[serde(default)]
    pub repository: Option<String>,
    /// The commit it is cut at.
    pub commit: String,
    /// The version it follows.
    #[serde(default)]
    pub previous: Option<String>,
    /// The exact range, where the sender has a checkout.
    #[serde(default)]
    pub range: Option<Vec<CommitInput>>,
    /// Its artefacts, `sha256:…`.
    #[serde(default)]
    pub digests: Vec<String>,
    /// When it is planned to ship.
    #[serde(default)]
    pub planned_at: Option<Time>,
}

/// A commit: what its sender says of it, or the object itself, which its id proves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitInput {
    /// The full object id.
    pub sha: String,
    /// The object as `git cat-file commit ID` prints it; then nothing else is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The author's account or e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Everyone named in a `Co-authored-by` trailer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub co_authors: Vec<String>,
    /// The first line of the message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Work items named anywhere in the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<String>,
    /// Parents, in the order of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parents: Option<Vec<String>>,
}

impl CommitInput {
    /// Whether its sender says anything of it besides giving the object.
    pub(super) fn says_something(&self) -> bool {
        self.author.is_some()
            || self.parents.is_some()
            || !(self.title.is_empty() && self.co_authors.is_empty() && self.tickets.is_empty())
    }
}

/// A change with its reviews, its merge and the protection of its branch: for forges that we do not hear.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeInput {
    /// The product.
    pub product: String,
    /// `owner/name`; the product's own where it has one alone.
    #[serde(default)]
    pub repository: Option<String>,
    /// Its number there.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub state: ChangeState,
    /// Who opened it.
    pub author: Actor,
    /// Who pushed its head.
    pub pusher: Actor,
    /// Its head commit; merged: the one that was merged.
    pub head: String,
    /// The branch it comes from.
    #[serde(default)]
    pub head_branch: Option<String>,
    /// The branch it goes to.
    pub target_branch: String,
    /// The commits it brings, its head among them.
    pub commits: Vec<CommitInput>,
    /// The commit that merging made, where it made one.
    #[serde(default)]
    pub merge_commit: Option<String>,
    /// Who merged; said of what is merged.
    #[serde(default)]
    pub merged_by: Option<Actor>,
    /// When it was merged; said of what is merged.
    #[serde(default)]
    pub merged_at: Option<Time>,
    /// Its reviews.
    #[serde(default)]
    pub reviews: Vec<ReviewInput>,
    /// How the branch it goes to was protected.
    #[serde(default)]
    pub protection: Option<ProtectionInput>,
    /// Where a person reads it.
    #[serde(default)]
    pub url: Option<String>,
}

/// A review of a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewInput {
    /// Who reviewed.
    pub reviewer: Actor,
    /// What they said.
    pub verdict: ReviewVerdict,
    /// The commit they looked at.
    pub revision: String,
    /// When.
    pub submitted_at: Time,
}

/// How a branch is protected.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectionInput {
    /// The branch or pattern; the branch that the change goes to where none is named.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Approving reviews required.
    pub required_reviews: u64,
    /// Approvals fall when the head moves.
    #[serde(default)]
    pub dismiss_stale: Option<bool>,
    /// Administrators are bound too.
    #[serde(default)]
    pub enforce_admins: Option<bool>,
    /// The checks it requires.
    #[serde(default)]
    pub required_checks: Vec<String>,
    /// When it was looked up; the time of the merge, or now, where that is not said.
    #[serde(default)]
    pub seen_at: Option<Time>,
}

/// A work item of a product.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketInput {
    /// The product it is for.
    pub product: String,
    /// `PAY-123`.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Why it is wanted.
    #[serde(default)]
    pub reason: String,
    /// Its state, in the tracker's word.
    pub status: String,
    /// Who asked.
    #[serde(default)]
    pub requester: Option<Actor>,
    /// Who authorised the work.
    #[serde(default)]
    pub authorised_by: Option<Actor>,
    /// When it was authorised.
    #[serde(default)]
    pub authorised_at: Option<Time>,
    /// Change type in ITIL's words: standard, normal, emergency.
    #[serde(default)]
    pub change_type: Option<String>,
    /// What it means for security and customers.
    #[serde(default)]
    pub impact: Option<String>,
    /// Where a person reads it.
    #[serde(default)]
    pub url: Option<String>,
    /// When it last changed.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

/// An approval or sign-off. Who signs is whoever sends it; what is signed is the release's exact build.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// The environment; for a sign-off, empty.
    #[serde(default)]
    pub environment: String,
    /// What the signature means; `approval` for a deployment.
    pub meaning: String,
    /// `approved`, `rejected` or `withdrawn`.
    pub verdict: ApprovalVerdict,
    /// What they wrote beside it.
    #[serde(default)]
    pub comment: String,
    /// The position of the log at which they looked; where it is not told, they sign what is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
}

/// A deployment of a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// Its number in the deployment system.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// Where it stands.
    pub state: DeploymentState,
    /// The artefacts; those of the release where none are named.
    #[serde(default)]
    pub digests: Vec<String>,
    /// The sender calls it going back; whether it was is told by what ran before.
    #[serde(default)]
    pub rollback: bool,
    /// When.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

/// A check after deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// Where.
    pub environment: String,
    /// What was checked.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// When.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

/// What to go back to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// The release to go back to.
    pub to: String,
    /// The steps, or where they are written.
    pub plan: String,
    /// When.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_its_own_shape_and_nothing_else() {
        let good = r#"{"kind":"deployment.validation","product":"p","release":"1","environment":"production","name":"smoke","passed":true}"#;
        assert!(serde_json::from_str::<FactInput>(good).is_ok());
        for bad in [r#"{"kind":"nothing"}"#, r#"{"kind":"deployment.validation","product":"p"}"#, "{}", "[]"] {
            assert!(serde_json::from_str::<FactInput>(bad).is_err(), "{bad}");
        }
    }
}
