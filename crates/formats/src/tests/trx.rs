//! Visual Studio Test Results (TRX): the schema `vstst.xsd` of TeamTest 2010, as written by vstest,
//! Microsoft.Testing.Platform and mstest.
//!
//! A result without an outcome is an error: the writer leaves out the default, and the default is `Error`.

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
    name: "trx",
    title: "TRX (Visual Studio test results)",
    family: Family::Tests,
    standard: "vstst.xsd, TeamTest 2010",
    looks: &[Looks::Xml("TestRun", &["@xmlns~VisualStudio/TeamTest"])],
    blank: None,
    read,
};

struct Trx {
    report: TestReport,
    summary: bool,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut trx = Trx { report: TestReport::new(&context), summary: false };
    let cut = xml::walk(input, &mut trx)?;
    trx.report.cut_off(cut);
    if !trx.summary && trx.report.run.complete {
        trx.report.warnings.add("It has no summary of the run, which usually tells how the run ended.");
    }
    Ok(trx.report.finish())
}

impl Elements for Trx {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match e.name() {
            "TestRun" => self.report.run.suite = e.text("name"),
            "Times" => {
                self.report.started(e.time("start"));
                self.report.finished(e.time("finish"));
            }
            // Rows of a data-driven test stand in InnerResults; vstest counts the parent too.
            name if name.ends_with("Result") && matches!(path.up(1), "Results" | "InnerResults") => {
                let outcome = match e.text("outcome").as_str() {
                    "Passed" => Outcome::Passed,
                    "Failed" => Outcome::Failed,
                    "NotExecuted" | "Inconclusive" | "Pending" | "Warning" | "Completed" => Outcome::Skipped,
                    _ => Outcome::Error,
                };
                self.report.case(&e.text("testName"), outcome);
            }
            "ResultSummary" => {
                self.summary = true;
                let outcome = e.text("outcome");
                let listed = self.report.run.failed + self.report.run.errors;
                if matches!(outcome.as_str(), "Aborted" | "Timeout" | "Disconnected" | "Error") {
                    self.report.aborted(format!("The run ended as `{outcome}`."));
                } else if outcome == "Failed" && listed == 0 {
                    self.report.aborted("The run failed, and no test that failed is listed.");
                }
            }
            "RunInfo" if matches!(e.text("outcome").as_str(), "Error" | "Aborted" | "Timeout") => {
                self.report.aborted(format!("The run reports `{}` beside its tests.", e.text("outcome")));
            }
            "Counters" => {
                self.report.claimed = e.number("total");
                let bad = ["failed", "error", "timeout", "aborted"].into_iter().filter_map(|name| e.number(name));
                self.report.claimed_bad = Some(bad.fold(0, u64::saturating_add));
            }
            _ => {}
        }
    }
}
