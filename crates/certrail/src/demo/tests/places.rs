//! Deployments are places and moments: what ran where, whatever it was called, and what was production then.

use certrail_domain::{ReleaseState, Verdict};

use super::*;

async fn told() -> Stage {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    stage
}

fn release(stage: &Stage, version: &str) -> certrail_domain::Release {
    find_release(&stage.engine, "pay", version).expect("cut").release
}

fn row(stage: &Stage, version: &str, id: &str) -> (Verdict, String) {
    let stored = find_release(&stage.engine, "pay", version).expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let found = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("is judged");
    (found.verdict, found.sentence.clone())
}

async fn fact(stage: &Stage, minute: i64, value: Value) {
    send(stage, at(minute), &Step::Fact(value)).await;
}

fn event(id: &str, environment: &str, state: &str) -> Value {
    json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1", "id": id, "environment": environment, "state": state })
}

/// What runs is the commit: told by the tag of another release, both say what happened.
#[tokio::test(flavor = "multi_thread")]
async fn the_tag_of_one_release_hides_no_deployment_of_another() {
    for tag_first in [true, false] {
        let stage = stage().await;
        let deployed = || {
            let mut event = forge::deployment(REPO, at(2_100), 77, "production", &sha("merge"), "", Some("success"));
            event["deployment"]["ref"] = json!("v2.4.0");
            event["deployment"]["payload"] = json!({});
            Step::Hook("deployment_status", event)
        };
        if tag_first {
            send(&stage, at(2_100), &deployed()).await;
        }
        for (minute, step) in steps() {
            send(&stage, at(minute), &step).await;
        }
        if !tag_first {
            send(&stage, at(2_100), &deployed()).await;
        }
        for version in ["2.4.0", "2.4.1"] {
            let seen = release(&stage, version);
            assert_eq!((seen.state, seen.ungated), (ReleaseState::Shipped, true), "{version}, {tag_first}");
        }
        stage.clean();
    }
}

/// Going back is told by what runs: no flag takes a release back that a newer one replaced, and none has to be raised.
#[tokio::test(flavor = "multi_thread")]
async fn no_flag_takes_a_release_back() {
    let stage = told().await;
    let newer = json!({ "kind": "release.manifest", "product": "pay", "version": "2.5.0", "repository": REPO,
        "commit": sha("newer"), "digests": [digest("pay 2.5.0")], "previous": "2.4.1" });
    fact(&stage, 2_050, newer).await;
    fact(&stage, 2_100, event("1", "production", "succeeded")).await;
    let mut flagged = event("2", "production", "succeeded");
    flagged["release"] = json!("2.5.0");
    flagged["rollback"] = json!(true);
    fact(&stage, 2_200, flagged).await;
    assert_eq!(release(&stage, "2.4.1").state, ReleaseState::Shipped);
    fact(&stage, 2_300, event("3", "production", "succeeded")).await;
    assert_eq!(release(&stage, "2.5.0").state, ReleaseState::RolledBack);
    assert_eq!(release(&stage, "2.4.1").state, ReleaseState::Shipped);
    stage.clean();
}

/// A gate in the job itself: its no and the end of the job are one story, and a rollout that never ended is another.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_a_gate_stopped_is_no_deployment_and_one_that_began_is_on_record() {
    let stage = told().await;
    let gate = "/api/v1/products/pay/releases/2.4.1/gates/deploy:production";
    fact(&stage, 2_100, event("1", "production", "started")).await;
    assert_eq!(row(&stage, "2.4.1", "certified-first").0, Verdict::Missing);
    let answer = stage.sender.call(at(2_101), &stage.ci, "POST", gate, &Value::Null).await.expect("answers");
    assert_eq!(answer["allow"], false);
    fact(&stage, 2_102, event("1", "production", "failed")).await;
    stage.clock.set(at(2_300));
    let (verdict, sentence) = row(&stage, "2.4.1", "certified-first");
    assert_eq!((verdict, sentence.as_str()), (Verdict::Missing, "It has not gone to production yet."));
    fact(&stage, 2_400, event("2", "production", "started")).await;
    stage.clock.set(at(2_500));
    let (verdict, sentence) = row(&stage, "2.4.1", "certified-first");
    assert_eq!(verdict, Verdict::Failed);
    assert!(sentence.contains("nobody has said how it ended"), "{sentence}");
    // The way on: what the gate hears later ends it.
    stage.sender.call(at(2_501), &stage.ci, "POST", gate, &Value::Null).await.expect("answers");
    fact(&stage, 2_502, event("2", "production", "failed")).await;
    assert_eq!(row(&stage, "2.4.1", "certified-first").0, Verdict::Missing);
    stage.clean();
}

/// A candidate that becomes the final version was tried as it; a rebuild was not.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_candidate_was_checked_as_counts_for_the_final_version_and_for_no_rebuild() {
    let stage = stage().await;
    let set = "name: staged\nversion: '1'\nabout: One check.\nrequirements:\n  - id: staging\n    title: Checked on staging\n    why: It has to work there first.\n    fix: Deploy it to staging and check it.\n    check: { kind: validation, environment: staging, within_hours: 24 }\n";
    let system = Caller::internal("test");
    certrail_usecases::put_criteria(
        &stage.engine,
        &system,
        set.to_owned(),
        certrail_usecases::SettingsRequest::default(),
    )
    .await
    .expect("admitted");
    let body = json!({ "repositories": [REPO], "criteria": "staged" });
    stage.sender.call(at(-499), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &body).await.expect("a product");
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let image = digest("pay 2.4.1");
    fact(&stage, 2_000, event("s1", "staging", "succeeded")).await;
    let checked = json!({ "kind": "deployment.validation", "product": "pay", "release": "2.4.1", "environment": "staging", "name": "smoke", "passed": true });
    fact(&stage, 2_010, checked).await;
    for (n, (version, image)) in (0..).zip([("2.4.1-final", image.clone()), ("2.4.1-again", digest("rebuilt"))]) {
        let cut = json!({ "kind": "release.manifest", "product": "pay", "version": version, "repository": REPO,
            "commit": sha("merge"), "digests": [image] });
        fact(&stage, 2_020 + n, cut).await;
    }
    assert_eq!(row(&stage, "2.4.1", "staging").0, Verdict::Passed);
    assert_eq!(row(&stage, "2.4.1-final", "staging").0, Verdict::Passed);
    let (verdict, why) = row(&stage, "2.4.1-again", "staging");
    assert_eq!(verdict, Verdict::Missing, "{why}");
    assert!(why.contains("was not deployed there"), "{why}");
    stage.clean();
}
