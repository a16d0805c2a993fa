//! Whose signatures are believed: the operator says so in files beside the log, and the log says which and from when on.

use std::sync::Arc;

use certrail_domain::Problem;
use certrail_formats::Trusted;
use certrail_store::{StoreError, tables::log};

use crate::engine::{Batch, Engine, Fault};

/// The act of saying so.
pub(crate) const TRUST: &str = "trust";

/// Whose signatures are believed, and since which entry.
///
/// # Errors
/// When the store fails or the record cannot be read.
pub fn trusted_signers(engine: &Engine) -> Result<Option<(u64, Trusted)>, Problem> {
    engine.read(|tx| {
        let Some((index, document)) = log::newest_trust(tx)? else { return Ok(None) };
        let trusted = serde_json::from_str(&document);
        Ok(Some((index, trusted.map_err(|e| StoreError::Damaged(format!("whom entry {index} trusts: {e}")))?)))
    })
}

/// Puts on record whom the operator trusts from now on, where that is another than the last time: also nobody.
///
/// # Errors
/// When the store fails, a failed commit.
pub async fn note_trust(engine: &Arc<Engine>) -> Result<(), Problem> {
    let trusted = engine.trusted().map(|trust| trust.described()).unwrap_or_default();
    let write = move |batch: &mut Batch<'_>| {
        // A record that cannot be read says nothing, and is followed by one that does.
        let stands = match log::newest_trust(batch.tx)? {
            Some((_, document)) => serde_json::from_str::<Trusted>(&document).is_ok_and(|known| known == trusted),
            None => trusted == Trusted::default(),
        };
        if !stands {
            batch.control(TRUST, "operator", &[], &trusted)?;
        }
        Ok::<_, Fault>(())
    };
    engine.write(write).await?;
    Ok(())
}
