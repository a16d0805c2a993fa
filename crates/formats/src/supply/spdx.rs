//! SPDX 2.2 and 2.3 JSON (ISO/IEC 5962:2021). Packages count as components. Checked are the members that clause 6
//! makes mandatory, and the version.

use std::collections::BTreeMap;

use serde::{Deserialize, de::MapAccess};

use super::sbom::{Bill, digest_in, named, plausible_hash};
use crate::{
    NotRead, Reading,
    base::{
        clip,
        input::Input,
        json::{self, Object},
        lenient::{Few, Maybe, Text},
    },
    definition::{Context, Definition, Family, Looks},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "spdx",
    title: "SPDX JSON",
    family: Family::Supply,
    standard: "SPDX 2.2 (ISO/IEC 5962:2021) and 2.3, JSON",
    looks: &[Looks::Json(&["spdxVersion"]), Looks::Json(&["SPDXID", "documentNamespace"])],
    blank: None,
    read,
};

/// Packages that are held until the document says which of them it describes.
const MAX_HELD: usize = 20_000;

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default, rename = "SPDXID")]
    id: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default, rename = "versionInfo")]
    version: Text<'a>,
    #[serde(borrow, default)]
    checksums: Few<Checksum<'a>>,
    #[serde(borrow, default, rename = "externalRefs")]
    references: Few<Reference<'a>>,
}

#[derive(Deserialize)]
struct Checksum<'a> {
    #[serde(borrow, default)]
    algorithm: Text<'a>,
    #[serde(borrow, default, rename = "checksumValue")]
    value: Text<'a>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, default, rename = "referenceType")]
    kind: Text<'a>,
    #[serde(borrow, default, rename = "referenceLocator")]
    locator: Text<'a>,
}

#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow, default, rename = "spdxElementId")]
    from: Text<'a>,
    #[serde(borrow, default, rename = "relationshipType")]
    kind: Text<'a>,
    #[serde(borrow, default, rename = "relatedSpdxElement")]
    to: Text<'a>,
}

#[derive(Deserialize)]
struct CreationInfo<'a> {
    #[serde(borrow, default)]
    created: Text<'a>,
    #[serde(borrow, default)]
    creators: Few<Text<'a>>,
}

/// What is held of a package.
pub(super) struct Held {
    pub(super) named: String,
    pub(super) digests: Vec<String>,
    pub(super) purl: Option<String>,
}

struct Document {
    bill: Bill,
    packages: BTreeMap<String, Held>,
    described: Vec<String>,
    seen: Vec<String>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut document = Document {
        bill: Bill::new(&context, "SPDX"),
        packages: BTreeMap::new(),
        described: Vec::new(),
        seen: Vec::new(),
    };
    json::read(input, &mut document)?;
    let Document { mut bill, packages, described, seen } = document;
    for member in ["spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"] {
        if !seen.iter().any(|s| s == member) {
            bill.faults.add(format!("It has no `{member}`, which clause 6 makes mandatory."));
        }
    }
    version(&mut bill);
    describe(&mut bill, &packages, &described);
    for name in ["packages", "files", "relationships"] {
        bill.count(name, 0);
    }
    Ok(bill.finish(None))
}

/// `SPDX-2.3` → 2.3, and a fault for any other.
pub(super) fn version(bill: &mut Bill) {
    let told = std::mem::take(&mut bill.sbom.spec_version);
    match told.strip_prefix("SPDX-") {
        Some(number @ ("2.0" | "2.1" | "2.2" | "2.3")) => number.clone_into(&mut bill.sbom.spec_version),
        _ => {
            bill.faults.add(format!("Its version `{told}` is not known."));
            bill.sbom.spec_version = told;
        }
    }
}

/// Takes over what the document says it describes.
pub(super) fn describe(bill: &mut Bill, packages: &BTreeMap<String, Held>, described: &[String]) {
    for held in described.iter().filter_map(|id| packages.get(id)) {
        bill.sbom.describes.get_or_insert_with(|| held.named.clone());
        bill.sbom.subjects.extend(held.digests.iter().cloned());
        bill.about.extend(held.purl.clone());
    }
}

impl<'de> Object<'de> for Document {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let bill = &mut self.bill;
        if matches!(key, "spdxVersion" | "dataLicense" | "SPDXID" | "name" | "documentNamespace" | "creationInfo") {
            self.seen.push(key.to_owned());
        }
        match key {
            "spdxVersion" => bill.sbom.spec_version = clip(&json::value::<Text<'de>, A>(value)?),
            "creationInfo" => {
                let info: Maybe<CreationInfo<'de>> = json::value(value)?;
                let Some(info) = info.get() else { return Ok(()) };
                bill.sbom.created_at = info.created.time();
                bill.sbom.generator = info.creators.iter().find_map(|c| c.strip_prefix("Tool: ")).map(clip);
                if info.creators.total == 0 || info.created.some().is_none() {
                    bill.faults.add("Its creationInfo lacks `creators` or `created` (clauses 6.8, 6.9).");
                }
            }
            "packages" => json::each(value, |p: Package<'de>| {
                bill.sbom.components += 1;
                bill.count("packages", 1);
                if p.name.some().is_none() {
                    bill.faults.add("A package has no name (clause 7.1).");
                }
                if self.packages.len() < MAX_HELD {
                    self.packages.insert(clip(&p.id), held(&p));
                }
            })?,
            "files" => {
                let n = json::count(value)?;
                bill.count("files", n);
            }
            "snippets" => {
                let n = json::count(value)?;
                bill.count("snippets", n);
            }
            "relationships" => json::each(value, |r: Relationship<'de>| {
                bill.count("relationships", 1);
                if &*r.kind == "DESCRIBES" && r.from.ends_with("SPDXRef-DOCUMENT") && self.described.len() < 100 {
                    self.described.push(clip(&r.to));
                }
            })?,
            "documentDescribes" => {
                let ids: Few<Text<'de>> = json::value(value)?;
                self.described.extend(ids.iter().take(100).map(|id| clip(id)));
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

fn held(p: &Package<'_>) -> Held {
    let sha256 = p.checksums.iter().filter(|c| &*c.algorithm == "SHA256" && plausible_hash(&c.value));
    let mut digests: Vec<String> = sha256.map(|c| format!("sha256:{}", c.value.to_ascii_lowercase())).collect();
    let purl = p.references.iter().find(|r| &*r.kind == "purl").map(|r| clip(&r.locator));
    digests.extend(purl.as_deref().and_then(digest_in));
    digests.extend(digest_in(&p.version));
    Held { named: named(&p.name, &p.version), digests, purl }
}
