//! SHA-256, and commitments that say nothing once their salt is gone.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// What keeps a commitment from being guessed: 128 random bits, made for one commitment and used for no other.
pub type Salt = [u8; 16];

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// The first half of a digest: a name that collides with no other by accident.
#[must_use]
pub fn half(digest: &Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// Commits to a body by its digest: `SHA256("ev/commit/v1\0" || salt || SHA256(body))`.
///
/// Deleting body and salt erases what was committed to, and every proof over the commitment still verifies.
#[must_use]
pub fn commitment(salt: &Salt, body_digest: &Hash) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"ev/commit/v1\0");
    context.update(salt);
    context.update(body_digest);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads exactly 32 bytes of lower-case hexadecimal.
#[must_use]
pub fn unhex(text: &str) -> Option<Hash> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Reads a salt, or a blinded label, of lower-case hexadecimal.
#[must_use]
pub fn unhex_half(text: &str) -> Option<Salt> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
