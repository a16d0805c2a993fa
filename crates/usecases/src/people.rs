//! People: who they are, what they may do, and when they left.

use std::{collections::BTreeMap, sync::Arc};

use certrail_domain::{
    Action, Extent, PersonId, Problem, ProblemKind, Role, Scope, accounts_meant, is_invisible, is_own_id, own_account,
    plain,
};
use certrail_store::{
    StoreError, Tx,
    tables::people::{self, Person},
};
use serde::Deserialize;

use crate::{
    Caller,
    access::{On, allow},
    connectors::canonical_names,
    engine::{Batch, Engine, Fault, random},
    inputs,
    listed::Listed,
    tokens::end,
};

const NOW: u64 = i64::MAX as u64;

/// A person as they are told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// The name to show.
    pub name: String,
    /// Their accounts and addresses: they say who it is.
    pub accounts: Vec<String>,
    /// Their role.
    pub role: Role,
    /// How far it reaches; everything if not told.
    #[serde(default = "everything")]
    pub scope: Scope,
}

fn everything() -> Scope {
    Scope::ALL
}

fn refuse(kind: ProblemKind, code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(kind, code, "The person was not recorded.", why, fix)
}

impl NewPerson {
    /// Refuses blank values: the variable behind one is unset.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        inputs::required(&self.name, "name")?;
        if self.accounts.is_empty() {
            let fix = "Give the account at the code host, or a mail address: it says who they are.";
            return Err(refuse(ProblemKind::BadInput, "no-account", "There is no account.", fix));
        }
        self.accounts.iter().try_for_each(|a| inputs::required(a, "account"))?;
        if let Some(account) =
            self.accounts.iter().find(|a| a.trim().chars().any(|c| is_invisible(c) || c.is_whitespace()))
        {
            let why =
                format!("`{}` has white space or characters that nobody sees.", inputs::clip(account).escape_debug());
            let fix = "Give an account at a code host, or a mail address.";
            return Err(refuse(ProblemKind::BadInput, "bad-account", why, fix));
        }
        let ours = |a: &&String| a.rsplit(':').next().is_some_and(is_own_id);
        if let Some(account) = self.accounts.iter().find(ours) {
            let why = format!("`{}` is the form of an id of this installation.", inputs::clip(account));
            return Err(refuse(
                ProblemKind::BadInput,
                "bad-account",
                why,
                "Give an account at a code host, or a mail address.",
            ));
        }
        self.scope.check()
    }

    fn accounts(&self) -> Vec<String> {
        let mut accounts: Vec<String> = self.accounts.iter().map(|a| a.trim().to_lowercase()).collect();
        accounts.sort();
        accounts.dedup();
        accounts
    }
}

/// Records a person's new state.
pub(crate) fn record(batch: &mut Batch<'_>, id: Option<PersonId>, new: &NewPerson, by: &str) -> Result<Person, Fault> {
    let id = match id {
        Some(id) => id,
        None => PersonId::new(batch.now, random()?),
    };
    let name = new.name.trim().chars().take(200).collect();
    let person =
        Person { id, name, accounts: new.accounts(), role: new.role, scope: new.scope.clone(), ended_at: None };
    put(batch, &person, by)?;
    Ok(person)
}

fn put(batch: &mut Batch<'_>, person: &Person, by: &str) -> Result<(), Fault> {
    let index = batch.control("person", by, &[], person)?;
    people::record(batch.tx, person, index)?;
    Ok(())
}

/// Everybody whose record can be read: a damaged one keeps nobody else from leaving.
fn readable(tx: &Tx<'_>) -> Result<Vec<Person>, StoreError> {
    Ok(people::listed_at(tx, NOW)?.into_iter().filter_map(|(_, person)| person.ok()).collect())
}

/// The person of an id or account.
pub(crate) fn person_of(tx: &Tx<'_>, wanted: &str) -> Result<Person, Fault> {
    let everybody = readable(tx)?;
    // An id names one person, and is nobody's account.
    let found = match is_own_id(wanted) {
        true => everybody.into_iter().find(|p| p.id.as_str() == wanted.trim()),
        false => everybody.into_iter().find(|p| p.is_recorded_by(wanted)),
    };
    found.ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            "no-such-person",
            "Nothing was done.",
            format!("There is no person with the account `{}`.", wanted.chars().take(60).collect::<String>()),
            "`certrail person list` lists them; add somebody with `certrail person add`.",
        )
        .into()
    })
}

