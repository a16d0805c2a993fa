//! Exceptions: asked for by one, decided by another, always with an end.

use std::sync::Arc;

use certrail_domain::{Action, Exception, ExceptionId, ExceptionScope, ExceptionState, Problem, ProblemKind, Time};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError,
    tables::{
        exceptions, products,
        releases::{self, StoredRelease},
    },
};
use serde::Deserialize;

use crate::{
    Caller,
    access::{On, allow, decides},
    as_seen::{as_seen, no_such_position},
    clock_era::OPERATOR,
    engine::{Batch, Engine, Fault, random},
    inputs::words,
    judge::judge_in,
    separation,
};

/// What is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewException {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// The requirement's id.
    pub requirement: String,
    /// One subject of it; all of them if absent.
    #[serde(default)]
    pub subject: Option<String>,
    /// Why, at least twenty characters.
    pub reason: String,
    /// What is done instead.
    #[serde(default)]
    pub compensating: String,
    /// When it ends.
    pub expires_at: Time,
}

fn refuse(code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(ProblemKind::Refused, code, "The exception was not recorded.", why, fix)
}

/// Asks for an exception. It has no effect until somebody else approves it.
///
/// # Errors
/// A role that may not, an unknown release or requirement, too short a reason, no end or one too far away.
pub async fn request_exception(engine: &Arc<Engine>, caller: &Caller, new: NewException) -> Result<Exception, Problem> {
    allow(caller, Action::RequestException, On::Product(&new.product))?;
    let stored = crate::look::find_release(engine, &new.product, &new.release)?;
    let judged = crate::judge::judge(engine, &stored)?;
    // What keeps the gate of the next deployment closed may be excepted, too.
    let next = crate::judge::judge_next(engine, &stored)?;
    let known = judged.evaluation.requirements.iter().find(|r| r.id == new.requirement);
    let Some(requirement) = known else {
        let names: Vec<&str> = judged.evaluation.requirements.iter().map(|r| r.id.as_str()).collect();
        return Err(refuse(
            "no-such-requirement",
            format!("There is no requirement `{}`.", new.requirement.chars().take(60).collect::<String>()),
            &format!("Known are: {}.", names.join(", ")),
        ));
    };
    let of_next = next.evaluation.requirements.iter().filter(|r| r.id == new.requirement).flat_map(|r| &r.rows);
    if let Some(subject) = &new.subject
        && !requirement.rows.iter().chain(of_next).any(|r| r.subject.id == *subject)
    {
        return Err(refuse(
            "no-such-subject",
            format!("{} has no subject `{subject}`.", requirement.title),
            "Leave the subject out, or name one shown on the release page.",
        ));
    }
    let reason = words("reason", &new.reason, 20)?;
    let compensating = words("compensating", &new.compensating, 0)?;
    let now = engine.now();
    if new.expires_at <= now || new.expires_at.since(now) > Exception::MAX_LIFE {
        return Err(refuse(
            "bad-expiry",
            "It has to end in the future, at most 180 days from now.",
            "Give a nearer date; an exception can be asked for again.",
        ));
    }
    let caller = caller.clone();
    let (exception, _) = engine
        .write(move |batch| {
            let exception = Exception {
                id: ExceptionId::new(batch.now, random()?),
                scope: ExceptionScope {
                    release: stored.release.id.clone(),
                    requirement: new.requirement.clone(),
                    subject: new.subject.clone(),
                },
                reason: reason.clone(),
                compensating: compensating.clone(),
                requester: caller.account(),
                approver: None,
                state: ExceptionState::Requested,
                requested_at: batch.now,
                decided_at: None,
                expires_at: new.expires_at,
                told_by_token: false,
                alone: false,
                digests: Vec::new(),
            };
            let mark = label(&stored.label_key, stored.release.id.as_str());
            let index = batch.control("exception-requested", &caller.account(), &[mark], &exception)?;
            exceptions::record(batch.tx, &exception, index)?;
            Ok(exception)
        })
        .await?;
    Ok(exception)
}

