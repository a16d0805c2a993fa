//! What scans saw: the list of each, and which scope of scans still sees a finding.

use certrail_domain::{Time, facts::Level};

use super::findings::{LEVELS, rank};
use crate::{Result, Row, StoreError, Tx};

/// What a scan saw: a finding's row, how grave, and what the report marks it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saw {
    /// The finding's row.
    pub finding: i64,
    /// How grave this scan found it.
    pub level: Level,
    /// The report says that it is exploited (CISA KEV).
    pub exploited: bool,
    /// The report marks it as suppressed.
    pub suppressed: bool,
}

/// A scan of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredScan {
    /// Its entry in the log.
    pub log_index: u64,
    /// Its scope's row.
    pub scope: i64,
    /// It closes what it does not see.
    pub complete: bool,
    /// When it was made.
    pub at: Time,
    /// The entry from which on all that it saw is known; none while it is being taken in.
    pub taken_in: Option<u64>,
    /// The entry that says that it cannot be taken in.
    pub given_up: Option<u64>,
}

impl StoredScan {
    /// Whether all that it saw was known at a log position.
    #[must_use]
    pub fn is_known_at(&self, position: u64) -> bool {
        self.taken_in.is_some_and(|entry| entry < position)
    }

    /// Whether it had been given up at a log position.
    #[must_use]
    pub fn is_given_up_at(&self, position: u64) -> bool {
        self.given_up.is_some_and(|entry| entry < position)
    }
}

impl Saw {
    const fn mark(self) -> u8 {
        rank(self.level) << 2 | (self.exploited as u8) << 1 | self.suppressed as u8
    }

    fn of(finding: i64, mark: u8) -> Result<Self> {
        let level = LEVELS.get(usize::from(mark >> 2)).copied();
        let level = level.ok_or_else(|| StoreError::Damaged(format!("what a scan saw of finding {finding}")))?;
        Ok(Self { finding, level, exploited: mark & 2 != 0, suppressed: mark & 1 != 0 })
    }
}

/// Who sees a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What was seen.
    pub saw: Saw,
    /// The scan that saw it last.
    pub log_index: u64,
    /// When that scan was made.
    pub at: Time,
    /// The newest release it was seen in, or 0.
    pub release: i64,
}

impl Sighting {
    fn map(r: &Row<'_>, first: usize) -> Result<Self> {
        let mark = u8::try_from(r.int(first + 3)?).map_err(|_| StoreError::Damaged("a sighting".into()))?;
        Ok(Self {
            saw: Saw::of(r.int(first)?, mark)?,
            log_index: r.uint(first + 1)?,
            at: Time::from_micros(r.int(first + 2)?),
            release: r.int(first + 4)?,
        })
    }
}

/// Packs a list: differences of rows in groups of seven bits, then a byte of level and marks.
fn pack(found: &[Saw]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(found.len() * 3);
    let mut before = 0_i64;
    for saw in found {
        let mut step = u64::try_from(saw.finding - before)
            .map_err(|_| StoreError::Damaged("the findings of a scan are not in order".into()))?;
        before = saw.finding;
        loop {
            let low = (step & 0x7f) as u8;
            step >>= 7;
            out.push(if step == 0 { low } else { low | 0x80 });
            if step == 0 {
                break;
            }
        }
        out.push(saw.mark());
    }
    Ok(out)
}

fn unpack(bytes: &[u8]) -> Result<Vec<Saw>> {
    let damaged = || StoreError::Damaged("the list of a scan cannot be read".into());
    let (mut out, mut before, mut at) = (Vec::new(), 0_i64, 0);
    while at < bytes.len() {
        let (mut step, mut shift) = (0_u64, 0);
        loop {
            let byte = *bytes.get(at).ok_or_else(damaged)?;
            at += 1;
            step |= u64::from(byte & 0x7f).checked_shl(shift).ok_or_else(damaged)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mark = *bytes.get(at).ok_or_else(damaged)?;
        at += 1;
        before = i64::try_from(step).ok().and_then(|s| before.checked_add(s)).ok_or_else(damaged)?;
        out.push(Saw::of(before, mark)?);
    }
    Ok(out)
}

/// The row of a scope, made where there is none.
///
/// # Errors
/// When the database fails.
pub fn scope(tx: &Tx<'_>, product: &str, name: &str) -> Result<i64> {
    let find = |tx: &Tx<'_>| {
        tx.first("SELECT seq FROM scan_scope WHERE product = ?1 AND name = ?2", &[product.into(), name.into()], |r| {
            r.int(0)
        })
    };
    if let Some(seq) = find(tx)? {
        return Ok(seq);
    }
    tx.exec(
        "INSERT INTO scan_scope (seq, product, name) SELECT COALESCE(MAX(seq), 0) + 1, ?1, ?2 FROM scan_scope",
        &[product.into(), name.into()],
    )?;
    find(tx)?.ok_or_else(|| StoreError::Damaged("a scope that was just made is not there".into()))
}

