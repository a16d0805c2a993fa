//! Where decisions in force put a finding: accepted, a false positive, not affected; and back when they end.

use std::collections::HashSet;

use certrail_domain::{FindingDecision, FindingId, FindingState, Time};
use certrail_store::{
    StoreError, Tx,
    tables::{finding_decisions, findings},
};

use crate::engine::Batch;

/// The findings of a product that a decision in force covers as such: reaching all of the product, future releases too.
/// Usually there are few, so that scans need not ask for each finding.
pub(crate) struct Covering {
    ids: HashSet<FindingId>,
    fingerprints: HashSet<String>,
}

impl Covering {
    pub(crate) fn of(tx: &Tx<'_>, product: &str, now: Time) -> Result<Self, StoreError> {
        let (mut ids, mut fingerprints) = (HashSet::new(), HashSet::new());
        for decision in finding_decisions::of_product_at(tx, product, i64::MAX as u64)? {
            if !(decision.in_force(now) && decision.reach.is_whole()) {
                continue;
            }
            if matches!(decision.reach, certrail_domain::Reach::Everywhere { .. }) {
                fingerprints.insert(decision.fingerprint);
            }
            ids.insert(decision.finding);
        }
        Ok(Self { ids, fingerprints })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.fingerprints.is_empty()
    }

    pub(crate) fn covers(&self, tx: &Tx<'_>, seq: i64, id: &FindingId) -> Result<bool, StoreError> {
        if self.ids.contains(id) {
            return Ok(true);
        }
        Ok(!self.fingerprints.is_empty() && self.fingerprints.contains(&findings::fingerprint(tx, seq)?))
    }
}

/// Moves a finding to where the decisions in force put it, told by `entry`. What is fixed stays fixed, and what no decision
/// holds any longer has been looked at: it is triaged, and its clock never stopped.
pub(crate) fn stand(batch: &Batch<'_>, seq: i64, entry: u64) -> Result<(), StoreError> {
    let Some(stored) = findings::by_seq(batch.tx, seq)? else {
        return Err(StoreError::Damaged(format!("finding {seq} is not there")));
    };
    let finding = stored.finding;
    if finding.state == FindingState::Fixed {
        return Ok(());
    }
    let key =
        FindingId::key_in(finding.id.as_str()).ok_or_else(|| StoreError::Damaged("the id of a finding".into()))?;
    let exploited = findings::standing_of(batch.tx, seq)?.exploited;
    let decisions = finding_decisions::about(batch.tx, &key, &finding.seen.fingerprint)?;
    let holds = decisions
        .into_iter()
        .filter(|d: &FindingDecision| d.in_force(batch.now) && d.reach.is_whole())
        .filter(|d| d.covers(finding.level, exploited))
        .max_by_key(|d| d.expires_at);
    let (to, until) = match holds {
        Some(decision) => (decision.claim.state(), Some(decision.expires_at)),
        None if finding.state.is_open() => return Ok(()),
        None => (FindingState::Triaged, None),
    };
    if (finding.state, finding.until) != (to, until) {
        findings::move_to(batch.tx, seq, to, entry, batch.now, until)?;
    }
    Ok(())
}
