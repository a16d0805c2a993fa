//! Looking at findings: a page of the list by due date, one with its life.

use std::collections::BTreeMap;

use certrail_domain::{
    Action, Deadline, Extent, Finding, FindingDecision, FindingId, FindingState, Problem, ProblemKind, Time,
};
use certrail_store::{
    StoreError, Tx,
    tables::{
        finding_decisions::{self, Triage},
        findings::{self, Place, Shelf, StoredFinding},
        log, releases, scans,
    },
};
use serde::Serialize;

use crate::{
    Caller, Listed,
    access::{On, allow},
    engine::Engine,
    inputs,
    track::{Dues, Running},
};

/// A finding in a list.
#[derive(Clone, Debug, Serialize)]
pub struct FindingCard {
    /// What it is and where it stands.
    #[serde(flatten)]
    pub finding: Finding,
    /// The versions it was seen in last, by each scope that sees it.
    pub releases: Vec<String>,
    /// Decisions that are asked for or hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<FindingDecision>,
    /// Where the list goes on behind it.
    pub cursor: String,
}

/// Who sees a finding.
#[derive(Clone, Debug, Serialize)]
pub struct SeenBy {
    /// Kind of scan, tool, sender and what was scanned.
    pub scope: String,
    /// The entry of the scan that saw it last.
    pub entry: u64,
    /// The version that scan belongs to, if any.
    pub release: Option<String>,
}

/// A step in the life of a finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingStep {
    /// The entry in the log that tells it.
    pub entry: u64,
    /// The state it moved to.
    pub to: FindingState,
    /// When, by the source of the scan or our clock.
    pub at: Time,
    /// Who moved it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A finding with its life.
#[derive(Clone, Debug, Serialize)]
pub struct FindingView {
    /// What it is and where it stands.
    #[serde(flatten)]
    pub finding: Finding,
    /// When it is due by each clock that runs, the earliest first.
    pub deadlines: Vec<Deadline>,
    /// Each step in its life, oldest first.
    pub moves: Vec<FindingStep>,
    /// Every decision about it, oldest first.
    pub decisions: Vec<FindingDecision>,
    /// What people said when they looked at it, oldest first.
    pub triage: Vec<Triage>,
    /// Who sees it now.
    pub seen_by: Vec<SeenBy>,
    /// Others of the same spot in the source: possibly the same, told by other tools.
    pub possibly_same: Vec<Finding>,
}

/// What a list is of.
#[derive(Clone, Debug)]
pub struct FindingsWanted {
    /// One product, or all.
    pub product: Option<String>,
    /// The shelves.
    pub shelves: Vec<Shelf>,
    /// The cursor of the last one shown.
    pub after: Option<String>,
    /// How many.
    pub limit: u64,
}

/// The shelves of a word: one shelf's name, `closed` for all that is not open, `all`.
///
/// # Errors
/// A word that names none.
pub fn shelves(word: Option<&str>) -> Result<Vec<Shelf>, Problem> {
    match word {
        None | Some("") => Ok(vec![Shelf::Open]),
        Some("closed") => Ok(vec![Shelf::Decided, Shelf::Suppressed, Shelf::Fixed]),
        Some("all") => Ok(Shelf::ALL.to_vec()),
        Some(word) => Shelf::from_name(word).map(|s| vec![s]).ok_or_else(|| {
            Problem::new(
                ProblemKind::BadInput,
                "no-such-shelf",
                "Nothing is listed.",
                format!("`{}` is no kind of finding.", inputs::clip(word)),
                "Known are: open, decided, suppressed, fixed, closed, all.",
            )
        }),
    }
}

