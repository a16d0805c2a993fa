//! gosec JSON (`gosec -fmt=json`, 2.x). `Stats.files` tells what was looked at; packages that did not build stand in
//! `Golang errors` and make it partial.

use certrail_domain::facts::ScanKind;
use serde::{Deserialize, de::MapAccess};

use crate::{
    NotRead, Reading,
    base::{
        clip,
        input::Input,
        json::{self, Counted, Object},
        lenient::{Few, Maybe, Text},
    },
    definition::{Context, Definition, Family, Looks},
    out::{
        scan::{Found, ScanReport},
        severity,
    },
};

pub(crate) static FORMAT: Definition = Definition {
    name: "gosec",
    title: "gosec JSON",
    family: Family::Analysis,
    standard: "Output of gosec 2.x",
    looks: &[Looks::Json(&["Issues", "Stats.files"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cwe: Maybe<Cwe<'a>>,
    #[serde(borrow, default)]
    rule_id: Text<'a>,
    #[serde(borrow, default)]
    details: Text<'a>,
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    nosec: Text<'a>,
    #[serde(borrow, default)]
    suppressions: Few<Suppression<'a>>,
}

#[derive(Deserialize)]
struct Cwe<'a> {
    #[serde(borrow, default, alias = "ID")]
    id: Text<'a>,
}

#[derive(Deserialize)]
struct Suppression<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    justification: Text<'a>,
}

#[derive(Deserialize)]
struct Stats<'a> {
    #[serde(borrow, default)]
    files: Text<'a>,
    #[serde(borrow, default)]
    lines: Text<'a>,
    #[serde(borrow, default)]
    nosec: Text<'a>,
}

struct Gosec<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut gosec = Gosec(ScanReport::new(context, ScanKind::Sast, "gosec"));
    json::read(input, &mut gosec)?;
    Ok(gosec.0.finish())
}

impl<'de> Object<'de> for Gosec<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "Issues" => json::each(value, |issue: Issue<'de>| {
                let first = issue.suppressions.first();
                let reason = first.map(|s| format!("{}: {}", &*s.kind, &*s.justification));
                let suppressed = reason.or_else(|| issue.nosec.yes().then(|| "#nosec comment".to_owned()));
                report.finding(Found {
                    rule: &issue.rule_id,
                    title: &issue.details,
                    place: &issue.file,
                    line: issue.line.split('-').next().and_then(|l| l.trim().parse().ok()),
                    context: &without_line_numbers(&issue.code),
                    word: &issue.severity,
                    cwes: issue.cwe.get().and_then(|c| severity::cwe(&c.id)).into_iter().collect(),
                    suppressed,
                    ..Found::default()
                });
            }),
            "Golang errors" => {
                let (mut n, mut first) = (0, String::new());
                json::entries(value, |file, errors: Counted| {
                    n += errors.0;
                    if first.is_empty() {
                        first = clip(file);
                    }
                })?;
                report.error(n, &first);
                Ok(())
            }
            "Stats" => {
                let stats: Maybe<Stats<'de>> = json::value(value)?;
                if let Some(stats) = stats.get() {
                    report.scan.looked_at = stats.files.number();
                    report.count("lines", stats.lines.number().unwrap_or(0));
                    report.count("nosec", stats.nosec.number().unwrap_or(0));
                }
                Ok(())
            }
            "GosecVersion" => {
                report.scan.tool_version = json::value::<Text<'de>, A>(value)?.some().map(clip);
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

/// gosec prints `12: code`; the number would make the same code another finding when it moves.
fn without_line_numbers(code: &str) -> String {
    let bare = code.lines().map(|l| {
        l.split_once(": ").filter(|(n, _)| n.trim().bytes().all(|b| b.is_ascii_digit())).map_or(l, |(_, c)| c)
    });
    bare.collect::<Vec<_>>().join("\n")
}
