//! CSAF 2.0 (OASIS, 18 November 2022) and 2.1: advisories and VEX. A statement is one vulnerability and one product
//! status (§3.2.3.9). Checked are the mandatory members of `document` and, for the VEX profile (§4.5), that "not
//! affected" gives a reason.

use std::collections::BTreeMap;

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
    name: "csaf",
    title: "CSAF",
    family: Family::Supply,
    standard: "OASIS CSAF 2.0 and 2.1, VEX profile §4.5",
    looks: &[Looks::Json(&["document.csaf_version"]), Looks::Json(&["document.category~csaf"])],
    blank: None,
    read,
};

/// Product names that are held.
const MAX_PRODUCTS: usize = 50_000;

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    category: Text<'a>,
    #[serde(borrow, default)]
    csaf_version: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    publisher: Maybe<Publisher<'a>>,
    #[serde(borrow, default)]
    tracking: Maybe<Tracking<'a>>,
}

#[derive(Deserialize)]
struct Publisher<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Tracking<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    current_release_date: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
}

#[derive(Deserialize)]
struct FullName<'a> {
    #[serde(borrow, default)]
    product_id: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    product_identification_helper: Maybe<Helper<'a>>,
}

#[derive(Deserialize)]
struct Helper<'a> {
    #[serde(borrow, default)]
    purl: Text<'a>,
}

#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow, default)]
    full_product_name: Maybe<FullName<'a>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    cve: Text<'a>,
    #[serde(borrow, default)]
    ids: Few<Id<'a>>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    product_status: Maybe<ProductStatus<'a>>,
    #[serde(borrow, default)]
    flags: Few<Flag<'a>>,
    #[serde(borrow, default)]
    threats: Few<Threat<'a>>,
    #[serde(borrow, default)]
    release_date: Text<'a>,
}

#[derive(Deserialize)]
struct Id<'a> {
    #[serde(borrow, default)]
    text: Text<'a>,
}

#[derive(Deserialize)]
struct ProductStatus<'a> {
    #[serde(borrow, default)]
    known_affected: Few<Text<'a>>,
    #[serde(borrow, default)]
    first_affected: Few<Text<'a>>,
    #[serde(borrow, default)]
    last_affected: Few<Text<'a>>,
    #[serde(borrow, default)]
    known_not_affected: Few<Text<'a>>,
    #[serde(borrow, default)]
    fixed: Few<Text<'a>>,
    #[serde(borrow, default)]
    first_fixed: Few<Text<'a>>,
    #[serde(borrow, default)]
    under_investigation: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Flag<'a> {
    #[serde(borrow, default)]
    label: Text<'a>,
    #[serde(borrow, default)]
    product_ids: Few<Text<'a>>,
    #[serde(borrow, default)]
    group_ids: Few<Text<'a>>,
}

impl Flag<'_> {
    /// A flag is about the products it names (§3.2.3.5). Groups are not resolved, so one of groups only says nothing.
    fn is_about(&self, product: &str) -> bool {
        self.product_ids.iter().any(|id| &**id == product) || self.product_ids.total == 0 && self.group_ids.total == 0
    }
}

#[derive(Deserialize)]
struct Threat<'a> {
    #[serde(borrow, default)]
    category: Text<'a>,
    #[serde(borrow, default)]
    details: Text<'a>,
}

struct Document {
    report: VexReport,
    products: BTreeMap<String, String>,
    version: Option<String>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = VexReport::new(&context, "CSAF");
    let mut document = Document { report, products: BTreeMap::new(), version: None };
    json::read(input, &mut document)?;
    match document.version.as_deref() {
        Some("2.0" | "2.1") => Ok(document.report.finish()),
        Some(other) => Err(NotRead::new(Some("csaf"), format!("It is CSAF {other}; 2.0 and 2.1 are read."))),
        None => Err(NotRead::new(Some("csaf"), "It is CSAF without a version.")),
    }
}

