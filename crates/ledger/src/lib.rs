//! The provable half of certrail: an append-only Merkle log and everything needed to check it.
//!
//! No storage, no clock, no async: callers bring bytes and take bytes. An auditor can read this
//! crate alone and know what a proof from certrail means.
//!
//! - The tree is RFC 6962 over SHA-256 ([`tree`]), laid out as C2SP tlog-tiles ([`tile`]).
//! - A checkpoint is a C2SP signed note, Ed25519 ([`note`]).
//! - A leaf is small canonical JSON with commitments, never a body ([`leaf`]).
//! - A decision is a DSSE envelope signed with P-256 ([`dsse`]), whose leaf has the form of a
//!   Rekor v2 `hashedrekord` entry.
//! - A log that lost entries goes on under a new name and key ([`life`]).
//! - A [`receipt::Receipt`] carries index, leaf, inclusion proof and checkpoint, and verifies offline.
//!
//! Invariants: stored bytes are hashed as they are, never re-encoded; parsing is strict, and
//! nothing here panics on any input.

pub mod dsse;
mod hash;
pub mod keys;
pub mod leaf;
pub mod life;
pub mod note;
pub mod receipt;
pub mod seal;
pub mod tile;
pub mod tree;

pub use hash::{Hash, Salt, commitment, half, hex, sha256, unhex, unhex_half};
