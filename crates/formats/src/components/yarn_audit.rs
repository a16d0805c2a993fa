//! yarn audit: classic JSON lines (`type`, `data`) and the lines of berry 4 (`value`, `children`).
//! A deprecated package is information and no vulnerability.

use std::collections::BTreeSet;

use super::npm_audit::{OldAdvisory, old};
use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "yarn-audit",
    title: "yarn audit JSON lines",
    family: Family::Components,
    standard: "Output of yarn 1 and 4",
    looks: &[
        Looks::Json(&["type=auditAdvisory", "data"]),
        Looks::Json(&["type=auditSummary", "data"]),
        Looks::Json(&["type=auditAction", "data"]),
        Looks::Json(&["value", "children.Severity"]),
        Looks::Json(&["type=error", "data", "!fields"]),
        Looks::Json(&["type=warning", "data", "!fields"]),
        Looks::Json(&["type=info", "data", "!fields"]),
    ],
    blank: Some(""),
    read,
};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    data: Maybe<Data<'a>>,
    #[serde(borrow, default)]
    value: Text<'a>,
    #[serde(borrow, default)]
    children: Maybe<Issue<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow, default)]
    resolution: Maybe<Resolution<'a>>,
    #[serde(borrow, default)]
    advisory: Maybe<OldAdvisory<'a>>,
    #[serde(borrow, default)]
    total_dependencies: Text<'a>,
}

#[derive(Deserialize)]
struct Resolution<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    path: Text<'a>,
}

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default, rename = "ID")]
    id: Text<'a>,
    #[serde(borrow, default, rename = "Issue")]
    issue: Text<'a>,
    #[serde(borrow, default, rename = "URL")]
    url: Text<'a>,
    #[serde(borrow, default, rename = "Severity")]
    severity: Text<'a>,
    #[serde(borrow, default, rename = "Tree Versions")]
    versions: Few<Text<'a>>,
    #[serde(borrow, default, rename = "Dependents")]
    dependents: Few<Text<'a>>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "yarn audit");
    report.scan.database = Database::Live;
    if input.head().trim().is_empty() {
        report.warnings.add("It is empty: nothing shows that anything was looked at.");
        return Ok(report.finish());
    }
    // Classic tells an advisory once for each path to it.
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let (mut classic, mut summary) = (false, false);
    json::records(input, |line: Line<'de>| {
        report.count("lines", 1);
        classic |= line.kind.starts_with("audit") || &*line.kind == "error";
        match (&*line.kind, line.data.get(), line.children.get()) {
            ("auditAdvisory", Some(data), _) => {
                let Some(advisory) = data.advisory.get() else { return };
                let resolution = data.resolution.get();
                let key = (
                    resolution.map(|r| clip(&r.id)).unwrap_or_default(),
                    resolution.and_then(|r| r.path.rsplit('>').next()).map(clip).unwrap_or_default(),
                );
                if seen.len() > 100_000 || seen.insert(key) {
                    old(&mut report, advisory);
                }
            }
            ("auditSummary", Some(data), _) => {
                summary = true;
                report.scan.looked_at = data.total_dependencies.number();
            }
            ("error", ..) => report.scan.success = Some(false),
            (_, _, Some(issue)) => berry(&mut report, &line.value, issue),
            _ => {}
        }
    })?;
    if classic && !summary {
        report.scan.success = Some(false);
    }
    Ok(report.finish())
}

fn berry(report: &mut ScanReport<'_>, package: &str, issue: &Issue<'_>) {
    let deprecation = issue.id.ends_with("(deprecation)");
    let ghsa = issue.url.rsplit('/').next().filter(|id| id.starts_with("GHSA-"));
    let version = issue.versions.first().map(|v| &**v);
    report.count("deprecations", u64::from(deprecation));
    report.finding(Found {
        rule: if deprecation { "deprecated" } else { ghsa.unwrap_or(&issue.id) },
        title: &issue.issue,
        place: issue.dependents.first().map_or("", |d| &**d),
        word: &issue.severity,
        level: deprecation.then_some(Level::Info),
        component: Some(Component {
            name: package.to_owned(),
            version: version.map(str::to_owned),
            purl: purl::make("npm", package, version),
            fixed_in: None,
        }),
        ..Found::default()
    });
}
