//! What no webhook brings: a cut, a change, a ticket, an approval, a deployment, told by a person or a pipeline.

mod change;
mod commits;
mod input;

use std::{collections::BTreeSet, sync::Arc};

use certrail_domain::{
    Action, Actor, Extent, Facts, HowKnown, Key, Problem, ProblemKind, Product, Signal, Time,
    facts::{Approval, Deployment, ReleaseManifest, RollbackTarget, Ticket, Validation},
    normal_version, told_account,
};
use certrail_store::tables::{graph, people, releases};
use serde::Serialize;

pub use self::input::*;
use crate::{
    Caller,
    accept::{Ack, Incoming, accept, accept_part},
    access::{On, allow},
    add_evidence::{MetRequirement, met_by},
    as_seen::{as_seen, no_such_position},
    connectors,
    engine::{Engine, LogHead},
    inputs::{self, refuse, required},
};

/// How something is sent.
#[derive(Clone, Debug, Default)]
pub struct Sending {
    /// The sender's key for this delivery: sent again under the same key, it is the same delivery.
    pub key: Option<String>,
    /// When it was first tried, where it waited since: what happened did not happen later for that.
    pub tried_at: Option<Time>,
}

/// What became of a fact.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Where it ended up.
    pub ack: Ack,
    /// Where its parts did: the reviews of a change in their order, then the protection of its branch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Ack>,
    /// The requirements that rest on it now.
    pub met: Vec<MetRequirement>,
}

