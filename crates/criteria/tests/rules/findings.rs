//! Findings past their limits, and decisions about them.

use certrail_criteria::STANDARD;
use certrail_domain::{Cause, Claim, ExceptionId, ExceptionState, FindingDecision, Reach, Time, Verdict};
use serde_json::{Value, json};

use super::case::{Case, MERGE, at, finding_id};

const DAY: i64 = 24 * 60;
const ASK: &str = "findings";

/// A complete scan of the commit that saw these: fingerprint and level.
fn scan(seen: &[(&str, &str)]) -> Value {
    let findings: Vec<Value> =
        seen.iter().map(|(id, level)| json!({ "fingerprint": id, "rule": id, "level": level, "title": id })).collect();
    let mut levels = json!({ "critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0 });
    for (_, level) in seen {
        levels[*level] = json!(levels[*level].as_u64().unwrap() + 1);
    }
    json!({ "kind": "security.scan", "scan": "sast", "tool": "semgrep", "scope": "semgrep.json", "success": true, "looked_at": 9, "levels": levels,
        "findings": findings, "commit": MERGE })
}

fn decision(fingerprint: &str, reach: Reach, days: i64) -> FindingDecision {
    FindingDecision {
        level: certrail_domain::facts::Level::Critical,
        decided_because: String::new(),
        alone: false,
        exploited: true,
        id: ExceptionId::from_stored("exc_9"),
        finding: finding_id(fingerprint),
        product: "pay".into(),
        fingerprint: fingerprint.into(),
        claim: Claim::Accept,
        justification: None,
        reach,
        reason: "Only reachable from the inner network.".into(),
        compensating: String::new(),
        evidence: None,
        requester: "dana".into(),
        approver: Some("rita".into()),
        state: ExceptionState::Approved,
        renewals: 0,
        requested_at: at(0),
        decided_at: Some(at(1)),
        expires_at: at(1).plus(days * Time::DAY),
    }
}

/// Seen at noon, judged after so many days.
fn after(days: i64, seen: &[(&str, &str)]) -> Case {
    let mut case = Case::new().with(0, scan(seen));
    case.now = at(days * DAY);
    case
}

#[test]
fn a_finding_fails_when_its_limit_is_over_and_not_before() {
    after(6, &[("a", "critical")]).gives(ASK, Verdict::Passed, Cause::Satisfied);
    after(7, &[("a", "critical")]).gives(ASK, Verdict::Failed, Cause::Expired);
    after(29, &[("a", "high"), ("b", "info")]).gives(ASK, Verdict::Passed, Cause::Satisfied);
    after(31, &[("a", "high")]).gives(ASK, Verdict::Failed, Cause::Expired);
    // Gone from the next scan of the same object by the same tool: fixed in this release.
    let mut gone = after(31, &[("a", "high")]).with(30 * DAY, scan(&[]));
    gone.now = at(40 * DAY);
    gone.gives(ASK, Verdict::Passed, Cause::Satisfied);
}

#[test]
fn a_decision_covers_what_it_reaches_while_it_holds() {
    for (reach, days, verdict) in [
        (Reach::Product { future: true }, 30, Verdict::Excepted),
        (Reach::Everywhere { future: true }, 30, Verdict::Excepted),
        (Reach::Line { line: "2.4".into(), future: false }, 30, Verdict::Excepted),
        (Reach::Line { line: "2.5".into(), future: true }, 30, Verdict::Failed),
        (Reach::Product { future: true }, 9, Verdict::Failed),
    ] {
        let mut case = after(10, &[("a", "critical")]);
        case.decisions.push(decision("a", reach.clone(), days));
        let cause = if verdict == Verdict::Failed { Cause::Expired } else { Cause::Excepted };
        eprintln!("{reach:?} {days}");
        case.gives(ASK, verdict, cause);
    }
    // Of two findings one is covered: the other still fails.
    let mut two = after(10, &[("a", "critical"), ("b", "critical")]);
    two.decisions.push(decision("a", Reach::Product { future: true }, 30));
    two.gives(ASK, Verdict::Failed, Cause::Expired);
    let judged = two.judged();
    assert_eq!(judged.snapshot.exceptions, [ExceptionId::from_stored("exc_9")], "it is named in the snapshot");
    // Nobody approved it, or whoever asked did.
    for spoilt in [
        FindingDecision { state: ExceptionState::Requested, ..decision("a", Reach::Product { future: true }, 30) },
        FindingDecision { approver: Some("dana".into()), ..decision("a", Reach::Product { future: true }, 30) },
    ] {
        let mut case = after(10, &[("a", "critical")]);
        case.decisions.push(spoilt);
        case.gives(ASK, Verdict::Failed, Cause::Expired);
    }
}

#[test]
fn a_scan_that_may_find_nothing_passes_by_decision_only_if_all_it_found_is_decided() {
    let strict = |case: Case| Case {
        criteria: STANDARD.replace(
            "of: [sast], target: commit, max_age_days: 30",
            "of: [sast], target: commit, max_age_days: 30, max_findings: 0",
        ),
        ..case
    };
    strict(after(1, &[("a", "low")])).gives("sast", Verdict::Failed, Cause::BelowThreshold);
    let mut covered = strict(after(1, &[("a", "low")]));
    covered.decisions.push(decision("a", Reach::Product { future: true }, 30));
    covered.gives("sast", Verdict::Excepted, Cause::Excepted);
    let mut half = strict(after(1, &[("a", "low"), ("b", "low")]));
    half.decisions.push(decision("a", Reach::Product { future: true }, 30));
    half.gives("sast", Verdict::Failed, Cause::BelowThreshold);
}

#[test]
fn the_clocks_of_the_criteria_run() {
    let by = |clocks: &str, days: i64| {
        let mut case = after(days, &[("a", "high")]);
        case.criteria = STANDARD.replace("kind: findings,", &format!("kind: findings, clocks: [{clocks}],"));
        case
    };
    by("bod-26-04", 2).gives(ASK, Verdict::Passed, Cause::Satisfied);
    by("bod-26-04", 4).gives(ASK, Verdict::Failed, Cause::Expired);
    by("own, bod-26-04", 4).gives(ASK, Verdict::Failed, Cause::Expired);
    by("pci-6.3.3", 400).gives(ASK, Verdict::Passed, Cause::Satisfied);
    let judged = by("own, fedramp-class-c", 10).judged();
    let found = judged.requirements.iter().find(|r| r.id == ASK).unwrap();
    assert!(found.sentence.contains("4 days from the last day for its evaluation"), "{}", found.sentence);
    assert!(certrail_criteria::Criteria::parse(&by("", 1).criteria).is_err(), "no clock at all");
}
