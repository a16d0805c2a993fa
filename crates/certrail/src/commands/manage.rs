//! `certrail product`, `person`, `token`: who and what there is.

use serde_json::{Value, json};

use super::{Global, print_json};
use crate::{
    client::{Client, segment},
    failure::{Failure, NOT_FOUND},
};

const ROLES: [&str; 6] = ["viewer", "contributor", "release-manager", "approver", "auditor", "admin"];

#[derive(clap::Subcommand)]
pub(crate) enum Product {
    /// Make or change a product; what is not named stays as it is.
    Add {
        /// Its name, as in the address of its releases.
        name: String,
        /// owner/name; may be repeated.
        #[arg(long)]
        repository: Vec<String>,
        /// The branch releases are cut from.
        #[arg(long)]
        branch: Option<String>,
        /// How a tag names a version: v{version}.
        #[arg(long)]
        tag_pattern: Option<String>,
        /// An environment that counts as production; may be repeated.
        #[arg(long)]
        production: Vec<String>,
        /// Another environment that it has, staging say; may be repeated.
        #[arg(long)]
        environment: Vec<String>,
        /// The criteria set that judges it.
        #[arg(long)]
        criteria: Option<String>,
        /// One person makes and decides everything here: a team of one, and each dossier says so.
        #[arg(long)]
        sole_decider: Option<bool>,
        /// What decides how grave a finding is: the tool's word first, the score first, or the gravest of all.
        #[arg(long, value_parser = ["tool-first", "score-first", "highest"])]
        severity: Option<String>,
        #[command(flatten)]
        asked: Asked,
    },
    /// Ask that facts of a kind count here though they were only reported, or end that; somebody else approves it in a browser.
    AcceptReported {
        /// The product.
        name: String,
        /// The kind: code.change, code.review, code.branch_rule, requirement.ticket, deployment.approval,
        /// decision.
        #[arg(long)]
        kind: String,
        /// Why they cannot be observed.
        #[arg(long, required_unless_present = "end")]
        reason: Option<String>,
        /// End it.
        #[arg(long, conflicts_with = "reason")]
        end: bool,
    },
    /// State from which commit on the history of a product is judged, or end that; what the commit contains shipped before.
    /// Once a release was judged, somebody else approves it in a browser.
    Baseline {
        /// The product.
        name: String,
        /// The commit, its whole name: "$(git rev-parse 'v2.4.0^{commit}')".
        #[arg(long)]
        commit: String,
        /// What tags call it, where the first range is told from there: 2.4.0.
        #[arg(long, conflicts_with = "end")]
        version: Option<String>,
        /// Why there.
        #[arg(long, required_unless_present = "end")]
        reason: Option<String>,
        /// It ends no range any more.
        #[arg(long, conflicts_with = "reason")]
        end: bool,
    },
    /// Record a criteria set, byte for byte. The first of its name is in force at once; a later one waits for another admin.
    Criteria {
        /// The YAML file.
        file: std::path::PathBuf,
        #[command(flatten)]
        asked: Asked,
    },
    /// List products.
    List,
}

/// What whoever decides about a change of settings reads.
#[derive(clap::Args)]
pub(crate) struct Asked {
    /// Why, for whoever decides about what becomes weaker.
    #[arg(long)]
    reason: Option<String>,
    /// From when on: 2026-12-01T00:00:00Z. If not told, at once when it is decided.
    #[arg(long)]
    from: Option<String>,
}

/// Says that a change of settings waits, what becomes weaker by it, and who decides.
fn say_waiting(client: &Client, change: &Value) {
    println!("It waits for another admin: {}.", change["id"].as_str().unwrap_or("?"));
    for what in change["weaker"].as_array().into_iter().flatten() {
        println!("  weaker: {}", what.as_str().unwrap_or("?"));
    }
    println!("They decide in a browser: {}", client.address("/settings"));
}

#[derive(clap::Subcommand)]
pub(crate) enum Settings {
    /// List changes of settings that wait, and those that were decided.
    List,
    /// Reject one, or take back what you asked for yourself. Approving takes a person in a browser.
    Reject {
        /// Its id, chg_…
        id: String,
    },
}

pub(crate) fn settings(global: &Global, command: Settings) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Settings::List => {
            let answer: Value = client.get("/api/v1/settings", &[])?;
            say(global, &answer, |a| {
                for change in ["waiting", "decided"].iter().flat_map(|of| a[of].as_array().into_iter().flatten()) {
                    let text = |member: &str| change[member].as_str().unwrap_or("?");
                    println!("{}  {:<9}  {}", text("id"), text("state"), text("title"));
                    for what in change["weaker"].as_array().into_iter().flatten() {
                        println!("    weaker: {}", what.as_str().unwrap_or("?"));
                    }
                }
            });
        }
        Settings::Reject { id } => {
            let answer: Value = client.post(&format!("/api/v1/settings/{}/reject", segment(&id)), &[], &[])?;
            say(global, &answer, |a| println!("{} is rejected.", a["id"].as_str().unwrap_or("?")));
        }
    }
    Ok(0)
}

