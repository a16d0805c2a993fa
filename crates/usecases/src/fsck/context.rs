//! Repositories that signals concern as a whole: each became known once, each such signal carries its label, and what
//! was told of it stands in the order it happened.

use std::collections::BTreeMap;

use certrail_ledger::{hex, unhex};
use certrail_store::{
    StoreError,
    tables::{
        context::{self, Told},
        log::Act,
        signals::{self, StoredSignal},
    },
};
use serde_json::Value;

use super::Check;
use crate::bind;

/// What the log tells of repositories.
#[derive(Default)]
pub(super) struct Repositories {
    /// Each by name: its label, and the entry that told of it.
    known: BTreeMap<String, (String, [u8; 32], u64)>,
    /// How many signals told something that is read by time.
    told: u64,
}

/// Rows compared in one step.
const STEP: u64 = 1000;

impl Repositories {
    /// A repository became known.
    pub(super) fn known(&mut self, check: &mut Check<'_>, act: &Act, doc: &Value) {
        let key = doc["label_key"].as_str().and_then(unhex);
        let (Some(name), Some(key)) = (doc["repository"].as_str(), key) else {
            check.report.fault(format!("Entry {} tells of a repository without its name or key.", act.log_index));
            return;
        };
        let mark = hex(&bind::context::mark(name, &key));
        self.known.insert(name.to_owned(), (mark, key, act.log_index));
    }

    /// A signal was captured with these labels. Returns those that are not its repository's.
    pub(super) fn arrived(&mut self, check: &mut Check<'_>, signal: &StoredSignal, labels: &[String]) -> Vec<String> {
        let index = signal.log_index;
        let whole = signal.signal.whole_repository();
        let Some(name) = bind::context::repository_of(&signal.signal) else { return labels.to_vec() };
        let mark = self.known.get(&name).map(|(mark, ..)| mark);
        if whole.is_some() && !mark.is_some_and(|mark| labels.contains(mark)) {
            check.report.fault(format!("Entry {index} does not carry the label of its repository {name}."));
        }
        self.told += u64::from(bind::context::told(0, &signal.signal, signal.received, index).is_some());
        labels.iter().filter(|label| Some(*label) != mark).cloned().collect()
    }

    /// Compares what is kept with what was told.
    pub(super) fn finish(&self, check: &mut Check<'_>) -> Result<(), StoreError> {
        let kept = context::repositories(check.tx)?;
        for (n, repository) in kept.iter().enumerate() {
            let told = self.known.get(&repository.name).map(|(_, key, index)| (*key, *index));
            if told != Some((repository.label_key, repository.log_index)) || repository.seq != n as i64 + 1 {
                check.report.fault(format!("The repository {} is kept otherwise than was told.", repository.name));
            }
        }
        if kept.len() != self.known.len() {
            check.report.fault(format!("{} repositories are kept, and {} told of.", kept.len(), self.known.len()));
        }
        let name = |seq: i64| kept.iter().find(|r| r.seq == seq).map(|r| r.name.clone());
        let mut rows = 0;
        let mut after: Option<Told> = None;
        let mut open: Vec<Told> = Vec::new();
        loop {
            let some = context::all(check.tx, after.as_ref(), STEP)?;
            if some.is_empty() {
                break;
            }
            rows += some.len() as u64;
            for row in some {
                open = ends(check, open, Some(&row));
                after = Some(row.clone());
                let signal = signals::get(check.tx, row.log_index)?;
                let again = signal.as_ref().and_then(|s| {
                    let told = bind::context::told(row.repository, &s.signal, s.received, row.log_index)?;
                    (s.signal.whole_repository() == name(row.repository)).then_some(told)
                });
                if again != Some(Told { until: None, ..row.clone() }) {
                    check
                        .report
                        .fault(format!("What entry {} tells of its repository is kept otherwise.", row.log_index));
                }
            }
        }
        ends(check, open, None);
        if rows != self.told {
            check.report.fault(format!("{} signals tell of repositories, and {rows} are kept as such.", self.told));
        }
        Ok(())
    }
}

/// What was told holds until what was told next of the same object, of a later instant or that it is over. Returns what is
/// open behind `next`.
fn ends(check: &mut Check<'_>, open: Vec<Told>, next: Option<&Told>) -> Vec<Told> {
    let mut still = Vec::new();
    for row in open {
        let follows = next.filter(|n| (n.repository, &n.kind, n.object) == (row.repository, &row.kind, row.object));
        if follows.is_some_and(|n| n.at == row.at && n.stands) {
            still.push(row);
        } else if row.until != follows.map(|n| (n.at, n.log_index)) {
            check.report.fault(format!("What entry {} tells of its repository ends at another time.", row.log_index));
        }
    }
    still.extend(next.cloned());
    still
}
