//! JaCoCo XML report (report.dtd 1.1), also as written by Pester and Kover.
//! Lines come from `sourcefile/line`; where a writer lists none, or lists them without instructions (gcovr), from the
//! counters of the source files, else of the report.

use crate::{
    NotRead, Reading,
    base::{
        input::Input,
        xml::{self, Element, Elements, Path},
    },
    definition::{Context, Definition, Family, Looks},
    out::coverage::CoverageReport,
};

pub(crate) static FORMAT: Definition = Definition {
    name: "jacoco",
    title: "JaCoCo XML",
    family: Family::Coverage,
    standard: "JaCoCo report.dtd 1.1",
    looks: &[
        Looks::Xml("report", &[">sessioninfo"]),
        Looks::Xml("report", &["@name", ">counter"]),
        Looks::Xml("report", &["@name", ">package"]),
        Looks::Xml("report", &["@name", ">group"]),
    ],
    blank: None,
    read,
};

/// Lines and branches from one place of the report: total and covered.
#[derive(Default)]
struct Counters {
    lines: (u64, u64),
    branches: (u64, u64),
}

impl Counters {
    fn add(&mut self, e: &Element<'_, '_>) {
        let covered = e.number("covered").unwrap_or(0);
        let total = covered.saturating_add(e.number("missed").unwrap_or(0));
        let to = match e.text("type").as_str() {
            "LINE" => &mut self.lines,
            "BRANCH" => &mut self.branches,
            _ => return,
        };
        *to = (to.0.saturating_add(total), to.1.saturating_add(covered));
    }
}

struct Jacoco {
    report: CoverageReport,
    files: Counters,
    whole: Counters,
    /// Lines that do not tell their instructions: nobody knows whether they ran.
    untold: u64,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut jacoco = Jacoco {
        report: CoverageReport::new(&context),
        files: Counters::default(),
        whole: Counters::default(),
        untold: 0,
    };
    let cut = xml::walk(input, &mut jacoco)?;
    let Jacoco { mut report, files, whole, untold } = jacoco;
    let counted = untold == 0 || files.lines.0.max(whole.lines.0) == 0;
    if !counted {
        report.forget_lines();
    }
    if report.coverage.lines_total == 0 {
        let from = if files.lines.0 > 0 { &files } else { &whole };
        report.lines(from.lines.0, from.lines.1);
        report.branches(from.branches.0, from.branches.1);
        if from.lines.0 > 0 {
            report.warnings.add("It does not tell line by line what ran; its counters are taken.");
        }
    }
    report.claimed = Some(whole.lines.0).filter(|n| *n > 0);
    report.cut_off(cut);
    Ok(report.finish())
}

impl Elements for Jacoco {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match (e.name(), path.up(1)) {
            ("sourcefile", _) => self.report.coverage.files += 1,
            ("line", "sourcefile") => {
                self.untold += u64::from(e.number("ci").is_none() && e.number("mi").is_none());
                self.report.line(e.number("ci").unwrap_or(0) > 0);
                let covered = e.number("cb").unwrap_or(0);
                self.report.branches(covered.saturating_add(e.number("mb").unwrap_or(0)), covered);
            }
            ("counter", "sourcefile") => self.files.add(e),
            ("counter", "report") => self.whole.add(e),
            _ => {}
        }
    }
}
