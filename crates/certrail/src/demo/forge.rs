//! Payloads as GitHub sends them, as far as anybody reads them.

use certrail_domain::Time;
use serde_json::{Value, json};

/// An account; names that end in `[bot]` are programs.
pub(crate) fn user(login: &str) -> Value {
    json!({ "login": login, "type": if login.ends_with("[bot]") { "Bot" } else { "User" } })
}

fn repository(name: &str, at: Time) -> Value {
    // The forge's id of it: a repository keeps it whatever it is called.
    let id = name.bytes().fold(7_u64, |id, b| (id * 31 + u64::from(b)) % 2_147_483_647);
    json!({ "id": id, "full_name": name, "pushed_at": at.as_micros() / 1_000_000, "default_branch": "main" })
}

/// A commit id made from a label, so that stories are the same each time.
pub(crate) fn sha(label: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, label.as_bytes());
    data_encoding::HEXLOWER.encode(&digest.as_ref()[..20])
}

/// An image digest made from a label.
pub(crate) fn digest(label: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("image {label}").as_bytes());
    format!("sha256:{}", data_encoding::HEXLOWER.encode(digest.as_ref()))
}

/// A push of commits (sha, author, message) to a branch.
pub(crate) fn push(
    repo: &str,
    at: Time,
    branch: &str,
    before: Option<&str>,
    commits: &[(String, String, String)],
    by: &str,
) -> Value {
    let zero = "0".repeat(40);
    let list: Vec<Value> = commits
        .iter()
        .map(|(id, author, message)| json!({ "id": id, "message": message, "timestamp": at.to_string(), "author": { "name": author, "username": author } }))
        .collect();
    let after = commits.last().map_or_else(|| zero.clone(), |c| c.0.clone());
    json!({
        "ref": format!("refs/heads/{branch}"), "before": before.unwrap_or(&zero), "after": after, "forced": false, "deleted": false,
        "created": before.is_none(), "commits": list, "head_commit": list.last(), "pusher": { "name": by }, "sender": user(by), "repository": repository(repo, at),
    })
}

/// A tag at a commit.
pub(crate) fn tag(repo: &str, at: Time, name: &str, commit: &str, by: &str) -> Value {
    json!({
        "ref": format!("refs/tags/{name}"), "before": "0".repeat(40), "after": commit, "created": true, "deleted": false, "forced": false,
        "commits": [], "head_commit": { "id": commit }, "pusher": { "name": by }, "sender": user(by), "repository": repository(repo, at),
    })
}

/// What a pull request event says.
pub(crate) struct Pull<'a> {
    pub(crate) repo: &'a str,
    pub(crate) number: u64,
    pub(crate) title: &'a str,
    pub(crate) author: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) head: &'a str,
    pub(crate) merge: Option<(&'a str, &'a str)>,
}

/// A pull request event.
pub(crate) fn pull_request(at: Time, action: &str, p: &Pull<'_>, sender: &str) -> Value {
    let mut pull = pull(at, p);
    if action == "closed" {
        pull["state"] = json!("closed");
    }
    json!({
        "action": action, "number": p.number, "pull_request": pull,
        "sender": user(sender), "repository": repository(p.repo, at),
    })
}

fn pull(at: Time, p: &Pull<'_>) -> Value {
    json!({
        "number": p.number, "title": p.title, "body": "", "user": user(p.author), "assignees": [],
        "state": if p.merge.is_some() { "closed" } else { "open" }, "merged": p.merge.is_some(),
        "merged_at": p.merge.map(|_| at.to_string()), "merge_commit_sha": p.merge.map(|(sha, _)| sha), "merged_by": p.merge.map(|(_, by)| user(by)),
        "head": { "sha": p.head, "ref": p.branch }, "base": { "ref": "main" },
        "html_url": format!("https://github.com/{}/pull/{}", p.repo, p.number), "updated_at": at.to_string(),
    })
}

/// A review of a revision.
pub(crate) fn review(at: Time, p: &Pull<'_>, reviewer: &str, state: &str, revision: &str) -> Value {
    json!({
        "action": if state == "dismissed" { "dismissed" } else { "submitted" },
        "review": { "user": user(reviewer), "state": state, "commit_id": revision, "submitted_at": at.to_string() },
        "pull_request": pull(at, p), "sender": user(reviewer), "repository": repository(p.repo, at),
    })
}

/// A finished check run.
pub(crate) fn check_run(repo: &str, at: Time, commit: &str, name: &str, conclusion: &str) -> Value {
    json!({
        "action": "completed",
        "check_run": { "head_sha": commit, "name": name, "status": "completed", "conclusion": conclusion, "completed_at": at.to_string(), "app": { "slug": "github-actions" }, "check_suite": { "head_branch": "main" } },
        "sender": user("github-actions[bot]"), "repository": repository(repo, at),
    })
}

/// A finished workflow run.
pub(crate) fn workflow_run(repo: &str, at: Time, commit: &str, id: u64, conclusion: &str) -> Value {
    json!({
        "action": "completed",
        "workflow_run": { "id": id, "name": "ci", "head_sha": commit, "head_branch": "main", "status": "completed", "conclusion": conclusion, "run_attempt": 1, "updated_at": at.to_string() },
        "sender": user("github-actions[bot]"), "repository": repository(repo, at),
    })
}

/// Branch protection as it stands.
pub(crate) fn branch_rule(repo: &str, at: Time, reviews: u64) -> Value {
    json!({
        "action": "edited",
        "rule": { "name": "main", "updated_at": at.to_string(), "pull_request_reviews_enforcement_level": "everyone", "required_approving_review_count": reviews, "dismiss_stale_reviews_on_push": true, "admin_enforced": true, "required_status_checks": ["ci"], "required_status_checks_enforcement_level": "everyone" },
        "sender": user("olaf"), "repository": repository(repo, at),
    })
}

/// A deployment, or one of its states.
pub(crate) fn deployment(
    repo: &str,
    at: Time,
    id: u64,
    environment: &str,
    commit: &str,
    digest: &str,
    state: Option<&str>,
) -> Value {
    let mut value = json!({
        "action": "created",
        "deployment": { "id": id, "sha": commit, "ref": commit, "task": "deploy", "environment": environment, "production_environment": environment == "production", "payload": { "digests": [digest] }, "creator": user("deploy-pipeline[bot]"), "created_at": at.to_string() },
        "sender": user("deploy-pipeline[bot]"), "repository": repository(repo, at),
    });
    if let Some(state) = state {
        value["deployment_status"] = json!({ "state": state, "created_at": at.to_string() });
    }
    value
}

/// A dependency alert.
pub(crate) fn dependabot(repo: &str, at: Time, number: u64, since: Time, severity: &str, title: &str) -> Value {
    json!({
        "action": "created",
        "alert": { "number": number, "state": "open", "created_at": since.to_string(), "updated_at": at.to_string(), "security_advisory": { "cve_id": format!("CVE-2026-{number:04}"), "summary": title, "severity": severity }, "security_vulnerability": { "severity": severity } },
        "sender": user("dependabot[bot]"), "repository": repository(repo, at),
    })
}
