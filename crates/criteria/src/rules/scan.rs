//! T14–T16: a scan of the exact object ran to its end, saw everything, knew enough, and is fresh.

use certrail_domain::{
    Cause, Facts, FindingDecision, Interval, Key, Row, RuleResult, Subject, Time, Truth, Verdict,
    facts::{Scan, ScanDoubt, ScanKind},
};

use super::{About, Found, Object, Scope, rule};
use crate::{
    Evidence,
    findings::{decision_on, in_force, is_for},
};

pub(super) fn check(scope: &Scope<'_>, on: Object, limits: &Limits<'_>) -> Found {
    let release = scope.input.release;
    let subjects: Vec<Subject> = match on {
        Object::Commit => release
            .commit
            .iter()
            .map(|c| Subject { id: Key::commit(c).to_string(), name: format!("commit {}", short(c)) })
            .collect(),
        Object::Digest => release
            .digests
            .iter()
            .map(|d| Subject { id: Key::digest(d).to_string(), name: format!("artefact {}", short_digest(d)) })
            .collect(),
    };
    let scans: Vec<(&Evidence, &Scan)> = scope
        .newest_first()
        .filter_map(|e| match &e.signal.facts {
            Facts::Scan(s) if limits.of.contains(&s.scan) && is_for(s, release) => Some((e, s)),
            _ => None,
        })
        .collect();
    if subjects.is_empty() {
        let what = match on {
            Object::Commit => "The release is not cut yet, so there is no commit to scan.",
            Object::Digest => "The release names no artefact, so nothing that is deployed can have been scanned.",
        };
        return Found::nothing(Verdict::Missing, Cause::NoSubjects, what);
    }
    let (mut rows, mut rules) = (Vec::new(), Vec::new());
    for subject in subjects {
        let (row, mut results) = one(scope, &subject, &scans, limits);
        rows.push(row);
        rules.append(&mut results);
    }
    Found { rules, ..Found::rows(rows) }
}

/// A commit or an artefact, as people call it.
pub(super) fn called(key: &Key) -> String {
    match key.parts() {
        ("digest", digest) => format!("artefact {}", short_digest(digest)),
        (kind, name) => format!("{kind} {}", short(name)),
    }
}

/// What a scan is held to.
pub(super) struct Limits<'a> {
    /// The kinds that count.
    pub(super) of: &'a [ScanKind],
    /// How old it may be at the decision.
    pub(super) max_age_days: i64,
    /// How old its database may have been when it scanned.
    pub(super) max_database_age_days: i64,
    /// How many findings it may have.
    pub(super) max_findings: Option<u64>,
}

