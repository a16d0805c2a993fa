//! Whose turn it is: how many may work something out at once. Gates do not wait for pages.

use std::{
    collections::HashMap,
    num::NonZero,
    sync::{Arc, PoisonError, Weak},
    time::Instant,
};

use certrail_domain::{Problem, ProblemKind};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
};

use super::Engine;

/// Places for each kind of question; whoever finds none waits in line.
pub(crate) struct Turns {
    /// Pages and lists. Each may hold a whole release in memory: their number bounds what all of them take.
    looks: Arc<Semaphore>,
    /// Gates, and what pipelines are answered: somebody's deployment waits for it.
    gates: Arc<Semaphore>,
    /// Dossiers: each takes seconds, and is held in memory, here and in the process that renders it.
    dossiers: Arc<Semaphore>,
    /// Dossiers by release: each is numbered and on record before the next one begins.
    releases: std::sync::Mutex<HashMap<String, Weak<Mutex<NewestDossier>>>>,
}

/// The dossier of a release that was made last, while others wait for theirs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewestDossier(
    /// When its making began, and its number: whoever asked before that is given it as well.
    pub(crate) Option<(Instant, u64)>,
);

impl Default for Turns {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, NonZero::get);
        let places = || Arc::new(Semaphore::new(processors.clamp(2, 8)));
        Self { looks: places(), gates: places(), dossiers: places(), releases: std::sync::Mutex::default() }
    }
}

impl Engine {
    /// Works out what somebody wants to see, when it is their turn, where waiting for a disk holds nobody else up.
    ///
    /// # Errors
    /// What `work` refuses; [`ProblemKind::Internal`] when it ended early.
    pub async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        in_turn(&self.turns.looks, work).await
    }

    /// The turn to make a dossier, until it is there.
    pub(crate) async fn dossier_turn(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed, so that everybody gets a turn.
        self.turns.dossiers.clone().acquire_owned().await.ok()
    }

    /// The turn to make a dossier of a release: two at once would take the same number.
    pub(crate) async fn release_turn(&self, release: &str) -> OwnedMutexGuard<NewestDossier> {
        let turn = {
            let mut all = self.turns.releases.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, turn| turn.strong_count() > 0);
            let known = all.get(release).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let new = Arc::default();
                all.insert(release.to_owned(), Arc::downgrade(&new));
                new
            })
        };
        turn.lock_owned().await
    }

    /// [`Engine::look`] for a gate or a pipeline.
    ///
    /// # Errors
    /// As [`Engine::look`].
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        in_turn(&self.turns.gates, work).await
    }
}

async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    // Never closed, so that everybody gets a turn. It ends with the work, also where nobody waits for that any more.
    let turn = turns.clone().acquire_owned().await;
    blocking(move || {
        let outcome = work();
        drop(turn);
        outcome
    })
    .await
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
        Err(Problem::new(
            ProblemKind::Internal,
            "internal",
            "The request could not be answered.",
            "certrail failed inside; nothing was lost.",
            "Ask again, or look at the server's log.",
        ))
    })
}