/// Whether an admin of everything is left among people; an installation without one could not be managed any more.
fn has_admin(tx: &Tx<'_>) -> Result<bool, StoreError> {
    let whole = |p: &Person| p.role == Role::Admin && p.scope == Scope::ALL && p.ended_at.is_none();
    Ok(readable(tx)?.iter().any(whole))
}

/// Refuses what would leave none where there was one.
fn admin_is_left(tx: &Tx<'_>, before: bool) -> Result<(), Fault> {
    if !before || has_admin(tx)? {
        return Ok(());
    }
    let fix = "Make somebody else an admin of everything first.";
    Err(refuse(ProblemKind::Refused, "last-admin", "Nobody would be left who may manage this installation.", fix)
        .into())
}

/// Makes a person, or changes the one who has one of the accounts. Whoever loses a role or reach loses the tokens that rested on it.
///
/// # Errors
/// A role that may not, accounts of two people, the last admin, somebody who changes their own role.
pub async fn put_person(engine: &Arc<Engine>, caller: &Caller, new: NewPerson) -> Result<Person, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    new.check()?;
    let mut new = new;
    new.scope.repositories = canonical_names(engine, &new.scope.repositories)?;
    let caller = caller.clone();
    let (person, _) = engine
        .write(move |batch| {
            let accounts: Vec<String> = new.accounts.iter().flat_map(|account| accounts_meant(account)).collect();
            let overlapping = people::all_at(batch.tx, NOW)?
                .into_iter()
                .filter(|p| p.accounts_meant().any(|own| accounts.contains(&own)));
            // Whose record it is follows from what is written, not from what a bare word stands for besides.
            let (known, beside): (Vec<Person>, Vec<Person>) =
                overlapping.partition(|p| new.accounts.iter().any(|account| p.is_recorded_by(account)));
            if let Some(other) = beside.first() {
                let why = format!("What is told by that word is {}'s.", other.name);
                let fix = "A bare word is the login at github.com and whoever is told by it: write `github.com:…` or `name:…` in both records.";
                return Err(refuse(ProblemKind::Conflict, "account-taken", why, fix).into());
            }
            if let [one, another, ..] = known.as_slice() {
                let why = format!("The accounts belong to two people, {} and {}.", one.name, another.name);
                let fix = "An account stands for one person; name the accounts of one.";
                return Err(refuse(ProblemKind::Conflict, "account-taken", why, fix).into());
            }
            let before = known.into_iter().next();
            let own = before.as_ref().is_some_and(|p| caller.person.as_ref() == Some(&p.id));
            if own && before.as_ref().is_some_and(|p| p.role != new.role || p.scope != new.scope) {
                let fix = "Ask another admin: who writes the rules gives nobody, themselves included, the right to decide under them alone.";
                let why = "Nobody changes their own role or scope.";
                return Err(refuse(ProblemKind::Refused, "own-role", why, fix).into());
            }
            if before.as_ref().is_some_and(|p| p.ended_at.is_some()) {
                let why = "The account belongs to somebody who has left; what they did stays theirs.";
                let fix = "Use another account for whoever comes now.";
                return Err(refuse(ProblemKind::Conflict, "has-left", why, fix).into());
            }
            if let Some(before) = &before {
                keeps_accounts(batch.tx, before, &new)?;
            }
            // Pages and dossiers say who did what by name: it is one person's, the names of those who left included.
            let called = plain(&new.name);
            let others = people::all_at(batch.tx, NOW)?.into_iter().filter(|p| before.as_ref().is_none_or(|b| b.id != p.id));
            if let Some(other) = others.into_iter().find(|p| plain(&p.name) == called) {
                let why = format!("Somebody else is called {} already.", other.name);
                let fix = "Write what tells them apart behind the name: a team, or a second initial.";
                return Err(refuse(ProblemKind::Conflict, "name-taken", why, fix).into());
            }
            let managed = has_admin(batch.tx)?;
            let person = record(batch, before.as_ref().map(|p| p.id.clone()), &new, &caller.account())?;
            admin_is_left(batch.tx, managed)?;
            // What was made under a role ends with it; sessions follow the role that is held now.
            if before.is_some_and(|b| b.role != person.role || !b.scope.is_within(&person.scope)) {
                let hung = hanging_on(batch.tx, person.id.as_str(), Keep::Keys)?;
                end(batch, hung, &caller.account(), "their role or scope changed")?;
            }
            Ok(person)
        })
        .await?;
    Ok(person)
}

