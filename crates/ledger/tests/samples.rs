//! Proofs and tiles made by other implementations (transparency-dev/merkle, transparency-dev/tessera).
//!
//! The files live outside the repository; where they are absent each test says that it was skipped.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

use std::path::{Path, PathBuf};

use certrail_ledger::{
    Hash,
    note::Checkpoint,
    tile,
    tree::{CompactRange, leaf_hash, verify_consistency, verify_inclusion},
};
use data_encoding::BASE64;
use serde_json::Value;

fn samples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/merkle");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there", folder.display());
    None
}

/// One sample carries a "hash" that is none; it stands for a hash that matches nothing.
fn hash(value: &Value) -> Hash {
    BASE64.decode(value.as_str().unwrap().as_bytes()).unwrap().try_into().unwrap_or([0xff; 32])
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().map(|all| all.iter().map(hash).collect()).unwrap_or_default()
}

#[test]
fn foreign_proofs_are_judged_as_their_authors_judge_them() {
    let Some(folder) = samples() else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|n| n.ends_with(".json")) else { continue };
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let number = |key: &str| case[key].as_u64().unwrap();
        let proof = hashes(&case["proof"]);
        let result = if name.starts_with("inclusion") {
            let leaf = hash(&case["leafHash"]);
            verify_inclusion(&leaf, number("leafIdx"), number("treeSize"), &proof, &hash(&case["root"]))
        } else {
            verify_consistency(number("size1"), number("size2"), &proof, &hash(&case["root1"]), &hash(&case["root2"]))
        };
        assert_eq!(result.is_err(), case["wantErr"].as_bool().unwrap(), "{name}: {result:?}");
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} sample proofs found");
}

#[test]
fn a_log_written_by_tessera_gives_the_root_it_signed() {
    let Some(folder) = samples() else { return };
    let folder = folder.join("tessera");
    let note = std::fs::read_to_string(folder.join("checkpoint.15")).unwrap();
    let checkpoint = Checkpoint::parse_unverified(&note).unwrap();
    let bundle = std::fs::read(folder.join("tile-entries-000.p-15")).unwrap();
    let leaves: Vec<&[u8]> = tile::entries(&bundle).map(Option::unwrap).collect();
    let hashes = tile::hashes(&std::fs::read(folder.join("tile-0-000.p-15")).unwrap()).unwrap();
    assert_eq!(checkpoint.size, leaves.len() as u64);
    let mut range = CompactRange::default();
    for (leaf, hash) in leaves.iter().zip(&hashes) {
        assert_eq!(leaf_hash(leaf), *hash);
        range.append(*hash);
    }
    assert_eq!(range.root(), checkpoint.root);
}
