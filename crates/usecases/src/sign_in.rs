//! Signing in: the set-up link, invitations, sign-in keys, sessions. No passwords, no defaults.
//!
//! A person comes in once by a link (the set-up link, an invitation by an admin, or one that an operator made on the
//! data folder) and gets a *sign-in key* of their own then, which nobody else sees. An invitation works only for somebody who never
//! signed in: nobody signs in as somebody else.

use std::sync::Arc;

use certrail_domain::{Action, PersonId, Problem, ProblemKind, Role, Scope, Time};
use certrail_ledger::sha256;
use certrail_store::{
    StoreError,
    tables::people::{self, Person, Token, TokenKind},
};

use crate::{
    Caller,
    access::{On, allow},
    engine::{Batch, Engine, Fault},
    people::{NewPerson, person_of, record},
    tokens::{Fresh, Session, end},
};

const SESSION_LIFE: i64 = 12 * 3600 * Time::SECOND;
const LINK_LIFE: i64 = 24 * 3600 * Time::SECOND;
const KEY_LIFE: i64 = 366 * Time::DAY;
const END: u64 = i64::MAX as u64;

/// Whether anybody has been set up.
///
/// # Errors
/// When the store fails.
pub fn is_set_up(engine: &Engine) -> Result<bool, Problem> {
    engine.read(|tx| Ok(!people::listed_at(tx, END)?.is_empty()))
}

fn link(
    batch: &mut Batch<'_>,
    kind: TokenKind,
    name: &str,
    person: Option<&Person>,
    by: &str,
) -> Result<Session, Fault> {
    Fresh {
        kind,
        name,
        person: person.map(|p| &p.id),
        role: person.map_or(Role::Admin, |p| p.role),
        scope: Scope::ALL,
        expires: batch.now.plus(LINK_LIFE),
        parent: None,
        by,
    }
    .make(batch)
}

/// Makes a one-time set-up link's secret; only while nobody is set up.
///
/// # Errors
/// When somebody is set up already, or the commit fails.
pub fn setup_link(engine: &Arc<Engine>) -> Result<Session, Problem> {
    if is_set_up(engine)? {
        return Err(Problem::new(
            ProblemKind::Conflict,
            "set-up",
            "No link was made.",
            "Somebody is set up already.",
            "Ask them for an invitation, or make a link on the data folder: `certrail admin sign-in-link`.",
        ));
    }
    let (session, _) = engine.write_blocking(|batch| link(batch, TokenKind::Setup, "set-up link", None, "certrail"))?;
    Ok(session)
}

/// Somebody who came in by a link: their session, and the key by which they come back.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Who they are.
    pub person: PersonId,
    /// Their session.
    pub session: Session,
    /// Their sign-in key: shown once.
    pub key: Session,
}

fn arrive(batch: &mut Batch<'_>, person: &Person) -> Result<Arrived, Fault> {
    let by = person.id.to_string();
    let key = Fresh {
        kind: TokenKind::SignInKey,
        name: "sign-in key",
        person: Some(&person.id),
        role: person.role,
        scope: Scope::ALL,
        expires: batch.now.plus(KEY_LIFE),
        parent: None,
        by: &by,
    }
    .make(batch)?;
    // The session hangs on the key: ending the key ends what was opened with it.
    let session = session(batch, TokenKind::Session, person, batch.now.plus(SESSION_LIFE), Some(key.id.clone()))?;
    Ok(Arrived { person: person.id.clone(), session, key })
}

fn session(
    batch: &mut Batch<'_>,
    kind: TokenKind,
    person: &Person,
    expires: Time,
    parent: Option<String>,
) -> Result<Session, Fault> {
    let (name, by) = ("session", person.id.to_string());
    Fresh { kind, name, person: Some(&person.id), role: person.role, scope: Scope::ALL, expires, parent, by: &by }
        .make(batch)
}

fn not_signed_in(code: &str, why: &str, fix: &str) -> Problem {
    Problem::new(ProblemKind::NotSignedIn, code, "You were not signed in.", why, fix)
}

/// A live link of a kind by its secret.
fn live_link(batch: &Batch<'_>, digest: &[u8; 32], kind: TokenKind, fix: &str) -> Result<Token, Fault> {
    let token =
        people::token(batch.tx, digest)?.filter(|t| t.kind == kind && t.revoked.is_none() && t.expires > batch.now);
    Ok(token.ok_or_else(|| not_signed_in("sign-in-link", "This link was used already or has ended.", fix))?)
}

