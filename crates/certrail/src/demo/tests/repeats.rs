//! Facts repeat: what is sent again is another fact, unless its sender says that it is the same delivery.

use super::*;

/// How a requirement on 2.4.1 stands: its verdict and sentence.
fn standing(stage: &Stage, id: &str) -> (String, String) {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let found = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("there");
    (found.verdict.to_string(), found.sentence.clone())
}

fn verdict(stage: &Stage, id: &str) -> String {
    standing(stage, id).0
}

/// Failed, passed, and failed again with the same bytes: the third is no copy of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_comes_again_counts_again() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let query = format!("product=pay&commit={}&name=junit.xml&for=unit", sha("merge"));
    let send = async |key: &str, minute: i64, failing: u64| {
        let bytes = reports::junit("unit", 20, failing);
        stage.sender.report_under(key, at(minute), &stage.ci, &query, bytes).await
    };
    let first = send("a", 100, 1).await.expect("taken");
    assert_eq!(verdict(&stage, "tests"), "failed");
    send("b", 101, 0).await.expect("taken");
    assert_eq!(verdict(&stage, "tests"), "passed");
    let third = send("c", 102, 1).await.expect("taken");
    assert_eq!((&third["repeats"], &third["duplicate"]), (&first["index"], &json!(false)));
    assert_eq!(verdict(&stage, "tests"), "failed");
    // A retry of the second under its key is the second, and moves nothing.
    let retried = send("b", 103, 0).await.expect("taken");
    assert_eq!(retried["duplicate"], true);
    assert_eq!(verdict(&stage, "tests"), "failed");
    // As is the same body for something else.
    let integration = query.replace("for=unit", "for=integration");
    let bytes = reports::junit("unit", 20, 0);
    let refused = stage.sender.report_under("b", at(104), &stage.ci, &integration, bytes).await;
    assert!(refused.unwrap_err().to_string().contains("delivery-changed"));
    // Another body under a key that was used is refused, and somebody else's key of the same name is another key.
    assert!(send("b", 104, 1).await.unwrap_err().to_string().contains("409"));
    let other = create_token(&stage.engine, &Caller::internal("test"), NewToken::pipeline("other", &["pay"]))
        .await
        .unwrap()
        .secret;
    let taken =
        stage.sender.report_under("b", at(105), &other, &query, reports::junit("unit", 20, 0)).await.expect("taken");
    assert_eq!(taken["duplicate"], false);
    for bad in ["", " ", "\"\"", &"x".repeat(201)] {
        let refused = stage.sender.report_under(bad, at(106), &stage.ci, &query, reports::junit("unit", 20, 0)).await;
        assert!(refused.unwrap_err().to_string().contains("Idempotency-Key"), "{bad:?}");
    }
    assert_eq!(certrail_usecases::fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}

/// Run, job and shard say which set a report belongs to, and nothing about whether it is another: that is what keys are for.
#[tokio::test(flavor = "multi_thread")]
async fn shards_with_the_same_bytes_are_two_reports() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let query = |shard: &str| {
        format!(
            "product=pay&commit={}&name=s.xml&for=e2e&run=77&attempt=2&job=test&step=e2e&shard={shard}",
            sha("merge")
        )
    };
    let send = async |key: &str, shard: &str| {
        let bytes = reports::junit("e2e", 5, 0);
        stage.sender.report_under(key, at(100), &stage.ci, &query(shard), bytes).await
    };
    let first = send("one", "1/2").await.expect("taken");
    let second = send("two", "2/2").await.expect("taken");
    assert_ne!(first["index"], second["index"]);
    assert_eq!((&second["duplicate"], &second["repeats"]), (&json!(false), &first["index"]));
    for (answer, shard) in [(&first, "1/2"), (&second, "2/2")] {
        let path = format!("/api/v1/evidence/{}", answer["id"].as_str().expect("an id"));
        let shown = stage.sender.call(at(101), &stage.tokens["vera"], "GET", &path, &Value::Null).await.expect("there");
        let part = json!({ "run": "77", "attempt": 2, "job": "test", "step": "e2e", "shard": shard });
        assert_eq!(shown["signal"]["part"], part, "{shown:#}");
    }
    // Another shard under a key that was used is no retry of it.
    assert!(send("one", "2/2").await.unwrap_err().to_string().contains("delivery-changed"));
    stage.clean();
}

/// A report about an artefact that hundreds of releases have belongs to all of them: its entry, its receipt and their dossiers
/// hold, however many labels it needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_what_hundreds_of_releases_share_is_one_entry() {
    let stage = stage().await;
    let image = digest("shared by all");
    for n in 0..150 {
        let cut = json!({ "kind": "release.manifest", "product": "pay", "version": format!("9.{n}.0"),
            "commit": sha(&format!("cut {n}")), "digests": [image] });
        stage.sender.call(at(n), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("cut");
    }
    let query = format!("product=pay&digest={image}&name=trivy.sarif");
    let taken = stage.sender.report_under("one", at(200), &stage.ci, &query, reports::sarif("Trivy", "1", &[])).await;
    let taken = taken.expect("taken");
    assert_eq!(taken["bound"].as_array().map(Vec::len), Some(150));
    let index = taken["index"].as_u64().expect("an entry");
    let receipt = certrail_usecases::receipt(&stage.engine, &stage.engine.head(), index).expect("a receipt");
    receipt.verify(stage.engine.head().key.verifier()).expect("holds");
    for version in ["9.0.0", "9.149.0"] {
        let made = crate::dossier_files::made(&stage.engine, "pay", version, certrail_usecases::Renderer::None).await;
        let made = made.unwrap_or_else(|f| panic!("{f:?}"));
        let checked = certrail_usecases::verify_dossier(&made.json, None);
        assert!(checked.genuine(), "{version}: {checked:#?}");
    }
    stage.clean();
}