/// The product and the name of a scope.
///
/// # Errors
/// When the database fails.
pub fn scope_named(tx: &Tx<'_>, seq: i64) -> Result<Option<(String, String)>> {
    tx.first("SELECT product, name FROM scan_scope WHERE seq = ?1", &[seq.into()], |r| Ok((r.text(0)?, r.text(1)?)))
}

/// Keeps a scan.
///
/// # Errors
/// When the database fails.
pub fn insert_scan(tx: &Tx<'_>, scan: &StoredScan) -> Result<()> {
    tx.exec(
        "INSERT INTO scan (log_index, scope, complete, at, taken_in, given_up) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            scan.log_index.into(),
            scan.scope.into(),
            i64::from(scan.complete).into(),
            scan.at.as_micros().into(),
            scan.taken_in.into(),
            scan.given_up.into(),
        ],
    )?;
    Ok(())
}

/// All that a scan saw is known, from an entry on.
///
/// # Errors
/// When the database fails.
pub fn set_taken_in(tx: &Tx<'_>, log_index: u64, entry: u64) -> Result<()> {
    tx.exec("UPDATE scan SET taken_in = ?2 WHERE log_index = ?1", &[log_index.into(), entry.into()])?;
    Ok(())
}

/// A scan cannot be taken in, as an entry says.
///
/// # Errors
/// When the database fails.
pub fn set_given_up(tx: &Tx<'_>, log_index: u64, entry: u64) -> Result<()> {
    tx.exec("UPDATE scan SET given_up = ?2 WHERE log_index = ?1", &[log_index.into(), entry.into()])?;
    Ok(())
}

/// Keeps a piece of what a scan saw, sorted by row here. Pieces are numbered from 0.
///
/// # Errors
/// When the database fails.
pub fn insert_found(tx: &Tx<'_>, log_index: u64, piece: i64, mut found: Vec<Saw>) -> Result<()> {
    found.sort_unstable_by_key(|s| s.finding);
    tx.exec(
        "INSERT INTO scan_found (log_index, piece, found) VALUES (?1, ?2, ?3)",
        &[log_index.into(), piece.into(), pack(&found)?.as_slice().into()],
    )?;
    Ok(())
}

/// A piece of what a scan saw.
///
/// # Errors
/// When the database fails or the piece is damaged.
pub fn found_piece(tx: &Tx<'_>, log_index: u64, piece: i64) -> Result<Option<Vec<Saw>>> {
    let sql = "SELECT found FROM scan_found WHERE log_index = ?1 AND piece = ?2";
    tx.first(sql, &[log_index.into(), piece.into()], |r| unpack(&r.bytes(0)?))
}

/// The numbers of the pieces that are kept of a scan, in order.
///
/// # Errors
/// When the database fails.
pub fn pieces(tx: &Tx<'_>, log_index: u64) -> Result<Vec<i64>> {
    tx.query("SELECT piece FROM scan_found WHERE log_index = ?1 ORDER BY piece", &[log_index.into()], |r| r.int(0))
}

/// What a scan saw as far as it is taken in, by row.
///
/// # Errors
/// When the database fails or a piece is damaged.
pub fn found(tx: &Tx<'_>, log_index: u64) -> Result<Vec<Saw>> {
    let sql = "SELECT found FROM scan_found WHERE log_index = ?1 ORDER BY piece";
    let pieces = tx.query(sql, &[log_index.into()], |r| unpack(&r.bytes(0)?))?;
    let mut found = pieces.concat();
    found.sort_unstable_by_key(|s| s.finding);
    Ok(found)
}

/// A scan by its entry.
///
/// # Errors
/// When the database fails.
pub fn scan(tx: &Tx<'_>, log_index: u64) -> Result<Option<StoredScan>> {
    let sql = "SELECT log_index, scope, complete, at, taken_in, given_up FROM scan WHERE log_index = ?1";
    tx.first(sql, &[log_index.into()], |r| {
        Ok(StoredScan {
            log_index: r.uint(0)?,
            scope: r.int(1)?,
            complete: r.int(2)? == 1,
            at: Time::from_micros(r.int(3)?),
            taken_in: r.opt_uint(4)?,
            given_up: r.opt_uint(5)?,
        })
    })
}

/// Up to `limit` findings that a scope sees, behind a row, in order.
///
/// # Errors
/// When the database fails.
pub fn sightings(tx: &Tx<'_>, scope: i64, after: i64, limit: u64) -> Result<Vec<Sighting>> {
    let sql = "SELECT finding, log_index, at, mark, release FROM sighting
        WHERE scope = ?1 AND finding > ?2 ORDER BY finding LIMIT ?3";
    tx.query(sql, &[scope.into(), after.into(), limit.into()], |r| Sighting::map(r, 0))
}

