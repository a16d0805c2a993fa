//! After a loss: a new life of the log begins, on record.

use std::sync::Arc;

use certrail_domain::Problem;
use serde::Serialize;

use crate::engine::{Engine, LastSigned};

/// What the log says of its new life.
#[derive(Clone, Debug, Serialize)]
pub struct EpochBegan {
    /// The number of this life.
    pub epoch: i64,
    /// What happened, in the words of whoever began it.
    pub reason: String,
    /// How many entries are still here.
    pub kept: u64,
    /// What was signed last before the loss: proofs against it may name entries that are gone.
    pub last_signed: Option<LastSigned>,
}

/// Begins a new life of the log. What is here stays; the entry that begins it says what was lost.
///
/// # Errors
/// When the commit fails.
pub fn begin_epoch(engine: &Arc<Engine>, reason: &str, last: Option<LastSigned>) -> Result<EpochBegan, Problem> {
    let head = engine.head();
    // A life that was lost counts: its number is not used again.
    let before = last.as_ref().map_or(head.epoch, |l| l.epoch.max(head.epoch));
    let began = EpochBegan { epoch: before + 1, reason: reason.to_owned(), kept: head.size(), last_signed: last };
    let entry = began.clone();
    engine.write_blocking(move |batch| {
        batch.begin_epoch(entry.epoch);
        batch.control("epoch-began", "certrail", &[], &entry)
    })?;
    Ok(began)
}
