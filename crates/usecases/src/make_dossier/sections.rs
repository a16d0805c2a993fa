//! Sections 2 to 9: changes, tests, security, approvals, deployments, controls.

use std::collections::BTreeMap;

use certrail_criteria::{Evidence, Rule, World, frameworks};
use certrail_domain::{
    Actor, EvidenceId, Facts, Row, Verdict,
    facts::{Database, ReviewVerdict, Scan, ScanKind, Ticket},
};
use certrail_dossier::{AcceptanceRow, ApprovalRow, ChangeRow, ControlRow, DeploymentRow, SecurityRow, TestRow};

use crate::judge::Judged;

pub(super) fn change_rows(world: &World<'_>, judged: &Judged, show: &dyn Fn(&str) -> String) -> Vec<ChangeRow> {
    let reviews = judged.evaluation.requirements.iter().find(|r| judged.checks(&r.id, Rule::is_review));
    let reviewed: BTreeMap<&str, &Row> =
        reviews.iter().flat_map(|r| r.rows.iter().rev().map(|row| (row.subject.id.as_str(), row))).collect();
    // Who authorised each work item, in order of arrival.
    let mut authorised: BTreeMap<&str, Vec<(usize, &Actor)>> = BTreeMap::new();
    for (n, e) in judged.seen.evidence.iter().enumerate() {
        if let Facts::Ticket(Ticket { key, authorised_by: Some(who), .. }) = &e.signal.facts {
            authorised.entry(key).or_default().push((n, who));
        }
    }
    world
        .changes
        .iter()
        .map(|c| {
            let row = reviewed.get(c.id.as_str());
            let mut by: Vec<(usize, &Actor)> =
                c.tickets.iter().filter_map(|key| authorised.get(key)).flatten().copied().collect();
            by.sort_unstable_by_key(|(n, _)| *n);
            let authorised_by = by.into_iter().map(|(_, who)| show(&who.account)).collect();
            ChangeRow {
                id: c.id.clone(),
                name: c.name.clone(),
                url: c.change.and_then(|c| c.url.clone()),
                tickets: c.tickets.iter().map(|key| (*key).to_owned()).collect(),
                authorised_by,
                authors: c.authors.iter().map(|a| show(a)).collect(),
                reviews: c
                    .reviews
                    .iter()
                    .map(|r| {
                        let who =
                            r.review.reviewer.as_ref().map_or_else(|| "somebody".to_owned(), |a| show(&a.account));
                        let said = match r.review.verdict {
                            ReviewVerdict::Approved => "approved",
                            ReviewVerdict::ChangesRequested => "asked for changes in",
                            ReviewVerdict::Commented => "commented on",
                            ReviewVerdict::Dismissed => "was set aside on",
                        };
                        let version: String =
                            r.review.revision.as_deref().unwrap_or("an unknown version").chars().take(7).collect();
                        let told = if r.only_told { " (only reported)" } else { "" };
                        format!("{who} {said} {version} on {}{told}", r.evidence.at().human())
                    })
                    .collect(),
                head: c.head.map(str::to_owned),
                merged_at: c.merged.map(|m| m.at),
                review: row.map_or(Verdict::Missing, |r| r.verdict),
                review_sentence: row.map_or_else(String::new, |r| r.sentence.clone()),
            }
        })
        .collect()
}

/// What a report is about: the first of the names its sender gave.
fn object(e: &Evidence) -> String {
    let names: Vec<&str> = e.signal.named.iter().map(|k| k.parts().1).collect();
    names.first().map_or_else(|| "not named".to_owned(), |n| n.chars().take(26).collect())
}

