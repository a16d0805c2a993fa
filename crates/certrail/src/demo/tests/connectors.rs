//! Whoever holds the secret of one connector speaks for its repositories and nobody else's; a repository is its id at the
//! forge, whatever it is called; and names of two hosts never meet.

use super::*;

/// A payload with the forge's own id of its repository, under the name it has now.
fn of(mut payload: Value, name: &str, id: u64) -> Value {
    payload["repository"]["full_name"] = json!(name);
    payload["repository"]["id"] = json!(id);
    payload
}

fn push_of(name: &str, id: u64, minute: i64, commit: &str, before: Option<&str>) -> Value {
    let commits = [(sha(commit), "dana".to_owned(), format!("PAY-1 {commit}"))];
    of(forge::push(name, at(minute), "main", before, &commits, "dana"), name, id)
}

/// As a sender might who would rather not say which repository it is.
fn without_id(mut payload: Value) -> Value {
    payload["repository"].as_object_mut().expect("an object").remove("id");
    payload
}

async fn admin(stage: &Stage, minute: i64, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
    stage.sender.call(at(minute), &stage.tokens["olaf"], method, path, body).await
}

async fn clean(stage: &Stage) {
    let report = certrail_usecases::fsck(&stage.engine).expect("runs");
    assert_eq!(report.faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_one_secret_forges_nothing_for_other_repositories() {
    let stage = stage().await;
    let other = json!({ "repositories": ["acme/site"] });
    admin(&stage, 0, "PUT", "/api/v1/products/site", &other).await.expect("a product");
    // No reach that is not said, and everything has to be typed.
    for body in [
        json!({ "provider": "github" }),
        json!({ "provider": "github", "repositories": ["acme/site"] }),
        json!({ "provider": "github", "repositories": [], "products": ["site"] }),
        json!({ "provider": "forge", "repositories": ["acme/site"], "products": ["site"] }),
        json!({ "provider": "github", "host": "https://x", "repositories": ["acme/site"], "products": ["site"] }),
    ] {
        let refused = admin(&stage, 1, "PUT", "/api/v1/connectors/site", &body).await;
        assert!(refused.unwrap_err().to_string().contains("bad-connector"), "{body}");
    }
    for id in ["cli", "api", "UPPER", "with%20space"] {
        let body = json!({ "provider": "github", "repositories": "*", "products": "*" });
        let refused = admin(&stage, 1, "PUT", &format!("/api/v1/connectors/{id}"), &body).await;
        assert!(refused.unwrap_err().to_string().contains("bad-connector"), "{id}");
    }
    let body = json!({ "provider": "github", "repositories": ["acme/site"], "products": ["site"] });
    admin(&stage, 2, "PUT", "/api/v1/connectors/site", &body).await.expect("a connector");
    let made = admin(&stage, 3, "POST", "/api/v1/connectors/site/secrets", &json!({})).await.expect("a secret");
    let secret = made["secret"].as_str().expect("shown once").to_owned();
    let own =
        async |minute: i64, payload: &Value| stage.sender.hook("site", &secret, at(minute), "push", payload).await;
    // Its own repository is heard.
    let taken = own(10, &push_of("acme/site", 7, 10, "site one", None)).await.expect("taken");
    assert_eq!(taken["ack"]["bound"][0]["release"], "site/next", "{taken:#}");
    // Another's is not: by name, by its id under another name, by its name under an id of one's own.
    stage.sender.github(at(11), "push", &push_of("acme/pay", 5, 11, "pay one", None)).await.expect("taken");
    for payload in [
        push_of("acme/pay", 5, 12, "forged", None),
        push_of("acme/site", 5, 12, "forged", None),
        push_of("acme/pay", 7_000, 12, "forged", None),
        push_of("acme/site", 7_001, 12, "forged", None),
        without_id(push_of("acme/pay", 5, 12, "forged", None)),
    ] {
        let refused = own(12, &payload).await.unwrap_err().to_string();
        assert!(refused.contains("other-repository"), "{refused}");
    }
    // A secret of one connector opens no other.
    let crossed = stage.sender.hook("github", &secret, at(13), "push", &push_of("acme/site", 7, 13, "x", None)).await;
    assert!(crossed.unwrap_err().to_string().contains("wrong-signature"));
    // An ended connector is not heard, and a pipeline makes none.
    let by_ci = stage.sender.call(at(14), &stage.ci, "PUT", "/api/v1/connectors/mine", &body).await;
    assert!(by_ci.is_err());
    admin(&stage, 15, "DELETE", "/api/v1/connectors/site", &json!({})).await.expect("ended");
    let late = own(16, &push_of("acme/site", 7, 16, "site two", None)).await;
    assert!(late.unwrap_err().to_string().contains("no-such-connector"));
    // Its secrets are still known to whoever had them: it does not come back by a change.
    let back = admin(&stage, 17, "PUT", "/api/v1/connectors/site", &body).await;
    assert!(back.unwrap_err().to_string().contains("bad-connector"));
    clean(&stage).await;
}

/// A connector speaks for its products only, though others have the repository, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_connector_speaks_for_its_products() {
    let stage = stage().await;
    for product in ["site", "shop"] {
        let body = json!({ "repositories": ["acme/site"] });
        admin(&stage, 0, "PUT", &format!("/api/v1/products/{product}"), &body).await.expect("a product");
    }
    let body = json!({ "provider": "github", "repositories": ["acme/site"], "products": ["site"] });
    admin(&stage, 1, "PUT", "/api/v1/connectors/site", &body).await.expect("a connector");
    let made = admin(&stage, 2, "POST", "/api/v1/connectors/site/secrets", &json!({})).await.expect("a secret");
    let secret = made["secret"].as_str().expect("shown once").to_owned();
    let push = push_of("acme/site", 7, 10, "one", None);
    let taken = stage.sender.hook("site", &secret, at(10), "push", &push).await.expect("taken");
    assert_eq!(taken["ack"]["bound"].as_array().map(Vec::len), Some(1), "{taken:#}");
    assert_eq!(taken["ack"]["bound"][0]["release"], "site/next");
    let tag = of(forge::tag("acme/site", at(11), "v1.0.0", &sha("one"), "dana"), "acme/site", 7);
    let cut = stage.sender.hook("site", &secret, at(11), "push", &tag).await.expect("taken");
    assert_eq!(cut["ack"]["bound"][0]["release"], "site/1.0.0", "{cut:#}");
    assert!(find_release(&stage.engine, "shop", "1.0.0").is_err(), "it cuts nothing of another product");
    clean(&stage).await;
}

/// A repository that moves to another owner is the same: it has the same id at its forge. A connector for repositories by name
/// means those it named then.
#[tokio::test(flavor = "multi_thread")]
async fn a_transferred_repository_binds_on() {
    let stage = stage().await;
    let body = json!({ "provider": "github", "repositories": [REPO], "products": ["pay"] });
    admin(&stage, 0, "PUT", "/api/v1/connectors/own", &body).await.expect("a connector");
    let made = admin(&stage, 1, "POST", "/api/v1/connectors/own/secrets", &json!({})).await.expect("a secret");
    let secret = made["secret"].as_str().expect("shown once").to_owned();
    let own = async |minute: i64, payload: Value| {
        stage.sender.hook("own", &secret, at(minute), "push", &payload).await.expect("taken")
    };
    for (minute, name, commit, before) in
        [(10, REPO, "one", None), (11, "other/pay", "two", Some("one")), (12, "third/wallet", "three", Some("two"))]
    {
        let before = before.map(sha);
        let taken = own(minute, push_of(name, 5, minute, commit, before.as_deref())).await;
        assert!(taken["ack"]["bound"].to_string().contains("pay/next"), "{name}: {taken:#}");
    }
    clean(&stage).await;
}

/// Whoever holds the secret of a connector for one repository tries to take names and ids of others.
#[tokio::test(flavor = "multi_thread")]
async fn names_and_ids_that_one_connector_claims_move_nothing_for_another() {
    let stage = stage().await;
    let body = json!({ "provider": "github", "repositories": ["acme/site"], "products": "*" });
    admin(&stage, 0, "PUT", "/api/v1/connectors/site", &body).await.expect("a connector");
    let made = admin(&stage, 1, "POST", "/api/v1/connectors/site/secrets", &json!({})).await.expect("a secret");
    let secret = made["secret"].as_str().expect("shown once").to_owned();
    let own =
        async |minute: i64, payload: &Value| stage.sender.hook("site", &secret, at(minute), "push", payload).await;
    // The victim's id, before the victim was heard: it is a claim about the own repository only.
    own(5, &push_of("acme/site", 500, 5, "squat", None)).await.expect("taken");
    let first = push_of(REPO, 500, 6, "pay one", None);
    let first = stage.sender.github(at(6), "push", &first).await.expect("taken");
    assert!(first["ack"]["bound"].to_string().contains("pay/next"), "{first:#}");
    // The victim's name for the own id: it stays the own repository, and nobody else is called so.
    own(7, &push_of("acme/site", 7, 7, "site", None)).await.unwrap_err();
    own(8, &push_of("acme/victim", 500, 8, "site", None)).await.expect("taken: it is still acme/site");
    let product = json!({ "repositories": ["acme/victim"] });
    let product = admin(&stage, 9, "PUT", "/api/v1/products/victim", &product).await.expect("a product");
    assert_eq!(product["repositories"], json!(["acme/victim"]));
    // Forged and believed at once: each is refused, whoever comes first.
    let (real, forged) = (push_of("acme/new", 900, 10, "real", None), push_of("acme/new", 900, 10, "forged", None));
    for _ in 0..3 {
        let both = tokio::join!(stage.sender.github(at(10), "push", &real), own(10, &forged));
        both.0.expect("taken");
        assert!(both.1.unwrap_err().to_string().contains("other-repository"));
    }
    clean(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_none_are_no_repository() {
    let stage = stage().await;
    stage.sender.github(at(1), "push", &push_of(REPO, 5, 1, "one", None)).await.expect("taken");
    let long = format!("acme/{}", "x".repeat(300));
    for name in ["git.acme.example/acme/pay", "acme/pay~5", "acme", "/pay", "acme/", "acme/pay ", long.as_str()] {
        let taken = stage.sender.github(at(2), "push", &push_of(name, 77, 2, name, None)).await.expect("kept");
        assert_eq!(taken["ack"]["bound"], json!([]), "{name}: {taken:#}");
    }
    // A delivery without an id is about the repository that is called so.
    let without = without_id(push_of(REPO, 5, 3, "two", Some(&sha("one"))));
    let without = stage.sender.github(at(3), "push", &without).await.expect("taken");
    assert!(without["ack"]["bound"].to_string().contains("pay/next"), "{without:#}");
    clean(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_repository_binds_on_and_a_recreated_name_is_another() {
    let stage = stage().await;
    let bound = |answer: &Value| answer["ack"]["bound"].to_string();
    let send =
        async |minute: i64, payload: Value| stage.sender.github(at(minute), "push", &payload).await.expect("taken");
    let first = send(10, push_of(REPO, 5, 10, "one", None)).await;
    assert!(bound(&first).contains("pay/next"), "{first:#}");
    // It is called something else now, and is the same.
    let renamed = send(11, push_of("acme/payments", 5, 11, "two", Some(&sha("one")))).await;
    assert!(bound(&renamed).contains("pay/next"), "{renamed:#}");
    // A delivery from before, sent once more under whatever id, takes the new name from nobody.
    send(11, push_of(REPO, 5, 10, "one", None)).await;
    let heard = stage.engine.read(certrail_store::tables::connectors::names).expect("reads");
    assert_eq!(heard.last().map(|(told, _)| told.name.as_str()), Some("acme/payments"), "{heard:?}");
    // Somebody else takes the old name: another repository, which is nobody's.
    let squatter = send(12, push_of(REPO, 99, 12, "squat", None)).await;
    assert_eq!(bound(&squatter), "[]", "{squatter:#}");
    // An admin who names it as its forge does now means the one that has it.
    let body = json!({ "repositories": ["acme/payments"] });
    let product = admin(&stage, 13, "PUT", "/api/v1/products/pay", &body).await.expect("a product");
    assert_eq!(product["repositories"], json!([REPO]));
    let third = send(14, push_of("acme/payments", 5, 14, "three", Some(&sha("two")))).await;
    assert!(bound(&third).contains("pay/next"), "{third:#}");
    // So does a pipeline that cuts under the new name.
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "1.0.0", "commit": sha("three"), "repository": "acme/payments" });
    stage.sender.call(at(15), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("cut");
    let stored = find_release(&stage.engine, "pay", "1.0.0").expect("cut");
    assert_eq!(stored.release.repository.as_deref(), Some(REPO));
    clean(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_two_hosts_never_meet() {
    let stage = stage().await;
    let body = json!({ "provider": "github", "host": "git.acme.example", "repositories": "*", "products": "*" });
    admin(&stage, 0, "PUT", "/api/v1/connectors/inside", &body).await.expect("a connector");
    let made = admin(&stage, 1, "POST", "/api/v1/connectors/inside/secrets", &json!({})).await.expect("a secret");
    let secret = made["secret"].as_str().expect("shown once").to_owned();
    // The same name and the same id at another host is another repository.
    stage.sender.github(at(9), "push", &push_of(REPO, 5, 9, "one", None)).await.expect("taken");
    let inside = stage.sender.hook("inside", &secret, at(10), "push", &push_of(REPO, 5, 10, "two", None)).await;
    let inside = inside.expect("taken");
    assert_eq!(inside["ack"]["bound"], json!([]), "{inside:#}");
    let body = json!({ "repositories": [REPO, "git.acme.example/acme/pay"] });
    admin(&stage, 11, "PUT", "/api/v1/products/pay", &body).await.expect("a product");
    let again = push_of(REPO, 5, 12, "three", Some(&sha("two")));
    let again = stage.sender.hook("inside", &secret, at(12), "push", &again).await.expect("taken");
    assert!(again["ack"]["bound"].to_string().contains("pay/next"), "{again:#}");
    // And whoever is called dana there is not the dana of github.com.
    let stored = find_release(&stage.engine, "pay", "next").expect("open");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let accounts: std::collections::BTreeSet<String> =
        judged.seen.evidence.iter().filter_map(|e| e.signal.actor.as_ref().map(|a| a.account.clone())).collect();
    assert_eq!(accounts, ["dana", "git.acme.example:dana"].map(str::to_owned).into());
    // A change, a review and a rule of a branch there say nothing of ours of the same name and number.
    let (head, merged) = (sha("head"), sha("merged"));
    let pull =
        |merge| Pull { repo: REPO, number: 12, title: "PAY-1 x", author: "eve", branch: "f", head: &head, merge };
    let inside = |payload: Value| of(payload, REPO, 5);
    for (minute, event, payload) in [
        (20, "pull_request", forge::pull_request(at(20), "opened", &pull(None), "eve")),
        (21, "pull_request_review", forge::review(at(21), &pull(None), "tom", "approved", &head)),
        (22, "branch_protection_rule", forge::branch_rule(REPO, at(22), 1)),
    ] {
        stage.sender.hook("inside", &secret, at(minute), event, &inside(payload)).await.expect("taken");
    }
    let ours = pull(Some((&merged, "eve")));
    stage
        .sender
        .github(at(23), "pull_request", &inside(forge::pull_request(at(23), "closed", &ours, "eve")))
        .await
        .expect("taken");
    let commits = [(merged.clone(), "eve".to_owned(), "PAY-1 x (#12)".to_owned())];
    let push = forge::push(REPO, at(24), "main", Some(&sha("one")), &commits, "eve");
    stage.sender.github(at(24), "push", &inside(push)).await.expect("taken");
    let tag = inside(forge::tag(REPO, at(25), "v3.0.0", &merged, "eve"));
    stage.sender.github(at(25), "push", &tag).await.expect("taken");
    let ours = find_release(&stage.engine, "pay", "3.0.0").expect("cut");
    let judged = judge(&stage.engine, &ours).expect("judged");
    let of_it = |id: &str| judged.evaluation.requirements.iter().find(|r| r.id == id).expect("there");
    let review = of_it("code-review").rows.iter().find(|row| row.subject.name.contains("#12")).expect("our change");
    assert_eq!(review.verdict.to_string(), "missing", "{review:#?}");
    assert!(!of_it("protected-branch").verdict.opens_gate(), "{:#?}", of_it("protected-branch"));
    clean(&stage).await;
}
