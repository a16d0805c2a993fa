//! CycloneDX XML, 1.2 to 1.7: the same checks as of the JSON form.

use super::{
    cyclonedx::{COMPONENT_TYPES, KNOWN, status},
    sbom::{Bill, digest_in, is_licence_id, is_urn_uuid, plausible_hash},
    vex::{Said, VexReport},
};
use crate::{
    NotRead, Reading,
    base::{
        clip,
        input::Input,
        xml::{self, Element, Elements, Path},
    },
    definition::{Context, Definition, Family, Looks},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "cyclonedx-xml",
    title: "CycloneDX XML",
    family: Family::Supply,
    standard: "CycloneDX 1.2 to 1.7 (ECMA-424), XML",
    looks: &[Looks::Xml("bom", &["@xmlns~cyclonedx.org/schema/bom"])],
    blank: None,
    read,
};

struct Bom {
    bill: Bill,
    vex: VexReport,
    said: Option<(String, Said)>,
    algorithm: String,
    tool: (String, String),
    described: (String, String),
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut bom = Bom {
        bill: Bill::new(&context, "CycloneDX"),
        vex: VexReport::new(&context, "CycloneDX"),
        said: None,
        algorithm: String::new(),
        tool: Default::default(),
        described: Default::default(),
    };
    let cut = xml::walk(input, &mut bom)?;
    let Bom { mut bill, vex, tool, described, .. } = bom;
    bill.faults.add_some(cut);
    let joined = |(name, version): (String, String)| Some(format!("{name} {version}").trim().to_owned());
    bill.sbom.generator = joined(tool).filter(|t| !t.is_empty());
    bill.sbom.describes = joined(described).filter(|d| !d.is_empty());
    if !KNOWN.contains(&bill.sbom.spec_version.as_str()) {
        bill.faults.add(format!("Its version `{}` is not known.", bill.sbom.spec_version));
    }
    for name in ["components", "vulnerabilities", "dependencies"] {
        bill.count(name, 0);
    }
    bill.counts.insert("components_with_nested", bill.sbom.components);
    Ok(bill.finish(Some(vex)))
}

/// Whether an element of this path is a component of the bill, or of a component of it, and not of a pedigree.
fn listed(path: &Path) -> bool {
    path.up(1) == "components" && !path.within("pedigree") && !path.within("tools") && !path.within("metadata")
}

impl Elements for Bom {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        let bill = &mut self.bill;
        match e.name() {
            "bom" if path.depth() == 0 => {
                let namespace = e.namespace();
                bill.sbom.spec_version = clip(namespace.rsplit('/').next().unwrap_or_default());
                if let Some(serial) = e.attribute("serialNumber").filter(|s| !is_urn_uuid(s)) {
                    bill.faults.add(format!("Its serialNumber `{}` is not urn:uuid: and a UUID.", clip(&serial)));
                }
            }
            "component" => {
                let kind = e.text("type");
                if !COMPONENT_TYPES.contains(&kind.as_str()) && !path.within("tools") {
                    bill.faults.add(format!("Component type `{}` is not one of the standard's.", clip(&kind)));
                }
                if listed(path) {
                    bill.sbom.components += 1;
                    bill.count("components", u64::from(path.up(2) == "bom"));
                }
            }
            "hash" => self.algorithm = e.text("alg"),
            "dependency" if path.up(1) == "dependencies" && path.up(2) == "bom" => bill.count("dependencies", 1),
            "vulnerability" if path.up(1) == "vulnerabilities" => {
                bill.sbom.vulnerabilities += 1;
                bill.count("vulnerabilities", 1);
                self.said = Some((String::new(), Said::default()));
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, text: &str, path: &Path) {
        let bill = &mut self.bill;
        let about = path.up(1) == "component" && path.up(2) == "metadata";
        match (name, path.up(1)) {
            ("timestamp", "metadata") => bill.sbom.created_at = crate::base::time::parse(text),
            ("name", _) if about => self.described.0 = clip(text),
            ("version", _) if about => {
                self.described.1 = clip(text);
                bill.sbom.subjects.extend(digest_in(text));
            }
            ("purl", _) if about => {
                bill.about.push(clip(text));
                bill.sbom.subjects.extend(digest_in(text));
            }
            ("name", "tool") | ("name", "component") if path.within("tools") && self.tool.0.is_empty() => {
                self.tool.0 = clip(text);
            }
            ("version", "tool") | ("version", "component") if path.within("tools") && self.tool.1.is_empty() => {
                self.tool.1 = clip(text);
            }
            ("name", "component") if text.is_empty() => bill.faults.add("A component has no name."),
            ("hash", _) if !plausible_hash(text) => {
                bill.faults.add(format!("A {} hash is `{}`, which is none.", clip(&self.algorithm), clip(text)));
            }
            ("hash", _) if path.up(2) == "component" && path.up(3) == "metadata" && self.algorithm == "SHA-256" => {
                bill.sbom.subjects.push(format!("sha256:{}", text.to_ascii_lowercase()));
            }
            ("id", "license") if !is_licence_id(text) => {
                bill.faults.add(format!("`{}` is not an SPDX licence identifier.", clip(text)));
            }
            _ => {}
        }
        let Some((state, said)) = &mut self.said else { return };
        match (name, path.up(1)) {
            ("id", "vulnerability") => said.vulnerability = clip(text),
            ("id", "reference") => said.aliases.push(clip(text)),
            ("state", "analysis") => *state = clip(text),
            ("justification", "analysis") => said.justification = Some(clip(text)),
            ("detail", "analysis") => said.statement = Some(clip(text)),
            ("ref", "target") => said.products.push(clip(text)),
            ("updated", "vulnerability") => said.at = crate::base::time::parse(text),
            ("vulnerability", "vulnerabilities") => {
                let Some((state, said)) = self.said.take() else { return };
                if !state.is_empty() {
                    self.vex.say(status(&state), said);
                }
            }
            _ => {}
        }
    }
}
