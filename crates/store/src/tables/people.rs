//! People and the secrets that stand for them.

use std::collections::BTreeMap;

use certrail_domain::{PersonId, Role, Scope, Time, accounts_meant, own_account};
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
    /// How far it reaches.
    pub scope: Scope,
    /// When they left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

impl Person {
    /// The accounts that are theirs, as signals name them.
    pub fn accounts_meant(&self) -> impl Iterator<Item = String> {
        self.accounts.iter().flat_map(|account| accounts_meant(account))
    }

    /// Whether an account in whatever form people write it is the one of this record.
    #[must_use]
    pub fn is_recorded_by(&self, written: &str) -> bool {
        let wanted = own_account(written);
        self.accounts.iter().any(|account| own_account(account) == wanted)
    }

    /// Whether an account that a signal names is theirs.
    #[must_use]
    pub fn has_account(&self, account: &str) -> bool {
        self.accounts_meant().any(|own| own == account)
    }
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
/// When the database fails, or the record of one is damaged.
pub fn all_at(tx: &Tx<'_>, position: u64) -> Result<Vec<Person>> {
    tx.query(
        "SELECT document FROM person WHERE log_index < ?1 AND (to_index IS NULL OR to_index >= ?1) ORDER BY id",
        &[position.into()],
        |r| r.json(0),
    )
}

/// [`all_at`] with the id of each, those whose record is damaged too.
///
/// # Errors
/// When the database fails.
pub fn listed_at(tx: &Tx<'_>, position: u64) -> Result<Vec<(String, Result<Person>)>> {
    tx.query(
        "SELECT id, document FROM person WHERE log_index < ?1 AND (to_index IS NULL OR to_index >= ?1) ORDER BY id",
        &[position.into()],
        |r| Ok((r.text(0)?, r.json(1))),
    )
}

/// What is kept of everybody, as the log stood at `position`, by id: the entry that recorded them, and the document.
///
/// # Errors
/// When the database fails.
pub fn documents_at(tx: &Tx<'_>, position: u64) -> Result<Vec<(u64, String)>> {
    tx.query(
        "SELECT log_index, document FROM person WHERE log_index < ?1 AND (to_index IS NULL OR to_index >= ?1) ORDER BY id",
        &[position.into()],
        |r| Ok((r.uint(0)?, r.text(1)?)),
    )
}

/// What people are called, by id, as far as that can be read: for what is shown, never for what is decided.
///
/// # Errors
/// When the database fails.
pub fn names(tx: &Tx<'_>) -> Result<BTreeMap<String, String>> {
    let all = listed_at(tx, i64::MAX as u64)?;
    Ok(all.into_iter().filter_map(|(id, person)| Some((id, person.ok()?.name))).collect())
}

/// A person as they are known now.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, id: &str) -> Result<Option<Person>> {
    tx.first("SELECT document FROM person WHERE id = ?1 AND to_index IS NULL", &[id.into()], |r| r.json(0))
}

/// What a secret is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// Makes the first person.
    Setup,
    /// Signs somebody in once, and gives them a key.
    Link,
    /// Opens sessions of a person, and does nothing else.
    SignInKey,
    /// A person in a browser.
    Session,
    /// A browser that somebody opened with a token.
    TokenSession,
    /// A pipeline, or a person at the command line.
    Token,
}

impl TokenKind {
    const ALL: [Self; 6] = [Self::Setup, Self::Link, Self::SignInKey, Self::Session, Self::TokenSession, Self::Token];

    /// The name used in SQL, JSON and the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Link => "link",
            Self::SignInKey => "sign-in-key",
            Self::Session => "session",
            Self::TokenSession => "token-session",
            Self::Token => "token",
        }
    }

    /// Whether it is a session, however it was opened.
    #[must_use]
    pub const fn is_session(self) -> bool {
        matches!(self, Self::Session | Self::TokenSession)
    }

    /// Whether a person signs in by it, or is signed in by it.
    #[must_use]
    pub const fn signs_in(self) -> bool {
        matches!(self, Self::SignInKey | Self::Session)
    }
}

/// A token, session, sign-in key or link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its public id.
    pub id: String,
    /// What it is good for.
    pub kind: TokenKind,
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
    /// How far it reaches.
    pub scope: Scope,
    /// The account of whoever made it.
    pub made_by: String,
}

/// Stores a token by the digest of its secret.
///
/// # Errors
/// When the database fails.
pub fn insert_token(tx: &Tx<'_>, digest: &[u8; 32], t: &Token) -> Result<()> {
    tx.exec(
        "INSERT INTO token (digest, id, kind, name, person, role, created, expires, last_used, revoked, parent,
            scope, made_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, ?9, ?10, ?11)",
        &[
            digest.into(),
            (&t.id).into(),
            t.kind.name().into(),
            (&t.name).into(),
            t.person.as_deref().into(),
            t.role.name().into(),
            t.created.as_micros().into(),
            t.expires.as_micros().into(),
            t.parent.as_deref().into(),
            (&to_json(&t.scope)?).into(),
            (&t.made_by).into(),
        ],
    )?;
    Ok(())
}

