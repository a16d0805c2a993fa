//! Judging a release: gather what the log held at a position, and evaluate.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use certrail_criteria::{
    Approved, Certification, Criteria, Evaluated, Evidence, Identities, InScan, Incomplete, Input, Refusal, Rule,
    Tracked, TrackedFinding, Twin, approval_for, evaluate,
};
use certrail_domain::{
    BindRule, Evaluation, Exception, Facts, FindingDecision, FindingId, Problem, ProblemKind, Product, Reach, Release,
    ReleaseState, Row, Snapshot, Time, Truth, facts::DeploymentState,
};
use certrail_ledger::{Hash, sha256};
use certrail_store::{
    BlobFiles, StoreError, Tx,
    tables::{
        bindings, context, decisions, exceptions, finding_decisions, findings, people, products,
        releases::{self, StoredRelease},
        scans::{self, Saw},
        signals::{self, StoredSignal},
    },
};

use crate::{
    bind,
    criteria_sets::CriteriaSets,
    doubts::Doubts,
    engine::{Engine, Kept, Made, internal},
    tag_elsewhere::tag_elsewhere,
    track,
};

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

/// An evaluation with what it was made from.
#[derive(Debug)]
pub struct Judged {
    /// The outcome.
    pub evaluation: Evaluation,
    /// What it saw.
    pub seen: Seen,
    /// The criteria.
    pub criteria: Arc<Criteria>,
    /// The first instant at which the clock alone could change a verdict.
    pub valid_until: Option<Time>,
    /// The accounts of everybody who wrote any of the release.
    authors: BTreeSet<String>,
    body: OnceLock<Arc<(Hash, Kept)>>,
    /// How the approvals stand for environments whose gates were asked, or are likely to be.
    approvals: Mutex<Vec<Approved>>,
}

/// Environments of one release whose approvals are remembered.
const ENVIRONMENTS: usize = 16;

impl Judged {
    /// The evaluation as it is kept with a gate's answer, and its digest: written once, however often a gate is asked.
    ///
    /// # Errors
    /// When it does not serialise, or the disk refuses.
    pub(crate) fn body(&self, blobs: &BlobFiles) -> Result<Arc<(Hash, Kept)>, Problem> {
        if let Some(body) = self.body.get() {
            return Ok(body.clone());
        }
        let bytes = serde_json::to_vec(&self.evaluation).map_err(|e| internal(&e))?;
        let digest = sha256(&bytes);
        let kept = Kept::prepare(blobs, &digest, &bytes).map_err(|e| internal(&e))?;
        Ok(self.body.get_or_init(|| Arc::new((digest, kept))).clone())
    }

    /// Whether somebody wrote any of the release, by any of their accounts.
    pub(crate) fn wrote(&self, account: &str) -> Truth {
        self.seen.identities.among(account, self.authors.iter().map(String::as_str))
    }

    /// Whether an exception was approved by somebody who may, when every artefact of the release was there.
    pub(crate) fn excuses_all(&self, exception: &Exception) -> bool {
        let Seen { release, product, .. } = &self.seen;
        let may = match exception.alone {
            true => product.sole_decider,
            false => exception.approver.as_deref().is_some_and(|by| self.wrote(by) == Truth::False),
        };
        may && release.digests.iter().all(|digest| exception.digests.contains(digest))
    }

    /// Whether a requirement checks something: sets name their requirements as they like, so what is checked counts, and no id.
    pub(crate) fn checks(&self, requirement: &str, what: impl Fn(&Rule) -> bool) -> bool {
        self.criteria.requirements.iter().any(|r| r.id == requirement && what(&r.check))
    }

    /// How the approval for an environment stands at `now`: looked for once, until the clock alone could change it.
    pub(crate) fn approval(&self, environment: &str, days: i64, now: Time) -> Row {
        let mut known = self.approvals.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |approved: &Approved| approved.environment == environment && approved.days == days;
        if let Some(approved) = known.iter().find(|approved| same(approved) && approved.is_right_at(now)) {
            return approved.row.clone();
        }
        let approved = approval_for(&Input { decision_time: now, ..self.seen.input() }, environment, days);
        let row = approved.row.clone();
        known.retain(|approved| !same(approved));
        known.truncate(ENVIRONMENTS - 1);
        known.insert(0, approved);
        row
    }
}

