//! Black Duck: vulnerable components of the REST API, and the security report as CSV (columns by name, both dialects).
//! A remediation status that a person set to ignored, patched or not affected counts as suppressed, with its comment.

use crate::prelude::*;

pub(crate) static JSON: Definition = Definition {
    name: "black-duck",
    title: "Black Duck JSON",
    family: Family::Components,
    standard: "Black Duck REST API, vulnerable-bom-components",
    looks: &[
        Looks::Json(&["items[].vulnerabilityWithRemediation"]),
        Looks::Json(&["items:[]", "totalCount", "_meta.href~vulnerable"]),
    ],
    blank: None,
    read: read_json,
};

pub(crate) static CSV: Definition = Definition {
    name: "black-duck-csv",
    title: "Black Duck security CSV",
    family: Family::Components,
    standard: "Black Duck project version report, security.csv",
    looks: &[Looks::Text(
        recognise,
        "text: CSV header with `Vulnerability id`, `Remediation status` and `Security Risk`",
    )],
    blank: None,
    read: read_csv,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow, default)]
    component_name: Text<'a>,
    #[serde(borrow, default)]
    component_version_name: Text<'a>,
    #[serde(borrow, default)]
    component_version_origin_name: Text<'a>,
    #[serde(borrow, default)]
    component_version_origin_id: Text<'a>,
    #[serde(borrow, default)]
    package_url: Text<'a>,
    #[serde(borrow, default)]
    ignored: Text<'a>,
    #[serde(borrow, default)]
    vulnerability_with_remediation: Maybe<Remediation<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remediation<'a> {
    #[serde(borrow, default)]
    vulnerability_name: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    base_score: Text<'a>,
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    remediation_status: Text<'a>,
    #[serde(borrow, default)]
    remediation_comment: Text<'a>,
    #[serde(borrow, default)]
    remediation_created_at: Text<'a>,
    #[serde(borrow, default)]
    cwe_id: Text<'a>,
    #[serde(borrow, default)]
    related_vulnerability: Text<'a>,
    #[serde(borrow, default)]
    reachable: Text<'a>,
}

struct BlackDuck<'c> {
    report: ScanReport<'c>,
    listed: u64,
    total: Option<u64>,
}

