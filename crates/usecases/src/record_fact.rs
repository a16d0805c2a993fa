//! What no webhook brings: a cut, a ticket, an approval, a deployment, told by a person or a pipeline.

use std::sync::Arc;

use certrail_domain::{
    Action, Actor, Extent, Facts, HowKnown, Key, Problem, ProblemKind, ReleaseType, Signal, Time,
    facts::{Approval, Commit, Deployment, ReleaseManifest, RollbackTarget, Ticket, Validation},
    normal_version,
};
use certrail_store::tables::people;
use serde::{Deserialize, Serialize};

use crate::{
    Caller,
    accept::{Ack, Incoming, accept},
    access::{On, allow},
    add_evidence::{MetRequirement, met_by},
    connectors,
    engine::{Engine, LogHead},
    inputs::{self, refuse, required},
};

/// A fact as it is sent. The sender's role decides which kinds it may tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum FactInput {
    /// A release is cut.
    #[serde(rename = "release.manifest")]
    Manifest(ManifestInput),
    /// A work item.
    #[serde(rename = "requirement.ticket")]
    Ticket(TicketInput),
    /// An approval or sign-off of a release.
    #[serde(rename = "deployment.approval")]
    Approval(ApprovalInput),
    /// A deployment.
    #[serde(rename = "deployment.event")]
    Deployment(DeploymentInput),
    /// A check after deployment.
    #[serde(rename = "deployment.validation")]
    Validation(ValidationInput),
    /// What to go back to.
    #[serde(rename = "deployment.rollback_target")]
    RollbackTarget(RollbackInput),
}

/// How something is sent.
#[derive(Clone, Debug, Default)]
pub struct Sending {
    /// The sender's key for this delivery: sent again under the same key, it is the same delivery.
    pub key: Option<String>,
    /// When it was first tried, where it waited since: what happened did not happen later for that.
    pub tried_at: Option<Time>,
}

impl FactInput {
    /// What does not say when it happened had happened when it was first tried.
    fn tried_at(&mut self, at: Option<Time>) {
        let occurred = match self {
            Self::Ticket(t) => &mut t.occurred_at,
            Self::Deployment(d) => &mut d.occurred_at,
            Self::Validation(v) => &mut v.occurred_at,
            Self::RollbackTarget(r) => &mut r.occurred_at,
            Self::Manifest(_) | Self::Approval(_) => return,
        };
        *occurred = occurred.or(at);
    }
}

/// A release is cut.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestInput {
    /// The product.
    pub product: String,
    /// The version.
    pub version: String,
    /// Its type.
    #[serde(default)]
    pub release_type: ReleaseType,
    /// `owner/name`, where known.
    #[serde(default)]
    pub repository: Option<String>,
    /// The commit it is cut at.
    pub commit: String,
    /// The version it follows.
    #[serde(default)]
    pub previous: Option<String>,
    /// The exact range, where the sender has a checkout.
    #[serde(default)]
    pub range: Option<Vec<Commit>>,
    /// Its artefacts, `sha256:…`.
    #[serde(default)]
    pub digests: Vec<String>,
    /// When it is planned to ship.
    #[serde(default)]
    pub planned_at: Option<Time>,
}

/// A work item of a product.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketInput {
    /// The product it is for.
    pub product: String,
    /// `PAY-123`.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Why it is wanted.
    #[serde(default)]
    pub reason: String,
    /// Its state, in the tracker's word.
    pub status: String,
    /// Who asked.
    #[serde(default)]
    pub requester: Option<Actor>,
    /// Who authorised the work.
    #[serde(default)]
    pub authorised_by: Option<Actor>,
    /// When it was authorised.
    #[serde(default)]
    pub authorised_at: Option<Time>,
    /// Change type in ITIL's words: standard, normal, emergency.
    #[serde(default)]
    pub change_type: Option<String>,
    /// What it means for security and customers.
    #[serde(default)]
    pub impact: Option<String>,
    /// Where a person reads it.
    #[serde(default)]
    pub url: Option<String>,
    /// When it last changed.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

