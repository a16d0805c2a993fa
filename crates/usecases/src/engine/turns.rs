//! Whose turn it is: how many may work something out at once. Gates do not wait for pages.

use std::{num::NonZero, sync::Arc};

use certrail_domain::{Problem, ProblemKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Engine;

/// Places for each kind of question; whoever finds none waits in line.
pub(crate) struct Turns {
    /// Pages and lists. Each may hold a whole release in memory: their number bounds what all of them take.
    looks: Arc<Semaphore>,
    /// Gates, and what pipelines are answered: somebody's deployment waits for it.
    gates: Arc<Semaphore>,
    /// Dossiers: each takes seconds, and is held in memory until it is rendered.
    dossiers: Arc<Semaphore>,
    /// Numbers of dossiers: from looking at the last one until the next is on record.
    numbers: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, NonZero::get);
        let places = || Arc::new(Semaphore::new(processors.clamp(2, 8)));
        Self { looks: places(), gates: places(), dossiers: places(), numbers: Arc::new(Semaphore::new(1)) }
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

    /// The turn to number a dossier, until it is on record: two at once would take the same number.
    pub(crate) async fn number_turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.numbers.clone().acquire_owned().await.ok()
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
