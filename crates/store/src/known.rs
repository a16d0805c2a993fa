//! Signals read before, parsed once: judging a release looks at all its evidence each time it is asked.

use std::sync::Arc;

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::tables::signals::StoredSignal;

/// Bytes of normalised text whose parsed form is kept; in memory it takes some three times as much.
const CAPACITY: u64 = 16 * 1024 * 1024;

/// A signal with the bytes of its normalised text.
type Entry = (Arc<StoredSignal>, u64);

#[derive(Clone)]
struct ByText;

impl Weighter<u64, Entry> for ByText {
    fn weight(&self, _: &u64, entry: &Entry) -> u64 {
        // What every row costs besides its text.
        entry.1 + 200
    }
}

/// Signals by log index. A row of the log never changes once committed, so nothing here grows old.
pub(crate) struct Known(Cache<u64, Entry, ByText>);

/// The part of it for what was looked at more than once. What was just committed gets as much: the release that it
/// belongs to is judged next, and thousands of signals may come before that.
const HOT: f64 = 0.5;

impl Default for Known {
    fn default() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(10_000)
            .weight_capacity(CAPACITY)
            .hot_allocation(HOT)
            .build()
            .expect("capacities are given");
        Self(Cache::with_options(options, ByText, DefaultHashBuilder::default(), DefaultLifecycle::default()))
    }
}

/// What a transaction may do with the signals read before.
#[derive(Clone, Copy)]
pub(crate) enum Access<'a> {
    /// Look and keep: everything it sees is committed.
    Committed(&'a Known),
    /// Look only: what it reads may be undone, and its index be given to another signal.
    Open(&'a Known),
}

impl Known {
    /// Keeps a signal that was just committed: whoever judges next looks at the newest ones first.
    pub(crate) fn remember(&self, signal: &Arc<StoredSignal>, size: u64) {
        self.0.insert(signal.log_index, (signal.clone(), size));
    }
}

impl Access<'_> {
    pub(crate) fn get(self, index: u64) -> Option<Arc<StoredSignal>> {
        let (Self::Committed(known) | Self::Open(known)) = self;
        known.0.get(&index).map(|(signal, _)| signal)
    }

    pub(crate) fn keep(self, index: u64, signal: &Arc<StoredSignal>, size: u64) {
        if let Self::Committed(known) = self {
            known.0.insert(index, (signal.clone(), size));
        }
    }
}
