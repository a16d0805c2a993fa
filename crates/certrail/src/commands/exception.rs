//! `certrail exception`: departures that are approved, scoped and end.

use certrail_domain::Time;
use serde_json::{Value, json};

use super::{Global, print_json, serve::now};
use crate::{
    client::{Client, segment},
    config,
    failure::{Failure, USAGE},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Ask for an exception; somebody else has to approve it.
    Request(Request),
    /// Approve an exception somebody else asked for.
    Approve(Id),
    /// Refuse it.
    Reject(Id),
    /// End it before its time.
    Revoke(Id),
}

/// Ask for an exception.
#[derive(clap::Args)]
pub(crate) struct Request {
    /// The version.
    version: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// The requirement's id.
    #[arg(long)]
    requirement: String,
    /// One subject of it; all of them if absent.
    #[arg(long)]
    subject: Option<String>,
    /// Why, at least twenty characters.
    #[arg(long)]
    reason: String,
    /// What is done instead.
    #[arg(long, default_value = "")]
    compensating: String,
    /// In how many days it ends, 1 to 180.
    #[arg(long, default_value_t = 30)]
    days: i64,
}

/// An exception by its id.
#[derive(clap::Args)]
pub(crate) struct Id {
    /// Its id, exc_…
    id: String,
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    let answer: Value = match command {
        Command::Request(a) => {
            if !(1..=180).contains(&a.days) {
                return Err(Failure::new(
                    USAGE,
                    "Nothing was asked for.",
                    "An exception lasts 1 to 180 days.",
                    "Give --days.",
                ));
            }
            let product = config::product(a.product.as_deref())?;
            let expires = now().plus(a.days * Time::DAY - Time::SECOND);
            let body = json!({ "product": product, "release": a.version, "requirement": a.requirement, "subject": a.subject, "reason": a.reason, "compensating": a.compensating, "expires_at": expires });
            client.json(&reqwest::Method::POST, "/api/v1/exceptions", &body)?
        }
        Command::Approve(a) => client.post(&format!("/api/v1/exceptions/{}/approve", segment(&a.id)), &[], &[])?,
        Command::Reject(a) => client.post(&format!("/api/v1/exceptions/{}/reject", segment(&a.id)), &[], &[])?,
        Command::Revoke(a) => client.post(&format!("/api/v1/exceptions/{}/revoke", segment(&a.id)), &[], &[])?,
    };
    if global.json() {
        print_json(&answer);
    } else {
        let text = |member: &str| answer[member].as_str().unwrap_or("?");
        match text("state") {
            state @ ("requested" | "approved") => println!("{} is {state}, until {}.", text("id"), text("expires_at")),
            state => println!("{} is {state}.", text("id")),
        }
    }
    Ok(0)
}
