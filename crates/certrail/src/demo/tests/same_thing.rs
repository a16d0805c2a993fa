//! Signature, report, decision and deployment speak of one thing: what a second round of attacks found, each with its honest twin.

use certrail_domain::Verdict;

use super::*;

async fn told() -> Stage {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    stage
}

fn row(stage: &Stage, version: &str, id: &str) -> (Verdict, String) {
    let stored = find_release(&stage.engine, "pay", version).expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let found = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("is judged");
    (found.verdict, found.sentence.clone())
}

async fn says(
    stage: &Stage,
    minute: i64,
    who: &str,
    (version, verb): (&str, &str),
    body: Value,
) -> Result<Value, String> {
    let path = format!("/api/v1/products/pay/releases/{version}/{verb}");
    let told = stage.sender.call(at(minute), &stage.tokens[who], "POST", &path, &body).await;
    told.map_err(|e| e.to_string())
}

/// What the gate of production says of a version: that it is open, or the first thing against it.
async fn gate(stage: &Stage, minute: i64, version: &str) -> String {
    let answer = says(stage, minute, "anna", (version, "gates/deploy:production"), Value::Null).await.expect("answers");
    match answer["allow"] == true {
        true => "open".to_owned(),
        false => answer["blockers"][0]["sentence"].to_string(),
    }
}

const AGAINST: &str = "It loses every second payment.";

async fn withdraws(stage: &Stage, minute: i64, version: &str, instead: Option<&str>) {
    let body = json!({ "reason": AGAINST, "superseded_by": instead });
    says(stage, minute, "anna", (version, "reject"), body).await.expect("is withdrawn");
}

async fn certifies(stage: &Stage, minute: i64, version: &str) -> Result<Value, String> {
    says(stage, minute, "anna", (version, "certify"), json!({})).await
}

async fn approves(stage: &Stage, minute: i64, version: &str, meaning: &str) {
    let mut said = of_release(meaning, (meaning == "approval").then_some("production"));
    said["release"] = json!(version);
    post(stage, minute, "priya", "/api/v1/facts", said).await;
}

/// A clean report that says itself that it looked at another commit heals nothing, in the rule and in the life of the finding alike.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_something_else_closes_nothing() {
    let stage = told().await;
    let report = async |minute: i64, tool: &str, findings: &[(&str, &str, &str, &str)], looked_at: Option<&str>| {
        let mut sarif: Value = serde_json::from_slice(&reports::sarif(tool, "8", findings)).expect("is JSON");
        if let Some(commit) = looked_at {
            sarif["runs"][0]["versionControlProvenance"] =
                json!([{ "repositoryUri": format!("https://github.com/{REPO}"), "revisionId": commit }]);
        }
        let about = format!("product=pay&commit={}&name={tool}.sarif", sha("merge"));
        stage
            .sender
            .report(at(minute), &stage.ci, &about, serde_json::to_vec(&sarif).expect("JSON"))
            .await
            .expect("kept");
    };
    report(2_000, "gitleaks", &[("generic-api-key", "error", "src/key.rs", "a key")], None).await;
    assert_eq!(row(&stage, "2.4.1", "secret-scan").0, Verdict::Failed);
    report(2_001, "gitleaks", &[], Some(&sha("other"))).await;
    assert_eq!(row(&stage, "2.4.1", "secret-scan").0, Verdict::Indeterminate);
    report(2_002, "trufflehog", &[], None).await;
    let (verdict, why) = row(&stage, "2.4.1", "secret-scan");
    assert_eq!(verdict, Verdict::Failed, "{why}");
    report(2_003, "gitleaks", &[], Some(&sha("merge"))).await;
    let (verdict, why) = row(&stage, "2.4.1", "secret-scan");
    assert_eq!(verdict, Verdict::Passed, "{why}");
    stage.clean();
}

