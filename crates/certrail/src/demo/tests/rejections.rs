//! A release is decided against: rejected, or its certification withdrawn. Every gate to production says no, with who and why, and
//! what happened before stays as it was.

use certrail_domain::{Release, ReleaseState};

use super::*;

async fn told(stage: &Stage) {
    for (minute, step) in steps() {
        send(stage, at(minute), &step).await;
    }
}

async fn says(stage: &Stage, minute: i64, who: &str, verb: &str, body: Value) -> Result<Value, String> {
    let path = format!("/api/v1/products/pay/releases/2.4.1/{verb}");
    let told = stage.sender.call(at(minute), &stage.tokens[who], "POST", &path, &body).await;
    told.map_err(|e| e.to_string())
}

async fn rejects(stage: &Stage, minute: i64) -> Result<Value, String> {
    says(stage, minute, "anna", "reject", json!({ "reason": "It loses every second payment." })).await
}

fn release(stage: &Stage) -> Release {
    find_release(&stage.engine, "pay", "2.4.1").expect("cut").release
}

/// Whether the gate of production opens, and what stands first against it.
async fn production(stage: &Stage, minute: i64) -> (bool, String) {
    let answer = says(stage, minute, "anna", "gates/deploy:production", Value::Null).await.expect("answers");
    (answer["allow"] == true, answer["blockers"][0]["sentence"].as_str().unwrap_or_default().to_owned())
}

