//! What each may hold of something: a semaphore for everybody who holds or wants some.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Semaphore;

/// Who holds how much.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    of: Arc<Mutex<HashMap<String, Weak<Semaphore>>>>,
    each: usize,
}

impl Shares {
    /// So much for each.
    pub(crate) fn new(each: usize) -> Self {
        Self { of: Arc::default(), each }
    }

    /// The share of somebody; those of whoever holds and wants nothing are forgotten.
    pub(crate) fn of(&self, who: &str) -> Arc<Semaphore> {
        let mut all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get(who).and_then(Weak::upgrade) {
            return own;
        }
        all.retain(|_, share| share.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.each));
        all.insert(who.to_owned(), Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_nothing_is_forgotten() {
        let shares = Shares::new(3);
        let dana = shares.of("dana");
        assert_eq!(dana.available_permits(), 3);
        drop(shares.of("tom"));
        drop(shares.of("olaf"));
        assert_eq!(shares.of.lock().expect("not poisoned").len(), 2, "dana holds some, olaf was asked for last");
    }
}
