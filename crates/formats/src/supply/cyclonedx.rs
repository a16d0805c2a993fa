//! CycloneDX JSON, 1.2 to 1.7 (ECMA-424): bills of materials, and VEX where it has vulnerabilities and no component.
//! Components are counted at every level. Checked are the version, the serial number, component types, hashes and
//! licence identifiers; the whole schema is not.

use std::borrow::Cow;

use certrail_domain::facts::VexStatus;
use serde::{Deserialize, de::MapAccess};

use super::{
    sbom::{Bill, digest_in, is_licence_id, is_urn_uuid, named, plausible_hash},
    vex::{Said, VexReport},
};
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
    name: "cyclonedx",
    title: "CycloneDX JSON",
    family: Family::Supply,
    standard: "CycloneDX 1.2 to 1.7 (ECMA-424), JSON",
    looks: &[Looks::Json(&["bomFormat=CycloneDX"])],
    blank: None,
    read,
};

pub(super) const KNOWN: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

/// Component types of 1.7; each version has them or fewer.
pub(super) const COMPONENT_TYPES: [&str; 13] = [
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
];

#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    component: Maybe<Described<'a>>,
    #[serde(borrow, default)]
    tools: Few<Tool<'a>>,
}

/// A tool, or from 1.5 on the object that holds them as components.
#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    components: Few<Named<'a>>,
    #[serde(borrow, default)]
    services: Few<Named<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

/// What the bill is about.
#[derive(Deserialize)]
struct Described<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    purl: Text<'a>,
    #[serde(borrow, default)]
    hashes: Few<HashEntry<'a>>,
}

#[derive(Deserialize)]
struct HashEntry<'a> {
    #[serde(borrow, default)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Cow<'a, str>,
}

#[derive(Deserialize)]
struct LicenceChoice<'a> {
    #[serde(borrow, default)]
    license: Maybe<Licence<'a>>,
}

#[derive(Deserialize)]
struct Licence<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    references: Few<Reference<'a>>,
    #[serde(borrow, default)]
    affects: Few<Affects<'a>>,
    #[serde(borrow, default)]
    analysis: Maybe<Analysis<'a>>,
    #[serde(borrow, default)]
    published: Text<'a>,
    #[serde(borrow, default)]
    updated: Text<'a>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
}

#[derive(Deserialize)]
struct Affects<'a> {
    #[serde(borrow, default, rename = "ref")]
    reference: Text<'a>,
}

#[derive(Deserialize)]
struct Analysis<'a> {
    #[serde(borrow, default)]
    state: Text<'a>,
    #[serde(borrow, default)]
    justification: Text<'a>,
    #[serde(borrow, default)]
    detail: Text<'a>,
    #[serde(borrow, default)]
    response: Few<Text<'a>>,
}

struct Top {
    bill: Bill,
    vex: VexReport,
    depth: u64,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut top = Top { bill: Bill::new(&context, "CycloneDX"), vex: VexReport::new(&context, "CycloneDX"), depth: 0 };
    json::read(input, &mut top)?;
    let Top { mut bill, vex, .. } = top;
    if !KNOWN.contains(&bill.sbom.spec_version.as_str()) {
        bill.faults.add(format!("Its specVersion `{}` is not known.", bill.sbom.spec_version));
    }
    for name in ["components", "vulnerabilities", "dependencies"] {
        bill.count(name, 0);
    }
    bill.counts.insert("components_with_nested", bill.sbom.components);
    Ok(bill.finish(Some(vex)))
}

