//! TruffleHog JSON lines (v3), with its log lines where both streams were kept. The log proves what was looked at.
//! A verified secret is critical, any other high. The secret itself is never taken over.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "trufflehog",
    title: "TruffleHog JSON",
    family: Family::Analysis,
    standard: "Output of TruffleHog v3",
    looks: &[
        Looks::Json(&["SourceMetadata", "DetectorName"]),
        Looks::Json(&["[].SourceMetadata", "[].DetectorName"]),
        Looks::Json(&["logger=trufflehog"]),
    ],
    blank: Some(""),
    read,
};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, rename = "DetectorName")]
    detector: Text<'a>,
    #[serde(borrow, default, rename = "DetectorDescription")]
    description: Text<'a>,
    #[serde(borrow, default, rename = "Verified")]
    verified: Text<'a>,
    #[serde(borrow, default, rename = "SourceMetadata")]
    metadata: Maybe<Metadata<'a>>,
    #[serde(borrow, default, rename = "Raw")]
    raw: Text<'a>,
    #[serde(borrow, default, rename = "RawV2")]
    raw_v2: Text<'a>,
    // Log lines.
    #[serde(borrow, default)]
    logger: Text<'a>,
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    msg: Text<'a>,
    #[serde(borrow, default)]
    ts: Text<'a>,
    #[serde(borrow, default)]
    chunks: Text<'a>,
    #[serde(borrow, default)]
    trufflehog_version: Text<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default, rename = "Data")]
    data: Maybe<Data<'a>>,
}

/// `{"Git": {…}}`: the kind of source is the key.
#[derive(Deserialize)]
#[serde(transparent)]
struct Data<'a>(#[serde(borrow)] std::collections::BTreeMap<std::borrow::Cow<'a, str>, Maybe<Spot<'a>>>);

#[derive(Deserialize)]
struct Spot<'a> {
    #[serde(borrow, default)]
    commit: Text<'a>,
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    line: Text<'a>,
    #[serde(borrow, default)]
    image: Text<'a>,
    #[serde(borrow, default)]
    bucket: Text<'a>,
    #[serde(borrow, default)]
    repository: Text<'a>,
    #[serde(borrow, default)]
    link: Text<'a>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Secret, "TruffleHog");
    let (mut errors, mut first, mut logged, mut finished) = (0, String::new(), false, false);
    if input.head().trim().is_empty() {
        report.warnings.add("It is empty: nothing shows that anything was looked at.");
        return Ok(report.finish());
    }
    json::records(input, |line: Line<'de>| {
        if line.logger.some().is_some() {
            logged = true;
            if line.level.starts_with("error") || line.level.starts_with("fatal") {
                errors += 1;
                if first.is_empty() {
                    first = clip(&line.msg);
                }
            }
            if &*line.msg == "finished scanning" {
                finished = true;
                report.scan.looked_at = line.chunks.number();
                report.scan.tool_version = line.trufflehog_version.some().map(clip);
                report.scan.finished_at = line.ts.time();
            }
            return;
        }
        let spot = line.metadata.get().and_then(|m| m.data.get()).and_then(|d| d.0.values().next()?.get());
        let text = |pick: fn(&Spot<'_>) -> Option<String>| spot.and_then(pick);
        let place = text(|s| s.file.some().or_else(|| s.link.some()).map(clip)).unwrap_or_default();
        let source = text(|s| s.image.some().or_else(|| s.bucket.some()).or_else(|| s.repository.some()).map(clip));
        let commit = text(|s| s.commit.some().map(clip)).unwrap_or_default();
        let verified = line.verified.yes();
        report.finding(Found {
            rule: &line.detector,
            title: line.description.some().unwrap_or(&line.detector),
            place: &place,
            line: spot.and_then(|s| s.line.number()),
            // Only a hash of it is kept.
            context: &format!("{} {commit} {}{}", source.unwrap_or_default(), &*line.raw, &*line.raw_v2),
            word: if verified { "verified" } else { "unverified" },
            level: Some(if verified { Level::Critical } else { Level::High }),
            cwes: vec![798],
            ..Found::default()
        });
    })?;
    report.error(errors, &first);
    if logged {
        report.scan.success = Some(finished);
    }
    Ok(report.finish())
}
