//! Veracode: the detailed report XML (1.x) and the pipeline scan's JSON. Severity is 0 to 5.

use crate::prelude::*;

pub(crate) static DETAILED: Definition = Definition {
    name: "veracode-xml",
    title: "Veracode detailed report",
    family: Family::Analysis,
    standard: "Veracode detailed report schema 1.x",
    looks: &[
        Looks::Xml("detailedreport", &["@xmlns~veracode"]),
        Looks::Xml("detailedreport", &["@report_format_version"]),
    ],
    blank: None,
    read: read_xml,
};

pub(crate) static PIPELINE: Definition = Definition {
    name: "veracode-pipeline",
    title: "Veracode pipeline scan",
    family: Family::Analysis,
    standard: "Veracode pipeline scan results.json",
    looks: &[Looks::Json(&["scan_status", "findings:[]", "modules"])],
    blank: None,
    read: read_json,
};

fn level(word: &str) -> Option<Level> {
    Some(match word.trim() {
        "5" => Level::Critical,
        "4" => Level::High,
        "3" => Level::Medium,
        "2" => Level::Low,
        "1" | "0" => Level::Info,
        _ => return None,
    })
}

struct Detailed<'c> {
    report: ScanReport<'c>,
    /// The flaw that is open, and its last mitigation.
    flaw: Option<Flaw>,
    library: [String; 2],
    analysed: bool,
}

#[derive(Default)]
struct Flaw {
    issue: String,
    word: String,
    title: String,
    cwe: String,
    place: String,
    line: Option<u64>,
    accepted: bool,
    fixed: bool,
    mitigation: String,
    first_seen: String,
    kind: Option<ScanKind>,
}

fn read_xml(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sast, "Veracode");
    let mut detailed = Detailed { report, flaw: None, library: Default::default(), analysed: false };
    let cut = xml::walk(input, &mut detailed)?;
    let Detailed { mut report, analysed, .. } = detailed;
    report.cut_off(cut);
    if !analysed {
        report.partial("No analysis in it has come to its end");
    }
    Ok(report.finish())
}

impl Elements for Detailed<'_> {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match e.name() {
            "detailedreport" => {
                self.report.scan.target =
                    e.attribute("app_name").map(|app| format!("{app} {}", e.text("version")).trim().to_owned());
                self.report.subjects.extend(e.attribute("policy_compliance_status").map(|s| format!("policy: {s}")));
            }
            "static-analysis" | "dynamic-analysis" | "manual-analysis" => {
                let scan = &mut self.report.scan;
                scan.started_at = scan.started_at.or(e.time("submitted_date"));
                scan.finished_at = scan.finished_at.max(e.time("published_date"));
                self.analysed |= e.attribute("published_date").is_some_and(|d| !d.is_empty());
                scan.tool_version = e.attribute("engine_version").or(scan.tool_version.take());
            }
            "module" if path.up(1) == "modules" => self.report.looked_at(1),
            "flaw" => {
                let file = format!("{}{}", e.text("sourcefilepath"), e.text("sourcefile"));
                self.flaw = Some(Flaw {
                    issue: e.text("issueid"),
                    word: e.text("severity"),
                    title: e.text("categoryname"),
                    cwe: e.text("cweid"),
                    place: if file.is_empty() { e.text("url") } else { file },
                    line: e.number("line"),
                    accepted: e.text("mitigation_status") == "accepted",
                    fixed: e.text("remediation_status") == "Fixed",
                    mitigation: String::new(),
                    first_seen: e.text("date_first_occurrence"),
                    kind: path.within("dynamicflaws").then_some(ScanKind::Dast),
                });
            }
            "mitigation" => {
                if let Some(flaw) = &mut self.flaw {
                    flaw.mitigation = format!("{}: {}", e.text("action"), e.text("description"));
                }
            }
            "component" => self.library = [e.text("library"), e.text("version")],
            "vulnerability" => {
                let [name, version] = self.library.clone();
                self.report.finding_of(
                    self.report.kind_told().unwrap_or(ScanKind::Sca),
                    Found {
                        rule: &e.text("cve_id"),
                        title: &e.text("cve_summary"),
                        word: &e.text("severity"),
                        level: level(&e.text("severity")),
                        scores: severity::score("", e.text("cvss_score").parse().ok(), "veracode")
                            .into_iter()
                            .collect(),
                        cwes: severity::cwe(&e.text("cwe_id")).into_iter().collect(),
                        component: Some(Component { name, version: Some(version), ..Component::default() }),
                        suppressed: (e.text("mitigation") == "true").then(|| "mitigated".to_owned()),
                        ..Found::default()
                    },
                );
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, _: &str, _: &Path) {
        if name != "flaw" {
            return;
        }
        let Some(flaw) = self.flaw.take() else { return };
        if flaw.fixed {
            self.report.count("fixed", 1);
            return;
        }
        let kind = self.report.kind_told().or(flaw.kind).unwrap_or(ScanKind::Sast);
        self.report.finding_of(
            kind,
            Found {
                rule: &format!("CWE-{}", flaw.cwe),
                title: &flaw.title,
                place: &flaw.place,
                line: flaw.line,
                own: Some(&flaw.issue),
                word: &flaw.word,
                level: level(&flaw.word),
                cwes: severity::cwe(&flaw.cwe).into_iter().collect(),
                suppressed: flaw.accepted.then_some(flaw.mitigation),
                first_seen: crate::base::time::parse(&flaw.first_seen),
                ..Found::default()
            },
        );
    }
}

