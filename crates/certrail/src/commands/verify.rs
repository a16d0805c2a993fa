//! `certrail verify`: is this dossier genuine? Needs no server and no network.

use std::path::PathBuf;

use certrail_usecases::verify_dossier;
use serde_json::json;

use super::{Global, print_json};
use crate::failure::{Failure, NO, NOT_FOUND};

/// Verify a dossier file offline.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A dossier, PDF or JSON.
    file: PathBuf,
    /// The log's public key as you hold it (text, or a file that holds it). Without it, the key inside is shown to compare.
    #[arg(long)]
    key: Option<String>,
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
    let key = args.key.as_ref().map(|k| std::fs::read_to_string(k).unwrap_or_else(|_| k.clone()));
    let result = verify_dossier(&bytes, key.as_deref());
    if global.json() {
        print_json(&json!({ "genuine": result.genuine(), "result": result }));
    } else {
        println!("{}: {}", args.file.display(), if result.genuine() { "genuine" } else { "NOT genuine" });
        for check in &result.checks {
            println!("  {} {}: {}", if check.holds { "✓" } else { "✕" }, check.what, check.detail);
        }
        if let Some(sentence) = &result.sentence {
            println!("  It says: {sentence}");
        }
        if let (Some(log), None) = (&result.log_key, &key) {
            println!("  Compare the log's key with the copy you hold: {log}");
        }
    }
    Ok(if result.genuine() { 0 } else { NO })
}
