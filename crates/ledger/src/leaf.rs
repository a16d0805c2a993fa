//! Leaves: what the log says happened, in bytes that never change.
//!
//! Encoding, version `1`: JSON in the form of RFC 8785 (JCS) restricted to ASCII keys in sorted
//! order, strings, booleans and integers below 2^53. Written by hand in that order; a test holds
//! it against a canonicaliser. Verifiers hash the stored bytes and never re-encode.
//!
//! Changelog: 1 — first version.

use data_encoding::BASE64;
use serde::Deserialize;

use crate::{Hash, dsse::Envelope, hex, keys::DecisionVerifier};

/// How a sender proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication<'a> {
    /// `hmac-sha256`, `token`, `session`, `internal`.
    pub how: &'a str,
    /// The name of the secret or token, never the secret.
    pub key: &'a str,
}

/// A commitment to a body that is kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    /// The salted commitment to the raw bytes.
    pub commitment: Hash,
    /// Their media type.
    pub media: &'a str,
    /// Their length.
    pub size: u64,
}

/// A captured signal.
#[derive(Clone, Debug)]
pub struct Capture<'a> {
    /// Who sent it, proved how.
    pub auth: Authentication<'a>,
    /// The raw bytes.
    pub body: Body<'a>,
    /// A keyed digest of source and delivery id.
    pub delivery: [u8; 16],
    /// The entry whose content this repeats.
    pub duplicate_of: Option<u64>,
    /// Blinded labels of the releases it was bound to on arrival.
    pub labels: &'a [[u8; 16]],
    /// Commitment to the normalised signal, under the salt of the body.
    pub normalised: Hash,
    /// The mapper or reader that made it, with its version.
    pub mapper: &'a str,
    /// When we received it, RFC 3339.
    pub received: &'a str,
    /// The source: `github:acme/payments`.
    pub source: &'a str,
}

/// Anything else that must be on record: policy, roles, exceptions, re-bindings, gate answers.
#[derive(Clone, Debug)]
pub struct Control<'a> {
    /// What was done, `rebind`, `gate-asked`.
    pub act: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// The document that says so.
    pub body: Body<'a>,
    /// Blinded labels of the releases it concerns.
    pub labels: &'a [[u8; 16]],
    /// When, RFC 3339.
    pub received: &'a str,
}

/// A JSON string with the escapes of RFC 8785 §3.2.2.2.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn member(out: &mut String, name: &str, text: &str) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    string(out, text);
}

fn body(out: &mut String, body: &Body<'_>) {
    out.push_str("\"body\":{\"alg\":\"sha256-salted\",\"c\":\"");
    out.push_str(&hex(&body.commitment));
    out.push_str("\",");
    member(out, "media", body.media);
    out.push_str(",\"size\":");
    out.push_str(&body.size.to_string());
    out.push('}');
}

fn labels(out: &mut String, labels: &[[u8; 16]]) {
    let mut sorted: Vec<String> = labels.iter().map(|l| hex(l)).collect();
    sorted.sort();
    sorted.dedup();
    out.push_str("\"labels\":[");
    for (i, label) in sorted.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        string(out, label);
    }
    out.push(']');
}

impl Capture<'_> {
    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = String::with_capacity(512);
        out.push_str("{\"apiVersion\":\"1\",\"kind\":\"capture\",\"spec\":{\"auth\":{");
        member(&mut out, "how", self.auth.how);
        out.push(',');
        member(&mut out, "key", self.auth.key);
        out.push_str("},");
        body(&mut out, &self.body);
        out.push_str(",\"delivery\":\"");
        out.push_str(&hex(&self.delivery));
        out.push('"');
        if let Some(index) = self.duplicate_of {
            out.push_str(&format!(",\"dup_of\":{index}"));
        }
        out.push(',');
        labels(&mut out, self.labels);
        out.push_str(",\"norm\":{\"c\":\"");
        out.push_str(&hex(&self.normalised));
        out.push_str("\",");
        member(&mut out, "mapper", self.mapper);
        out.push_str("},");
        member(&mut out, "recv", self.received);
        out.push(',');
        member(&mut out, "src", self.source);
        out.push_str("}}");
        out.into_bytes()
    }
}

