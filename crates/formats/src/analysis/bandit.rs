//! Bandit JSON (`bandit -f json`, 1.5 and later).
//! Files looked at are the keys of `metrics`; files that Bandit could not parse stand in `errors` and make it partial.

use certrail_domain::facts::{Level, ScanKind};
use serde::{Deserialize, de::MapAccess};

use crate::{
    NotRead, Reading,
    base::{
        input::Input,
        json::{self, Object},
        lenient::{Maybe, Text},
    },
    definition::{Context, Definition, Family, Looks},
    out::{
        scan::{Found, ScanReport},
        severity,
    },
};

pub(crate) static FORMAT: Definition = Definition {
    name: "bandit",
    title: "Bandit JSON",
    family: Family::Analysis,
    standard: "Output of Bandit 1.5 and later",
    looks: &[Looks::Json(&["metrics._totals:{}", "results:[]", "generated_at"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default)]
    test_id: Text<'a>,
    #[serde(borrow, default)]
    issue_text: Text<'a>,
    #[serde(borrow, default)]
    issue_severity: Text<'a>,
    #[serde(borrow, default)]
    issue_cwe: Maybe<Cwe<'a>>,
    #[serde(borrow, default)]
    filename: Text<'a>,
    #[serde(borrow, default)]
    line_number: Text<'a>,
    #[serde(borrow, default)]
    code: Text<'a>,
}

#[derive(Deserialize)]
struct Cwe<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow, default)]
    filename: Text<'a>,
    #[serde(borrow, default)]
    reason: Text<'a>,
}

#[derive(Deserialize)]
struct Metrics<'a> {
    #[serde(borrow, default)]
    nosec: Text<'a>,
    #[serde(borrow, default)]
    loc: Text<'a>,
}

struct Bandit<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut bandit = Bandit(ScanReport::new(context, ScanKind::Sast, "Bandit"));
    json::read(input, &mut bandit)?;
    Ok(bandit.0.finish())
}

impl<'de> Object<'de> for Bandit<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "results" => json::each(value, |issue: Issue<'de>| {
                report.finding(Found {
                    rule: &issue.test_id,
                    title: &issue.issue_text,
                    place: &issue.filename,
                    line: issue.line_number.number(),
                    context: &without_line_numbers(&issue.code),
                    word: &issue.issue_severity,
                    level: issue.issue_severity.eq_ignore_ascii_case("undefined").then_some(Level::Info),
                    cwes: issue.issue_cwe.get().and_then(|c| severity::cwe(&c.id)).into_iter().collect(),
                    ..Found::default()
                });
            }),
            "errors" => {
                let (mut n, mut first) = (0, String::new());
                json::each(value, |error: Error<'de>| {
                    n += 1;
                    if first.is_empty() {
                        first = format!("{}: {}", &*error.filename, &*error.reason);
                    }
                })?;
                report.error(n, &first);
                Ok(())
            }
            "metrics" => json::entries(value, |file, metrics: Maybe<Metrics<'de>>| {
                let number = |t: &Text<'_>| t.float().filter(|n| (0.0..1e15).contains(n)).unwrap_or(0.0);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
                let count = |t: &Text<'_>| number(t) as u64;
                match (file, metrics.get()) {
                    ("_totals", Some(totals)) => {
                        report.count("nosec", count(&totals.nosec));
                        report.count("lines", count(&totals.loc));
                        // No file at all must not read as "does not say".
                        report.looked_at(0);
                    }
                    _ => report.looked_at(1),
                }
            }),
            "generated_at" => {
                report.scan.finished_at = json::value::<Text<'de>, A>(value)?.time();
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

/// Bandit prints `12 code`; the number would make the same code another finding when it moves.
fn without_line_numbers(code: &str) -> String {
    let bare = code.lines().map(|line| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()));
    bare.collect::<Vec<_>>().join("\n")
}
