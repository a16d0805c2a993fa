//! Snyk JSON (`snyk test`, `snyk container test`): one project, or a list of them. Snyk Code writes SARIF.
//! A vulnerability is listed once for each path to it and counts once; ignored ones stand in `filtered`.

use std::collections::BTreeSet;

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "snyk",
    title: "Snyk JSON",
    family: Family::Components,
    standard: "Output of `snyk test --json`",
    looks: &[
        Looks::Json(&["vulnerabilities:[]", "ok", "dependencyCount"]),
        Looks::Json(&["vulnerabilities:[]", "ok", "packageManager"]),
        Looks::Json(&["[].vulnerabilities:[]", "[].ok"]),
        Looks::Json(&["ok=false", "error", "path"]),
        Looks::Json(&["[].ok", "[].error"]),
    ],
    blank: None,
    read,
};

/// Entries remembered so that one vulnerability is not told for each path to it.
const MAX_SEEN: usize = 200_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    severity_with_critical: Text<'a>,
    #[serde(borrow, default)]
    cvss_score: Text<'a>,
    #[serde(borrow, default, rename = "CVSSv3")]
    vector: Text<'a>,
    #[serde(borrow, default)]
    cvss_sources: Few<CvssSource<'a>>,
    #[serde(borrow, default)]
    identifiers: Maybe<Identifiers<'a>>,
    #[serde(borrow, default)]
    package_name: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    package_manager: Text<'a>,
    #[serde(borrow, default)]
    fixed_in: Few<Text<'a>>,
    #[serde(borrow, default)]
    nearest_fixed_in_version: Text<'a>,
    #[serde(borrow, default)]
    reachability: Text<'a>,
    #[serde(borrow, default)]
    epss_details: Maybe<EpssDetails<'a>>,
    #[serde(borrow, default)]
    filtered: Maybe<Filtered<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CvssSource<'a> {
    #[serde(borrow, default)]
    vector: Text<'a>,
    #[serde(borrow, default)]
    base_score: Text<'a>,
    #[serde(borrow, default)]
    assigner: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Identifiers<'a> {
    #[serde(borrow, default)]
    cve: Few<Text<'a>>,
    #[serde(borrow, default)]
    cwe: Few<Text<'a>>,
    #[serde(borrow, default)]
    ghsa: Few<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EpssDetails<'a> {
    #[serde(borrow, default)]
    probability: Text<'a>,
    #[serde(borrow, default)]
    model_version: Text<'a>,
}

#[derive(Deserialize)]
struct Filtered<'a> {
    #[serde(borrow, default)]
    ignored: Few<Ignored<'a>>,
}

#[derive(Deserialize)]
struct Ignored<'a> {
    #[serde(borrow, default)]
    reason: Text<'a>,
    #[serde(borrow, default)]
    expires: Text<'a>,
}