/// Uses the set-up link: the first person is made, as an admin, and signed in.
///
/// # Errors
/// A link that is unknown, used or over, an empty name or account.
pub async fn redeem_setup(engine: &Arc<Engine>, link: &str, name: String, account: String) -> Result<Arrived, Problem> {
    let digest = sha256(link.as_bytes());
    let new = NewPerson { name, accounts: vec![account], role: Role::Admin, scope: Scope::ALL };
    new.check()?;
    let (arrived, _) = engine
        .write(move |batch| {
            let token = live_link(batch, &digest, TokenKind::Setup, "Start the server again for a new one.")?;
            if !people::listed_at(batch.tx, END)?.is_empty() {
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    "set-up",
                    "You were not signed in.",
                    "Somebody is set up already; older links have ended with that.",
                    "Ask them for an invitation.",
                )
                .into());
            }
            end(batch, vec![token.id], "certrail", "used")?;
            let person = record(batch, None, &new, "set-up link")?;
            arrive(batch, &person)
        })
        .await?;
    Ok(arrived)
}

/// Makes a one-time link by which somebody who never signed in does so for the first time.
///
/// # Errors
/// A role that may not, an unknown person, one who has signed in before, a failed commit.
pub async fn invite(engine: &Arc<Engine>, caller: &Caller, person: &str) -> Result<Session, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    let (caller, wanted) = (caller.clone(), person.to_owned());
    let (session, _) = engine
        .write(move |batch| {
            let person = person_of(batch.tx, &wanted)?;
            if people::has_signed_in(batch.tx, person.id.as_str())? {
                return Err(Problem::new(
                    ProblemKind::Refused,
                    "has-signed-in",
                    "No link was made.",
                    format!("{} has signed in before and holds a sign-in key; a link would let others in as them.", person.name),
                    "If the key is lost: stop the server and run `certrail admin sign-in-link` on its data folder, which is on record.",
                )
                .into());
            }
            link(batch, TokenKind::Link, "invitation", Some(&person), &caller.account())
        })
        .await?;
    Ok(session)
}

/// Makes a sign-in link for anybody, for an operator who has the data folder and the server stopped. On record.
///
/// # Errors
/// An unknown person, no reason, a failed commit.
pub fn recover(engine: &Arc<Engine>, person: &str, reason: &str) -> Result<(Person, Session), Problem> {
    let (wanted, reason) = (person.to_owned(), crate::inputs::words("--reason", reason, 10)?);
    let (made, _) = engine.write_blocking(move |batch| {
        let person = person_of(batch.tx, &wanted)?;
        // From now on: whoever needs a link lost what they had, or somebody else has it.
        let before = people::of_person(batch.tx, person.id.as_str())?;
        end(batch, before, "operator", "a sign-in link was made on the data folder")?;
        let session = link(batch, TokenKind::Link, "recovery", Some(&person), "operator")?;
        let document = serde_json::json!({ "person": person.id, "token": session.id, "reason": reason });
        batch.control("recovered", "operator", &[], &document)?;
        Ok((person, session))
    })?;
    Ok(made)
}

/// Uses a sign-in link: the person is signed in and gets a sign-in key, and the link has ended.
///
/// # Errors
/// A link that is unknown, used or over, or that is somebody else's than `already` signed in.
pub async fn redeem_link(engine: &Arc<Engine>, link: &str, already: Option<&Caller>) -> Result<Arrived, Problem> {
    let digest = sha256(link.as_bytes());
    let already = already.and_then(|c| Some((c.person.clone()?, c.name.clone())));
    let (arrived, _) = engine
        .write(move |batch| {
            let token = live_link(batch, &digest, TokenKind::Link, "Ask an admin for a new one.")?;
            let person = person_of(batch.tx, token.person.as_deref().unwrap_or_default())?;
            if let Some((_, name)) = already.as_ref().filter(|(id, _)| *id != person.id) {
                let why = format!("The link is for {}, and you are signed in as {name}.", person.name);
                return Err(Problem::new(
                    ProblemKind::Refused,
                    "somebody-else",
                    "You were not signed in.",
                    why,
                    "Give the link to the person it is for; it still works once.",
                )
                .into());
            }
            // Keys and sessions of before end: whoever needs a link lost them, or somebody else has them.
            let before = people::of_person(batch.tx, person.id.as_str())?;
            let by = person.id.to_string();
            end(batch, before.into_iter().chain([token.id]).collect(), &by, "a sign-in link was used")?;
            arrive(batch, &person)
        })
        .await?;
    Ok(arrived)
}

