//! What the log held about a release at a position.

use std::{collections::BTreeMap, sync::Arc};

use certrail_criteria::{Certification, Evidence, Identities, Input, Refusal, Tracked, Twin};
use certrail_domain::{BindRule, Exception, Facts, Product, Release, Time};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, context, decisions, exceptions, people, products,
        releases::{self, StoredRelease},
        signals::{self, StoredSignal},
    },
};

use super::{
    Moment,
    findings::tracked,
    going_out::{joined_where_asked, known_versions, refusals},
};
use crate::{bind, doubts::Doubts};

/// What the log held about a release at a position: everything an evaluation is a function of.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The release, as it was known.
    pub release: Release,
    /// Its product, as it was known.
    pub product: Product,
    /// The evidence, in order of arrival.
    pub evidence: Vec<Evidence>,
    /// The same as stored.
    pub signals: Vec<Arc<StoredSignal>>,
    /// The exceptions.
    pub exceptions: Vec<Exception>,
    /// What is known of the findings its evidence tells of.
    pub findings: Tracked,
    /// The certifications.
    pub certifications: Vec<Certification>,
    /// The entry with which each artefact joined, where an approval names none.
    pub joined: BTreeMap<String, u64>,
    /// What its gates refused while a deployment was under way that did not succeed; not looked for where there is none.
    pub refusals: Option<Vec<Refusal>>,
    /// Who is who.
    pub identities: Identities,
    /// Branch rules and the like.
    pub context: Vec<Evidence>,
    /// Versions named as rollback targets that were good before.
    pub known_versions: Vec<String>,
    /// Other releases of the product that are cut at the same commit.
    pub twins: Vec<Twin>,
    /// All entries below this were seen.
    pub log_position: u64,
    /// The clock of the decision.
    pub decision_time: Time,
    /// It was judged for its next deployment to production.
    pub next: bool,
    /// The position of the log whose settings it was judged by.
    pub settled: u64,
}

impl Seen {
    /// As the criteria take it.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        Input {
            release: &self.release,
            product: &self.product,
            evidence: &self.evidence,
            context: &self.context,
            exceptions: &self.exceptions,
            findings: &self.findings,
            certifications: &self.certifications,
            joined: &self.joined,
            refusals: self.refusals.as_deref().unwrap_or_default(),
            known_versions: &self.known_versions,
            twins: &self.twins,
            identities: &self.identities,
            log_position: self.log_position,
            decision_time: self.decision_time,
            next: self.next,
        }
    }
}

/// The position of the log whose settings a release is judged by. What went out is judged by those of the decision on it, or of
/// when it was heard to be out; later ones neither heal nor hurt it.
fn settled_at(
    tx: &Tx<'_>,
    (seq, release): (i64, &Release),
    certifications: &[Certification],
    moment: Moment,
) -> Result<u64, StoreError> {
    if moment.next || release.shipped_at.is_none() {
        return Ok(moment.position);
    }
    let states = releases::states(tx, seq)?;
    let out = states.into_iter().find(|(_, state)| state.as_ref().is_ok_and(|r| r.shipped_at.is_some()));
    let out = out.map_or(moment.position, |(from, _)| from.min(moment.position));
    // What was certified later settles nothing of what was out by then.
    let before = |d: &&Certification| d.passed && d.log_index < out && release.shipped_at.is_none_or(|at| d.at <= at);
    Ok(certifications.iter().rev().find(before).map_or(out, |decided| decided.log_index))
}

/// A product as its settings were where a release is settled. What counts as production is judged deployment by deployment, and
/// so known up to the position.
fn product_of(tx: &Tx<'_>, name: &str, (settled, position): (u64, u64)) -> Result<Product, StoreError> {
    let missing = || StoreError::Damaged(format!("product {name} is not there"));
    let now = products::at(tx, name, position)?.ok_or_else(missing)?;
    if settled == position {
        return Ok(now);
    }
    let then = products::at(tx, name, settled)?.unwrap_or_else(|| now.clone());
    let Product { production, production_before, environments, .. } = now;
    Ok(Product { production, production_before, environments, ..then })
}

