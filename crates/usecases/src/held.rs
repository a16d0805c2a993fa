//! Since when somebody holds a right: whoever could be made on the spot is no second person.

use certrail_domain::{Action, Problem, ProblemKind, SettingsChange, Time};
use certrail_store::{
    StoreError, Tx,
    tables::{
        log,
        people::{self, Person},
        releases,
    },
};

use crate::{
    Caller,
    access::{On, allow},
    engine::Fault,
};

/// Since when somebody has held a right without a break.
pub(crate) fn held_since(
    tx: &Tx<'_>,
    caller: &Caller,
    holds: impl Fn(&Person) -> bool,
) -> Result<Option<Time>, StoreError> {
    let Some(own) = &caller.person else { return Ok(None) };
    let mut since = None;
    for (index, person) in people::versions(tx, own.as_str())? {
        since = if holds(&person) { since.or(Some(index)) } else { None };
    }
    let entry = since.map(|index| log::acts(tx, index, index + 1)).transpose()?;
    Ok(entry.and_then(|acts| acts.first().map(|act| Time::from_micros(act.received))))
}

/// Whether somebody who approves what lowers what a product asks held the right to grant for a day when it was asked for. Before anything of
/// the product was decided nobody has to wait.
pub(crate) fn is_no_newcomer(
    tx: &Tx<'_>,
    caller: &Caller,
    (product, what): (&str, &str),
    requested: Time,
) -> Result<(), Fault> {
    let grants = |of: &Person| {
        let then = Caller::person(of, "internal", "");
        of.ended_at.is_none() && allow(&then, Action::GrantException, On::Product(product)).is_ok()
    };
    let since = held_since(tx, caller, grants)?;
    if since.is_some_and(|since| requested.since(since) >= SettingsChange::ALONE)
        || !releases::was_any_decided(tx, product)?
    {
        return Ok(());
    }
    let why = format!("{} did not hold the right for a day already when it was asked for.", caller.name);
    let fix = "Ask somebody else; or take it back, and ask for it again when they have held it for a day.";
    Err(Problem::new(ProblemKind::Refused, "too-new", what, why, fix).into())
}
