//! Leaves: what the log says happened, in bytes that never change.
//!
//! Encoding, version `1`: JSON in the form of RFC 8785 (JCS) restricted to ASCII keys in sorted
//! order, strings, booleans and integers below 2^53. Written by hand in that order; a test holds
//! it against a canonicaliser. Verifiers hash the stored bytes and never re-encode.
//!
//! A leaf is at most [`LONGEST`] bytes and carries at most [`MOST_LABELS`] labels; further labels
//! stand in [`Labels`] leaves of the same commit, which name the entry they belong to.
//!
//! Changelog: 1 — first version.

use data_encoding::BASE64;
use serde::Deserialize;

use crate::{Hash, dsse::Envelope, hex, keys::DecisionVerifier};

/// The longest leaf that is ever appended, in bytes: far below the 65,535 that an entry bundle can hold (C2SP tlog-tiles).
pub const LONGEST: usize = 8 * 1024;
/// The most labels in one leaf.
pub const MOST_LABELS: usize = 64;
/// The longest text of somebody else's that a leaf may hold, in bytes.
pub const LONGEST_TEXT: usize = 256;

/// A leaf that would be longer than [`LONGEST`], or has more labels than [`MOST_LABELS`]. It is refused, never cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry of {bytes} bytes with {labels} labels is larger than the log takes")]
pub struct TooLarge {
    /// How long it would be.
    pub bytes: usize,
    /// How many labels it would have.
    pub labels: usize,
}

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

/// A captured signal. Its three commitments have salts of their own: each can be opened, or erased, without the others.
#[derive(Clone, Debug)]
pub struct Capture<'a> {
    /// Who sent it, proved how.
    pub auth: Authentication<'a>,
    /// The raw bytes.
    pub body: Body<'a>,
    /// The connector it came by.
    pub connector: &'a str,
    /// A keyed digest of connector and delivery id.
    pub delivery: [u8; 16],
    /// The entry whose content this repeats.
    pub duplicate_of: Option<u64>,
    /// Commitment to the normalised signal, in which people stand as numbers.
    pub facts: Hash,
    /// The mapper or reader that made it, with its version.
    pub mapper: &'a str,
    /// How we know it: `observed`, `reported`, `derived`.
    pub known: &'a str,
    /// Blinded labels of what it was bound to on arrival.
    pub labels: &'a [[u8; 16]],
    /// The entry of the delivery that this is a part of.
    pub part_of: Option<u64>,
    /// Commitment to the people it speaks of, by their numbers; absent where it speaks of none.
    pub people: Option<Hash>,
    /// When we received it, RFC 3339.
    pub received: &'a str,
    /// Its retention class.
    pub retention: &'a str,
    /// The source: `github:acme/payments`.
    pub source: &'a str,
}

/// Labels that found no room in the leaf of their entry.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    /// The entry they belong to.
    pub of: u64,
    /// Blinded labels.
    pub labels: &'a [[u8; 16]],
    /// When, RFC 3339.
    pub received: &'a str,
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

fn number(out: &mut String, name: &str, number: u64) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    out.push_str(&number.to_string());
}

fn checked(out: String, labels: usize) -> Result<Vec<u8>, TooLarge> {
    if out.len() > LONGEST || labels > MOST_LABELS {
        return Err(TooLarge { bytes: out.len(), labels });
    }
    Ok(out.into_bytes())
}

impl Capture<'_> {
    /// The leaf's bytes.
    ///
    /// # Errors
    /// When it would be larger than the log takes.
    pub fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = String::with_capacity(640);
        out.push_str("{\"apiVersion\":\"1\",\"kind\":\"capture\",\"spec\":{\"auth\":{");
        member(&mut out, "how", self.auth.how);
        out.push(',');
        member(&mut out, "key", self.auth.key);
        out.push_str("},");
        body(&mut out, &self.body);
        out.push(',');
        member(&mut out, "connector", self.connector);
        out.push(',');
        member(&mut out, "delivery", &hex(&self.delivery));
        if let Some(index) = self.duplicate_of {
            out.push(',');
            number(&mut out, "dup_of", index);
        }
        out.push_str(",\"facts\":{");
        member(&mut out, "c", &hex(&self.facts));
        out.push(',');
        member(&mut out, "mapper", self.mapper);
        out.push_str("},");
        member(&mut out, "known", self.known);
        out.push(',');
        labels(&mut out, self.labels);
        if let Some(index) = self.part_of {
            out.push(',');
            number(&mut out, "part_of", index);
        }
        if let Some(people) = &self.people {
            out.push_str(",\"people\":{");
            member(&mut out, "c", &hex(people));
            out.push('}');
        }
        out.push(',');
        member(&mut out, "recv", self.received);
        out.push(',');
        member(&mut out, "retention", self.retention);
        out.push(',');
        member(&mut out, "src", self.source);
        out.push_str("}}");
        checked(out, self.labels.len())
    }
}

