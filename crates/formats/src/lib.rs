//! Report bytes in, facts and warnings out.
//!
//! One file per format. A reader is strict about truth and lenient about form: it counts what is
//! there, never what a header claims, and says what struck it. It never gives a verdict. No I/O;
//! memory is bounded by the input, nesting by the parsers, lists and texts by the constants here.
//!
//! Entry point: [`read`]. To add a format: one file, one line in `detect.rs`, its samples under
//! `tests/data/<format>/{good,odd,bad}`.

mod cobertura;
mod cyclonedx;
mod detect;
mod junit;
mod lcov;
mod sarif;
mod text;
mod xml;

use std::collections::BTreeMap;

use certrail_domain::{Facts, facts::ScanKind};

pub use detect::{Format, detect};

/// The longest text taken over from a report, in characters.
pub(crate) const MAX_TEXT: usize = 300;

/// What the sender says about a report beside its bytes.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// What it is for: the suite of a test report.
    pub suite: Option<String>,
    /// What a scan looked for, where the tool's name does not tell.
    pub scan: Option<ScanKind>,
}

/// What a reader understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The format.
    pub format: Format,
    /// Whether it obeys its standard, as far as this reader checks.
    pub valid: bool,
    /// The facts.
    pub facts: Facts,
    /// Counts by name, for receipts and for `evidence inspect`.
    pub counts: BTreeMap<&'static str, u64>,
    /// What the report says it is about: commits, digests, package URLs.
    pub subjects: Vec<String>,
    /// What struck the reader; the reasons why it is not valid come first.
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

/// Reads a report, detecting its format by content unless `format` says which it must be.
///
/// # Errors
/// When the bytes are of no known format, of another than asked for, or too broken to count anything.
pub fn read(bytes: &[u8], format: Option<Format>, hints: &Hints) -> Result<Reading, NotRead> {
    let text = text::decode(bytes);
    let found = detect(&text.text)?;
    if let Some(wanted) = format.filter(|wanted| *wanted != found) {
        let why = format!("It is not {}: it looks like {}.", wanted.title(), found.title());
        return Err(NotRead::new(Some(found.name()), why));
    }
    let mut reading = match found {
        Format::Junit => junit::read(&text.text, hints),
        Format::Sarif => sarif::read(&text.text, hints),
        Format::CycloneDx => cyclonedx::read(&text.text),
        Format::Cobertura => cobertura::read(&text.text),
        Format::Lcov => lcov::read(&text.text),
    }?;
    reading.warnings.extend(text.warning);
    Ok(reading)
}

/// Cuts a text taken from a report to [`MAX_TEXT`] characters, on one line.
pub(crate) fn clip(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_TEXT).collect()
}
