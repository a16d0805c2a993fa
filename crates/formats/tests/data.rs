//! Our own samples: what each is read as, or why it is not. And any bytes at all: no panic.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

use std::{fmt::Write, path::Path};

use certrail_formats::{Format, Hints, read};
use proptest::prelude::*;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// One line per sample: format, validity, counts above zero, first warning; or why it was not read.
fn summary(bytes: &[u8]) -> String {
    match read(bytes, None, &Hints::default()) {
        Ok(r) => {
            let counts: Vec<String> =
                r.counts.iter().filter(|(_, n)| **n > 0).map(|(k, n)| format!("{k}={n}")).collect();
            let valid = if r.valid { "valid" } else { "NOT VALID" };
            let subjects =
                if r.subjects.is_empty() { String::new() } else { format!(" about {}", r.subjects.join(", ")) };
            let warnings = if r.warnings.is_empty() { String::new() } else { format!(" — {}", r.warnings.join(" ")) };
            format!("{} {valid} {}{subjects}{warnings}", r.format.name(), counts.join(" "))
        }
        Err(e) => format!("not read: {} ({})", e.why, e.looks_like.unwrap_or("nothing known")),
    }
}

#[test]
fn samples_are_read_as_they_should() {
    let mut out = String::new();
    for path in files(&data()) {
        let name = path.strip_prefix(data()).unwrap().display().to_string();
        writeln!(out, "{name}\n    {}", summary(&std::fs::read(&path).unwrap())).unwrap();
    }
    insta::assert_snapshot!(out);
}

#[test]
fn what_is_empty_says_so() {
    for name in [
        "junit/odd/no-tests.xml",
        "sarif/odd/no-runs.sarif",
        "cyclonedx/odd/nothing-in-it.json",
        "cobertura/odd/no-lines.xml",
        "lcov/odd/no-lines.info",
    ] {
        let reading = read(&std::fs::read(data().join(name)).unwrap(), None, &Hints::default()).unwrap();
        assert!(!reading.warnings.is_empty(), "{name} is silent about being empty");
    }
}

#[test]
fn hostile_shapes_are_bounded() {
    let deep_json = format!("{{\"bomFormat\":\"CycloneDX\",\"components\":{}", "[{\"components\":".repeat(100_000));
    let deep_xml = format!("<testsuites>{}", "<testsuite>".repeat(100_000));
    let many_attributes = format!("<testsuite {}/>", (0..50_000).map(|i| format!("a{i}=\"\" ")).collect::<String>());
    let nul = b"<testsuite>\0\0<testcase name=\"\0\"/></testsuite>".to_vec();
    for bytes in [
        deep_json.into_bytes(),
        deep_xml.into_bytes(),
        many_attributes.into_bytes(),
        nul,
        vec![0; 4096],
        b"\xff\xfe<".to_vec(),
        b"\xfe\xff".to_vec(),
    ] {
        let _ = read(&bytes, None, &Hints::default());
    }
}

/// A sample with some bytes changed, dropped, doubled or cut off.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<Vec<u8>> = files(&data()).iter().map(|p| std::fs::read(p).unwrap()).collect();
    (0..all.len(), proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4_u8), 1..12)).prop_map(
        move |(which, changes)| {
            let mut bytes = all[which].clone();
            for (at, byte, how) in changes {
                if bytes.is_empty() {
                    break;
                }
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, byte),
                    _ => bytes.truncate(at),
                }
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("CERTRAIL_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000)))]

    #[test]
    fn mangled_samples_never_panic(bytes in mangled()) {
        let _ = read(&bytes, None, &Hints::default());
        for format in Format::ALL {
            let _ = read(&bytes, Some(format), &Hints::default());
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, None, &Hints::default());
    }
}
