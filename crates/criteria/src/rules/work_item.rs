//! Each change names a work item that we hold, authorised by a person who did not write the change.

use std::collections::BTreeMap;

use certrail_domain::{ActorKind, Cause, Facts, Row, Subject, Truth, Verdict, facts::Ticket};

use super::{Found, Scope, states};
use crate::{Evidence, world::ChangeView};

pub(super) fn check(scope: &Scope<'_>) -> Found {
    let mut held: BTreeMap<&str, (&Evidence, &Ticket)> = BTreeMap::new();
    for e in &scope.world.usable {
        let Facts::Ticket(ticket) = &e.signal.facts else { continue };
        let newest = held.entry(&ticket.key).or_insert((e, ticket));
        // A record that was observed is not replaced by what somebody told, but for what is no yes.
        let rank = |e: &Evidence, t: &Ticket| {
            (!states::is_wanted(&t.status) || e.is_believed(scope.input.product), e.at(), e.log_index)
        };
        if rank(e, ticket) >= rank(newest.0, newest.1) {
            *newest = (e, ticket);
        }
    }
    let rows = scope.world.changes.iter().map(|change| row(scope, change, &held)).collect();
    Found { fallback: super::review::no_changes(), ..Found::rows(rows) }
}

fn row(scope: &Scope<'_>, change: &ChangeView<'_>, held: &BTreeMap<&str, (&Evidence, &Ticket)>) -> Row {
    let known: Vec<&(&Evidence, &Ticket)> = change.tickets.iter().filter_map(|key| held.get(key)).collect();
    let standings = known.iter().map(|(e, ticket)| standing(scope, change, e, ticket));
    // One good work item carries the change; where none is, the worst tells why.
    let (verdict, cause, sentence) =
        standings.reduce(|a, b| if better(b.0, a.0) { b } else { a }).unwrap_or_else(|| match change.tickets.len() {
            0 => (Verdict::Missing, Cause::Absent, format!("{} names no work item.", change.name)),
            _ => {
                let named: Vec<&str> = change.tickets.iter().copied().collect();
                let sentence = format!("{} names {}, and we hold no record of it.", change.name, named.join(", "));
                (Verdict::Missing, Cause::Absent, sentence)
            }
        });
    let mut inputs = change.evidence.clone();
    inputs.extend(known.iter().map(|(e, _)| e.id.clone()));
    let subject = Subject { id: change.id.clone(), name: change.name.clone() };
    Row { subject, verdict, cause, sentence, inputs, exception: None }
}

/// Passing wins; among the others the worse.
fn better(new: Verdict, old: Verdict) -> bool {
    !old.opens_gate() && (new.opens_gate() || new > old)
}

fn standing(
    scope: &Scope<'_>,
    change: &ChangeView<'_>,
    evidence: &Evidence,
    ticket: &Ticket,
) -> (Verdict, Cause, String) {
    let (name, key) = (&change.name, &ticket.key);
    let identities = scope.input.identities;
    let wrote = |account: &str| identities.among(account, change.authors.iter().copied());
    if states::is_refused(&ticket.status) {
        return (Verdict::Failed, Cause::Negative, format!("{name} names {key}, which is {}.", ticket.status));
    }
    if !states::is_wanted(&ticket.status) {
        let sentence = format!(
            "{name} names {key}, whose state `{}` may mean anything; send it with one such as approved, in progress or done.",
            ticket.status
        );
        return (Verdict::Indeterminate, Cause::Error, sentence);
    }
    let Some(authoriser) = &ticket.authorised_by else {
        let sentence = format!("{name} names {key}; nobody is on record as having authorised it.");
        return (Verdict::Missing, Cause::Absent, sentence);
    };
    let who = identities.shown(authoriser);
    if authoriser.kind != ActorKind::Human {
        let sentence = format!("{key} of {name} was authorised by {who}, who is not known to be a person.");
        return (Verdict::Indeterminate, Cause::IdentityUncertain, sentence);
    }
    match wrote(&authoriser.account) {
        Truth::True => {
            let sentence = format!("{key} was authorised by {who}, who wrote {name}.");
            return (Verdict::Failed, Cause::NotIndependent, sentence);
        }
        // Who they are matters once their word counts.
        Truth::Unknown if evidence.is_believed(scope.input.product) => {
            let sentence = format!(
                "{key} was authorised by {who}, who may be an author of {name} under another account; link the accounts to people."
            );
            return (Verdict::Indeterminate, Cause::IdentityUncertain, sentence);
        }
        Truth::Unknown | Truth::False => {}
    }
    if !evidence.is_believed(scope.input.product) {
        let by = evidence.signal.actor.as_ref().map_or("somebody", |t| t.shown());
        let sentence = format!(
            "{name} names {key}; that {who} authorised it was only reported, by {by}. The tracker's own word counts, or that of {who} in a session of theirs."
        );
        return (Verdict::Missing, Cause::NotObserved, sentence);
    }
    // What a ticket says is the word of whoever sent it. An author vouching for the reason of their own change is none.
    let teller = evidence.signal.actor.as_ref();
    let own_word = teller.is_some_and(|t| t.kind == ActorKind::Human && wrote(&t.account) != Truth::False);
    if own_word {
        let sentence = format!("That {who} authorised {key} is only the word of the author of {name}.");
        return (Verdict::Indeterminate, Cause::NotIndependent, sentence);
    }
    let told = teller
        .filter(|t| identities.same(&t.account, &authoriser.account) != Truth::True)
        .map_or_else(String::new, |t| format!(", as {} recorded", t.shown()));
    (Verdict::Passed, Cause::Satisfied, format!("{name} was made for {key}, authorised by {who}{told}."))
}
