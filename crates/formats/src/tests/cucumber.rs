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
        if feature.elements.total > feature.elements.list.len() as u64 {
            report.cut_off(Some("A feature has more scenarios than are read.".into()));
        }
        for scenario in &feature.elements {
            let background = scenario.kind.eq_ignore_ascii_case("background")
                || scenario.kind.is_empty() && scenario.keyword.eq_ignore_ascii_case("background");
            if background {
                // Its failure shows in each scenario it stands before; steps of it that fail alone must not be lost.
                if outcome(scenario) == Outcome::Failed {
                    report.broke(&format!("{}: background", &*feature.name));
                }
                continue;
            }
            report.started(scenario.start_timestamp.time());
            report.case(&format!("{}: {}", &*feature.name, &*scenario.name), outcome(scenario));
        }
    })?;
    Ok(report.finish())
}

fn outcome(scenario: &Scenario<'_>) -> Outcome {
    let hooks = |list: &Few<Hook<'_>>| list.iter().map(|h| status(&h.result)).collect::<Vec<_>>();
    let mut all = Vec::new();
    for step in scenario.before.iter().chain(&scenario.steps).chain(&scenario.after) {
        all.push(status(&step.result));
        all.extend(hooks(&step.before));
        all.extend(hooks(&step.after));
    }
    if scenario.steps.total == 0 {
        // behave tells the scenario's own status; without it nothing ran.
        return match &*scenario.status {
            "passed" => Outcome::Passed,
            "failed" => Outcome::Failed,
            _ => Outcome::Skipped,
        };
    }
    [Outcome::Error, Outcome::Failed, Outcome::Skipped].into_iter().find(|o| all.contains(o)).unwrap_or(Outcome::Passed)
}

/// A step that is not defined or matches twice is broken; one without a result did not run.
fn status(result: &Maybe<StepResult<'_>>) -> Outcome {
    match result.get().map_or("", |r| &*r.status).to_ascii_lowercase().as_str() {
        "passed" => Outcome::Passed,
        "failed" => Outcome::Failed,
        "undefined" | "ambiguous" => Outcome::Error,
        _ => Outcome::Skipped,
    }
}
