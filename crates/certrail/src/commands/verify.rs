//! `certrail verify`: is this dossier genuine? Needs no server and no network.

use std::path::PathBuf;

use certrail_ledger::keys::VerifierKey;
use certrail_usecases::verify_dossier;
use serde_json::json;

use super::{Global, print_json};
use crate::{
    failure::{Failure, NO, NOT_FOUND, USAGE},
    terminal::plain,
};

/// Verify a dossier file offline.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A dossier, PDF or JSON.
    file: PathBuf,
    /// The log's public key as you hold it (text, or a file that holds it). Without it, the key inside is shown to compare.
    #[arg(long)]
    key: Option<String>,
}

/// The key as it was given, or as the file of that name holds it. What is none proves nothing, whatever it is compared with.
fn key_of(given: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(given).unwrap_or_else(|_| given.to_owned());
    let key = text.trim();
    if VerifierKey::parse(key).is_some() {
        return Ok(key.to_owned());
    }
    let shown: String = given.chars().take(80).collect();
    Err(Failure::new(
        USAGE,
        "Nothing was verified.",
        format!("`{shown}` is neither the public key of a log nor a file that holds one."),
        "Give the key as the log's /log/key shows it (NAME+ID+KEY), or the name of a file that holds it.",
    ))
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<u8, Failure> {
    let bytes = std::fs::read(&args.file).map_err(|e| {
        Failure::new(
            NOT_FOUND,
            "Nothing was verified.",
            format!("{}: {e}.", args.file.display()),
            "Name a dossier file.",
        )
    })?;
    let key = args.key.as_deref().map(key_of).transpose()?;
    let result = verify_dossier(&bytes, key.as_deref());
    if global.json() {
        print_json(&json!({ "genuine": result.genuine(), "result": result }));
    } else {
        println!("{}: {}", args.file.display(), if result.genuine() { "genuine" } else { "NOT genuine" });
        for check in &result.checks {
            println!("  {} {}: {}", if check.holds { "✓" } else { "✕" }, plain(&check.what), plain(&check.detail));
        }
        if let Some(sentence) = &result.sentence {
            println!("  It says: {}", plain(sentence));
        }
        if let (Some(log), None) = (&result.log_key, &key) {
            println!("  Compare the log's key with the copy you hold: {}", plain(log));
        }
    }
    Ok(if result.genuine() { 0 } else { NO })
}