/// A page of findings, the one due first first.
///
/// # Errors
/// An unknown product, a cursor that is none, a store that fails.
pub fn list_findings(
    engine: &Engine,
    caller: &Caller,
    wanted: &FindingsWanted,
) -> Result<Vec<Listed<FindingCard>>, Problem> {
    if let Some(product) = &wanted.product {
        inputs::required(product, "product")?;
        allow(caller, Action::Read, On::Product(product))?;
        inputs::product(engine, product)?;
    }
    let after = match &wanted.after {
        None => Place::START,
        Some(text) => place(text).ok_or_else(|| {
            Problem::new(
                ProblemKind::BadInput,
                "bad-cursor",
                "Nothing is listed.",
                format!("`{}` is no place in a list.", inputs::clip(text)),
                "Give the `cursor` of the last finding that was listed, or leave it out.",
            )
        })?,
    };
    engine.read(|tx| {
        let mut all = Vec::new();
        for shelf in &wanted.shelves {
            all.extend(findings::list(tx, wanted.product.as_deref(), *shelf, after, wanted.limit)?);
        }
        all.sort_by_key(|listed| listed.place);
        all.truncate(usize::try_from(wanted.limit).unwrap_or(usize::MAX));
        let reached = all.into_iter().filter(|listed| caller.reaches(&listed.product));
        let line = |listed: findings::ListedFinding| {
            let card = listed.finding.and_then(|stored| card(tx, stored, engine.now()));
            Listed::of(card, &cursor(listed.place), &format!("finding {}", listed.place.seq))
        };
        reached.map(line).collect()
    })
}

/// A finding by its id.
///
/// # Errors
/// An unknown id, a store that fails.
pub fn finding_view(engine: &Engine, caller: &Caller, id: &str) -> Result<FindingView, Problem> {
    let key = FindingId::key_in(id).ok_or_else(|| unknown(id))?;
    let view = engine.read(|tx| {
        let Some(stored) = findings::by_key(tx, &key)? else { return Ok(None) };
        let StoredFinding { seq, finding } = stored;
        let mut seen_by = Vec::new();
        for (scope, sighting) in scans::seen_by(tx, seq)? {
            seen_by.push(SeenBy { scope, entry: sighting.log_index, release: version(tx, sighting.release)? });
        }
        let dues = Dues::of(tx, &engine.criteria, &finding.product, i64::MAX as u64)?;
        Ok(Some(FindingView {
            deadlines: dues.deadlines(tx, Running::of(&findings::standing_of(tx, seq)?))?,
            moves: steps(tx, seq)?,
            decisions: finding_decisions::about(tx, &key, &finding.seen.fingerprint)?,
            triage: finding_decisions::triage_of(tx, seq)?,
            possibly_same: findings::at_spot(tx, &finding)?.into_iter().map(|f| f.finding).collect(),
            finding,
            seen_by,
        }))
    })?;
    view.filter(|v| caller.reaches(&v.finding.product)).ok_or_else(|| unknown(id))
}

/// The problem that there is no such finding.
#[must_use]
pub fn unknown(id: &str) -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "no-such-finding",
        "There is no such finding.",
        format!("`{}` names none.", inputs::clip(id)),
        "`certrail finding list` shows their ids.",
    )
}

/// The life of a finding, each step with who and why from the entry that tells it.
fn steps(tx: &Tx<'_>, seq: i64) -> Result<Vec<FindingStep>, StoreError> {
    let mut moves = findings::moves(tx, seq)?;
    // Two steps by one entry: seen again, and covered at once.
    moves.sort_by_key(|m| (m.entry, !m.to.is_open()));
    let mut steps = Vec::new();
    for step in moves {
        let act = log::acts(tx, step.entry, step.entry + 1)?.pop();
        let act = act.ok_or_else(|| StoreError::Damaged(format!("entry {} is not there", step.entry)))?;
        let (by, why) = (act.actor.clone(), reason(&act, step.to)?);
        steps.push(FindingStep { entry: step.entry, to: step.to, at: step.at, by, why });
    }
    Ok(steps)
}

