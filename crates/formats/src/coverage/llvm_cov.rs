//! `llvm-cov export` JSON (`llvm.coverage.json.export`, versions 2 and 3), also by cargo-llvm-cov.
//! Lines come from the summary of each file: the segments count regions.

use serde::{Deserialize, de::MapAccess};

use crate::{
    NotRead, Reading,
    base::{
        input::Input,
        json::{self, Object},
        lenient::{Maybe, Text},
    },
    definition::{Context, Definition, Family, Looks},
    out::coverage::CoverageReport,
};

pub(crate) static FORMAT: Definition = Definition {
    name: "llvm-cov",
    title: "llvm-cov JSON",
    family: Family::Coverage,
    standard: "llvm.coverage.json.export 2.x, 3.x",
    looks: &[
        Looks::Json(&["type=llvm.coverage.json.export"]),
        Looks::Json(&["data[].files[].summary.regions"]),
        Looks::Json(&["data[].files[].segments"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, default)]
    summary: Maybe<Summary<'a>>,
}

#[derive(Default, Deserialize)]
struct Summary<'a> {
    #[serde(borrow, default)]
    lines: Maybe<Counts<'a>>,
    #[serde(borrow, default)]
    branches: Maybe<Counts<'a>>,
}

#[derive(Default, Deserialize)]
struct Counts<'a> {
    #[serde(borrow, default)]
    count: Text<'a>,
    #[serde(borrow, default)]
    covered: Text<'a>,
}

fn pair(counts: &Maybe<Counts<'_>>) -> (u64, u64) {
    counts.get().map_or((0, 0), |c| (c.count.number().unwrap_or(0), c.covered.number().unwrap_or(0)))
}

struct Top(CoverageReport, bool);
struct Data<'r>(&'r mut CoverageReport);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut top = Top(CoverageReport::new(&context), false);
    json::read(input, &mut top)?;
    if !top.1 {
        top.0.cut_off(Some("It has no `data`.".into()));
    }
    Ok(top.0.finish())
}

impl<'de> Object<'de> for Top {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "data" => {
                self.1 = true;
                json::objects(value, &mut Data(&mut self.0))
            }
            _ => json::skip(value),
        }
    }
}

impl<'de> Object<'de> for Data<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut *self.0;
        match key {
            "files" => json::each(value, |file: File<'de>| {
                report.coverage.files += 1;
                let Some(summary) = file.summary.get() else { return };
                let (lines, covered) = pair(&summary.lines);
                report.lines(lines, covered);
                let (branches, taken) = pair(&summary.branches);
                report.branches(branches, taken);
            }),
            "totals" => {
                let totals: Maybe<Summary<'de>> = json::value(value)?;
                let total = totals.get().map(|t| pair(&t.lines).0);
                report.claimed = total.map(|n| n + report.claimed.unwrap_or(0));
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}
