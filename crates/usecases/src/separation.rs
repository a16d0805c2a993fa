//! Separation of duties: whoever decides on something wrote none of it and did not ask for it, by any account or token of
//! theirs. A product may have one person who decides everything, as its admin declared; then it is printed that nobody else did.

use certrail_domain::{Problem, ProblemKind, Product, Time, Truth};
use certrail_store::{StoreError, Tx, tables::people};

use crate::{Caller, judge::Judged};

/// Within how long somebody else should look at what one person decided alone, in days.
pub(crate) const REVIEW_DAYS: i64 = 30;

/// Whether a caller is whoever asked for something: by their own account, or by a token that they made.
pub(crate) fn asked(tx: &Tx<'_>, caller: &Caller, requester: &str) -> Result<bool, StoreError> {
    let own = caller.account();
    if own == requester {
        return Ok(true);
    }
    // A token of a person's stands for them, and so does one that they made for a pipeline.
    let token = people::token_by_id(tx, requester)?;
    Ok(token.is_some_and(|t| t.made_by == own || t.person.is_some_and(|person| person.as_str() == own)))
}

/// Whether a caller decides on a release alone: as one of its authors, where the product lets them.
///
/// # Errors
/// When they are an author of it, or may be one, and the product lets nobody decide alone.
pub(crate) fn decides_alone(caller: &Caller, product: &Product, judged: &Judged, what: &str) -> Result<bool, Problem> {
    let wrote = judged.wrote(&caller.account());
    if wrote == Truth::False {
        return Ok(false);
    }
    if product.sole_decider {
        return Ok(true);
    }
    let title = judged.seen.release.title();
    let (why, fix) = match wrote {
        Truth::True => (
            format!("{} is an author of {title}, and somebody who wrote none of it has to decide.", caller.name),
            "Ask somebody else with that role; where there is nobody, an admin declares that one person decides everything: `certrail product add NAME --sole-decider true`.",
        ),
        _ => (
            format!("{} may be an author of {title} under another account.", caller.name),
            "Ask an admin to put down the accounts and mail addresses you write code under: `certrail person add`.",
        ),
    };
    Err(Problem::new(ProblemKind::Refused, "an-author", what, why, fix))
}

/// When somebody else should have looked at what was decided alone.
pub(crate) fn review_due(decided: Time) -> Time {
    decided.plus(REVIEW_DAYS * Time::DAY)
}
