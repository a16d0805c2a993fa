//! Files of public projects, with the counts that an independent script found.
//!
//! They live outside the repository; where they are absent the test says that it was skipped.
//! `CERTRAIL_WRITE_DOCS=1` writes the table of `docs/reference/formats-samples.md`.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

use std::{fmt::Write, path::Path, sync::Arc};

use certrail_domain::{Facts, facts::Verified};
use certrail_formats::{Hints, Trust, Validity, read};

/// Path or its beginning, format, and the count that stands in the table of sources. The first that fits counts.
const SETS: &[(&str, &str, &str)] = &[
    ("junit/", "junit", "tests"),
    ("sarif/", "sarif", "listed"),
    ("cyclonedx/invalid-component-type-1.6.xml", "cyclonedx-xml", "components"),
    ("cyclonedx/valid-bom-1.3.xml", "cyclonedx-xml", "components"),
    ("cyclonedx/valid-bom-1.6.xml", "cyclonedx-xml", "components"),
    ("cyclonedx/valid-vulnerability-1.6.xml", "cyclonedx-xml", "components"),
    ("cyclonedx/", "cyclonedx", "components"),
    ("vex/cyclonedx/", "cyclonedx", "components"),
    ("vex/openvex/", "openvex", "statements"),
    ("vex/csaf/", "csaf", "vulnerabilities"),
    ("spdx/2.x/SPDXLite.spdx", "spdx-tag", "packages"),
    ("spdx/2.x/SPDXTagExample", "spdx-tag", "packages"),
    ("spdx/2.x/example1.spdx", "spdx-tag", "packages"),
    ("spdx/2.x/example6-bin.spdx", "spdx-tag", "packages"),
    ("spdx/2.x/", "spdx", "packages"),
    ("spdx/3.0/", "spdx3", "elements"),
    ("coverage/cobertura/", "cobertura", "lines"),
    ("coverage/lcov/", "lcov", "lines"),
    ("coverage/jacoco/", "jacoco", "lines"),
    ("coverage/llvm-cov-json/", "llvm-cov", "files"),
    ("scanners/bandit/", "bandit", "results"),
    ("scanners/cargo-audit/", "cargo-audit", "vulnerabilities"),
    ("scanners/dependency-check/", "dependency-check", "results"),
    ("scanners/dependency-track/", "dependency-track", "results"),
    ("scanners/github/ghas-code-scan.json", "github-code-scanning", "alerts"),
    ("scanners/github/ghas-dependency-scan.json", "github-dependabot", "alerts"),
    ("scanners/gitlab/", "gitlab", "results"),
    ("scanners/gosec/", "gosec", "results"),
    ("scanners/govulncheck/", "govulncheck", "messages"),
    ("scanners/grype/", "grype", "matches"),
    ("scanners/npm-audit/", "npm-audit", "packages"),
    ("scanners/osv-scanner/", "osv-scanner", "vulnerabilities"),
    ("scanners/pip-audit/", "pip-audit", "results"),
    ("scanners/scorecard/", "scorecard", "checks"),
    ("scanners/semgrep/", "semgrep", "results"),
    ("scanners/snyk/", "snyk", "listed"),
    ("scanners/sonarqube/", "sonarqube-issues", "listed"),
    ("scanners/trivy/", "trivy", "vulnerabilities"),
    ("scanners/yarn-audit/", "yarn-audit", "lines"),
    ("scanners/zap/", "zap-xml", "results"),
    ("attestations/chainloop/attestation-bundle.json", "sigstore-bundle", "tlog_entries"),
    ("attestations/chainloop/slsa_provenance.sigstore.json", "sigstore-bundle", "tlog_entries"),
    ("attestations/chainloop/", "dsse", "signatures"),
    ("attestations/dsse/", "dsse", "signatures"),
    ("attestations/in-toto/legacy-write-code", "in-toto-link", "signatures"),
    ("attestations/in-toto/demo.layout.template", "dsse", "signatures"),
    ("attestations/in-toto/package.", "dsse", "signatures"),
    ("attestations/in-toto/write-code.", "dsse", "signatures"),
    ("attestations/sigstore/", "sigstore-bundle", "tlog_entries"),
    ("attestations/slsa/gcb-", "gcb-provenance", "provenance"),
    ("attestations/slsa/gha_generic", "sigstore-bundle", "tlog_entries"),
    ("attestations/slsa/gke-gce-pre", "dsse", "signatures"),
];

/// Keys, artefacts and roots beside the reports.
const BESIDE: &[&str] = &[".pub", ".pem", "a.txt", "trusted_root.public-good.json"];

/// Invalid only once signatures are checked, which is another test's matter.
const SIGNATURES: &str = "attestations/sigstore/";

struct Expected<'a> {
    path: &'a str,
    sort: &'a str,
    count: Option<u64>,
}

/// `| path | … | valid; count 12 (…` → path, sort and count.
fn expected(line: &str) -> Option<Expected<'_>> {
    let mut cells = line.split('|').map(str::trim);
    let path = cells.nth(1).filter(|p| p.contains('/'))?;
    let shows = cells.nth(4)?.trim_start_matches("DERIVED (index name masked); ");
    let sort = ["valid", "invalid", "either"].into_iter().find(|s| shows.starts_with(s))?;
    let count = shows.split_once("count ").and_then(|(_, rest)| rest.split([' ', ')', ';']).next()?.parse().ok());
    Some(Expected { path, sort, count })
}

