//! Seals: a signature over a whole file, carried in the file itself.
//!
//! The signed bytes are the file without the seal. Any changed byte breaks it: one before the seal
//! changes what was signed, one inside the seal makes it malformed or false.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::{
    hex,
    keys::{DecisionKey, DecisionVerifier, KeyError},
    sha256,
};

/// A detached signature with the key that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// SHA-256 of the sealed bytes, hex.
    pub digest: String,
    /// The key's SubjectPublicKeyInfo, hex. Compare it with the copy you hold.
    pub key: String,
    /// The DER signature over `"certrail-seal/v1\n" || digest`, hex.
    pub signature: String,
}

impl Seal {
    /// Seals `bytes`.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn new(bytes: &[u8], key: &DecisionKey) -> Result<Self, KeyError> {
        let digest = hex(&sha256(bytes));
        let signature = key.sign(&message(&digest))?;
        Ok(Self { digest, key: hex(key.verifier().spki()), signature: hex(&signature) })
    }

    /// The key that sealed `bytes`; `None` if the seal does not hold.
    #[must_use]
    pub fn verify(&self, bytes: &[u8]) -> Option<DecisionVerifier> {
        let key = DecisionVerifier::from_spki(&HEXLOWER.decode(self.key.as_bytes()).ok()?)?;
        let signature = HEXLOWER.decode(self.signature.as_bytes()).ok()?;
        let good = self.digest == hex(&sha256(bytes)) && key.verifies(&message(&self.digest), &signature);
        good.then_some(key)
    }
}

fn message(digest: &str) -> Vec<u8> {
    format!("certrail-seal/v1\n{digest}").into_bytes()
}

const JSON_MARK: &str = ",\"seal\":";

/// Appends a seal as the last member of a JSON object. `bytes` must be an object with at least one member.
///
/// # Errors
/// When the key cannot sign.
pub fn seal_json(bytes: &[u8], key: &DecisionKey) -> Result<Vec<u8>, KeyError> {
    let seal = Seal::new(bytes, key)?;
    let text = serde_json::to_string(&seal).unwrap_or_default();
    let mut sealed = bytes.strip_suffix(b"}").unwrap_or(bytes).to_vec();
    sealed.extend_from_slice(JSON_MARK.as_bytes());
    sealed.extend_from_slice(text.as_bytes());
    sealed.push(b'}');
    Ok(sealed)
}

/// Splits a sealed JSON file into the bytes that were sealed and the seal; `None` if it has no seal in our exact form.
#[must_use]
pub fn open_json(sealed: &[u8]) -> Option<(Vec<u8>, Seal)> {
    let at = find_last(sealed, JSON_MARK.as_bytes())?;
    let tail = sealed[at + JSON_MARK.len()..].strip_suffix(b"}")?;
    let seal = exact(tail)?;
    let mut bytes = sealed[..at].to_vec();
    bytes.push(b'}');
    Some((bytes, seal))
}

const PDF_MARK: &str = "%certrail-seal ";
const PDF_END: &[u8] = b"startxref";

/// Inserts a seal into a PDF as a comment line before the last `startxref`: no offset moves,
/// and readers skip comments (ISO 32000-2 §7.2.4). `None` if the bytes have no `startxref`.
///
/// # Errors
/// When the key cannot sign.
pub fn seal_pdf(bytes: &[u8], key: &DecisionKey) -> Result<Option<Vec<u8>>, KeyError> {
    let Some(at) = find_last(bytes, PDF_END) else {
        return Ok(None);
    };
    let seal = Seal::new(bytes, key)?;
    let mut sealed = bytes[..at].to_vec();
    sealed.extend_from_slice(PDF_MARK.as_bytes());
    sealed.extend_from_slice(serde_json::to_string(&seal).unwrap_or_default().as_bytes());
    sealed.push(b'\n');
    sealed.extend_from_slice(&bytes[at..]);
    Ok(Some(sealed))
}

/// Splits a sealed PDF into the bytes that were sealed and the seal.
#[must_use]
pub fn open_pdf(sealed: &[u8]) -> Option<(Vec<u8>, Seal)> {
    let end = find_last(sealed, PDF_END)?;
    let at = find_last(&sealed[..end], PDF_MARK.as_bytes())?;
    let line = sealed[at + PDF_MARK.len()..end].strip_suffix(b"\n")?;
    let seal = exact(line)?;
    Some(([&sealed[..at], &sealed[end..]].concat(), seal))
}

/// Reads a seal only if its bytes are exactly those we would write.
fn exact(bytes: &[u8]) -> Option<Seal> {
    let seal: Seal = serde_json::from_slice(bytes).ok()?;
    (serde_json::to_vec(&seal).ok()?.as_slice() == bytes).then_some(seal)
}

fn find_last(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_breaks_the_seal() {
        let (key, _) = DecisionKey::generate().expect("randomness");
        let json = seal_json(br#"{"a":1,"seal":"not the last"}"#, &key).expect("signs");
        let pdf = seal_pdf(b"%PDF-1.7\nbody\nstartxref\n9\n%%EOF", &key).expect("signs").expect("has startxref");
        let holds = |opened: Option<(Vec<u8>, Seal)>| opened.is_some_and(|(bytes, seal)| seal.verify(&bytes).is_some());
        assert!(holds(open_json(&json)));
        assert!(holds(open_pdf(&pdf)));
        for i in 0..json.len() {
            let mut changed = json.clone();
            changed[i] ^= 1;
            assert!(!holds(open_json(&changed)), "json byte {i}");
        }
        for i in 0..pdf.len() {
            let mut changed = pdf.clone();
            changed[i] ^= 1;
            assert!(!holds(open_pdf(&changed)), "pdf byte {i}");
        }
    }
}
