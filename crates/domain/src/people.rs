//! The people a signal speaks of, apart from what it says: so that who they were can be erased, or withheld, while
//! what happened stays provable.

use serde::{Deserialize, Serialize};

use crate::{Actor, Facts, Signal, USUAL_HOST, facts::Commit, settled};

/// Somebody a signal speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mentioned {
    /// The account or mail address.
    pub account: String,
    /// The name, where the source gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where a person stands in a signal: account, and name where there is one.
type Place<'a> = (&'a mut String, Option<&'a mut Option<String>>);

impl Signal {
    /// The signal with every person replaced by a number, `@0`, and the people by that number.
    #[must_use]
    pub fn without_people(&self) -> (Self, Vec<Mentioned>) {
        let mut apart = self.clone();
        let mut people: Vec<Mentioned> = Vec::new();
        apart.each_person(&mut |(account, name)| {
            let person = Mentioned { account: std::mem::take(account), name: name.and_then(Option::take) };
            let number = people.iter().position(|known| *known == person).unwrap_or_else(|| {
                people.push(person);
                people.len() - 1
            });
            *account = format!("@{number}");
        });
        (apart, people)
    }

    /// Puts people back where their numbers stand. `false` if a number is nobody's: then it is not the signal they came from.
    pub fn put_people_back(&mut self, people: &[Mentioned]) -> bool {
        let mut whole = true;
        self.each_person(&mut |(account, name)| {
            let number = account.strip_prefix('@').and_then(|n| n.parse::<usize>().ok());
            let Some(person) = number.and_then(|n| people.get(n)) else {
                whole = false;
                return;
            };
            account.clone_from(&person.account);
            match name {
                Some(name) => name.clone_from(&person.name),
                None => whole &= person.name.is_none(),
            }
        });
        whole
    }

    /// Says of which host its accounts are.
    pub fn name_host_of_accounts(&mut self, host: &str) {
        self.each_person(&mut |(account, name)| {
            // An address of mail in a commit is the same at every host, and one that a forge made up names its own; an
            // account that looks like one does not.
            let at_home = name.is_none() && (account.contains('@') || account.contains(':'));
            if account.is_empty() || host == USUAL_HOST && !at_home {
                return;
            }
            *account = if at_home { settled(account) } else { format!("{host}:{account}") };
        });
    }

    fn each_person(&mut self, visit: &mut dyn FnMut(Place<'_>)) {
        actor(&mut self.actor, visit);
        match &mut self.facts {
            Facts::Push(push) => {
                actor(&mut push.pusher, visit);
                commits(&mut push.commits, visit);
            }
            Facts::Change(change) => {
                for who in [&mut change.author, &mut change.principal, &mut change.pusher, &mut change.merged_by] {
                    actor(who, visit);
                }
                commits(&mut change.commits, visit);
            }
            Facts::Review(review) => actor(&mut review.reviewer, visit),
            Facts::Manifest(manifest) => commits(manifest.range.as_deref_mut().unwrap_or_default(), visit),
            Facts::Ticket(ticket) => {
                actor(&mut ticket.requester, visit);
                actor(&mut ticket.authorised_by, visit);
            }
            Facts::Approval(approval) => actor(&mut approval.approver, visit),
            Facts::Deployment(deployment) => actor(&mut deployment.deployer, visit),
            Facts::Vex(vex) => {
                if let Some(author) = &mut vex.author {
                    visit((author, None));
                }
            }
            Facts::Tag(_)
            | Facts::BranchRule(_)
            | Facts::Check(_)
            | Facts::TestRun(_)
            | Facts::Coverage(_)
            | Facts::Scan(_)
            | Facts::Sbom(_)
            | Facts::Attestation(_)
            | Facts::Archive(_)
            | Facts::Alert(_)
            | Facts::Build(_)
            | Facts::Validation(_)
            | Facts::RollbackTarget(_)
            | Facts::Unread { .. } => {}
        }
    }
}

fn actor(who: &mut Option<Actor>, visit: &mut dyn FnMut(Place<'_>)) {
    if let Some(Actor { account, name, kind: _ }) = who {
        visit((account, Some(name)));
    }
}

fn commits(all: &mut [Commit], visit: &mut dyn FnMut(Place<'_>)) {
    for commit in all {
        if let Some(author) = &mut commit.author {
            visit((author, None));
        }
        for author in &mut commit.co_authors {
            visit((author, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Extent, HowKnown, facts::Push};

    fn signal() -> Signal {
        let commit = Commit::from_message(
            &"a".repeat(40),
            Some("dana".into()),
            "x\n\nCo-authored-by: T <tom@acme.example>",
            None,
        );
        let pusher = Some(Actor { name: Some("Dana Cole".into()), ..Actor::human("dana") });
        Signal {
            source: "github:acme/pay".into(),
            name: "push".into(),
            known: HowKnown::Observed,
            reach: Extent::All,
            repositories: Extent::All,
            occurred_at: None,
            actor: pusher.clone(),
            fact: None,
            part: crate::EvidencePart::default(),
            facts: Facts::Push(Push {
                repository: "acme/pay".into(),
                branch: "main".into(),
                before: None,
                after: None,
                commits: vec![commit],
                forced: false,
                default_branch: false,
                pusher,
            }),
            named: vec![],
            warnings: vec![],
        }
    }

    #[test]
    fn people_stand_apart_and_come_back() {
        let whole = signal();
        let (mut apart, people) = whole.without_people();
        let text = serde_json::to_string(&apart).expect("serialises");
        for word in ["dana", "Dana", "tom"] {
            assert!(!text.contains(word), "{text}");
        }
        assert_eq!(people.len(), 3, "{people:?}");
        assert!(apart.put_people_back(&people));
        assert_eq!(apart, whole);
    }

    #[test]
    fn people_of_another_signal_do_not_fit() {
        let (mut apart, people) = signal().without_people();
        assert!(!apart.clone().put_people_back(&people[..1]));
        assert!(!signal().put_people_back(&people), "it has its people already");
        let named = Mentioned { account: "x".into(), name: Some("X".into()) };
        assert!(!apart.put_people_back(&[named.clone(), named.clone(), named]), "a commit's author has no name");
    }
}