/// Takes a fact, and what it has parts of, in one commit.
///
/// # Errors
/// A role that may not, an unknown product or release, an empty or malformed value, a failed commit.
pub async fn record_fact(
    engine: &Arc<Engine>,
    caller: &Caller,
    mut input: FactInput,
    body: Vec<u8>,
    sending: Sending,
) -> Result<(Told, Arc<LogHead>), Problem> {
    input.tried_at(sending.tried_at);
    input.trim_environment()?;
    let (action, product) = match &input {
        FactInput::Manifest(m) => (Action::Cut, &m.product),
        FactInput::Change(c) => (Action::Record, &c.product),
        FactInput::Ticket(t) => (Action::Record, &t.product),
        FactInput::Approval(a) => (if a.meaning == "approval" { Action::Approve } else { Action::Certify }, &a.product),
        FactInput::Deployment(d) => (Action::Record, &d.product),
        FactInput::Validation(v) => (Action::Record, &v.product),
        FactInput::RollbackTarget(r) => (Action::Record, &r.product),
    };
    required(product, "product")?;
    let on = match &input {
        FactInput::Deployment(DeploymentInput { environment, .. })
        | FactInput::Validation(ValidationInput { environment, .. })
        | FactInput::Approval(ApprovalInput { environment, .. })
            if !environment.is_empty() =>
        {
            On::Environment(product, environment)
        }
        _ => On::Product(product),
    };
    // A sign-off is a person's word, whichever of the two deciding roles they hold.
    let signs = match &input {
        FactInput::Approval(a) => a.meaning != "approval",
        // So is that they authorise a work item, here and now.
        FactInput::Ticket(t) => caller.is_interactive() && t.authorised_by.as_ref() == Some(&caller.actor()),
        _ => false,
    };
    let deciding = [Action::Approve, Action::Certify].into_iter().find(|action| signs && caller.may(*action));
    allow(caller, deciding.unwrap_or(action), on)?;
    let product = inputs::product(engine, product)?;
    if let FactInput::Manifest(ManifestInput { repository, .. }) = &mut input {
        own_repository(engine, caller, &product, repository)?;
    }
    if let FactInput::Manifest(told) = &mut input {
        cut_where_it_was_pushed(engine, &product, told)?;
    }
    if let FactInput::Change(change) = &mut input {
        let only = (product.repositories.len() == 1).then(|| product.repositories[0].clone());
        change.repository = change.repository.take().or(only);
        own_repository(engine, caller, &product, &mut change.repository)?;
    }
    // Whoever speaks of some repositories only says of a commit what its own object says: others have commits, too.
    let left_out = match &mut input {
        _ if caller.scope.repositories.is_all() => 0,
        FactInput::Manifest(told) => told.range.as_deref_mut().map_or(0, commits::leave_objects),
        FactInput::Change(told) => commits::leave_objects(&mut told.commits),
        _ => 0,
    };
    let parts = match &input {
        FactInput::Change(told) => change::parts(told, engine.now())?,
        _ => Vec::new(),
    };
    let mut first = to_signal(engine, caller, input)?;
    if left_out > 0 {
        first.warnings.push(format!(
            "What was said of {left_out} commits was left out: your token names repositories, and of commits only their objects (`raw`) count."
        ));
    }
    first.warnings.extend(of_no_production(&product, &first.facts));
    let commits = first.named.clone();
    let incoming = |signal: Signal, body: Vec<u8>, key: Option<&str>| -> Result<Incoming, Problem> {
        Ok(Incoming {
            connector: caller.connector().into(),
            delivery: caller.delivery(key)?,
            media: "application/json".into(),
            auth_how: caller.how.clone(),
            auth_key: caller.key.clone(),
            mapper: "fact@1".into(),
            body,
            signal: Arc::new(signal),
            part_of: None,
            findings: None,
            vex: None,
        })
    };
    let first = incoming(first, body, sending.key.as_deref())?.ready(engine)?;
    let mut rest = Vec::with_capacity(parts.len());
    for (number, part) in parts.into_iter().enumerate() {
        let key = sending.key.as_ref().map(|key| format!("{key}/{number}"));
        // A review is of the releases that its change is of; a rule is of its repository.
        let named = if matches!(part.facts, Facts::Review(_)) { commits.clone() } else { Vec::new() };
        let signal = Signal { named, ..signal(caller, &product.name, part.facts, Some(part.at)) };
        rest.push(incoming(signal, part.body, key.as_deref())?.ready(engine)?);
    }
    let ((ack, parts), head) = engine
        .write(move |batch| {
            let ack = accept(batch, &first)?;
            let parts = rest.iter().map(|part| accept_part(batch, part, ack.index)).collect::<Result<Vec<_>, _>>()?;
            Ok((ack, parts))
        })
        .await?;
    let acks = std::iter::once(&ack).chain(&parts).cloned().collect();
    let mut met: Vec<MetRequirement> = met_by(engine, acks).await?.into_iter().flatten().collect();
    let mut named = BTreeSet::new();
    met.retain(|m| named.insert((m.release.clone(), m.requirement.clone())));
    Ok((Told { ack, parts, met }, head))
}

/// A deployment is approved where its product says that production is; a misspelt environment would be approved for nothing.
fn of_no_production(product: &Product, facts: &Facts) -> Option<String> {
    let Facts::Approval(Approval { environment, .. }) = facts else { return None };
    let production = &product.production;
    let counts = environment.is_empty() || product.calls_production(environment);
    (!counts).then(|| {
        let (environment, name, all) = (inputs::clip(environment), &product.name, production.join(", "));
        format!(
            "{environment} is no production of {name}, which is {all}: no deployment to production is approved by this."
        )
    })
}

/// What is told is told of a repository that its teller reaches and its product has, by the name it has here.
fn own_repository(
    engine: &Engine,
    caller: &Caller,
    product: &Product,
    repository: &mut Option<String>,
) -> Result<(), Problem> {
    *repository = repository.take().map(|name| connectors::canonical_name(engine, &name)).transpose()?;
    reaches_repository(caller, repository.as_deref())?;
    is_of_product(product, repository.as_deref())
}

