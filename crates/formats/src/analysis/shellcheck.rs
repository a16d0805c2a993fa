//! ShellCheck JSON (`-f json` and `-f json1`). Findings and nothing else. Codes from 1000 to 1999 at level error are
//! the parser's: that script was not checked to its end.

use super::hadolint::lint_level;
use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "shellcheck",
    title: "ShellCheck JSON",
    family: Family::Analysis,
    standard: "Output of ShellCheck, json and json1",
    looks: &[
        Looks::Json(&["comments[].code", "comments[].level"]),
        Looks::Json(&["comments:[]", "!comments[]", "!version", "!components"]),
        Looks::Json(&["[].code", "[].level", "[].file", "[].endLine"]),
        Looks::Json(&["[].code", "[].level", "[].file", "[].column", "![].code~dl", "![].code~sc"]),
    ],
    blank: Some("[]"),
    read,
};

#[derive(Deserialize)]
struct Comment<'a> {
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

struct Shellcheck<'c> {
    report: ScanReport<'c>,
    errors: u64,
    first: String,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sast, "ShellCheck");
    let mut shellcheck = Shellcheck { report, errors: 0, first: String::new() };
    if input.head().trim_start().starts_with('{') {
        json::read(input, &mut shellcheck)?;
    } else {
        json::records(input, |comment: Comment<'de>| shellcheck.comment(&comment))?;
    }
    let Shellcheck { mut report, errors, first } = shellcheck;
    report.error(errors, &first);
    Ok(report.finish())
}

impl<'de> Object<'de> for Shellcheck<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "comments" => json::each(value, |comment: Comment<'de>| self.comment(&comment)),
            _ => json::skip(value),
        }
    }
}

impl Shellcheck<'_> {
    fn comment(&mut self, comment: &Comment<'_>) {
        let parser = comment.code.number().is_some_and(|n| (1_000..2_000).contains(&n)) && &*comment.level == "error";
        if parser {
            self.errors += 1;
            if self.first.is_empty() {
                self.first = format!("{}: {}", &*comment.file, &*comment.message);
            }
        }
        self.report.finding(Found {
            rule: &format!("SC{}", &*comment.code),
            title: &comment.message,
            place: &comment.file,
            line: comment.line.number(),
            word: &comment.level,
            level: Some(lint_level(&comment.level)),
            ..Found::default()
        });
    }
}
