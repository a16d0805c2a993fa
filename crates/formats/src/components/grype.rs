//! Grype JSON. It tells when its database was built and whether it is valid; a database that is not makes the scan worth
//! nothing. Packages without matches are not listed, so nothing found is weak proof.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "grype",
    title: "Grype JSON",
    family: Family::Components,
    standard: "Grype JSON document, databases 1 to 6",
    looks: &[
        Looks::Json(&["matches:[]", "descriptor.name=grype"]),
        Looks::Json(&["matches:[]", "descriptor.db"]),
        Looks::Json(&["matches:[]", "source", "distro"]),
        Looks::Json(&["matches[].vulnerability", "matches[].artifact"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match<'a> {
    #[serde(borrow, default)]
    vulnerability: Maybe<Vulnerability<'a>>,
    #[serde(borrow, default)]
    related_vulnerabilities: Few<Vulnerability<'a>>,
    #[serde(borrow, default)]
    artifact: Maybe<Artifact<'a>>,
    #[serde(borrow, default)]
    applied_ignore_rules: Few<IgnoreRule<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    cvss: Few<Cvss<'a>>,
    #[serde(borrow, default)]
    fix: Maybe<Fix<'a>>,
    #[serde(borrow, default)]
    epss: Few<Epss<'a>>,
    #[serde(default)]
    known_exploited: Counted,
    #[serde(borrow, default)]
    cwes: Few<Cwe<'a>>,
}

#[derive(Deserialize)]
struct Cvss<'a> {
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default)]
    vector: Text<'a>,
    #[serde(borrow, default)]
    metrics: Maybe<Metrics<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'a> {
    #[serde(borrow, default)]
    base_score: Text<'a>,
}

#[derive(Deserialize)]
struct Fix<'a> {
    #[serde(borrow, default)]
    versions: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Epss<'a> {
    #[serde(borrow, default)]
    epss: Text<'a>,
    #[serde(borrow, default)]
    date: Text<'a>,
}

#[derive(Deserialize)]
struct Cwe<'a> {
    #[serde(borrow, default)]
    cwe: Text<'a>,
}

#[derive(Deserialize)]
struct Artifact<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    purl: Text<'a>,
    #[serde(borrow, default)]
    locations: Few<Location<'a>>,
}

#[derive(Deserialize)]
struct Location<'a> {
    #[serde(borrow, default)]
    path: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct IgnoreRule<'a> {
    #[serde(borrow, default)]
    reason: Text<'a>,
    #[serde(borrow, default)]
    vex_status: Text<'a>,
    #[serde(borrow, default)]
    vex_justification: Text<'a>,
    #[serde(borrow, default)]
    fix_state: Text<'a>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    target: Few<Target<'a>>,
}

/// An image; a path comes as text and is left out here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target<'a> {
    #[serde(borrow, default)]
    user_input: Text<'a>,
    #[serde(borrow, default)]
    manifest_digest: Text<'a>,
    #[serde(borrow, default)]
    repo_digests: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Descriptor<'a> {
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    db: Maybe<Db<'a>>,
}

#[derive(Deserialize)]
struct Db<'a> {
    #[serde(borrow, default)]
    status: Maybe<DbStatus<'a>>,
    #[serde(borrow, default)]
    built: Text<'a>,
    #[serde(borrow, default)]
    error: Text<'a>,
    #[serde(borrow, default)]
    valid: Text<'a>,
}

#[derive(Deserialize)]
struct DbStatus<'a> {
    #[serde(borrow, default)]
    built: Text<'a>,
    #[serde(borrow, default)]
    error: Text<'a>,
    #[serde(borrow, default)]
    valid: Text<'a>,
}

struct Grype<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut grype = Grype(ScanReport::new(context, ScanKind::Sca, "Grype"));
    json::read(input, &mut grype)?;
    Ok(grype.0.finish())
}

