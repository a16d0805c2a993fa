//! Sigstore bundles under roots the operator gave: certificate, signed time, transparency log, signature.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use sigstore_verify::{
    VerificationPolicy, Verifier,
    trust_root::TrustedRoot,
    types::{Bundle, Sha256Hash},
};

/// Larger bundles are not checked: a signature over megabytes of statement is no attestation.
const MAX_BUNDLE: usize = 16 << 20;

/// A root, and the one it is trusted to certify.
pub(super) struct Root {
    verifier: Verifier,
    issuer: String,
    identity: String,
    /// SHA-256 of the trusted root, hex.
    print: String,
}

impl Root {
    pub(super) fn parse(root: &str, issuer: &str, identity: &str) -> Result<Self, String> {
        if issuer.trim().is_empty() || identity.trim().trim_end_matches('*').is_empty() {
            // Sigstore certifies anybody. Without an identity, anybody would be trusted.
            return Err("issuer and identity are needed: Sigstore certifies anybody who asks".to_owned());
        }
        let print = HEXLOWER.encode(digest(&SHA256, root.as_bytes()).as_ref());
        let root = TrustedRoot::from_json(root).map_err(|e| format!("it is no trusted root: {e}"))?;
        let verifier = Verifier::new(&root).map_err(|e| format!("the trusted root cannot be used: {e}"))?;
        Ok(Self { verifier, issuer: issuer.trim().to_owned(), identity: identity.trim().to_owned(), print })
    }

    pub(super) fn described(&self) -> super::TrustedRoot {
        super::TrustedRoot { issuer: self.issuer.clone(), identity: self.identity.clone(), sha256: self.print.clone() }
    }

    /// Who signed, where the bundle holds; else why it does not.
    pub(super) fn check(&self, json: &str, sha256: Option<&[u8]>) -> Result<String, String> {
        if json.len() > MAX_BUNDLE {
            return Err(format!("It is larger than {} MiB.", MAX_BUNDLE >> 20));
        }
        let sha256 = sha256.ok_or("It names nothing by SHA-256, so it binds to no artefact.")?;
        let sha256: [u8; 32] = sha256.try_into().map_err(|_| "The digest it is about is no SHA-256.")?;
        let bundle = Bundle::from_json(json).map_err(|e| format!("The bundle is malformed: {e}."))?;
        if bundle.verification_material.tlog_entries.len() > 1 {
            return Err("It carries more than one entry of a transparency log.".to_owned());
        }
        let policy = VerificationPolicy::any_identity().require_issuer(self.issuer.clone());
        let result = self.verifier.verify(Sha256Hash::new(sha256), &bundle, &policy).map_err(|e| format!("{e}."))?;
        let identity = result.identity().map(|i| i.as_str().to_owned()).unwrap_or_default();
        if !result.certificate_verified() || !result.tlog_verified() {
            return Err("Certificate or transparency log could not be checked.".to_owned());
        }
        if !self.is_trusted(&identity) {
            return Err(format!("It is signed by {identity}, not by {}.", self.identity));
        }
        let logged = result.integrated_time().map(|t| format!(", logged {t}")).unwrap_or_default();
        Ok(format!("{identity} (certified by {}{logged})", self.issuer))
    }

    fn is_trusted(&self, identity: &str) -> bool {
        match self.identity.strip_suffix('*') {
            Some(beginning) => identity.starts_with(beginning),
            None => identity == self.identity,
        }
    }
}
