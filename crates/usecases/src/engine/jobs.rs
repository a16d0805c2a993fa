//! Jobs: what one commit leaves to later ones, so that nobody waits for all of it. They stand in the store from that commit
//! on, and one thread does them, one after the other; what a stop interrupts, the next start goes on with.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use certrail_store::{
    StoreError, Tx,
    tables::jobs::{self, StoredJob},
};
use tokio::sync::watch;

use super::Engine;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Take in what a large scan saw; by its entry.
    TakeIn(u64),
    /// A large scan belongs to other releases now: follow what it closes and reopens there.
    FollowScan(u64),
    /// Repositories, branch or tags of a product are others now: what belongs to its releases follows. The repositories that
    /// it left.
    FollowProduct(Vec<String>),
    /// The range of a release may end elsewhere now; by its number.
    FollowRange(i64),
    /// The clocks of a product's findings are others now.
    DueAgain,
    /// Ask for what a VEX document says, behind the scans that came before it; by its entry.
    Propose(u64),
}

impl Job {
    const fn kind(&self) -> &'static str {
        match self {
            Self::TakeIn(_) => "take-in",
            Self::FollowScan(_) => "follow-scan",
            Self::FollowProduct(_) => "follow-product",
            Self::FollowRange(_) => "follow-range",
            Self::DueAgain => "due-again",
            Self::Propose(_) => "propose",
        }
    }

    /// The kinds that follow a scan: scans of a product are followed one behind the other.
    pub(crate) const OF_SCANS: [&str; 2] = ["take-in", "follow-scan"];
    /// The kinds that follow what was said of a product, or of its criteria.
    pub(crate) const OF_PRODUCTS: [&str; 3] = ["follow-product", "follow-range", "due-again"];

    /// Whether it is still to be done, for a product.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn is_left(&self, tx: &Tx<'_>, product: &str) -> Result<bool, StoreError> {
        jobs::is_left(tx, self.kind(), &self.subject(product))
    }

    /// What it is about, told apart from others of its kind.
    fn subject(&self, product: &str) -> String {
        match self {
            Self::TakeIn(entry) | Self::FollowScan(entry) | Self::Propose(entry) => entry.to_string(),
            Self::FollowProduct(left) => serde_json::json!([product, left]).to_string(),
            Self::FollowRange(release) => release.to_string(),
            Self::DueAgain => product.to_owned(),
        }
    }

    /// What is to be done for a row.
    ///
    /// # Errors
    /// When this version knows no such job.
    pub(crate) fn of(stored: &StoredJob) -> Result<Self, StoreError> {
        let unknown = || StoreError::Damaged(format!("a job `{}` about {}", stored.kind, stored.subject));
        let entry = || stored.subject.parse().map_err(|_| unknown());
        let job = match stored.kind.as_str() {
            "take-in" => Self::TakeIn(entry()?),
            "follow-scan" => Self::FollowScan(entry()?),
            "follow-product" => {
                let told: Option<(String, Vec<String>)> = serde_json::from_str(&stored.subject).ok();
                Self::FollowProduct(told.ok_or_else(unknown)?.1)
            }
            "follow-range" => Self::FollowRange(stored.subject.parse().map_err(|_| unknown())?),
            "due-again" => Self::DueAgain,
            "propose" => Self::Propose(entry()?),
            _ => return Err(unknown()),
        };
        if job.subject(&stored.product) == stored.subject { Ok(job) } else { Err(unknown()) }
    }

    /// Puts it at the end of the line. One that waits there already begins anew.
    pub(super) fn put(&self, tx: &Tx<'_>, product: &str) -> Result<(), StoreError> {
        jobs::put(tx, product, self.kind(), &self.subject(product))
    }
}

/// How much one commit holds of what a scan moves.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    /// A scan that moves no more than this is taken in by the commit that keeps it.
    pub at_once: usize,
    /// A larger one by pieces of so many.
    pub each: usize,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { at_once: 10_000, each: 2_000 }
    }
}

/// After this long the thread looks for jobs even if nobody told it of one.
pub(crate) const AGAIN: Duration = Duration::from_secs(60);

/// The thread that does jobs, and those who wait for them.
pub(super) struct Worker {
    bell: Mutex<Option<SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// How many jobs are done, or were given up for now.
    done: watch::Sender<u64>,
}

impl Default for Worker {
    fn default() -> Self {
        Self { bell: Mutex::default(), thread: Mutex::default(), done: watch::Sender::new(0) }
    }
}

impl Worker {
    /// There is something to do, or may be.
    pub(super) fn ring(&self) {
        if let Some(bell) = &*self.bell.lock().unwrap_or_else(PoisonError::into_inner) {
            // A full channel means that it is going to look anyway.
            let _ = bell.try_send(());
        }
    }

    fn is_hired(&self) -> bool {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn hire(&self, run: impl FnOnce(Receiver<()>) + Send + 'static) -> Result<(), StoreError> {
        let (bell, heard) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("certrail-jobs".into())
            .spawn(move || run(heard))
            .map_err(|cause| StoreError::Io { what: "start the thread that does jobs".into(), cause })?;
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = Some(bell);
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Ends the thread, once what it is doing is done.
    pub(super) fn end(&self) {
        drop(self.bell.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that does jobs ended by a panic");
        }
    }
}

impl Engine {
    /// From now on `work` is called whenever there may be jobs to do, on a thread of its own, and once at the beginning.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn do_jobs(
        self: &Arc<Self>,
        mut work: impl FnMut(&Arc<Self>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let engine: Weak<Self> = Arc::downgrade(self);
        self.worker.hire(move |heard| {
            // What failed is tried again after a while.
            while matches!(heard.recv_timeout(AGAIN), Ok(()) | Err(RecvTimeoutError::Timeout)) {
                let Some(engine) = engine.upgrade() else { break };
                work(&engine);
            }
        })?;
        self.worker.ring();
        Ok(())
    }

    /// How much one commit holds of what a scan moves.
    pub(crate) fn pieces(&self) -> Pieces {
        *self.pieces.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how much one commit holds of what a scan moves: for tests, which need no large reports then.
    #[doc(hidden)]
    pub fn set_pieces(&self, pieces: Pieces) {
        *self.pieces.write().unwrap_or_else(PoisonError::into_inner) = pieces;
    }

    /// A job is done, or cannot be done for now: whoever waits looks again.
    pub(crate) fn job_done(&self) {
        self.worker.done.send_modify(|done| *done += 1);
    }

    /// Waits until something holds that jobs bring about, at most `patience`. Tells whether it does.
    pub(crate) async fn wait_for_jobs(
        &self,
        patience: Duration,
        mut holds: impl FnMut() -> Result<bool, certrail_domain::Problem>,
    ) -> Result<bool, certrail_domain::Problem> {
        let until = Instant::now() + patience;
        let mut done = self.worker.done.subscribe();
        loop {
            if holds()? {
                return Ok(true);
            }
            // Nobody does jobs here; the next start of a server does.
            if !self.worker.is_hired() {
                return Ok(false);
            }
            if tokio::time::timeout_at(until.into(), done.changed()).await.is_err() {
                return holds();
            }
        }
    }
}
