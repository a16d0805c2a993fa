//! One file per command; this one lists them.

mod admin;
mod approve;
mod change;
mod connector;
mod deploy;
mod doctor;
mod evidence;
mod exception;
mod finding;
mod gate;
mod manage;
mod recorded;
mod release;
mod serve;
mod ticket;
mod verify;

use clap::{Args, CommandFactory, Parser, Subcommand};

use certrail_domain::Time;
use serde_json::Value;

use crate::{
    bench,
    client::{Client, delivery_key},
    demo,
    failure::{Failure, USAGE},
    spool::{self, Endpoint},
};

/// The system of record for software releases.
#[derive(Parser)]
#[command(name = "certrail", version = crate::VERSION, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Whether the answer is for a machine, failures included.
    pub(crate) fn json(&self) -> bool {
        self.global.json()
    }
}

/// Settings of every command.
#[derive(Args, Clone)]
pub(crate) struct Global {
    /// The server's address (also CERTRAIL_SERVER; default http://127.0.0.1:8787).
    #[arg(long, global = true)]
    pub(crate) server: Option<String>,
    /// How the answer is written: `table` for people, `json` for machines.
    #[arg(short = 'o', long = "output", global = true, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output: String,
    /// Seconds to wait for the server.
    #[arg(long, global = true, default_value_t = 60)]
    pub(crate) timeout: u64,
}

impl Global {
    pub(crate) fn json(&self) -> bool {
        self.output == "json"
    }
}

#[derive(Subcommand)]
enum Command {
    /// Show certrail with a sample company, on this computer only.
    Demo(demo::Args),
    /// Run the server.
    Serve(serve::Args),
    /// Check settings and connection, and print each value with its source.
    Doctor(doctor::Args),
    /// Verify a dossier file offline.
    Verify(verify::Args),
    /// Send or inspect evidence.
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Cut, list, show, compare, certify and export releases.
    #[command(subcommand)]
    Release(release::Command),
    /// Ask a gate: exit 0 yes, 1 no, 4 could not tell.
    #[command(subcommand)]
    Gate(gate::Command),
    /// Sign a release: a deployment approval or a sign-off.
    Approve(approve::Args),
    /// Record deployments, checks after them, and rollback targets.
    #[command(subcommand)]
    Deploy(deploy::Command),
    /// Record a work item.
    Ticket(ticket::Args),
    /// Record a change with its reviews and its merge, where the forge is not heard.
    Change(Box<change::Args>),
    /// Ask for, approve, reject or revoke an exception.
    #[command(subcommand)]
    Exception(exception::Command),
    /// What scans found: by due date, and the life of one.
    #[command(subcommand)]
    Finding(finding::Command),
    /// Make products.
    #[command(subcommand)]
    Product(manage::Product),
    /// Changes of criteria and products that wait for another admin.
    #[command(subcommand)]
    Settings(manage::Settings),
    /// Who is heard at /hooks/ID, and what each may speak for.
    #[command(subcommand)]
    Connector(connector::Command),
    /// Make people and give them roles.
    #[command(subcommand)]
    Person(manage::Person),
    /// Make, list and revoke tokens.
    #[command(subcommand)]
    Token(manage::Token),
    /// Look after a data folder: check it, rotate webhook secrets.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Write the completions of a shell to standard output.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Measure this program on this machine, beside the floor it is compared with.
    Bench(bench::Args),
    /// Read a dossier from standard input, write its PDF to standard output (used by the server).
    #[command(hide = true)]
    RenderPdf,
}

pub(crate) fn run(cli: Cli) -> Result<u8, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Doctor(args) => doctor::run(&global, &args),
        Command::Verify(args) => verify::run(&global, &args),
        Command::Evidence(command) => evidence::run(&global, command),
        Command::Release(command) => release::run(&global, command),
        Command::Gate(command) => gate::run(&global, command),
        Command::Approve(args) => approve::run(&global, args),
        Command::Deploy(command) => deploy::run(&global, command),
        Command::Ticket(args) => ticket::run(&global, args),
        Command::Change(args) => change::run(&global, &args),
        Command::Exception(command) => exception::run(&global, command),
        Command::Finding(command) => finding::run(&global, command),
        Command::Product(command) => manage::product(&global, command),
        Command::Settings(command) => manage::settings(&global, command),
        Command::Connector(command) => connector::run(&global, command),
        Command::Person(command) => manage::person(&global, command),
        Command::Token(command) => manage::token(&global, command),
        Command::Admin(command) => admin::run(&global, command),
        Command::Completion { shell } => {
            // Into memory first: a reader that ends early is no reason to panic.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "certrail", &mut script);
            std::io::Write::write_all(&mut std::io::stdout(), &script)?;
            Ok(0)
        }
        Command::Bench(args) => bench::run(&args),
        Command::RenderPdf => serve::render_pdf(),
    }
}

/// What came of sending a fact that may wait where the server does not answer.
pub(crate) enum Sent {
    /// It is recorded; the answer.
    Recorded(Value),
    /// It waits; with the exit code this ends with.
    Waits(u8),
}

/// Sends a fact; what cannot be delivered waits in the spool.
pub(crate) fn send_fact(client: &Client, body: &Value, strict: bool) -> Result<Sent, Failure> {
    spool::catch_up(client);
    let bytes = serde_json::to_vec(body).map_err(anyhow::Error::from)?;
    let key = delivery_key()?;
    match client.deliver(Endpoint::Fact.path(), &[], &bytes, &key) {
        Ok(answer) => Ok(Sent::Recorded(answer)),
        Err(failure) if failure.undelivered => {
            let waiting = spool::keep(client, Endpoint::Fact, &[], &bytes, &key)?;
            spool::say(&failure, waiting);
            Ok(Sent::Waits(if strict { spool::SPOOLED } else { 0 }))
        }
        Err(failure) => Err(failure),
    }
}

/// A day or a moment: a day means its beginning in UTC.
pub(crate) fn moment(text: &str) -> Result<Time, Failure> {
    let day = format!("{text}T00:00:00Z");
    Time::parse(text).or_else(|_| Time::parse(&day)).map_err(|_| {
        Failure::new(
            USAGE,
            "Nothing was sent.",
            format!("`{text}` is no date."),
            "Write it as 2026-11-20, or with time and zone as 2026-11-20T06:00:00Z.",
        )
    })
}

/// Prints a JSON value the way it was asked for.
pub(crate) fn print_json(value: &Value) {
    println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
}

pub(crate) use serve::{app as web_app, open as open_engine, stop as stop_signal};

/// Only what went wrong, for commands that talk to people.
pub(crate) fn quiet_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