pub(super) fn test_rows(world: &World<'_>) -> Vec<TestRow> {
    world
        .usable
        .iter()
        .filter_map(|e| {
            let (suite, result) = match &e.signal.facts {
                Facts::TestRun(t) => (
                    t.suite.clone(),
                    format!(
                        "{} of {} passed, {} failed, {} skipped{}",
                        t.passed,
                        t.tests,
                        t.failed + t.errors,
                        t.skipped,
                        if t.complete { "" } else { "; the report breaks off" }
                    ),
                ),
                Facts::Coverage(c) => {
                    ("coverage".to_owned(), format!("{} of {} lines covered", c.lines_covered, c.lines_total))
                }
                _ => return None,
            };
            Some(TestRow { suite, ran_on: object(e), result, at: e.at(), evidence: e.id.clone() })
        })
        .collect()
}

pub(super) fn security_rows(world: &World<'_>) -> Vec<SecurityRow> {
    world
        .usable
        .iter()
        .filter_map(|e| {
            let row = |kind: &str, tool: String, database_at, looked_at: String, found: String| SecurityRow {
                kind: kind.into(),
                tool,
                database_at,
                database: String::new(),
                looked_at,
                saw: String::new(),
                doubt: String::new(),
                found,
                at: e.at(),
                evidence: e.id.clone(),
            };
            match &e.signal.facts {
                Facts::Scan(s) => {
                    let l = s.levels;
                    let tool = format!("{} {}", s.tool, s.tool_version.as_deref().unwrap_or("")).trim().to_owned();
                    let found = format!(
                        "{} critical, {} high, {} medium, {} low; {} suppressed by the tool",
                        l.critical,
                        l.high,
                        l.medium,
                        l.low + l.info,
                        s.suppressed
                    );
                    Some(SecurityRow {
                        database: database(s),
                        saw: saw(s),
                        doubt: s.doubt().map(|d| d.words()).unwrap_or_default(),
                        ..row(s.scan.name(), tool, s.database.date(), object(e), found)
                    })
                }
                Facts::Sbom(s) => {
                    let found = format!("{} {}: {} components", s.format, s.spec_version, s.components);
                    Some(row("sbom", s.generator.clone().unwrap_or_else(|| "not named".into()), None, object(e), found))
                }
                Facts::Alert(a) => {
                    let state = if a.open { "open" } else { "closed" };
                    Some(row(
                        "alert",
                        a.repository.clone(),
                        None,
                        format!("#{}", a.number),
                        format!("{} ({state}): {}", a.level.map_or("level not given", |l| l.name()), a.title),
                    ))
                }
                _ => None,
            }
        })
        .collect()
}

/// Where a scan's knowledge of vulnerabilities comes from.
fn database(s: &Scan) -> String {
    match s.database {
        Database::Dated(at) => at.date(),
        Database::Live => "asked live".to_owned(),
        Database::Undated if s.scan.needs_database() => "not told".to_owned(),
        Database::Undated => "needs none".to_owned(),
    }
}

/// How much a scan looked at.
fn saw(s: &Scan) -> String {
    let what = match s.scan {
        ScanKind::Sca | ScanKind::Container => "packages or files",
        ScanKind::Dast | ScanKind::Host => "addresses or checks",
        _ => "files or checks",
    };
    match (s.looked_at, s.rules) {
        (Some(n), 0) => format!("{n} {what}"),
        (Some(n), rules) => format!("{n} {what}, {rules} rules"),
        (None, 0) => "not told".to_owned(),
        (None, rules) => format!("{rules} rules"),
    }
}

pub(super) fn approval_rows(world: &World<'_>, show: &dyn Fn(&str) -> String) -> Vec<ApprovalRow> {
    world
        .usable
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::Approval(a) => Some(ApprovalRow {
                approver: a.approver.as_ref().map_or_else(|| "not named".into(), |p| show(&p.account)),
                meaning: a.meaning.clone(),
                environment: a.environment.clone(),
                verdict: match a.verdict {
                    certrail_domain::facts::ApprovalVerdict::Approved => "approved",
                    certrail_domain::facts::ApprovalVerdict::Rejected => "rejected",
                    certrail_domain::facts::ApprovalVerdict::Withdrawn => "withdrawn",
                }
                .into(),
                at: e.at(),
                object: a
                    .digests
                    .first()
                    .or(a.commit.as_ref())
                    .map_or_else(|| "not named".into(), |o| o.chars().take(26).collect()),
                comment: a.comment.clone(),
                evidence: e.id.clone(),
            }),
            _ => None,
        })
        .collect()
}