#[derive(Deserialize)]
struct Finding<'a> {
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    issue_type: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cwe_id: Text<'a>,
    #[serde(borrow, default)]
    files: Maybe<Files<'a>>,
    #[serde(borrow, default)]
    flaw_match: Maybe<FlawMatch<'a>>,
}

#[derive(Deserialize)]
struct Files<'a> {
    #[serde(borrow, default)]
    source_file: Maybe<SourceFile<'a>>,
}

#[derive(Deserialize)]
struct SourceFile<'a> {
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
}

#[derive(Deserialize)]
struct FlawMatch<'a> {
    #[serde(borrow, default)]
    flaw_hash: Text<'a>,
    #[serde(borrow, default)]
    cause_hash: Text<'a>,
    #[serde(borrow, default)]
    flaw_hash_ordinal: Text<'a>,
    #[serde(borrow, default)]
    cause_hash_ordinal: Text<'a>,
}

struct Pipeline<'c>(ScanReport<'c>);

fn read_json<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut pipeline = Pipeline(ScanReport::new(context, ScanKind::Sast, "Veracode pipeline scan"));
    json::read(input, &mut pipeline)?;
    Ok(pipeline.0.finish())
}

impl<'de> Object<'de> for Pipeline<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "findings" => json::each(value, |finding: Finding<'de>| {
                let file = finding.files.get().and_then(|f| f.source_file.get());
                let own = finding.flaw_match.get().filter(|m| m.flaw_hash.some().is_some()).map(|m| {
                    format!("{}/{}/{}/{}", &*m.flaw_hash, &*m.cause_hash, &*m.flaw_hash_ordinal, &*m.cause_hash_ordinal)
                });
                report.finding(Found {
                    rule: &format!("CWE-{}", &*finding.cwe_id),
                    title: finding.issue_type.some().unwrap_or(&finding.title),
                    place: file.map_or("", |f| &f.file),
                    line: file.and_then(|f| f.line.number()),
                    own: own.as_deref(),
                    word: &finding.severity,
                    level: level(&finding.severity),
                    cwes: severity::cwe(&finding.cwe_id).into_iter().collect(),
                    ..Found::default()
                });
            }),
            "scan_status" => {
                let status: Text<'de> = json::value(value)?;
                report.scan.success = Some(&*status == "SUCCESS");
                Ok(())
            }
            "modules" => {
                let n = json::count(value)?;
                report.looked_at(n);
                Ok(())
            }
            "pipeline_scan" => {
                report.scan.tool_version = json::value::<Text<'de>, A>(value)?.some().map(clip);
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}
