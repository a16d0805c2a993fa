//! After a clock ran ahead: an operator says what time it is, on record, and a new clock era begins.

use std::sync::Arc;

use certrail_domain::{Problem, Time};
use serde::Serialize;

use crate::engine::Engine;

/// What the log says of a new era.
#[derive(Clone, Debug, Serialize)]
pub struct ClockEra {
    /// When the newest entry of the era before was received, by its clock.
    pub before: Time,
    /// What the clock shows now: receipt goes on from here, and decreases no more.
    pub now: Time,
    /// What happened, in the words of whoever began it.
    pub reason: String,
}

/// The act of beginning an era.
pub(crate) const ERA: &str = "clock-era";
/// The acts that say from when to when the time was uncertain.
pub(crate) const DOUBTED: &str = "clock-doubted";
pub(crate) const BELIEVED: &str = "clock-believed";

/// Begins a new clock era at what the clock shows now, also where that is before the newest entry.
///
/// # Errors
/// No reason, a failed commit.
pub fn begin_clock_era(engine: &Arc<Engine>, reason: &str) -> Result<ClockEra, Problem> {
    crate::inputs::required(reason, "--reason")?;
    let reason: String = reason.trim().chars().take(500).collect();
    let (before, now) = (engine.head().received, engine.believe_clock());
    let (era, _) = engine.write_blocking(move |batch| {
        batch.now = now;
        let era = ClockEra { before, now, reason: reason.clone() };
        batch.control(ERA, "operator", &[], &era)?;
        Ok(era)
    })?;
    Ok(era)
}
