//! Whoever decides on something wrote none of it and did not ask for it.

use certrail_domain::Verdict;

use super::*;

/// Dana, who writes the change of the story, gets a role, and a session of her own.
async fn dana(stage: &Stage, role: Role) -> String {
    let system = Caller::internal("test");
    let new = NewPerson { name: "dana".into(), accounts: vec!["dana".into()], role, scope: Scope::ALL };
    let person = put_person(&stage.engine, &system, new).await.expect("a person");
    session_for(&stage.engine, &person).await.expect("a session").secret
}

async fn told(stage: &Stage) {
    for (minute, step) in steps() {
        send(stage, at(minute), &step).await;
    }
}

const CERTIFY: &str = "/api/v1/products/pay/releases/2.4.1/certify";

fn sign_off() -> Value {
    json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "meaning": "qa", "verdict": "approved" })
}

/// Asks for an exception to what the story does not meet, and says its id.
async fn asks(stage: &Stage, minute: i64, who: &str, requirement: &str) -> String {
    let ask = json!({ "product": "pay", "release": "2.4.1", "requirement": requirement,
        "reason": "First release: nothing to go back to.", "expires_at": at(60 * 24 * 20).to_string() });
    let asked = stage.sender.call(at(minute), who, "POST", "/api/v1/exceptions", &ask).await.expect("asks");
    asked["id"].as_str().expect("an id").to_owned()
}

async fn approves(stage: &Stage, minute: i64, who: &str, id: &str) -> Result<Value, String> {
    let path = format!("/api/v1/exceptions/{id}/approve");
    stage.sender.call(at(minute), who, "POST", &path, &Value::Null).await.map_err(|e| e.to_string())
}

fn requirement(stage: &Stage, id: &str) -> (Verdict, String) {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let found = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("is judged");
    (found.verdict, found.sentence.clone())
}

#[tokio::test]
async fn an_author_signs_excuses_and_certifies_nothing_of_their_own() {
    let stage = stage().await;
    told(&stage).await;
    let dana_s = dana(&stage, Role::ReleaseManager).await;
    let (anna, priya) = (stage.tokens["anna"].clone(), stage.tokens["priya"].clone());
    // A sign-off.
    stage.sender.call(at(2_000), &dana_s, "POST", "/api/v1/facts", &sign_off()).await.expect("is kept");
    let (verdict, says) = requirement(&stage, "qa-sign-off");
    assert_eq!(
        (verdict, says.starts_with("dana signed this build and is one of its authors")),
        (Verdict::Failed, true),
        "{says}"
    );
    stage.sender.call(at(2_001), &priya, "POST", "/api/v1/facts", &sign_off()).await.expect("is kept");
    assert_eq!(requirement(&stage, "qa-sign-off").0, Verdict::Passed);
    let id = asks(&stage, 2_002, &anna, "rollback-target").await;
    approves(&stage, 2_003, &priya, &id).await.expect("is none");
    // The certification: who tried, and why it was not, is on record with its evaluation.
    let why = stage.sender.call(at(2_005), &dana_s, "POST", CERTIFY, &json!({})).await.expect_err("is an author");
    assert!(why.to_string().contains("an-author"), "{why}");
    stage.sender.call(at(2_006), &anna, "POST", CERTIFY, &json!({})).await.expect("certifies");
    stage.clean();
}

/// An author excuses nothing of theirs, and a token of somebody's own is no second person.
#[tokio::test]
async fn an_exception_is_approved_by_somebody_else() {
    let stage = stage().await;
    told(&stage).await;
    let (anna, priya) = (stage.tokens["anna"].clone(), stage.tokens["priya"].clone());
    let dana = dana(&stage, Role::Approver).await;
    let id = asks(&stage, 2_001, &anna, "rollback-target").await;
    let why = approves(&stage, 2_002, &dana, &id).await.expect_err("is an author");
    assert!(why.contains("an-author dana is an author of pay 2.4.1"), "{why}");
    let made = json!({ "name": "mine", "role": "approver", "own": true, "products": ["pay"] });
    let made = stage.sender.call(at(2_003), &priya, "POST", "/api/v1/tokens", &made).await.expect("a token");
    let other = asks(&stage, 2_004, made["secret"].as_str().expect("a secret"), "rollback-target").await;
    let why = approves(&stage, 2_005, &priya, &other).await.expect_err("asked by a token of hers");
    assert!(why.contains("own-exception"), "{why}");
    approves(&stage, 2_006, &priya, &id).await.expect("asked by somebody else");
    stage.clean();
}

