//! Repositories that signals concern as a whole, and what was told of them, by kind and time.

use certrail_domain::Time;

use crate::{Result, Row, Tx, Val};

/// A repository that a signal spoke of as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRepository {
    /// Its number here.
    pub seq: i64,
    /// `owner/name`, in small letters.
    pub name: String,
    /// The key that blinds its label in the log.
    pub label_key: [u8; 32],
    /// The entry that tells of it.
    pub log_index: u64,
}

fn repository_row(r: &Row<'_>) -> Result<StoredRepository> {
    Ok(StoredRepository { seq: r.int(0)?, name: r.text(1)?, label_key: r.hash(2)?, log_index: r.uint(3)? })
}

/// A repository by name.
///
/// # Errors
/// When the database fails.
pub fn repository(tx: &Tx<'_>, name: &str) -> Result<Option<StoredRepository>> {
    let sql = "SELECT seq, name, label_key, log_index FROM repository WHERE name = ?1";
    tx.first(sql, &[name.into()], repository_row)
}

/// Every repository that signals spoke of as a whole, in order of becoming known.
///
/// # Errors
/// When the database fails.
pub fn repositories(tx: &Tx<'_>) -> Result<Vec<StoredRepository>> {
    tx.query("SELECT seq, name, label_key, log_index FROM repository ORDER BY seq", &[], repository_row)
}

/// Keeps a repository, under the next number.
///
/// # Errors
/// When its name is known already.
pub fn insert_repository(tx: &Tx<'_>, name: &str, label_key: &[u8; 32], log_index: u64) -> Result<StoredRepository> {
    let seq = tx.first("SELECT COALESCE(MAX(seq), 0) + 1 FROM repository", &[], |r| r.int(0))?.unwrap_or(1);
    tx.exec(
        "INSERT INTO repository (seq, name, label_key, log_index) VALUES (?1, ?2, ?3, ?4)",
        &[seq.into(), name.into(), label_key.into(), log_index.into()],
    )?;
    Ok(StoredRepository { seq, name: name.to_owned(), label_key: *label_key, log_index })
}

/// What one signal told of an object of a repository: an alert, the protection of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The repository's number.
    pub repository: i64,
    /// The kind of the signal.
    pub kind: String,
    /// Half of a digest of what it tells of.
    pub object: [u8; 16],
    /// When it happened.
    pub at: Time,
    /// The signal.
    pub log_index: u64,
    /// It says that something is so, and not that it is over.
    pub stands: bool,
    /// When the next thing was told of the same object that may end it ([`insert`]), and the signal that did; `None` for the
    /// newest.
    pub until: Option<(Time, u64)>,
}

/// Nothing followed.
const OPEN: (i64, i64) = (i64::MAX, -1);

fn told_row(r: &Row<'_>) -> Result<Told> {
    let until = (r.int(6)?, r.int(7)?);
    Ok(Told {
        repository: r.int(0)?,
        kind: r.text(1)?,
        object: r.half(2)?,
        at: Time::from_micros(r.int(3)?),
        log_index: r.uint(4)?,
        stands: r.flag(5)?,
        until: if until == OPEN { None } else { Some((Time::from_micros(until.0), r.uint(7)?)) },
    })
}

/// Keeps what a signal told between what was told before and after of the same object, whatever came in first;
/// `until` follows from what is there. Of two things that stand and were told of the same instant neither ends the other:
/// their order is not known, and whoever reads them decides.
///
/// # Errors
/// When it is kept already.
pub fn insert(tx: &Tx<'_>, told: &Told) -> Result<()> {
    let (at, index) = (told.at.as_micros(), told.log_index);
    let of: [Val<'_>; 5] =
        [told.repository.into(), (&told.kind).into(), (&told.object).into(), at.into(), index.into()];
    let next = tx.first(
        "SELECT at, log_index FROM context WHERE repository = ?1 AND kind = ?2 AND object = ?3
         AND (at, log_index) > (?4, ?5) AND (at > ?4 OR stands = 0) ORDER BY at, log_index LIMIT 1",
        &of,
        |r| Ok((r.int(0)?, r.int(1)?)),
    )?;
    tx.exec(
        "UPDATE context SET until_at = ?4, until_index = ?5 WHERE repository = ?1 AND kind = ?2 AND object = ?3
         AND at = (SELECT MAX(at) FROM context WHERE repository = ?1 AND kind = ?2 AND object = ?3 AND at < ?4)
         AND (until_at, until_index) > (?4, ?5)",
        &of,
    )?;
    if !told.stands {
        tx.exec(
            "UPDATE context SET until_at = ?4, until_index = ?5 WHERE repository = ?1 AND kind = ?2 AND object = ?3
             AND at = ?4 AND log_index < ?5 AND (until_at, until_index) > (?4, ?5)",
            &of,
        )?;
    }
    let (until_at, until_index) = next.unwrap_or(OPEN);
    tx.exec(
        "INSERT INTO context (repository, kind, object, at, log_index, stands, until_at, until_index)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            told.repository.into(),
            (&told.kind).into(),
            (&told.object).into(),
            at.into(),
            index.into(),
            i64::from(told.stands).into(),
            until_at.into(),
            until_index.into(),
        ],
    )?;
    Ok(())
}

/// The signals of one kind, below log position `position`, that tell what stood at some time from `from` on: each that
/// nothing had followed by then, as far as was known at that position, and what may have ended it. In order of arrival.
///
/// # Errors
/// When the database fails.
pub fn standing(tx: &Tx<'_>, repository: i64, kind: &str, from: Time, position: u64) -> Result<Vec<u64>> {
    let mut found = tx.query(
        "SELECT log_index FROM context WHERE repository = ?1 AND kind = ?2 AND stands = 1 AND until_at > ?3",
        &[repository.into(), kind.into(), from.as_micros().into()],
        |r| r.uint(0),
    )?;
    // What ended before, by the word of an entry that is still to come at that position: everything told of it counts.
    let unsettled = tx.query(
        "SELECT DISTINCT object FROM context
         WHERE repository = ?1 AND kind = ?2 AND stands = 1 AND until_index >= ?3",
        &[repository.into(), kind.into(), position.into()],
        |r| r.half(0),
    )?;
    for object in unsettled {
        found.extend(tx.query(
            "SELECT log_index FROM context WHERE repository = ?1 AND kind = ?2 AND object = ?3",
            &[repository.into(), kind.into(), (&object).into()],
            |r| r.uint(0),
        )?);
    }
    found.retain(|index| *index < position);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Up to `limit` rows behind one, in order: by repository, kind, object and time.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &Tx<'_>, after: Option<&Told>, limit: u64) -> Result<Vec<Told>> {
    let first = Told {
        repository: i64::MIN,
        kind: String::new(),
        object: [0; 16],
        at: Time::default(),
        log_index: 0,
        stands: false,
        until: None,
    };
    let after = after.unwrap_or(&first);
    tx.query(
        "SELECT repository, kind, object, at, log_index, stands, until_at, until_index FROM context
         WHERE (repository, kind, object, at, log_index) > (?1, ?2, ?3, ?4, ?5)
         ORDER BY repository, kind, object, at, log_index LIMIT ?6",
        &[
            after.repository.into(),
            (&after.kind).into(),
            (&after.object).into(),
            after.at.as_micros().into(),
            after.log_index.into(),
            limit.into(),
        ],
        told_row,
    )
}