/// An approval or sign-off. Who signs is whoever sends it; what is signed is the release's exact build.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// The environment; for a sign-off, empty.
    #[serde(default)]
    pub environment: String,
    /// What the signature means; `approval` for a deployment.
    pub meaning: String,
    /// `approved`, `rejected` or `withdrawn`.
    pub verdict: certrail_domain::facts::ApprovalVerdict,
    /// What they wrote beside it.
    #[serde(default)]
    pub comment: String,
}

/// A deployment of a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// Its number in the deployment system.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// Where it stands.
    pub state: certrail_domain::facts::DeploymentState,
    /// The artefacts; those of the release where none are named.
    #[serde(default)]
    pub digests: Vec<String>,
    /// It goes back to this release.
    #[serde(default)]
    pub rollback: bool,
    /// When.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

/// A check after deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// Where.
    pub environment: String,
    /// What was checked.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// When.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

/// What to go back to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackInput {
    /// The product.
    pub product: String,
    /// The release.
    pub release: String,
    /// The release to go back to.
    pub to: String,
    /// The steps, or where they are written.
    pub plan: String,
    /// When.
    #[serde(default)]
    pub occurred_at: Option<Time>,
}

/// Takes a fact.
///
/// # Errors
/// A role that may not, an unknown product or release, an empty or malformed value, a failed commit.
pub async fn record_fact(
    engine: &Arc<Engine>,
    caller: &Caller,
    mut input: FactInput,
    body: Vec<u8>,
    sending: Sending,
) -> Result<(Ack, Vec<MetRequirement>, Arc<LogHead>), Problem> {
    input.tried_at(sending.tried_at);
    let (action, product) = match &input {
        FactInput::Manifest(m) => (Action::Cut, &m.product),
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
    let may_sign =
        matches!(&input, FactInput::Approval(a) if a.meaning != "approval") && caller.role.may(Action::Approve);
    if !may_sign {
        allow(caller, action, on)?;
    } else {
        allow(caller, Action::Approve, on)?;
    }
    let product = product.clone();
    inputs::product(engine, &product)?;
    let mut input = input;
    if let FactInput::Manifest(m) = &mut input {
        m.repository = m.repository.take().map(|name| connectors::canonical_name(engine, &name)).transpose()?;
        reaches_repository(caller, m.repository.as_deref())?;
        is_of_product(&inputs::product(engine, &product)?, m.repository.as_deref())?;
    }
    let signal = to_signal(engine, caller, input)?;
    let incoming = Incoming {
        connector: caller.connector().into(),
        delivery: caller.delivery(sending.key.as_deref())?,
        media: "application/json".into(),
        auth_how: caller.how.clone(),
        auth_key: caller.key.clone(),
        mapper: "fact@1".into(),
        body,
        signal: Arc::new(signal),
        part_of: None,
        findings: None,
        vex: None,
    };
    let ready = incoming.ready(engine)?;
    let (ack, head) = engine.write(move |batch| accept(batch, &ready)).await?;
    let met = met_by(engine, vec![ack.clone()]).await?.pop().unwrap_or_default();
    Ok((ack, met, head))
}

/// Whoever speaks for some repositories cuts no release from another.
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

/// A release is cut from a repository of its product, where the product names any.
fn is_of_product(product: &certrail_domain::Product, repository: Option<&str>) -> Result<(), Problem> {
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
        "Cut in a checkout of the product's own repository, or ask an admin to add this one to the product.",
    ))
}

