//! Which signal belongs to which release, and what a release owns.

use std::{collections::BTreeMap, sync::Arc};

use certrail_domain::{BindRule, Key};

use super::signals::{self, StoredSignal};
use crate::{Result, StoreError, Tx};

/// A binding as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The release's number.
    pub release: i64,
    /// The signal.
    pub log_index: u64,
    /// The rule that decided.
    pub rule: BindRule,
    /// The key they have in common.
    pub key: Key,
    /// The position from which it holds.
    pub from_index: u64,
}

fn rule(rank: i64) -> Result<BindRule> {
    BindRule::from_rank(rank).ok_or_else(|| StoreError::Damaged(format!("binding rule {rank}")))
}

/// The bindings of a signal that hold now.
///
/// # Errors
/// When the database fails.
pub fn of_signal(tx: &Tx<'_>, log_index: u64) -> Result<Vec<Binding>> {
    tx.query(
        "SELECT release, rule, key, from_index FROM binding
         WHERE log_index = ?1 AND to_index IS NULL ORDER BY release",
        &[log_index.into()],
        |r| {
            Ok(Binding {
                release: r.int(0)?,
                log_index,
                rule: rule(r.int(1)?)?,
                key: Key::from_stored(r.text(2)?),
                from_index: r.uint(3)?,
            })
        },
    )
}

/// Rule and key of one of the bindings of a signal to releases of the product of another one, that hold now.
///
/// # Errors
/// When the database fails.
pub fn first_of_signal(tx: &Tx<'_>, log_index: u64, beside: i64) -> Result<Option<(BindRule, Key)>> {
    let sql = "SELECT b.rule, b.key FROM binding b JOIN release r ON r.seq = b.release
         WHERE b.log_index = ?1 AND b.to_index IS NULL AND r.product = (SELECT product FROM release WHERE seq = ?2) LIMIT 1";
    tx.first(sql, &[log_index.into(), beside.into()], |r| Ok((rule(r.int(0)?)?, Key::from_stored(r.text(1)?))))
}

/// Whether a signal is bound to a release now.
///
/// # Errors
/// When the database fails.
pub fn is_bound(tx: &Tx<'_>, release: i64, log_index: u64) -> Result<bool> {
    let sql = "SELECT 1 FROM binding WHERE release = ?1 AND log_index = ?2 AND to_index IS NULL";
    Ok(tx.first(sql, &[release.into(), log_index.into()], |r| r.int(0))?.is_some())
}

/// A binding of the past or present: release number, rule, key, from, to.
pub type Past = (i64, BindRule, Key, u64, Option<u64>);

/// Every binding a signal ever had, oldest first: release number, rule, from, to.
///
/// # Errors
/// When the database fails.
pub fn history(tx: &Tx<'_>, log_index: u64) -> Result<Vec<Past>> {
    tx.query(
        "SELECT release, rule, key, from_index, to_index FROM binding WHERE log_index = ?1 ORDER BY from_index, release",
        &[log_index.into()],
        |r| {
            Ok((r.int(0)?, rule(r.int(1)?)?, Key::from_stored(r.text(2)?), r.uint(3)?, r.opt_uint(4)?))
        },
    )
}

/// Kinds of which a release has few among thousands of others, and that are looked for by themselves: where it went, and
/// what a checkout told of it, its tags, and what it can go back to.
const LOOKED_FOR: [&str; 4] = ["code.tag", "deployment.event", "deployment.rollback_target", "release.manifest"];

/// Binds a signal of a kind.
///
/// # Errors
/// When the same binding begins at the same position twice.
pub fn insert(tx: &Tx<'_>, b: &Binding, kind: &str) -> Result<()> {
    let kind = LOOKED_FOR.contains(&kind).then_some(kind);
    tx.exec(
        "INSERT INTO binding (release, log_index, from_index, to_index, rule, key, kind)
         VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6)",
        &[
            b.release.into(),
            b.log_index.into(),
            b.from_index.into(),
            b.rule.rank().into(),
            b.key.as_str().into(),
            kind.into(),
        ],
    )?;
    Ok(())
}

