//! What concerns a repository as a whole is bound to no release: it is context of that repository, once, and every
//! release of its products reads it by kind and time.

use certrail_domain::{Extent, Facts, Signal, Time};
use certrail_ledger::{hex, leaf::label, sha256};
use certrail_store::{
    StoreError, Tx,
    tables::{
        context::{self, StoredRepository},
        products,
    },
};
use serde::Serialize;

use crate::engine::{Batch, Fault, random};

/// The act of becoming known.
pub(crate) const KNOWN: &str = "repository-known";

#[derive(Serialize)]
struct Known<'a> {
    repository: &'a str,
    label_key: String,
}

/// The repository that a signal concerns as a whole, made known if it is not yet.
pub(crate) fn known(batch: &mut Batch<'_>, signal: &Signal) -> Result<Option<StoredRepository>, Fault> {
    let Some(name) = signal.whole_repository() else { return Ok(None) };
    if let Some(known) = context::repository(batch.tx, &name)? {
        return Ok(Some(known));
    }
    let label_key: [u8; 32] = random()?;
    let document = Known { repository: &name, label_key: hex(&label_key) };
    let at = batch.control(KNOWN, "certrail", &[mark(&name, &label_key)], &document)?;
    Ok(Some(context::insert_repository(batch.tx, &name, &label_key, at)?))
}

/// The blinded label of a repository.
pub(crate) fn mark(name: &str, label_key: &[u8; 32]) -> [u8; 16] {
    label(label_key, &format!("repository:{name}"))
}

/// The repository that a signal is context of: it concerns it as a whole, and a product in its reach has it.
pub(crate) fn of(tx: &Tx<'_>, signal: &Signal) -> Result<Option<String>, StoreError> {
    let Some(name) = signal.whole_repository() else { return Ok(None) };
    let owned = products::of_repository(tx, &name)?.iter().any(|p| signal.reach.has(&p.name));
    Ok(owned.then_some(name))
}

/// How what a signal tells of a repository is found by time; `None` for what no check reads.
pub(crate) fn told(repository: i64, signal: &Signal, received: Time, log_index: u64) -> Option<context::Told> {
    let (object, stands) = match &signal.facts {
        // One alert has a state on each branch.
        Facts::Alert(alert) => {
            let branch = alert.branch.as_deref().unwrap_or_default();
            (format!("{} {branch}", alert.fingerprint()), alert.open || alert.dismissed)
        }
        Facts::BranchRule(rule) => (rule.pattern.clone(), true),
        _ => return None,
    };
    // Whoever may be believed less, or reaches less, ends nothing of what others told.
    let reach = match &signal.reach {
        Extent::All => "*".to_owned(),
        Extent::Only(products) => products.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
    };
    let digest = sha256([object.as_str(), signal.known.name(), &reach].join("\0").as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Some(context::Told {
        repository,
        kind: signal.facts.kind().to_owned(),
        object: half,
        at: signal.occurred_at.unwrap_or(received),
        log_index,
        stands,
        until: None,
    })
}
