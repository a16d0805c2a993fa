//! The head of the log in memory: what appending and proving need without reading everything.

use std::sync::Arc;

use certrail_domain::Time;
use certrail_ledger::{
    Hash,
    keys::LogKey,
    life::Life,
    note::Checkpoint,
    tile,
    tree::{CompactRange, Tiles, leaf_hash, node_hash},
};
use certrail_store::{StoreError, Tx, Writer, tables::log};

use super::Keys;

/// A signed head with the tiles that are not full yet.
#[derive(Clone, Debug)]
pub struct LogHead {
    /// The compact range over all leaves.
    pub range: CompactRange,
    /// The hashes of the last, partial tile of each level.
    pub open: Vec<Vec<Hash>>,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The life of the log.
    pub epoch: i64,
    /// The key of that life, which signs.
    pub key: Arc<LogKey>,
    /// When the newest entry was received.
    pub received: Time,
    /// Of signals from this entry on, keys may be in memory only.
    pub(super) keys_from: u64,
}

impl LogHead {
    /// How many leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.range.size()
    }

    /// The name the log goes by in this life.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.key.verifier().name()
    }

    /// Signs the tree as it is now.
    pub(super) fn sign(&mut self) {
        let checkpoint = Checkpoint { origin: self.origin().to_owned(), size: self.size(), root: self.range.root() };
        self.checkpoint = checkpoint.sign(&self.key);
    }

    /// Appends a leaf hash; hands full tiles to `full` as (level, number, hashes).
    pub(super) fn append(&mut self, hash: Hash, mut full: impl FnMut(u8, u64, Vec<u8>)) {
        let index = self.range.size();
        self.range.append(hash);
        let (mut hash, mut level, mut position) = (hash, 0_u8, index);
        loop {
            if self.open.len() <= usize::from(level) {
                self.open.push(Vec::new());
            }
            let tile = &mut self.open[usize::from(level)];
            tile.push(hash);
            if tile.len() < tile::WIDTH as usize {
                break;
            }
            let hashes = std::mem::take(tile);
            full(level, position / tile::WIDTH, hashes.concat());
            hash = root_of(&hashes);
            position /= tile::WIDTH;
            level += 1;
        }
    }

    /// The head as it is stored.
    pub(super) fn stored(&self) -> log::Head {
        log::Head {
            origin: self.origin().to_owned(),
            epoch: self.epoch,
            size: self.size(),
            roots: self.range.roots().concat(),
            checkpoint: self.checkpoint.clone(),
            received: self.received.as_micros(),
            keys_from: self.keys_from,
        }
    }

    /// A reader of this head's tiles.
    #[must_use]
    pub const fn tiles<'a>(&'a self, tx: &'a Tx<'a>) -> HeadTiles<'a> {
        HeadTiles { head: self, tx }
    }
}

fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// Reads full tiles from the store and partial ones from the head.
pub struct HeadTiles<'a> {
    head: &'a LogHead,
    tx: &'a Tx<'a>,
}

impl Tiles for HeadTiles<'_> {
    type Error = StoreError;

    fn tile(&self, level: u8, index: u64, width: usize) -> Result<Vec<Hash>, StoreError> {
        // A tile that is full now was partial under an older size; its first hashes are the same.
        if tile::width_at(self.head.size(), level, index) == tile::WIDTH as usize {
            let bytes = log::tile(self.tx, level, index)?
                .ok_or_else(|| StoreError::Damaged(format!("tile {level}/{index} is not there")))?;
            let mut hashes = tile::hashes(&bytes)
                .filter(|h| h.len() == tile::WIDTH as usize)
                .ok_or_else(|| StoreError::Damaged(format!("tile {level}/{index} has a wrong length")))?;
            hashes.truncate(width);
            return Ok(hashes);
        }
        let open = self.head.open.get(usize::from(level)).map(Vec::as_slice).unwrap_or_default();
        open.get(..width)
            .map(<[Hash]>::to_vec)
            .ok_or_else(|| StoreError::Damaged(format!("tile {level}/{index} is not there")))
    }
}

/// Loads the head, or starts the log. Checks what can be checked fast: the checkpoint's signature
/// and root against the stored range, and the last leaves against it.
pub(super) fn load_or_create(writer: &mut Writer, keys: &Keys, now: Time) -> Result<LogHead, StoreError> {
    writer.transaction(|tx| {
        if let Some(stored) = log::head(tx)? {
            return load(tx, &stored, keys);
        }
        // Keys without their log come here only on the way to a new life, which gets a number of its own.
        let epoch = keys.log_keys()?.into_keys().max().unwrap_or(1);
        let key = Arc::new(keys.make_log_key(epoch)?);
        let life = Life::begin(epoch, key.verifier(), 0, []);
        let range = CompactRange::default();
        let checkpoint = String::new();
        let mut head = LogHead { range, open: vec![], checkpoint, epoch, key, received: now, keys_from: 0 };
        head.sign();
        log::create(tx, &head.stored())?;
        keep_life(tx, &life)?;
        Ok(head)
    })
}

/// Puts a life of the log on record.
pub(crate) fn keep_life(tx: &Tx<'_>, life: &Life) -> Result<(), StoreError> {
    let document = serde_json::to_string(life).map_err(|e| StoreError::Damaged(e.to_string()))?;
    log::insert_life(tx, life.number, &document)
}

