//! Moving reads off the threads that answer requests.

use certrail_domain::{Problem, ProblemKind};

/// Runs `f` where blocking is allowed.
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
