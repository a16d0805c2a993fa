//! Decisions about findings, each change a new row so that any past position can be seen; and what people said of a
//! finding when they looked at it.

use certrail_domain::{Assessment, ExceptionState, FindingDecision, FindingId, FindingState, Reach, Time};
use serde::{Deserialize, Serialize};

use crate::{Result, StoreError, Tx};

/// Records the state of a decision from `log_index` on.
///
/// # Errors
/// When the database fails.
pub fn record(tx: &Tx<'_>, decision: &FindingDecision, log_index: u64) -> Result<()> {
    tx.exec(
        "UPDATE finding_decision SET to_index = ?2 WHERE id = ?1 AND to_index IS NULL",
        &[decision.id.as_str().into(), log_index.into()],
    )?;
    let (key, everywhere) = columns(decision)?;
    let document = serde_json::to_string(decision).map_err(|e| StoreError::Damaged(e.to_string()))?;
    tx.exec(
        "INSERT INTO finding_decision (id, log_index, to_index, product, finding, everywhere, state, document)
         VALUES (?1, ?2, NULL, ?3, ?4, ?5, ?6, ?7)",
        &[
            decision.id.as_str().into(),
            log_index.into(),
            (&decision.product).into(),
            key.as_slice().into(),
            everywhere.into(),
            decision.state.name().into(),
            (&document).into(),
        ],
    )?;
    Ok(())
}

/// The key of the finding and the fingerprint it reaches everywhere, if it does: what decisions are looked up by.
fn columns(decision: &FindingDecision) -> Result<([u8; 16], &str)> {
    let key = FindingId::key_in(decision.finding.as_str())
        .ok_or_else(|| StoreError::Damaged(format!("a decision about {}", decision.finding)))?;
    Ok(match decision.reach {
        Reach::Everywhere { .. } => (key, decision.fingerprint.as_str()),
        _ => (key, ""),
    })
}

/// Whether a decision is looked up by what its document says.
///
/// # Errors
/// When the database fails.
pub fn is_found_as(tx: &Tx<'_>, decision: &FindingDecision, log_index: u64) -> Result<bool> {
    let (key, everywhere) = columns(decision)?;
    let row = tx.first(
        "SELECT finding, everywhere, state FROM finding_decision WHERE id = ?1 AND log_index = ?2",
        &[decision.id.as_str().into(), log_index.into()],
        |r| Ok((r.bytes(0)?, r.text(1)?, r.text(2)?)),
    )?;
    Ok(row.is_some_and(|(k, e, state)| k == key && e == everywhere && state == decision.state.name()))
}

/// The decision of that id as it stands now.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, id: &str) -> Result<Option<FindingDecision>> {
    tx.first("SELECT document FROM finding_decision WHERE id = ?1 AND to_index IS NULL", &[id.into()], |r| r.json(0))
}

/// Every decision that speaks of a finding as things stand now, oldest first.
///
/// # Errors
/// When the database fails.
pub fn about(tx: &Tx<'_>, finding: &[u8; 16], fingerprint: &str) -> Result<Vec<FindingDecision>> {
    tx.query(
        "SELECT document FROM finding_decision WHERE (finding = ?1 OR everywhere = ?2) AND to_index IS NULL
         ORDER BY log_index",
        &[finding.as_slice().into(), fingerprint.into()],
        |r| r.json(0),
    )
}

/// Every approved decision that can speak of findings of a product as the log stood at `position`, by id.
///
/// # Errors
/// When the database fails.
pub fn of_product_at(tx: &Tx<'_>, product: &str, position: u64) -> Result<Vec<FindingDecision>> {
    tx.query(
        "SELECT document FROM finding_decision
         WHERE (product = ?1 OR everywhere > '') AND state = 'approved' AND log_index < ?2
            AND (to_index IS NULL OR to_index >= ?2) ORDER BY id",
        &[product.into(), position.into()],
        |r| r.json(0),
    )
}

