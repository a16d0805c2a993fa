//! pip-audit JSON: the object of 2.4 and later, and the list before. Dependencies that it skipped were not looked at.
//! It rates nothing.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "pip-audit",
    title: "pip-audit JSON",
    family: Family::Components,
    standard: "Output of pip-audit 1 and 2",
    looks: &[
        Looks::Json(&["dependencies[].name", "dependencies[].vulns"]),
        Looks::Json(&["dependencies[].name", "dependencies[].skip_reason"]),
        Looks::Json(&["dependencies:[]", "fixes:[]"]),
        Looks::Json(&["[].name", "[].version", "[].vulns:[]"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Dependency<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    skip_reason: Text<'a>,
    #[serde(borrow, default)]
    vulns: Option<Few<Vulnerability<'a>>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    fix_versions: Few<Text<'a>>,
    #[serde(borrow, default)]
    aliases: Few<Text<'a>>,
    #[serde(borrow, default)]
    description: Text<'a>,
}

struct PipAudit<'c> {
    report: ScanReport<'c>,
    skipped: u64,
    first: String,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut audit =
        PipAudit { report: ScanReport::new(context, ScanKind::Sca, "pip-audit"), skipped: 0, first: String::new() };
    audit.report.scan.database = Database::Live;
    audit.report.looked_at(0);
    if input.head().trim_start().starts_with('{') {
        json::read(input, &mut audit)?;
    } else {
        json::records(input, |dependency: Dependency<'de>| audit.dependency(&dependency))?;
    }
    let PipAudit { mut report, skipped, first } = audit;
    report.count("skipped", skipped);
    if skipped > 0 {
        report.partial(format!("{skipped} dependencies were skipped; the first: {first}"));
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for PipAudit<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "dependencies" => json::each(value, |dependency: Dependency<'de>| self.dependency(&dependency)),
            _ => json::skip(value),
        }
    }
}

impl PipAudit<'_> {
    fn dependency(&mut self, dependency: &Dependency<'_>) {
        let Some(vulns) = &dependency.vulns else {
            self.skipped += 1;
            if self.first.is_empty() {
                self.first = clip(&dependency.skip_reason);
            }
            return;
        };
        self.report.looked_at(1);
        for v in vulns {
            let version = dependency.version.some();
            let title = v.description.split_once(". ").map_or(&*v.description, |(first, _)| first);
            self.report.finding(Found {
                rule: &v.id,
                title,
                aliases: v.aliases.iter().map(|a| clip(a)).collect(),
                component: Some(Component {
                    name: dependency.name.to_string(),
                    version: version.map(str::to_owned),
                    purl: purl::make("pypi", &dependency.name, version),
                    fixed_in: v.fix_versions.first().map(|f| clip(f)),
                }),
                ..Found::default()
            });
        }
    }
}
