//! A scan arrives, or belongs to other releases from now on: followed at once, or left to a job.

use certrail_domain::Facts;
use certrail_store::{
    StoreError,
    tables::{
        jobs,
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
    let few = prepared.few.as_ref().filter(|few| few.len() <= batch.pieces.at_once);
    let few = if is_large(batch, &prepared.product, scope)? { None } else { few };
    let taken_in = few.map(|_| entry);
    let scan = StoredScan { log_index: entry, scope, complete: prepared.closes(batch.now), at, taken_in };
    scans::insert_scan(batch.tx, &scan)?;
    let Some(few) = few else { return Ok(batch.leave(&prepared.product, &Job::TakeIn(entry))?) };
    let own = Following::new(batch, scan, (&prepared.product, &prepared.scope), bound)?;
    let mut steps = Steps::default();
    own.take_in(batch, prepared.kind, few, &mut steps)?;
    own.close_all(batch, &mut steps)?;
    own.tell(batch, steps)
}

/// Whether what a scan of a scope moves may be more than one commit should hold, or has to wait behind others of its product.
fn is_large(batch: &Batch<'_>, product: &str, scope: i64) -> Result<bool, StoreError> {
    let most = batch.pieces.at_once as u64;
    let waiting = jobs::waiting(batch.tx, Some(product))?;
    let in_line = waiting.iter().any(|job| Job::of(job).is_ok_and(|job| job.is_of_a_scan()));
    Ok(in_line || scans::count_sightings(batch.tx, scope, most + 1)? > most)
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
    own.see_piece(batch, 0, &mut steps)?;
    own.close_all(batch, &mut steps)?;
    own.tell(batch, steps)
}