impl<'de> Object<'de> for Grype<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "matches" => json::each(value, |m: Match<'de>| {
                report.count("matches", 1);
                finding(report, &m, None);
            }),
            "ignoredMatches" => json::each(value, |m: Match<'de>| {
                let rule = m.applied_ignore_rules.first();
                let words = rule.map(|r| [&r.reason, &r.vex_status, &r.vex_justification, &r.fix_state]);
                let why: Vec<&str> = words.iter().flatten().filter_map(|t| t.some()).collect();
                finding(report, &m, Some(format!("ignored: {}", why.join(" "))));
            }),
            "source" => {
                let source: Maybe<Source<'de>> = json::value(value)?;
                if let Some(source) = source.get() {
                    if &*source.kind == "image" {
                        report.kind(ScanKind::Container);
                    }
                    if let Some(image) = source.target.first() {
                        report.scan.target = image.user_input.some().map(clip);
                        let repo = image.repo_digests.iter().filter_map(|d| Some(d.split_once('@')?.1));
                        let all = repo.chain(image.manifest_digest.some()).map(clip);
                        report.scan.digests.extend(all.filter(|d| d.starts_with("sha256:")));
                    }
                }
                Ok(())
            }
            "descriptor" => {
                let descriptor: Maybe<Descriptor<'de>> = json::value(value)?;
                if let Some(descriptor) = descriptor.get() {
                    descriptor_facts(report, descriptor);
                }
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

fn descriptor_facts(report: &mut ScanReport<'_>, descriptor: &Descriptor<'_>) {
    report.scan.tool_version = descriptor.version.some().map(clip);
    report.scan.finished_at = descriptor.timestamp.time();
    let Some(db) = descriptor.db.get() else { return };
    let status = db.status.get();
    let built = status.and_then(|s| s.built.time()).or_else(|| db.built.time());
    // The zero date of Go means that there is none.
    let built = built.filter(|b| b.as_micros() > 0);
    report.scan.database = built.map_or(Database::Undated, Database::Dated);
    let error = status.and_then(|s| s.error.some()).or_else(|| db.error.some());
    let invalid = status.map_or(&db.valid, |s| &s.valid).eq_ignore_ascii_case("false");
    if invalid || error.is_some() {
        report.scan.success = Some(false);
        report.partial(format!("Its database cannot be trusted: {}", error.unwrap_or("not valid")));
    }
}

fn finding(report: &mut ScanReport<'_>, m: &Match<'_>, suppressed: Option<String>) {
    let (Some(v), Some(artifact)) = (m.vulnerability.get(), m.artifact.get()) else {
        report.faults.add("A match has no vulnerability or no artifact.");
        return;
    };
    let all = || std::iter::once(v).chain(&m.related_vulnerabilities);
    let scores = all()
        .find(|v| v.cvss.total > 0)
        .into_iter()
        .flat_map(|v| &v.cvss)
        .filter_map(|c| severity::score(&c.vector, c.metrics.get().and_then(|m| m.base_score.float()), &c.source));
    let epss = all().find_map(|v| v.epss.first());
    let first_line = v.description.lines().next().filter(|l| !l.trim().is_empty());
    let related_line = || m.related_vulnerabilities.iter().find_map(|r| r.description.some());
    let version = artifact.version.some();
    report.finding(Found {
        rule: &v.id,
        title: first_line.or_else(related_line).unwrap_or(&v.id),
        place: artifact.locations.first().map_or("", |l| &l.path),
        word: &v.severity,
        scores: scores.take(20).collect(),
        epss: epss.and_then(|e| severity::epss(e.epss.float(), None, e.date.some())),
        known_exploited: all().any(|v| v.known_exploited.0 > 0).then_some(true),
        aliases: m.related_vulnerabilities.iter().map(|r| clip(&r.id)).collect(),
        cwes: all().flat_map(|v| &v.cwes).filter_map(|c| severity::cwe(&c.cwe)).collect(),
        component: Some(Component {
            name: artifact.name.to_string(),
            version: version.map(str::to_owned),
            purl: artifact.purl.some().map(clip).or_else(|| purl::make(&artifact.kind, &artifact.name, version)),
            fixed_in: v.fix.get().and_then(|f| f.versions.first()).map(|f| clip(f)),
        }),
        suppressed: suppressed.map(|s| s.trim_end_matches([':', ' ']).to_owned()),
        ..Found::default()
    });
}
