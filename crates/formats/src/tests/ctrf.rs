//! Common Test Report Format (ctrf.io), JSON, specification 0.0.x.

use serde::{Deserialize, de::MapAccess};

use crate::{
    NotRead, Reading,
    base::{
        input::Input,
        json::{self, Object},
        lenient::{Maybe, Text},
        time,
    },
    definition::{Context, Definition, Family, Looks},
    out::tests::{Outcome, TestReport},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "ctrf",
    title: "CTRF JSON",
    family: Family::Tests,
    standard: "Common Test Report Format 0.0.x",
    looks: &[
        Looks::Json(&["reportFormat=CTRF"]),
        Looks::Json(&["results.tool.name", "results.summary.tests", "results.tests:[]", "!reportFormat"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Case<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Summary<'a> {
    #[serde(borrow, default)]
    tests: Text<'a>,
    #[serde(borrow, default)]
    failed: Text<'a>,
    #[serde(borrow, default)]
    start: Text<'a>,
    #[serde(borrow, default)]
    stop: Text<'a>,
}

struct Top<'r>(&'r mut TestReport, bool);
struct Results<'r>(&'r mut TestReport, bool);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = TestReport::new(&context);
    let mut top = Top(&mut report, false);
    json::read(input, &mut top)?;
    if !top.1 {
        report.faults.add("It has no `results.tests`.");
        report.run.complete = false;
    }
    report.checked = true;
    Ok(report.finish())
}

impl<'de> Object<'de> for Top<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "results" => {
                let mut results = Results(self.0, false);
                json::objects(value, &mut results)?;
                self.1 |= results.1;
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

impl<'de> Object<'de> for Results<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut *self.0;
        match key {
            "tool" => {
                let tool: Maybe<Tool<'de>> = json::value(value)?;
                report.run.tool = tool.get().map(|t| format!("{} {}", &*t.name, &*t.version).trim().to_owned());
            }
            "summary" => {
                let summary: Maybe<Summary<'de>> = json::value(value)?;
                let Some(summary) = summary.get() else { return Ok(()) };
                report.claimed = summary.tests.number();
                report.claimed_bad = summary.failed.number();
                report.started(summary.start.float().and_then(time::epoch));
                report.finished(summary.stop.float().and_then(time::epoch));
                if summary.stop.float() == Some(0.0) && summary.start.float().is_some_and(|s| s > 0.0) {
                    report.aborted("The run never stopped, says its summary.");
                }
            }
            "tests" => {
                self.1 = true;
                json::each(value, |case: Case<'de>| {
                    let outcome = match &*case.status {
                        "passed" => Outcome::Passed,
                        "failed" => Outcome::Failed,
                        "skipped" | "pending" => Outcome::Skipped,
                        _ => Outcome::Error,
                    };
                    report.case(&case.name, outcome);
                })?;
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}
