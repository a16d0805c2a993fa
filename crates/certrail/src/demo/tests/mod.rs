//! Stories through the hooks and the API with valid signatures.
//!
//! Here is the stage they play on, and the one release most of them are about.

mod access;
mod accounts;
mod again_out;
mod attempts;
mod clock;
mod connectors;
mod context;
mod decided_on_pages;
mod dossiers;
mod edge;
mod edge_limits;
mod emergencies;
mod environments;
mod findings;
mod gates;
mod handed_out;
mod interrupted;
mod kept;
mod known;
mod large_reports;
mod lives;
mod one_bad_row;
mod places;
mod production;
mod range_bases;
mod ranges;
mod rejections;
mod repeats;
mod report_files;
mod same_thing;
mod separation;
mod sessions;
mod settings;
mod shared_bugs;
mod story;
mod told_changes;
mod trusted;
mod two_products;
mod words;

use std::{collections::BTreeMap, sync::Arc};

use certrail_domain::{Role, Scope, Time};
use certrail_usecases::{
    Caller, Engine, NewPerson, NewToken, create_token, find_release, judge, put_person, release_view, session_for,
    unbound_queue,
};
use serde_json::{Value, json};

use super::{
    forge::{self, Pull, digest, sha},
    reports,
    world::{Sender, StoryClock},
};

const REPO: &str = "acme/pay";
const MINUTE: i64 = 60 * Time::SECOND;

struct Stage {
    engine: Arc<Engine>,
    sender: Sender,
    ci: String,
    /// Sessions of people by account.
    tokens: BTreeMap<&'static str, String>,
    clock: StoryClock,
    _folder: tempfile::TempDir,
}

fn at(minutes: i64) -> Time {
    Time::parse("2026-03-10T08:00:00Z").expect("a time").plus(minutes * MINUTE)
}

