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
        /// The criteria set that judges it.
        #[arg(long)]
        criteria: Option<String>,
        /// What decides how grave a finding is: the tool's word first, the score first, or the gravest of all.
        #[arg(long, value_parser = ["tool-first", "score-first", "highest"])]
        severity: Option<String>,
    },
    /// Record a criteria set, byte for byte; the newest of its name is in force from then on.
    Criteria {
        /// The YAML file.
        file: std::path::PathBuf,
    },
    /// List products.
    List,
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
        /// In how many days it ends.
        #[arg(long, default_value_t = 90)]
        days: i64,
        /// For yourself: it signs in your name.
        #[arg(long)]
        own: bool,
    },
    /// List tokens.
    List,
    /// End a token at once.
    Revoke {
        /// Its id, tok_…
        id: String,
    },
}

fn say(global: &Global, answer: &Value, text: impl FnOnce(&Value)) {
    if global.json() { print_json(answer) } else { text(answer) }
}

pub(crate) fn product(global: &Global, command: Product) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Product::Add { name, repository, branch, tag_pattern, production, criteria, severity } => {
            let mut body =
                json!({ "branch": branch, "tag_pattern": tag_pattern, "criteria": criteria, "severity": severity });
            for (member, values) in [("repositories", repository), ("production", production)] {
                if !values.is_empty() {
                    body[member] = json!(values);
                }
            }
            let answer: Value =
                client.json(&reqwest::Method::PUT, &format!("/api/v1/products/{}", segment(&name)), &body)?;
            say(global, &answer, |a| println!("Product {} is set.", a["name"].as_str().unwrap_or("?")));
        }
        Product::Criteria { file } => {
            let bytes = std::fs::read(&file).map_err(|e| {
                let why = format!("{}: {e}.", file.display());
                Failure::new(NOT_FOUND, "The criteria were not recorded.", why, "Check the path.")
            })?;
            let answer: Value = client.put("/api/v1/criteria", &bytes)?;
            say(global, &answer, |a| println!("Criteria {} are in force.", a["criteria"].as_str().unwrap_or("?")));
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
        Person::Add { name, account, role } => {
            let answer: Value = client.json(
                &reqwest::Method::PUT,
                "/api/v1/people",
                &json!({ "name": name, "accounts": account, "role": role }),
            )?;
            say(global, &answer, |a| {
                println!("{} is {}.", a["name"].as_str().unwrap_or("?"), a["role"].as_str().unwrap_or("?"));
            });
        }
        Person::List => {
            let answer: Value = client.get("/api/v1/people", &[])?;
            say(global, &answer, |a| {
                a.as_array().into_iter().flatten().for_each(|p| {
                    println!("{:<24} {}", p["name"].as_str().unwrap_or("?"), p["role"].as_str().unwrap_or("?"));
                });
            });
        }
    }
    Ok(0)
}

pub(crate) fn token(global: &Global, command: Token) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    match command {
        Token::Create { name, role, days, own } => {
            let answer: Value = client.json(
                &reqwest::Method::POST,
                "/api/v1/tokens",
                &json!({ "name": name, "role": role, "days": days, "own": own }),
            )?;
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
                    println!(
                        "{} {:<8} {:<16} {}",
                        t["id"].as_str().unwrap_or("?"),
                        t["kind"].as_str().unwrap_or("?"),
                        t["role"].as_str().unwrap_or("?"),
                        t["name"].as_str().unwrap_or("")
                    );
                });
            });
        }
        Token::Revoke { id } => {
            let answer: Value =
                client.json(&reqwest::Method::DELETE, &format!("/api/v1/tokens/{}", segment(&id)), &json!({}))?;
            say(global, &answer, |_| println!("{id} is revoked."));
        }
    }
    Ok(0)
}
