//! KICS JSON (1.2 to 2.1). One finding per query and file; `similarity_id` is its fingerprint.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "kics",
    title: "KICS JSON",
    family: Family::Analysis,
    standard: "Output of KICS 1.2 to 2.1",
    looks: &[Looks::Json(&["queries:[]", "files_scanned"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Query<'a> {
    #[serde(borrow, default)]
    query_name: Text<'a>,
    #[serde(borrow, default)]
    query_id: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    cwe: Text<'a>,
    #[serde(borrow, default)]
    files: Few<File<'a>>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, default)]
    file_name: Text<'a>,
    #[serde(borrow, default)]
    similarity_id: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
}

#[derive(Default)]
struct Told {
    scanned: Option<u64>,
    parsed: Option<u64>,
    failed: u64,
    queries_failed: u64,
}

struct Kics<'c>(ScanReport<'c>, Told);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut kics = Kics(ScanReport::new(context, ScanKind::Iac, "KICS"), Told::default());
    json::read(input, &mut kics)?;
    let Kics(mut report, told) = kics;
    report.scan.looked_at = told.parsed.or(told.scanned);
    report.error(told.failed, "files that could not be scanned");
    report.error(told.queries_failed, "queries that could not be executed");
    if let (Some(scanned), Some(parsed)) = (told.scanned, told.parsed)
        && parsed < scanned
    {
        report.partial(format!("{parsed} of {scanned} files could be parsed"));
    }
    Ok(report.finish())
}

impl<'de> Object<'de> for Kics<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let (report, told) = (&mut self.0, &mut self.1);
        match key {
            "queries" => {
                return json::each(value, |query: Query<'de>| {
                    if query.files.total > query.files.list.len() as u64 {
                        report.partial("A query has more files than are read");
                    }
                    for file in &query.files {
                        report.finding(Found {
                            rule: &query.query_id,
                            title: &query.query_name,
                            place: &file.file_name,
                            line: file.line.number(),
                            own: file.similarity_id.some(),
                            word: &query.severity,
                            cwes: severity::cwe(&query.cwe).into_iter().collect(),
                            ..Found::default()
                        });
                    }
                });
            }
            "bill_of_materials" | "severity_counters" | "paths" => return json::skip(value),
            _ => {}
        }
        let text: Text<'de> = json::value(value)?;
        match key {
            "kics_version" => report.scan.tool_version = text.some().map(clip),
            "start" => report.scan.started_at = text.time(),
            "end" => report.scan.finished_at = text.time(),
            "queries_total" => report.scan.rules = text.number().unwrap_or(0),
            "files_scanned" => told.scanned = text.number(),
            "files_parsed" => told.parsed = text.number(),
            "files_failed_to_scan" => told.failed = text.number().unwrap_or(0),
            "queries_failed_to_execute" => told.queries_failed = text.number().unwrap_or(0),
            _ => {}
        }
        Ok(())
    }
}