impl<'de> Object<'de> for Top {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let bill = &mut self.bill;
        match key {
            "specVersion" => bill.sbom.spec_version = clip(&json::value::<Text<'de>, A>(value)?),
            "serialNumber" => {
                let serial: Text<'de> = json::value(value)?;
                if serial.some().is_some_and(|s| !is_urn_uuid(s)) {
                    bill.faults.add(format!("Its serialNumber `{}` is not urn:uuid: and a UUID.", clip(&serial)));
                }
            }
            "metadata" => {
                let metadata: Maybe<Metadata<'de>> = json::value(value)?;
                if let Some(metadata) = metadata.get() {
                    describe(bill, metadata);
                }
            }
            "components" => {
                json::objects(value, &mut Component { bill, depth: &mut self.depth, kind: None, named: false })?;
            }
            "dependencies" => {
                let n = json::count(value)?;
                bill.count("dependencies", n);
            }
            "services" => {
                let n = json::count(value)?;
                bill.count("services", n);
            }
            "vulnerabilities" => json::each(value, |v: Vulnerability<'de>| {
                bill.sbom.vulnerabilities += 1;
                bill.count("vulnerabilities", 1);
                say(&mut self.vex, &v);
            })?,
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

fn describe(bill: &mut Bill, metadata: &Metadata<'_>) {
    bill.sbom.created_at = metadata.timestamp.time();
    let tool = metadata.tools.first();
    let inner = tool.and_then(|t| t.components.first().or(t.services.first()));
    bill.sbom.generator = match (inner, tool) {
        (Some(inner), _) => Some(named(&inner.name, &inner.version)),
        (None, Some(tool)) => Some(named(&tool.name, &tool.version)),
        (None, None) => None,
    }
    .filter(|g| !g.is_empty());
    let Some(about) = metadata.component.get() else { return };
    bill.sbom.describes = Some(named(&about.name, &about.version)).filter(|n| !n.is_empty());
    bill.about.extend(about.purl.some().map(clip));
    let hashes = about.hashes.iter().filter(|h| h.alg == "SHA-256" && plausible_hash(&h.content));
    bill.sbom.subjects.extend(hashes.map(|h| format!("sha256:{}", h.content.to_ascii_lowercase())));
    bill.sbom.subjects.extend([&about.version, &about.purl, &about.name].into_iter().filter_map(|t| digest_in(t)));
}

/// A component, counted and checked as it is walked through; those inside it come the same way.
struct Component<'b> {
    bill: &'b mut Bill,
    depth: &'b mut u64,
    /// The type, told before the end or not at all.
    kind: Option<bool>,
    named: bool,
}

impl<'de> Object<'de> for Component<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let bill = &mut *self.bill;
        match key {
            "type" => {
                let kind: Cow<'de, str> = json::value::<Text<'de>, A>(value)?.0;
                self.kind = Some(COMPONENT_TYPES.contains(&&*kind));
                if self.kind == Some(false) {
                    bill.faults.add(format!("Component type `{}` is not one of the standard's.", clip(&kind)));
                }
            }
            "name" => self.named = json::value::<Text<'de>, A>(value)?.some().is_some(),
            "hashes" => {
                let hashes: Few<HashEntry<'de>> = json::value(value)?;
                for hash in hashes.iter().filter(|h| !plausible_hash(&h.content)) {
                    bill.faults.add(format!("A {} hash is `{}`, which is none.", clip(&hash.alg), clip(&hash.content)));
                }
            }
            "licenses" => {
                let licences: Few<LicenceChoice<'de>> = json::value(value)?;
                for id in licences.iter().filter_map(|l| l.license.get()?.id.some()).filter(|id| !is_licence_id(id)) {
                    bill.faults.add(format!("`{}` is not an SPDX licence identifier.", clip(id)));
                }
            }
            "components" => {
                *self.depth += 1;
                let mut inner = Component { bill, depth: &mut *self.depth, kind: None, named: false };
                json::objects(value, &mut inner)?;
                *self.depth -= 1;
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        self.bill.sbom.components += 1;
        if *self.depth == 0 {
            self.bill.count("components", 1);
        }
        if self.kind.take().is_none() {
            self.bill.faults.add("A component has no type.");
        }
        if !std::mem::take(&mut self.named) {
            self.bill.faults.add("A component has no name.");
        }
    }
}

/// The states of CycloneDX in the words of VEX (CycloneDX 1.6, vulnerability.analysis.state).
pub(super) fn status(state: &str) -> Option<VexStatus> {
    Some(match state {
        "not_affected" | "false_positive" => VexStatus::NotAffected,
        "exploitable" => VexStatus::Affected,
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "in_triage" => VexStatus::UnderInvestigation,
        _ => return None,
    })
}

fn say(vex: &mut VexReport, v: &Vulnerability<'_>) {
    let Some(analysis) = v.analysis.get() else { return };
    let response: Vec<&str> = analysis.response.iter().map(|r| &**r).collect();
    let detail = analysis.detail.some().map(clip).or_else(|| Some(response.join(", ")).filter(|r| !r.is_empty()));
    vex.say(
        status(&analysis.state),
        Said {
            vulnerability: clip(&v.id),
            aliases: v.references.iter().filter_map(|r| r.id.some()).map(clip).collect(),
            products: v.affects.iter().map(|a| clip(&a.reference)).collect(),
            subcomponents: Vec::new(),
            justification: analysis
                .justification
                .some()
                .map(clip)
                .or_else(|| (&*analysis.state == "false_positive").then(|| "false_positive".to_owned())),
            statement: detail,
            at: v.updated.time().or_else(|| v.published.time()),
        },
    );
}
