//! Findings across scans: what is known of each, and each step in its life.

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

/// What lists are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// Something has to be done about it.
    Open,
    /// Accepted, a false positive, or not affected.
    Decided,
    /// Every report that shows it leaves it out itself.
    Suppressed,
    /// No scan sees it any longer.
    Fixed,
}

impl Shelf {
    /// Every shelf.
    pub const ALL: [Self; 4] = [Self::Open, Self::Decided, Self::Suppressed, Self::Fixed];

    /// The name used in addresses and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Decided => "decided",
            Self::Suppressed => "suppressed",
            Self::Fixed => "fixed",
        }
    }

    /// The shelf of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Where a finding belongs.
    #[must_use]
    pub const fn of(state: FindingState, suppressed: bool) -> Self {
        match state {
            FindingState::Fixed => Self::Fixed,
            FindingState::Accepted | FindingState::FalsePositive | FindingState::NotAffected => Self::Decided,
            _ if suppressed => Self::Suppressed,
            _ => Self::Open,
        }
    }

    const fn number(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Decided => 1,
            Self::Suppressed => 2,
            Self::Fixed => 3,
        }
    }
}

pub(super) const LEVELS: [Level; 5] = [Level::Info, Level::Low, Level::Medium, Level::High, Level::Critical];

pub(super) const fn rank(level: Level) -> u8 {
    match level {
        Level::Info => 0,
        Level::Low => 1,
        Level::Medium => 2,
        Level::High => 3,
        Level::Critical => 4,
    }
}

fn level(r: &Row<'_>, column: usize) -> Result<Level> {
    let level = usize::try_from(r.int(column)?).ok().and_then(|l| LEVELS.get(l).copied());
    level.ok_or_else(|| StoreError::Damaged("the level of a finding".into()))
}

fn state_named(name: &str) -> Result<FindingState> {
    FindingState::from_name(name).ok_or_else(|| StoreError::Damaged(format!("a finding in the state {name}")))
}

fn kind_named(name: &str) -> Result<ScanKind> {
    ScanKind::from_name(name).ok_or_else(|| StoreError::Damaged(format!("a finding of the kind {name}")))
}

fn map(r: &Row<'_>) -> Result<StoredFinding> {
    let key: [u8; 16] = r.bytes(1)?.try_into().map_err(|_| StoreError::Damaged("the key of a finding".into()))?;
    let (due, until) = (r.int(9)?, r.int(11)?);
    Ok(StoredFinding {
        seq: r.int(0)?,
        finding: Finding {
            id: FindingId::of_key(&key),
            product: r.text(2)?,
            kind: kind_named(&r.text(3)?)?,
            state: state_named(&r.text(4)?)?,
            level: level(r, 5)?,
            first_entry: r.uint(6)?,
            first_seen: Time::from_micros(r.int(7)?),
            clock_from: Time::from_micros(r.int(8)?),
            due: (due != NEVER).then(|| Time::from_micros(due)),
            until: (until != 0).then(|| Time::from_micros(until)),
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
        "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document, until
         FROM finding WHERE key = ?1",
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
        "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document, until
         FROM finding WHERE seq = ?1",
        &[seq.into()],
        map,
    )
}

/// Where a finding stands, without its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its row.
    pub seq: i64,
    /// Its state.
    pub state: FindingState,
    /// How grave it is: the gravest of those who see it.
    pub level: Level,
    /// Whether one of them says that it is exploited.
    pub exploited: bool,
    /// When its clock started.
    pub clock_from: Time,
    /// The entry that started it.
    pub clock_entry: u64,
    /// The newest fix of it.
    pub fix: Fix,
}

fn map_standing(r: &Row<'_>) -> Result<Standing> {
    Ok(Standing {
        seq: r.int(0)?,
        state: state_named(&r.text(1)?)?,
        level: level(r, 2)?,
        exploited: r.int(3)? == 1,
        clock_from: Time::from_micros(r.int(4)?),
        fix: Fix { release: r.int(5)?, scan: r.uint(6)? },
        clock_entry: r.uint(7)?,
    })
}

/// Where the finding of a key stands.
///
/// # Errors
/// When the database fails.
pub fn standing(tx: &Tx<'_>, key: &[u8; 16]) -> Result<Option<Standing>> {
    tx.first(
        "SELECT seq, state, level, exploited, clock_from, fixed_in, fixed_by, clock_index FROM finding WHERE key = ?1",
        &[key.as_slice().into()],
        map_standing,
    )
}

/// Where the finding of a row stands.
///
/// # Errors
/// When the database fails or it is not there.
pub fn standing_of(tx: &Tx<'_>, seq: i64) -> Result<Standing> {
    tx.first(
        "SELECT seq, state, level, exploited, clock_from, fixed_in, fixed_by, clock_index FROM finding WHERE seq = ?1",
        &[seq.into()],
        map_standing,
    )?
    .ok_or_else(|| StoreError::Damaged(format!("finding {seq} is not there")))
}

/// What an evaluation rests on: what never changes of a finding, and its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: FindingId,
    /// What it was called when it was first seen.
    pub name: String,
    /// The entry that told of it first.
    pub first_entry: u64,
    /// When its clock had started.
    pub clock_from: Time,
    /// The entry that started it.
    pub clock_entry: u64,
}

