//! OpenCover XML (`CoverageSession`), as written by OpenCover, AltCover and coverlet. A line is a place of a file where a
//! sequence point begins; it is covered when any point on it was visited. What was skipped counts for nothing.

use std::collections::HashMap;

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
    name: "opencover",
    title: "OpenCover XML",
    family: Family::Coverage,
    standard: "OpenCover report schema",
    looks: &[Looks::Xml("CoverageSession", &[])],
    blank: None,
    read,
};

/// The line number of points that the compiler made and nobody wrote (0xFEEFEE).
const HIDDEN: u64 = 16_707_566;

struct OpenCover {
    report: CoverageReport,
    /// File and line, and whether any point there was visited.
    lines: HashMap<(u64, u64), bool>,
    /// The file of the method, where its points do not name one.
    file: u64,
    /// How deep the element is that was skipped.
    skipped: Option<usize>,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = CoverageReport::new(&context);
    let mut open = OpenCover { report, lines: HashMap::new(), file: 0, skipped: None };
    let cut = xml::walk(input, &mut open)?;
    let OpenCover { mut report, lines, .. } = open;
    report.cut_off(cut);
    lines.values().for_each(|visited| report.line(*visited));
    Ok(report.finish())
}

impl Elements for OpenCover {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        if self.skipped.is_some() {
            return;
        }
        if e.attribute("skippedDueTo").is_some() {
            self.skipped = Some(path.depth());
            return;
        }
        let visited = e.number("vc").unwrap_or(0) > 0;
        match e.name() {
            "File" if path.up(1) == "Files" => self.report.coverage.files += 1,
            "FileRef" => self.file = e.number("uid").unwrap_or(0),
            "SequencePoint" => {
                let line = e.number("sl").unwrap_or(HIDDEN);
                if line != HIDDEN {
                    *self.lines.entry((e.number("fileid").unwrap_or(self.file), line)).or_default() |= visited;
                }
            }
            "BranchPoint" => self.report.branches(1, u64::from(visited)),
            _ => {}
        }
    }

    fn close(&mut self, _: &str, _: &str, path: &Path) {
        if self.skipped == Some(path.depth()) {
            self.skipped = None;
        }
    }
}
