//! Checkmarx: the CxSAST XML report (8, 9) and Checkmarx One JSON results.
//! Only what a person marked as not exploitable is suppressed; a proposal to do so is not.

use crate::prelude::*;

pub(crate) static CXSAST: Definition = Definition {
    name: "checkmarx-xml",
    title: "Checkmarx CxSAST XML",
    family: Family::Analysis,
    standard: "CxSAST 8 and 9 XML report",
    looks: &[Looks::Xml("CxXMLResults", &[])],
    blank: None,
    read: read_xml,
};

pub(crate) static CXONE: Definition = Definition {
    name: "checkmarx-one",
    title: "Checkmarx One JSON",
    family: Family::Analysis,
    standard: "Checkmarx One results API",
    looks: &[
        Looks::Json(&["results:[]", "totalCount", "scanID"]),
        Looks::Json(&["results[].similarityId", "results[].vulnerabilityDetails"]),
    ],
    blank: None,
    read: read_json,
};

/// A result waits for its path, which holds its fingerprint.
#[derive(Default)]
struct Pending {
    rule: String,
    title: String,
    file: String,
    line: Option<u64>,
    word: String,
    cwe: String,
    fingerprint: String,
    suppressed: Option<String>,
    fixed: bool,
}

struct Cx<'c> {
    report: ScanReport<'c>,
    query: [String; 4],
    pending: Option<Pending>,
}

fn read_xml(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sast, "Checkmarx");
    let mut cx = Cx { report, query: Default::default(), pending: None };
    let cut = xml::walk(input, &mut cx)?;
    cx.report.cut_off(cut);
    Ok(cx.report.finish())
}

impl Elements for Cx<'_> {
    fn open(&mut self, e: &Element<'_, '_>, _: &Path) {
        match e.name() {
            "CxXMLResults" => {
                let scan = &mut self.report.scan;
                scan.tool_version = e.attribute("CheckmarxVersion");
                scan.target = e.attribute("ProjectName");
                scan.looked_at = e.number("FilesScanned");
                scan.started_at = e.time("ScanStart");
                if e.text("ScanType") == "Incremental" {
                    self.report.partial("The scan was incremental: it looked at changed files only");
                }
            }
            "Query" => self.query = [e.text("id"), e.text("name"), e.text("cweId"), e.text("Severity")],
            "Result" => {
                let [rule, title, cwe, severity] = self.query.clone();
                let exploitable = e.text("state") != "1" && !e.text("FalsePositive").eq_ignore_ascii_case("true");
                self.pending = Some(Pending {
                    rule,
                    title,
                    cwe,
                    file: e.text("FileName"),
                    line: e.number("Line"),
                    // People may have changed the severity of one result.
                    word: e.attribute("Severity").unwrap_or(severity),
                    fingerprint: String::new(),
                    suppressed: (!exploitable).then(|| format!("not exploitable: {}", e.text("Remark"))),
                    fixed: e.text("Status") == "Fixed",
                });
            }
            "Path" => {
                if let Some(pending) = &mut self.pending {
                    pending.fingerprint = e.text("SimilarityId");
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, _: &str, _: &Path) {
        if name != "Result" {
            return;
        }
        let Some(p) = self.pending.take() else { return };
        if p.fixed {
            self.report.count("fixed", 1);
            return;
        }
        self.report.finding(Found {
            rule: &p.rule,
            title: &p.title.replace('_', " "),
            place: &p.file,
            line: p.line,
            own: Some(p.fingerprint.as_str()).filter(|f| !f.is_empty()),
            word: &p.word,
            cwes: severity::cwe(&p.cwe).into_iter().collect(),
            suppressed: p.suppressed,
            ..Found::default()
        });
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    similarity_id: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    state: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    first_found_at: Text<'a>,
    #[serde(borrow, default)]
    comments: Maybe<Comments<'a>>,
    #[serde(borrow, default)]
    data: Maybe<Data<'a>>,
    #[serde(borrow, default)]
    vulnerability_details: Maybe<Details<'a>>,
}

#[derive(Deserialize)]
struct Comments<'a> {
    #[serde(borrow, default)]
    comments: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow, default)]
    query_name: Text<'a>,
    #[serde(borrow, default, alias = "fileName")]
    filename: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    nodes: Few<Node<'a>>,
    #[serde(borrow, default)]
    package_identifier: Text<'a>,
    #[serde(borrow, default)]
    recommended_version: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node<'a> {
    #[serde(borrow, default)]
    file_name: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    #[serde(borrow, default)]
    cwe_id: Text<'a>,
    #[serde(borrow, default)]
    cve_name: Text<'a>,
    #[serde(borrow, default)]
    cvss_score: Text<'a>,
}

