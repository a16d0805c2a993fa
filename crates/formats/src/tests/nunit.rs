//! NUnit 3 and 4 test result XML (`test-run`), as written by its console, NUnitLite, adapters and Unity.

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
    name: "nunit",
    title: "NUnit 3 XML",
    family: Family::Tests,
    standard: "NUnit test result XML format, 3 and 4",
    looks: &[Looks::Xml("test-run", &["@testcasecount"]), Looks::Xml("test-run", &[">test-suite"])],
    blank: None,
    read,
};

/// The report, and whether the run says that it failed.
struct Nunit(TestReport, bool);

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut nunit = Nunit(TestReport::new(&context), false);
    let cut = xml::walk(input, &mut nunit)?;
    nunit.0.cut_off(cut);
    let run = &nunit.0.run;
    if nunit.1 && run.failed + run.errors == 0 {
        nunit.0.aborted("The run failed, and nothing that failed is listed.");
    }
    Ok(nunit.0.finish())
}

impl Elements for Nunit {
    fn open(&mut self, e: &Element<'_, '_>, _: &Path) {
        let report = &mut self.0;
        let (result, label) = (e.text("result"), e.text("label"));
        match e.name() {
            "test-run" => {
                report.run.suite = e.text("name");
                report.run.tool = e.attribute("engine-version").map(|v| format!("NUnit {v}"));
                report.claimed = e.number("total");
                report.claimed_bad = e.number("failed");
                self.1 = result == "Failed";
                report.started(e.time("start-time"));
                report.finished(e.time("end-time"));
                if label == "Cancelled" {
                    report.aborted("The run was cancelled.");
                }
            }
            "test-suite" => {
                report.count("suites", 1);
                if e.text("runstate") == "NotRunnable" {
                    report.broke(&format!("a suite could not run: {}", e.text("name")));
                } else if result == "Failed" && e.text("site") == "TearDown" {
                    report.broke(&format!("tear-down of {}", e.text("name")));
                }
            }
            "test-case" => {
                let outcome = match (result.as_str(), label.as_str()) {
                    ("Passed" | "Warning", _) => Outcome::Passed,
                    ("Failed", "Error" | "Invalid" | "Cancelled") => Outcome::Error,
                    ("Failed", _) => Outcome::Failed,
                    ("Skipped" | "Inconclusive", _) => Outcome::Skipped,
                    _ => Outcome::Error,
                };
                report.count("warnings", u64::from(result == "Warning"));
                report.count("inconclusive", u64::from(result == "Inconclusive"));
                let name = e.attribute("fullname").unwrap_or_else(|| e.text("name"));
                report.case(&name, outcome);
            }
            _ => {}
        }
    }
}