async fn stage() -> Stage {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = StoryClock::default();
    clock.set(at(-600));
    let engine =
        crate::commands::open_engine(folder.path(), "test/log", clock.as_clock()).unwrap_or_else(|f| panic!("{f:?}"));
    engine.keys.add_secret("github", "hush").expect("writes");
    let app = crate::commands::web_app(engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
    let sender = Sender::new(certrail_web::router(app), "hush".into(), clock.clone());
    let system = Caller::internal("test");
    let mut tokens = BTreeMap::new();
    for (account, role) in
        [("anna", Role::ReleaseManager), ("priya", Role::Approver), ("olaf", Role::Admin), ("vera", Role::Viewer)]
    {
        let new = NewPerson { name: account.into(), accounts: vec![account.into()], role, scope: Scope::ALL };
        let person = put_person(&engine, &system, new).await.expect("a person");
        tokens.insert(account, session_for(&engine, &person).await.expect("a session").secret);
    }
    let ci = create_token(&engine, &system, NewToken::pipeline("ci", &["*"])).await.expect("a token").secret;
    let stage = Stage { engine, sender, ci, tokens, clock, _folder: folder };
    stage
        .sender
        .call(at(-590), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &json!({ "repositories": [REPO] }))
        .await
        .expect("a product");
    // What was there before anybody judged: the release 2.4.0.
    stage.baseline(at(-590), &sha("root"), Some("2.4.0")).await;
    stage
}

impl Stage {
    /// The history of the product is judged from a commit on.
    async fn baseline(&self, received: Time, commit: &str, version: Option<&str>) {
        let stated = json!({ "commit": commit, "version": version, "reason": "It ran before certrail came." });
        let path = "/api/v1/products/pay/baselines";
        self.sender.call(received, &self.tokens["olaf"], "POST", path, &stated).await.expect("a baseline");
    }
}

/// One thing that is sent. The time is when it happened; when it is received is the stage's business.
#[derive(Clone)]
enum Step {
    Hook(&'static str, Value),
    Report(String, Vec<u8>),
    /// A pipeline says so.
    Fact(Value),
    /// Somebody says so in their session.
    Word(&'static str, Value),
}

/// PR opened, pushed, approved, gone stale, approved again, checks, merge, tag, scans; all that needs no decision.
fn steps() -> Vec<(i64, Step)> {
    let (one, two, merge, root) = (sha("one"), sha("two"), sha("merge"), sha("root"));
    let image = digest("pay 2.4.1");
    let mut pull = Pull {
        repo: REPO,
        number: 12,
        title: "PAY-7 Round half to even",
        author: "dana",
        branch: "feature/pay-7",
        head: &one,
        merge: None,
    };
    let commit = |id: &str, by: &str, text: &str| (id.to_owned(), by.to_owned(), text.to_owned());
    let hook = |minute: i64, event: &'static str, value: Value| (minute, Step::Hook(event, value));
    let mut all = vec![
        hook(-60, "branch_protection_rule", forge::branch_rule(REPO, at(-60), 1)),
        hook(-50, "push", forge::push(REPO, at(-50), "main", None, &[commit(&root, "olaf", "Begin")], "olaf")),
        hook(-45, "push", forge::tag(REPO, at(-45), "v2.4.0", &root, "olaf")),
        (
            -40,
            Step::Word(
                "anna",
                json!({ "kind": "requirement.ticket", "product": "pay", "key": "PAY-7", "title": "Rounding", "status": "open", "impact": "none", "authorised_by": { "account": "anna", "kind": "human" }, "occurred_at": at(-40).to_string() }),
            ),
        ),
        hook(0, "push", forge::push(REPO, at(0), "feature/pay-7", None, &[commit(&one, "dana", "Round")], "dana")),
        hook(1, "pull_request", forge::pull_request(at(1), "opened", &pull, "dana")),
        hook(5, "check_run", forge::check_run(REPO, at(5), &one, "ci", "success")),
        hook(10, "pull_request_review", forge::review(at(10), &pull, "tom", "approved", &one)),
        hook(
            20,
            "push",
            forge::push(REPO, at(20), "feature/pay-7", Some(&one), &[commit(&two, "dana", "More")], "dana"),
        ),
    ];
    pull.head = &two;
    all.push(hook(21, "pull_request", forge::pull_request(at(21), "synchronize", &pull, "dana")));
    all.push(hook(25, "check_run", forge::check_run(REPO, at(25), &two, "ci", "success")));
    all.push(hook(30, "pull_request_review", forge::review(at(30), &pull, "tom", "approved", &two)));
    pull.merge = Some((&merge, "anna"));
    all.push(hook(40, "pull_request", forge::pull_request(at(40), "closed", &pull, "anna")));
    all.push(hook(
        41,
        "push",
        forge::push(
            REPO,
            at(41),
            "main",
            Some(&root),
            &[commit(&merge, "dana", "PAY-7 Round half to even (#12)")],
            "anna",
        ),
    ));
    all.push(hook(60, "push", forge::tag(REPO, at(60), "v2.4.1", &merge, "anna")));
    all.push(hook(65, "workflow_run", forge::workflow_run(REPO, at(65), &merge, 99, "success")));
    let when = |minute: i64| at(minute).to_string().replace(':', "%3A");
    let report = |minute: i64, about: String, bytes: Vec<u8>| {
        (minute, Step::Report(format!("product=pay&occurred_at={}&{about}", when(minute)), bytes))
    };
    all.push(report(70, format!("commit={merge}&name=junit.xml&for=unit"), reports::junit("unit", 20, 0)));
    all.push(report(71, format!("commit={merge}&name=coverage.xml"), reports::cobertura(100, 90)));
    all.push(report(72, format!("commit={merge}&name=codeql.sarif"), reports::sarif("CodeQL", "2", &[])));
    all.push(report(73, format!("commit={merge}&name=gitleaks.sarif"), reports::sarif("gitleaks", "8", &[])));
    all.push(report(
        74,
        format!("release=2.4.1&digest={image}&name=sbom.json"),
        reports::cyclonedx("pay", "2.4.1", &image),
    ));
    let of_image = format!("digest={image}&name=trivy.sarif&database_date={}", when(0));
    all.push(report(75, of_image, reports::sarif("Trivy", "1", &[])));
    all
}

async fn send(stage: &Stage, received: Time, step: &Step) {
    let sent = match step {
        Step::Hook(event, value) => stage.sender.github(received, event, value).await,
        Step::Report(query, bytes) => stage.sender.report(received, &stage.ci, query, bytes.clone()).await,
        Step::Fact(value) => stage.sender.call(received, &stage.ci, "POST", "/api/v1/facts", value).await,
        Step::Word(who, value) => stage.sender.call(received, &stage.tokens[who], "POST", "/api/v1/facts", value).await,
    };
    sent.unwrap_or_else(|e| panic!("{e}"));
}

/// What people decide, after everything else arrived.
/// Says something of 2.4.1, or decides about it.
async fn post(stage: &Stage, minute: i64, who: &str, path: &str, value: Value) -> Value {
    stage.sender.call(at(minute), &stage.tokens[who], "POST", path, &value).await.unwrap_or_else(|e| panic!("{e}"))
}

/// What priya says of 2.4.1.
fn of_release(meaning: &str, environment: Option<&str>) -> Value {
    let mut said = json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "meaning": meaning,
        "verdict": "approved" });
    if let Some(environment) = environment {
        said["environment"] = json!(environment);
    }
    said
}

/// Excuses what the story does not meet, signs 2.4.1 off, and certifies it.
async fn certified(stage: &Stage) {
    let ask = json!({ "product": "pay", "release": "2.4.1", "requirement": "rollback-target", "reason": "First release: nothing to go back to.", "expires_at": at(60 * 24 * 20).to_string() });
    let asked = post(stage, 2_000, "anna", "/api/v1/exceptions", ask).await;
    let approve = format!("/api/v1/exceptions/{}/approve", asked["id"].as_str().expect("an id"));
    post(stage, 2_001, "priya", &approve, Value::Null).await;
    post(stage, 2_002, "priya", "/api/v1/facts", of_release("qa", None)).await;
    post(stage, 2_010, "anna", "/api/v1/products/pay/releases/2.4.1/certify", json!({})).await;
}

async fn decide(stage: &Stage) {
    certified(stage).await;
    post(stage, 2_020, "priya", "/api/v1/facts", of_release("approval", Some("production"))).await;
    let answer =
        post(stage, 2_030, "anna", "/api/v1/products/pay/releases/2.4.1/gates/deploy:production", Value::Null).await;
    assert_eq!(answer["allow"], true, "{answer:#}");
    let (merge, image) = (sha("merge"), digest("pay 2.4.1"));
    for (minute, state) in [(2_040, None), (2_041, Some("in_progress")), (2_045, Some("success"))] {
        let event = if state.is_some() { "deployment_status" } else { "deployment" };
        stage
            .sender
            .github(at(minute), event, &forge::deployment(REPO, at(minute), 5, "production", &merge, &image, state))
            .await
            .unwrap_or_else(|e| panic!("{e}"));
    }
    let check = json!({ "kind": "deployment.validation", "product": "pay", "release": "2.4.1",
        "environment": "production", "name": "smoke", "passed": true });
    stage.sender.call(at(2_060), &stage.ci, "POST", "/api/v1/facts", &check).await.unwrap_or_else(|e| panic!("{e}"));
}

/// Where everything ended up, without ids and times of receipt: kind and name of each signal, by rule.
fn placement(stage: &Stage) -> Vec<String> {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let mut out: Vec<String> = judged
        .seen
        .evidence
        .iter()
        .map(|e| {
            format!("{} {} {:?}", e.rule.name(), e.signal.facts.kind(), e.signal.occurred_at.map(|t| t.to_string()))
        })
        .collect();
    out.sort();
    out.push(format!("{:?}", stored.release.digests));
    out.push(format!("partial {}", stored.release.range_partial));
    out
}

fn verdicts(stage: &Stage) -> Vec<String> {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    judged.evaluation.requirements.iter().map(|r| format!("{} {} {}", r.id, r.verdict, r.sentence)).collect()
}

/// A small deterministic generator (xorshift), so that a failure names its seed.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |below| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x % below.max(1) as u64) as usize
    }
}
