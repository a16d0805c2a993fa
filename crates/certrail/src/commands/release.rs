//! `certrail release`: cut, list, show, compare, certify, export.

use std::path::PathBuf;

use certrail_domain::{EmergencyReason, ReleaseType, Time};
use certrail_usecases::{FactInput, ManifestInput};
use serde_json::{Value, json};

use super::{Global, print_json, recorded};
use crate::{
    client::{Client, segment},
    config,
    failure::{Failure, NO, USAGE},
    git,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Name a version; in a checkout the exact commit range goes with it.
    Cut(Cut),
    /// List releases, newest first.
    List(Of),
    /// Show a release: the sentence, then what is open.
    Show(One),
    /// Compare two releases, requirement by requirement.
    Compare(Compare),
    /// Decide that a release meets its criteria.
    Certify(Certify),
    /// Decide against a release: reject it, or withdraw its certification.
    Reject(Reject),
    /// Declare that a release is an emergency.
    Emergency(Emergency),
    /// Write the dossier files.
    Export(Export),
}

/// Name a version.
#[derive(clap::Args)]
pub(crate) struct Cut {
    /// The version, like 2.4.1.
    version: String,
    /// The product (also CERTRAIL_PRODUCT, certrail.toml).
    #[arg(long)]
    product: Option<String>,
    /// The commit, tag or branch to cut at.
    #[arg(long, default_value = "HEAD")]
    at: String,
    /// The release before it; found by tags if absent.
    #[arg(long)]
    previous: Option<String>,
    /// An artefact, sha256:…; may be repeated.
    #[arg(long)]
    digest: Vec<String>,
    /// Its type; only a person's own token says `standard`, and an emergency is declared (`certrail release emergency`).
    #[arg(long = "type", default_value = "normal", value_parser = ["standard", "normal"])]
    release_type: String,
    /// When it is planned to ship, RFC 3339.
    #[arg(long)]
    planned: Option<String>,
    /// The checkout.
    #[arg(short = 'C', default_value = ".")]
    folder: PathBuf,
}

/// Releases of a product.
#[derive(clap::Args)]
pub(crate) struct Of {
    /// The product.
    #[arg(long)]
    product: Option<String>,
}

/// One release.
#[derive(clap::Args)]
pub(crate) struct One {
    /// The version, or `latest`.
    version: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
}

/// Two releases.
#[derive(clap::Args)]
pub(crate) struct Compare {
    /// The earlier version.
    from: String,
    /// The later version.
    to: String,
    /// The product.
    #[arg(long)]
    product: Option<String>,
}

/// Decide.
#[derive(clap::Args)]
pub(crate) struct Certify {
    #[command(flatten)]
    one: One,
    /// What you want to say beside your signature.
    #[arg(long, default_value = "")]
    note: String,
}

/// Decide against one.
#[derive(clap::Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    one: One,
    /// Why, at least twenty characters.
    #[arg(long)]
    reason: String,
    /// The version that takes its place.
    #[arg(long)]
    superseded_by: Option<String>,
}

/// Declare an emergency.
#[derive(clap::Args)]
pub(crate) struct Emergency {
    #[command(flatten)]
    one: One,
    /// What makes it one.
    #[arg(long, value_parser = EmergencyReason::ALL.map(EmergencyReason::name))]
    because: String,
    /// What happened, at least twenty characters.
    #[arg(long)]
    reason: String,
}

/// Write the dossier files.
#[derive(clap::Args)]
pub(crate) struct Export {
    #[command(flatten)]
    one: One,
    /// Where to.
    #[arg(long, default_value = ".")]
    to: PathBuf,
    /// One that was made before; without it the next one is made.
    #[arg(long)]
    number: Option<u64>,
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Cut(args) => cut(global, &args),
        Command::List(args) => list(global, &args),
        Command::Show(args) => show(global, &args),
        Command::Compare(args) => compare(global, &args),
        Command::Certify(args) => certify(global, &args),
        Command::Reject(args) => reject(global, &args),
        Command::Emergency(args) => emergency(global, &args),
        Command::Export(args) => export(global, &args),
    }
}

/// The API path of a release.
pub(super) fn path(product: &str, version: &str) -> String {
    format!("/api/v1/products/{}/releases/{}", segment(product), segment(version))
}

