//! Clair in its four forms: clair-scanner, klar, the layer of the v1 API (Quay wraps it), and the v4 report.

use std::collections::{BTreeMap, HashSet};

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "clair",
    title: "Clair JSON",
    family: Family::Components,
    standard: "clair-scanner, klar, Clair API v1, Clair v4 vulnerability report",
    looks: &[
        Looks::Json(&["manifest_hash", "package_vulnerabilities"]),
        Looks::Json(&["image", "unapproved", "vulnerabilities"]),
        Looks::Json(&["LayerCount", "Vulnerabilities:{}"]),
        Looks::Json(&["Layer:{}"]),
        Looks::Json(&["manifest_hash", "packages:{}"]),
        Looks::Json(&["status", "data.Layer"]),
        Looks::Json(&["status=queued", "data"]),
    ],
    blank: None,
    read,
};

/// Packages and vulnerabilities of a v4 report that are held until their pairs are known.
const MAX_HELD: usize = 100_000;

#[derive(Deserialize)]
struct Scanned<'a> {
    #[serde(borrow, default)]
    featurename: Text<'a>,
    #[serde(borrow, default)]
    featureversion: Text<'a>,
    #[serde(borrow, default)]
    vulnerability: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    fixedby: Text<'a>,
}

/// A vulnerability of klar and of the v1 API.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Old<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    namespace_name: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    fixed_by: Text<'a>,
    #[serde(borrow, default)]
    feature_name: Text<'a>,
    #[serde(borrow, default)]
    feature_version: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Layer<'a> {
    #[serde(borrow, default)]
    features: Option<Few<Feature<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Feature<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    vulnerabilities: Few<Old<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default, rename = "Layer")]
    layer: Maybe<Layer<'a>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
struct Distribution<'a> {
    #[serde(borrow, default)]
    did: Text<'a>,
}

/// Either form's `vulnerabilities`: a list of clair-scanner's, or v4's by id.
#[derive(Deserialize)]
struct Either<'a> {
    // v4
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    normalized_severity: Text<'a>,
    #[serde(borrow, default)]
    fixed_in_version: Text<'a>,
}

#[derive(Default)]
struct Known {
    name: String,
    title: String,
    word: String,
    fixed: String,
}

struct Clair<'c> {
    report: ScanReport<'c>,
    packages: BTreeMap<String, (String, String)>,
    vulnerabilities: BTreeMap<String, Known>,
    pairs: Vec<(String, Vec<String>)>,
    distribution: String,
    unapproved: Option<HashSet<String>>,
    early: Vec<(String, Known, [String; 3])>,
    v4: bool,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut clair = Clair {
        report: ScanReport::new(context, ScanKind::Container, "Clair"),
        packages: BTreeMap::new(),
        vulnerabilities: BTreeMap::new(),
        pairs: Vec::new(),
        distribution: String::new(),
        unapproved: None,
        early: Vec::new(),
        v4: input.more().contains("\"manifest_hash\""),
    };
    json::read(input, &mut clair)?;
    Ok(clair.report.finish())
}

