//! Reading a report again from where it is kept: its findings are those that its entry committed to, or it is not believed.

use certrail_domain::facts::{BandPolicy, Scan};
use certrail_formats::{Format, Hints};
use certrail_store::{StoreError, tables::signals::StoredSignal};

use super::{Gathered, Prepared, Ready};

/// A report that gives the same findings again.
pub(crate) struct Reread<'a> {
    /// What the scan says of itself.
    pub(crate) scan: Prepared,
    body: &'a [u8],
    format: Option<Format>,
    hints: Hints,
    gathered: Gathered,
}

impl<'a> Reread<'a> {
    /// Reads the report of a scan of `product`; nothing where its findings are not those that were told of it. Up to `hold` of
    /// them are held, so that they need not be read once more.
    ///
    /// # Errors
    /// When a finding cannot be written as JSON, which does not happen.
    pub(crate) fn of(
        body: &'a [u8],
        (signal, scan): (&StoredSignal, &Scan),
        product: &str,
        policy: BandPolicy,
        hold: usize,
    ) -> Result<Option<Self>, StoreError> {
        let format = signal.mapper.split('@').next().and_then(Format::from_name);
        // What its sender named it for is part of the delivery; both ways are tried.
        for kind in [None, Some(scan.scan)] {
            let hints = Hints { suite: None, scan: kind, database_at: scan.database.date(), policy, trust: None };
            let mut gathered = Gathered::new(product, hold);
            let reading = certrail_formats::read(body, format, &hints, &mut |seen| gathered.take(seen));
            if reading.is_ok() && gathered.all()? == scan.all {
                let sent = (signal.signal.source.as_str(), signal.signal.named.as_slice());
                let scan = Prepared::of(scan, product, sent, signal.signal.occurred_at, policy);
                return Ok(Some(Self { scan, body, format, hints, gathered }));
            }
        }
        Ok(None)
    }

    /// Hands over the findings one by one, the first of each kind at its gravest, until `take` refuses one.
    ///
    /// # Errors
    /// What `take` says, or when a finding cannot be written as JSON.
    pub(crate) fn each<E: From<StoreError>>(self, mut take: impl FnMut(Ready) -> Result<(), E>) -> Result<(), E> {
        let Self { body, format, hints, mut gathered, .. } = self;
        if let Some(held) = gathered.held() {
            for seen in held {
                gathered.give(seen)?.map_or(Ok(()), &mut take)?;
            }
            return Ok(());
        }
        let mut outcome = Ok(());
        let reading = certrail_formats::read(body, format, &hints, &mut |seen| {
            if outcome.is_ok() {
                outcome = match gathered.give(seen) {
                    Ok(Some(ready)) => take(ready),
                    Ok(None) => Ok(()),
                    Err(error) => Err(error.into()),
                };
            }
        });
        outcome?;
        match reading {
            Ok(_) => Ok(()),
            Err(error) => Err(StoreError::Damaged(format!("a report was read once and not again: {error}")).into()),
        }
    }
}