/// Judges a release as known now. What is kept of it counts as long as nothing it rests on has changed; its position and
/// its time are then those at which it was made.
///
/// # Errors
/// When the store fails.
pub fn judge(engine: &Engine, stored: &StoredRelease) -> Result<Arc<Judged>, Problem> {
    let (position, now) = (engine.head().size(), engine.now());
    engine.read(|tx| judge_now(tx, engine, stored, position, now))
}

/// [`judge`] inside a transaction that sees `position`, the newest.
pub(crate) fn judge_now(
    tx: &Tx<'_>,
    engine: &Engine,
    stored: &StoredRelease,
    position: u64,
    now: Time,
) -> Result<Arc<Judged>, StoreError> {
    let beside = beside(tx, stored)?;
    let judged = engine.kept.get_or_make(tx, (stored, &beside), position, now, |before: Option<Arc<Judged>>| {
        let before = before.as_ref().map(|judged| &judged.seen);
        let judged = judge_with(tx, &engine.criteria, stored, Moment { position, at: now, next: false }, before)?;
        let (valid_until, weight) = (judged.valid_until, weight(&judged));
        Ok(Made { value: Arc::new(judged), at: now, valid_until, weight, acts: 0 })
    })?;
    #[cfg(debug_assertions)]
    is_still_right(tx, engine, stored, position, now, &judged.evaluation)?;
    Ok(judged)
}

/// What is kept must say what is said when it is made anew: every story in debug builds is a test of that.
#[cfg(debug_assertions)]
fn is_still_right(
    tx: &Tx<'_>,
    engine: &Engine,
    stored: &StoredRelease,
    position: u64,
    now: Time,
    kept: &Evaluation,
) -> Result<(), StoreError> {
    if kept.snapshot.log_position <= position {
        let fresh = judge_in(tx, &engine.criteria, stored, position, now)?.evaluation;
        let verdicts = |e: &Evaluation| -> Vec<_> {
            e.requirements
                .iter()
                .map(|r| (r.id.clone(), r.verdict, r.cause, r.rows.iter().map(|row| row.verdict).collect::<Vec<_>>()))
                .collect()
        };
        assert_eq!(verdicts(kept), verdicts(&fresh), "what is kept of {}", stored.release.title());
    }
    Ok(())
}

/// The outcome of [`judge`] alone, for lists: it takes far less to keep.
///
/// # Errors
/// When the store fails.
pub(crate) fn evaluation_now(
    tx: &Tx<'_>,
    engine: &Engine,
    stored: &StoredRelease,
    position: u64,
    now: Time,
) -> Result<Arc<Evaluation>, StoreError> {
    let beside = beside(tx, stored)?;
    engine.kept.get_or_make(tx, (stored, &beside), position, now, |_| {
        let judged = judge_in(tx, &engine.criteria, stored, position, now)?;
        let weight = rows(&judged.evaluation) * 500;
        Ok(Made { value: Arc::new(judged.evaluation), at: now, valid_until: judged.valid_until, weight, acts: 0 })
    })
}

fn rows(evaluation: &Evaluation) -> u64 {
    evaluation.requirements.iter().map(|r| r.rows.len() as u64).sum()
}

/// Bytes of a judgement, roughly, as measured: what evidence says is most of it.
fn weight(judged: &Judged) -> u64 {
    let findings = &judged.seen.findings;
    let seen: usize = findings.scans.values().map(Vec::len).sum();
    let own = judged.seen.evidence.len() * 1_500 + findings.known.len() * 250 + seen * 32;
    own as u64 + rows(&judged.evaluation) * 500
}

/// Judges a release as it was known at a log position, by the clock given.
///
/// # Errors
/// When the store fails.
pub fn judge_at(engine: &Arc<Engine>, stored: &StoredRelease, position: u64, at: Time) -> Result<Judged, Problem> {
    engine.store.read(|tx| judge_in(tx, &engine.criteria, stored, position, at)).map_err(|e| internal(&e))
}

/// Judges inside a transaction.
pub(crate) fn judge_in(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    position: u64,
    at: Time,
) -> Result<Judged, StoreError> {
    judge_with(tx, sets, stored, Moment { position, at, next: false }, None)
}