/// A release is cut once, and from the repository that its commit was pushed to, as far as that is known.
fn cut_where_it_was_pushed(engine: &Engine, product: &Product, told: &mut ManifestInput) -> Result<(), Problem> {
    let version = normal_version(&told.version);
    let (pushed, known) = engine.read(|tx| {
        let pushed = graph::pushed_to(tx, &told.commit.to_ascii_lowercase(), &product.name)?;
        let pushed: BTreeSet<String> = pushed.into_iter().map(|(repository, _)| repository).collect();
        Ok((pushed, releases::by_version(tx, &product.name, version)?))
    })?;
    if let Some(cut) = known.as_ref().and_then(|stored| stored.release.commit.as_deref())
        && !cut.eq_ignore_ascii_case(&told.commit)
    {
        let why = format!("{} {version} is cut at {cut}; this names {}.", product.name, told.commit);
        let fix = "Give what is at another commit a version of its own.";
        return Err(Problem::new(ProblemKind::Conflict, "cut-elsewhere", "The release was not cut.", why, fix));
    }
    let own: Vec<&String> = pushed.iter().filter(|name| product.repositories.contains(name)).collect();
    let named = told.repository.as_ref().map(|name| name.to_ascii_lowercase());
    let other = |why: String| {
        Err(refuse("other-repository", why, "Cut it in a checkout of the repository that its commit was pushed to."))
    };
    match (&named, own.as_slice()) {
        (Some(named), [first, ..]) if !own.contains(&named) => {
            return other(format!("Commit {} was pushed to {first}, not to {}.", told.commit, inputs::clip(named)));
        }
        (None, [only]) => told.repository = Some((*only).clone()),
        _ => {}
    }
    let before = known.filter(|stored| stored.release.commit.is_some()).and_then(|stored| stored.release.repository);
    match before {
        Some(before) if told.repository.as_ref().is_some_and(|name| !name.eq_ignore_ascii_case(&before)) => {
            other(format!("{} {version} is cut from {before}.", product.name))
        }
        _ => Ok(()),
    }
}

/// Whoever speaks for some repositories cuts no release from another and tells no change of it.
fn reaches_repository(caller: &Caller, repository: Option<&str>) -> Result<(), Problem> {
    let reached = &caller.scope.repositories;
    match repository {
        _ if reached.is_all() => Ok(()),
        Some(repository) if reached.has_in_any_case(repository) => Ok(()),
        other => Err(Problem::new(
            ProblemKind::NotAllowed,
            "scope",
            "Nothing was recorded.",
            format!(
                "You reach the repositories {}; this is {}.",
                reached.shown(),
                other.map_or_else(|| "of none that it names".to_owned(), inputs::clip)
            ),
            "Name a repository you reach, or use a token made for this one.",
        )),
    }
}

/// A release is cut from a repository of its product, and a change is one of it, where the product names any.
fn is_of_product(product: &Product, repository: Option<&str>) -> Result<(), Problem> {
    let Some(repository) = repository.map(str::to_ascii_lowercase) else { return Ok(()) };
    if product.repositories.is_empty() || product.repositories.contains(&repository) {
        return Ok(());
    }
    Err(refuse(
        "other-repository",
        format!(
            "{} is no repository of {}: {}.",
            inputs::clip(&repository),
            product.name,
            product.repositories.join(", ")
        ),
        "Use a checkout of the product's own repository, or ask an admin to add this one to the product.",
    ))
}

