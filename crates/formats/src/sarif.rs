//! SARIF 2.1.0 (OASIS, 27 March 2020, with errata 01).
//!
//! A result counts as a finding when its `kind` is `fail` (§3.27.9), its level follows §3.27.10 or the
//! `security-severity` of its rule, and it is not suppressed (§3.27.23).

use std::{borrow::Cow, collections::BTreeMap};

use certrail_domain::{
    Facts, Time,
    facts::{FindingSeen, Level, Levels, Scan, ScanKind},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::{Format, Hints, NotRead, Reading, clip};

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(borrow)]
    runs: Option<Vec<Run<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    #[serde(borrow)]
    tool: Option<Tool<'a>>,
    #[serde(borrow, default)]
    results: Option<Vec<SarifResult<'a>>>,
    #[serde(default)]
    artifacts: Option<Vec<IgnoredAny>>,
    #[serde(borrow, default)]
    invocations: Option<Vec<Invocation<'a>>>,
    #[serde(borrow, default)]
    version_control_provenance: Option<Vec<Provenance<'a>>>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow)]
    driver: Driver<'a>,
    #[serde(borrow, default)]
    extensions: Option<Vec<Driver<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    semantic_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    rules: Option<Vec<Rule<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    default_configuration: Option<Configuration<'a>>,
    #[serde(borrow, default)]
    properties: Option<RuleProperties<'a>>,
    #[serde(borrow, default)]
    short_description: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Configuration<'a> {
    #[serde(borrow, default)]
    level: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RuleProperties<'a> {
    #[serde(borrow, default, rename = "security-severity")]
    security_severity: Option<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    #[serde(borrow, default)]
    rule_id: Option<Cow<'a, str>>,
    #[serde(default)]
    rule_index: Option<i64>,
    #[serde(borrow, default)]
    rule: Option<RuleReference<'a>>,
    #[serde(borrow, default)]
    level: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    locations: Option<Vec<Location<'a>>>,
    #[serde(borrow, default)]
    suppressions: Option<Vec<Suppression<'a>>>,
    #[serde(borrow, default)]
    partial_fingerprints: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    #[serde(borrow, default)]
    fingerprints: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    #[serde(borrow, default)]
    baseline_state: Option<Cow<'a, str>>,
    #[serde(default)]
    stacks: Option<Vec<Stack>>,
}

#[derive(Deserialize)]
struct RuleReference<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    index: Option<i64>,
}

#[derive(Deserialize)]
struct Stack {
    #[serde(default)]
    frames: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(borrow, default)]
    physical_location: Option<PhysicalLocation<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation<'a> {
    #[serde(borrow, default)]
    artifact_location: Option<ArtifactLocation<'a>>,
}

#[derive(Deserialize)]
struct ArtifactLocation<'a> {
    #[serde(borrow, default)]
    uri: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Suppression<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    #[serde(default)]
    execution_successful: Option<bool>,
    #[serde(borrow, default)]
    end_time_utc: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance<'a> {
    #[serde(borrow, default)]
    revision_id: Option<Cow<'a, str>>,
}

