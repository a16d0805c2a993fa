//! What one product owns takes nothing away from another, and what a person binds has all that follows from it.

use super::*;

/// A second product of the same repository, with a release 1.0.0 at the same commit.
async fn web(stage: &Stage) {
    let made = json!({ "repositories": [REPO], "tag_pattern": "web-v{version}" });
    stage.sender.call(at(80), &stage.tokens["olaf"], "PUT", "/api/v1/products/web", &made).await.expect("a product");
    let tag = forge::tag(REPO, at(81), "web-v1.0.0", &sha("merge"), "dana");
    stage.sender.github(at(81), "push", &tag).await.expect("tagged");
}

fn kinds(stage: &Stage, product: &str, version: &str) -> Vec<&'static str> {
    let stored = find_release(&stage.engine, product, version).expect("is there");
    let judged = judge(&stage.engine, &stored).expect("judged");
    judged.seen.evidence.iter().map(|e| e.signal.facts.kind()).collect()
}

#[tokio::test]
async fn a_digest_that_one_product_owns_takes_no_evidence_from_another() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    web(&stage).await;
    // The image is one of pay by its bill of materials; what the forge deployed of that commit is of web all the same.
    let (merge, image) = (sha("merge"), digest("pay 2.4.1"));
    let told = forge::deployment(REPO, at(100), 9, "staging", &merge, &image, None);
    stage.sender.github(at(100), "deployment", &told).await.expect("is kept");
    for (product, version) in [("pay", "2.4.1"), ("web", "1.0.0")] {
        assert!(kinds(&stage, product, version).contains(&"deployment.event"), "{product}");
    }
    stage.clean();
}

/// What somebody says of a release of one product they say of no other, though both are cut at one commit.
#[tokio::test]
async fn a_signature_under_one_product_is_none_under_another() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    web(&stage).await;
    let signed = json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "meaning": "qa", "verdict": "approved" });
    stage.sender.call(at(2_000), &stage.tokens["priya"], "POST", "/api/v1/facts", &signed).await.expect("is kept");
    assert!(kinds(&stage, "pay", "2.4.1").contains(&"deployment.approval"));
    assert!(!kinds(&stage, "web", "1.0.0").contains(&"deployment.approval"));
    stage.clean();
}

#[tokio::test]
async fn a_deployment_that_a_person_binds_ships() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    // The forge deployed a commit that no release owns yet.
    let (other, image) = (sha("nobody's"), digest("nobody's"));
    for (minute, state) in [(2_000, None), (2_001, Some("success"))] {
        let event = if state.is_some() { "deployment_status" } else { "deployment" };
        let told = forge::deployment(REPO, at(minute), 9, "production", &other, &image, state);
        stage.sender.github(at(minute), event, &told).await.expect("is kept");
    }
    let (waiting, _) = unbound_queue(&stage.engine, &Caller::internal("test"), None, 100).expect("a queue");
    let state = || find_release(&stage.engine, "pay", "2.4.1").expect("is there").release.state.name();
    assert_eq!(state(), "cut");
    for item in waiting {
        let id = serde_json::to_value(&item).expect("reads")["id"].as_str().expect("an id").to_owned();
        let target = json!({ "product": "pay", "release": "2.4.1" });
        let path = format!("/api/v1/unbound/{id}/bind");
        stage
            .sender
            .call(at(2_010), &stage.tokens["anna"], "POST", &path, &target)
            .await
            .unwrap_or_else(|e| panic!("{e}"));
    }
    assert_eq!(state(), "shipped");
    stage.clean();
}
