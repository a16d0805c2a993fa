//! What a command says when it did not work: what, why, fix; and the exit code a pipeline reads.

use certrail_domain::{Problem, ProblemKind};
use serde_json::{Value, json};

use crate::terminal::plain;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: u8,
    /// The server was not reached, or could not answer: trying again later may do.
    pub(crate) undelivered: bool,
    /// The server read it and will not have it: sending it again is no use.
    pub(crate) refused: bool,
    /// The token is live and may not do this.
    pub(crate) not_allowed: bool,
    what: String,
    why: String,
    fix: String,
}

/// The answer is no.
pub(crate) const NO: u8 = 1;
/// Wrong usage.
pub(crate) const USAGE: u8 = 2;
/// Not signed in, not allowed, bad configuration.
pub(crate) const SIGN_IN: u8 = 3;
/// Could not tell.
pub(crate) const UNKNOWN: u8 = 4;
/// Not found.
pub(crate) const NOT_FOUND: u8 = 5;

impl Failure {
    pub(crate) fn new(exit: u8, what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            exit,
            undelivered: false,
            refused: false,
            not_allowed: false,
            what: what.into(),
            why: why.into(),
            fix: fix.into(),
        }
    }

    /// The same, of something that may be delivered later.
    pub(crate) fn undelivered(self) -> Self {
        Self { undelivered: true, ..self }
    }

    /// The same, of something the server will not have.
    pub(crate) fn refused(self) -> Self {
        Self { refused: true, ..self }
    }

    /// The same, of something this token may not do.
    pub(crate) fn not_allowed(self) -> Self {
        Self { not_allowed: true, ..self }
    }

    /// Why.
    pub(crate) fn why(&self) -> &str {
        &self.why
    }

    /// What, why and fix, one behind the other.
    pub(crate) fn in_a_line(&self) -> String {
        let said = [&self.what, &self.why, &self.fix].map(|s| s.trim());
        said.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// As problem details (RFC 9457), for machines that read standard output.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "title": self.what, "detail": self.why, "fix": self.fix, "exit": self.exit })
    }

    /// Three lines, the most important last.
    pub(crate) fn print(&self) {
        eprintln!("{}", plain(&self.what));
        if !self.why.is_empty() {
            eprintln!("  Why   {}", plain(&self.why));
        }
        if !self.fix.is_empty() {
            eprintln!("  Fix   {}", plain(&self.fix));
        }
    }
}

impl From<Problem> for Failure {
    fn from(p: Problem) -> Self {
        let exit = match p.kind {
            ProblemKind::BadInput | ProblemKind::TooLarge | ProblemKind::NoSuchMethod => USAGE,
            ProblemKind::NotSignedIn | ProblemKind::NotAllowed => SIGN_IN,
            ProblemKind::NotFound => NOT_FOUND,
            ProblemKind::Refused | ProblemKind::Conflict => NO,
            ProblemKind::Internal | ProblemKind::Unavailable | ProblemKind::TooMany => UNKNOWN,
        };
        Self::new(exit, p.what, p.why, p.fix)
    }
}

impl From<certrail_store::StoreError> for Failure {
    fn from(e: certrail_store::StoreError) -> Self {
        use certrail_store::StoreError as E;
        let exit =
            if matches!(e, E::InUse(_) | E::Newer { .. } | E::RolledBack { .. } | E::NoGuard { .. } | E::Unreleased) {
                SIGN_IN
            } else {
                UNKNOWN
            };
        let (what, fix) = match &e {
            E::InUse(_) => (
                "The data folder could not be opened.",
                "Stop the server that has it open, or name another folder with --data.",
            ),
            E::RolledBack { .. } => (
                "The log is not served.",
                "Put back the newest copy; where it is lost, `certrail admin new-epoch` says so on record.",
            ),
            E::NoGuard { .. } => (
                "The log is not served.",
                "Put the file back, or mount its disk. If this is the first start with it, add --begin-guard.",
            ),
            E::Newer { .. } | E::Unreleased => (
                "The data folder could not be opened.",
                "Use the program it was written by, or another folder with --data.",
            ),
            E::Io { .. } => (
                "A file could not be read or written.",
                "Look at the path, who may write there, and how much room is left.",
            ),
            E::Damaged(_) => (
                "The data folder could not be opened.",
                "Check it with `certrail admin fsck`, which names what is wrong.",
            ),
            E::Database(_) => (
                "The data folder could not be opened.",
                "Look at the path given with --data, and check it with `certrail admin fsck`.",
            ),
        };
        Self::new(exit, what, format!("{e}."), fix)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Self {
        Self::new(UNKNOWN, "The command did not finish.", format!("{e:#}").trim_end_matches('.').to_owned() + ".", "")
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        anyhow::Error::from(e).into()
    }
}
