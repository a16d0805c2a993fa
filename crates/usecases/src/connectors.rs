//! Connectors: who is heard at `/hooks/{id}`, with which secrets, and what each may speak for.

use std::sync::Arc;

use certrail_domain::{Action, Connector, Extent, Problem, ProblemKind, RepositoryName, is_host};
use certrail_ledger::sha256;
use certrail_sources::ForgeRepository;
use certrail_store::{Tx, tables::connectors};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Caller,
    access::{On, allow},
    engine::{Batch, Engine, Fault, Names, internal, random},
    inputs,
    listed::Listed,
};

/// The entries of the log about connectors.
pub(crate) const PUT: &str = "connector";
pub(crate) const SECRET: &str = "secret-added";
pub(crate) const NAMED: &str = "repository-named";

/// What is told of a connector; what is not named stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorInput {
    /// How its deliveries are read; said once.
    pub provider: Option<String>,
    /// The forge's host; said once, that of the provider if not given.
    pub host: Option<String>,
    /// The repositories it may speak for, or `"*"`.
    pub repositories: Option<Extent>,
    /// The products it may speak for, or `"*"`.
    pub products: Option<Extent>,
}

/// A secret that was made: shown once.
#[derive(Clone, Debug, Serialize)]
pub struct NewSecret {
    /// The name it goes by in the log.
    pub name: String,
    /// What to set at the sender.
    pub secret: String,
}

fn refuse(why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(ProblemKind::BadInput, "bad-connector", "The connector was not recorded.", why, fix)
}

fn no_such(id: &str) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "no-such-connector",
        "Nothing was changed.",
        format!("There is no connector `{}`.", inputs::clip(id)),
        "Look at them with `certrail connector list`.",
    )
}

/// Every connector, by id.
///
/// # Errors
/// When the store fails.
pub fn list_connectors(engine: &Engine) -> Result<Vec<Listed<Arc<Connector>>>, Problem> {
    Ok(engine.heard()?.connectors().cloned().collect())
}

/// Makes or changes a connector.
///
/// # Errors
/// A role that may not, a malformed id or host, an unknown provider, a reach that is not said, a failed commit.
pub async fn put_connector(
    engine: &Arc<Engine>,
    caller: &Caller,
    id: &str,
    input: ConnectorInput,
) -> Result<Connector, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    if !Connector::is_id(id) {
        return Err(refuse("Its id does not fit into an address.", "Use lower-case letters, digits and hyphen."));
    }
    // What people and pipelines here are called, and readers of files.
    if ["cli", "api", "page", "certrail"].contains(&id) {
        return Err(refuse(format!("`{id}` is what something else is called."), "Use another id."));
    }
    let named = |extent: &Option<Extent>| extent.clone().unwrap_or(Extent::All);
    inputs::reach(engine, &named(&input.products), &named(&input.repositories))?;
    let (id, account) = (id.to_owned(), caller.account());
    let (connector, _) = engine
        .write(move |batch| {
            let known = connectors::get(batch.tx, &id)?;
            if known.as_ref().is_some_and(|known| known.ended) {
                return Err(refuse(
                    "It is ended, and its secrets are still known to whoever had them.",
                    "Use another id.",
                )
                .into());
            }
            let connector = changed(&id, known.as_ref(), input.clone())?;
            if known.as_ref() != Some(&connector) {
                let index = batch.control(PUT, &account, &[], &connector)?;
                connectors::put(batch.tx, &connector, index)?;
            }
            Ok(connector)
        })
        .await?;
    engine.hear_anew();
    Ok(connector)
}

/// What a connector becomes.
fn changed(id: &str, known: Option<&Connector>, input: ConnectorInput) -> Result<Connector, Problem> {
    let provider = match (known, input.provider) {
        (Some(known), Some(other)) if known.provider != other => {
            return Err(refuse("Its provider was said before, and stays.", "Make another connector."));
        }
        (Some(known), _) => known.provider.clone(),
        (None, Some(provider)) => provider,
        (None, None) => return Err(refuse("Its provider is not said.", "Name one with --provider.")),
    };
    let Some(source) = certrail_sources::find(&provider) else {
        let names: Vec<&str> = certrail_sources::ALL.iter().map(|s| s.name()).collect();
        return Err(refuse(
            format!("There is no provider `{}`.", inputs::clip(&provider)),
            &format!("Use one of: {}.", names.join(", ")),
        ));
    };
    let host = input.host.map(|host| host.trim().to_ascii_lowercase());
    let host = match (known, host) {
        (Some(known), Some(other)) if known.host != other => {
            return Err(refuse("Its host was said before, and stays.", "Make another connector."));
        }
        (Some(known), _) => known.host.clone(),
        (None, host) => host.unwrap_or_else(|| source.host().to_owned()),
    };
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if host.is_empty() || host.len() > 253 || !host.chars().all(letter) || !is_host(&host) {
        return Err(refuse(
            "Its host is no name of a host.",
            "Give it like github.example.com, without https:// or a path.",
        ));
    }
    let lower = |extent: Extent| match extent {
        Extent::All => Extent::All,
        Extent::Only(names) => Extent::Only(names.into_iter().map(|n| n.trim().to_ascii_lowercase()).collect()),
    };
    let reach = |given: Option<Extent>, before: Option<&Extent>, name: &str| {
        let reach = given.or_else(|| before.cloned());
        reach.filter(|r| *r != Extent::none()).ok_or_else(|| {
            refuse(
                format!("Which {name} it may speak for is not said."),
                &format!("Name them; every one there is and will be is `*`, and has to be typed ({name})."),
            )
        })
    };
    Ok(Connector {
        id: id.to_owned(),
        provider,
        host,
        repositories: reach(input.repositories.map(lower), known.map(|k| &k.repositories), "repositories")?,
        products: reach(input.products, known.map(|k| &k.products), "products")?,
        ended: false,
    })
}

