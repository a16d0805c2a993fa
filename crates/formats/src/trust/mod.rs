//! Whom the operator trusts to sign attestations, and whether a signature holds under that.
//!
//! Nothing is trusted by itself: without keys or roots from the operator, every signature is *not checked*. A signature
//! that holds says who signed, never that what was said is true.

mod keys;
mod sigstore;
#[cfg(test)]
mod tests;

use std::fmt;

use certrail_domain::facts::Verified;
use serde::{Deserialize, Serialize};

pub(crate) use keys::Signature;

/// Whom an operator trusts to sign, as it is put on record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// Public keys.
    pub keys: Vec<TrustedKey>,
    /// Identities that a Sigstore root certifies.
    pub roots: Vec<TrustedRoot>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedKey {
    /// What the operator calls it.
    pub name: String,
    /// SHA-256 of its `SubjectPublicKeyInfo` (RFC 5280), hex.
    pub sha256: String,
}

/// An identity that a Sigstore root certifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedRoot {
    /// The OIDC issuer.
    pub issuer: String,
    /// The subject of the certificate; a `*` at the end stands for anything.
    pub identity: String,
    /// SHA-256 of the `trusted_root.json`, hex.
    pub sha256: String,
}

/// Keys and Sigstore roots of the operator.
#[derive(Default)]
pub struct Trust {
    keys: Vec<keys::Key>,
    roots: Vec<sigstore::Root>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("keys", &self.keys.len()).field("roots", &self.roots.len()).finish()
    }
}

impl Trust {
    /// Trusts what is signed by this public key: PEM, `SubjectPublicKeyInfo` (RFC 5280), Ed25519, ECDSA or RSA.
    /// `name` is what people call it.
    ///
    /// # Errors
    /// Why it is no such key.
    pub fn add_key(&mut self, name: &str, pem: &str) -> Result<(), String> {
        self.keys.push(keys::Key::parse(name, pem)?);
        Ok(())
    }

    /// Trusts what Sigstore certifies for one identity: `root` is a `trusted_root.json` (Sigstore protobuf-specs), `issuer`
    /// the OIDC issuer, `identity` the subject of the certificate, where a `*` at the end stands for anything.
    ///
    /// # Errors
    /// Why it is no trusted root, or what is missing.
    pub fn add_root(&mut self, root: &str, issuer: &str, identity: &str) -> Result<(), String> {
        self.roots.push(sigstore::Root::parse(root, issuer, identity)?);
        Ok(())
    }

    /// Whom it trusts, for the record.
    #[must_use]
    pub fn described(&self) -> Trusted {
        Trusted {
            keys: self.keys.iter().map(keys::Key::described).collect(),
            roots: self.roots.iter().map(sigstore::Root::described).collect(),
        }
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.roots.is_empty()
    }

    /// Whether one of the signatures over a DSSE envelope's payload is by a key of the operator.
    pub(crate) fn envelope(&self, payload_type: &str, payload: &[u8], signatures: &[Signature]) -> Verified {
        if signatures.is_empty() {
            return Verified::NotChecked { why: "It carries no signature.".to_owned() };
        }
        if self.keys.is_empty() {
            return Verified::NotChecked { why: "No key was given to check it with.".to_owned() };
        }
        let message = keys::encode(payload_type, payload);
        let by = signatures.iter().find_map(|s| self.keys.iter().find(|k| k.signed(&message, s)));
        match by {
            Some(key) => Verified::Yes { by: key.to_string() },
            None => {
                let keys = if self.keys.len() == 1 {
                    "the one key".to_owned()
                } else {
                    format!("any of the {} keys", self.keys.len())
                };
                Verified::No { why: format!("It is not by {keys} that the operator trusts.") }
            }
        }
    }

    /// Whether a Sigstore bundle holds under a root of the operator, for the identity given with it.
    pub(crate) fn bundle(&self, json: &str, sha256: Option<&[u8]>) -> Verified {
        if self.roots.is_empty() {
            return Verified::NotChecked { why: "No Sigstore root was given to check it with.".to_owned() };
        }
        let mut reasons = Vec::new();
        for root in &self.roots {
            match root.check(json, sha256) {
                Ok(by) => return Verified::Yes { by },
                Err(why) => reasons.push(why),
            }
        }
        // That a root is for somebody else tells less than what is wrong under the one it is for.
        let other = |why: &&String| !why.starts_with("issuer mismatch");
        let why = reasons.iter().find(other).or(reasons.first()).cloned().unwrap_or_default();
        Verified::No { why }
    }
}
