//! One product that lives for years: many releases, each with its own changes, alerts and unread events, and the cost of
//! cutting and asking for the newest.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use certrail_domain::{Product, Role, Scope, Time};
use certrail_usecases::{
    Caller, Engine, Gate, NewPerson, ask_gate, certify, put_criteria, put_person, put_product, session_for,
};
use serde_json::{Value, json};

use super::{Args, PRODUCT, REPO, close, disk::bytes_in, load, open, percentile, system};
use crate::{
    demo::forge::{self, Pull, sha},
    failure::Failure,
};

/// Gate questions after each release.
const ASKS: usize = 20;
/// Changes of a release.
const CHANGES: u64 = 20;

/// Releases are certified on purpose, so that little is asked of them: what is measured is gathering, not the criteria.
const CRITERIA: &str = r#"name: bench
version: "1"
about: For a benchmark.
requirements:
  - id: built
    title: Built
    why: A pipeline built the release.
    fix: Run the pipeline.
    check: { kind: evidence, of: build.run, where: "facts.conclusion == 'success'" }
    controls: []
  - id: protected-branch
    title: Protected branch
    why: The forge itself enforced reviews while the changes were merged.
    fix: Protect the branch.
    blocking: false
    check: { kind: branch-protection, reviews: 1, max_gap_days: 35 }
    controls: []
  - id: findings
    title: Findings
    why: Nothing grave is open.
    fix: Mend it.
    blocking: false
    check: { kind: findings, critical_days: 7, high_days: 30, medium_days: 90, low_days: 180 }
    controls: []
"#;

/// Every third release is certified.
const CERTIFIED: Option<u64> = Some(3);
/// Releases of a product where nobody decides.
const PILED_UP: u64 = 48;

/// What one release took.
struct Took {
    cut: Duration,
    gates: Vec<Duration>,
}

/// So many releases stand for the beginning: 10,000 signals of 300,000 in 300 releases.
const SHARE: u64 = 30;
/// The beginning is measured so often, in stores of its own, since ten first questions make no percentile.
const BEGINNINGS: u64 = 3;

pub(super) async fn product(args: &Args) -> Result<(), Failure> {
    let each = args.history / args.releases.max(1);
    let few = (args.releases / SHARE).max(2);
    let mut first = Vec::new();
    for _ in 0..BEGINNINGS {
        let folder = tempfile::tempdir()?;
        let (engine, mara) = begin(folder.path()).await?;
        // The very first is another case: it has everything to load.
        first.extend(releases(&engine, &mara, few + 1, each, CERTIFIED).await?.split_off(1));
        close(engine).await?;
    }
    let folder = tempfile::tempdir()?;
    let (engine, mara) = begin(folder.path()).await?;
    let begun = Instant::now();
    let all = releases(&engine, &mara, args.releases, each, CERTIFIED).await?;
    let loaded = begun.elapsed();
    let last = &all[all.len().saturating_sub(first.len())..];
    println!(
        "product  {} releases of {each} signals each, every third certified: {} entries in {:.0} s, {} MB on disk",
        args.releases,
        engine.head().size(),
        loaded.as_secs_f64(),
        bytes_in(folder.path())? / 1_000_000
    );
    let n = last.len();
    let (whole, first, last) = (figures(&all), figures(&first), figures(last));
    for (what, of) in [("cut", 0), ("first question to its gate", 1), ("gate", 2)] {
        let ((p50, p99), (first50, first99), (last50, last99)) = (whole[of], first[of], last[of]);
        println!("         {what}: p50 {p50:.1} ms, p99 {p99:.1} ms");
        println!(
            "           p50 of {BEGINNINGS} times the {few} behind the first {first50:.1} ms, of the last {n} {last50:.1} ms, ratio {:.2}; p99 {first99:.1} ms and {last99:.1} ms, ratio {:.2}",
            last50 / first50,
            last99 / first99
        );
    }
    close(engine).await?;
    none_certified(each).await
}

/// Nobody decides on anything: the range of each release holds what all before it brought.
async fn none_certified(each: u64) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (engine, mara) = begin(folder.path()).await?;
    let all = releases(&engine, &mara, PILED_UP, each, None).await?;
    println!("         none certified: each range holds what all before it brought");
    for n in [PILED_UP / 8, PILED_UP / 4, PILED_UP / 2, PILED_UP] {
        let some = &all[(n - 3) as usize..n as usize];
        let [(cut, _), (_, _), (gate, _)] = figures(some);
        // The middle one of three.
        let thousands = ((n - 1) * each) as f64 / 1000.0;
        println!(
            "           {:.0} thousand signals: cut {cut:.0} ms, {:.1} ms for each thousand; gate {gate:.1} ms",
            thousands,
            cut / thousands
        );
    }
    close(engine).await
}

/// A store in `data` with a product, and somebody who certifies its releases.
async fn begin(data: &std::path::Path) -> Result<(Arc<Engine>, Caller), Failure> {
    let engine = open(&data.join("data")).await?;
    put_criteria(&engine, &system(), CRITERIA.to_owned(), certrail_usecases::SettingsRequest::default()).await?;
    let mut product = Product::new(PRODUCT, Some(REPO));
    product.criteria = "bench".to_owned();
    put_product(&engine, &system(), product, certrail_usecases::SettingsRequest::default()).await?;
    let new =
        NewPerson { name: "mara".into(), accounts: vec!["mara".into()], role: Role::ReleaseManager, scope: Scope::ALL };
    let person = put_person(&engine, &system(), new).await?;
    let session = session_for(&engine, &person).await?;
    let mara = Caller::person(&person, "session", &session.id);
    Ok((engine, mara))
}

