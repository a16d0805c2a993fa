//! Everything certrail remembers: SQL, migrations, blobs.
//!
//! Synchronous on purpose (ADR 0001): callers on async threads go through `spawn_blocking`.
//! One writer connection, several readers. Each SQL statement stands here, once, as a constant
//! text; values are bound, never pasted. Rows are mapped here and leave as values of `domain` or
//! of this crate.
//!
//! The layer is shaped so that PostgreSQL can join behind [`Tx`] without a second copy of any
//! statement: portable column types, `?n` placeholders (numbered; a driver that wants `$n` rewrites the sigil), no database-specific functions.

mod backup;
mod blobs;
mod db;
mod files;
pub mod floor;
mod frames;
mod known;
mod migrate;
mod recent_keys;
pub mod tables;

pub use backup::{Backup, backup, has_connector};
pub use blobs::{BlobFiles, BlobPlace, BodyReader, FramePlace};
pub use db::{Mover, Row, Store, StoreError, Tx, Val, Writer};
pub use files::write_durably;
pub use frames::pack;
pub use migrate::foreign_objects;
pub use recent_keys::{HalfKey, RecentKeys};

/// What store functions return.
pub type Result<T> = std::result::Result<T, StoreError>;
