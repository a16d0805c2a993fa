//! Changes of settings: each state is a row of its own, so that any past position can be seen.

use certrail_domain::{SettingsChange, SettingsState};

use super::to_json;
use crate::{Result, Tx};

/// Records the state of a change from `log_index` on.
///
/// # Errors
/// When the database fails.
pub fn record(tx: &Tx<'_>, change: &SettingsChange, log_index: u64) -> Result<()> {
    tx.exec(
        "UPDATE settings_change SET to_index = ?2 WHERE id = ?1 AND to_index IS NULL",
        &[change.id.as_str().into(), log_index.into()],
    )?;
    let document = to_json(change)?;
    let key = change.settings.key();
    tx.exec(
        "INSERT INTO settings_change (id, log_index, to_index, changes, open, applied, document)
         VALUES (?1, ?2, NULL, ?3, ?4, ?5, ?6)",
        &[
            change.id.as_str().into(),
            log_index.into(),
            (&key).into(),
            i64::from(change.state.is_open()).into(),
            i64::from(change.state == SettingsState::Applied).into(),
            (&document).into(),
        ],
    )?;
    Ok(())
}

/// The change of that id as it stands now.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &Tx<'_>, id: &str) -> Result<Option<SettingsChange>> {
    tx.first("SELECT document FROM settings_change WHERE id = ?1 AND to_index IS NULL", &[id.into()], |r| r.json(0))
}

/// The changes that something may still come of, oldest first.
///
/// # Errors
/// When the database fails.
pub fn open(tx: &Tx<'_>) -> Result<Vec<SettingsChange>> {
    let sql = "SELECT document FROM settings_change WHERE open = 1 AND to_index IS NULL ORDER BY id";
    tx.query(sql, &[], |r| r.json(0))
}

/// The newest `limit` changes, newest first.
///
/// # Errors
/// When the database fails.
pub fn newest(tx: &Tx<'_>, limit: u64) -> Result<Vec<SettingsChange>> {
    let sql = "SELECT document FROM settings_change WHERE to_index IS NULL ORDER BY id DESC LIMIT ?1";
    tx.query(sql, &[limit.into()], |r| r.json(0))
}

/// The changes of something ([`certrail_domain::ChangedSettings::key`]) that took effect below log position `position`, newest
/// first.
///
/// # Errors
/// When the database fails.
pub fn applied(tx: &Tx<'_>, key: &str, position: u64) -> Result<Vec<SettingsChange>> {
    let sql = "SELECT document FROM settings_change WHERE changes = ?1 AND applied = 1 AND log_index < ?2
               ORDER BY log_index DESC";
    tx.query(sql, &[key.into(), position.into()], |r| r.json(0))
}

/// The log position at which a change was asked for; 0 for one that nobody did.
///
/// # Errors
/// When the database fails.
pub fn asked_in(tx: &Tx<'_>, id: &str) -> Result<u64> {
    let sql = "SELECT MIN(log_index) FROM settings_change WHERE id = ?1";
    Ok(tx.first(sql, &[id.into()], |r| r.opt_uint(0))?.flatten().unwrap_or(0))
}

/// Every change of something ([`certrail_domain::ChangedSettings::key`]) as it stands now, newest first.
///
/// # Errors
/// When the database fails.
pub fn of(tx: &Tx<'_>, key: &str) -> Result<Vec<SettingsChange>> {
    let sql = "SELECT document FROM settings_change WHERE changes = ?1 AND to_index IS NULL ORDER BY log_index DESC";
    tx.query(sql, &[key.into()], |r| r.json(0))
}
