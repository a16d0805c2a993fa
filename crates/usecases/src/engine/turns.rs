//! Whose turn it is: how many may work something out at once. Gates do not wait for pages: each have threads of their own,
//! and those for pages stand back wherever others have something to do.

use std::{
    collections::HashMap,
    hash::Hash,
    io,
    num::NonZero,
    sync::{Arc, PoisonError, Weak},
    time::Instant,
};

use certrail_domain::{Problem, ProblemKind};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, oneshot},
};

use super::Engine;

/// Places for each kind of question; whoever finds none waits in line.
pub(crate) struct Turns {
    /// Pages and lists. Each may hold a whole release in memory: their number bounds what all of them take.
    looks: ThreadPool,
    /// Gates, and what pipelines are answered: somebody's deployment waits for it.
    gates: ThreadPool,
    /// Dossiers: each takes seconds, and is held in memory, here and in the process that renders it.
    dossiers: Arc<Semaphore>,
    /// Dossiers by release: each is numbered and on record before the next one begins.
    releases: std::sync::Mutex<HashMap<String, Weak<Mutex<NewestDossier>>>>,
    /// Gates by release: those who ask at once share one judgement.
    judging: std::sync::Mutex<HashMap<String, Weak<Mutex<()>>>>,
}

/// The dossier of a release that was made last, while others wait for theirs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewestDossier(
    /// When its making began, and its number: whoever asked before that is given it as well.
    pub(crate) Option<(Instant, u64)>,
);

impl Turns {
    /// # Errors
    /// When no thread can be started.
    pub(super) fn new() -> io::Result<Self> {
        let places = std::thread::available_parallelism().map_or(2, NonZero::get).clamp(2, 8);
        let threads = |what: &'static str| {
            ThreadPoolBuilder::new()
                .num_threads(places)
                .thread_name(move |n| format!("{what}-{n}"))
                // Whoever waits is told that it ended early.
                .panic_handler(|_| tracing::error!("a question ended early"))
        };
        let (releases, judging) = Default::default();
        let looks = threads("look").start_handler(|_| stand_back()).build().map_err(io::Error::other)?;
        Ok(Self {
            looks,
            gates: threads("gate").build().map_err(io::Error::other)?,
            dossiers: Arc::new(Semaphore::new(places)),
            releases,
            judging,
        })
    }
}

/// How far threads for pages stand back, on the scale of `nice`: three of them together get what one other thread gets.
#[cfg(target_os = "linux")]
const BACK: i32 = 5;

/// From here on this thread stands back from the process it is of. Where that is refused, gates wait longer beside many
/// readers. Elsewhere than on Linux it would be the whole process.
#[cfg(target_os = "linux")]
fn stand_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    let set = getpriority_process(None).and_then(|now| setpriority_process(None, now + BACK));
    if let Err(error) = set {
        tracing::debug!(%error, "a thread does not stand back");
    }
}

#[cfg(not(target_os = "linux"))]
const fn stand_back() {}

impl Engine {
    /// Works out what somebody wants to see, when it is their turn, where waiting for a disk holds nobody else up.
    ///
    /// # Errors
    /// What `work` refuses; [`ProblemKind::Internal`] when it ended early.
    pub async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        on(&self.turns.looks, work).await
    }

    /// The turn to make a dossier, until it is there.
    pub(crate) async fn dossier_turn(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed, so that everybody gets a turn.
        self.turns.dossiers.clone().acquire_owned().await.ok()
    }

    /// The turn to make a dossier of a release: two at once would take the same number.
    pub(crate) async fn release_turn(&self, release: &str) -> OwnedMutexGuard<NewestDossier> {
        shared(&self.turns.releases, release.to_owned()).lock_owned().await
    }

    /// The turn to judge a release (`product/version`) for a gate: whoever waits for it finds what was judged meanwhile,
    /// and holds no thread for it.
    pub(crate) async fn judging_turn(&self, release: String) -> OwnedMutexGuard<()> {
        shared(&self.turns.judging, release).lock_owned().await
    }

    /// [`Engine::look`] for a gate or a pipeline.
    ///
    /// # Errors
    /// As [`Engine::look`].
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        on(&self.turns.gates, work).await
    }
}

/// What all share who hold it now, by key.
fn shared<K: Eq + Hash, T: Default>(all: &std::sync::Mutex<HashMap<K, Weak<T>>>, key: K) -> Arc<T> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, held| held.strong_count() > 0);
    if let Some(held) = all.get(&key).and_then(Weak::upgrade) {
        return held;
    }
    let new = Arc::default();
    all.insert(key, Arc::downgrade(&new));
    new
}

/// Works something out on threads for its kind, first come, first served.
async fn on<T: Send + 'static>(
    threads: &ThreadPool,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (done, outcome) = oneshot::channel();
    threads.spawn_fifo(move || {
        // What nobody waits for any more is not begun; once begun it goes on, and is then told nobody.
        if !done.is_closed() {
            drop(done.send(work()));
        }
    });
    outcome.await.unwrap_or_else(|_| Err(ended_early()))
}

/// Does what waits for a disk, or takes long, where the caller stands: whatever else its thread had to do is done by another
/// meanwhile. Costs some microseconds.
pub(crate) fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // There is no other thread, or no runtime.
        _ => work(),
    }
}

/// Runs `work` where waiting for a disk holds nobody else up, at once: what takes next to nothing.
///
/// # Errors
/// What `work` refuses; [`ProblemKind::Internal`] when it ended early.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a question ended early");
        Err(ended_early())
    })
}

fn ended_early() -> Problem {
    Problem::new(
        ProblemKind::Internal,
        "internal",
        "The request could not be answered.",
        "certrail failed inside; nothing was lost.",
        "Ask again, or look at the server's log.",
    )
}
