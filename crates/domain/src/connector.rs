//! Connectors: each an ear of its own for one forge or tracker, with secrets of its own and a reach.

use serde::{Deserialize, Serialize};

use crate::Extent;

/// Somebody who sends deliveries to `/hooks/{id}`: which provider, of which host, and what it may speak for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// The name in its address, unique in this installation.
    pub id: String,
    /// How its deliveries are read: `github`.
    pub provider: String,
    /// Where they come from: `github.com`. Names of different hosts never meet.
    pub host: String,
    /// The repositories it may speak for, as they are called here.
    pub repositories: Extent,
    /// The products it may speak for.
    pub products: Extent,
    /// It is heard no longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
}

impl Connector {
    /// Whether a text can be an id: part of an address and of the name of a file.
    #[must_use]
    pub fn is_id(text: &str) -> bool {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty() && text.len() <= 40 && text.chars().all(plain)
    }
}

/// What a forge calls a repository, from an entry on, as a connector heard it. A repository is its id; its names come and go.
/// Each connector has names of its own, so that whoever holds the secret of one moves nothing for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepositoryName {
    /// The connector that heard it.
    pub connector: String,
    /// The host of the forge.
    pub host: String,
    /// The forge's own id of the repository, which survives renaming and moving.
    pub forge_id: String,
    /// What the forge calls it from here on.
    pub name: String,
    /// What it is called here, always: its first name, or where that was another repository's, with its id behind it.
    pub canonical: String,
}
