//! T13: the suites ran on exactly this release; the latest complete run of each decides.

use std::collections::BTreeMap;

use certrail_domain::{Cause, Facts, Row, Subject, Truth, Verdict, facts::TestRun};

use super::{About, Found, Scope, rule};
use crate::Evidence;

pub(super) fn check(scope: &Scope<'_>, suites: &[String]) -> Found {
    let mut runs: BTreeMap<&str, Vec<(&Evidence, &TestRun)>> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for e in scope.newest_first() {
        if let Facts::TestRun(run) = &e.signal.facts {
            match scope.about(e, &[]) {
                About::This => runs.entry(run.suite.as_str()).or_default().push((e, run)),
                About::Other => elsewhere.push(e),
            }
        }
    }
    let wanted: Vec<&str> =
        if suites.is_empty() { runs.keys().copied().collect() } else { suites.iter().map(String::as_str).collect() };
    let mut rules = Vec::new();
    let rows: Vec<Row> = wanted
        .into_iter()
        .map(|suite| {
            let of_suite = runs.get(suite).map(Vec::as_slice).unwrap_or_default();
            let (verdict, cause, sentence) = judge(suite, of_suite);
            let inputs: Vec<_> = of_suite.iter().map(|(e, _)| e.id.clone()).collect();
            let truth = if of_suite.is_empty() { Truth::False } else { Truth::True };
            rules.push(rule(
                "T13",
                &format!("suite:{suite}"),
                truth,
                format!(
                    "Suite {suite}: {}",
                    if of_suite.is_empty() {
                        "no run on this commit or build."
                    } else {
                        "it ran on exactly this commit or build."
                    }
                ),
                inputs.clone(),
            ));
            Row {
                subject: Subject { id: format!("suite:{suite}"), name: suite.to_owned() },
                verdict,
                cause,
                sentence,
                inputs,
                exception: None,
            }
        })
        .collect();
    let fallback = match elsewhere.first() {
        Some(_) => (
            Verdict::Missing,
            Cause::WrongSubject,
            "The test reports we hold are of other commits or builds.".to_owned(),
        ),
        None => (Verdict::Missing, Cause::Absent, "We hold no test report of this release.".to_owned()),
    };
    Found { rules, fallback, ..Found::rows(rows) }
}

fn judge(suite: &str, runs: &[(&Evidence, &TestRun)]) -> (Verdict, Cause, String) {
    let Some((_, run)) = runs.first().filter(|(_, r)| r.complete) else {
        return match runs.first() {
            None => (Verdict::Missing, Cause::Absent, format!("Suite {suite} did not run on this release.")),
            Some(_) => (
                Verdict::Indeterminate,
                Cause::Error,
                format!("The report of suite {suite} breaks off; it cannot tell."),
            ),
        };
    };
    let again = match runs.len() {
        1 => String::new(),
        n => format!(" It ran {n} times; the last run counts."),
    };
    let ran = run.tests - run.skipped.min(run.tests);
    match (run.failed + run.errors, ran) {
        (0, 0) => (Verdict::Indeterminate, Cause::Empty, format!("Suite {suite} ran no test.")),
        (0, _) => (
            Verdict::Passed,
            Cause::Satisfied,
            format!("Suite {suite}: {} of {} passed, {} skipped.{again}", run.passed, run.tests, run.skipped),
        ),
        (failed, _) => {
            (Verdict::Failed, Cause::Negative, format!("Suite {suite}: {failed} of {} failed.{again}", run.tests))
        }
    }
}