/// A fact whose sender says no time for it happened when we received it.
fn to_signal(engine: &Arc<Engine>, caller: &Caller, input: FactInput) -> Result<Signal, Problem> {
    let (facts, named, occurred_at, product) = match input {
        FactInput::Manifest(m) => {
            let m = ReleaseManifest {
                product: m.product,
                version: normal_version(&m.version).to_owned(),
                release_type: m.release_type,
                repository: m.repository.map(|r| r.to_ascii_lowercase()),
                commit: m.commit.to_ascii_lowercase(),
                previous: m.previous,
                range: m
                    .range
                    .map(|all| commits::read(all, commits::MOST, "Name the previous release with --previous."))
                    .transpose()?,
                digests: m.digests,
                planned_at: m.planned_at,
            };
            check_manifest(&m)?;
            let product = m.product.clone();
            (Facts::Manifest(m), vec![], None, product)
        }
        FactInput::Change(told) => {
            let product = told.product.clone();
            // What is not merged stands as it does when we hear it.
            let at = told.merged_at;
            let change = change::change(*told)?;
            let named = change.own_commits();
            (Facts::Change(change), named, at, product)
        }
        FactInput::Ticket(t) => {
            for (name, value) in [("key", &t.key), ("title", &t.title), ("status", &t.status)] {
                required(value, name)?;
            }
            inputs::work_item(&t.key)?;
            let ticket = Ticket {
                key: t.key.to_ascii_uppercase(),
                title: t.title,
                reason: t.reason,
                status: t.status,
                requester: t.requester.map(told),
                authorised_by: t.authorised_by.map(told),
                authorised_at: t.authorised_at,
                change_type: t.change_type,
                impact: t.impact,
                url: t.url,
            };
            (Facts::Ticket(ticket), vec![], t.occurred_at, t.product)
        }
        FactInput::Approval(a) => {
            required(&a.meaning, "meaning")?;
            if a.meaning == "approval" {
                required(&a.environment, "environment")?;
            }
            if caller.person.is_none() {
                return Err(refuse(
                    "not-a-person",
                    "An approval is a person's signature, and this token belongs to nobody.",
                    "Sign in as a person, or use a token that a person made for themselves.",
                ));
            }
            let mut release = release_of(engine, &a.product, &a.release)?;
            if let Some(seen) = a.seen {
                release.digests = digests_at(engine, &a.product, &a.release, seen)?;
            }
            let approval = Approval {
                environment: a.environment,
                approver: Some(caller.actor()),
                verdict: a.verdict,
                // The exact build, as it was when they looked. If it changes, this goes stale.
                digests: release.digests.clone(),
                commit: release.commit.clone(),
                meaning: a.meaning,
                comment: inputs::words("comment", &a.comment, 0)?,
                repository: None,
                run: None,
                also: Vec::new(),
            };
            (Facts::Approval(approval), vec![Key::release(&a.product, &release.version)], None, a.product)
        }
        FactInput::Deployment(d) => {
            required(&d.id, "id")?;
            required(&d.environment, "environment")?;
            d.digests.iter().try_for_each(|digest| inputs::digest(digest))?;
            let release = release_of(engine, &d.product, &d.release)?;
            let deployment = Deployment {
                system: format!("cli:{}", d.product),
                id: d.id,
                environment: d.environment,
                // The product says which environments are production.
                production: false,
                state: d.state,
                commit: release.commit.clone(),
                digests: if d.digests.is_empty() { release.digests.clone() } else { d.digests },
                reference: None,
                deployer: Some(caller.actor()),
                at: d.occurred_at,
                rollback: d.rollback,
                repository: None,
                run: None,
            };
            (Facts::Deployment(deployment), vec![Key::release(&d.product, &release.version)], d.occurred_at, d.product)
        }
        FactInput::Validation(v) => {
            required(&v.environment, "environment")?;
            required(&v.name, "name")?;
            let release = release_of(engine, &v.product, &v.release)?;
            let facts = Facts::Validation(Validation { environment: v.environment, name: v.name, passed: v.passed });
            (facts, vec![Key::release(&v.product, &release.version)], v.occurred_at, v.product)
        }
        FactInput::RollbackTarget(r) => {
            required(&r.to, "to")?;
            required(&r.plan, "plan")?;
            let release = release_of(engine, &r.product, &r.release)?;
            let target = RollbackTarget { version: normal_version(&r.to).to_owned(), digest: None, plan: r.plan };
            let at = r.occurred_at;
            (Facts::RollbackTarget(target), vec![Key::release(&r.product, &release.version)], at, r.product)
        }
    };
    let known = how_known(engine, caller, &facts)?;
    Ok(Signal { known, named, ..signal(caller, &product, facts, occurred_at) })
}

