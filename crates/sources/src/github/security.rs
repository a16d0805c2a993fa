//! Alerts of GitHub's own scanners.

use certrail_domain::{
    Facts,
    facts::{Alert, AlertSource, Level},
};
use serde_json::Value;

use super::{Mapped, lacks};
use crate::payload::{commit, line, number, text, time};

fn level(word: Option<&str>) -> Option<Level> {
    match word? {
        "critical" => Some(Level::Critical),
        "high" | "error" => Some(Level::High),
        "medium" | "moderate" | "warning" => Some(Level::Medium),
        "low" | "note" => Some(Level::Low),
        _ => None,
    }
}

fn alert(v: &Value, repository: &str, source: AlertSource) -> Result<Alert, String> {
    let a = v.get("alert").ok_or_else(|| lacks("alert"))?;
    let action = line(v, "/action");
    // Some feeds leave the state out; then the action tells.
    let open = match text(a, "/state") {
        Some(state) => state == "open",
        None => !matches!(action.as_str(), "resolved" | "fixed" | "dismissed" | "auto_dismissed" | "closed_by_user"),
    };
    Ok(Alert {
        repository: repository.into(),
        source,
        number: number(a, "/number").ok_or_else(|| lacks("alert.number"))?,
        open,
        dismissed: time(a, "/dismissed_at").is_some() || action.ends_with("dismissed"),
        rule: String::new(),
        level: None,
        title: String::new(),
        detected_at: time(a, "/created_at"),
        commit: None,
        branch: None,
        url: text(a, "/html_url").map(str::to_owned),
        action,
    })
}

pub(super) fn code_scanning(v: &Value, repository: &str) -> Mapped {
    let mut alert = alert(v, repository, AlertSource::CodeScanning)?;
    let a = &v["alert"];
    alert.rule = line(a, "/rule/id");
    alert.title = line(a, "/rule/description");
    alert.level = level(text(a, "/rule/security_severity_level")).or_else(|| level(text(a, "/rule/severity")));
    alert.commit = commit(a, "/most_recent_instance/commit_sha").or_else(|| commit(v, "/commit_oid"));
    // `refs/pull/7/merge` is a branch of nobody's and stays as it is.
    let seen_on = text(a, "/most_recent_instance/ref").or_else(|| text(v, "/ref"));
    alert.branch = seen_on.filter(|r| !r.is_empty()).map(|r| r.strip_prefix("refs/heads/").unwrap_or(r).to_owned());
    let at = time(a, "/updated_at").or(alert.detected_at);
    Ok((Facts::Alert(alert), at))
}

pub(super) fn dependabot(v: &Value, repository: &str) -> Mapped {
    let mut alert = alert(v, repository, AlertSource::Dependency)?;
    let a = &v["alert"];
    alert.rule = text(a, "/security_advisory/cve_id")
        .or_else(|| text(a, "/security_advisory/ghsa_id"))
        .unwrap_or_default()
        .into();
    alert.title = line(a, "/security_advisory/summary");
    alert.level =
        level(text(a, "/security_vulnerability/severity")).or_else(|| level(text(a, "/security_advisory/severity")));
    let at = time(a, "/updated_at").or(alert.detected_at);
    Ok((Facts::Alert(alert), at))
}

pub(super) fn secret_scanning(v: &Value, repository: &str) -> Mapped {
    let mut alert = alert(v, repository, AlertSource::SecretScanning)?;
    let a = &v["alert"];
    alert.rule = line(a, "/secret_type");
    alert.title = text(a, "/secret_type_display_name").unwrap_or(&alert.rule).into();
    // Any live secret is critical until somebody shows otherwise.
    alert.level = Some(Level::Critical);
    let at = time(a, "/updated_at").or_else(|| time(a, "/resolved_at")).or(alert.detected_at);
    Ok((Facts::Alert(alert), at))
}
