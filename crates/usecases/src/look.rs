//! Looking: what pages, API and commands show. Reads only; cost follows the release, not the history.

use std::{collections::BTreeMap, sync::Arc};

use certrail_criteria::Receipt;
use certrail_domain::{
    Evaluation, Extent, Problem, ProblemKind, Product, Release, Time, normal_version, sentence, version_cmp,
};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, decisions, log, people, products,
        releases::{self, ListedRelease, StoredRelease},
        signals::{self, StoredSignal},
    },
};
use serde::Serialize;

use crate::{
    Caller,
    doubts::Doubts,
    engine::{Engine, internal},
    inputs,
    judge::evaluation_now,
    listed::Listed,
    outgoing::{OutgoingFile, glance},
};

const END: u64 = i64::MAX as u64;

/// A release with its sentence, for lists.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseCard {
    /// Its number: behind which the next page of a list begins.
    pub cursor: i64,
    /// The release.
    pub release: Release,
    /// The sentence.
    pub sentence: String,
    /// The fraction.
    pub fraction: String,
    /// The evaluation.
    pub evaluation: Arc<Evaluation>,
}

/// Every product that the caller reaches, by name.
///
/// # Errors
/// When the store fails.
pub fn list_products(engine: &Engine, caller: &Caller) -> Result<Vec<Listed<Product>>, Problem> {
    engine.read(|tx| {
        let all = products::listed(tx)?.into_iter().filter(|(name, _)| caller.reaches(name));
        all.map(|(name, product)| Listed::of(product, &name, &name)).collect()
    })
}

/// The names of the products that the caller reaches, in order.
///
/// # Errors
/// When the store fails.
pub fn names_of_products(engine: &Engine, caller: &Caller) -> Result<Vec<String>, Problem> {
    Ok(engine.read(products::names)?.into_iter().filter(|name| caller.reaches(name)).collect())
}

