//! Who is heard: connectors, their secrets that are on record, and what repositories are called. Thousands of deliveries a
//! second ask for it, so it is read once and again when it may have changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use certrail_domain::{Connector, Problem, RepositoryName};
use certrail_store::{StoreError, Tx, tables::connectors};

use super::Engine;
use crate::listed::Listed;

/// How long a look holds: what another process changed takes effect within this time.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Who is heard, as of a commit.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    connectors: BTreeMap<String, Listed<Arc<Connector>>>,
    names: Names,
    secrets: BTreeSet<String>,
}

impl Heard {
    fn load(tx: &Tx<'_>) -> Result<Self, StoreError> {
        let mut connectors = BTreeMap::new();
        for (id, connector) in connectors::all(tx)? {
            connectors.insert(id.clone(), Listed::of(connector.map(Arc::new), &id, &id)?);
        }
        let secrets = connectors::secrets(tx)?.into_iter().map(|(name, ..)| name).collect();
        Ok(Self { connectors, names: Names::load(tx)?, secrets })
    }

    /// A connector that is not ended.
    pub(crate) fn connector(&self, id: &str) -> Option<&Arc<Connector>> {
        self.connectors.get(id).and_then(Listed::whole).filter(|c| !c.ended)
    }

    /// Every connector, by id, those that are ended among them, and those whose record cannot be read.
    pub(crate) fn connectors(&self) -> impl Iterator<Item = &Listed<Arc<Connector>>> {
        self.connectors.values()
    }

    /// Whether there is a connector whose record cannot be read.
    pub(crate) fn is_damaged(&self, id: &str) -> bool {
        self.connectors.get(id).is_some_and(|c| c.whole().is_none())
    }

    /// Whether a secret is on record.
    pub(crate) fn knows_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// What repositories are called.
    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }
}

/// What repositories are called now, by connector and the forge's id.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<(String, String), RepositoryName>);

impl Names {
    pub(crate) fn load(tx: &Tx<'_>) -> Result<Self, StoreError> {
        let all = connectors::names_now(tx)?.into_iter();
        Ok(Self(all.map(|named| ((named.connector.clone(), named.forge_id.clone()), named)).collect()))
    }

    /// What a connector heard a repository called last.
    pub(crate) fn of(&self, connector: &str, forge_id: &str) -> Option<&RepositoryName> {
        self.0.get(&(connector.to_owned(), forge_id.to_owned()))
    }

    /// The repository that is called so now, as a connector heard it.
    pub(crate) fn called(&self, connector: &str, name: &str) -> Option<&RepositoryName> {
        self.0.values().find(|known| known.connector == connector && known.name == name)
    }

    /// The repository that a connector calls so here.
    pub(crate) fn has_canonical(&self, connector: &str, name: &str) -> bool {
        self.0.values().any(|known| known.connector == connector && known.canonical == name)
    }

    /// What the repository is called here that a forge calls `name` now; of several connectors the first by id tells.
    pub(crate) fn canonical(&self, name: &str) -> Option<&str> {
        self.0.values().find(|known| known.name == name).map(|known| known.canonical.as_str())
    }
}

/// What was read last, and when.
#[derive(Default)]
pub(super) struct Ear(Mutex<Option<(Instant, Arc<Heard>)>>);

impl Engine {
    /// Who is heard.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn heard(&self) -> Result<Arc<Heard>, Problem> {
        let mut known = self.ear.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, heard)) = known.as_ref().filter(|(looked, _)| looked.elapsed() < LOOK_AGAIN) {
            return Ok(heard.clone());
        }
        let heard = Arc::new(self.read(Heard::load)?);
        *known = Some((Instant::now(), heard.clone()));
        Ok(heard)
    }

    /// Who is heard has changed.
    pub(crate) fn hear_anew(&self) {
        *self.ear.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
