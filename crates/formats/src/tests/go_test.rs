//! `go test -json` (cmd/test2json): one event a line. A test that began and never ended is an error, and so is a
//! package that failed without a failing test.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{
    NotRead, Reading,
    base::{input::Input, json, lenient::Text},
    definition::{Context, Definition, Family, Looks},
    out::tests::{Outcome, TestReport},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "go-test",
    title: "go test -json",
    family: Family::Tests,
    standard: "cmd/test2json",
    looks: &[
        Looks::Lines(&["Action", "Package"]),
        Looks::Lines(&["Action~build-", "ImportPath"]),
        Looks::Json(&["[].Action", "[].Package"]),
    ],
    blank: None,
    read,
};

/// Tests under way at the same time that are remembered.
const MAX_RUNNING: usize = 100_000;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, rename = "Action")]
    action: Text<'a>,
    #[serde(borrow, default, rename = "Package")]
    package: Text<'a>,
    #[serde(borrow, default, rename = "Test")]
    test: Text<'a>,
    #[serde(borrow, default, rename = "Time")]
    time: Text<'a>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = TestReport::new(&context);
    report.run.tool = Some("go test".into());
    let mut running: BTreeSet<(String, String)> = BTreeSet::new();
    // Packages under way, and how many of their tests failed.
    let mut packages: BTreeMap<String, u64> = BTreeMap::new();
    let mut event = |report: &mut TestReport, line: &Line<'_>| {
        let at = line.time.time();
        report.started(at);
        report.finished(at);
        let (package, test) = (line.package.0.to_string(), line.test.0.to_string());
        let outcome = match &*line.action {
            "pass" => Outcome::Passed,
            "fail" => Outcome::Failed,
            "skip" => Outcome::Skipped,
            "run" if running.len() < MAX_RUNNING && !test.is_empty() => {
                running.insert((package, test));
                return;
            }
            // A benchmark ends so, and is no test.
            "bench" => {
                running.remove(&(package, test));
                return;
            }
            "start" if packages.len() < MAX_RUNNING => {
                packages.entry(package).or_default();
                return;
            }
            _ => return,
        };
        if test.is_empty() {
            let failed = packages.remove(&package).unwrap_or(0);
            report.count("packages", 1);
            if outcome == Outcome::Failed && failed == 0 {
                report.broke(&format!("package {package}"));
            }
            return;
        }
        if packages.len() < MAX_RUNNING {
            *packages.entry(package.clone()).or_default() += u64::from(outcome == Outcome::Failed);
        }
        report.case(&format!("{package} {test}"), outcome);
        running.remove(&(package, test));
    };
    if input.head().trim_start().starts_with('[') {
        json::records(input, |line: Line<'de>| event(&mut report, &line))?;
    } else {
        let (mut odd, mut damaged, mut last_whole) = (0_u64, 0_u64, true);
        input.lines(&mut |text| {
            if text.trim().is_empty() {
                return;
            }
            match serde_json::from_str::<Line<'_>>(text) {
                Ok(line) => event(&mut report, &line),
                // Before Go 1.24, a package that does not build is told beside the events.
                Err(_) if text.starts_with("FAIL") => report.broke(text),
                Err(_) if text.trim_start().starts_with('{') || text.contains("\"Action\":") => damaged += 1,
                Err(_) => odd += 1,
            }
            last_whole = !text.starts_with('{') || text.trim_end().ends_with('}');
        })?;
        if odd > 0 {
            report.warnings.add(format!("{odd} lines are no events and were left out."));
        }
        if damaged > 0 {
            report.cut_off(Some(format!("{damaged} events cannot be read.")));
        }
        if !last_whole {
            report.cut_off(Some("It breaks off in its last line.".into()));
        }
    }
    if !packages.is_empty() {
        report.cut_off(Some(format!("{} packages began and never ended.", packages.len())));
    }
    for (package, test) in running {
        report.case(&format!("{package} {test} (never ended)"), Outcome::Error);
    }
    Ok(report.finish())
}
