//! When a deployment began and when it succeeded, from every word about it.

use crate::{HowKnown, Interval, Signal, Time, facts::DeploymentState};

/// One word about a deployment.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Where it stood.
    pub state: DeploymentState,
    /// When, by whoever says so.
    pub at: Interval,
    /// When we received it.
    pub received: Time,
    /// Its entry in the log.
    pub log_index: u64,
    /// The deployment system said so itself.
    pub observed: bool,
    /// It claims a time that had not come (T39): that time counts for nothing, and that we were told counts.
    pub future: bool,
}

impl Word {
    /// What a signal says about a deployment, and how well it is known when it came.
    #[must_use]
    pub fn of(signal: &Signal, state: DeploymentState, received: Time, receipt: Interval, log_index: u64) -> Self {
        let (at, future) = (signal.interval(receipt), signal.claims_future(receipt));
        Self { state, at, received, log_index, observed: signal.known == HowKnown::Observed, future }
    }
}

/// The course of one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// When it began: when it is said to have been under way, never after it succeeded.
    pub began: Interval,
    /// When it succeeded.
    pub succeeded: Option<Interval>,
    /// When we first heard that it was under way, where its beginning is only told.
    pub told: Option<Time>,
}

impl Course {
    /// The course that some words tell; none from no words.
    #[must_use]
    pub fn of(words: &[Word]) -> Option<Self> {
        let succeeded = reached(words, |state| state == DeploymentState::Succeeded);
        // A forge makes the record before people approve; the beginning is when it is under way.
        let is_start = |state| state == DeploymentState::Started;
        let started = reached(words, is_start).or_else(|| {
            let first = words.iter().filter(|w| is_start(w.state)).min_by_key(|w| w.log_index)?;
            Some(Interval { at: first.received, ..first.at })
        });
        let known = [started, succeeded].into_iter().flatten().min_by_key(|i| i.at);
        let began = known.or_else(|| words.iter().filter(|w| !w.future).map(|w| w.at).min_by_key(|i| i.at))?;
        let seen = words.iter().any(|w| w.observed && !w.future && w.at.at == began.at);
        let ran = |w: &&Word| is_start(w.state) || w.state == DeploymentState::Succeeded;
        let told = words.iter().filter(ran).map(|w| w.received).min().filter(|_| !seen);
        Some(Self { began, succeeded, told })
    }
}

/// The tries of one deployment: pipelines retry a run under its number, and what was replaced is put back. A try ends when it failed,
/// succeeded or was replaced, and the next one begins with whatever is asked for or said to be under way after that, or succeeds
/// after it failed or was replaced; what claims a time that had not come was when we heard of it. Each try is a list of the places of its words, in order of time.
#[must_use]
pub fn tries(words: &[Word]) -> Vec<Vec<usize>> {
    use DeploymentState::{Failed, Inactive, Requested, Started, Succeeded};
    let when = |word: &Word| if word.future { word.received } else { word.at.at };
    let mut places: Vec<usize> = (0..words.len()).collect();
    places.sort_by_key(|place| (when(&words[*place]), words[*place].log_index));
    let mut tries: Vec<Vec<usize>> = vec![Vec::new()];
    let (mut ended, mut closed, mut replaced, mut succeeded) = (None::<Time>, None::<Time>, None::<Time>, false);
    for place in places {
        let word = &words[place];
        let after = |end: Option<Time>| end.is_some_and(|end| end < when(word));
        let begins = match word.state {
            Requested | Started => after(ended),
            // Told once more of a time before it was replaced, it is the same success whose time is put right.
            Succeeded => after(closed) && (word.observed || !succeeded || replaced.is_some_and(|end| end < when(word))),
            Failed | Inactive => false,
        };
        if begins {
            tries.push(Vec::new());
            (ended, closed, replaced, succeeded) = (None, None, None, false);
        }
        if matches!(word.state, Failed | Inactive | Succeeded) {
            ended = ended.or(Some(when(word)));
        }
        succeeded |= word.state == Succeeded;
        if word.state == Inactive {
            replaced = replaced.or(Some(when(word)));
        }
        if matches!(word.state, Failed | Inactive) {
            closed = closed.or(Some(when(word)));
        }
        if let Some(newest) = tries.last_mut() {
            newest.push(place);
        }
    }
    tries
}