#[derive(clap::Subcommand)]
pub(crate) enum Person {
    /// Make or change a person.
    Add {
        /// Their name.
        name: String,
        /// An account or address that is theirs; may be repeated.
        #[arg(long)]
        account: Vec<String>,
        /// Their role.
        #[arg(long, value_parser = ROLES)]
        role: String,
        /// A product that the role reaches; may be repeated; all if not named.
        #[arg(long)]
        product: Vec<String>,
    },
    /// Somebody leaves: they sign in no more, and every token that rests on them ends.
    End {
        /// Their account, or id per_…
        person: String,
    },
    /// List people.
    List,
}

#[derive(clap::Subcommand)]
pub(crate) enum Token {
    /// Make a token; its secret is shown once.
    Create {
        /// What you call it.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long, value_parser = ROLES)]
        role: String,
        /// In how many days it ends; if not told, in 90, or with the token it is made with.
        #[arg(long)]
        days: Option<i64>,
        /// For yourself: it signs in your name.
        #[arg(long)]
        own: bool,
        /// A product that it reaches; may be repeated. Type '*' for all there are and will be.
        #[arg(long, required = true)]
        product: Vec<String>,
        /// An environment that it may speak of or open; may be repeated; all if not named.
        #[arg(long)]
        environment: Vec<String>,
        /// A repository that it may speak of; may be repeated; all if not named.
        #[arg(long)]
        repository: Vec<String>,
        /// An action among those of its role (record, cut, ask-gate …); may be repeated; all if not named.
        #[arg(long)]
        action: Vec<String>,
    },
    /// List tokens.
    List,
    /// End a token at once.
    Revoke {
        /// Its id, tok_…
        id: String,
    },
}

pub(super) fn say(global: &Global, answer: &Value, text: impl FnOnce(&Value)) {
    if global.json() { print_json(answer) } else { text(answer) }
}

pub(crate) fn product(global: &Global, command: Product) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Product::Add {
            name,
            repository,
            branch,
            tag_pattern,
            production,
            environment,
            criteria,
            severity,
            sole_decider,
            asked,
        } => {
            let mut body = json!({
                "reason": asked.reason, "from": asked.from,
                "branch": branch, "tag_pattern": tag_pattern, "criteria": criteria, "severity": severity,
                "sole_decider": sole_decider,
            });
            for (member, values) in
                [("repositories", repository), ("production", production), ("environments", environment)]
            {
                if !values.is_empty() {
                    body[member] = json!(values);
                }
            }
            let answer: Value =
                client.json(&reqwest::Method::PUT, &format!("/api/v1/products/{}", segment(&name)), &body)?;
            say(global, &answer, |a| match &a["waiting"] {
                Value::Null => println!("Product {} is set.", a["name"].as_str().unwrap_or("?")),
                change => say_waiting(&client, change),
            });
        }
        Product::AcceptReported { name, kind, reason, end } => {
            let own = format!("/api/v1/products/{}/accepts-reported", segment(&name));
            let one = format!("{own}/{}", segment(&kind));
            let answer: Value = match end {
                true => client.json(&reqwest::Method::DELETE, &one, &json!({}))?,
                false => client.json(&reqwest::Method::POST, &own, &json!({ "kind": kind, "reason": reason }))?,
            };
            let counts = answer["accepts_reported"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|a| a["kind"] == json!(kind) && !a["approver"].is_null());
            say(global, &answer, |_| match (end, counts) {
                (true, _) => println!("{name} accepts reports of {kind} no longer."),
                (false, true) => println!("{name} accepts reports of {kind}."),
                (false, false) => println!(
                    "Asked. Somebody else has to approve it, in a browser: {}",
                    client.address(&format!("/p/{}", segment(&name)))
                ),
            });
        }
        Product::Baseline { name, commit, version, reason, end } => {
            let own = format!("/api/v1/products/{}/baselines", segment(&name));
            let one = format!("{own}/{}", segment(&commit));
            let stated = json!({ "commit": commit, "version": version, "reason": reason });
            let answer: Value = match end {
                true => client.json(&reqwest::Method::DELETE, &one, &json!({}))?,
                false => client.json(&reqwest::Method::POST, &own, &stated)?,
            };
            let counts = answer["baselines"].as_array().into_iter().flatten().any(|b| {
                b["commit"].as_str().is_some_and(|c| c.eq_ignore_ascii_case(&commit))
                    && !b["since"].is_null()
                    && b["until"].is_null()
            });
            say(global, &answer, |_| match (end, counts) {
                (true, _) => println!("{commit} is no baseline of {name} any more."),
                (false, true) => println!("The history of {name} is judged from {commit} on."),
                (false, false) => println!(
                    "Stated. Somebody else has to approve it, in a browser: {}",
                    client.address(&format!("/p/{}#baselines", segment(&name)))
                ),
            });
        }
        Product::Criteria { file, asked } => {
            let bytes = std::fs::read(&file).map_err(|e| {
                let why = format!("{}: {e}.", file.display());
                Failure::new(NOT_FOUND, "The criteria were not recorded.", why, "Check the path.")
            })?;
            let query: Vec<(&str, &str)> = [("reason", asked.reason.as_deref()), ("from", asked.from.as_deref())]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            let answer: Value = client.put("/api/v1/criteria", &query, &bytes)?;
            say(global, &answer, |a| match &a["waiting"] {
                Value::Null => println!("Criteria {} are in force.", a["criteria"].as_str().unwrap_or("?")),
                change => say_waiting(&client, change),
            });
        }
        Product::List => {
            let answer: Value = client.get("/api/v1/products", &[])?;
            say(global, &answer, |a| {
                a.as_array().into_iter().flatten().for_each(|p| println!("{}", p["name"].as_str().unwrap_or("?")));
            });
        }
    }
    Ok(0)
}

