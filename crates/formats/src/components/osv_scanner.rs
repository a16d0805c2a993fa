//! OSV-Scanner JSON (1 and 2). A group of records that are aliases of each other is one finding.
//! Packages without problems are listed only with `--all-packages`, so nothing found is weak proof.

use std::collections::{HashMap, HashSet};

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "osv-scanner",
    title: "OSV-Scanner JSON",
    family: Family::Components,
    standard: "Output of OSV-Scanner 1 and 2; OSV schema 1.x",
    looks: &[
        Looks::Json(&["results[].source", "results[].packages"]),
        Looks::Json(&["results", "experimental_config"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default)]
    package: Maybe<Named<'a>>,
    #[serde(borrow, default)]
    groups: Few<Group<'a>>,
    #[serde(borrow, default)]
    vulnerabilities: Few<Record<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    ecosystem: Text<'a>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow, default)]
    ids: Few<Text<'a>>,
    #[serde(borrow, default)]
    aliases: Few<Text<'a>>,
    #[serde(borrow, default)]
    max_severity: Text<'a>,
    #[serde(borrow, default, rename = "experimentalAnalysis", alias = "experimental_analysis")]
    analysis: Maybe<Analyses<'a>>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Analyses<'a>(#[serde(borrow)] std::collections::BTreeMap<std::borrow::Cow<'a, str>, Analysis<'a>>);

#[derive(Deserialize)]
struct Analysis<'a> {
    #[serde(borrow, default)]
    called: Text<'a>,
}

/// An OSV record, as far as it is read.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    aliases: Few<Text<'a>>,
    #[serde(borrow, default)]
    summary: Text<'a>,
    #[serde(borrow, default)]
    details: Text<'a>,
    #[serde(borrow, default)]
    severity: Few<Severity<'a>>,
    #[serde(borrow, default)]
    affected: Few<Affected<'a>>,
    #[serde(borrow, default)]
    database_specific: Maybe<DatabaseSpecific<'a>>,
}

#[derive(Deserialize)]
struct Severity<'a> {
    #[serde(borrow, default)]
    score: Text<'a>,
}

#[derive(Deserialize)]
struct Affected<'a> {
    #[serde(borrow, default)]
    package: Maybe<Named<'a>>,
    #[serde(borrow, default)]
    ranges: Few<Range<'a>>,
}

#[derive(Deserialize)]
struct Range<'a> {
    #[serde(borrow, default)]
    events: Few<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    fixed: Text<'a>,
}

#[derive(Deserialize)]
struct DatabaseSpecific<'a> {
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cwe_ids: Few<Text<'a>>,
}

struct Osv<'c>(ScanReport<'c>);
struct Results<'r, 'c>(&'r mut ScanReport<'c>, String);

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, default)]
    path: Text<'a>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut osv = Osv(ScanReport::new(context, ScanKind::Sca, "OSV-Scanner"));
    osv.0.scan.database = Database::Live;
    json::read(input, &mut osv)?;
    Ok(osv.0.finish())
}

impl<'de> Object<'de> for Osv<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "results" => json::objects(value, &mut Results(&mut self.0, String::new())),
            "image_metadata" => {
                self.0.kind(ScanKind::Container);
                json::skip(value)
            }
            _ => json::skip(value),
        }
    }
}

impl<'de> Object<'de> for Results<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "source" | "packageSource" => {
                let source: Maybe<Source<'de>> = json::value(value)?;
                self.1 = source.get().map(|s| clip(&s.path)).unwrap_or_default();
                self.0.count("sources", 1);
                Ok(())
            }
            "packages" => json::each(value, |package: Package<'de>| {
                self.0.looked_at(1);
                self.0.count("vulnerabilities", package.vulnerabilities.total);
                findings(self.0, &self.1, &package);
            }),
            _ => json::skip(value),
        }
    }
}

fn findings(report: &mut ScanReport<'_>, source: &str, package: &Package<'_>) {
    let records = report.all(&package.vulnerabilities);
    let by_id: HashMap<&str, &Record<'_>> = records.clone().map(|r| (&*r.id, r)).collect();
    let record = |id: &str| by_id.get(id).copied();
    if package.groups.total > 0 {
        for group in report.all(&package.groups) {
            let Some(first) = group.ids.iter().find_map(|id| record(id)) else {
                report.partial("It groups vulnerabilities that it does not list");
                continue;
            };
            let analyses = group.analysis.get().into_iter().flat_map(|a| a.0.values());
            let called: Vec<bool> = analyses.filter_map(|a| a.called.some()).map(|c| c == "true").collect();
            let reachable = (!called.is_empty()).then(|| called.contains(&true));
            let others = group.ids.iter().chain(&group.aliases).map(|a| clip(a)).collect();
            finding(report, source, package, first, others, group.max_severity.float(), reachable);
        }
        return;
    }
    // Without groups: records that name each other are one.
    let mut done: HashSet<&str> = HashSet::new();
    for record in records {
        if done.contains(&*record.id) || record.aliases.iter().any(|a| done.contains(&**a)) {
            continue;
        }
        done.insert(&record.id);
        done.extend(record.aliases.iter().map(|a| &**a));
        let others = record.aliases.iter().map(|a| clip(a)).collect();
        finding(report, source, package, record, others, None, None);
    }
}

fn finding(
    report: &mut ScanReport<'_>,
    source: &str,
    package: &Package<'_>,
    record: &Record<'_>,
    aliases: Vec<String>,
    max_severity: Option<f64>,
    reachable: Option<bool>,
) {
    let named = package.package.get();
    let (name, ecosystem) = (named.map_or("", |p| &p.name), named.map_or("", |p| &p.ecosystem));
    let version = named.and_then(|p| p.version.some());
    let own = record.affected.iter().filter(|a| a.package.get().is_some_and(|p| &*p.name == name));
    let fixed = own.flat_map(|a| &a.ranges).flat_map(|r| &r.events).find_map(|e| e.fixed.some());
    let mut scores: Vec<_> = record.severity.iter().filter_map(|s| severity::score(&s.score, None, "osv")).collect();
    if scores.is_empty() {
        scores.extend(severity::score("", max_severity, "osv"));
    }
    let specific = record.database_specific.get();
    // A malicious package has no score and needs none.
    let malicious = record.id.starts_with("MAL-");
    report.finding(Found {
        rule: &record.id,
        title: record.summary.some().unwrap_or(&record.details),
        place: source,
        word: specific.map_or("", |s| &s.severity),
        level: malicious.then_some(Level::Critical),
        scores,
        aliases,
        cwes: specific.into_iter().flat_map(|s| &s.cwe_ids).filter_map(|c| severity::cwe(c)).collect(),
        component: Some(Component {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            purl: purl::make(ecosystem, name, version),
            fixed_in: fixed.map(clip),
        }),
        reachable,
        ..Found::default()
    });
}
