//! Trivy JSON, schema 2 and the older list: image, file system, repository, configuration, secrets, licences.
//!
//! The date of its database is not in the report; without `--database-date` it is not known. `Status` says whether a
//! fix exists, never that something is fixed. What filters left out stands in `ExperimentalModifiedFindings`.

use std::collections::BTreeMap;

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "trivy",
    title: "Trivy JSON",
    family: Family::Components,
    standard: "Trivy report, schema versions 1 and 2",
    looks: &[
        Looks::Json(&["SchemaVersion", "ArtifactName"]),
        Looks::Json(&["SchemaVersion", "ArtifactType"]),
        Looks::Json(&["[].Target", "[].Vulnerabilities"]),
        Looks::Json(&["[].Target", "[].Type"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability<'a> {
    #[serde(borrow, default, rename = "VulnerabilityID")]
    id: Text<'a>,
    #[serde(borrow, default, rename = "VendorIDs")]
    vendor_ids: Few<Text<'a>>,
    #[serde(borrow, default)]
    pkg_name: Text<'a>,
    #[serde(borrow, default)]
    pkg_path: Text<'a>,
    #[serde(borrow, default)]
    pkg_identifier: Maybe<Identifier<'a>>,
    #[serde(borrow, default)]
    installed_version: Text<'a>,
    #[serde(borrow, default)]
    fixed_version: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default, rename = "CweIDs")]
    cwes: Few<Text<'a>>,
    #[serde(borrow, default, rename = "CVSS")]
    cvss: Maybe<Scores<'a>>,
}

#[derive(Deserialize)]
struct Identifier<'a> {
    #[serde(borrow, default, rename = "PURL")]
    purl: Text<'a>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Scores<'a>(#[serde(borrow)] BTreeMap<std::borrow::Cow<'a, str>, Cvss<'a>>);

#[derive(Deserialize)]
struct Cvss<'a> {
    #[serde(borrow, default, rename = "V2Vector")]
    v2_vector: Text<'a>,
    #[serde(borrow, default, rename = "V2Score")]
    v2_score: Text<'a>,
    #[serde(borrow, default, rename = "V3Vector")]
    v3_vector: Text<'a>,
    #[serde(borrow, default, rename = "V3Score")]
    v3_score: Text<'a>,
    #[serde(borrow, default, rename = "V40Vector")]
    v4_vector: Text<'a>,
    #[serde(borrow, default, rename = "V40Score")]
    v4_score: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Misconfiguration<'a> {
    #[serde(borrow, default, rename = "ID")]
    id: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    cause_metadata: Maybe<Cause<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cause<'a> {
    #[serde(borrow, default)]
    resource: Text<'a>,
    #[serde(borrow, default)]
    start_line: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret<'a> {
    #[serde(borrow, default, rename = "RuleID")]
    rule: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    start_line: Text<'a>,
    /// The line, with the secret starred out.
    #[serde(borrow, default, rename = "Match")]
    matched: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modified<'a> {
    #[serde(borrow, default, rename = "Type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    statement: Text<'a>,
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default)]
    finding: Maybe<Vulnerability<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    #[serde(borrow, default)]
    successes: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    #[serde(borrow, default, rename = "OS")]
    os: Maybe<Os<'a>>,
    #[serde(borrow, default)]
    repo_digests: Few<Text<'a>>,
    #[serde(borrow, default)]
    commit: Text<'a>,
}

#[derive(Deserialize)]
struct Os<'a> {
    #[serde(borrow, default, rename = "Family")]
    family: Text<'a>,
    #[serde(borrow, default, rename = "Name")]
    name: Text<'a>,
    #[serde(borrow, default, rename = "EOSL")]
    end_of_life: Text<'a>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default, rename = "Version")]
    version: Text<'a>,
}

struct Trivy<'c> {
    report: ScanReport<'c>,
    /// The older form is the list of results itself.
    result: Target,
}

