//! A scan arrives, or belongs to other releases from now on: followed at once, or left to a job.

use certrail_domain::{Facts, Problem, ProblemKind};
use certrail_store::{
    StoreError, Tx,
    tables::{
        jobs, products,
        releases::StoredRelease,
        scans::{self, StoredScan},
        signals,
    },
};

use super::{
    AlertEvent, Prepared, alert,
    follow::{Following, releases_of},
    tell::Steps,
};
use crate::engine::{Batch, Fault, Job};

/// A scan was sent: its findings are detected or seen again, and what it closes is closed. A large one leaves that to a job.
pub(crate) fn arrived(
    batch: &mut Batch<'_>,
    prepared: &Prepared,
    entry: u64,
    bound: &[StoredRelease],
) -> Result<(), Fault> {
    let at = prepared.made_at(batch.now);
    let scope = scans::scope(batch.tx, &prepared.product, &prepared.scope)?;
    // Scans of a product are followed one behind the other: what one closes depends on what those before it saw.
    if products::get(batch.tx, &prepared.product)?.is_some_and(|product| product.severity != prepared.policy) {
        return Err(policy_changed().into());
    }
    let few = prepared.few.as_ref().filter(|few| few.len() <= batch.pieces.at_once);
    let few = if is_large(batch, &prepared.product, scope)? { None } else { few };
    let taken_in = few.map(|_| entry);
    let complete = prepared.closes(batch.now);
    let scan = StoredScan { log_index: entry, scope, complete, at, taken_in, given_up: None };
    scans::insert_scan(batch.tx, &scan)?;
    let Some(few) = few else { return Ok(batch.leave(&prepared.product, &Job::TakeIn(entry))?) };
    let own = Following::new(batch, scan, (&prepared.product, &prepared.scope), bound)?;
    let mut steps = Steps::default();
    own.take_in(batch, prepared.kind, few, &mut steps)?;
    own.close_all(batch, &mut steps)?;
    own.tell(batch, steps)
}

/// It was read by rules that are no longer those of its product.
fn policy_changed() -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        "product-changed",
        "The file was not recorded.",
        "How grave findings of the product are was changed while it was read.",
        "Send it again.",
    )
}

/// Whether what a scan of a scope moves may be more than one commit should hold, or has to wait behind others of its product.
fn is_large(batch: &Batch<'_>, product: &str, scope: i64) -> Result<bool, StoreError> {
    let most = batch.pieces.at_once as u64;
    // One commit takes in many small ones, and no more than that either.
    let full = batch.moved > batch.pieces.at_once;
    Ok(full || are_in_line(batch.tx, product)? || scans::count_sightings(batch.tx, scope, most + 1)? > most)
}

/// Whether scans of a product wait to be followed.
pub(crate) fn are_in_line(tx: &Tx<'_>, product: &str) -> Result<bool, StoreError> {
    Job::OF_SCANS.iter().try_fold(false, |found, kind| Ok(found || jobs::has(tx, product, kind)?))
}

/// A scan that was taken in before belongs to other releases now: what it closes and reopens follows from that.
pub(crate) fn bound_again(batch: &mut Batch<'_>, entry: u64) -> Result<(), Fault> {
    let Some(scan) = scans::scan(batch.tx, entry)? else {
        // An alert that was there before its product was.
        if let Some(signal) = signals::get(batch.tx, entry)?
            && let Facts::Alert(told) = &signal.signal.facts
        {
            let at = signal.signal.occurred_at.unwrap_or(signal.received);
            let bound = releases_of(batch.tx, entry)?;
            alert(batch, told, AlertEvent { at, entry, only_new: true }, &bound)?;
        }
        return Ok(());
    };
    let own = Following::of(batch, entry)?;
    if scans::pieces(batch.tx, entry)?.len() > 1 || is_large(batch, &own.product, scan.scope)? {
        return Ok(batch.leave(&own.product, &Job::FollowScan(entry))?);
    }
    // Of what could not be taken in nothing follows.
    if !own.is_taken_in() {
        return Ok(());
    }
    let mut steps = Steps::default();
    batch.moved += own.so_far(batch.tx)? as usize;
    own.see_piece(batch, 0, &mut steps)?;
    own.close_all(batch, &mut steps)?;
    own.tell(batch, steps)
}