/// Ends a connector: nothing that is sent to its address is heard any more.
///
/// # Errors
/// A role that may not, an unknown connector, a failed commit.
pub async fn end_connector(engine: &Arc<Engine>, caller: &Caller, id: &str) -> Result<Connector, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    let (id, account) = (id.to_owned(), caller.account());
    let (connector, _) = engine
        .write(move |batch| {
            let known = connectors::get(batch.tx, &id)?.filter(|known| !known.ended);
            let connector = Connector { ended: true, ..known.ok_or_else(|| no_such(&id))? };
            let index = batch.control(PUT, &account, &[], &connector)?;
            connectors::put(batch.tx, &connector, index)?;
            Ok(connector)
        })
        .await?;
    engine.hear_anew();
    Ok(connector)
}

/// Makes a secret for a connector; the one before it stays live until the next one is made.
///
/// # Errors
/// A role that may not, an unknown connector, a folder of keys that cannot be written, a failed commit.
pub async fn add_connector_secret(engine: &Arc<Engine>, caller: &Caller, id: &str) -> Result<NewSecret, Problem> {
    allow(caller, Action::Administer, On::Everything)?;
    if engine.heard()?.connector(id).is_none() {
        return Err(no_such(id));
    }
    let secret = data_encoding::HEXLOWER.encode(&random::<32>()?);
    let (own, connector, given) = (engine.clone(), id.to_owned(), secret.clone());
    let made = engine.look(move || own.keys.add_secret(&connector, &given).map_err(|e| internal(&e))).await?;
    note_secret(engine, id, &made, &caller.account()).await?;
    Ok(NewSecret { name: made, secret })
}

/// Puts on record that a connector has a secret of that name, unless it is.
pub(crate) async fn note_secret(engine: &Arc<Engine>, connector: &str, name: &str, by: &str) -> Result<(), Problem> {
    let (connector, name, by) = (connector.to_owned(), name.to_owned(), by.to_owned());
    engine
        .write(move |batch| {
            if !connectors::secrets(batch.tx)?.iter().any(|(known, ..)| *known == name) {
                let index = batch.control(SECRET, &by, &[], &json!({ "connector": connector, "secret": name }))?;
                connectors::note_secret(batch.tx, &name, &connector, index)?;
            }
            Ok(())
        })
        .await?;
    engine.hear_anew();
    Ok(())
}

/// Puts on record which secrets were made in the data folder, by whoever has it. Called at the start and now and then.
///
/// # Errors
/// When the store or the folder of keys fails.
pub async fn note_secrets(engine: &Arc<Engine>) -> Result<(), Problem> {
    let all = list_connectors(engine)?;
    for connector in all.iter().filter_map(Listed::whole).filter(|c| !c.ended) {
        let secrets = engine.keys.secrets(&connector.id).map_err(|e| internal(&e))?;
        for secret in secrets.iter() {
            if !engine.heard()?.knows_secret(&secret.name) {
                note_secret(engine, &connector.id, &secret.name, "operator").await?;
            }
        }
    }
    Ok(())
}

/// The first connector of an installation: github.com, for whatever repositories its products have. An admin narrows it.
///
/// # Errors
/// When the store fails.
pub async fn first_connector(engine: &Arc<Engine>) -> Result<(), Problem> {
    if engine.heard()?.connectors().next().is_none() {
        let input = ConnectorInput {
            provider: Some("github".into()),
            host: None,
            repositories: Some(Extent::All),
            products: Some(Extent::All),
        };
        put_connector(engine, &Caller::internal("certrail"), "github", input).await?;
    }
    Ok(())
}

