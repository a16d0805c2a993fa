//! Robot Framework `output.xml`, versions 3 to 7. A test's own status counts; those of keywords inside do not. A suite
//! whose tear-down fails leaves its tests marked `PASS`, and failed all the same.

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
    name: "robot",
    title: "Robot Framework output.xml",
    family: Family::Tests,
    standard: "Robot Framework result schema (robot.xsd), 3 to 7",
    looks: &[Looks::Xml("robot", &["@generator"]), Looks::Xml("robot", &[">suite"])],
    blank: None,
    read,
};

struct Robot {
    report: TestReport,
    name: String,
    outcome: Option<Outcome>,
    /// Inside the tear-down of a suite.
    teardown: bool,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut robot = Robot { report: TestReport::new(&context), name: String::new(), outcome: None, teardown: false };
    let cut = xml::walk(input, &mut robot)?;
    robot.report.cut_off(cut);
    Ok(robot.report.finish())
}

impl Elements for Robot {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match e.name() {
            "robot" => {
                self.report.run.tool = e.attribute("generator");
                self.report.finished(e.time("generated"));
            }
            "suite" if matches!(path.up(1), "robot" | "suite") => {
                if path.up(1) == "robot" {
                    self.report.run.suite = e.text("name");
                }
                self.report.count("suites", 1);
            }
            "kw" if path.up(1) == "suite" => self.teardown = e.text("type").eq_ignore_ascii_case("teardown"),
            "status" if self.teardown && path.up(1) == "kw" && path.up(2) == "suite" && e.text("status") == "FAIL" => {
                self.report.broke("the tear-down of a suite");
            }
            // Where a tear-down failed, the total counts its tests as failed; that is told already.
            "stat" if path.up(1) == "total" && self.report.run.errors == 0 => {
                self.report.claimed_bad = self.report.claimed_bad.max(e.number("fail"));
            }
            "test" => {
                self.name = e.text("name");
                self.outcome = None;
            }
            "status" if path.up(1) == "test" => {
                self.outcome = Some(match e.text("status").as_str() {
                    "PASS" => Outcome::Passed,
                    "FAIL" => Outcome::Failed,
                    "SKIP" | "NOT RUN" | "NOT_RUN" => Outcome::Skipped,
                    _ => Outcome::Error,
                });
                self.report.started(e.time("start"));
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, text: &str, path: &Path) {
        match name {
            // A test without a status did not come to its end.
            "test" => {
                let name = std::mem::take(&mut self.name);
                self.report.case(&name, self.outcome.take().unwrap_or(Outcome::Error));
            }
            "msg" if path.up(1) == "errors" => {
                self.report.warnings.add(format!("It logs an error: {}", crate::base::clip_to(text, 120)));
            }
            _ => {}
        }
    }
}
