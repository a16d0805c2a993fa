//! Places for what somebody takes as slowly as they like: each has a few, so that nobody holds what others need, and waits for
//! their own when they want more at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// At once, for one person or token.
const EACH: usize = 8;
/// The longest wait for one of one's own.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who holds how many.
#[derive(Clone, Debug)]
pub struct Slots {
    of: Arc<Mutex<HashMap<String, Weak<Semaphore>>>>,
    patience: Duration,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Default for Slots {
    fn default() -> Self {
        Self { of: Arc::default(), patience: PATIENCE }
    }
}

impl Slots {
    /// One more for whoever it is; nothing where they hold all of theirs for too long.
    pub(crate) async fn take(&self, who: &str) -> Option<Slot> {
        let own = self.own(who);
        let permit = tokio::time::timeout(self.patience, own.acquire_owned()).await.ok()?.ok()?;
        Some(Slot { _permit: permit })
    }

    /// The places of somebody; those of whoever holds and wants none are forgotten.
    fn own(&self, who: &str) -> Arc<Semaphore> {
        let mut all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get(who).and_then(Weak::upgrade) {
            return own;
        }
        all.retain(|_, places| places.strong_count() > 0);
        let own = Arc::new(Semaphore::new(EACH));
        all.insert(who.to_owned(), Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_has_a_few_and_waits_for_their_own() {
        let slots = Slots { patience: Duration::from_millis(20), ..Slots::default() };
        let mut held = Vec::new();
        for _ in 0..EACH {
            held.push(slots.take("dana").await.expect("free"));
        }
        assert!(slots.take("dana").await.is_none());
        assert!(slots.take("tom").await.is_some(), "another has their own");
        let patient = Slots { patience: Duration::from_secs(20), ..slots.clone() };
        let waiting = tokio::spawn(async move { patient.take("dana").await.is_some() });
        held.pop();
        assert!(waiting.await.expect("waits"), "what is given back is had by whoever waits");
        held.clear();
        assert!(slots.take("olaf").await.is_some());
        let known = slots.of.lock().expect("not poisoned").len();
        assert!(known <= 2, "{known}: those who hold nothing are forgotten");
    }
}
