//! Attested vulnerability scans: in-toto predicate `vulns` v0.1 and v0.2, and cosign's `vuln` v1, which holds the whole
//! report of the scanner.

use certrail_domain::{
    Facts,
    facts::{Attestation, Scan},
};
use serde_json::value::RawValue;

use super::attestation::inner;
use crate::prelude::*;

#[derive(Deserialize)]
struct Predicate<'a> {
    #[serde(borrow, default)]
    scanner: Maybe<Scanner<'a>>,
    #[serde(borrow, default)]
    scanners: Few<Scanner<'a>>,
    #[serde(borrow, default)]
    metadata: Maybe<Metadata<'a>>,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow, default)]
    uri: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    db: Maybe<Db<'a>>,
    #[serde(default)]
    result: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Db<'a> {
    #[serde(borrow, default, rename = "lastUpdate")]
    last_update: Text<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default, rename = "scanStartedOn", alias = "buildStartedOn")]
    started: Text<'a>,
    #[serde(borrow, default, rename = "scanFinishedOn", alias = "buildFinishedOn")]
    finished: Text<'a>,
}

/// A vulnerability, flat as in v0.2 and the example of v0.1, or nested as in the text of v0.1.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    severity: Few<Rated<'a>>,
    #[serde(borrow, default)]
    vulnerability: Maybe<Nested<'a>>,
}

#[derive(Deserialize)]
struct Nested<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    severity: Few<Rated<'a>>,
}

#[derive(Deserialize)]
struct Rated<'a> {
    #[serde(borrow, default)]
    method: Text<'a>,
    #[serde(borrow, default)]
    score: Text<'a>,
}

/// Reads the predicate of an attested scan.
pub(super) fn read(text: &str, attestation: &Attestation, context: Context<'_>) -> Result<Reading, NotRead> {
    let predicate: Predicate<'_> =
        serde_json::from_str(text).map_err(|e| NotRead::new(None, format!("Its predicate cannot be read: {e}.")))?;
    let metadata = predicate.metadata.get();
    let (started, finished) = (metadata.and_then(|m| m.started.time()), metadata.and_then(|m| m.finished.time()));
    let about: Vec<String> =
        attestation.subjects.iter().map(|s| s.digest.clone()).filter(|d| d.starts_with("sha256:")).collect();
    let target = attestation.subjects.first().map(|s| s.name.clone()).filter(|n| !n.is_empty());
    let Some(scanner) = predicate.scanner.get().or(predicate.scanners.first()) else {
        return Err(NotRead::new(None, "Its predicate names no scanner."));
    };
    let result = scanner.result.as_ref().map_or("null", |r| r.get().trim());
    let fill = |scan: &mut Scan| {
        scan.digests.extend(about.iter().cloned());
        scan.digests.sort();
        scan.digests.dedup();
        scan.started_at = started.or(scan.started_at);
        scan.finished_at = finished.or(scan.finished_at);
        scan.target = scan.target.take().or_else(|| target.clone());
        scan.tool_version = scan.tool_version.take().or_else(|| scanner.version.some().map(clip));
        if let Some(at) = scanner.db.get().and_then(|d| d.last_update.time()) {
            scan.database = Database::Dated(at);
        }
        if !about.is_empty() && scan.scan == ScanKind::Sca {
            scan.scan = ScanKind::Container;
        }
    };
    if result.starts_with('{') && result.len() > 2 {
        let format = context.format;
        let mut reading = inner(result, context.hints, context.sink)
            .map_err(|e| NotRead::new(None, format!("The scanner's report in it cannot be read: {}", e.why)))?;
        if let Facts::Scan(scan) = &mut reading.facts {
            fill(scan);
        }
        reading.subjects.extend(about.iter().cloned());
        reading.subjects.dedup();
        reading.format = format;
        if predicate.scanners.total > 1 {
            reading.warnings.push("It holds several scanners; the first is read.".to_owned());
        }
        return Ok(reading);
    }
    // `pkg:github/aquasecurity/trivy@0.69` → trivy
    let tool = scanner.uri.rsplit('/').next().and_then(|t| t.split('@').next()).unwrap_or_default();
    let mut report = ScanReport::new(context, ScanKind::Sca, tool);
    report.checked = true;
    fill(&mut report.scan);
    if let (Some(started), Some(finished)) = (started, finished)
        && finished < started
    {
        report.faults.add("It was finished before it began.");
    }
    match result.as_bytes().first() {
        Some(b'[') => {
            let items: Few<Item<'_>> = serde_json::from_str(result)
                .map_err(|e| NotRead::new(None, format!("Its results cannot be read: {e}.")))?;
            if items.total > items.list.len() as u64 {
                report.partial("It has more results than are read");
            }
            // The specification: an empty list is a scan that found nothing.
            report.scan.success = Some(true);
            report.scan.rules = 1;
            items.iter().for_each(|item| finding(&mut report, item, target.as_deref().unwrap_or_default()));
        }
        _ => {
            report.faults.add("It has no results.");
            report.scan.looked_at = Some(0);
        }
    }
    Ok(report.finish())
}

fn finding(report: &mut ScanReport<'_>, item: &Item<'_>, target: &str) {
    let nested = item.vulnerability.get();
    let id = item.id.some().or_else(|| nested.and_then(|n| n.id.some())).unwrap_or_default();
    let rated = item.severity.iter().chain(nested.into_iter().flat_map(|n| &n.severity));
    let (mut word, mut scores, mut epss) = (String::new(), Vec::new(), None);
    for r in rated.take(20) {
        let method = r.method.to_ascii_lowercase();
        match r.score.float() {
            Some(p) if method.contains("epss") => epss = severity::epss(Some(p), None, None),
            Some(score) => scores.extend(severity::score("", Some(score), &r.method)),
            None => match severity::score(&r.score, None, &r.method) {
                Some(score) => scores.push(score),
                None => word = clip(&r.score),
            },
        }
    }
    report.finding(Found {
        rule: id,
        title: id,
        word: &word,
        scores,
        epss,
        // No package is told: the subject is what is affected.
        component: Some(Component { name: target.to_owned(), ..Component::default() }),
        ..Found::default()
    });
}