/// A finding as it was known at a log position.
///
/// # Errors
/// When the database fails or it is not there.
pub fn known_at(tx: &Tx<'_>, seq: i64, position: u64) -> Result<Known> {
    let row = tx.first(
        "SELECT key, name, clock_from, clock_index, first_at, first_index FROM finding WHERE seq = ?1",
        &[seq.into()],
        |r| Ok((r.bytes(0)?, r.text(1)?, r.int(2)?, r.uint(3)?, r.int(4)?, r.uint(5)?)),
    )?;
    let damaged = || StoreError::Damaged(format!("finding {seq} is not there"));
    let (key, name, newest, since, first, first_entry) = row.ok_or_else(damaged)?;
    let key: [u8; 16] = key.try_into().map_err(|_| damaged())?;
    let (clock, clock_entry) = if since < position {
        (newest, since)
    } else {
        // It was reopened later than that.
        let before = tx.first(
            "SELECT at, log_index FROM finding_move WHERE finding = ?1 AND log_index < ?2 AND clock = 1
             ORDER BY log_index DESC LIMIT 1",
            &[seq.into(), position.into()],
            |r| Ok((r.int(0)?, r.uint(1)?)),
        )?;
        before.unwrap_or((first, first_entry))
    };
    Ok(Known { id: FindingId::of_key(&key), name, first_entry, clock_from: Time::from_micros(clock), clock_entry })
}

/// The shelf a finding stands on, whether all reports leave it out, and the entry from which on its clock is known.
///
/// # Errors
/// When the database fails.
pub fn shelf(tx: &Tx<'_>, seq: i64) -> Result<Option<(Shelf, bool, u64)>> {
    tx.first("SELECT shelf, suppressed, clock_index FROM finding WHERE seq = ?1", &[seq.into()], |r| {
        let number = r.int(0)?;
        let shelf = Shelf::ALL.into_iter().find(|s| s.number() == number);
        let shelf = shelf.ok_or_else(|| StoreError::Damaged("the shelf of a finding".into()))?;
        Ok((shelf, r.int(1)? == 1, r.uint(2)?))
    })
}

/// The fingerprint of a finding.
///
/// # Errors
/// When the database fails or it is not there.
pub fn fingerprint(tx: &Tx<'_>, seq: i64) -> Result<String> {
    let found = by_seq(tx, seq)?.ok_or_else(|| StoreError::Damaged(format!("finding {seq} is not there")))?;
    Ok(found.finding.seen.fingerprint)
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
    let suppressed = f.seen.is_left_out();
    tx.exec(
        "INSERT INTO finding (seq, key, product, kind, name, state, shelf, suppressed, level, exploited, fixed_in,
            fixed_by, first_index, first_at, clock_from, clock_index, due, until, spot, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, ?11, ?12, ?13, ?11, ?14, 0, ?16, ?15)",
        &[
            seq.into(),
            key.as_slice().into(),
            (&f.product).into(),
            f.kind.name().into(),
            (&f.seen.name()).into(),
            f.state.name().into(),
            Shelf::of(f.state, suppressed).number().into(),
            i64::from(suppressed).into(),
            i64::from(rank(f.level)).into(),
            i64::from(f.seen.is_exploited()).into(),
            f.first_entry.into(),
            f.first_seen.as_micros().into(),
            f.clock_from.as_micros().into(),
            f.due.map_or(NEVER, Time::as_micros).into(),
            document.into(),
            spot(&f.product, &f.seen).into(),
        ],
    )?;
    Ok(())
}

