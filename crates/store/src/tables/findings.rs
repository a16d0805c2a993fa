//! Findings across scans: what is known of each, what each scan saw, who still sees it.

use certrail_domain::{
    Finding, FindingId, FindingMove, FindingState, Time,
    facts::{FindingSeen, Level, ScanKind},
};

use crate::{Result, Row, StoreError, Tx};

/// The due date of what has no limit.
const NEVER: i64 = i64::MAX;

/// A finding with its row.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFinding {
    /// Its row.
    pub seq: i64,
    /// What it is.
    pub finding: Finding,
}

/// What a scan saw: a finding's row, how grave, and whether the report left it out itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saw {
    /// The finding's row.
    pub finding: i64,
    /// How grave this scan found it.
    pub level: Level,
    /// The report marks it as suppressed.
    pub suppressed: bool,
}

/// A scan and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredScan {
    /// Its entry in the log.
    pub log_index: u64,
    /// Its scope's row.
    pub scope: i64,
    /// It closes what it does not see.
    pub complete: bool,
    /// When it was made.
    pub at: Time,
    /// What it saw, by row.
    pub found: Vec<Saw>,
}

/// Who sees a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The finding's row.
    pub finding: i64,
    /// The scan that saw it last.
    pub log_index: u64,
    /// The newest release it was seen in, or 0.
    pub release: i64,
}

const LEVELS: [Level; 5] = [Level::Info, Level::Low, Level::Medium, Level::High, Level::Critical];

const fn rank(level: Level) -> u8 {
    match level {
        Level::Info => 0,
        Level::Low => 1,
        Level::Medium => 2,
        Level::High => 3,
        Level::Critical => 4,
    }
}

/// Packs a list: differences of rows in groups of seven bits, then a byte of level and mark.
fn pack(found: &[Saw]) -> Vec<u8> {
    let mut out = Vec::with_capacity(found.len() * 3);
    let mut before = 0_i64;
    for saw in found {
        let mut step = u64::try_from(saw.finding - before).unwrap_or(0);
        before = saw.finding;
        loop {
            let low = (step & 0x7f) as u8;
            step >>= 7;
            out.push(if step == 0 { low } else { low | 0x80 });
            if step == 0 {
                break;
            }
        }
        out.push(rank(saw.level) << 1 | u8::from(saw.suppressed));
    }
    out
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
        let level = *LEVELS.get(usize::from(mark >> 1)).ok_or_else(damaged)?;
        out.push(Saw { finding: before, level, suppressed: mark & 1 == 1 });
    }
    Ok(out)
}

fn map(r: &Row<'_>) -> Result<StoredFinding> {
    let key: [u8; 16] = r.bytes(1)?.try_into().map_err(|_| StoreError::Damaged("the key of a finding".into()))?;
    let state = r.text(4)?;
    let level = usize::try_from(r.int(5)?).ok().and_then(|l| LEVELS.get(l).copied());
    let due = r.int(9)?;
    Ok(StoredFinding {
        seq: r.int(0)?,
        finding: Finding {
            id: FindingId::of_key(&key),
            product: r.text(2)?,
            kind: ScanKind::from_name(&r.text(3)?).unwrap_or(ScanKind::Unknown),
            state: FindingState::from_name(&state)
                .ok_or_else(|| StoreError::Damaged(format!("a finding in the state {state}")))?,
            level: level.ok_or_else(|| StoreError::Damaged("the level of a finding".into()))?,
            first_entry: r.uint(6)?,
            first_seen: Time::from_micros(r.int(7)?),
            clock_from: Time::from_micros(r.int(8)?),
            due: (due != NEVER).then(|| Time::from_micros(due)),
            seen: r.json(10)?,
        },
    })
}

/// A finding by its key.
///
/// # Errors
/// When the database fails.
pub fn by_key(tx: &Tx<'_>, key: &[u8; 16]) -> Result<Option<StoredFinding>> {
    tx.first(
        "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document FROM finding
         WHERE key = ?1",
        &[key.as_slice().into()],
        map,
    )
}

