//! At least one piece of evidence of a kind fulfils a predicate. What cannot be computed is never a pass.

use certrail_domain::{Cause, HAVE_TO_BE_OBSERVED, Verdict};

use super::{Found, Scope, release_row};
use crate::predicate::{Predicate, PredicateError};

pub(super) fn check(scope: &Scope<'_>, kind: &str, source: &str) -> Found {
    let unreadable = |e: PredicateError| {
        Found::nothing(Verdict::Indeterminate, Cause::Error, &format!("The condition could not be read: {e}."))
    };
    let predicate = match Predicate::compile(source) {
        Ok(predicate) => predicate,
        Err(e) => return unreadable(e),
    };
    let value =
        |of: Result<serde_json::Value, serde_json::Error>| of.map_err(|e| PredicateError::NoAnswer(e.to_string()));
    let predicate = match value(serde_json::to_value(scope.input.release)).and_then(|r| predicate.about(&r)) {
        Ok(predicate) => predicate,
        Err(e) => return unreadable(e),
    };
    let (mut refused, mut unclear, mut told) = (Vec::new(), None, Vec::new());
    for e in scope.newest_first().filter(|e| e.signal.facts.kind() == kind) {
        // A yes to these has to be observed, or accepted.
        if HAVE_TO_BE_OBSERVED.contains(&kind) && !e.is_believed(scope.input.product) {
            told.push(e.id.clone());
            continue;
        }
        let answer = value(serde_json::to_value(&e.signal.facts)).and_then(|facts| predicate.holds(&facts));
        match answer {
            Ok(true) => {
                return Found::rows(vec![release_row(
                    scope,
                    Verdict::Passed,
                    Cause::Satisfied,
                    "It is on record.",
                    vec![e.id.clone()],
                )]);
            }
            Ok(false) => refused.push(e.id.clone()),
            Err(why) => unclear = unclear.or(Some((e.id.clone(), why))),
        }
    }
    match (unclear, refused.is_empty()) {
        (Some((id, why)), _) => {
            let sentence = format!("Whether it holds could not be computed: {why}.");
            Found::rows(vec![release_row(scope, Verdict::Indeterminate, Cause::Error, sentence, vec![id])])
        }
        (None, false) => Found::rows(vec![release_row(
            scope,
            Verdict::Missing,
            Cause::Absent,
            "None of the records we hold says it.",
            refused,
        )]),
        (None, true) if !told.is_empty() => Found::rows(vec![release_row(
            scope,
            Verdict::Missing,
            Cause::NotObserved,
            "It was only reported, and has to be observed.",
            told,
        )]),
        (None, true) => Found::nothing(Verdict::Missing, Cause::Absent, "We hold no such record."),
    }
}
