//! People, and the secrets that stand for them: set-up link, sessions, tokens. No passwords, no defaults.

use std::sync::Arc;

use certrail_domain::{Action, PersonId, Problem, ProblemKind, Role, Time, TokenId};
use certrail_ledger::{hex, sha256};
use certrail_store::{
    StoreError,
    tables::people::{self, Person, Token},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Caller,
    access::allow,
    engine::{Batch, Engine, Fault, random},
};

/// A secret is shown once, and has a prefix that scanners can recognise.
const TOKEN_PREFIX: &str = "certrail_";
const SESSION_LIFE: i64 = 12 * 3600 * Time::SECOND;
const SETUP_LIFE: i64 = 24 * 3600 * Time::SECOND;

/// A session or token that was just made; the secret is not kept.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// The secret: shown once.
    pub secret: String,
    /// Its public id.
    pub id: String,
    /// When it ends.
    pub expires_at: Time,
}

/// What a new token may do, and for how long.
#[derive(Clone, Debug, Deserialize)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// In how many days it ends, 1 to 366.
    pub days: i64,
}

fn secret() -> Result<String, Problem> {
    Ok(format!("{TOKEN_PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&random::<32>()?).to_lowercase()))
}

fn make(
    batch: &Batch<'_>,
    kind: &str,
    name: &str,
    person: Option<&PersonId>,
    role: Role,
    life: i64,
) -> Result<Session, Fault> {
    make_under(batch, kind, name, person, role, batch.now.plus(life), None)
}

fn make_under(
    batch: &Batch<'_>,
    kind: &str,
    name: &str,
    person: Option<&PersonId>,
    role: Role,
    expires: Time,
    parent: Option<String>,
) -> Result<Session, Fault> {
    let secret = secret()?;
    let token = Token {
        id: TokenId::new(batch.now, random()?).to_string(),
        kind: kind.into(),
        name: name.chars().take(100).collect(),
        person: person.map(ToString::to_string),
        role,
        created: batch.now,
        expires,
        last_used: None,
        revoked: None,
        parent,
    };
    people::insert_token(batch.tx, &sha256(secret.as_bytes()), &token)?;
    Ok(Session { secret, id: token.id, expires_at: token.expires })
}

/// Whether anybody has been set up.
///
/// # Errors
/// When the store fails.
pub fn is_set_up(engine: &Engine) -> Result<bool, Problem> {
    engine.read(|tx| Ok(!people::all_at(tx, i64::MAX as u64)?.is_empty()))
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
            "Ask them for a token.",
        ));
    }
    let (session, _) =
        engine.write_blocking(|batch| make(batch, "setup", "set-up link", None, Role::Admin, SETUP_LIFE))?;
    Ok(session)
}

/// Uses the set-up link: the first person is made, as an admin, and signed in.
///
/// # Errors
/// A link that is unknown, used or over, or an empty name.
pub async fn redeem_setup(
    engine: &Arc<Engine>,
    link: &str,
    name: String,
    account: String,
) -> Result<(PersonId, Session), Problem> {
    let digest = sha256(link.as_bytes());
    if name.trim().is_empty() {
        return Err(Problem::new(
            ProblemKind::BadInput,
            "empty-name",
            "You were not signed in.",
            "The name is empty.",
            "Enter your name as it should stand in the record.",
        ));
    }
    let ((person, session), _) = engine
        .write(move |batch| {
            let token = people::token(batch.tx, &digest)?
                .filter(|t| t.kind == "setup" && t.revoked.is_none() && t.expires > batch.now);
            let Some(token) = token else {
                return Err(Problem::new(
                    ProblemKind::NotSignedIn,
                    "setup-link",
                    "You were not signed in.",
                    "This link was used already or has ended.",
                    "Start the server again for a new one.",
                )
                .into());
            };
            if !people::all_at(batch.tx, i64::MAX as u64)?.is_empty() {
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    "set-up",
                    "You were not signed in.",
                    "Somebody is set up already; older links have ended with that.",
                    "Ask them for a sign-in link.",
                )
                .into());
            }
            people::revoke(batch.tx, &token.id, batch.now)?;
            let person = record_person(batch, None, name.trim(), vec![account.clone()], Role::Admin, "set-up link")?;
            let session = make(batch, "session", "set-up", Some(&person.id), Role::Admin, SESSION_LIFE)?;
            Ok((person.id, session))
        })
        .await?;
    Ok((person, session))
}

