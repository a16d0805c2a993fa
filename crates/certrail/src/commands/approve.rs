//! `certrail approve`: sign exactly this build.

use serde_json::{Value, json};

use super::{Global, print_json, recorded};
use crate::{
    client::Client,
    config,
    failure::{Failure, USAGE},
};

/// Sign a release: a deployment approval (--environment) or a sign-off (--as).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The version.
    version: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// Approve the deployment to this environment.
    #[arg(long, conflicts_with = "meaning")]
    environment: Option<String>,
    /// Sign off with this meaning: qa.
    #[arg(long = "as")]
    meaning: Option<String>,
    /// Say no instead.
    #[arg(long, conflicts_with = "withdraw")]
    reject: bool,
    /// Take an earlier yes back.
    #[arg(long)]
    withdraw: bool,
    /// What you want to say beside it.
    #[arg(long, default_value = "")]
    comment: String,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<u8, Failure> {
    let product = config::product(args.product.as_deref())?;
    if args.environment.is_none() && args.meaning.is_none() {
        return Err(Failure::new(
            USAGE,
            "Nothing was signed.",
            "It is not said what is signed.",
            "Give --environment production, or --as qa.",
        ));
    }
    let verdict = match (args.reject, args.withdraw) {
        (true, _) => "rejected",
        (_, true) => "withdrawn",
        _ => "approved",
    };
    let meaning = args.meaning.unwrap_or_else(|| "approval".into());
    let mut body = json!({ "kind": "deployment.approval", "product": product, "release": args.version, "meaning": meaning, "verdict": verdict, "comment": args.comment });
    if let Some(environment) = args.environment {
        body["environment"] = json!(environment);
    }
    let answer: Value = Client::new(global)?.json(&reqwest::Method::POST, "/api/v1/facts", &body)?;
    if global.json() {
        print_json(&answer);
    } else {
        println!("Recorded: {verdict} ({meaning}) for {product} {}, entry {}.", args.version, answer["ack"]["index"]);
        recorded::say(&answer);
    }
    Ok(0)
}
