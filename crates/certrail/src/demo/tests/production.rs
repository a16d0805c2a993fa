//! What is production is the product's word, and each environment has a gate of its own.

use super::*;

/// The finished evidence of 2.4.1, with a product that has these production environments.
async fn with_production(environments: &[&str]) -> Stage {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    set_production(&stage, 1_900, environments).await;
    stage
}

async fn set_production(stage: &Stage, minute: i64, environments: &[&str]) {
    let body = json!({ "production": environments });
    let answer = stage.sender.call(at(minute), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &body).await;
    let answer = answer.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(answer["repositories"], json!([REPO]), "what is not named stays");
}

/// The state of 2.4.1, and whether it is on record as ungated.
fn standing(stage: &Stage) -> (String, bool) {
    let release = find_release(&stage.engine, "pay", "2.4.1").expect("cut").release;
    (release.state.name().to_owned(), release.ungated)
}

fn deployed(minute: i64, environment: &str, build: &str) -> Step {
    let merge = sha("merge");
    let mut event =
        forge::deployment(REPO, at(minute), minute as u64, environment, &merge, &digest(build), Some("success"));
    event["deployment"]["production_environment"] = json!(false);
    Step::Hook("deployment_status", event)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_to_production_as_the_product_had_it_when_it_was_heard() {
    let early = with_production(&["live"]).await;
    send(&early, at(2_000), &deployed(2_000, "live", "pay 2.4.1")).await;
    assert_eq!(standing(&early), ("shipped".into(), true));
    let late = with_production(&["production"]).await;
    send(&late, at(2_000), &deployed(2_000, "live", "pay 2.4.1")).await;
    assert_eq!(standing(&late), ("cut".into(), false));
    // Later edits neither hurt nor heal what was heard; what is heard from then on goes by them.
    set_production(&late, 2_010, &["live"]).await;
    assert_eq!(standing(&late), ("cut".into(), false));
    send(&late, at(2_015), &deployed(2_015, "live", "pay 2.4.1")).await;
    assert_eq!(standing(&late), ("shipped".into(), true));
    set_production(&late, 2_020, &["production"]).await;
    assert_eq!(standing(&late), ("shipped".into(), true));
    let report = certrail_usecases::fsck(&late.engine).expect("reads");
    assert_eq!(report.faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_build_of_the_certified_commit_is_on_record_as_ungated() {
    let stage = with_production(&["production", "prod-us"]).await;
    decide(&stage).await;
    assert_eq!(standing(&stage), ("shipped".into(), false));
    send(&stage, at(3_000), &deployed(3_000, "prod-us", "rebuilt by hand")).await;
    assert_eq!(standing(&stage), ("shipped".into(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authors_yes_opens_no_gate_that_another_environments_approval_left_shut() {
    let stage = with_production(&["production", "prod-us"]).await;
    decide(&stage).await; // certified, and approved for `production` by somebody separate
    let ask = async |minute: i64| {
        let path = "/api/v1/products/pay/releases/2.4.1/gates/deploy:prod-us";
        let answer = stage.sender.call(at(minute), &stage.tokens["anna"], "POST", path, &Value::Null).await;
        answer.unwrap_or_else(|e| panic!("{e}"))
    };
    let shut = ask(3_000).await;
    assert_eq!(shut["allow"], false, "{shut:#}");
    let review = json!({
        "action": "approved", "approver": forge::user("dana"), "comment": "fine", "workflow_job_runs": [{ "environment": "prod-us" }],
        "workflow_run": { "id": 99, "head_sha": sha("merge"), "updated_at": at(3_001).to_string() },
        "sender": forge::user("dana"), "repository": { "full_name": REPO },
    });
    send(&stage, at(3_001), &Step::Hook("deployment_review", review)).await;
    let shut = ask(3_002).await;
    assert_eq!(shut["allow"], false, "{shut:#}");
    let say = async |minute: i64, verdict: &str, environment: &str| {
        let approval = json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "meaning": "approval", "environment": environment, "verdict": verdict });
        let told = stage.sender.call(at(minute), &stage.tokens["priya"], "POST", "/api/v1/facts", &approval).await;
        told.unwrap_or_else(|e| panic!("{e}"))["ack"]["warnings"].clone()
    };
    // A slip of the pen approves nothing, and whoever made it is told so.
    let misspelt = say(3_003, "approved", "prdo-us").await;
    let said = "prdo-us is no production of pay, which is production, prod-us: no deployment to production is approved by this.";
    assert_eq!(misspelt, json!([said]));
    assert_eq!(ask(3_003).await["allow"], false);
    assert_eq!(say(3_003, "approved", "Prod-US").await, json!([]));
    let open = ask(3_004).await;
    assert_eq!(open["allow"], true, "{open:#}");
    // A no is one however it is spelt.
    say(3_005, "rejected", "PROD-us").await;
    assert_eq!(ask(3_006).await["allow"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_joins_a_product_is_collected_from_at_once() {
    let stage = stage().await;
    let put = async |minute: i64, repositories: &[&str]| {
        let body = json!({ "repositories": repositories });
        let put = stage.sender.call(at(minute), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &body).await;
        put.unwrap_or_else(|e| panic!("{e}"));
    };
    // An open change of a repository speaks of nothing but the branch it wants to go to.
    let change = |minute: i64, number: u64| {
        let head = sha(&format!("head {number}"));
        let repo = "acme/pay-web";
        let pull = Pull { repo, number, title: "more", author: "dana", branch: "more", head: &head, merge: None };
        forge::pull_request(at(minute), "opened", &pull, "dana")
    };
    let waits = |stage: &Stage| unbound_queue(&stage.engine, &Caller::internal("test"), None, 10).expect("reads").1;
    put(1, &[REPO, "acme/pay-web"]).await;
    send(&stage, at(2), &Step::Hook("pull_request", change(2, 7))).await;
    assert_eq!(waits(&stage), 0, "bound to the open release");
    put(3, &[REPO]).await;
    send(&stage, at(4), &Step::Hook("pull_request", change(4, 8))).await;
    assert_eq!(waits(&stage), 2, "nobody's repository any more, and what came from it before has left with it");
    let report = certrail_usecases::fsck(&stage.engine).expect("reads");
    assert_eq!(report.faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_takes_the_same_release_out_in_whatever_order_it_is_told() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let stage = with_production(&["production"]).await;
        let deploy = async |received: i64, at_minute: i64, release: &str| {
            let value = json!({ "kind": "deployment.event", "product": "pay", "release": release, "id": at_minute.to_string(), "environment": "production", "state": "succeeded", "occurred_at": at(at_minute).to_string() });
            send(&stage, at(received), &Step::Fact(value)).await;
        };
        let states = || {
            ["2.4.0", "2.4.1"]
                .map(|v| find_release(&stage.engine, "pay", v).expect("cut").release.state.name().to_owned())
        };
        let told = [(2_000, "2.4.0"), (2_100, "2.4.1"), (2_200, "2.4.0")];
        for (n, i) in (0..).zip(order) {
            let (minute, release) = told[i];
            deploy(3_000 + n, minute, release).await;
        }
        assert_eq!(states(), ["shipped", "rolled_back"], "{order:?}");
        // Told a second time, of another region: it takes back one release, not two.
        deploy(3_010, 2_201, "2.4.0").await;
        assert_eq!(states(), ["shipped", "rolled_back"], "{order:?}");
        // And the later one may go out again.
        deploy(3_020, 2_300, "2.4.1").await;
        assert_eq!(states(), ["shipped", "shipped"], "{order:?}");
        let report = certrail_usecases::fsck(&stage.engine).expect("reads");
        assert_eq!(report.faults, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_in_one_region_takes_nothing_out_of_another() {
    let told = [(2_000, "2.4.0", "us"), (2_100, "2.4.1", "eu"), (2_200, "2.4.0", "us"), (2_200, "2.4.0", "eu")];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let stage = with_production(&["us", "eu"]).await;
        let deploy = async |received: i64, i: usize| {
            let (minute, release, environment): (i64, &str, &str) = told[i];
            let value = json!({ "kind": "deployment.event", "product": "pay", "release": release, "id": i.to_string(), "environment": environment, "state": "succeeded", "occurred_at": at(minute).to_string() });
            send(&stage, at(received), &Step::Fact(value)).await;
        };
        let state = || find_release(&stage.engine, "pay", "2.4.1").expect("cut").release.state.name().to_owned();
        for (n, i) in (0..).zip(order) {
            deploy(3_000 + n, i).await;
        }
        assert_eq!(state(), "shipped", "{order:?}");
        deploy(3_010, 3).await;
        assert_eq!(state(), "rolled_back", "{order:?}");
    }
}

/// A pipeline tells of a deployment, at a time of its choosing.
async fn told(stage: &Stage, minute: i64, id: &str, state: &str, occurred: i64) {
    told_of(stage, minute, ("production", id, "pay 2.4.1"), state, occurred).await;
}

async fn told_of(stage: &Stage, minute: i64, (environment, id, build): (&str, &str, &str), state: &str, occurred: i64) {
    let body = json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1", "id": id, "environment": environment,
        "state": state, "digests": [digest(build)], "occurred_at": at(occurred).to_string() });
    let answer = stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", &body).await;
    answer.unwrap_or_else(|e| panic!("{e}"));
}

/// A pipeline whose clock is wrong says that a deployment happened before the evidence came: what came later is too late. It puts
/// the time right, by telling it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_told_time_of_a_deployment_is_put_right() {
    let stage = with_production(&["production"]).await;
    decide(&stage).await;
    let shut = || verdicts(&stage).iter().filter(|v| v.contains(" failed") || v.contains(" missing")).count();
    assert_eq!(shut(), 0, "{:#?}", verdicts(&stage));
    told(&stage, 2_100, "run 7", "succeeded", 10).await;
    assert_eq!(standing(&stage), ("shipped".into(), true));
    assert!(shut() > 5, "{:#?}", verdicts(&stage));
    // A word about another of its states is no word about this one.
    told(&stage, 2_101, "run 7", "failed", 10).await;
    assert_eq!(standing(&stage), ("shipped".into(), true));
    told(&stage, 2_102, "run 7", "succeeded", 2_099).await;
    assert_eq!(standing(&stage), ("shipped".into(), false));
    // The check of this deployment is still due.
    assert_eq!(shut(), 1, "{:#?}", verdicts(&stage));
    stage.clean();
}

/// What was deployed without a decision is not told into a time after the decision.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_without_a_decision_is_not_told_to_have_come_later() {
    let stage = with_production(&["production"]).await;
    told(&stage, 1_960, "run 7", "succeeded", 1_959).await;
    assert_eq!(standing(&stage), ("shipped".into(), true));
    for (minute, state, occurred) in
        [(1_970, "succeeded", 1_969), (1_971, "started", 1_970), (1_972, "succeeded", 2_050), (1_973, "failed", 1_959)]
    {
        told(&stage, minute, "run 7", state, occurred).await;
        assert_eq!(standing(&stage), ("shipped".into(), true), "{state} at {occurred}");
        let shipped = find_release(&stage.engine, "pay", "2.4.1").expect("cut").release.shipped_at.expect("shipped");
        assert!(shipped <= at(1_960), "it was told at 1,960: {shipped}");
    }
    stage.clean();
}

/// One word about a deployment names another artefact than what was certified: the release and its requirement agree that it was
/// not certified.
#[tokio::test(flavor = "multi_thread")]
async fn any_word_about_a_deployment_says_what_it_deploys() {
    let stage = with_production(&["production"]).await;
    decide(&stage).await;
    told_of(&stage, 2_100, (" Production ", "a/b", "pay 2.4.1"), "succeeded", 2_100).await;
    assert_eq!(standing(&stage), ("shipped".into(), false));
    told_of(&stage, 2_101, ("production", "a/b", "rebuilt by hand"), "failed", 2_101).await;
    assert_eq!(standing(&stage), ("shipped".into(), true));
    let first = verdicts(&stage).into_iter().find(|v| v.starts_with("certified-first")).expect("judged");
    assert!(first.starts_with("certified-first failed"), "{first}");
    stage.clean();
}

/// Nothing ships at a time that has not come.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_claims_the_future_ships_nothing() {
    let stage = with_production(&["production"]).await;
    told(&stage, 1_960, "run 7", "succeeded", 40_000).await;
    assert_eq!(standing(&stage), ("cut".into(), false));
    told(&stage, 1_962, "run 7", "succeeded", 1_962).await;
    assert_eq!(standing(&stage), ("shipped".into(), true));
    // It was out when we were first told, whatever time that named.
    let shipped = find_release(&stage.engine, "pay", "2.4.1").expect("cut").release.shipped_at.expect("shipped");
    assert!(shipped < at(1_962), "{shipped}");
    stage.clean();
}

/// A pipeline numbers its run and deploys with it to staging, then to production.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_deploys_twice_is_two_deployments() {
    let stage = with_production(&["production"]).await;
    told_of(&stage, 1_960, ("staging", "run 7", "pay 2.4.1"), "succeeded", 1_960).await;
    assert_eq!(standing(&stage), ("cut".into(), false));
    decide(&stage).await;
    told_of(&stage, 2_100, ("production", "run 7", "pay 2.4.1"), "succeeded", 2_100).await;
    assert_eq!(standing(&stage), ("shipped".into(), false));
    let first = verdicts(&stage).into_iter().find(|v| v.starts_with("certified-first")).expect("judged");
    assert!(first.starts_with("certified-first passed"), "{first}");
    stage.clean();
}

/// A deployment that somebody tells of decides nothing: the release can still be certified, which is marked as late, and that it
/// went out without a decision stays.
#[tokio::test]
async fn what_is_certified_after_it_went_out_is_marked_late_and_stays_ungated() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let call = async |minute: i64, who: &str, path: &str, body: Value| {
        stage.sender.call(at(minute), who, "POST", path, &body).await.unwrap_or_else(|e| panic!("{e}"))
    };
    let (anna, priya) = (&stage.tokens["anna"], &stage.tokens["priya"]);
    let ask = json!({ "product": "pay", "release": "2.4.1", "requirement": "rollback-target",
        "reason": "First release: nothing to go back to.", "expires_at": at(60 * 24 * 20).to_string() });
    let asked = call(2_000, anna, "/api/v1/exceptions", ask).await;
    let id = asked["id"].as_str().expect("an id");
    call(2_001, priya, &format!("/api/v1/exceptions/{id}/approve"), Value::Null).await;
    let signed = json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "meaning": "qa", "verdict": "approved" });
    call(2_002, priya, "/api/v1/facts", signed).await;
    let told = json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1", "environment": "production", "id": "1",
        "state": "succeeded" });
    call(2_010, &stage.ci, "/api/v1/facts", told).await;
    let release = || find_release(&stage.engine, "pay", "2.4.1").expect("is there").release;
    assert_eq!((release().state.name(), release().ungated), ("shipped", true));
    // What is learned after a deployment that was told with an early time is not hidden by it.
    let suite = async |minute: i64, failures: u64| {
        let when = at(minute).to_string().replace(':', "%3A");
        let query = format!("product=pay&occurred_at={when}&commit={}&name=late.xml&for=late", sha("merge"));
        stage
            .sender
            .report(at(minute), &stage.ci, &query, reports::junit("late", 20, failures))
            .await
            .expect("is kept");
    };
    suite(2_015, 2).await;
    let path = "/api/v1/products/pay/releases/2.4.1/certify";
    let refused = stage.sender.call(at(2_016), anna, "POST", path, &json!({})).await.unwrap_err().to_string();
    assert!(refused.contains("requirements-open"), "{refused}");
    suite(2_017, 0).await;
    call(2_020, anna, path, json!({})).await;
    let now = release();
    assert_eq!((now.state.name(), now.ungated, now.certified_at.is_some()), ("shipped", true, true));
    let lines = release_view(&stage.engine, "pay", "2.4.1").expect("a page").dossier.lines.join("\n");
    assert!(lines.contains("after it had gone to production") && lines.contains("without a valid decision"), "{lines}");
    let again =
        stage.sender.call(at(2_030), anna, "POST", "/api/v1/products/pay/releases/2.4.1/certify", &json!({})).await;
    assert!(again.unwrap_err().to_string().contains("already-decided"));
    stage.clean();
}
