//! GitHub alert exports of the REST API (2022-11-28): code scanning, secret scanning, Dependabot; one page, or pages in
//! a list. They list alerts and tell nothing of what was looked at. Dismissed counts as suppressed, fixed not at all.

use crate::prelude::*;

pub(crate) static CODE: Definition = Definition {
    name: "github-code-scanning",
    title: "GitHub code scanning alerts",
    family: Family::Analysis,
    standard: "GitHub REST API 2022-11-28, code-scanning/alerts",
    looks: &[
        Looks::Json(&["[].most_recent_instance", "[].rule:{}"]),
        Looks::Json(&["[][].most_recent_instance", "[][].rule:{}"]),
    ],
    blank: Some("[]"),
    read: read_code,
};

pub(crate) static SECRET: Definition = Definition {
    name: "github-secret-scanning",
    title: "GitHub secret scanning alerts",
    family: Family::Analysis,
    standard: "GitHub REST API 2022-11-28, secret-scanning/alerts",
    looks: &[Looks::Json(&["[].secret_type", "[].state"]), Looks::Json(&["[][].secret_type", "[][].state"])],
    blank: Some("[]"),
    read: read_secret,
};

pub(crate) static DEPENDABOT: Definition = Definition {
    name: "github-dependabot",
    title: "GitHub Dependabot alerts",
    family: Family::Components,
    standard: "GitHub REST API 2022-11-28, dependabot/alerts",
    looks: &[
        Looks::Json(&["[].security_advisory", "[].dependency"]),
        Looks::Json(&["[][].security_advisory", "[][].dependency"]),
    ],
    blank: Some("[]"),
    read: read_dependabot,
};

#[derive(Deserialize)]
struct CodeAlert<'a> {
    #[serde(borrow, default)]
    number: Text<'a>,
    #[serde(borrow, default)]
    state: Text<'a>,
    #[serde(borrow, default)]
    created_at: Text<'a>,
    #[serde(borrow, default)]
    dismissed_reason: Text<'a>,
    #[serde(borrow, default)]
    dismissed_comment: Text<'a>,
    #[serde(borrow, default)]
    rule: Maybe<Rule<'a>>,
    #[serde(borrow, default)]
    tool: Maybe<Tool<'a>>,
    #[serde(borrow, default)]
    most_recent_instance: Maybe<Instance<'a>>,
    #[serde(borrow, default)]
    repository: Maybe<Repository<'a>>,
}

#[derive(Deserialize)]
struct Rule<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    security_severity_level: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    tags: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
struct Instance<'a> {
    #[serde(borrow, default)]
    commit_sha: Text<'a>,
    #[serde(borrow, default)]
    location: Maybe<Location<'a>>,
}

#[derive(Deserialize)]
struct Location<'a> {
    #[serde(borrow, default)]
    path: Text<'a>,
    #[serde(borrow, default)]
    start_line: Text<'a>,
}

#[derive(Deserialize)]
struct Repository<'a> {
    #[serde(borrow, default)]
    full_name: Text<'a>,
}

/// Open, dismissed with its reason, or neither: fixed.
fn state(state: &str, reason: &str, comment: &str) -> Option<Option<String>> {
    match state {
        "fixed" | "closed" => None,
        "dismissed" | "auto_dismissed" => {
            let reason = if reason.is_empty() { state } else { reason };
            Some(Some(format!("{reason}: {comment}").trim_end_matches([':', ' ']).to_owned()))
        }
        _ => Some(None),
    }
}

