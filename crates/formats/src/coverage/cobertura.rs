//! Cobertura XML (DTD coverage-04), as written by coverage.py, coverlet, istanbul, gcovr and others.
//! Lines are counted where they are listed, in `class/lines`; one that several classes of a file list counts once.

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
    name: "cobertura",
    title: "Cobertura XML",
    family: Family::Coverage,
    standard: "Cobertura DTD coverage-04",
    looks: &[
        Looks::Xml("coverage", &["@line-rate", "!@clover"]),
        Looks::Xml("coverage", &[">packages", "!@clover", "!>project"]),
    ],
    blank: None,
    read,
};

/// The report, and the file of the class at hand.
struct Cobertura(CoverageReport, String);

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut cobertura = Cobertura(CoverageReport::new(&context), String::new());
    let cut = xml::walk(input, &mut cobertura)?;
    cobertura.0.cut_off(cut);
    Ok(cobertura.0.finish())
}

impl Elements for Cobertura {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match e.name() {
            "coverage" if path.depth() == 0 => self.0.claimed = e.number("lines-valid"),
            "class" => {
                self.0.coverage.files += 1;
                self.1 = e.attribute("filename").unwrap_or_else(|| e.text("name"));
            }
            "line" if path.up(1) == "lines" && path.up(2) == "class" => {
                let hit = e.number("hits").is_some_and(|hits| hits > 0);
                self.0.line_of(&self.1, e.number("number").unwrap_or(0), hit);
                if let Some((covered, total)) = branches(e) {
                    self.0.branches(total, covered);
                }
            }
            _ => {}
        }
    }
}

/// `condition-coverage="50% (1/2)"`.
fn branches(e: &Element<'_, '_>) -> Option<(u64, u64)> {
    let text = e.attribute("condition-coverage")?;
    let (_, inside) = text.split_once('(')?;
    let (covered, total) = inside.trim_end_matches(')').split_once('/')?;
    let (covered, total): (u64, u64) = (covered.trim().parse().ok()?, total.trim().parse().ok()?);
    (covered <= total && total < 1_000_000).then_some((covered, total))
}
