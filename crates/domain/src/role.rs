//! Who may do what. The one matrix; pages, API and commands all ask it.

use serde::{Deserialize, Serialize};

/// A role a person or token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads everything a developer needs.
    Viewer,
    /// Sends evidence: the role of a pipeline.
    Contributor,
    /// Cuts and certifies releases.
    ReleaseManager,
    /// Approves deployments and exceptions.
    Approver,
    /// Reads everything, dossiers and log included; changes nothing.
    Auditor,
    /// Manages products, people and secrets. Deliberately may not certify or approve.
    Admin,
}

/// Something a person or token may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Look at releases, evidence, log.
    Read,
    /// Send evidence, tickets, deployments.
    Record,
    /// Cut a release.
    Cut,
    /// Ask a gate.
    AskGate,
    /// Decide that a release meets its criteria.
    Certify,
    /// Approve a deployment.
    Approve,
    /// Ask for an exception.
    RequestException,
    /// Grant or end an exception.
    GrantException,
    /// Bind or dismiss an unbound signal by hand.
    Bind,
    /// Manage products, connectors, people, tokens, criteria.
    Administer,
}

impl Action {
    /// Every action, in the order of the matrix that people see.
    pub const EVERY: [Self; 10] = [
        Self::Read,
        Self::Record,
        Self::Cut,
        Self::AskGate,
        Self::Bind,
        Self::RequestException,
        Self::GrantException,
        Self::Approve,
        Self::Certify,
        Self::Administer,
    ];

    /// The name used in JSON, commands and scopes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Record => "record",
            Self::Cut => "cut",
            Self::AskGate => "ask-gate",
            Self::Certify => "certify",
            Self::Approve => "approve",
            Self::RequestException => "request-exception",
            Self::GrantException => "grant-exception",
            Self::Bind => "bind",
            Self::Administer => "administer",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Read => "look at releases, evidence, findings and dossiers",
            Self::Record => "send evidence, tickets and deployments",
            Self::Cut => "cut a release",
            Self::AskGate => "ask a gate",
            Self::Certify => "certify a release, sign off a build, authorise a work item",
            Self::Approve => "approve a deployment, sign off a build, authorise a work item",
            Self::RequestException => "ask for an exception or a decision on a finding",
            Self::GrantException => "grant or end what was asked for",
            Self::Bind => "bind an unbound signal by hand",
            Self::Administer => "manage products, connectors, people, tokens and criteria",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|a| a.name() == name)
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Viewer, Self::Contributor, Self::ReleaseManager, Self::Approver, Self::Auditor, Self::Admin];

    /// Whether the role may do that.
    #[must_use]
    pub const fn may(self, action: Action) -> bool {
        use Action::{
            Administer, Approve, AskGate, Bind, Certify, Cut, GrantException, Read, Record, RequestException,
        };
        match self {
            Self::Viewer | Self::Auditor => matches!(action, Read),
            Self::Contributor => matches!(action, Read | Record | Cut | AskGate),
            Self::ReleaseManager => {
                matches!(action, Read | Record | Cut | AskGate | Certify | RequestException | Bind)
            }
            Self::Approver => matches!(action, Read | AskGate | Approve | RequestException | GrantException),
            Self::Admin => matches!(action, Read | Record | Cut | AskGate | RequestException | Bind | Administer),
        }
    }

    /// The name used in JSON, SQL, commands and pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::ReleaseManager => "release-manager",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_writes_policy_certifies_or_approves() {
        assert!(!Role::Admin.may(Action::Certify));
        assert!(!Role::Admin.may(Action::Approve));
        assert!(!Role::ReleaseManager.may(Action::Approve));
        assert!(!Role::Approver.may(Action::Certify));
    }

    #[test]
    fn an_auditor_changes_nothing() {
        for action in [Action::Record, Action::Cut, Action::Certify, Action::Approve, Action::Bind, Action::Administer]
        {
            assert!(!Role::Auditor.may(action));
            assert!(!Role::Viewer.may(action));
        }
    }
}
