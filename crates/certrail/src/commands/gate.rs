//! `certrail gate check`: may this release go on?

use serde_json::Value;

use super::{Global, print_json, release::path};
use crate::{
    client::{Client, segment},
    config,
    failure::{Failure, NO, UNKNOWN},
    spool,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Exit 0: open. 1: closed. 4: could not tell.
    Check(Check),
}

/// Ask a gate.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// evidence, quality, certification, or deploy:ENVIRONMENT (a bare environment means its deploy gate).
    gate: String,
    /// The version.
    #[arg(long)]
    release: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// What it means when the server does not answer: stop (exit 4) or go (exit 0, said aloud).
    #[arg(long, default_value = "stop", value_parser = ["stop", "go"])]
    if_unreachable: String,
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    let Command::Check(args) = command;
    let product = config::product(args.product.as_deref())?;
    let client = Client::new(global)?;
    // What waited may be just what the gate is missing.
    spool::catch_up(&client);
    let address = format!("{}/gates/{}", path(&product, &args.release), segment(&args.gate));
    let answer: Value = match client.post(&address, &[], &[]) {
        Ok(answer) => answer,
        Err(failure) if failure.exit == UNKNOWN && args.if_unreachable == "go" => {
            failure.print();
            eprintln!("Going on all the same, because of --if-unreachable go. Nothing was recorded.");
            return Ok(0);
        }
        Err(failure) => return Err(failure),
    };
    // Anything but a clear yes is a no.
    let open = answer["allow"] == true;
    if global.json() {
        print_json(&answer);
    } else {
        println!("{} is {} for {product} {}", args.gate, if open { "open" } else { "closed" }, args.release);
        for b in answer["blockers"].as_array().into_iter().flatten() {
            println!(
                "  {:<14} {:<28} {}",
                b["verdict"].as_str().unwrap_or("?"),
                b["title"].as_str().unwrap_or("?"),
                b["sentence"].as_str().unwrap_or("")
            );
            println!("  {:<14} {:<28} → {}", "", "", b["fix"].as_str().unwrap_or(""));
        }
        println!(
            "{}. Details: {}",
            answer["fraction"].as_str().unwrap_or(""),
            client.address(&format!("/r/{product}/{}", args.release))
        );
    }
    Ok(if open { 0 } else { NO })
}
