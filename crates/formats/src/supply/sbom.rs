//! A bill of materials taking shape, and the checks that its forms share.

use certrail_domain::{
    Facts,
    facts::{Sbom, Vex},
};

use super::vex::VexReport;
use crate::{
    Format, Reading, Validity,
    base::{clip, lenient::Text},
    definition::Context,
    out::notes::Notes,
};

/// A bill of materials taking shape.
pub(super) struct Bill {
    pub(super) sbom: Sbom,
    pub(super) faults: Notes,
    pub(super) warnings: Notes,
    pub(super) counts: std::collections::BTreeMap<&'static str, u64>,
    /// What it is about beside digests.
    pub(super) about: Vec<String>,
    format: Format,
}

impl Bill {
    pub(super) fn new(context: &Context<'_>, format: &str) -> Self {
        Self {
            sbom: Sbom {
                format: format.to_owned(),
                spec_version: String::new(),
                components: 0,
                vulnerabilities: 0,
                describes: None,
                subjects: Vec::new(),
                generator: None,
                created_at: None,
            },
            faults: Notes::default(),
            warnings: Notes::default(),
            counts: std::collections::BTreeMap::new(),
            about: Vec::new(),
            format: context.format,
        }
    }

    pub(super) fn count(&mut self, name: &'static str, n: u64) {
        *self.counts.entry(name).or_default() += n;
    }

    pub(super) fn finish(mut self, vex: Option<VexReport>) -> Reading {
        self.sbom.subjects.sort();
        self.sbom.subjects.dedup();
        let mut subjects = self.sbom.subjects.clone();
        subjects.extend(self.about);
        let valid = Validity::of(true, &self.faults);
        let statements = vex.filter(|v| v.total() > 0 && self.sbom.components == 0);
        let facts = match statements {
            // Vulnerabilities and no component: it says what something is affected by, not what is in it.
            Some(report) => {
                let Vex { total, statements, .. } = report.vex;
                self.counts.insert("statements", total);
                Facts::Vex(Vex {
                    format: self.sbom.format,
                    id: None,
                    author: self.sbom.generator,
                    issued_at: self.sbom.created_at,
                    total,
                    statements,
                })
            }
            None => {
                if self.sbom.components == 0 {
                    self.warnings.add("It lists no component.");
                }
                if self.sbom.vulnerabilities > 0 {
                    self.warnings.add(
                        "Its vulnerabilities are counted and not tracked: send the scanner's own report beside it.",
                    );
                }
                Facts::Sbom(self.sbom)
            }
        };
        Reading {
            format: self.format,
            valid,
            faults: self.faults.into_vec(),
            facts,
            counts: self.counts,
            subjects,
            warnings: self.warnings.into_vec(),
        }
    }
}

/// A digest of one of the lengths that hash functions give (MD5 to SHA-512).
pub(super) fn plausible_hash(content: &str) -> bool {
    matches!(content.len(), 32 | 40 | 56 | 64 | 96 | 128) && content.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `…sha256:<64 hex>…` or its percent-encoded form.
pub(super) fn digest_in(text: &str) -> Option<String> {
    let plain = text.replace("%3A", ":").replace("%3a", ":");
    let (_, rest) = plain.split_once("sha256:")?;
    let hex: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (hex.len() == 64).then(|| format!("sha256:{}", hex.to_ascii_lowercase()))
}

/// `urn:uuid:` and a UUID.
pub(super) fn is_urn_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// An identifier of the SPDX licence list, deprecated ones too.
pub(super) fn is_licence_id(id: &str) -> bool {
    spdx::license_id(id).is_some() || spdx::exception_id(id).is_some()
}

/// `name version`.
pub(super) fn named(name: &Text<'_>, version: &Text<'_>) -> String {
    clip(format!("{} {}", &**name, &**version).trim())
}
