//! A coverage report taking shape. Lines are counted where they are listed; totals of headers are only compared.

use std::collections::BTreeMap;

use certrail_domain::{Facts, facts::Coverage};

use super::notes::Notes;
use crate::{Format, Reading, Validity, definition::Context};

/// A coverage report taking shape.
pub(crate) struct CoverageReport {
    pub(crate) coverage: Coverage,
    pub(crate) warnings: Notes,
    /// Why the report is not whole or not as it should be.
    pub(crate) faults: Notes,
    /// What else is counted.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Lines that the report itself claims.
    pub(crate) claimed: Option<u64>,
    /// What is counted, where it is not lines.
    pub(crate) unit: &'static str,
    /// It claims to cover more than there is.
    impossible: bool,
    format: Format,
}

impl CoverageReport {
    pub(crate) fn new(context: &Context<'_>) -> Self {
        Self {
            coverage: Coverage {
                lines_total: 0,
                lines_covered: 0,
                branches_total: 0,
                branches_covered: 0,
                files: 0,
                complete: true,
            },
            warnings: Notes::default(),
            faults: Notes::default(),
            counts: BTreeMap::new(),
            claimed: None,
            unit: "lines",
            impossible: false,
            format: context.format,
        }
    }

    /// Counts a line.
    pub(crate) const fn line(&mut self, covered: bool) {
        self.lines(1, covered as u64);
    }

    /// Counts lines; more covered than there are counts as all, and is a fault.
    pub(crate) const fn lines(&mut self, total: u64, covered: u64) {
        self.impossible |= covered > total;
        let c = &mut self.coverage;
        c.lines_total = c.lines_total.saturating_add(total);
        c.lines_covered = c.lines_covered.saturating_add(if covered < total { covered } else { total });
    }

    /// Counts branches.
    pub(crate) const fn branches(&mut self, total: u64, covered: u64) {
        self.impossible |= covered > total;
        let c = &mut self.coverage;
        c.branches_total = c.branches_total.saturating_add(total);
        c.branches_covered = c.branches_covered.saturating_add(if covered < total { covered } else { total });
    }

    /// Drops what was counted so far: it turned out to tell nothing.
    pub(crate) const fn forget_lines(&mut self) {
        let c = &mut self.coverage;
        (c.lines_total, c.lines_covered, c.branches_total, c.branches_covered) = (0, 0, 0, 0);
    }

    /// The report does not come to its end.
    pub(crate) fn cut_off(&mut self, why: Option<String>) {
        if let Some(why) = why {
            self.coverage.complete = false;
            self.faults.add(why);
        }
    }

    pub(crate) fn finish(mut self) -> Reading {
        if self.impossible {
            self.faults.add("It claims to cover more than there is.");
        }
        let c = &self.coverage;
        if c.lines_total == 0 {
            self.warnings.add("It lists no line.");
        }
        if let Some(claimed) = self.claimed.filter(|claimed| *claimed != c.lines_total) {
            self.warnings.add(format!("Its header claims {claimed} {}; {} are listed.", self.unit, c.lines_total));
        }
        if self.unit != "lines" {
            self.warnings.add(format!("It counts {}, not lines.", self.unit));
        }
        let mut counts = self.counts;
        for (name, n) in [
            ("lines", c.lines_total),
            ("lines_covered", c.lines_covered),
            ("branches", c.branches_total),
            ("branches_covered", c.branches_covered),
            ("files", c.files),
        ] {
            counts.insert(name, n);
        }
        Reading {
            format: self.format,
            valid: Validity::of(false, &self.faults),
            faults: self.faults.into_vec(),
            facts: Facts::Coverage(self.coverage),
            counts,
            subjects: Vec::new(),
            warnings: self.warnings.into_vec(),
        }
    }
}
