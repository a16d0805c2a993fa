//! A coverage report taking shape. Lines are counted where they are listed; totals of headers are only compared.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

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
    /// Lines of files, joined.
    joined: HashMap<u64, Vec<u32>>,
    /// Lines that are listed, before they are joined.
    listed: u64,
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
            joined: HashMap::new(),
            listed: 0,
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

    /// Counts a line of a file that may be listed again: by another test, another class. It counts once, and is covered
    /// when it was anywhere.
    pub(crate) fn line_of(&mut self, file: &str, line: u64, covered: bool) {
        let mut hasher = DefaultHasher::new();
        file.hash(&mut hasher);
        // The covered one sorts first.
        let packed = u32::try_from(line).unwrap_or(u32::MAX >> 1) << 1 | u32::from(!covered);
        self.joined.entry(hasher.finish()).or_default().push(packed);
        self.listed += 1;
    }

    /// Counts what was told by [`Self::line_of`].
    fn join(&mut self) {
        for (_, mut lines) in std::mem::take(&mut self.joined) {
            lines.sort_unstable();
            lines.dedup_by_key(|line| *line >> 1);
            lines.iter().for_each(|line| self.line(line & 1 == 0));
        }
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
        self.join();
        if self.impossible {
            self.faults.add("It claims to cover more than there is.");
        }
        let c = &mut self.coverage;
        if c.lines_total == 0 {
            self.warnings.add("It lists no line.");
        }
        let listed = self.listed.max(c.lines_total);
        if let Some(claimed) = self.claimed.filter(|claimed| *claimed != listed) {
            self.warnings.add(format!("Its header claims {claimed} {}; {listed} are listed.", self.unit));
            // What is not listed may not be covered.
            c.complete &= claimed < listed;
        }
        if self.listed > c.lines_total {
            let twice = self.listed - c.lines_total;
            self.warnings.add(format!("{twice} lines are listed more than once; each counts once."));
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
