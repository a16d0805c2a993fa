//! What well-known tools look for, and how fresh their knowledge is.

use certrail_domain::facts::{Database, ScanKind};

/// What a tool looks for. One that is not listed here is unknown, and the sender has to say.
pub(super) fn kind(tool: &str) -> ScanKind {
    let tool = tool.to_ascii_lowercase();
    let any = |names: &[&str]| names.iter().any(|n| tool.contains(n));
    if any(&["gitleaks", "trufflehog", "detect-secrets", "ggshield", "secret"]) {
        ScanKind::Secret
    } else if any(&["docker scout", "clair", "anchore", "snyk container", "twistlock"]) {
        ScanKind::Container
    } else if any(&[
        "trivy",
        "grype",
        "osv-scanner",
        "dependency-check",
        "snyk open source",
        "govulncheck",
        "cargo-audit",
        "cargo-deny",
        "npm audit",
        "pip-audit",
        "jfrog xray",
        "black duck",
    ]) {
        ScanKind::Sca
    } else if any(&[
        "checkov",
        "tfsec",
        "kics",
        "cfn-lint",
        "terrascan",
        "hadolint",
        "snyk iac",
        "kube-linter",
        "kubescape",
    ]) {
        ScanKind::Iac
    } else if any(&["zap", "nuclei", "burp"]) {
        ScanKind::Dast
    } else if any(&["scorecard"]) {
        ScanKind::Posture
    } else if any(&[
        "codeql",
        "semgrep",
        "opengrep",
        "bandit",
        "gosec",
        "eslint",
        "sonar",
        "brakeman",
        "shellcheck",
        "clippy",
        "psalm",
        "checkmarx",
        "snyk code",
        "snykcode",
        "spotbugs",
        "pmd",
        "cppcheck",
        "infer",
        "pylint",
        "ruff",
        "flawfinder",
        "veracode",
        "fortify",
        "coverity",
        "polyspace",
        "security code scan",
        "devskim",
        "mobsfscan",
        "njsscan",
        "phpstan",
        "rubocop",
        "staticcheck",
        "golangci",
        "detekt",
        "swiftlint",
        "zizmor",
        "actionlint",
    ]) {
        ScanKind::Sast
    } else {
        ScanKind::Unknown
    }
}

/// Tools that ask a service each time they run have no copy that could be old.
pub(super) fn database(tool: &str) -> Database {
    let tool = tool.to_ascii_lowercase();
    let live = ["snyk", "npm audit", "pip-audit", "osv-scanner", "jfrog xray", "black duck"];
    if live.iter().any(|n| tool.contains(n)) { Database::Live } else { Database::Undated }
}
