//! npm audit JSON: version 2 (npm 7 and later), and version 1 (npm 6, pnpm, older yarn berry), which is the same form.
//! npm asks its registry each time, so its database has no age.

use std::collections::BTreeSet;

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "npm-audit",
    title: "npm audit JSON",
    family: Family::Components,
    standard: "npm audit report versions 1 and 2",
    looks: &[
        Looks::Json(&["auditReportVersion"]),
        Looks::Json(&["advisories:{}", "metadata.vulnerabilities"]),
        Looks::Json(&["actions:[]", "advisories:{}"]),
        Looks::Json(&["error.code~e", "error.summary"]),
        Looks::Json(&["error.summary", "error.detail", "method", "uri", "statusCode"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    /// Advisories; the names of packages that bring others are left out.
    #[serde(borrow, default)]
    via: Few<Maybe<Advisory<'a>>>,
    #[serde(borrow, default)]
    range: Text<'a>,
    #[serde(borrow, default)]
    nodes: Few<Text<'a>>,
    #[serde(borrow, default, rename = "fixAvailable")]
    fix_available: Maybe<Fix<'a>>,
}

#[derive(Deserialize)]
struct Fix<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advisory<'a> {
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    url: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cwe: Few<Text<'a>>,
    #[serde(borrow, default)]
    cvss: Maybe<Cvss<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cvss<'a> {
    #[serde(borrow, default)]
    pub(super) score: Text<'a>,
    #[serde(borrow, default)]
    pub(super) vector_string: Text<'a>,
}

/// An advisory of version 1, of npm 6 and of yarn classic.
#[derive(Deserialize)]
pub(super) struct OldAdvisory<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    module_name: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cves: Few<Text<'a>>,
    #[serde(borrow, default)]
    cwe: Few<Text<'a>>,
    #[serde(borrow, default)]
    cvss: Maybe<Cvss<'a>>,
    #[serde(borrow, default)]
    github_advisory_id: Text<'a>,
    #[serde(borrow, default)]
    patched_versions: Text<'a>,
    #[serde(borrow, default)]
    findings: Few<OldFinding<'a>>,
}

#[derive(Deserialize)]
struct OldFinding<'a> {
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    paths: Few<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    dependencies: Maybe<Dependencies<'a>>,
    #[serde(borrow, default)]
    total_dependencies: Text<'a>,
    #[serde(borrow, default)]
    vulnerabilities: Maybe<Totals<'a>>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Totals<'a>(#[serde(borrow)] std::collections::BTreeMap<std::borrow::Cow<'a, str>, Text<'a>>);

impl Totals<'_> {
    /// Vulnerable packages of all levels; `total` only repeats them.
    fn all(&self) -> u64 {
        let levels = self.0.iter().filter(|(level, _)| *level != "total").filter_map(|(_, n)| n.number());
        levels.fold(0, u64::saturating_add)
    }
}

#[derive(Deserialize)]
struct Dependencies<'a> {
    #[serde(borrow, default)]
    total: Text<'a>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    summary: Text<'a>,
}

struct Npm<'c> {
    report: ScanReport<'c>,
    seen: BTreeSet<(String, String)>,
    failed: Option<String>,
    message: Option<String>,
    claimed: Option<u64>,
}

/// Advisories remembered so that one is not told twice.
const MAX_SEEN: usize = 100_000;

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sca, "npm audit");
    let mut npm = Npm { report, seen: BTreeSet::new(), failed: None, message: None, claimed: None };
    npm.report.scan.database = Database::Live;
    json::read(input, &mut npm)?;
    // It counts packages, and only that all are missing is told by it for sure.
    if npm.claimed.is_some() && !npm.report.counts.contains_key("packages") {
        npm.report.claims(npm.claimed);
    }
    if let Some(failed) = npm.failed.take() {
        let message = npm.message.take().unwrap_or_default();
        npm.report.partial(format!("{} {message}", failed.trim()).trim().to_owned());
    }
    Ok(npm.report.finish())
}

