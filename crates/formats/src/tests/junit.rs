//! JUnit XML. There is no standard; this follows the schema of the Jenkins xUnit plug-in and the
//! dialects of surefire, gradle, pytest, jest, nextest and Go: nested suites, several roots, missing counts.

use crate::{
    NotRead, Reading,
    base::{
        input::Input,
        xml::{self, Element, Elements, Path},
    },
    definition::{Context, Definition, Family, Looks},
    out::tests::{Outcome, TestReport},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "junit",
    title: "JUnit XML",
    family: Family::Tests,
    standard: "No standard; schema of the Jenkins xUnit plug-in and dialects",
    looks: &[Looks::Xml("testsuites", &[]), Looks::Xml("testsuite", &[])],
    blank: None,
    read,
};

#[derive(Default)]
struct Case {
    name: String,
    failed: bool,
    error: bool,
    skipped: bool,
}

struct Junit {
    report: TestReport,
    case: Option<Case>,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut junit = Junit { report: TestReport::new(&context), case: None };
    let cut = xml::walk(input, &mut junit)?;
    junit.report.cut_off(cut);
    Ok(junit.report.finish())
}

impl Elements for Junit {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match (e.name(), self.case.as_mut()) {
            ("testsuites" | "testsuite", None) => {
                if path.depth() == 0 {
                    if self.report.run.suite.is_empty() {
                        self.report.run.suite = e.text("name");
                    }
                    // Several roots add up.
                    let claimed = e.number("tests").map(|n| n.saturating_add(self.report.claimed.unwrap_or(0)));
                    self.report.claimed = claimed.or(self.report.claimed);
                    let bad = ["failures", "errors"].into_iter().filter_map(|name| e.number(name));
                    let before = self.report.claimed_bad.unwrap_or(0);
                    self.report.claimed_bad = Some(bad.fold(before, u64::saturating_add));
                }
                // Many dialects leave out the zone; such a time names no instant and is not taken.
                self.report.started(e.time("timestamp"));
                self.report.count("suites", u64::from(e.name() == "testsuite"));
            }
            ("testcase", _) => {
                let (class, name) = (e.text("classname"), e.text("name"));
                let name = if class.is_empty() { name } else { format!("{class} {name}") };
                // Some writers tell the outcome by a word; `notrun` is what Google Test writes of a disabled case.
                let words = ["status", "result"].map(|name| e.text(name).to_ascii_lowercase());
                let says = |any: &[&str]| words.iter().any(|w| any.contains(&w.as_str()));
                self.case = Some(Case {
                    name,
                    failed: says(&["failed", "fail", "failure"]),
                    error: says(&["error", "errored", "broken", "timedout", "timeout", "aborted", "crashed"]),
                    skipped: says(&["notrun", "disabled", "skipped", "suppressed", "pending", "ignored"]),
                });
            }
            ("failure", Some(case)) => case.failed = true,
            ("error", Some(case)) => case.error = true,
            ("skipped", Some(case)) => case.skipped = true,
            // Outside a case it is the suite itself that broke: its set-up, or its process.
            ("error" | "failure", None) if matches!(path.up(1), "testsuite" | "testsuites") => {
                self.report.broke(&format!("a suite: {}", e.text("message")));
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, _: &str, _: &Path) {
        if name != "testcase" {
            return;
        }
        let Some(case) = self.case.take() else { return };
        let outcome = match (case.failed, case.error, case.skipped) {
            (true, ..) => Outcome::Failed,
            (_, true, _) => Outcome::Error,
            (_, _, true) => Outcome::Skipped,
            _ => Outcome::Passed,
        };
        self.report.case(&case.name, outcome);
    }
}
