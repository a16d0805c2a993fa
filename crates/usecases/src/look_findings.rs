//! Looking at findings: a page of the list by due date, one with its life.

use certrail_domain::{Finding, FindingId, FindingMove, Problem, ProblemKind};
use certrail_store::{
    StoreError, Tx,
    tables::{
        findings::{self, Place, StoredFinding},
        releases,
    },
};
use serde::Serialize;

use crate::{engine::Engine, inputs};

/// A finding in a list.
#[derive(Clone, Debug, Serialize)]
pub struct FindingCard {
    /// What it is and where it stands.
    #[serde(flatten)]
    pub finding: Finding,
    /// The versions it was seen in last, by each scope that sees it.
    pub releases: Vec<String>,
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

/// A finding with its life.
#[derive(Clone, Debug, Serialize)]
pub struct FindingView {
    /// What it is and where it stands.
    #[serde(flatten)]
    pub finding: Finding,
    /// Each step in its life, oldest first.
    pub moves: Vec<FindingMove>,
    /// Who sees it now.
    pub seen_by: Vec<SeenBy>,
}

/// What a list is of.
#[derive(Clone, Debug, Default)]
pub struct FindingsWanted {
    /// One product, or all.
    pub product: Option<String>,
    /// Those that are done with, rather than those that are open.
    pub closed: bool,
    /// The cursor of the last one shown.
    pub after: Option<String>,
    /// How many.
    pub limit: u64,
}

/// A page of findings, the one due first first.
///
/// # Errors
/// An unknown product, a cursor that is none, a store that fails.
pub fn list_findings(engine: &Engine, wanted: &FindingsWanted) -> Result<Vec<FindingCard>, Problem> {
    if let Some(product) = &wanted.product {
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
        findings::list(tx, wanted.product.as_deref(), !wanted.closed, after, wanted.limit)?
            .into_iter()
            .map(|stored| card(tx, stored))
            .collect()
    })
}

/// A finding by its id.
///
/// # Errors
/// An unknown id, a store that fails.
pub fn finding_view(engine: &Engine, id: &str) -> Result<FindingView, Problem> {
    let unknown = || {
        Problem::new(
            ProblemKind::NotFound,
            "no-such-finding",
            "There is no such finding.",
            format!("`{}` names none.", inputs::clip(id)),
            "`certrail finding list` shows their ids.",
        )
    };
    let key = FindingId::key_in(id).ok_or_else(unknown)?;
    let view = engine.read(|tx| {
        let Some(stored) = findings::by_key(tx, &key)? else { return Ok(None) };
        let mut seen_by = Vec::new();
        for (scope, sighting) in findings::seen_by(tx, stored.seq)? {
            seen_by.push(SeenBy { scope, entry: sighting.log_index, release: version(tx, sighting.release)? });
        }
        Ok(Some(FindingView { moves: findings::moves(tx, stored.seq)?, finding: stored.finding, seen_by }))
    })?;
    view.ok_or_else(unknown)
}

fn card(tx: &Tx<'_>, stored: StoredFinding) -> Result<FindingCard, StoreError> {
    let mut versions = Vec::new();
    for (_, sighting) in findings::seen_by(tx, stored.seq)? {
        versions.extend(version(tx, sighting.release)?);
    }
    versions.sort();
    versions.dedup();
    let place = Place::of(&stored);
    Ok(FindingCard { cursor: format!("{}_{}", place.due, place.seq), finding: stored.finding, releases: versions })
}

fn version(tx: &Tx<'_>, release: i64) -> Result<Option<String>, StoreError> {
    Ok(releases::by_seq(tx, release)?.map(|s| s.release.version))
}

fn place(cursor: &str) -> Option<Place> {
    let (due, seq) = cursor.split_once('_')?;
    Some(Place { due: due.parse().ok()?, seq: seq.parse().ok()? })
}
