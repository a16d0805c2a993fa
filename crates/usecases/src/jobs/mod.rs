//! Doing what commits left to later ones: see [`crate::engine::Job`]. Each step is a commit of its own, and its work is done
//! only if the job stands where the step takes it up.

mod product;
mod propose;
mod take_in;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use certrail_domain::{Facts, Problem};
use certrail_store::{
    StoreError, Tx,
    tables::{
        jobs::{self, StoredJob},
        scans, signals,
    },
};

use crate::{
    Caller,
    engine::{AGAIN, Batch, Engine, Fault, Job, internal},
};

/// Starts doing jobs, on a thread of its own: those that a stop interrupted, and those that come.
///
/// # Errors
/// When the thread cannot be started.
pub fn do_jobs(engine: &Arc<Engine>) -> Result<(), Problem> {
    let mut failures = BTreeMap::new();
    engine.do_jobs(move |engine| work_off(engine, &mut failures)).map_err(|e| internal(&e))
}

/// What went wrong with the first job of a product.
struct Failure {
    job: StoredJob,
    /// How often in a row.
    times: u32,
    last: Instant,
}

impl Failure {
    /// Until then others of its product wait, and it is not tried again.
    fn lasts(&self) -> bool {
        self.last.elapsed() < AGAIN
    }
}

/// After so many failures a job makes room for others of its product.
const ENOUGH: u32 = 3;

/// Does all jobs there are, those of a product in order, and products in turn. One that fails is tried again after a while.
fn work_off(engine: &Arc<Engine>, failures: &mut BTreeMap<String, Failure>) {
    let mut last = String::new();
    loop {
        let first = match engine.read(jobs::first_of_each) {
            Ok(first) => first,
            Err(problem) => {
                tracing::error!(%problem, "what is left to do cannot be read");
                return;
            }
        };
        let ready = |job: &&StoredJob| !failures.get(&job.product).is_some_and(Failure::lasts);
        let next = first.iter().filter(ready).find(|job| job.product > last);
        let Some(job) = next.or_else(|| first.iter().find(ready)) else { return };
        last.clone_from(&job.product);
        // A reader that panics takes no other job with it.
        match catch_unwind(AssertUnwindSafe(|| turn(engine, job))) {
            Ok(Ok(())) => drop(failures.remove(&job.product)),
            Ok(Err(_)) if !engine.can_write() => return,
            Ok(Err(problem)) => failed(engine, failures, job, &problem.to_string()),
            Err(_) => failed(engine, failures, job, "it panicked"),
        }
        engine.job_done();
    }
}

/// A job failed. After some times in a row it makes room for others of its product: a scan is given up, anything else goes to the
/// end of the line.
fn failed(engine: &Engine, failures: &mut BTreeMap<String, Failure>, job: &StoredJob, why: &str) {
    tracing::error!(why, kind = job.kind, about = job.subject, "a job failed; it is tried again in a minute");
    let before = failures.get(&job.product).filter(|f| (&f.job.kind, &f.job.subject) == (&job.kind, &job.subject));
    let times = before.map_or(0, |f| f.times) + 1;
    failures.insert(job.product.clone(), Failure { job: job.clone(), times, last: Instant::now() });
    if times >= ENOUGH
        && let Err(problem) = make_room(engine, job)
    {
        tracing::error!(%problem, kind = job.kind, about = job.subject, "a job that fails cannot be put aside");
    }
}

fn make_room(engine: &Engine, job: &StoredJob) -> Result<(), Problem> {
    if let Ok(Job::TakeIn(scan)) = Job::of(job) {
        return take_in::give_up(engine, job, scan, "Taking it in failed again and again; the server's log says how.");
    }
    let job = job.clone();
    engine.write_blocking(move |batch| Ok(jobs::put(batch.tx, &job.product, &job.kind, &job.subject)?)).map(drop)
}

