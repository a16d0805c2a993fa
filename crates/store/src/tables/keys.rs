//! Which entry a delivery became, and which entry brought some bytes first: by half a digest, which says nothing and lies
//! anywhere.

use crate::{Result, Tx};

/// What a key is a key of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOf {
    /// A delivery: connector and delivery id, keyed.
    Delivery,
    /// The bytes of a signal: half of their digest.
    Content,
}

/// The entry of a key, among those that are in the table already.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &Tx<'_>, of: KeyOf, key: &[u8; 16]) -> Result<Option<u64>> {
    let sql = match of {
        KeyOf::Delivery => "SELECT log_index FROM delivery WHERE key = ?1",
        KeyOf::Content => "SELECT log_index FROM content WHERE key = ?1",
    };
    tx.first(sql, &[key.into()], |r| r.uint(0))
}

/// Puts a key into its table; one that is there stays.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &Tx<'_>, of: KeyOf, key: &[u8; 16], log_index: u64) -> Result<()> {
    let sql = match of {
        KeyOf::Delivery => "INSERT INTO delivery (key, log_index) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
        KeyOf::Content => "INSERT INTO content (key, log_index) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
    };
    tx.exec(sql, &[key.into(), log_index.into()]).map(drop)
}

/// What the keys of a signal are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedSignal {
    /// Its entry.
    pub log_index: u64,
    /// The connector it came by.
    pub connector: String,
    /// The sender's delivery id.
    pub delivery: String,
    /// The digest of its bytes, if it was the first to bring them.
    pub brought: Option<[u8; 32]>,
}

/// The signals from an entry on, in order.
///
/// # Errors
/// When the database fails.
pub fn signals_from(tx: &Tx<'_>, from: u64) -> Result<Vec<KeyedSignal>> {
    tx.query(
        "SELECT log_index, connector, delivery, body, duplicate_of FROM signal WHERE log_index >= ?1 ORDER BY log_index",
        &[from.into()],
        |r| {
            let first = r.opt_uint(4)?.is_none();
            Ok(KeyedSignal {
                log_index: r.uint(0)?,
                connector: r.text(1)?,
                delivery: r.text(2)?,
                brought: if first { Some(r.hash(3)?) } else { None },
            })
        },
    )
}