/// The artefacts of a release at the position of the log at which somebody looked.
fn digests_at(engine: &Engine, product: &str, version: &str, seen: u64) -> Result<Vec<String>, Problem> {
    let stored = crate::look::find_release(engine, product, version)?;
    let then = engine.read(|tx| as_seen(tx, stored.seq, seen, engine.head().size()))?;
    let what = "The fact was not recorded.";
    then.map(|release| release.digests).ok_or_else(|| no_such_position(what, &stored.release.title(), seen))
}

/// What is told of a product.
fn signal(caller: &Caller, product: &str, facts: Facts, occurred_at: Option<Time>) -> Signal {
    Signal {
        source: caller.source(product),
        name: facts.kind().to_owned(),
        // Work items, changes, cuts, and what is said of one release are of the product they were told for; everything else may
        // serve whatever its sender reaches.
        reach: match facts {
            Facts::Ticket(_)
            | Facts::Manifest(_)
            | Facts::Change(_)
            | Facts::Review(_)
            | Facts::BranchRule(_)
            | Facts::Approval(_)
            | Facts::Deployment(_)
            | Facts::Validation(_)
            | Facts::RollbackTarget(_) => Extent::one(product),
            _ => caller.scope.products.clone(),
        },
        repositories: caller.scope.repositories.clone(),
        known: HowKnown::Reported,
        occurred_at,
        actor: Some(caller.actor()),
        fact: None,
        part: certrail_domain::EvidencePart::default(),
        facts,
        named: vec![],
        warnings: vec![],
    }
}

/// Somebody who is named, by what everybody calls them.
fn told(who: Actor) -> Actor {
    Actor { account: told_account(&who.account), ..who }
}

/// What a person does here under their own session is observed; whatever else is told, by them or by a pipeline, is
/// a report of it.
fn how_known(engine: &Engine, caller: &Caller, facts: &Facts) -> Result<HowKnown, Problem> {
    let person = caller.person.as_ref().filter(|_| caller.is_interactive());
    let Some(person) = person else { return Ok(HowKnown::Reported) };
    let done_here = match facts {
        Facts::Approval(_) | Facts::Manifest(_) => true,
        // A ticket authorised by whoever says so, here and now.
        Facts::Ticket(Ticket { authorised_by: Some(who), .. }) => {
            let own = engine.read(|tx| people::get(tx, person.as_str()))?;
            who.account == caller.actor().account || own.is_some_and(|p| p.has_account(&who.account))
        }
        _ => false,
    };
    Ok(if done_here { HowKnown::Observed } else { HowKnown::Reported })
}

fn check_manifest(m: &ReleaseManifest) -> Result<(), Problem> {
    required(&m.version, "version")?;
    if !certrail_domain::is_version(&m.version) {
        return Err(refuse(
            "bad-version",
            format!("`{}` cannot be a version.", m.version.chars().take(40).collect::<String>()),
            "Use a version like 2.4.1: letters, digits and . - + _ ~ : @ ! = and no more than 100 of them.",
        ));
    }
    if m.range.as_ref().is_some_and(|r| !r.iter().any(|c| c.sha == m.commit)) {
        return Err(refuse(
            "bad-range",
            "The range does not hold the commit it ends at.",
            "Cut in a full checkout: `certrail release cut`.",
        ));
    }
    inputs::commit(&m.commit)?;
    m.digests.iter().try_for_each(|digest| inputs::digest(digest))
}

/// The release a sender names; the nearest ones if there is none.
pub(crate) fn release_of(engine: &Engine, product: &str, version: &str) -> Result<certrail_domain::Release, Problem> {
    required(version, "release")?;
    crate::look::find_release(engine, product, version).map(|s| s.release)
}
