//! `certrail evidence inspect`: what a file is read as, without a server; of an archive, what is in it.

use std::{fs::File, io::Read as _, path::PathBuf};

use certrail_domain::{
    Facts,
    facts::{Attestation, BandPolicy, Database, FindingSeen, Scan, ScanKind, Verified},
};
use certrail_formats::{
    ArchiveKind, Format, HELD, Hints, MAX_TOTAL, NotRead, Reading, Validity, read, read_stream, unpack,
};
use serde_json::{Value, json};

use crate::commands::moment;
use crate::{
    commands::{Global, print_json},
    failure::{Failure, NO, NOT_FOUND, USAGE},
    terminal::plain,
    trust,
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
    /// Whom to trust to sign attestations: a TOML file naming keys and Sigstore roots.
    #[arg(long, env = "CERTRAIL_TRUST")]
    trust: Option<PathBuf>,
    /// List the findings as well.
    #[arg(long)]
    findings: bool,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<u8, Failure> {
    let scan = args.purpose.as_deref().and_then(ScanKind::told);
    let hints = Hints {
        suite: args.purpose.clone().filter(|_| scan.is_none()),
        scan,
        database_at: args.database_date.as_deref().map(moment).transpose()?,
        policy: BandPolicy::default(),
        trust: args.trust.as_deref().map(trust::load).transpose()?,
    };
    let wanted = args.format.as_deref().map(named).transpose()?;
    let outcomes = match open(args)? {
        Opened::Held(bytes) if ArchiveKind::of(&bytes).is_some() => archive(args, &bytes, wanted, &hints)?,
        Opened::Held(bytes) => {
            vec![one(args, args.file.display().to_string(), |sink| read(&bytes, wanted, &hints, sink))]
        }
        Opened::Large(file) => {
            vec![one(args, args.file.display().to_string(), |sink| read_stream(file, wanted, &hints, sink))]
        }
    };
    let recognised = outcomes.iter().any(|o| o.reading.is_ok());
    if global.json() {
        let all: Vec<Value> = outcomes.iter().map(Outcome::json).collect();
        // A file by itself is an object, an archive a list of what is in it.
        print_json(&match <[Value; 1]>::try_from(all) {
            Ok([alone]) => alone,
            Err(all) => json!(all),
        });
        return Ok(if recognised { 0 } else { NO });
    }
    if let [Outcome { path, reading: Err(e), .. }] = outcomes.as_slice() {
        return Err(Failure::new(
            NO,
            format!("{path} was not recognised."),
            e.why.clone(),
            "`certrail evidence formats` lists what is read; `--type` names the format of a report that says too little.",
        ));
    }
    outcomes.iter().for_each(Outcome::say);
    Ok(if recognised { 0 } else { NO })
}

/// A file, or one in an archive, and what it was read as.
struct Outcome {
    path: String,
    reading: Result<Reading, NotRead>,
    findings: Vec<FindingSeen>,
}

fn one(
    args: &Args,
    path: String,
    read: impl FnOnce(&mut dyn FnMut(FindingSeen)) -> Result<Reading, NotRead>,
) -> Outcome {
    let mut findings = Vec::new();
    let mut keep = |seen: FindingSeen| {
        if args.findings {
            findings.push(seen);
        }
    };
    let reading = read(&mut keep);
    Outcome { path, reading, findings }
}

fn archive(args: &Args, bytes: &[u8], wanted: Option<Format>, hints: &Hints) -> Result<Vec<Outcome>, Failure> {
    let name = args.file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut outcomes = Vec::new();
    unpack(&name, bytes, &mut |path, content| {
        outcomes.push(one(args, path, |sink| read(&content, wanted, hints, sink)));
    })
    .map_err(|e| {
        let what = format!("{} was not inspected.", args.file.display());
        Failure::new(NO, what, e.why, "Send the reports in it one by one.")
    })?;
    Ok(outcomes)
}

enum Opened {
    Held(Vec<u8>),
    Large(File),
}

/// Opens the file: held where it is small or an archive, streamed where it is large.
fn open(args: &Args) -> Result<Opened, Failure> {
    let missing = |e: std::io::Error| {
        Failure::new(NOT_FOUND, "Nothing was inspected.", format!("{}: {e}.", args.file.display()), "Check the path.")
    };
    let size = std::fs::metadata(&args.file).map_err(missing)?.len();
    let mut file = File::open(&args.file).map_err(missing)?;
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start).map_err(missing)?;
    let packed = ArchiveKind::of(&start).is_some();
    if size > HELD && !packed {
        return Ok(Opened::Large(File::open(&args.file).map_err(missing)?));
    }
    if packed && size > MAX_TOTAL {
        return Err(Failure::new(
            NO,
            "Nothing was inspected.",
            format!("The archive is larger than {} MiB.", MAX_TOTAL >> 20),
            "Send the reports in it one by one.",
        ));
    }
    std::fs::read(&args.file).map(Opened::Held).map_err(missing)
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

impl Outcome {
    fn json(&self) -> Value {
        match &self.reading {
            Ok(r) => json!({
                "path": self.path, "format": r.format.name(), "valid": r.valid.name(), "faults": r.faults,
                "counts": r.counts, "subjects": r.subjects, "warnings": r.warnings,
                "facts": r.facts, "findings": self.findings,
            }),
            Err(e) => json!({
                "path": self.path, "format": null, "valid": "unknown", "looks_like": e.looks_like, "faults": [e.why],
                "counts": {}, "subjects": [], "warnings": [], "findings": [],
            }),
        }
    }

    fn say(&self) {
        // Whoever wrote the report wrote these words.
        let say = |line: String| println!("{}", plain(&line));
        let reading = match &self.reading {
            Ok(reading) => reading,
            Err(e) => return say(format!("{}: not recognised. {}", self.path, e.why)),
        };
        let valid = match reading.valid {
            Validity::Yes => "valid as far as checked",
            Validity::No => "not valid",
            Validity::Unknown => "no standard to check against",
        };
        say(format!("{}: {}, {valid}", self.path, reading.format.title()));
        let counts: Vec<String> = reading.counts.iter().map(|(k, n)| format!("{n} {}", k.replace('_', " "))).collect();
        say(format!("  {}", counts.join(", ")));
        match &reading.facts {
            Facts::Scan(scan) => say(format!("  {}", about(scan))),
            Facts::Attestation(Attestation { verified: Verified::Yes { by }, .. }) => say(format!("  signed by {by}")),
            _ => {}
        }
        reading.subjects.iter().for_each(|s| say(format!("  about {s}")));
        reading.faults.iter().for_each(|f| say(format!("  not valid: {f}")));
        reading.warnings.iter().for_each(|w| say(format!("  note: {w}")));
        for f in &self.findings {
            let line = f.line.map(|l| format!(":{l}")).unwrap_or_default();
            let out = f.suppressed.as_ref().map(|s| format!(" (suppressed: {s})")).unwrap_or_default();
            say(format!("  {:8} {}  {}  {}{line}{out}", f.level.name(), f.rule, f.title, f.place));
        }
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
