//! Our own samples: what each is read as, or why it is not. And any bytes at all: no panic.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

use std::{fmt::Write, path::Path};

use certrail_domain::facts::FindingSeen;
use certrail_formats::{Format, Hints, NotRead, Reading, Validity, candidates, read, read_stream};
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

/// Reads and gathers the findings.
fn gather(bytes: &[u8], wanted: Option<Format>) -> (Result<Reading, NotRead>, Vec<FindingSeen>) {
    let mut findings = Vec::new();
    let reading = read(bytes, wanted, &Hints::default(), &mut |f| findings.push(f));
    (reading, findings)
}

/// What a sample is read as, its findings, and what struck the reader; or why it was not read.
fn summary(bytes: &[u8]) -> String {
    let (reading, findings) = gather(bytes, None);
    let r = match reading {
        Ok(r) => r,
        Err(e) => return format!("    not read: {} ({})\n", e.why, e.looks_like.unwrap_or("nothing known")),
    };
    let mut out = String::new();
    let counts: Vec<String> = r.counts.iter().filter(|(_, n)| **n > 0).map(|(k, n)| format!("{k}={n}")).collect();
    writeln!(out, "    {} valid:{} {}", r.format.name(), r.valid.name(), counts.join(" ")).unwrap();
    for subject in &r.subjects {
        writeln!(out, "    about {subject}").unwrap();
    }
    for f in &findings {
        let suppressed = f.suppressed.as_ref().map(|s| format!(" [suppressed: {s}]")).unwrap_or_default();
        let line = f.line.map(|l| format!(":{l}")).unwrap_or_default();
        let fix =
            f.component.as_ref().and_then(|c| c.fixed_in.as_ref()).map(|v| format!(" fix {v}")).unwrap_or_default();
        writeln!(out, "    {:8} {} @ {}{line}{fix}{suppressed}", f.level.name(), f.fingerprint, f.place).unwrap();
    }
    for fault in &r.faults {
        writeln!(out, "    fault: {fault}").unwrap();
    }
    for warning in &r.warnings {
        writeln!(out, "    note: {warning}").unwrap();
    }
    out
}

/// One snapshot per folder, so that a change of one reader shows in one file.
#[test]
fn samples_are_read_as_they_should() {
    for entry in std::fs::read_dir(data()).unwrap() {
        let folder = entry.unwrap().path();
        let mut out = String::new();
        for path in files(&folder) {
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            writeln!(out, "{name}\n{}", summary(&std::fs::read(&path).unwrap())).unwrap();
        }
        insta::assert_snapshot!(folder.file_name().unwrap().to_str().unwrap(), out);
    }
}

