//! Places for what somebody takes as slowly as they like: each has a few, so that nobody holds what others need.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// At once, for one person or token.
const EACH: usize = 8;

/// Who holds how many.
#[derive(Clone, Debug, Default)]
pub struct Slots(Arc<Mutex<HashMap<String, usize>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    of: Slots,
    who: String,
}

impl Slots {
    /// One more for whoever it is, unless they hold all of theirs.
    pub(crate) fn take(&self, who: &str) -> Option<Slot> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.entry(who.to_owned()).or_default();
        if *own >= EACH {
            return None;
        }
        *own += 1;
        Some(Slot { of: self.clone(), who: who.to_owned() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = held.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_few_and_gives_them_back() {
        let slots = Slots::default();
        let mut held: Vec<Slot> = (0..EACH).map(|_| slots.take("dana").expect("free")).collect();
        assert!(slots.take("dana").is_none());
        assert!(slots.take("tom").is_some(), "another has their own");
        held.pop();
        assert!(slots.take("dana").is_some());
        held.clear();
        assert!(slots.0.lock().expect("not poisoned").is_empty(), "nothing stays behind");
    }
}
