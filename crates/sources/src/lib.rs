//! Webhook bytes in, signals out: one folder per provider.
//!
//! A source verifies its sender over the raw bytes, names the delivery, and maps what it knows.
//! What it does not know, or cannot read, becomes [`Facts::Unread`]: kept, visible, never dropped.
//! No I/O, no clock.
//!
//! To add a provider: a folder with a [`Source`], one line in [`ALL`], recorded payloads under
//! `tests/data/<provider>/`.

pub mod git;
mod github;
mod payload;
mod signature;

use certrail_domain::{Extent, Facts, HowKnown, Signal};

/// The header names and values of a delivery, names in lower case.
pub type Headers = [(String, String)];

/// A shared secret with the name it goes by in the ledger.
#[derive(Clone)]
pub struct Secret {
    /// Its public name, `github#1`.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

/// Why a delivery was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It carries no signature.
    #[error("the delivery carries no {0} header")]
    Unsigned(&'static str),
    /// Its signature is not by any live secret.
    #[error("the signature does not match the body under any live secret")]
    WrongSignature,
    /// No secret is configured, so nothing can be believed.
    #[error("no secret is configured for this connector")]
    NoSecret,
    /// It lacks its delivery id or event name, or has one that is blank or too long.
    #[error("the delivery carries no {0} header, or an empty one, or one of more than 128 characters")]
    Header(&'static str),
}

/// The repository that a delivery says it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeRepository {
    /// The forge's own id of it, where the delivery carries one.
    pub id: Option<String>,
    /// `owner/name` as the forge calls it now, lower case.
    pub name: String,
}

/// The body of a delivery, read once.
#[derive(Clone, Debug)]
pub struct Read {
    value: Result<serde_json::Value, String>,
    /// The repository it is about, if it names one.
    pub repository: Option<ForgeRepository>,
}

/// Where a delivery was heard.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// The connector, which is the source of what it says.
    pub connector: &'a str,
    /// The forge's host.
    pub host: &'a str,
    /// What its repository is called here.
    pub repository: Option<&'a str>,
}

/// A provider of webhooks.
pub trait Source: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// The host whose names go by themselves, `github.com`; those of others carry theirs.
    fn host(&self) -> &'static str;

    /// The mapper's version, recorded with each signal so that a fixed mapper can run again.
    fn mapper(&self) -> &'static str;

    /// Refuses a delivery that carries no signature, before anybody reads its body.
    ///
    /// # Errors
    /// When the headers hold none.
    fn is_signed(&self, headers: &Headers) -> Result<(), Refused>;

    /// Verifies the sender over the raw bytes; returns the name of the secret that matched.
    ///
    /// # Errors
    /// When nothing matches.
    fn verify(&self, headers: &Headers, body: &[u8], secrets: &[Secret]) -> Result<String, Refused>;

    /// The provider's id of the delivery and the event's name.
    ///
    /// # Errors
    /// When the headers do not carry them.
    fn envelope(&self, headers: &Headers) -> Result<(String, String), Refused>;

    /// The media type of a body.
    fn media(&self, body: &[u8]) -> &'static str {
        payload::json(body).1
    }

    /// Reads a verified delivery. Never fails: what it cannot read is told when it is mapped.
    fn read(&self, body: &[u8]) -> Read;

    /// Maps a verified delivery: what it says is observed. Never fails: what cannot be read is [`Facts::Unread`].
    fn map(&self, event: &str, read: &Read, home: &Home<'_>) -> Signal;
}

/// Every provider.
pub const ALL: &[&dyn Source] = &[&github::GitHub];

/// The provider of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Source> {
    ALL.iter().copied().find(|s| s.name() == name)
}

/// The value of a header.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

/// A signal that is kept without being understood.
pub(crate) fn unread(source: String, name: &str, why: impl Into<String>) -> Signal {
    Signal {
        source,
        name: name.chars().take(128).collect(),
        known: HowKnown::Observed,
        reach: Extent::All,
        repositories: Extent::All,
        occurred_at: None,
        actor: None,
        fact: None,
        part: certrail_domain::EvidencePart::default(),
        facts: Facts::Unread { name: name.chars().take(100).collect(), why: why.into() },
        named: Vec::new(),
        warnings: Vec::new(),
    }
}
