//! JFrog Xray: the CLI's simple JSON and scan responses, the REST security report, violations and artifact summary.
//! A violation repeats a vulnerability under a policy, so violations count only where there is nothing else.

use std::{borrow::Cow, collections::BTreeMap};

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "xray",
    title: "JFrog Xray JSON",
    family: Family::Components,
    standard: "JFrog CLI and Xray REST API",
    looks: &[
        Looks::Json(&["vulnerabilities", "securityViolations"]),
        Looks::Json(&["[].scan_id", "[].component_id"]),
        Looks::Json(&["total_rows", "rows[].vulnerable_component"]),
        Looks::Json(&["total_rows", "rows[].impacted_artifact"]),
        Looks::Json(&["vulnerabilities[].impactedPackageName"]),
        Looks::Json(&["total_violations", "violations:[]"]),
        Looks::Json(&["artifacts[].general"]),
    ],
    blank: None,
    read,
};

/// An issue in any of the forms; each uses some of the members.
#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    summary: Text<'a>,
    #[serde(borrow, default, alias = "issueId")]
    issue_id: Text<'a>,
    #[serde(borrow, default, rename = "type", alias = "issue_type")]
    kind: Text<'a>,
    #[serde(borrow, default, alias = "properties")]
    cves: Few<Cve<'a>>,
    // simple JSON
    #[serde(borrow, default, rename = "impactedPackageName")]
    package: Text<'a>,
    #[serde(borrow, default, rename = "impactedPackageVersion")]
    version: Text<'a>,
    #[serde(borrow, default, rename = "impactedPackageType")]
    ecosystem: Text<'a>,
    #[serde(borrow, default)]
    applicable: Text<'a>,
    #[serde(borrow, default, alias = "fixedVersions", alias = "fix_versions")]
    fixed_versions: Few<Text<'a>>,
    // scan responses
    #[serde(borrow, default)]
    components: Maybe<Parts<'a>>,
    // rows and violations
    #[serde(borrow, default)]
    vulnerable_component: Text<'a>,
    #[serde(borrow, default)]
    infected_components: Few<Text<'a>>,
    #[serde(borrow, default)]
    impacted_artifact: Text<'a>,
    #[serde(borrow, default)]
    impact_path: Few<Text<'a>>,
}

/// A row of what was found in source code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceRow<'a> {
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    location: Text<'a>,
    #[serde(borrow, default)]
    start_line: Text<'a>,
    #[serde(borrow, default)]
    snippet: Text<'a>,
    #[serde(borrow, default)]
    finding: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    scanner_description: Text<'a>,
    #[serde(borrow, default)]
    rule_id: Text<'a>,
    #[serde(borrow, default)]
    scanner_id: Text<'a>,
    #[serde(borrow, default)]
    issue_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Parts<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, PartDetails<'a>>);

#[derive(Deserialize)]
struct PartDetails<'a> {
    #[serde(borrow, default)]
    fixed_versions: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Cve<'a> {
    #[serde(borrow, default, alias = "cve")]
    id: Text<'a>,
    #[serde(borrow, default, alias = "cvssV3", alias = "cvss_v3")]
    cvss_v3_score: Text<'a>,
    #[serde(borrow, default, alias = "cvssV3Vector")]
    cvss_v3_vector: Text<'a>,
    #[serde(borrow, default, alias = "cvssV2", alias = "cvss_v2")]
    cvss_v2_score: Text<'a>,
    #[serde(borrow, default, alias = "cvssV2Vector")]
    cvss_v2_vector: Text<'a>,
    #[serde(borrow, default)]
    cwe: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow, default, rename = "errorMessage", alias = "error")]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct General<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    sha256: Text<'a>,
    #[serde(borrow, default)]
    pkg_type: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScansStatus<'a> {
    #[serde(borrow, default)]
    sca_scan_status_code: Text<'a>,
}

