//! `certrail connector`: who is heard at `/hooks/{id}`, and what each may speak for.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Global, manage::say};
use crate::{
    client::{Client, segment},
    failure::Failure,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a connector, or change what it may speak for; what is not named stays as it is.
    Set {
        /// Its id, as in its address /hooks/ID.
        id: String,
        /// How its deliveries are read: github. Said once.
        #[arg(long)]
        provider: Option<String>,
        /// The forge's host, github.example.com say; that of the provider if not named. Said once.
        #[arg(long)]
        host: Option<String>,
        /// owner/name that it may speak for; may be repeated. Type '*' for all there are and will be.
        #[arg(long)]
        repository: Vec<String>,
        /// A product that it may speak for; may be repeated. Type '*' for all there are and will be.
        #[arg(long)]
        product: Vec<String>,
    },
    /// Make a webhook secret; it is shown once, and the one before it stays live until the next one is made.
    Secret {
        /// The connector's id.
        id: String,
    },
    /// Hear it no longer.
    End {
        /// The connector's id.
        id: String,
    },
    /// List connectors.
    List,
}

/// A list, or the star that stands for everything.
fn extent(names: &[String]) -> Value {
    if names == ["*"] { json!("*") } else { json!(names) }
}

fn line(connector: &Value) -> String {
    let text = |name: &str| connector[name].as_str().unwrap_or("?").to_owned();
    if let Some(why) = connector["damaged"].as_str() {
        return format!("/hooks/{:<20} {why}", text("name"));
    }
    let reach = |name: &str| match connector[name].as_array() {
        None => "*".to_owned(),
        Some(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
    };
    let ended = if connector["ended"] == true { " (ended)" } else { "" };
    format!(
        "/hooks/{:<20} {} of {}; repositories {}; products {}{ended}",
        text("id"),
        text("provider"),
        text("host"),
        reach("repositories"),
        reach("products")
    )
}

pub(crate) fn run(global: &Global, command: Command) -> Result<u8, Failure> {
    let client = Client::new(global)?;
    let of = |id: &str| format!("/api/v1/connectors/{}", segment(id));
    match command {
        Command::Set { id, provider, host, repository, product } => {
            let mut body = json!({});
            for (member, value) in [("provider", provider), ("host", host)] {
                if let Some(value) = value {
                    body[member] = json!(value);
                }
            }
            for (member, values) in [("repositories", repository), ("products", product)] {
                if !values.is_empty() {
                    body[member] = extent(&values);
                }
            }
            let answer: Value = client.json(&Method::PUT, &of(&id), &body)?;
            say(global, &answer, |a| println!("{}", line(a)));
        }
        Command::Secret { id } => {
            let answer: Value = client.json(&Method::POST, &format!("{}/secrets", of(&id)), &json!({}))?;
            say(global, &answer, |a| {
                println!("{}", a["secret"].as_str().unwrap_or("?"));
                eprintln!(
                    "This is {}, shown once. Set it at the sender; the secret before it stays live until the next one is made.",
                    a["name"].as_str().unwrap_or("?")
                );
            });
        }
        Command::End { id } => {
            let answer: Value = client.json(&Method::DELETE, &of(&id), &json!({}))?;
            say(global, &answer, |_| println!("{id} is heard no longer."));
        }
        Command::List => {
            let answer: Value = client.get("/api/v1/connectors", &[])?;
            say(global, &answer, |a| a.as_array().into_iter().flatten().for_each(|c| println!("{}", line(c))));
        }
    }
    Ok(0)
}
