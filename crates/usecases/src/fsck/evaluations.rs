//! Evaluations of the past, run again: the same position, clock and criteria give the same bytes, or something that
//! they rest on was changed.

use certrail_domain::Evaluation;
use certrail_store::{StoreError, tables::releases};

use super::{Check, records};

/// An evaluation that a decision or a gate's answer rests on.
pub(super) struct Evaluated {
    /// The entry that names it.
    pub(super) entry: u64,
    /// SHA-256 of its bytes, hex.
    pub(super) digest: String,
}

impl Evaluated {
    /// `false` if it was made by other rules than ours, which may come to another end: theirs were those of their time.
    pub(super) fn run_again(&self, check: &mut Check<'_>) -> Result<bool, StoreError> {
        let entry = self.entry;
        let Some(bytes) = records::bytes_of(check, entry, &self.digest)? else {
            check.report.fault(format!("The evaluation that entry {entry} rests on is not there."));
            return Ok(true);
        };
        let Ok(evaluation) = serde_json::from_slice::<Evaluation>(&bytes) else {
            check.report.fault(format!("The evaluation that entry {entry} rests on cannot be read."));
            return Ok(true);
        };
        let snapshot = evaluation.snapshot;
        if snapshot.evaluator != certrail_criteria::EVALUATOR {
            return Ok(false);
        }
        let Some(stored) = releases::by_id(check.tx, snapshot.release.as_str())? else {
            check.report.fault(format!("The release that entry {entry} evaluated is not there."));
            return Ok(true);
        };
        check.report.evaluations += 1;
        let judged = crate::judge::judge_again(check.tx, &check.criteria, &stored, &snapshot);
        match judged.map(|judged| serde_json::to_vec(&judged.evaluation)) {
            Ok(Ok(again)) if again == bytes => {}
            Ok(_) => check.report.fault(format!(
                "The evaluation that entry {entry} rests on comes out otherwise now: what it saw was changed."
            )),
            Err(e) => {
                check.report.fault(format!("The evaluation that entry {entry} rests on cannot be run again: {e}."));
            }
        }
        Ok(true)
    }
}
