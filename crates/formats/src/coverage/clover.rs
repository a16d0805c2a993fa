//! Clover XML, as written by OpenClover, PHPUnit and istanbul. Lines are the `line` elements that are statements, and
//! conditions where they carry a count. istanbul writes covered and uncovered branches as `truecount` and `falsecount`;
//! OpenClover writes how often either way was taken, in a row beside the statement's.

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
    name: "clover",
    title: "Clover XML",
    family: Family::Coverage,
    standard: "Clover XML report (OpenClover)",
    looks: &[Looks::Xml("coverage", &["@clover"]), Looks::Xml("coverage", &["@generated", ">project"])],
    blank: None,
    read,
};

struct Clover(CoverageReport);

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut clover = Clover(CoverageReport::new(&context));
    let cut = xml::walk(input, &mut clover)?;
    clover.0.cut_off(cut);
    Ok(clover.0.finish())
}

impl Elements for Clover {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        // Code of the tests themselves stands in `testproject`.
        if path.within("testproject") {
            return;
        }
        let number = |name: &str| e.number(name).unwrap_or(0);
        let some = |name: &str| number(name) > 0;
        match e.name() {
            "file" => self.0.coverage.files += 1,
            "line" => match e.text("type").as_str() {
                "cond" if e.attribute("count").is_some() => {
                    let (covered, left) = (number("truecount"), number("falsecount"));
                    self.0.line(some("count"));
                    self.0.branches(covered.saturating_add(left), covered);
                }
                "cond" => self.0.branches(2, u64::from(some("truecount")) + u64::from(some("falsecount"))),
                "method" => {}
                _ => self.0.line(some("count")),
            },
            _ => {}
        }
    }
}
