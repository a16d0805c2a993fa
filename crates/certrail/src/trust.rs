//! Whom the operator trusts to sign attestations: a TOML file with the keys and Sigstore roots beside it.
//!
//! ```toml
//! [[key]]
//! name = "release key 2026"
//! file = "release.pub"
//!
//! [[sigstore]]
//! root = "trusted_root.json"
//! issuer = "https://token.actions.githubusercontent.com"
//! identity = "https://github.com/acme/pay/.github/workflows/release.yml@refs/tags/*"
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use certrail_formats::Trust;
use serde::Deserialize;

use crate::failure::{Failure, USAGE};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Key>,
    #[serde(default)]
    sigstore: Vec<Root>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    root: PathBuf,
    issuer: String,
    identity: String,
}

/// Reads the file and what it names; paths in it count from its folder.
pub(crate) fn load(path: &Path) -> Result<Arc<Trust>, Failure> {
    let bad = |why: String| {
        Failure::new(
            USAGE,
            "Whom to trust could not be read.",
            why,
            "It names [[key]] with name and file (PEM), and [[sigstore]] with root, issuer and identity.",
        )
    };
    let read = |path: &Path| fs::read_to_string(path).map_err(|e| bad(format!("{}: {e}.", path.display())));
    let named: File = toml::from_str(&read(path)?).map_err(|e| bad(format!("{}: {}.", path.display(), e.message())))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut trust = Trust::default();
    for key in &named.key {
        let at = folder.join(&key.file);
        trust.add_key(&key.name, &read(&at)?).map_err(|e| bad(format!("{}: {e}.", at.display())))?;
    }
    for root in &named.sigstore {
        let at = folder.join(&root.root);
        trust
            .add_root(&read(&at)?, &root.issuer, &root.identity)
            .map_err(|e| bad(format!("{}: {e}.", at.display())))?;
    }
    if trust.is_empty() {
        return Err(bad(format!("{} names neither a key nor a root.", path.display())));
    }
    Ok(Arc::new(trust))
}