/// Every approved decision asked for a finding as the log stood at `position`, by id.
///
/// # Errors
/// When the database fails.
pub fn of_finding_at(tx: &Tx<'_>, finding: &[u8; 16], position: u64) -> Result<Vec<FindingDecision>> {
    tx.query(
        "SELECT document FROM finding_decision
         WHERE finding = ?1 AND state = 'approved' AND log_index < ?2 AND (to_index IS NULL OR to_index >= ?2)
         ORDER BY id",
        &[finding.as_slice().into(), position.into()],
        |r| r.json(0),
    )
}

/// Every approved decision that reaches all products as the log stood at `position`, by id.
///
/// # Errors
/// When the database fails.
pub fn everywhere_at(tx: &Tx<'_>, position: u64) -> Result<Vec<FindingDecision>> {
    tx.query(
        "SELECT document FROM finding_decision
         WHERE everywhere > '' AND state = 'approved' AND log_index < ?1 AND (to_index IS NULL OR to_index >= ?1)
         ORDER BY id",
        &[position.into()],
        |r| r.json(0),
    )
}

/// What stands in a state now, newest first: what waits for approval, say.
///
/// # Errors
/// When the database fails.
pub fn in_state(tx: &Tx<'_>, state: ExceptionState, limit: u64) -> Result<Vec<FindingDecision>> {
    tx.query(
        "SELECT document FROM finding_decision WHERE state = ?1 AND to_index IS NULL ORDER BY log_index DESC LIMIT ?2",
        &[state.name().into(), limit.into()],
        |r| r.json(0),
    )
}

/// What somebody said when they looked at a finding or began to work on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triage {
    /// The finding.
    pub finding: FindingId,
    /// Its product.
    pub product: String,
    /// Where it stands from then on: triaged or in remediation.
    pub to: FindingState,
    /// Why.
    pub reason: String,
    /// What is known of it beyond what scanners tell: said now, or before and not taken back.
    #[serde(default, skip_serializing_if = "Assessment::is_empty")]
    pub assessment: Assessment,
    /// When it was assessed first since it was detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessed_at: Option<Time>,
    /// When, by our clock.
    pub at: Time,
}

/// Keeps what somebody said.
///
/// # Errors
/// When the database fails.
pub fn triage(tx: &Tx<'_>, seq: i64, triage: &Triage, log_index: u64) -> Result<()> {
    let document = serde_json::to_string(triage).map_err(|e| StoreError::Damaged(e.to_string()))?;
    tx.exec(
        "INSERT INTO finding_triage (finding, log_index, product, document) VALUES (?1, ?2, ?3, ?4)",
        &[seq.into(), log_index.into(), (&triage.product).into(), (&document).into()],
    )?;
    Ok(())
}

/// What was said last of a finding before `position`.
///
/// # Errors
/// When the database fails.
pub fn triaged_at(tx: &Tx<'_>, seq: i64, position: u64) -> Result<Option<Triage>> {
    tx.first(
        "SELECT document FROM finding_triage WHERE finding = ?1 AND log_index < ?2 ORDER BY log_index DESC LIMIT 1",
        &[seq.into(), position.into()],
        |r| r.json(0),
    )
}

/// The row of the finding that an entry speaks of.
///
/// # Errors
/// When the database fails.
pub fn triaged_by(tx: &Tx<'_>, log_index: u64) -> Result<Option<i64>> {
    tx.first("SELECT finding FROM finding_triage WHERE log_index = ?1", &[log_index.into()], |r| r.int(0))
}

/// Whether anything was ever said of a finding of the product.
///
/// # Errors
/// When the database fails.
pub fn any_triage(tx: &Tx<'_>, product: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM finding_triage WHERE product = ?1 LIMIT 1";
    Ok(tx.first(sql, &[product.into()], |r| r.int(0))?.is_some())
}

/// What was said of a finding, oldest first.
///
/// # Errors
/// When the database fails.
pub fn triage_of(tx: &Tx<'_>, seq: i64) -> Result<Vec<Triage>> {
    tx.query("SELECT document FROM finding_triage WHERE finding = ?1 ORDER BY log_index", &[seq.into()], |r| r.json(0))
}