pub(super) fn deployment_rows(
    world: &World<'_>,
    release: &certrail_domain::Release,
    show: &dyn Fn(&str) -> String,
) -> Vec<DeploymentRow> {
    world
        .deployments
        .iter()
        .map(|d| {
            // What is named is what is compared: a release without artefacts is known by its commit alone.
            let commit = d.newest.commit.as_ref();
            let named = match release.digests.is_empty() {
                true => commit.or(d.digests.first()),
                false => d.digests.first().or(commit),
            };
            let object = named.cloned().unwrap_or_else(|| "not named".into());
            let same = match d.digests.is_empty() || release.digests.is_empty() {
                true => d.newest.commit.is_some() && d.newest.commit == release.commit,
                false => d.digests.iter().all(|x| release.digests.contains(x)),
            };
            DeploymentRow {
                environment: d.newest.environment.clone(),
                object: object.chars().take(26).collect(),
                same_object: same,
                start: d.start.at,
                succeeded: d.succeeded.map(|s| s.at),
                deployer: d.newest.deployer.as_ref().map_or_else(|| "not named".into(), |a| show(&a.account)),
                production: d.production,
                evidence: d.evidence.clone(),
            }
        })
        .collect()
}

pub(super) fn acceptance_rows(judged: &Judged) -> Vec<AcceptanceRow> {
    judged
        .seen
        .evidence
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::Validation(v) => Some(AcceptanceRow {
                environment: v.environment.clone(),
                name: v.name.clone(),
                passed: v.passed,
                at: e.at(),
                evidence: e.id.clone(),
            }),
            _ => None,
        })
        .collect()
}

pub(super) fn control_rows(judged: &Judged) -> Vec<ControlRow> {
    // What each requirement is met by: sorted once, since many controls rest on the same.
    let met_by: BTreeMap<&str, Vec<&EvidenceId>> = (judged.evaluation.requirements.iter())
        .map(|r| {
            let met = r.rows.iter().filter(|row| row.verdict.is_met());
            let mut evidence: Vec<&EvidenceId> = met.flat_map(|row| &row.inputs).collect();
            evidence.sort_unstable();
            evidence.dedup();
            (r.id.as_str(), evidence)
        })
        .collect();
    let mut rows = Vec::new();
    for framework in frameworks() {
        for control in &framework.controls {
            let name = format!("{}:{}", framework.id, control.id);
            let serving: Vec<&str> = judged
                .criteria
                .requirements
                .iter()
                .filter(|r| r.controls.contains(&name))
                .map(|r| r.id.as_str())
                .collect();
            let results: Vec<_> = judged
                .evaluation
                .requirements
                .iter()
                .filter(|r| serving.contains(&r.id.as_str()) && !r.pending)
                .collect();
            if serving.is_empty() {
                continue;
            }
            let evidence = results.iter().filter_map(|r| met_by.get(r.id.as_str())).flatten();
            let mut evidence: Vec<EvidenceId> = evidence.map(|id| (*id).clone()).collect();
            // A few sorted runs.
            evidence.sort();
            evidence.dedup();
            rows.push(ControlRow {
                framework: framework.title.clone(),
                control: control.id.clone(),
                words: control.words.clone(),
                requirements: serving.iter().map(|s| (*s).to_owned()).collect(),
                verdict: results.iter().map(|r| r.verdict).max().unwrap_or(Verdict::Missing),
                evidence,
                strength: control.strength.clone(),
                also: control.also.clone(),
            });
        }
    }
    rows
}
