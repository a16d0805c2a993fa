//! Test Anything Protocol, versions 12 to 14 (testanything.org). Points of the top level count; a point that
//! closes a subtest stands for it.

use crate::{
    NotRead, Reading,
    base::input::Input,
    definition::{Context, Definition, Family, Looks},
    out::tests::{Outcome, TestReport},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "tap",
    title: "TAP (Test Anything Protocol)",
    family: Family::Tests,
    standard: "TAP 12, 13, 14",
    looks: &[Looks::Text(recognise, "text: a line `TAP version N`, or a plan `1..N` and a point `ok` or `not ok`")],
    blank: None,
    read,
};

fn recognise(head: &str) -> bool {
    let (mut plan, mut point, mut empty) = (false, false, false);
    for line in head.lines().take(2_000) {
        if line.starts_with("TAP version 1") {
            return true;
        }
        if let Some(count) = plan_of(line) {
            plan = true;
            empty |= count == 0;
        }
        point |= point_of(line).is_some();
    }
    plan && point || empty && head.trim_start().starts_with("1..0")
}

/// `1..12 # reason` → 12.
fn plan_of(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("1..")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let tail = rest[digits..].trim_start();
    (tail.is_empty() || tail.starts_with('#')).then(|| rest[..digits].parse().ok())?
}

/// `not ok 3 - it adds` → (false, " 3 - it adds").
fn point_of(line: &str) -> Option<(bool, &str)> {
    let (good, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some((good, rest))
}

/// `SKIP`, `TODO` or nothing, after the last ` #` that is not escaped.
fn directive(rest: &str) -> Option<&'static str> {
    let at = rest.rfind(" #").or_else(|| rest.rfind("\t#"))?;
    let word = rest[at + 2..].trim_start();
    let starts = |name: &str| word.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(name));
    // `# skipped` and `# SKIP` are directives; `#todos` and `# Todoist` are part of the name.
    let alone = word.get(4..).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
    if starts("skip") {
        Some("skip")
    } else if starts("todo") && alone {
        Some("todo")
    } else {
        None
    }
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = TestReport::new(&context);
    "TAP".clone_into(&mut report.run.suite);
    let (mut plan, mut plans, mut points) = (None, 0_u64, 0_u64);
    let (mut bail, mut in_yaml) = (None, false);
    input.lines(&mut |line| {
        let line = line.trim_end();
        if in_yaml {
            in_yaml = line.trim_start() != "...";
            return;
        }
        if line.trim_start() == "---" && line.starts_with(' ') {
            in_yaml = true;
        } else if let Some(reason) = line.trim_start().strip_prefix("Bail out!") {
            bail.get_or_insert_with(|| crate::base::clip(reason));
        } else if let Some(count) = plan_of(line) {
            plans += 1;
            plan = Some(plan.unwrap_or(0) + count);
        } else if let Some((good, rest)) = point_of(line) {
            points += 1;
            let name = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_whitespace() || c == '-');
            let outcome = match (directive(rest), good) {
                (Some("skip"), _) => Outcome::Skipped,
                (Some("todo"), good) => {
                    report.count("todo", 1);
                    if good { Outcome::Passed } else { Outcome::Skipped }
                }
                (_, true) => Outcome::Passed,
                (_, false) => Outcome::Failed,
            };
            report.case(name, outcome);
        }
    })?;
    if let Some(reason) = bail {
        report.aborted(format!("The run bailed out: {reason}").trim_end_matches([' ', ':']).to_owned());
    }
    match plan {
        None => report.cut_off(Some("It has no plan, so nobody can tell whether it is whole.".into())),
        Some(plan) if plan != points => {
            report.cut_off(Some(format!("Its plan is {plan} points; {points} are there.")));
        }
        Some(_) if in_yaml => report.cut_off(Some("It ends inside a YAML block.".into())),
        Some(_) => {}
    }
    if plans > 1 {
        report.warnings.add(format!("It holds {plans} plans: several runs in one file."));
    }
    report.checked = true;
    Ok(report.finish())
}
