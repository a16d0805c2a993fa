//! People and the secrets that stand for them.

use certrail_domain::{PersonId, Role, Time};
use serde::{Deserialize, Serialize};

use super::to_json;
use crate::{Result, Row, StoreError, Tx};

/// A person we know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// The name to show.
    pub name: String,
    /// Accounts and addresses that are theirs, lower case.
    pub accounts: Vec<String>,
    /// The role they hold.
    pub role: Role,
}

/// Records the state of a person from `log_index` on.
///
/// # Errors
/// When the database fails.
pub fn record(tx: &Tx<'_>, person: &Person, log_index: u64) -> Result<()> {
    tx.exec(
        "UPDATE person SET to_index = ?2 WHERE id = ?1 AND to_index IS NULL",
        &[person.id.as_str().into(), log_index.into()],
    )?;
    let document = to_json(person)?;
    tx.exec(
        "INSERT INTO person (id, log_index, to_index, document) VALUES (?1, ?2, NULL, ?3)",
        &[person.id.as_str().into(), log_index.into(), (&document).into()],
    )?;
    Ok(())
}

/// Everybody, as the log stood at `position`, by id.
///
/// # Errors
/// When the database fails.
pub fn all_at(tx: &Tx<'_>, position: u64) -> Result<Vec<Person>> {
    tx.query(
        "SELECT document FROM person WHERE log_index < ?1 AND (to_index IS NULL OR to_index >= ?1) ORDER BY id",
        &[position.into()],
        |r| r.json(0),
    )
}

/// A token, session or set-up link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its public id.
    pub id: String,
    /// `token`, `session` or `setup`.
    pub kind: String,
    /// What its owner calls it.
    pub name: String,
    /// Whose it is; a pipeline's token belongs to nobody.
    pub person: Option<String>,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: Time,
    /// When it ends.
    pub expires: Time,
    /// When it was last used.
    pub last_used: Option<Time>,
    /// When it was revoked.
    pub revoked: Option<Time>,
    /// The id of the token that a session was opened with; it ends with that.
    pub parent: Option<String>,
}

/// Stores a token by the digest of its secret.
///
/// # Errors
/// When the database fails.
pub fn insert_token(tx: &Tx<'_>, digest: &[u8; 32], t: &Token) -> Result<()> {
    tx.exec(
        "INSERT INTO token (digest, id, kind, name, person, role, created, expires, last_used, revoked, parent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, ?9)",
        &[
            digest.into(),
            (&t.id).into(),
            (&t.kind).into(),
            (&t.name).into(),
            t.person.as_deref().into(),
            t.role.name().into(),
            t.created.as_micros().into(),
            t.expires.as_micros().into(),
            t.parent.as_deref().into(),
        ],
    )?;
    Ok(())
}

fn map(r: &Row<'_>) -> Result<Token> {
    let role = r.text(4)?;
    Ok(Token {
        id: r.text(0)?,
        kind: r.text(1)?,
        name: r.text(2)?,
        person: r.opt_text(3)?,
        role: Role::from_name(&role).ok_or_else(|| StoreError::Damaged(format!("role {role}")))?,
        created: Time::from_micros(r.int(5)?),
        expires: Time::from_micros(r.int(6)?),
        last_used: r.opt_int(7)?.map(Time::from_micros),
        revoked: r.opt_int(8)?.map(Time::from_micros),
        parent: r.opt_text(9)?,
    })
}

/// The token whose secret has that digest.
///
/// # Errors
/// When the database fails.
pub fn token(tx: &Tx<'_>, digest: &[u8; 32]) -> Result<Option<Token>> {
    tx.first(
        "SELECT id, kind, name, person, role, created, expires, last_used, revoked, parent FROM token WHERE digest = ?1",
        &[digest.into()],
        map,
    )
}

/// Every token and session, newest first.
///
/// # Errors
/// When the database fails.
pub fn tokens(tx: &Tx<'_>) -> Result<Vec<Token>> {
    tx.query(
        "SELECT id, kind, name, person, role, created, expires, last_used, revoked, parent FROM token
         ORDER BY created DESC, id",
        &[],
        map,
    )
}

/// Ends a token at once, and the sessions opened with it. `false` if there is none of that id.
///
/// # Errors
/// When the database fails.
pub fn revoke(tx: &Tx<'_>, id: &str, at: Time) -> Result<bool> {
    let touched = tx
        .exec("UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL", &[id.into(), at.as_micros().into()])?;
    tx.exec(
        "UPDATE token SET revoked = ?2 WHERE parent = ?1 AND revoked IS NULL",
        &[id.into(), at.as_micros().into()],
    )?;
    Ok(touched > 0)
}