pub(crate) fn read(text: &str, hints: &Hints) -> Result<Reading, NotRead> {
    let log: Log<'_> = serde_json::from_str(text)
        .map_err(|e| NotRead::new(Some("sarif"), format!("It is SARIF, and a member has the wrong type: {e}.")))?;
    let runs = log.runs.unwrap_or_default();
    let mut scan = Scan {
        scan: ScanKind::Unknown,
        tool: String::new(),
        tool_version: None,
        success: None,
        looked_at: None,
        rules: 0,
        levels: Levels::default(),
        suppressed: 0,
        findings: Vec::new(),
        commit: None,
        digests: Vec::new(),
        finished_at: None,
        database_at: None,
    };
    let mut warnings = Vec::new();
    let (mut results, mut tools) = (0_u64, Vec::new());
    for run in &runs {
        results += run.results.as_ref().map_or(0, Vec::len) as u64;
        if let Some(tool) = &run.tool {
            tools.push(clip(&tool.driver.name));
            let version = tool.driver.semantic_version.as_ref().or(tool.driver.version.as_ref());
            scan.tool_version = scan.tool_version.or_else(|| version.map(|v| clip(v)));
        }
        read_run(run, &mut scan, &mut warnings);
    }
    tools.sort();
    tools.dedup();
    scan.tool = tools.join(", ");
    scan.scan = hints.scan.unwrap_or_else(|| kind_of_tool(&scan.tool));
    scan.findings.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    let valid = warnings.is_empty();
    if scan.findings.len() > Scan::MAX_FINDINGS {
        warnings.push(format!("The first {} findings are listed; all are counted.", Scan::MAX_FINDINGS));
        scan.findings.truncate(Scan::MAX_FINDINGS);
    }
    if runs.is_empty() {
        warnings.push("It holds no run: nothing was scanned.".to_owned());
    }
    if scan.success == Some(false) {
        warnings.push("The tool says that it did not run to its end.".to_owned());
    }
    if scan.scan == ScanKind::Unknown {
        warnings.push(
            "What the tool looks for is not known; say it with --for sast|secret|sca|container|iac|dast.".to_owned(),
        );
    }
    let counts = BTreeMap::from([
        ("results", results),
        ("runs", runs.len() as u64),
        ("rules", scan.rules),
        ("suppressed", scan.suppressed),
        ("critical", scan.levels.critical),
        ("high", scan.levels.high),
        ("medium", scan.levels.medium),
        ("low", scan.levels.low),
        ("info", scan.levels.info),
    ]);
    let subjects = scan.commit.iter().cloned().collect();
    Ok(Reading { format: Format::Sarif, valid, facts: Facts::Scan(scan), counts, subjects, warnings })
}

fn read_run(run: &Run<'_>, scan: &mut Scan, warnings: &mut Vec<String>) {
    let driver = run.tool.as_ref().map(|t| &t.driver);
    if driver.is_none_or(|d| d.name.is_empty()) {
        warnings.push("A run names no tool (§3.14.6, §3.19.8).".to_owned());
    }
    let rules: &[Rule<'_>] = driver.and_then(|d| d.rules.as_deref()).unwrap_or(&[]);
    let extensions = run.tool.as_ref().and_then(|t| t.extensions.as_deref()).unwrap_or(&[]);
    scan.rules += rules.len() as u64;
    scan.rules += extensions.iter().map(|e| e.rules.as_ref().map_or(0, Vec::len) as u64).sum::<u64>();
    if let Some(artifacts) = &run.artifacts {
        scan.looked_at = Some(scan.looked_at.unwrap_or(0) + artifacts.len() as u64);
    }
    for invocation in run.invocations.iter().flatten() {
        // One run that failed makes the whole report partial.
        let good = invocation.execution_successful.unwrap_or(false);
        scan.success = Some(scan.success.unwrap_or(true) && good);
        let end = invocation.end_time_utc.as_ref().and_then(|t| Time::parse(t).ok());
        scan.finished_at = scan.finished_at.max(end);
    }
    for provenance in run.version_control_provenance.iter().flatten() {
        let revision = provenance.revision_id.as_ref().map(|r| r.to_ascii_lowercase());
        scan.commit = scan.commit.take().or(revision.filter(|r| r.len() == 40 || r.len() == 64));
    }
    let all_rules: Vec<&Rule<'_>> =
        rules.iter().chain(extensions.iter().flat_map(|e| e.rules.iter().flatten())).collect();
    let by_id: BTreeMap<&str, &Rule<'_>> = all_rules.iter().map(|r| (r.id.as_ref(), *r)).collect();
    for result in run.results.iter().flatten() {
        if result.message.is_none() {
            warnings.push("A result has no message (§3.27.11).".to_owned());
        }
        if result.stacks.iter().flatten().any(|s| s.frames.is_none()) {
            warnings.push("A stack has no frames (§3.44.3).".to_owned());
        }
        read_result(result, rules, &by_id, scan);
    }
    warnings.dedup();
}

fn read_result(result: &SarifResult<'_>, rules: &[Rule<'_>], by_id: &BTreeMap<&str, &Rule<'_>>, scan: &mut Scan) {
    if result.kind.as_deref().is_some_and(|kind| kind != "fail") || result.baseline_state.as_deref() == Some("absent") {
        return;
    }
    let reference = result.rule.as_ref();
    let id = result.rule_id.as_deref().or_else(|| reference.and_then(|r| r.id.as_deref()));
    let index = result.rule_index.or_else(|| reference.and_then(|r| r.index));
    let rule = index
        .and_then(|i| usize::try_from(i).ok())
        .and_then(|i| rules.get(i))
        .or_else(|| id.and_then(|id| by_id.get(id).copied()));
    let rule_id = id.or_else(|| rule.map(|r| r.id.as_ref())).unwrap_or("(no rule)");
    let level = level_of(result, rule);
    let suppressed = result.suppressions.as_ref().is_some_and(|all| {
        !all.is_empty() && all.iter().all(|s| !matches!(s.status.as_deref(), Some("rejected" | "underReview")))
    });
    if suppressed {
        scan.suppressed += 1;
    } else {
        scan.levels.add(level);
    }
    let place = result
        .locations
        .iter()
        .flatten()
        .find_map(|l| l.physical_location.as_ref()?.artifact_location.as_ref()?.uri.as_deref())
        .unwrap_or_default();
    let message = result.message.as_ref().and_then(|m| m.text.as_deref());
    let title = message.or_else(|| rule.and_then(|r| r.short_description.as_ref()?.text.as_deref())).unwrap_or(rule_id);
    // The tool's own fingerprint is stable by its promise; else rule, file and message, never the line.
    let own = result.fingerprints.iter().chain(&result.partial_fingerprints).find_map(|f| f.values().next());
    let fingerprint = match own {
        Some(own) => clip(&format!("{rule_id}:{own}")),
        None => clip(&format!("{rule_id}:{place}:{title}")),
    };
    scan.findings.push(FindingSeen {
        fingerprint,
        rule: clip(rule_id),
        level,
        title: clip(title),
        place: clip(place),
        suppressed,
    });
}

