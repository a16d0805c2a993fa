//! OWASP dependency-check: XML (schemas 1.3 to 4.x) and JSON (report schema 1.1). All dependencies are listed, clean ones
//! too. Exceptions of its analysers make it partial; what it was told to leave out stands as suppressed.

use crate::prelude::*;

pub(crate) static XML: Definition = Definition {
    name: "dependency-check",
    title: "OWASP dependency-check XML",
    family: Family::Components,
    standard: "dependency-check XML schemas 1.3 to 4.x",
    looks: &[Looks::Xml("analysis", &["@xmlns~dependency-check"])],
    blank: None,
    read: read_xml,
};

pub(crate) static JSON: Definition = Definition {
    name: "dependency-check-json",
    title: "OWASP dependency-check JSON",
    family: Family::Components,
    standard: "dependency-check JSON report schema 1.1",
    looks: &[Looks::Json(&["reportSchema", "scanInfo", "dependencies:[]"])],
    blank: None,
    read: read_json,
};

/// A vulnerability as both forms tell it.
#[derive(Default)]
struct Told {
    name: String,
    source: String,
    word: String,
    unscored: bool,
    description: String,
    notes: String,
    cwes: Vec<u32>,
    v2: (String, String),
    v3: (String, String),
    v4: (String, String),
    known_exploited: bool,
    fixed_hint: Option<String>,
    suppressed: bool,
}

/// The dependency around it.
#[derive(Default)]
struct Dependency {
    file: String,
    path: String,
    purl: Option<String>,
}

fn tell(report: &mut ScanReport<'_>, dependency: &Dependency, v: Told) {
    let scores = [(ScoreSystem::V2, &v.v2.0), (ScoreSystem::V3, &v.v3.0), (ScoreSystem::V4, &v.v4.0)];
    let scores =
        scores.into_iter().filter_map(|(system, s)| severity::number(system, s.trim().parse().ok(), &v.source));
    let words = [&v.word, &v.v4.1, &v.v3.1, &v.v2.1];
    let word = words.into_iter().find(|w| !w.trim().is_empty()).cloned().unwrap_or_default();
    // An unscored word is the writer's guess and no rating.
    let word = if v.unscored { String::new() } else { word };
    let name = dependency.purl.as_deref().and_then(purl::stem).unwrap_or_else(|| dependency.file.clone());
    let why = if v.notes.is_empty() { "suppressed by rule".to_owned() } else { v.notes };
    report.finding(Found {
        rule: &v.name,
        title: if v.description.is_empty() { &v.name } else { &v.description },
        place: &dependency.path,
        word: &word,
        scores: scores.collect(),
        known_exploited: v.known_exploited.then_some(true),
        cwes: v.cwes,
        component: Some(Component { name, version: None, purl: dependency.purl.clone(), fixed_in: v.fixed_hint }),
        suppressed: v.suppressed.then_some(why),
        ..Found::default()
    });
}

struct Xml<'c> {
    report: ScanReport<'c>,
    dependency: Dependency,
    vulnerability: Option<Told>,
    source: String,
    exceptions: u64,
    first: String,
}

fn read_xml(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut xml = Xml {
        report: ScanReport::new(context, ScanKind::Sca, "OWASP dependency-check"),
        dependency: Dependency::default(),
        vulnerability: None,
        source: String::new(),
        exceptions: 0,
        first: String::new(),
    };
    xml.report.looked_at(0);
    let cut = xml::walk(input, &mut xml)?;
    let Xml { mut report, exceptions, first, .. } = xml;
    report.cut_off(cut);
    report.error(exceptions, &first);
    Ok(report.finish())
}

