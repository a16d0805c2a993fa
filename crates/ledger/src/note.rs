//! C2SP signed notes (v1.0.0) and checkpoints (v1.0.0): the signed head of the tree.

use data_encoding::BASE64;

use crate::{
    Hash,
    keys::{LogKey, VerifierKey},
};

/// What a checkpoint says: this log, this many leaves, this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which never changes.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a note was rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is not a signed note, or not a checkpoint.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
    /// It names another log.
    #[error("checkpoint is of log `{0}`")]
    Origin(String),
    /// No signature by the expected key.
    #[error("checkpoint is not signed by the expected key")]
    Unsigned,
    /// A signature by the expected key does not verify.
    #[error("checkpoint signature does not verify")]
    Signature,
}

impl Checkpoint {
    /// The text that is signed: origin, size, root, each on a line.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, key: &LogKey) -> String {
        let body = self.body();
        let mut signature = key.verifier().key_id().to_vec();
        signature.extend_from_slice(&key.sign(body.as_bytes()));
        format!("{body}\n— {} {}\n", key.verifier().name(), BASE64.encode(&signature))
    }

    /// Reads a signed note and verifies the signature of `key` over it. Signatures of unknown keys are ignored.
    ///
    /// # Errors
    /// When the form is wrong, or the key did not sign, or its signature is wrong.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let (checkpoint, body, signatures) = parse(note)?;
        if checkpoint.origin != key.name() {
            return Err(NoteError::Origin(checkpoint.origin));
        }
        let mut signed = false;
        for line in signatures.lines() {
            let (name, signature) = line
                .strip_prefix("— ")
                .and_then(|rest| rest.split_once(' '))
                .ok_or(NoteError::Form("a signature line is malformed"))?;
            let bytes =
                BASE64.decode(signature.as_bytes()).map_err(|_| NoteError::Form("a signature is not base64"))?;
            let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Form("a signature is too short"))?;
            if name == key.name() && id == &key.key_id() {
                if signed {
                    return Err(NoteError::Form("the key signed twice"));
                }
                key.verify(body.as_bytes(), signature).map_err(|()| NoteError::Signature)?;
                signed = true;
            }
        }
        if signed { Ok(checkpoint) } else { Err(NoteError::Unsigned) }
    }

    /// Reads a checkpoint without looking at who signed it. For people and for diagnostics only.
    ///
    /// # Errors
    /// When the form is wrong.
    pub fn parse_unverified(note: &str) -> Result<Self, NoteError> {
        parse(note).map(|(checkpoint, _, _)| checkpoint)
    }
}

/// Splits a note into checkpoint, signed text and signature lines.
fn parse(note: &str) -> Result<(Checkpoint, &str, &str), NoteError> {
    if note.len() > 64 * 1024 {
        return Err(NoteError::Form("it is longer than 64 KiB"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(NoteError::Form("it holds control characters"));
    }
    let split = note.rfind("\n\n").ok_or(NoteError::Form("no signatures"))?;
    let (body, signatures) = (&note[..=split], &note[split + 2..]);
    if !signatures.ends_with('\n') {
        return Err(NoteError::Form("it does not end with a newline"));
    }
    let mut lines = body.lines();
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(NoteError::Form("fewer than three lines"));
    };
    if origin.is_empty() {
        return Err(NoteError::Form("no origin"));
    }
    if size.len() > 1 && size.starts_with('0') || !size.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NoteError::Form("the size is not a plain number"));
    }
    let size = size.parse().map_err(|_| NoteError::Form("the size is not a plain number"))?;
    let root: Hash = BASE64
        .decode(root.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(NoteError::Form("the root is not 32 bytes of base64"))?;
    Ok((Checkpoint { origin: origin.to_owned(), size, root }, body, signatures))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> LogKey {
        LogKey::from_seed("log.example/certrail", &[7; 32]).expect("a seed of 32 bytes")
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "log.example/certrail".into(), size: 42, root: [9; 32] }
    }

    #[test]
    fn a_signed_checkpoint_comes_back() {
        let note = checkpoint().sign(&key());
        assert_eq!(Checkpoint::verify(&note, key().verifier()), Ok(checkpoint()));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let note = checkpoint().sign(&key()).into_bytes();
        for i in 0..note.len() {
            let mut changed = note.clone();
            changed[i] ^= 1;
            if let Ok(text) = String::from_utf8(changed) {
                assert!(Checkpoint::verify(&text, key().verifier()).is_err(), "byte {i}");
            }
        }
    }

    #[test]
    fn a_foreign_implementation_accepts_our_note() {
        let note = checkpoint().sign(&key());
        let parsed = signed_note::Note::from_bytes(note.as_bytes()).expect("a signed note");
        let verifier = signed_note::StandardVerifier::new(&key().verifier().vkey()).expect("a verifier key");
        let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
        let (verified, unknown) = parsed.verify(&known).expect("verifies");
        assert_eq!((verified.len(), unknown.len()), (1, 0));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
            let _ = Checkpoint::verify(&text, key().verifier());
        }

        #[test]
        fn almost_checkpoints_are_refused(size in "[0-9+ -]{0,22}", root in "[A-Za-z0-9+/=]{40,48}", tail in "[—a-z 0-9A-Z+/=\n]{0,80}") {
            let _ = Checkpoint::parse_unverified(&format!("o\n{size}\n{root}\n\n{tail}\n"));
        }
    }
}
