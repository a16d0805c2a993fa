//! What went wrong, why, and what to do: the one shape of every error a person or machine meets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a problem; it decides the HTTP status and the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The input cannot be accepted as it is.
    BadInput,
    /// Nobody, or nobody we know, is asking.
    NotSignedIn,
    /// Whoever is asking may not do this.
    NotAllowed,
    /// There is no such thing; the nearest are named.
    NotFound,
    /// The address is there, and not for this method.
    NoSuchMethod,
    /// It contradicts what is already recorded.
    Conflict,
    /// It is larger than accepted.
    TooLarge,
    /// It was understood and the answer is no.
    Refused,
    /// It was asked too often.
    TooMany,
    /// We failed. Nothing was lost.
    Internal,
    /// We cannot answer right now; asking again is right.
    Unavailable,
}

impl ProblemKind {
    /// The HTTP status (RFC 9110 §15).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadInput => 400,
            Self::NotSignedIn => 401,
            Self::NotAllowed => 403,
            Self::NotFound => 404,
            Self::NoSuchMethod => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Refused => 422,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// A problem in the pattern what, why, fix (ux §3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind it is.
    pub kind: ProblemKind,
    /// A stable code for machines, `wrong-signature`.
    pub code: String,
    /// What happened, one sentence.
    pub what: String,
    /// Why, one sentence.
    pub why: String,
    /// What to do now; empty if there is nothing.
    pub fix: String,
}

impl Problem {
    /// A problem with all its parts.
    #[must_use]
    pub fn new(
        kind: ProblemKind,
        code: &str,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { kind, code: code.to_owned(), what: what.into(), why: why.into(), fix: fix.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.why)
    }
}

impl std::error::Error for Problem {}
