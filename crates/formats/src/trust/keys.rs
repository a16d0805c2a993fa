//! DSSE v1 signatures by keys the operator gave.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use sigstore_verify::{
    crypto::{SigningScheme, VerificationKey},
    types::{DerPublicKey, SignatureBytes},
};

/// A signature of an envelope, decoded. The `keyid` beside it is a hint that anybody can write, and decides nothing.
pub(crate) struct Signature(pub(crate) Vec<u8>);

/// A public key of the operator.
pub(super) struct Key {
    name: String,
    print: String,
    /// One per way of signing with it.
    ways: Vec<VerificationKey>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (key sha256:{})", self.name, &self.print[..16])
    }
}

impl Key {
    pub(super) fn parse(name: &str, pem: &str) -> Result<Self, String> {
        let der = DerPublicKey::from_pem(pem).map_err(|e| format!("it is no PEM public key: {e}"))?;
        let first = VerificationKey::from_spki(&der).map_err(|e| format!("its key cannot be used: {e}"))?;
        // The same RSA key signs in two ways; which one, an envelope does not say.
        let others = match first.scheme() {
            SigningScheme::RsaPkcs1Sha256 => vec![SigningScheme::RsaPssSha256],
            SigningScheme::RsaPssSha256 => vec![SigningScheme::RsaPkcs1Sha256],
            _ => Vec::new(),
        };
        let others = others.into_iter().filter_map(|scheme| VerificationKey::from_der(&der, scheme).ok());
        let print = data_encoding::HEXLOWER.encode(digest(&SHA256, der.as_bytes()).as_ref());
        Ok(Self {
            name: name.to_owned(),
            print,
            ways: std::iter::once(first).chain(others.collect::<Vec<_>>()).collect(),
        })
    }

    pub(super) fn described(&self) -> super::TrustedKey {
        super::TrustedKey { name: self.name.clone(), sha256: self.print.clone() }
    }

    /// Whether it made the signature.
    pub(super) fn signed(&self, message: &[u8], signature: &Signature) -> bool {
        let bytes = SignatureBytes::from_bytes(&signature.0);
        self.ways.iter().any(|way| {
            // Some signers write the two numbers of an ECDSA signature without their DER wrapping.
            let bare = way.scheme() == SigningScheme::EcdsaP256Sha256 && signature.0.len() == 64;
            if bare {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, way.as_bytes()).verify(message, &signature.0).is_ok()
            } else {
                way.verify(message, &bytes).is_ok()
            }
        })
    }
}

/// The bytes that are signed (DSSE v1, PAE).
pub(super) fn encode(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}