/// A finding by its row.
///
/// # Errors
/// When the database fails.
pub fn by_seq(tx: &Tx<'_>, seq: i64) -> Result<Option<StoredFinding>> {
    tx.first(
        "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document FROM finding
         WHERE seq = ?1",
        &[seq.into()],
        map,
    )
}

/// Where a finding stands, without its document: row, state, level, clock.
///
/// # Errors
/// When the database fails.
pub fn standing(tx: &Tx<'_>, key: &[u8; 16]) -> Result<Option<(i64, FindingState, Level, Time)>> {
    tx.first("SELECT seq, state, level, clock_from FROM finding WHERE key = ?1", &[key.as_slice().into()], |r| {
        let state = r.text(1)?;
        let state = FindingState::from_name(&state)
            .ok_or_else(|| StoreError::Damaged(format!("a finding in the state {state}")))?;
        let level = usize::try_from(r.int(2)?).ok().and_then(|l| LEVELS.get(l).copied());
        let level = level.ok_or_else(|| StoreError::Damaged("the level of a finding".into()))?;
        Ok((r.int(0)?, state, level, Time::from_micros(r.int(3)?)))
    })
}

/// The newest row.
///
/// # Errors
/// When the database fails.
pub fn last_seq(tx: &Tx<'_>) -> Result<i64> {
    Ok(tx.first("SELECT COALESCE(MAX(seq), 0) FROM finding", &[], |r| r.int(0))?.unwrap_or(0))
}

/// Adds a finding.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &Tx<'_>, seq: i64, key: &[u8; 16], f: &Finding, document: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO finding (seq, key, product, kind, state, open, suppressed, level, fixed_in, fixed_by, first_index,
            first_at, clock_from, due, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, ?9, ?10, ?11, ?12, ?13)",
        &[
            seq.into(),
            key.as_slice().into(),
            (&f.product).into(),
            f.kind.name().into(),
            f.state.name().into(),
            i64::from(f.state.is_open() && f.seen.suppressed.is_none()).into(),
            i64::from(f.seen.suppressed.is_some()).into(),
            i64::from(rank(f.level)).into(),
            f.first_entry.into(),
            f.first_seen.as_micros().into(),
            f.clock_from.as_micros().into(),
            f.due.map_or(NEVER, Time::as_micros).into(),
            document.into(),
        ],
    )?;
    Ok(())
}

/// A scan sees a finding again: level, due date and what it looks like follow the newest scan.
///
/// # Errors
/// When the database fails.
pub fn see_again(
    tx: &Tx<'_>,
    seq: i64,
    level: Level,
    suppressed: bool,
    due: Option<Time>,
    document: &str,
) -> Result<()> {
    tx.exec(
        "UPDATE finding SET level = ?2, suppressed = ?3, due = ?4, document = ?5,
            open = CASE WHEN ?3 = 0 AND state IN ('detected', 'reopened', 'triaged', 'in_remediation') THEN 1 ELSE 0 END
         WHERE seq = ?1",
        &[
            seq.into(),
            i64::from(rank(level)).into(),
            i64::from(suppressed).into(),
            due.map_or(NEVER, Time::as_micros).into(),
            document.into(),
        ],
    )?;
    Ok(())
}

/// A fix: the release whose scan no longer saw a finding, and the scan. Both 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The release's row.
    pub release: i64,
    /// The scan's entry.
    pub scan: u64,
}

/// Where a finding stands, and the newest fix of it.
///
/// # Errors
/// When the database fails.
pub fn state(tx: &Tx<'_>, seq: i64) -> Result<Option<(FindingState, Fix)>> {
    tx.first("SELECT state, fixed_in, fixed_by FROM finding WHERE seq = ?1", &[seq.into()], |r| {
        let state = r.text(0)?;
        let state = FindingState::from_name(&state)
            .ok_or_else(|| StoreError::Damaged(format!("a finding in the state {state}")))?;
        Ok((state, Fix { release: r.int(1)?, scan: r.uint(2)? }))
    })
}

