//! Checkov JSON (`-o json`): one runner, a list of runners, or the small object of a run that found nothing to look at.
//! Without its platform Checkov rates nothing; such findings count as high until they are rated.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "checkov",
    title: "Checkov JSON",
    family: Family::Analysis,
    standard: "Output of Checkov 1 to 3",
    looks: &[
        Looks::Json(&["check_type", "results:{}"]),
        Looks::Json(&["[].check_type", "[].results:{}"]),
        Looks::Json(&["checkov_version", "resource_count"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Check<'a> {
    #[serde(borrow, default)]
    check_id: Text<'a>,
    #[serde(borrow, default)]
    check_name: Text<'a>,
    #[serde(borrow, default)]
    check_result: Maybe<CheckResult<'a>>,
    #[serde(borrow, default)]
    file_path: Text<'a>,
    #[serde(borrow, default)]
    repo_file_path: Text<'a>,
    #[serde(borrow, default)]
    file_line_range: Few<Text<'a>>,
    #[serde(borrow, default)]
    resource: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    vulnerability_details: Maybe<Vulnerability<'a>>,
}

#[derive(Deserialize)]
struct CheckResult<'a> {
    #[serde(borrow, default)]
    suppress_comment: Text<'a>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    cvss: Text<'a>,
    #[serde(borrow, default)]
    vector: Text<'a>,
    #[serde(borrow, default)]
    package_name: Text<'a>,
    #[serde(borrow, default)]
    package_version: Text<'a>,
    #[serde(borrow, default)]
    package_type: Text<'a>,
    #[serde(borrow, default)]
    lowest_fixed_version: Text<'a>,
}

#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow, default)]
    resource_count: Text<'a>,
    #[serde(borrow, default)]
    checkov_version: Text<'a>,
    #[serde(borrow, default)]
    passed: Text<'a>,
    #[serde(borrow, default)]
    failed: Text<'a>,
    #[serde(borrow, default)]
    parsing_errors: Text<'a>,
}

/// The report, whether parsing errors were listed, and how many checks failed by the summary.
struct Checkov<'c>(ScanReport<'c>, bool, Option<u64>);
struct Results<'r, 'c>(&'r mut ScanReport<'c>, &'r mut bool);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut checkov = Checkov(ScanReport::new(context, ScanKind::Iac, "Checkov"), false, None);
    json::read(input, &mut checkov)?;
    let Checkov(mut report, _, claimed) = checkov;
    report.claims(claimed);
    Ok(report.finish())
}

impl<'de> Object<'de> for Checkov<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "results" => json::objects(value, &mut Results(report, &mut self.1))?,
            "summary" => {
                let summary: Maybe<Summary<'de>> = json::value(value)?;
                let Some(summary) = summary.get() else { return Ok(()) };
                report.looked_at(summary.resource_count.number().unwrap_or(0));
                report.count("passed", summary.passed.number().unwrap_or(0));
                // A file may hold several reports, each with its summary.
                let failed = summary.failed.number().unwrap_or(0);
                self.2 = Some(self.2.unwrap_or(0).saturating_add(failed));
                // `--quiet` leaves the list out, and tells the number only.
                if !std::mem::take(&mut self.1) {
                    report.error(summary.parsing_errors.number().unwrap_or(0), "files that could not be parsed");
                }
                report.scan.tool_version = summary.checkov_version.some().map(clip);
            }
            "resource_count" => {
                let n = json::value::<Text<'de>, A>(value)?.number().unwrap_or(0);
                report.looked_at(n);
            }
            "checkov_version" => report.scan.tool_version = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "check_type" => {
                let kind = json::value::<Text<'de>, A>(value)?;
                report.kind(match &*kind {
                    "secrets" => ScanKind::Secret,
                    "sca_package" => ScanKind::Sca,
                    "sca_image" => ScanKind::Container,
                    _ => ScanKind::Iac,
                });
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Results<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut *self.0;
        match key {
            "failed_checks" => json::each(value, |check: Check<'de>| finding(report, &check, None)),
            "skipped_checks" => json::each(value, |check: Check<'de>| {
                let why = check.check_result.get().and_then(|r| r.suppress_comment.some()).unwrap_or("skipped");
                finding(report, &check, Some(why.to_owned()));
            }),
            "parsing_errors" => {
                let errors: Few<Text<'de>> = json::value(value)?;
                let first = errors.first().map(|e| e.to_string()).unwrap_or_default();
                *self.1 = true;
                report.error(errors.total, &first);
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

fn finding(report: &mut ScanReport<'_>, check: &Check<'_>, suppressed: Option<String>) {
    let vulnerability = check.vulnerability_details.get().filter(|v| v.package_name.some().is_some());
    let kind = match &*check.check_id {
        id if id.starts_with("CKV_SECRET") => ScanKind::Secret,
        _ if vulnerability.is_some() => ScanKind::Sca,
        _ => report.scan.scan,
    };
    let place = check.repo_file_path.some().or_else(|| check.file_path.some()).unwrap_or_default();
    report.finding_of(
        report.kind_told().unwrap_or(kind),
        Found {
            rule: vulnerability.and_then(|v| v.id.some()).unwrap_or(&check.check_id),
            title: check.check_name.some().unwrap_or(&check.check_id),
            place,
            line: check.file_line_range.first().and_then(|l| l.number()),
            context: &check.resource,
            word: &check.severity,
            scores: vulnerability
                .and_then(|v| severity::score(&v.vector, v.cvss.float(), "checkov"))
                .into_iter()
                .collect(),
            component: vulnerability.map(|v| Component {
                name: v.package_name.to_string(),
                version: v.package_version.some().map(str::to_owned),
                purl: purl::make(&v.package_type, &v.package_name, v.package_version.some()),
                fixed_in: v.lowest_fixed_version.some().map(str::to_owned),
            }),
            suppressed,
            ..Found::default()
        },
    );
}
