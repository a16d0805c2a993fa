//! How we know: a yes has to be observed, a no counts from anybody, and what a product accepts it says.

use super::*;

async fn verdict(stage: &Stage, id: &str) -> String {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let r = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("there").clone();
    format!("{} {}: {}", r.verdict, r.cause.name(), r.sentence)
}

async fn fact(stage: &Stage, minute: i64, secret: &str, value: Value) {
    stage.sender.call(at(minute), secret, "POST", "/api/v1/facts", &value).await.unwrap_or_else(|e| panic!("{e}"));
}

fn ticket(status: &str) -> Value {
    json!({ "kind": "requirement.ticket", "product": "pay", "key": "PAY-7", "title": "Rounding", "status": status, "impact": "none",
        "authorised_by": { "account": "boss", "kind": "human" } })
}

/// `certrail ticket --authorised-by boss` with a pipeline's token proves nothing, until two people say that it does here.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_authorises_nothing() {
    let stage = stage().await;
    for (minute, step) in steps().into_iter().filter(|(_, step)| !matches!(step, Step::Word(..))) {
        send(&stage, at(minute), &step).await;
    }
    let ci = stage.ci.clone();
    fact(&stage, 80, &ci, ticket("open")).await;
    let told = verdict(&stage, "work-item").await;
    assert!(told.starts_with("missing not_observed") && told.contains("was only reported, by ci"), "{told}");
    // Anna says it of herself, in her session; of somebody else it stays hearsay.
    let by = |account: &str| {
        let mut ticket = ticket("open");
        ticket["authorised_by"]["account"] = json!(account);
        ticket
    };
    fact(&stage, 81, &stage.tokens["anna"], by("boss")).await;
    assert!(verdict(&stage, "work-item").await.starts_with("missing not_observed"));
    let path = "/api/v1/products/pay/accepts-reported";
    let call = async |minute: i64, who: &str, path: &str, body: Value| {
        stage.sender.call(at(minute), &stage.tokens[who], "POST", path, &body).await.map_err(|e| e.to_string())
    };
    let asked = json!({ "kind": "requirement.ticket", "reason": "Our tracker cannot be reached from here." });
    call(82, "anna", path, asked).await.expect("asked");
    assert!(verdict(&stage, "work-item").await.starts_with("missing"), "asking alone changes nothing");
    let one = format!("{path}/requirement.ticket");
    assert!(call(83, "anna", &one, json!({})).await.unwrap_err().contains("403"), "nor does the one who asked");
    assert!(call(83, "olaf", &one, json!({})).await.unwrap_err().contains("403"), "nor an admin alone");
    call(84, "priya", &one, json!({})).await.expect("approved");
    let told = verdict(&stage, "work-item").await;
    assert!(
        told.starts_with("passed") && told.contains("only reported (requirement.ticket), which this product accepts"),
        "{told}"
    );
    // Ended again; and then the honest way: whoever authorises says so.
    stage.sender.call(at(85), &stage.tokens["priya"], "DELETE", &one, &Value::Null).await.expect("ended");
    assert!(verdict(&stage, "work-item").await.starts_with("missing"));
    fact(&stage, 86, &stage.tokens["anna"], by("anna")).await;
    assert!(verdict(&stage, "work-item").await.starts_with("passed satisfied"));
    // A pipeline takes that back by no later word, but a refusal counts from anybody.
    fact(&stage, 87, &ci, ticket("open")).await;
    assert!(verdict(&stage, "work-item").await.starts_with("passed satisfied"));
    fact(&stage, 88, &ci, ticket("rejected")).await;
    assert!(verdict(&stage, "work-item").await.starts_with("failed negative"));
    assert_eq!(certrail_usecases::fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}

/// The page of each piece of evidence says in words how we know it.
#[tokio::test(flavor = "multi_thread")]
async fn pages_say_how_we_know() {
    let stage = stage().await;
    let push = forge::push(REPO, at(1), "main", None, &[(sha("a"), "dana".to_owned(), "PAY-1 a".to_owned())], "dana");
    let seen = stage.sender.github(at(1), "push", &push).await.expect("taken");
    let told = stage.sender.call(at(2), &stage.ci, "POST", "/api/v1/facts", &ticket("open")).await.expect("taken");
    let mut own = ticket("open");
    own["authorised_by"]["account"] = json!("anna");
    let done = stage.sender.call(at(3), &stage.tokens["anna"], "POST", "/api/v1/facts", &own).await.expect("taken");
    for (answer, words) in [
        (&seen, certrail_domain::HowKnown::Observed.sentence()),
        (&told, certrail_domain::HowKnown::Reported.sentence()),
        (&done, certrail_domain::HowKnown::Observed.sentence()),
    ] {
        let address = format!("/e/{}", answer["ack"]["id"].as_str().expect("an id"));
        let (_, page) = super::one_bad_row::page(&stage.router(), &stage.tokens["anna"], &address).await;
        assert!(page.contains(words), "{address}: {words}: {page}");
    }
}