/// Opens a session for a browser with a sign-in key, or with a token: the secret itself is not kept there, and ending it ends the
/// session. A session opened with a token is no word of the person themselves: tokens live in pipelines and files.
///
/// # Errors
/// When the secret is unknown, over or revoked, or the commit fails.
pub async fn open_session(engine: &Arc<Engine>, secret: &str) -> Result<Session, Problem> {
    let digest = sha256(secret.trim().as_bytes());
    let (session, _) = engine
        .write(move |batch| {
            let token = people::token(batch.tx, &digest)?
                .filter(|t| t.revoked.is_none() && t.expires > batch.now)
                .filter(|t| matches!(t.kind, TokenKind::Token | TokenKind::SignInKey))
                .ok_or_else(|| ended("The key or token is not known, or has ended."))?;
            let expires = token.expires.min(batch.now.plus(SESSION_LIFE));
            let kind = match token.kind {
                TokenKind::SignInKey => TokenKind::Session,
                _ => TokenKind::TokenSession,
            };
            let person = match &token.person {
                Some(id) => Some(live(person_of(batch.tx, id)?)?),
                None => None,
            };
            Fresh {
                kind,
                name: &token.name,
                person: person.as_ref().map(|p| &p.id),
                role: token.role,
                scope: token.scope.clone(),
                expires,
                parent: Some(token.id.clone()),
                by: token.person.as_deref().unwrap_or(&token.id),
            }
            .make(batch)
        })
        .await?;
    Ok(session)
}

fn ended(why: &str) -> Problem {
    Problem::new(
        ProblemKind::NotSignedIn,
        "not-signed-in",
        "You are not signed in.",
        why,
        "Sign in with your sign-in key on the sign-in page; for the command line, give a token as CERTRAIL_TOKEN.",
    )
}

/// Refuses somebody who has left.
fn live(person: Person) -> Result<Person, Problem> {
    if person.ended_at.is_some() { Err(ended("The person behind it has left.")) } else { Ok(person) }
}

/// Who a secret stands for, if it is live.
///
/// # Errors
/// When the secret is unknown, over or revoked.
pub fn sign_in(engine: &Engine, secret: &str) -> Result<Caller, Problem> {
    let digest = sha256(secret.trim().as_bytes());
    let now = engine.now();
    let found = engine.read(|tx| {
        let Some(token) = people::token(tx, &digest)? else { return Ok(None) };
        let person = match &token.person {
            Some(id) => Some(people::get(tx, id)?),
            None => None,
        };
        Ok::<_, StoreError>(Some((token, person)))
    })?;
    let Some((token, person)) = found else { return Err(ended("The token is not known.")) };
    match token.kind {
        TokenKind::Setup | TokenKind::Link => return Err(ended("A link is opened, not used as a token.")),
        TokenKind::SignInKey => return Err(ended("A sign-in key opens a session and is nothing else.")),
        TokenKind::Session | TokenKind::TokenSession | TokenKind::Token => {}
    }
    if token.revoked.is_some() || token.expires <= now {
        return Err(ended("The token has ended."));
    }
    let person = match person {
        None => None,
        Some(Some(person)) => Some(live(person)?),
        Some(None) => return Err(ended("The person behind the token is not known any more.")),
    };
    engine.note_used(&token.id, now);
    Ok(match person {
        // Whatever stands for a person follows the role and scope they hold now, within what it was made for.
        Some(person) => {
            let mut caller = Caller::person(&person, token.kind.name(), &token.id);
            caller.scope = caller.scope.and(&token.scope);
            caller
        }
        None => Caller {
            role: token.role,
            scope: token.scope,
            person: None,
            name: token.name,
            how: token.kind.name().to_owned(),
            key: token.id,
        },
    })
}

/// Makes a session for a person that lasts as long as a key, for the demo and for tests: their clocks run for weeks.
///
/// # Errors
/// When the commit fails.
pub async fn session_for(engine: &Arc<Engine>, person: &Person) -> Result<Session, Problem> {
    let person = person.clone();
    let (session, _) = engine
        .write(move |batch| {
            let expires = batch.now.plus(KEY_LIFE);
            session(batch, TokenKind::Session, &person, expires, None)
        })
        .await?;
    Ok(session)
}

/// Puts on record when tokens were used last, as far as it is new: once a minute is enough.
///
/// # Errors
/// When the commit fails.
pub async fn keep_last_used(engine: &Arc<Engine>) -> Result<(), Problem> {
    let used = engine.take_used();
    if used.is_empty() {
        return Ok(());
    }
    engine
        .write(move |batch| {
            for (id, at) in &used {
                people::set_last_used(batch.tx, id, *at).map_err(Fault::Store)?;
            }
            Ok(())
        })
        .await
        .map(drop)
}
