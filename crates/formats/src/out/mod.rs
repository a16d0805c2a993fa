//! What readers put their findings, cases and lines into; it becomes a [`Reading`](crate::Reading).

pub(crate) mod coverage;
pub(crate) mod fingerprint;
pub(crate) mod notes;
pub(crate) mod purl;
pub(crate) mod scan;
pub(crate) mod severity;
pub(crate) mod tests;
