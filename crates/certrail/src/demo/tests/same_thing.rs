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
                why.contains("anna decided against 2.4.1-final, which is cut at the same commit")
                    && why.contains(AGAINST),
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

/// One report for two images speaks of the one that it names.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_one_image_is_none_of_another_that_it_was_sent_for() {
    let stage = told().await;
    let (image, other) = (digest("pay 2.4.1"), digest("pay-worker 2.4.1"));
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1", "repository": REPO,
        "commit": sha("merge"), "digests": [image, other] });
    stage.sender.call(at(2_000), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
    let about = format!("product=pay&digest={image},{other}&name=sbom.json");
    stage.sender.report(at(2_001), &stage.ci, &about, reports::cyclonedx("pay", "2.4.1", &image)).await.expect("kept");
    let (verdict, why) = row(&stage, "2.4.1", "sbom");
    assert_eq!(verdict, Verdict::Indeterminate, "{why}");
    let about = format!("product=pay&digest={other}&name=sbom.json");
    stage.sender.report(at(2_002), &stage.ci, &about, reports::cyclonedx("w", "2.4.1", &other)).await.expect("kept");
    assert_eq!(row(&stage, "2.4.1", "sbom").0, Verdict::Passed);
    stage.clean();
}

/// An exception to the approval, and one granted on a page of before, cover what was there.
#[tokio::test(flavor = "multi_thread")]
async fn an_exception_to_the_approval_covers_no_artefact_that_joined() {
    let stage = told().await;
    certified(&stage).await;
    let asks = async |minute: i64| {
        let ask = json!({ "product": "pay", "release": "2.4.1", "requirement": "deployment-approval",
            "reason": "Whoever approves is away until Monday.", "expires_at": at(60 * 24 * 20).to_string() });
        let asked = post(&stage, minute, "anna", "/api/v1/exceptions", ask).await;
        let approve = format!("/api/v1/exceptions/{}/approve", asked["id"].as_str().expect("an id"));
        post(&stage, minute, "priya", &approve, Value::Null).await;
    };
    asks(2_020).await;
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
    assert!(why.contains("Nobody has approved the deployment"), "{why}");
    asks(2_036).await;
    assert_eq!(gate(&stage, 2_037, "2.4.1").await, "open");
    stage.clean();
}

/// Nobody decides on a page of tomorrow, puts what was decided against in the place of another, or takes somebody else's name.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_second_thing_and_nobody_else_is_refused() {
    let stage = told().await;
    let tomorrow = says(&stage, 2_000, "anna", ("2.4.1", "certify"), json!({ "seen": 1_000_000 })).await.unwrap_err();
    assert!(tomorrow.contains("no-such-position") && tomorrow.contains("still to come"), "{tomorrow}");
    let mut signed = of_release("qa", None);
    signed["seen"] = json!(1_000_000);
    let sent = stage.sender.call(at(2_001), &stage.tokens["priya"], "POST", "/api/v1/facts", &signed).await;
    assert!(sent.unwrap_err().to_string().contains("no-such-position"));
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.2", "repository": REPO,
        "commit": sha("newer"), "digests": [] });
    stage.sender.call(at(2_002), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
    withdraws(&stage, 2_003, "2.4.2", Some("2.4.1")).await;
    let round = json!({ "reason": AGAINST, "superseded_by": "2.4.2" });
    let round = says(&stage, 2_004, "anna", ("2.4.1", "reject"), round).await.unwrap_err();
    assert!(round.contains("was decided against itself"), "{round}");
    for name in ["priya", "Priya", "Рriyа"] {
        let person = json!({ "name": name, "accounts": ["mallory"], "role": "approver" });
        let made = stage.sender.call(at(2_005), &stage.tokens["olaf"], "PUT", "/api/v1/people", &person).await;
        assert!(made.unwrap_err().to_string().contains("name-taken"), "{name}");
    }
    let moved = forge::tag(REPO, at(2_006), "v2.4.1", &sha("evil"), "mallory");
    send(&stage, at(2_006), &Step::Hook("push", moved)).await;
    let mut gone = forge::tag(REPO, at(2_007), "v2.4.1", &"0".repeat(40), "mallory");
    (gone["deleted"], gone["before"], gone["created"]) = (json!(true), json!(sha("evil")), json!(false));
    send(&stage, at(2_007), &Step::Hook("push", gone)).await;
    let refused = certifies(&stage, 2_008, "2.4.1").await.unwrap_err();
    assert!(refused.contains("requirements-open") || refused.contains("is gone"), "{refused}");
    stage.clean();
}