fn one(
    scope: &Scope<'_>,
    subject: &Subject,
    scans: &[(&Evidence, &Scan)],
    limits: &Limits<'_>,
) -> (Row, Vec<RuleResult>) {
    let kinds = limits.of.iter().map(|k| k.name()).collect::<Vec<_>>().join(" or ");
    let covers = |e: &Evidence, s: &Scan| {
        let mut own: Vec<Key> = s.digests.iter().map(|d| Key::digest(d)).collect();
        own.extend(s.commit.iter().map(|c| Key::commit(c)));
        let exact = e.signal.named.iter().chain(&own).any(|k| k.as_str() == subject.id);
        // A sender that names the release and nothing else names everything in it.
        let only_release = own.is_empty() && e.signal.named.iter().all(|k| k.parts().0 == "release");
        exact || only_release && scope.about(e, &own) == About::This
    };
    let row = |verdict, cause, sentence: String, inputs| Row {
        subject: subject.clone(),
        verdict,
        cause,
        sentence,
        inputs,
        exception: None,
    };
    let covering: Vec<(&Evidence, &Scan)> = scans.iter().copied().filter(|(e, s)| covers(e, s)).collect();
    let Some((e, scan)) = covering.first() else {
        let (cause, sentence) = match scans.len() {
            0 => (Cause::Absent, format!("We hold no {kinds} scan.")),
            _ => (
                Cause::WrongSubject,
                format!("The {kinds} scans we hold looked at other commits or builds, not at {}.", subject.name),
            ),
        };
        let t14 = rule(
            "T14",
            &format!("{kinds}:{}", subject.id),
            Truth::False,
            format!("No {kinds} scan of {}.", subject.name),
            vec![],
        );
        return (row(Verdict::Missing, cause, sentence, vec![]), vec![t14]);
    };
    // What it names itself is what it looked at, whatever else it was sent for.
    if let Some(named) = scan.contradiction(&[Key::from_stored(subject.id.as_str())]) {
        let named = called(&named);
        let sentence = format!("The report of {} names {named}, and its sender {}.", scan.tool, subject.name);
        let inputs = vec![e.id.clone()];
        let t14 = rule("T14", &format!("{kinds}:{}", subject.id), Truth::Unknown, sentence.clone(), inputs.clone());
        return (row(Verdict::Indeterminate, Cause::WrongSubject, sentence, inputs), vec![t14]);
    }
    let inputs = vec![e.id.clone()];
    let tool = match &scan.tool_version {
        Some(version) => format!("{} {version}", scan.tool),
        None => scan.tool.clone(),
    };
    let doubt = doubt(scan, &tool);
    // A report that ends after we received it does not know its own time; ours stands in.
    let finished = scan.finished_at.filter(|t| *t <= e.received.plus(Interval::SERVER));
    let at = finished.unwrap_or_else(|| e.at());
    // The scan that was fresh at deployment stays good for what was deployed then.
    let clock = &scope.world.as_of;
    let age = clock.now().since(at);
    let name = format!("{kinds}:{}", subject.id);
    let results = vec![
        rule("T14", &name, Truth::True, format!("{tool} looked at exactly {}.", subject.name), inputs.clone()),
        match &doubt {
            None => {
                rule("T16", &name, Truth::True, format!("{tool} ran to its end and saw something."), inputs.clone())
            }
            Some(d) => rule("T16", &name, d.truth, d.sentence.clone(), inputs.clone()),
        },
    ];
    let behind = scan.database.date().map_or(0, |database| at.since(database));
    let row = match doubt {
        Some(doubt) => row(Verdict::Indeterminate, doubt.cause, doubt.sentence, inputs),
        None if finished.is_none() && !e.is_dated() => {
            let sentence = format!(
                "When {tool} ran is uncertain: the clock of this server was wrong when its report came. Scan again."
            );
            row(Verdict::Indeterminate, Cause::ClockUncertain, sentence, inputs)
        }
        None if clock.is_longer_ago(at, limits.max_age_days * Time::DAY) => {
            let sentence =
                format!("The scan by {tool} is {} old; {} days are allowed.", Time::span(age), limits.max_age_days);
            row(Verdict::Failed, Cause::Expired, sentence, inputs)
        }
        None if behind > limits.max_database_age_days * Time::DAY => {
            let sentence = format!(
                "{tool} scanned with a database that was {} old; {} days are allowed.",
                Time::span(behind),
                limits.max_database_age_days
            );
            row(Verdict::Failed, Cause::Expired, sentence, inputs)
        }
        None => limits.max_findings.and_then(|max| too_many(scope, subject, &covering, max)).unwrap_or_else(|| {
            let sentence = format!("{tool} looked at {} and found {}.", subject.name, found(scan));
            row(Verdict::Passed, Cause::Satisfied, sentence, inputs)
        }),
    };
    (row, results)
}

