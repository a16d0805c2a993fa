//! xUnit.net XML, version 2 (schema 1 to 3), as written by its runners and by test loggers.
//!
//! An error of the environment is no test and yet a failure: it counts as a case that ended in an error.

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
    name: "xunit",
    title: "xUnit.net XML",
    family: Family::Tests,
    standard: "xUnit.net v2+ XML format, schema 1 to 3",
    looks: &[
        Looks::Xml("assemblies", &["@schema-version"]),
        Looks::Xml("assemblies", &["@timestamp"]),
        Looks::Xml("assemblies", &[">assembly", ">collection"]),
        Looks::Xml("assembly", &["@test-framework"]),
    ],
    blank: None,
    read,
};

struct Xunit {
    report: TestReport,
    claimed: u64,
    claimed_bad: u64,
    /// An assembly whose counts are missing never finished.
    unfinished: bool,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut xunit = Xunit { report: TestReport::new(&context), claimed: 0, claimed_bad: 0, unfinished: false };
    let cut = xml::walk(input, &mut xunit)?;
    let mut report = xunit.report;
    report.cut_off(cut);
    report.claimed = Some(xunit.claimed).filter(|n| *n > 0);
    report.claimed_bad = Some(xunit.claimed_bad);
    if xunit.unfinished {
        report.aborted("An assembly has no counts: it did not come to its end.");
    }
    Ok(report.finish())
}

impl Elements for Xunit {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match e.name() {
            "assembly" => {
                if self.report.run.tool.is_none() {
                    self.report.run.tool = e.attribute("test-framework");
                }
                self.report.started(e.time("start-rtf"));
                self.report.finished(e.time("finish-rtf"));
                self.report.count("assemblies", 1);
                self.claimed_bad = self.claimed_bad.saturating_add(e.number("failed").unwrap_or(0));
                match e.number("total") {
                    Some(total) => self.claimed = self.claimed.saturating_add(total),
                    None if e.attribute("start-rtf").is_some() => self.unfinished = true,
                    None => {}
                }
            }
            "test" if path.up(1) == "collection" || path.up(1) == "class" => {
                let outcome = match e.text("result").as_str() {
                    "Pass" => Outcome::Passed,
                    "Fail" => Outcome::Failed,
                    "Skip" | "NotRun" => Outcome::Skipped,
                    // No outcome, or one we do not know, is no success.
                    _ => Outcome::Error,
                };
                self.report.case(&e.text("name"), outcome);
            }
            "error" if path.up(1) == "errors" => {
                self.report.broke(&format!("{}: {}", e.text("type"), e.text("name")));
                if e.text("type") == "fatal" {
                    self.report.aborted("The run reports a fatal error.");
                }
            }
            _ => {}
        }
    }
}
