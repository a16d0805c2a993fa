//! Report files as tools write them.

use serde_json::json;

/// A JUnit report with some failing cases.
pub(crate) fn junit(suite: &str, tests: u64, failed: u64) -> Vec<u8> {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{suite}\" tests=\"{tests}\" failures=\"{failed}\">\n<testsuite name=\"{suite}\">\n"
    );
    for i in 0..tests {
        if i < failed {
            xml.push_str(&format!("<testcase classname=\"pay.Rounding\" name=\"case {i}\"><failure message=\"expected 2, got 3\"/></testcase>\n"));
        } else {
            xml.push_str(&format!("<testcase classname=\"pay.Rounding\" name=\"case {i}\" time=\"0.01\"/>\n"));
        }
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml.into_bytes()
}

/// A Cobertura report.
pub(crate) fn cobertura(lines: u64, covered: u64) -> Vec<u8> {
    let mut xml = format!(
        "<?xml version=\"1.0\"?>\n<coverage line-rate=\"0.9\" lines-valid=\"{lines}\">\n<packages><package name=\"pay\"><classes><class name=\"rounding\" filename=\"src/rounding.rs\"><lines>\n"
    );
    for i in 0..lines {
        xml.push_str(&format!("<line number=\"{}\" hits=\"{}\"/>\n", i + 1, u64::from(i < covered)));
    }
    xml.push_str("</lines></class></classes></package></packages></coverage>\n");
    xml.into_bytes()
}

/// A SARIF log of a tool with findings (rule, level, file, message).
pub(crate) fn sarif(tool: &str, version: &str, findings: &[(&str, &str, &str, &str)]) -> Vec<u8> {
    let results: Vec<_> = findings
        .iter()
        .map(|(rule, level, file, message)| json!({ "ruleId": rule, "level": level, "message": { "text": message }, "locations": [{ "physicalLocation": { "artifactLocation": { "uri": file } } }] }))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{ "tool": { "driver": { "name": tool, "semanticVersion": version, "rules": [{ "id": "baseline/always-on" }] } }, "invocations": [{ "executionSuccessful": true }], "results": results }],
    });
    serde_json::to_vec_pretty(&log).unwrap_or_default()
}

/// A CycloneDX file of an image.
pub(crate) fn cyclonedx(product: &str, version: &str, digest: &str) -> Vec<u8> {
    let components: Vec<_> = ["openssl", "serde", "tokio", "hyper", "rustls"]
        .iter()
        .map(|name| json!({ "type": "library", "name": name, "version": "1.0.0", "purl": format!("pkg:cargo/{name}@1.0.0") }))
        .collect();
    let bom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": { "component": { "type": "container", "name": product, "version": digest }, "tools": { "components": [{ "type": "application", "name": "syft", "version": "1.19.0" }] }, "properties": [{ "name": "release", "value": version }] },
        "components": components,
    });
    serde_json::to_vec_pretty(&bom).unwrap_or_default()
}

/// A known vulnerability of a package in an image.
pub(crate) struct Vulnerability {
    id: &'static str,
    package: &'static str,
    installed: &'static str,
    fixed: &'static str,
    severity: &'static str,
    title: &'static str,
    /// CVSS v3.1: vector and score.
    score: (&'static str, f64),
}

/// What the images of the company are affected by: some of it carried from version to version, some fixed, some new.
pub(crate) fn vulnerabilities(product: &str, version: &str) -> Vec<Vulnerability> {
    let all = [
        (
            "",
            "",
            "",
            Vulnerability {
                id: "CVE-2026-0042",
                package: "openssl",
                installed: "3.0.11",
                fixed: "3.0.12",
                severity: "LOW",
                title: "openssl: slow parsing of long object identifiers",
                score: ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:L", 3.7),
            },
        ),
        (
            "payments-api",
            "2.3.0",
            "9",
            Vulnerability {
                id: "CVE-2026-1101",
                package: "zlib1g",
                installed: "1.2.13",
                fixed: "1.3.1",
                severity: "HIGH",
                title: "zlib: out-of-bounds read in inflate of crafted streams",
                score: ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5),
            },
        ),
        (
            "payments-api",
            "2.3.0",
            "2.5.0",
            Vulnerability {
                id: "CVE-2026-2204",
                package: "libcurl4",
                installed: "8.5.0",
                fixed: "8.6.0",
                severity: "MEDIUM",
                title: "curl: cookie sent to the wrong host after a redirect",
                score: ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:N/A:N", 5.3),
            },
        ),
        (
            "payments-api",
            "2.5.0",
            "9",
            Vulnerability {
                id: "CVE-2026-3310",
                package: "libexpat1",
                installed: "2.5.0",
                fixed: "2.6.0",
                severity: "MEDIUM",
                title: "expat: unbounded memory for deeply nested entities",
                score: ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", 6.5),
            },
        ),
        (
            "ledger-core",
            "1.2.0",
            "9",
            Vulnerability {
                id: "CVE-2026-4410",
                package: "busybox",
                installed: "1.36.0",
                fixed: "",
                severity: "CRITICAL",
                title: "busybox: command injection in the DHCP client",
                score: ("CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 9.6),
            },
        ),
        (
            "web-checkout",
            "5.2.0",
            "9",
            Vulnerability {
                id: "CVE-2026-5177",
                package: "nginx",
                installed: "1.25.3",
                fixed: "1.25.5",
                severity: "HIGH",
                title: "nginx: request smuggling through chunked trailers",
                score: ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 7.5),
            },
        ),
    ];
    all.into_iter()
        .filter(|(of, from, until, _)| of.is_empty() || *of == product && version >= *from && version < *until)
        .map(|(.., vulnerability)| vulnerability)
        .collect()
}

/// A Trivy report of an image.
pub(crate) fn trivy(image: &str, found: &[Vulnerability]) -> Vec<u8> {
    let list: Vec<_> = found
        .iter()
        .map(|v| {
            json!({
                "VulnerabilityID": v.id, "PkgName": v.package, "InstalledVersion": v.installed, "FixedVersion": v.fixed,
                "PkgIdentifier": { "PURL": format!("pkg:deb/debian/{}@{}", v.package, v.installed) },
                "Severity": v.severity, "Title": v.title, "PrimaryURL": format!("https://avd.example/{}", v.id),
                "CVSS": { "nvd": { "V3Vector": v.score.0, "V3Score": v.score.1 } },
            })
        })
        .collect();
    let report = json!({
        "SchemaVersion": 2, "ArtifactName": image, "ArtifactType": "container_image",
        "Trivy": { "Version": "0.60.0" },
        "Results": [{ "Target": format!("{image} (debian 12.9)"), "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": list }],
    });
    serde_json::to_vec_pretty(&report).unwrap_or_default()
}

/// An OpenVEX document that says that busybox does no harm in ledger-core.
pub(crate) fn openvex(at: certrail_domain::Time) -> Vec<u8> {
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://northwind.example/vex/ledger-core-1", "author": "Northwind Product Security",
        "timestamp": at.to_string(), "version": 1,
        "statements": [{
            "vulnerability": { "name": "CVE-2026-4410" },
            "products": [{ "@id": "pkg:deb/debian/busybox@1.36.0" }],
            "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
            "impact_statement": "The image has a fixed address and never starts the DHCP client.",
        }],
    });
    serde_json::to_vec_pretty(&document).unwrap_or_default()
}