/// A project. Members come in any order, so issues that came before its names are told with what is known then.
struct Project<'c> {
    report: ScanReport<'c>,
    seen: BTreeSet<(String, String)>,
    /// Those ignored on some path. One that is open on another is open.
    ignored: BTreeSet<(String, String)>,
    /// It says that all is well, or not.
    well: Option<bool>,
    listed: u64,
    file: String,
    manager: String,
    failed: u64,
    projects: u64,
    error: Option<String>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sca, "Snyk");
    let mut project = Project {
        report,
        seen: BTreeSet::new(),
        ignored: BTreeSet::new(),
        well: None,
        listed: 0,
        file: String::new(),
        manager: String::new(),
        failed: 0,
        projects: 0,
        error: None,
    };
    project.report.scan.database = Database::Live;
    json::read(input, &mut project)?;
    let Project { mut report, failed, projects, .. } = project;
    report.count("projects", projects);
    if failed > 0 && failed == projects {
        report.scan.success = Some(false);
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for Project<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "vulnerabilities" => json::each(value, |issue: Issue<'de>| self.issue(&issue, false))?,
            "filtered" => json::objects(value, &mut Ignore(self))?,
            // Further projects inside an image; they are no projects of their own.
            "applications" => {
                json::objects(value, self)?;
                self.projects = self.projects.saturating_sub(1);
            }
            "docker" => {
                self.report.kind(ScanKind::Container);
                json::skip(value)?;
            }
            "ok" => self.well = Some(json::value::<Text<'de>, A>(value)?.yes()),
            "error" => self.error = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "dependencyCount" => {
                let n = json::value::<Text<'de>, A>(value)?.number().unwrap_or(0);
                self.report.looked_at(n);
            }
            "severityThreshold" => {
                let least = json::value::<Text<'de>, A>(value)?;
                if least.some().is_some_and(|l| l != "low") {
                    self.report.partial(format!("It was told to leave out what is below {}", &*least));
                }
            }
            "path" => self.report.scan.target = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "packageManager" => self.manager = clip(&json::value::<Text<'de>, A>(value)?),
            "displayTargetFile" | "targetFile" => self.file = clip(&json::value::<Text<'de>, A>(value)?),
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        self.projects += 1;
        if let Some(error) = self.error.take() {
            self.well = None;
            self.failed += 1;
            self.report.partial(format!("A project could not be tested: {error}"));
        }
        if self.well == Some(false) && self.listed == 0 {
            self.report.partial("A project is not well, and nothing is listed for it");
        }
        self.file.clear();
        self.seen.clear();
        self.ignored.clear();
        (self.well, self.listed) = (None, 0);
    }
}

struct Ignore<'p, 'c>(&'p mut Project<'c>);

impl<'de> Object<'de> for Ignore<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "ignore" => json::each(value, |issue: Issue<'de>| self.0.issue(&issue, true)),
            _ => json::skip(value),
        }
    }
}

impl Project<'_> {
    fn issue(&mut self, issue: &Issue<'_>, ignored: bool) {
        self.report.count("listed", 1);
        let name = issue.package_name.some().or_else(|| issue.name.some()).unwrap_or_default();
        let key = (clip(&issue.id), format!("{name}@{}", &*issue.version));
        self.listed += 1;
        let seen = if ignored { &mut self.ignored } else { &mut self.seen };
        if seen.len() < MAX_SEEN && !seen.insert(key.clone()) || ignored && self.seen.contains(&key) {
            return;
        }
        if &*issue.kind == "license" {
            self.report.count("licence_issues", 1);
            return;
        }
        let ids = issue.identifiers.get();
        let mut scores: Vec<_> = severity::score(&issue.vector, issue.cvss_score.float(), "snyk").into_iter().collect();
        scores.extend(
            issue
                .cvss_sources
                .iter()
                .take(10)
                .filter_map(|c| severity::score(&c.vector, c.base_score.float(), &c.assigner)),
        );
        scores.sort();
        scores.dedup();
        let manager = issue.package_manager.some().unwrap_or(&self.manager);
        let ecosystem = manager.split(':').next().unwrap_or_default();
        let why = issue.filtered.get().and_then(|f| f.ignored.first());
        let version = issue.version.some();
        let found = Found {
            rule: &issue.id,
            title: &issue.title,
            place: &self.file,
            word: issue.severity_with_critical.some().unwrap_or(&issue.severity),
            scores,
            epss: issue
                .epss_details
                .get()
                .and_then(|e| severity::epss(e.probability.float(), e.model_version.some(), None)),
            aliases: ids.into_iter().flat_map(|i| i.cve.iter().chain(&i.ghsa)).map(|a| clip(a)).collect(),
            cwes: ids.into_iter().flat_map(|i| &i.cwe).filter_map(|c| severity::cwe(c)).collect(),
            component: Some(Component {
                name: name.to_owned(),
                version: version.map(str::to_owned),
                purl: purl::make(ecosystem, name, version),
                fixed_in: issue
                    .fixed_in
                    .first()
                    .map(|f| clip(f))
                    .or_else(|| issue.nearest_fixed_in_version.some().map(clip)),
            }),
            reachable: match issue.reachability.to_ascii_lowercase().as_str() {
                "reachable" | "function" | "package" => Some(true),
                "not-reachable" | "no path found" | "no-path-found" => Some(false),
                _ => None,
            },
            suppressed: ignored.then(|| match why {
                Some(why) => format!("ignored until {}: {}", why.expires.some().unwrap_or("ever"), &*why.reason),
                None => "ignored".to_owned(),
            }),
            ..Found::default()
        };
        self.report.finding(found);
    }
}
