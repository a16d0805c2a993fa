//! govulncheck JSON (protocol 1.0): objects one after the other, or in a list. Several findings of one vulnerability and
//! module are one, reachable when any of them shows a call. An `osv` entry without a finding is none.

use std::collections::BTreeMap;

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "govulncheck",
    title: "govulncheck JSON",
    family: Family::Components,
    standard: "govulncheck protocol 1.0",
    looks: &[Looks::Json(&["config.protocol_version"]), Looks::Json(&["[].config.protocol_version"])],
    blank: None,
    read,
};

/// Entries and findings that are held until the stream ends: enough for every module there is.
const MAX: usize = 50_000;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    config: Option<Config<'a>>,
    #[serde(borrow, default)]
    osv: Option<Osv<'a>>,
    #[serde(borrow, default)]
    finding: Option<Finding<'a>>,
    #[serde(borrow, default)]
    progress: Maybe<Progress<'a>>,
    #[serde(default, rename = "SBOM")]
    sbom: Maybe<Sbom>,
}

#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow, default)]
    scanner_version: Text<'a>,
    #[serde(borrow, default)]
    db_last_modified: Text<'a>,
    #[serde(borrow, default)]
    scan_level: Text<'a>,
    #[serde(borrow, default)]
    scan_mode: Text<'a>,
}

#[derive(Deserialize)]
struct Osv<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    aliases: Few<Text<'a>>,
    #[serde(borrow, default)]
    summary: Text<'a>,
    #[serde(borrow, default)]
    details: Text<'a>,
}

#[derive(Deserialize)]
struct Finding<'a> {
    #[serde(borrow, default)]
    osv: Text<'a>,
    #[serde(borrow, default)]
    fixed_version: Text<'a>,
    #[serde(borrow, default)]
    trace: Few<Frame<'a>>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    module: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    function: Text<'a>,
    #[serde(borrow, default)]
    position: Maybe<Position<'a>>,
}

#[derive(Deserialize)]
struct Position<'a> {
    #[serde(borrow, default)]
    filename: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
}

#[derive(Deserialize)]
struct Progress<'a> {
    #[serde(borrow, default)]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct Sbom {
    #[serde(default)]
    modules: Counted,
}

#[derive(Default)]
struct Group {
    version: String,
    fixed: String,
    called: bool,
    place: String,
    line: Option<u64>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "govulncheck");
    let mut known: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    let mut symbols = false;
    json::records(input, |message: Message<'de>| {
        report.count("messages", 1);
        if let Some(config) = &message.config {
            report.scan.tool_version = config.scanner_version.some().map(clip);
            report.scan.database = config.db_last_modified.time().map_or(Database::Undated, Database::Dated);
            // Only source mode at symbol level follows calls.
            symbols = &*config.scan_level == "symbol" && matches!(&*config.scan_mode, "" | "source");
        }
        if let Some(osv) = message.osv.as_ref().filter(|_| known.len() < MAX) {
            let title = osv.summary.some().unwrap_or(&osv.details);
            known.insert(clip(&osv.id), (clip(title), osv.aliases.iter().map(|a| clip(a)).collect()));
        }
        if let Some(sbom) = message.sbom.get() {
            report.scan.looked_at = Some(sbom.modules.0);
        }
        if let Some(packages) = message.progress.get().and_then(|p| packages(&p.message)) {
            report.scan.looked_at.get_or_insert(packages);
        }
        if let Some(finding) = &message.finding
            && let Some(frame) = finding.trace.first()
        {
            let key = (clip(&finding.osv), clip(&frame.module));
            if groups.len() >= MAX && !groups.contains_key(&key) {
                report.partial("It has more vulnerabilities than are read");
                return;
            }
            let group = groups.entry(key).or_default();
            group.version = clip(&frame.version);
            group.fixed = clip(&finding.fixed_version);
            if frame.function.some().is_some() && !group.called {
                group.called = true;
                let entry = finding.trace.iter().rev().find_map(|f| f.position.get());
                group.place = entry.map(|p| clip(&p.filename)).unwrap_or_default();
                group.line = entry.and_then(|p| p.line.number());
            }
        }
    })?;
    for ((osv, module), group) in groups {
        let (title, aliases) = known.get(&osv).cloned().unwrap_or_default();
        report.finding(Found {
            rule: &osv,
            title: &title,
            place: &group.place,
            line: group.line,
            aliases,
            component: Some(Component {
                purl: purl::make("golang", &module, Some(&group.version)),
                name: module,
                version: Some(group.version),
                fixed_in: Some(group.fixed).filter(|f| !f.is_empty()),
            }),
            reachable: symbols.then_some(group.called),
            ..Found::default()
        });
    }
    Ok(report.finish())
}

/// `Scanning your code and 554 packages across 80 dependent modules…` → 554.
fn packages(message: &str) -> Option<u64> {
    let (before, _) = message.split_once(" packages")?;
    before.rsplit(' ').next()?.parse().ok()
}
