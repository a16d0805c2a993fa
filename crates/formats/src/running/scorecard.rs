//! OpenSSF Scorecard JSON (version 2 of its output). A check below 10 is a finding with the risk that the check has;
//! -1 was not assessed, and after an internal error the report is partial.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "scorecard",
    title: "OpenSSF Scorecard JSON",
    family: Family::Running,
    standard: "OpenSSF Scorecard JSON v2",
    looks: &[Looks::Json(&["scorecard:{}", "checks:[]"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Check<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    score: Text<'a>,
    #[serde(borrow, default)]
    reason: Text<'a>,
}

#[derive(Deserialize)]
struct Repo<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    commit: Text<'a>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default)]
    version: Text<'a>,
}

/// The risk of each check, as its documentation gives it.
fn risk(check: &str) -> Level {
    match check {
        "Dangerous-Workflow" | "Webhooks" => Level::Critical,
        "Binary-Artifacts"
        | "Branch-Protection"
        | "Code-Review"
        | "Dependency-Update-Tool"
        | "Maintained"
        | "Signed-Releases"
        | "Token-Permissions"
        | "Vulnerabilities" => Level::High,
        "CI-Tests" | "CII-Best-Practices" | "Contributors" | "License" => Level::Low,
        _ => Level::Medium,
    }
}

struct Scorecard<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut scorecard = Scorecard(ScanReport::new(context, ScanKind::Posture, "OpenSSF Scorecard"));
    json::read(input, &mut scorecard)?;
    Ok(scorecard.0.finish())
}

impl<'de> Object<'de> for Scorecard<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "checks" => {
                report.looked_at(0);
                json::each(value, |check: Check<'de>| {
                    report.count("checks", 1);
                    report.scan.rules += 1;
                    match check.score.float() {
                        Some(score) if score >= 10.0 => report.looked_at(1),
                        Some(score) if score >= 0.0 => {
                            report.looked_at(1);
                            report.finding(Found {
                                rule: &check.name,
                                title: &check.reason,
                                own: check.name.some(),
                                word: &check.score,
                                level: Some(risk(&check.name)),
                                ..Found::default()
                            });
                        }
                        _ => {
                            report.count("not_assessed", 1);
                            if check.reason.starts_with("internal error") {
                                report.partial(format!("{}: {}", &*check.name, &*check.reason));
                            }
                        }
                    }
                })?;
            }
            "date" => report.scan.finished_at = json::value::<Text<'de>, A>(value)?.time(),
            "repo" => {
                let repo: Maybe<Repo<'de>> = json::value(value)?;
                let Some(repo) = repo.get() else { return Ok(()) };
                report.scan.target = repo.name.some().map(clip);
                report.scan.commit = repo.commit.some().map(str::to_ascii_lowercase).filter(|c| c.len() == 40);
            }
            "scorecard" => {
                let tool: Maybe<Tool<'de>> = json::value(value)?;
                report.scan.tool_version = tool.get().and_then(|t| t.version.some()).map(clip);
            }
            "score" => {
                let score: Text<'de> = json::value(value)?;
                report.subjects.extend(score.some().map(|s| format!("score {s} of 10")));
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}