fn record_person(
    batch: &mut Batch<'_>,
    id: Option<PersonId>,
    name: &str,
    accounts: Vec<String>,
    role: Role,
    by: &str,
) -> Result<Person, Fault> {
    let id = match id {
        Some(id) => id,
        None => PersonId::new(batch.now, random()?),
    };
    let mut accounts: Vec<String> =
        accounts.into_iter().map(|a| a.trim().to_lowercase()).filter(|a| !a.is_empty()).collect();
    accounts.sort();
    accounts.dedup();
    let person = Person { id, name: name.chars().take(200).collect(), accounts, role };
    let index = batch.control("person", by, &[], &person)?;
    people::record(batch.tx, &person, index)?;
    Ok(person)
}

/// Makes or changes a person. An account belongs to one person only.
///
/// # Errors
/// A role that may not, an account that is somebody else's, a failed commit.
pub async fn put_person(
    engine: &Arc<Engine>,
    caller: &Caller,
    name: String,
    accounts: Vec<String>,
    role: Role,
) -> Result<Person, Problem> {
    allow(caller, Action::Administer)?;
    let caller = caller.clone();
    let (person, _) = engine
        .write(move |batch| {
            let known = people::all_at(batch.tx, i64::MAX as u64)?;
            let wanted: Vec<String> = accounts.iter().map(|a| a.trim().to_lowercase()).collect();
            let same = known.iter().find(|p| p.name == name);
            if let Some(other) = known.iter().find(|p| p.name != name && p.accounts.iter().any(|a| wanted.contains(a)))
            {
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    "account-taken",
                    "The person was not recorded.",
                    format!("One of the accounts belongs to {}.", other.name),
                    "An account stands for one person.",
                )
                .into());
            }
            record_person(batch, same.map(|p| p.id.clone()), &name, accounts.clone(), role, &caller.account())
        })
        .await?;
    Ok(person)
}

/// Makes a one-time link by which a person signs in.
///
/// # Errors
/// A role that may not, an unknown person, a failed commit.
pub async fn sign_in_link(engine: &Arc<Engine>, caller: &Caller, person: &str) -> Result<Session, Problem> {
    allow(caller, Action::Administer)?;
    let (caller, wanted) = (caller.clone(), person.to_owned());
    let (session, _) = engine
        .write(move |batch| {
            let everybody = people::all_at(batch.tx, i64::MAX as u64)?;
            let Some(person) = everybody.into_iter().find(|p| p.id.as_str() == wanted || p.name == wanted) else {
                let why = format!("There is no person `{}`.", wanted.chars().take(60).collect::<String>());
                let fix = "Add them first: `certrail person add`.";
                return Err(Problem::new(ProblemKind::NotFound, "no-such-person", "No link was made.", why, fix).into());
            };
            let session = make(batch, "link", "sign-in link", Some(&person.id), person.role, SETUP_LIFE)?;
            let document = json!({ "person": person.id, "token": session.id });
            batch.control("sign-in-link", &caller.account(), &[], &document)?;
            Ok(session)
        })
        .await?;
    Ok(session)
}

/// Uses a sign-in link: the person is signed in, and the link has ended.
///
/// # Errors
/// A link that is unknown, used or over.
pub async fn redeem_link(engine: &Arc<Engine>, link: &str) -> Result<Session, Problem> {
    let digest = sha256(link.as_bytes());
    let (session, _) = engine
        .write(move |batch| {
            let token = people::token(batch.tx, &digest)?
                .filter(|t| t.kind == "link" && t.revoked.is_none() && t.expires > batch.now);
            let Some((token, person)) = token.and_then(|t| Some((t.clone(), t.person?))) else {
                let why = "This link was used already or has ended.";
                return Err(Problem::new(
                    ProblemKind::NotSignedIn,
                    "sign-in-link",
                    "You were not signed in.",
                    why,
                    "Ask an admin for a new one.",
                )
                .into());
            };
            people::revoke(batch.tx, &token.id, batch.now)?;
            make(batch, "session", "session", Some(&PersonId::from_stored(person)), token.role, SESSION_LIFE)
        })
        .await?;
    Ok(session)
}

