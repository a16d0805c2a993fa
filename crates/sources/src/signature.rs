//! HMAC-SHA-256 over raw bytes, compared in constant time.

use aws_lc_rs::hmac;

use crate::Secret;

/// The name of the first secret under which `tag` is the HMAC of `body`.
pub(crate) fn matching<'a>(secrets: &'a [Secret], body: &[u8], tag: &[u8]) -> Option<&'a str> {
    let verifies = |secret: &Secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.bytes);
        hmac::verify(&key, body, tag).is_ok()
    };
    secrets.iter().find(|s| verifies(s)).map(|s| s.name.as_str())
}
