//! One normalised event from a source.

use serde::{Deserialize, Serialize};

use crate::{Actor, Audience, EvidencePart, Extent, FactId, Facts, HowKnown, Interval, Key, Link, Time, Truth};

/// What a source said, in our words. The raw bytes stay beside it as a blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Where it comes from: `github:acme/payments`, `cli:payments-api`.
    pub source: String,
    /// The name of the event or file, as its sender gave it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How we know it.
    pub known: HowKnown,
    /// The products it may speak of: those that its sender reached when it was received. It binds to no others.
    #[serde(default = "everything", skip_serializing_if = "Extent::is_all")]
    pub reach: Extent,
    /// The repositories it may speak of, by what they are called here in lower case. It binds to no release that was cut from another.
    #[serde(default = "everything", skip_serializing_if = "Extent::is_all")]
    pub repositories: Extent,
    /// When it happened, by the source's clock. `None` where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Time>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// What names the fact, where its source gives it a name: the same fact may be told more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<FactId>,
    /// Which set of reports it belongs to.
    #[serde(default, skip_serializing_if = "EvidencePart::is_untold")]
    pub part: EvidencePart,
    /// What it says.
    pub facts: Facts,
    /// Keys the sender named beyond those that follow from the facts (`--commit`, `--digest`, `--release`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<Key>,
    /// What a reader or mapper wants a person to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

const fn everything() -> Extent {
    Extent::All
}

impl Signal {
    /// The repository whose forge told it; `None` for what people and pipelines tell.
    #[must_use]
    pub fn forge_repository(&self) -> Option<&str> {
        self.source.split_once(':').map(|(_, rest)| rest).filter(|rest| rest.contains('/'))
    }

    /// When it happened, with the quality of the clock behind it (compliance §3): by its source, else when it was received.
    #[must_use]
    pub const fn interval(&self, receipt: Interval) -> Interval {
        match (self.occurred_at, self.known) {
            (None, _) => receipt,
            // Forges have server clocks.
            (Some(at), HowKnown::Observed) => Interval::new(at, Interval::SERVER),
            // Whoever told it had a clock of their own: a runner's, or a person's computer.
            (Some(at), HowKnown::Reported | HowKnown::Derived) => Interval::new(at, Interval::RUNNER),
        }
    }

    /// T39: it claims to have happened after it was received, beyond what the clocks can explain.
    #[must_use]
    pub fn claims_future(&self, receipt: Interval) -> bool {
        self.occurred_at.is_some_and(|at| at > receipt.at) && receipt.before(self.interval(receipt)) == Truth::True
    }

    /// Whom it counts for: what follows from it follows for no other product.
    #[must_use]
    pub fn audience(&self) -> Audience<'_> {
        Audience { reach: &self.reach, repository: self.forge_repository() }
    }

    /// The repository that it concerns as a whole, rather than a commit, change or artefact of it.
    #[must_use]
    pub fn whole_repository(&self) -> Option<String> {
        let key = self.keys().into_iter().find(|key| key.parts().0 == "repository")?;
        Some(key.parts().1.to_owned())
    }

    /// Every key this signal is about, sorted, without repetition.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = self.facts.keys();
        keys.extend(self.named.iter().cloned());
        keys.sort();
        keys.dedup();
        keys
    }

    /// What follows from this signal for whoever owns one of its keys.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        let mut links = match &self.facts {
            // What was only told of a change moves nothing that its forge observed: it finds its releases by its commits.
            Facts::Change(change) if self.known != HowKnown::Observed => change.told_links(),
            facts => facts.links(),
        };
        // What was built becomes an artefact of the release it is named with. A scan does not: it may
        // have looked at another build, and saying so must not make that build ours.
        if matches!(self.facts, Facts::Sbom(_) | Facts::Build(_)) {
            for owner in &self.named {
                let from = match owner.parts() {
                    ("commit", sha) => Key::cut(sha),
                    ("release", _) => owner.clone(),
                    _ => continue,
                };
                let owners = match &self.repositories {
                    Extent::All => vec![from],
                    Extent::Only(names) => names.iter().map(|name| Key::within(name, &from)).collect(),
                };
                for digest in self.named.iter().filter(|k| k.parts().0 == "digest") {
                    let link = |from: &Key| Link::new(from.clone(), digest.clone(), crate::BindRule::Digest);
                    links.extend(owners.iter().map(link));
                }
            }
        }
        links.sort();
        links.dedup();
        links
    }
}
