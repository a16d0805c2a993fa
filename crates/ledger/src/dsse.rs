//! DSSE 1.0.2 envelopes: sign the pre-authentication encoding, verify the bytes you then parse.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::{
    Hash,
    keys::{DecisionKey, DecisionVerifier, KeyError},
    sha256,
};

/// The payload type of in-toto statements; Sigstore's clients accept no other.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The key's name. Unauthenticated: it helps to find the key and proves nothing.
    pub keyid: String,
    /// Base64 of the DER signature.
    pub sig: String,
}

/// A signed envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Base64 of the payload.
    pub payload: String,
    /// Its type.
    pub payload_type: String,
    /// Exactly one signature.
    pub signatures: Vec<Signature>,
}

/// `"DSSEv1" SP len(type) SP type SP len(payload) SP payload`.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// Signs an in-toto statement.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(statement: &[u8], key: &DecisionKey) -> Result<Self, KeyError> {
        let signature = key.sign(&pae(IN_TOTO, statement))?;
        Ok(Self {
            payload: BASE64.encode(statement),
            payload_type: IN_TOTO.to_owned(),
            signatures: vec![Signature { keyid: key.verifier().key_id(), sig: BASE64.encode(&signature) }],
        })
    }

    /// The payload, if exactly one signature is there and it is by `key`.
    #[must_use]
    pub fn verify(&self, key: &DecisionVerifier) -> Option<Vec<u8>> {
        let [signature] = self.signatures.as_slice() else {
            return None;
        };
        let payload = BASE64.decode(self.payload.as_bytes()).ok()?;
        let bytes = BASE64.decode(signature.sig.as_bytes()).ok()?;
        let good = self.payload_type == IN_TOTO
            && signature.keyid == key.key_id()
            && key.verifies(&pae(&self.payload_type, &payload), &bytes);
        good.then_some(payload)
    }

    /// The DER signature.
    #[must_use]
    pub fn signature(&self) -> Option<Vec<u8>> {
        BASE64.decode(self.signatures.first()?.sig.as_bytes()).ok()
    }

    /// SHA-256 of the bytes that were signed; what a `hashedrekord` leaf holds.
    #[must_use]
    pub fn signed_digest(&self) -> Option<Hash> {
        let payload = BASE64.decode(self.payload.as_bytes()).ok()?;
        Some(sha256(&pae(&self.payload_type, &payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_of_the_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn only_the_signer_and_the_exact_payload_verify() {
        let (key, _) = DecisionKey::generate().expect("randomness");
        let (other, _) = DecisionKey::generate().expect("randomness");
        let envelope = Envelope::sign(b"{}", &key).expect("signs");
        assert_eq!(envelope.verify(key.verifier()), Some(b"{}".to_vec()));
        assert_eq!(envelope.verify(other.verifier()), None);
        let twice = Envelope {
            signatures: [envelope.signatures.clone(), envelope.signatures.clone()].concat(),
            ..envelope.clone()
        };
        assert_eq!(twice.verify(key.verifier()), None);
        assert_eq!(Envelope { payload: BASE64.encode(b"{ }"), ..envelope }.verify(key.verifier()), None);
    }
}
