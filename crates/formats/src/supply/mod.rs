//! What an artefact is made of, where it comes from, and what it is affected by.

pub(crate) mod attestation;
pub(crate) mod csaf;
pub(crate) mod cyclonedx;
pub(crate) mod cyclonedx_xml;
pub(crate) mod openvex;
pub(crate) mod sbom;
pub(crate) mod spdx;
pub(crate) mod spdx3;
pub(crate) mod spdx_tag;
pub(crate) mod vex;
pub(crate) mod vulns;
