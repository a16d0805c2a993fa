//! Doing what commits left to later ones: see [`crate::engine::Job`]. Each step is a commit of its own, and its work is done
//! only if the job stands where the step takes it up.

mod product;
mod take_in;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use certrail_domain::{Facts, Problem};
use certrail_store::{
    StoreError, Tx,
    tables::{
        jobs::{self, StoredJob},
        scans, signals,
    },
};

use crate::Caller;
use crate::engine::{Batch, Engine, Fault, Job, internal};

/// Starts doing jobs, on a thread of its own: those that a stop interrupted, and those that come.
///
/// # Errors
/// When the thread cannot be started.
pub fn do_jobs(engine: &Arc<Engine>) -> Result<(), Problem> {
    engine.do_jobs(work_off).map_err(|e| internal(&e))
}

/// Does all jobs there are, those of a product in order, and products in turn. One that fails is tried again after a while;
/// until then others of its product wait.
fn work_off(engine: &Arc<Engine>) {
    let mut failed: BTreeSet<String> = BTreeSet::new();
    let mut last = String::new();
    loop {
        let waiting = match engine.read(|tx| jobs::waiting(tx, None)) {
            Ok(waiting) => waiting,
            Err(problem) => {
                tracing::error!(%problem, "what is left to do cannot be read");
                return;
            }
        };
        let mut first: BTreeMap<String, StoredJob> = BTreeMap::new();
        for job in waiting.into_iter().filter(|job| !failed.contains(&job.product)) {
            first.entry(job.product.clone()).or_insert(job);
        }
        let next = first.range::<str, _>((Bound::Excluded(last.as_str()), Bound::Unbounded)).next();
        let Some((product, job)) = next.or_else(|| first.first_key_value()) else { return };
        // A reader that panics takes no other job with it.
        let outcome = catch_unwind(AssertUnwindSafe(|| turn(engine, job)));
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(_)) if !engine.can_write() => return,
            Ok(Err(problem)) => Some(problem.to_string()),
            Err(_) => Some("it panicked".to_owned()),
        };
        if let Some(why) = failure {
            tracing::error!(why, kind = job.kind, about = job.subject, "a job failed; it is tried again in a minute");
            failed.insert(product.clone());
        }
        last.clone_from(product);
        engine.job_done();
    }
}

/// Does a job, or the next of its steps.
fn turn(engine: &Arc<Engine>, job: &StoredJob) -> Result<(), Problem> {
    match Job::of(job).map_err(|e| internal(&e))? {
        Job::TakeIn(scan) => take_in::take_in(engine, job, scan),
        Job::FollowScan(scan) => take_in::follow(engine, job, scan),
        Job::FollowProduct(left) => product::follow(engine, job, left),
        Job::DueAgain => product::due_again(engine, job),
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

/// How long whoever left a job waits until it is done.
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
    let waits = |tx: &Tx<'_>| is_left(tx, |_, job| *job == Job::TakeIn(entry));
    engine.wait_for_jobs(PATIENCE, || engine.read(|tx| Ok(known(tx)? || !waits(tx)?))).await?;
    engine.read(|tx| {
        Ok(match (known(tx)?, waits(tx)?) {
            (true, _) => None,
            (false, true) => Some(ON_ITS_WAY),
            (false, false) => Some(OUT),
        })
    })
}

/// Waits until the jobs that follow a change of a product, or of clocks, are done; it may take longer.
///
/// # Errors
/// When the store fails.
pub(crate) async fn follow(engine: &Engine, product: Option<&str>) -> Result<(), Problem> {
    let ours = |of: &str, job: &Job| !job.is_of_a_scan() && product.is_none_or(|product| product == of);
    engine.wait_for_jobs(PATIENCE, || engine.read(|tx| Ok(!is_left(tx, ours)?))).await.map(drop)
}

/// Whether such a job is left to do.
fn is_left(tx: &Tx<'_>, such: impl Fn(&str, &Job) -> bool) -> Result<bool, StoreError> {
    Ok(jobs::waiting(tx, None)?.iter().any(|stored| Job::of(stored).is_ok_and(|job| such(&stored.product, &job))))
}

/// A scan that is being taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanOnItsWay {
    /// Its product.
    pub product: String,
    /// The name of its file.
    pub name: String,
    /// Findings that are taken in,
    pub taken_in: u64,
    /// of how many, each place counted.
    pub of: u64,
}

/// The scans of the products that somebody reaches that are being taken in, in the order in which that is done.
///
/// # Errors
/// When the store fails.
pub fn scans_on_their_way(engine: &Engine, caller: &Caller) -> Result<Vec<ScanOnItsWay>, Problem> {
    engine.read(|tx| {
        let mut all = Vec::new();
        for job in jobs::waiting(tx, None)?.into_iter().filter(|job| caller.reaches(&job.product)) {
            let Ok(Job::TakeIn(entry)) = Job::of(&job) else { continue };
            let Some(signal) = signals::get(tx, entry)? else { continue };
            let Facts::Scan(scan) = &signal.signal.facts else { continue };
            let of = scan.all.as_ref().map_or(0, |all| all.count);
            let taken_in = take_in::so_far(&job).map_or(of, |done| done.min(of));
            all.push(ScanOnItsWay { product: job.product, name: signal.signal.name.clone(), taken_in, of });
        }
        Ok(all)
    })
}
