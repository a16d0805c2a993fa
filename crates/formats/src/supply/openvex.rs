//! OpenVEX 0.0.x and 0.2.0. Checked are the members it makes mandatory, and that "not affected" gives a reason.

use certrail_domain::facts::VexStatus;
use serde::{Deserialize, de::MapAccess};

use super::vex::{Said, VexReport};
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
    name: "openvex",
    title: "OpenVEX",
    family: Family::Supply,
    standard: "OpenVEX 0.2.0",
    looks: &[Looks::Json(&["@context~openvex"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Statement<'a> {
    #[serde(borrow, default)]
    vulnerability: Few<Vulnerability<'a>>,
    #[serde(borrow, default)]
    products: Few<Product<'a>>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    justification: Text<'a>,
    #[serde(borrow, default)]
    impact_statement: Text<'a>,
    #[serde(borrow, default)]
    action_statement: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
}

/// An object since 0.2.0, a name before.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability<'a> {
    #[serde(borrow)]
    Object(VulnerabilityObject<'a>),
    Name(Text<'a>),
}

#[derive(Deserialize)]
struct VulnerabilityObject<'a> {
    #[serde(borrow, default, rename = "@id")]
    id: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    aliases: Few<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Product<'a> {
    #[serde(borrow)]
    Object(ProductObject<'a>),
    Id(Text<'a>),
}

#[derive(Deserialize)]
struct ProductObject<'a> {
    #[serde(borrow, rename = "@id", default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    subcomponents: Few<Sub<'a>>,
    #[serde(borrow, default)]
    hashes: Maybe<Hashes<'a>>,
}

#[derive(Deserialize)]
struct Hashes<'a> {
    #[serde(borrow, default, rename = "sha-256")]
    sha256: Text<'a>,
}

#[derive(Deserialize)]
struct Sub<'a> {
    #[serde(borrow, rename = "@id", default)]
    id: Text<'a>,
}

struct Document {
    report: VexReport,
    seen: Vec<&'static str>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut document = Document { report: VexReport::new(&context, "OpenVEX"), seen: Vec::new() };
    json::read(input, &mut document)?;
    let Document { mut report, seen } = document;
    for member in ["@id", "author", "timestamp", "version", "statements"] {
        if !seen.contains(&member) {
            report.faults.add(format!("It has no `{member}`."));
        }
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for Document {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let known = ["@id", "author", "timestamp", "version", "statements"];
        self.seen.extend(known.into_iter().find(|k| *k == key));
        let report = &mut self.report;
        match key {
            "@id" => report.vex.id = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "author" => report.vex.author = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "timestamp" => report.vex.issued_at = json::value::<Text<'de>, A>(value)?.time(),
            "statements" => json::each(value, |s: Statement<'de>| say(report, &s))?,
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

fn say(report: &mut VexReport, s: &Statement<'_>) {
    let status = match &*s.status {
        "not_affected" => Some(VexStatus::NotAffected),
        "affected" => Some(VexStatus::Affected),
        "fixed" => Some(VexStatus::Fixed),
        "under_investigation" => Some(VexStatus::UnderInvestigation),
        _ => None,
    };
    let (vulnerability, aliases) = match s.vulnerability.first() {
        Some(Vulnerability::Object(o)) => {
            let name = o.name.as_ref().and_then(|n| n.some()).or_else(|| o.id.some()).unwrap_or_default();
            (clip(name), o.aliases.iter().map(|a| clip(a)).collect::<Vec<_>>())
        }
        Some(Vulnerability::Name(name)) => (clip(name), Vec::new()),
        None => (String::new(), Vec::new()),
    };
    if status == Some(VexStatus::Affected) && s.action_statement.some().is_none() {
        report.faults.add(format!("{vulnerability} is affected, and no action is given."));
    }
    // Products that are spoken of as a whole; each with parts of its own is a statement of its own.
    let mut whole = Vec::new();
    let mut told = Vec::new();
    for product in &s.products {
        match product {
            Product::Object(o) => {
                let mut names: Vec<String> = o.id.some().map(clip).into_iter().collect();
                names.extend(o.hashes.get().and_then(|h| h.sha256.some()).map(|h| format!("sha256:{}", clip(h))));
                let parts: Vec<String> = o.subcomponents.iter().filter_map(|c| c.id.some()).map(clip).collect();
                if parts.is_empty() {
                    whole.extend(names);
                } else {
                    told.push((names, parts));
                }
            }
            Product::Id(id) => whole.push(clip(id)),
        }
    }
    if !whole.is_empty() || told.is_empty() {
        told.push((whole, Vec::new()));
    }
    for (products, subcomponents) in told {
        report.say(
            status,
            Said {
                vulnerability: vulnerability.clone(),
                aliases: aliases.clone(),
                products,
                subcomponents,
                justification: s.justification.some().map(clip),
                statement: s.impact_statement.some().or_else(|| s.action_statement.some()).map(clip),
                at: s.timestamp.time(),
            },
        );
    }
}