/// [`judge_in`] as its evaluation says that it was judged.
pub(crate) fn judge_again(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    snapshot: &Snapshot,
) -> Result<Judged, StoreError> {
    let Snapshot { log_position: position, decision_time: at, next, .. } = *snapshot;
    judge_with(tx, sets, stored, Moment { position, at, next }, None)
}

/// Judges a release inside a transaction for whoever decides about it now: for its next deployment to production, where it had
/// one before.
pub(crate) fn judge_to_decide(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    position: u64,
    at: Time,
) -> Result<Judged, StoreError> {
    judge_with(tx, sets, stored, Moment { position, at, next: stored.release.shipped_at.is_some() }, None)
}

/// [`judge`] for a gate, which asks about the next deployment: what went out earlier is neither an excuse nor in the way.
///
/// # Errors
/// When the store fails.
pub(crate) fn judge_next(engine: &Engine, stored: &StoredRelease) -> Result<Arc<Judged>, Problem> {
    /// It is kept beside what pages are told.
    struct Next(Arc<Judged>);
    if stored.release.shipped_at.is_none() {
        return judge(engine, stored);
    }
    let (position, now) = (engine.head().size(), engine.now());
    let next = engine.read(|tx| {
        let beside = beside(tx, stored)?;
        engine.kept.get_or_make(tx, (stored, &beside), position, now, |before: Option<Arc<Next>>| {
            let before = before.as_ref().map(|next| &next.0.seen);
            let moment = Moment { position, at: now, next: true };
            let judged = judge_with(tx, &engine.criteria, stored, moment, before)?;
            let (valid_until, weight) = (judged.valid_until, weight(&judged));
            Ok(Made { value: Arc::new(Next(Arc::new(judged))), at: now, valid_until, weight, acts: 0 })
        })
    })?;
    Ok(next.0.clone())
}

/// As of when a release is judged, and for what.
#[derive(Clone, Copy)]
struct Moment {
    /// All entries below this are seen.
    position: u64,
    /// By which clock.
    at: Time,
    /// For its next deployment to production.
    next: bool,
}

/// [`judge_in`] for whoever saw the release before, at any position: what an entry says never changes, so that it is not
/// read again.
fn judge_with(
    tx: &Tx<'_>,
    sets: &CriteriaSets,
    stored: &StoredRelease,
    moment: Moment,
    before: Option<&Seen>,
) -> Result<Judged, StoreError> {
    // As known at that position: what was learned later must not change a past evaluation.
    let seen = see(tx, stored, moment, before)?;
    let (criteria, digest) = sets.in_force(tx, &seen.product.criteria, seen.settled)?;
    let Evaluated { evaluation, valid_until, approvals, authors } = evaluate(&criteria, &digest, &seen.input());
    // That somebody asks a gate changes nothing that is judged, but for these.
    let valid_until = if seen.refusals.is_some() { Some(moment.at) } else { valid_until };
    Ok(Judged { evaluation, seen, criteria, valid_until, authors, body: OnceLock::new(), approvals: approvals.into() })
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
fn see(
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
        twins: bind::twins(tx, stored.seq, &release, position)?,
        known_versions: known_versions(tx, &release, (&evidence, &doubts), settled)?,
        joined: joined(tx, stored.seq, &evidence, position)?,
        refusals: refusals(tx, &release, &evidence, position)?,
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
    elders.retain(|(_, other)| other.cut_at < release.cut_at && same(&other.digests));
    Ok(elders)
}

/// Whether what was told of a candidate speaks of what was built, and of no deployment to production.
fn is_of_same_build(signal: &StoredSignal, product: &Product) -> bool {
    match &signal.signal.facts {
        Facts::Validation(v) => !product.calls_production(&v.environment),
        Facts::Deployment(d) => !product.is_production(d, signal.log_index),
        Facts::Approval(a) => a.meaning != "approval",
        _ => false,
    }
}

/// The releases that another rests on besides itself: those it includes, and others at its commit.
fn beside(tx: &Tx<'_>, stored: &StoredRelease) -> Result<Vec<StoredRelease>, StoreError> {
    let mut beside = included(tx, &stored.release)?;
    for (seq, _) in bind::twins_of(tx, stored.seq, &stored.release, u64::MAX >> 1)? {
        beside.extend(releases::by_seq(tx, seq)?);
    }
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

/// What is known of the findings that evidence tells of.
fn tracked(
    tx: &Tx<'_>,
    product: &str,
    (evidence, context): (&[Evidence], &[Evidence]),
    doubts: &Doubts,
    position: u64,
) -> Result<Tracked, StoreError> {
    let mut tracked = Tracked::default();
    let mut rows = BTreeSet::new();
    for e in evidence {
        let Facts::Scan(scan) = &e.signal.facts else { continue };
        // What of it was known at the position: all or nothing.
        if let Some(scan) = scans::scan(tx, e.log_index)?.filter(|scan| !scan.is_known_at(position)) {
            let given_up = scan.is_given_up_at(position);
            tracked.incomplete.insert(e.log_index, if given_up { Incomplete::GivenUp } else { Incomplete::OnItsWay });
            continue;
        }
        let list = scans::found(tx, e.log_index)?;
        if list.is_empty() && scan.levels.total() > 0 {
            return Err(StoreError::Damaged(format!(
                "the findings of the scan at entry {} are not there",
                e.log_index
            )));
        }
        rows.extend(list.iter().map(|s| s.finding));
        let seen =
            |s: &Saw| InScan { finding: s.finding, level: s.level, exploited: s.exploited, suppressed: s.suppressed };
        tracked.scans.insert(e.log_index, list.iter().map(seen).collect());
    }
    for e in evidence.iter().chain(context) {
        let Facts::Alert(alert) = &e.signal.facts else { continue };
        let fingerprint = alert.fingerprint();
        if let Some(standing) = findings::standing(tx, &track::key(product, &fingerprint))? {
            rows.insert(standing.seq);
            tracked.alerts.insert(fingerprint, standing.seq);
        }
    }
    let told = finding_decisions::any_triage(tx, product)?;
    for seq in rows {
        let known = findings::known_at(tx, seq, position)?;
        // An alert that was followed from later on only.
        if known.first_entry >= position {
            continue;
        }
        let known = TrackedFinding {
            id: known.id,
            name: known.name,
            detected: doubts.latest(known.clock_entry, known.clock_from),
            assessed: if told { track::assessed_at(tx, seq, position)? } else { None },
        };
        tracked.known.insert(seq, known);
    }
    for decision in decisions(tx, product, &tracked, position)? {
        let id = FindingId::of_key(&track::key(product, &decision.fingerprint));
        tracked.decisions.push((id, decision));
    }
    tracked.decisions.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));
    Ok(tracked)
}

