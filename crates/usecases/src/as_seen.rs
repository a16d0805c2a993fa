//! A release as it was when somebody looked at it: nobody decides on what came later.

use certrail_domain::{Problem, ProblemKind, Release};
use certrail_store::{StoreError, Tx, tables::releases};

/// A release at the position of the log at which somebody looked, where now is `now`; nothing where it was not there, or that
/// position is still to come.
pub(crate) fn as_seen(tx: &Tx<'_>, seq: i64, seen: u64, now: u64) -> Result<Option<Release>, StoreError> {
    if seen > now { Ok(None) } else { releases::at(tx, seq, seen) }
}

/// That there is no such position.
pub(crate) fn no_such_position(what: &str, title: &str, seen: u64) -> Problem {
    let why = format!("{title} was not there at position {seen} of the log, or that is still to come.");
    let fix = "Look at its page again, and decide on what is there now.";
    Problem::new(ProblemKind::BadInput, "no-such-position", what, why, fix)
}
