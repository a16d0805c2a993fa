//! `certrail evidence`: send and inspect reports.

mod formats;
mod inspect;
mod receipt;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Global, moment, print_json};
use crate::{
    ci,
    client::{Client, delivery_key},
    config,
    failure::{Failure, NO, NOT_FOUND, SIGN_IN, USAGE},
    git,
    spool::{self, Endpoint, Whose},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Send report files; the type is detected and said.
    Add(Add),
    /// Deliver all that waits because the server did not answer, with whatever token it was tried.
    Deliver,
    /// Read a file without a server: exit 0 when recognised, 1 when not.
    Inspect(inspect::Args),
    /// List every format that is read, with its standard and how it is told from others.
    Formats(formats::Args),
}

/// Send report files.
#[derive(clap::Args)]
pub(crate) struct Add {
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The product (also CERTRAIL_PRODUCT, certrail.toml).
    #[arg(long)]
    product: Option<String>,
    /// The release they are about.
    #[arg(long)]
    release: Option<String>,
    /// The commit they are about; in a pipeline or checkout it is found.
    #[arg(long)]
    commit: Option<String>,
    /// The artefact they are about, sha256:…; may be repeated.
    #[arg(long)]
    digest: Vec<String>,
    /// The format it must have; without it, it is detected.
    #[arg(long = "type")]
    format: Option<String>,
    /// What they are for: a test suite's name, or sast, secret, sca, container, iac, dast, host, posture.
    #[arg(long = "for")]
    purpose: Option<String>,
    /// How old the scanner's database of vulnerabilities is, where the report does not say (2026-11-20 or RFC 3339).
    #[arg(long)]
    database_date: Option<String>,
    /// The part of the product a scan answers for; the file's name if not given. Only a scan of the same part says that a
    /// finding is gone, so keep it the same from run to run.
    #[arg(long)]
    scope: Option<String>,
    /// Show what would be sent, and send nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Exit 6 instead of 0 when the server does not answer and files are kept for later.
    #[arg(long)]
    strict_delivery: bool,
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Add(args) => add(global, &args),
        Command::Deliver => deliver(global),
        Command::Inspect(args) => inspect::run(global, &args),
        Command::Formats(args) => formats::run(global, &args),
    }
}

/// The path as people name the file here: two reports of one name in two folders are two.
fn name_of(file: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let inside = if file.is_absolute() { file.strip_prefix(&here).ok() } else { Some(file) };
    let path = inside.map(Path::to_owned).or_else(|| file.file_name().map(PathBuf::from)).unwrap_or_default();
    let name = path.to_string_lossy().replace('\\', "/");
    name.trim_start_matches("./").to_owned()
}

