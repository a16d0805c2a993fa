//! The log: its head, leaves, tiles, checkpoints, and the documents of entries that are no signals.

use certrail_domain::Time;

use crate::{BlobPlace, FramePlace, Result, StoreError, Tx, frames};

/// The stored head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The log's name.
    pub origin: String,
    /// Which life of the log; a restored log starts a new one.
    pub epoch: i64,
    /// How many leaves.
    pub size: u64,
    /// The subtree roots, 32 bytes each.
    pub roots: Vec<u8>,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// When the newest entry was received; time never goes back behind it.
    pub received: i64,
    /// Of signals from this entry on, keys of delivery and content may not be in their tables yet.
    pub keys_from: u64,
}

/// The head, if the log exists.
///
/// # Errors
/// When the database fails.
pub fn head(tx: &Tx<'_>) -> Result<Option<Head>> {
    tx.first("SELECT origin, epoch, size, roots, checkpoint, received, keys_from FROM log WHERE id = 1", &[], |r| {
        Ok(Head {
            origin: r.text(0)?,
            epoch: r.int(1)?,
            size: r.uint(2)?,
            roots: r.bytes(3)?,
            checkpoint: r.text(4)?,
            received: r.int(5)?,
            keys_from: r.uint(6)?,
        })
    })
}

/// Starts the log.
///
/// # Errors
/// When it exists already.
pub fn create(tx: &Tx<'_>, head: &Head) -> Result<()> {
    tx.exec(
        "INSERT INTO log (id, origin, epoch, size, roots, checkpoint, received, keys_from)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            (&head.origin).into(),
            head.epoch.into(),
            head.size.into(),
            head.roots.as_slice().into(),
            (&head.checkpoint).into(),
            head.received.into(),
            head.keys_from.into(),
        ],
    )?;
    Ok(())
}

/// Moves the head from `old` to `new`: the fence that no second writer passes.
///
/// # Errors
/// When the head is not `old` any more.
pub fn advance(tx: &Tx<'_>, old: &Head, new: &Head) -> Result<()> {
    let touched = tx.exec(
        "UPDATE log SET size = ?1, roots = ?2, checkpoint = ?3, received = ?4, epoch = ?7, origin = ?8, keys_from = ?9
         WHERE id = 1 AND size = ?5 AND epoch = ?6",
        &[
            new.size.into(),
            new.roots.as_slice().into(),
            (&new.checkpoint).into(),
            new.received.into(),
            old.size.into(),
            old.epoch.into(),
            new.epoch.into(),
            (&new.origin).into(),
            new.keys_from.into(),
        ],
    )?;
    if touched == 1 { Ok(()) } else { Err(StoreError::Damaged("the head of the log moved under us".into())) }
}

/// Keeps a life of the log; `document` is its JSON.
///
/// # Errors
/// When its number was used before.
pub fn insert_life(tx: &Tx<'_>, number: i64, document: &str) -> Result<()> {
    tx.exec("INSERT INTO life (number, document) VALUES (?1, ?2)", &[number.into(), document.into()])?;
    Ok(())
}

/// The lives of the log, oldest first, as JSON.
///
/// # Errors
/// When the database fails.
pub fn lives(tx: &Tx<'_>) -> Result<Vec<String>> {
    tx.query("SELECT document FROM life ORDER BY number", &[], |r| r.text(0))
}

/// The keys of signals from an entry on may not be in their tables yet.
///
/// # Errors
/// When the database fails.
pub fn set_keys_from(tx: &Tx<'_>, from: u64) -> Result<()> {
    tx.exec("UPDATE log SET keys_from = ?1 WHERE id = 1", &[from.into()]).map(drop)
}

/// What one commit adds to the log.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The index of its first leaf.
    pub first_index: u64,
    /// How many leaves the log has with it.
    pub log_size: u64,
    /// The signed checkpoint over those.
    pub checkpoint: &'a str,
    /// Its leaves, each with two bytes of length before it.
    pub leaves: &'a [u8],
    /// The frames of its small bodies, one after the other.
    pub bodies: &'a [u8],
}

/// Stores what one commit adds.
///
/// # Errors
/// When the database fails.
pub fn insert_batch(tx: &Tx<'_>, batch: &Batch<'_>) -> Result<()> {
    let bodies = Some(batch.bodies).filter(|bodies| !bodies.is_empty());
    tx.exec(
        "INSERT INTO batch (first_index, log_size, checkpoint, size, leaves, bodies) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            batch.first_index.into(),
            batch.log_size.into(),
            batch.checkpoint.into(),
            (batch.leaves.len() as u64).into(),
            frames::pack_quickly(batch.leaves)?.as_slice().into(),
            bodies.into(),
        ],
    )?;
    Ok(())
}

