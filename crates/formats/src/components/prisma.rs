//! Prisma Cloud and Twistlock `twistcli` JSON. Vulnerabilities and compliance checks of images and hosts.
//! A list shorter than its own total was filtered or cut.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "prisma",
    title: "Prisma Cloud (twistcli) JSON",
    family: Family::Components,
    standard: "twistcli scan output",
    looks: &[
        Looks::Json(&["results[].vulnerabilityDistribution"]),
        Looks::Json(&["results[].complianceDistribution"]),
        Looks::Json(&["results", "consoleURL"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    cvss: Text<'a>,
    #[serde(borrow, default)]
    vector: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    package_name: Text<'a>,
    #[serde(borrow, default)]
    package_version: Text<'a>,
    #[serde(borrow, default)]
    package_type: Text<'a>,
    #[serde(borrow, default)]
    package_path: Text<'a>,
    #[serde(borrow, default)]
    discovered_date: Text<'a>,
    #[serde(default)]
    risk_factors: Risks,
}

/// A list of words, or an object with the words as keys: only one of them matters.
#[derive(Default)]
struct Risks {
    exploited: bool,
}

impl<'de> Deserialize<'de> for Risks {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self { exploited: raw.get().contains("in the wild") })
    }
}

#[derive(Deserialize)]
struct Compliance<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cause: Text<'a>,
}

#[derive(Deserialize)]
struct Distribution<'a> {
    #[serde(borrow, default)]
    total: Text<'a>,
}

struct Prisma<'c>(ScanReport<'c>, u64);
struct Results<'r, 'c> {
    report: &'r mut ScanReport<'c>,
    listed: u64,
    total: Option<u64>,
    images: &'r mut u64,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut prisma = Prisma(ScanReport::new(context, ScanKind::Container, "Prisma Cloud"), 0);
    json::read(input, &mut prisma)?;
    let Prisma(mut report, images) = prisma;
    report.count("images", images);
    if images == 0 {
        report.scan.looked_at = Some(0);
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for Prisma<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "results" => {
                json::objects(value, &mut Results { report: &mut self.0, listed: 0, total: None, images: &mut self.1 })
            }
            _ => json::skip(value),
        }
    }
}

impl<'de> Object<'de> for Results<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut *self.report;
        match key {
            "vulnerabilities" => json::each(value, |v: Vulnerability<'de>| {
                self.listed += 1;
                vulnerability(report, &v);
            })?,
            "compliances" | "complianceIssues" => json::each(value, |c: Compliance<'de>| {
                report.count("compliance_issues", 1);
                report.finding_of(
                    ScanKind::Host,
                    Found {
                        rule: &c.id,
                        title: &c.title,
                        context: &format!("{} {}", &*c.id, &*c.cause),
                        word: &c.severity,
                        ..Found::default()
                    },
                );
            })?,
            "packages" | "applications" => {
                let n = json::count(value)?;
                report.looked_at(n);
            }
            "vulnerabilityDistribution" => {
                let distribution: Maybe<Distribution<'de>> = json::value(value)?;
                self.total = distribution.get().and_then(|d| d.total.number());
            }
            "name" => report.scan.target = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "digest" => {
                let digest: Text<'de> = json::value(value)?;
                report.scan.digests.extend(digest.some().map(clip).filter(|d| d.starts_with("sha256:")));
            }
            "scanTime" => report.scan.finished_at = json::value::<Text<'de>, A>(value)?.time(),
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        *self.images += 1;
        if let Some(total) = self.total.take().filter(|total| *total != self.listed) {
            self.report.faults.add(format!("It claims {total} vulnerabilities; {} are listed.", self.listed));
            self.report.partial(format!("It claims {total} vulnerabilities; {} are listed", self.listed));
        }
        self.listed = 0;
    }
}

fn vulnerability(report: &mut ScanReport<'_>, v: &Vulnerability<'_>) {
    // `glibc (used in libc6, libc-bin)`
    let name = v.package_name.split(" (").next().unwrap_or_default();
    let version = v.package_version.some();
    report.finding(Found {
        rule: &v.id,
        title: &v.description,
        place: &v.package_path,
        word: &v.severity,
        level: v.severity.eq_ignore_ascii_case("unimportant").then_some(Level::Info),
        scores: severity::score(&v.vector, v.cvss.float(), "prisma").into_iter().collect(),
        known_exploited: v.risk_factors.exploited.then_some(true),
        component: Some(Component {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            purl: purl::make(&v.package_type, name, version),
            fixed_in: v.status.strip_prefix("fixed in ").map(clip),
        }),
        first_seen: v.discovered_date.time(),
        ..Found::default()
    });
}
