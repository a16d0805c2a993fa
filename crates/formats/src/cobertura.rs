//! Cobertura XML (DTD coverage-04), as written by coverage.py, coverlet, istanbul, gcovr and others.
//!
//! Lines are counted where they are listed, in `class/lines`; the totals of the header are only compared.

use std::collections::BTreeMap;

use certrail_domain::{Facts, facts::Coverage};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use crate::{Format, NotRead, Reading, xml};

pub(crate) fn read(text: &str) -> Result<Reading, NotRead> {
    let mut reader = Reader::from_str(text);
    let mut coverage =
        Coverage { lines_total: 0, lines_covered: 0, branches_total: 0, branches_covered: 0, files: 0, complete: true };
    let mut path: Vec<String> = Vec::new();
    let mut claimed = None;
    let mut valid = true;
    let mut warnings = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(e)) => {
                element(&e, &path, &mut coverage, &mut claimed);
                path.push(xml::local(&e));
                if path.len() > xml::MAX_DEPTH {
                    return Err(NotRead::new(Some("cobertura"), "Its elements are nested too deeply."));
                }
            }
            Ok(Event::Empty(e)) => element(&e, &path, &mut coverage, &mut claimed),
            Ok(Event::End(_)) => drop(path.pop()),
            Ok(Event::Eof) => {
                if !path.is_empty() {
                    valid = false;
                    warnings.push("It ends in the middle; what comes after is not counted.".to_owned());
                }
                break;
            }
            Ok(_) => {}
            Err(e) => {
                valid = false;
                warnings.push(format!("It breaks off at byte {}: {e}.", reader.error_position()));
                break;
            }
        }
    }
    if coverage.lines_total == 0 {
        warnings.push("It lists no line.".to_owned());
    }
    if let Some(claimed) = claimed.filter(|claimed| *claimed != coverage.lines_total) {
        warnings.push(format!("Its header claims {claimed} lines; {} are listed.", coverage.lines_total));
    }
    coverage.complete = valid;
    let counts = counts(&coverage);
    Ok(Reading {
        format: Format::Cobertura,
        valid,
        facts: Facts::Coverage(coverage),
        counts,
        subjects: vec![],
        warnings,
    })
}

fn element(e: &BytesStart<'_>, path: &[String], coverage: &mut Coverage, claimed: &mut Option<u64>) {
    let parent = |back: usize| path.len().checked_sub(back).map(|i| path[i].as_str());
    match xml::local(e).as_str() {
        "coverage" if path.is_empty() => *claimed = xml::number(e, "lines-valid"),
        "class" => coverage.files += 1,
        "line" if parent(1) == Some("lines") && parent(2) == Some("class") => {
            coverage.lines_total += 1;
            coverage.lines_covered += u64::from(xml::number(e, "hits").is_some_and(|hits| hits > 0));
            if let Some((covered, total)) = branches(e) {
                coverage.branches_covered += covered;
                coverage.branches_total += total;
            }
        }
        _ => {}
    }
}

/// `condition-coverage="50% (1/2)"`.
fn branches(e: &BytesStart<'_>) -> Option<(u64, u64)> {
    let text = xml::attribute(e, "condition-coverage")?;
    let (_, inside) = text.split_once('(')?;
    let (covered, total) = inside.trim_end_matches(')').split_once('/')?;
    let (covered, total): (u64, u64) = (covered.trim().parse().ok()?, total.trim().parse().ok()?);
    (covered <= total && total < 1_000_000).then_some((covered, total))
}

pub(crate) fn counts(c: &Coverage) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("lines", c.lines_total),
        ("lines_covered", c.lines_covered),
        ("branches", c.branches_total),
        ("branches_covered", c.branches_covered),
        ("files", c.files),
    ])
}