/// Ends a binding at position `to_index`.
///
/// # Errors
/// When the database fails.
pub fn end(tx: &Tx<'_>, b: &Binding, to_index: u64) -> Result<()> {
    tx.exec(
        "UPDATE binding SET to_index = ?4 WHERE release = ?1 AND log_index = ?2 AND from_index = ?3",
        &[b.release.into(), b.log_index.into(), b.from_index.into(), to_index.into()],
    )?;
    Ok(())
}

/// The signals bound to a release now.
///
/// # Errors
/// When the database fails.
pub fn indexes_of_release(tx: &Tx<'_>, release: i64) -> Result<Vec<u64>> {
    tx.query(
        "SELECT log_index FROM binding WHERE release = ?1 AND to_index IS NULL ORDER BY log_index",
        &[release.into()],
        |r| r.uint(0),
    )
}

/// What was bound to a release as the log stood at `position`: entry and rule, in order of arrival.
///
/// # Errors
/// When the database fails or a row is damaged.
pub fn bound_at(tx: &Tx<'_>, release: i64, position: u64) -> Result<Vec<(u64, BindRule)>> {
    tx.query(
        "SELECT log_index, rule FROM binding
         WHERE release = ?1 AND log_index < ?2 AND from_index < ?2 AND (to_index IS NULL OR to_index >= ?2)
         ORDER BY log_index",
        &[release.into(), position.into()],
        |r| Ok((r.uint(0)?, rule(r.int(1)?)?)),
    )
}

/// The signals of a kind that were bound to a release, as the log stood at `position`.
///
/// # Errors
/// When the database fails or a row is damaged.
pub fn of_kind_at(tx: &Tx<'_>, release: i64, kind: &str, position: u64) -> Result<Vec<u64>> {
    tx.query(
        "SELECT log_index FROM binding
         WHERE release = ?1 AND kind = ?3
           AND log_index < ?2 AND from_index < ?2 AND (to_index IS NULL OR to_index >= ?2)
         ORDER BY log_index",
        &[release.into(), position.into(), kind.into()],
        |r| r.uint(0),
    )
}

/// A signal that is bound to something.
///
/// # Errors
/// When the database fails, or it is not there.
pub fn bound(tx: &Tx<'_>, log_index: u64) -> Result<Arc<StoredSignal>> {
    signals::get(tx, log_index)?
        .ok_or_else(|| StoreError::Damaged(format!("signal {log_index} is bound and not there")))
}

/// The entry at which what is bound to a release changed last: a signal arrived, or something moved there or away. Two
/// positions behind it have the same bindings.
///
/// # Errors
/// When the database fails.
pub fn changed_at(tx: &Tx<'_>, release: i64) -> Result<Option<u64>> {
    let newest = "SELECT MAX(log_index) FROM binding WHERE release = ?1";
    let moved = "SELECT at_index FROM moved WHERE release = ?1";
    let of = |sql| tx.first(sql, &[release.into()], |r| r.opt_uint(0));
    Ok(of(newest)?.flatten().max(of(moved)?.flatten()))
}

/// The entry of the last move to or from each release that had one.
///
/// # Errors
/// When the database fails.
pub fn all_moved(tx: &Tx<'_>) -> Result<BTreeMap<i64, u64>> {
    let all = tx.query("SELECT release, at_index FROM moved", &[], |r| Ok((r.int(0)?, r.uint(1)?)))?;
    Ok(all.into_iter().collect())
}

/// Remembers that signals moved to a release, or away from it, at an entry: whoever binds or ends at another entry than the
/// signal's own says so.
///
/// # Errors
/// When the database fails.
pub fn moved(tx: &Tx<'_>, release: i64, at: u64) -> Result<()> {
    let sql = "INSERT INTO moved (release, at_index) VALUES (?1, ?2)
               ON CONFLICT (release) DO UPDATE SET at_index = excluded.at_index";
    tx.exec(sql, &[release.into(), at.into()]).map(drop)
}

