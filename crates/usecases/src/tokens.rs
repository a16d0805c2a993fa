//! Tokens: secrets that stand for a pipeline, or for a person at the command line.

use std::sync::Arc;

use certrail_domain::{Action, Extent, PersonId, Problem, ProblemKind, Role, Scope, Time, TokenId};
use certrail_ledger::{hex, sha256};
use certrail_store::tables::people::{self, Token, TokenKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Caller,
    access::{On, allow},
    connectors::canonical_names,
    engine::{Batch, Engine, Fault, random},
    inputs,
};

/// A secret is shown once, and has a prefix that scanners can recognise.
const TOKEN_PREFIX: &str = "certrail_";

/// A secret that was just made; it is not kept.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// The secret: shown once.
    pub secret: String,
    /// Its public id.
    pub id: String,
    /// When it ends.
    pub expires_at: Time,
}

/// What a new token may do, where, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// In how many days it ends, 1 to 366; if not told, in 90, or with the token it is made with where that ends before.
    #[serde(default)]
    pub days: Option<i64>,
    /// For whoever makes it: it signs in their name.
    #[serde(default)]
    pub own: bool,
    /// The products it reaches; `["*"]` for all there are and will be.
    pub products: Vec<String>,
    /// The environments it may speak of or open; all if not named.
    #[serde(default)]
    pub environments: Option<Vec<String>>,
    /// The repositories it may speak of; all if not named.
    #[serde(default)]
    pub repositories: Option<Vec<String>>,
    /// The actions among those of its role; all if not named.
    #[serde(default)]
    pub actions: Option<Vec<String>>,
}

impl NewToken {
    /// The days of a token whose maker names none.
    const DAYS: i64 = 90;

    /// A token for a pipeline of some products.
    #[must_use]
    pub fn pipeline(name: &str, products: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            role: Role::Contributor,
            days: Some(366),
            own: false,
            products: products.iter().map(|p| (*p).to_owned()).collect(),
            environments: None,
            repositories: None,
            actions: None,
        }
    }

    /// Repositories by what they are called here, whatever their forge calls them now: a name that somebody else takes
    /// later is another repository.
    fn scope(&self, engine: &Engine) -> Result<Scope, Problem> {
        let part = |flag: &str, names: &Option<Vec<String>>| {
            names.as_ref().map_or(Ok(Extent::All), |names| Extent::typed(flag, names))
        };
        let scope = Scope {
            products: Extent::typed("--product", &self.products)?,
            environments: part("--environment", &self.environments)?,
            repositories: canonical_names(engine, &part("--repository", &self.repositories)?)?,
            actions: part("--action", &self.actions)?,
        };
        scope.check().map(|()| scope)
    }
}

/// A secret in the making.
pub(crate) struct Fresh<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) name: &'a str,
    pub(crate) person: Option<&'a PersonId>,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    pub(crate) expires: Time,
    /// The token it was made with, and ends with.
    pub(crate) parent: Option<String>,
    /// Under which account it is recorded that it was made.
    pub(crate) by: &'a str,
}

impl Fresh<'_> {
    /// Makes it, on record: who may do what by which secret is part of the state of the world.
    pub(crate) fn make(self, batch: &mut Batch<'_>) -> Result<Session, Fault> {
        let secret = format!("{TOKEN_PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&random::<32>()?).to_lowercase());
        let digest = sha256(secret.as_bytes());
        let token = Token {
            id: TokenId::new(batch.now, random()?).to_string(),
            kind: self.kind,
            name: self.name.chars().take(100).collect(),
            person: self.person.map(ToString::to_string),
            role: self.role,
            scope: self.scope,
            created: batch.now,
            expires: self.expires,
            last_used: None,
            revoked: None,
            parent: self.parent,
            made_by: self.by.to_owned(),
        };
        batch.control(MADE, self.by, &[], &told(&token, &digest))?;
        people::insert_token(batch.tx, &digest, &token)?;
        Ok(Session { secret, id: token.id, expires_at: token.expires })
    }
}

/// The act of making a secret.
pub(crate) const MADE: &str = "token-created";
/// The act of ending secrets.
pub(crate) const ENDED: &str = "token-revoked";

/// What the log tells of a secret.
pub(crate) fn told(t: &Token, digest: &[u8; 32]) -> Value {
    json!({
        "id": t.id, "kind": t.kind.name(), "name": t.name, "person": t.person, "role": t.role, "scope": t.scope,
        "created_at": t.created, "expires_at": t.expires, "parent": t.parent, "made_by": t.made_by,
        "secret_sha256": hex(digest),
    })
}

/// Ends secrets and everything that hangs on them, on record. Returns the ids of those that were live.
pub(crate) fn end(batch: &mut Batch<'_>, ids: Vec<String>, by: &str, because: &str) -> Result<Vec<String>, Fault> {
    let mut ended = Vec::new();
    let mut queue = ids;
    while let Some(id) = queue.pop() {
        queue.extend(people::made_with(batch.tx, &id)?);
        if people::revoke(batch.tx, &id, batch.now)? {
            ended.push(id);
        }
    }
    ended.sort();
    if !ended.is_empty() {
        batch.control(ENDED, by, &[], &json!({ "ids": ended, "because": because }))?;
    }
    Ok(ended)
}