/// The releases of a product, newest first, at most `limit`, behind `before`, each judged as known now.
///
/// # Errors
/// When the store fails.
pub fn list_releases(
    engine: &Arc<Engine>,
    product: &str,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<Listed<ReleaseCard>>, Problem> {
    let rows = engine.read(|tx| releases::listed(tx, product, before, limit))?;
    if rows.is_empty() {
        inputs::product(engine, product)?;
    }
    let (position, now) = (engine.head().size(), engine.now());
    let card = |row: ListedRelease| {
        let card = row.release.and_then(|s| {
            let evaluation = engine.store.read(|tx| evaluation_now(tx, engine, &s, position, now))?;
            Ok(ReleaseCard {
                cursor: s.seq,
                sentence: sentence::sentence(&s.release, &evaluation),
                fraction: sentence::fraction(&evaluation.summary),
                release: s.release,
                evaluation,
            })
        });
        Listed::of(card, &row.seq, &row.version).map_err(|e| internal(&e))
    };
    rows.into_iter().map(card).collect()
}

/// A product, with who is who in what was decided about it.
#[derive(Clone, Debug)]
pub struct ProductView {
    /// The product.
    pub product: Product,
    names: BTreeMap<String, String>,
}

impl ProductView {
    /// The name of whoever has an account of ours; the account where nobody has it any more.
    #[must_use]
    pub fn name<'a>(&'a self, account: &'a str) -> &'a str {
        self.names.get(account).map_or(account, String::as_str)
    }
}

/// The product of that name, if there is one.
///
/// # Errors
/// When the store fails or its record is damaged.
pub fn known_product(engine: &Engine, name: &str) -> Result<Option<Product>, Problem> {
    engine.read(|tx| products::get(tx, name))
}

/// The product of that name.
///
/// # Errors
/// When there is none: those there are, named.
pub fn product_view(engine: &Engine, name: &str) -> Result<ProductView, Problem> {
    let product = crate::inputs::product(engine, name)?;
    let names = engine.read(people::names)?;
    Ok(ProductView { product, names })
}

/// The release a person names; `v2.4.1` is `2.4.1`, `latest` the newest cut one. Names the nearest if there is none.
///
/// # Errors
/// When there is no such product or release.
pub fn find_release(engine: &Engine, product: &str, version: &str) -> Result<StoredRelease, Problem> {
    let (known, found, near) = engine.read(|tx| {
        let known = products::get(tx, product)?.is_some();
        let found = find_in(tx, product, version)?;
        let near = if found.is_none() { releases::listed(tx, product, None, 200)? } else { vec![] };
        Ok::<_, StoreError>((known, found, near))
    })?;
    if let Some(stored) = found {
        return Ok(stored);
    }
    let shown: String = version.chars().take(60).collect();
    if !known {
        crate::inputs::product(engine, product)?;
    }
    let mut versions: Vec<String> = near.into_iter().map(|row| row.version).collect();
    versions.sort_by(|a, b| version_cmp(b, a));
    versions.truncate(5);
    Err(Problem::new(
        ProblemKind::NotFound,
        "no-such-release",
        format!("There is no release {shown} of {product}."),
        if versions.is_empty() {
            "It has no release yet.".to_owned()
        } else {
            format!("Nearest: {}.", versions.join(", "))
        },
        "Cut it with `certrail release cut VERSION`, or name one of those.",
    ))
}

fn find_in(tx: &Tx<'_>, product: &str, version: &str) -> Result<Option<StoredRelease>, StoreError> {
    if version == "latest" {
        let all = releases::of_product(tx, product, None, 200)?;
        return Ok(all
            .into_iter()
            .filter(|s| s.release.commit.is_some())
            .max_by(|a, b| version_cmp(&a.release.version, &b.release.version)));
    }
    if version.starts_with("rel_") {
        return Ok(releases::by_id(tx, version)?.filter(|s| s.release.product == product));
    }
    releases::by_version(tx, product, normal_version(version))
}

/// Everything the release page shows besides the dossier.
#[derive(Clone, Debug)]
pub struct ReleaseView {
    /// The dossier value, unnumbered and unsealed; `made_at` says as of when it is.
    pub dossier: Arc<certrail_dossier::Dossier>,
    /// The last times its gates were asked: gate, answer, who, when.
    pub asks: Vec<(String, String, String, Time)>,
    /// The environments that count as production.
    pub production: Vec<String>,
}

/// The release page.
///
/// # Errors
/// When there is no such release, or the store fails.
pub fn release_view(engine: &Engine, product: &str, version: &str) -> Result<ReleaseView, Problem> {
    let stored = find_release(engine, product, version)?;
    let dossier = crate::make_dossier::preview(engine, &stored)?;
    with_asks(engine, &stored, dossier)
}

/// The release page as it was made for somebody within the last second, if it was and nobody acted since. For when many wait.
///
/// # Errors
/// As [`release_view`].
pub fn recent_release_view(engine: &Engine, product: &str, version: &str) -> Result<Option<ReleaseView>, Problem> {
    let stored = find_release(engine, product, version)?;
    engine.kept.recent(stored.seq).map(|dossier| with_asks(engine, &stored, dossier)).transpose()
}

fn with_asks(
    engine: &Engine,
    stored: &StoredRelease,
    dossier: Arc<certrail_dossier::Dossier>,
) -> Result<ReleaseView, Problem> {
    let (asks, product) = engine.read(|tx| {
        Ok((decisions::asks(tx, stored.release.id.as_str(), 10)?, products::get(tx, &stored.release.product)?))
    })?;
    let production = product.map(|product| product.production).unwrap_or_default();
    let asks = asks.into_iter().map(|a| (a.gate, a.answer, a.actor, Time::from_micros(a.asked))).collect();
    Ok(ReleaseView { dossier, asks, production })
}

/// A piece of evidence with everything around it.
#[derive(Clone, Debug)]
pub struct EvidenceView {
    /// As stored.
    pub signal: Arc<StoredSignal>,
    /// Whether its bytes match their fingerprint; `None` when they are gone.
    pub genuine: Option<bool>,
    /// How many bytes.
    pub size: u64,
    /// The first of them, as text.
    pub preview: String,
    /// Where it is bound now: product, version, rule, key.
    pub bound: Vec<(String, String, &'static str, String)>,
    /// The repository that it is context of.
    pub context: Option<String>,
    /// Every binding it ever had: release, rule, from entry, to entry.
    pub history: Vec<(String, &'static str, u64, Option<u64>)>,
    /// The receipt.
    pub receipt: certrail_ledger::receipt::Receipt,
    /// When we received it is uncertain: our clock had jumped.
    pub doubtful: bool,
}

impl EvidenceView {
    /// SHA-256 of the raw bytes, hex.
    #[must_use]
    pub fn receipt_digest(&self) -> String {
        certrail_ledger::hex(&self.signal.body)
    }
}

/// The evidence page.
///
/// # Errors
/// When there is no such evidence.
pub fn evidence_view(engine: &Arc<Engine>, caller: &Caller, id: &str) -> Result<EvidenceView, Problem> {
    let missing = || no_evidence(id);
    let index = signals::index_of(id).ok_or_else(missing)?;
    let head = engine.head();
    let found = engine.read(|tx| {
        let Some(signal) = signals::get(tx, index)? else { return Ok(None) };
        let name = |seq: i64| releases::by_seq(tx, seq).map(|s| s.map(|s| (s.release.product, s.release.version)));
        let mut bound = Vec::new();
        for b in bindings::of_signal(tx, index)? {
            if let Some((product, version)) = name(b.release)? {
                bound.push((product, version, b.rule.name(), b.key.to_string()));
            }
        }
        let mut history = Vec::new();
        for (seq, rule, _, from, to) in bindings::history(tx, index)? {
            if let Some((product, version)) = name(seq)? {
                history.push((format!("{product} {version}"), rule.name(), from, to));
            }
        }
        let receipt = crate::prove::receipt_in(tx, &head, index)?;
        let context = crate::bind::place(tx, &signal.signal, index)?.context.map(|r| r.name);
        let how = Doubts::at(tx, head.size())?.receipt(index, signal.received).1;
        let doubtful = how != Receipt::Known;
        Ok::<_, StoreError>(Some((signal, bound, context, history, receipt, doubtful)))
    })?;
    let (signal, bound, context, history, receipt, doubtful) =
        found.filter(|(s, ..)| s.id.as_str() == id).ok_or_else(missing)?;
    let visible = match bound.is_empty() {
        true => engine.read(|tx| may_be_of(tx, caller, &signal))?,
        false => bound.iter().any(|(product, ..)| caller.reaches(product)),
    };
    if !visible {
        // Whoever does not reach it is not told that it is there.
        return Err(missing());
    }
    let seen = glance(engine, &signal.body, &signal.place, 4000)?;
    let preview = String::from_utf8_lossy(&seen.first).into_owned();
    let size = if seen.first.is_empty() { 0 } else { signal.place.size };
    Ok(EvidenceView { genuine: seen.genuine, size, preview, signal, bound, context, history, receipt, doubtful })
}

fn no_evidence(id: &str) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "no-such-evidence",
        "There is no such evidence.",
        format!("We hold nothing under `{}`.", id.chars().take(60).collect::<String>()),
        "Follow a link on a release page, or search by fingerprint.",
    )
}

/// The bytes of a piece of evidence, as they were received.
///
/// # Errors
/// When there is no such evidence, for this caller.
pub fn evidence_file(engine: &Engine, caller: &Caller, id: &str) -> Result<OutgoingFile, Problem> {
    let missing = || no_evidence(id);
    let index = signals::index_of(id).ok_or_else(missing)?;
    let found = engine.read(|tx| {
        let Some(signal) = signals::get(tx, index)?.filter(|s| s.id.as_str() == id) else { return Ok(None) };
        let bound = bindings::of_signal(tx, index)?;
        let mut visible = bound.is_empty() && may_be_of(tx, caller, &signal)?;
        for binding in bound {
            visible |= releases::by_seq(tx, binding.release)?.is_some_and(|s| caller.reaches(&s.release.product));
        }
        Ok::<_, StoreError>(visible.then_some(signal))
    })?;
    let signal = found.ok_or_else(missing)?;
    let (digest, place) = (signal.body, signal.place);
    Ok(OutgoingFile { name: id.to_owned(), media: "application/octet-stream", digest, place })
}

/// A line of the unbound queue.
#[derive(Clone, Debug, Serialize)]
pub struct UnboundView {
    /// Its entry: behind which the next page of the queue begins.
    pub index: u64,
    /// Its evidence id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// The name of the event or file.
    pub name: String,
    /// The source.
    pub source: String,
    /// When we received it.
    pub received_at: Time,
    /// Why no rule could bind it.
    pub reason: String,
    /// The nearest releases: `payments-api/2.4.1`.
    pub candidates: Vec<String>,
}

/// The unbound queue, newest first, behind the entry `before`, with how many there are in all.
///
/// # Errors
/// When the store fails.
pub fn unbound_queue(
    engine: &Engine,
    caller: &Caller,
    before: Option<u64>,
    limit: u64,
) -> Result<(Vec<Listed<UnboundView>>, u64), Problem> {
    engine.read(|tx| {
        let whole = caller.scope.products.is_all();
        let mut total = if whole { bindings::unbound_count(tx)? } else { 0 };
        let mut lines = Vec::new();
        for index in bindings::unbound(tx, before.unwrap_or(END), limit)? {
            let line = waiting(tx, caller, index);
            // Whose it is cannot be told: only who sees everything sees that it is there.
            if line.is_err() && !whole {
                continue;
            }
            if let Some(line) = line.transpose() {
                total += u64::from(!whole);
                lines.push(Listed::of(line, &index, &format!("entry {index}"))?);
            }
        }
        Ok((lines, total))
    })
}

/// A line of the unbound queue, if the caller may see it.
fn waiting(tx: &Tx<'_>, caller: &Caller, index: u64) -> Result<Option<UnboundView>, StoreError> {
    let signal = signals::get(tx, index)?;
    let signal = signal.ok_or_else(|| StoreError::Damaged(format!("signal {index} waits and is not there")))?;
    if !may_be_of(tx, caller, &signal)? {
        return Ok(None);
    }
    Ok(Some(UnboundView {
        index,
        id: signal.id.to_string(),
        kind: signal.signal.facts.kind(),
        name: signal.signal.name.clone(),
        source: signal.signal.source.clone(),
        received_at: signal.received,
        reason: crate::bind::reason(tx, &signal.signal)?,
        candidates: candidates(tx, caller, &signal)?,
    }))
}

/// Whether an unbound signal may be of a product that the caller reaches: its sender spoke for one, or it is of the repository of one.
pub(crate) fn may_be_of(tx: &Tx<'_>, caller: &Caller, signal: &StoredSignal) -> Result<bool, StoreError> {
    if caller.scope.products.is_all() {
        return Ok(true);
    }
    if let Extent::Only(products) = &signal.signal.reach {
        return Ok(products.iter().any(|p| caller.reaches(p)));
    }
    let rest = signal.signal.source.split_once(':').map_or("", |(_, rest)| rest);
    Ok(caller.reaches(rest) || products::of_repository(tx, rest)?.iter().any(|p| caller.reaches(&p.name)))
}

/// The newest releases of the products that the signal's source or name points to.
fn candidates(tx: &Tx<'_>, caller: &Caller, signal: &StoredSignal) -> Result<Vec<String>, StoreError> {
    let rest = signal.signal.source.split_once(':').map_or("", |(_, rest)| rest);
    let of_it = products::of_repository(tx, rest)?.into_iter().chain(products::get(tx, rest)?);
    let mut near: Vec<String> = of_it.map(|p| p.name).collect();
    if near.is_empty() {
        near = products::names(tx)?;
        near.truncate(2);
    }
    let mut out = Vec::new();
    for product in near.into_iter().filter(|name| caller.reaches(name)) {
        for stored in releases::of_product(tx, &product, None, 2)? {
            out.push(format!("{}/{}", stored.release.product, stored.release.version));
        }
    }
    out.truncate(4);
    Ok(out)
}

/// A line of the log page.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// The entry.
    pub index: u64,
    /// What it is.
    pub what: String,
    /// Who.
    pub actor: String,
    /// When we received it.
    pub received_at: Time,
    /// The evidence id, for signals.
    pub evidence: Option<String>,
}