fn map(r: &Row<'_>) -> Result<Token> {
    let (role, kind) = (r.text(4)?, r.text(1)?);
    Ok(Token {
        id: r.text(0)?,
        kind: TokenKind::ALL
            .into_iter()
            .find(|k| k.name() == kind)
            .ok_or_else(|| StoreError::Damaged(format!("a token of the kind {kind}")))?,
        name: r.text(2)?,
        person: r.opt_text(3)?,
        role: Role::from_name(&role).ok_or_else(|| StoreError::Damaged(format!("role {role}")))?,
        created: Time::from_micros(r.int(5)?),
        expires: Time::from_micros(r.int(6)?),
        last_used: r.opt_int(7)?.map(Time::from_micros),
        revoked: r.opt_int(8)?.map(Time::from_micros),
        parent: r.opt_text(9)?,
        scope: r.json(10)?,
        made_by: r.text(11)?,
    })
}

/// The token whose secret has that digest.
///
/// # Errors
/// When the database fails.
pub fn token(tx: &Tx<'_>, digest: &[u8; 32]) -> Result<Option<Token>> {
    tx.first(
        "SELECT id, kind, name, person, role, created, expires, last_used, revoked, parent, scope, made_by FROM token WHERE digest = ?1",
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
        "SELECT id, kind, name, person, role, created, expires, last_used, revoked, parent, scope, made_by FROM token
         ORDER BY created DESC, id",
        &[],
        map,
    )
}

/// The token of an id.
///
/// # Errors
/// When the database fails.
pub fn token_by_id(tx: &Tx<'_>, id: &str) -> Result<Option<Token>> {
    tx.first(
        "SELECT id, kind, name, person, role, created, expires, last_used, revoked, parent, scope, made_by FROM token
         WHERE id = ?1",
        &[id.into()],
        map,
    )
}

/// The live secrets of a person.
///
/// # Errors
/// When the database fails.
pub fn of_person(tx: &Tx<'_>, person: &str) -> Result<Vec<String>> {
    tx.query("SELECT id FROM token WHERE person = ?1 AND revoked IS NULL", &[person.into()], |r| r.text(0))
}

/// The live secrets that were made with a token, or opened with it.
///
/// # Errors
/// When the database fails.
pub fn made_with(tx: &Tx<'_>, id: &str) -> Result<Vec<String>> {
    tx.query("SELECT id FROM token WHERE parent = ?1 AND revoked IS NULL", &[id.into()], |r| r.text(0))
}

/// Whether a person ever signed in.
///
/// # Errors
/// When the database fails.
pub fn has_signed_in(tx: &Tx<'_>, person: &str) -> Result<bool> {
    let found = tx.first(
        "SELECT 1 FROM token WHERE person = ?1 AND kind IN ('sign-in-key', 'session') LIMIT 1",
        &[person.into()],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Ends a token at once. `false` if there is no live one of that id.
///
/// # Errors
/// When the database fails.
pub fn revoke(tx: &Tx<'_>, id: &str, at: Time) -> Result<bool> {
    let touched = tx
        .exec("UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL", &[id.into(), at.as_micros().into()])?;
    Ok(touched > 0)
}

/// Notes when a token was used last.
///
/// # Errors
/// When the database fails.
pub fn set_last_used(tx: &Tx<'_>, id: &str, at: Time) -> Result<()> {
    tx.exec("UPDATE token SET last_used = ?2 WHERE id = ?1", &[id.into(), at.as_micros().into()]).map(drop)
}

/// Every state of somebody's record, with the entry that made it, oldest first.
///
/// # Errors
/// When the database fails, or one of them is damaged.
pub fn versions(tx: &Tx<'_>, id: &str) -> Result<Vec<(u64, Person)>> {
    let sql = "SELECT log_index, document FROM person WHERE id = ?1 ORDER BY log_index";
    tx.query(sql, &[id.into()], |r| Ok((r.uint(0)?, r.json(1)?)))
}

/// The entries, from one on, that made or changed somebody's record.
///
/// # Errors
/// When the database fails.
pub fn changes(tx: &Tx<'_>, from: u64) -> Result<Vec<u64>> {
    let sql = "SELECT DISTINCT log_index FROM person WHERE log_index >= ?1 ORDER BY log_index";
    tx.query(sql, &[from.into()], |r| r.uint(0))
}