/// The target that is read: its name and the ecosystem of its packages.
#[derive(Default)]
struct Target {
    name: String,
    kind: String,
    targets: u64,
    packages: u64,
    checks: u64,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sca, "Trivy");
    let mut trivy = Trivy { report, result: Target::default() };
    json::read(input, &mut trivy)?;
    let Trivy { mut report, result } = trivy;
    // Packages where they are listed, else targets: either proves that something was looked at.
    report.scan.looked_at = Some(match (result.packages, result.checks) {
        (0, 0) => result.targets,
        (packages, checks) => packages + checks,
    });
    report.count("targets", result.targets);
    report.count("packages", result.packages);
    Ok(report.finish())
}

impl<'de> Object<'de> for Trivy<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.report;
        match key {
            "Results" => {
                json::objects(value, &mut Results { report, target: &mut self.result, early: Some(Vec::new()) })?;
            }
            "ArtifactName" => report.scan.target = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "ArtifactType" => {
                if &*json::value::<Text<'de>, A>(value)? == "container_image" {
                    report.kind(ScanKind::Container);
                }
            }
            "CreatedAt" => report.scan.finished_at = json::value::<Text<'de>, A>(value)?.time(),
            "Trivy" => {
                let tool: Maybe<Tool<'de>> = json::value(value)?;
                report.scan.tool_version = tool.get().and_then(|t| t.version.some()).map(clip);
            }
            "Metadata" => {
                let metadata: Maybe<Metadata<'de>> = json::value(value)?;
                let Some(metadata) = metadata.get() else { return Ok(()) };
                let digests = metadata.repo_digests.iter().filter_map(|d| d.split_once('@'));
                report.scan.digests.extend(digests.map(|(_, d)| clip(d)).filter(|d| d.starts_with("sha256:")));
                report.scan.commit = metadata.commit.some().map(clip).filter(|c| c.len() == 40);
                if let Some(os) = metadata.os.get().filter(|os| os.end_of_life.yes()) {
                    report.warnings.add(format!(
                        "{} {} is out of support: vulnerabilities of it may not be known.",
                        &*os.family, &*os.name
                    ));
                }
            }
            // The older form: a list of results.
            _ => Results { report, target: &mut self.result, early: None }.member(key, value)?,
        }
        Ok(())
    }
}

struct Results<'r, 'c, 'de> {
    report: &'r mut ScanReport<'c>,
    target: &'r mut Target,
    /// What came before the name of its target, which is part of what it is.
    early: Option<Vec<Early<'de>>>,
}

enum Early<'a> {
    Misconfiguration(Misconfiguration<'a>),
    Secret(Secret<'a>),
}

/// What is held until the target's name is known.
const MAX_EARLY: usize = 20_000;

impl<'de> Object<'de> for Results<'_, '_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let (report, target) = (&mut *self.report, &mut *self.target);
        match key {
            "Target" => {
                target.name = clip(&json::value::<Text<'de>, A>(value)?);
                target.targets += 1;
            }
            "Type" => target.kind = clip(&json::value::<Text<'de>, A>(value)?),
            "Packages" => target.packages += json::count(value)?,
            "MisconfSummary" => {
                let summary: Maybe<Summary<'de>> = json::value(value)?;
                target.checks += summary.get().and_then(|s| s.successes.number()).unwrap_or(0);
            }
            "Vulnerabilities" => json::each(value, |v: Vulnerability<'de>| {
                report.count("vulnerabilities", 1);
                vulnerability(report, target, &v, None);
            })?,
            "Misconfigurations" => json::each(value, |m: Misconfiguration<'de>| match &mut self.early {
                Some(early) if target.name.is_empty() && early.len() < MAX_EARLY => {
                    early.push(Early::Misconfiguration(m));
                }
                _ => misconfiguration(report, target, &m),
            })?,
            "Secrets" => json::each(value, |s: Secret<'de>| match &mut self.early {
                Some(early) if target.name.is_empty() && early.len() < MAX_EARLY => early.push(Early::Secret(s)),
                _ => secret(report, target, &s),
            })?,
            "Licenses" => {
                let n = json::count(value)?;
                report.count("licences", n);
            }
            "ExperimentalModifiedFindings" => json::each(value, |m: Modified<'de>| {
                let why = format!("{}: {} ({})", &*m.status, &*m.statement, &*m.source);
                match m.finding.get().filter(|_| &*m.kind == "vulnerability") {
                    Some(v) => vulnerability(report, target, v, Some(why)),
                    None => report.count("suppressed_others", 1),
                }
            })?,
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        for early in self.early.iter_mut().flat_map(std::mem::take) {
            match early {
                Early::Misconfiguration(m) => misconfiguration(self.report, self.target, &m),
                Early::Secret(s) => secret(self.report, self.target, &s),
            }
        }
        self.target.name.clear();
        self.target.kind.clear();
    }
}

