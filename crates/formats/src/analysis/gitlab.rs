//! GitLab security reports (schemas 2 to 15.2): sast, secret_detection, dependency_scanning, container_scanning, dast
//! and the fuzzers. Times have no zone by their schema and mean UTC.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "gitlab",
    title: "GitLab security report",
    family: Family::Analysis,
    standard: "GitLab security report schemas, up to 15.2",
    looks: &[
        Looks::Json(&["vulnerabilities:[]", "scan.scanner"]),
        Looks::Json(&["vulnerabilities:[]", "scan.type"]),
        Looks::Json(&["vulnerabilities[].identifiers:[]", "vulnerabilities[].location:{}", "!bomFormat"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    location: Maybe<Location<'a>>,
    #[serde(borrow, default)]
    identifiers: Few<Identifier<'a>>,
    #[serde(borrow, default)]
    flags: Few<Flag<'a>>,
    #[serde(borrow, default)]
    tracking: Maybe<Tracking<'a>>,
    #[serde(borrow, default)]
    cvss_vectors: Few<CvssVector<'a>>,
    #[serde(borrow, default)]
    solution: Text<'a>,
}

#[derive(Deserialize)]
struct Location<'a> {
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    start_line: Text<'a>,
    #[serde(borrow, default)]
    image: Text<'a>,
    #[serde(borrow, default)]
    operating_system: Text<'a>,
    #[serde(borrow, default)]
    hostname: Text<'a>,
    #[serde(borrow, default)]
    path: Text<'a>,
    #[serde(borrow, default)]
    method: Text<'a>,
    #[serde(borrow, default)]
    param: Text<'a>,
    #[serde(borrow, default)]
    dependency: Maybe<Dependency<'a>>,
}

#[derive(Deserialize)]
struct Dependency<'a> {
    #[serde(borrow, default)]
    package: Maybe<Package<'a>>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Identifier<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    value: Text<'a>,
}

#[derive(Deserialize)]
struct Flag<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
}

#[derive(Deserialize)]
struct Tracking<'a> {
    #[serde(borrow, default)]
    items: Few<TrackingItem<'a>>,
}

#[derive(Deserialize)]
struct TrackingItem<'a> {
    #[serde(borrow, default)]
    signatures: Few<Signature<'a>>,
}

#[derive(Deserialize)]
struct Signature<'a> {
    #[serde(borrow, default)]
    algorithm: Text<'a>,
    #[serde(borrow, default)]
    value: Text<'a>,
}

#[derive(Deserialize)]
struct CvssVector<'a> {
    #[serde(borrow, default)]
    vendor: Text<'a>,
    #[serde(borrow, default)]
    vector: Text<'a>,
}

#[derive(Deserialize)]
struct ScanPart<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    start_time: Text<'a>,
    #[serde(borrow, default)]
    end_time: Text<'a>,
    #[serde(borrow, default)]
    scanner: Maybe<Scanner<'a>>,
    #[serde(borrow, default)]
    messages: Few<Message<'a>>,
    #[serde(default)]
    scanned_resources: Option<Counted>,
    #[serde(default)]
    primary_identifiers: Counted,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    value: Text<'a>,
}

#[derive(Deserialize)]
struct DependencyFile {
    #[serde(default)]
    dependencies: Counted,
}

struct Gitlab<'de, 'c> {
    report: ScanReport<'c>,
    /// Findings stand before the scan that tells their kind: held until then, within a bound.
    early: Vec<Issue<'de>>,
    scan_seen: bool,
}

const MAX_EARLY: usize = 50_000;

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Unknown, "GitLab");
    let mut gitlab = Gitlab { report, early: Vec::new(), scan_seen: false };
    json::read(input, &mut gitlab)?;
    Ok(gitlab.report.finish())
}

impl<'de> Object<'de> for Gitlab<'de, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "vulnerabilities" => json::each(value, |issue: Issue<'de>| {
                if !self.scan_seen && self.early.len() < MAX_EARLY {
                    self.early.push(issue);
                } else {
                    finding(&mut self.report, &issue);
                }
            }),
            "scan" => {
                let scan: Maybe<ScanPart<'de>> = json::value(value)?;
                if let Some(scan) = scan.get() {
                    self.scan_seen = true;
                    self.scan(scan);
                }
                Ok(())
            }
            "dependency_files" => json::each(value, |file: DependencyFile| {
                self.report.looked_at(file.dependencies.0);
                self.report.count("dependency_files", 1);
            }),
            _ => json::skip(value),
        }
    }

    fn end(&mut self) {
        for issue in std::mem::take(&mut self.early) {
            finding(&mut self.report, &issue);
        }
    }
}

