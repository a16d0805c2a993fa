//! `certrail admin`: looking after a data folder, on the machine that holds it.

use std::path::PathBuf;

use certrail_usecases::{Engine, Keys, fsck, system_clock};
use serde_json::json;

use super::{Global, print_json};
use crate::failure::{Failure, NO, NOT_FOUND};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Recompute everything and name what is wrong. The server must not be running.
    Fsck {
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
    /// Make a new webhook secret for a connector; the one before it stays live. Works beside a running server.
    Secret {
        /// The connector: github.
        #[arg(value_parser = ["github"])]
        connector: String,
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Fsck { data } => {
            if !data.join("certrail.db").is_file() {
                return Err(Failure::new(
                    NOT_FOUND,
                    "Nothing was checked.",
                    format!("{} holds no data of certrail.", data.display()),
                    "Name the folder with --data.",
                ));
            }
            let engine = Engine::open(&data, "", system_clock())?;
            let report = fsck(&engine)?;
            engine.close();
            if global.json() {
                print_json(&json!({ "clean": report.faults.is_empty(), "report": report }));
            } else {
                println!(
                    "{}: {} entries, {} tiles, {} checkpoints, {} bodies, {} documents",
                    if report.faults.is_empty() { "clean" } else { "NOT clean" },
                    report.leaves,
                    report.tiles,
                    report.checkpoints,
                    report.bodies,
                    report.documents
                );
                report.faults.iter().for_each(|f| println!("  ✕ {f}"));
            }
            Ok(if report.faults.is_empty() { 0 } else { NO })
        }
        Command::Secret { connector, data } => {
            let keys = Keys::open(&data, "certrail.local/log")?;
            let mut bytes = [0; 32];
            aws_lc_rs::rand::fill(&mut bytes)
                .map_err(|_| anyhow::anyhow!("the operating system gave no random bytes"))?;
            let secret = data_encoding::HEXLOWER.encode(&bytes);
            let name = keys.add_secret(&connector, &secret)?;
            println!("{secret}");
            eprintln!(
                "This is {name}, shown once. Set it at the sender; the secret before it stays live until the next one is made."
            );
            Ok(0)
        }
    }
}