struct Xray<'c> {
    report: ScanReport<'c>,
    /// Rows or violations in all, and on this page.
    claimed: Option<u64>,
    listed: u64,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "JFrog Xray");
    report.scan.database = Database::Live;
    let mut xray = Xray { report, claimed: None, listed: 0 };
    json::read(input, &mut xray)?;
    let Xray { mut report, claimed, listed } = xray;
    if let Some(claimed) = claimed.filter(|claimed| *claimed > listed) {
        report.partial(format!("It is one page: {listed} of {claimed} are listed"));
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for Xray<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.report;
        match key {
            "vulnerabilities" | "issues" | "rows" => {
                let mut n = 0;
                json::each(value, |i: Issue<'de>| {
                    n += 1;
                    issue(report, &i);
                })?;
                if key == "rows" {
                    self.listed = n;
                }
            }
            "total_rows" => self.claimed = json::value::<Text<'de>, A>(value)?.number(),
            // Of scan responses `violations` repeat; of the REST API they are all there is.
            "violations" => {
                let mut n = 0;
                let rest = report.counts.contains_key("total_violations");
                json::each(value, |i: Issue<'de>| {
                    n += 1;
                    if rest {
                        issue(report, &i);
                    }
                })?;
                if rest {
                    self.listed = n;
                }
                report.count("violations", n);
            }
            "total_violations" => {
                let n = json::value::<Text<'de>, A>(value)?.number();
                self.claimed = n;
                report.count("total_violations", n.unwrap_or(0));
            }
            "securityViolations" | "licensesViolations" | "operationalRiskViolations" => {
                let n = json::count(value)?;
                report.count("violations", n);
            }
            "secrets" => json::each(value, |i: SourceRow<'de>| source(report, ScanKind::Secret, &i))?,
            "iac" => json::each(value, |i: SourceRow<'de>| source(report, ScanKind::Iac, &i))?,
            "sast" => json::each(value, |i: SourceRow<'de>| source(report, ScanKind::Sast, &i))?,
            "artifacts" => json::objects(value, self)?,
            "general" => {
                let general: Maybe<General<'de>> = json::value(value)?;
                let Some(general) = general.get() else { return Ok(()) };
                report.looked_at(1);
                report.scan.target = general.name.some().map(clip);
                let digest = general.sha256.some().filter(|d| d.len() == 64);
                report.scan.digests.extend(digest.map(|d| format!("sha256:{}", d.to_ascii_lowercase())));
                if &*general.pkg_type == "Docker" {
                    report.kind(ScanKind::Container);
                }
            }
            "component_id" => {
                let id: Text<'de> = json::value(value)?;
                if id.starts_with("docker://") {
                    report.kind(ScanKind::Container);
                }
                report.scan.target = id.some().map(clip);
                report.looked_at(1);
            }
            "status" => {
                let done = &*json::value::<Text<'de>, A>(value)? == "completed";
                report.scan.success = Some(report.scan.success.unwrap_or(true) && done);
            }
            "scansStatus" => {
                let status: Maybe<ScansStatus<'de>> = json::value(value)?;
                let code = status.get().and_then(|s| s.sca_scan_status_code.number());
                report.scan.success = code.map(|code| code == 0);
                if code.is_none() {
                    report.partial("Dependencies were not scanned");
                }
            }
            "errors" => {
                let (mut n, mut first) = (0, String::new());
                json::each(value, |e: Failure<'de>| {
                    n += 1;
                    if first.is_empty() {
                        first = clip(&e.message);
                    }
                })?;
                report.error(n, &first);
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

fn issue(report: &mut ScanReport<'_>, i: &Issue<'_>) {
    if matches!(i.kind.to_ascii_lowercase().as_str(), "license" | "operational_risk") {
        report.count("licence_issues", 1);
        return;
    }
    let fixed = |list: &Few<Text<'_>>| list.first().map(|f| clip(f.trim_matches(['[', ']'])));
    if let Some(parts) = i.components.get() {
        for (id, details) in &parts.0 {
            one(report, i, component(id), fixed(&details.fixed_versions));
        }
        if !parts.0.is_empty() {
            return;
        }
    }
    let id = i.vulnerable_component.some().or_else(|| i.infected_components.first().and_then(|c| c.some()));
    let part = match (i.package.some(), id) {
        (Some(name), _) => Component {
            name: name.to_owned(),
            version: i.version.some().map(str::to_owned),
            purl: purl::make(&i.ecosystem, name, i.version.some()),
            fixed_in: None,
        },
        (None, Some(id)) => component(id),
        (None, None) => component(i.impact_path.first().map_or(&*i.impacted_artifact, |p| &**p)),
    };
    one(report, i, part, fixed(&i.fixed_versions));
}

fn one(report: &mut ScanReport<'_>, i: &Issue<'_>, part: Component, fixed_in: Option<String>) {
    let mut scores = Vec::new();
    for cve in i.cves.iter().take(20) {
        // `9.8/CVSS:3.1/AV:…` in one of the forms.
        let split = |score: &Text<'_>, vector: &Text<'_>| {
            let (number, behind) = score.split_once('/').unwrap_or((score, ""));
            severity::score(vector.some().unwrap_or(behind), number.trim().parse().ok(), "xray")
        };
        scores.extend(split(&cve.cvss_v3_score, &cve.cvss_v3_vector));
        let v2 = split(&cve.cvss_v2_score, &cve.cvss_v2_vector);
        scores.extend(v2.map(|s| certrail_domain::facts::Score { system: ScoreSystem::V2, ..s }));
    }
    let names: Vec<String> = i.cves.iter().filter_map(|c| c.id.some()).map(clip).collect();
    let rule = names.first().cloned().unwrap_or_else(|| clip(&i.issue_id));
    let mut aliases = names;
    aliases.push(clip(&i.issue_id));
    report.finding(Found {
        rule: &rule,
        title: &i.summary,
        place: &i.impacted_artifact,
        word: &i.severity,
        scores,
        aliases,
        cwes: i.cves.iter().flat_map(|c| &c.cwe).filter_map(|c| severity::cwe(c)).collect(),
        component: Some(Component { fixed_in, ..part }),
        reachable: match &*i.applicable {
            "Applicable" => Some(true),
            "Not Applicable" => Some(false),
            _ => None,
        },
        ..Found::default()
    });
}

/// `gav://org.acme:pay:1.0`, `npm://pay:1.0`, `deb://debian:bookworm:openssl:3.0` → component.
fn component(id: &str) -> Component {
    let (scheme, rest) = id.split_once("://").unwrap_or(("", id));
    let (name, version) = rest.rsplit_once(':').map_or((rest, None), |(n, v)| (n, Some(v)));
    let ecosystem = match scheme {
        "gav" => "maven",
        "go" => "golang",
        "alpine" => "alpine",
        "deb" => "debian",
        other => other,
    };
    let bare = if scheme == "deb" { name.rsplit(':').next().unwrap_or(name) } else { name };
    Component {
        name: bare.to_owned(),
        version: version.map(str::to_owned),
        purl: purl::make(ecosystem, bare, version),
        fixed_in: None,
    }
}

fn source(report: &mut ScanReport<'_>, kind: ScanKind, i: &SourceRow<'_>) {
    let rule = [&i.rule_id, &i.scanner_id, &i.issue_id, &i.finding].into_iter().find_map(|t| t.some());
    let title = [&i.finding, &i.description, &i.scanner_description].into_iter().find_map(|t| t.some());
    report.finding_of(
        kind,
        Found {
            rule: rule.unwrap_or_default(),
            title: title.unwrap_or_default(),
            place: i.file.some().unwrap_or(&i.location),
            line: i.start_line.number(),
            context: &i.snippet,
            word: &i.severity,
            ..Found::default()
        },
    );
}
