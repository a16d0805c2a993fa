//! Keys: Ed25519 for checkpoints (C2SP requires it of witnessed logs), P-256 for decisions (Sigstore's tools require it).

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        UnparsedPublicKey,
    },
};
use data_encoding::BASE64;

use crate::sha256;

/// A key could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("key is not usable: {0}")]
pub struct KeyError(&'static str);

/// The key that signs checkpoints.
#[derive(Debug)]
pub struct LogKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl LogKey {
    /// The key of the log `name` from its 32 secret bytes.
    ///
    /// # Errors
    /// When the seed has another length, or the name could not stand in a signed note.
    pub fn from_seed(name: &str, seed: &[u8]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError("a log's name is not empty and holds no space, plus or control character"));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError("a log key has 32 bytes"))?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, verifier: VerifierKey { name: name.to_owned(), public } })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }
}

/// Whether a key may go by that name (C2SP signed-note).
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// The public key of a log, with the name it signs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// The name it signs under: the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `SHA256(name || "\n" || 0x01 || public key)[..4]` (C2SP signed-note).
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        let mut bytes = self.name.clone().into_bytes();
        bytes.extend_from_slice(b"\n\x01");
        bytes.extend_from_slice(&self.public);
        let hash = sha256(&bytes);
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The verifier key as text, `name+id+key`.
    #[must_use]
    pub fn vkey(&self) -> String {
        let mut key = vec![1];
        key.extend_from_slice(&self.public);
        format!("{}+{}+{}", self.name, data_encoding::HEXLOWER.encode(&self.key_id()), BASE64.encode(&key))
    }

    /// Reads `name+id+key`; `None` if it is malformed or the id does not fit.
    #[must_use]
    pub fn parse(vkey: &str) -> Option<Self> {
        let mut parts = vkey.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = BASE64.decode(key.as_bytes()).ok().filter(|_| is_name(name))?;
        let (kind, public) = bytes.split_first()?;
        let key = Self { name: name.to_owned(), public: public.try_into().ok()? };
        (*kind == 1 && data_encoding::HEXLOWER.encode(&key.key_id()) == id && key.vkey() == vkey).then_some(key)
    }

    /// Whether `signature` is by this key over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify(message, signature).is_ok()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), ()> {
        UnparsedPublicKey::new(&signature::ED25519, self.public).verify(message, signature).map_err(|_| ())
    }
}

/// The fixed part of a P-256 SubjectPublicKeyInfo (RFC 5480 §2.1.1.1), before the 65-byte point.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key that signs decisions or dossiers.
#[derive(Debug)]
pub struct DecisionKey {
    pair: EcdsaKeyPair,
    verifier: DecisionVerifier,
}

impl DecisionKey {
    /// Makes a new key and its PKCS#8 form for safe-keeping.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<(Self, Vec<u8>), KeyError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
            .map_err(|_| KeyError("no randomness"))?;
        let bytes = document.as_ref().to_vec();
        Ok((Self::from_pkcs8(&bytes)?, bytes))
    }

    /// Reads a key from PKCS#8.
    ///
    /// # Errors
    /// When the bytes are not a P-256 key.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, bytes)
            .map_err(|_| KeyError("not a P-256 key in PKCS#8"))?;
        let mut spki = SPKI_PREFIX.to_vec();
        spki.extend_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, verifier: DecisionVerifier { spki } })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &DecisionVerifier {
        &self.verifier
    }

    /// Signs `message`; the signature is ASN.1 DER.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair
            .sign(&SystemRandom::new(), message)
            .map(|s| s.as_ref().to_vec())
            .map_err(|_| KeyError("no randomness"))
    }
}

/// The public half of a [`DecisionKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionVerifier {
    spki: Vec<u8>,
}

impl DecisionVerifier {
    /// Reads a DER SubjectPublicKeyInfo; `None` unless it is an uncompressed P-256 point.
    #[must_use]
    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        (spki.len() == SPKI_PREFIX.len() + 65 && spki.starts_with(&SPKI_PREFIX)).then(|| Self { spki: spki.to_vec() })
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key's name: base64 of the SHA-256 of its SubjectPublicKeyInfo (Sigstore's convention).
    #[must_use]
    pub fn key_id(&self) -> String {
        BASE64.encode(&sha256(&self.spki))
    }

    /// The key as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        let body = BASE64.encode(&self.spki);
        let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|c| std::str::from_utf8(c).ok()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// Whether `signature` (ASN.1 DER) is by this key over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.spki[SPKI_PREFIX.len()..])
            .verify(message, signature)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifier_keys_round_trip_and_refuse_what_does_not_fit() {
        let key = LogKey::from_seed("example.com/log", &[3; 32]).expect("32 bytes");
        let vkey = key.verifier().vkey();
        assert_eq!(VerifierKey::parse(&vkey).as_ref(), Some(key.verifier()));
        assert_eq!(VerifierKey::parse(&vkey.replace("example", "exbmple")), None);
        assert_eq!(VerifierKey::parse("x+y"), None);
    }

    #[test]
    fn decision_keys_survive_storage() {
        let (key, bytes) = DecisionKey::generate().expect("randomness");
        let again = DecisionKey::from_pkcs8(&bytes).expect("same bytes");
        let signature = again.sign(b"message").expect("randomness");
        assert!(key.verifier().verifies(b"message", &signature));
        assert!(!key.verifier().verifies(b"massage", &signature));
        assert_eq!(DecisionVerifier::from_spki(key.verifier().spki()).as_ref(), Some(key.verifier()));
    }
}