/// When a state was reached. What a system observed happened when it first says so. Of what was told the last word counts, so
/// that a wrong time can be put right; but what we had been told of had happened by then.
fn reached(words: &[Word], is: impl Fn(DeploymentState) -> bool) -> Option<Interval> {
    let of_state = || words.iter().filter(|w| is(w.state));
    if let Some(seen) = of_state().filter(|w| w.observed && !w.future).min_by_key(|w| (w.at.at, w.log_index)) {
        return Some(seen.at);
    }
    let first = of_state().min_by_key(|w| w.log_index)?;
    let last = of_state().filter(|w| !w.future).max_by_key(|w| w.log_index)?;
    Some(Interval { at: last.at.at.min(first.received), ..last.at })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn minute(m: i64) -> Time {
        Time::from_micros(m * 60 * Time::SECOND)
    }

    /// Told words in the order of the log: state, minute it is said to have happened, minute it was received.
    fn told(words: &[(DeploymentState, i64, i64)]) -> Vec<Word> {
        let word = |(n, &(state, at, received)): (usize, &(DeploymentState, i64, i64))| Word {
            state,
            at: Interval::new(minute(at), Interval::RUNNER),
            received: minute(received),
            log_index: n as u64,
            observed: false,
            future: at > received,
        };
        words.iter().enumerate().map(word).collect()
    }

    fn times(words: &[Word]) -> (i64, Option<i64>) {
        let minutes = |i: Interval| i.at.as_micros() / (60 * Time::SECOND);
        let course = Course::of(words).expect("words");
        (minutes(course.began), course.succeeded.map(minutes))
    }

    #[test]
    fn a_told_time_is_put_right_but_not_to_after_it_was_told() {
        use DeploymentState::{Failed, Requested, Started, Succeeded};
        for (words, began, succeeded) in [
            (vec![(Succeeded, 1, 60)], 1, Some(1)),
            (vec![(Succeeded, 1, 60), (Succeeded, 55, 70)], 55, Some(55)),
            // It was told at 60: it had succeeded by then, also where the time that was told had not come.
            (vec![(Succeeded, 1, 60), (Succeeded, 90, 91)], 60, Some(60)),
            (vec![(Succeeded, 90, 60), (Succeeded, 70, 71)], 60, Some(60)),
            (vec![(Requested, 10, 10), (Succeeded, 90, 60)], 10, None),
            (vec![(Succeeded, 59, 60), (Succeeded, 90, 91), (Succeeded, 95, 96)], 60, Some(60)),
            // It began no later than it succeeded, whatever is told of that afterwards.
            (vec![(Succeeded, 59, 60), (Started, 80, 81)], 59, Some(59)),
            (vec![(Started, 50, 50), (Succeeded, 59, 60)], 50, Some(59)),
            // That it failed later does not undo that it ran.
            (vec![(Succeeded, 59, 60), (Failed, 61, 62)], 59, Some(59)),
            (vec![(Failed, 61, 62)], 61, None),
            // Nor is it hidden by a time that had not come.
            (vec![(Started, 90, 50), (Succeeded, 70, 70)], 50, Some(70)),
        ] {
            assert_eq!(times(&told(&words)), (began, succeeded), "{words:?}");
        }
        assert_eq!(Course::of(&[]), None);
    }

    #[test]
    fn a_run_that_is_retried_is_another_try() {
        use DeploymentState::{Failed, Inactive, Requested, Started, Succeeded};
        for (words, each) in [
            (vec![(Requested, 1, 1), (Started, 2, 2), (Succeeded, 3, 3)], vec![vec![0, 1, 2]]),
            (vec![(Started, 1, 1), (Failed, 2, 2), (Started, 9, 9), (Succeeded, 10, 10)], vec![vec![0, 1], vec![2, 3]]),
            (vec![(Started, 1, 1), (Succeeded, 2, 2), (Succeeded, 3, 9)], vec![vec![0, 1, 2]]),
            (vec![(Succeeded, 2, 2), (Started, 2, 3)], vec![vec![0, 1]]),
            // Put back, or retried without a word that it is under way.
            (vec![(Succeeded, 2, 2), (Inactive, 5, 5), (Succeeded, 8, 8)], vec![vec![0, 1], vec![2]]),
            (vec![(Succeeded, 2, 2), (Failed, 3, 3), (Succeeded, 8, 8)], vec![vec![0, 1, 2]]),
            (vec![(Started, 1, 1), (Failed, 2, 2), (Succeeded, 9, 9)], vec![vec![0, 1], vec![2]]),
            (vec![(Failed, 2, 2), (Requested, 8, 8), (Succeeded, 9, 9)], vec![vec![0], vec![1, 2]]),
            (vec![(Succeeded, 2, 2), (Requested, 8, 8), (Succeeded, 9, 9)], vec![vec![0], vec![1, 2]]),
            (vec![(Succeeded, 2, 2), (Started, 7, 7), (Succeeded, 8, 8)], vec![vec![0], vec![1, 2]]),
            // What claims to begin after it succeeded had begun when we heard of it.
            (vec![(Started, 90, 50), (Succeeded, 70, 70)], vec![vec![0, 1]]),
        ] {
            assert_eq!(tries(&told(&words)), each, "{words:?}");
        }
        let mut back = told(&[(Succeeded, 2, 2), (Inactive, 5, 5), (Succeeded, 8, 8)]);
        back.iter_mut().for_each(|word| word.observed = true);
        assert_eq!(tries(&back), [vec![0, 1], vec![2]]);
    }

    #[test]
    fn what_a_system_observed_is_not_told_otherwise() {
        use DeploymentState::Succeeded;
        let mut words = told(&[(Succeeded, 30, 31), (Succeeded, 32, 32), (Succeeded, 1, 40), (Succeeded, 39, 41)]);
        words[0].observed = true;
        words[1].observed = true;
        assert_eq!(times(&words), (30, Some(30)));
    }
}
