//! What time it is, as far as a clock is believed.
//!
//! A reading that jumps against the computer's steady counter, or that stands behind the newest entry of the log, is not believed
//! at once: time goes on from the last good reading, evidence is taken and marked, and gates deny (ADR 16).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use certrail_domain::Time;
use serde::Serialize;

/// Where "now" comes from. Passed in, so that tests and the demo can live at other times.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> Time + Send + Sync>,
    /// Microseconds of a counter that never jumps; a story's clock has none, and is believed when it leaps ahead.
    steady: Option<Arc<dyn Fn() -> i64 + Send + Sync>>,
}

impl Clock {
    /// A clock that may leap ahead: that of a story.
    #[must_use]
    pub fn told(wall: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self { wall: Arc::new(wall), steady: None }
    }

    /// A clock with a counter to hold it against.
    #[must_use]
    pub fn steadied(
        wall: impl Fn() -> Time + Send + Sync + 'static,
        steady: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self { wall: Arc::new(wall), steady: Some(Arc::new(steady)) }
    }

    /// What it shows.
    #[must_use]
    pub fn read(&self) -> Time {
        (self.wall)()
    }

    fn steady(&self) -> i64 {
        self.steady.as_ref().map_or(0, |steady| steady())
    }
}

/// The clock of this computer.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place where the real clock comes in")]
pub fn system_clock() -> Clock {
    let begun = Instant::now();
    let micros = |n: u128| i64::try_from(n).unwrap_or(i64::MAX);
    Clock::steadied(
        // A clock that cannot be read stands far behind every entry, and is not believed.
        move || Time::from_micros(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| micros(d.as_micros()))),
        move || micros(begun.elapsed().as_micros()),
    )
}

/// Why the time is uncertain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClockDoubt {
    /// What the clock shows.
    pub reads: Time,
    /// What it should show, from its last good reading on.
    pub expected: Time,
}

impl ClockDoubt {
    /// In words, with the way out.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!(
            "The clock of this server shows {}, and by its last good reading it should be {}. Until they agree, evidence is taken and marked, and gates deny. Correct the clock; if the log itself stands in the future, stop the server and run `certrail admin clock-era`.",
            self.reads.human(),
            self.expected.human()
        )
    }
}

/// Further off than this from what it should show, it is not believed.
const JUMP: i64 = 60 * Time::SECOND;
/// A clock may stand this far behind the newest entry.
const BEHIND: i64 = 5 * Time::SECOND;
/// A jump ahead that lasted this long is believed: the computer slept, or was set right.
const LASTED: i64 = 10 * 60 * Time::SECOND;
/// A clock that is believed and its counter drift apart by no more than a thousandth: twice what a time service corrects
/// without a step. A clock that stands still, or is walked by steps that are each small, is further off than that before long.
const DRIFT: i64 = 1_000;

#[derive(Debug)]
struct State {
    /// What it should show, and the counter then. It follows what the clock shows as fast as clocks drift.
    good: (Time, i64),
    /// When the newest entry of the log was received.
    newest: Time,
    /// Since when on the counter readings are doubted, and by how much the first was off.
    doubted: Option<(i64, i64)>,
    doubt: Option<ClockDoubt>,
}

/// Holds a clock against its counter and against the log.
pub(super) struct Belief {
    clock: Clock,
    state: Mutex<State>,
}