/// Whoever has signed in keeps the accounts of their record: one that is free again could be somebody else's, who would then come in
/// under it, and two accounts of one person would be those of two.
fn keeps_accounts(tx: &Tx<'_>, before: &Person, new: &NewPerson) -> Result<(), Fault> {
    let kept = |account: &&String| new.accounts.iter().any(|a| own_account(a) == own_account(account));
    let Some(lost) = before.accounts.iter().find(|account| !kept(account)) else { return Ok(()) };
    if !people::has_signed_in(tx, before.id.as_str())? {
        return Ok(());
    }
    let why =
        format!("{} is an account of {}, who has signed in: what was done by it stays theirs.", lost, before.name);
    let fix = "Name all their accounts; add those that are missing.";
    Err(refuse(ProblemKind::Conflict, "account-kept", why, fix).into())
}

/// Which secrets of a person go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Those by which they sign in.
    Keys,
    Nothing,
}

/// The live secrets that rest on a person: their own, and those they made for others.
fn hanging_on(tx: &Tx<'_>, person: &str, keep: Keep) -> Result<Vec<String>, StoreError> {
    let own = |t: &people::Token| t.person.as_deref() == Some(person) && (keep == Keep::Nothing || !t.kind.signs_in());
    let made = |t: &people::Token| t.made_by == person && t.person.as_deref() != Some(person);
    let all = people::tokens(tx)?.into_iter().filter(|t| t.revoked.is_none());
    Ok(all.filter(|t| own(t) || made(t)).map(|t| t.id).collect())
}

/// Somebody leaves: they sign in no more, and every secret that rests on them ends. What they did stays theirs.
///
/// # Errors
/// A role that may not, an unknown person, the last admin, oneself.
pub async fn end_person(engine: &Arc<Engine>, caller: &Caller, wanted: &str) -> Result<(Person, Vec<String>), Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    let (caller, wanted) = (caller.clone(), wanted.to_owned());
    let (ended, _) = engine
        .write(move |batch| {
            let mut person = person_of(batch.tx, &wanted)?;
            if caller.person.as_ref() == Some(&person.id) {
                let fix = "Ask another admin.";
                return Err(refuse(ProblemKind::Refused, "own-role", "Nobody ends themselves.", fix).into());
            }
            if person.ended_at.is_some() {
                let why = format!("{} has left already.", person.name);
                return Err(refuse(ProblemKind::Conflict, "has-left", why, "There is nothing to do.").into());
            }
            let managed = has_admin(batch.tx)?;
            person.ended_at = Some(batch.now);
            put(batch, &person, &caller.account())?;
            admin_is_left(batch.tx, managed)?;
            let hung = hanging_on(batch.tx, person.id.as_str(), Keep::Nothing)?;
            let tokens = end(batch, hung, &caller.account(), "they left")?;
            Ok((person, tokens))
        })
        .await?;
    Ok(ended)
}

/// Everybody, by id.
///
/// # Errors
/// When the store fails.
pub fn list_people(engine: &Engine) -> Result<Vec<Listed<Person>>, Problem> {
    engine.read(|tx| {
        let all = people::listed_at(tx, NOW)?;
        all.into_iter().map(|(id, person)| Listed::of(person, &id, &id)).collect()
    })
}

/// What people are called, by id, as far as that can be read.
///
/// # Errors
/// When the store fails.
pub fn names_of_people(engine: &Engine) -> Result<BTreeMap<String, String>, Problem> {
    engine.read(people::names)
}

/// A scope of products as somebody typed it, with everything else.
///
/// # Errors
/// When it names nothing.
pub fn scope_of_products(names: &[String]) -> Result<Scope, Problem> {
    Ok(Scope { products: Extent::typed("--product", names)?, ..Scope::ALL })
}
