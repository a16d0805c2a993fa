//! JUnit XML. There is no standard; this follows the schema of the Jenkins xUnit plug-in and the
//! dialects of surefire, gradle, pytest, jest, nextest and Go.
//!
//! Cases are counted one by one: headers lie (`tests="13"` over eleven cases).

use std::collections::BTreeMap;

use certrail_domain::{Facts, Time, facts::TestRun};
use quick_xml::{Reader, events::Event};

use crate::{Format, Hints, NotRead, Reading, clip, xml};

const MAX_FAILING: usize = 50;

#[derive(Default)]
struct Case {
    name: String,
    failed: bool,
    error: bool,
    skipped: bool,
}

#[derive(Default)]
struct Counts {
    suites: u64,
    claimed: Option<u64>,
}

pub(crate) fn read(text: &str, hints: &Hints) -> Result<Reading, NotRead> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut run = TestRun {
        suite: String::new(),
        tests: 0,
        passed: 0,
        failed: 0,
        errors: 0,
        skipped: 0,
        failing: Vec::new(),
        complete: true,
        started_at: None,
    };
    let mut counts = Counts::default();
    let mut warnings = Vec::new();
    let mut case: Option<Case> = None;
    let mut depth = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(e)) => {
                depth += 1;
                if depth > xml::MAX_DEPTH {
                    return Err(NotRead::new(Some("junit"), "Its elements are nested too deeply."));
                }
                open(&e, depth, &mut case, &mut run, &mut counts);
            }
            Ok(Event::Empty(e)) => {
                open(&e, depth + 1, &mut case, &mut run, &mut counts);
                if xml::local(&e) == "testcase" {
                    close(&mut case, &mut run);
                }
            }
            Ok(Event::End(e)) => {
                depth = depth.saturating_sub(1);
                if e.local_name().as_ref() == "testcase" {
                    close(&mut case, &mut run);
                }
            }
            Ok(Event::Eof) => {
                if depth > 0 {
                    run.complete = false;
                    warnings.push("It ends in the middle; what comes after is not counted.".to_owned());
                }
                break;
            }
            Ok(_) => {}
            Err(e) => {
                run.complete = false;
                warnings.push(format!("It breaks off at byte {}: {e}.", reader.error_position()));
                break;
            }
        }
    }
    // A case that the file breaks off in has no outcome.
    if run.complete {
        close(&mut case, &mut run);
    }
    let valid = run.complete;
    if let Some(suite) = &hints.suite {
        run.suite.clone_from(suite);
    }
    if run.suite.is_empty() {
        "tests".clone_into(&mut run.suite);
    }
    if run.tests == 0 {
        warnings.push("It holds no test case.".to_owned());
    }
    if let Some(claimed) = counts.claimed.filter(|claimed| *claimed != run.tests) {
        warnings.push(format!("Its header claims {claimed} tests; {} are listed.", run.tests));
    }
    let counts = BTreeMap::from([
        ("tests", run.tests),
        ("passed", run.passed),
        ("failed", run.failed),
        ("errors", run.errors),
        ("skipped", run.skipped),
        ("suites", counts.suites),
    ]);
    Ok(Reading { format: Format::Junit, valid, facts: Facts::TestRun(run), counts, subjects: vec![], warnings })
}

fn open(
    e: &quick_xml::events::BytesStart<'_>,
    depth: usize,
    case: &mut Option<Case>,
    run: &mut TestRun,
    counts: &mut Counts,
) {
    match (xml::local(e).as_str(), case.as_mut()) {
        ("testsuites" | "testsuite", None) => {
            if depth == 1 {
                run.suite = clip(&xml::attribute(e, "name").unwrap_or_default());
                counts.claimed = xml::number(e, "tests");
            }
            if run.started_at.is_none() {
                // Many dialects leave out the zone; such a time names no instant and is not taken.
                run.started_at = xml::attribute(e, "timestamp").and_then(|t| Time::parse(&t).ok());
            }
            counts.suites += u64::from(xml::local(e) == "testsuite");
        }
        ("testcase", _) => {
            let class = xml::attribute(e, "classname").unwrap_or_default();
            let name = xml::attribute(e, "name").unwrap_or_default();
            let name = if class.is_empty() { name } else { format!("{class} {name}") };
            *case = Some(Case { name: clip(&name), ..Case::default() });
        }
        ("failure", Some(case)) => case.failed = true,
        ("error", Some(case)) => case.error = true,
        ("skipped", Some(case)) => case.skipped = true,
        _ => {}
    }
}

fn close(case: &mut Option<Case>, run: &mut TestRun) {
    let Some(case) = case.take() else { return };
    run.tests += 1;
    match (case.failed, case.error, case.skipped) {
        (true, ..) => run.failed += 1,
        (_, true, _) => run.errors += 1,
        (_, _, true) => run.skipped += 1,
        _ => run.passed += 1,
    }
    if (case.failed || case.error) && run.failing.len() < MAX_FAILING {
        run.failing.push(case.name);
    }
}
