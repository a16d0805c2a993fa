//! `certrail finding`: what scans found, by due date, and the life of one.

use serde_json::Value;

use super::{Global, print_json};
use crate::{
    client::{Client, segment},
    failure::Failure,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List findings, the one due first first.
    List(List),
    /// Show one with its life.
    Show(Show),
}

/// List findings.
#[derive(clap::Args)]
pub(crate) struct List {
    /// Of this product; of all without it.
    #[arg(long)]
    product: Option<String>,
    /// Those that are fixed or decided, rather than those that are open.
    #[arg(long)]
    closed: bool,
    /// Go on behind the finding with this cursor.
    #[arg(long)]
    after: Option<String>,
    /// How many, at most 500.
    #[arg(long, default_value_t = 50)]
    limit: u64,
}

/// Show a finding.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// Its id, fnd_…
    id: String,
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Command::List(args) => list(global, &client, &args),
        Command::Show(args) => {
            let view: Value = client.get(&format!("/api/v1/findings/{}", segment(&args.id)), &[])?;
            if global.json() {
                print_json(&view);
            } else {
                show(&view);
            }
            Ok(0)
        }
    }
}

fn list(global: &Global, client: &Client, args: &List) -> Result<u8, Failure> {
    let limit = args.limit.to_string();
    let mut query: Vec<(&str, &str)> = vec![("limit", &limit)];
    query.extend(args.product.as_deref().map(|p| ("product", p)));
    query.extend(args.closed.then_some(("closed", "true")));
    query.extend(args.after.as_deref().map(|a| ("after", a)));
    let cards: Vec<Value> = client.get("/api/v1/findings", &query)?;
    if global.json() {
        print_json(&Value::from(cards));
        return Ok(0);
    }
    for card in &cards {
        let due = card["due"].as_str().map_or("no limit", |d| d.get(..10).unwrap_or(d));
        println!(
            "{:8} {:14} {due:10}  {}  {} {} in {}",
            text(card, "level"),
            text(card, "state"),
            text(card, "id"),
            what(&card["seen"]),
            text(card, "product"),
            versions(card),
        );
    }
    match cards.last() {
        Some(last) if cards.len() as u64 == args.limit => println!("More: --after {}", text(last, "cursor")),
        Some(_) => {}
        None => println!("Nothing {}.", if args.closed { "is fixed or decided" } else { "is open" }),
    }
    Ok(0)
}

fn show(view: &Value) {
    println!("{}  {} {}", text(view, "id"), text(view, "level"), text(view, "state"));
    println!("  {}", what(&view["seen"]));
    let due = view["due"].as_str().unwrap_or("no limit");
    println!("  first seen {}, clock from {}, due {due}", text(view, "first_seen"), text(view, "clock_from"));
    println!("  fingerprint {}", text(&view["seen"], "fingerprint"));
    for step in view["moves"].as_array().into_iter().flatten() {
        println!("  {}  {} (entry {})", text(step, "at"), text(step, "to"), step["entry"]);
    }
    for by in view["seen_by"].as_array().into_iter().flatten() {
        let release = by["release"].as_str().map(|r| format!(" in {r}")).unwrap_or_default();
        println!("  seen by {}{release} (entry {})", text(by, "scope"), by["entry"]);
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// What is broken, where, and what mends it; the rule's name behind.
fn what(seen: &Value) -> String {
    let component = &seen["component"];
    let part = match (component["name"].as_str(), component["version"].as_str()) {
        (Some(name), version) => {
            let fix = component["fixed_in"].as_str().map(|f| format!(" → fixed in {f}")).unwrap_or_default();
            format!("{name} {}{fix}: ", version.unwrap_or_default())
        }
        _ => String::new(),
    };
    let place = match text(seen, "place") {
        "" => String::new(),
        place => format!(" at {place}"),
    };
    format!("{part}{}{place} ({})", text(seen, "title"), text(seen, "rule"))
}

fn versions(card: &Value) -> String {
    let all: Vec<&str> = card["releases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if all.is_empty() { "no release".to_owned() } else { all.join(", ") }
}
