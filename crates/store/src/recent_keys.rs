//! The newest keys, in memory. Keys lie anywhere: written one by one, each costs two pages of a table. They are kept here until
//! there are many, and then moved into the table a run at a time, in order of the keys, so that a page takes several at once.
//!
//! The signals they are made of are on disk since their commit. After a crash the keys are made anew from the signals
//! behind the entry up to which the table is complete, which the head of the log tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use crate::{
    Result, Tx,
    tables::keys::{self, KeyOf},
};

/// Keys in memory up to which none is moved. The more there are in the tables, the more are kept, so that a page takes as many.
const FEWEST: usize = 64 * 1024;
const MOST: usize = 512 * 1024;
/// Keys that are moved at once.
const RUN: usize = 512;

/// Half of a digest.
pub type HalfKey = [u8; 16];

/// The keys of one kind.
#[derive(Default)]
struct Kept {
    recent: BTreeMap<HalfKey, u64>,
    /// The same in order of arrival, with some that are no longer there.
    order: VecDeque<(u64, HalfKey)>,
    /// The next run begins here.
    next: HalfKey,
    /// What this commit moves; gone from memory once it stands.
    moving: BTreeSet<HalfKey>,
}

impl Kept {
    fn add(&mut self, key: HalfKey, log_index: u64) -> bool {
        let Entry::Vacant(place) = self.recent.entry(key) else { return false };
        place.insert(log_index);
        self.order.push_back((log_index, key));
        true
    }

    /// Takes back what was added last.
    fn take_back(&mut self, key: &HalfKey) {
        self.recent.remove(key);
        self.order.pop_back();
    }

    /// Moves runs into the table until at most `limit` keys stay.
    fn shrink(&mut self, tx: &Tx<'_>, of: KeyOf, limit: usize) -> Result<()> {
        while self.recent.len() - self.moving.len() > limit {
            let behind = self.recent.range(self.next..).filter(|(key, _)| !self.moving.contains(*key));
            let run: Vec<(HalfKey, u64)> = behind.take(RUN).map(|(key, index)| (*key, *index)).collect();
            for (key, index) in &run {
                keys::insert(tx, of, key, *index)?;
            }
            // Behind the last key begins the next round.
            self.next = match run.last() {
                Some((last, _)) if run.len() == RUN => after(last),
                _ => HalfKey::default(),
            };
            self.moving.extend(run.iter().map(|(key, _)| *key));
        }
        Ok(())
    }

    /// The oldest entry whose key stays in memory.
    fn oldest(&self) -> Option<u64> {
        let stays = |(index, key): &&(u64, HalfKey)| self.recent.get(key) == Some(index) && !self.moving.contains(key);
        self.order.iter().find(stays).map(|(index, _)| *index)
    }

    fn committed(&mut self) {
        for key in std::mem::take(&mut self.moving) {
            self.recent.remove(&key);
        }
        while self.order.front().is_some_and(|(index, key)| self.recent.get(key) != Some(index)) {
            self.order.pop_front();
        }
    }
}

/// The key that follows.
fn after(key: &HalfKey) -> HalfKey {
    u128::from_be_bytes(*key).wrapping_add(1).to_be_bytes()
}

/// The newest keys of all kinds. Used by the one who writes, inside their transaction.
#[derive(Default)]
pub struct RecentKeys {
    delivery: Kept,
    content: Kept,
    /// What was added since the last commit, in order.
    added: Vec<(KeyOf, HalfKey)>,
    /// Up to here the tables are complete.
    from: u64,
}

impl RecentKeys {
    /// Nothing is in memory; the tables are complete up to `from`.
    #[must_use]
    pub fn new(from: u64) -> Self {
        Self { from, ..Self::default() }
    }

    const fn of(&mut self, of: KeyOf) -> &mut Kept {
        match of {
            KeyOf::Delivery => &mut self.delivery,
            KeyOf::Content => &mut self.content,
        }
    }