fn cut(global: &Global, args: &Cut) -> Result<u8, Failure> {
    let product = config::product(args.product.as_deref())?;
    let range =
        git::range(&args.folder, &args.version, &args.at, args.previous.as_deref()).map_err(|e| git::unreadable(&e))?;
    let planned_at = match &args.planned {
        Some(text) => Some(Time::parse(text).map_err(|e| {
            Failure::new(USAGE, "Nothing was cut.", format!("{e}."), "Write it like 2026-03-15T14:00:00Z.")
        })?),
        None => None,
    };
    let count = range.commits.len();
    let manifest = ManifestInput {
        product: product.clone(),
        version: args.version.clone(),
        release_type: ReleaseType::from_name(&args.release_type).unwrap_or_default(),
        repository: range.repository,
        commit: range.commit.clone(),
        previous: range.previous.clone(),
        range: Some(range.commits),
        digests: args.digest.clone(),
        planned_at,
    };
    let body = serde_json::to_value(FactInput::Manifest(manifest)).map_err(anyhow::Error::from)?;
    let answer: Value = Client::new(global)?.json(&reqwest::Method::POST, "/api/v1/facts", &body)?;
    if global.json() {
        print_json(&answer);
        return Ok(0);
    }
    println!(
        "{product} {} is cut at {} with {count} commit{} since {}.",
        args.version,
        &range.commit[..10.min(range.commit.len())],
        if count == 1 { "" } else { "s" },
        range.previous.as_deref().unwrap_or("the beginning")
    );
    recorded::say_where(&answer["ack"]);
    println!("Next: certrail release show {} --product {product}", args.version);
    Ok(0)
}

fn list(global: &Global, args: &Of) -> Result<u8, Failure> {
    let product = config::product(args.product.as_deref())?;
    let answer: Value = Client::new(global)?.get(&format!("/api/v1/products/{}/releases", segment(&product)), &[])?;
    if global.json() {
        print_json(&answer);
        return Ok(0);
    }
    for card in answer.as_array().into_iter().flatten() {
        println!(
            "{:<12} {:<10} {}",
            card["release"]["version"].as_str().unwrap_or("?"),
            card["release"]["state"].as_str().unwrap_or("?"),
            card["sentence"].as_str().unwrap_or("")
        );
    }
    Ok(0)
}

fn show(global: &Global, args: &One) -> Result<u8, Failure> {
    let product = config::product(args.product.as_deref())?;
    let client = Client::new(global)?;
    let answer: Value = client.get(&path(&product, &args.version), &[])?;
    if global.json() {
        print_json(&answer);
        return Ok(0);
    }
    println!("{}", answer["sentence"].as_str().unwrap_or("?"));
    println!("{}", answer["fraction"].as_str().unwrap_or(""));
    let release = serde_json::from_value::<certrail_domain::Release>(answer["release"].clone());
    if let Some(range) = release.ok().as_ref().and_then(certrail_domain::sentence::range) {
        println!("{range}");
    }
    for r in answer["evaluation"]["requirements"].as_array().into_iter().flatten() {
        let verdict = r["verdict"].as_str().unwrap_or("?");
        let word = if r["pending"] == true { "not due" } else { verdict };
        println!("  {word:<14} {:<28} {}", r["title"].as_str().unwrap_or("?"), r["sentence"].as_str().unwrap_or(""));
    }
    println!("{}", client.address(&format!("/r/{product}/{}", args.version)));
    Ok(0)
}

fn compare(global: &Global, args: &Compare) -> Result<u8, Failure> {
    let product = config::product(args.product.as_deref())?;
    let client = Client::new(global)?;
    let one: Value = client.get(&path(&product, &args.from), &[])?;
    let two: Value = client.get(&path(&product, &args.to), &[])?;
    let verdicts = |v: &Value| -> std::collections::BTreeMap<String, String> {
        let all = v["evaluation"]["requirements"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|r| (r["title"].as_str().unwrap_or("?").to_owned(), r["verdict"].as_str().unwrap_or("?").to_owned()))
            .collect()
    };
    let (before, after) = (verdicts(&one), verdicts(&two));
    let titles: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing: Vec<Value> = titles
        .into_iter()
        .filter(|t| before.get(*t) != after.get(*t))
        .map(|t| json!({ "requirement": t, "from": before.get(t), "to": after.get(t) }))
        .collect();
    if global.json() {
        print_json(&json!({ "from": args.from, "to": args.to, "differing": differing }));
        return Ok(0);
    }
    println!("{}\n{}", one["sentence"].as_str().unwrap_or("?"), two["sentence"].as_str().unwrap_or("?"));
    if differing.is_empty() {
        println!("The same on all {} requirements.", after.len());
    }
    for d in differing {
        let word = |v: &Value| v.as_str().unwrap_or("not asked").to_owned();
        println!("  {:<28} {} → {}", d["requirement"].as_str().unwrap_or("?"), word(&d["from"]), word(&d["to"]));
    }
    Ok(0)
}

