//! After a clock ran ahead: an operator says what time it is, on record, and a new clock era begins.

use std::sync::Arc;

use certrail_domain::{Problem, Time};
use certrail_store::tables::{log, people, products};
use serde::Serialize;

use crate::{
    decide_finding,
    engine::{Batch, Engine, Fault, Job},
    grant_exception,
    inputs::words,
    tokens,
};

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

/// Who does what is done on the data folder.
pub(crate) const OPERATOR: &str = "operator";

/// Why something ends with an era.
const AHEAD: &str = "It was made while the clock of the server ran ahead.";

/// Begins a new clock era at what the clock shows now, also where that is before the newest entry. What was received later
/// than that counts as received at an uncertain time; decisions about exceptions and findings, sessions, tokens and links that
/// were made later end.
///
/// # Errors
/// No reason, a failed commit.
pub fn begin_clock_era(engine: &Arc<Engine>, reason: &str) -> Result<ClockEra, Problem> {
    let reason = words("--reason", reason, 10)?;
    let (before, now) = (engine.head().received, engine.believe_clock());
    let (era, _) = engine.write_blocking(move |batch| {
        batch.now = now;
        let era = ClockEra { before, now, reason: reason.clone() };
        let index = batch.control(ERA, OPERATOR, &[], &era)?;
        log::begin_era(batch.tx, index, now)?;
        end_what_is_later(batch)?;
        for product in products::names(batch.tx)? {
            batch.leave(&product, &Job::DueAgain)?;
        }
        Ok(era)
    })?;
    Ok(era)
}

/// What people decided, and secrets whose life is counted from then, by a clock that showed what has not come yet. Keys that
/// people sign in by stay: nobody is locked out.
fn end_what_is_later(batch: &mut Batch<'_>) -> Result<(), Fault> {
    grant_exception::end_later(batch)?;
    decide_finding::end_later(batch, AHEAD)?;
    let later =
        |t: &people::Token| t.created > batch.now && t.revoked.is_none() && t.kind != people::TokenKind::SignInKey;
    let ids = people::tokens(batch.tx)?.into_iter().filter(later).map(|t| t.id).collect();
    tokens::end(batch, ids, OPERATOR, ERA)?;
    Ok(())
}