/// What came after an exception was approved nobody looked at.
#[tokio::test]
async fn an_exception_covers_what_was_there_when_it_was_approved() {
    let stage = stage().await;
    told(&stage).await;
    let merge = sha("merge");
    let (anna, priya) = (stage.tokens["anna"].clone(), stage.tokens["priya"].clone());
    let failing = |minute: i64, name: &str| {
        let query = format!(
            "product=pay&occurred_at={}&commit={merge}&name={name}.xml&for={name}",
            at(minute).to_string().replace(':', "%3A")
        );
        (query, reports::junit(name, 20, 2))
    };
    let (query, bytes) = failing(80, "slow");
    stage.sender.report(at(80), &stage.ci, &query, bytes).await.expect("is kept");
    assert_eq!(requirement(&stage, "tests").0, Verdict::Failed);
    let id = asks(&stage, 2_000, &anna, "tests").await;
    approves(&stage, 2_001, &priya, &id).await.expect("approves");
    assert_eq!(requirement(&stage, "tests").0, Verdict::Excepted);
    let (query, bytes) = failing(2_002, "late");
    stage.sender.report(at(2_002), &stage.ci, &query, bytes).await.expect("is kept");
    let (verdict, says) = requirement(&stage, "tests");
    assert_eq!(verdict, Verdict::Failed, "{says}");
    let again = asks(&stage, 2_003, &anna, "tests").await;
    approves(&stage, 2_004, &priya, &again).await.expect("approves");
    assert_eq!(requirement(&stage, "tests").0, Verdict::Excepted, "renewed with what is there now");
    stage.clean();
}

/// A team of one says so, and every page of it does.
#[tokio::test]
async fn one_person_decides_everything_only_where_an_admin_declared_it() {
    let stage = stage().await;
    told(&stage).await;
    let dana = dana(&stage, Role::Approver).await;
    stage
        .sender
        .call(
            at(1_999),
            &stage.tokens["olaf"],
            "PUT",
            "/api/v1/products/pay",
            &json!({ "repositories": [REPO], "sole_decider": true }),
        )
        .await
        .expect("is declared");
    stage.sender.call(at(2_000), &dana, "POST", "/api/v1/facts", &sign_off()).await.expect("is kept");
    assert_eq!(requirement(&stage, "qa-sign-off").0, Verdict::Passed);
    let id = asks(&stage, 2_001, &dana, "rollback-target").await;
    approves(&stage, 2_002, &dana, &id).await.expect("decides alone");
    let (verdict, says) = requirement(&stage, "rollback-target");
    assert_eq!(verdict, Verdict::Excepted, "{says}");
    let (_, says) = requirement(&stage, "exceptions");
    assert!(says.contains("decided by its author or whoever asked; no separation of duties"), "{says}");
    stage.clean();
}

/// Whoever certifies their own work, where that may be, is named as its author, with when somebody else has to look at it.
#[tokio::test]
async fn what_one_person_certified_alone_says_so_on_page_one() {
    let stage = stage().await;
    told(&stage).await;
    let (dana, priya) = (dana(&stage, Role::ReleaseManager).await, stage.tokens["priya"].clone());
    let id = asks(&stage, 2_000, &dana, "rollback-target").await;
    approves(&stage, 2_001, &priya, &id).await.expect("approves");
    let declared = json!({ "repositories": [REPO], "sole_decider": true });
    stage
        .sender
        .call(at(2_002), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &declared)
        .await
        .expect("is declared");
    stage.sender.call(at(2_003), &dana, "POST", "/api/v1/facts", &sign_off()).await.expect("is kept");
    stage.sender.call(at(2_004), &dana, "POST", CERTIFY, &json!({})).await.expect("certifies");
    let view = release_view(&stage.engine, "pay", "2.4.1").expect("is there");
    let says = view.dossier.lines.join("\n");
    assert!(
        says.contains(
            "decided by its author; no separation of duties. A review by somebody else is due by 10 Apr 2026"
        ),
        "{says}"
    );
    // Withdrawn by whoever decided alone, it was decided alone all the same.
    let against = json!({ "reason": "It loses every second payment." });
    let reject = "/api/v1/products/pay/releases/2.4.1/reject";
    stage.sender.call(at(2_010), &dana, "POST", reject, &against).await.expect("withdraws");
    let notices = release_view(&stage.engine, "pay", "2.4.1").expect("is there").dossier.notices.join("\n");
    assert!(notices.contains("no separation of duties. A review by somebody else is due by 10 Apr"), "{notices}");
    assert!(!notices.contains("after it had gone to production"), "{notices}");
    let back = "/api/v1/products/pay/releases/2.4.1/look-back";
    let note = json!({ "note": "I looked at each change of it, and at what it did." });
    stage.sender.call(at(2_011), &stage.tokens["anna"], "POST", back, &note).await.expect("somebody else looks back");
    stage.clean();
}
