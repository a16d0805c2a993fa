//! Each gate asks for what its environment needs, and none is asked about one that nobody named.

use certrail_usecases::{Gate, ask_gate};

use super::*;

async fn ask(stage: &Stage, minute: i64, gate: &str) -> Result<Value, String> {
    let path = format!("/api/v1/products/pay/releases/2.4.1/gates/{gate}");
    stage.sender.call(at(minute), &stage.ci, "POST", &path, &Value::Null).await.map_err(|e| e.to_string())
}

fn blockers(answer: &Value) -> Vec<&str> {
    let all = answer["blockers"].as_array().into_iter().flatten();
    all.filter_map(|b| b["requirement"].as_str()).collect()
}

async fn told() -> Stage {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    stage
}

async fn product(stage: &Stage, minute: i64, more: Value) {
    let mut body = json!({ "repositories": [REPO] });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    stage.sender.call(at(minute), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &body).await.expect("is set");
}

#[tokio::test]
async fn a_mistyped_gate_is_no_question_on_record() {
    let stage = told().await;
    let asks = || stage.engine.head().size();
    let before = asks();
    for (typed, meant) in
        [("qualtiy", "quality"), ("deploy:prodution", "production"), ("certificaton", "certification")]
    {
        let why = ask(&stage, 2_000, typed).await.expect_err("no such gate");
        assert!(why.contains("400") && why.contains("no-such-gate"), "{typed}: {why}");
        let gate = Gate::parse(typed).expect("reads");
        let problem = ask_gate(&stage.engine, &Caller::internal("test"), "pay", "2.4.1", gate).await.unwrap_err();
        assert!(problem.fix.starts_with(&format!("Did you mean `{meant}`?")), "{}", problem.fix);
    }
    assert!(ask(&stage, 2_001, "deploy:staging").await.is_err(), "nobody named it");
    assert_eq!(asks(), before, "no entry");
    product(&stage, 2_002, json!({ "environments": ["staging"] })).await;
    ask(&stage, 2_003, "deploy:Staging").await.expect("named now");
    stage.clean();
}

/// What goes to staging needs no signature of production's, and no approval that nobody asks for.
#[tokio::test]
async fn the_gate_of_staging_asks_what_staging_needs() {
    let stage = told().await;
    product(&stage, 1_999, json!({ "environments": ["staging"] })).await;
    let answer = ask(&stage, 2_000, "deploy:staging").await.expect("answers");
    assert_eq!((answer["allow"].as_bool(), blockers(&answer)), (Some(true), vec![]), "{answer:#}");
    let answer = ask(&stage, 2_001, "deploy:production").await.expect("answers");
    let production = blockers(&answer);
    for needed in ["certification", "approval", "qa-sign-off", "rollback-target"] {
        assert!(production.contains(&needed), "{needed}: {production:?}");
    }
    // A failed suite keeps both shut.
    let query = format!(
        "product=pay&occurred_at={}&commit={}&name=slow.xml&for=slow",
        at(80).to_string().replace(':', "%3A"),
        sha("merge")
    );
    stage.sender.report(at(2_002), &stage.ci, &query, reports::junit("slow", 20, 2)).await.expect("is kept");
    let answer = ask(&stage, 2_003, "deploy:staging").await.expect("answers");
    assert_eq!((answer["allow"].as_bool(), blockers(&answer)), (Some(false), vec!["tests"]), "{answer:#}");
    stage.clean();
}

/// A check on staging that the criteria ask for is missing as long as nobody made it: it is not awaited for ever.
#[tokio::test]
async fn a_check_on_staging_that_was_never_made_is_missing() {
    let stage = told().await;
    let own = certrail_criteria::STANDARD.replace("name: standard", "name: staged").replace(
        "check: { kind: validation, environment: production, within_hours: 24 }",
        "check: { kind: validation, environment: staging, within_hours: 24 }",
    );
    let system = Caller::internal("test");
    certrail_usecases::put_criteria(&stage.engine, &system, own, certrail_usecases::SettingsRequest::default())
        .await
        .expect("admitted");
    product(&stage, 1_991, json!({ "criteria": "staged" })).await;
    let answer = ask(&stage, 2_000, "certification").await.expect("answers");
    assert!(blockers(&answer).contains(&"post-deployment"), "{answer:#}");
    // Staging itself does not wait for a check on staging.
    let answer = ask(&stage, 2_001, "deploy:staging").await.expect("the criteria name it");
    assert!(!blockers(&answer).contains(&"post-deployment"), "{answer:#}");
    let fact = |kind: &str, more: Value| {
        let mut fact = json!({ "kind": kind, "product": "pay", "release": "2.4.1", "environment": "staging" });
        fact.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        fact
    };
    let deployed = fact("deployment.event", json!({ "id": "7", "state": "succeeded" }));
    stage.sender.call(at(2_002), &stage.ci, "POST", "/api/v1/facts", &deployed).await.expect("is kept");
    let answer = ask(&stage, 2_003, "certification").await.expect("answers");
    assert!(blockers(&answer).contains(&"post-deployment"), "{answer:#}");
    let checked = fact("deployment.validation", json!({ "name": "smoke", "passed": true }));
    stage.sender.call(at(2_004), &stage.ci, "POST", "/api/v1/facts", &checked).await.expect("is kept");
    let answer = ask(&stage, 2_005, "certification").await.expect("answers");
    assert!(!blockers(&answer).contains(&"post-deployment"), "{answer:#}");
    stage.clean();
}

/// Where a deployment says that it went to production, that is one, whatever the product calls it.
#[tokio::test]
async fn what_the_forge_calls_production_is_asked_as_production() {
    let stage = told().await;
    let mut deployed = forge::deployment(REPO, at(2_000), 9, "live", &sha("merge"), &digest("pay 2.4.1"), None);
    deployed["deployment"]["production_environment"] = json!(true);
    stage.sender.github(at(2_000), "deployment", &deployed).await.expect("is kept");
    let answer = ask(&stage, 2_001, "deploy:live").await.expect("is known");
    let open = blockers(&answer);
    assert!(answer["allow"] == false && open.contains(&"certification") && open.contains(&"approval"), "{answer:#}");
    stage.clean();
}