/// Does a job, or the next of its steps.
fn turn(engine: &Arc<Engine>, job: &StoredJob) -> Result<(), Problem> {
    match Job::of(job).map_err(|e| internal(&e))? {
        Job::TakeIn(scan) => take_in::take_in(engine, job, scan),
        Job::FollowScan(scan) => take_in::follow(engine, job, scan),
        Job::FollowProduct(left) => product::follow(engine, job, left),
        Job::FollowRange(release) => product::follow_range(engine, job, release),
        Job::DueAgain => product::due_again(engine, job),
        Job::Propose(vex) => propose::propose(engine, job, vex),
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

/// Waits until scans are taken in, or cannot be; says what is not known of each where it is not.
///
/// # Errors
/// When the store fails.
pub(crate) async fn not_taken_in(
    engine: &Engine,
    product: &str,
    entries: &[u64],
) -> Result<Vec<Option<&'static str>>, Problem> {
    const ON_ITS_WAY: &str =
        "What it found is still being taken in; until that is done it is undecided for every release it belongs to.";
    const OUT: &str = "What it found could not be taken in, and is undecided for every release it belongs to; the log says why. A complete scan of the same scope takes its place.";
    let left = |entry: u64| {
        engine.read(|tx| {
            Ok(scans::scan(tx, entry)?.is_some_and(|scan| scan.taken_in.is_none() && scan.given_up.is_none()))
        })
    };
    // Those that were seen to be done need not be looked at again.
    let mut next = 0;
    let all_done = || {
        while let Some(entry) = entries.get(next) {
            if left(*entry)? {
                return Ok(false);
            }
            next += 1;
        }
        Ok(true)
    };
    engine.wait_for_jobs(PATIENCE, all_done).await?;
    let say = |entry: &u64| {
        let scan = engine.read(|tx| scans::scan(tx, *entry))?;
        let waits = engine.read(|tx| Job::TakeIn(*entry).is_left(tx, product))?;
        Ok(match scan {
            Some(scan) if scan.taken_in.is_none() => Some(if waits { ON_ITS_WAY } else { OUT }),
            _ => None,
        })
    };
    entries.iter().map(say).collect()
}

/// Waits until the jobs that follow a change of a product, or of criteria, are done; it may take longer.
///
/// # Errors
/// When the store fails.
pub(crate) async fn follow(engine: &Engine, products: Vec<String>) -> Result<(), Problem> {
    let is_left = |tx: &Tx<'_>| {
        for product in &products {
            for kind in Job::OF_PRODUCTS {
                if jobs::has(tx, product, kind)? {
                    return Ok(true);
                }
            }
        }
        Ok::<_, StoreError>(false)
    };
    engine.wait_for_jobs(PATIENCE, || engine.read(|tx| Ok(!is_left(tx)?))).await.map(drop)
}

/// How many findings of a scan a job has taken in; nothing where it is all of them.
pub(crate) fn taken_in_by(job: &StoredJob) -> Option<u64> {
    take_in::so_far(job)
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
    /// of how many.
    pub of: u64,
}

/// Scans shown at most.
const SHOWN: usize = 20;

/// The first scans of the products that somebody reaches that are being taken in, in the order in which that is done.
///
/// # Errors
/// When the store fails.
pub fn scans_on_their_way(engine: &Engine, caller: &Caller) -> Result<Vec<ScanOnItsWay>, Problem> {
    engine.read(|tx| {
        let mut all = Vec::new();
        for job in jobs::all(tx)?.into_iter().filter(|job| caller.reaches(&job.product)) {
            let Ok(Job::TakeIn(entry)) = Job::of(&job) else { continue };
            let Some(signal) = signals::get(tx, entry)? else { continue };
            let Facts::Scan(scan) = &signal.signal.facts else { continue };
            let of = scan.all.as_ref().map_or(0, |all| all.different);
            let taken_in = take_in::so_far(&job).map_or(of, |done| done.min(of));
            all.push(ScanOnItsWay { product: job.product, name: signal.signal.name.clone(), taken_in, of });
            if all.len() == SHOWN {
                break;
            }
        }
        Ok(all)
    })
}

/// Waits until the ranges of a product's releases follow what was judged.
///
/// # Errors
/// When the store fails.
#[doc(hidden)]
pub async fn wait_for_ranges(engine: &Engine, product: &str) -> Result<(), Problem> {
    follow(engine, vec![product.to_owned()]).await
}