/// How many findings a scope sees, counted no further than `most`.
///
/// # Errors
/// When the database fails.
pub fn count_sightings(tx: &Tx<'_>, scope: i64, most: u64) -> Result<u64> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM sighting WHERE scope = ?1 LIMIT ?2) AS some";
    Ok(tx.first(sql, &[scope.into(), most.into()], |r| r.uint(0))?.unwrap_or(0))
}

/// Whether and how a scope sees a finding.
///
/// # Errors
/// When the database fails.
pub fn sighting(tx: &Tx<'_>, scope: i64, finding: i64) -> Result<Option<Sighting>> {
    let sql = "SELECT finding, log_index, at, mark, release FROM sighting WHERE scope = ?1 AND finding = ?2";
    tx.first(sql, &[scope.into(), finding.into()], |r| Sighting::map(r, 0))
}

/// A scope sees a finding.
///
/// # Errors
/// When the database fails.
pub fn sight(tx: &Tx<'_>, scope: i64, sighting: Sighting) -> Result<()> {
    tx.exec(
        "INSERT INTO sighting (scope, finding, log_index, at, mark, release) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (scope, finding) DO UPDATE SET log_index = excluded.log_index, at = excluded.at,
            mark = excluded.mark, release = excluded.release",
        &[
            scope.into(),
            sighting.saw.finding.into(),
            sighting.log_index.into(),
            sighting.at.as_micros().into(),
            i64::from(sighting.saw.mark()).into(),
            sighting.release.into(),
        ],
    )?;
    Ok(())
}

/// A scope no longer sees a finding. Tells whether any other does.
///
/// # Errors
/// When the database fails.
pub fn lose_sight(tx: &Tx<'_>, scope: i64, finding: i64) -> Result<bool> {
    tx.exec("DELETE FROM sighting WHERE scope = ?1 AND finding = ?2", &[scope.into(), finding.into()])?;
    Ok(tx.first("SELECT 1 FROM sighting WHERE finding = ?1 LIMIT 1", &[finding.into()], |r| r.int(0))?.is_some())
}

/// What those who see a finding say of it.
///
/// # Errors
/// When the database fails.
pub fn said_of(tx: &Tx<'_>, finding: i64) -> Result<Vec<Saw>> {
    let sql = "SELECT finding, log_index, at, mark, release FROM sighting WHERE finding = ?1";
    Ok(tx.query(sql, &[finding.into()], |r| Sighting::map(r, 0))?.into_iter().map(|s| s.saw).collect())
}

/// Who sees a finding: the name of each scope and the release it saw it in last.
///
/// # Errors
/// When the database fails.
pub fn seen_by(tx: &Tx<'_>, finding: i64) -> Result<Vec<(String, Sighting)>> {
    tx.query(
        "SELECT c.name, s.finding, s.log_index, s.at, s.mark, s.release FROM sighting s
         JOIN scan_scope c ON c.seq = s.scope WHERE s.finding = ?1 ORDER BY c.name",
        &[finding.into()],
        |r| Ok((r.text(0)?, Sighting::map(r, 1)?)),
    )
}

/// Whether a complete scan of the scope was made after another, and what it saw is known.
///
/// # Errors
/// When the database fails.
pub fn complete_after(tx: &Tx<'_>, scope: i64, (at, log_index): (Time, u64)) -> Result<bool> {
    let sql = "SELECT 1 FROM scan WHERE scope = ?1 AND complete = 1 AND taken_in IS NOT NULL
        AND (at, log_index) > (?2, ?3) LIMIT 1";
    Ok(tx.first(sql, &[scope.into(), at.as_micros().into(), log_index.into()], |r| r.int(0))?.is_some())
}

/// When a scan was made; nothing where it is none.
///
/// # Errors
/// When the database fails.
pub fn made(tx: &Tx<'_>, log_index: u64) -> Result<Option<Time>> {
    tx.first("SELECT at FROM scan WHERE log_index = ?1", &[log_index.into()], |r| Ok(Time::from_micros(r.int(0)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_out_as_they_went_in() {
        let saw = |finding, level, suppressed| Saw { finding, level, exploited: finding == 130, suppressed };
        let list = [
            saw(1, Level::Critical, false),
            saw(2, Level::Info, true),
            saw(130, Level::High, false),
            saw(1 << 40, Level::Low, true),
        ];
        let packed = pack(&list).unwrap();
        assert_eq!(unpack(&packed).unwrap(), list);
        for cut in [1, 3, packed.len() - 1] {
            assert!(unpack(&packed[..cut]).is_err(), "{cut}");
        }
        assert!(unpack(&[0x80; 20]).is_err());
    }
}
