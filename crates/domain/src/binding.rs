//! Which release a signal belongs to: seven rules, the first match decides (DESIGN §5).

use serde::{Deserialize, Serialize};

use crate::{Key, ReleaseId};

/// A binding rule. The order of the variants is the order in which they decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BindRule {
    /// The signal names the release.
    Explicit,
    /// Its subject is an artefact of the release.
    Digest,
    /// Its commit is in the release's range.
    Commit,
    /// Its change merged into that range, or one of the change's commits did.
    Change,
    /// A change of the release names the ticket.
    Ticket,
    /// It belongs to a pipeline run or deployment already bound.
    Run,
    /// It is on its way to a branch that has an open release.
    OpenRelease,
}

impl BindRule {
    /// All rules in deciding order.
    pub const ALL: [Self; 7] =
        [Self::Explicit, Self::Digest, Self::Commit, Self::Change, Self::Ticket, Self::Run, Self::OpenRelease];

    /// The stable number used in SQL.
    #[must_use]
    pub const fn rank(self) -> i64 {
        self as i64 + 1
    }

    /// How early it decides. What belongs to a change belongs to every release that the change is part of, by its commits or by
    /// what it was merged as.
    #[must_use]
    pub const fn weight(self, of_change: bool) -> i64 {
        match self {
            Self::Change if of_change => Self::Commit.rank(),
            other => other.rank(),
        }
    }

    /// The rule with that number.
    #[must_use]
    pub fn from_rank(rank: i64) -> Option<Self> {
        usize::try_from(rank - 1).ok().and_then(|i| Self::ALL.get(i).copied())
    }

    /// The name used in JSON and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Digest => "digest",
            Self::Commit => "commit",
            Self::Change => "change",
            Self::Ticket => "ticket",
            Self::Run => "run",
            Self::OpenRelease => "open-release",
        }
    }

    /// One sentence on why a signal is bound by this rule.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Explicit => "the sender named the release",
            Self::Digest => "it is about an artefact of the release",
            Self::Commit => "its commit is in the release's range",
            Self::Change => "it belongs to a change of the release",
            Self::Ticket => "a change of the release names the ticket",
            Self::Run => "it belongs to a pipeline run or deployment of the release",
            Self::OpenRelease => "it is on its way to a branch with an open release",
        }
    }
}

/// One way in which a signal matches a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The rule that matched.
    pub rule: BindRule,
    /// The release.
    pub release: ReleaseId,
    /// The key they have in common.
    pub key: Key,
}

/// Sorts all matches and keeps those that decide: every release that the first matching rule names.
/// One per release, the strongest rule and the smallest key first, so that the outcome is a function of the set.
#[must_use]
pub fn decide(mut matches: Vec<Match>, of_change: bool) -> Vec<Match> {
    let Some(best) = matches.iter().map(|m| m.rule.weight(of_change)).min() else {
        return Vec::new();
    };
    matches.retain(|m| m.rule.weight(of_change) == best);
    matches.sort_by(|a, b| (&a.release, a.rule, &a.key).cmp(&(&b.release, b.rule, &b.key)));
    matches.dedup_by(|a, b| a.release == b.release);
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn m(rule: BindRule, release: &str, key: &str) -> Match {
        Match { rule, release: ReleaseId::from_stored(release), key: Key::from_stored(key) }
    }

    #[test]
    fn the_first_rule_decides_for_every_release_it_names() {
        let all = [
            m(BindRule::Commit, "b", "commit:1"),
            m(BindRule::Digest, "a", "digest:2"),
            m(BindRule::Digest, "c", "digest:2"),
            m(BindRule::Digest, "a", "digest:1"),
        ];
        let chosen = decide(all.to_vec(), false);
        assert_eq!(chosen, [m(BindRule::Digest, "a", "digest:1"), m(BindRule::Digest, "c", "digest:2")]);
    }

    #[test]
    fn ranks_are_stable() {
        for rule in BindRule::ALL {
            assert_eq!(BindRule::from_rank(rule.rank()), Some(rule));
        }
        assert_eq!(BindRule::from_rank(0), None);
        assert_eq!(BindRule::from_rank(8), None);
    }
}
