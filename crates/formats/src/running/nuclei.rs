//! Nuclei results: JSON lines and the JSON export. A template that ran and did not match proves that it ran; a request
//! that failed makes it partial. Requests and responses are not kept.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "nuclei",
    title: "Nuclei JSON",
    family: Family::Running,
    standard: "Output of Nuclei 2 and 3",
    looks: &[
        Looks::Json(&["template-id", "info:{}"]),
        Looks::Json(&["templateID", "info:{}"]),
        Looks::Json(&["[].template-id", "[].info:{}"]),
    ],
    blank: Some(""),
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Event<'a> {
    #[serde(borrow, default, alias = "templateID")]
    template_id: Text<'a>,
    #[serde(borrow, default)]
    matcher_name: Text<'a>,
    #[serde(borrow, default)]
    host: Text<'a>,
    #[serde(borrow, default, alias = "matched")]
    matched_at: Text<'a>,
    #[serde(borrow, default)]
    matcher_status: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    error: Text<'a>,
    #[serde(borrow, default)]
    info: Maybe<Info<'a>>,
}

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    classification: Maybe<Classification<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Classification<'a> {
    #[serde(borrow, default)]
    cve_id: Few<Text<'a>>,
    #[serde(borrow, default)]
    cwe_id: Few<Text<'a>>,
    #[serde(borrow, default)]
    cvss_metrics: Text<'a>,
    #[serde(borrow, default)]
    cvss_score: Text<'a>,
    #[serde(borrow, default)]
    epss_score: Text<'a>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Dast, "Nuclei");
    if input.head().trim().is_empty() {
        report.warnings.add("It is empty: nothing shows that anything was looked at.");
        return Ok(report.finish());
    }
    let (mut errors, mut first) = (0, String::new());
    json::records(input, |event: Event<'de>| {
        report.scan.finished_at = report.scan.finished_at.max(event.timestamp.time());
        report.scan.target.get_or_insert_with(|| clip(&event.host));
        if event.error.some().is_some() {
            errors += 1;
            if first.is_empty() {
                first = clip(&event.error);
            }
        }
        if &*event.matcher_status == "false" {
            report.count("not_matched", 1);
            report.looked_at(1);
            return;
        }
        let Some(info) = event.info.get() else {
            report.faults.add("A result has no `info`.");
            return;
        };
        let class = info.classification.get();
        let place = event.matched_at.some().unwrap_or(&event.host);
        report.finding(Found {
            rule: &event.template_id,
            title: &info.name,
            place,
            context: event.matcher_name.some().unwrap_or(&event.template_id),
            word: &info.severity,
            scores: class
                .and_then(|c| severity::score(&c.cvss_metrics, c.cvss_score.float(), "nuclei"))
                .into_iter()
                .collect(),
            epss: class.and_then(|c| severity::epss(c.epss_score.float(), None, None)),
            aliases: class.into_iter().flat_map(|c| &c.cve_id).map(|c| clip(&c.to_uppercase())).collect(),
            cwes: class
                .into_iter()
                .flat_map(|c| &c.cwe_id)
                .flat_map(|c| c.split(','))
                .filter_map(severity::cwe)
                .collect(),
            ..Found::default()
        });
    })?;
    report.error(errors, &first);
    Ok(report.finish())
}