impl<'de> Object<'de> for Clair<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "image" => self.report.scan.target = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "unapproved" => {
                let mut ids = HashSet::new();
                json::records_in(value, |id: Text<'de>| {
                    if ids.len() < MAX_HELD {
                        ids.insert(clip(&id));
                    }
                })?;
                self.unapproved = Some(ids);
            }
            "vulnerabilities" if self.v4 => json::entries(value, |id, v: Either<'de>| {
                if self.vulnerabilities.len() < MAX_HELD || self.too_many() {
                    let known = Known {
                        name: clip(&v.name),
                        title: clip(&v.description),
                        word: clip(&v.normalized_severity),
                        fixed: clip(&v.fixed_in_version),
                    };
                    self.vulnerabilities.insert(clip(id), known);
                }
            })?,
            "vulnerabilities" => json::each(value, |v: Scanned<'de>| {
                let known = Known {
                    name: clip(&v.vulnerability),
                    title: clip(&v.description),
                    word: clip(&v.severity),
                    fixed: clip(&v.fixedby),
                };
                let part = [clip(&v.featurename), clip(&v.featureversion), clip(&v.namespace)];
                if self.early.len() < MAX_HELD || self.too_many() {
                    self.early.push((clip(&v.vulnerability), known, part));
                }
            })?,
            "LayerCount" => self.report.scan.looked_at = json::value::<Text<'de>, A>(value)?.number(),
            "Vulnerabilities" => json::entries(value, |_, list: Few<Old<'de>>| {
                for v in self.report.all(&list) {
                    old(&mut self.report, v, &v.feature_name, &v.feature_version);
                }
            })?,
            "Layer" => {
                let layer: Maybe<Layer<'de>> = json::value(value)?;
                self.layer(layer.get());
            }
            "data" => {
                let data: Maybe<Data<'de>> = json::value(value)?;
                self.layer(data.get().and_then(|d| d.layer.get()));
            }
            "status" => {
                let status: Text<'de> = json::value(value)?;
                self.report.scan.success = Some(&*status == "scanned");
            }
            "manifest_hash" => {
                let digest: Text<'de> = json::value(value)?;
                self.report.scan.digests.extend(digest.some().map(clip).filter(|d| d.starts_with("sha256:")));
            }
            "packages" => {
                json::entries(value, |id, p: Package<'de>| {
                    self.report.looked_at(1);
                    if self.packages.len() < MAX_HELD || self.too_many() {
                        self.packages.insert(clip(id), (clip(&p.name), clip(&p.version)));
                    }
                })?;
                self.report.looked_at(0);
            }
            "distributions" => json::entries(value, |_, d: Distribution<'de>| self.distribution = clip(&d.did))?,
            "package_vulnerabilities" => json::entries(value, |package, ids: Few<Text<'de>>| {
                if self.pairs.len() < MAX_HELD || self.too_many() {
                    let ids = self.report.all(&ids).map(|i| clip(i)).collect();
                    self.pairs.push((clip(package), ids));
                }
            })?,
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        for (id, known, [name, version, namespace]) in std::mem::take(&mut self.early) {
            // What is not in the list was approved, or only lies below the threshold of that run: nobody can tell which.
            if self.unapproved.as_ref().is_some_and(|u| !u.contains(&id)) {
                self.report.count("not_in_unapproved", 1);
            }
            tell(&mut self.report, &known, &name, &version, &namespace);
        }
        for (package, ids) in std::mem::take(&mut self.pairs) {
            let (name, version) = self.packages.get(&package).cloned().unwrap_or_default();
            for id in ids {
                match self.vulnerabilities.get(&id) {
                    Some(known) => tell(&mut self.report, known, &name, &version, &self.distribution),
                    None => {
                        self.report.faults.add("A package names a vulnerability that is not in it.");
                        self.report.partial("A package names a vulnerability that is not in it");
                    }
                }
            }
        }
    }
}

impl Clair<'_> {
    /// There is more than can be held: says so, and takes no more.
    fn too_many(&mut self) -> bool {
        self.report.partial(format!("It lists more than {MAX_HELD} packages or vulnerabilities"));
        false
    }

    fn layer(&mut self, layer: Option<&Layer<'_>>) {
        let Some(features) = layer.and_then(|l| l.features.as_ref()) else { return };
        self.report.looked_at(features.total);
        for feature in self.report.all(features) {
            for v in self.report.all(&feature.vulnerabilities) {
                old(&mut self.report, v, &feature.name, &feature.version);
            }
        }
    }
}

fn old(report: &mut ScanReport<'_>, v: &Old<'_>, name: &str, version: &str) {
    let known =
        Known { name: clip(&v.name), title: clip(&v.description), word: clip(&v.severity), fixed: clip(&v.fixed_by) };
    tell(report, &known, name, version, &v.namespace_name);
}

fn tell(report: &mut ScanReport<'_>, known: &Known, name: &str, version: &str, namespace: &str) {
    report.finding(Found {
        rule: &known.name,
        title: &known.title,
        word: &known.word,
        component: Some(Component {
            name: name.to_owned(),
            version: Some(version.to_owned()).filter(|v| !v.is_empty()),
            purl: purl::make(namespace, name, Some(version)),
            fixed_in: Some(known.fixed.clone()).filter(|f| !f.is_empty()),
        }),
        ..Found::default()
    });
}
