//! C2SP tlog-tiles (v0.1.0): where hashes and leaves of the tree are found.

use crate::Hash;

/// Tree levels per tile level.
pub const HEIGHT: u8 = 8;
/// Hashes in a full tile.
pub const WIDTH: u64 = 256;
/// The largest leaf an entry bundle can hold.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// How many hashes tile `index` at `level` has in a tree of `size` leaves: 0 to 256.
#[must_use]
pub fn width_at(size: u64, level: u8, index: u64) -> usize {
    let at_level = size.checked_shr(u32::from(level) * u32::from(HEIGHT)).unwrap_or(0);
    let first = index.saturating_mul(WIDTH);
    at_level.saturating_sub(first).min(WIDTH) as usize
}

/// A tile or entry bundle as its path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coordinates {
    /// The tile level; `None` for an entry bundle.
    pub level: Option<u8>,
    /// Its number at that level.
    pub index: u64,
    /// How many hashes or entries are asked for, 1 to 256.
    pub width: usize,
}

/// Reads `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, with `N` in groups of three digits
/// (`x001/x234/067`). Strict: one text per tile.
#[must_use]
pub fn parse_path(path: &str) -> Option<Coordinates> {
    let (level, rest) = path.split_once('/')?;
    let level = match level {
        "entries" => None,
        digits => Some(strict_number(digits, 63).and_then(|n| u8::try_from(n).ok())?),
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, strict_number(width, 255).filter(|w| *w > 0)? as usize),
        None => (rest, WIDTH as usize),
    };
    let mut index = 0_u64;
    let groups: Vec<&str> = number.split('/').collect();
    for (i, group) in groups.iter().enumerate() {
        let last = i + 1 == groups.len();
        let digits = if last { group } else { group.strip_prefix('x')? };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    let coordinates = Coordinates { level, index, width };
    // `x000/001` would be a second name of `001`.
    (path_of(&coordinates) == path).then_some(coordinates)
}

/// The path of a tile below `/log/tile/`.
#[must_use]
pub fn path_of(tile: &Coordinates) -> String {
    let level = tile.level.map_or_else(|| "entries".to_owned(), |l| l.to_string());
    let mut number = format!("{:03}", tile.index % 1000);
    let mut rest = tile.index / 1000;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % 1000);
        rest /= 1000;
    }
    match tile.width {
        256 => format!("{level}/{number}"),
        width => format!("{level}/{number}.p/{width}"),
    }
}

fn strict_number(text: &str, max: u64) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (plain && digits).then(|| text.parse().ok()).flatten().filter(|n| *n <= max)
}

/// Appends a leaf to an entry bundle: two bytes of length, big-endian, then the leaf. `None`, and nothing appended, for
/// a leaf that is longer than a bundle can say: cut, it would no longer be what was hashed.
#[must_use]
pub fn push_entry(bundle: &mut Vec<u8>, leaf: &[u8]) -> Option<()> {
    let length = u16::try_from(leaf.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(leaf);
    Some(())
}

/// The leaves of an entry bundle; the last item is `None` where the bytes end early.
pub fn entries(bundle: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = bundle;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((length, tail)) = rest.split_first_chunk::<2>() else {
            rest = &[];
            return Some(None);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((leaf, tail)) = tail.split_at_checked(length) else {
            rest = &[];
            return Some(None);
        };
        rest = tail;
        Some(Some(leaf))
    })
}

/// A tile's bytes as hashes; `None` if they are not a whole number of them.
#[must_use]
pub fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (chunks, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| chunks.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_of_the_specification() {
        for (path, level, index, width) in [
            ("0/000", Some(0), 0, 256),
            ("1/x001/x234/067", Some(1), 1_234_067, 256),
            ("0/x001/x234/067.p/8", Some(0), 1_234_067, 8),
            ("entries/999", None, 999, 256),
        ] {
            let tile = Coordinates { level, index, width };
            assert_eq!(parse_path(path), Some(tile));
            assert_eq!(path_of(&tile), path);
        }
        for wrong in [
            "",
            "0",
            "0/",
            "0/0",
            "0/1000",
            "00/000",
            "64/000",
            "0/x000/001",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/08",
            "a/000",
            "0/+01",
        ] {
            assert_eq!(parse_path(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_leaf_that_is_too_long_is_refused_and_never_cut() {
        let mut bundle = Vec::new();
        assert_eq!(push_entry(&mut bundle, &vec![1; MAX_LEAF_BYTES + 1]), None);
        assert!(bundle.is_empty());
        assert_eq!(push_entry(&mut bundle, &vec![1; MAX_LEAF_BYTES]), Some(()));
        assert_eq!(entries(&bundle).map(|e| e.map(<[u8]>::len)).collect::<Vec<_>>(), [Some(MAX_LEAF_BYTES)]);
    }

    #[test]
    fn widths_follow_the_size() {
        assert_eq!(width_at(70_000, 0, 273), 112);
        assert_eq!(width_at(70_000, 1, 0), 256);
        assert_eq!(width_at(70_000, 1, 1), 17);
        assert_eq!(width_at(70_000, 2, 0), 1);
        assert_eq!(width_at(70_000, 9, 0), 0);
    }

    proptest! {
        #[test]
        fn any_path_is_read_or_refused(path in ".{0,40}") {
            if let Some(tile) = parse_path(&path) {
                prop_assert_eq!(path_of(&tile), path);
            }
        }

        #[test]
        fn paths_agree_with_a_foreign_implementation(level in 0_u8..6, index in 0_u64..5_000_000, width in 1_u32..=256) {
            let ours = path_of(&Coordinates { level: Some(level), index, width: width as usize });
            // Go's older form of the path names the tile height too; C2SP dropped it.
            let theirs = tlog_tiles::Tile::new(HEIGHT, level, index, width, false).path();
            prop_assert_eq!(format!("tile/{HEIGHT}/{ours}"), theirs);
        }

        #[test]
        fn any_bytes_are_split_or_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(entries(&bytes).count() <= bytes.len() + 1);
        }

        #[test]
        fn bundles_come_back(leaves in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut bundle = Vec::new();
            prop_assert!(leaves.iter().all(|l| push_entry(&mut bundle, l).is_some()));
            let back: Option<Vec<Vec<u8>>> = entries(&bundle).map(|e| e.map(<[u8]>::to_vec)).collect();
            prop_assert_eq!(back, Some(leaves));
        }
    }
}
