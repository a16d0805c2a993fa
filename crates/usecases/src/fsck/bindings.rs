//! Which release each signal belonged to, and from when: told by its leaf on arrival, by an entry when it moved.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::BindRule;
use certrail_store::{
    StoreError,
    tables::{bindings, log::Act, signals},
};
use serde_json::Value;

use super::{Check, releases::Folded};

/// Where a signal went.
struct Move {
    at: u64,
    /// A person said so, whatever rules say: it belongs to nothing else any more.
    by_hand: bool,
    /// The releases that it belongs to no more.
    from: Vec<String>,
    /// The rule's name and the release.
    to: Vec<(String, String)>,
}

/// What the log tells of bindings.
#[derive(Default)]
pub(super) struct Bound {
    /// The blinded labels each signal arrived with; the index of each text in `labels`.
    arrived: BTreeMap<u64, Vec<u32>>,
    labels: BTreeMap<String, u32>,
    moves: BTreeMap<u64, Vec<Move>>,
}

impl Bound {
    /// Labels of a signal: those in its leaf, then those in the leaves behind it.
    pub(super) fn arrived(&mut self, index: u64, labels: &[String]) {
        let known = &mut self.labels;
        let numbers = labels.iter().map(|label| {
            let next = known.len() as u32;
            *known.entry(label.clone()).or_insert(next)
        });
        self.arrived.entry(index).or_default().extend(numbers);
    }

    /// Whether a signal arrived at that index.
    pub(super) fn has_arrived(&self, index: u64) -> bool {
        self.arrived.contains_key(&index)
    }

    pub(super) fn moved(&mut self, check: &mut Check<'_>, act: &Act, doc: &Value) {
        let at = act.log_index;
        if let (Some(signal), Some(to)) = (doc["signal"].as_u64(), doc["to"].as_str()) {
            let to = vec![(BindRule::Explicit.name().to_owned(), to.to_owned())];
            self.moves.entry(signal).or_default().push(Move { at, by_hand: true, from: Vec::new(), to });
            return;
        }
        for moved in doc["moved"].as_array().into_iter().flatten() {
            let place = |text: &Value| text.as_str()?.split_once(' ').map(|(r, id)| (r.to_owned(), id.to_owned()));
            let places = |member: &str| -> Option<Vec<_>> {
                moved[member].as_array().into_iter().flatten().map(place).collect()
            };
            match (moved["signal"].as_u64(), places("from"), places("to")) {
                (Some(signal), Some(from), Some(to)) => {
                    let from = from.into_iter().map(|(_, id)| id).collect();
                    self.moves.entry(signal).or_default().push(Move { at, by_hand: false, from, to });
                }
                _ => check.report.fault(format!("Entry {at} does not say what moved where.")),
            }
        }
    }

    /// Compares every binding there is with what was told.
    pub(super) fn finish(self, check: &mut Check<'_>, releases: &Folded) -> Result<(), StoreError> {
        let names: BTreeMap<u32, &String> = self.labels.iter().map(|(text, number)| (*number, text)).collect();
        let mut of_label: BTreeMap<u32, Option<i64>> = BTreeMap::new();
        for (number, label) in &names {
            of_label.insert(*number, releases.of_label(label));
        }
        // The last move to or from each release.
        let mut moved: BTreeMap<i64, u64> = BTreeMap::new();
        for (index, labels) in &self.arrived {
            let first: Option<BTreeSet<i64>> = labels.iter().map(|l| of_label.get(l).copied().flatten()).collect();
            let Some(first) = first else {
                check.report.fault(format!("Entry {index} was bound to a release that is not kept."));
                continue;
            };
            let moves = self.moves.get(index).map(Vec::as_slice).unwrap_or_default();
            let mut told: BTreeSet<(i64, u64, Option<u64>)> = BTreeSet::new();
            // Those it belongs to, since when.
            let mut stands: BTreeMap<i64, u64> = first.iter().map(|seq| (*seq, *index)).collect();
            let mut rules: BTreeMap<(i64, u64), &str> = BTreeMap::new();
            for m in moves {
                let left: Vec<i64> = match m.by_hand {
                    true => stands.keys().copied().collect(),
                    false => m.from.iter().map(|id| releases.seq(id).unwrap_or(-1)).collect(),
                };
                for seq in left {
                    // One that it did not belong to is as wrong as one that is not kept.
                    told.insert((seq, stands.remove(&seq).unwrap_or(u64::MAX), Some(m.at)));
                }
                for (rule, id) in &m.to {
                    let seq = releases.seq(id).unwrap_or(-1);
                    if let Some(from) = stands.insert(seq, m.at) {
                        told.insert((seq, from, Some(m.at)));
                    }
                    rules.insert((seq, m.at), rule);
                }
            }
            told.extend(stands.into_iter().map(|(seq, from)| (seq, from, None)));
            let kept = bindings::history(check.tx, *index)?;
            let same_rules = kept
                .iter()
                .all(|(seq, rule, _, from, _)| rules.get(&(*seq, *from)).is_none_or(|told| *told == rule.name()));
            for (seq, _, _, from, to) in &kept {
                let began = Some(*from).filter(|from| from != index);
                if let Some(last) = began.max(*to) {
                    let known = moved.entry(*seq).or_default();
                    *known = last.max(*known);
                }
            }
            let compared = check.following.is_empty();
            let by_hand = moves.last().is_some_and(|m| m.by_hand);
            let open = kept.iter().any(|(.., to)| to.is_none());
            let is_context = if by_hand || !compared { false } else { still_follows(check, *index, &kept)? };
            let kept: BTreeSet<_> = kept.into_iter().map(|(seq, _, _, from, to)| (seq, from, to)).collect();
            if kept != told || !same_rules {
                check.report.fault(format!("Entry {index} is bound to other releases than the log tells."));
            }
            let waits = bindings::unbound(check.tx, index + 1, 1)?.first() == Some(index);
            if compared && (open || is_context) == waits {
                let what = match (open, waits) {
                    (true, _) => "bound to a release and waits unbound",
                    (_, true) => "context of its repository and waits unbound",
                    _ => "neither bound to a release nor in the unbound queue",
                };
                check.report.fault(format!("Entry {index} is {what}."));
            }
        }
        if bindings::all_moved(check.tx)? != moved {
            check.report.fault("When signals moved from release to release last is kept wrongly.");
        }
        Ok(())
    }
}

/// The bindings that hold now are those that its keys and what releases own lead to. `true` if it is context of a repository.
fn still_follows(check: &mut Check<'_>, index: u64, kept: &[bindings::Past]) -> Result<bool, StoreError> {
    let Some(stored) = signals::get(check.tx, index)? else { return Ok(false) };
    let outcome = crate::bind::place(check.tx, &stored.signal, stored.log_index)?;
    let follows: BTreeSet<(i64, i64, &str)> =
        outcome.bound.iter().map(|(s, m)| (s.seq, m.rule.rank(), m.key.as_str())).collect();
    let open: BTreeSet<(i64, i64, &str)> = (kept.iter())
        .filter(|(.., to)| to.is_none())
        .map(|(seq, rule, key, ..)| (*seq, rule.rank(), key.as_str()))
        .collect();
    if follows != open {
        check.report.fault(format!("Entry {index} is bound by other rules than apply to it."));
    }
    Ok(outcome.context.is_some())
}