async fn deployed(stage: &Stage, minute: i64, id: u64) {
    let (merge, image) = (sha("merge"), digest("pay 2.4.1"));
    let event = forge::deployment(REPO, at(minute), id, "production", &merge, &image, Some("success"));
    send(stage, at(minute), &Step::Hook("deployment_status", event)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_certified_and_withdrawn_goes_out_no_more() {
    let stage = stage().await;
    told(&stage).await;
    decide(&stage).await;
    let (certified, went_out) = (release(&stage), production(&stage, 2_990).await);
    assert!(went_out.0, "{went_out:?}");
    let too_short = says(&stage, 2_991, "anna", "reject", json!({ "reason": "no" })).await.unwrap_err();
    assert!(too_short.contains("fewer than 20"), "{too_short}");
    let not_theirs = says(&stage, 2_992, "vera", "reject", json!({ "reason": "It loses every second payment." })).await;
    assert!(not_theirs.is_err());
    rejects(&stage, 3_000).await.expect("withdrawn");
    let now = release(&stage);
    assert!(now.decided_against.as_ref().is_some_and(|a| a.withdrew), "{now:?}");
    assert_eq!((now.shipped_at, now.ungated), (certified.shipped_at, certified.ungated), "what happened stays");
    let (open, why) = production(&stage, 3_001).await;
    assert!(
        !open && why.contains("anna withdrew its certification on") && why.contains("every second payment"),
        "{why}"
    );
    let view = certrail_usecases::release_view(&stage.engine, "pay", "2.4.1").expect("seen");
    assert!(
        view.dossier.notices.iter().any(|n| n.contains("withdrew its certification")),
        "{:?}",
        view.dossier.notices
    );
    assert_eq!(view.dossier.standing, "Rejected");
    // Deployed all the same, it is on record as ungated.
    deployed(&stage, 3_010, 99).await;
    assert!(release(&stage).ungated);
    assert!(rejects(&stage, 3_011).await.unwrap_err().contains("already"));
    stage.clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rejected_may_be_certified_and_both_stand_on_record() {
    let stage = stage().await;
    told(&stage).await;
    let new = rejects(&stage, 1_000).await.expect("rejected");
    assert_eq!((&new["state"], release(&stage).state), (&json!("rejected"), ReleaseState::Rejected));
    let (open, why) = production(&stage, 1_001).await;
    assert!(!open && why.contains("anna rejected it on"), "{why}");
    let answer = says(&stage, 1_002, "anna", "gates/certification", Value::Null).await.expect("answers");
    assert_eq!(answer["blockers"][0]["requirement"], "certification", "{answer:#}");
    let answer = says(&stage, 1_003, "anna", "gates/quality", Value::Null).await.expect("answers");
    assert_eq!(answer["allow"], true, "{answer:#}");
    // Approved and signed off, it is certified after all.
    decide(&stage).await;
    let now = release(&stage);
    assert!(now.decided_against.is_none() && now.certified_at.is_some(), "{now:?}");
    let view = certrail_usecases::release_view(&stage.engine, "pay", "2.4.1").expect("seen");
    let kinds: Vec<&str> = view.dossier.decisions.iter().map(|d| d.kind.as_str()).collect();
    assert_eq!(kinds, ["rejection", "certification"]);
    stage.clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_takes_its_place_is_one_that_is_cut() {
    let stage = stage().await;
    told(&stage).await;
    let reason = "The next version brings the same, whole.";
    for wrong in ["2.4.1", "9.9", "next", ""] {
        let refused = says(&stage, 2_000, "anna", "reject", json!({ "reason": reason, "superseded_by": wrong })).await;
        assert!(refused.is_err(), "{wrong}");
    }
    let merge = sha("merge");
    send(&stage, at(2_001), &Step::Hook("push", forge::tag(REPO, at(2_001), "v2.4.2", &merge, "olaf"))).await;
    let body = json!({ "reason": reason, "superseded_by": "v2.4.2" });
    let new = says(&stage, 2_002, "anna", "reject", body).await.expect("superseded");
    assert_eq!((&new["state"], &new["decided_against"]["superseded_by"]), (&json!("superseded"), &json!("2.4.2")));
    assert!(production(&stage, 2_003).await.1.contains("in favour of 2.4.2"));
    stage.clean();
}

/// What was certified and withdrawn before it went out ends no range: what it brought is judged with the next one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_before_it_went_out_ends_no_range() {
    let stage = stage().await;
    told(&stage).await;
    certified(&stage).await;
    let (merge, next) = (sha("merge"), sha("next"));
    let commits = [(next.clone(), "olaf".to_owned(), "More".to_owned())];
    let pushed = forge::push(REPO, at(2_100), "main", Some(&merge), &commits, "olaf");
    send(&stage, at(2_100), &Step::Hook("push", pushed)).await;
    send(&stage, at(2_101), &Step::Hook("push", forge::tag(REPO, at(2_101), "v2.4.2", &next, "olaf"))).await;
    let later = || find_release(&stage.engine, "pay", "2.4.2").expect("cut").release;
    assert_eq!(later().bases.iter().filter_map(|b| b.version.as_deref()).collect::<Vec<_>>(), ["2.4.1"]);
    rejects(&stage, 2_200).await.expect("withdrawn");
    assert_eq!(later().includes, ["2.4.1"], "{:?}", later());
    stage.clean();
}

/// Whoever looked at a page decides on what was on it.
#[tokio::test(flavor = "multi_thread")]
async fn what_joins_after_somebody_looked_is_not_decided_on() {
    let stage = stage().await;
    told(&stage).await;
    let looked = stage.engine.head().size();
    let told = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1", "repository": REPO,
        "commit": sha("merge"), "digests": [digest("pay 2.4.1"), digest("another")] });
    stage.sender.call(at(2_000), &stage.ci, "POST", "/api/v1/facts", &told).await.expect("is kept");
    assert_eq!(release(&stage).digests.len(), 2);
    let refused = says(&stage, 2_001, "anna", "certify", json!({ "seen": looked })).await.unwrap_err();
    assert!(refused.contains("another artefact than when you looked"), "{refused}");
    let sign = |seen: u64| {
        json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "environment": "production",
            "meaning": "approval", "verdict": "approved", "seen": seen })
    };
    let approve = async |minute: i64, seen: u64| {
        let sent = stage.sender.call(at(minute), &stage.tokens["priya"], "POST", "/api/v1/facts", &sign(seen)).await;
        sent.unwrap_or_else(|e| panic!("{e}"));
        let answer = says(&stage, minute, "anna", "gates/deploy:production", Value::Null).await.expect("answers");
        answer["blockers"].to_string()
    };
    let before = approve(2_002, looked).await;
    assert!(before.contains("Approval for production"), "{before}");
    let after = approve(2_003, stage.engine.head().size()).await;
    assert!(!after.contains("Approval for production"), "{after}");
    stage.clean();
}

/// A final version that is cut at the commit of a candidate which ran before is not what ran then.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_candidate_was_deployed_as_is_not_the_final_versions_own() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    decide(&stage).await;
    let (merge, image) = (sha("merge"), digest("pay 2.4.1"));
    let told = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1-final", "repository": REPO,
        "commit": merge, "digests": [image] });
    stage.sender.call(at(3_000), &stage.ci, "POST", "/api/v1/facts", &told).await.expect("is kept");
    let later = || find_release(&stage.engine, "pay", "2.4.1-final").expect("cut").release;
    assert_eq!((later().state, later().ungated), (ReleaseState::Cut, false));
    // Nor is what goes out from then on, as long as it names neither and one of them stands certified.
    deployed(&stage, 3_010, 77).await;
    assert_eq!((later().state, later().ungated), (ReleaseState::Cut, false));
    // What names the final version is its own, and nobody decided on it; nobody's word makes the candidate ungated.
    let named = json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1-final", "id": "78",
        "environment": "production", "state": "succeeded" });
    stage.sender.call(at(3_020), &stage.ci, "POST", "/api/v1/facts", &named).await.expect("is kept");
    assert!(!find_release(&stage.engine, "pay", "2.4.1").expect("cut").release.ungated);
    assert_eq!((later().state, later().ungated), (ReleaseState::Shipped, true));
    stage.clean();
}
