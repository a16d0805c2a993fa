//! Signals, their bytes and what they are about.

use std::sync::Arc;

use certrail_domain::{Audience, EvidenceId, Key, Link, Mentioned, Signal, Time};

use super::{reached, repository_of};
use crate::{BlobPlace, FramePlace, Result, Row, StoreError, Tx, Val};

/// A signal as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSignal {
    /// The evidence id: sorts by arrival, and names the entry. As [`evidence_id`] makes it.
    pub id: EvidenceId,
    /// The entry's index in the log; the signal's primary key.
    pub log_index: u64,
    /// The connector it came by: `github`, `cli`.
    pub connector: String,
    /// The sender's delivery id.
    pub delivery: String,
    /// The media type of the raw bytes.
    pub media: String,
    /// How the sender proved who it is.
    pub auth_how: String,
    /// The name of the secret or token.
    pub auth_key: String,
    /// When we received it.
    pub received: Time,
    /// SHA-256 of the raw bytes.
    pub body: [u8; 32],
    /// Where they are.
    pub place: BlobPlace,
    /// The salts of its commitments.
    pub salts: Salts,
    /// The mapper or reader that normalised it.
    pub mapper: String,
    /// The entry whose content it repeats.
    pub duplicate_of: Option<u64>,
    /// The entry of the delivery that this is a part of.
    pub part_of: Option<u64>,
    /// What it says.
    pub signal: Arc<Signal>,
}

/// The salts of a signal's commitments, each gone once what it commits to is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salts {
    /// Of the raw bytes.
    pub body: Option<[u8; 16]>,
    /// Of what it says.
    pub facts: Option<[u8; 16]>,
    /// Of the people it speaks of; absent also where it speaks of none.
    pub people: Option<[u8; 16]>,
}

/// What a signal says, as it is committed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The facts, people as numbers.
    pub facts: String,
    /// The people by number; absent where it speaks of none, or once erased.
    pub people: Option<String>,
}

/// The id of the evidence at `log_index`: time of receipt, index, first bytes of the content digest.
#[must_use]
pub fn evidence_id(received: Time, log_index: u64, body: &[u8; 32]) -> EvidenceId {
    let mut tail = [0; 10];
    tail[..8].copy_from_slice(&log_index.to_be_bytes());
    tail[8..].copy_from_slice(&body[..2]);
    EvidenceId::new(received, tail)
}

/// The log index inside an evidence id; `None` if the text is no such id.
#[must_use]
pub fn index_of(id: &str) -> Option<u64> {
    let text = id.strip_prefix(EvidenceId::PREFIX)?;
    if text.len() != 26 {
        return None;
    }
    let mut bits = 0_u128;
    for c in text.bytes() {
        let value = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".iter().position(|a| *a == c)?;
        bits = (bits << 5) | value as u128;
    }
    u64::try_from((bits >> 16) & u128::from(u64::MAX)).ok()
}

const COLUMNS_BY_INDEX: &str = "SELECT log_index, connector, delivery, media, auth_how, auth_key, received, body,
    facts, people, body_salt, facts_salt, people_salt, mapper, duplicate_of, part_of, size, pack, start, packed
    FROM signal WHERE log_index = ?1";

pub(super) fn map(r: &Row<'_>) -> Result<StoredSignal> {
    let mut signal: Signal = r.json(8)?;
    if let Some(people) = r.opt_text(9)? {
        let people: Vec<Mentioned> = serde_json::from_str(&people).map_err(|e| StoreError::Damaged(e.to_string()))?;
        if !signal.put_people_back(&people) {
            return Err(StoreError::Damaged("the people of a signal are not those it speaks of".into()));
        }
    }
    let (log_index, received, body) = (r.uint(0)?, Time::from_micros(r.int(6)?), r.hash(7)?);
    Ok(StoredSignal {
        id: evidence_id(received, log_index, &body),
        log_index,
        connector: r.text(1)?,
        delivery: r.text(2)?,
        media: r.text(3)?,
        auth_how: r.text(4)?,
        auth_key: r.text(5)?,
        received,
        body,
        salts: Salts { body: r.opt_half(10)?, facts: r.opt_half(11)?, people: r.opt_half(12)? },
        mapper: r.text(13)?,
        duplicate_of: r.opt_uint(14)?,
        part_of: r.opt_uint(15)?,
        place: place(r, 16)?,
        signal: Arc::new(signal),
    })
}

