//! CycloneDX JSON, specification 1.2 to 1.7 (ECMA-424 from 1.6).

use std::{borrow::Cow, collections::BTreeMap};

use certrail_domain::{Facts, Time, facts::Sbom};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{Format, NotRead, Reading, clip};

const KNOWN: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];
const COMPONENT_TYPES: [&str; 14] = [
    "application",
    "framework",
    "library",
    "container",
    "platform",
    "operating-system",
    "device",
    "device-driver",
    "firmware",
    "file",
    "machine-learning-model",
    "data",
    "cryptographic-asset",
    "",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(borrow, default)]
    spec_version: Cow<'a, str>,
    #[serde(borrow, default)]
    serial_number: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    components: Option<Vec<Component<'a>>>,
    #[serde(default)]
    vulnerabilities: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    dependencies: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    component: Option<Component<'a>>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    purl: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    hashes: Option<Vec<HashEntry<'a>>>,
    #[serde(borrow, default)]
    components: Option<Vec<Component<'a>>>,
}

#[derive(Deserialize)]
struct HashEntry<'a> {
    #[serde(borrow, default)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Cow<'a, str>,
}

pub(crate) fn read(text: &str) -> Result<Reading, NotRead> {
    let bom: Bom<'_> = serde_json::from_str(text).map_err(|e| {
        NotRead::new(Some("cyclonedx"), format!("It is CycloneDX, and a member has the wrong type: {e}."))
    })?;
    let mut faults = Vec::new();
    if !KNOWN.contains(&bom.spec_version.as_ref()) {
        faults.push(format!("Its specVersion `{}` is not known.", clip(&bom.spec_version)));
    }
    if let Some(serial) = bom.serial_number.as_ref().filter(|s| !is_urn_uuid(s)) {
        faults.push(format!("Its serialNumber `{}` is not urn:uuid: and a UUID.", clip(serial)));
    }
    let mut components = 0;
    let top = bom.components.as_deref().unwrap_or(&[]);
    count(top, &mut components, &mut faults);
    let metadata = bom.metadata.as_ref();
    let described = metadata.and_then(|m| m.component.as_ref());
    let subjects = described.map(digests_of).unwrap_or_default();
    let mut shown = subjects.clone();
    shown.extend(described.and_then(|c| c.purl.as_ref()).map(|p| clip(p)));
    let sbom = Sbom {
        format: "CycloneDX".to_owned(),
        spec_version: clip(&bom.spec_version),
        components,
        vulnerabilities: bom.vulnerabilities.as_ref().map_or(0, Vec::len) as u64,
        describes: described.map(|c| match &c.version {
            Some(version) => clip(&format!("{} {version}", c.name)),
            None => clip(&c.name),
        }),
        subjects,
        generator: metadata.and_then(|m| m.tools).and_then(|t| generator(t.get())),
        created_at: metadata.and_then(|m| m.timestamp.as_ref()).and_then(|t| Time::parse(t).ok()),
    };
    let counts = BTreeMap::from([
        ("components", top.len() as u64),
        ("components_with_nested", components),
        ("vulnerabilities", sbom.vulnerabilities),
        ("dependencies", bom.dependencies.as_ref().map_or(0, Vec::len) as u64),
    ]);
    let valid = faults.is_empty();
    let mut warnings = faults;
    if components == 0 {
        warnings.push("It lists no component.".to_owned());
    }
    Ok(Reading { format: Format::CycloneDx, valid, facts: Facts::Sbom(sbom), counts, subjects: shown, warnings })
}

/// Counts components at every level; a few faults of each kind are enough to say so.
fn count(list: &[Component<'_>], total: &mut u64, faults: &mut Vec<String>) {
    for component in list {
        *total += 1;
        let mut fault = |text: String| {
            if faults.len() < 5 {
                faults.push(text);
            }
        };
        if component.name.is_empty() {
            fault("A component has no name.".to_owned());
        }
        if !COMPONENT_TYPES.contains(&component.kind.as_ref()) {
            fault(format!("Component type `{}` is not one of the standard's.", clip(&component.kind)));
        }
        for hash in component.hashes.iter().flatten().filter(|h| !plausible(h)) {
            fault(format!("A {} hash is `{}`, which is none.", clip(&hash.alg), clip(&hash.content)));
        }
        count(component.components.as_deref().unwrap_or(&[]), total, faults);
    }
}

/// A digest of one of the lengths the standard allows (MD5 to SHA-512).
fn plausible(hash: &HashEntry<'_>) -> bool {
    matches!(hash.content.len(), 32 | 40 | 64 | 96 | 128) && hash.content.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The SHA-256 digests that a described component goes by: its hash, or an image digest as version or in its purl.
fn digests_of(component: &Component<'_>) -> Vec<String> {
    let mut found: Vec<String> = component
        .hashes
        .iter()
        .flatten()
        .filter(|h| h.alg == "SHA-256" && plausible(h))
        .map(|h| format!("sha256:{}", h.content.to_ascii_lowercase()))
        .collect();
    let texts = [component.version.as_deref(), component.purl.as_deref()];
    found.extend(texts.into_iter().flatten().filter_map(digest_in));
    found.sort();
    found.dedup();
    found
}

/// `…sha256:<64 hex>…` or its percent-encoded form.
fn digest_in(text: &str) -> Option<String> {
    let plain = text.replace("%3A", ":").replace("%3a", ":");
    let (_, rest) = plain.split_once("sha256:")?;
    let hex: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (hex.len() == 64).then(|| format!("sha256:{}", hex.to_ascii_lowercase()))
}

fn is_urn_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// `metadata.tools` is a list of tools up to 1.4 and an object with components from 1.5.
fn generator(raw: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(raw).ok()?;
    let first = value.get(0).or_else(|| value.pointer("/components/0"))?;
    let part = |key: &str| first.get(key).and_then(|v| v.as_str());
    let name = part("name")?;
    Some(clip(&part("version").map_or_else(|| name.to_owned(), |v| format!("{name} {v}"))))
}
