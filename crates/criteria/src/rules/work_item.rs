//! Each change names a work item, and we hold that work item.

use certrail_domain::{Cause, EvidenceId, Facts, Row, Subject, Verdict, facts::Ticket};

use super::{Found, Scope};

pub(super) fn check(scope: &Scope<'_>) -> Found {
    let held: Vec<(&EvidenceId, &Ticket)> = scope
        .world
        .usable
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::Ticket(t) => Some((&e.id, t)),
            _ => None,
        })
        .collect();
    let rows = scope
        .world
        .changes
        .iter()
        .map(|change| {
            let named: Vec<&str> = change.tickets.iter().map(String::as_str).collect();
            let known: Vec<&(&EvidenceId, &Ticket)> =
                held.iter().filter(|(_, t)| named.contains(&t.key.as_str())).collect();
            let authorised = known.iter().find(|(_, t)| t.authorised_by.is_some());
            let (verdict, cause, sentence) = match (named.is_empty(), known.first(), authorised) {
                (true, ..) => (Verdict::Missing, Cause::Absent, format!("{} names no work item.", change.name)),
                (_, None, _) => (
                    Verdict::Missing,
                    Cause::Absent,
                    format!("{} names {}, and we hold no record of it.", change.name, named.join(", ")),
                ),
                (_, Some((_, t)), None) => (
                    Verdict::Missing,
                    Cause::Absent,
                    format!("{} names {}; nobody is on record as having authorised it.", change.name, t.key),
                ),
                (_, _, Some((_, t))) => (
                    Verdict::Passed,
                    Cause::Satisfied,
                    format!(
                        "{} was made for {}, authorised by {}.",
                        change.name,
                        t.key,
                        t.authorised_by.as_ref().map_or("somebody", |a| a.shown())
                    ),
                ),
            };
            let mut inputs = change.evidence.clone();
            inputs.extend(known.iter().map(|(id, _)| (*id).clone()));
            Row {
                subject: Subject { id: change.id.clone(), name: change.name.clone() },
                verdict,
                cause,
                sentence,
                inputs,
                exception: None,
            }
        })
        .collect();
    Found { fallback: super::review::no_changes(), ..Found::rows(rows) }
}