/// A commit that is told raw proves what it says; that it reached the branch, and who brought it there, only its forge sees.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_commits_is_no_push_that_was_seen() {
    let stage = stage().await;
    let range = json!([{ "sha": sha("x"), "author": "dana", "title": "PAY-1 x", "parents": [sha("root")] }]);
    let cut =
        json!({ "kind": "release.manifest", "product": "pay", "version": "3.0.0", "commit": sha("x"), "range": range });
    let told = stage.sender.call(at(1), &stage.ci, "POST", "/api/v1/facts", &cut).await;
    let told = told.unwrap_or_else(|e| panic!("{e}"));
    let path = format!("/api/v1/evidence/{}", told["ack"]["id"].as_str().expect("an id"));
    let shown = stage.sender.call(at(2), &stage.tokens["anna"], "GET", &path, &Value::Null).await.expect("there");
    assert_eq!(shown["known"], "reported", "{shown:#}");
    let pushes = stage.engine.read(|tx| certrail_store::tables::graph::pushed_to(tx, &sha("x"), "pay")).expect("reads");
    assert_eq!(pushes.len(), 0, "{pushes:?}");
    stage.clean();
}

/// A work item is of the product it was told for: that of another one carries no change of ours, though both have the
/// repository.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_another_product_carries_no_change() {
    let stage = stage().await;
    let web = json!({ "repositories": [REPO], "branch": "web", "tag_pattern": "web-{version}" });
    stage.sender.call(at(-580), &stage.tokens["olaf"], "PUT", "/api/v1/products/web", &web).await.expect("a product");
    for (minute, step) in steps().into_iter().filter(|(_, step)| !matches!(step, Step::Word(..))) {
        send(&stage, at(minute), &step).await;
    }
    assert!(verdict(&stage, "work-item").await.starts_with("missing"));
    let of = |product: &str| {
        let mut ticket = ticket("open");
        (ticket["product"], ticket["authorised_by"]["account"]) = (json!(product), json!("anna"));
        ticket
    };
    fact(&stage, 80, &stage.tokens["anna"], of("web")).await;
    assert!(verdict(&stage, "work-item").await.starts_with("missing"), "it is of another product");
    fact(&stage, 81, &stage.tokens["anna"], of("pay")).await;
    assert!(verdict(&stage, "work-item").await.starts_with("passed"), "{}", verdict(&stage, "work-item").await);
    stage.clean();
}

/// A person's token, in a pipeline say, signs nothing; the same person in a session does.
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_token_signs_nothing() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let priya = certrail_usecases::sign_in(&stage.engine, &stage.tokens["priya"]).expect("signed in");
    let new = NewToken { role: Role::Approver, own: true, ..NewToken::pipeline("mine", &["pay"]) };
    let token = create_token(&stage.engine, &priya, new).await.expect("a token").secret;
    let opened = certrail_usecases::open_session(&stage.engine, &token).await.expect("a session").secret;
    let sign = |verdict: &str| json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "meaning": "qa", "verdict": verdict });
    for (minute, secret) in [(90, &token), (91, &opened)] {
        fact(&stage, minute, secret, sign("approved")).await;
        let told = verdict(&stage, "qa-sign-off").await;
        assert!(told.starts_with("missing not_observed") && told.contains("in a session of theirs"), "{told}");
    }
    fact(&stage, 92, &stage.tokens["priya"], sign("approved")).await;
    assert!(verdict(&stage, "qa-sign-off").await.starts_with("passed"));
    // A no by token is a no.
    fact(&stage, 93, &token, sign("rejected")).await;
    assert!(verdict(&stage, "qa-sign-off").await.starts_with("failed negative"));
}

/// Two people's tokens open no gate by exceptions, until two people in sessions let decisions by token count; then it is said.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_decide_nothing_that_opens_a_gate() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let mut tokens = BTreeMap::new();
    for (account, role) in [("anna", Role::ReleaseManager), ("priya", Role::Approver)] {
        let person = certrail_usecases::sign_in(&stage.engine, &stage.tokens[account]).expect("signed in");
        let new = NewToken { role, own: true, ..NewToken::pipeline("mine", &["pay"]) };
        tokens.insert(account, create_token(&stage.engine, &person, new).await.expect("a token").secret);
    }
    let post = async |secret: &str, path: &str, body: Value| {
        stage.sender.call(at(100), secret, "POST", path, &body).await.map_err(|e| e.to_string())
    };
    let ask = |requirement: &str| {
        json!({ "product": "pay", "release": "2.4.1", "requirement": requirement,
            "reason": "Nothing to go back to in a first release.", "expires_at": at(60 * 24 * 20).to_string() })
    };
    let asked = post(&tokens["anna"], "/api/v1/exceptions", ask("rollback-target")).await.expect("asked");
    let approve = format!("/api/v1/exceptions/{}/approve", asked["id"].as_str().expect("an id"));
    let in_person = "in a session of their own";
    assert!(post(&tokens["priya"], &approve, Value::Null).await.unwrap_err().contains(in_person));
    let certify = "/api/v1/products/pay/releases/2.4.1/certify";
    assert!(post(&tokens["anna"], certify, json!({})).await.unwrap_err().contains(in_person));
    // That it counts all the same is decided in sessions alone.
    let accepts = "/api/v1/products/pay/accepts-reported";
    let why = json!({ "kind": "decision", "reason": "The server stands behind an air gap." });
    post(&tokens["anna"], accepts, why).await.expect("asked");
    let lower = format!("{accepts}/decision");
    assert!(post(&tokens["priya"], &lower, Value::Null).await.unwrap_err().contains(in_person));
    post(&stage.tokens["priya"], &lower, Value::Null).await.expect("approved");
    post(&tokens["priya"], &approve, Value::Null).await.expect("approved");
    let told = verdict(&stage, "rollback-target").await;
    assert!(told.starts_with("excepted") && told.contains("only reported"), "{told}");
    assert_eq!(certrail_usecases::fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}
