//! What could not be delivered waits in the checkout, and goes out with the next command that reaches the server.
//!
//! A pipeline must not fail because the system of record is away, and evidence must not be lost because of it.
//! The gate alone decides, and it asks again. An item is two files, `<id>.json` and `<id>.body`; neither holds
//! the token. Delivering one twice is harmless: the server records a repeated delivery once.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::Context;
use certrail_domain::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{client::Client, failure::Failure};

/// More than this waiting means that nobody looks after it.
const MAX_ITEMS: usize = 10_000;

/// The exit code of `--strict-delivery`: accepted here, not there yet.
pub(crate) const SPOOLED: u8 = 6;

/// A request that waits.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    /// The server it is for.
    server: String,
    path: String,
    query: Vec<(String, String)>,
    /// When it was first tried: what the evidence says about when it happened must not move by waiting.
    tried_at: Time,
}

/// The folder beside the checkout's `.git`, or here where there is no checkout.
fn folder() -> anyhow::Result<PathBuf> {
    let here = env::current_dir()?;
    let root = here.ancestors().find(|f| f.join(".git").exists()).unwrap_or(&here);
    Ok(root.join(".certrail").join("spool"))
}

#[expect(clippy::disallowed_methods, reason = "the command line has no engine whose clock it could take")]
fn now() -> Time {
    let micros = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_micros());
    Time::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Keeps a request that was not delivered, and says so. Returns how many wait.
pub(crate) fn keep(client: &Client, path: &str, query: &[(&str, &str)], body: &[u8]) -> Result<usize, Failure> {
    let folder = folder()?;
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    if let Some(own) = folder.parent() {
        // Evidence does not belong into the history of the code.
        fs::write(own.join(".gitignore"), "*\n").with_context(|| format!("write into {}", own.display()))?;
    }
    let tried_at = now();
    let mut query: Vec<(String, String)> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut body = body.to_vec();
    if path == "/api/v1/evidence" {
        query.push(("occurred_at".into(), tried_at.to_string()));
    } else if let Ok(Value::Object(mut fact)) = serde_json::from_slice(&body) {
        if fact.get("occurred_at").is_none_or(Value::is_null) {
            fact.insert("occurred_at".into(), tried_at.to_string().into());
        }
        body = serde_json::to_vec(&fact).map_err(anyhow::Error::from)?;
    }
    let waiting = items(&folder)?;
    if waiting.len() >= MAX_ITEMS {
        return Err(Failure::new(
            crate::failure::UNKNOWN,
            "It was neither delivered nor kept.",
            format!("{} holds {MAX_ITEMS} items that nobody delivered.", folder.display()),
            "Deliver them with `certrail evidence deliver`.",
        ));
    }
    let item = Item { server: client.address(""), path: path.to_owned(), query, tried_at };
    let id = format!("{:020}-{:08x}", tried_at.as_micros(), std::process::id().rotate_left(16) ^ waiting.len() as u32);
    // The body first: an item without its body must never be seen.
    write(&folder.join(format!("{id}.body")), &body)?;
    write(&folder.join(format!("{id}.json")), &serde_json::to_vec(&item).map_err(anyhow::Error::from)?)?;
    Ok(waiting.len() + 1)
}

/// Says what happened and where it is.
pub(crate) fn say(failure: &Failure, waiting: usize) {
    let place = folder().map_or_else(|_| ".certrail/spool".into(), |f| f.display().to_string());
    eprintln!("Not delivered yet: {}", failure.why());
    eprintln!(
        "  Saved to {place} ({waiting} item{}). The next command delivers it, the gate will ask again; your build continues.",
        if waiting == 1 { "" } else { "s" }
    );
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    let file = tempfile::NamedTempFile::new_in(folder).with_context(|| format!("write into {}", folder.display()))?;
    fs::write(file.path(), bytes).with_context(|| format!("write {}", path.display()))?;
    file.as_file().sync_all().with_context(|| format!("write {}", path.display()))?;
    file.persist(path).map_err(|e| anyhow::anyhow!("write {}: {}", path.display(), e.error))?;
    Ok(())
}

/// The items in a folder, oldest first.
fn items(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut found: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|x| x == "json")).collect();
    found.sort();
    Ok(found)
}

/// What became of the items that waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) delivered: usize,
    pub(crate) refused: usize,
    pub(crate) waiting: usize,
}

/// Delivers what waits for this server, oldest first, and stops at the first that does not get through. What the
/// server refuses is set aside with the reason, so that it blocks nothing and is not lost.
pub(crate) fn deliver(client: &Client) -> Result<Delivered, Failure> {
    let folder = folder()?;
    let mut outcome = Delivered::default();
    let mut reachable = true;
    for path in items(&folder)? {
        let body_path = path.with_extension("body");
        let item: Option<Item> = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some((item, body)) = item.zip(fs::read(&body_path).ok()) else {
            set_aside(&folder, &path, "It could not be read.")?;
            outcome.refused += 1;
            continue;
        };
        if !reachable || item.server != client.address("") {
            outcome.waiting += 1;
            continue;
        }
        let query: Vec<(&str, &str)> = item.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        match client.post::<Value>(&item.path, &query, &body) {
            Ok(_) => {
                // The body last: should we be stopped between the two, the item is delivered again.
                fs::remove_file(&path)
                    .and_then(|()| fs::remove_file(&body_path))
                    .context("remove what was delivered")?;
                outcome.delivered += 1;
            }
            Err(failure) if failure.undelivered => {
                reachable = false;
                outcome.waiting += 1;
            }
            Err(failure) => {
                set_aside(&folder, &path, failure.why())?;
                outcome.refused += 1;
            }
        }
    }
    Ok(outcome)
}

/// Moves an item to `refused/`, with the reason beside it.
fn set_aside(folder: &Path, item: &Path, why: &str) -> Result<(), Failure> {
    let refused = folder.join("refused");
    fs::create_dir_all(&refused).context("set an item aside")?;
    for path in [item.to_owned(), item.with_extension("body")] {
        if let Some(name) = path.file_name().filter(|_| path.exists()) {
            fs::rename(&path, refused.join(name)).context("set an item aside")?;
        }
    }
    if let Some(name) = item.file_stem() {
        fs::write(refused.join(name).with_extension("why"), why).context("set an item aside")?;
    }
    eprintln!("An item that waited was refused and set aside in {}: {why}", refused.display());
    Ok(())
}

/// Delivers what waits before something else is asked; silence when nothing did.
pub(crate) fn catch_up(client: &Client) {
    match deliver(client) {
        Ok(Delivered { delivered, .. }) if delivered > 0 => {
            eprintln!("Delivered what waited: {delivered} item{}.", if delivered == 1 { "" } else { "s" });
        }
        Ok(_) => {}
        Err(failure) => failure.print(),
    }
}
