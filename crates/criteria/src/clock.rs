//! The clock that a judgement is made by. It remembers when the first of its answers would change, so that whoever keeps a
//! judgement knows for how long time alone leaves it as it is.

use std::cell::Cell;

use certrail_domain::Time;

/// A clock that stands still.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Time,
    /// It is the time of asking, and another time when asked again.
    moves: bool,
    turn: Cell<Option<Time>>,
}

impl Clock {
    /// The time of asking.
    pub(crate) const fn running(now: Time) -> Self {
        Self { now, moves: true, turn: Cell::new(None) }
    }

    /// A time that stays what it is, whenever it is asked.
    pub(crate) const fn stopped(at: Time) -> Self {
        Self { now: at, moves: false, turn: Cell::new(None) }
    }

    /// What time it is, for sentences and for whatever happens at it. Comparisons go through [`Clock::has_come`].
    pub(crate) const fn now(&self) -> Time {
        self.now
    }

    /// Whether it is `at` or later.
    pub(crate) fn has_come(&self, at: Time) -> bool {
        if self.now >= at {
            return true;
        }
        self.turns(at);
        false
    }

    /// Whether `from` is more than `span` microseconds ago.
    pub(crate) fn is_longer_ago(&self, from: Time, span: i64) -> bool {
        self.has_come(from.plus(span).plus(1))
    }

    /// Whether `holds` is so now, for what changes at `edges` only.
    pub(crate) fn holds(&self, edges: impl IntoIterator<Item = Time>, holds: impl FnOnce(Time) -> bool) -> bool {
        for edge in edges.into_iter().filter(|edge| *edge > self.now) {
            self.turns(edge);
        }
        holds(self.now)
    }

    fn turns(&self, at: Time) {
        if self.moves && self.turn.get().is_none_or(|turn| at < turn) {
            self.turn.set(Some(at));
        }
    }

    /// The first instant at which an answer would be another, if ever.
    pub(crate) const fn turn(&self) -> Option<Time> {
        self.turn.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_micros(seconds * Time::SECOND)
    }

    #[test]
    fn it_remembers_the_first_answer_that_would_change() {
        let clock = Clock::running(at(100));
        assert!(clock.has_come(at(100)) && clock.has_come(at(99)));
        assert_eq!(clock.turn(), None, "what has come stays so");
        assert!(!clock.has_come(at(300)));
        assert!(!clock.is_longer_ago(at(50), 200 * Time::SECOND));
        assert_eq!(clock.turn(), Some(at(250).plus(1)), "exactly as long ago is not longer");
        assert!(clock.holds([at(90), at(120)], |now| now == at(100)));
        assert_eq!(clock.turn(), Some(at(120)));
    }

    #[test]
    fn a_stopped_clock_never_turns() {
        let clock = Clock::stopped(at(100));
        assert!(!clock.has_come(at(300)));
        assert_eq!(clock.turn(), None);
    }
}
