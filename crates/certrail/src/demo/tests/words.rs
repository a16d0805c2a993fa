//! Words of others: environments, states of work items, tags and reports that say something else than they seem to.

use certrail_domain::Verdict;

use super::*;

async fn told() -> Stage {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    stage
}

fn verdict(stage: &Stage, id: &str) -> (Verdict, String) {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let found = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("is judged");
    (found.verdict, found.sentence.clone())
}

async fn gate(stage: &Stage, minute: i64, environment: &str) -> Result<Value, String> {
    let environment: String = environment
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let path = format!("/api/v1/products/pay/releases/2.4.1/gates/deploy:{environment}");
    let asked = stage.sender.call(at(minute), &stage.ci, "POST", &path, &Value::Null).await;
    asked.map_err(|e| e.to_string())
}

/// What looks like production is production, and what nobody named is asked as much.
#[tokio::test(flavor = "multi_thread")]
async fn no_name_of_an_environment_opens_a_gate_that_production_keeps_shut() {
    let stage = told().await;
    let event = |environment: &str| {
        json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1", "id": "1",
            "environment": environment, "state": "requested" })
    };
    for (n, unseen) in (0..).zip(["prod\u{200b}uction", "production\u{202e}", "production\u{1b}[2K"]) {
        let sent = stage.sender.call(at(2_000 + n), &stage.ci, "POST", "/api/v1/facts", &event(unseen)).await;
        assert!(sent.unwrap_err().to_string().contains("unseen-character"), "{unseen:?}");
    }
    for (n, other) in (0..).zip(["prоduction", "production.", "production/eu", "live"]) {
        let sent = stage.sender.call(at(2_010 + n), &stage.ci, "POST", "/api/v1/facts", &event(other)).await;
        sent.unwrap_or_else(|e| panic!("{e}"));
        let answer = gate(&stage, 2_020 + n, other).await.expect("it was deployed there");
        let why = answer["blockers"].to_string();
        assert!(answer["allow"] == false && why.contains("is not certified"), "{other}: {why}");
    }
    stage.clean();
}

/// A state that nobody knows is no yes, and a no is one in whatever letters.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_may_mean_anything_is_no_yes() {
    let stage = told().await;
    let ticket = async |minute: i64, status: &str| {
        let told = json!({ "kind": "requirement.ticket", "product": "pay", "key": "PAY-7", "title": "Round",
            "status": status, "authorised_by": { "account": find(&stage, "anna"), "kind": "human" } });
        let sent = stage.sender.call(at(minute), &stage.tokens["anna"], "POST", "/api/v1/facts", &told).await;
        sent.unwrap_or_else(|e| panic!("{e}"));
        verdict(&stage, "work-item")
    };
    assert_eq!(ticket(2_000, "In Progress").await.0, Verdict::Passed);
    for (n, no) in
        (1..).zip(["Won’t do", "wont-fix", "Re\u{200b}jected", "Rejected by CAB", "Not planned", "Denied", "Withdrawn"])
    {
        assert_eq!(ticket(2_000 + n, no).await.0, Verdict::Failed, "{no}");
    }
    for (n, odd) in (20..).zip(["On hold", "Backlog", "Рейджектед", "?"]) {
        assert_eq!(ticket(2_000 + n, odd).await.0, Verdict::Indeterminate, "{odd}");
    }
    assert_eq!(ticket(2_040, "done").await.0, Verdict::Passed, "the way on");
    stage.clean();
}

/// The id under which somebody is recorded.
fn find(stage: &Stage, name: &str) -> String {
    let everybody = certrail_usecases::list_people(&stage.engine).expect("reads");
    let person = everybody.iter().find_map(|row| match row {
        certrail_usecases::Listed::Whole(person) if person.name == name => Some(person.id.to_string()),
        _ => None,
    });
    person.expect("is there")
}

/// A tag that is moved shuts the gate, also before somebody certified it, and opens it again when it is put back.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_was_moved_is_put_back() {
    let stage = told().await;
    let tag = async |minute: i64, to: &str| {
        let event = forge::tag(REPO, at(minute), "v2.4.1", &sha(to), "mallory");
        send(&stage, at(minute), &Step::Hook("push", event)).await;
    };
    tag(1_000, "evil").await;
    let certify = "/api/v1/products/pay/releases/2.4.1/certify";
    let refused = stage.sender.call(at(1_001), &stage.tokens["anna"], "POST", certify, &json!({})).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("requirements-open") || why.contains("tag-moved"), "{why}");
    tag(1_002, "merge").await;
    certified(&stage).await;
    post(&stage, 2_020, "priya", "/api/v1/facts", of_release("approval", Some("production"))).await;
    assert_eq!(gate(&stage, 2_021, "production").await.expect("answers")["allow"], true);
    tag(2_030, "evil").await;
    let answer = gate(&stage, 2_031, "production").await.expect("answers");
    let blocker = &answer["blockers"][0];
    assert!(blocker["sentence"].to_string().contains("names another commit"), "{answer:#}");
    assert!(blocker["fix"].to_string().contains("Put the tag of 2.4.1 back"), "{answer:#}");
    tag(2_032, "merge").await;
    assert_eq!(gate(&stage, 2_033, "production").await.expect("answers")["allow"], true);
    stage.clean();
}

