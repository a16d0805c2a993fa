//! Identifiers. Each is a prefix that says what it names, then 26 characters of Crockford base 32.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Time;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A prefix, then a time (48 bits of milliseconds) and ten bytes as 26 sortable characters (ULID layout).
fn sortable(prefix: &str, at: Time, tail: [u8; 10]) -> Arc<str> {
    let millis = at.as_micros().max(0) as u128 / 1000;
    let mut bits = (millis & 0xFFFF_FFFF_FFFF) << 80;
    for (i, byte) in tail.iter().enumerate() {
        bits |= u128::from(*byte) << (72 - 8 * i);
    }
    spelt(prefix, bits)
}

/// A prefix, then 26 characters.
fn spelt(prefix: &str, bits: u128) -> Arc<str> {
    let mut text = String::with_capacity(prefix.len() + 26);
    text.push_str(prefix);
    text.extend((0..26).rev().map(|i| char::from(ALPHABET[((bits >> (5 * i)) & 31) as usize])));
    text.into()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        ///
        /// Shared: a judgement names its evidence many times over.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id that sorts by `at`; `tail` is random, or a digest where the id must be deterministic.
            #[must_use]
            pub fn new(at: Time, tail: [u8; 10]) -> Self {
                Self(sortable($prefix, at, tail))
            }

            /// Takes an id as it was stored. Nothing is checked: a wrong one finds nothing.
            #[must_use]
            pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(/** Names a release for ever, whatever its version is called. */ ReleaseId, "rel_");
id!(/** Names a piece of evidence: a signal as it counts for a release. */ EvidenceId, "ev_");
id!(/** Names a signed decision. */ DecisionId, "dec_");
id!(/** Names an exception. */ ExceptionId, "exc_");
id!(/** Names a change of settings that somebody asked for. */ SettingsChangeId, "chg_");
id!(/** Names a person. */ PersonId, "per_");
id!(/** Names a token or session (never the secret itself). */ TokenId, "tok_");

id!(/** Names a finding: made of a digest of its product and fingerprint, so the same one has the same id. */ FindingId, "fnd_");

impl FindingId {
    /// The id of a key.
    #[must_use]
    pub fn of_key(key: &[u8; 16]) -> Self {
        Self(spelt(Self::PREFIX, u128::from_be_bytes(*key)))
    }

    /// The key in an id; `None` if the text is no such id.
    #[must_use]
    pub fn key_in(text: &str) -> Option<[u8; 16]> {
        let digits = text.strip_prefix(Self::PREFIX)?.as_bytes();
        let mut bits = 0_u128;
        for digit in (digits.len() == 26).then_some(digits)? {
            let value = ALPHABET.iter().position(|a| a == digit)?;
            bits = bits.checked_mul(32)?.checked_add(value as u128)?;
        }
        Some(bits.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_finding_holds_its_key() {
        for key in [[0; 16], [255; 16], *b"0123456789abcdef"] {
            assert_eq!(FindingId::key_in(FindingId::of_key(&key).as_str()), Some(key));
        }
        for wrong in ["", "fnd_", "fnd_ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "fnd_0123456789012345678901234", "ev_x"] {
            assert_eq!(FindingId::key_in(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let early = EvidenceId::new(Time::from_micros(1_000_000), [255; 10]);
        let late = EvidenceId::new(Time::from_micros(2_000_000), [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().len(), "ev_".len() + 26);
    }
}
