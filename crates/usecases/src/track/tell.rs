//! What scans and alerts move, told by an entry of the log.

use std::collections::BTreeSet;

use certrail_domain::{FindingId, FindingState};
use certrail_ledger::leaf::label;
use certrail_store::tables::{findings, releases::StoredRelease, scans::StoredScan};
use serde::Serialize;

use super::{Covering, Dues, Running, stand};
use crate::engine::{Batch, Fault};

/// The entry that tells what a scan moved.
#[derive(Serialize)]
struct Moved {
    /// The scan's entry.
    scan: u64,
    product: String,
    scope: String,
    complete: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detected: Vec<FindingId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reopened: Vec<FindingId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixed: Vec<FindingId>,
    /// Those of the detected and reopened that a decision in force covers at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    covered: Vec<FindingId>,
    /// Those of the reopened whose clock goes on: they are back in the release they were fixed in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resumed: Vec<FindingId>,
    /// Those that somebody decided about and that are graver or milder now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    regraded: Vec<FindingId>,
}

/// Steps that wait for the entry that tells them: row, id and, for new ones, nothing else.
#[derive(Default)]
pub(crate) struct Steps {
    pub(super) detected: Vec<(i64, FindingId)>,
    pub(super) reopened: Vec<(i64, FindingId)>,
    pub(super) fixed: Vec<(i64, FindingId)>,
    /// Of the reopened.
    pub(super) resumed: BTreeSet<i64>,
    pub(super) regraded: Vec<(i64, FindingId)>,
}

impl Steps {
    fn is_empty(&self) -> bool {
        [&self.detected, &self.reopened, &self.fixed, &self.regraded].into_iter().all(Vec::is_empty)
    }
}

/// One entry that tells what moved, and the steps in the lives of the findings.
pub(super) fn tell(
    batch: &mut Batch<'_>,
    scan: &StoredScan,
    product: &str,
    scope: &str,
    bound: &[StoredRelease],
    steps: Steps,
) -> Result<(), Fault> {
    if steps.is_empty() {
        return Ok(());
    }
    let ids = |list: &[(i64, FindingId)]| list.iter().map(|(_, id)| id.clone()).collect();
    let covering = Covering::of(batch.tx, product, batch.now)?;
    let mut covered = Vec::new();
    for (seq, id) in steps.detected.iter().chain(&steps.reopened).filter(|_| !covering.is_empty()) {
        if covering.covers(batch.tx, *seq, id)? {
            covered.push((*seq, id.clone()));
        }
    }
    let resumed: Vec<(i64, FindingId)> =
        steps.reopened.iter().filter(|(seq, _)| steps.resumed.contains(seq)).cloned().collect();
    let moved = Moved {
        scan: scan.log_index,
        product: product.to_owned(),
        scope: scope.to_owned(),
        complete: scan.complete,
        detected: ids(&steps.detected),
        reopened: ids(&steps.reopened),
        fixed: ids(&steps.fixed),
        covered: ids(&covered),
        resumed: ids(&resumed),
        regraded: ids(&steps.regraded),
    };
    let entry = batch.control(MOVED, "certrail", &marks(bound), &moved)?;
    let dues = Dues::of(batch.tx, batch.criteria, product, entry)?;
    for (seq, _) in steps.detected {
        findings::step(batch.tx, seq, FindingState::Detected, entry, scan.at, true)?;
    }
    for (seq, _) in steps.reopened {
        // The clock starts anew: what was fixed was not being worked on. Back in the same release, it was never gone.
        findings::move_to(batch.tx, seq, FindingState::Reopened, entry, scan.at, None)?;
        if !steps.resumed.contains(&seq) {
            findings::restart(batch.tx, seq, entry, scan.at)?;
        }
        let standing = findings::standing_of(batch.tx, seq)?;
        findings::set_due(batch.tx, seq, dues.due(batch.tx, Running::of(&standing))?)?;
    }
    for (seq, _) in steps.fixed {
        findings::move_to(batch.tx, seq, FindingState::Fixed, entry, scan.at, None)?;
    }
    for (seq, _) in covered.into_iter().chain(steps.regraded) {
        stand(batch, seq, entry)?;
    }
    Ok(())
}

/// What tells an entry apart as being about some releases.
pub(super) fn marks(bound: &[StoredRelease]) -> Vec<[u8; 16]> {
    bound.iter().map(|s| label(&s.label_key, s.release.id.as_str())).collect()
}

/// The act that tells what a scan moved.
pub(crate) const MOVED: &str = "findings-moved";
