//! A test report taking shape. Cases are counted one by one: headers lie.

use std::collections::BTreeMap;

use certrail_domain::{Facts, Time, facts::TestRun};

use super::notes::Notes;
use crate::{
    Format, Reading, Validity,
    base::{clip, clip_to, lenient::Few},
    definition::Context,
};

const MAX_FAILING: usize = 50;

/// How a case ended, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Passed,
    /// It did not run, or its outcome says nothing.
    Skipped,
    /// An assertion failed.
    Failed,
    /// It broke.
    Error,
}

/// A test report taking shape.
pub(crate) struct TestReport {
    pub(crate) run: TestRun,
    pub(crate) warnings: Notes,
    /// Why the report is not whole or not as it should be.
    pub(crate) faults: Notes,
    /// There is a standard, and the reader checks against it.
    pub(crate) checked: bool,
    /// What else is counted.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Cases that the report itself claims.
    pub(crate) claimed: Option<u64>,
    /// Failures and errors that the report itself claims.
    pub(crate) claimed_bad: Option<u64>,
    format: Format,
    told: Option<String>,
}

impl TestReport {
    pub(crate) fn new(context: &Context<'_>) -> Self {
        Self {
            run: TestRun {
                suite: String::new(),
                tests: 0,
                passed: 0,
                failed: 0,
                errors: 0,
                skipped: 0,
                failing: Vec::new(),
                complete: true,
                tool: None,
                started_at: None,
                finished_at: None,
            },
            warnings: Notes::default(),
            faults: Notes::default(),
            checked: false,
            counts: BTreeMap::new(),
            claimed: None,
            claimed_bad: None,
            format: context.format,
            told: context.hints.suite.clone(),
        }
    }

    /// All of a list in a record. One that is longer than what is kept leaves the run incomplete.
    pub(crate) fn all<'f, T>(&mut self, list: &'f Few<T>) -> std::slice::Iter<'f, T> {
        if list.is_cut() {
            self.cut_off(Some(format!("A list of {} in it is longer than is read.", list.total)));
        }
        list.iter()
    }

    /// Counts a case.
    pub(crate) fn case(&mut self, name: &str, outcome: Outcome) {
        let run = &mut self.run;
        run.tests += 1;
        match outcome {
            Outcome::Passed => run.passed += 1,
            Outcome::Failed => run.failed += 1,
            Outcome::Error => run.errors += 1,
            Outcome::Skipped => run.skipped += 1,
        }
        if matches!(outcome, Outcome::Failed | Outcome::Error) && run.failing.len() < MAX_FAILING {
            run.failing.push(clip(name));
        }
    }

    /// Something that is no case failed: the start of a suite, a fixture, the build of a package.
    pub(crate) fn broke(&mut self, what: &str) {
        self.run.errors += 1;
        self.count("errors_outside_cases", 1);
        if self.run.failing.len() < MAX_FAILING {
            self.run.failing.push(clip(what));
        }
    }

    /// The run did not come to its end.
    pub(crate) fn aborted(&mut self, why: impl Into<String>) {
        self.run.complete = false;
        self.warnings.add(why);
    }

    /// The report does not come to its end.
    pub(crate) fn cut_off(&mut self, why: Option<String>) {
        if let Some(why) = why {
            self.run.complete = false;
            self.faults.add(why);
        }
    }

    /// The earliest start told.
    pub(crate) fn started(&mut self, at: Option<Time>) {
        let earliest = [self.run.started_at, at].into_iter().flatten().min();
        self.run.started_at = earliest;
    }

    /// The latest end told.
    pub(crate) fn finished(&mut self, at: Option<Time>) {
        self.run.finished_at = self.run.finished_at.max(at);
    }

    /// Counts something beside cases.
    pub(crate) fn count(&mut self, name: &'static str, n: u64) {
        *self.counts.entry(name).or_default() += n;
    }

    pub(crate) fn finish(mut self) -> Reading {
        let run = &mut self.run;
        run.suite = clip(self.told.as_deref().unwrap_or(&run.suite));
        if run.suite.is_empty() {
            "tests".clone_into(&mut run.suite);
        }
        run.tool = run.tool.take().map(|t| clip_to(&t, 120)).filter(|t| !t.is_empty());
        if run.tests == 0 {
            self.warnings.add("It holds no test case.");
        }
        if let Some(claimed) = self.claimed.filter(|claimed| *claimed != run.tests) {
            self.warnings.add(format!("Its header claims {claimed} tests; {} are listed.", run.tests));
            // What is not listed may have failed.
            run.complete &= claimed < run.tests;
        }
        if let Some(claimed) = self.claimed_bad.filter(|claimed| *claimed > run.failed + run.errors) {
            self.warnings.add(format!("Its header claims {claimed} failed; {} are listed.", run.failed + run.errors));
            run.complete = false;
        }
        let mut counts = self.counts;
        for (name, n) in [
            ("tests", run.tests),
            ("passed", run.passed),
            ("failed", run.failed),
            ("errors", run.errors),
            ("skipped", run.skipped),
        ] {
            counts.insert(name, n);
        }
        Reading {
            format: self.format,
            valid: Validity::of(self.checked, &self.faults),
            faults: self.faults.into_vec(),
            facts: Facts::TestRun(self.run),
            counts,
            subjects: Vec::new(),
            warnings: self.warnings.into_vec(),
        }
    }
}
