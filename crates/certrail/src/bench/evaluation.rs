//! One evaluation by itself: a release of 300 commits in 100 changes, with 6,000 signals.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use certrail_criteria::{Criteria, Evidence, Identities, Input, Receipt, STANDARD, Tracked, evaluate};
use certrail_domain::{
    BindRule, EvidenceId, EvidencePart, Extent, Facts, HowKnown, Product, Release, Signal, Time, Verdict,
};
use serde_json::{Value, json};

use super::{Args, PRODUCT, REPO, median, sha};

const CHANGES: usize = 100;
const COMMITS: usize = 3;
const SIGNALS: usize = 6_000;

/// Evaluations of which the median is taken.
const RUNS: usize = 20;

pub(super) fn evaluation(args: &Args) -> anyhow::Result<()> {
    let now = Time::parse("2026-03-10T08:00:00Z")?;
    let evidence = history(now)?;
    let (product, identities) = (Product::new(PRODUCT, Some(REPO)), Identities::default());
    let release: Release = serde_json::from_value(json!({
        "id": "rel_01", "product": PRODUCT, "version": "1.0.0", "release_type": "normal", "state": "cut", "repository": REPO,
        "branch": "main", "commit": merge(CHANGES - 1), "previous": null, "digests": [], "created_at": now.to_string(),
        "cut_at": now.to_string(), "certified_at": null, "shipped_at": null, "planned_at": null, "range_partial": false,
        "ungated": false,
    }))?;
    let criteria = Criteria::parse(STANDARD)?;
    let tracked = Tracked::default();
    let input = Input {
        release: &release,
        evidence: &evidence,
        context: &[],
        exceptions: &[],
        findings: &tracked,
        certifications: &[],
        refusals: &[],
        joined: &BTreeMap::new(),
        product: &product,
        known_versions: &[],
        twins: &[],
        identities: &identities,
        log_position: SIGNALS as u64,
        next: false,
        decision_time: now,
    };
    let mut took: Vec<f64> = (0..RUNS.max(args.runs))
        .map(|_| {
            let begun = Instant::now();
            let judged = evaluate(&criteria, "digest", &input);
            let took = begun.elapsed().as_secs_f64() * 1000.0;
            let reviewed = judged.evaluation.requirements.iter().find(|r| r.id == "code-review");
            anyhow::ensure!(reviewed.is_some_and(|r| r.verdict == Verdict::Passed), "the bench's changes are reviewed");
            Ok(took)
        })
        .collect::<anyhow::Result<_>>()?;
    let slowest = took.iter().copied().fold(0.0, f64::max);
    println!(
        "evaluation  {:.1} ms median of {}, {slowest:.1} ms slowest; {} commits, {} signals (goal 60 ms)",
        median(&mut took),
        RUNS.max(args.runs),
        CHANGES * COMMITS,
        evidence.len()
    );
    Ok(())
}

fn own(change: usize, commit: usize) -> String {
    sha(&format!("bench {change} {commit}"))
}

fn merge(change: usize) -> String {
    sha(&format!("bench {change} merged"))
}

/// Changes of several commits each, reviewed and merged by the button, and checks of every commit.
fn history(now: Time) -> anyhow::Result<Vec<Evidence>> {
    let begun = now.plus(-30 * Time::DAY);
    let mut told: Vec<(Time, Value)> = Vec::new();
    let human = |account: &str| json!({ "account": account, "kind": "human" });
    for change in 0..CHANGES {
        let at = begun.plus(change as i64 * 3_600 * Time::SECOND);
        let branch = format!("work-{change}");
        let commit = |n: usize| json!({ "sha": own(change, n), "author": "dana", "title": format!("Work {n}"), "by_forge": false });
        let event = |state: &str, head: usize| {
            json!({ "kind": "code.change", "repository": REPO, "number": change, "action": "told",
            "state": state, "title": format!("PAY-{change} Work"), "author": human("dana"), "head": own(change, head),
            "head_branch": branch, "target_branch": "main", "pusher": human("dana") })
        };
        for n in 0..COMMITS {
            let before = n.checked_sub(1).map(|before| own(change, before));
            told.push((at, json!({ "kind": "code.push", "repository": REPO, "branch": branch, "before": before, "after": own(change, n),
                "forced": false, "pusher": human("dana"), "commits": [commit(n)] })));
            told.push((at, event("open", n)));
        }
        let reviewed = at.plus(600 * Time::SECOND);
        told.push((reviewed, json!({ "kind": "code.review", "repository": REPO, "number": change, "reviewer": human("tom"),
            "verdict": "approved", "revision": own(change, COMMITS - 1), "submitted_at": reviewed.to_string(), "counted": true })));
        let merged = at.plus(1_200 * Time::SECOND);
        let mut closed = event("merged", COMMITS - 1);
        closed["merge_commit"] = json!(merge(change));
        closed["merged_at"] = json!(merged.to_string());
        closed["commit_count"] = json!(COMMITS);
        told.push((merged, closed));
        let mut commits: Vec<Value> = (0..COMMITS).map(commit).collect();
        commits.push(json!({ "sha": merge(change), "author": "tom", "title": "Merge", "by_forge": true }));
        let before = change.checked_sub(1).map(merge);
        told.push((
            merged,
            json!({ "kind": "code.push", "repository": REPO, "branch": "main", "before": before, "after": merge(change),
            "forced": false, "pusher": human("tom"), "commits": commits }),
        ));
    }
    let mut n = 0;
    while told.len() < SIGNALS {
        let (change, commit) = (n % CHANGES, n % COMMITS);
        told.push((begun, json!({ "kind": "test.check", "repository": REPO, "commit": own(change, commit), "name": format!("check {n}"),
            "conclusion": "success" })));
        n += 1;
    }
    told.into_iter().enumerate().map(|(n, (at, facts))| evidence(n, at, facts)).collect()
}

fn evidence(n: usize, at: Time, facts: Value) -> anyhow::Result<Evidence> {
    let facts: Facts = serde_json::from_value(facts)?;
    let mut tail = [0; 10];
    tail[2..].copy_from_slice(&(n as u64).to_be_bytes());
    Ok(Evidence {
        id: EvidenceId::new(at, tail),
        log_index: n as u64,
        received: at,
        receipt: Receipt::Known,
        rule: BindRule::Commit,
        duplicate_of: None,
        signal: Arc::new(Signal {
            source: format!("github:{REPO}"),
            name: String::new(),
            known: HowKnown::Observed,
            reach: Extent::All,
            repositories: Extent::All,
            occurred_at: Some(at),
            actor: None,
            fact: None,
            part: EvidencePart::default(),
            named: facts.keys(),
            facts,
            warnings: vec![],
        }),
    })
}
