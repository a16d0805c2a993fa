//! Brakeman JSON (2 to 7). Its confidence stands for severity; its fingerprint survives moved lines.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "brakeman",
    title: "Brakeman JSON",
    family: Family::Analysis,
    standard: "Output of Brakeman 2 to 7",
    looks: &[Looks::Json(&["scan_info.brakeman_version"]), Looks::Json(&["scan_info.app_path", "warnings:[]"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Warning<'a> {
    #[serde(borrow, default)]
    warning_type: Text<'a>,
    #[serde(borrow, default)]
    warning_code: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    fingerprint: Text<'a>,
    #[serde(borrow, default)]
    confidence: Text<'a>,
    #[serde(borrow, default)]
    cwe_id: Few<Text<'a>>,
    #[serde(borrow, default)]
    note: Text<'a>,
}

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow, default)]
    brakeman_version: Text<'a>,
    #[serde(borrow, default)]
    app_path: Text<'a>,
    #[serde(borrow, default)]
    start_time: Text<'a>,
    #[serde(borrow, default)]
    end_time: Text<'a>,
    #[serde(default)]
    checks_performed: Counted,
    #[serde(borrow, default)]
    number_of_controllers: Text<'a>,
    #[serde(borrow, default)]
    number_of_models: Text<'a>,
    #[serde(borrow, default)]
    number_of_templates: Text<'a>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow, default)]
    error: Text<'a>,
}

struct Brakeman<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut brakeman = Brakeman(ScanReport::new(context, ScanKind::Sast, "Brakeman"));
    json::read(input, &mut brakeman)?;
    Ok(brakeman.0.finish())
}

impl<'de> Object<'de> for Brakeman<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "warnings" => json::each(value, |warning: Warning<'de>| finding(report, &warning, false)),
            "ignored_warnings" => json::each(value, |warning: Warning<'de>| finding(report, &warning, true)),
            "errors" => {
                let (mut n, mut first) = (0, String::new());
                json::each(value, |error: Error<'de>| {
                    n += 1;
                    if first.is_empty() {
                        first = clip(&error.error);
                    }
                })?;
                report.error(n, &first);
                Ok(())
            }
            "scan_info" => {
                let info: Maybe<Info<'de>> = json::value(value)?;
                let Some(info) = info.get() else { return Ok(()) };
                let scan = &mut report.scan;
                scan.tool_version = info.brakeman_version.some().map(clip);
                scan.target = info.app_path.some().map(clip);
                scan.started_at = info.start_time.time();
                scan.finished_at = info.end_time.time();
                scan.rules = info.checks_performed.0;
                let parts = [&info.number_of_controllers, &info.number_of_models, &info.number_of_templates];
                let counted: Vec<u64> = parts.into_iter().filter_map(Text::number).collect();
                if !counted.is_empty() {
                    report.looked_at(counted.into_iter().sum());
                }
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}

fn finding(report: &mut ScanReport<'_>, warning: &Warning<'_>, ignored: bool) {
    let title = format!("{}: {}", &*warning.warning_type, &*warning.message);
    report.finding(Found {
        rule: warning.warning_code.some().unwrap_or(&warning.warning_type),
        title: &title,
        place: &warning.file,
        line: warning.line.number(),
        own: warning.fingerprint.some(),
        word: &warning.confidence,
        level: warning.confidence.eq_ignore_ascii_case("weak").then_some(Level::Low),
        cwes: warning.cwe_id.iter().filter_map(|c| severity::cwe(c)).collect(),
        suppressed: ignored.then(|| format!("ignored: {}", &*warning.note).trim_end_matches([':', ' ']).to_owned()),
        ..Found::default()
    });
}