impl Control<'_> {
    /// The leaf's bytes.
    ///
    /// # Errors
    /// When it would be larger than the log takes.
    pub fn encode(&self) -> Result<Vec<u8>, TooLarge> {
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
        checked(out, self.labels.len())
    }
}

impl Labels<'_> {
    /// The leaf's bytes.
    ///
    /// # Errors
    /// When it would be larger than the log takes.
    pub fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = String::with_capacity(256);
        out.push_str("{\"apiVersion\":\"1\",\"kind\":\"labels\",\"spec\":{");
        labels(&mut out, self.labels);
        out.push(',');
        number(&mut out, "of", self.of);
        out.push(',');
        member(&mut out, "recv", self.received);
        out.push_str("}}");
        checked(out, self.labels.len())
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
    Capture(Captured),
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
    /// More labels of an entry before it.
    Labels {
        /// The entry.
        of: u64,
        /// Blinded labels, hex.
        labels: Vec<String>,
        /// When.
        received: String,
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

/// What the leaf of a signal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Commitment to the raw bytes.
    pub body: Hash,
    /// Commitment to the normalised signal.
    pub facts: Hash,
    /// Commitment to the people it speaks of.
    pub people: Option<Hash>,
    /// The keyed digest of connector and delivery id.
    pub delivery: [u8; 16],
    /// The connector it came by.
    pub connector: String,
    /// How we know it.
    pub known: String,
    /// The entry of the delivery that this is a part of.
    pub part_of: Option<u64>,
    /// Its retention class.
    pub retention: String,
    /// When we received it.
    pub received: String,
    /// The source.
    pub source: String,
    /// Blinded labels, hex.
    pub labels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawLeaf<'a> {
    api_version: &'a str,
    kind: &'a str,
    #[serde(borrow)]
    spec: &'a serde_json::value::RawValue,
}

#[derive(Deserialize)]
struct RawCommitted {
    c: String,
}

