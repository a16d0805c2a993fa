//! `certrail evidence inspect`: what a file is read as, without a server.

use std::{fs::File, path::PathBuf};

use certrail_domain::{
    Facts,
    facts::{Database, FindingSeen, Scan, ScanKind},
};
use certrail_formats::{Format, HELD, Hints, NotRead, Reading, Validity, read, read_stream};
use serde_json::json;

use super::moment;
use crate::{
    commands::{Global, print_json},
    failure::{Failure, NO, NOT_FOUND, USAGE},
};

/// Read a file without a server.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file.
    file: PathBuf,
    /// The format it must have.
    #[arg(long = "type")]
    format: Option<String>,
    /// What it is for: a test suite's name, or sast, secret, sca, container, iac, dast, host, posture.
    #[arg(long = "for")]
    purpose: Option<String>,
    /// How old the scanner's database of vulnerabilities is, where the report does not say.
    #[arg(long)]
    database_date: Option<String>,
    /// List the findings as well.
    #[arg(long)]
    findings: bool,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<u8, Failure> {
    let scan = args.purpose.as_deref().and_then(ScanKind::from_name);
    let hints = Hints {
        suite: args.purpose.clone().filter(|_| scan.is_none()),
        scan,
        database_at: args.database_date.as_deref().map(moment).transpose()?,
    };
    let mut findings = Vec::new();
    let mut keep = |seen: FindingSeen| {
        if args.findings {
            findings.push(seen);
        }
    };
    let outcome = open(args, &hints, &mut keep)?;
    match outcome {
        Ok(reading) if global.json() => {
            print_json(&json!({
                "format": reading.format.name(), "valid": reading.valid.name(), "faults": reading.faults,
                "counts": reading.counts, "subjects": reading.subjects, "warnings": reading.warnings,
                "facts": reading.facts, "findings": findings,
            }));
            Ok(0)
        }
        Ok(reading) => {
            say(args, &reading, &findings);
            Ok(0)
        }
        Err(e) if global.json() => {
            print_json(&json!({
                "format": null, "valid": "unknown", "looks_like": e.looks_like, "faults": [e.why],
                "counts": {}, "subjects": [], "warnings": [], "findings": [],
            }));
            Ok(NO)
        }
        Err(e) => Err(Failure::new(
            NO,
            format!("{} was not recognised.", args.file.display()),
            e.why,
            "`certrail evidence formats` lists what is read; `--type` names the format of a report that says too little.",
        )),
    }
}

/// Reads the file: held where it is small, streamed where it is large.
fn open(args: &Args, hints: &Hints, sink: &mut dyn FnMut(FindingSeen)) -> Result<Result<Reading, NotRead>, Failure> {
    let missing = |e: std::io::Error| {
        Failure::new(NOT_FOUND, "Nothing was inspected.", format!("{}: {e}.", args.file.display()), "Check the path.")
    };
    let wanted = args.format.as_deref().map(named).transpose()?;
    let size = std::fs::metadata(&args.file).map_err(missing)?.len();
    if size <= HELD {
        let bytes = std::fs::read(&args.file).map_err(missing)?;
        return Ok(read(&bytes, wanted, hints, sink));
    }
    let file = File::open(&args.file).map_err(missing)?;
    Ok(read_stream(file, wanted, hints, sink))
}

fn named(name: &str) -> Result<Format, Failure> {
    Format::from_name(name).ok_or_else(|| {
        Failure::new(
            USAGE,
            "Nothing was inspected.",
            format!("There is no format `{name}`."),
            "`certrail evidence formats` lists them.",
        )
    })
}

fn say(args: &Args, reading: &Reading, findings: &[FindingSeen]) {
    let valid = match reading.valid {
        Validity::Yes => "valid as far as checked",
        Validity::No => "not valid",
        Validity::Unknown => "no standard to check against",
    };
    println!("{}: {}, {valid}", args.file.display(), reading.format.title());
    let counts: Vec<String> = reading.counts.iter().map(|(k, n)| format!("{n} {}", k.replace('_', " "))).collect();
    println!("  {}", counts.join(", "));
    if let Facts::Scan(scan) = &reading.facts {
        println!("  {}", about(scan));
    }
    reading.subjects.iter().for_each(|s| println!("  about {s}"));
    reading.faults.iter().for_each(|f| println!("  not valid: {f}"));
    reading.warnings.iter().for_each(|w| println!("  note: {w}"));
    for f in findings {
        let line = f.line.map(|l| format!(":{l}")).unwrap_or_default();
        let out = f.suppressed.as_ref().map(|s| format!(" (suppressed: {s})")).unwrap_or_default();
        println!("  {:8} {}  {}  {}{line}{out}", f.level.name(), f.rule, f.title, f.place);
    }
}

/// Who scanned for what, with what knowledge.
fn about(scan: &Scan) -> String {
    let version = scan.tool_version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
    let database = match scan.database {
        Database::Dated(at) => format!(", database of {}", at.date()),
        Database::Live => ", asks its service".to_owned(),
        Database::Undated if scan.scan.needs_database() => ", age of its database not known".to_owned(),
        Database::Undated => String::new(),
    };
    format!(
        "{} by {}{version}{database}",
        scan.scan.name(),
        if scan.tool.is_empty() { "an unnamed tool" } else { &scan.tool }
    )
}
