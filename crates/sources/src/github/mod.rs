//! GitHub webhooks (docs.github.com, "Webhook events and payloads").
//!
//! `X-Hub-Signature-256` covers the body only, neither the delivery id nor a time: replays under
//! a fresh id are found by content, not here.

mod code;
mod deploy;
mod security;

use certrail_domain::{Extent, FactId, Facts, HowKnown, Signal, Time};
use serde_json::Value;

use crate::{ForgeRepository, Headers, Home, Read, Refused, Secret, Source, header, payload, signature, unread};

const SIGNATURE: &str = "x-hub-signature-256";
const DELIVERY: &str = "x-github-delivery";
const EVENT: &str = "x-github-event";

/// The GitHub connector.
pub(crate) struct GitHub;

/// What an event handler makes of a payload: facts and when they happened, or why not.
type Mapped = Result<(Facts, Option<Time>), String>;

/// The signature that the headers carry. What cannot be one is refused without a look at the body.
fn tag(headers: &Headers) -> Result<Vec<u8>, Refused> {
    let value = header(headers, SIGNATURE).ok_or(Refused::Unsigned("X-Hub-Signature-256"))?;
    value
        .strip_prefix("sha256=")
        .and_then(|hex| data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok())
        .filter(|tag| tag.len() == 32)
        .ok_or(Refused::WrongSignature)
}

impl Source for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn host(&self) -> &'static str {
        "github.com"
    }

    fn mapper(&self) -> &'static str {
        "github@1"
    }

    fn is_signed(&self, headers: &Headers) -> Result<(), Refused> {
        tag(headers).map(drop)
    }

    fn verify(&self, headers: &Headers, body: &[u8], secrets: &[Secret]) -> Result<String, Refused> {
        if secrets.is_empty() {
            return Err(Refused::NoSecret);
        }
        signature::matching(secrets, body, &tag(headers)?).map(str::to_owned).ok_or(Refused::WrongSignature)
    }

    fn envelope(&self, headers: &Headers) -> Result<(String, String), Refused> {
        // Cut to a length, two ids could become one.
        let take = |name| header(headers, name).filter(|v| !v.trim().is_empty() && v.len() <= 128).map(str::to_owned);
        let delivery = take(DELIVERY).ok_or(Refused::Header("X-GitHub-Delivery"))?;
        let event = take(EVENT).ok_or(Refused::Header("X-GitHub-Event"))?;
        Ok((delivery, event))
    }

    fn read(&self, body: &[u8]) -> Read {
        let value: Result<Value, String> = payload::value(&payload::json(body).0);
        let repository = value.as_ref().ok().and_then(|value| {
            let name = payload::text(value, "/repository/full_name").filter(|name| payload::is_owner_and_name(name))?;
            let id = value.pointer("/repository/id").and_then(|id| match id {
                Value::String(id) => Some(id.clone()),
                Value::Number(id) => Some(id.to_string()),
                _ => None,
            });
            let id = id.filter(|id| !id.is_empty() && id.len() <= 40 && id.chars().all(|c| c.is_ascii_alphanumeric()));
            Some(ForgeRepository { id, name: name.to_ascii_lowercase() })
        });
        Read { value, repository }
    }

    fn map(&self, event: &str, read: &Read, home: &Home<'_>) -> Signal {
        let value = match &read.value {
            Ok(value) => value,
            Err(why) => return unread(home.connector.to_owned(), event, why),
        };
        let Some(repository) = home.repository else {
            return unread(home.connector.to_owned(), event, "The payload names no repository.");
        };
        let source = format!("{}:{repository}", home.connector);
        let mut signal = signal(event, value, repository, source);
        if !matches!(signal.facts, Facts::Unread { .. }) {
            signal.fact = fact_id(home.host, event, value);
        }
        signal.name_host_of_accounts(home.host);
        signal
    }
}