/// Whether anything is stored where the next entry of a log of `size` entries goes: it could not be written.
///
/// # Errors
/// When the database fails.
pub fn is_taken(tx: &Tx<'_>, size: u64) -> Result<bool> {
    let taken = tx.first(
        "SELECT EXISTS (SELECT 1 FROM batch WHERE first_index >= ?1) OR EXISTS (SELECT 1 FROM signal WHERE log_index >= ?1)
             OR EXISTS (SELECT 1 FROM act WHERE log_index >= ?1)",
        &[size.into()],
        |r| r.int(0),
    );
    Ok(taken? == Some(1))
}

/// The batches that hold the leaves `from..to`, in order: first index and bytes.
///
/// # Errors
/// When the database fails.
pub fn batches(tx: &Tx<'_>, from: u64, to: u64) -> Result<Vec<(u64, Vec<u8>)>> {
    tx.query(
        "SELECT first_index, size, leaves FROM batch
         WHERE first_index >= COALESCE((SELECT MAX(first_index) FROM batch WHERE first_index <= ?1), 0)
           AND first_index < ?2
         ORDER BY first_index",
        &[from.into(), to.into()],
        |r| Ok((r.uint(0)?, frames::unpack(&r.bytes(2)?, r.uint(1)?)?)),
    )
}

/// The bytes of a frame among the bodies of a commit, `size` of them.
///
/// # Errors
/// When the database fails, or the frame is damaged.
pub fn unpacked(tx: &Tx<'_>, frame: &FramePlace, size: u64) -> Result<Option<Vec<u8>>> {
    let packed = tx.first(
        "SELECT substr(bodies, ?2, ?3) FROM batch WHERE first_index = ?1",
        &[frame.pack.into(), (frame.start + 1).into(), frame.packed.into()],
        |r| r.opt_bytes(0),
    )?;
    let Some(packed) = packed.flatten() else { return Ok(None) };
    if packed.len() as u64 != frame.packed {
        return Err(StoreError::Damaged(format!(
            "a frame of commit {} is not {} bytes long",
            frame.pack, frame.packed
        )));
    }
    frames::unpack(&packed, size).map(Some)
}

/// Remembers where bytes are that an entry rests on.
///
/// # Errors
/// When the database fails.
pub fn insert_body(tx: &Tx<'_>, log_index: u64, digest: &[u8; 32], place: &BlobPlace) -> Result<()> {
    let [size, pack, start, packed] = super::signals::columns(place);
    tx.exec(
        "INSERT INTO body (log_index, digest, size, pack, start, packed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[log_index.into(), digest.into(), size, pack, start, packed],
    )?;
    Ok(())
}

/// Where the bytes of a digest are that an entry rests on.
///
/// # Errors
/// When the database fails.
pub fn body(tx: &Tx<'_>, log_index: u64, digest: &[u8; 32]) -> Result<Option<BlobPlace>> {
    tx.first(
        "SELECT size, pack, start, packed FROM body WHERE log_index = ?1 AND digest = ?2",
        &[log_index.into(), digest.into()],
        |r| super::signals::place(r, 0),
    )
}

/// Stores a completed tile.
///
/// # Errors
/// When the database fails.
pub fn insert_tile(tx: &Tx<'_>, level: u8, number: u64, hashes: &[u8]) -> Result<()> {
    tx.exec(
        "INSERT INTO tile (level, number, hashes) VALUES (?1, ?2, ?3)",
        &[i64::from(level).into(), number.into(), hashes.into()],
    )?;
    Ok(())
}

/// A full tile.
///
/// # Errors
/// When the database fails.
pub fn tile(tx: &Tx<'_>, level: u8, number: u64) -> Result<Option<Vec<u8>>> {
    tx.first(
        "SELECT hashes FROM tile WHERE level = ?1 AND number = ?2",
        &[i64::from(level).into(), number.into()],
        |r| r.bytes(0),
    )
}

/// Up to `limit` checkpoints with a size above `after`, smallest first.
///
/// # Errors
/// When the database fails.
pub fn checkpoints(tx: &Tx<'_>, after: u64, limit: u64) -> Result<Vec<(u64, String)>> {
    tx.query(
        "SELECT log_size, checkpoint FROM batch
         WHERE first_index >= COALESCE((SELECT MAX(first_index) FROM batch WHERE first_index <= ?1), 0) AND log_size > ?1
         ORDER BY first_index LIMIT ?2",
        &[after.into(), limit.into()],
        |r| Ok((r.uint(0)?, r.text(1)?)),
    )
}

