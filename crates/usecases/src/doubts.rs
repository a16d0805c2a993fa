//! When evidence reached us, where our own clock was wrong.

use certrail_criteria::Receipt;
use certrail_domain::Time;
use certrail_store::{StoreError, Tx, tables::log};

/// The entries whose time of receipt is uncertain: those between a jump of the clock and its end, and those that a clock which
/// ran ahead dated later than the era that an operator began behind them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts {
    between: Vec<(u64, Option<u64>)>,
    eras: Vec<(u64, Time)>,
}

impl Doubts {
    /// As known at a position of the log.
    pub(crate) fn at(tx: &Tx<'_>, position: u64) -> Result<Self, StoreError> {
        let mut eras = log::clock_eras(tx)?;
        eras.retain(|(entry, _)| *entry < position);
        Ok(Self { between: log::clock_doubts(tx)?, eras })
    }

    /// Of an entry, the latest it can have been received, and how well that is known.
    pub(crate) fn receipt(&self, entry: u64, received: Time) -> (Time, Receipt) {
        let latest = self.latest(entry, received);
        let jumped = self.between.iter().any(|(from, to)| *from < entry && to.is_none_or(|to| entry < to));
        let how = if latest < received {
            Receipt::AtLatest
        } else if jumped {
            Receipt::Uncertain
        } else {
            Receipt::Known
        };
        (latest, how)
    }

    /// The latest that a moment can have been which an entry tells by our clock: it was over when a later era began.
    pub(crate) fn latest(&self, entry: u64, told: Time) -> Time {
        self.eras.iter().filter(|(era, _)| *era > entry).fold(told, |latest, (_, began)| latest.min(*began))
    }
}