/// What joins a release that is certified is certified anew, as the gate says.
#[tokio::test(flavor = "multi_thread")]
async fn what_joined_is_certified_anew() {
    let stage = told().await;
    certified(&stage).await;
    let (image, other) = (digest("pay 2.4.1"), digest("pay-worker 2.4.1"));
    let told = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1", "repository": REPO,
        "commit": sha("merge"), "digests": [image, other] });
    post_as(&stage, 2_011, &told).await;
    let answer = gate(&stage, 2_012, "production").await.expect("answers");
    assert!(answer["blockers"].to_string().contains("was not there when it was certified"), "{answer:#}");
    let certify = "/api/v1/products/pay/releases/2.4.1/certify";
    let refused = stage.sender.call(at(2_013), &stage.tokens["anna"], "POST", certify, &json!({})).await;
    assert!(refused.unwrap_err().to_string().contains("requirements-open"), "the new one has to be scanned and signed");
    let when = at(2_014).to_string().replace(':', "%3A");
    let about = format!("product=pay&digest={other}&name=trivy.sarif&database_date={when}");
    stage.sender.report(at(2_014), &stage.ci, &about, reports::sarif("Trivy", "1", &[])).await.expect("kept");
    let about = format!("product=pay&digest={other}&name=sbom.json");
    stage.sender.report(at(2_015), &stage.ci, &about, reports::cyclonedx("w", "2.4.1", &other)).await.expect("kept");
    post(&stage, 2_016, "priya", "/api/v1/facts", of_release("qa", None)).await;
    post(&stage, 2_017, "anna", certify, json!({})).await;
    let again = stage.sender.call(at(2_018), &stage.tokens["anna"], "POST", certify, &json!({})).await;
    assert!(again.unwrap_err().to_string().contains("already"), "nothing joined since");
    post(&stage, 2_020, "priya", "/api/v1/facts", of_release("approval", Some("production"))).await;
    let answer = gate(&stage, 2_021, "production").await.expect("answers");
    assert_eq!(answer["allow"], true, "{answer:#}");
    stage.clean();
}

async fn post_as(stage: &Stage, minute: i64, fact: &Value) {
    stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", fact).await.unwrap_or_else(|e| panic!("{e}"));
}

/// What was signed before there was an artefact is no signature on one that joins.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_signed_what_was_not_built() {
    let stage = stage().await;
    for (minute, step) in steps().into_iter().filter(|(minute, _)| *minute <= 65) {
        send(&stage, at(minute), &step).await;
    }
    post(&stage, 100, "priya", "/api/v1/facts", of_release("qa", None)).await;
    assert_eq!(verdict(&stage, "qa-sign-off").0, Verdict::Passed, "there is a commit, and no artefact");
    for (minute, step) in steps().into_iter().filter(|(minute, _)| *minute > 65) {
        send(&stage, at(minute + 100), &step).await;
    }
    let (verdict, says) = verdict(&stage, "qa-sign-off");
    assert_eq!((verdict, says.contains("signed another build")), (Verdict::Failed, true), "{says}");
    stage.clean();
}

/// A report that names another artefact than its sender is a contradiction, and no pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_about_something_else_proves_nothing() {
    let stage = told().await;
    assert_eq!(verdict(&stage, "dependency-scan").0, Verdict::Passed);
    let other = digest("somebody else's image");
    let report = json!({ "SchemaVersion": 2, "ArtifactName": format!("registry.example/other@{other}"),
        "ArtifactType": "container_image", "Metadata": { "RepoDigests": [format!("registry.example/other@{other}")] },
        "Results": [{ "Target": "os", "Class": "os-pkgs", "Type": "debian", "Packages": [{ "Name": "openssl" }], "Vulnerabilities": [] }] });
    let when = at(2_000).to_string().replace(':', "%3A");
    let about = format!("product=pay&digest={}&name=trivy.json&database_date={when}", digest("pay 2.4.1"));
    let bytes = serde_json::to_vec(&report).expect("JSON");
    stage.sender.report(at(2_000), &stage.ci, &about, bytes).await.expect("kept");
    let (verdict, says) = verdict(&stage, "dependency-scan");
    assert_eq!((verdict, says.contains("and its sender")), (Verdict::Indeterminate, true), "{says}");
    stage.clean();
}
