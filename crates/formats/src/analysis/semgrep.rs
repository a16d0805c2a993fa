//! Semgrep JSON (`semgrep scan --json`, semgrep_output_v1, 0.92 and later; also Opengrep).
//! `paths.scanned` proves what was looked at. `extra.fingerprint` counts unless it reads "requires login".

use certrail_domain::facts::{Component, Level, ScanKind};
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
        purl,
        scan::{Found, ScanReport},
        severity,
    },
};

pub(crate) static FORMAT: Definition = Definition {
    name: "semgrep",
    title: "Semgrep JSON",
    family: Family::Analysis,
    standard: "semgrep_output_v1, 0.92 and later",
    looks: &[
        Looks::Json(&["results:[]", "errors:[]", "paths:{}", "!metrics"]),
        Looks::Json(&["results[].check_id", "results[].extra"]),
        Looks::Json(&["results:[]", "errors:[]", "!results[]", "!metrics", "!generated_at", "!runs"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default)]
    check_id: Text<'a>,
    #[serde(borrow, default)]
    path: Text<'a>,
    #[serde(borrow, default)]
    start: Maybe<Spot<'a>>,
    #[serde(borrow, default)]
    extra: Maybe<Extra<'a>>,
}

#[derive(Deserialize)]
struct Spot<'a> {
    #[serde(borrow, default)]
    line: Text<'a>,
}

#[derive(Deserialize)]
struct Extra<'a> {
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    fingerprint: Text<'a>,
    #[serde(borrow, default)]
    lines: Text<'a>,
    #[serde(borrow, default)]
    is_ignored: Text<'a>,
    #[serde(borrow, default)]
    metadata: Maybe<Metadata<'a>>,
    #[serde(borrow, default)]
    sca_info: Maybe<ScaInfo<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    cwe: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct ScaInfo<'a> {
    #[serde(borrow, default)]
    reachable: Text<'a>,
    #[serde(borrow, default)]
    dependency_match: Maybe<DependencyMatch<'a>>,
}

#[derive(Deserialize)]
struct DependencyMatch<'a> {
    #[serde(borrow, default)]
    found_dependency: Maybe<Dependency<'a>>,
}

#[derive(Deserialize)]
struct Dependency<'a> {
    #[serde(borrow, default)]
    package: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    ecosystem: Text<'a>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct Paths<'a> {
    #[serde(default)]
    scanned: Option<Counted>,
    #[serde(borrow, default)]
    skipped: Few<Skipped<'a>>,
}

#[derive(Deserialize)]
struct Skipped<'a> {
    #[serde(borrow, default)]
    path: Text<'a>,
    #[serde(borrow, default)]
    reason: Text<'a>,
}

impl Skipped<'_> {
    /// Left out because somebody said so, or because it is no source; anything else was to be looked at.
    fn is_wanted(&self) -> bool {
        let reason = self.reason.to_ascii_lowercase();
        let meant = [
            "ignore",
            "exclude",
            "include",
            "always_skipped",
            "binary",
            "minified",
            "wrong_language",
            "irrelevant_rule",
            "dotfile",
            "nonexistent",
        ];
        !reason.is_empty() && !meant.iter().any(|w| reason.contains(w))
    }
}

struct Semgrep<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut semgrep = Semgrep(ScanReport::new(context, ScanKind::Sast, "Semgrep"));
    json::read(input, &mut semgrep)?;
    Ok(semgrep.0.finish())
}

impl<'de> Object<'de> for Semgrep<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "results" => json::each(value, |issue: Issue<'de>| finding(report, &issue)),
            "errors" => {
                let (mut n, mut first) = (0, String::new());
                json::each(value, |error: Error<'de>| {
                    // A file that could be parsed in part only was not looked at as a whole.
                    if matches!(&*error.level, "error" | "warn" | "") {
                        n += 1;
                        if first.is_empty() {
                            first = clip(&error.message);
                        }
                    }
                })?;
                report.error(n, &first);
                Ok(())
            }
            "paths" => {
                let paths: Maybe<Paths<'de>> = json::value(value)?;
                let Some(paths) = paths.get() else { return Ok(()) };
                if let Some(scanned) = paths.scanned {
                    report.looked_at(scanned.0);
                }
                report.count("skipped_files", paths.skipped.total);
                let lost: Vec<_> = paths.skipped.iter().filter(|s| s.is_wanted()).collect();
                if let Some(first) = lost.first() {
                    let (n, path, reason) = (lost.len(), &*first.path, &*first.reason);
                    report.partial(format!("{n} files were skipped; the first: {path} ({reason})"));
                }
                Ok(())
            }
            "skipped_rules" => {
                let n = json::count(value)?;
                if n > 0 {
                    report.partial(format!("{n} rules were left out"));
                }
                Ok(())
            }
            "version" => {
                report.scan.tool_version = json::value::<Text<'de>, A>(value)?.some().map(clip);
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

fn finding(report: &mut ScanReport<'_>, issue: &Issue<'_>) {
    let extra = issue.extra.get();
    let text = |pick: fn(&Extra<'_>) -> Option<String>| extra.and_then(pick);
    let login = |t: &Text<'_>| t.some().filter(|t| *t != "requires login").map(str::to_owned);
    let own = text(|e| e.fingerprint.some().map(str::to_owned)).filter(|f| f != "requires login");
    let lines = extra.and_then(|e| login(&e.lines)).unwrap_or_default();
    let message = text(|e| e.message.some().map(clip)).unwrap_or_default();
    let word = text(|e| e.severity.some().map(clip)).unwrap_or_default();
    let sca = extra.and_then(|e| e.sca_info.get());
    let dependency = sca.and_then(|s| s.dependency_match.get()?.found_dependency.get());
    let cwes = extra.and_then(|e| e.metadata.get()).into_iter().flat_map(|m| &m.cwe);
    report.finding(Found {
        rule: &issue.check_id,
        title: &message,
        place: &issue.path,
        line: issue.start.get().and_then(|s| s.line.number()),
        context: &lines,
        own: own.as_deref(),
        word: &word,
        // The vendor's own table: INFO is low, EXPERIMENT and INVENTORY are not findings to act on.
        level: match word.as_str() {
            "INFO" => Some(Level::Low),
            "EXPERIMENT" | "INVENTORY" => Some(Level::Info),
            _ => None,
        },
        cwes: cwes.filter_map(|c| severity::cwe(c)).collect(),
        component: dependency.map(|d| Component {
            name: d.package.to_string(),
            version: d.version.some().map(str::to_owned),
            purl: purl::make(&d.ecosystem, &d.package, d.version.some()),
            fixed_in: None,
        }),
        reachable: sca.and_then(|s| s.reachable.some()).map(|r| r == "true"),
        suppressed: extra.filter(|e| e.is_ignored.yes()).map(|_| "nosemgrep comment".to_owned()),
        ..Found::default()
    });
}