fn vulnerability(report: &mut ScanReport<'_>, target: &Target, v: &Vulnerability<'_>, suppressed: Option<String>) {
    let mut scores = Vec::new();
    for (by, cvss) in v.cvss.get().into_iter().flat_map(|c| &c.0).take(20) {
        scores.extend(
            severity::score(&cvss.v2_vector, cvss.v2_score.float(), by).filter(|_| cvss.v2_vector.some().is_some()),
        );
        scores.extend(severity::score(&cvss.v3_vector, cvss.v3_score.float(), by));
        scores.extend(
            severity::score(&cvss.v4_vector, cvss.v4_score.float(), by).filter(|_| cvss.v4_vector.some().is_some()),
        );
    }
    let given = v.pkg_identifier.get().and_then(|i| i.purl.some()).map(clip);
    let not_affected = (&*v.status == "not_affected").then(|| "not affected, says the vendor".to_owned());
    report.finding(Found {
        rule: &v.id,
        title: v.title.some().unwrap_or(&v.description),
        place: v.pkg_path.some().unwrap_or(&target.name),
        word: &v.severity,
        scores,
        aliases: v.vendor_ids.iter().map(|a| clip(a)).collect(),
        cwes: v.cwes.iter().filter_map(|c| severity::cwe(c)).collect(),
        component: Some(Component {
            name: v.pkg_name.to_string(),
            version: v.installed_version.some().map(str::to_owned),
            purl: given.or_else(|| purl::make(&target.kind, &v.pkg_name, v.installed_version.some())),
            fixed_in: v.fixed_version.some().map(str::to_owned),
        }),
        suppressed: suppressed.or(not_affected),
        ..Found::default()
    });
}

fn secret(report: &mut ScanReport<'_>, target: &Target, s: &Secret<'_>) {
    report.count("secrets", 1);
    let found = Found {
        rule: &s.rule,
        title: &s.title,
        place: &target.name,
        line: s.start_line.number(),
        context: &s.matched,
        word: &s.severity,
        cwes: vec![798],
        ..Found::default()
    };
    report.finding_of(ScanKind::Secret, found);
}

fn misconfiguration(report: &mut ScanReport<'_>, target: &mut Target, m: &Misconfiguration<'_>) {
    target.checks += 1;
    if &*m.status == "PASS" {
        return;
    }
    report.count("misconfigurations", 1);
    let cause = m.cause_metadata.get();
    let context = format!("{} {}", cause.map_or("", |c| &c.resource), &*m.message);
    report.finding_of(
        ScanKind::Iac,
        Found {
            rule: &m.id,
            title: m.title.some().unwrap_or(&m.message),
            place: &target.name,
            line: cause.and_then(|c| c.start_line.number()),
            context: &context,
            word: &m.severity,
            suppressed: (&*m.status == "EXCEPTION").then(|| "exception".to_owned()),
            ..Found::default()
        },
    );
}