/// The id of a finding.
///
/// # Errors
/// When the database fails or it is not there.
pub fn id(tx: &Tx<'_>, seq: i64) -> Result<FindingId> {
    let key = tx.first("SELECT key FROM finding WHERE seq = ?1", &[seq.into()], |r| r.bytes(0))?;
    let key = key.and_then(|k| <[u8; 16]>::try_from(k).ok());
    key.map(|k| FindingId::of_key(&k)).ok_or_else(|| StoreError::Damaged(format!("finding {seq} is not there")))
}

/// Remembers a fix.
///
/// # Errors
/// When the database fails.
pub fn fixed(tx: &Tx<'_>, seq: i64, fix: Fix) -> Result<()> {
    tx.exec(
        "UPDATE finding SET fixed_in = ?2, fixed_by = ?3 WHERE seq = ?1",
        &[seq.into(), fix.release.into(), fix.scan.into()],
    )?;
    Ok(())
}

/// Whether a complete scan of the scope came after an entry.
///
/// # Errors
/// When the database fails.
pub fn complete_after(tx: &Tx<'_>, scope: i64, log_index: u64) -> Result<bool> {
    let sql = "SELECT 1 FROM scan WHERE scope = ?1 AND complete = 1 AND log_index > ?2 LIMIT 1";
    Ok(tx.first(sql, &[scope.into(), log_index.into()], |r| r.int(0))?.is_some())
}

/// Moves a finding to a state and keeps the step. `clock` starts the clock anew, with the due date that follows.
///
/// # Errors
/// When the database fails.
pub fn move_to(
    tx: &Tx<'_>,
    seq: i64,
    to: FindingState,
    entry: u64,
    at: Time,
    clock: Option<(Time, Option<Time>)>,
) -> Result<()> {
    tx.exec(
        "UPDATE finding SET state = ?2, open = CASE WHEN suppressed = 0 THEN ?3 ELSE 0 END WHERE seq = ?1",
        &[seq.into(), to.name().into(), i64::from(to.is_open()).into()],
    )?;
    if let Some((from, due)) = clock {
        tx.exec(
            "UPDATE finding SET clock_from = ?2, due = ?3 WHERE seq = ?1",
            &[seq.into(), from.as_micros().into(), due.map_or(NEVER, Time::as_micros).into()],
        )?;
    }
    step(tx, seq, to, entry, at)
}

/// Keeps a step in the life of a finding.
///
/// # Errors
/// When the database fails.
pub fn step(tx: &Tx<'_>, seq: i64, to: FindingState, entry: u64, at: Time) -> Result<()> {
    tx.exec(
        "INSERT INTO finding_move (finding, log_index, state, at) VALUES (?1, ?2, ?3, ?4)",
        &[seq.into(), entry.into(), to.name().into(), at.as_micros().into()],
    )?;
    Ok(())
}

/// The life of a finding, oldest step first.
///
/// # Errors
/// When the database fails.
pub fn moves(tx: &Tx<'_>, seq: i64) -> Result<Vec<FindingMove>> {
    tx.query(
        "SELECT log_index, state, at FROM finding_move WHERE finding = ?1 ORDER BY log_index",
        &[seq.into()],
        |r| {
            let state = r.text(1)?;
            let to = FindingState::from_name(&state)
                .ok_or_else(|| StoreError::Damaged(format!("a finding in the state {state}")))?;
            Ok(FindingMove { entry: r.uint(0)?, to, at: Time::from_micros(r.int(2)?) })
        },
    )
}

/// A place in a list of findings: due date and row of the last one shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its due date in microseconds.
    pub due: i64,
    /// Its row.
    pub seq: i64,
}

impl Place {
    /// Before the first.
    pub const START: Self = Self { due: i64::MIN, seq: 0 };

    /// The place of a finding.
    #[must_use]
    pub fn of(f: &StoredFinding) -> Self {
        Self { due: f.finding.due.map_or(NEVER, Time::as_micros), seq: f.seq }
    }
}