impl RawCommitted {
    fn hash(&self) -> Option<Hash> {
        crate::unhex(&self.c)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCapture {
    #[serde(rename = "auth")]
    _auth: serde::de::IgnoredAny,
    body: RawCommitted,
    connector: String,
    delivery: String,
    #[serde(rename = "dup_of")]
    _dup_of: Option<u64>,
    facts: RawCommitted,
    known: String,
    labels: Vec<String>,
    part_of: Option<u64>,
    people: Option<RawCommitted>,
    recv: String,
    retention: String,
    src: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawControl {
    act: String,
    #[serde(rename = "actor")]
    _actor: serde::de::IgnoredAny,
    body: RawCommitted,
    labels: Vec<String>,
    recv: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLabels {
    labels: Vec<String>,
    of: u64,
    recv: String,
}

/// Reads a leaf; `None` if it is of no kind this version knows, or says more than this version knows.
#[must_use]
pub fn read(leaf: &[u8]) -> Option<Read> {
    let raw: RawLeaf<'_> = serde_json::from_slice(leaf).ok()?;
    match (raw.kind, raw.api_version) {
        ("capture", "1") => {
            let spec: RawCapture = serde_json::from_str(raw.spec.get()).ok()?;
            Some(Read::Capture(Captured {
                body: spec.body.hash()?,
                facts: spec.facts.hash()?,
                people: match &spec.people {
                    Some(people) => Some(people.hash()?),
                    None => None,
                },
                delivery: data_encoding::HEXLOWER.decode(spec.delivery.as_bytes()).ok()?.try_into().ok()?,
                connector: spec.connector,
                known: spec.known,
                part_of: spec.part_of,
                retention: spec.retention,
                received: spec.recv,
                source: spec.src,
                labels: spec.labels,
            }))
        }
        ("control", "1") => {
            let spec: RawControl = serde_json::from_str(raw.spec.get()).ok()?;
            Some(Read::Control { act: spec.act, body: spec.body.hash()?, received: spec.recv, labels: spec.labels })
        }
        ("labels", "1") => {
            let spec: RawLabels = serde_json::from_str(raw.spec.get()).ok()?;
            Some(Read::Labels { of: spec.of, labels: spec.labels, received: spec.recv })
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

/// Labels in the order and number in which leaves hold them: sorted, each once, the first for the leaf of the entry
/// itself, the rest in chunks for [`Labels`] leaves.
#[must_use]
pub fn spread(labels: &[[u8; 16]]) -> (Vec<[u8; 16]>, Vec<Vec<[u8; 16]>>) {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let rest = sorted.split_off(sorted.len().min(MOST_LABELS));
    (sorted, rest.chunks(MOST_LABELS).map(<[_]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn capture<'a>(source: &'a str, labels: &'a [[u8; 16]]) -> Capture<'a> {
        Capture {
            auth: Authentication { how: "hmac-sha256", key: "github#1" },
            body: Body { commitment: [1; 32], media: "application/json", size: 1834 },
            connector: "github",
            delivery: [2; 16],
            duplicate_of: None,
            facts: [3; 32],
            mapper: "github@1",
            known: "observed",
            labels,
            part_of: None,
            people: None,
            received: "2026-11-23T01:02:03.456789Z",
            retention: "record",
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
        let all = Capture {
            duplicate_of: Some(5),
            part_of: Some(4),
            people: Some([6; 32]),
            ..capture("github:acme/pay", &[[4; 16]])
        };
        let leaf = all.encode().expect("small enough");
        assert_eq!(
            String::from_utf8(leaf).expect("text"),
            "{\"apiVersion\":\"1\",\"kind\":\"capture\",\"spec\":{\"auth\":{\"how\":\"hmac-sha256\",\"key\":\"github#1\"},\"body\":{\"alg\":\"sha256-salted\",\"c\":\"0101010101010101010101010101010101010101010101010101010101010101\",\"media\":\"application/json\",\"size\":1834},\"connector\":\"github\",\"delivery\":\"02020202020202020202020202020202\",\"dup_of\":5,\"facts\":{\"c\":\"0303030303030303030303030303030303030303030303030303030303030303\",\"mapper\":\"github@1\"},\"known\":\"observed\",\"labels\":[\"04040404040404040404040404040404\"],\"part_of\":4,\"people\":{\"c\":\"0606060606060606060606060606060606060606060606060606060606060606\"},\"recv\":\"2026-11-23T01:02:03.456789Z\",\"retention\":\"record\",\"src\":\"github:acme/pay\"}}"
        );
    }

    /// Every kind of leaf with the longest texts and the most labels it may have, every character escaped at its longest.
    #[test]
    fn the_largest_leaf_of_every_kind_fits_and_a_larger_one_is_refused() {
        let worst = "\u{1}".repeat(LONGEST_TEXT);
        let labels: Vec<[u8; 16]> = (0..MOST_LABELS).map(|i| [i as u8; 16]).collect();
        let most = u64::MAX >> 11;
        let body = Body { commitment: [255; 32], media: "application/octet-stream", size: most };
        let largest = Capture {
            // Two texts are somebody else's; the others are ours, and short.
            auth: Authentication { how: "hmac-sha256", key: &worst },
            body,
            duplicate_of: Some(most),
            part_of: Some(most),
            people: Some([255; 32]),
            ..capture(&worst, &labels)
        };
        let control = Control {
            act: &"a".repeat(40),
            actor: &worst,
            body,
            labels: &labels,
            received: "2026-11-23T01:02:03.456789Z",
        };
        let more = Labels { of: most, labels: &labels, received: "2026-11-23T01:02:03.456789Z" };
        for leaf in [largest.encode(), control.encode(), more.encode()] {
            let leaf = leaf.expect("fits");
            assert!(leaf.len() <= LONGEST && read(&leaf).is_some());
        }
        let long = "x".repeat(LONGEST);
        assert!(capture(&long, &[]).encode().is_err());
        let many: Vec<[u8; 16]> = (0..=MOST_LABELS).map(|i| [i as u8; 16]).collect();
        assert_eq!(capture("s", &many).encode().map_err(|e| e.labels), Err(MOST_LABELS + 1));
        let (first, rest) = spread(&[many.clone(), many].concat());
        assert_eq!((first.len(), rest.iter().map(Vec::len).collect::<Vec<_>>()), (MOST_LABELS, vec![1]));
    }

    proptest! {
        #[test]
        fn leaves_are_canonical_and_come_back(source in "\\PC{0,40}", act in "(?s).{0,20}", n in 0_usize..4, part in proptest::option::of(0_u64..9)) {
            let labels: Vec<[u8; 16]> = (0..n).map(|i| [i as u8; 16]).collect();
            let leaf = Capture { part_of: part, ..capture(&source, &labels) }.encode().expect("fits");
            prop_assert_eq!(canonical(&leaf), &leaf[..]);
            let is_capture = matches!(read(&leaf), Some(Read::Capture(c)) if c.source == source && c.body == [1; 32] && c.part_of == part);
            prop_assert!(is_capture);
            let control = Control { act: &act, actor: "x", body: Body { commitment: [1; 32], media: "a/b", size: 0 }, labels: &labels, received: "t" };
            let leaf = control.encode().expect("fits");
            prop_assert_eq!(canonical(&leaf), &leaf[..]);
            let is_control = matches!(read(&leaf), Some(Read::Control { act: a, .. }) if a == act);
            prop_assert!(is_control);
            let leaf = Labels { of: 7, labels: &labels, received: "t" }.encode().expect("fits");
            prop_assert_eq!(canonical(&leaf), &leaf[..]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
