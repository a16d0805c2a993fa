//! Reports of weaknesses of something that runs, and of how a project is run.

pub(crate) mod burp;
pub(crate) mod inspec;
pub(crate) mod lynis;
pub(crate) mod nessus;
pub(crate) mod nuclei;
pub(crate) mod scorecard;
pub(crate) mod xccdf;
pub(crate) mod zap;