/// The smallest checkpoint of at least `size` leaves.
///
/// # Errors
/// When the database fails.
pub fn checkpoint_covering(tx: &Tx<'_>, size: u64) -> Result<Option<(u64, String)>> {
    tx.first(
        "SELECT log_size, checkpoint FROM batch WHERE first_index < ?1 AND log_size >= ?1
         ORDER BY first_index DESC LIMIT 1",
        &[size.into()],
        |r| Ok((r.uint(0)?, r.text(1)?)),
    )
}

/// An entry that is no signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Its index.
    pub log_index: u64,
    /// What was done.
    pub act: String,
    /// Who did it.
    pub actor: String,
    /// When, microseconds.
    pub received: i64,
    /// The salt of its commitment; absent for decisions, which are committed to by signature.
    pub salt: Option<Vec<u8>>,
    /// Its document.
    pub document: String,
}

/// Stores an entry that is no signal.
///
/// # Errors
/// When the database fails.
pub fn insert_act(tx: &Tx<'_>, act: &Act) -> Result<()> {
    tx.exec(
        "INSERT INTO act (log_index, act, actor, received, salt, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            act.log_index.into(),
            (&act.act).into(),
            (&act.actor).into(),
            act.received.into(),
            act.salt.as_deref().into(),
            (&act.document).into(),
        ],
    )?;
    Ok(())
}

const ACT: &str = "SELECT log_index, act, actor, received, salt, document FROM act
                   WHERE log_index >= ?1 AND log_index < ?2 ORDER BY log_index";

/// The entries `from..to` that are no signals.
///
/// # Errors
/// When the database fails.
pub fn acts(tx: &Tx<'_>, from: u64, to: u64) -> Result<Vec<Act>> {
    tx.query(ACT, &[from.into(), to.into()], |r| {
        Ok(Act {
            log_index: r.uint(0)?,
            act: r.text(1)?,
            actor: r.text(2)?,
            received: r.int(3)?,
            salt: r.opt_bytes(4)?,
            document: r.text(5)?,
        })
    })
}

/// The entries `from..to` that are no signals, by name only.
///
/// # Errors
/// When the database fails.
pub fn act_names(tx: &Tx<'_>, from: u64, to: u64) -> Result<Vec<(u64, String)>> {
    let sql = "SELECT log_index, act FROM act WHERE log_index >= ?1 AND log_index < ?2 ORDER BY log_index";
    tx.query(sql, &[from.into(), to.into()], |r| Ok((r.uint(0)?, r.text(1)?)))
}

/// The newest entry that says whose signatures are believed.
///
/// # Errors
/// When the database fails.
pub fn newest_trust(tx: &Tx<'_>) -> Result<Option<(u64, String)>> {
    let sql = "SELECT log_index, document FROM act WHERE act = 'trust' ORDER BY log_index DESC LIMIT 1";
    tx.first(sql, &[], |r| Ok((r.uint(0)?, r.text(1)?)))
}

/// Notes that from an entry on the time is uncertain, or no longer is.
///
/// # Errors
/// When the database fails.
pub fn doubt_clock(tx: &Tx<'_>, index: u64, doubted: bool) -> Result<()> {
    match doubted {
        true => tx.exec("INSERT INTO clock_doubt (from_index, to_index) VALUES (?1, NULL)", &[index.into()])?,
        false => tx.exec("UPDATE clock_doubt SET to_index = ?1 WHERE to_index IS NULL", &[index.into()])?,
    };
    Ok(())
}

/// Whether the time is uncertain now.
///
/// # Errors
/// When the database fails.
pub fn clock_is_doubted(tx: &Tx<'_>) -> Result<bool> {
    Ok(tx.first("SELECT 1 FROM clock_doubt WHERE to_index IS NULL", &[], |_| Ok(()))?.is_some())
}

/// Notes that a clock era began with an entry.
///
/// # Errors
/// When the database fails.
pub fn begin_era(tx: &Tx<'_>, index: u64, began: Time) -> Result<()> {
    tx.exec("INSERT INTO clock_era (log_index, began) VALUES (?1, ?2)", &[index.into(), began.as_micros().into()])?;
    Ok(())
}

/// The clock eras that operators began, oldest first: the entry, and when that was.
///
/// # Errors
/// When the database fails.
pub fn clock_eras(tx: &Tx<'_>) -> Result<Vec<(u64, Time)>> {
    tx.query("SELECT log_index, began FROM clock_era ORDER BY log_index", &[], |r| {
        Ok((r.uint(0)?, Time::from_micros(r.int(1)?)))
    })
}

/// The entries between which the time is uncertain: from, and to where it is certain again.
///
/// # Errors
/// When the database fails.
pub fn clock_doubts(tx: &Tx<'_>) -> Result<Vec<(u64, Option<u64>)>> {
    tx.query("SELECT from_index, to_index FROM clock_doubt ORDER BY from_index", &[], |r| {
        Ok((r.uint(0)?, r.opt_uint(1)?))
    })
}
