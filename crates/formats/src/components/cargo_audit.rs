//! cargo-audit JSON (rustsec's report). The date of its database and the number of dependencies are told.
//! Warnings are findings too: unsound by its score, unmaintained, yanked and notices as information.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "cargo-audit",
    title: "cargo-audit JSON",
    family: Family::Components,
    standard: "Output of cargo-audit 0.12 and later",
    looks: &[Looks::Json(&["database.advisory-count", "vulnerabilities.list:[]"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    advisory: Maybe<Advisory<'a>>,
    #[serde(borrow, default)]
    versions: Maybe<Versions<'a>>,
    #[serde(borrow, default)]
    package: Maybe<Package<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Advisory<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) package: Text<'a>,
    #[serde(borrow, default)]
    pub(super) title: Text<'a>,
    #[serde(borrow, default)]
    pub(super) aliases: Few<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) cvss: Text<'a>,
}

#[derive(Deserialize)]
struct Versions<'a> {
    #[serde(borrow, default)]
    patched: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Db<'a> {
    #[serde(borrow, default)]
    advisory_count: Text<'a>,
    #[serde(borrow, default)]
    last_updated: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lockfile<'a> {
    #[serde(borrow, default)]
    dependency_count: Text<'a>,
}

#[derive(Deserialize)]
struct Settings<'a> {
    #[serde(borrow, default)]
    ignore: Few<Text<'a>>,
    #[serde(borrow, default)]
    severity: Text<'a>,
}

struct CargoAudit<'c>(ScanReport<'c>);
struct Vulnerabilities<'r, 'c>(&'r mut ScanReport<'c>, Option<u64>, u64);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut audit = CargoAudit(ScanReport::new(context, ScanKind::Sca, "cargo-audit"));
    // `cargo audit bin` writes one report per binary, one after the other.
    json::read_stream(input, &mut audit)?;
    Ok(audit.0.finish())
}

impl<'de> Object<'de> for CargoAudit<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "database" => {
                let db: Maybe<Db<'de>> = json::value(value)?;
                let Some(db) = db.get() else { return Ok(()) };
                report.scan.rules = db.advisory_count.number().unwrap_or(0);
                report.scan.database = db.last_updated.time().map_or(Database::Undated, Database::Dated);
                if report.scan.rules == 0 {
                    report.partial("Its database holds no advisory");
                }
            }
            "lockfile" => {
                let lockfile: Maybe<Lockfile<'de>> = json::value(value)?;
                report.looked_at(lockfile.get().and_then(|l| l.dependency_count.number()).unwrap_or(0));
            }
            "settings" => {
                let settings: Maybe<Settings<'de>> = json::value(value)?;
                let Some(settings) = settings.get() else { return Ok(()) };
                if settings.ignore.total > 0 {
                    let ids: Vec<&str> = settings.ignore.iter().map(|i| &**i).take(10).collect();
                    report.count("ignored_advisories", settings.ignore.total);
                    report.warnings.add(format!("It was told to leave out {}.", ids.join(", ")));
                }
                if let Some(least) = settings.severity.some() {
                    report.partial(format!("It was told to leave out what is below {least}"));
                }
            }
            "vulnerabilities" => {
                let mut list = Vulnerabilities(report, None, 0);
                json::objects(value, &mut list)?;
                let (claimed, listed) = (list.1, list.2);
                if let Some(claimed) = claimed.filter(|claimed| *claimed != listed) {
                    report.faults.add(format!("It claims {claimed} vulnerabilities; {listed} are listed."));
                    if claimed > listed {
                        report.partial(format!("It claims {claimed} vulnerabilities; {listed} are listed"));
                    }
                }
            }
            "warnings" => {
                // By kind; older ones are a list of items, each with its kind.
                json::objects(
                    value,
                    &mut Warnings { report, kind: String::new(), advisory: Maybe(None), package: Maybe(None) },
                )?;
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Vulnerabilities<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "list" => json::each(value, |item: Item<'de>| {
                self.2 += 1;
                self.0.count("vulnerabilities", 1);
                finding(self.0, &item, "vulnerability");
            }),
            "count" => {
                self.1 = json::value::<Text<'de>, A>(value)?.number();
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

/// `"unsound"`, or `{"unmaintained": {"advisory": …}}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kind<'a> {
    #[serde(borrow)]
    With(std::collections::BTreeMap<String, Item<'a>>),
    Word(Text<'a>),
}

/// `{"unmaintained": [{…}]}`; of older versions a list of items, whose members come one by one.
struct Warnings<'r, 'c, 'a> {
    report: &'r mut ScanReport<'c>,
    kind: String,
    advisory: Maybe<Advisory<'a>>,
    package: Maybe<Package<'a>>,
}

impl<'de> Object<'de> for Warnings<'_, '_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "kind" => match json::value::<Kind<'de>, A>(value)? {
                Kind::With(of) => {
                    if let Some((kind, item)) = of.into_iter().next() {
                        self.kind = clip(&kind);
                        self.advisory = item.advisory;
                    }
                }
                Kind::Word(word) => self.kind = clip(&word),
            },
            "advisory" => self.advisory = json::value(value)?,
            "package" => self.package = json::value(value)?,
            "versions" => json::skip(value)?,
            kind => {
                let kind = clip(kind);
                json::each(value, |item: Item<'de>| {
                    self.report.count("warnings", 1);
                    finding(self.report, &item, &kind);
                })?;
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        let kind = std::mem::take(&mut self.kind);
        let (advisory, package) = (std::mem::take(&mut self.advisory), std::mem::take(&mut self.package));
        if !kind.is_empty() {
            self.report.count("warnings", 1);
            finding(self.report, &Item { advisory, versions: Maybe(None), package }, &kind);
        }
    }
}

fn finding(report: &mut ScanReport<'_>, item: &Item<'_>, kind: &str) {
    let advisory = item.advisory.get();
    let package = item.package.get();
    let name =
        package.and_then(|p| p.name.some()).or_else(|| advisory.and_then(|a| a.package.some())).unwrap_or_default();
    let version = package.and_then(|p| p.version.some());
    let yanked = format!("{name} {} was yanked", version.unwrap_or_default());
    report.finding(Found {
        rule: advisory.and_then(|a| a.id.some()).unwrap_or("yanked"),
        title: advisory.map_or(yanked.as_str(), |a| &a.title),
        place: "Cargo.lock",
        word: kind,
        level: match kind {
            "unmaintained" | "notice" | "yanked" => Some(Level::Info),
            "unsound" if advisory.is_none_or(|a| a.cvss.some().is_none()) => Some(Level::Low),
            _ => None,
        },
        scores: advisory.and_then(|a| severity::score(&a.cvss, None, "rustsec")).into_iter().collect(),
        aliases: advisory.into_iter().flat_map(|a| &a.aliases).map(|a| clip(a)).collect(),
        component: Some(Component {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            purl: purl::make("cargo", name, version),
            fixed_in: item.versions.get().and_then(|v| v.patched.first()).map(|v| clip(v)),
        }),
        ..Found::default()
    });
}