/// The spot of a finding as a number (FNV-1a of product and spot); 0 where it has none.
#[must_use]
pub fn spot(product: &str, seen: &FindingSeen) -> i64 {
    let Some(spot) = seen.spot() else { return 0 };
    let bytes = product.bytes().chain([0]).chain(spot.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed()
}

/// The spot that is kept of a finding.
///
/// # Errors
/// When the database fails or it is not there.
pub fn spot_of(tx: &Tx<'_>, seq: i64) -> Result<i64> {
    tx.first("SELECT spot FROM finding WHERE seq = ?1", &[seq.into()], |r| r.int(0))?
        .ok_or_else(|| StoreError::Damaged(format!("finding {seq} is not there")))
}

/// Findings of other tools at the same spot of the source, of the first hundred there.
///
/// # Errors
/// When the database fails.
pub fn at_spot(tx: &Tx<'_>, of: &Finding) -> Result<Vec<StoredFinding>> {
    let spot = spot(&of.product, &of.seen);
    if spot == 0 {
        return Ok(Vec::new());
    }
    let mut all = tx.query(
        "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document, until
         FROM finding WHERE spot = ?1 ORDER BY seq LIMIT 100",
        &[spot.into()],
        map,
    )?;
    // Kind and tool come first in a fingerprint.
    let tool = |f: &Finding| f.seen.fingerprint.split('|').take(2).map(str::to_owned).collect::<Vec<_>>();
    let (own, spot) = (tool(of), of.seen.spot());
    all.retain(|f| f.finding.product == of.product && f.finding.seen.spot() == spot && tool(&f.finding) != own);
    Ok(all)
}

/// What a finding looks like from now on.
///
/// # Errors
/// When the database fails.
pub fn describe(tx: &Tx<'_>, seq: i64, product: &str, seen: &FindingSeen, document: &str) -> Result<()> {
    tx.exec(
        "UPDATE finding SET document = ?2, spot = ?3 WHERE seq = ?1",
        &[seq.into(), document.into(), spot(product, seen).into()],
    )?;
    Ok(())
}

/// How grave a finding is, by all who see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grade {
    /// The gravest level.
    pub level: Level,
    /// One of them says that it is exploited.
    pub exploited: bool,
    /// All of them leave it out.
    pub suppressed: bool,
}

