//! Reports of known vulnerabilities in components and images.

pub(crate) mod anchore;
pub(crate) mod black_duck;
pub(crate) mod cargo_audit;
pub(crate) mod cargo_deny;
pub(crate) mod clair;
pub(crate) mod dependency_check;
pub(crate) mod dependency_track;
pub(crate) mod govulncheck;
pub(crate) mod grype;
pub(crate) mod npm_audit;
pub(crate) mod osv_scanner;
pub(crate) mod pip_audit;
pub(crate) mod prisma;
pub(crate) mod snyk;
pub(crate) mod trivy;
pub(crate) mod xray;
pub(crate) mod yarn_audit;
