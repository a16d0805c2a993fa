//! The statements, one file per group of tables.

pub mod audit;
pub mod bindings;
pub mod connectors;
pub mod context;
pub mod criteria;
pub mod decisions;
pub mod dossiers;
pub mod exceptions;
pub mod finding_decisions;
pub mod findings;
pub mod graph;
pub mod jobs;
pub mod keys;
pub mod log;
pub mod people;
pub mod products;
pub mod range_bases;
pub mod releases;
pub mod scans;
pub mod settings_changes;
pub mod shipments;
pub mod signals;

/// A document as it is stored.
fn to_json(document: &impl serde::Serialize) -> crate::Result<String> {
    serde_json::to_string(document).map_err(|e| crate::StoreError::Damaged(e.to_string()))
}

/// The products a row is written for: one row for all of them, under the empty name, or one for each.
fn reached(reach: &certrail_domain::Extent) -> Vec<&str> {
    match reach {
        certrail_domain::Extent::All => vec![""],
        certrail_domain::Extent::Only(products) => products.iter().map(String::as_str).collect(),
    }
}

/// The repository whose forge told something; empty for what people and pipelines tell.
fn repository_of(to: certrail_domain::Audience<'_>) -> &str {
    to.repository.unwrap_or_default()
}