impl Gitlab<'_, '_> {
    fn scan(&mut self, part: &ScanPart<'_>) {
        self.report.kind(match &*part.kind {
            "sast" => ScanKind::Sast,
            "secret_detection" => ScanKind::Secret,
            "dependency_scanning" => ScanKind::Sca,
            "container_scanning" | "cluster_image_scanning" => ScanKind::Container,
            "dast" | "api_fuzzing" | "coverage_fuzzing" => ScanKind::Dast,
            _ => ScanKind::Unknown,
        });
        let scan = &mut self.report.scan;
        if let Some(scanner) = part.scanner.get() {
            scan.tool = clip(&scanner.name);
            scan.tool_version = scanner.version.some().map(clip);
        }
        let utc = |t: &Text<'_>| t.time().or_else(|| crate::base::time::parse(&format!("{}Z", &**t)));
        scan.started_at = utc(&part.start_time);
        scan.finished_at = utc(&part.end_time);
        scan.rules = part.primary_identifiers.0;
        scan.success = match &*part.status {
            "success" => Some(true),
            "failure" => Some(false),
            _ => None,
        };
        let bad: Vec<_> = part.messages.iter().filter(|m| matches!(&*m.level, "fatal" | "warn")).collect();
        if let Some(first) = bad.first() {
            self.report.error(bad.len() as u64, &first.value);
        }
        if let Some(resources) = part.scanned_resources {
            self.report.looked_at(resources.0);
        }
    }
}

fn finding(report: &mut ScanReport<'_>, issue: &Issue<'_>) {
    let location = issue.location.get();
    let part = |pick: fn(&Location<'_>) -> Option<String>| location.and_then(pick);
    let primary = issue.identifiers.first();
    let rule = primary.and_then(|i| i.value.some().or_else(|| i.name.some())).unwrap_or_default();
    let aliases = issue
        .identifiers
        .iter()
        .filter(|i| matches!(i.kind.to_ascii_lowercase().as_str(), "cve" | "ghsa" | "osvdb" | "usn" | "rhsa"));
    let dependency = location.and_then(|l| l.dependency.get());
    let package = dependency.and_then(|d| d.package.get()?.name.some());
    let image = part(|l| l.image.some().map(clip));
    if report.scan.target.is_none() {
        report.scan.target.clone_from(&image);
    }
    let web = part(|l| {
        let host = l.hostname.some()?;
        Some(format!("{} {host}{} {}", &*l.method, &*l.path, &*l.param).trim().to_owned())
    });
    let place = part(|l| l.file.some().map(clip)).or(web).or(image).unwrap_or_default();
    let title = issue.name.some().or_else(|| issue.message.some()).or_else(|| issue.description.some());
    // The most stable of the signatures; `id` is made anew at each run by some analysers.
    let signatures = || issue.tracking.get().into_iter().flat_map(|t| &t.items).flat_map(|i| &i.signatures);
    let order = ["scope_offset", "scope_offset_compressed", "location", "hash"];
    let own = order.iter().find_map(|a| signatures().find(|s| &*s.algorithm == *a)?.value.some());
    let cwes = issue.identifiers.iter().filter(|i| i.kind.eq_ignore_ascii_case("cwe"));
    // A guess of the analyser, and nobody's decision.
    let doubtful = issue.flags.iter().any(|f| f.kind.contains("false-positive"));
    report.count("likely_false_positives", u64::from(doubtful));
    let ecosystem = part(|l| l.operating_system.some().map(clip)).unwrap_or_default();
    report.finding(Found {
        rule,
        title: title.unwrap_or(rule),
        place: &place,
        line: location.and_then(|l| l.start_line.number()),
        own,
        word: &issue.severity,
        scores: issue.cvss_vectors.iter().filter_map(|c| severity::score(&c.vector, None, &c.vendor)).collect(),
        aliases: aliases.filter_map(|i| i.value.some()).map(clip).collect(),
        cwes: cwes.filter_map(|i| severity::cwe(&i.value)).collect(),
        component: package.map(|name| Component {
            name: name.to_owned(),
            version: dependency.and_then(|d| d.version.some()).map(str::to_owned),
            purl: purl::make(&ecosystem, name, dependency.and_then(|d| d.version.some())),
            fixed_in: issue.solution.some().and_then(|s| s.split_once("pgrade to ")).map(|(_, v)| clip(v)),
        }),
        ..Found::default()
    });
}
