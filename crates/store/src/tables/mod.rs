//! The statements, one file per group of tables.

pub mod audit;
pub mod bindings;
pub mod criteria;
pub mod decisions;
pub mod dossiers;
pub mod exceptions;
pub mod finding_decisions;
pub mod findings;
pub mod graph;
pub mod log;
pub mod people;
pub mod products;
pub mod releases;
pub mod scans;
pub mod shipments;
pub mod signals;
