//! What the forge delivers, as far as anybody reads it.

use certrail_domain::Time;
use serde_json::{Value, json};

use super::{
    forge::{Forge, Said, State},
    moves::{MEMBERS, PEOPLE, Say, Who},
};

/// A delivery, and when what it tells happened.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) at: Time,
    pub(super) event: &'static str,
    pub(super) payload: Value,
}

fn user(who: Who) -> Value {
    let login = PEOPLE[who];
    json!({ "login": login, "type": if login.ends_with("[bot]") { "Bot" } else { "User" } })
}

fn repository(forge: &Forge) -> Value {
    let id = forge.repository.bytes().fold(7_u64, |id, b| (id * 31 + u64::from(b)) % 1_000_000_007);
    json!({ "id": id, "full_name": forge.repository, "pushed_at": forge.pushed.as_micros() / Time::SECOND, "default_branch": "main" })
}

fn delivery(forge: &Forge, event: &'static str, by: Who, mut payload: Value) -> Delivery {
    payload["repository"] = repository(forge);
    payload["sender"] = user(by);
    Delivery { at: forge.now, event, payload }
}

/// A branch is about to move to `head`.
pub(super) fn push(forge: &Forge, branch: &str, head: &str, by: Who, forced: bool) -> Delivery {
    let before = forge.heads.get(branch);
    let base = before.or_else(|| forge.heads.get("main"));
    let zero = "0".repeat(40);
    let list: Vec<Value> = forge
        .between(base.map(String::as_str), head)
        .iter()
        .map(|id| {
            let commit = &forge.commits[id];
            let trailers: String =
                commit.with.iter().map(|w| format!("\nCo-authored-by: {}", super::forge::mail(*w))).collect();
            let committer = if commit.by_forge {
                json!({ "name": "GitHub", "email": "noreply@github.com", "username": "web-flow" })
            } else {
                json!({ "name": PEOPLE[commit.author], "username": PEOPLE[commit.author] })
            };
            json!({ "id": id, "message": format!("{}\n{trailers}", commit.title), "distinct": !forge.is_elsewhere(id, branch),
                "author": { "name": PEOPLE[commit.author], "username": PEOPLE[commit.author] }, "committer": committer })
        })
        .collect();
    let told = json!({ "ref": format!("refs/heads/{branch}"), "before": before.unwrap_or(&zero), "after": head, "forced": forced,
        "created": before.is_none(), "deleted": false, "commits": list, "pusher": { "name": PEOPLE[by] } });
    delivery(forge, "push", by, told)
}

/// A tag at a commit.
pub(super) fn tag(forge: &Forge, name: &str, commit: &str) -> Delivery {
    let told = json!({ "ref": format!("refs/tags/{name}"), "before": "0".repeat(40), "after": commit, "created": true,
        "deleted": false, "forced": false, "commits": [], "head_commit": { "id": commit }, "pusher": { "name": PEOPLE[0] } });
    delivery(forge, "push", 0, told)
}

fn pull(forge: &Forge, n: usize) -> Value {
    let change = &forge.changes[n];
    let merged = change.state == State::Merged;
    json!({
        "number": change.number, "title": format!("Change {}", change.number), "body": "", "user": user(change.opener), "assignees": [],
        "state": if change.state == State::Open { "open" } else { "closed" }, "merged": merged, "commits": change.count,
        "merged_at": merged.then(|| forge.now.to_string()), "merge_commit_sha": change.merge, "merged_by": change.merged_by.map(user),
        "head": { "sha": change.head(), "ref": change.source }, "base": { "ref": change.target },
        "updated_at": forge.now.to_string(), "html_url": format!("https://github.com/{}/pull/{}", forge.repository, change.number),
    })
}

/// Something happened to a change.
pub(super) fn change(forge: &Forge, n: usize, action: &str, by: Who) -> Delivery {
    let told = json!({ "action": action, "number": forge.changes[n].number, "pull_request": pull(forge, n) });
    delivery(forge, "pull_request", by, told)
}

/// A review, or that somebody set it aside.
pub(super) fn review(forge: &Forge, n: usize, said: &Said, aside: Option<Who>) -> Delivery {
    let state = match (aside, said.say) {
        (Some(_), _) => "dismissed",
        (None, Say::Yes) => "approved",
        (None, Say::No) => "changes_requested",
        (None, Say::Comment) => "commented",
    };
    let told = json!({
        "action": if aside.is_some() { "dismissed" } else { "submitted" },
        "review": { "id": said.number, "user": user(said.by), "state": state, "commit_id": said.revision,
            "submitted_at": said.at.to_string(), "author_association": if said.by < MEMBERS { "MEMBER" } else { "NONE" } },
        "pull_request": pull(forge, n),
    });
    delivery(forge, "pull_request_review", aside.unwrap_or(said.by), told)
}

/// What tells that all protection was switched off, or on.
pub(super) const SWITCHED: &str = "branch_protection_configuration";

/// All protection was switched off, or on again: no time is told but that of the last push.
pub(super) fn switched(forge: &Forge, on: bool) -> Delivery {
    let told = json!({ "action": if on { "enabled" } else { "disabled" } });
    delivery(forge, SWITCHED, 0, told)
}

/// The protection of main.
pub(super) fn rule(forge: &Forge, reviews: Option<u64>) -> Delivery {
    let told = json!({
        "action": if reviews.is_some() { "edited" } else { "deleted" },
        "rule": { "id": 1, "name": "main", "updated_at": forge.rule_changed.to_string(), "pull_request_reviews_enforcement_level": "everyone",
            "required_approving_review_count": reviews.unwrap_or(1), "dismiss_stale_reviews_on_push": false, "admin_enforced": true,
            "required_status_checks": [], "required_status_checks_enforcement_level": "off" },
    });
    delivery(forge, "branch_protection_rule", 0, told)
}
