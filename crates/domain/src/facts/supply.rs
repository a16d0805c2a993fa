//! Facts about where an artefact comes from and what it is affected by: attestations and VEX.

use serde::{Deserialize, Serialize};

use crate::Time;

/// Something an attestation is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttestedSubject {
    /// Its name; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `sha256:…` where it has one, else `algorithm:value`.
    pub digest: String,
}

/// Whether a signature was checked, and with what outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Verified {
    /// It holds.
    Yes {
        /// Who signed, by which key or certificate.
        by: String,
    },
    /// It does not hold.
    No {
        /// Why.
        why: String,
    },
    /// It was not checked.
    NotChecked {
        /// Why not.
        why: String,
    },
}

/// An in-toto attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// `https://in-toto.io/Statement/v1`, or the older layouts' own word.
    pub statement_type: String,
    /// The predicate's type.
    pub predicate_type: String,
    /// What it is about, at most [`Attestation::MAX_SUBJECTS`].
    pub subjects: Vec<AttestedSubject>,
    /// How many subjects it names in all.
    pub subjects_total: u64,
    /// Signatures on it.
    pub signatures: u64,
    /// Whether they hold.
    pub verified: Verified,
    /// Who built or verified: `builder.id`, `verifier.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How: `buildType`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_type: Option<String>,
    /// The source commit it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The source repository it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The result it states, in its own word: `PASSED`, `FAILED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The levels it states: `SLSA_BUILD_LEVEL_3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// When that was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

impl Attestation {
    /// Subjects kept beside the count.
    pub const MAX_SUBJECTS: usize = 200;
}

/// What a VEX statement says of a product and a vulnerability (CISA, Minimum Requirements for VEX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// No remediation is needed.
    NotAffected,
    /// Actions are recommended.
    Affected,
    /// These versions hold a fix.
    Fixed,
    /// Not known yet.
    UnderInvestigation,
}

impl VexStatus {
    /// The name used in JSON and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }
}

/// One statement of a VEX document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VexStatement {
    /// The vulnerability.
    pub vulnerability: String,
    /// Its other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it is about: package URLs, digests, product names; at most [`Vex::MAX_PRODUCTS`].
    pub products: Vec<String>,
    /// The parts of the product that it is about, where it names them: package URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subcomponents: Vec<String>,
    /// What it says.
    pub status: VexStatus,
    /// Why not affected: one of the standard's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// The impact or action statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// When it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// A VEX document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vex {
    /// `OpenVEX`, `CSAF`, `CycloneDX`.
    pub format: String,
    /// The document's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Time>,
    /// Statements in all.
    pub total: u64,
    /// The statements, at most [`Vex::MAX_STATEMENTS`].
    pub statements: Vec<VexStatement>,
}

impl Vex {
    /// Statements kept beside the count.
    pub const MAX_STATEMENTS: usize = 500;
    /// Products kept of one statement.
    pub const MAX_PRODUCTS: usize = 200;
}

/// A file inside an archive, and what it was read as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Its path inside.
    pub path: String,
    /// The format, or nothing where it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Why it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An archive of reports. Each report inside is evidence of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// `zip`, `tar`, `gzip`, `zstd`.
    pub format: String,
    /// What is inside, at most [`Archive::MAX_LISTED`].
    pub members: Vec<Packed>,
    /// Files inside in all.
    pub total: u64,
}

impl Archive {
    /// Members listed.
    pub const MAX_LISTED: usize = 1_000;

    /// Counts a member, and lists it while there is room.
    pub fn add(&mut self, packed: Packed) {
        self.total += 1;
        if self.members.len() < Self::MAX_LISTED {
            self.members.push(packed);
        }
    }
}
