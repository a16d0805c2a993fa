//! What concerns a repository as a whole is bound to no release: it is context of that repository, once, and every
//! release of its products reads it by kind and time.

use std::collections::HashMap;

use certrail_domain::{Extent, Facts, HowKnown, Key, Match, Signal, Time, facts::ChangeState};
use certrail_ledger::{half, hex, leaf::label, sha256};
use certrail_store::{
    StoreError, Tx,
    tables::{
        context::{self, StoredRepository},
        products, signals,
    },
};
use serde::Serialize;

use crate::engine::{Batch, Fault, random};

/// The act of becoming known.
pub(crate) const KNOWN: &str = "repository-known";

#[derive(Serialize)]
struct Known<'a> {
    repository: &'a str,
    label_key: String,
}

/// The repository that a signal concerns as a whole, or may be context of, made known if it is not yet.
pub(crate) fn known(batch: &mut Batch<'_>, signal: &Signal) -> Result<Option<StoredRepository>, Fault> {
    let name = signal.whole_repository().or_else(|| match &signal.facts {
        Facts::Change(change) if change.state == ChangeState::Closed => Some(change.repository.clone()),
        _ => None,
    });
    let Some(name) = name else { return Ok(None) };
    if let Some(known) = context::repository(batch.tx, &name)? {
        return Ok(Some(known));
    }
    let label_key: [u8; 32] = random()?;
    let document = Known { repository: &name, label_key: hex(&label_key) };
    let at = batch.control(KNOWN, "certrail", &[mark(&name, &label_key)], &document)?;
    Ok(Some(context::insert_repository(batch.tx, &name, &label_key, at)?))
}

/// The blinded label of a repository.
pub(crate) fn mark(name: &str, label_key: &[u8; 32]) -> [u8; 16] {
    label(label_key, &format!("repository:{name}"))
}

/// The repository that a signal is context of: it concerns it as a whole, and a product in its reach has it; or it is of a
/// change that was closed without being merged, which is on its way to no release any more.
pub(crate) fn of(
    tx: &Tx<'_>,
    signal: &Signal,
    deciding: &[Match],
    states: &mut States,
) -> Result<Option<StoredRepository>, StoreError> {
    let name = match signal.whole_repository() {
        Some(name) => Some(name),
        None if deciding.iter().all(|m| m.key.parts().0 == "target") => abandoned(tx, signal, states)?,
        None => None,
    };
    let Some(name) = name else { return Ok(None) };
    let owned = products::of_repository(tx, &name)?.iter().any(|p| signal.reach.has(&p.name));
    if owned { context::repository(tx, &name) } else { Ok(None) }
}

/// The repository that a signal is, or may become, context of.
pub(crate) fn repository_of(signal: &Signal) -> Option<String> {
    signal.whole_repository().or_else(|| change_of(signal).map(|(repository, _)| repository.to_owned()))
}

/// The change that a signal is of: its repository and number.
fn change_of(signal: &Signal) -> Option<(&str, u64)> {
    match &signal.facts {
        Facts::Change(change) => Some((&change.repository, change.number)),
        Facts::Review(review) => Some((&review.repository, review.number)),
        _ => None,
    }
}

/// Where a change stands: whether its forge says so, when, how far along that is, and whether it is closed.
type State = (bool, Option<Time>, Option<usize>, bool);

/// Where changes stand by what is stored, by repository, number and reach of whoever asks: worked out once for all signals
/// that are placed together.
pub(crate) type States = HashMap<(String, u64, String), Option<State>>;

/// The repository of the change that a signal is of, if the last that happened to the change is that it was closed: as its
/// forge says, where it says anything, else as it was told for the same products.
fn abandoned(tx: &Tx<'_>, signal: &Signal, states: &mut States) -> Result<Option<String>, StoreError> {
    let Some((repository, number)) = change_of(signal) else { return Ok(None) };
    let state = |of: &Signal| match &of.facts {
        Facts::Change(change) if of.known == HowKnown::Observed || of.reach == signal.reach => {
            // In the same instant, what comes later in the life of a change counts.
            let states = [ChangeState::Open, ChangeState::Closed, ChangeState::Merged];
            let rank = states.iter().position(|s| *s == change.state);
            Some((of.known == HowKnown::Observed, of.occurred_at, rank, change.state == ChangeState::Closed))
        }
        _ => None,
    };
    let key = (repository.to_owned(), number, signal.reach.shown());
    let kept = match states.get(&key) {
        Some(kept) => *kept,
        None => {
            let mut last = None;
            for index in signals::about(tx, &Key::change(repository, number), 0, i64::MAX as u64)? {
                last = last.max(signals::get(tx, index)?.and_then(|s| state(&s.signal)));
            }
            states.insert(key, last);
            last
        }
    };
    // It may itself be on its way into the store.
    let closed = kept.max(state(signal)).is_some_and(|(.., closed)| closed);
    Ok(closed.then(|| repository.to_owned()))
}

/// The signals of a change that was closed or opened again: they may be on their way no longer, or again.
pub(super) fn closed(tx: &Tx<'_>, signal: &Signal) -> Result<Vec<u64>, StoreError> {
    let Facts::Change(change) = &signal.facts else { return Ok(Vec::new()) };
    let all = signals::about(tx, &Key::change(&change.repository, change.number), 0, i64::MAX as u64)?;
    let mut ever = change.state == ChangeState::Closed;
    for index in &all {
        let told = signals::get(tx, *index)?;
        ever |= told.is_some_and(|s| matches!(&s.signal.facts, Facts::Change(c) if c.state == ChangeState::Closed));
    }
    Ok(if ever { all } else { Vec::new() })
}

/// How what a signal tells of a repository is found by time; `None` for what no check reads.
pub(crate) fn told(repository: i64, signal: &Signal, received: Time, log_index: u64) -> Option<context::Told> {
    let (object, stands) = match &signal.facts {
        // One alert has a state on each branch.
        Facts::Alert(alert) => {
            let branch = alert.branch.as_deref().unwrap_or_default();
            (format!("{} {branch}", alert.fingerprint()), alert.open || alert.dismissed)
        }
        Facts::BranchRule(rule) => (rule.pattern.clone(), true),
        _ => return None,
    };
    // Whoever may be believed less, or reaches less, ends nothing of what others told.
    let reach = match &signal.reach {
        Extent::All => "*".to_owned(),
        Extent::Only(products) => products.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
    };
    let digest = sha256([object.as_str(), signal.known.name(), &reach].join("\0").as_bytes());
    Some(context::Told {
        repository,
        kind: signal.facts.kind().to_owned(),
        object: half(&digest),
        at: signal.occurred_at.unwrap_or(received),
        log_index,
        stands,
        until: None,
    })
}
