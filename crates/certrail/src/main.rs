//! The one binary: server and command line.
//!
//! Standard output carries the answer, standard error everything else. Exit codes are documented in
//! `docs/reference/exit-codes.md`: 0 yes, 1 no, 2 wrong usage, 3 not signed in or not allowed,
//! 4 could not tell, 5 not found, 6 kept for later (only where asked for).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

mod bench;
mod blank;
mod ci;
mod client;
mod commands;
mod config;
mod demo;
mod dossier_files;
mod failure;
mod git;
mod listen;
#[cfg(test)]
mod oracle;
mod spool;
mod terminal;
mod trust;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

/// What a shell shows for a program that writes to nobody: 128 and the number of SIGPIPE.
const NOBODY_READS: i32 = 141;

/// `certrail verify … | head` ends when `head` has enough. `println!` panics there, and that is no fault of ours to report.
fn end_when_nobody_reads() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(NOBODY_READS);
        }
        others(panic);
    }));
}

fn main() -> ExitCode {
    end_when_nobody_reads();
    // One provider for all TLS; a second call is harmless.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut command = commands::Cli::command();
    command.build();
    let matches = command.clone().get_matches();
    let cli = commands::Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    let json = cli.json();
    match blank::refuse(&command, &matches).and_then(|()| commands::run(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            if json {
                commands::print_json(&failure.to_json());
            }
            ExitCode::from(failure.exit)
        }
    }
}

/// `0.1.0 (1b7d0aa4c2)`.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("CERTRAIL_COMMIT"), ")");

/// The version as owned text.
pub(crate) fn version() -> String {
    VERSION.to_owned()
}