/// Findings up to which decisions are looked up one by one, so that a release with few does not pay for a product with many.
const FEW: usize = 500;

/// The approved decisions that can speak of these findings.
fn decisions(tx: &Tx<'_>, product: &str, tracked: &Tracked, position: u64) -> Result<Vec<FindingDecision>, StoreError> {
    if tracked.known.is_empty() {
        return Ok(Vec::new());
    }
    if tracked.known.len() > FEW {
        return finding_decisions::of_product_at(tx, product, position);
    }
    let mut all = finding_decisions::everywhere_at(tx, position)?;
    for known in tracked.known.values() {
        let key = track::key_in(&known.id)?;
        let own = finding_decisions::of_finding_at(tx, &key, position)?;
        all.extend(own.into_iter().filter(|d| !matches!(d.reach, Reach::Everywhere { .. })));
    }
    Ok(all)
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
pub(crate) fn signed_digests(tx: &Tx<'_>, seq: i64, log_index: u64) -> Result<Vec<String>, StoreError> {
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

/// The entry with which each artefact joined a release, looked for where an approval names none: a forge knows of no artefact.
fn joined(tx: &Tx<'_>, seq: i64, evidence: &[Evidence], position: u64) -> Result<BTreeMap<String, u64>, StoreError> {
    let names_none = |e: &Evidence| matches!(&e.signal.facts, Facts::Approval(a) if a.digests.is_empty());
    let mut joined = BTreeMap::new();
    if !evidence.iter().any(names_none) {
        return Ok(joined);
    }
    for (from, state) in releases::states(tx, seq)?.into_iter().take_while(|(from, _)| *from < position) {
        let digests = state?.digests;
        joined.retain(|digest, _| digests.contains(digest));
        for digest in digests {
            joined.entry(digest).or_insert(from);
        }
    }
    Ok(joined)
}

/// Refusals that are looked at: pipelines ask again and again.
const REFUSALS: u64 = 1_000;

/// What the gates of a release refused from its first deployment on that was under way and ended otherwise than it should. `None`
/// where there is no such deployment.
fn refusals(
    tx: &Tx<'_>,
    release: &Release,
    evidence: &[Evidence],
    position: u64,
) -> Result<Option<Vec<Refusal>>, StoreError> {
    let words = || {
        evidence.iter().filter_map(|e| match &e.signal.facts {
            Facts::Deployment(d) => Some((d.attempt(), d.state)),
            _ => None,
        })
    };
    let succeeded = |attempt: &String| words().any(|(other, s)| s == DeploymentState::Succeeded && other == *attempt);
    let over = words().any(|(attempt, state)| match state {
        DeploymentState::Failed => true,
        // What was replaced had succeeded, as a rule.
        DeploymentState::Inactive => !succeeded(&attempt),
        DeploymentState::Requested | DeploymentState::Started | DeploymentState::Succeeded => false,
    });
    if !over {
        return Ok(None);
    }
    let deployments = evidence.iter().filter(|e| matches!(e.signal.facts, Facts::Deployment(_)));
    let first = deployments.map(|e| e.at().min(e.received)).min().unwrap_or(release.created_at);
    let from = first.plus(-Time::DAY).as_micros();
    let said = decisions::refusals(tx, release.id.as_str(), (from, position), REFUSALS)?;
    let refusal = |(gate, at): (String, i64)| {
        let environment = gate.strip_prefix("deploy:")?.to_owned();
        Some(Refusal { environment, at: Time::from_micros(at) })
    };
    Ok(Some(said.into_iter().filter_map(refusal).collect()))
}

/// The versions named as rollback targets that a decision before `position` certified.
fn known_versions(
    tx: &Tx<'_>,
    release: &Release,
    (evidence, doubts): (&[Evidence], &Doubts),
    position: u64,
) -> Result<Vec<String>, StoreError> {
    let named: BTreeSet<&str> = evidence
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::RollbackTarget(target) if target.version != release.version => Some(target.version.as_str()),
            _ => None,
        })
        .collect();
    let mut known = Vec::new();
    for version in named {
        let Some(other) = releases::by_version(tx, &release.product, version)? else { continue };
        // One whose certification was withdrawn, or that was taken back, is no refuge; nor is one that its own gate would not let
        // through; and the same thing is no other.
        let Some(then) = releases::at(tx, other.seq, position)? else { continue };
        if then.state == ReleaseState::RolledBack || then.commit == release.commit {
            continue;
        }
        let certifications = certifications(tx, (other.seq, &then), position)?;
        let newest = certifications.last().filter(|newest| newest.passed);
        if !newest.is_some_and(|newest| then.digests.iter().all(|digest| newest.digests.contains(digest))) {
            continue;
        }
        let tags = bindings::of_kind_at(tx, other.seq, "code.tag", position)?.into_iter();
        let tags: Vec<Evidence> = tags
            .map(|index| Ok(as_evidence(bindings::bound(tx, index)?.as_ref(), BindRule::Explicit, doubts)))
            .collect::<Result<_, StoreError>>()?;
        if tag_elsewhere(tags.iter(), &then).is_none() {
            known.push(version.to_owned());
        }
    }
    Ok(known)
}

/// The bytes of an evaluation at a position and time: what a re-run years later must give again.
///
/// # Errors
/// When the store fails.
pub fn evaluation_at(
    engine: &Arc<Engine>,
    stored: &StoredRelease,
    position: u64,
    at: Time,
    next: bool,
) -> Result<Vec<u8>, Problem> {
    let known = engine.read(|tx| releases::at(tx, stored.seq, position.min(i64::MAX as u64)))?.is_some();
    let size = engine.head().size();
    if position > size || !known {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "no-such-position",
            "There is no such evaluation.",
            if known {
                format!("The log has {size} entries; position {position} is still to come.")
            } else {
                format!("{} was not known yet at position {position}.", stored.release.title())
            },
            "Take the position from a decision, a gate's answer or the dossier.",
        ));
    }
    let moment = Moment { position, at, next };
    let judged = engine.store.read(|tx| judge_with(tx, &engine.criteria, stored, moment, None));
    let judged = judged.map_err(|e| internal(&e))?;
    serde_json::to_vec(&judged.evaluation).map_err(|e| internal(&e))
}
