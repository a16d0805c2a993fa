//! Reports of weaknesses in code, of secrets in it, and of mistakes in configuration.

pub(crate) mod bandit;
pub(crate) mod brakeman;
pub(crate) mod checkmarx;
pub(crate) mod checkov;
pub(crate) mod detect_secrets;
pub(crate) mod eslint;
pub(crate) mod github;
pub(crate) mod gitlab;
pub(crate) mod gitleaks;
pub(crate) mod gosec;
pub(crate) mod hadolint;
pub(crate) mod kics;
pub(crate) mod sarif;
pub(crate) mod semgrep;
pub(crate) mod shellcheck;
pub(crate) mod sonarqube;
pub(crate) mod tfsec;
pub(crate) mod trufflehog;
pub(crate) mod veracode;