    /// The entry of a key.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(&self, tx: &Tx<'_>, of: KeyOf, key: &HalfKey) -> Result<Option<u64>> {
        let kept = match of {
            KeyOf::Delivery => &self.delivery,
            KeyOf::Content => &self.content,
        };
        match kept.recent.get(key) {
            Some(index) => Ok(Some(*index)),
            None => keys::find(tx, of, key),
        }
    }

    /// Adds a key of an entry in this commit. A key that is there keeps its entry.
    pub fn add(&mut self, of: KeyOf, key: HalfKey, log_index: u64) {
        if self.of(of).add(key, log_index) {
            self.added.push((of, key));
        }
    }

    /// How many were added in this commit so far.
    #[must_use]
    pub const fn added(&self) -> usize {
        self.added.len()
    }

    /// Takes back what was added beyond the first `kept` of this commit.
    pub fn take_back(&mut self, kept: usize) {
        while self.added.len() > kept {
            if let Some((of, key)) = self.added.pop() {
                self.of(of).take_back(&key);
            }
        }
    }

    /// Moves keys into the tables if there are many, in a log of `size` entries. Returns the entry up to which the tables
    /// are complete once this commit stands.
    ///
    /// # Errors
    /// When the database fails.
    pub fn shrink(&mut self, tx: &Tx<'_>, size: u64) -> Result<u64> {
        let limit = usize::try_from(size / 8).unwrap_or(MOST).clamp(FEWEST, MOST);
        self.shrink_to(tx, size, limit, RUN)
    }

    /// Moves all keys into the tables.
    ///
    /// # Errors
    /// When the database fails.
    pub fn empty(&mut self, tx: &Tx<'_>, size: u64) -> Result<u64> {
        self.shrink_to(tx, size, 0, 0)
    }

    fn shrink_to(&mut self, tx: &Tx<'_>, size: u64, limit: usize, slack: usize) -> Result<u64> {
        for of in [KeyOf::Delivery, KeyOf::Content] {
            let kept = self.of(of);
            if kept.recent.len() > limit + slack {
                kept.shrink(tx, of, limit)?;
            }
        }
        if self.delivery.moving.is_empty() && self.content.moving.is_empty() {
            return Ok(self.from);
        }
        let oldest = [self.delivery.oldest(), self.content.oldest()].into_iter().flatten().min();
        Ok(oldest.unwrap_or(size))
    }

    /// The commit stands: the tables are complete up to `from`.
    pub fn committed(&mut self, from: u64) {
        self.added.clear();
        self.delivery.committed();
        self.content.committed();
        self.from = from;
    }

    /// Nothing of the commit stands.
    pub fn given_up(&mut self) {
        self.take_back(0);
        self.delivery.moving.clear();
        self.content.moving.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    fn key(n: u64) -> HalfKey {
        // Anywhere, and another for each.
        u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes()
    }

    #[test]
    fn keys_are_found_wherever_they_are_and_what_is_taken_back_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_store, mut writer) = Store::open(folder.path()).expect("opens");
        let mut keys = RecentKeys::new(0);
        let mut known = 0;
        for commit in 0..20_u64 {
            let outcome = writer.transaction(|tx| {
                for n in 0..200 {
                    keys.add(KeyOf::Delivery, key(known + n), known + n);
                }
                let mark = keys.added();
                keys.add(KeyOf::Content, key(9_000_000 + commit), known);
                // Another entry brings the same: the first one stands.
                keys.add(KeyOf::Delivery, key(known), known + 50);
                keys.take_back(mark);
                let from = keys.shrink_to(tx, known + 200, 600, 0)?;
                if commit % 5 == 3 { Err(crate::StoreError::Damaged("given up".into())) } else { Ok(from) }
            });
            match outcome {
                Ok(from) => {
                    keys.committed(from);
                    known += 200;
                }
                Err(_) => keys.given_up(),
            }
            writer
                .transaction(|tx| {
                    for n in 0..known {
                        assert_eq!(keys.find(tx, KeyOf::Delivery, &key(n))?, Some(n), "{n} of {known}");
                    }
                    for n in known..known + 200 {
                        assert_eq!(keys.find(tx, KeyOf::Delivery, &key(n))?, None, "{n} was given up");
                    }
                    assert_eq!(keys.find(tx, KeyOf::Content, &key(9_000_000 + commit))?, None);
                    // What lies before is in the table.
                    for n in 0..keys.from {
                        assert_eq!(crate::tables::keys::find(tx, KeyOf::Delivery, &key(n))?, Some(n));
                    }
                    Ok::<_, crate::StoreError>(())
                })
                .expect("reads");
            assert!(keys.delivery.recent.len() <= 600 + RUN, "{}", keys.delivery.recent.len());
        }
        assert!(keys.from > 0, "most were moved");
        let from = writer.transaction(|tx| keys.empty(tx, known)).expect("moves");
        keys.committed(from);
        assert_eq!((from, keys.delivery.recent.len(), keys.delivery.order.len()), (known, 0, 0));
    }
}
