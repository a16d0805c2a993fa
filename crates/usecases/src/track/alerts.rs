//! Alerts of a forge are findings too: open or dismissed there is open here, gone there is fixed here.

use certrail_domain::{
    Finding, FindingId, FindingState, Time,
    facts::{Alert, FindingSeen, Level, Severity},
};
use certrail_store::tables::{
    findings::{self, Grade},
    products,
    releases::StoredRelease,
    scans::StoredScan,
};

use super::{
    Dues, Running, key,
    tell::{Steps, tell},
};
use crate::engine::{Batch, Fault};

/// An event of an alert.
#[derive(Clone, Copy)]
pub(crate) struct AlertEvent {
    /// When it happened.
    pub(crate) at: Time,
    /// Its entry in the log.
    pub(crate) entry: u64,
    /// It was taken in before, and matters only to products that came later.
    pub(crate) only_new: bool,
}

/// An alert moved: the products of its repository learn of it. An event older than the newest changes nothing.
pub(crate) fn alert(
    batch: &mut Batch<'_>,
    alert: &Alert,
    event: AlertEvent,
    bound: &[StoredRelease],
) -> Result<(), Fault> {
    for product in products::of_repository(batch.tx, &alert.repository)? {
        one(batch, &product.name, alert, event, bound)?;
    }
    Ok(())
}

fn one(
    batch: &mut Batch<'_>,
    product: &str,
    alert: &Alert,
    event: AlertEvent,
    bound: &[StoredRelease],
) -> Result<(), Fault> {
    let AlertEvent { at, entry, only_new } = event;
    let at = at.min(batch.now);
    let seen = seen(alert);
    let key = key(product, &seen.fingerprint);
    let dues = Dues::of(batch.tx, batch.criteria, product, entry)?;
    let there = alert.open || alert.dismissed;
    let document = findings::document(&seen)?;
    let mut steps = Steps::default();
    match findings::standing(batch.tx, &key)? {
        Some(_) if only_new => return Ok(()),
        Some(standing) => {
            if findings::moves(batch.tx, standing.seq)?.last().is_some_and(|last| last.at > at) {
                return Ok(());
            }
            let running = Running { level: seen.level, exploited: false, ..Running::of(&standing) };
            let grade = Grade { level: seen.level, exploited: false, suppressed: false };
            findings::grade(batch.tx, &standing, grade, dues.due(batch.tx, running)?)?;
            findings::describe(batch.tx, standing.seq, product, &seen, &document)?;
            let step = (standing.seq, FindingId::of_key(&key));
            match (there, standing.state == FindingState::Fixed) {
                // The forge names no release, so its clock goes on.
                (true, true) => {
                    steps.resumed.insert(step.0);
                    steps.reopened.push(step);
                }
                (false, false) => steps.fixed.push(step),
                _ => {}
            }
        }
        None if there => {
            let seq = findings::last_seq(batch.tx)? + 1;
            let from = alert.detected_at.unwrap_or(at).min(at);
            let finding = Finding {
                id: FindingId::of_key(&key),
                product: product.to_owned(),
                kind: alert.source.kind(),
                state: FindingState::Detected,
                level: seen.level,
                first_seen: from,
                first_entry: entry,
                clock_from: from,
                due: dues.due_new(Running { seq, level: seen.level, exploited: false, from, since: entry }),
                until: None,
                seen,
            };
            findings::insert(batch.tx, seq, &key, &finding, &document)?;
            steps.detected.push((seq, finding.id));
        }
        // It was over before we heard of it.
        None => return Ok(()),
    }
    let scope = format!("alert|{}|{}", alert.source.name(), alert.repository);
    let scan = StoredScan { log_index: entry, scope: 0, complete: true, at, taken_in: Some(entry), given_up: None };
    tell(batch, &scan, product, &scope, bound, steps)
}

/// An alert as a scan would tell it.
pub(crate) fn seen(alert: &Alert) -> FindingSeen {
    FindingSeen {
        fingerprint: alert.fingerprint(),
        rule: alert.rule.clone(),
        level: alert.level.unwrap_or(Level::High),
        title: alert.title.clone(),
        place: alert.url.clone().unwrap_or_default(),
        line: None,
        aliases: Vec::new(),
        cwes: Vec::new(),
        severity: Severity { tool: alert.level, ..Severity::default() },
        component: None,
        reachable: None,
        suppressed: None,
        first_seen: alert.detected_at,
    }
}