/// A bill of materials of another image is none of this one.
#[tokio::test(flavor = "multi_thread")]
async fn a_bill_of_materials_of_another_image_counts_for_neither() {
    let stage = told().await;
    let image = digest("pay 2.4.1");
    let sends = async |minute: i64, of: &str| {
        let about = format!("product=pay&release=2.4.1&digest={image}&name=sbom.json");
        let bill = reports::cyclonedx("pay", "2.4.1", of);
        stage.sender.report(at(minute), &stage.ci, &about, bill).await.expect("kept");
    };
    sends(2_000, &digest("somebody else's")).await;
    let (verdict, why) = row(&stage, "2.4.1", "sbom");
    assert_eq!(verdict, Verdict::Indeterminate, "{why}");
    sends(2_001, &image).await;
    assert_eq!(row(&stage, "2.4.1", "sbom").0, Verdict::Passed);
    stage.clean();
}

/// A forge knows of no artefact: its approval speaks of what was there when it was given.
#[tokio::test(flavor = "multi_thread")]
async fn a_forges_approval_covers_no_artefact_that_joined_later() {
    let stage = told().await;
    let review = async |minute: i64, run: u64| {
        let review = json!({
            "action": "approved", "approver": forge::user("priya"), "comment": "fine",
            "workflow_job_runs": [{ "environment": "production" }],
            "workflow_run": { "id": run, "head_sha": sha("merge"), "updated_at": at(minute).to_string() },
            "sender": forge::user("priya"), "repository": { "full_name": REPO },
        });
        send(&stage, at(minute), &Step::Hook("deployment_review", review)).await;
    };
    certified(&stage).await;
    review(2_020, 99).await;
    assert_eq!(gate(&stage, 2_021, "2.4.1").await, "open");
    let (image, other) = (digest("pay 2.4.1"), digest("pay-worker 2.4.1"));
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1", "repository": REPO,
        "commit": sha("merge"), "digests": [image, other] });
    stage.sender.call(at(2_030), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
    let when = at(2_031).to_string().replace(':', "%3A");
    let about = format!("product=pay&digest={other}&name=trivy.sarif&database_date={when}");
    stage.sender.report(at(2_031), &stage.ci, &about, reports::sarif("Trivy", "1", &[])).await.expect("kept");
    let about = format!("product=pay&digest={other}&name=sbom.json");
    stage.sender.report(at(2_032), &stage.ci, &about, reports::cyclonedx("w", "2.4.1", &other)).await.expect("kept");
    approves(&stage, 2_033, "2.4.1", "qa").await;
    certifies(&stage, 2_034, "2.4.1").await.expect("certified anew");
    let why = gate(&stage, 2_035, "2.4.1").await;
    assert!(why.contains("names something else than what is released"), "{why}");
    review(2_036, 100).await;
    assert_eq!(gate(&stage, 2_037, "2.4.1").await, "open");
    stage.clean();
}

/// An approval is given to what stood certified: what was withdrawn since is approved anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_from_before_a_withdrawal_opens_nothing() {
    let stage = told().await;
    certified(&stage).await;
    approves(&stage, 2_020, "2.4.1", "approval").await;
    assert_eq!(gate(&stage, 2_021, "2.4.1").await, "open");
    withdraws(&stage, 2_022, "2.4.1", None).await;
    certifies(&stage, 2_030, "2.4.1").await.expect("certified again");
    let why = gate(&stage, 2_031, "2.4.1").await;
    assert!(why.contains("Nobody has approved the deployment to production"), "{why}");
    approves(&stage, 2_032, "2.4.1", "approval").await;
    assert_eq!(gate(&stage, 2_033, "2.4.1").await, "open");
    let notices = release_view(&stage.engine, "pay", "2.4.1").expect("seen").dossier.notices.join(" ");
    assert!(notices.contains("anna had decided against it on") && notices.contains("was certified again"), "{notices}");
    stage.clean();
}

