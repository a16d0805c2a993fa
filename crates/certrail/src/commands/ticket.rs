//! `certrail ticket`: a work item that no webhook brings.

use serde_json::json;

use super::{Global, Sent, print_json, recorded, send_fact};
use crate::{client::Client, config, failure::Failure};

/// Record a work item.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its key, like PAY-123.
    key: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// Its title.
    #[arg(long)]
    title: String,
    /// Its state in the tracker.
    #[arg(long, default_value = "open")]
    status: String,
    /// Why it is wanted.
    #[arg(long, default_value = "")]
    reason: String,
    /// Who authorised the work.
    #[arg(long)]
    authorised_by: Option<String>,
    /// What it means for security and customers.
    #[arg(long)]
    impact: Option<String>,
    /// Where a person reads it.
    #[arg(long)]
    url: Option<String>,
    /// Exit 6 instead of 0 when the server does not answer and it is kept for later.
    #[arg(long)]
    strict_delivery: bool,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<u8, Failure> {
    let product = config::product(args.product.as_deref())?;
    let authorised = args.authorised_by.map(|a| json!({ "account": a.to_lowercase(), "name": a, "kind": "human" }));
    let body = json!({
        "kind": "requirement.ticket", "product": product, "key": args.key, "title": args.title, "status": args.status,
        "reason": args.reason, "authorised_by": authorised, "impact": args.impact, "url": args.url,
    });
    let answer = match send_fact(&Client::new(global)?, &body, args.strict_delivery)? {
        Sent::Recorded(answer) => answer,
        Sent::Waits(exit) => return Ok(exit),
    };
    if global.json() {
        print_json(&answer);
    } else {
        println!("Recorded: {} {}, entry {}.", args.key, args.title, answer["ack"]["index"]);
        recorded::say(&answer);
    }
    Ok(0)
}
