//! Events about source code and checks.

use certrail_domain::{
    Actor, ActorKind, Facts, Time,
    facts::{
        BranchRule, BuildRun, Change, ChangeState, Check, CheckConclusion, Commit, Push, Review, ReviewVerdict, Tag,
    },
    ticket_keys,
};
use serde_json::Value;

use super::{Mapped, lacks};
use crate::git::is_forge;
use crate::payload::{account, as_commit, commit, digest_in, line, number, text, time};

pub(super) fn push(v: &Value, repository: &str) -> Mapped {
    let reference = text(v, "/ref").ok_or_else(|| lacks("ref"))?;
    let at = time(v, "/repository/pushed_at");
    let (before, after) = (commit(v, "/before"), commit(v, "/after"));
    if let Some(name) = reference.strip_prefix("refs/tags/") {
        // For an annotated tag `after` is the tag object; the commit is the head commit.
        let commit = commit(v, "/head_commit/id").or(after);
        let removed = v["deleted"].as_bool().unwrap_or(false);
        let tag = Tag { repository: repository.into(), name: name.into(), commit, removed, digests: vec![] };
        return Ok((Facts::Tag(tag), at));
    }
    let branch =
        reference.strip_prefix("refs/heads/").ok_or_else(|| "The ref is neither branch nor tag.".to_owned())?;
    let commits =
        v["commits"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(one_commit).collect();
    let mut pusher = account(v, "/sender");
    if pusher.is_none() {
        pusher = text(v, "/pusher/name").map(certrail_domain::Actor::unknown);
    }
    let forced = v["forced"].as_bool().unwrap_or(false);
    Ok((
        Facts::Push(Push {
            repository: repository.into(),
            branch: branch.into(),
            before,
            after,
            commits,
            forced,
            default_branch: text(v, "/repository/default_branch") == Some(branch),
            pusher,
        }),
        at,
    ))
}

fn one_commit(v: &Value) -> Option<Commit> {
    let sha = commit(v, "/id")?;
    let author = text(v, "/author/username")
        .map(str::to_lowercase)
        .or_else(|| text(v, "/author/email").map(certrail_domain::account_in_commit));
    // What somebody merges by a button, or writes in the editor of the site, GitHub commits as `web-flow`.
    let by_forge = v.get("committer").map(|committer| {
        text(committer, "/username").is_some_and(|name| name.eq_ignore_ascii_case("web-flow"))
            || text(committer, "/email").is_some_and(is_forge)
    });
    let known_before = v["distinct"].as_bool() == Some(false);
    let read = Commit::from_message(&sha, author, text(v, "/message").unwrap_or_default(), None);
    Some(Commit { by_forge, known_before, ..read })
}

pub(super) fn create(v: &Value, repository: &str) -> Mapped {
    if text(v, "/ref_type") != Some("tag") {
        return Err("It tells of a branch; the push event says the same with commits.".to_owned());
    }
    let name = text(v, "/ref").ok_or_else(|| lacks("ref"))?;
    // The event carries no commit (GitHub, `create`): the push of the tag does.
    let tag = Tag { repository: repository.into(), name: name.into(), commit: None, removed: false, digests: vec![] };
    Ok((Facts::Tag(tag), time(v, "/repository/pushed_at")))
}

pub(super) fn release(v: &Value, repository: &str) -> Mapped {
    let name = text(v, "/release/tag_name").ok_or_else(|| lacks("release.tag_name"))?;
    let commit = text(v, "/release/target_commitish").and_then(as_commit);
    let assets = v.pointer("/release/assets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut digests: Vec<String> = assets.iter().filter_map(|a| digest_in(text(a, "/digest")?)).collect();
    digests.sort();
    let removed = text(v, "/action") == Some("deleted");
    let at = time(v, "/release/published_at").or_else(|| time(v, "/release/created_at"));
    Ok((Facts::Tag(Tag { repository: repository.into(), name: name.into(), commit, removed, digests }), at))
}

/// Programs that keep dependencies up to date, by themselves.
const KEEPERS: [&str; 3] = ["dependabot[bot]", "renovate[bot]", "dependabot-preview[bot]"];

pub(super) fn pull_request(v: &Value, repository: &str) -> Mapped {
    let pr = v.get("pull_request").ok_or_else(|| lacks("pull_request"))?;
    let action = line(v, "/action");
    let author = account(pr, "/user");
    let merged = pr["merged"].as_bool().unwrap_or(false) || time(pr, "/merged_at").is_some();
    let state = match (merged, text(pr, "/state")) {
        (true, _) => ChangeState::Merged,
        (false, Some("closed")) => ChangeState::Closed,
        _ => ChangeState::Open,
    };
    // Whoever is assigned to an agent's pull request asked for it.
    // Not of one that keeps dependencies up to date: there it says who shall look at it.
    let asked_for = |a: &&Actor| a.kind == ActorKind::Bot && !KEEPERS.contains(&a.account.as_str());
    let principal = author.as_ref().filter(asked_for).and_then(|_| {
        let assignees = pr["assignees"].as_array()?;
        (0..assignees.len())
            .filter_map(|i| account(pr, &format!("/assignees/{i}")))
            .find(|a| a.kind == ActorKind::Human)
    });
    let moves_head = matches!(action.as_str(), "opened" | "synchronize" | "reopened");
    let words = format!("{} {} {}", line(pr, "/title"), text(pr, "/body").unwrap_or_default(), line(pr, "/head/ref"));
    let change = Change {
        repository: repository.into(),
        number: number(pr, "/number").or_else(|| number(v, "/number")).ok_or_else(|| lacks("its number"))?,
        state,
        title: line(pr, "/title"),
        tickets: ticket_keys(&words),
        author,
        principal,
        head: commit(pr, "/head/sha").ok_or_else(|| lacks("head.sha"))?,
        head_branch: line(pr, "/head/ref"),
        target_branch: text(pr, "/base/ref").ok_or_else(|| lacks("base.ref"))?.into(),
        pusher: moves_head.then(|| account(v, "/sender")).flatten(),
        merge_commit: merged.then(|| commit(pr, "/merge_commit_sha")).flatten(),
        merged_by: account(pr, "/merged_by"),
        merged_at: time(pr, "/merged_at"),
        commits: Vec::new(),
        commit_count: number(pr, "/commits"),
        url: text(pr, "/html_url").map(str::to_owned),
        action,
    };
    let at = change.merged_at.or_else(|| time(pr, "/updated_at")).or_else(|| time(pr, "/created_at"));
    Ok((Facts::Change(change), at))
}

pub(super) fn review(v: &Value, repository: &str) -> Mapped {
    let review = v.get("review").ok_or_else(|| lacks("review"))?;
    let action = text(v, "/action").unwrap_or_default();
    let verdict = match (action, text(review, "/state").unwrap_or_default().to_ascii_lowercase().as_str()) {
        ("dismissed", _) => ReviewVerdict::Dismissed,
        // Its text was edited after it was set aside: that says nothing new.
        (_, "dismissed") => ReviewVerdict::Commented,
        (_, "approved") => ReviewVerdict::Approved,
        (_, "changes_requested") => ReviewVerdict::ChangesRequested,
        _ => ReviewVerdict::Commented,
    };
    // Of a review that was set aside the forge repeats when it was given; when it was set aside is when the change was updated.
    let given = time(review, "/submitted_at");
    let aside = verdict == ReviewVerdict::Dismissed;
    let at = if aside { time(v, "/pull_request/updated_at").max(given) } else { given };
    // Reviews of those who may not write are opinions: the forge itself does not count them (GitHub, `author_association`).
    let counted = text(review, "/author_association").map(|a| matches!(a, "OWNER" | "MEMBER" | "COLLABORATOR"));
    Ok((
        Facts::Review(Review {
            repository: repository.into(),
            number: number(v, "/pull_request/number").ok_or_else(|| lacks("pull_request.number"))?,
            reviewer: account(review, "/user"),
            verdict,
            revision: commit(review, "/commit_id"),
            submitted_at: at,
            target_branch: text(v, "/pull_request/base/ref").map(str::to_owned),
            counted,
            set_aside_by: aside.then(|| account(v, "/sender")).flatten(),
        }),
        at,
    ))
}

pub(super) fn branch_rule(v: &Value, repository: &str) -> Mapped {
    let rule = v.get("rule").ok_or_else(|| lacks("rule"))?;
    let level = |member: &str| text(rule, member);
    let checks = rule["required_status_checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let checks_on = level("/required_status_checks_enforcement_level") != Some("off");
    let reviews = level("/pull_request_reviews_enforcement_level");
    let removed = text(v, "/action") == Some("deleted");
    let updated_at = time(rule, "/updated_at");
    let rule = BranchRule {
        repository: repository.into(),
        pattern: text(rule, "/name").ok_or_else(|| lacks("rule.name"))?.into(),
        removed,
        switched: None,
        created_at: time(rule, "/created_at"),
        required_reviews: if reviews == Some("off") {
            Some(0)
        } else {
            number(rule, "/required_approving_review_count")
        },
        dismiss_stale: rule["dismiss_stale_reviews_on_push"].as_bool(),
        enforce_admins: rule["admin_enforced"].as_bool(),
        required_checks: if checks_on {
            checks.iter().filter_map(Value::as_str).map(|c| c.chars().take(200).collect()).collect()
        } else {
            vec![]
        },
    };
    // Of a rule that is removed the forge repeats when it was last changed. Nothing was pushed since the last push, so that
    // this is as good as the moment itself.
    let at = if removed { time(v, "/repository/pushed_at").max(updated_at) } else { updated_at };
    Ok((Facts::BranchRule(rule), at))
}

/// All protection of a repository is switched off, or on again (GitHub, `branch_protection_configuration`).
pub(super) fn protection_switched(v: &Value, repository: &str) -> Mapped {
    let on = match text(v, "/action") {
        Some("enabled") => true,
        Some("disabled") => false,
        _ => return Err("It says neither that protection was enabled nor that it was disabled.".to_owned()),
    };
    let rule = BranchRule {
        repository: repository.into(),
        pattern: String::new(),
        removed: false,
        switched: Some(on),
        created_at: None,
        required_reviews: None,
        dismiss_stale: None,
        enforce_admins: None,
        required_checks: vec![],
    };
    // It carries no time but that of the last push, behind which it happened and before any other.
    Ok((Facts::BranchRule(rule), time(v, "/repository/pushed_at")))
}

fn conclusion(status: Option<&str>, conclusion: Option<&str>) -> CheckConclusion {
    match (status, conclusion) {
        (Some(s), _) if s != "completed" => CheckConclusion::Running,
        (_, Some("success")) => CheckConclusion::Success,
        (_, Some("failure" | "startup_failure" | "error")) => CheckConclusion::Failure,
        (_, Some("neutral")) => CheckConclusion::Neutral,
        (_, Some("skipped")) => CheckConclusion::Skipped,
        (_, Some("cancelled" | "timed_out" | "stale")) => CheckConclusion::Cancelled,
        (_, None) => CheckConclusion::Running,
        _ => CheckConclusion::Other,
    }
}

pub(super) fn check_run(v: &Value, repository: &str) -> Mapped {
    let run = v.get("check_run").ok_or_else(|| lacks("check_run"))?;
    let finished_at = time(run, "/completed_at");
    Ok((
        Facts::Check(Check {
            repository: repository.into(),
            commit: commit(run, "/head_sha").ok_or_else(|| lacks("check_run.head_sha"))?,
            name: line(run, "/name"),
            app: text(run, "/app/slug").or_else(|| text(run, "/app/name")).map(str::to_owned),
            conclusion: conclusion(text(run, "/status"), text(run, "/conclusion")),
            finished_at,
            run: None,
            branch: text(run, "/check_suite/head_branch").map(str::to_owned),
        }),
        finished_at.or_else(|| time(run, "/started_at")),
    ))
}

pub(super) fn check_suite(v: &Value, repository: &str) -> Mapped {
    let suite = v.get("check_suite").ok_or_else(|| lacks("check_suite"))?;
    let at = time(suite, "/updated_at");
    let app = text(suite, "/app/slug").or_else(|| text(suite, "/app/name")).map(str::to_owned);
    Ok((
        Facts::Check(Check {
            repository: repository.into(),
            commit: commit(suite, "/head_sha").ok_or_else(|| lacks("check_suite.head_sha"))?,
            name: format!("suite of {}", app.as_deref().unwrap_or("an application")),
            app,
            conclusion: conclusion(text(suite, "/status"), text(suite, "/conclusion")),
            finished_at: at,
            run: None,
            branch: text(suite, "/head_branch").map(str::to_owned),
        }),
        at,
    ))
}

pub(super) fn status(v: &Value, repository: &str) -> Mapped {
    let at = time(v, "/updated_at");
    let state = match text(v, "/state") {
        Some("pending") => CheckConclusion::Running,
        Some("success") => CheckConclusion::Success,
        Some("failure" | "error") => CheckConclusion::Failure,
        _ => CheckConclusion::Other,
    };
    Ok((
        Facts::Check(Check {
            repository: repository.into(),
            commit: commit(v, "/sha").ok_or_else(|| lacks("sha"))?,
            name: line(v, "/context"),
            app: None,
            conclusion: state,
            finished_at: at,
            run: None,
            branch: None,
        }),
        at,
    ))
}

pub(super) fn workflow_run(v: &Value, repository: &str) -> Mapped {
    let run = v.get("workflow_run").ok_or_else(|| lacks("workflow_run"))?;
    let finished_at: Option<Time> = time(run, "/updated_at");
    let name = text(run, "/name").or_else(|| text(v, "/workflow/name")).unwrap_or("workflow");
    Ok((
        Facts::Build(BuildRun {
            repository: repository.into(),
            run: number(run, "/id").ok_or_else(|| lacks("workflow_run.id"))?,
            attempt: number(run, "/run_attempt").unwrap_or(1),
            name: name.chars().take(200).collect(),
            commit: commit(run, "/head_sha").ok_or_else(|| lacks("workflow_run.head_sha"))?,
            branch: text(run, "/head_branch").map(str::to_owned),
            conclusion: conclusion(text(run, "/status"), text(run, "/conclusion")),
            finished_at,
        }),
        finished_at,
    ))
}