/// Opens a session for a browser with a token: the token itself is not kept there, and ending it ends the session.
///
/// # Errors
/// When the token is unknown, over or revoked, or the commit fails.
pub async fn open_session(engine: &Arc<Engine>, secret: &str) -> Result<Session, Problem> {
    let digest = sha256(secret.trim().as_bytes());
    let (own, given) = (engine.clone(), secret.to_owned());
    let caller =
        tokio::task::spawn_blocking(move || sign_in(&own, &given)).await.map_err(|e| crate::engine::internal(&e))??;
    let (session, _) = engine
        .write(move |batch| {
            let token = people::token(batch.tx, &digest)?.filter(|t| t.revoked.is_none() && t.expires > batch.now);
            let token = token.ok_or_else(|| ended("The token has ended."))?;
            let expires = token.expires.min(batch.now.plus(SESSION_LIFE));
            make_under(
                batch,
                "session",
                &token.name,
                caller.person.as_ref(),
                caller.role,
                expires,
                Some(token.parent.unwrap_or(token.id)),
            )
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
        "Get a token from an admin, and give it as CERTRAIL_TOKEN or on the sign-in page.",
    )
}

/// Everybody.
///
/// # Errors
/// When the store fails.
pub fn list_people(engine: &Engine) -> Result<Vec<Person>, Problem> {
    engine.read(|tx| people::all_at(tx, i64::MAX as u64))
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
        let everybody = people::all_at(tx, i64::MAX as u64)?;
        let person = token.person.as_ref().and_then(|id| everybody.into_iter().find(|p| p.id.as_str() == id));
        Ok::<_, StoreError>(Some((token, person)))
    })?;
    let Some((token, person)) = found else { return Err(ended("The token is not known.")) };
    if matches!(token.kind.as_str(), "setup" | "link") {
        return Err(ended("A link is opened, not used as a token."));
    }
    if token.revoked.is_some() || token.expires <= now {
        return Err(ended("The token has ended."));
    }
    if token.person.is_some() && person.is_none() {
        return Err(ended("The person behind the token is not known any more."));
    }
    // Whatever stands for a person follows the role they hold now.
    let role = person.as_ref().map_or(token.role, |p| p.role);
    Ok(Caller {
        role,
        name: person.as_ref().map_or_else(|| token.name.clone(), |p| p.name.clone()),
        person: person.map(|p| p.id),
        how: token.kind,
        key: token.id,
    })
}

/// Makes a token. An admin makes tokens for pipelines; anybody makes tokens for themselves with their own role.
///
/// # Errors
/// A role that may not, an unreasonable life, a failed commit.
pub async fn create_token(engine: &Arc<Engine>, caller: &Caller, new: NewToken, own: bool) -> Result<Session, Problem> {
    let refuse =
        |why: &str, fix: &str| Problem::new(ProblemKind::BadInput, "bad-token", "No token was made.", why, fix);
    if own {
        if caller.person.is_none() || caller.role != new.role {
            return Err(refuse("A token for yourself has your own role.", "Leave out --role, or ask an admin."));
        }
    } else {
        allow(caller, Action::Administer)?;
        // What signs for a person must belong to one.
        if matches!(new.role, Role::ReleaseManager | Role::Approver | Role::Admin) {
            return Err(refuse(
                "A token that belongs to nobody cannot certify, approve or administer.",
                "Let the person make it: `certrail token create --own`.",
            ));
        }
    }
    if !(1..=366).contains(&new.days) || new.name.trim().is_empty() {
        return Err(refuse("It needs a name and a life of 1 to 366 days.", "Give --name and --days."));
    }
    let caller = caller.clone();
    let (session, _) = engine
        .write(move |batch| {
            let person = caller.person.clone().filter(|_| own);
            let session = make(batch, "token", &new.name, person.as_ref(), new.role, new.days * Time::DAY)?;
            batch.control(
                "token-created",
                &caller.account(),
                &[],
                &json!({ "id": session.id, "name": new.name, "role": new.role, "person": person, "expires_at": session.expires_at, "secret_sha256": hex(&sha256(session.secret.as_bytes())) }),
            )?;
            Ok(session)
        })
        .await?;
    Ok(session)
}

/// Every token, for admins.
///
/// # Errors
/// A role that may not, or a failing store.
pub fn list_tokens(engine: &Engine, caller: &Caller) -> Result<Vec<Token>, Problem> {
    allow(caller, Action::Administer)?;
    engine.read(people::tokens)
}

/// Ends a token or session at once.
///
/// # Errors
/// A role that may not (one's own may always), an unknown id.
pub async fn revoke_token(engine: &Arc<Engine>, caller: &Caller, id: String) -> Result<(), Problem> {
    if caller.key != id {
        allow(caller, Action::Administer)?;
    }
    let caller = caller.clone();
    engine
        .write(move |batch| {
            if !people::revoke(batch.tx, &id, batch.now)? {
                return Err(Problem::new(
                    ProblemKind::NotFound,
                    "no-such-token",
                    "Nothing was changed.",
                    "There is no live token of that id.",
                    "List them with `certrail token list`.",
                )
                .into());
            }
            batch.control("token-revoked", &caller.account(), &[], &json!({ "id": id }))?;
            Ok(())
        })
        .await?;
    Ok(())
}

/// Makes a session for a person, for the demo's role switch and for tests.
///
/// # Errors
/// When the commit fails.
pub fn session_for(engine: &Arc<Engine>, person: &Person) -> Result<Session, Problem> {
    let (id, role) = (person.id.clone(), person.role);
    let (session, _) =
        engine.write_blocking(move |batch| make(batch, "session", "session", Some(&id), role, SESSION_LIFE))?;
    Ok(session)
}