#[test]
fn a_good_sample_looks_like_one_format_only() {
    let mut wrong = Vec::new();
    for path in files(&data()).into_iter().filter(|p| p.parent().unwrap().ends_with("good")) {
        let found = candidates(&std::fs::read(&path).unwrap());
        if found.len() != 1 {
            wrong.push(format!("{}: {found:?}", path.strip_prefix(data()).unwrap().display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What tells a format may stand behind any amount of something else.
#[test]
fn a_format_is_told_by_a_member_that_comes_late() {
    let mut wrong = Vec::new();
    for path in files(&data()).into_iter().filter(|p| p.parent().unwrap().ends_with("good")) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        // Lines are told by their first one.
        if !text.starts_with('{') || serde_json::from_str::<serde_json::Value>(&text).is_err() {
            continue;
        }
        let late = text.replacen('{', &format!("{{\"filler\":\"{}\",", "x".repeat(400_000)), 1);
        let name = |bytes: &str| gather(bytes.as_bytes(), None).0.map(|r| r.format.name()).map_err(|e| e.why);
        if name(&late) != name(&text) {
            wrong.push(format!("{}: {:?}", path.strip_prefix(data()).unwrap().display(), name(&late)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_format_has_good_and_odd_samples_and_every_folder_bad_ones() {
    let mut read_as = std::collections::BTreeMap::<&str, [u32; 2]>::new();
    for path in files(&data()) {
        let (Ok(r), _) = gather(&std::fs::read(&path).unwrap(), None) else { continue };
        let counts = read_as.entry(r.format.name()).or_default();
        counts[0] += u32::from(path.parent().unwrap().ends_with("good"));
        counts[1] += u32::from(path.parent().unwrap().ends_with("odd"));
    }
    let mut missing = Vec::new();
    for format in Format::all() {
        let [good, odd] = read_as.get(format.name()).copied().unwrap_or_default();
        if good == 0 || odd == 0 {
            missing.push(format!("{}: {good} good, {odd} odd", format.name()));
        }
    }
    for entry in std::fs::read_dir(data()).unwrap() {
        let bad = entry.unwrap().path().join("bad");
        let refused = |p: &std::path::PathBuf| match gather(&std::fs::read(p).unwrap(), None).0 {
            Ok(r) => r.valid == Validity::No,
            Err(_) => true,
        };
        if !bad.is_dir() || !files(&bad).iter().any(refused) {
            missing.push(format!("{}: nothing is refused", bad.display()));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// A stream gives what the same bytes give when they are held.
#[test]
fn streamed_and_held_agree() {
    for path in files(&data()) {
        let bytes = std::fs::read(&path).unwrap();
        if std::str::from_utf8(&bytes).is_err() {
            continue;
        }
        let (held, mut seen) = (gather(&bytes, None), Vec::new());
        let streamed = read_stream(&*bytes, None, &Hints::default(), &mut |f| seen.push(f));
        assert_eq!(held.0.is_ok(), streamed.is_ok(), "{}: {:?} {streamed:?}", path.display(), held.0);
        if let (Ok(held), Ok(streamed)) = (held.0, streamed) {
            assert_eq!(held, streamed, "{}", path.display());
        }
        assert_eq!(held.1, seen, "{}", path.display());
    }
}

/// The same report again gives the same fingerprints, whatever lines moved.
#[test]
fn fingerprints_are_stable_and_differ_within_a_report() {
    for path in files(&data()) {
        let bytes = std::fs::read(&path).unwrap();
        let (first, second) = (gather(&bytes, None).1, gather(&bytes, None).1);
        assert_eq!(first, second, "{}", path.display());
        for f in first {
            assert!(f.fingerprint.len() <= 400 && !f.fingerprint.is_empty(), "{}", path.display());
        }
    }
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
        let reading = gather(&std::fs::read(data().join(name)).unwrap(), None).0.unwrap();
        assert!(!reading.warnings.is_empty(), "{name} is silent about being empty");
    }
}

/// A list that could be anybody's is read when its sender says whose it is, and proves nothing.
#[test]
fn a_blank_report_needs_its_format_named() {
    assert!(gather(b"[]", None).0.unwrap_err().why.contains("--type"));
    let gitleaks = Format::from_name("gitleaks");
    let reading = gather(b" [] \n", gitleaks).0.unwrap();
    let certrail_domain::Facts::Scan(scan) = reading.facts else { panic!("not a scan") };
    assert_eq!((scan.looked_at, scan.levels.total()), (None, 0));
    assert!(gather(b"[]", Format::from_name("junit")).0.is_err());
    assert!(gather(b"", Format::from_name("trufflehog")).0.is_ok());
}

#[test]
fn a_file_of_another_format_says_which() {
    let cobertura = std::fs::read(data().join("cobertura/good/coverage.xml")).unwrap();
    let error = gather(&cobertura, Format::from_name("junit")).0.unwrap_err();
    assert_eq!(
        (error.looks_like, error.why.as_str()),
        (Some("cobertura"), "It is not JUnit XML: it is Cobertura XML.")
    );
}

#[test]
fn hostile_shapes_are_bounded() {
    let deep_json = format!("{{\"bomFormat\":\"CycloneDX\",\"components\":{}", "[{\"components\":".repeat(100_000));
    let deep_xml = format!("<testsuites>{}", "<testsuite>".repeat(100_000));
    let many_attributes = format!("<testsuite {}/>", (0..50_000).map(|i| format!("a{i}=\"\" ")).collect::<String>());
    let nul = b"<testsuite>\0\0<testcase name=\"\0\"/></testsuite>".to_vec();
    let many = format!("{{\"runs\":[{{\"results\":[{}{{}}]}}],\"version\":\"2.1.0\"}}", "{},".repeat(300_000));
    for bytes in [
        deep_json.into_bytes(),
        deep_xml.into_bytes(),
        many_attributes.into_bytes(),
        nul,
        many.into_bytes(),
        vec![0; 4096],
        b"\xff\xfe<".to_vec(),
        b"\xfe\xff".to_vec(),
    ] {
        let _ = gather(&bytes, None);
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
        let _ = gather(&bytes, None);
        for format in Format::all() {
            let _ = gather(&bytes, Some(*format));
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = gather(&bytes, None);
    }
}
