//! `certrail admin`: looking after a data folder, on the machine that holds it.

use std::{
    cell::Cell,
    io::IsTerminal,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use certrail_usecases::{
    Engine, FsckStage, GuardFile, Keys, Loss, backup, begin_clock_era, begin_epoch, fsck_folder, recover, system_clock,
};
use serde_json::json;

use super::{Global, print_json};
use crate::failure::{Failure, NO, NOT_FOUND};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Recompute everything and name what is wrong. The server must not be running.
    Fsck {
        /// Where the last signed head is kept, if not in the data folder.
        #[arg(long, env = "CERTRAIL_GUARD")]
        guard: Option<PathBuf>,
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
    /// Copy a data folder while the server runs: database and bodies; keys only where asked for.
    Backup {
        /// The new folder.
        #[arg(long)]
        to: PathBuf,
        /// Copy the keys too. Whoever holds them can sign as this log: keep that copy apart.
        #[arg(long)]
        keys: bool,
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
    /// Begin a new life of a log that lost entries, on record. The server must not be running.
    NewEpoch {
        /// What happened, in a sentence: it stands in the log for ever.
        #[arg(long)]
        reason: String,
        /// Where the last signed head is kept, if not in the data folder.
        #[arg(long, env = "CERTRAIL_GUARD")]
        guard: Option<PathBuf>,
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
    /// After a clock ran ahead: what this computer's clock shows now is right, on record. The server must not be running.
    ClockEra {
        /// What happened, in a sentence: it stands in the log for ever.
        #[arg(long)]
        reason: String,
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
    /// Make a link by which somebody signs in who lost their key, on record. The server must not be running.
    SignInLink {
        /// Their account, or id per_…
        #[arg(long)]
        person: String,
        /// Why, in a sentence: it stands in the log for ever.
        #[arg(long)]
        reason: String,
        /// Where people reach the server.
        #[arg(long, env = "CERTRAIL_PUBLIC_URL", default_value = "http://127.0.0.1:8787")]
        public_url: String,
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
    /// Make a new webhook secret for a connector; the one before it stays live. Works beside a running server.
    Secret {
        /// The connector's id: github.
        #[arg(value_parser = connector_id)]
        connector: String,
        /// The data folder.
        #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
        data: PathBuf,
    },
}

/// How far a long check has come, on standard error: one line that is written over at a terminal, else a line now and then.
struct Said {
    terminal: bool,
    last: Cell<Instant>,
    began: Cell<bool>,
}

impl Default for Said {
    fn default() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), last: Cell::new(Instant::now()), began: Cell::new(false) }
    }
}

impl Said {
    fn say(&self, stage: FsckStage) {
        let pause = Duration::from_millis(if self.terminal { 300 } else { 10_000 });
        if self.last.get().elapsed() < pause {
            return;
        }
        self.last.set(Instant::now());
        self.began.set(true);
        let share = stage.done.saturating_mul(100).checked_div(stage.of);
        let share = share.map(|share| format!(", {share}% of {}", stage.of)).unwrap_or_default();
        if self.terminal {
            eprint!("\r\x1b[2KComparing {}{share}", stage.what);
        } else {
            eprintln!("Comparing {}{share}", stage.what);
        }
    }

    fn end(&self) {
        if self.terminal && self.began.get() {
            eprint!("\r\x1b[2K");
        }
    }
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Fsck { guard, data } => {
            must_exist(&data)?;
            if let Some(guard) = guard.as_deref().filter(|guard| !guard.is_file()) {
                let why = format!("{} is not there, so nothing says whether this log is all of it.", guard.display());
                let fix = "Name the file as the server has it, or leave --guard out.";
                return Err(Failure::new(NOT_FOUND, "Nothing was checked.", why, fix));
            }
            let said = Said::default();
            let report = fsck_folder(&data, guard.as_deref(), &|stage| said.say(stage))?;
            said.end();
            if global.json() {
                print_json(&json!({ "clean": report.faults.is_empty(), "report": report }));
            } else {
                println!(
                    "{}: {} entries, {} tiles, {} checkpoints, {} bodies, {} documents, {} releases, {} evaluations",
                    if report.faults.is_empty() { "clean" } else { "NOT clean" },
                    report.leaves,
                    report.tiles,
                    report.checkpoints,
                    report.bodies,
                    report.documents,
                    report.releases,
                    report.evaluations
                );
                report.notes.iter().for_each(|n| println!("  – {n}"));
                report.faults.iter().for_each(|f| println!("  ✕ {f}"));
            }
            Ok(if report.faults.is_empty() { 0 } else { NO })
        }
        Command::Backup { to, keys, data } => {
            must_exist(&data)?;
            let made = backup(&data, &to, keys)?;
            if global.json() {
                print_json(
                    &json!({ "database_bytes": made.database_bytes, "blobs": made.blobs, "missing": made.missing, "keys": made.keys }),
                );
            } else {
                println!(
                    "Backed up to {}: database of {} KiB, {} large bodies{}",
                    to.display(),
                    made.database_bytes / 1024,
                    made.blobs,
                    if keys {
                        ", keys"
                    } else {
                        "; without keys, which a restored log needs: back up their folder apart"
                    }
                );
                if made.missing > 0 {
                    println!(
                        "  ✕ {} of the large bodies that the database names are not in {}, nor in this backup: `certrail admin fsck` names them; look for them in an earlier backup, below `blobs`.",
                        made.missing,
                        data.display()
                    );
                }
            }
            Ok(if made.missing == 0 { 0 } else { NO })
        }
        Command::ClockEra { reason, data } => {
            must_exist(&data)?;
            let engine = Engine::open(&data, "", system_clock())?;
            let begun = begin_clock_era(&engine, &reason);
            engine.close();
            let era = begun?;
            if global.json() {
                print_json(&json!(era));
            } else {
                println!(
                    "A new clock era begins at {}; the newest entry before it said {}. On record.",
                    era.now.human(),
                    era.before.human()
                );
            }
            Ok(0)
        }
        Command::SignInLink { person, reason, public_url, data } => {
            must_exist(&data)?;
            let engine = Engine::open(&data, "", system_clock())?;
            let made = recover(&engine, &person, &reason);
            engine.close();
            let (person, session) = made?;
            let address = format!("{}/link/{}", public_url.trim_end_matches('/'), session.secret);
            if global.json() {
                print_json(&json!({ "person": person, "address": address, "expires_at": session.expires_at }));
            } else {
                println!(
                    "{address}\nFor {} ({}), once, until {}. On record. Start the server and open it.",
                    person.name,
                    person.role.name(),
                    session.expires_at.human()
                );
            }
            Ok(0)
        }
        Command::NewEpoch { reason, guard, data } => {
            // Keys whose log is gone are reason enough for a new life.
            if !Keys::are_in(&data)? {
                must_exist(&data)?;
            }
            let guard = guard.as_deref().map(|path| GuardFile { path, begins: true });
            let (engine, last) = Engine::open_guarded(&data, "", system_clock(), guard, Loss::Accept)?;
            let began = begin_epoch(&engine, reason.trim(), last)?;
            engine.close();
            if global.json() {
                print_json(&json!(began));
            } else {
                println!("Life {} of the log begins with {} entries kept.", began.life.number, began.life.kept);
                println!("It signs under a new name and key; give it to everybody who held the old one:");
                println!("  {}", began.life.key);
            }
            Ok(0)
        }
        Command::Secret { connector, data } => {
            match certrail_store::has_connector(&data, &connector)? {
                Some(false) => {
                    let why = format!("There is no connector `{connector}` in {}.", data.display());
                    let fix = "`certrail connector list` shows them; `certrail connector put` adds one.";
                    return Err(Failure::new(NOT_FOUND, "No secret was made.", why, fix));
                }
                Some(true) => {}
                None => eprintln!(
                    "{} holds no data of certrail yet: this is for a server that is to start there.",
                    data.display()
                ),
            }
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

/// An id that can be part of the name of a file.
fn connector_id(text: &str) -> Result<String, String> {
    match certrail_domain::Connector::is_id(text) {
        true => Ok(text.to_owned()),
        false => Err("give it as in its address /hooks/ID: lower-case letters, digits and hyphen".into()),
    }
}

/// A folder that holds nothing is a mistake in the path, not a new installation.
fn must_exist(data: &Path) -> Result<(), Failure> {
    if data.join("certrail.db").is_file() {
        return Ok(());
    }
    let why = format!("{} holds no data of certrail.", data.display());
    Err(Failure::new(NOT_FOUND, "Nothing was done.", why, "Name the folder with --data."))
}