/// What an event of a repository says.
fn signal(event: &str, value: &Value, repository: &str, source: String) -> Signal {
    let mapped = match event {
        "push" => code::push(value, repository),
        "create" => code::create(value, repository),
        "release" => code::release(value, repository),
        "pull_request" => code::pull_request(value, repository),
        "pull_request_review" => code::review(value, repository),
        "branch_protection_rule" => code::branch_rule(value, repository),
        "branch_protection_configuration" => code::protection_switched(value, repository),
        "check_run" => code::check_run(value, repository),
        "check_suite" => code::check_suite(value, repository),
        "status" => code::status(value, repository),
        "workflow_run" => code::workflow_run(value, repository),
        "deployment" => deploy::deployment(value, repository),
        "deployment_status" => deploy::deployment_status(value, repository),
        "deployment_review" => deploy::deployment_review(value, repository),
        "code_scanning_alert" => security::code_scanning(value, repository),
        "dependabot_alert" => security::dependabot(value, repository),
        "secret_scanning_alert" => security::secret_scanning(value, repository),
        _ => Err("There is no mapper for this event.".to_owned()),
    };
    match mapped {
        Ok((facts, occurred_at)) => Signal {
            source,
            name: event.chars().take(128).collect(),
            known: HowKnown::Observed,
            reach: Extent::All,
            repositories: Extent::All,
            occurred_at,
            actor: payload::account(value, "/sender"),
            fact: None,
            part: certrail_domain::EvidencePart::default(),
            facts,
            named: Vec::new(),
            warnings: Vec::new(),
        },
        Err(why) => {
            let mut signal = unread(source, event, why);
            signal.actor = payload::account(value, "/sender");
            // It stays findable by repository.
            signal.named.push(certrail_domain::Key::repository(repository));
            signal
        }
    }
}

/// The sentence for a member that had to be there.
fn lacks(member: &str) -> String {
    format!("The payload lacks {member}.")
}

/// What names the fact of a delivery: the object by GitHub's own id, and the revision by what changes with each event about it.
/// The signature covers the body alone, so that a replay under a fresh delivery id has the same name.
fn fact_id(host: &str, event: &str, v: &Value) -> Option<FactId> {
    let id = |pointer: &str| payload::number(v, pointer).map(|n| n.to_string());
    let words = |pointers: &[&str]| {
        let word = |pointer: &&str| v.pointer(pointer).map(|w| w.as_str().map_or_else(|| w.to_string(), str::to_owned));
        pointers.iter().filter_map(word).collect::<Vec<_>>().join(" ")
    };
    let (object, revision): (String, &[&str]) = match event {
        "push" | "create" => {
            let repository = id("/repository/id")?;
            (format!("{repository}/{}", payload::text(v, "/ref")?), &["/before", "/after", "/repository/pushed_at"])
        }
        "release" => (id("/release/id")?, &["/action", "/release/published_at", "/release/updated_at"]),
        "pull_request" => (
            id("/pull_request/id")?,
            &["/action", "/pull_request/updated_at", "/pull_request/head/sha", "/pull_request/merged_at"],
        ),
        "pull_request_review" => (id("/review/id")?, &["/action", "/review/submitted_at", "/review/state"]),
        "branch_protection_rule" => (id("/rule/id")?, &["/action", "/rule/updated_at"]),
        "check_run" => (id("/check_run/id")?, &["/action", "/check_run/status", "/check_run/completed_at"]),
        "check_suite" => (id("/check_suite/id")?, &["/action", "/check_suite/status", "/check_suite/updated_at"]),
        "status" => (id("/id")?, &["/state", "/updated_at"]),
        "workflow_run" => {
            (id("/workflow_run/id")?, &["/action", "/workflow_run/run_attempt", "/workflow_run/updated_at"])
        }
        "deployment" => (id("/deployment/id")?, &["/action", "/deployment/updated_at"]),
        "deployment_status" => (id("/deployment_status/id")?, &["/deployment_status/state"]),
        // Who decided, where, and in which run, says what: sent again it is the same decision.
        "deployment_review" => {
            let run = id("/workflow_run/id")?;
            (
                run,
                &[
                    "/action",
                    "/approver/login",
                    "/environment",
                    "/workflow_job_run/environment",
                    "/workflow_job_runs/0/environment",
                    "/workflow_job_runs/1/environment",
                    "/workflow_job_runs/2/environment",
                    "/workflow_run/run_attempt",
                ],
            )
        }
        "dependabot_alert" | "code_scanning_alert" | "secret_scanning_alert" => (
            format!("{}/{}", id("/repository/id")?, id("/alert/number")?),
            &["/action", "/alert/updated_at", "/alert/state"],
        ),
        _ => return None,
    };
    Some(FactId::new(host, &format!("{event}/{object}"), &words(revision)))
}