/// What somebody decides against one version of exactly the same speaks of the other, unless that one takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_against_speaks_of_the_same_thing_under_another_name() {
    for instead in [None, Some("2.4.1")] {
        let stage = told().await;
        certified(&stage).await;
        approves(&stage, 2_020, "2.4.1", "approval").await;
        let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1-final", "repository": REPO,
            "commit": sha("merge"), "digests": [digest("pay 2.4.1")] });
        stage.sender.call(at(2_021), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
        assert_eq!(gate(&stage, 2_022, "2.4.1").await, "open");
        withdraws(&stage, 2_023, "2.4.1-final", instead).await;
        let why = gate(&stage, 2_024, "2.4.1").await;
        if instead.is_some() {
            assert_eq!(why, "open", "it takes the place of the other");
        } else {
            assert!(
                why.contains("Of 2.4.1-final, which is the same commit, anna rejected it") && why.contains(AGAINST),
                "{why}"
            );
            certifies(&stage, 2_025, "2.4.1").await.expect("somebody says that it holds all the same");
            assert_eq!(gate(&stage, 2_026, "2.4.1").await, "open");
        }
        stage.clean();
    }
}

/// A way back whose own gate is shut is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_refuge_passes_its_own_gate() {
    let stage = told().await;
    certified(&stage).await;
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.5.0", "repository": REPO,
        "commit": sha("newer"), "digests": [digest("pay 2.5.0")], "previous": "2.4.1" });
    stage.sender.call(at(2_021), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
    let target = json!({ "kind": "deployment.rollback_target", "product": "pay", "release": "2.5.0", "to": "2.4.1", "plan": "Deploy the image." });
    stage.sender.call(at(2_022), &stage.ci, "POST", "/api/v1/facts", &target).await.expect("is kept");
    let tag = async |minute: i64, to: &str| {
        let event = forge::tag(REPO, at(minute), "v2.4.1", &sha(to), "mallory");
        send(&stage, at(minute), &Step::Hook("push", event)).await;
        row(&stage, "2.5.0", "rollback-target").0
    };
    assert_eq!(row(&stage, "2.5.0", "rollback-target").0, Verdict::Passed);
    assert_eq!(tag(2_030, "evil").await, Verdict::Indeterminate);
    assert_eq!(tag(2_031, "merge").await, Verdict::Passed, "put back");
    stage.clean();
}

/// What the forge puts out again goes out again, with or without a word that it is under way.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_back_after_a_withdrawal_is_ungated() {
    let stage = told().await;
    decide(&stage).await;
    let status = async |minute: i64, state: &str| {
        let (merge, image) = (sha("merge"), digest("pay 2.4.1"));
        let event = forge::deployment(REPO, at(minute), 5, "production", &merge, &image, Some(state));
        send(&stage, at(minute), &Step::Hook("deployment_status", event)).await;
        find_release(&stage.engine, "pay", "2.4.1").expect("cut").release.ungated
    };
    assert!(!status(2_100, "inactive").await);
    assert!(!status(2_110, "success").await, "certified as it is");
    assert!(!status(2_120, "inactive").await);
    withdraws(&stage, 2_130, "2.4.1", None).await;
    assert!(status(2_140, "success").await);
    stage.clean();
}

/// A pipeline does not tell a deployment back into the time at which its release was certified.
#[tokio::test(flavor = "multi_thread")]
async fn a_told_beginning_from_before_a_withdrawal_proves_nothing() {
    let stage = told().await;
    certified(&stage).await;
    approves(&stage, 2_020, "2.4.1", "approval").await;
    withdraws(&stage, 2_100, "2.4.1", None).await;
    for (minute, state, occurred) in [(2_200, "started", 2_050), (2_201, "succeeded", 2_200)] {
        let word = json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1", "id": "7", "environment": "production",
            "state": state, "occurred_at": at(occurred).to_string() });
        stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", &word).await.expect("is kept");
    }
    let (verdict, why) = row(&stage, "2.4.1", "certified-first");
    assert_eq!(verdict, Verdict::Indeterminate, "{why}");
    assert!(why.contains("is only told"), "{why}");
    stage.clean();
}