/// Gathers what was known at a position: what was learned later must not change a past evaluation.
pub(super) fn see(
    tx: &Tx<'_>,
    stored: &StoredRelease,
    Moment { position, at, next }: Moment,
    before: Option<&Seen>,
) -> Result<Seen, StoreError> {
    let release = releases::at(tx, stored.seq, position)?.ok_or_else(|| {
        StoreError::Damaged(format!("release {} was not known at position {position}", stored.release.id))
    })?;
    let doubts = Doubts::at(tx, position)?;
    let certifications = certifications(tx, (stored.seq, &release), position)?;
    let settled = settled_at(tx, (stored.seq, &release), &certifications, Moment { position, at, next })?;
    let product = product_of(tx, &release.product, (settled, position))?;
    let twins = bind::twins(tx, stored.seq, &release, position)?;
    let bound = bound(tx, stored.seq, (&release, &product), position)?;
    let (evidence, signals) = evidence(tx, bound, &doubts, before)?;
    let context = context(tx, &product, since(&release, &evidence, at), position)?;
    let context: Vec<Evidence> =
        context.iter().map(|signal| as_evidence(signal, BindRule::OpenRelease, &doubts)).collect();
    let mut people = Vec::new();
    let mut unread = false;
    for (id, person) in people::listed_at(tx, position)? {
        match person {
            Ok(person) => people.push(person),
            Err(error) if error.is_damage() => {
                tracing::error!(%error, id, "the record of a person cannot be read");
                unread = true;
            }
            Err(error) => return Err(error),
        }
    }
    let names: Vec<(String, String)> = people.iter().map(|p| (p.id.to_string(), p.name.clone())).collect();
    // Whoever claims another person's id for an account is still not them: the last pair counts.
    let own: Vec<(String, String)> = people.iter().map(|p| (p.id.to_string(), p.id.to_string())).collect();
    let claimed = people.into_iter().flat_map(|p| {
        let id = p.id.to_string();
        let accounts: Vec<String> = p.accounts_meant().collect();
        accounts.into_iter().map(move |a| (a, id.clone()))
    });
    let identities = Identities::new(claimed.chain(own)).with_names(names).incomplete(unread);
    Ok(Seen {
        exceptions: exceptions::of_release_at(tx, release.id.as_str(), position)?,
        known_versions: known_versions(tx, &release, (&evidence, &doubts), settled)?,
        joined: joined_where_asked(tx, (stored.seq, &release), (&evidence, &twins), position)?,
        twins,
        refusals: refusals(tx, (&release, &product), &evidence, position)?,
        settled,
        findings: tracked(tx, &release.product, (&evidence, &context), &doubts, position)?,
        release,
        product,
        evidence,
        signals,
        certifications,
        identities,
        context,
        log_position: position,
        decision_time: at,
        next,
    })
}

/// What was bound to a release, and what checkouts told of those that it includes: their commits are judged with it. What a
/// candidate was tried and signed as before it became this release was this release.
fn bound(
    tx: &Tx<'_>,
    seq: i64,
    (release, product): (&Release, &Product),
    position: u64,
) -> Result<Vec<(u64, BindRule)>, StoreError> {
    let mut bound = bindings::bound_at(tx, seq, position)?;
    for (elder, _) in elders(tx, seq, release, position)? {
        for (index, _) in bindings::bound_at(tx, elder, position)? {
            if is_of_same_build(bindings::bound(tx, index)?.as_ref(), product) {
                bound.push((index, BindRule::Commit));
            }
        }
    }
    for included in included(tx, release)? {
        let told = bindings::of_kind_at(tx, included.seq, "release.manifest", position)?;
        bound.extend(told.into_iter().map(|index| (index, BindRule::Commit)));
    }
    // What is bound to it as well stands first, by its own rule.
    bound.sort_by_key(|(index, _)| *index);
    bound.dedup_by_key(|(index, _)| *index);
    Ok(bound)
}

/// The earlier releases at the commit of a release that have the same artefacts: candidates that became it, and no rebuilds.
fn elders(tx: &Tx<'_>, seq: i64, release: &Release, position: u64) -> Result<Vec<(i64, Release)>, StoreError> {
    let same = |digests: &[String]| {
        digests.iter().all(|d| release.digests.contains(d)) && release.digests.iter().all(|d| digests.contains(d))
    };
    let mut elders = bind::twins_of(tx, seq, release, position)?;
    // What somebody decided against was not signed for what comes after it.
    let stands = |other: &Release| {
        other.decided_against.as_ref().is_none_or(|no| no.superseded_by.as_ref() == Some(&release.version))
    };
    elders.retain(|(_, other)| other.cut_at < release.cut_at && same(&other.digests) && stands(other));
    Ok(elders)
}

/// Whether what was told of a candidate speaks of what was built, and of no deployment to production.
fn is_of_same_build(signal: &StoredSignal, product: &Product) -> bool {
    match &signal.signal.facts {
        Facts::Validation(v) => !product.called_production(&v.environment, signal.log_index),
        Facts::Deployment(d) => !product.is_production(d, signal.log_index),
        Facts::Approval(a) => a.meaning != "approval",
        _ => false,
    }
}

/// The releases that another rests on besides itself: those it includes, others at its commit, and what it could go back to.
pub(super) fn beside(tx: &Tx<'_>, stored: &StoredRelease) -> Result<Vec<StoredRelease>, StoreError> {
    let mut beside = included(tx, &stored.release)?;
    for (seq, _) in bind::twins_of(tx, stored.seq, &stored.release, u64::MAX >> 1)? {
        beside.extend(releases::by_seq(tx, seq)?);
    }
    let kind = "deployment.rollback_target";
    for index in bindings::of_kind_at(tx, stored.seq, kind, u64::MAX >> 1)? {
        if let Facts::RollbackTarget(target) = &bindings::bound(tx, index)?.signal.facts {
            beside.extend(releases::by_version(tx, &stored.release.product, &target.version)?);
        }
    }
    beside.sort_by_key(|other| other.seq);
    beside.dedup_by_key(|other| other.seq);
    Ok(beside)
}

