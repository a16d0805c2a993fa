//! A product is told otherwise than before: what belongs to its releases follows, and when its findings are due.

use certrail_domain::{Key, Problem};
use certrail_store::tables::{bindings, jobs::StoredJob, releases, signals};

use super::{Place, step};
use crate::{
    bind::{self, Effects},
    engine::{Batch, Engine, Fault},
    track,
};

/// The steps: what waits unbound; what its releases own; then, each a step, the repositories it left.
const WAITING: i64 = 0;
const RELEASES: i64 = 1;
const LEFT: i64 = 2;

/// Does the next step of following a product.
pub(super) fn follow(engine: &Engine, job: &StoredJob, left: Vec<String>) -> Result<(), Problem> {
    let (product, place) = (job.product.clone(), Place::of(job));
    let work = move |batch: &mut Batch<'_>| {
        let Place { step, next } = place;
        let goes_on = |next: Option<i64>| match next {
            Some(next) => Place { step, next },
            None => Place { step: step + 1, next: 0 },
        };
        let before = u64::try_from(next).ok().filter(|next| *next > 0).unwrap_or(i64::MAX as u64);
        Ok(match step {
            WAITING => Some(goes_on(bind_waiting(batch, before)?.map(u64::cast_signed))),
            RELEASES => Some(goes_on(follow_releases(batch, &product, Some(next).filter(|next| *next > 0))?)),
            _ => match usize::try_from(step - LEFT).ok().and_then(|n| left.get(n)) {
                Some(repository) => {
                    let next = place_again(batch, repository, next.max(0).cast_unsigned())?;
                    Some(goes_on(next.map(u64::cast_signed)))
                }
                None => None,
            },
        })
    };
    step(engine, job, place, work).map(drop)
}

/// Works out again where the range of a release ends.
pub(super) fn follow_range(engine: &Engine, job: &StoredJob, release: i64) -> Result<(), Problem> {
    step(engine, job, Place::of(job), move |batch| {
        let mut effects = Effects::default();
        bind::follow_range(batch, release, &mut effects)?;
        bind::settle(batch, effects, "range")?;
        Ok(None)
    })
    .map(drop)
}

/// Does the next step of working out due dates.
pub(super) fn due_again(engine: &Engine, job: &StoredJob) -> Result<(), Problem> {
    let (product, place) = (job.product.clone(), Place::of(job));
    step(engine, job, place, move |batch| {
        let next = track::due_again(batch, &product, place.next)?;
        Ok(next.map(|next| Place { next, ..place }))
    })
    .map(drop)
}

/// Signals looked at again in one commit.
const CHUNK: u64 = 5_000;

/// Binds what waits unbound below an index, newest first; returns where to go on, if there is more.
fn bind_waiting(batch: &mut Batch<'_>, before: u64) -> Result<Option<u64>, Fault> {
    let waiting = bindings::unbound(batch.tx, before, CHUNK)?;
    let next = waiting.last().copied().filter(|_| waiting.len() as u64 == CHUNK);
    let mut effects = Effects::default();
    effects.touched.look_again(waiting);
    bind::relearn(batch, &mut effects)?;
    bind::settle(batch, effects, "product")?;
    Ok(next)
}

/// Works out again what the newest release of a product below one owns: it may own thousands of signals. Returns where to go
/// on, if there is more.
fn follow_releases(batch: &mut Batch<'_>, product: &str, before: Option<i64>) -> Result<Option<i64>, Fault> {
    let some = releases::of_product(batch.tx, product, before, 1)?;
    let next = some.last().map(|last| last.seq);
    let mut effects = Effects::default();
    for stored in some {
        bind::follow_range(batch, stored.seq, &mut effects)?;
        // Whoever told of what it owns, also before, may speak to the product now.
        for (key, ..) in bindings::members(batch.tx, stored.seq)? {
            if !key.is_broad() {
                effects.touched.look_again(signals::about(batch.tx, &key, 0, i64::MAX as u64)?);
            }
        }
    }
    effects.touched.look_at_all();
    bind::settle(batch, effects, "product")?;
    Ok(next)
}

/// What concerns a repository as a whole, or a change of it that was closed, may be context of no product any more, from an
/// entry on; returns where to go on, if there is more.
fn place_again(batch: &mut Batch<'_>, repository: &str, from: u64) -> Result<Option<u64>, Fault> {
    let wide = signals::about(batch.tx, &Key::repository(repository), from, CHUNK)?;
    let of_changes = signals::about_changes(batch.tx, repository, from, CHUNK)?;
    // Each list ends where it is full: beyond that, the other one comes again.
    let full = |list: &[u64]| list.last().map(|last| last + 1).filter(|_| list.len() as u64 == CHUNK);
    let next = full(&wide).into_iter().chain(full(&of_changes)).min();
    let mut effects = Effects::default();
    let reached = |index: &u64| next.is_none_or(|next| *index < next);
    effects.touched.look_again(wide.into_iter().chain(of_changes).filter(reached));
    bind::settle(batch, effects, "product")?;
    Ok(next)
}