/// Findings by due date, from behind a place on: of one product or of all, open ones or the others.
///
/// # Errors
/// When the database fails.
pub fn list(tx: &Tx<'_>, product: Option<&str>, open: bool, after: Place, limit: u64) -> Result<Vec<StoredFinding>> {
    let open = i64::from(open);
    match product {
        Some(product) => tx.query(
            "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document FROM finding
             WHERE product = ?1 AND open = ?2 AND (due, seq) > (?3, ?4) ORDER BY due, seq LIMIT ?5",
            &[product.into(), open.into(), after.due.into(), after.seq.into(), limit.into()],
            map,
        ),
        None => tx.query(
            "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document FROM finding
             WHERE open = ?1 AND (due, seq) > (?2, ?3) ORDER BY due, seq LIMIT ?4",
            &[open.into(), after.due.into(), after.seq.into(), limit.into()],
            map,
        ),
    }
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

/// Keeps what a scan saw. `found` is sorted by row here.
///
/// # Errors
/// When the database fails.
pub fn insert_scan(tx: &Tx<'_>, scan: &StoredScan) -> Result<()> {
    let mut found = scan.found.clone();
    found.sort_unstable_by_key(|s| s.finding);
    tx.exec(
        "INSERT INTO scan (log_index, scope, complete, at, found) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            scan.log_index.into(),
            scan.scope.into(),
            i64::from(scan.complete).into(),
            scan.at.as_micros().into(),
            pack(&found).as_slice().into(),
        ],
    )?;
    Ok(())
}

/// What a scan saw.
///
/// # Errors
/// When the database fails or a list is damaged.
pub fn scan(tx: &Tx<'_>, log_index: u64) -> Result<Option<StoredScan>> {
    tx.first("SELECT log_index, scope, complete, at, found FROM scan WHERE log_index = ?1", &[log_index.into()], |r| {
        Ok(StoredScan {
            log_index: r.uint(0)?,
            scope: r.int(1)?,
            complete: r.int(2)? == 1,
            at: Time::from_micros(r.int(3)?),
            found: unpack(&r.bytes(4)?)?,
        })
    })
}

/// What a scope sees.
///
/// # Errors
/// When the database fails.
pub fn sightings(tx: &Tx<'_>, scope: i64) -> Result<Vec<Sighting>> {
    tx.query("SELECT finding, log_index, release FROM sighting WHERE scope = ?1", &[scope.into()], |r| {
        Ok(Sighting { finding: r.int(0)?, log_index: r.uint(1)?, release: r.int(2)? })
    })
}

/// A scope sees a finding.
///
/// # Errors
/// When the database fails.
pub fn sight(tx: &Tx<'_>, scope: i64, sighting: Sighting) -> Result<()> {
    tx.exec(
        "INSERT INTO sighting (scope, finding, log_index, release) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (scope, finding) DO UPDATE SET log_index = excluded.log_index, release = excluded.release",
        &[scope.into(), sighting.finding.into(), sighting.log_index.into(), sighting.release.into()],
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

/// Who sees a finding: the name of each scope and the release it saw it in last.
///
/// # Errors
/// When the database fails.
pub fn seen_by(tx: &Tx<'_>, finding: i64) -> Result<Vec<(String, Sighting)>> {
    tx.query(
        "SELECT c.name, s.finding, s.log_index, s.release FROM sighting s JOIN scan_scope c ON c.seq = s.scope
         WHERE s.finding = ?1 ORDER BY c.name",
        &[finding.into()],
        |r| Ok((r.text(0)?, Sighting { finding: r.int(1)?, log_index: r.uint(2)?, release: r.int(3)? })),
    )
}

/// The document of a finding: what a scan saw, as JSON.
///
/// # Errors
/// When it cannot be written, which does not happen.
pub fn document(seen: &FindingSeen) -> Result<String> {
    serde_json::to_string(seen).map_err(|e| StoreError::Damaged(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_out_as_they_went_in() {
        let saw = |finding, level, suppressed| Saw { finding, level, suppressed };
        let list = [
            saw(1, Level::Critical, false),
            saw(2, Level::Info, true),
            saw(130, Level::High, false),
            saw(1 << 40, Level::Low, true),
        ];
        let packed = pack(&list);
        assert_eq!(unpack(&packed).unwrap(), list);
        for cut in [1, 3, packed.len() - 1] {
            assert!(unpack(&packed[..cut]).is_err(), "{cut}");
        }
        assert!(unpack(&[0x80; 20]).is_err());
    }
}
