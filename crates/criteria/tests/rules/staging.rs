//! A check on staging speaks of what runs there now: this build, each artefact of it, and each thing that was looked at.

use certrail_criteria::STANDARD;
use certrail_domain::{Cause, Verdict};
use serde_json::{Value, json};

use super::{
    case::{Case, IMAGE, OLD},
    change, deployed,
};

const ASK: &str = "post-deployment";
const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn staged() -> Case {
    let mut case = change(Case::new());
    case.criteria =
        STANDARD.replace("kind: validation, environment: production,", "kind: validation, environment: staging,");
    case
}

fn to_staging(id: &str, digests: &[&str]) -> Value {
    let mut event = deployed("staging", id, "succeeded", false);
    event["digests"] = json!(digests);
    event
}

fn checked(name: &str, passed: bool) -> Value {
    json!({ "kind": "deployment.validation", "environment": "staging", "name": name, "passed": passed })
}

#[test]
fn no_check_stands_in_for_another_that_failed() {
    let case = || staged().with(10, to_staging("1", &[IMAGE]));
    case().with(20, checked("smoke", true)).gives(ASK, Verdict::Passed, Cause::Satisfied);
    let failed = || case().with(20, checked("smoke", false)).with(21, checked("ping", true));
    failed().gives(ASK, Verdict::Failed, Cause::Negative);
    failed().with(22, checked("Smoke", true)).gives(ASK, Verdict::Passed, Cause::Satisfied);
}

#[test]
fn what_was_checked_is_this_build() {
    let mut other_commit = to_staging("1", &[IMAGE]);
    other_commit["commit"] = json!(OLD);
    let named = |event: Value| staged().told(10, event, certrail_domain::BindRule::Explicit, None);
    named(other_commit).with(20, checked("smoke", true)).gives(ASK, Verdict::Failed, Cause::WrongSubject);
    // Something else of the same repository is nothing of this.
    named(to_staging("1", &[OTHER])).with(20, checked("smoke", true)).gives(ASK, Verdict::Missing, Cause::Absent);
    named(to_staging("1", &[IMAGE, OTHER])).with(20, checked("smoke", true)).gives(
        ASK,
        Verdict::Passed,
        Cause::Satisfied,
    );
    // What it replaced was not looked at by a check behind it.
    let replaced = staged().with(5, to_staging("1", &[IMAGE])).told(
        10,
        to_staging("2", &[OTHER]),
        certrail_domain::BindRule::Explicit,
        None,
    );
    replaced.with(20, checked("smoke", true)).gives(ASK, Verdict::Missing, Cause::NotYet);
    named(to_staging("1", &[])).with(20, checked("smoke", true)).gives(ASK, Verdict::Passed, Cause::Satisfied);
}

#[test]
fn each_artefact_was_there() {
    let two = |case: Case| {
        let mut case = case;
        case.release.digests.push(OTHER.to_owned());
        case
    };
    let one = || two(staged()).with(10, to_staging("1", &[IMAGE])).with(20, checked("smoke", true));
    one().gives(ASK, Verdict::Missing, Cause::Absent);
    // A tool for the command line that was part of it when the image was deployed is not for running there.
    let mut tool = one();
    tool.joined.insert(OTHER.to_owned(), 0);
    tool.gives(ASK, Verdict::Passed, Cause::Satisfied);
    // Deployed one by one, the check behind the last speaks of both.
    let both = two(staged()).with(10, to_staging("1", &[IMAGE])).with(11, to_staging("2", &[OTHER]));
    both.with(20, checked("smoke", true)).gives(ASK, Verdict::Passed, Cause::Satisfied);
}

#[test]
fn a_check_is_of_what_ran_then() {
    let mut case = change(Case::new());
    for (minute, id) in [(10, "1"), (30, "2")] {
        case = case.with(minute, deployed("production", id, "succeeded", true));
    }
    let check = |name: &str, passed: bool| json!({ "kind": "deployment.validation", "environment": "production", "name": name, "passed": passed });
    let case = case.with(20, check("smoke", true)).with(40, check("smoke", false));
    let evaluation = case.judged();
    let found = evaluation.requirements.iter().find(|r| r.id == ASK).expect("is judged");
    let verdicts: Vec<Verdict> = found.rows.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [Verdict::Passed, Verdict::Failed], "{:?}", found.rows);
}
