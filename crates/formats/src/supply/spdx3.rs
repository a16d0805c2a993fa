//! SPDX 3.0 JSON-LD: elements of `@graph` one by one. Software packages and files count as components.
//! Checked are the context, and that there is a creation information and a document.

use std::collections::BTreeMap;

use serde::{Deserialize, de::MapAccess};

use super::{
    sbom::{Bill, digest_in, named, plausible_hash},
    spdx::{Held, describe},
};
use crate::{
    NotRead, Reading,
    base::{
        clip,
        input::Input,
        json::{self, Object},
        lenient::{Few, Text},
    },
    definition::{Context, Definition, Family, Looks},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "spdx3",
    title: "SPDX 3.0 JSON-LD",
    family: Family::Supply,
    standard: "SPDX 3.0, JSON-LD",
    looks: &[Looks::Json(&["@context~spdx.org/rdf", "@graph"]), Looks::Json(&["@context~spdx.org/rdf", "type"])],
    blank: None,
    read,
};

const MAX_HELD: usize = 20_000;

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(borrow, default, rename = "type", alias = "@type")]
    kind: Text<'a>,
    #[serde(borrow, default, rename = "spdxId", alias = "@id")]
    id: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default, rename = "software_packageVersion")]
    version: Text<'a>,
    #[serde(borrow, default, rename = "software_packageUrl")]
    purl: Text<'a>,
    #[serde(borrow, default, rename = "verifiedUsing")]
    verified: Few<Integrity<'a>>,
    #[serde(borrow, default, rename = "rootElement")]
    roots: Few<Text<'a>>,
    #[serde(borrow, default)]
    created: Text<'a>,
    #[serde(borrow, default, rename = "specVersion")]
    spec_version: Text<'a>,
}

#[derive(Deserialize)]
struct Integrity<'a> {
    #[serde(borrow, default)]
    algorithm: Text<'a>,
    #[serde(borrow, default, rename = "hashValue")]
    value: Text<'a>,
}

struct Graph {
    bill: Bill,
    packages: BTreeMap<String, Held>,
    /// Roots of the document, and of the bills that it points at.
    roots: BTreeMap<String, Vec<String>>,
    document: Vec<String>,
    creation: bool,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut graph = Graph {
        bill: Bill::new(&context, "SPDX"),
        packages: BTreeMap::new(),
        roots: BTreeMap::new(),
        document: Vec::new(),
        creation: false,
    };
    json::read(input, &mut graph)?;
    let Graph { mut bill, packages, roots, document, creation } = graph;
    if !creation {
        bill.faults.add("It has no CreationInfo.");
    }
    if document.is_empty() {
        bill.faults.add("It has no SpdxDocument with a root element.");
    }
    if !bill.sbom.spec_version.starts_with("3.") {
        let told = bill.sbom.spec_version.clone();
        bill.faults.add(format!("Its version `{told}` is not known."));
    }
    // The document's roots are often bills, whose roots are what they describe.
    let inner = document.iter().filter_map(|id| roots.get(id)).flatten();
    let described: Vec<String> = document.iter().chain(inner).cloned().collect();
    describe(&mut bill, &packages, &described);
    Ok(bill.finish(None))
}

impl<'de> Object<'de> for Graph {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "@graph" => json::each(value, |node: Node<'de>| self.node(&node)),
            _ => json::skip(value),
        }
    }
}

impl Graph {
    fn node(&mut self, node: &Node<'_>) {
        let bill = &mut self.bill;
        bill.count("elements", 1);
        let roots = || node.roots.iter().take(100).map(|r| clip(r)).collect::<Vec<_>>();
        match &*node.kind {
            "CreationInfo" => {
                self.creation = true;
                bill.sbom.created_at = bill.sbom.created_at.or_else(|| node.created.time());
                if bill.sbom.spec_version.is_empty() {
                    bill.sbom.spec_version = clip(&node.spec_version);
                }
            }
            "SpdxDocument" => self.document.extend(roots()),
            "software_Sbom" if self.roots.len() < 1_000 => {
                self.roots.insert(clip(&node.id), roots());
            }
            "Tool" => bill.sbom.generator = node.name.some().map(clip),
            "Relationship" | "LifecycleScopedRelationship" => bill.count("relationships", 1),
            kind @ ("software_Package" | "software_File" | "ai_AIPackage" | "dataset_DatasetPackage") => {
                bill.sbom.components += 1;
                bill.count(if kind == "software_File" { "files" } else { "packages" }, 1);
                if self.packages.len() < MAX_HELD {
                    let sha256 = node.verified.iter().filter(|i| &*i.algorithm == "sha256" && plausible_hash(&i.value));
                    let mut digests: Vec<String> =
                        sha256.map(|i| format!("sha256:{}", i.value.to_ascii_lowercase())).collect();
                    digests.extend(digest_in(&node.purl));
                    let held =
                        Held { named: named(&node.name, &node.version), digests, purl: node.purl.some().map(clip) };
                    self.packages.insert(clip(&node.id), held);
                }
            }
            _ => {}
        }
    }
}