/// The newest entries of the log below `before`, newest first.
///
/// # Errors
/// When the store fails.
pub fn log_entries(engine: &Engine, before: Option<u64>, limit: u64) -> Result<Vec<Listed<LogLine>>, Problem> {
    let to = before.unwrap_or(engine.head().size()).min(engine.head().size());
    let from = to.saturating_sub(limit);
    engine.read(|tx| {
        let line = |s: StoredSignal| LogLine {
            index: s.log_index,
            what: format!("{} {}", s.signal.facts.kind(), s.signal.name),
            actor: s.signal.actor.as_ref().map_or_else(|| s.signal.source.clone(), |a| a.shown().to_owned()),
            received_at: s.received,
            evidence: Some(s.id.to_string()),
        };
        let mut lines = BTreeMap::new();
        for (index, signal) in signals::range(tx, from, to)? {
            lines.insert(index, Listed::of(signal.map(line), &index, &format!("entry {index}"))?);
        }
        lines.extend(log::acts(tx, from, to)?.into_iter().map(|a| {
            let line = LogLine {
                index: a.log_index,
                what: a.act,
                actor: a.actor,
                received_at: Time::from_micros(a.received),
                evidence: None,
            };
            (a.log_index, Listed::Whole(line))
        }));
        Ok(lines.into_values().rev().collect())
    })
}