/// The columns from `i` on as a place: size, pack, start, packed.
pub(super) fn place(r: &Row<'_>, i: usize) -> Result<BlobPlace> {
    let frame = match r.opt_int(i + 1)? {
        Some(pack) => Some(FramePlace { pack, start: r.uint(i + 2)?, packed: r.uint(i + 3)? }),
        None => None,
    };
    Ok(BlobPlace { size: r.uint(i)?, frame })
}

/// A place as columns: size, pack, start, packed.
pub(super) fn columns(place: &BlobPlace) -> [Val<'static>; 4] {
    let frame = place.frame.as_ref();
    [
        place.size.into(),
        frame.map(|f| f.pack).into(),
        frame.map_or(0, |f| f.start).into(),
        frame.map_or(0, |f| f.packed).into(),
    ]
}

/// Stores a signal; `texts` are the exact ones that were committed to.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &Tx<'_>, s: &StoredSignal, texts: &Texts) -> Result<()> {
    let [size, pack, start, packed] = columns(&s.place);
    tx.exec(
        "INSERT INTO signal (log_index, kind, connector, source, delivery, media, auth_how, auth_key, known, occurred,
            received, body, facts, people, body_salt, facts_salt, people_salt, mapper, duplicate_of, part_of,
            size, pack, start, packed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
            ?21, ?22, ?23, ?24)",
        &[
            s.log_index.into(),
            s.signal.facts.kind().into(),
            (&s.connector).into(),
            (&s.signal.source).into(),
            (&s.delivery).into(),
            (&s.media).into(),
            (&s.auth_how).into(),
            (&s.auth_key).into(),
            s.signal.known.name().into(),
            s.signal.occurred_at.map(Time::as_micros).into(),
            s.received.as_micros().into(),
            (&s.body).into(),
            (&texts.facts).into(),
            texts.people.as_deref().into(),
            s.salts.body.as_ref().into(),
            s.salts.facts.as_ref().into(),
            s.salts.people.as_ref().into(),
            (&s.mapper).into(),
            s.duplicate_of.into(),
            s.part_of.into(),
            size,
            pack,
            start,
            packed,
        ],
    )?;
    Ok(())
}

/// The signal at `log_index`.
///
/// # Errors
/// When the database fails or the row is damaged.
pub fn get(tx: &Tx<'_>, log_index: u64) -> Result<Option<Arc<StoredSignal>>> {
    if let Some(known) = tx.known.get(log_index) {
        return Ok(Some(known));
    }
    let mut size = 0;
    let found = tx.first(COLUMNS_BY_INDEX, &[log_index.into()], |r| {
        size = r.len(8)?;
        map(r)
    })?;
    Ok(found.map(|signal| {
        let signal = Arc::new(signal);
        tx.known.keep(log_index, &signal, size);
        signal
    }))
}

/// What the signal at `log_index` says, byte for byte.
///
/// # Errors
/// When the database fails.
pub fn texts(tx: &Tx<'_>, log_index: u64) -> Result<Option<Texts>> {
    tx.first("SELECT facts, people FROM signal WHERE log_index = ?1", &[log_index.into()], |r| {
        Ok(Texts { facts: r.text(0)?, people: r.opt_text(1)? })
    })
}

/// The signals `from..to`, in order, each with what came of reading it.
///
/// # Errors
/// When the database fails.
pub fn range(tx: &Tx<'_>, from: u64, to: u64) -> Result<Vec<(u64, Result<StoredSignal>)>> {
    tx.query(
        "SELECT log_index, connector, delivery, media, auth_how, auth_key, received, body, facts, people, body_salt,
            facts_salt, people_salt, mapper, duplicate_of, part_of, size, pack, start, packed
         FROM signal WHERE log_index >= ?1 AND log_index < ?2 ORDER BY log_index",
        &[from.into(), to.into()],
        |r| Ok((r.uint(0)?, map(r))),
    )
}

/// The signals of `from..to` that concern every release of a product: what scans and alerts saw, and how branches are
/// protected.
///
/// # Errors
/// When the database fails.
pub fn of_whole_products(tx: &Tx<'_>, from: u64, to: u64) -> Result<Vec<u64>> {
    tx.query(
        "SELECT log_index FROM signal WHERE log_index >= ?1 AND log_index < ?2
         AND (kind LIKE 'security.%' OR kind = 'code.branch_rule') ORDER BY log_index",
        &[from.into(), to.into()],
        |r| r.uint(0),
    )
}