/// The row of a scan that found more than is allowed: one scan does not answer for what another scope found. The worst
/// counts.
fn too_many(scope: &Scope<'_>, subject: &Subject, covering: &[(&Evidence, &Scan)], max: u64) -> Option<Row> {
    let speaking = in_force(covering.iter().copied(), scope.input.release);
    let mut worst: Option<Row> = None;
    for (e, scan) in speaking {
        let total = scan.levels.total();
        if total <= max {
            continue;
        }
        let sentence = format!("{} found {total} in {}; {max} are allowed.", scan.tool, subject.name);
        let row = |verdict, cause, sentence| Row {
            subject: subject.clone(),
            verdict,
            cause,
            sentence,
            inputs: vec![e.id.clone()],
            exception: None,
        };
        let row = match excepted(scope, e, max) {
            Some(decision) => Row {
                exception: Some(decision.id.clone()),
                ..row(
                    Verdict::Excepted,
                    Cause::Excepted,
                    format!(
                        "The rule was not met ({}); {}",
                        sentence.trim_end_matches('.'),
                        decision.sentence(|account| scope.input.identities.name(account).to_owned())
                    ),
                )
            },
            None => match scope.input.findings.incomplete.get(&e.log_index) {
                // Which of them were decided about is not known.
                Some(why) => {
                    let sentence = format!("What {} found {}: {total}; {max} are allowed.", scan.tool, why.words());
                    row(Verdict::Indeterminate, Cause::Incomplete, sentence)
                }
                None => row(Verdict::Failed, Cause::BelowThreshold, sentence),
            },
        };
        if worst.as_ref().is_none_or(|w| w.verdict == Verdict::Excepted) {
            worst = Some(row);
        }
    }
    worst
}

/// A decision of those that cover so many of a scan's findings that no more are left than are allowed.
fn excepted<'a>(scope: &'a Scope<'_>, e: &Evidence, max: u64) -> Option<&'a FindingDecision> {
    let tracked = &scope.input.findings;
    let (mut left, mut newest) = (0, None);
    for seen in tracked.scans.get(&e.log_index)?.iter().filter(|s| !s.suppressed) {
        let known = tracked.known.get(&seen.finding)?;
        match decision_on(scope.input, &known.id, (seen.level, seen.exploited), &scope.world.as_of) {
            Some(decision) => {
                newest =
                    newest.filter(|n: &&FindingDecision| n.requested_at >= decision.requested_at).or(Some(decision));
            }
            None => left += 1,
        }
    }
    newest.filter(|_| left <= max)
}

/// Why a scan proves nothing.
struct Doubt {
    truth: Truth,
    cause: Cause,
    sentence: String,
}

/// T15 and T16, in words.
fn doubt(scan: &Scan, tool: &str) -> Option<Doubt> {
    let (truth, cause, sentence) = match scan.doubt()? {
        ScanDoubt::Failed => (Truth::False, Cause::Error, format!("{tool} says that it did not run to its end.")),
        ScanDoubt::Partial(why) => {
            let why = why.trim_end_matches('.');
            (Truth::Unknown, Cause::Error, format!("{tool} did not look at everything: {why}."))
        }
        ScanDoubt::Empty => (Truth::Unknown, Cause::Empty, format!("{tool} does not show that it looked at anything.")),
        ScanDoubt::Undated => {
            (Truth::Unknown, Cause::Empty, format!("{tool} does not say how old its database of vulnerabilities is."))
        }
    };
    Some(Doubt { truth, cause, sentence })
}

fn found(scan: &Scan) -> String {
    let l = scan.levels;
    let left_out = match scan.suppressed {
        0 => String::new(),
        n => format!(" ({n} left out by the report itself)"),
    };
    let found = match l.total() {
        0 => "nothing".to_owned(),
        _ => [
            (l.critical, "critical"),
            (l.high, "high"),
            (l.medium, "medium"),
            (l.low, "low"),
            (l.info, "informational"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect::<Vec<_>>()
        .join(", "),
    };
    format!("{found}{left_out}")
}

pub(super) fn short(sha: &str) -> String {
    sha.chars().take(7).collect()
}

pub(super) fn short_digest(digest: &str) -> String {
    digest.chars().take(19).collect()
}