impl<'de> Object<'de> for Npm<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "vulnerabilities" => json::entries(value, |_, package: Package<'de>| self.package(&package)),
            "advisories" => json::entries(value, |_, advisory: OldAdvisory<'de>| {
                self.report.count("packages", 1);
                old(&mut self.report, &advisory);
            }),
            "metadata" => {
                let metadata: Maybe<Metadata<'de>> = json::value(value)?;
                let found = metadata.get().and_then(|m| m.vulnerabilities.get());
                self.claimed = found.map(Totals::all).filter(|n| *n > 0);
                let total = metadata.get().and_then(|m| {
                    m.dependencies.get().and_then(|d| d.total.number()).or_else(|| m.total_dependencies.number())
                });
                self.report.scan.looked_at = total;
                Ok(())
            }
            "error" => {
                let failure: Maybe<Failure<'de>> = json::value(value)?;
                self.report.scan.success = Some(false);
                if let Some(failure) = failure.get() {
                    let code = failure.code.some().unwrap_or("no code");
                    self.failed = Some(format!("npm failed with {code}: {}", &*failure.summary));
                }
                Ok(())
            }
            // Of an answer that was no answer: `405 Method Not Allowed - POST …`.
            "message" => {
                self.message = json::value::<Text<'de>, A>(value)?.some().map(clip);
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

impl Npm<'_> {
    fn package(&mut self, package: &Package<'_>) {
        self.report.count("packages", 1);
        for via in self.report.all(&package.via) {
            let Some(advisory) = via.get() else { continue };
            let name = advisory.name.some().unwrap_or(&package.name);
            let id = advisory.source.some().unwrap_or(&advisory.url);
            if self.seen.len() < MAX_SEEN && !id.is_empty() && !self.seen.insert((clip(id), clip(name))) {
                continue;
            }
            let ghsa = advisory.url.rsplit('/').next().filter(|id| id.starts_with("GHSA-"));
            let cvss = advisory.cvss.get();
            let fix = package.fix_available.get();
            self.report.finding(Found {
                rule: ghsa.or_else(|| advisory.source.some()).unwrap_or(&advisory.url),
                title: &advisory.title,
                place: package.nodes.first().map_or("", |n| &**n),
                word: &advisory.severity,
                scores: cvss
                    .and_then(|c| severity::score(&c.vector_string, c.score.float(), "ghsa"))
                    .into_iter()
                    .collect(),
                cwes: advisory.cwe.iter().filter_map(|c| severity::cwe(c)).collect(),
                component: Some(Component {
                    name: name.to_owned(),
                    version: package.range.some().map(str::to_owned),
                    purl: purl::make("npm", name, None),
                    fixed_in: fix.map(|f| format!("{} {}", &*f.name, &*f.version)),
                }),
                ..Found::default()
            });
        }
    }
}

/// A finding of version 1.
pub(super) fn old(report: &mut ScanReport<'_>, advisory: &OldAdvisory<'_>) {
    let first = advisory.findings.first();
    let version = first.and_then(|f| f.version.some());
    let cvss = advisory.cvss.get();
    report.finding(Found {
        rule: advisory.github_advisory_id.some().unwrap_or(&advisory.id),
        title: &advisory.title,
        place: first.and_then(|f| f.paths.first()).map_or("", |p| &**p),
        word: &advisory.severity,
        scores: cvss.and_then(|c| severity::score(&c.vector_string, c.score.float(), "ghsa")).into_iter().collect(),
        aliases: advisory.cves.iter().map(|c| clip(c)).collect(),
        cwes: advisory.cwe.iter().filter_map(|c| severity::cwe(c)).collect(),
        component: Some(Component {
            name: advisory.module_name.to_string(),
            version: version.map(str::to_owned),
            purl: purl::make("npm", &advisory.module_name, version),
            fixed_in: advisory.patched_versions.some().filter(|v| *v != "<0.0.0").map(str::to_owned),
        }),
        ..Found::default()
    });
}