fn read_code<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sast, "GitHub code scanning");
    let mut commits: Vec<String> = Vec::new();
    json::records(input, |alert: CodeAlert<'de>| {
        report.count("alerts", 1);
        let rule = alert.rule.get();
        let instance = alert.most_recent_instance.get();
        commits.extend(
            instance.and_then(|i| i.commit_sha.some()).map(str::to_ascii_lowercase).filter(|_| commits.len() < 2),
        );
        commits.dedup();
        if let Some(tool) = alert.tool.get() {
            report.scan.tool = clip(&tool.name);
            report.scan.tool_version = tool.version.some().map(clip);
        }
        let Some(suppressed) = state(&alert.state, &alert.dismissed_reason, &alert.dismissed_comment) else {
            report.count("fixed", 1);
            return;
        };
        let location = instance.and_then(|i| i.location.get());
        let own = format!("{}#{}", alert.repository.get().map_or("", |r| &r.full_name), &*alert.number);
        let word =
            rule.and_then(|r| r.security_severity_level.some().or_else(|| r.severity.some())).unwrap_or_default();
        report.finding(Found {
            rule: rule.map_or("", |r| &r.id),
            title: rule.map_or("", |r| &r.description),
            place: location.map_or("", |l| &l.path),
            line: location.and_then(|l| l.start_line.number()),
            own: alert.number.some().map(|_| own.as_str()),
            word,
            cwes: rule.into_iter().flat_map(|r| &r.tags).filter_map(|t| severity::cwe(t.rsplit('/').next()?)).collect(),
            suppressed,
            first_seen: alert.created_at.time(),
            ..Found::default()
        });
    })?;
    // Alerts of one commit tell the commit; those of several tell none.
    if let [commit] = commits.as_slice() {
        report.scan.commit = Some(commit.clone()).filter(|c| c.len() == 40);
    }
    Ok(report.finish())
}

#[derive(Deserialize)]
struct SecretAlert<'a> {
    #[serde(borrow, default)]
    number: Text<'a>,
    #[serde(borrow, default)]
    state: Text<'a>,
    #[serde(borrow, default)]
    created_at: Text<'a>,
    #[serde(borrow, default)]
    resolution: Text<'a>,
    #[serde(borrow, default)]
    resolution_comment: Text<'a>,
    #[serde(borrow, default)]
    secret_type: Text<'a>,
    #[serde(borrow, default)]
    secret_type_display_name: Text<'a>,
    #[serde(borrow, default)]
    validity: Text<'a>,
    #[serde(borrow, default)]
    publicly_leaked: Text<'a>,
    #[serde(borrow, default)]
    first_location_detected: Maybe<Location<'a>>,
    #[serde(borrow, default)]
    repository: Maybe<Repository<'a>>,
}

fn read_secret<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Secret, "GitHub secret scanning");
    json::records(input, |alert: SecretAlert<'de>| {
        report.count("alerts", 1);
        let left_out = match &*alert.resolution {
            _ if &*alert.state != "resolved" => None,
            // A revoked secret is worth nothing any more: fixed.
            "revoked" => {
                report.count("fixed", 1);
                return;
            }
            other => Some(format!("{other}: {}", &*alert.resolution_comment).trim_end_matches([':', ' ']).to_owned()),
        };
        let location = alert.first_location_detected.get();
        let own = format!("{}#{}", alert.repository.get().map_or("", |r| &r.full_name), &*alert.number);
        let level = match &*alert.validity {
            "active" => Level::Critical,
            _ if alert.publicly_leaked.yes() => Level::Critical,
            "inactive" => Level::Medium,
            _ => Level::High,
        };
        report.finding(Found {
            rule: &alert.secret_type,
            title: alert.secret_type_display_name.some().unwrap_or(&alert.secret_type),
            place: location.map_or("", |l| &l.path),
            line: location.and_then(|l| l.start_line.number()),
            own: alert.number.some().map(|_| own.as_str()),
            word: &alert.validity,
            level: Some(level),
            cwes: vec![798],
            suppressed: left_out,
            first_seen: alert.created_at.time(),
            ..Found::default()
        });
    })?;
    Ok(report.finish())
}

#[derive(Deserialize)]
struct DependencyAlert<'a> {
    #[serde(borrow, default)]
    state: Text<'a>,
    #[serde(borrow, default)]
    created_at: Text<'a>,
    #[serde(borrow, default)]
    dismissed_reason: Text<'a>,
    #[serde(borrow, default)]
    dismissed_comment: Text<'a>,
    #[serde(borrow, default)]
    dependency: Maybe<Dependency<'a>>,
    #[serde(borrow, default)]
    security_advisory: Maybe<Advisory<'a>>,
    #[serde(borrow, default)]
    security_vulnerability: Maybe<Vulnerability<'a>>,
}