struct CxOne<'c> {
    report: ScanReport<'c>,
    listed: u64,
    total: Option<u64>,
}

fn read_json<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut one = CxOne { report: ScanReport::new(context, ScanKind::Sast, "Checkmarx One"), listed: 0, total: None };
    json::read(input, &mut one)?;
    let CxOne { mut report, listed, total } = one;
    if let Some(total) = total.filter(|total| *total > listed) {
        report.partial(format!("It is one page: {listed} of {total} results"));
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for CxOne<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "results" => json::each(value, |result: One<'de>| {
                self.listed += 1;
                self.result(&result);
            }),
            "totalCount" | "TotalCount" => {
                self.total = json::value::<Text<'de>, A>(value)?.number();
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

impl CxOne<'_> {
    fn result(&mut self, result: &One<'_>) {
        if &*result.status == "FIXED" {
            self.report.count("fixed", 1);
            return;
        }
        let data = result.data.get();
        let details = result.vulnerability_details.get();
        let part = |pick: fn(&Data<'_>) -> Option<String>| data.and_then(pick);
        let kind = match &*result.kind {
            "kics" => ScanKind::Iac,
            "sca" => ScanKind::Sca,
            "containers" | "sca-container" => ScanKind::Container,
            "scs-secret-detection" => ScanKind::Secret,
            "scs-scorecard" => ScanKind::Posture,
            _ => ScanKind::Sast,
        };
        let cve = details.and_then(|d| d.cve_name.some().map(clip));
        let rule = cve.or_else(|| part(|d| d.query_name.some().map(clip))).unwrap_or_else(|| clip(&result.description));
        let node = data.and_then(|d| d.nodes.first());
        let file = part(|d| d.filename.some().map(clip)).or_else(|| node.map(|n| clip(&n.file_name)));
        let package = part(|d| d.package_identifier.some().map(clip));
        let comment = result.comments.get().and_then(|c| c.comments.some()).unwrap_or_default();
        let left_out = &*result.state == "NOT_EXPLOITABLE";
        self.report.finding_of(
            self.report.kind_told().unwrap_or(kind),
            Found {
                rule: &rule,
                title: result.description.some().unwrap_or(&rule),
                place: file.as_deref().unwrap_or_default(),
                line: data.and_then(|d| d.line.number()).or_else(|| node.and_then(|n| n.line.number())),
                own: result.similarity_id.some(),
                word: &result.severity,
                scores: details
                    .and_then(|d| severity::score("", d.cvss_score.float(), "checkmarx"))
                    .into_iter()
                    .collect(),
                cwes: details.and_then(|d| severity::cwe(&d.cwe_id)).into_iter().collect(),
                component: package.map(|name| Component {
                    name,
                    fixed_in: part(|d| d.recommended_version.some().map(clip)),
                    ..Component::default()
                }),
                suppressed: left_out
                    .then(|| format!("not exploitable: {comment}").trim_end_matches([':', ' ']).to_owned()),
                first_seen: result.first_found_at.time(),
                ..Found::default()
            },
        );
    }
}
