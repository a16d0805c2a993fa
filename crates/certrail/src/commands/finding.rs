//! `certrail finding`: what scans found, by due date, and the life of one.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Global, moment, print_json};
use crate::{
    client::{Client, segment},
    failure::Failure,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List findings, the one due first first.
    List(List),
    /// What needs a decision now: what closes a gate first, then by due date.
    Queue(Queue),
    /// Show one with its life.
    Show(Show),
    /// Say what you found out, or that it is being worked on.
    Triage(Triage),
    /// Ask that one be accepted, or be held for a false positive or not affected; somebody else approves.
    Decide(Box<Decide>),
    /// Approve a decision that somebody else asked for.
    Approve(Decision),
    /// Reject a decision that was asked for.
    Reject(Decision),
    /// End a decision before its time, or take back what you asked for.
    Revoke(Decision),
}

/// List findings.
#[derive(clap::Args)]
pub(crate) struct List {
    /// Of this product; of all without it.
    #[arg(long)]
    product: Option<String>,
    /// Which: open, decided, suppressed (by the report itself), fixed, closed (all but open), all.
    #[arg(long, default_value = "open")]
    show: String,
    /// Go on behind the finding with this cursor.
    #[arg(long)]
    after: Option<String>,
    /// How many, at most 500.
    #[arg(long, default_value_t = 50)]
    limit: u64,
}

/// What needs a decision.
#[derive(clap::Args)]
pub(crate) struct Queue {
    /// Of this product; of all without it.
    #[arg(long)]
    product: Option<String>,
}

/// Show a finding.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// Its id, fnd_…
    id: String,
}

/// Say what you found out.
#[derive(clap::Args)]
pub(crate) struct Triage {
    /// The finding, fnd_…
    id: String,
    /// What you found out, or what is being done.
    #[arg(long)]
    reason: String,
    /// It is being worked on.
    #[arg(long)]
    in_remediation: bool,
    /// Reachable from the internet.
    #[arg(long)]
    exposed: Option<bool>,
    /// Its exploitation can be automated.
    #[arg(long)]
    automatable: Option<bool>,
    /// Exploiting it gives total control.
    #[arg(long)]
    total_impact: Option<bool>,
    /// Likely to be exploited here.
    #[arg(long)]
    likely_exploitable: Option<bool>,
    /// Potential impact, 1 (least) to 5.
    #[arg(long)]
    potential_impact: Option<u8>,
    /// When the patch was released (2026-11-20 or RFC 3339).
    #[arg(long)]
    patch_released: Option<String>,
}

/// Ask for a decision.
#[derive(clap::Args)]
pub(crate) struct Decide {
    /// The finding, fnd_…
    id: String,
    /// What is claimed.
    #[arg(value_enum)]
    claim: Claim,
    /// Why, at least twenty characters.
    #[arg(long)]
    reason: String,
    /// With not-affected: one of the five words of VEX, like `vulnerable_code_not_in_execute_path`.
    #[arg(long)]
    justification: Option<String>,
    /// How far it reaches.
    #[arg(long, value_enum, default_value = "product")]
    within: Within,
    /// The release, or one of the line.
    #[arg(long)]
    release: Option<String>,
    /// Only releases that are known now, not future ones.
    #[arg(long)]
    only_now: bool,
    /// What is done instead.
    #[arg(long, default_value = "")]
    compensating: String,
    /// When it ends (2026-11-20 or RFC 3339); without it in 90 days, or as late as the level allows.
    #[arg(long)]
    until: Option<String>,
    /// Only say what it would change.
    #[arg(short = 'n', long)]
    dry_run: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Claim {
    Accept,
    FalsePositive,
    NotAffected,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Within {
    Release,
    Line,
    Product,
    Everywhere,
}

/// A decision by its id.
#[derive(clap::Args)]
pub(crate) struct Decision {
    /// The decision, exc_…
    id: String,
    /// Why; needed to reject one, or to end one that was approved.
    #[arg(long, default_value = "")]
    reason: String,
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Command::List(args) => list(global, &client, &args),
        Command::Queue(args) => queue(global, &client, &args),
        Command::Show(args) => {
            let view: Value = client.get(&format!("/api/v1/findings/{}", segment(&args.id)), &[])?;
            if global.json() {
                print_json(&view);
            } else {
                show(&view);
            }
            Ok(0)
        }
        Command::Triage(args) => triage(global, &client, &args),
        Command::Decide(args) => decide(global, &client, &args),
        Command::Approve(args) => end(global, &client, &args, "approve"),
        Command::Reject(args) => end(global, &client, &args, "reject"),
        Command::Revoke(args) => end(global, &client, &args, "revoke"),
    }
}

fn triage(global: &Global, client: &Client, args: &Triage) -> Result<u8, Failure> {
    let to = if args.in_remediation { "in_remediation" } else { "triaged" };
    let patch_released = args.patch_released.as_deref().map(moment).transpose()?;
    let mut assessment = json!({
        "exposed": args.exposed, "automatable": args.automatable, "total_impact": args.total_impact,
        "likely_exploitable": args.likely_exploitable, "potential_impact": args.potential_impact,
        "patch_released": patch_released,
    });
    if let Some(fields) = assessment.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let body = json!({ "to": to, "reason": args.reason, "assessment": assessment });
    let finding: Value =
        client.json(&Method::POST, &format!("/api/v1/findings/{}/triage", segment(&args.id)), &body)?;
    if global.json() {
        print_json(&finding);
    } else {
        let due = finding["due"].as_str().map_or("no limit", |d| d.get(..10).unwrap_or(d));
        println!("{} is {}, due {due}.", text(&finding, "id"), text(&finding, "state").replace('_', " "));
    }
    Ok(0)
}

fn decide(global: &Global, client: &Client, args: &Decide) -> Result<u8, Failure> {
    let until = args.until.as_deref().map(moment).transpose()?;
    let body = json!({
        "claim": word_of(&args.claim), "within": word_of(&args.within), "release": args.release,
        "future": !args.only_now, "reason": args.reason, "justification": args.justification,
        "compensating": args.compensating, "expires_at": until,
    });
    let address = format!("/api/v1/findings/{}", segment(&args.id));
    let effect: Value = client.json(&Method::POST, &format!("{address}/effect"), &body)?;
    if args.dry_run {
        if global.json() {
            print_json(&effect);
        } else {
            println!("{}", text(&effect, "sentence"));
        }
        return Ok(0);
    }
    let decision: Value = client.json(&Method::POST, &format!("{address}/decisions"), &body)?;
    if global.json() {
        print_json(&decision);
        return Ok(0);
    }
    let until = text(&decision, "expires_at");
    println!("{} is asked for, until {}.", text(&decision, "id"), until.get(..10).unwrap_or(until));
    println!("  {}", text(&effect, "sentence"));
    println!("  Somebody else approves it: certrail finding approve {}", text(&decision, "id"));
    Ok(0)
}

/// The word the API uses.
fn word_of(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|v| v.get_name().replace('-', "_")).unwrap_or_default()
}