fn reason(act: &log::Act, to: FindingState) -> Result<String, StoreError> {
    let document: serde_json::Value = serde_json::from_str(&act.document)
        .map_err(|e| StoreError::Damaged(format!("entry {}: {e}", act.log_index)))?;
    if let Some(why) = document["decided_because"].as_str().or_else(|| document["reason"].as_str()) {
        return Ok(why.to_owned());
    }
    let scope = document["scope"].as_str().unwrap_or_default().replace('|', " ");
    Ok(match (to, document["scan"].as_u64()) {
        (FindingState::Detected, Some(scan)) => format!("Seen by {} (entry {scan}).", scope.trim()),
        (FindingState::Reopened, Some(scan)) => format!("Seen again by {} (entry {scan}).", scope.trim()),
        (FindingState::Fixed, Some(scan)) => format!("No longer seen by {} (entry {scan}).", scope.trim()),
        (FindingState::Triaged, Some(scan)) => {
            format!("Graver than what was accepted, by {} (entry {scan}).", scope.trim())
        }
        (_, Some(_)) => "A decision in force covers it.".to_owned(),
        (_, None) => "The decision it rested on has ended.".to_owned(),
    })
}

pub(crate) fn card(tx: &Tx<'_>, stored: StoredFinding, now: Time) -> Result<FindingCard, StoreError> {
    let mut versions = Vec::new();
    for (_, sighting) in scans::seen_by(tx, stored.seq)? {
        versions.extend(version(tx, sighting.release)?);
    }
    versions.sort();
    versions.dedup();
    let place = Place::of(&stored);
    let finding = stored.finding;
    let key = crate::track::key_in(&finding.id)?;
    let mut decisions = finding_decisions::about(tx, &key, &finding.seen.fingerprint)?;
    decisions.retain(|d| d.in_force(now) || d.is_asked_for());
    Ok(FindingCard { cursor: cursor(place), finding, releases: versions, decisions })
}

fn version(tx: &Tx<'_>, release: i64) -> Result<Option<String>, StoreError> {
    Ok(releases::by_seq(tx, release)?.map(|s| s.release.version))
}

fn cursor(place: Place) -> String {
    format!("{}_{}", place.due, place.seq)
}

fn place(cursor: &str) -> Option<Place> {
    let (due, seq) = cursor.split_once('_')?;
    Some(Place { due: due.parse().ok()?, seq: seq.parse().ok()? })
}

/// How many findings there are, counted no further than [`FindingCounts::MOST`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct FindingCounts {
    /// By shelf.
    pub shelves: BTreeMap<&'static str, u64>,
    /// Open ones by when they are due: overdue, within 7 days, within 30, later, and without limit.
    pub due: [u64; 5],
}

impl FindingCounts {
    /// Beyond this, nobody counts one by one.
    pub const MOST: u64 = 10_000;
}

/// How many findings there are by shelf and due date.
///
/// # Errors
/// When the store fails.
pub fn count_findings(engine: &Engine, caller: &Caller, product: Option<&str>) -> Result<FindingCounts, Problem> {
    if let (None, Extent::Only(products)) = (product, &caller.scope.products) {
        let mut all = FindingCounts::default();
        for product in products {
            let one = count_findings(engine, caller, Some(product))?;
            one.shelves.into_iter().for_each(|(shelf, n)| *all.shelves.entry(shelf).or_default() += n);
            all.due.iter_mut().zip(one.due).for_each(|(sum, n)| *sum += n);
        }
        return Ok(all);
    }
    if let Some(product) = product {
        allow(caller, Action::Read, On::Product(product))?;
    }
    let now = engine.now();
    let at = |days: i64| now.plus(days * Time::DAY).as_micros();
    let edges = [i64::MIN, now.as_micros(), at(7), at(30), i64::MAX - 1, i64::MAX];
    engine.read(|tx| {
        let mut counts = FindingCounts::default();
        for shelf in Shelf::ALL {
            counts.shelves.insert(shelf.name(), findings::count(tx, product, shelf, FindingCounts::MOST)?);
        }
        let open = counts.shelves["open"];
        for (count, edge) in counts.due.iter_mut().zip(edges.windows(2)).take(4) {
            *count = findings::due_between(tx, product, edge[0], edge[1], FindingCounts::MOST)?;
        }
        counts.due[4] = open.saturating_sub(counts.due[..4].iter().sum());
        Ok(counts)
    })
}
