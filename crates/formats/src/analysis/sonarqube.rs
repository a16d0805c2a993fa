//! SonarQube and SonarCloud web API exports: `api/issues/search` (one page), and the quality gate of
//! `api/qualitygates/project_status`, whose failed conditions are findings.
//!
//! Neither says what was analysed, so neither proves that anything was looked at.

use crate::prelude::*;

pub(crate) static ISSUES: Definition = Definition {
    name: "sonarqube-issues",
    title: "SonarQube issues",
    family: Family::Analysis,
    standard: "SonarQube web API, api/issues/search",
    looks: &[Looks::Json(&["issues:[]", "paging:{}"]), Looks::Json(&["issues[].rule", "issues[].component"])],
    blank: None,
    read: read_issues,
};

pub(crate) static GATE: Definition = Definition {
    name: "sonarqube-gate",
    title: "SonarQube quality gate",
    family: Family::Analysis,
    standard: "SonarQube web API, api/qualitygates/project_status",
    looks: &[Looks::Json(&["projectStatus.status"])],
    blank: None,
    read: read_gate,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue<'a> {
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow, default)]
    rule: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    component: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    resolution: Text<'a>,
    #[serde(borrow, default)]
    issue_status: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    creation_date: Text<'a>,
    #[serde(borrow, default)]
    r#type: Text<'a>,
    #[serde(borrow, default)]
    tags: Few<Text<'a>>,
    #[serde(borrow, default)]
    impacts: Few<Impact<'a>>,
    #[serde(borrow, default)]
    comments: Few<Comment<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impact<'a> {
    #[serde(borrow, default)]
    software_quality: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
}

#[derive(Deserialize)]
struct Comment<'a> {
    #[serde(borrow, default)]
    markdown: Text<'a>,
}

#[derive(Deserialize)]
struct Paging<'a> {
    #[serde(borrow, default)]
    total: Text<'a>,
}

struct Issues<'c> {
    report: ScanReport<'c>,
    listed: u64,
    total: Option<u64>,
}

fn read_issues<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut issues = Issues { report: ScanReport::new(context, ScanKind::Sast, "SonarQube"), listed: 0, total: None };
    json::read(input, &mut issues)?;
    let Issues { mut report, listed, total } = issues;
    report.count("listed", listed);
    if let Some(total) = total.filter(|total| *total > listed) {
        report.partial(format!("It is one page: {listed} of {total} issues"));
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for Issues<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "issues" => json::each(value, |issue: Issue<'de>| {
                self.listed += 1;
                self.issue(&issue);
            }),
            "paging" => {
                let paging: Maybe<Paging<'de>> = json::value(value)?;
                self.total = paging.get().and_then(|p| p.total.number());
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

impl Issues<'_> {
    fn issue(&mut self, issue: &Issue<'_>) {
        let resolution = issue.resolution.some().or_else(|| issue.issue_status.some()).unwrap_or_default();
        if matches!(resolution, "FIXED" | "REMOVED") || &*issue.status == "CLOSED" && resolution.is_empty() {
            self.report.count("closed", 1);
            return;
        }
        let left_out = matches!(resolution, "FALSE-POSITIVE" | "FALSE_POSITIVE" | "WONTFIX" | "ACCEPTED");
        let comment = issue.comments.iter().last().and_then(|c| c.markdown.some());
        let security = issue.impacts.iter().find(|i| &*i.software_quality == "SECURITY").or(issue.impacts.first());
        let word = issue.severity.some().or_else(|| security.and_then(|i| i.severity.some())).unwrap_or_default();
        // Their CRITICAL is the second of five.
        let level = match (issue.severity.some().is_some(), word) {
            (_, "BLOCKER") => Some(Level::Critical),
            (true, "CRITICAL") => Some(Level::High),
            (true, "MAJOR") => Some(Level::Medium),
            (true, "MINOR") => Some(Level::Low),
            _ => None,
        };
        self.report.count(
            match &*issue.r#type {
                "VULNERABILITY" => "vulnerabilities",
                "BUG" => "bugs",
                "CODE_SMELL" => "code_smells",
                _ => "other_issues",
            },
            1,
        );
        self.report.finding(Found {
            rule: &issue.rule,
            title: &issue.message,
            place: issue.component.split_once(':').map_or(&*issue.component, |(_, path)| path),
            line: issue.line.number(),
            own: issue.key.some(),
            word,
            level,
            cwes: issue.tags.iter().filter(|t| t.starts_with("cwe-")).filter_map(|t| severity::cwe(t)).collect(),
            suppressed: left_out.then(|| match comment {
                Some(comment) => format!("{resolution}: {comment}"),
                None => resolution.to_owned(),
            }),
            first_seen: issue.creation_date.time(),
            ..Found::default()
        });
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    conditions: Few<Condition<'a>>,
    #[serde(borrow, default)]
    ignored_conditions: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition<'a> {
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    metric_key: Text<'a>,
    #[serde(borrow, default)]
    comparator: Text<'a>,
    #[serde(borrow, default)]
    error_threshold: Text<'a>,
    #[serde(borrow, default)]
    actual_value: Text<'a>,
}

struct Gate<'c>(ScanReport<'c>);

fn read_gate<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut gate = Gate(ScanReport::new(context, ScanKind::Sast, "SonarQube quality gate"));
    json::read(input, &mut gate)?;
    Ok(gate.0.finish())
}

impl<'de> Object<'de> for Gate<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        if key != "projectStatus" {
            return json::skip(value);
        }
        let status: Maybe<Status<'de>> = json::value(value)?;
        let Some(status) = status.get() else { return Ok(()) };
        match &*status.status {
            "OK" | "WARN" | "ERROR" => report.scan.success = Some(true),
            other => {
                report.scan.success = Some(false);
                report.warnings.add(format!("No gate was computed: its status is `{}`.", clip(other)));
            }
        }
        report.scan.rules = status.conditions.total;
        report.looked_at(status.conditions.total);
        let failing = |c: &&Condition<'_>| &*c.status == "ERROR";
        if &*status.status == "ERROR" && !status.conditions.iter().any(|c| failing(&c)) {
            let title = "The gate failed, and no condition that failed is listed";
            report.finding(Found { rule: "gate", title, level: Some(Level::High), ..Found::default() });
        }
        let forgiven = status.ignored_conditions.yes() && &*status.status == "OK";
        for condition in status.conditions.iter().filter(|c| matches!(&*c.status, "ERROR" | "WARN")) {
            let security = ["security", "vulnerabilit", "hotspot"].iter().any(|w| condition.metric_key.contains(w));
            report.finding(Found {
                rule: &condition.metric_key,
                title: &format!(
                    "{} is {}; the gate fails when it is {} {}",
                    &*condition.metric_key,
                    condition.actual_value.some().unwrap_or("not known"),
                    &*condition.comparator,
                    &*condition.error_threshold
                ),
                context: &condition.metric_key,
                word: &condition.status,
                level: Some(match (&*condition.status, security) {
                    ("ERROR", true) => Level::High,
                    ("ERROR", false) => Level::Medium,
                    _ => Level::Low,
                }),
                suppressed: forgiven.then(|| "too few changed lines for this condition".to_owned()),
                ..Found::default()
            });
        }
        Ok(())
    }
}
