//! Places for what somebody takes as slowly as they like: each has a few, so that nobody holds what others need, and waits for
//! their own when they want more at once.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::shares::Shares;

/// At once, for one person or token.
const EACH: usize = 8;
/// The longest wait for one of one's own.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who holds how many.
#[derive(Clone, Debug)]
pub struct Slots {
    places: Shares,
    patience: Duration,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Default for Slots {
    fn default() -> Self {
        Self { places: Shares::new(EACH), patience: PATIENCE }
    }
}

impl Slots {
    /// One more for whoever it is; nothing where they hold all of theirs for too long.
    pub(crate) async fn take(&self, who: &str) -> Option<Slot> {
        let own = self.places.of(who);
        let permit = tokio::time::timeout(self.patience, own.acquire_owned()).await.ok()?.ok()?;
        Some(Slot { _permit: permit })
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
    }
}