impl Control<'_> {
    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = String::with_capacity(384);
        out.push_str("{\"apiVersion\":\"1\",\"kind\":\"control\",\"spec\":{");
        member(&mut out, "act", self.act);
        out.push(',');
        member(&mut out, "actor", self.actor);
        out.push(',');
        body(&mut out, &self.body);
        out.push(',');
        labels(&mut out, self.labels);
        out.push(',');
        member(&mut out, "recv", self.received);
        out.push_str("}}");
        out.into_bytes()
    }
}

/// The leaf of a signed decision: byte for byte a Rekor v2 `hashedrekord` 0.0.2 entry, so that
/// unmodified Sigstore clients can verify our bundles. `None` for an envelope without signature.
#[must_use]
pub fn hashedrekord(envelope: &Envelope, key: &DecisionVerifier) -> Option<Vec<u8>> {
    let digest = BASE64.encode(&envelope.signed_digest()?);
    let content = BASE64.encode(&envelope.signature()?);
    let raw = BASE64.encode(key.spki());
    Some(
        format!(
            "{{\"apiVersion\":\"0.0.2\",\"kind\":\"hashedrekord\",\"spec\":{{\"hashedRekordV002\":{{\"data\":{{\"algorithm\":\"SHA2_256\",\"digest\":\"{digest}\"}},\"signature\":{{\"content\":\"{content}\",\"verifier\":{{\"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\",\"publicKey\":{{\"rawBytes\":\"{raw}\"}}}}}}}}}}}}"
        )
        .into_bytes(),
    )
}

/// The blinded label of a release: the first half of `HMAC-SHA256(label key, release id)`. Whoever
/// is given the key can find every leaf of the release; nobody else can tell leaves apart by release.
#[must_use]
pub fn label(key: &[u8; 32], release: &str) -> [u8; 16] {
    keyed(key, release.as_bytes())
}

/// The first half of `HMAC-SHA256(key, message)`.
#[must_use]
pub fn keyed(key: &[u8; 32], message: &[u8]) -> [u8; 16] {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    let tag = aws_lc_rs::hmac::sign(&key, message);
    let mut half = [0; 16];
    half.copy_from_slice(&tag.as_ref()[..16]);
    half
}

/// What a verifier needs to know of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A captured signal.
    Capture {
        /// Commitment to the raw bytes.
        body: Hash,
        /// Commitment to the normalised signal.
        normalised: Hash,
        /// The keyed digest of source and delivery id.
        delivery: [u8; 16],
        /// When we received it.
        received: String,
        /// The source.
        source: String,
        /// Blinded labels, hex.
        labels: Vec<String>,
    },
    /// Anything else on record.
    Control {
        /// What was done.
        act: String,
        /// Commitment to the document.
        body: Hash,
        /// When.
        received: String,
        /// Blinded labels, hex.
        labels: Vec<String>,
    },
    /// A signed decision.
    Decision {
        /// SHA-256 of the signed bytes.
        digest: Vec<u8>,
        /// The DER signature.
        signature: Vec<u8>,
        /// The key's SubjectPublicKeyInfo.
        spki: Vec<u8>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLeaf<'a> {
    api_version: &'a str,
    kind: &'a str,
    #[serde(borrow)]
    spec: &'a serde_json::value::RawValue,
}

#[derive(Deserialize)]
struct RawBody {
    c: String,
}

#[derive(Deserialize)]
struct RawCapture {
    body: RawBody,
    delivery: String,
    labels: Vec<String>,
    norm: RawBody,
    recv: String,
    src: String,
}

#[derive(Deserialize)]
struct RawControl {
    act: String,
    body: RawBody,
    labels: Vec<String>,
    recv: String,
}

