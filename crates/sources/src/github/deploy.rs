//! Events about deployments.

use certrail_domain::{
    Facts,
    facts::{Approval, ApprovalVerdict, Deployment, DeploymentState, same_environment},
    is_invisible,
};
use serde_json::Value;

use super::{Mapped, lacks};
use crate::payload::{account, commit, digest_in, line, number, text, time};

/// What the sender put into the deployment's payload: `{"digests": […]}`, `{"image": "…@sha256:…"}`, as object or as JSON text.
fn digests(deployment: &Value) -> Vec<String> {
    let payload = &deployment["payload"];
    let parsed = payload.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let payload = parsed.as_ref().unwrap_or(payload);
    let many = payload["digests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let single = [&payload["digest"], &payload["image"]];
    let mut found: Vec<String> = many.iter().chain(single).filter_map(Value::as_str).filter_map(digest_in).collect();
    found.sort();
    found.dedup();
    found
}

/// The name of an environment, without blanks around it and without what nobody sees.
fn environment(name: Option<&str>) -> Option<String> {
    let seen: String = name?.chars().filter(|c| !is_invisible(*c)).collect();
    Some(seen.trim().to_owned()).filter(|name| !name.is_empty())
}

fn base(v: &Value, repository: &str, state: DeploymentState) -> Result<Deployment, String> {
    let d = v.get("deployment").ok_or_else(|| lacks("deployment"))?;
    let environment = environment(text(d, "/environment")).ok_or_else(|| lacks("deployment.environment"))?;
    Ok(Deployment {
        system: format!("github:{repository}"),
        id: number(d, "/id").ok_or_else(|| lacks("deployment.id"))?.to_string(),
        environment,
        // Whether an environment of that name is production is for the product to say.
        production: d["production_environment"].as_bool().unwrap_or(false),
        state,
        commit: commit(d, "/sha"),
        digests: digests(d),
        reference: text(d, "/ref").map(str::to_owned),
        deployer: account(d, "/creator"),
        at: time(d, "/created_at"),
        rollback: text(d, "/task").is_some_and(|t| t.contains("rollback")),
        repository: Some(repository.into()),
        run: number(v, "/workflow_run/id"),
    })
}

pub(super) fn deployment(v: &Value, repository: &str) -> Mapped {
    let deployment = base(v, repository, DeploymentState::Requested)?;
    let at = deployment.at;
    Ok((Facts::Deployment(deployment), at))
}

pub(super) fn deployment_status(v: &Value, repository: &str) -> Mapped {
    let state = match text(v, "/deployment_status/state").ok_or_else(|| lacks("deployment_status.state"))? {
        "success" => DeploymentState::Succeeded,
        "failure" | "error" => DeploymentState::Failed,
        "in_progress" => DeploymentState::Started,
        "inactive" => DeploymentState::Inactive,
        _ => DeploymentState::Requested,
    };
    let mut deployment = base(v, repository, state)?;
    deployment.at = time(v, "/deployment_status/created_at");
    let at = deployment.at;
    Ok((Facts::Deployment(deployment), at))
}

pub(super) fn deployment_review(v: &Value, repository: &str) -> Mapped {
    let verdict = match text(v, "/action") {
        Some("approved") => ApprovalVerdict::Approved,
        Some("rejected") => ApprovalVerdict::Rejected,
        _ => return Err("It asks for a review and does not answer one.".to_owned()),
    };
    // One decision speaks of every job that waited for it.
    let jobs = v["workflow_job_runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_jobs = jobs.iter().filter_map(|job| environment(text(job, "/environment")));
    let single = [text(v, "/workflow_job_run/environment"), text(v, "/environment")];
    let mut all: Vec<String> = Vec::new();
    for name in of_jobs.chain(single.into_iter().filter_map(environment)) {
        if !all.iter().any(|known| same_environment(known, &name)) {
            all.push(name);
        }
    }
    let mut all = all.into_iter();
    let environment = all.next().ok_or_else(|| lacks("the environment"))?;
    let approver = account(v, "/approver").or_else(|| account(v, "/sender"));
    Ok((
        Facts::Approval(Approval {
            environment,
            also: all.collect(),
            approver,
            verdict,
            digests: vec![],
            commit: commit(v, "/workflow_run/head_sha"),
            meaning: "approval".into(),
            comment: line(v, "/comment"),
            repository: Some(repository.into()),
            run: number(v, "/workflow_run/id"),
        }),
        time(v, "/workflow_run/updated_at").or_else(|| time(v, "/since")),
    ))
}
