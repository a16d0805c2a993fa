//! Go cover profile (golang.org/x/tools/cover). It counts statements; a block that several packages ran through is
//! listed several times and counts once.

use std::collections::HashMap;

use crate::{
    NotRead, Reading,
    base::input::Input,
    definition::{Context, Definition, Family, Looks},
    out::coverage::CoverageReport,
};

pub(crate) static FORMAT: Definition = Definition {
    name: "go-cover",
    title: "Go cover profile",
    family: Family::Coverage,
    standard: "golang.org/x/tools/cover profile",
    looks: &[Looks::Text(recognise, "text: first line `mode: set`, `count` or `atomic`")],
    blank: None,
    read,
};

fn recognise(head: &str) -> bool {
    let first = head.lines().next().unwrap_or_default().trim();
    matches!(first, "mode: set" | "mode: count" | "mode: atomic")
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = CoverageReport::new(&context);
    report.unit = "statements";
    let mut files: HashMap<String, HashMap<String, (u64, bool)>> = HashMap::new();
    let (mut odd, mut last_whole) = (0_u64, true);
    input.lines(&mut |line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with("mode: ") {
            return;
        }
        match block(line) {
            Some((file, range, statements, hit)) => {
                if !files.contains_key(file) {
                    files.insert(file.to_owned(), HashMap::new());
                }
                let Some(blocks) = files.get_mut(file) else { return };
                match blocks.get_mut(range) {
                    Some(known) => known.1 |= hit,
                    None => drop(blocks.insert(range.to_owned(), (statements, hit))),
                }
                last_whole = true;
            }
            None => {
                odd += 1;
                last_whole = false;
            }
        }
    })?;
    report.coverage.files = files.len() as u64;
    for (statements, hit) in files.values().flat_map(HashMap::values) {
        report.lines(*statements, if *hit { *statements } else { 0 });
    }
    if odd > 0 {
        let what = if last_whole { "" } else { "; the last one is among them, so it may be cut off" };
        report.cut_off(Some(format!("{odd} lines are no blocks of a profile{what}.")));
    }
    Ok(report.finish())
}

/// `pay/round.go:12.34,15.2 3 1` → file, range, statements, whether it was hit.
fn block(line: &str) -> Option<(&str, &str, u64, bool)> {
    let mut parts = line.rsplitn(3, ' ');
    let hits: u64 = parts.next()?.parse().ok()?;
    let statements: u64 = parts.next()?.parse().ok()?;
    let (file, range) = parts.next()?.rsplit_once(':')?;
    let (from, to) = range.split_once(',')?;
    let spot = |s: &str| s.split_once('.').is_some_and(|(l, c)| l.parse::<u64>().is_ok() && c.parse::<u64>().is_ok());
    (spot(from) && spot(to) && statements < 1_000_000).then_some((file, range, statements, hits > 0))
}