/// Going back is going back from every name that the same commit has, in whatever order it is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_is_taken_back_under_each_of_its_names() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let stage = told().await;
        let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1-final", "repository": REPO,
            "commit": sha("merge"), "digests": [digest("pay 2.4.1")] });
        stage.sender.call(at(2_000), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
        let told = [(2_100, "2.4.1"), (2_200, "2.4.1-final"), (2_300, "2.4.0")];
        for (n, place) in (0..).zip(order) {
            let (minute, release) = told[place];
            let word = json!({ "kind": "deployment.event", "product": "pay", "release": release, "id": minute.to_string(),
                "environment": "production", "state": "succeeded", "occurred_at": at(minute).to_string() });
            stage.sender.call(at(3_000 + n), &stage.ci, "POST", "/api/v1/facts", &word).await.expect("is kept");
        }
        for version in ["2.4.1", "2.4.1-final"] {
            let state = find_release(&stage.engine, "pay", version).expect("cut").release.state;
            assert_eq!(state, certrail_domain::ReleaseState::RolledBack, "{version} {order:?}");
        }
        stage.clean();
    }
}

/// What joins another version later takes no deployment away from the one that stood certified.
#[tokio::test(flavor = "multi_thread")]
async fn no_later_artefact_moves_a_deployment_to_another_version() {
    let stage = told().await;
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1-rc1", "repository": REPO,
        "commit": sha("merge"), "digests": [digest("pay 2.4.1")] });
    stage.sender.call(at(1_900), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
    certified(&stage).await;
    let mut event =
        forge::deployment(REPO, at(2_100), 77, "production", &sha("merge"), &digest("pay 2.4.1"), Some("success"));
    event["deployment"]["payload"] = json!({ "digests": [digest("pay 2.4.1"), digest("evil")] });
    send(&stage, at(2_100), &Step::Hook("deployment_status", event)).await;
    let ungated = |version: &str| find_release(&stage.engine, "pay", version).expect("cut").release.ungated;
    let before = (ungated("2.4.1"), ungated("2.4.1-rc1"));
    assert!(before.0 || before.1, "it is on record");
    let about = format!("product=pay&release=2.4.1-rc1&digest={}&name=sbom.json", digest("evil"));
    let bill = reports::cyclonedx("pay", "2.4.1", &digest("evil"));
    stage.sender.report(at(2_200), &stage.ci, &about, bill).await.expect("kept");
    assert_eq!((ungated("2.4.1"), ungated("2.4.1-rc1")), before);
    stage.clean();
}

/// What a candidate was signed as was the final version, unless somebody decided against the candidate.
#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_was_rejected_is_signed_for_nobody() {
    for rejected in [false, true] {
        let stage = told().await;
        approves(&stage, 2_000, "2.4.1", "qa").await;
        if rejected {
            withdraws(&stage, 2_001, "2.4.1", None).await;
        }
        let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1-final", "repository": REPO,
            "commit": sha("merge"), "digests": [digest("pay 2.4.1")] });
        stage.sender.call(at(2_010), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("is kept");
        let (verdict, why) = row(&stage, "2.4.1-final", "qa-sign-off");
        assert_eq!(verdict == Verdict::Passed, !rejected, "{why}");
        stage.clean();
    }
}

/// Whoever was made an approver on the spot lowers nothing of what a product asks, once something of it was decided on.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_no_second_person() {
    let stage = told().await;
    decide(&stage).await;
    let new = NewPerson { name: "nina".into(), accounts: vec!["nina".into()], role: Role::Approver, scope: Scope::ALL };
    stage.clock.set(at(2_100));
    let nina = put_person(&stage.engine, &Caller::internal("test"), new).await.expect("a person");
    let path = "/api/v1/products/pay/accepts-reported";
    let asked = json!({ "kind": "requirement.ticket", "reason": "Our tracker cannot be reached from here." });
    let asks = async |minute: i64| stage.sender.call(at(minute), &stage.tokens["anna"], "POST", path, &asked).await;
    let approves = async |minute: i64| {
        let session = session_for(&stage.engine, &nina).await.expect("a session").secret;
        let one = format!("{path}/requirement.ticket");
        stage.sender.call(at(minute), &session, "POST", &one, &json!({})).await.map_err(|e| e.to_string())
    };
    asks(2_101).await.expect("asked");
    let refused = approves(2_102).await.unwrap_err();
    assert!(refused.contains("too-new") && refused.contains("nina did not hold the right"), "{refused}");
    // A day later it is asked for again, and she is one of two.
    asks(2_100 + 24 * 60 + 1).await.expect("asked again");
    approves(2_100 + 24 * 60 + 2).await.expect("approved");
    stage.clean();
}