/// The same delivery by two connections at once is one entry: that is decided where it is written.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_delivery_at_once_is_one() {
    let stage = stage().await;
    let query = format!("product=pay&commit={}&name=j.xml&for=unit", sha("root"));
    for n in 0..10 {
        let key = format!("key {n}").replace(' ', "-");
        let send = || stage.sender.report_under(&key, at(n), &stage.ci, &query, reports::junit("unit", 3, 0));
        let (a, b, c) = tokio::join!(send(), send(), send());
        let all = [a.expect("taken"), b.expect("taken"), c.expect("taken")];
        assert!(all.iter().all(|x| x["index"] == all[0]["index"]), "{all:#?}");
        assert_eq!(all.iter().filter(|x| x["duplicate"] == json!(false)).count(), 1, "{all:#?}");
    }
    stage.clean();
}

/// The forge's own redelivery under a fresh id is one fact: an approval that was taken back stays taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_is_told_twice_counts_once() {
    let stage = stage().await;
    let mut approved = Value::Null;
    for (minute, step) in steps() {
        if let Step::Hook("pull_request_review", value) = &step {
            approved = value.clone();
        }
        send(&stage, at(minute), &step).await;
    }
    let review = || verdict(&stage, "code-review");
    assert_eq!(review(), "passed");
    let mut dismissed = approved.clone();
    dismissed["action"] = json!("dismissed");
    dismissed["review"]["state"] = json!("dismissed");
    stage.sender.github(at(110), "pull_request_review", &dismissed).await.expect("taken");
    assert_eq!(review(), "missing");
    // The same body under a delivery id of its own: kept, and no new approval.
    stage.sender.github(at(111), "pull_request_review", &approved).await.expect("taken");
    assert_eq!(review(), "missing");
}

/// The forge's approval of a deployment, sent again under another delivery id, takes back no refusal.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_was_seen_is_no_second_one() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let verdict = || {
        let (verdict, sentence) = standing(&stage, "deployment-approval");
        format!("{verdict} {sentence}")
    };
    let review = |action: &str| {
        json!({ "action": action, "approver": forge::user("tom"), "environment": "production",
            "workflow_run": { "id": 5, "head_sha": sha("merge"), "run_attempt": 1 }, "sender": forge::user("tom"),
            "repository": { "full_name": REPO } })
    };
    let hook = async |minute: i64, action: &str| {
        stage.sender.github(at(minute), "deployment_review", &review(action)).await.expect("taken");
        verdict()
    };
    let passed = hook(3_000, "approved").await;
    assert!(passed.starts_with("passed"), "{passed}");
    let refused = hook(3_001, "rejected").await;
    assert!(!refused.starts_with("passed"), "{refused}");
    assert_eq!(hook(3_002, "approved").await, refused);
    stage.clean();
}

/// A scan with a finding, a clean one, and the first one again in the same bytes: the finding is there again.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_comes_again_finds_again() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let query = format!("product=pay&commit={}&name=codeql.sarif", sha("merge"));
    let found = [("a", "src/a.rs", "error", "one")];
    let scan = async |key: &str, minute: i64, found: &[(&str, &str, &str, &str)]| {
        let bytes = reports::sarif("CodeQL", "2", found);
        stage.sender.report_under(key, at(minute), &stage.ci, &query, bytes).await.expect("taken")
    };
    let open = || {
        let shelves = vec![certrail_usecases::Shelf::Open];
        let wanted = certrail_usecases::FindingsWanted { product: Some("pay".into()), shelves, after: None, limit: 50 };
        certrail_usecases::list_findings(&stage.engine, &Caller::internal("test"), &wanted).expect("lists").len()
    };
    let first = scan("one", 100, &found).await;
    assert_eq!(open(), 1);
    scan("two", 101, &[]).await;
    assert_eq!(open(), 0, "a clean scan of the same tool says that it is gone");
    let third = scan("three", 102, &found).await;
    assert_eq!((&third["repeats"], &third["duplicate"]), (&first["index"], &json!(false)));
    assert_eq!(open(), 1);
    assert_eq!(scan("two", 103, &[]).await["duplicate"], true, "a retry moves nothing");
    assert_eq!(open(), 1);
    stage.clean();
}

/// A work item refused, authorised, and refused again in the same words: the third is a no like the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_work_item_that_is_refused_again_is_refused() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let verdict = || verdict(&stage, "work-item");
    let view = release_view(&stage.engine, "pay", "2.4.1").expect("a page");
    let key = view.dossier.changes[0].tickets[0].clone();
    let ticket = |status: &str, who: Value| json!({ "kind": "requirement.ticket", "product": "pay", "key": key, "title": "x", "status": status, "authorised_by": who });
    let tell = async |minute: i64, token: &str, ticket: &Value| {
        stage.sender.call(at(minute), token, "POST", "/api/v1/facts", ticket).await.expect("told");
        verdict()
    };
    let anna = certrail_usecases::sign_in(&stage.engine, &stage.tokens["anna"]).expect("signed in").actor();
    let (no, yes) = (ticket("rejected", Value::Null), ticket("open", serde_json::to_value(anna).expect("JSON")));
    assert_eq!(tell(3_000, &stage.ci, &no).await, "failed");
    assert_eq!(tell(3_001, &stage.tokens["anna"], &yes).await, "passed");
    assert_eq!(tell(3_002, &stage.ci, &no).await, "failed");
    assert_eq!(tell(3_003, &stage.tokens["anna"], &yes).await, "passed");
    stage.clean();
}