/// Makes a token. An admin makes tokens for pipelines; anybody makes tokens for themselves with their own role. No token
/// reaches further than whoever makes it.
///
/// # Errors
/// A role that may not, no products, an unreasonable life, a failed commit.
pub async fn create_token(engine: &Arc<Engine>, caller: &Caller, new: NewToken) -> Result<Session, Problem> {
    let refuse =
        |why: &str, fix: &str| Problem::new(ProblemKind::BadInput, "bad-token", "No token was made.", why, fix);
    if new.own {
        if caller.person.is_none() || caller.role != new.role {
            return Err(refuse("A token for yourself has your own role.", "Leave out --role, or ask an admin."));
        }
    } else {
        allow(caller, Action::Administer, On::Reached)?;
        // What signs for a person must belong to one.
        if matches!(new.role, Role::ReleaseManager | Role::Approver | Role::Admin) {
            return Err(refuse(
                "A token that belongs to nobody cannot certify, approve or administer.",
                "Let the person make it: `certrail token create --own`.",
            ));
        }
    }
    if !(1..=366).contains(&new.days.unwrap_or(NewToken::DAYS)) || new.name.trim().is_empty() {
        return Err(refuse("It needs a name and a life of 1 to 366 days.", "Give --name and --days."));
    }
    let scope = new.scope(engine)?;
    if !scope.is_within(&caller.scope) {
        let why =
            format!("It would reach further than you do: you reach the products {}.", caller.scope.products.shown());
        return Err(refuse(&why, "Name fewer products, environments, repositories or actions."));
    }
    inputs::reach(engine, &scope.products, &scope.repositories)?;
    let caller = caller.clone();
    let (session, _) = engine
        .write(move |batch| {
            let person = caller.person.clone().filter(|_| new.own);
            // What was made with a token, or in a session opened with one, ends with it; other sessions come and go.
            let made_with = match people::token_by_id(batch.tx, &caller.key)? {
                Some(key) if key.kind == TokenKind::Token => Some(key),
                Some(session) => match &session.parent {
                    Some(parent) => people::token_by_id(batch.tx, parent)?.filter(|p| p.kind == TokenKind::Token),
                    None => None,
                },
                None => None,
            };
            let ends = made_with.as_ref().map(|with| with.expires);
            let expires = match new.days {
                Some(days) => batch.now.plus(days * Time::DAY),
                None => batch.now.plus(NewToken::DAYS * Time::DAY).min(ends.unwrap_or(Time::from_micros(i64::MAX))),
            };
            if ends.is_some_and(|ends| ends < expires) {
                let why = "It would outlive the token that it is made with.";
                return Err(refuse(why, "Ask for fewer days, or make it in a browser session of your own.").into());
            }
            Fresh {
                kind: TokenKind::Token,
                name: new.name.trim(),
                person: person.as_ref(),
                role: new.role,
                scope: scope.clone(),
                expires,
                parent: made_with.map(|with| with.id),
                by: &caller.account(),
            }
            .make(batch)
        })
        .await?;
    Ok(session)
}

/// A token with whose it is, for lists.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    /// The token; the secret is not kept.
    #[serde(flatten)]
    pub token: Token,
    /// The name of the person it stands for.
    pub whose: Option<String>,
    /// The name of whoever made it.
    pub made_by_name: Option<String>,
}

/// Every token, sign-in key and link; sessions that are over are left out. Newest first.
///
/// # Errors
/// A role that may not, or a failing store.
pub fn list_tokens(engine: &Engine, caller: &Caller) -> Result<Vec<TokenView>, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    let now = engine.now();
    let used = engine.last_used();
    engine.read(|tx| {
        let names = people::names(tx)?;
        let name = |id: Option<&String>| names.get(id?).cloned();
        let live = |t: &Token| t.revoked.is_none() && t.expires > now;
        let all = people::tokens(tx)?.into_iter().filter(|t| !t.kind.is_session() || live(t));
        Ok(all
            .map(|mut token| {
                token.last_used = token.last_used.max(used.get(&token.id).copied());
                TokenView { whose: name(token.person.as_ref()), made_by_name: name(Some(&token.made_by)), token }
            })
            .collect())
    })
}

/// Ends a token or session at once, and what was made with it.
///
/// # Errors
/// A role that may not (one's own may always), an unknown id.
pub async fn revoke_token(engine: &Arc<Engine>, caller: &Caller, id: String) -> Result<Vec<String>, Problem> {
    let caller = caller.clone();
    let (ended, _) = engine
        .write(move |batch| {
            let token = people::token_by_id(batch.tx, &id)?;
            let own = token.as_ref().is_some_and(|t| {
                t.id == caller.key || t.person.is_some() && t.person == caller.person.as_ref().map(ToString::to_string)
            });
            if !own {
                // An admin of some products looks after the tokens that reach no further.
                let within = token.as_ref().is_none_or(|t| t.scope.is_within(&caller.scope) && t.person.is_none());
                allow(&caller, Action::Administer, if within { On::Reached } else { On::Everything })?;
            }
            let ended = match token {
                Some(token) => end(batch, vec![token.id], &caller.account(), "revoked")?,
                None => Vec::new(),
            };
            if !ended.contains(&id) {
                return Err(Problem::new(
                    ProblemKind::NotFound,
                    "no-such-token",
                    "Nothing was changed.",
                    "There is no live token of that id.",
                    "List them with `certrail token list`.",
                )
                .into());
            }
            Ok(ended)
        })
        .await?;
    Ok(ended)
}