impl<'de> Object<'de> for Document {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.report;
        match key {
            "document" => {
                let head: Maybe<Head<'de>> = json::value(value)?;
                let Some(head) = head.get() else { return Ok(()) };
                self.version = head.csaf_version.some().map(clip);
                let tracking = head.tracking.get();
                report.vex.id = tracking.and_then(|t| t.id.some()).map(clip);
                report.vex.issued_at = tracking.and_then(|t| t.current_release_date.time());
                report.vex.author = head.publisher.get().and_then(|p| p.name.some()).map(clip);
                let missing = [
                    ("category", head.category.some().is_none()),
                    ("title", head.title.some().is_none()),
                    ("publisher", head.publisher.get().is_none()),
                    ("tracking.id", report.vex.id.is_none()),
                ];
                for (member, _) in missing.into_iter().filter(|(_, missing)| *missing) {
                    report.faults.add(format!("Its document has no `{member}` (§3.2.1)."));
                }
                if tracking.is_some_and(|t| &*t.status == "draft") {
                    report.warnings.add("It is a draft.");
                }
            }
            "product_tree" => json::objects(value, &mut Tree(&mut self.products))?,
            "vulnerabilities" => json::each(value, |v: Vulnerability<'de>| {
                *report.counts.entry("vulnerabilities").or_default() += 1;
                say(report, &self.products, &v);
            })?,
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

/// Branches, full names and relationships: what a product id stands for.
struct Tree<'p>(&'p mut BTreeMap<String, String>);

impl Tree<'_> {
    fn name(&mut self, product: &FullName<'_>) {
        if self.0.len() < MAX_PRODUCTS {
            let purl = product.product_identification_helper.get().and_then(|h| h.purl.some());
            self.0.insert(clip(&product.product_id), clip(purl.unwrap_or(&product.name)));
        }
    }
}

impl<'de> Object<'de> for Tree<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "branches" => json::objects(value, self),
            "product" => {
                let product: Maybe<FullName<'de>> = json::value(value)?;
                product.get().into_iter().for_each(|p| self.name(p));
                Ok(())
            }
            "full_product_names" => json::each(value, |p: FullName<'de>| self.name(&p)),
            "relationships" => json::each(value, |r: Relationship<'de>| {
                r.full_product_name.get().into_iter().for_each(|p| self.name(p));
            }),
            _ => json::skip(value),
        }
    }
}

fn say(report: &mut VexReport, names: &BTreeMap<String, String>, v: &Vulnerability<'_>) {
    let Some(status) = v.product_status.get() else { return };
    let id = v.cve.some().or_else(|| v.ids.first().and_then(|i| i.text.some())).or_else(|| v.title.some());
    let impact = v.threats.iter().find(|t| &*t.category == "impact").and_then(|t| t.details.some()).map(clip);
    let lists = [
        (VexStatus::Affected, vec![&status.known_affected, &status.first_affected, &status.last_affected]),
        (VexStatus::NotAffected, vec![&status.known_not_affected]),
        (VexStatus::Fixed, vec![&status.fixed, &status.first_fixed]),
        (VexStatus::UnderInvestigation, vec![&status.under_investigation]),
    ];
    for (status, lists) in lists {
        let not_affected = status == VexStatus::NotAffected;
        let mut by_flag: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
        for product in lists.iter().flat_map(|l| l.iter()) {
            let flag = v.flags.iter().find(|f| not_affected && f.is_about(product)).and_then(|f| f.label.some());
            let name = names.get(&clip(product)).cloned().unwrap_or_else(|| clip(product));
            by_flag.entry(flag.map(clip)).or_default().push(name);
        }
        for (justification, products) in by_flag {
            report.say(
                Some(status),
                Said {
                    vulnerability: id.map(clip).unwrap_or_default(),
                    aliases: v.ids.iter().filter_map(|i| i.text.some()).map(clip).collect(),
                    products,
                    subcomponents: Vec::new(),
                    justification,
                    statement: impact.clone().filter(|_| not_affected),
                    at: v.release_date.time(),
                },
            );
        }
    }
}
