//! `certrail deploy`: what went where, whether it works, and the way back.

use serde_json::json;

use super::{Global, Sent, print_json, recorded, send_fact};
use crate::{client::Client, config, failure::Failure};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Record a deployment. --result is required: nothing is assumed.
    Record(Record),
    /// Record a check after deployment.
    Check(Check),
    /// Record what to go back to.
    RollbackTarget(Target),
}

/// Record a deployment.
#[derive(clap::Args)]
pub(crate) struct Record {
    /// The version.
    version: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// The environment.
    #[arg(long)]
    environment: String,
    /// Its number in your deployment system.
    #[arg(long)]
    id: String,
    /// Where it stands.
    #[arg(long, value_parser = ["requested", "started", "succeeded", "failed"])]
    result: String,
    /// The artefact deployed, sha256:…; those of the release if absent.
    #[arg(long)]
    digest: Vec<String>,
    /// The sender calls it going back; whether it was is told by what ran before.
    #[arg(long)]
    rollback: bool,
    /// When, RFC 3339; now if absent. Recorded again with the same --id and --result, this puts a wrong time right.
    #[arg(long)]
    occurred_at: Option<String>,
    /// Exit 6 instead of 0 when the server does not answer and it is kept for later.
    #[arg(long)]
    strict_delivery: bool,
}

/// Record a check after deployment.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// The version.
    version: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// The environment.
    #[arg(long)]
    environment: String,
    /// What was checked.
    #[arg(long, default_value = "check after deployment")]
    name: String,
    /// How it came out.
    #[arg(long, value_parser = ["passed", "failed"])]
    result: String,
    /// Exit 6 instead of 0 when the server does not answer and it is kept for later.
    #[arg(long)]
    strict_delivery: bool,
}

/// Record what to go back to.
#[derive(clap::Args)]
pub(crate) struct Target {
    /// The version.
    version: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// The version to go back to.
    #[arg(long)]
    to: String,
    /// The steps, or where they are written.
    #[arg(long)]
    plan: String,
    /// Exit 6 instead of 0 when the server does not answer and it is kept for later.
    #[arg(long)]
    strict_delivery: bool,
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    let (what, body, strict) = match command {
        Command::Record(a) => {
            let product = config::product(a.product.as_deref())?;
            (
                format!("Recorded: {product} {} to {} {}", a.version, a.environment, a.result),
                json!({ "kind": "deployment.event", "product": product, "release": a.version, "id": a.id, "environment": a.environment, "state": a.result, "digests": a.digest, "rollback": a.rollback, "occurred_at": a.occurred_at }),
                a.strict_delivery,
            )
        }
        Command::Check(a) => {
            let product = config::product(a.product.as_deref())?;
            (
                format!("Recorded: {} in {} {}", a.name, a.environment, a.result),
                json!({ "kind": "deployment.validation", "product": product, "release": a.version, "environment": a.environment, "name": a.name, "passed": a.result == "passed" }),
                a.strict_delivery,
            )
        }
        Command::RollbackTarget(a) => {
            let product = config::product(a.product.as_deref())?;
            (
                format!("Recorded: {product} {} can go back to {}", a.version, a.to),
                json!({ "kind": "deployment.rollback_target", "product": product, "release": a.version, "to": a.to, "plan": a.plan }),
                a.strict_delivery,
            )
        }
    };
    let answer = match send_fact(&Client::new(global)?, &body, strict)? {
        Sent::Recorded(answer) => answer,
        Sent::Waits(exit) => return Ok(exit),
    };
    if global.json() {
        print_json(&answer);
    } else {
        println!("{what}, entry {}.", answer["ack"]["index"]);
        recorded::say(&answer);
    }
    Ok(0)
}
