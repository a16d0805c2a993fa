//! When the server starts, the releases whose gates were asked last are judged, so that whoever asks next does not wait for
//! all of their evidence to be read.

use std::sync::Arc;

use certrail_domain::Problem;
use certrail_store::tables::{decisions, releases};

use crate::{engine::Engine, judge::judge};

/// Releases that are judged: as many as are on their way to production at once in a team.
const RELEASES: usize = 8;
/// Questions among which they are looked for.
const ASKS: u64 = 200;

/// Judges the releases whose gates were asked last, newest first. Gates and pages do not wait for it.
///
/// # Errors
/// When the store fails. What cannot be read of one release keeps no other from being judged.
pub async fn judge_asked_last(engine: &Arc<Engine>) -> Result<(), Problem> {
    let own = engine.clone();
    let asked = engine.look(move || own.read(|tx| decisions::asked_last(tx, ASKS))).await?;
    for id in asked.into_iter().take(RELEASES) {
        let own = engine.clone();
        if let Err(problem) = engine.look(move || judge_release(&own, &id)).await {
            tracing::warn!(%problem, "a release whose gate was asked could not be judged at the start");
        }
    }
    Ok(())
}

fn judge_release(engine: &Engine, id: &str) -> Result<(), Problem> {
    match engine.read(|tx| releases::by_id(tx, id))? {
        Some(release) => judge(engine, &release).map(drop),
        None => Ok(()),
    }
}