/// The deployments bound to a release now, with the rule, in order of arrival.
///
/// # Errors
/// When the database fails or a row is damaged.
pub fn deployments(tx: &Tx<'_>, release: i64) -> Result<Vec<(Arc<StoredSignal>, BindRule)>> {
    let rows = tx.query(
        "SELECT log_index, rule FROM binding
         WHERE release = ?1 AND kind = 'deployment.event' AND to_index IS NULL ORDER BY log_index",
        &[release.into()],
        |r| Ok((r.uint(0)?, rule(r.int(1)?)?)),
    )?;
    rows.into_iter().map(|(index, rule)| Ok((bound(tx, index)?, rule))).collect()
}

/// Puts a signal into the unbound queue. Why it is there follows from what is known when somebody looks.
///
/// # Errors
/// When the database fails.
pub fn set_unbound(tx: &Tx<'_>, log_index: u64) -> Result<()> {
    let sql = "INSERT INTO unbound (log_index) VALUES (?1) ON CONFLICT (log_index) DO NOTHING";
    tx.exec(sql, &[log_index.into()]).map(drop)
}

/// Takes a signal out of the unbound queue. `true` if it was there.
///
/// # Errors
/// When the database fails.
pub fn clear_unbound(tx: &Tx<'_>, log_index: u64) -> Result<bool> {
    Ok(tx.exec("DELETE FROM unbound WHERE log_index = ?1", &[log_index.into()])? > 0)
}

/// Up to `limit` unbound signals with an index below `before`, newest first.
///
/// # Errors
/// When the database fails.
pub fn unbound(tx: &Tx<'_>, before: u64, limit: u64) -> Result<Vec<u64>> {
    tx.query(
        "SELECT log_index FROM unbound WHERE log_index < ?1 ORDER BY log_index DESC LIMIT ?2",
        &[before.into(), limit.into()],
        |r| r.uint(0),
    )
}

/// How many signals are unbound.
///
/// # Errors
/// When the database fails.
pub fn unbound_count(tx: &Tx<'_>) -> Result<u64> {
    Ok(tx.first("SELECT COUNT(*) FROM unbound", &[], |r| r.uint(0))?.unwrap_or(0))
}

/// Who owns `key`: release number and rank of the rule.
///
/// # Errors
/// When the database fails.
pub fn owners(tx: &Tx<'_>, key: &Key) -> Result<Vec<(i64, i64)>> {
    tx.query("SELECT release, rule FROM member WHERE key = ?1 ORDER BY release", &[key.as_str().into()], |r| {
        Ok((r.int(0)?, r.int(1)?))
    })
}

/// How a release owns `key`, if it does: rank of the rule, whether it is a base key.
///
/// # Errors
/// When the database fails.
pub fn member(tx: &Tx<'_>, release: i64, key: &Key) -> Result<Option<(i64, bool)>> {
    tx.first(
        "SELECT rule, base FROM member WHERE key = ?1 AND release = ?2",
        &[key.as_str().into(), release.into()],
        |r| Ok((r.int(0)?, r.flag(1)?)),
    )
}

/// Makes a release own a key, or own it by another rule.
///
/// # Errors
/// When the database fails.
pub fn set_member(tx: &Tx<'_>, release: i64, key: &Key, rank: i64, base: bool) -> Result<()> {
    tx.exec(
        "INSERT INTO member (key, release, rule, base) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (key, release) DO UPDATE SET rule = excluded.rule, base = excluded.base",
        &[key.as_str().into(), release.into(), rank.into(), i64::from(base).into()],
    )?;
    Ok(())
}

/// Makes a release own a key no longer.
///
/// # Errors
/// When the database fails.
pub fn remove_member(tx: &Tx<'_>, release: i64, key: &Key) -> Result<()> {
    tx.exec("DELETE FROM member WHERE key = ?1 AND release = ?2", &[key.as_str().into(), release.into()]).map(drop)
}

/// Everything a release owns: key, rank of the rule, whether it is a base key.
///
/// # Errors
/// When the database fails.
pub fn members(tx: &Tx<'_>, release: i64) -> Result<Vec<(Key, i64, bool)>> {
    tx.query("SELECT key, rule, base FROM member WHERE release = ?1", &[release.into()], |r| {
        Ok((Key::from_stored(r.text(0)?), r.int(1)?, r.flag(2)?))
    })
}