fn end(global: &Global, client: &Client, args: &Decision, verb: &str) -> Result<u8, Failure> {
    let address = format!("/api/v1/finding-decisions/{}/{verb}", segment(&args.id));
    let decision: Value = client.json(&Method::POST, &address, &json!({ "reason": args.reason }))?;
    if global.json() {
        print_json(&decision);
    } else {
        println!("{} is {}.", text(&decision, "id"), text(&decision, "state"));
    }
    Ok(0)
}

fn queue(global: &Global, client: &Client, args: &Queue) -> Result<u8, Failure> {
    let query: Vec<(&str, &str)> = args.product.as_deref().map(|p| ("product", p)).into_iter().collect();
    let queue: Value = client.get("/api/v1/findings/queue", &query)?;
    if global.json() {
        print_json(&queue);
        return Ok(0);
    }
    let items = queue["items"].as_array().map_or(&[][..], Vec::as_slice);
    for item in items {
        let due = item["due"].as_str().map_or("no limit", |d| d.get(..10).unwrap_or(d));
        let blocks = if item["blocks"] == true { "blocks" } else { "" };
        let releases = item["on_its_way_in"].as_array().map_or(&[][..], Vec::as_slice);
        let releases: Vec<&str> = releases.iter().map(|r| text(r, "version")).collect();
        println!(
            "{blocks:6}  {:8} {due:10}  {}  {} {} in {}",
            text(item, "level"),
            text(item, "id"),
            what(&item["seen"]),
            text(item, "product"),
            releases.join(", ")
        );
    }
    for end in queue["ending"].as_array().into_iter().flatten() {
        let decision = &end["decision"];
        let until = text(decision, "expires_at");
        println!(
            "ends    {:8} {:10}  {}  {} {} ({})",
            text(end, "level"),
            until.get(..10).unwrap_or(until),
            text(decision, "finding"),
            text(end, "name"),
            text(decision, "product"),
            text(decision, "id")
        );
    }
    match queue["total"].as_u64().unwrap_or(0) {
        0 => println!("Nothing needs a decision."),
        total if total > items.len() as u64 => println!("{} of {total} are shown.", items.len()),
        _ => println!("Decide: certrail finding decide ID accept|false-positive|not-affected --reason … -n"),
    }
    Ok(0)
}

fn list(global: &Global, client: &Client, args: &List) -> Result<u8, Failure> {
    let limit = args.limit.to_string();
    let mut query: Vec<(&str, &str)> = vec![("limit", &limit)];
    query.extend(args.product.as_deref().map(|p| ("product", p)));
    query.push(("show", &args.show));
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
        None => println!("Nothing is there (--show {}).", args.show),
    }
    Ok(0)
}

fn show(view: &Value) {
    println!("{}  {} {}", text(view, "id"), text(view, "level"), text(view, "state"));
    println!("  {}", what(&view["seen"]));
    let due = view["due"].as_str().unwrap_or("no limit");
    println!("  first seen {}, clock from {}, due {due}", text(view, "first_seen"), text(view, "clock_from"));
    for deadline in view["deadlines"].as_array().into_iter().flatten() {
        let (clock, at) = (text(deadline, "clock"), text(deadline, "at"));
        println!(
            "  {clock}: {} hours from {} on {}, so {at}",
            deadline["hours"],
            text(deadline, "start"),
            text(deadline, "from")
        );
    }
    println!("  fingerprint {}", text(&view["seen"], "fingerprint"));
    for step in view["moves"].as_array().into_iter().flatten() {
        let (at, to, by, why) = (text(step, "at"), text(step, "to"), text(step, "by"), text(step, "why"));
        println!("  {at}  {} by {by}: {why} (entry {})", to.replace('_', " "), step["entry"]);
    }
    for decision in view["decisions"].as_array().into_iter().flatten() {
        let (id, claim, state) = (text(decision, "id"), text(decision, "claim"), text(decision, "state"));
        let (until, reason) = (text(decision, "expires_at"), text(decision, "reason"));
        println!("  {id}  {} {state}, until {until}: {reason}", claim.replace('_', " "));
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
