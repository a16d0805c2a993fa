//! GitHub webhooks (docs.github.com, "Webhook events and payloads").
//!
//! `X-Hub-Signature-256` covers the body only, neither the delivery id nor a time: replays under
//! a fresh id are found by content, not here.

mod code;
mod deploy;
mod security;

use certrail_domain::{Extent, Facts, HowKnown, Signal, Time};
use serde_json::Value;

use crate::{Headers, Refused, Secret, Source, header, payload, signature, unread};

const SIGNATURE: &str = "x-hub-signature-256";
const DELIVERY: &str = "x-github-delivery";
const EVENT: &str = "x-github-event";

/// The GitHub connector.
pub(crate) struct GitHub;

/// What an event handler makes of a payload: facts and when they happened, or why not.
type Mapped = Result<(Facts, Option<Time>), String>;

impl Source for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn mapper(&self) -> &'static str {
        "github@1"
    }

    fn verify(&self, headers: &Headers, body: &[u8], secrets: &[Secret]) -> Result<String, Refused> {
        if secrets.is_empty() {
            return Err(Refused::NoSecret);
        }
        let value = header(headers, SIGNATURE).ok_or(Refused::Unsigned("X-Hub-Signature-256"))?;
        let tag = value
            .strip_prefix("sha256=")
            .and_then(|hex| data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok())
            .ok_or(Refused::WrongSignature)?;
        signature::matching(secrets, body, &tag).map(str::to_owned).ok_or(Refused::WrongSignature)
    }

    fn envelope(&self, headers: &Headers) -> Result<(String, String), Refused> {
        let take = |name| header(headers, name).map(|v| v.chars().take(128).collect::<String>());
        let delivery = take(DELIVERY).ok_or(Refused::Header("X-GitHub-Delivery"))?;
        let event = take(EVENT).ok_or(Refused::Header("X-GitHub-Event"))?;
        Ok((delivery, event))
    }

    fn map(&self, event: &str, body: &[u8]) -> Signal {
        let value: Value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(e) => return unread("github".into(), event, format!("The body is not JSON: {e}.")),
        };
        let repository = payload::text(&value, "/repository/full_name").map(str::to_ascii_lowercase);
        let source = repository.as_ref().map_or_else(|| "github".to_owned(), |r| format!("github:{r}"));
        let Some(repository) = repository else {
            return unread(source, event, "The payload names no repository.");
        };
        let mapped = match event {
            "push" => code::push(&value, &repository),
            "create" => code::create(&value, &repository),
            "release" => code::release(&value, &repository),
            "pull_request" => code::pull_request(&value, &repository),
            "pull_request_review" => code::review(&value, &repository),
            "branch_protection_rule" => code::branch_rule(&value, &repository),
            "check_run" => code::check_run(&value, &repository),
            "check_suite" => code::check_suite(&value, &repository),
            "status" => code::status(&value, &repository),
            "workflow_run" => code::workflow_run(&value, &repository),
            "deployment" => deploy::deployment(&value, &repository),
            "deployment_status" => deploy::deployment_status(&value, &repository),
            "deployment_review" => deploy::deployment_review(&value, &repository),
            "code_scanning_alert" => security::code_scanning(&value, &repository),
            "dependabot_alert" => security::dependabot(&value, &repository),
            "secret_scanning_alert" => security::secret_scanning(&value, &repository),
            _ => Err("There is no mapper for this event.".to_owned()),
        };
        match mapped {
            Ok((facts, occurred_at)) => Signal {
                source,
                name: event.chars().take(128).collect(),
                known: HowKnown::Observed,
                reach: Extent::All,
                occurred_at,
                actor: payload::account(&value, "/sender"),
                facts,
                named: Vec::new(),
                warnings: Vec::new(),
            },
            Err(why) => {
                let mut signal = unread(source, event, why);
                signal.actor = payload::account(&value, "/sender");
                // It stays findable by repository.
                signal.named.push(certrail_domain::Key::repository(&repository));
                signal
            }
        }
    }
}

/// The sentence for a member that had to be there.
fn lacks(member: &str) -> String {
    format!("The payload lacks {member}.")
}
