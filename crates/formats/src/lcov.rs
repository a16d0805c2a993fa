//! LCOV tracefile (geninfo(1), "TRACEFILE FORMAT").
//!
//! Lines are counted from `DA` records; `LF` and `LH` are only compared.

use certrail_domain::{Facts, facts::Coverage};

use crate::{Format, NotRead, Reading, cobertura};

pub(crate) fn read(text: &str) -> Result<Reading, NotRead> {
    let mut coverage =
        Coverage { lines_total: 0, lines_covered: 0, branches_total: 0, branches_covered: 0, files: 0, complete: true };
    let mut warnings = Vec::new();
    let (mut claimed, mut ended, mut odd) = (0_u64, 0_u64, 0_u64);
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (tag, rest) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "SF" => coverage.files += 1,
            "DA" => {
                // DA:<line>,<count>[,<checksum>]; some writers give counts as -1 or as decimals.
                let hits = rest.split(',').nth(1).and_then(|n| n.trim().parse::<f64>().ok());
                match hits {
                    Some(hits) => {
                        coverage.lines_total += 1;
                        coverage.lines_covered += u64::from(hits > 0.0);
                    }
                    None => odd += 1,
                }
            }
            "BRDA" => {
                coverage.branches_total += 1;
                let taken = rest.rsplit(',').next().unwrap_or("-").trim();
                coverage.branches_covered += u64::from(!matches!(taken, "-" | "0"));
            }
            "LF" => claimed = claimed.saturating_add(rest.trim().parse().unwrap_or(0)),
            "end_of_record" => ended += 1,
            "TN" | "VER" | "FN" | "FNDA" | "FNF" | "FNH" | "FNL" | "FNA" | "BRF" | "BRH" | "LH" | "MCDC" | "MCF"
            | "MCH" => {}
            _ => odd += 1,
        }
    }
    let mut valid = true;
    if odd > 0 {
        valid = false;
        warnings.push(format!("{odd} lines are no LCOV records."));
    }
    if ended != coverage.files {
        valid = false;
        warnings.push(format!("{} records begin and {ended} end; it may be cut off.", coverage.files));
    }
    if coverage.lines_total == 0 {
        warnings.push("It lists no line.".to_owned());
    }
    if claimed != coverage.lines_total && claimed > 0 {
        warnings.push(format!("It claims {claimed} lines; {} are listed.", coverage.lines_total));
    }
    coverage.complete = valid;
    let counts = cobertura::counts(&coverage);
    Ok(Reading { format: Format::Lcov, valid, facts: Facts::Coverage(coverage), counts, subjects: vec![], warnings })
}
