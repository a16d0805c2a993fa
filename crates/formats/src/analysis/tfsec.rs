//! tfsec JSON (0.5x to 1.28). It tells findings only, so nothing found proves nothing.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "tfsec",
    title: "tfsec JSON",
    family: Family::Analysis,
    standard: "Output of tfsec 0.5x to 1.28",
    looks: &[
        Looks::Json(&["results[].rule_provider"]),
        Looks::Json(&["results[].rule_description", "results[].location:{}"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default)]
    rule_id: Text<'a>,
    #[serde(borrow, default)]
    long_id: Text<'a>,
    #[serde(borrow, default)]
    rule_description: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    resource: Text<'a>,
    #[serde(borrow, default)]
    location: Maybe<Location<'a>>,
}

#[derive(Deserialize)]
struct Location<'a> {
    #[serde(borrow, default)]
    filename: Text<'a>,
    #[serde(borrow, default)]
    start_line: Text<'a>,
}

struct Tfsec<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut tfsec = Tfsec(ScanReport::new(context, ScanKind::Iac, "tfsec"));
    json::read(input, &mut tfsec)?;
    Ok(tfsec.0.finish())
}

impl<'de> Object<'de> for Tfsec<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        if key != "results" {
            return json::skip(value);
        }
        json::each(value, |issue: Issue<'de>| {
            // 0, 1, 2 since 0.6x; words before.
            if matches!(&*issue.status, "1" | "passed") {
                report.count("passed", 1);
                return;
            }
            let location = issue.location.get();
            report.finding(Found {
                rule: issue.long_id.some().unwrap_or(&issue.rule_id),
                title: issue.description.some().unwrap_or(&issue.rule_description),
                place: location.map_or("", |l| &l.filename),
                line: location.and_then(|l| l.start_line.number()),
                context: &issue.resource,
                word: &issue.severity,
                aliases: vec![clip(&issue.rule_id)],
                suppressed: matches!(&*issue.status, "2" | "ignored").then(|| "tfsec:ignore comment".to_owned()),
                ..Found::default()
            });
        })
    }
}
