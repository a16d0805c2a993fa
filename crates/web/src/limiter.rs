//! How often somebody may try to sign in: a bucket of tries for each address, filled again with time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use certrail_domain::{Problem, ProblemKind};

use crate::peer::Peer;

/// Tries at once, and again within a second, of one address.
const OF_ONE: (f64, f64) = (10.0, 0.5);
/// The same for those together whose own address is not known.
const TOGETHER: (f64, f64) = (100.0, 10.0);
/// Addresses remembered; beyond, all begin anew.
const REMEMBERED: usize = 10_000;

/// Tries left, by address.
#[derive(Debug, Default)]
pub(crate) struct Limiter(Mutex<HashMap<Peer, (f64, Instant)>>);

impl Limiter {
    /// Takes a try, or says that there is none left.
    pub(crate) fn take(&self, from: Peer, now: Instant) -> Result<(), Problem> {
        let (most, per_second) = match from {
            Peer::Alone(_) => OF_ONE,
            Peer::Together => TOGETHER,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(&from) {
            all.clear();
        }
        let (left, at) = all.entry(from).or_insert((most, now));
        *left = (*left + now.saturating_duration_since(*at).as_secs_f64() * per_second).min(most);
        *at = now;
        if *left >= 1.0 {
            *left -= 1.0;
            return Ok(());
        }
        Err(Problem::new(
            ProblemKind::TooMany,
            "too-many-tries",
            "You were not signed in.",
            "There were too many tries from your address.",
            "Wait a few seconds and try once more.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_address_runs_out_alone_and_gets_tries_again() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let peer = |n: u8| Peer::Alone([192, 0, 2, n].into());
        for _ in 0..10 {
            assert!(limiter.take(peer(1), now).is_ok());
        }
        assert_eq!(limiter.take(peer(1), now).unwrap_err().kind, ProblemKind::TooMany);
        assert!(limiter.take(peer(2), now).is_ok() && limiter.take(Peer::Together, now).is_ok());
        assert!(limiter.take(peer(1), now + Duration::from_secs(2)).is_ok());
    }
}