fn add(global: &Global, args: &Add) -> Result<u8, Failure> {
    if args.scope.is_some() && args.files.len() > 1 {
        return Err(Failure::new(
            USAGE,
            "Nothing was sent.",
            "`--scope` is given for several files: one clean report would answer for all of them.",
            "Send the files one by one, or leave --scope out: each is told by its path.",
        ));
    }
    let database_date = args.database_date.as_deref().map(moment).transpose()?.map(|t| t.to_string());
    let product = config::product(args.product.as_deref())?;
    let ci = ci::detect();
    if let Some(ci) = &ci {
        eprintln!(
            "Detected {}: {} @{}{}",
            ci.system,
            ci.repository.as_deref().unwrap_or("?"),
            ci.commit.as_deref().unwrap_or("?").chars().take(7).collect::<String>(),
            ci.run_url.as_ref().map(|u| format!(", run {u}")).unwrap_or_default()
        );
    }
    // Named subjects win; a pipeline's commit comes next; a checkout's HEAD last.
    let named = args.release.is_some() || args.commit.is_some() || !args.digest.is_empty();
    let commit = match &args.commit {
        Some(c) if c.len() < 40 => Some(git::commit(&std::env::current_dir()?, c).map_err(|e| git::unreadable(&e))?),
        Some(c) => Some(c.clone()),
        None if named => None,
        // In a pipeline, HEAD of a checkout may be a test merge that nobody keeps.
        None if ci.as_ref().is_some_and(|c| c.commit.is_none()) => {
            return Err(Failure::new(
                USAGE,
                "Nothing was sent.",
                "The pipeline does not say which commit it builds: its variable is empty.",
                "Give --commit, or pass GITHUB_SHA or CI_COMMIT_SHA on to this step.",
            ));
        }
        None => ci
            .as_ref()
            .and_then(|c| c.commit.clone())
            .or_else(|| git::commit(&std::env::current_dir().ok()?, "HEAD").ok()),
    };
    // All of them or none: a misspelt name is seen before anything is sent.
    for file in &args.files {
        let missing = |why: String| {
            let what = format!("Nothing was sent, because of {}.", file.display());
            Failure::new(NOT_FOUND, what, format!("{why}."), "Check the path.")
        };
        // What is no file on a disk, a pipe say, gives what it has once.
        let found = std::fs::metadata(file).map_err(|e| missing(e.to_string()))?;
        if found.is_dir() {
            return Err(missing("It is a folder".to_owned()));
        }
        if found.is_file() {
            std::fs::File::open(file).map_err(|e| missing(e.to_string()))?;
        }
    }
    let part = ci.as_ref().map(|c| c.part.clone()).unwrap_or_default();
    let client = Client::new(global)?;
    if !args.dry_run {
        spool::catch_up(&client);
    }
    let (mut results, mut undelivered, mut refused) = (Vec::new(), None, Vec::new());
    for file in &args.files {
        let bytes = std::fs::read(file).map_err(|e| {
            Failure::new(NOT_FOUND, format!("{} was not recorded.", file.display()), format!("{e}."), "Check the path.")
        })?;
        let name = name_of(file);
        let digests = args.digest.join(",");
        let mut query: Vec<(&str, &str)> = vec![("product", &product), ("name", &name)];
        let optional = [
            ("release", args.release.as_deref()),
            ("commit", commit.as_deref()),
            ("digest", Some(digests.as_str()).filter(|d| !d.is_empty())),
            ("type", args.format.as_deref()),
            ("for", args.purpose.as_deref()),
            ("database_date", database_date.as_deref()),
            ("scope", args.scope.as_deref()),
            ("run", part.run.as_deref()),
            ("attempt", part.attempt.as_deref()),
            ("job", part.job.as_deref()),
            ("step", part.step.as_deref()),
            ("shard", part.shard.as_deref()),
        ];
        query.extend(optional.into_iter().filter_map(|(k, v)| Some((k, v?))));
        if args.dry_run {
            println!("POST {} {query:?} ({} bytes)", client.address("/api/v1/evidence"), bytes.len());
            continue;
        }
        let key = delivery_key()?;
        // Nobody is there to hear what rests on a file that waits; and a release is not judged again after each of many.
        let unheard = [query.as_slice(), &[("met", "false")]].concat();
        let heard = if args.files.len() > 1 { &unheard } else { &query };
        // Once it does not answer, the rest need not wait for it one by one.
        let sent = match undelivered.take() {
            None => client.deliver(Endpoint::Evidence.path(), heard, &bytes, &key),
            Some((failure, _)) => Err(failure),
        };
        let receipt = match sent {
            Ok(receipt) => receipt,
            Err(failure) if failure.undelivered => {
                let waiting = spool::keep(&client, Endpoint::Evidence, &unheard, &bytes, &key)?;
                undelivered = Some((failure, waiting));
                continue;
            }
            // What is wrong with one file is not wrong with the others.
            Err(failure) if failure.refused && args.files.len() > 1 => {
                eprintln!("{name} was not recorded.");
                failure.print();
                refused.push((name, failure));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if !global.json() {
            receipt::say(&name, &receipt, &client);
        }
        results.push(receipt);
    }
    if args.files.len() > 1 {
        receipt::look_up_what_is_met(&client, &mut results)?;
    }
    if !global.json() {
        receipt::say_what_is_met(&results);
    }
    let told = refused.first().map(|(_, failure)| failure.exit);
    if global.json() {
        let refused = refused.iter().map(|(name, failure)| json!({ "name": name, "problem": failure.to_json() }));
        print_json(&json!(results.into_iter().chain(refused).collect::<Vec<_>>()));
    }
    if let Some((failure, waiting)) = undelivered {
        spool::say(&failure, waiting);
        let kept = if args.strict_delivery { spool::SPOOLED } else { 0 };
        return Ok(told.unwrap_or(kept));
    }
    Ok(told.unwrap_or(0))
}

fn deliver(global: &Global) -> Result<u8, Failure> {
    let outcome = spool::deliver(&Client::new(global)?, Whose::All)?;
    if global.json() {
        let why = outcome.why.as_ref().map(Failure::to_json);
        print_json(
            &json!({ "delivered": outcome.delivered, "refused": outcome.refused, "waiting": outcome.waiting, "why": why,
                "for_other_servers": outcome.elsewhere }),
        );
    } else {
        println!("{} delivered, {} refused, {} waiting.", outcome.delivered, outcome.refused, outcome.waiting);
        for server in &outcome.elsewhere {
            println!("  some wait for {server}: deliver them with --server {server}");
        }
    }
    let spool::Delivered { refused, waiting, why, .. } = outcome;
    if let Some(why) = &why {
        why.print();
    }
    Ok(match why {
        _ if refused > 0 => NO,
        // Waiting longer would not help: somebody has to sign in, or use another token.
        Some(why) if why.exit == SIGN_IN => SIGN_IN,
        _ if waiting > 0 => spool::SPOOLED,
        _ => 0,
    })
}
