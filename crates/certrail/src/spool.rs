//! What could not be delivered waits, and goes out with the next command that reaches the server.
//!
//! A pipeline must not fail because the system of record is away, and evidence must not be lost because of it.
//! The gate alone decides, and it asks again. Items wait in the user's own state folder and never in the checkout:
//! whoever wrote the checkout must not be able to have something sent in the name of whoever stands in it.
//! An item is two files, `<id>.json` and `<id>.body`; neither holds the token, and only the token it was tried
//! with sends it by itself. Delivering one twice is harmless: the server records a repeated delivery once.

use std::{
    collections::BTreeSet,
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

/// Where an item goes: nothing else is ever sent from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    /// A report.
    Evidence,
    /// A fact a pipeline tells. Acts of people (approvals, exceptions, decisions) never wait.
    Fact,
}

impl Endpoint {
    /// The facts that may wait.
    const FACTS: [&str; 5] = [
        "code.change",
        "requirement.ticket",
        "deployment.event",
        "deployment.validation",
        "deployment.rollback_target",
    ];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Evidence => "/api/v1/evidence",
            Self::Fact => "/api/v1/facts",
        }
    }

    /// Whether a body may be sent there from here.
    fn takes(self, body: &[u8]) -> bool {
        self == Self::Evidence || kind_of(body).is_some_and(|kind| Self::FACTS.contains(&kind.as_str()))
    }
}

/// The kind of fact that a body tells.
fn kind_of(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Value>(body).ok()?["kind"].as_str().map(str::to_owned)
}

/// A request that waits.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    /// The server it is for.
    server: String,
    /// What tells the token it was tried with from others, without being it.
    token: String,
    endpoint: Endpoint,
    query: Vec<(String, String)>,
    /// The key of the delivery, the same through every retry.
    key: String,
    /// When it was first tried: what the evidence says about when it happened must not move by waiting.
    tried_at: Time,
}

impl Item {
    /// What people call it: its file, or what was told, and when.
    fn shown(&self, body: &[u8]) -> String {
        let given = |name: &str| self.query.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
        let what = given("name").or_else(|| kind_of(body)).unwrap_or_else(|| "An item".to_owned());
        format!("{what} of {}", self.tried_at.human())
    }
}

/// The folder of the user, or the one a pipeline names to keep it between jobs.
fn folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if env::var_os("CERTRAIL_SPOOL").is_some_and(|v| v.to_string_lossy().trim().is_empty()) {
        return Err(Failure::new(
            crate::failure::USAGE,
            "Nothing was done.",
            "`$CERTRAIL_SPOOL` got an empty value.",
            "Is a variable unset? Give a folder, or unset it.",
        ));
    }
    set("CERTRAIL_SPOOL")
        .or_else(|| set("XDG_STATE_HOME").map(|state| state.join("certrail/spool")))
        .or_else(|| env::home_dir().map(|home| home.join(".local/state/certrail/spool")))
        .filter(|folder| folder.is_absolute())
        .ok_or_else(|| {
            Failure::new(
                crate::failure::UNKNOWN,
                "It was neither delivered nor kept.",
                "There is no home folder to keep it in.",
                "Name an absolute folder with CERTRAIL_SPOOL.",
            )
        })
}

#[expect(clippy::disallowed_methods, reason = "the command line has no engine whose clock it could take")]
fn now() -> Time {
    let micros = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_micros());
    Time::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Keeps a request that was not delivered. Returns how many wait.
pub(crate) fn keep(
    client: &Client,
    endpoint: Endpoint,
    query: &[(&str, &str)],
    body: &[u8],
    key: &str,
) -> Result<usize, Failure> {
    debug_assert!(endpoint.takes(body), "what is kept can be delivered");
    let folder = folder()?;
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    only_owner(&folder)?;
    let tried_at = now();
    let mut query: Vec<(String, String)> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    // Beside the body, which stays as it was tried: it may have arrived, and only the answer got lost.
    query.push(("occurred_at".into(), tried_at.to_string()));
    let waiting = items(&folder)?;
    if waiting.len() >= MAX_ITEMS {
        return Err(Failure::new(
            crate::failure::UNKNOWN,
            "It was neither delivered nor kept.",
            format!("{} holds {MAX_ITEMS} items that nobody delivered.", folder.display()),
            "Deliver them with `certrail evidence deliver`.",
        ));
    }
    let (server, token) = (client.address(""), client.token_mark());
    let item = Item { server, token, endpoint, query, key: key.to_owned(), tried_at };
    let id = format!("{:020}-{:08x}", tried_at.as_micros(), std::process::id().rotate_left(16) ^ waiting.len() as u32);
    // The body first: an item without its body must never be seen.
    write(&folder.join(format!("{id}.body")), body)?;
    write(&folder.join(format!("{id}.json")), &serde_json::to_vec(&item).map_err(anyhow::Error::from)?)?;
    Ok(waiting.len() + 1)
}