impl Elements for Xml<'_> {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match (e.name(), path.up(1)) {
            ("dependency", "dependencies") => self.dependency = Dependency::default(),
            (name @ ("vulnerability" | "suppressedVulnerability"), "vulnerabilities") => {
                self.vulnerability = Some(Told {
                    source: e.text("source"),
                    suppressed: name == "suppressedVulnerability",
                    ..Told::default()
                });
            }
            ("severity", "vulnerability" | "suppressedVulnerability") => {
                if let Some(v) = &mut self.vulnerability {
                    v.unscored = e.text("unscored") == "true";
                }
            }
            ("software", _) => {
                let fixed = e.attribute("versionEndExcluding").filter(|_| e.text("vulnerabilityIdMatched") == "true");
                if let Some(v) = &mut self.vulnerability {
                    v.fixed_hint = v.fixed_hint.take().or(fixed);
                }
            }
            ("knownExploitedVulnerability", _) => {
                if let Some(v) = &mut self.vulnerability {
                    v.known_exploited = true;
                }
            }
            ("exception", "analysisExceptions") => self.exceptions += 1,
            _ => {}
        }
    }

    fn close(&mut self, name: &str, text: &str, path: &Path) {
        let parent = path.up(1);
        if let Some(v) = &mut self.vulnerability {
            match (name, parent) {
                ("name", "vulnerability" | "suppressedVulnerability") => v.name = clip(text),
                ("severity", "vulnerability" | "suppressedVulnerability") => v.word = clip(text),
                ("description", "vulnerability" | "suppressedVulnerability") => v.description = clip(text),
                ("notes", "vulnerability" | "suppressedVulnerability") => v.notes = clip(text),
                ("cwe", _) => v.cwes.extend(severity::cwe(text)),
                ("cvssScore", _) | ("score", "cvssV2") => v.v2.0 = clip(text),
                ("severity", "cvssV2") => v.v2.1 = clip(text),
                ("baseScore", "cvssV3") => v.v3.0 = clip(text),
                ("baseSeverity", "cvssV3") => v.v3.1 = clip(text),
                ("baseScore", "cvssV4") => v.v4.0 = clip(text),
                ("baseSeverity", "cvssV4") => v.v4.1 = clip(text),
                ("vulnerability" | "suppressedVulnerability", "vulnerabilities") => {
                    let told = self.vulnerability.take().unwrap_or_default();
                    tell(&mut self.report, &self.dependency, told);
                }
                _ => {}
            }
            return;
        }
        match (name, parent) {
            ("fileName", "dependency") => self.dependency.file = clip(text),
            ("filePath", "dependency") => self.dependency.path = clip(text),
            ("id", "package") if text.starts_with("pkg:") => {
                self.dependency.purl.get_or_insert_with(|| clip(text));
            }
            ("dependency", "dependencies") => self.report.looked_at(1),
            ("engineVersion", _) => self.report.scan.tool_version = Some(clip(text)),
            ("name", "dataSource") => self.source = clip(text),
            ("timestamp", "dataSource") => dated(&mut self.report, &self.source, text),
            ("name", "projectInfo") => self.report.scan.target = Some(clip(text)),
            ("reportDate", _) => self.report.scan.finished_at = crate::base::time::parse(text),
            ("message", "exception") if self.first.is_empty() => self.first = clip(text),
            _ => {}
        }
    }
}

/// "NVD API Last Modified" is the date of the data; "Checked" only says when it was asked.
fn dated(report: &mut ScanReport<'_>, source: &str, text: &str) {
    if !source.contains("Modified") {
        return;
    }
    let newest = report.scan.database.date().max(crate::base::time::parse(text));
    report.scan.database = newest.map_or(Database::Undated, Database::Dated);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonDependency<'a> {
    #[serde(borrow, default)]
    file_name: Text<'a>,
    #[serde(borrow, default)]
    file_path: Text<'a>,
    #[serde(borrow, default)]
    packages: Few<JsonPackage<'a>>,
    #[serde(borrow, default)]
    vulnerabilities: Few<JsonVulnerability<'a>>,
    #[serde(borrow, default)]
    suppressed_vulnerabilities: Few<JsonVulnerability<'a>>,
}

#[derive(Deserialize)]
struct JsonPackage<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonVulnerability<'a> {
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    unscored: Text<'a>,
    #[serde(borrow, default)]
    cvssv2: Maybe<JsonCvss<'a>>,
    #[serde(borrow, default)]
    cvssv3: Maybe<JsonCvss<'a>>,
    #[serde(borrow, default)]
    cvssv4: Maybe<JsonCvss<'a>>,
    #[serde(borrow, default)]
    cwes: Few<Text<'a>>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    notes: Text<'a>,
    #[serde(borrow, default)]
    vulnerable_software: Few<JsonSoftware<'a>>,
    #[serde(default)]
    known_exploited_vulnerability: Maybe<Counted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonCvss<'a> {
    #[serde(borrow, default, alias = "score")]
    base_score: Text<'a>,
    #[serde(borrow, default, alias = "severity")]
    base_severity: Text<'a>,
}

