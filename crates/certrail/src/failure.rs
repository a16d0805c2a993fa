//! What a command says when it did not work: what, why, fix; and the exit code a pipeline reads.

use certrail_domain::{Problem, ProblemKind};
use serde_json::{Value, json};

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
        eprintln!("{}", self.what);
        if !self.why.is_empty() {
            eprintln!("  Why   {}", self.why);
        }
        if !self.fix.is_empty() {
            eprintln!("  Fix   {}", self.fix);
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
        let exit = if matches!(e, E::InUse(_) | E::Newer { .. } | E::RolledBack { .. } | E::Unreleased) {
            SIGN_IN
        } else {
            UNKNOWN
        };
        Self::new(exit, "The data folder could not be opened.", format!("{e}."), "Check the path given with --data.")
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