/// So many releases, of which every so many is certified; none at all without that.
async fn releases(
    engine: &Arc<Engine>,
    mara: &Caller,
    number: u64,
    signals: u64,
    certified: Option<u64>,
) -> Result<Vec<Took>, Failure> {
    let mut took = Vec::new();
    for n in 0..number {
        let decider = certified.is_some_and(|every| n.is_multiple_of(every)).then_some(mara);
        took.push(release(engine, decider, n, signals).await?);
    }
    Ok(took)
}

/// Medians and 99th percentiles in milliseconds: of cuts, of first questions and of all questions.
fn figures(took: &[Took]) -> [(f64, f64); 3] {
    let both = |mut all: Vec<Duration>| {
        all.sort();
        (percentile(&all, 0.5), percentile(&all, 0.99))
    };
    [
        both(took.iter().map(|t| t.cut).collect()),
        both(took.iter().filter_map(|t| t.gates.first().copied()).collect()),
        both(took.iter().flat_map(|t| t.gates.iter().copied()).collect()),
    ]
}

async fn release(engine: &Arc<Engine>, decider: Option<&Caller>, number: u64, signals: u64) -> Result<Took, Failure> {
    let at = engine.now();
    let changes = CHANGES.min(signals / 10);
    let last = history(engine, number, signals, changes).await?;
    let version = format!("1.{number}.0");
    let tag = forge::tag(REPO, at, &format!("v{version}"), &last, "mara");
    // What the load left to do has reached the disk.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    load::one(engine, "push", tag).await?;
    let cut = begun.elapsed();
    if let Some(decider) = decider {
        certify(
            engine,
            decider,
            PRODUCT,
            &version,
            certrail_usecases::NewCertification::default(),
            certrail_usecases::Renderer::None,
        )
        .await?;
    }
    let mut gates = Vec::new();
    for _ in 0..ASKS {
        let begun = Instant::now();
        ask_gate(engine, &system(), PRODUCT, &version, Gate::Deploy("production".into())).await?;
        gates.push(begun.elapsed());
    }
    Ok(Took { cut, gates })
}

/// Sends what happens on the way to a release with so many signals and changes; returns its last commit.
pub(super) async fn history(engine: &Arc<Engine>, number: u64, signals: u64, changes: u64) -> Result<String, Failure> {
    let mut all = work(engine.now(), number, signals, changes);
    // Pushes to the branch in order, the rest as it comes.
    let rest = all.split_off(changes as usize);
    for (event, value) in all {
        load::one(engine, event, value).await?;
    }
    load::all(engine, rest, 64).await?;
    Ok(sha(&format!("merge {number} {}", changes - 1)))
}

/// What happens on the way to a release: its pushes to the branch first.
fn work(at: Time, number: u64, signals: u64, changes: u64) -> Vec<(&'static str, Value)> {
    let merge = |n: i64| match (number, n) {
        (0, -1) => None,
        (_, -1) => Some(sha(&format!("merge {} {}", number - 1, changes - 1))),
        _ => Some(sha(&format!("merge {number} {n}"))),
    };
    let mut all = Vec::new();
    for n in 0..changes as i64 {
        let commit = (merge(n).unwrap_or_default(), "dana".to_owned(), format!("PAY-{n} Change {number}"));
        all.push(("push", forge::push(REPO, at, "main", merge(n - 1).as_deref(), &[commit], "dana")));
    }
    all.push(("branch_protection_rule", forge::branch_rule(REPO, at, 1)));
    let last = merge(changes as i64 - 1).unwrap_or_default();
    all.push(("workflow_run", forge::workflow_run(REPO, at, &last, number, "success")));
    for n in 0..changes {
        let (one, two) = (sha(&format!("one {number} {n}")), sha(&format!("two {number} {n}")));
        let made = merge(n as i64).unwrap_or_default();
        let mut pull = Pull {
            repo: REPO,
            number: number * 1000 + n,
            title: "PAY-1 A change",
            author: "dana",
            branch: "feature",
            head: &one,
            merge: None,
        };
        all.push(("pull_request", forge::pull_request(at, "opened", &pull, "dana")));
        all.push(("check_run", forge::check_run(REPO, at, &one, "ci", "success")));
        pull.head = &two;
        all.push(("pull_request", forge::pull_request(at, "synchronize", &pull, "dana")));
        all.push(("check_run", forge::check_run(REPO, at, &two, "ci", "success")));
        all.push(("pull_request_review", forge::review(at, &pull, "tom", "approved", &two)));
        // One in ten comes to nothing.
        if n % 10 != 9 {
            pull.merge = Some((&made, "mara"));
        }
        all.push(("pull_request", forge::pull_request(at, "closed", &pull, "mara")));
    }
    // Alerts are opened, and fixed by the next release but one; a tenth of everything is what nobody reads.
    for n in 0..signals / 100 {
        let alert = |of: u64| forge::dependabot(REPO, at, of * 1000 + n, at, "medium", "A library with a flaw");
        all.push(("dependabot_alert", alert(number)));
        if number > 1 {
            let mut fixed = alert(number - 2);
            (fixed["action"], fixed["alert"]["state"]) = (json!("fixed"), json!("fixed"));
            all.push(("dependabot_alert", fixed));
        }
    }
    for n in 0..signals / 10 {
        let issue = json!({ "action": "opened", "issue": { "number": n }, "repository": { "full_name": REPO }, "sender": forge::user("tom") });
        all.push(("issues", issue));
    }
    let checks = signals.saturating_sub(all.len() as u64 + 1);
    for n in 0..checks {
        let on = merge((n % changes) as i64).unwrap_or_default();
        all.push(("check_run", forge::check_run(REPO, at, &on, &format!("check {n}"), "success")));
    }
    all
}
