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
    let key = FindingId::key_in(decision.finding.as_str())
        .ok_or_else(|| StoreError::Damaged(format!("a decision about {}", decision.finding)))?;
    let everywhere = match decision.reach {
        Reach::Everywhere { .. } => decision.fingerprint.as_str(),
        _ => "",
    };
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

/// Every decision that can speak of findings of a product as the log stood at `position`, by id.
///
/// # Errors
/// When the database fails.
pub fn of_product_at(tx: &Tx<'_>, product: &str, position: u64) -> Result<Vec<FindingDecision>> {
    tx.query(
        "SELECT document FROM finding_decision
         WHERE (product = ?1 OR everywhere > '') AND log_index < ?2 AND (to_index IS NULL OR to_index >= ?2) ORDER BY id",
        &[product.into(), position.into()],
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
    /// What is known of it beyond what scanners tell.
    #[serde(default, skip_serializing_if = "Assessment::is_empty")]
    pub assessment: Assessment,
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

/// What was said of the findings of a product before `position`, oldest first, with the row of the finding.
///
/// # Errors
/// When the database fails.
pub fn triaged_at(tx: &Tx<'_>, product: &str, position: u64) -> Result<Vec<(i64, Triage)>> {
    tx.query(
        "SELECT finding, document FROM finding_triage WHERE product = ?1 AND log_index < ?2 ORDER BY log_index",
        &[product.into(), position.into()],
        |r| Ok((r.int(0)?, r.json(1)?)),
    )
}

/// What was said of a finding, oldest first.
///
/// # Errors
/// When the database fails.
pub fn triage_of(tx: &Tx<'_>, seq: i64) -> Result<Vec<Triage>> {
    tx.query("SELECT document FROM finding_triage WHERE finding = ?1 ORDER BY log_index", &[seq.into()], |r| r.json(0))
}