/// What the repository of a delivery is called here, as of now. What the forge's own id tells counts, not the name: a
/// repository that was renamed stays the one it was, and a new one under a name that is taken is another.
///
/// # Errors
/// A repository that the connector does not speak for, a failed commit.
pub(crate) async fn repository_of(
    engine: &Arc<Engine>,
    connector: &Connector,
    told: &ForgeRepository,
    body: &[u8],
) -> Result<String, Problem> {
    let name = home_name(connector, &told.name);
    let heard = engine.heard()?;
    let names = heard.names();
    let Some(id) = &told.id else {
        // A delivery without an id is about the repository that is called so now.
        let canonical = names.called(&connector.id, &name).map_or(&name, |known| &known.canonical);
        return within(connector, canonical).map(|()| canonical.clone());
    };
    if let Some(known) = names.of(&connector.id, id)
        && !is_news(names, connector, known, &name)
    {
        return within(connector, &known.canonical).map(|()| known.canonical.clone());
    }
    let (own, id, digest) = (connector.clone(), id.clone(), sha256(body));
    let note = move |batch: &mut Batch<'_>| {
        // The same bytes again, whoever sends them and under whatever id, say what was so when they came first.
        let again = batch.brought(&digest)?.is_some();
        named(batch, &own, &id, &name, again)
    };
    let (canonical, _) = engine.write(note).await?;
    engine.hear_anew();
    Ok(canonical)
}

/// Whether a new name of a known repository is one to note: the connector may speak for it, and nobody else has it.
fn is_news(names: &Names, connector: &Connector, known: &RepositoryName, name: &str) -> bool {
    known.name != name
        && connector.repositories.has_in_any_case(name)
        && names.called(&connector.id, name).is_none()
        && (known.canonical == name || !names.has_canonical(&connector.id, name))
}

/// `owner/name`, with the host before it where it is not the one whose names go by themselves.
fn home_name(connector: &Connector, name: &str) -> String {
    let usual = certrail_sources::find(&connector.provider).map_or("", |source| source.host());
    if connector.host == usual { name.to_owned() } else { format!("{}/{name}", connector.host) }
}

/// Notes what a forge calls a repository from now on, if that is news; returns what it is called here.
fn named(batch: &mut Batch<'_>, connector: &Connector, id: &str, name: &str, again: bool) -> Result<String, Fault> {
    let names = Names::load(batch.tx)?;
    let known = names.of(&connector.id, id);
    if let Some(known) = known.filter(|known| again || !is_news(&names, connector, known, name)) {
        within(connector, &known.canonical)?;
        return Ok(known.canonical.clone());
    }
    // No name that a forge gives has a tilde, so that nobody has this one already.
    let apart = format!("{name}~{id}");
    let canonical = match known {
        Some(known) => known.canonical.clone(),
        None if names.has_canonical(&connector.id, name) => apart.clone(),
        None => name.to_owned(),
    };
    within(connector, &canonical)?;
    // Whoever claims a name that another still has does not get it.
    let name = if names.called(&connector.id, name).is_some() { apart } else { name.to_owned() };
    let (connector, host) = (connector.id.clone(), connector.host.clone());
    let told = RepositoryName { connector, host, forge_id: id.to_owned(), name, canonical };
    let index = batch.control(NAMED, &told.connector, &[], &told)?;
    connectors::name_repository(batch.tx, &told, index)?;
    Ok(told.canonical)
}

/// Whoever holds the secret of one connector speaks for no repository of another.
fn within(connector: &Connector, canonical: &str) -> Result<(), Problem> {
    if connector.repositories.has_in_any_case(canonical) {
        return Ok(());
    }
    let why = format!("The connector {} does not speak for {}.", connector.id, inputs::clip(canonical));
    Err(other_repository(connector, canonical, &why))
}

fn other_repository(connector: &Connector, name: &str, why: &str) -> Problem {
    let fix = format!(
        "Ask an admin to name it with `certrail connector set {} --repository {}`, or send it to the connector that has it.",
        connector.id,
        inputs::clip(name)
    );
    Problem::new(ProblemKind::NotAllowed, "other-repository", "The delivery was not recorded.", why, fix)
}

/// What a repository is called here that somebody names as its forge does now.
///
/// # Errors
/// When the store fails.
pub(crate) fn canonical_in(tx: &Tx<'_>, name: &str) -> Result<String, Fault> {
    Ok(Names::load(tx)?.canonical(name).unwrap_or(name).to_owned())
}

/// [`canonical_in`] as of now, for what a pipeline names.
///
/// # Errors
/// When the store fails.
pub(crate) fn canonical_name(engine: &Engine, name: &str) -> Result<String, Problem> {
    let name = name.trim().to_ascii_lowercase();
    Ok(engine.heard()?.names().canonical(&name).map(str::to_owned).unwrap_or(name))
}

/// [`canonical_name`] of each of some repositories.
///
/// # Errors
/// When the store fails.
pub(crate) fn canonical_names(engine: &Engine, names: &Extent) -> Result<Extent, Problem> {
    let Extent::Only(names) = names else { return Ok(Extent::All) };
    names.iter().map(|name| canonical_name(engine, name)).collect::<Result<_, _>>().map(Extent::Only)
}
