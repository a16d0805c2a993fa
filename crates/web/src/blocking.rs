//! Moving reads off the threads that answer requests.

use std::sync::Arc;

use certrail_domain::Problem;
use certrail_usecases::Engine;
pub(crate) use certrail_usecases::blocking;

/// Works out what somebody wants to see, when it is their turn: what takes time and memory.
pub(crate) async fn in_turn<T: Send + 'static>(
    engine: Arc<Engine>,
    f: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    engine.look(f).await
}
