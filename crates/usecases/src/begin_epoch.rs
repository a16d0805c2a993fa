//! After a loss or a compromise: a new life of the log begins, on record, under a new name and key.

use std::sync::Arc;

use certrail_domain::Problem;
use certrail_ledger::life::Life;
use certrail_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, LastSigned, internal};

/// What the log says of its new life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpochBegan {
    /// The new life: its name and key, what it kept, and who handed the log over.
    pub life: Life,
    /// What happened, in the words of whoever began it.
    pub reason: String,
    /// What was signed last before: proofs against it may name entries that are gone.
    pub last_signed: Option<LastSigned>,
}

impl EpochBegan {
    /// What its entry is called.
    pub(crate) const ACT: &str = "epoch-began";
}

/// Begins a new life of the log. What is here stays; the entry that begins it says what was signed last.
///
/// # Errors
/// When the key cannot be made or the commit fails.
pub fn begin_epoch(engine: &Arc<Engine>, reason: &str, last: Option<LastSigned>) -> Result<EpochBegan, Problem> {
    let reason = crate::inputs::words("--reason", reason, 5)?;
    let head = engine.head();
    let earlier = engine.keys.log_keys().map_err(|e| internal(&e))?;
    // A life that was lost counts, and so does a key that may have signed: no number is used twice.
    let before = [head.epoch, last.as_ref().map_or(0, |l| l.epoch), earlier.keys().max().copied().unwrap_or(0)];
    let number = before.into_iter().max().and_then(|newest| newest.checked_add(1)).filter(|n| *n > 1);
    let number = number.ok_or_else(|| internal(&StoreError::Damaged("no number is left for a new life".into())))?;
    let key = Arc::new(engine.keys.make_log_key(number).map_err(|e| internal(&e))?);
    let begin = move |batch: &mut crate::Batch<'_>| {
        let life = Life::begin(number, key.verifier(), batch.next_index(), earlier.values());
        let began = EpochBegan { life, reason: reason.clone(), last_signed: last.clone() };
        batch.begin_life(&began.life, key.clone())?;
        batch.control(EpochBegan::ACT, "certrail", &[], &began)?;
        Ok(began)
    };
    engine.write_blocking(begin).map(|(began, _)| began)
}