fn read_json<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Sca, "Black Duck");
    let mut duck = BlackDuck { report, listed: 0, total: None };
    duck.report.scan.database = Database::Live;
    json::read(input, &mut duck)?;
    let BlackDuck { mut report, listed, total } = duck;
    if let Some(total) = total.filter(|total| *total > listed) {
        report.partial(format!("It is one page: {listed} of {total} items"));
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for BlackDuck<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "items" => json::each(value, |item: Item<'de>| {
                self.listed += 1;
                item_found(&mut self.report, &item);
            }),
            "totalCount" => {
                self.total = json::value::<Text<'de>, A>(value)?.number();
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

/// Whether a status closes a finding, in Black Duck's own words.
fn closes(status: &str) -> bool {
    matches!(status, "IGNORED" | "NOT_AFFECTED" | "DUPLICATE" | "MITIGATED" | "PATCHED" | "REMEDIATION_COMPLETE")
}

fn closed(status: &str, comment: &str, ignored: bool) -> Option<String> {
    let why = || format!("{status}: {comment}").trim_end_matches([':', ' ']).to_owned();
    match (closes(status), ignored) {
        (true, _) => Some(why()),
        (false, true) => Some("component ignored".to_owned()),
        (false, false) => None,
    }
}

fn origin(kind: &str, id: &str, name: &str, version: Option<&str>) -> Option<String> {
    let ecosystem = match kind {
        "npmjs" => "npm",
        "crates" => "cargo",
        other => other,
    };
    // `org.acme:pay:1.0` or `pay/1.0`
    let bare =
        version.and_then(|v| id.strip_suffix(v)).map(|b| b.trim_end_matches([':', '/'])).filter(|b| !b.is_empty());
    purl::make(ecosystem, bare.unwrap_or(name), version)
}

fn item_found(report: &mut ScanReport<'_>, item: &Item<'_>) {
    let Some(v) = item.vulnerability_with_remediation.get() else {
        report.faults.add("An item has no vulnerability.");
        return;
    };
    let version = item.component_version_name.some();
    let related = v.related_vulnerability.rsplit('/').next().filter(|r| r.starts_with("CVE-"));
    let made =
        origin(&item.component_version_origin_name, &item.component_version_origin_id, &item.component_name, version);
    report.finding(Found {
        rule: &v.vulnerability_name,
        title: &v.description,
        word: &v.severity,
        level: v.severity.eq_ignore_ascii_case("ok").then_some(Level::Info),
        scores: severity::score("", v.base_score.float(), &v.source).into_iter().collect(),
        aliases: related.map(clip).into_iter().collect(),
        cwes: severity::cwe(&v.cwe_id).into_iter().collect(),
        component: Some(Component {
            name: item.component_name.to_string(),
            version: version.map(str::to_owned),
            purl: item.package_url.some().map(clip).or(made),
            fixed_in: None,
        }),
        reachable: v.reachable.some().map(|r| r == "true"),
        suppressed: closed(&v.remediation_status, &v.remediation_comment, item.ignored.yes()),
        first_seen: v.remediation_created_at.time(),
        ..Found::default()
    });
}

fn recognise(head: &str) -> bool {
    let first = head.lines().next().unwrap_or_default().to_ascii_lowercase();
    ["vulnerability id", "remediation status", "security risk"].iter().all(|column| first.contains(column))
}

fn read_csv(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "Black Duck");
    report.scan.database = Database::Live;
    let source = input.reader()?;
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(source);
    let headers = csv.headers().map_err(|e| NotRead::new(None, format!("Its header cannot be read: {e}.")))?.clone();
    let column = |names: &[&str]| headers.iter().position(|h| names.iter().any(|n| h.trim().eq_ignore_ascii_case(n)));
    let columns = [
        column(&["Vulnerability id"]),
        column(&["Component name", "Project name"]),
        column(&["Component version name", "Version"]),
        column(&["Component origin name", "Channel origin"]),
        column(&["Component origin id", "Channel version origin id"]),
        column(&["Description"]),
        column(&["Security Risk"]),
        column(&["Base score"]),
        column(&["Vulnerability source"]),
        column(&["Remediation status"]),
        column(&["Remediation comment"]),
        column(&["CWE Ids"]),
        column(&["Reachable"]),
        column(&["CISA Exploit Added"]),
        column(&["Project path"]),
    ];
    let width = headers.len();
    let mut record = csv::StringRecord::new();
    loop {
        match csv.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                report.cut_off(Some(format!("It breaks off: {}.", clip(&e.to_string()))));
                break;
            }
        }
        if record.len() < width {
            report.cut_off(Some("A row has fewer columns than the header; it may be cut off.".into()));
            continue;
        }
        row(&mut report, &columns.map(|c| c.and_then(|c| record.get(c)).unwrap_or_default().trim()));
    }
    Ok(report.finish())
}

fn row(report: &mut ScanReport<'_>, columns: &[&str; 15]) {
    let [
        id,
        name,
        version,
        kind,
        origin_id,
        description,
        word,
        score,
        source,
        status,
        comment,
        cwes,
        reachable,
        kev,
        path,
    ] = *columns;
    // `BDSA-2099-1 (CVE-2099-1)`
    let (rule, alias) = id.split_once(" (").map_or((id, None), |(r, a)| (r, Some(a.trim_end_matches(')'))));
    let version = Some(version).filter(|v| !v.is_empty());
    report.finding(Found {
        rule,
        title: description,
        place: path,
        word,
        scores: severity::score("", score.parse().ok(), source).into_iter().collect(),
        known_exploited: (!kev.is_empty()).then_some(true),
        aliases: alias.map(clip).into_iter().collect(),
        cwes: cwes.split([',', ' ', ';']).filter_map(severity::cwe).collect(),
        component: Some(Component {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            purl: origin(kind, origin_id, name, version),
            fixed_in: None,
        }),
        reachable: match reachable.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        suppressed: closed(status, comment, false),
        ..Found::default()
    });
}