/// Approves, rejects or revokes an exception. `seen` is the position of the log at which whoever decides looked at the release: what
/// joined since is not excused.
///
/// # Errors
/// A role that may not, the requester or an author approving it, a state that does not allow it.
pub async fn decide_exception(
    engine: &Arc<Engine>,
    caller: &Caller,
    id: &str,
    to: ExceptionState,
    seen: Option<u64>,
) -> Result<Exception, Problem> {
    allow(caller, Action::GrantException, On::Reached)?;
    let (caller, id) = (caller.clone(), id.to_owned());
    let (exception, _) = engine
        .write(move |batch| {
            let Some(mut exception) = exceptions::get(batch.tx, &id)? else {
                return Err(Problem::new(
                    ProblemKind::NotFound,
                    "no-such-exception",
                    "Nothing was changed.",
                    format!("There is no exception `{}`.", id.chars().take(60).collect::<String>()),
                    "Look at the release page for its id.",
                )
                .into());
            };
            let stored = release_of(batch, &exception)?;
            allow(&caller, Action::GrantException, On::Product(&stored.release.product))?;
            let allowed = matches!(
                (exception.state, to),
                (ExceptionState::Requested, ExceptionState::Approved | ExceptionState::Rejected)
                    | (ExceptionState::Approved, ExceptionState::Revoked)
            );
            if !allowed {
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    "exception-state",
                    "Nothing was changed.",
                    format!("The exception is {}.", exception.state.name()),
                    "Ask for a new one where this one has ended.",
                )
                .into());
            }
            let own = separation::asked(batch.tx, &caller, &exception.requester)?;
            let product = products::get(batch.tx, &stored.release.product)?;
            let sole = product.as_ref().is_some_and(|p| p.sole_decider);
            if caller.person.is_none() || own && to == ExceptionState::Approved && !sole {
                return Err(refuse(
                    "own-exception",
                    "Whoever asks for an exception cannot approve it.",
                    "Ask another approver.",
                )
                .into());
            }
            if let Some(product) = product.filter(|_| to == ExceptionState::Approved) {
                decides(&caller, Some(&product))?;
                exception.told_by_token = !caller.is_interactive();
                let judged = judge_in(batch.tx, batch.criteria, &stored, batch.next_index(), batch.now)?;
                let wrote = separation::decides_alone(&caller, &product, &judged, "The exception was not recorded.")?;
                exception.alone = own || wrote;
                exception.digests.clone_from(&stored.release.digests);
                if let Some(seen) = seen {
                    let then = as_seen(batch.tx, stored.seq, seen, batch.next_index())?;
                    let title = stored.release.title();
                    let then = then.ok_or_else(|| no_such_position("Nothing was changed.", &title, seen))?;
                    exception.digests.retain(|digest| then.digests.contains(digest));
                }
            }
            if to == ExceptionState::Approved && exception.expires_at <= batch.now {
                return Err(refuse("expired", "It would have ended already.", "Ask for a new one.").into());
            }
            exception.approver = Some(caller.account());
            moved(batch, &stored, exception, to, &caller.account())
        })
        .await?;
    Ok(exception)
}

/// Moves an exception to another state, on record.
fn moved(
    batch: &mut Batch<'_>,
    stored: &StoredRelease,
    mut exception: Exception,
    to: ExceptionState,
    by: &str,
) -> Result<Exception, Fault> {
    (exception.state, exception.decided_at) = (to, Some(batch.now));
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let index = batch.control(&format!("exception-{}", to.name()), by, &[mark], &exception)?;
    exceptions::record(batch.tx, &exception, index)?;
    Ok(exception)
}

/// Ends what was asked for or decided later than now.
pub(crate) fn end_later(batch: &mut Batch<'_>) -> Result<(), Fault> {
    for exception in exceptions::all(batch.tx)? {
        let to = match exception.state {
            ExceptionState::Requested => ExceptionState::Rejected,
            ExceptionState::Approved => ExceptionState::Revoked,
            ExceptionState::Rejected | ExceptionState::Revoked => continue,
        };
        if exception.requested_at.max(exception.decided_at.unwrap_or_default()) > batch.now {
            let stored = release_of(batch, &exception)?;
            moved(batch, &stored, exception, to, OPERATOR)?;
        }
    }
    Ok(())
}

fn release_of(batch: &Batch<'_>, exception: &Exception) -> Result<StoredRelease, Fault> {
    let stored = releases::by_id(batch.tx, exception.scope.release.as_str())?;
    stored.ok_or_else(|| Fault::Store(StoreError::Damaged("an exception without release".into())))
}
