//! What is known of the findings of a release.

use std::collections::BTreeSet;

use certrail_criteria::{Evidence, InScan, Incomplete, Tracked, TrackedFinding};
use certrail_domain::{Facts, FindingDecision, FindingId, Reach};
use certrail_store::{
    StoreError, Tx,
    tables::{
        finding_decisions, findings,
        scans::{self, Saw},
    },
};

use crate::{doubts::Doubts, track};

/// What is known of the findings that evidence tells of.
pub(super) fn tracked(
    tx: &Tx<'_>,
    product: &str,
    (evidence, context): (&[Evidence], &[Evidence]),
    doubts: &Doubts,
    position: u64,
) -> Result<Tracked, StoreError> {
    let mut tracked = Tracked::default();
    let mut rows = BTreeSet::new();
    for e in evidence {
        let Facts::Scan(scan) = &e.signal.facts else { continue };
        // What of it was known at the position: all or nothing.
        if let Some(scan) = scans::scan(tx, e.log_index)?.filter(|scan| !scan.is_known_at(position)) {
            let given_up = scan.is_given_up_at(position);
            tracked.incomplete.insert(e.log_index, if given_up { Incomplete::GivenUp } else { Incomplete::OnItsWay });
            continue;
        }
        let list = scans::found(tx, e.log_index)?;
        if list.is_empty() && scan.levels.total() > 0 {
            return Err(StoreError::Damaged(format!(
                "the findings of the scan at entry {} are not there",
                e.log_index
            )));
        }
        rows.extend(list.iter().map(|s| s.finding));
        let seen =
            |s: &Saw| InScan { finding: s.finding, level: s.level, exploited: s.exploited, suppressed: s.suppressed };
        tracked.scans.insert(e.log_index, list.iter().map(seen).collect());
    }
    for e in evidence.iter().chain(context) {
        let Facts::Alert(alert) = &e.signal.facts else { continue };
        let fingerprint = alert.fingerprint();
        if let Some(standing) = findings::standing(tx, &track::key(product, &fingerprint))? {
            rows.insert(standing.seq);
            tracked.alerts.insert(fingerprint, standing.seq);
        }
    }
    let told = finding_decisions::any_triage(tx, product)?;
    for seq in rows {
        let known = findings::known_at(tx, seq, position)?;
        // An alert that was followed from later on only.
        if known.first_entry >= position {
            continue;
        }
        let known = TrackedFinding {
            id: known.id,
            name: known.name,
            detected: doubts.latest(known.clock_entry, known.clock_from),
            assessed: if told { track::assessed_at(tx, seq, position)? } else { None },
        };
        tracked.known.insert(seq, known);
    }
    for decision in decisions(tx, product, &tracked, position)? {
        let id = FindingId::of_key(&track::key(product, &decision.fingerprint));
        tracked.decisions.push((id, decision));
    }
    tracked.decisions.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));
    Ok(tracked)
}

/// Findings up to which decisions are looked up one by one, so that a release with few does not pay for a product with many.
const FEW: usize = 500;

/// The approved decisions that can speak of these findings.
fn decisions(tx: &Tx<'_>, product: &str, tracked: &Tracked, position: u64) -> Result<Vec<FindingDecision>, StoreError> {
    if tracked.known.is_empty() {
        return Ok(Vec::new());
    }
    if tracked.known.len() > FEW {
        return finding_decisions::of_product_at(tx, product, position);
    }
    let mut all = finding_decisions::everywhere_at(tx, position)?;
    for known in tracked.known.values() {
        let key = track::key_in(&known.id)?;
        let own = finding_decisions::of_finding_at(tx, &key, position)?;
        all.extend(own.into_iter().filter(|d| !matches!(d.reach, Reach::Everywhere { .. })));
    }
    Ok(all)
}
