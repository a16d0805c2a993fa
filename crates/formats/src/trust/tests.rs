use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    },
};
use certrail_domain::{
    Facts,
    facts::{Attestation, Scan, Verified},
};

use super::*;
use crate::{Hints, read};

const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"pay","digest":{"sha256":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}"#;
const SCAN: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"pay","digest":{"sha256":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}}],"predicateType":"https://in-toto.io/attestation/vulns/v0.1","predicate":{"scanner":{"uri":"pkg:github/example/scan","version":"1","db":{"lastUpdate":"2099-01-01T00:00:00Z"},"result":[]},"metadata":{"scanStartedOn":"2099-01-02T00:00:00Z","scanFinishedOn":"2099-01-02T00:01:00Z"}}}"#;

fn pem(der: &PublicKeyX509Der<'_>) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", data_encoding::BASE64.encode(der.as_ref()))
}

fn envelope(statement: &str, signature: &[u8]) -> String {
    let (payload, sig) = (data_encoding::BASE64.encode(statement.as_bytes()), data_encoding::BASE64.encode(signature));
    format!(
        r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[{{"keyid":"any","sig":"{sig}"}}]}}"#
    )
}

fn signed_bytes(statement: &str) -> Vec<u8> {
    keys::encode("application/vnd.in-toto+json", statement.as_bytes())
}

fn facts(file: &str, trust: Option<Trust>) -> Facts {
    let hints = Hints { trust: trust.map(Arc::new), ..Hints::default() };
    read(file.as_bytes(), None, &hints, &mut |_| {}).expect("it is an envelope").facts
}

fn verified(file: &str, trust: Option<Trust>) -> Verified {
    match facts(file, trust) {
        Facts::Attestation(Attestation { verified, .. }) => verified,
        other => panic!("{other:?}"),
    }
}

fn trusting(pem: &str) -> Trust {
    let mut trust = Trust::default();
    trust.add_key("release key", pem).expect("a key");
    trust
}

#[test]
fn the_encoding_is_the_one_of_the_standard() {
    // The example of the DSSE specification.
    assert_eq!(
        keys::encode("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

#[test]
fn a_signature_holds_by_the_key_given_and_by_no_other() {
    let key = Ed25519KeyPair::generate().unwrap();
    let other = Ed25519KeyPair::generate().unwrap();
    let file = envelope(STATEMENT, key.sign(&signed_bytes(STATEMENT)).as_ref());
    let own = pem(&key.public_key().as_der().unwrap());
    assert!(
        matches!(verified(&file, Some(trusting(&own))), Verified::Yes { by } if by.starts_with("release key (key sha256:"))
    );
    let foreign = pem(&other.public_key().as_der().unwrap());
    assert!(matches!(verified(&file, Some(trusting(&foreign))), Verified::No { .. }));
    assert!(matches!(verified(&file, None), Verified::NotChecked { .. }));
    let changed = envelope(&STATEMENT.replace("pay", "pax"), key.sign(&signed_bytes(STATEMENT)).as_ref());
    assert!(matches!(verified(&changed, Some(trusting(&own))), Verified::No { .. }));
}

#[test]
fn both_ways_to_write_an_ecdsa_signature_are_read() {
    let random = SystemRandom::new();
    let generated = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let pkcs8 = generated.to_pkcs8v1().unwrap();
    let bare = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let own = pem(&generated.public_key().as_der().unwrap());
    for key in [&generated, &bare] {
        let signature = key.sign(&random, &signed_bytes(STATEMENT)).unwrap();
        let file = envelope(STATEMENT, signature.as_ref());
        assert!(matches!(verified(&file, Some(trusting(&own))), Verified::Yes { .. }));
    }
}

#[test]
fn a_list_is_as_good_as_its_worst_member() {
    let key = Ed25519KeyPair::generate().unwrap();
    let own = pem(&key.public_key().as_der().unwrap());
    let good = envelope(STATEMENT, key.sign(&signed_bytes(STATEMENT)).as_ref());
    let bad = envelope(STATEMENT, &[7; 64]);
    assert!(matches!(verified(&format!("{good}\n{good}\n"), Some(trusting(&own))), Verified::Yes { .. }));
    assert!(matches!(verified(&format!("{good}\n{bad}\n"), Some(trusting(&own))), Verified::No { .. }));
}

#[test]
fn a_scan_under_a_signature_that_does_not_hold_proves_nothing() {
    let key = Ed25519KeyPair::generate().unwrap();
    let own = pem(&key.public_key().as_der().unwrap());
    let partial = |file: &str| match facts(file, Some(trusting(&own))) {
        Facts::Scan(Scan { partial, .. }) => partial,
        other => panic!("{other:?}"),
    };
    assert_eq!(partial(&envelope(SCAN, key.sign(&signed_bytes(SCAN)).as_ref())), None);
    assert!(partial(&envelope(SCAN, &[7; 64])).is_some_and(|why| why.contains("does not hold")));
}

#[test]
fn a_bundle_is_checked_only_under_roots() {
    let bundle = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":"AA=="},"tlogEntries":[]},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8="},"signature":"AA=="}}"#;
    let key = Ed25519KeyPair::generate().unwrap();
    let own = pem(&key.public_key().as_der().unwrap());
    assert!(matches!(verified(bundle, Some(trusting(&own))), Verified::NotChecked { why } if why.contains("root")));
}

#[test]
fn a_root_for_anybody_is_refused() {
    let mut trust = Trust::default();
    assert!(trust.add_root("{}", "https://issuer.example.org", "*").unwrap_err().contains("anybody"));
    assert!(trust.add_root("{}", "", "a@example.org").unwrap_err().contains("anybody"));
    assert!(trust.add_root("{}", "https://issuer.example.org", "a@example.org").is_err());
    assert!(trust.add_key("k", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").is_err());
    assert!(trust.is_empty());
}