fn to_signal(engine: &Arc<Engine>, caller: &Caller, input: FactInput) -> Result<Signal, Problem> {
    let now = engine.now();
    let (facts, named, occurred_at, product) = match input {
        FactInput::Manifest(m) => {
            let m = ReleaseManifest {
                product: m.product,
                version: normal_version(&m.version).to_owned(),
                release_type: m.release_type,
                repository: m.repository.map(|r| r.to_ascii_lowercase()),
                commit: m.commit.to_ascii_lowercase(),
                previous: m.previous,
                range: m.range,
                digests: m.digests,
                planned_at: m.planned_at,
            };
            check_manifest(&m)?;
            let product = m.product.clone();
            (Facts::Manifest(m), vec![], Some(now), product)
        }
        FactInput::Ticket(t) => {
            for (name, value) in [("key", &t.key), ("title", &t.title), ("status", &t.status)] {
                required(value, name)?;
            }
            let ticket = Ticket {
                key: t.key.to_ascii_uppercase(),
                title: t.title,
                reason: t.reason,
                status: t.status,
                requester: t.requester,
                authorised_by: t.authorised_by,
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
            let release = release_of(engine, &a.product, &a.release)?;
            let approval = Approval {
                environment: a.environment,
                approver: Some(caller.actor()),
                verdict: a.verdict,
                // The exact build, as it stands now. If it changes, this goes stale.
                digests: release.digests.clone(),
                commit: release.commit.clone(),
                meaning: a.meaning,
                comment: a.comment,
                repository: None,
                run: None,
            };
            (Facts::Approval(approval), vec![Key::release(&a.product, &release.version)], Some(now), a.product)
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
            (
                Facts::Deployment(deployment),
                vec![Key::release(&d.product, &release.version)],
                d.occurred_at.or(Some(now)),
                d.product,
            )
        }
        FactInput::Validation(v) => {
            required(&v.environment, "environment")?;
            required(&v.name, "name")?;
            let release = release_of(engine, &v.product, &v.release)?;
            let facts = Facts::Validation(Validation { environment: v.environment, name: v.name, passed: v.passed });
            (facts, vec![Key::release(&v.product, &release.version)], v.occurred_at.or(Some(now)), v.product)
        }
        FactInput::RollbackTarget(r) => {
            required(&r.to, "to")?;
            required(&r.plan, "plan")?;
            let release = release_of(engine, &r.product, &r.release)?;
            let target = RollbackTarget { version: normal_version(&r.to).to_owned(), digest: None, plan: r.plan };
            let at = r.occurred_at.or(Some(now));
            (Facts::RollbackTarget(target), vec![Key::release(&r.product, &release.version)], at, r.product)
        }
    };
    Ok(Signal {
        source: caller.source(&product),
        name: facts.kind().to_owned(),
        // A work item and a cut are of the product they were told for; everything else may serve whatever its sender reaches.
        reach: match facts {
            Facts::Ticket(_) | Facts::Manifest(_) => Extent::one(&product),
            _ => caller.scope.products.clone(),
        },
        known: how_known(engine, caller, &facts)?,
        occurred_at,
        actor: Some(caller.actor()),
        fact: None,
        part: certrail_domain::EvidencePart::default(),
        facts,
        named,
        warnings: vec![],
    })
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
            who.account == caller.account() || own.is_some_and(|p| p.accounts.contains(&who.account.to_lowercase()))
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
    let commits = m.range.iter().flatten();
    inputs::commit(&m.commit)?;
    commits.clone().try_for_each(|c| inputs::commit(&c.sha))?;
    if commits.count() > 100_000 {
        return Err(refuse(
            "range-too-large",
            "The range holds more than 100,000 commits.",
            "Name the previous release with --previous.",
        ));
    }
    m.digests.iter().try_for_each(|digest| inputs::digest(digest))
}

/// The release a sender names; the nearest ones if there is none.
pub(crate) fn release_of(engine: &Engine, product: &str, version: &str) -> Result<certrail_domain::Release, Problem> {
    required(version, "release")?;
    crate::look::find_release(engine, product, version).map(|s| s.release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_its_own_shape_and_nothing_else() {
        let good = r#"{"kind":"deployment.validation","product":"p","release":"1","environment":"production","name":"smoke","passed":true}"#;
        assert!(serde_json::from_str::<FactInput>(good).is_ok());
        for bad in [r#"{"kind":"nothing"}"#, r#"{"kind":"deployment.validation","product":"p"}"#, "{}", "[]"] {
            assert!(serde_json::from_str::<FactInput>(bad).is_err(), "{bad}");
        }
    }
}