/// Only the user may put something there.
#[cfg(unix)]
fn only_owner(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("restrict {}", folder.display()))?;
    Ok(())
}

#[cfg(not(unix))]
fn only_owner(_: &Path) -> Result<(), Failure> {
    Ok(())
}

/// Says what happened and where it is.
pub(crate) fn say(failure: &Failure, waiting: usize) {
    let place = folder().map_or_else(|_| "the spool".into(), |f| f.display().to_string());
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
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) delivered: usize,
    pub(crate) refused: usize,
    pub(crate) waiting: usize,
    /// Why the last of those that wait on does, where it was tried.
    pub(crate) why: Option<Failure>,
    /// The servers that some of them wait for, other than this one.
    pub(crate) elsewhere: BTreeSet<String>,
}

/// Whose items are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those tried with this token: nothing goes out in another name by the way.
    Own,
    /// All of them, because somebody asked for it.
    All,
}

/// Delivers what waits for this server, oldest first, and stops at the first that does not get through. What the
/// server refuses is set aside with the reason, so that it blocks nothing and is not lost.
pub(crate) fn deliver(client: &Client, whose: Whose) -> Result<Delivered, Failure> {
    let folder = folder()?;
    let mut outcome = Delivered::default();
    let waiting = items(&folder)?;
    if waiting.is_empty() {
        return Ok(outcome);
    }
    // Two commands at once would take each other's items for damaged ones. The one that comes second leaves it to the first.
    let lock = fs::File::create(folder.join("lock")).context("lock the spool")?;
    if lock.try_lock().is_err() {
        outcome.waiting = waiting.len();
        return Ok(outcome);
    }
    let mut reachable = true;
    for path in waiting {
        let body_path = path.with_extension("body");
        let (item, body) = match (fs::read(&path), fs::read(&body_path)) {
            (Ok(item), Ok(body)) => (item, body),
            // Another command delivered it just now.
            (Err(e), _) if e.kind() == std::io::ErrorKind::NotFound => continue,
            // A disk that does not answer now may answer later.
            _ => {
                outcome.waiting += 1;
                continue;
            }
        };
        let item: Option<Item> = serde_json::from_slice(&item).ok();
        let Some(item) = item.filter(|item| item.endpoint.takes(&body)) else {
            set_aside(&folder, &path, "it could not be read, or is nothing that may wait.")?;
            outcome.refused += 1;
            continue;
        };
        let own = whose == Whose::All || item.token == client.token_mark();
        if item.server != client.address("") {
            outcome.elsewhere.insert(item.server);
            outcome.waiting += 1;
            continue;
        }
        if !reachable || !own {
            outcome.waiting += 1;
            continue;
        }
        let query: Vec<(&str, &str)> = item.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        match client.deliver(item.endpoint.path(), &query, &body, &item.key) {
            Ok(_) => {
                // The body last: should we be stopped between the two, the item is delivered again.
                fs::remove_file(&path)
                    .and_then(|()| fs::remove_file(&body_path))
                    .context("remove what was delivered")?;
                outcome.delivered += 1;
            }
            Err(failure) if failure.refused => {
                set_aside(&folder, &path, &format!("{} was refused: {}", item.shown(&body), failure.in_a_line()))?;
                outcome.refused += 1;
            }
            // This token may not record this; what is behind it may well go out. Otherwise it was not reached, is not signed
            // in, has too much at once, or is something in between that is no certrail: everything waits on.
            Err(failure) => {
                reachable &= failure.not_allowed;
                outcome.waiting += 1;
                outcome.why = Some(failure);
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
    eprintln!("Set aside in {}: {why}", refused.display());
    Ok(())
}

/// Delivers what waits before something else is asked; silence when nothing did.
pub(crate) fn catch_up(client: &Client) {
    match deliver(client, Whose::Own) {
        Ok(Delivered { delivered, waiting, why, .. }) => {
            let items = |n: usize| format!("{n} item{}", if n == 1 { "" } else { "s" });
            if delivered > 0 {
                eprintln!("Delivered what waited: {}.", items(delivered));
            }
            if waiting > 0 {
                eprintln!("{} wait on; `certrail evidence deliver` tries them all.", items(waiting));
                if let Some(why) = why {
                    eprintln!("  {}", why.in_a_line());
                }
            }
        }
        Err(failure) => failure.print(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a command keeps is delivered by the next one; what needs an answer at once, or a person, never waits.
    #[test]
    fn what_may_wait_may_be_sent() {
        let takes = |kind: &str| Endpoint::Fact.takes(format!("{{\"kind\":\"{kind}\"}}").as_bytes());
        for kind in Endpoint::FACTS {
            assert!(takes(kind), "{kind}");
        }
        assert!(takes("code.change"));
        for kind in ["deployment.approval", "release.manifest", "", "x"] {
            assert!(!takes(kind), "{kind}");
        }
    }
}
