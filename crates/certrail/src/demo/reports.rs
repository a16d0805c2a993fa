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
