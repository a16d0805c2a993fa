//! Doing what commits left to later ones: see [`crate::engine::Job`]. Each step is a commit of its own, and its work is done
//! only if the job stands where the step takes it up.

mod take_in;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use certrail_domain::Problem;
use certrail_store::{
    StoreError, Tx,
    tables::{
        jobs::{self, StoredJob},
        scans,
    },
};

use crate::engine::{Batch, Engine, Fault, Job, internal};

/// Starts doing jobs, on a thread of its own: those that a stop interrupted, and those that come.
///
/// # Errors
/// When the thread cannot be started.
pub fn do_jobs(engine: &Arc<Engine>) -> Result<(), Problem> {
    engine.do_jobs(work_off).map_err(|e| internal(&e))
}

/// Does all jobs there are. One that fails is tried again when the next one comes; until then others of its product wait.
fn work_off(engine: &Arc<Engine>) {
    let mut failed: BTreeSet<String> = BTreeSet::new();
    loop {
        let waiting = match engine.read(|tx| jobs::waiting(tx, None)) {
            Ok(waiting) => waiting,
            Err(problem) => {
                tracing::error!(%problem, "what is left to do cannot be read");
                return;
            }
        };
        let Some(job) = waiting.into_iter().find(|job| !failed.contains(&job.product)) else { return };
        if let Err(problem) = one(engine, &job) {
            if !engine.can_write() {
                return;
            }
            tracing::error!(%problem, kind = job.kind, about = job.subject, "a job failed; it is tried again later");
            failed.insert(job.product);
        }
        engine.job_done();
    }
}

fn one(engine: &Arc<Engine>, job: &StoredJob) -> Result<(), Problem> {
    match Job::of(job).map_err(|e| internal(&e))? {
        Job::TakeIn(scan) => take_in::take_in(engine, job, scan),
        Job::FollowScan(scan) => take_in::follow(engine, job, scan),
    }
}

/// Where a job goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    step: i64,
    next: i64,
}

impl Place {
    const fn of(job: &StoredJob) -> Self {
        Self { step: job.step, next: job.next }
    }
}

/// Does one step of a job in a commit, if the job still stands where the step begins; `work` says where it goes on, or that it
/// is done. Returns that, too.
fn step(
    engine: &Engine,
    job: &StoredJob,
    at: Place,
    mut work: impl FnMut(&mut Batch<'_>) -> Result<Option<Place>, Fault> + Send + 'static,
) -> Result<Option<Place>, Problem> {
    let job = job.clone();
    let (next, _) = engine.write_blocking(move |batch| {
        let stands = jobs::get(batch.tx, job.seq)?;
        let same = |j: &StoredJob| (&j.kind, &j.subject) == (&job.kind, &job.subject) && Place::of(j) == at;
        if !stands.as_ref().is_some_and(same) {
            // Somebody put it to the end of the line.
            return Ok(None);
        }
        let next = work(batch)?;
        match next {
            Some(Place { step, next }) => drop(jobs::advance(batch.tx, job.seq, step, next)?),
            None => jobs::done(batch.tx, job.seq)?,
        }
        Ok(next)
    })?;
    Ok(next)
}

/// How long whoever sends a report waits until all of it is taken in.
const PATIENCE: Duration = Duration::from_secs(50);

/// Waits until a scan is taken in, or cannot be; says what is not known of it where it is not.
///
/// # Errors
/// When the store fails.
pub(crate) async fn not_taken_in(engine: &Engine, entry: u64) -> Result<Option<&'static str>, Problem> {
    const ON_ITS_WAY: &str =
        "What it found is still being taken in; until that is done it is undecided for every release it belongs to.";
    const OUT: &str = "What it found could not be taken in, and is undecided for every release it belongs to; the log says why. Send it again under another key.";
    let known = |tx: &Tx<'_>| Ok::<_, StoreError>(scans::scan(tx, entry)?.is_none_or(|scan| scan.taken_in.is_some()));
    let waits = |tx: &Tx<'_>| {
        let all = jobs::waiting(tx, None)?;
        Ok::<_, StoreError>(all.iter().any(|j| Job::of(j).ok() == Some(Job::TakeIn(entry))))
    };
    engine.wait_for_jobs(PATIENCE, || engine.read(|tx| Ok(known(tx)? || !waits(tx)?))).await?;
    engine.read(|tx| {
        Ok(match (known(tx)?, waits(tx)?) {
            (true, _) => None,
            (false, true) => Some(ON_ITS_WAY),
            (false, false) => Some(OUT),
        })
    })
}