#[test]
fn real_files_give_the_counts_that_others_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let Ok(sources) = std::fs::read_to_string(root.join("SOURCES.md")) else {
        eprintln!("SKIPPED: {} is not there", root.display());
        return;
    };
    let (mut checked, mut wrong, mut table) = (0, Vec::new(), String::new());
    for e in sources.lines().filter_map(expected) {
        let Some((_, format, count)) = SETS.iter().find(|(start, ..)| e.path.starts_with(start)) else { continue };
        if BESIDE.iter().any(|end| e.path.ends_with(end)) {
            continue;
        }
        checked += 1;
        let outcome = match read(&std::fs::read(root.join(e.path)).unwrap(), None, &Hints::default(), &mut |_| {}) {
            Ok(r) => {
                let counted = r.counts.get(count).copied().unwrap_or(0);
                if r.format.name() != *format {
                    wrong.push(format!("{}: read as {}", e.path, r.format.name()));
                }
                if e.sort != "invalid" && Some(counted) != e.count {
                    wrong.push(format!("{}: {counted} {count}, expected {:?}", e.path, e.count));
                }
                if e.sort == "invalid" && r.valid != Validity::No && !e.path.starts_with(SIGNATURES) {
                    wrong.push(format!("{}: is invalid and was found valid", e.path));
                }
                let faults = r.faults.first().map(|f| format!(": {f}")).unwrap_or_default();
                format!("{format} | {counted} {} | {}{faults}", count.replace('_', " "), r.valid.name())
            }
            Err(error) => {
                if e.sort == "valid" {
                    wrong.push(format!("{}: not read: {error}", e.path));
                }
                format!("{} | – | not read: {}", error.looks_like.unwrap_or("–"), error.why)
            }
        };
        let claimed = e.count.map_or("–".to_owned(), |n| n.to_string());
        writeln!(table, "| {} | {} | {claimed} | {} |", e.path, e.sort, outcome.replace('\n', " ")).unwrap();
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(checked >= 130, "only {checked} files were checked");
    if std::env::var_os("CERTRAIL_WRITE_DOCS").is_some() {
        let head = "# Real files and what the readers make of them\n\n\
            Files of public projects, kept outside the repository, with the counts that an independent script found.\n\
            Written by `CERTRAIL_WRITE_DOCS=1 cargo test -p certrail-formats --test samples`.\n\n\
            | file | its sort | counted by others | read as | counted here | valid |\n|---|---|---|---|---|---|\n";
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/formats-samples.md");
        std::fs::write(docs, format!("{head}{table}")).unwrap();
    }
}

/// Attestation, and the words that stand in what is said of its signature.
const SIGNED: &[(&str, &str)] = &[
    ("sigstore/happy-path-intoto-in-dsse-v3.sigstore.json", "yes: https://github.com/sigstore-conformance/"),
    ("sigstore/happy-path-v0.3.sigstore.json", "yes: https://github.com/sigstore-conformance/"),
    ("sigstore/dsse-mismatch-sig_fail.sigstore.json", "no: "),
    ("sigstore/invalid-inclusion-proof_fail.sigstore.json", "no: "),
    ("sigstore/message-digest-mismatch_fail.sigstore.json", "no: "),
    // Signed under another root than the one given.
    ("sigstore/rekor2-dsse-happy-path.sigstore.json", "no: "),
    ("slsa/gha_generic-v2.1.0-push-v14.2.intoto.jsonl", "yes: https://github.com/slsa-framework/"),
    ("slsa/gke-gce-pre.bcid-vsa.jsonl", "yes: vsa_signing_public_key.pem"),
    ("in-toto/package.2f89b927.link", "yes: carl.pub"),
    ("in-toto/write-code.776a00e2.link", "yes: bob.pub"),
    ("in-toto/legacy-write-code.776a00e2.link", "not checked: "),
    ("chainloop/attestation-dsse.json", "no: "),
];

#[test]
fn signatures_hold_under_the_roots_and_keys_they_were_made_with() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/attestations");
    let file = |path: &str| std::fs::read(root.join(path)).unwrap();
    if !root.exists() {
        eprintln!("SKIPPED: {} is not there", root.display());
        return;
    }
    let mut trust = Trust::default();
    for key in ["slsa/vsa_signing_public_key.pem", "in-toto/bob.pub", "in-toto/carl.pub"] {
        trust.add_key(key.rsplit('/').next().unwrap(), str::from_utf8(&file(key)).unwrap()).unwrap();
    }
    let public = file("sigstore/trusted_root.public-good.json");
    trust
        .add_root(
            str::from_utf8(&public).unwrap(),
            "https://token.actions.githubusercontent.com",
            "https://github.com/*",
        )
        .unwrap();
    let hints = Hints { trust: Some(Arc::new(trust)), ..Hints::default() };
    let mut wrong = Vec::new();
    for (path, expected) in SIGNED {
        let facts = read(&file(path), None, &hints, &mut |_| {}).unwrap().facts;
        let Facts::Attestation(attestation) = facts else { panic!("{path} is an attestation") };
        let said = match attestation.verified {
            Verified::Yes { by } => format!("yes: {by}"),
            Verified::No { why } => format!("no: {why}"),
            Verified::NotChecked { why } => format!("not checked: {why}"),
        };
        if !said.starts_with(expected) {
            wrong.push(format!("{path}: {said}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