/// The releases that another includes.
fn included(tx: &Tx<'_>, release: &Release) -> Result<Vec<StoredRelease>, StoreError> {
    let versions = release.includes.iter();
    let found: Vec<Option<StoredRelease>> = versions
        .map(|version| releases::by_version(tx, &release.product, version))
        .collect::<Result<_, StoreError>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// What belongs to a release, and the same as stored; what was seen before is not read again.
fn evidence(
    tx: &Tx<'_>,
    bound: Vec<(u64, BindRule)>,
    doubts: &Doubts,
    before: Option<&Seen>,
) -> Result<(Vec<Evidence>, Vec<Arc<StoredSignal>>), StoreError> {
    let mut evidence = Vec::with_capacity(bound.len());
    let mut signals = Vec::with_capacity(bound.len());
    // Both are in order of arrival.
    let seen = before.iter().flat_map(|seen| seen.evidence.iter().zip(&seen.signals));
    let mut seen = seen.peekable();
    for (index, rule) in bound {
        while seen.next_if(|(e, _)| e.log_index < index).is_some() {}
        if let Some((e, signal)) = seen.next_if(|(e, _)| e.log_index == index) {
            let (received, receipt) = doubts.receipt(index, signal.received);
            evidence.push(Evidence { rule, received, receipt, ..e.clone() });
            signals.push(signal.clone());
        } else {
            let signal = bindings::bound(tx, index)?;
            evidence.push(as_evidence(&signal, rule, doubts));
            signals.push(signal);
        }
    }
    Ok((evidence, signals))
}

/// From when on a release needs to know what was told of its repositories.
#[derive(Clone, Copy)]
struct Since {
    /// Protection of branches: from its first change on.
    rules: Time,
    /// Alerts: from when it began to go to production, else from now.
    alerts: Time,
}

fn since(release: &Release, evidence: &[Evidence], at: Time) -> Since {
    let merged = evidence.iter().filter_map(|e| match &e.signal.facts {
        Facts::Change(change) => change.merged_at,
        _ => None,
    });
    let rules = evidence.iter().map(Evidence::at).chain(merged).fold(at, Time::min);
    let deployments = evidence.iter().filter(|e| matches!(e.signal.facts, Facts::Deployment(_)));
    // No earlier than the evaluation's own clock, which a deployment before the cut does not take back.
    let out = deployments.map(Evidence::at).min().map(|out| out.max(release.cut_at.unwrap_or(release.created_at)));
    Since { rules, alerts: out.map_or(at, |out| out.min(at)) }
}

/// What its repositories tell as a whole and a product's releases may look at, in order of arrival.
fn context(tx: &Tx<'_>, product: &Product, since: Since, position: u64) -> Result<Vec<Arc<StoredSignal>>, StoreError> {
    let mut indexes = Vec::new();
    for name in &product.repositories {
        let Some(repository) = context::repository(tx, name)? else { continue };
        for (kind, from) in [("code.branch_rule", since.rules), ("security.alert", since.alerts)] {
            indexes.extend(context::standing(tx, repository.seq, kind, from, position)?);
        }
    }
    indexes.sort_unstable();
    let mut signals = Vec::with_capacity(indexes.len());
    for index in indexes {
        let signal = signals::get(tx, index)?
            .ok_or_else(|| StoreError::Damaged(format!("signal {index} is context and not there")))?;
        if signal.signal.reach.has(&product.name) {
            signals.push(signal);
        }
    }
    Ok(signals)
}

/// The decisions on a release below a position, oldest first.
pub(crate) fn certifications(
    tx: &Tx<'_>,
    (seq, release): (i64, &Release),
    position: u64,
) -> Result<Vec<Certification>, StoreError> {
    let decided = decisions::of_release(tx, release.id.as_str())?.into_iter();
    decided
        .filter(|d| d.log_index < position)
        .map(|d| {
            Ok(Certification {
                log_index: d.log_index,
                at: Time::from_micros(d.decided),
                passed: d.is_yes(),
                digests: signed_digests(tx, seq, d.log_index)?,
            })
        })
        .collect()
}

/// The artefacts a decision spoke of: those the release had when it was made. What came later is not covered.
fn signed_digests(tx: &Tx<'_>, seq: i64, log_index: u64) -> Result<Vec<String>, StoreError> {
    let then = releases::at(tx, seq, log_index)?;
    let then = then.ok_or_else(|| {
        StoreError::Damaged(format!("release {seq} was not known when entry {log_index} decided on it"))
    })?;
    Ok(then.digests)
}

pub(crate) fn as_evidence(signal: &StoredSignal, rule: BindRule, doubts: &Doubts) -> Evidence {
    let (received, receipt) = doubts.receipt(signal.log_index, signal.received);
    Evidence {
        id: signal.id.clone(),
        log_index: signal.log_index,
        received,
        receipt,
        rule,
        duplicate_of: signal.duplicate_of,
        signal: signal.signal.clone(),
    }
}
