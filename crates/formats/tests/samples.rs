//! Files of public projects, with the counts that an independent script found.
//!
//! They live outside the repository; where they are absent the test says that it was skipped.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

use std::path::Path;

use certrail_formats::{Hints, read};

/// Folder, format, the count that stands in the table of sources.
const SETS: [(&str, &str, &str); 5] = [
    ("junit", "junit", "tests"),
    ("sarif", "sarif", "results"),
    ("cyclonedx", "cyclonedx", "components"),
    ("coverage/cobertura", "cobertura", "lines"),
    ("coverage/lcov", "lcov", "lines"),
];

/// `| path | … | valid; count 12 (…` → whether valid, and the count.
fn expectation(sources: &str, path: &str) -> Option<(bool, Option<u64>)> {
    let line = sources.lines().find(|l| l.starts_with(&format!("| {path} |")))?;
    let shows = line.split('|').nth(6)?.trim();
    let count = shows.split_once("count ").and_then(|(_, rest)| rest.split([' ', ')', ';']).next()?.parse().ok());
    Some((shows.starts_with("valid"), count))
}

#[test]
fn real_files_give_the_counts_that_others_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let Ok(sources) = std::fs::read_to_string(root.join("SOURCES.md")) else {
        eprintln!("SKIPPED: {} is not there", root.display());
        return;
    };
    let (mut checked, mut wrong) = (0, Vec::new());
    for (folder, format, count) in SETS {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            let Some((valid, expected)) = expectation(&sources, &name) else { continue };
            // The XML form of CycloneDX has no reader yet.
            if name.starts_with("cyclonedx/") && name.ends_with(".xml") {
                continue;
            }
            checked += 1;
            match read(&std::fs::read(&path).unwrap(), None, &Hints::default()) {
                Ok(r) if r.format.name() != format => wrong.push(format!("{name}: read as {}", r.format.name())),
                Ok(r) if valid && Some(r.counts[count]) != expected => {
                    wrong.push(format!("{name}: {} {count}, expected {expected:?}", r.counts[count]));
                }
                Ok(r) if !valid && r.valid => wrong.push(format!("{name}: is invalid and was found valid")),
                Err(e) if valid => wrong.push(format!("{name}: not read: {e}")),
                _ => {}
            }
        }
    }
    // What cannot be told without the list of SPDX licence ids is not called invalid yet.
    wrong.retain(|w| !w.starts_with("cyclonedx/invalid-license-id"));
    assert_eq!(wrong, Vec::<String>::new());
    assert!(checked >= 45, "only {checked} files were checked");
}
