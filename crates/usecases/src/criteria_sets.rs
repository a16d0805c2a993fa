//! Criteria sets as the log holds them, parsed once each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use certrail_criteria::Criteria;
use certrail_store::{
    StoreError, Tx,
    tables::criteria::{self, StoredCriteria},
};

/// More sets than anybody keeps in force at once; beyond it, parsing starts anew.
const KEPT: usize = 32;

/// Parsed sets by the digest of their text. The text of a digest never changes, so nothing here grows old.
#[derive(Default)]
pub struct CriteriaSets(Mutex<BTreeMap<[u8; 32], Arc<Criteria>>>);

impl CriteriaSets {
    /// The criteria of that name in force at a position, with the digest of their text.
    ///
    /// # Errors
    /// When there are none, or they are damaged.
    pub(crate) fn in_force(
        &self,
        tx: &Tx<'_>,
        name: &str,
        position: u64,
    ) -> Result<(Arc<Criteria>, String), StoreError> {
        let found = criteria::in_force(tx, name, position)?
            .ok_or_else(|| StoreError::Damaged(format!("criteria {name} are not there at position {position}")))?;
        Ok((self.parsed(&found)?, certrail_ledger::hex(&found.digest)))
    }

    fn parsed(&self, found: &StoredCriteria) -> Result<Arc<Criteria>, StoreError> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = sets.get(&found.digest) {
            return Ok(set.clone());
        }
        if certrail_ledger::sha256(found.text.as_bytes()) != found.digest {
            return Err(StoreError::Damaged(format!("the text of criteria {} is another than its digest", found.name)));
        }
        let set = Arc::new(Criteria::parse(&found.text).map_err(|e| StoreError::Damaged(e.to_string()))?);
        if sets.len() >= KEPT {
            sets.clear();
        }
        sets.insert(found.digest, set.clone());
        Ok(set)
    }
}
