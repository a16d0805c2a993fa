//! coverage.py JSON report, formats 1 to 3, also as written by slipcover. Lines are counted from the lists of each file.

use serde::{Deserialize, de::MapAccess};

use crate::{
    NotRead, Reading,
    base::{
        input::Input,
        json::{self, Counted, Object},
        lenient::{Maybe, Text},
    },
    definition::{Context, Definition, Family, Looks},
    out::coverage::CoverageReport,
};

pub(crate) static FORMAT: Definition = Definition {
    name: "coveragepy",
    title: "coverage.py JSON",
    family: Family::Coverage,
    standard: "coverage.py JSON report, formats 1 to 3",
    looks: &[
        Looks::Json(&["meta.version", "meta.show_contexts", "files:{}"]),
        Looks::Json(&["meta.branch_coverage", "files:{}"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(default)]
    executed_lines: Counted,
    #[serde(default)]
    missing_lines: Counted,
    #[serde(borrow, default)]
    summary: Maybe<Summary<'a>>,
}

#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow, default)]
    num_branches: Text<'a>,
    #[serde(borrow, default)]
    covered_branches: Text<'a>,
    #[serde(borrow, default)]
    missing_branches: Text<'a>,
    #[serde(borrow, default)]
    num_statements: Text<'a>,
}

impl Summary<'_> {
    /// Branches, and those taken. slipcover tells what is missing instead of the sum.
    fn branches(&self) -> (u64, u64) {
        let taken = self.covered_branches.number().unwrap_or(0);
        let sum = || taken.saturating_add(self.missing_branches.number().unwrap_or(0));
        (self.num_branches.number().unwrap_or_else(sum), taken)
    }
}

struct Top(CoverageReport);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut top = Top(CoverageReport::new(&context));
    json::read(input, &mut top)?;
    Ok(top.0.finish())
}

impl<'de> Object<'de> for Top {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "files" => json::entries(value, |_, file: Maybe<File<'de>>| {
                let Some(file) = file.get() else { return };
                report.coverage.files += 1;
                report.lines(file.executed_lines.0 + file.missing_lines.0, file.executed_lines.0);
                if let Some(summary) = file.summary.get() {
                    let (branches, taken) = summary.branches();
                    report.branches(branches, taken);
                }
            }),
            "totals" => {
                let totals: Maybe<Summary<'de>> = json::value(value)?;
                report.claimed = totals.get().and_then(|t| t.num_statements.number());
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}
