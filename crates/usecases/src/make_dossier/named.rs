//! Who people are, as the log committed to it: what a dossier prints names by.

use certrail_ledger::{commitment, leaf, sha256};
use certrail_store::{
    StoreError, Tx,
    tables::{
        log,
        people::{self, Person},
    },
};

/// Everybody as of a position, each as the entry says that recorded them: a name that was changed in the table alone is not
/// printed under a seal.
pub(super) fn committed(tx: &Tx<'_>, position: u64) -> Result<Vec<Person>, StoreError> {
    people::documents_at(tx, position)?.into_iter().map(|(index, document)| one(tx, index, &document)).collect()
}

fn one(tx: &Tx<'_>, index: u64, document: &str) -> Result<Person, StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("the person recorded by entry {index} {why}"));
    let salt = log::acts(tx, index, index + 1)?.pop().filter(|act| act.act == "person").and_then(|act| act.salt);
    let salt: [u8; 16] = salt.and_then(|salt| salt.try_into().ok()).ok_or_else(|| damaged("has no entry"))?;
    let leaf = crate::engine_leaves(tx, index, index + 1)?.pop().ok_or_else(|| damaged("has no leaf"))?;
    match leaf::read(&leaf) {
        Some(leaf::Read::Control { body, .. }) if body == commitment(&salt, &sha256(document.as_bytes())) => {
            serde_json::from_str(document).map_err(|e| damaged(&format!("does not read: {e}")))
        }
        _ => Err(damaged("is another than the log committed to")),
    }
}