#[derive(Deserialize)]
struct JsonSoftware<'a> {
    #[serde(borrow, default)]
    software: Maybe<JsonSoftwareId<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonSoftwareId<'a> {
    #[serde(borrow, default)]
    vulnerability_id_matched: Text<'a>,
    #[serde(borrow, default)]
    version_end_excluding: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScanInfo<'a> {
    #[serde(borrow, default)]
    engine_version: Text<'a>,
    #[serde(borrow, default)]
    data_source: Few<DataSource<'a>>,
    #[serde(borrow, default)]
    analysis_exceptions: Few<JsonException<'a>>,
}

#[derive(Deserialize)]
struct DataSource<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
}

#[derive(Deserialize)]
struct JsonException<'a> {
    #[serde(borrow, default)]
    exception: Maybe<JsonMessage<'a>>,
}

#[derive(Deserialize)]
struct JsonMessage<'a> {
    #[serde(borrow, default)]
    message: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectInfo<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    report_date: Text<'a>,
}

struct Json<'c>(ScanReport<'c>);

fn read_json<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "OWASP dependency-check");
    report.looked_at(0);
    let mut top = Json(report);
    json::read(input, &mut top)?;
    Ok(top.0.finish())
}

impl<'de> Object<'de> for Json<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "dependencies" => json::each(value, |d: JsonDependency<'de>| {
                report.looked_at(1);
                let around = Dependency {
                    file: clip(&d.file_name),
                    path: clip(&d.file_path),
                    purl: d.packages.iter().find(|p| p.id.starts_with("pkg:")).map(|p| clip(&p.id)),
                };
                let open = report.all(&d.vulnerabilities).map(|v| (v, false));
                for (v, suppressed) in open.chain(report.all(&d.suppressed_vulnerabilities).map(|v| (v, true))) {
                    tell(report, &around, told(v, suppressed));
                }
            }),
            "scanInfo" => {
                let info: Maybe<ScanInfo<'de>> = json::value(value)?;
                let Some(info) = info.get() else { return Ok(()) };
                report.scan.tool_version = info.engine_version.some().map(clip);
                info.data_source.iter().for_each(|d| dated(report, &d.name, &d.timestamp));
                let first = info.analysis_exceptions.first().and_then(|e| e.exception.get()).map(|m| clip(&m.message));
                report.error(info.analysis_exceptions.total, &first.unwrap_or_default());
                Ok(())
            }
            "projectInfo" => {
                let info: Maybe<ProjectInfo<'de>> = json::value(value)?;
                let Some(info) = info.get() else { return Ok(()) };
                report.scan.target = info.name.some().map(clip);
                report.scan.finished_at = info.report_date.time();
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

fn told(v: &JsonVulnerability<'_>, suppressed: bool) -> Told {
    let pair =
        |c: &Maybe<JsonCvss<'_>>| c.get().map(|c| (clip(&c.base_score), clip(&c.base_severity))).unwrap_or_default();
    let matched = v.vulnerable_software.iter().filter_map(|s| s.software.get());
    let fixed = matched.filter(|s| s.vulnerability_id_matched.yes()).find_map(|s| s.version_end_excluding.some());
    Told {
        name: clip(&v.name),
        source: clip(&v.source),
        word: clip(&v.severity),
        unscored: v.unscored.yes(),
        description: clip(&v.description),
        notes: clip(&v.notes),
        cwes: v.cwes.iter().filter_map(|c| severity::cwe(c)).collect(),
        v2: pair(&v.cvssv2),
        v3: pair(&v.cvssv3),
        v4: pair(&v.cvssv4),
        known_exploited: v.known_exploited_vulnerability.get().is_some_and(|k| k.0 > 0),
        fixed_hint: fixed.map(clip),
        suppressed,
    }
}