/// Remembers what a signal is about.
///
/// # Errors
/// When the database fails.
pub fn insert_subject(tx: &Tx<'_>, key: &Key, log_index: u64) -> Result<()> {
    tx.exec("INSERT INTO subject (key, log_index) VALUES (?1, ?2)", &[key.as_str().into(), log_index.into()])?;
    Ok(())
}

/// Up to `limit` signals about `key`, from log position `from` on, oldest first.
///
/// # Errors
/// When the database fails.
pub fn about(tx: &Tx<'_>, key: &Key, from: u64, limit: u64) -> Result<Vec<u64>> {
    tx.query(
        "SELECT log_index FROM subject WHERE key = ?1 AND log_index >= ?2 ORDER BY log_index LIMIT ?3",
        &[key.as_str().into(), from.into(), limit.into()],
        |r| r.uint(0),
    )
}

/// The pushes about a commit, oldest first.
///
/// # Errors
/// When the database fails.
pub fn pushes_about(tx: &Tx<'_>, commit: &Key) -> Result<Vec<u64>> {
    tx.query(
        "SELECT s.log_index FROM subject s JOIN signal g ON g.log_index = s.log_index
         WHERE s.key = ?1 AND g.kind = 'code.push' ORDER BY s.log_index",
        &[commit.as_str().into()],
        |r| r.uint(0),
    )
}

/// The entries from `from` on that are about any change of a repository, in order, each once.
///
/// # Errors
/// When the database fails.
pub fn about_changes(tx: &Tx<'_>, repository: &str, from: u64, limit: u64) -> Result<Vec<u64>> {
    let first = format!("change:{}#", repository.to_ascii_lowercase());
    // `$` is what follows `#`.
    let behind = format!("{}$", &first[..first.len() - 1]);
    tx.query(
        "SELECT DISTINCT log_index FROM subject WHERE key >= ?1 AND key < ?2 AND log_index >= ?3
         ORDER BY log_index LIMIT ?4",
        &[(&first).into(), (&behind).into(), from.into(), limit.into()],
        |r| r.uint(0),
    )
}

/// Remembers a link, for those whom its teller may tell. `true` if it is new or stronger than what was known.
///
/// # Errors
/// When the database fails.
pub fn insert_link(tx: &Tx<'_>, link: &Link, to: Audience<'_>) -> Result<bool> {
    let mut touched = 0;
    for product in reached(to.reach) {
        touched += tx.exec(
            "INSERT INTO link (source, target, product, repository, rule) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (source, target, product, repository)
             DO UPDATE SET rule = excluded.rule WHERE excluded.rule < link.rule",
            &[
                link.from.as_str().into(),
                link.to.as_str().into(),
                product.into(),
                repository_of(to).into(),
                link.rule.rank().into(),
            ],
        )?;
    }
    Ok(touched > 0)
}

/// What follows for a release from owning `key`: target and rank of the rule.
///
/// # Errors
/// When the database fails.
pub fn links_from(tx: &Tx<'_>, key: &Key, release: i64) -> Result<Vec<(Key, i64)>> {
    tx.query(
        "SELECT l.target, MIN(l.rule) FROM link l JOIN release own ON own.seq = ?2
         WHERE l.source = ?1 AND l.product IN ('', own.product)
         AND (l.repository = '' OR EXISTS (SELECT 1 FROM product_repository r
              WHERE r.repository = l.repository AND r.product = own.product))
         GROUP BY l.target",
        &[key.as_str().into(), release.into()],
        |r| Ok((Key::from_stored(r.text(0)?), r.int(1)?)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evidence_id_names_its_entry() {
        for index in [0, 1, 255, 1 << 40, i64::MAX as u64] {
            let id = evidence_id(Time::from_micros(1_700_000_000_000_000), index, &[7; 32]);
            assert_eq!(index_of(id.as_str()), Some(index));
        }
        for wrong in ["", "ev_", "ev_1", "rel_01J8ZZZZZZZZZZZZZZZZZZZZZZ", "ev_01J8ZZZZZZZZZZZZZZZZZZZZZU"] {
            assert_eq!(index_of(wrong), None, "{wrong}");
        }
    }
}