fn certify(global: &Global, args: &Certify) -> Result<u8, Failure> {
    let product = config::product(args.one.product.as_deref())?;
    let client = Client::new(global)?;
    let answer: Value = client.json(
        &reqwest::Method::POST,
        &format!("{}/certify", path(&product, &args.one.version)),
        &json!({ "note": args.note }),
    )?;
    if global.json() {
        print_json(&answer);
    } else {
        println!(
            "{product} {} is certified (decision {}, entry {}).",
            args.one.version,
            answer["id"].as_str().unwrap_or("?"),
            answer["index"]
        );
        println!("{}", answer["fraction"].as_str().unwrap_or(""));
    }
    Ok(0)
}

fn reject(global: &Global, args: &Reject) -> Result<u8, Failure> {
    let product = config::product(args.one.product.as_deref())?;
    let client = Client::new(global)?;
    let told = json!({ "reason": args.reason, "superseded_by": args.superseded_by });
    let path = format!("{}/reject", path(&product, &args.one.version));
    let answer: Value = client.json(&reqwest::Method::POST, &path, &told)?;
    if global.json() {
        print_json(&answer);
    } else {
        let withdrew = answer["decided_against"]["withdrew"] == true;
        let what = if withdrew { "The certification of" } else { "The release" };
        let did = if withdrew { "withdrawn" } else { "rejected" };
        println!("{what} {product} {} is {did}. Gates say no from now on.", args.one.version);
    }
    Ok(0)
}

fn emergency(global: &Global, args: &Emergency) -> Result<u8, Failure> {
    let product = config::product(args.one.product.as_deref())?;
    let client = Client::new(global)?;
    let told = json!({ "because": args.because, "reason": args.reason });
    let path = format!("{}/emergency", path(&product, &args.one.version));
    let answer: Value = client.json(&reqwest::Method::POST, &path, &told)?;
    if global.json() {
        print_json(&answer);
    } else {
        let due = answer["emergency"]["review_due"].as_str().unwrap_or("?");
        println!("{product} {} is an emergency. Somebody has to look back at it by {due}.", args.one.version);
    }
    Ok(0)
}

fn export(global: &Global, args: &Export) -> Result<u8, Failure> {
    let product = config::product(args.one.product.as_deref())?;
    let client = Client::new(global)?;
    let base = path(&product, &args.one.version);
    std::fs::create_dir_all(&args.to)?;
    let made: Value = match args.number {
        Some(number) => client.json(&reqwest::Method::GET, &format!("{base}/dossiers/{number}"), &Value::Null)?,
        None => client.json(&reqwest::Method::POST, &format!("{base}/dossiers"), &Value::Null)?,
    };
    let number = made["number"].as_u64().unwrap_or(0);
    println!("Dossier {number} of {product} {}, made at {}", args.one.version, made["made_at"].as_str().unwrap_or("?"));
    let mut last = None;
    for name in ["dossier.json", "dossier.pdf"] {
        if name.ends_with("pdf") && made["pdf"].is_null() {
            eprintln!("There is no PDF of it: it could not be rendered when this was made; the server's log says why.");
            continue;
        }
        let bytes = client.bytes(&format!("{base}/dossiers/{number}/{name}"))?;
        let file = args.to.join(name);
        std::fs::write(&file, &bytes).map_err(|e| {
            Failure::new(
                NO,
                format!("{} was not written.", file.display()),
                format!("{e}."),
                "Check the folder given with --to.",
            )
        })?;
        println!("{} ({} bytes)", file.display(), bytes.len());
        last = Some(file);
    }
    if let Some(file) = last {
        println!("Next: certrail verify {}", file.display());
    }
    Ok(0)
}
