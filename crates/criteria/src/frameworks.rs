//! Frameworks: identifiers and our own words, one YAML file each. Never the owner's wording (compliance §1.9).

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A control by its identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The framework's identifier.
    pub id: String,
    /// What it asks for, in our words.
    pub words: String,
    /// How far evidence of releases carries: `full`, `partial`, `contributes`.
    pub strength: String,
    /// What else an auditor needs, from elsewhere.
    #[serde(default)]
    pub also: String,
}

/// A framework.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// The prefix used in criteria: `soc2`.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Its version.
    pub version: String,
    /// When our mapping was last reviewed.
    pub reviewed: String,
    /// Its controls.
    pub controls: Vec<Control>,
}

/// Every framework with a mapping.
#[must_use]
pub fn frameworks() -> &'static [Framework] {
    static ALL: OnceLock<Vec<Framework>> = OnceLock::new();
    ALL.get_or_init(|| {
        [
            include_str!("../frameworks/soc2.yaml"),
            include_str!("../frameworks/iso27001.yaml"),
            include_str!("../frameworks/pci.yaml"),
        ]
        .iter()
        .map(|text| serde_saphyr::from_str(text).expect("the embedded frameworks are read by a test"))
        .collect()
    })
}