#[derive(Deserialize)]
struct Dependency<'a> {
    #[serde(borrow, default)]
    package: Maybe<Package<'a>>,
    #[serde(borrow, default)]
    manifest_path: Text<'a>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default)]
    ecosystem: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Advisory<'a> {
    #[serde(borrow, default)]
    ghsa_id: Text<'a>,
    #[serde(borrow, default)]
    cve_id: Text<'a>,
    #[serde(borrow, default)]
    summary: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cvss: Maybe<Cvss<'a>>,
    #[serde(borrow, default)]
    cvss_severities: Maybe<CvssSeverities<'a>>,
    #[serde(borrow, default)]
    cwes: Few<CweEntry<'a>>,
    #[serde(borrow, default)]
    epss: Maybe<EpssEntry<'a>>,
}

#[derive(Deserialize)]
struct Cvss<'a> {
    #[serde(borrow, default)]
    vector_string: Text<'a>,
    #[serde(borrow, default)]
    score: Text<'a>,
}

#[derive(Deserialize)]
struct CvssSeverities<'a> {
    #[serde(borrow, default)]
    cvss_v3: Maybe<Cvss<'a>>,
    #[serde(borrow, default)]
    cvss_v4: Maybe<Cvss<'a>>,
}

#[derive(Deserialize)]
struct CweEntry<'a> {
    #[serde(borrow, default)]
    cwe_id: Text<'a>,
}

#[derive(Deserialize)]
struct EpssEntry<'a> {
    #[serde(borrow, default)]
    percentage: Text<'a>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    first_patched_version: Maybe<Patched<'a>>,
}

#[derive(Deserialize)]
struct Patched<'a> {
    #[serde(borrow, default)]
    identifier: Text<'a>,
}

fn read_dependabot<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "GitHub Dependabot");
    report.scan.database = Database::Live;
    json::records(input, |alert: DependencyAlert<'de>| {
        report.count("alerts", 1);
        let Some(suppressed) = state(&alert.state, &alert.dismissed_reason, &alert.dismissed_comment) else {
            report.count("fixed", 1);
            return;
        };
        let advisory = alert.security_advisory.get();
        let vulnerability = alert.security_vulnerability.get();
        let dependency = alert.dependency.get();
        let package = dependency.and_then(|d| d.package.get());
        let word = vulnerability.and_then(|v| v.severity.some()).or_else(|| advisory.and_then(|a| a.severity.some()));
        let name = package.map_or("", |p| &p.name);
        let both = advisory.and_then(|a| a.cvss_severities.get());
        let cvss = [
            advisory.and_then(|a| a.cvss.get()),
            both.and_then(|b| b.cvss_v3.get()),
            both.and_then(|b| b.cvss_v4.get()),
        ];
        let mut scores: Vec<_> = cvss
            .into_iter()
            .flatten()
            .filter_map(|c| severity::score(&c.vector_string, c.score.float(), "ghsa"))
            .collect();
        scores.dedup();
        report.finding(Found {
            rule: advisory.map_or("", |a| &a.ghsa_id),
            title: advisory.map_or("", |a| &a.summary),
            place: dependency.map_or("", |d| &d.manifest_path),
            word: word.unwrap_or_default(),
            scores,
            epss: advisory.and_then(|a| a.epss.get()).and_then(|e| severity::epss(e.percentage.float(), None, None)),
            aliases: advisory.and_then(|a| a.cve_id.some()).map(clip).into_iter().collect(),
            cwes: advisory.into_iter().flat_map(|a| &a.cwes).filter_map(|c| severity::cwe(&c.cwe_id)).collect(),
            component: Some(Component {
                name: name.to_owned(),
                version: None,
                purl: package.and_then(|p| purl::make(&p.ecosystem, name, None)),
                fixed_in: vulnerability.and_then(|v| v.first_patched_version.get()?.identifier.some()).map(clip),
            }),
            suppressed,
            first_seen: alert.created_at.time(),
            ..Found::default()
        });
    })?;
    Ok(report.finish())
}