pub(crate) fn person(global: &Global, command: Person) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Person::Add { name, account, role, product } => {
            let mut body = json!({ "name": name, "accounts": account, "role": role });
            if !product.is_empty() {
                let products = if product == ["*"] { json!("*") } else { json!(product) };
                body["scope"] =
                    json!({ "products": products, "environments": "*", "repositories": "*", "actions": "*" });
            }
            let answer: Value = client.json(&reqwest::Method::PUT, "/api/v1/people", &body)?;
            say(global, &answer, |a| {
                println!("{} is {}.", a["name"].as_str().unwrap_or("?"), a["role"].as_str().unwrap_or("?"));
            });
        }
        Person::End { person } => {
            let path = format!("/api/v1/people/{}", segment(&person));
            let answer: Value = client.json(&reqwest::Method::DELETE, &path, &json!({}))?;
            say(global, &answer, |a| {
                let tokens = a["tokens_ended"].as_array().map_or(0, Vec::len);
                let name = a["ended"]["name"].as_str().unwrap_or("?");
                println!("{name} has left; {tokens} session{} and token{0} ended.", if tokens == 1 { "" } else { "s" });
            });
        }
        Person::List => {
            let answer: Value = client.get("/api/v1/people", &[])?;
            say(global, &answer, |a| {
                a.as_array().into_iter().flatten().for_each(|p| {
                    let text = |member: &str| p[member].as_str().unwrap_or("?");
                    let accounts = p["accounts"].as_array().into_iter().flatten().filter_map(Value::as_str);
                    let accounts: Vec<&str> = accounts.collect();
                    println!("{:<24} {:<16} {} {}", text("name"), text("role"), text("id"), accounts.join(", "));
                });
            });
        }
    }
    Ok(0)
}

pub(crate) fn token(global: &Global, command: Token) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Token::Create { name, role, days, own, product, environment, repository, action } => {
            let mut body = json!({ "name": name, "role": role, "days": days, "own": own, "products": product });
            for (member, values) in [("environments", environment), ("repositories", repository), ("actions", action)] {
                if !values.is_empty() {
                    body[member] = json!(values);
                }
            }
            let answer: Value = client.json(&reqwest::Method::POST, "/api/v1/tokens", &body)?;
            say(global, &answer, |a| {
                println!(
                    "{}\nShown once. Ends {}. Use it as CERTRAIL_TOKEN.",
                    a["secret"].as_str().unwrap_or("?"),
                    a["expires_at"].as_str().unwrap_or("?")
                );
            });
        }
        Token::List => {
            let answer: Value = client.get("/api/v1/tokens", &[])?;
            say(global, &answer, |a| {
                a.as_array().into_iter().flatten().for_each(|t| {
                    let text = |name: &str| t[name].as_str().unwrap_or("–").to_owned();
                    let products = match t["scope"]["products"].as_array() {
                        None => "*".to_owned(),
                        Some(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
                    };
                    let state = if t["revoked"].is_null() { "" } else { " (ended)" };
                    println!(
                        "{} {:<13} {:<16} {:<16} of {}, made by {}, last used {}: {}{state}",
                        text("id"),
                        text("kind"),
                        text("role"),
                        products,
                        text("whose"),
                        text("made_by_name"),
                        text("last_used"),
                        text("name"),
                    );
                });
            });
        }
        Token::Revoke { id } => {
            let answer: Value =
                client.json(&reqwest::Method::DELETE, &format!("/api/v1/tokens/{}", segment(&id)), &json!({}))?;
            say(global, &answer, |a| {
                let ended = a["revoked"].as_array().map_or(0, Vec::len);
                println!(
                    "{id} is revoked{}.",
                    if ended > 1 { format!(", and {} made with it", ended - 1) } else { String::new() }
                );
            });
        }
    }
    Ok(0)
}