impl Belief {
    /// Begins behind the newest entry of the log.
    pub(super) fn new(clock: Clock, newest: Option<Time>) -> Self {
        let (reads, steady) = (clock.read(), clock.steady());
        let behind = newest.filter(|newest| newest.since(reads) > BEHIND);
        let good = (behind.unwrap_or(reads), steady);
        let doubted = behind.map(|newest| (steady, reads.since(newest)));
        let doubt = behind.map(|expected| ClockDoubt { reads, expected });
        let newest = newest.unwrap_or_default();
        Self { clock, state: Mutex::new(State { good, newest, doubted, doubt }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log's newest entry was received then.
    pub(super) fn received(&self, newest: Time) {
        self.state().newest = newest;
    }

    /// Now, as it is believed: never before the newest entry of the log.
    pub(super) fn now(&self) -> Time {
        let (reads, steady) = (self.clock.read(), self.clock.steady());
        let mut state = self.state();
        let expected = state.good.0.plus(steady - state.good.1);
        let off = reads.since(expected);
        let leaps = self.clock.steady.is_none();
        let lasted = state
            .doubted
            .is_some_and(|(since, first)| off > 0 && (off - first).abs() <= JUMP && steady - since >= LASTED);
        let behind = state.newest.since(reads) > BEHIND;
        if !behind && (off.abs() <= JUMP || leaps && off >= -BEHIND || lasted) {
            let passed = steady - state.good.1;
            if leaps || lasted {
                state.good = (reads, steady);
            } else if passed >= Time::SECOND {
                state.good = (expected.plus(off.clamp(-passed / DRIFT, passed / DRIFT)), steady);
            }
            (state.doubted, state.doubt) = (None, None);
            return reads.max(state.newest);
        }
        match state.doubted {
            Some((_, first)) if (off - first).abs() <= JUMP => {}
            // Another reading than before: how long it lasts counts from here.
            _ => state.doubted = Some((steady, off)),
        }
        let expected = expected.max(state.newest);
        state.doubt = Some(ClockDoubt { reads, expected });
        expected
    }

    /// Why the time is uncertain, if it is.
    pub(super) fn doubt(&self) -> Option<ClockDoubt> {
        self.now();
        self.state().doubt
    }

    /// Somebody says that what the clock shows is right. Returns it.
    pub(super) fn believe(&self) -> Time {
        let (reads, steady) = (self.clock.read(), self.clock.steady());
        *self.state() = State { good: (reads, steady), newest: reads, doubted: None, doubt: None };
        reads
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A wall and a counter that a test moves, in seconds.
    #[derive(Clone, Default)]
    struct Hands(Arc<(AtomicI64, AtomicI64)>);

    impl Hands {
        fn both(&self, seconds: i64) {
            self.wall(seconds);
            self.0.1.fetch_add(seconds * Time::SECOND, Ordering::Relaxed);
        }

        fn wall(&self, seconds: i64) {
            self.0.0.fetch_add(seconds * Time::SECOND, Ordering::Relaxed);
        }

        fn belief(&self, newest: Option<i64>) -> Belief {
            let (wall, steady) = (self.clone(), self.clone());
            let clock = Clock::steadied(
                move || Time::from_micros(wall.0.0.load(Ordering::Relaxed)),
                move || steady.0.1.load(Ordering::Relaxed),
            );
            Belief::new(clock, newest.map(|s| Time::from_micros(s * Time::SECOND)))
        }
    }

    fn seconds(belief: &Belief) -> i64 {
        belief.now().as_micros() / Time::SECOND
    }

    #[test]
    fn a_leap_is_not_believed_at_once_and_a_return_heals_it() {
        let hands = Hands::default();
        let belief = hands.belief(None);
        hands.both(100);
        assert_eq!((seconds(&belief), belief.doubt()), (100, None));
        hands.wall(365 * 86_400);
        hands.both(10);
        assert_eq!(seconds(&belief), 110);
        assert!(belief.doubt().is_some());
        hands.wall(-365 * 86_400);
        hands.both(5);
        assert_eq!((seconds(&belief), belief.doubt()), (115, None));
        // Small corrections are none of our business.
        hands.wall(-30);
        assert_eq!((seconds(&belief), belief.doubt()), (85, None));
    }

    #[test]
    fn a_leap_that_lasts_is_believed_and_one_back_never_by_itself() {
        let hands = Hands::default();
        let belief = hands.belief(None);
        hands.wall(3_600);
        belief.now();
        for _ in 0..10 {
            hands.both(59);
            assert!(belief.doubt().is_some());
        }
        hands.both(11);
        assert_eq!(belief.doubt(), None, "the computer slept for an hour");
        hands.wall(-7_200);
        for _ in 0..30 {
            hands.both(60);
            assert!(belief.doubt().is_some());
        }
        let reads = belief.believe();
        assert_eq!((belief.now(), belief.doubt()), (reads, None), "an operator says so");
    }

    #[test]
    fn a_clock_that_stands_still_or_is_walked_is_not_believed_for_long() {
        let hands = Hands::default();
        let belief = hands.belief(None);
        // It stands still: the counter alone goes on.
        for second in 1..=90 {
            hands.both(1);
            hands.wall(-1);
            belief.now();
            assert_eq!(belief.doubt().is_some(), second > 60, "after {second} s");
        }
        assert!((89..=90).contains(&seconds(&belief)), "time went on");
        hands.wall(90);
        assert_eq!((seconds(&belief), belief.doubt()), (90, None), "it is set right");
        // Steps of 50 s, forth or back: the second is one too many.
        for step in [50, -50] {
            let hands = Hands::default();
            let belief = hands.belief(None);
            hands.both(1_000);
            let doubted = |seconds: i64| {
                hands.both(2);
                hands.wall(seconds);
                belief.doubt().is_some()
            };
            assert_eq!([doubted(step), doubted(step), doubted(step)], [false, true, true]);
        }
        // What a clock drifts is none of our business, however much it becomes.
        let hands = Hands::default();
        let belief = hands.belief(None);
        for _ in 0..100_000 {
            hands.both(3);
            hands.0.0.fetch_add(2_000, Ordering::Relaxed);
            assert_eq!(belief.doubt(), None);
        }
    }

    #[test]
    fn time_never_stands_before_the_newest_entry() {
        let hands = Hands::default();
        let belief = hands.belief(None);
        hands.both(100);
        belief.received(Time::from_micros(103 * Time::SECOND));
        assert_eq!((seconds(&belief), belief.doubt()), (103, None));
        hands.wall(-10);
        assert!(belief.doubt().is_some(), "behind the log");
        assert_eq!(seconds(&belief), 103);
        hands.both(9);
        assert_eq!((seconds(&belief), belief.doubt()), (103, None));
    }

    #[test]
    fn a_start_behind_the_newest_entry_goes_on_from_there() {
        let hands = Hands::default();
        hands.wall(1_000);
        let belief = hands.belief(Some(5_000));
        hands.both(7);
        assert_eq!(seconds(&belief), 5_007);
        let doubt = belief.doubt().expect("uncertain");
        assert!(doubt.sentence().contains("clock-era"));
        hands.wall(4_000);
        assert_eq!(belief.doubt(), None, "it caught up");
        assert_eq!(hands.belief(Some(5_003)).doubt(), None);
    }
}
