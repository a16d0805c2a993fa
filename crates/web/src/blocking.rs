//! Moving reads off the threads that answer requests.

use std::sync::Arc;

use certrail_domain::{Problem, ProblemKind};
use certrail_usecases::Engine;

/// Works out what somebody wants to see, when it is their turn: what takes time and memory.
pub(crate) async fn in_turn<T: Send + 'static>(
    engine: Arc<Engine>,
    f: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    engine.look(f).await
}

/// Runs `f` where blocking is allowed, at once: what takes next to nothing.
pub(crate) async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(f).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a read ended early");
        Err(Problem::new(
            ProblemKind::Internal,
            "internal",
            "The request could not be answered.",
            "certrail failed inside; nothing was lost.",
            "Ask again, or look at the server's log.",
        ))
    })
}