/// Grades a finding anew; lists and due date follow.
///
/// # Errors
/// When the database fails.
pub fn grade(tx: &Tx<'_>, standing: &Standing, grade: Grade, due: Option<Time>) -> Result<()> {
    tx.exec(
        "UPDATE finding SET level = ?2, exploited = ?3, suppressed = ?4, shelf = ?5, due = ?6 WHERE seq = ?1",
        &[
            standing.seq.into(),
            i64::from(rank(grade.level)).into(),
            i64::from(grade.exploited).into(),
            i64::from(grade.suppressed).into(),
            Shelf::of(standing.state, grade.suppressed).number().into(),
            due.map_or(NEVER, Time::as_micros).into(),
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

/// Moves a finding to a state and keeps the step. `until` is when the decision ends that the state rests on.
///
/// # Errors
/// When the database fails.
pub fn move_to(tx: &Tx<'_>, seq: i64, to: FindingState, entry: u64, at: Time, until: Option<Time>) -> Result<()> {
    let shelf = |suppressed| Shelf::of(to, suppressed).number();
    tx.exec(
        "UPDATE finding SET state = ?2, shelf = CASE WHEN suppressed = 0 THEN ?3 ELSE ?4 END, until = ?5 WHERE seq = ?1",
        &[
            seq.into(),
            to.name().into(),
            shelf(false).into(),
            shelf(true).into(),
            until.map_or(0, Time::as_micros).into(),
        ],
    )?;
    step(tx, seq, to, entry, at, false)
}

/// Starts the clock of a finding anew, from `entry` on.
///
/// # Errors
/// When the database fails.
pub fn restart(tx: &Tx<'_>, seq: i64, entry: u64, from: Time) -> Result<()> {
    tx.exec(
        "UPDATE finding SET clock_from = ?2, clock_index = ?3 WHERE seq = ?1",
        &[seq.into(), from.as_micros().into(), entry.into()],
    )?;
    tx.exec(
        "UPDATE finding_move SET clock = 1 WHERE finding = ?1 AND log_index = ?2 AND state = 'reopened'",
        &[seq.into(), entry.into()],
    )?;
    Ok(())
}

/// Sets when a finding is due.
///
/// # Errors
/// When the database fails.
pub fn set_due(tx: &Tx<'_>, seq: i64, due: Option<Time>) -> Result<()> {
    let due = due.map_or(NEVER, Time::as_micros);
    tx.exec("UPDATE finding SET due = ?2 WHERE seq = ?1", &[seq.into(), due.into()])?;
    Ok(())
}

/// The rows of a product's findings behind a row, in order: to go through all of them in steps.
///
/// # Errors
/// When the database fails.
pub fn of_product(tx: &Tx<'_>, product: &str, after: i64, limit: u64) -> Result<Vec<i64>> {
    tx.query(
        "SELECT seq FROM finding WHERE product = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        &[product.into(), after.into(), limit.into()],
        |r| r.int(0),
    )
}

/// Findings whose decision has ended by `now`.
///
/// # Errors
/// When the database fails.
pub fn ended(tx: &Tx<'_>, now: Time, limit: u64) -> Result<Vec<i64>> {
    tx.query(
        "SELECT seq FROM finding WHERE until > 0 AND until <= ?1 ORDER BY until, seq LIMIT ?2",
        &[now.as_micros().into(), limit.into()],
        |r| r.int(0),
    )
}

/// Keeps a step in the life of a finding; its clock may start with it.
///
/// # Errors
/// When the database fails.
pub fn step(tx: &Tx<'_>, seq: i64, to: FindingState, entry: u64, at: Time, starts_clock: bool) -> Result<()> {
    tx.exec(
        "INSERT INTO finding_move (finding, log_index, state, at, clock) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[seq.into(), entry.into(), to.name().into(), at.as_micros().into(), i64::from(starts_clock).into()],
    )?;
    Ok(())
}

/// The life of a finding, oldest step first.
///
/// # Errors
/// When the database fails.
pub fn moves(tx: &Tx<'_>, seq: i64) -> Result<Vec<FindingMove>> {
    tx.query(
        "SELECT log_index, state, at, clock FROM finding_move WHERE finding = ?1 ORDER BY log_index",
        &[seq.into()],
        |r| {
            let (entry, to, at) = (r.uint(0)?, state_named(&r.text(1)?)?, Time::from_micros(r.int(2)?));
            Ok(FindingMove { entry, to, at, starts_clock: r.int(3)? == 1 })
        },
    )
}

/// A place in a list of findings: due date and row of the last one shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// A finding in a list, which may be damaged.
#[derive(Debug)]
pub struct ListedFinding {
    /// Where it stands.
    pub place: Place,
    /// Its product.
    pub product: String,
    /// What came of reading it.
    pub finding: Result<StoredFinding>,
}

/// Findings of one shelf by due date, from behind a place on: of one product or of all.
///
/// # Errors
/// When the database fails.
pub fn list(tx: &Tx<'_>, product: Option<&str>, of: Shelf, after: Place, limit: u64) -> Result<Vec<ListedFinding>> {
    let shelf = of.number();
    let map = |r: &Row<'_>| {
        let place = Place { due: r.int(9)?, seq: r.int(0)? };
        Ok(ListedFinding { place, product: r.text(2)?, finding: map(r) })
    };
    match product {
        Some(product) => tx.query(
            "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document, until
             FROM finding
             WHERE product = ?1 AND shelf = ?2 AND (due, seq) > (?3, ?4) ORDER BY due, seq LIMIT ?5",
            &[product.into(), shelf.into(), after.due.into(), after.seq.into(), limit.into()],
            map,
        ),
        None => tx.query(
            "SELECT seq, key, product, kind, state, level, first_index, first_at, clock_from, due, document, until
             FROM finding
             WHERE shelf = ?1 AND (due, seq) > (?2, ?3) ORDER BY due, seq LIMIT ?4",
            &[shelf.into(), after.due.into(), after.seq.into(), limit.into()],
            map,
        ),
    }
}

/// How many of one shelf there are, of one product or of all; counted no further than `most`.
///
/// # Errors
/// When the database fails.
pub fn count(tx: &Tx<'_>, product: Option<&str>, of: Shelf, most: u64) -> Result<u64> {
    let counted = match product {
        Some(product) => tx.first(
            "SELECT COUNT(*) FROM (SELECT 1 FROM finding WHERE product = ?1 AND shelf = ?2 LIMIT ?3) AS some",
            &[product.into(), of.number().into(), most.into()],
            |r| r.uint(0),
        ),
        None => tx.first(
            "SELECT COUNT(*) FROM (SELECT 1 FROM finding WHERE shelf = ?1 LIMIT ?2) AS some",
            &[of.number().into(), most.into()],
            |r| r.uint(0),
        ),
    };
    Ok(counted?.unwrap_or(0))
}

/// How many open findings are due from a moment on and before another, of one product or of all; counted no further
/// than `most`. What has no limit is due at the end of time.
///
/// # Errors
/// When the database fails.
pub fn due_between(tx: &Tx<'_>, product: Option<&str>, from: i64, to: i64, most: u64) -> Result<u64> {
    let counted = match product {
        Some(product) => tx.first(
            "SELECT COUNT(*) FROM (SELECT 1 FROM finding WHERE product = ?1 AND shelf = 0 AND due >= ?2 AND due < ?3
             LIMIT ?4) AS some",
            &[product.into(), from.into(), to.into(), most.into()],
            |r| r.uint(0),
        ),
        None => tx.first(
            "SELECT COUNT(*) FROM (SELECT 1 FROM finding WHERE shelf = 0 AND due >= ?1 AND due < ?2 LIMIT ?3) AS some",
            &[from.into(), to.into(), most.into()],
            |r| r.uint(0),
        ),
    };
    Ok(counted?.unwrap_or(0))
}

/// The document of a finding: what a scan saw, as JSON.
///
/// # Errors
/// When it cannot be written, which does not happen.
pub fn document(seen: &FindingSeen) -> Result<String> {
    serde_json::to_string(seen).map_err(|e| StoreError::Damaged(e.to_string()))
}
