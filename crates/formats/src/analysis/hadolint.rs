//! Hadolint JSON (`-f json`). A list of findings and nothing else. `DL1000` is a file that could not be parsed.
//! Its levels are a linter's: error counts as medium, warning as low.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "hadolint",
    title: "Hadolint JSON",
    family: Family::Analysis,
    standard: "Output of Hadolint 1 and 2",
    looks: &[
        Looks::Json(&["[].code~dl", "[].level", "[].file"]),
        Looks::Json(&["[].code~sc", "[].level", "[].file", "![].endLine"]),
    ],
    blank: Some("[]"),
    read,
};

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

/// A linter's word on our scale.
pub(super) fn lint_level(word: &str) -> Level {
    match word {
        "error" => Level::Medium,
        "warning" => Level::Low,
        _ => Level::Info,
    }
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Iac, "Hadolint");
    let (mut errors, mut first) = (0, String::new());
    json::records(input, |issue: Issue<'de>| {
        if &*issue.code == "DL1000" {
            errors += 1;
            if first.is_empty() {
                first = format!("{}: {}", &*issue.file, &*issue.message);
            }
            return;
        }
        report.finding(Found {
            rule: &issue.code,
            title: &issue.message,
            place: &issue.file,
            line: issue.line.number(),
            word: &issue.level,
            level: Some(lint_level(&issue.level)),
            ..Found::default()
        });
    })?;
    report.error(errors, &first);
    Ok(report.finish())
}
