//! Changing what releases are judged by: criteria, and what of a product decides how they apply (ADR 25).
//!
//! One person asks, with what becomes weaker named; another admin decides. The first set of a name, and a product of which
//! no release was decided on yet, need nobody. Where there is one admin alone, a change takes effect after a day and says so.

mod apply;
mod weaker;

use std::sync::Arc;

use certrail_domain::{
    Action, ChangedSettings, PersonId, Problem, ProblemKind, SettingsChange, SettingsChangeId, SettingsState, Time,
};
use certrail_store::{
    StoreError, Tx,
    tables::{
        people::{self, Person},
        settings_changes,
    },
};
use serde::Deserialize;

pub use apply::apply_due_settings;
pub(crate) use weaker::{of as weaker_than_now, of_product};

use crate::{
    Caller,
    access::{On, allow, decides},
    engine::{Batch, Engine, Fault, random},
    held::held_since,
    inputs, jobs, separation,
};

/// Who asks for the set that comes with the program, and ends what cannot be approved any more.
pub(crate) const PROGRAM: &str = "certrail";
/// What the acts of changes begin with.
pub(crate) const ACT: &str = "settings-";
/// Changes shown at most.
const SHOWN: u64 = 100;

/// How somebody asks for a change of settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsRequest {
    /// Why; whoever decides reads it.
    pub reason: Option<String>,
    /// From when on; at once, when it is decided, if not told.
    pub from: Option<Time>,
}

impl SettingsRequest {
    /// What is asked for, checked.
    ///
    /// # Errors
    /// An empty reason, a time that is over.
    pub(crate) fn checked(&self, now: Time) -> Result<(String, Option<Time>), Problem> {
        let reason = self.reason.as_ref().map(|reason| inputs::words("reason", reason, 1)).transpose()?;
        if self.from.is_some_and(|from| from <= now) {
            let fix = "Name a time that is to come, or leave it out.";
            return Err(refuse(ProblemKind::BadInput, "past", "It would begin in the past.", fix));
        }
        Ok((reason.unwrap_or_default(), self.from))
    }
}

fn refuse(kind: ProblemKind, code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(kind, code, "Nothing was changed of the settings.", why, fix)
}

/// What a change is of, for whether somebody may.
fn on(settings: &ChangedSettings) -> On<'_> {
    match settings {
        ChangedSettings::Criteria { .. } => On::Everything,
        ChangedSettings::Product { after, .. } => On::Product(&after.name),
    }
}

/// Puts a change on record, in a state.
fn record(batch: &mut Batch<'_>, change: &SettingsChange, by: &str) -> Result<u64, Fault> {
    let index = batch.control(&format!("{ACT}{}", change.state.name()), by, &[], change)?;
    settings_changes::record(batch.tx, change, index)?;
    Ok(index)
}

/// Asks for a change. One that waits for the same thing has to be decided first; the program's own makes room for a newer one.
pub(crate) fn request(
    batch: &mut Batch<'_>,
    caller: &Caller,
    settings: ChangedSettings,
    weaker: Vec<String>,
    (reason, from): (String, Option<Time>),
) -> Result<SettingsChange, Fault> {
    let key = settings.key();
    let by = caller.account();
    for mut waiting in settings_changes::open(batch.tx)?.into_iter().filter(|c| c.settings.key() == key) {
        if waiting.settings == settings {
            return Ok(waiting);
        }
        if caller.how != "internal" || waiting.requester != by {
            let why = format!("A change of {} waits to be decided: {}.", waiting.settings.title(), waiting.id);
            let fix = "Decide about that one first, on the page of settings.";
            return Err(refuse(ProblemKind::Conflict, "one-waits", why, fix).into());
        }
        (waiting.state, waiting.decided_by, waiting.decided_at) =
            (SettingsState::Rejected, Some(by.clone()), Some(batch.now));
        record(batch, &waiting, &by)?;
    }
    let change = SettingsChange {
        id: SettingsChangeId::new(batch.now, random()?),
        settings,
        weaker,
        reason,
        from,
        requester: by.clone(),
        requested_at: batch.now,
        state: SettingsState::Requested,
        decided_by: None,
        decided_at: None,
        alone: false,
    };
    record(batch, &change, &by)?;
    Ok(change)
}

