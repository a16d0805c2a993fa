//! Events about deployments.

use certrail_domain::{
    Facts,
    facts::{Approval, ApprovalVerdict, Deployment, DeploymentState},
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

fn base(v: &Value, repository: &str, state: DeploymentState) -> Result<Deployment, String> {
    let d = v.get("deployment").ok_or_else(|| lacks("deployment"))?;
    let environment = text(d, "/environment").ok_or_else(|| lacks("deployment.environment"))?;
    Ok(Deployment {
        system: format!("github:{repository}"),
        id: number(d, "/id").ok_or_else(|| lacks("deployment.id"))?.to_string(),
        environment: environment.into(),
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
    let environment = text(v, "/workflow_job_runs/0/environment")
        .or_else(|| text(v, "/workflow_job_run/environment"))
        .or_else(|| text(v, "/environment"))
        .ok_or_else(|| lacks("the environment"))?;
    let approver = account(v, "/approver").or_else(|| account(v, "/sender"));
    Ok((
        Facts::Approval(Approval {
            environment: environment.into(),
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
