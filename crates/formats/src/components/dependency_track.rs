//! Dependency-Track Finding Packaging Format 1.0 to 1.3, and the findings of its REST API. The time is that of the
//! export; how many components were analysed is not told.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "dependency-track",
    title: "Dependency-Track findings",
    family: Family::Components,
    standard: "Finding Packaging Format 1.0 to 1.3",
    looks: &[
        Looks::Json(&["meta.application=Dependency-Track", "findings"]),
        Looks::Json(&["[].component.uuid", "[].vulnerability.vulnId"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Finding<'a> {
    #[serde(borrow, default)]
    component: Maybe<Part<'a>>,
    #[serde(borrow, default)]
    vulnerability: Maybe<Vulnerability<'a>>,
    #[serde(borrow, default)]
    analysis: Maybe<Analysis<'a>>,
    #[serde(borrow, default)]
    attribution: Maybe<Attribution<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    purl: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default)]
    vuln_id: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cvss_v2_base_score: Text<'a>,
    #[serde(borrow, default)]
    cvss_v3_base_score: Text<'a>,
    #[serde(borrow, default)]
    cvss_v3_vector: Text<'a>,
    #[serde(borrow, default)]
    epss_score: Text<'a>,
    #[serde(borrow, default)]
    cwe_id: Text<'a>,
    #[serde(borrow, default)]
    cwes: Few<Cwe<'a>>,
    #[serde(borrow, default)]
    aliases: Few<Alias<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cwe<'a> {
    #[serde(borrow, default)]
    cwe_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alias<'a> {
    #[serde(borrow, default)]
    cve_id: Text<'a>,
    #[serde(borrow, default)]
    ghsa_id: Text<'a>,
    #[serde(borrow, default)]
    osv_id: Text<'a>,
    #[serde(borrow, default)]
    snyk_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis<'a> {
    #[serde(borrow, default)]
    state: Text<'a>,
    #[serde(borrow, default)]
    is_suppressed: Text<'a>,
    #[serde(borrow, default)]
    justification: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attribution<'a> {
    #[serde(borrow, default)]
    attributed_on: Text<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

struct Track<'c> {
    report: ScanReport<'c>,
    findings: bool,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "Dependency-Track");
    report.scan.database = Database::Live;
    if input.head().trim_start().starts_with('[') {
        json::records(input, |f: Finding<'de>| finding(&mut report, &f))?;
        return Ok(report.finish());
    }
    let mut track = Track { report, findings: false };
    json::read(input, &mut track)?;
    Ok(track.report.finish())
}

impl<'de> Object<'de> for Track<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.report;
        match key {
            "findings" => {
                self.findings = true;
                json::each(value, |f: Finding<'de>| finding(report, &f))
            }
            "meta" => {
                let meta: Maybe<Meta<'de>> = json::value(value)?;
                report.scan.tool_version = meta.get().and_then(|m| m.version.some()).map(clip);
                report.scan.finished_at = meta.get().and_then(|m| m.timestamp.time());
                Ok(())
            }
            "project" => {
                let project: Maybe<Named<'de>> = json::value(value)?;
                report.scan.target = project.get().map(|p| format!("{} {}", &*p.name, &*p.version));
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

fn finding(report: &mut ScanReport<'_>, f: &Finding<'_>) {
    let (Some(v), Some(part)) = (f.vulnerability.get(), f.component.get()) else {
        report.faults.add("A finding has no vulnerability or no component.");
        return;
    };
    let analysis = f.analysis.get();
    let scores = [
        severity::number(ScoreSystem::V2, v.cvss_v2_base_score.float(), &v.source),
        severity::score(&v.cvss_v3_vector, v.cvss_v3_base_score.float(), &v.source),
    ];
    let names = v.aliases.iter().flat_map(|a| [&a.cve_id, &a.ghsa_id, &a.osv_id, &a.snyk_id]);
    let group = part.group.some().map(|g| format!("{g}/")).unwrap_or_default();
    report.finding(Found {
        rule: &v.vuln_id,
        title: v.title.some().unwrap_or(&v.description),
        word: &v.severity,
        scores: scores.into_iter().flatten().collect(),
        epss: severity::epss(v.epss_score.float(), None, None),
        aliases: names.filter_map(|n| n.some()).map(clip).collect(),
        cwes: v.cwes.iter().map(|c| &c.cwe_id).chain([&v.cwe_id]).filter_map(|c| severity::cwe(c)).collect(),
        component: Some(Component {
            name: format!("{group}{}", &*part.name),
            version: part.version.some().map(str::to_owned),
            purl: part.purl.some().map(clip),
            fixed_in: None,
        }),
        suppressed: analysis.filter(|a| a.is_suppressed.yes()).map(|a| {
            let why = a.justification.some().map(|j| format!(": {j}")).unwrap_or_default();
            format!("{}{why}", a.state.some().unwrap_or("suppressed"))
        }),
        first_seen: f.attribution.get().and_then(|a| a.attributed_on.time()),
        ..Found::default()
    });
}
