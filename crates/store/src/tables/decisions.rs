//! Decisions, and every time a gate was asked.

use crate::{Result, Row, Tx};

/// A signed decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDecision {
    /// Its id.
    pub id: String,
    /// Its entry in the log.
    pub log_index: u64,
    /// The release.
    pub release: String,
    /// `certification`, `rejection` or `withdrawal`.
    pub kind: String,
    /// `PASSED` or `FAILED`, in the words of the SLSA VSA.
    pub result: String,
    /// Who decided.
    pub actor: String,
    /// When, microseconds.
    pub decided: i64,
    /// The DSSE envelope, JSON.
    pub envelope: String,
    /// Digest of the frozen state of the world.
    pub world: [u8; 32],
}

impl StoredDecision {
    /// Whether it certifies.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.kind == "certification" && self.result == "PASSED"
    }
}

fn map(r: &Row<'_>) -> Result<StoredDecision> {
    Ok(StoredDecision {
        id: r.text(0)?,
        log_index: r.uint(1)?,
        release: r.text(2)?,
        kind: r.text(3)?,
        result: r.text(4)?,
        actor: r.text(5)?,
        decided: r.int(6)?,
        envelope: r.text(7)?,
        world: r.hash(8)?,
    })
}

/// Stores a decision.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &Tx<'_>, d: &StoredDecision) -> Result<()> {
    tx.exec(
        "INSERT INTO decision (id, log_index, release, kind, result, actor, decided, envelope, world)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        &[
            (&d.id).into(),
            d.log_index.into(),
            (&d.release).into(),
            (&d.kind).into(),
            (&d.result).into(),
            (&d.actor).into(),
            d.decided.into(),
            (&d.envelope).into(),
            (&d.world).into(),
        ],
    )?;
    Ok(())
}

/// The decisions on a release, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_release(tx: &Tx<'_>, release: &str) -> Result<Vec<StoredDecision>> {
    tx.query(
        "SELECT id, log_index, release, kind, result, actor, decided, envelope, world
         FROM decision WHERE release = ?1 ORDER BY log_index",
        &[release.into()],
        map,
    )
}

/// The newest decision on a release.
///
/// # Errors
/// When the database fails.
pub fn newest(tx: &Tx<'_>, release: &str) -> Result<Option<StoredDecision>> {
    Ok(of_release(tx, release)?.pop())
}

/// The entry of the first evaluation of a release that is on record: of a question to a gate, or of a decision.
///
/// # Errors
/// When the database fails.
pub fn first_evaluated(tx: &Tx<'_>, release: &str) -> Result<Option<u64>> {
    let asked = "SELECT MIN(log_index) FROM gate_ask WHERE release = ?1";
    let decided = "SELECT MIN(log_index) FROM decision WHERE release = ?1";
    let first = |sql| tx.first(sql, &[release.into()], |r| r.opt_uint(0));
    Ok(first(asked)?.flatten().into_iter().chain(first(decided)?.flatten()).min())
}

/// The decision of that id.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &Tx<'_>, id: &str) -> Result<Option<StoredDecision>> {
    tx.first(
        "SELECT id, log_index, release, kind, result, actor, decided, envelope, world FROM decision WHERE id = ?1",
        &[id.into()],
        map,
    )
}

/// One time a gate was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateAsk {
    /// Its entry in the log.
    pub log_index: u64,
    /// The release.
    pub release: String,
    /// The gate.
    pub gate: String,
    /// `allow` or `deny`.
    pub answer: String,
    /// Who asked.
    pub actor: String,
    /// When, microseconds.
    pub asked: i64,
    /// Digest of the evaluation it rests on.
    pub evaluation: [u8; 32],
}

/// Stores that a gate was asked.
///
/// # Errors
/// When the database fails.
pub fn insert_ask(tx: &Tx<'_>, a: &GateAsk) -> Result<()> {
    tx.exec(
        "INSERT INTO gate_ask (log_index, release, gate, answer, actor, asked, evaluation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            a.log_index.into(),
            (&a.release).into(),
            (&a.gate).into(),
            (&a.answer).into(),
            (&a.actor).into(),
            a.asked.into(),
            (&a.evaluation).into(),
        ],
    )?;
    Ok(())
}

/// The last `limit` times the gates of a release were asked, newest first.
///
/// # Errors
/// When the database fails.
pub fn asks(tx: &Tx<'_>, release: &str, limit: u64) -> Result<Vec<GateAsk>> {
    tx.query(
        "SELECT log_index, release, gate, answer, actor, asked, evaluation
         FROM gate_ask WHERE release = ?1 ORDER BY log_index DESC LIMIT ?2",
        &[release.into(), limit.into()],
        map_ask,
    )
}

/// The gate and the time of each no that was said of a release between two times, below a position, newest first.
///
/// # Errors
/// When the database fails.
pub fn refusals(
    tx: &Tx<'_>,
    release: &str,
    (from, to): (i64, i64),
    position: u64,
    limit: u64,
) -> Result<Vec<(String, i64)>> {
    tx.query(
        "SELECT gate, asked FROM gate_ask
         WHERE release = ?1 AND log_index < ?2 AND asked >= ?3 AND asked <= ?5 AND answer = 'deny' AND gate LIKE 'deploy:%'
         ORDER BY log_index DESC LIMIT ?4",
        &[release.into(), position.into(), from.into(), limit.into(), to.into()],
        |r| Ok((r.text(0)?, r.int(1)?)),
    )
}

/// The releases, each once, that the last `asks` questions were about, newest first.
///
/// # Errors
/// When the database fails.
pub fn asked_last(tx: &Tx<'_>, asks: u64) -> Result<Vec<String>> {
    tx.query(
        "SELECT release FROM (SELECT release, log_index FROM gate_ask ORDER BY log_index DESC LIMIT ?1) newest
         GROUP BY release ORDER BY MAX(log_index) DESC",
        &[asks.into()],
        |r| r.text(0),
    )
}

/// The question that an entry tells of.
///
/// # Errors
/// When the database fails.
pub fn ask_at(tx: &Tx<'_>, log_index: u64) -> Result<Option<GateAsk>> {
    tx.first(
        "SELECT log_index, release, gate, answer, actor, asked, evaluation FROM gate_ask WHERE log_index = ?1",
        &[log_index.into()],
        map_ask,
    )
}

fn map_ask(r: &Row<'_>) -> Result<GateAsk> {
    Ok(GateAsk {
        log_index: r.uint(0)?,
        release: r.text(1)?,
        gate: r.text(2)?,
        answer: r.text(3)?,
        actor: r.text(4)?,
        asked: r.int(5)?,
        evaluation: r.hash(6)?,
    })
}
