//! What a VEX document says is asked for, once the scans that came before it are taken in.

use certrail_domain::{Facts, Problem};
use certrail_store::{
    StoreError,
    tables::{jobs::StoredJob, signals},
};

use super::{Place, step};
use crate::{
    engine::Engine,
    track::{self, VexSender},
};

/// Asks for what a document says.
pub(super) fn propose(engine: &Engine, job: &StoredJob, entry: u64) -> Result<(), Problem> {
    let product = job.product.clone();
    step(engine, job, Place::of(job), move |batch| {
        let gone = || StoreError::Damaged(format!("the document of entry {entry} is not there"));
        let stored = signals::get(batch.tx, entry)?.ok_or_else(gone)?;
        let Facts::Vex(vex) = &stored.signal.facts else { return Err(gone().into()) };
        let account = stored.signal.actor.as_ref().map(|actor| actor.account.clone()).unwrap_or_default();
        let sender = VexSender { product: product.clone(), account };
        let bound = track::releases_of(batch.tx, entry)?;
        track::propose(batch, vex, &sender, &stored.id, &bound)?;
        Ok(None)
    })
    .map(drop)
}
