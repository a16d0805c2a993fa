//! Lives of a log: after a loss or a compromise it goes on under a new name and a new key.
//!
//! Whoever holds a head of the life before must never see another head of that name and size (C2SP tlog-checkpoint:
//! an origin is one append-only log). What was kept is the beginning of the new life's tree, so old proofs against
//! the kept part stay good. Every earlier key that is still here signs the new one: whoever trusts it can follow.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::{
    hex,
    keys::{DecisionVerifier, LogKey, VerifierKey},
    note::{Checkpoint, NoteError},
};

/// One life of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Its number, counted from 1. Numbers may be left out.
    pub number: i64,
    /// Its public key, C2SP form, with the name it signs under.
    pub key: String,
    /// How many entries of the lives before it begins with.
    pub kept: u64,
    /// Who handed the log over to it; empty for the first.
    pub handed_over: Vec<HandOver>,
}

/// An earlier key's word that the log goes on under another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// The earlier key, C2SP form.
    pub by: String,
    /// Its signature over the statement, hex.
    pub signature: String,
}

/// The name of a life: the log's own for the first, with the number behind it for those that follow.
#[must_use]
pub fn name_of(log: &str, number: i64) -> String {
    if number <= 1 { log.to_owned() } else { format!("{log}/{number}") }
}

impl Life {
    /// A life that `earlier` keys hand the log over to.
    #[must_use]
    pub fn begin<'a>(number: i64, key: &VerifierKey, kept: u64, earlier: impl IntoIterator<Item = &'a LogKey>) -> Self {
        let mut life = Self { number, key: key.vkey(), kept, handed_over: Vec::new() };
        life.handed_over = earlier
            .into_iter()
            .map(|by| {
                let by_key = by.verifier().vkey();
                let signature = hex(&by.sign(&life.statement(&by_key)));
                HandOver { by: by_key, signature }
            })
            .collect();
        life
    }

    /// What an earlier key signs.
    fn statement(&self, by: &str) -> Vec<u8> {
        format!("certrail-life/v1\nfrom {by}\nto {}\nnumber {}\nkept {}\n", self.key, self.number, self.kept)
            .into_bytes()
    }

    /// The keys whose word for this life holds; `None` if one of the signatures does not.
    #[must_use]
    pub fn handed_over_by(&self) -> Option<Vec<VerifierKey>> {
        let verified = |over: &HandOver| {
            let key = VerifierKey::parse(&over.by)?;
            let signature = HEXLOWER.decode(over.signature.as_bytes()).ok()?;
            key.verifies(&self.statement(&over.by), &signature).then_some(key)
        };
        self.handed_over.iter().map(verified).collect()
    }
}

/// Reads a signed head over `size` entries and verifies it by the key of the life it belongs to. Past what the next
/// life kept, a head is of a life that was lost, and refused.
///
/// # Errors
/// When it belongs to no life, or does not verify.
pub fn verify_head(lives: &[Life], note: &str, size: u64) -> Result<Checkpoint, NoteError> {
    let life = lives.iter().rev().find(|life| life.kept < size);
    let key = life.and_then(|life| VerifierKey::parse(&life.key)).ok_or(NoteError::Form("it belongs to no life"))?;
    Checkpoint::verify(note, &key)
}

/// Whether whoever trusts the key `from` can follow it to the key `to`, from life to life.
#[must_use]
pub fn leads(lives: &[Life], from: &str, to: &str) -> bool {
    let mut reached = BTreeSet::from([from.to_owned()]);
    let mut sorted: Vec<&Life> = lives.iter().collect();
    sorted.sort_by_key(|life| life.number);
    for life in sorted {
        let by = life.handed_over_by().unwrap_or_default();
        if by.iter().any(|key| reached.contains(&key.vkey())) {
            reached.insert(life.key.clone());
        }
    }
    reached.contains(to)
}

/// The statement by which a log's key vouches for the keys that sign decisions and seal dossiers, and for the lives
/// the log has had. Whoever trusts the log's key can follow it to theirs.
#[must_use]
pub fn vouching(origin: &str, certifier: &DecisionVerifier, dossier: &DecisionVerifier, lives: &[Life]) -> Vec<u8> {
    let hex = |key: &DecisionVerifier| HEXLOWER.encode(key.spki());
    let mut text = format!("certrail-keys/v1\n{origin}\ncertifier {}\ndossier {}\n", hex(certifier), hex(dossier));
    for life in lives {
        text.push_str(&format!("life {} {} kept {}\n", life.number, life.key, life.kept));
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: i64) -> LogKey {
        let name = name_of("log.example/certrail", number);
        LogKey::from_seed(&name, &[u8::try_from(number).expect("small"); 32]).expect("a seed")
    }

    fn lives() -> Vec<Life> {
        let (first, second, fourth) = (key(1), key(2), key(4));
        vec![
            Life::begin(1, first.verifier(), 0, []),
            Life::begin(2, second.verifier(), 10, [&first]),
            Life::begin(4, fourth.verifier(), 20, [&second]),
        ]
    }

    #[test]
    fn trust_follows_signatures_from_life_to_life_and_never_back() {
        let [first, second, fourth] = [1, 2, 4].map(|n| key(n).verifier().vkey());
        for (from, to, holds) in [
            (&first, &first, true),
            (&first, &second, true),
            (&first, &fourth, true),
            (&fourth, &first, false),
            (&second, &first, false),
        ] {
            assert_eq!(leads(&lives(), from, to), holds, "{from} to {to}");
        }
        assert!(!leads(&lives(), &key(9).verifier().vkey(), &fourth));
    }

    #[test]
    fn a_changed_hand_over_leads_nowhere() {
        let [first, fourth] = [1, 4].map(|n| key(n).verifier().vkey());
        let change: [fn(&mut Life); 4] = [
            |life| life.kept += 1,
            |life| life.number = 3,
            |life| life.handed_over[0].signature = "00".repeat(64),
            |life| life.handed_over[0].by = key(1).verifier().vkey() + "x",
        ];
        for change in change {
            let mut lives = lives();
            change(&mut lives[1]);
            assert_eq!(lives[1].handed_over_by(), None);
            assert!(!leads(&lives, &first, &fourth));
        }
    }

    #[test]
    fn each_life_has_a_name_of_its_own() {
        assert_eq!([1, 2, 30].map(|n| name_of("a/log", n)), ["a/log", "a/log/2", "a/log/30"]);
    }
}
