//! The RFC 6962 §2.1 tree: hashing, appending, proving, verifying.

use aws_lc_rs::digest;

use crate::{Hash, sha256, tile};

/// Hash of a leaf: `SHA256(0x00 || leaf)` (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[0]);
    context.update(leaf);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Hash of an inner node: `SHA256(0x01 || left || right)` (RFC 6962 §2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0; 65];
    bytes[0] = 1;
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes)
}

/// The roots of the complete subtrees that make up a tree, largest first: all that appending needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    roots: Vec<Hash>,
}

impl CompactRange {
    /// Restores a range from its size and roots; `None` if their number does not fit.
    #[must_use]
    pub fn restore(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// How many leaves it covers.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The subtree roots, largest first.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one bit of the size is a complete subtree that the new leaf completes further.
        for _ in 0..self.size.trailing_ones() {
            let left = self.roots.pop().unwrap_or_default();
            hash = node_hash(&left, &hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root of the tree; of the empty tree, `SHA256("")` (RFC 6962 §2.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        self.roots.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(|| sha256(b""))
    }
}

/// Where hashes of the tree are read from, tile by tile.
pub trait Tiles {
    /// Why a tile could not be read.
    type Error;

    /// The first `width` hashes of tile `index` at tile level `level`.
    ///
    /// # Errors
    /// When the tile is not there or cannot be read.
    fn tile(&self, level: u8, index: u64, width: usize) -> Result<Vec<Hash>, Self::Error>;
}

/// Root over the leaves `lo..hi`, `lo < hi <= size`, read from tiles.
fn subtree<T: Tiles>(tiles: &T, size: u64, lo: u64, hi: u64) -> Result<Hash, T::Error> {
    let n = hi - lo;
    if n.is_power_of_two() && lo.is_multiple_of(n) {
        let height = n.trailing_zeros() as u8;
        let (level, below) = (height / tile::HEIGHT, height % tile::HEIGHT);
        // 2^below hashes of the tile level just beneath make up this node.
        let count = 1_u64 << below;
        let first = lo >> (u32::from(level) * u32::from(tile::HEIGHT));
        let index = first / tile::WIDTH;
        let offset = (first % tile::WIDTH) as usize;
        let width = tile::width_at(size, level, index);
        let hashes = tiles.tile(level, index, width)?;
        let part = hashes.get(offset..offset + count as usize).unwrap_or(&[]);
        return Ok(fold(part));
    }
    let k = split(n);
    Ok(node_hash(&subtree(tiles, size, lo, lo + k)?, &subtree(tiles, size, lo + k, hi)?))
}

/// Root over a power-of-two number of hashes.
fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::default(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            node_hash(&fold(left), &fold(right))
        }
    }
}

/// The largest power of two smaller than `n` (n ≥ 2).
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The audit path of leaf `index` in the tree of `size` leaves (RFC 6962 §2.1.1), nearest sibling first.
///
/// # Errors
/// When a tile cannot be read.
pub fn inclusion_proof<T: Tiles>(tiles: &T, index: u64, size: u64) -> Result<Vec<Hash>, T::Error> {
    let mut path = Vec::new();
    if index >= size {
        return Ok(path);
    }
    let (mut lo, mut hi) = (0, size);
    while hi - lo > 1 {
        let k = split(hi - lo);
        if index < lo + k {
            path.push(subtree(tiles, size, lo + k, hi)?);
            hi = lo + k;
        } else {
            path.push(subtree(tiles, size, lo, lo + k)?);
            lo += k;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 6962 §2.1.2).
///
/// # Errors
/// When a tile cannot be read.
pub fn consistency_proof<T: Tiles>(tiles: &T, old: u64, new: u64) -> Result<Vec<Hash>, T::Error> {
    if old == 0 || old >= new {
        return Ok(Vec::new());
    }
    let mut path = Vec::new();
    let (mut lo, mut hi, mut whole) = (0, new, true);
    let mut m = old;
    // SUBPROOF of RFC 6962 §2.1.2 as a loop; siblings are collected from the root downwards.
    loop {
        if m == hi - lo {
            if !whole {
                path.push(subtree(tiles, new, lo, hi)?);
            }
            break;
        }
        let k = split(hi - lo);
        if m <= k {
            path.push(subtree(tiles, new, lo + k, hi)?);
            hi = lo + k;
        } else {
            path.push(subtree(tiles, new, lo, lo + k)?);
            lo += k;
            m -= k;
            whole = false;
        }
    }
    path.reverse();
    Ok(path)
}

/// Why a proof was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index does not exist in a tree of that size, or the sizes are out of order.
    #[error("index or sizes are out of range")]
    Range,
    /// The proof has too few or too many hashes.
    #[error("proof has the wrong length")]
    Length,
    /// The hashes lead to another root.
    #[error("proof leads to another root")]
    Root,
}

/// Verifies that `leaf` (a leaf hash) is at `index` in the tree of `size` leaves with `root` (RFC 9162 §2.1.3.2).
///
/// # Errors
/// When the proof does not show that.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Verifies that the tree `old` with `old_root` is a prefix of the tree `new` with `new_root` (RFC 9162 §2.1.4.2).
///
/// # Errors
/// When the proof does not show that.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Range);
    }
    if old == new || old == 0 {
        let same = old == 0 || old_root == new_root;
        return match (proof.is_empty(), same) {
            (false, _) => Err(ProofError::Length),
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
        };
    }
    // A power of two is its own subtree, so its root stands in for the first hash.
    let mut path: Vec<&Hash> = proof.iter().collect();
    if old.is_power_of_two() {
        path.insert(0, old_root);
    }
    let Some((first, rest)) = path.split_first() else {
        return Err(ProofError::Length);
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (**first, **first);
    for hash in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(hash, &from_old);
            from_new = node_hash(hash, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    match (last, from_old == *old_root && from_new == *new_root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every tile of a list of leaf hashes, recomputed on each read.
    struct Memory(Vec<Hash>);

    impl Tiles for Memory {
        type Error = std::convert::Infallible;

        fn tile(&self, level: u8, index: u64, width: usize) -> Result<Vec<Hash>, Self::Error> {
            let span = 1_usize << (level * tile::HEIGHT);
            let first = index as usize * tile::WIDTH as usize;
            Ok((first..first + width).map(|i| naive(&self.0[i * span..(i + 1) * span])).collect())
        }
    }

    /// The definition of RFC 6962 §2.1, word for word.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(b""),
            [one] => *one,
            many => {
                let k = split(many.len() as u64) as usize;
                node_hash(&naive(&many[..k]), &naive(&many[k..]))
            }
        }
    }

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn known_roots_of_the_reference_implementation() {
        // Test inputs and roots of certificate-transparency's merkle tree tests (RFC 6962 reference).
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut range = CompactRange::default();
        assert_eq!(crate::hex(&range.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (input, root) in inputs.iter().zip(roots) {
            range.append(leaf_hash(input));
            assert_eq!(crate::hex(&range.root()), root);
        }
    }

    #[test]
    fn every_proof_of_small_trees_verifies_and_only_where_it_should() {
        for size in 1..70_u64 {
            let tree = Memory(leaves(size));
            let root = naive(&tree.0);
            for index in 0..size {
                let proof = inclusion_proof(&tree, index, size).unwrap_or_else(|e| match e {});
                let leaf = tree.0[index as usize];
                assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
                assert!(verify_inclusion(&leaf, index, size + 1, &proof, &naive(&leaves(size + 1))).is_err());
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(verify_inclusion(&leaf, index, size, shorter, &root).is_err());
                }
                let mut longer = proof.clone();
                longer.push([7; 32]);
                assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
            }
            for old in 1..=size {
                let proof = consistency_proof(&tree, old, size).unwrap_or_else(|e| match e {});
                let old_root = naive(&tree.0[..old as usize]);
                assert_eq!(verify_consistency(old, size, &proof, &old_root, &root), Ok(()), "{old} {size}");
                assert!(verify_consistency(old, size, &proof, &[1; 32], &root).is_err());
                if old < size {
                    assert!(verify_consistency(old, size, &proof, &old_root, &[1; 32]).is_err());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn proofs_agree_with_a_foreign_implementation(size in 1_u64..2_000, seed in any::<u64>()) {
            let index = seed % size;
            let tree = Memory(leaves(size));
            let mut foreign = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, [u8; 8]>::new();
            for i in 0..size {
                foreign.push(i.to_be_bytes());
            }
            let root = naive(&tree.0);
            let foreign_root = foreign.root();
            prop_assert_eq!(foreign_root.as_bytes().as_slice(), root.as_slice());
            let ours = inclusion_proof(&tree, index, size).unwrap_or_else(|e| match e {});
            let theirs = foreign.prove_inclusion(usize::try_from(index).expect("small"));
            prop_assert_eq!(theirs.as_bytes(), ours.concat());
            let old = seed % size + 1;
            let ours = consistency_proof(&tree, old, size).unwrap_or_else(|e| match e {});
            if old < size {
                let theirs = foreign.prove_consistency(usize::try_from(size - old).expect("small"));
                prop_assert_eq!(theirs.as_bytes(), ours.concat());
            }
        }

        #[test]
        fn hostile_proofs_never_panic(index in any::<u64>(), size in any::<u64>(), old in any::<u64>(),
                                      proof in proptest::collection::vec(any::<[u8; 32]>(), 0..80)) {
            let _ = verify_inclusion(&[0; 32], index, size, &proof, &[0; 32]);
            let _ = verify_consistency(old, size, &proof, &[0; 32], &[0; 32]);
        }

        #[test]
        fn appending_gives_the_defined_root(n in 0_u64..600) {
            let mut range = CompactRange::default();
            leaves(n).into_iter().for_each(|l| range.append(l));
            prop_assert_eq!(range.root(), naive(&leaves(n)));
            let restored = CompactRange::restore(n, range.roots().to_vec());
            prop_assert_eq!(restored, Some(range));
        }
    }
}
