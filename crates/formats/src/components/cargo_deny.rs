//! cargo-deny JSON lines (`--format json check`). Advisories are findings; bans, licences and sources are counted.
//! The summary comes last: without it the run did not come to its end, or was cut off.

use super::cargo_audit::Advisory;
use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "cargo-deny",
    title: "cargo-deny JSON lines",
    family: Family::Components,
    standard: "Output of cargo-deny 0.8 and later",
    looks: &[
        Looks::Lines(&["type=diagnostic", "fields:{}"]),
        Looks::Lines(&["type=summary", "fields:{}"]),
        Looks::Lines(&["type=log", "fields:{}"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    fields: Maybe<Fields<'a>>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    advisory: Maybe<Advisory<'a>>,
    #[serde(borrow, default)]
    labels: Few<Label<'a>>,
    #[serde(borrow, default)]
    graphs: Few<Graph<'a>>,
    #[serde(borrow, default)]
    notes: Few<Text<'a>>,
    #[serde(borrow, default)]
    advisories: Maybe<Advisories<'a>>,
}

#[derive(Deserialize)]
struct Advisories<'a> {
    #[serde(borrow, default)]
    errors: Text<'a>,
}

#[derive(Deserialize)]
struct Label<'a> {
    #[serde(borrow, default)]
    span: Text<'a>,
}

#[derive(Deserialize)]
struct Graph<'a> {
    #[serde(borrow, default, rename = "Krate")]
    krate: Maybe<Krate<'a>>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

#[derive(Deserialize)]
struct Krate<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Sca, "cargo-deny");
    let (mut summary, mut advisories) = (false, false);
    let (mut errors, mut first, mut odd, mut damaged) = (0_u64, String::new(), 0_u64, 0_u64);
    let mut claimed = None;
    let mut reason: Option<String> = None;
    // cargo writes to the same stream, so lines that are no JSON stand between.
    input.lines(&mut |line| {
        if line.trim().is_empty() {
            return;
        }
        let Ok(line) = serde_json::from_str::<Line<'_>>(line) else {
            odd += 1;
            damaged += u64::from(line.trim_start().starts_with('{'));
            return;
        };
        let Some(fields) = line.fields.get() else { return };
        match &*line.kind {
            "summary" => {
                summary = true;
                advisories = fields.advisories.get().is_some();
                claimed = fields.advisories.get().and_then(|a| a.errors.number());
            }
            "log" if &*fields.level == "ERROR" => {
                errors += 1;
                if first.is_empty() {
                    first = clip(&fields.message);
                }
            }
            "diagnostic" => match &*fields.code {
                "index-failure" | "A006" | "index-cache-load-failure" => {
                    errors += 1;
                    if first.is_empty() {
                        first = clip(&fields.message);
                    }
                }
                "advisory-ignored" => {
                    reason = fields.labels.iter().nth(1).and_then(|l| l.span.some()).map(clip);
                }
                _ => diagnostic(&mut report, fields, &mut reason),
            },
            _ => {}
        }
    })?;
    report.scan.success = Some(summary);
    if summary && !advisories {
        report.partial("Advisories were not checked");
    }
    report.error(errors, &first);
    report.claims(claimed);
    if damaged > 0 {
        report.partial(format!("{damaged} lines of it cannot be read"));
    }
    if odd > 0 {
        report.warnings.add(format!("{odd} lines are no JSON and were left out."));
    }
    Ok(report.finish())
}

fn diagnostic(report: &mut ScanReport<'_>, fields: &Fields<'_>, reason: &mut Option<String>) {
    let kind = match &*fields.code {
        "A001" => "vulnerability",
        "A002" => "notice",
        "A003" => "unmaintained",
        "A004" => "unsound",
        "A005" => "yanked",
        code => code,
    };
    let advisory = fields.advisory.get();
    if advisory.is_none() && !matches!(kind, "vulnerability" | "notice" | "unmaintained" | "unsound" | "yanked") {
        // Policy on licences, duplicates and sources: theirs to enforce, ours to count.
        if matches!(&*fields.severity, "error" | "warning") {
            report.count("policy_diagnostics", 1);
        }
        return;
    }
    let graph = fields.graphs.first();
    let krate = graph.and_then(|g| g.krate.get());
    let span = fields.labels.first().map(|l| clip(&l.span)).unwrap_or_default();
    let mut words = span.split(' ');
    let of_span = (words.next().unwrap_or_default(), words.next());
    let name = krate.map(|k| &*k.name).or_else(|| graph.and_then(|g| g.name.some()));
    let name = name.or_else(|| advisory.and_then(|a| a.package.some())).unwrap_or(of_span.0);
    let version = krate.map(|k| &*k.version).or_else(|| graph.and_then(|g| g.version.some())).or(of_span.1);
    let noted = fields.notes.iter().find_map(|n| n.strip_prefix("ID: "));
    let left_out = matches!(&*fields.severity, "note" | "help");
    let fix = fields.notes.iter().find_map(|n| n.strip_prefix("Solution: Upgrade to "));
    report.finding(Found {
        rule: advisory.and_then(|a| a.id.some()).or(noted).unwrap_or(kind),
        title: &fields.message,
        place: "Cargo.lock",
        word: kind,
        level: match kind {
            "unmaintained" | "notice" | "yanked" => Some(Level::Info),
            "unsound" if advisory.is_none_or(|a| a.cvss.some().is_none()) => Some(Level::Low),
            _ => None,
        },
        scores: advisory.and_then(|a| severity::score(&a.cvss, None, "rustsec")).into_iter().collect(),
        aliases: advisory.into_iter().flat_map(|a| &a.aliases).map(|a| clip(a)).collect(),
        component: Some(Component {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            purl: purl::make("cargo", name, version),
            fixed_in: fix.map(|f| clip(f.split(" (").next().unwrap_or(f))),
        }),
        suppressed: left_out.then(|| reason.take().unwrap_or_else(|| "ignored in deny.toml".to_owned())),
        ..Found::default()
    });
}