/// Reads a leaf; `None` if it is of no kind this version knows.
#[must_use]
pub fn read(leaf: &[u8]) -> Option<Read> {
    let raw: RawLeaf<'_> = serde_json::from_slice(leaf).ok()?;
    match (raw.kind, raw.api_version) {
        ("capture", "1") => {
            let spec: RawCapture = serde_json::from_str(raw.spec.get()).ok()?;
            Some(Read::Capture {
                body: crate::unhex(&spec.body.c)?,
                normalised: crate::unhex(&spec.norm.c)?,
                delivery: data_encoding::HEXLOWER.decode(spec.delivery.as_bytes()).ok()?.try_into().ok()?,
                received: spec.recv,
                source: spec.src,
                labels: spec.labels,
            })
        }
        ("control", "1") => {
            let spec: RawControl = serde_json::from_str(raw.spec.get()).ok()?;
            Some(Read::Control {
                act: spec.act,
                body: crate::unhex(&spec.body.c)?,
                received: spec.recv,
                labels: spec.labels,
            })
        }
        ("hashedrekord", "0.0.2") => {
            let spec: serde_json::Value = serde_json::from_str(raw.spec.get()).ok()?;
            let at = |pointer: &str| BASE64.decode(spec.pointer(pointer)?.as_str()?.as_bytes()).ok();
            Some(Read::Decision {
                digest: at("/hashedRekordV002/data/digest")?,
                signature: at("/hashedRekordV002/signature/content")?,
                spki: at("/hashedRekordV002/signature/verifier/publicKey/rawBytes")?,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn capture<'a>(source: &'a str, labels: &'a [[u8; 16]]) -> Capture<'a> {
        Capture {
            auth: Authentication { how: "hmac-sha256", key: "github#1" },
            body: Body { commitment: [1; 32], media: "application/json", size: 1834 },
            delivery: [2; 16],
            duplicate_of: None,
            labels,
            normalised: [3; 32],
            mapper: "github@1",
            received: "2026-11-23T01:02:03.456789Z",
            source,
        }
    }

    /// Sorted keys and shortest escapes: for our restricted form serde_json's sorted map is RFC 8785.
    fn canonical(bytes: &[u8]) -> Vec<u8> {
        let value: serde_json::Value = serde_json::from_slice(bytes).expect("a leaf is JSON");
        serde_json::to_vec(&value).expect("serialises")
    }

    #[test]
    fn the_written_form_is_fixed() {
        let leaf = Capture { duplicate_of: Some(5), ..capture("github:acme/pay", &[[4; 16]]) }.encode();
        assert_eq!(
            String::from_utf8(leaf).expect("text"),
            "{\"apiVersion\":\"1\",\"kind\":\"capture\",\"spec\":{\"auth\":{\"how\":\"hmac-sha256\",\"key\":\"github#1\"},\"body\":{\"alg\":\"sha256-salted\",\"c\":\"0101010101010101010101010101010101010101010101010101010101010101\",\"media\":\"application/json\",\"size\":1834},\"delivery\":\"02020202020202020202020202020202\",\"dup_of\":5,\"labels\":[\"04040404040404040404040404040404\"],\"norm\":{\"c\":\"0303030303030303030303030303030303030303030303030303030303030303\",\"mapper\":\"github@1\"},\"recv\":\"2026-11-23T01:02:03.456789Z\",\"src\":\"github:acme/pay\"}}"
        );
    }

    proptest! {
        #[test]
        fn leaves_are_canonical_and_come_back(source in "\\PC{0,40}", act in "(?s).{0,20}", n in 0_usize..4) {
            let labels: Vec<[u8; 16]> = (0..n).map(|i| [i as u8; 16]).collect();
            let leaf = capture(&source, &labels).encode();
            prop_assert_eq!(canonical(&leaf), &leaf[..]);
            let is_capture = matches!(read(&leaf), Some(Read::Capture { source: s, body, .. }) if s == source && body == [1; 32]);
            prop_assert!(is_capture);
            let control = Control { act: &act, actor: "x", body: Body { commitment: [1; 32], media: "a/b", size: 0 }, labels: &labels, received: "t" };
            let leaf = control.encode();
            prop_assert_eq!(canonical(&leaf), &leaf[..]);
            let is_control = matches!(read(&leaf), Some(Read::Control { act: a, .. }) if a == act);
            prop_assert!(is_control);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