/// Approves a change or rejects it; whoever asked may take it back. `seen` is when that was asked for which somebody looked at.
///
/// # Errors
/// A role that may not, whoever asked, somebody who became an admin behind it, no such change or one that is decided, what it
/// weakens is another thing by now, a failed commit.
pub async fn decide_settings(
    engine: &Arc<Engine>,
    caller: &Caller,
    id: &str,
    approve: bool,
    seen: Option<Time>,
) -> Result<SettingsChange, Problem> {
    allow(caller, Action::Administer, On::Reached)?;
    if approve {
        decides(caller, None)?;
        if let Some(doubt) = engine.clock_doubt() {
            let fix = "Ask whoever runs the server to correct its clock.";
            return Err(refuse(ProblemKind::Refused, "clock-uncertain", doubt.sentence(), fix));
        }
    }
    let (caller, id) = (caller.clone(), id.to_owned());
    let ((change, follow), _) = engine
        .write(move |batch| {
            let Some(mut change) = settings_changes::get(batch.tx, &id)? else {
                let why = format!("There is no change of settings `{}`.", inputs::clip(&id));
                let fix = "`certrail settings` lists them.";
                return Err(refuse(ProblemKind::NotFound, "no-such-change", why, fix).into());
            };
            allow(&caller, Action::Administer, on(&change.settings))?;
            if !change.state.is_open() || approve && change.state == SettingsState::Approved {
                let why = format!("It is {} already.", change.state.name());
                return Err(refuse(ProblemKind::Conflict, "decided", why, "Ask for a new one.").into());
            }
            if seen.is_some_and(|seen| seen != change.requested_at) {
                let why = "It was asked for at another time than the one you looked at.";
                return Err(refuse(ProblemKind::Conflict, "asked-again", why, "Read it again.").into());
            }
            let by = caller.account();
            (change.decided_by, change.decided_at) = (Some(by.clone()), Some(batch.now));
            if !approve {
                change.state = SettingsState::Rejected;
                record(batch, &change, &by)?;
                return Ok((change, Vec::new()));
            }
            may_approve(batch, &caller, &change)?;
            still_weakens(batch, &change)?;
            if change.from.is_some_and(|from| from > batch.now) {
                change.state = SettingsState::Approved;
                record(batch, &change, &by)?;
                return Ok((change, Vec::new()));
            }
            apply::apply(batch, change, &by)
        })
        .await?;
    jobs::follow(engine, follow).await?;
    Ok(change)
}

/// Whether somebody may approve: another person than whoever asked, who held the right when it was asked for, or a day ago.
fn may_approve(batch: &Batch<'_>, caller: &Caller, change: &SettingsChange) -> Result<(), Fault> {
    if caller.person.is_none() || separation::asked(batch.tx, caller, &change.requester)? {
        let why = "Whoever asks for a change of settings does not approve it.";
        let fix = "Ask another admin. Where there is none, it takes effect a day after it was asked for.";
        return Err(refuse(ProblemKind::Refused, "own-request", why, fix).into());
    }
    // Whoever could make a second admin on the spot would decide alone, and faster than somebody who is.
    let since = held_since(batch.tx, caller, |person| is_admin(person, &change.settings))?;
    // The program asks for nobody: of what it proposes the day counts from now.
    let asked = if change.requester == PROGRAM { batch.now } else { change.requested_at };
    if since.is_none_or(|since| asked.since(since) < SettingsChange::ALONE) {
        let why = format!("{} did not administer this for a day already when it was asked for.", caller.name);
        let fix = "Ask another admin; or take it back, and ask for it again when they have been one for a day.";
        return Err(refuse(ProblemKind::Refused, "too-new", why, fix).into());
    }
    Ok(())
}

/// What it weakens is what whoever decides was shown.
fn still_weakens(batch: &Batch<'_>, change: &SettingsChange) -> Result<(), Fault> {
    if weaker::of(batch, &change.settings)? == change.weaker {
        return Ok(());
    }
    let why = "What it is to replace was changed since it was asked for, so that something else becomes weaker.";
    Err(refuse(ProblemKind::Conflict, "another-before", why, "Reject it, and ask for it again.").into())
}

/// Everybody who may administer something at a log position; `None` where the record of somebody cannot be read.
fn admins(tx: &Tx<'_>, of: &ChangedSettings, position: u64) -> Result<Option<Vec<PersonId>>, StoreError> {
    let mut found = Vec::new();
    for (_, person) in people::listed_at(tx, position)? {
        let Ok(person) = person else { return Ok(None) };
        if is_admin(&person, of) {
            found.push(person.id);
        }
    }
    Ok(Some(found))
}

/// Whether somebody is here and may administer something.
fn is_admin(person: &Person, of: &ChangedSettings) -> bool {
    let caller = Caller::person(person, "internal", "");
    person.ended_at.is_none() && allow(&caller, Action::Administer, on(of)).is_ok()
}

/// The person whose account it is, or whose token.
fn person_behind(tx: &Tx<'_>, account: &str) -> Result<Option<PersonId>, StoreError> {
    if account.starts_with(PersonId::PREFIX) {
        return Ok(Some(PersonId::from_stored(account)));
    }
    let token = people::token_by_id(tx, account)?;
    Ok(token.and_then(|t| {
        t.person.or(Some(t.made_by)).filter(|id| id.starts_with(PersonId::PREFIX)).map(PersonId::from_stored)
    }))
}

/// The changes of settings that somebody reaches: those that wait, oldest first, and the newest of all.
///
/// # Errors
/// When the store fails.
pub fn settings_changes(
    engine: &Engine,
    caller: &Caller,
) -> Result<(Vec<SettingsChange>, Vec<SettingsChange>), Problem> {
    let reached = |c: &SettingsChange| match &c.settings {
        ChangedSettings::Criteria { .. } => true,
        ChangedSettings::Product { after, .. } => caller.reaches(&after.name),
    };
    engine.read(|tx| {
        let open = settings_changes::open(tx)?.into_iter().filter(reached).collect();
        let ended = settings_changes::newest(tx, SHOWN)?.into_iter().filter(|c| !c.state.is_open() && reached(c));
        Ok((open, ended.collect()))
    })
}