/// `security-severity` where the rule has one, else the result's level, the rule's, `warning` (§3.27.10).
fn level_of(result: &SarifResult<'_>, rule: Option<&Rule<'_>>) -> Level {
    let score = rule
        .and_then(|r| r.properties.as_ref()?.security_severity)
        .and_then(|raw| raw.get().trim_matches('"').parse::<f64>().ok());
    if let Some(score) = score {
        return Level::of_score(score);
    }
    let configured = rule.and_then(|r| r.default_configuration.as_ref()?.level.as_deref());
    match result.level.as_deref().or(configured).unwrap_or("warning") {
        "error" => Level::High,
        "warning" => Level::Medium,
        "note" => Level::Low,
        _ => Level::Info,
    }
}

/// What well-known tools look for. A tool not listed here is `Unknown`, and the sender has to say.
fn kind_of_tool(tool: &str) -> ScanKind {
    let tool = tool.to_ascii_lowercase();
    let any = |names: &[&str]| names.iter().any(|n| tool.contains(n));
    if any(&["gitleaks", "trufflehog", "detect-secrets", "ggshield"]) {
        ScanKind::Secret
    } else if any(&[
        "trivy",
        "grype",
        "osv-scanner",
        "dependency-check",
        "snyk open source",
        "docker scout",
        "govulncheck",
    ]) {
        ScanKind::Sca
    } else if any(&["checkov", "tfsec", "kics", "terrascan", "hadolint"]) {
        ScanKind::Iac
    } else if any(&["zap", "nuclei", "burp"]) {
        ScanKind::Dast
    } else if any(&[
        "codeql",
        "semgrep",
        "bandit",
        "gosec",
        "eslint",
        "sonar",
        "brakeman",
        "shellcheck",
        "clippy",
        "psalm",
        "checkmarx",
        "snyk code",
        "spotbugs",
        "pmd",
    ]) {
        ScanKind::Sast
    } else {
        ScanKind::Unknown
    }
}
