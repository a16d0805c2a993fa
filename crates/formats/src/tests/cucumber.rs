//! Cucumber JSON, as written by cucumber-jvm, cucumber-js, cucumber-ruby, behave and pytest-bdd.
//! A scenario is a case: it passed when all its steps and hooks did, and it has any.

use serde::Deserialize;

use crate::{
    NotRead, Reading,
    base::{
        input::Input,
        json,
        lenient::{Few, Maybe, Text},
    },
    definition::{Context, Definition, Family, Looks},
    out::tests::{Outcome, TestReport},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "cucumber",
    title: "Cucumber JSON",
    family: Family::Tests,
    standard: "Cucumber JSON formatter (deprecated schema, in use everywhere)",
    looks: &[
        Looks::Json(&["[].elements:[]", "[].uri"]),
        Looks::Json(&["[].elements:[]", "[].keyword"]),
        Looks::Json(&["[].keyword~feature", "[].name"]),
    ],
    blank: Some("[]"),
    read,
};

#[derive(Deserialize)]
struct Feature<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    elements: Few<Scenario<'a>>,
}

#[derive(Deserialize)]
struct Scenario<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    keyword: Text<'a>,
    #[serde(borrow, default)]
    start_timestamp: Text<'a>,
    #[serde(borrow, default)]
    steps: Few<Step<'a>>,
    #[serde(borrow, default)]
    before: Few<Step<'a>>,
    #[serde(borrow, default)]
    after: Few<Step<'a>>,
    #[serde(borrow, default)]
    status: Text<'a>,
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, default)]
    result: Maybe<StepResult<'a>>,
    #[serde(borrow, default)]
    before: Few<Hook<'a>>,
    #[serde(borrow, default)]
    after: Few<Hook<'a>>,
}

#[derive(Deserialize)]
struct Hook<'a> {
    #[serde(borrow, default)]
    result: Maybe<StepResult<'a>>,
}

#[derive(Deserialize)]
struct StepResult<'a> {
    #[serde(borrow, default)]
    status: Text<'a>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = TestReport::new(&context);
    json::records(input, |feature: Feature<'de>| {
        report.count("features", 1);
        for scenario in report.all(&feature.elements) {
            let background = scenario.kind.eq_ignore_ascii_case("background")
                || scenario.kind.is_empty() && scenario.keyword.eq_ignore_ascii_case("background");
            if background {
                // Its failure shows in each scenario it stands before; steps of it that fail alone must not be lost.
                if matches!(outcome(&mut report, scenario), Outcome::Failed | Outcome::Error) {
                    report.broke(&format!("{}: background", &*feature.name));
                }
                continue;
            }
            report.started(scenario.start_timestamp.time());
            let outcome = outcome(&mut report, scenario);
            report.case(&format!("{}: {}", &*feature.name, &*scenario.name), outcome);
        }
    })?;
    Ok(report.finish())
}

/// The worst of its steps, its hooks and its own status, which behave tells. Without any of them nothing ran.
fn outcome(report: &mut TestReport, scenario: &Scenario<'_>) -> Outcome {
    let mut worst = None;
    let mut saw = |outcome: Outcome| worst = worst.max(Some(outcome));
    for list in [&scenario.before, &scenario.steps, &scenario.after] {
        for step in report.all(list) {
            saw(status(&step.result));
            report.all(&step.before).chain(report.all(&step.after)).for_each(|hook| saw(status(&hook.result)));
        }
    }
    if let Some(own) = scenario.status.some() {
        saw(word(own));
    } else if scenario.steps.total == 0 {
        saw(Outcome::Skipped);
    }
    worst.unwrap_or(Outcome::Skipped)
}

/// A step without a result did not run.
fn status(result: &Maybe<StepResult<'_>>) -> Outcome {
    result.get().and_then(|r| r.status.some()).map_or(Outcome::Skipped, word)
}

/// A step that is not defined or matches twice is broken, and so is one that ended in a way we do not know.
fn word(status: &str) -> Outcome {
    match status.to_ascii_lowercase().as_str() {
        "passed" => Outcome::Passed,
        "failed" => Outcome::Failed,
        "skipped" | "pending" | "untested" | "unknown" | "xfailed" => Outcome::Skipped,
        _ => Outcome::Error,
    }
}
