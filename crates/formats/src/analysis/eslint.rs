//! ESLint JSON (`-f json` and `-f json-with-metadata`, 5 and later). Each file looked at is listed, clean ones too.
//! Severity is the project's lint policy: 2 counts as medium, 1 as low.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "eslint",
    title: "ESLint JSON",
    family: Family::Analysis,
    standard: "Output of ESLint 5 and later",
    looks: &[
        Looks::Json(&["[].filePath", "[].messages:[]"]),
        Looks::Json(&["results[].filePath", "results[].messages:[]"]),
    ],
    blank: Some("[]"),
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow, default)]
    file_path: Text<'a>,
    #[serde(borrow, default)]
    messages: Few<Message<'a>>,
    #[serde(borrow, default)]
    suppressed_messages: Few<Message<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow, default)]
    rule_id: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    fatal: Text<'a>,
    #[serde(borrow, default)]
    suppressions: Few<Suppression<'a>>,
}

#[derive(Deserialize)]
struct Suppression<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    justification: Text<'a>,
}

struct Eslint<'c> {
    report: ScanReport<'c>,
    errors: u64,
    first: String,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sast, "ESLint");
    let mut eslint = Eslint { report, errors: 0, first: String::new() };
    // The plain list and the object around it with `results` are told apart by their first character.
    if input.head().trim_start().starts_with('{') {
        json::read(input, &mut eslint)?;
    } else {
        json::records(input, |file: File<'de>| eslint.file(&file))?;
    }
    let Eslint { mut report, errors, first } = eslint;
    report.error(errors, &first);
    Ok(report.finish())
}

impl<'de> Object<'de> for Eslint<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "results" => json::each(value, |file: File<'de>| self.file(&file)),
            _ => json::skip(value),
        }
    }
}

impl Eslint<'_> {
    fn file(&mut self, file: &File<'_>) {
        let mut looked = true;
        for message in self.report.all(&file.messages) {
            if message.rule_id.some().is_none() {
                // Not a rule's finding: the file could not be parsed, or was left out.
                if message.fatal.yes() {
                    looked = false;
                    self.errors += 1;
                    if self.first.is_empty() {
                        self.first = format!("{}: {}", &*file.file_path, &*message.message);
                    }
                    continue;
                }
                if message.message.starts_with("File ignored") {
                    looked = false;
                    self.report.count("ignored_files", 1);
                    continue;
                }
            }
            self.finding(file, message, None);
        }
        for message in self.report.all(&file.suppressed_messages) {
            let first = message.suppressions.first();
            let why = first.map_or_else(String::new, |s| format!("{}: {}", &*s.kind, &*s.justification));
            self.finding(file, message, Some(why.trim_end_matches([':', ' ']).to_owned()));
        }
        self.report.looked_at(u64::from(looked));
    }

    fn finding(&mut self, file: &File<'_>, message: &Message<'_>, suppressed: Option<String>) {
        self.report.finding(Found {
            rule: message.rule_id.some().unwrap_or("(eslint)"),
            title: &message.message,
            place: &file.file_path,
            line: message.line.number(),
            word: match &*message.severity {
                "2" => "error",
                _ => "warn",
            },
            level: Some(if &*message.severity == "2" { Level::Medium } else { Level::Low }),
            suppressed,
            ..Found::default()
        });
    }
}
