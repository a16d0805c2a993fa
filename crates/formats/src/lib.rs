//! Report bytes in, facts, findings and warnings out.
//!
//! One file per format. A reader is strict about truth and lenient about form: it counts what is
//! there, never what a header claims, and says what struck it. It never gives a verdict. No I/O
//! but reading its input.
//!
//! Memory: a report up to [`HELD`] is held, a larger one streamed; beside that a reader holds one
//! record and what it will tell, which is bounded by the constants here and in the facts. Findings
//! are handed on one by one.
//!
//! Entry points: [`read`], [`read_stream`], [`Format::all`]. To add a format: one file, one line in
//! `registry.rs`, its samples under `tests/data/<format>/{good,odd,bad}`.

#![allow(clippy::needless_pass_by_value, reason = "every reader has the same signature")]

mod archive;
mod base;
mod definition;
mod detect;
mod out;
mod prelude;
mod registry;
mod trust;

mod analysis;
mod components;
mod coverage;
mod running;
mod supply;
mod tests;

use std::{collections::BTreeMap, io::Read, sync::Arc};

use certrail_domain::{
    Facts, Time,
    facts::{BandPolicy, FindingSeen, ScanKind},
};

pub use archive::{ArchiveKind, MAX_FILES, MAX_TOTAL, unpack};
pub use base::input::HELD;
pub use definition::{Family, Format};
pub use trust::{Trust, Trusted, TrustedKey, TrustedRoot};

use base::input::Input;
use definition::Context;

/// What the sender says about a report beside its bytes.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// What it is for: the suite of a test report.
    pub suite: Option<String>,
    /// What a scan looked for, where the tool's name does not tell.
    pub scan: Option<ScanKind>,
    /// The date of the scanner's database, where the report does not tell it.
    pub database_at: Option<Time>,
    /// What decides how grave a finding is.
    pub policy: BandPolicy,
    /// Whom the operator trusts to sign attestations.
    pub trust: Option<Arc<Trust>>,
}

/// Takes findings one by one, in the order of the report.
pub type Sink<'s> = dyn FnMut(FindingSeen) + 's;

/// Whether a report obeys its standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// As far as the reader checks.
    Yes,
    /// It does not; the faults say how.
    No,
    /// There is no standard to check against, or the reader does not.
    Unknown,
}

impl Validity {
    /// The word used in JSON and on receipts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn of(checked: bool, faults: &out::notes::Notes) -> Self {
        match (faults.is_empty(), checked) {
            (false, _) => Self::No,
            (true, true) => Self::Yes,
            (true, false) => Self::Unknown,
        }
    }
}

/// What a reader understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The format.
    pub format: Format,
    /// Whether it obeys its standard.
    pub valid: Validity,
    /// Why not: the first reasons.
    pub faults: Vec<String>,
    /// The facts.
    pub facts: Facts,
    /// Counts by name, for receipts and for `evidence inspect`.
    pub counts: BTreeMap<&'static str, u64>,
    /// What the report says it is about: commits, digests, package URLs, images, addresses.
    pub subjects: Vec<String>,
    /// What struck the reader.
    pub warnings: Vec<String>,
}

/// Why bytes could not be read as a report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotRead {
    /// The format it looks like, if it looks like one.
    pub looks_like: Option<&'static str>,
    /// Why it was not read, one sentence.
    pub why: String,
}

impl NotRead {
    pub(crate) fn new(looks_like: Option<&'static str>, why: impl Into<String>) -> Self {
        Self { looks_like, why: why.into() }
    }
}

/// Reads a report that is held, detecting its format by content unless `wanted` says which it must be.
///
/// # Errors
/// When the bytes are of no known format, of another than asked for, or too broken to count anything.
pub fn read(bytes: &[u8], wanted: Option<Format>, hints: &Hints, sink: &mut Sink<'_>) -> Result<Reading, NotRead> {
    read_input(Input::whole(bytes), wanted, hints, sink)
}

/// Reads a report of any size from a stream. Memory does not follow its size.
///
/// # Errors
/// As [`read`], and when the stream fails.
pub fn read_stream(
    stream: impl Read,
    wanted: Option<Format>,
    hints: &Hints,
    sink: &mut Sink<'_>,
) -> Result<Reading, NotRead> {
    let input = Input::stream(stream).map_err(|e| NotRead::new(None, format!("It could not be read: {e}.")))?;
    read_input(input, wanted, hints, sink)
}

/// Every format that these bytes look like. More than one means that two detection rules are too wide.
#[must_use]
pub fn candidates(bytes: &[u8]) -> Vec<Format> {
    let input = Input::whole(bytes);
    detect::head(input.head()).map(|head| detect::every(&head)).unwrap_or_default()
}

fn read_input(
    mut input: Input<'_>,
    wanted: Option<Format>,
    hints: &Hints,
    sink: &mut Sink<'_>,
) -> Result<Reading, NotRead> {
    let format = detect::tell(&input, wanted)?;
    let assumed = input.warning();
    let mut forward = |seen: FindingSeen| sink(seen);
    let context = Context { format, hints, sink: &mut forward };
    let mut reading = (format.0.read)(&mut input, context).map_err(|e| match e.looks_like {
        Some(_) => e,
        None => NotRead::new(Some(format.name()), format!("Read as {}: {}", format.title(), lower(&e.why))),
    })?;
    let mut told = std::collections::BTreeSet::new();
    reading.subjects.retain(|subject| told.insert(subject.clone()));
    reading.warnings.extend(assumed.get().map(str::to_owned));
    Ok(reading)
}

/// The sentence as part of another one.
fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
