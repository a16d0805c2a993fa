//! `certrail doctor`: each setting with its source, and whether the server answers.

use serde_json::{Value, json};

use super::{Global, print_json};
use crate::{ci, client::Client, config, failure::Failure};

/// Check settings and connection.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(global: &Global, _: &Args) -> Result<u8, Failure> {
    let (file, path) = config::file()?;
    let server =
        config::setting(global.server.as_deref(), "server", file.server.as_deref(), Some("http://127.0.0.1:8787"))?;
    let product = config::setting(None, "product", file.product.as_deref(), None)?;
    let token = config::setting(None, "token", None, None)?;
    let shown = |s: Option<config::Sourced>| {
        s.map_or_else(|| "not set".to_owned(), |s| format!("{} (from {})", s.value, s.source))
    };
    let ci = ci::detect();
    let client = Client::new(global)?;
    let version = client.get::<Value>("/version", &[]);
    let whoami = client.get::<Value>("/api/v1/whoami", &[]);
    let lines = [
        ("program", crate::version()),
        ("configuration", path.map_or_else(|| "no certrail.toml from here upward".into(), |p| p.display().to_string())),
        ("server", shown(server)),
        ("product", shown(product)),
        ("token", token.map_or_else(|| "not set".into(), |t| format!("set (from {})", t.source))),
        (
            "pipeline",
            ci.map_or_else(
                || "none detected".into(),
                |c| format!("{}: {}", c.system, c.repository.unwrap_or_else(|| "repository not given".into())),
            ),
        ),
        (
            "server version",
            version
                .as_ref()
                .map_or_else(|_| "does not answer".into(), |v| v["version"].as_str().unwrap_or("?").to_owned()),
        ),
        (
            "signed in as",
            whoami.as_ref().map_or_else(
                |_| "nobody".into(),
                |w| format!("{} ({})", w["name"].as_str().unwrap_or("?"), w["role"].as_str().unwrap_or("?")),
            ),
        ),
    ];
    if global.json() {
        print_json(&json!(
            lines.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect::<serde_json::Map<String, Value>>()
        ));
    } else {
        for (name, value) in &lines {
            println!("{name:<15} {value}");
        }
    }
    match (version, whoami) {
        (Ok(_), Ok(_)) => Ok(0),
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}
