//! Payloads recorded by others: each is mapped or says why not, and none panics.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

use std::path::Path;

use certrail_domain::Facts;

#[test]
fn recorded_github_payloads_are_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/webhooks/github");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return;
    }
    let github = certrail_sources::find("github").unwrap();
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".headers.json") {
            continue;
        }
        let event = name.trim_start_matches("captured.").split('.').next().unwrap().to_owned();
        let delivery = github.read(&std::fs::read(&path).unwrap());
        let repository = delivery.repository.as_ref().map(|r| r.name.as_str());
        let home = certrail_sources::Home { connector: "github", host: github.host(), repository };
        let signal = github.map(&event, &delivery, &home);
        let known =
            !matches!(event.as_str(), "merge_group" | "ping" | "workflow_dispatch" | "workflow_job" | "package");
        match &signal.facts {
            Facts::Unread { why, .. } => assert!(!known, "{name}: {why}"),
            facts => {
                assert!(known, "{name}");
                assert!(!facts.keys().is_empty() || matches!(facts, Facts::Alert(_)), "{name} joins nothing");
                read += 1;
            }
        }
        assert!(signal.source.starts_with("github"), "{name}: {}", signal.source);
    }
    assert!(read >= 18, "only {read} payloads were read");
}
