//! LCOV tracefile (geninfo(1), "TRACEFILE FORMAT"). Lines are counted from `DA` records; `LF` is only compared. A file
//! that several tests ran through has several records, and each of its lines counts once.

use crate::{
    NotRead, Reading,
    base::input::Input,
    definition::{Context, Definition, Family, Looks},
    out::coverage::CoverageReport,
};

pub(crate) static FORMAT: Definition = Definition {
    name: "lcov",
    title: "LCOV tracefile",
    family: Family::Coverage,
    standard: "geninfo(1), tracefile format",
    looks: &[Looks::Text(recognise, "text: first record `TN:` or `SF:`")],
    blank: None,
    read,
};

fn recognise(head: &str) -> bool {
    let first = head.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with("TN:") || line.starts_with("SF:"))
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = CoverageReport::new(&context);
    let (mut claimed, mut ended, mut odd) = (0_u64, 0_u64, 0_u64);
    let mut file = String::new();
    input.lines(&mut |line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let (tag, rest) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "SF" => {
                report.coverage.files += 1;
                rest.trim().clone_into(&mut file);
            }
            // DA:<line>,<count>[,<checksum>]; some writers give counts as -1 or as decimals.
            "DA" => match rest.split(',').nth(1).and_then(|n| n.trim().parse::<f64>().ok()) {
                Some(hits) => {
                    let number = rest.split(',').next().and_then(|n| n.trim().parse().ok()).unwrap_or(0);
                    report.line_of(&file, number, hits > 0.0);
                }
                None => odd += 1,
            },
            "BRDA" => {
                let taken = rest.rsplit(',').next().unwrap_or("-").trim();
                report.branches(1, u64::from(!matches!(taken, "-" | "0")));
            }
            "LF" => claimed = claimed.saturating_add(rest.trim().parse().unwrap_or(0)),
            "end_of_record" => ended += 1,
            "TN" | "VER" | "FN" | "FNDA" | "FNF" | "FNH" | "FNL" | "FNA" | "BRF" | "BRH" | "LH" | "MCDC" | "MCF"
            | "MCH" => {}
            _ => odd += 1,
        }
    })?;
    if odd > 0 {
        report.cut_off(Some(format!("{odd} lines are no LCOV records.")));
    }
    if ended != report.coverage.files {
        let begun = report.coverage.files;
        report.cut_off(Some(format!("{begun} records begin and {ended} end; it may be cut off.")));
    }
    report.claimed = Some(claimed).filter(|n| *n > 0);
    Ok(report.finish())
}