/// The lives of the log, oldest first.
pub(crate) fn lives(tx: &Tx<'_>) -> Result<Vec<Life>, StoreError> {
    let read = |text: &String| {
        serde_json::from_str(text).map_err(|e| StoreError::Damaged(format!("a life of the log cannot be read: {e}")))
    };
    log::lives(tx)?.iter().map(read).collect()
}

fn load(tx: &Tx<'_>, stored: &log::Head, keys: &Keys) -> Result<LogHead, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("log head: {what}; run `certrail admin fsck`"));
    let roots = tile::hashes(&stored.roots).ok_or_else(|| damaged("its range is cut off"))?;
    let range = CompactRange::restore(stored.size, roots).ok_or_else(|| damaged("its range does not fit its size"))?;
    let key = Arc::new(keys.log_key(stored.epoch)?);
    let checkpoint = Checkpoint::verify(&stored.checkpoint, key.verifier()).map_err(|e| damaged(&e.to_string()))?;
    if checkpoint.size != stored.size || checkpoint.root != range.root() {
        return Err(damaged("its checkpoint is over another tree"));
    }
    if log::is_taken(tx, stored.size)? {
        return Err(damaged("something is stored behind its newest entry that was never part of it"));
    }
    let mut open = Vec::new();
    let mut level = 0_u8;
    while stored.size >> (u32::from(level) * u32::from(tile::HEIGHT)) > 0 {
        let number = (stored.size >> (u32::from(level) * u32::from(tile::HEIGHT))) / tile::WIDTH;
        let width = tile::width_at(stored.size, level, number);
        open.push(open_tile(tx, stored.size, level, number, width)?);
        level += 1;
    }
    if !is_signed(&range, &open) {
        return Err(damaged("its newest leaves are not those that were signed"));
    }
    Ok(LogHead {
        range,
        open,
        checkpoint: stored.checkpoint.clone(),
        epoch: stored.epoch,
        key,
        received: Time::from_micros(stored.received),
        keys_from: stored.keys_from,
    })
}

/// Whether the open tiles, made of the leaves that are stored, give the subtree roots that were signed. Each subtree of a
/// size lies in the open tile of one level; signing on over other leaves would make every proof of them fail for ever.
fn is_signed(range: &CompactRange, open: &[Vec<Hash>]) -> bool {
    let mut roots = Vec::new();
    // The largest subtrees first, as the range holds them: the highest level, and in it from the left.
    for tile in open.iter().rev() {
        let mut rest = tile.as_slice();
        while !rest.is_empty() {
            let (subtree, tail) = rest.split_at(1 << rest.len().ilog2());
            roots.push(root_of(subtree));
            rest = tail;
        }
    }
    roots == range.roots()
}

/// The hashes of a partial tile: at level 0 from the last leaves, above from the full tiles beneath.
fn open_tile(tx: &Tx<'_>, size: u64, level: u8, number: u64, width: usize) -> Result<Vec<Hash>, StoreError> {
    if width == 0 {
        return Ok(Vec::new());
    }
    let first = number * tile::WIDTH;
    if level == 0 {
        return Ok(leaves(tx, first, size)?.iter().map(|l| leaf_hash(l)).collect());
    }
    (first..first + width as u64)
        .map(|n| {
            let bytes = log::tile(tx, level - 1, n)?.and_then(|b| tile::hashes(&b));
            bytes
                .map(|h| root_of(&h))
                .ok_or_else(|| StoreError::Damaged(format!("tile {}/{n} is not there", level - 1)))
        })
        .collect()
}

/// The leaves `from..to`.
pub(crate) fn leaves(tx: &Tx<'_>, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut out = Vec::new();
    for (first, bytes) in log::batches(tx, from, to)? {
        for (i, leaf) in tile::entries(&bytes).enumerate() {
            let index = first + i as u64;
            let leaf = leaf.ok_or_else(|| StoreError::Damaged(format!("leaf {index} is cut off")))?;
            if (from..to).contains(&index) {
                out.push(leaf.to_vec());
            }
        }
    }
    if out.len() as u64 == to.saturating_sub(from) {
        Ok(out)
    } else {
        Err(StoreError::Damaged(format!("{} of the leaves {from} to {to} are there", out.len())))
    }
}

/// Shared by readers: the head they prove against.
pub(super) type SharedHead = Arc<LogHead>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_tiles_give_the_roots_of_every_size_and_a_changed_leaf_gives_others() {
        let key = Arc::new(LogKey::from_seed("test/log", &[7; 32]).expect("a key"));
        let received = Time::from_micros(0);
        let (range, checkpoint) = (CompactRange::default(), String::new());
        let mut head = LogHead { range, open: vec![], checkpoint, epoch: 1, key, received, keys_from: 0 };
        for n in 0..70_000_u32 {
            head.append(leaf_hash(&n.to_be_bytes()), |_, _, _| {});
            if n % 97 == 0 || n.is_power_of_two() || n > 69_990 {
                assert!(is_signed(&head.range, &head.open), "{n}");
            }
        }
        let mut open = head.open.clone();
        open[0][3] = leaf_hash(b"another");
        assert!(!is_signed(&head.range, &open));
        open.clone_from(&head.open);
        open[0].pop();
        assert!(!is_signed(&head.range, &open));
    }
}
