//! What an attacker with a token tried, and what becomes of it.

use axum::http::{Method, StatusCode};

use super::*;

const OTHER: &str = "acme/web";

fn cut(product: &str, version: &str, commit: &str) -> Value {
    json!({ "kind": "release.manifest", "product": product, "version": version, "commit": commit,
        "range": [{ "sha": commit, "parents": [] }], "digests": [] })
}

/// A release cut at somebody else's commit draws none of their evidence to itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_another_repository_brings_nothing_of_it() {
    let stage = stage().await;
    stage.second_product().await;
    let theirs = sha("theirs");
    let pushed = [(theirs.clone(), "bob".to_owned(), "x".to_owned())];
    let push = forge::push(OTHER, at(0), "main", None, &pushed, "bob");
    stage.sender.github(at(0), "push", &push).await.expect("a push");
    let own = release_view(&stage.engine, "web", certrail_domain::Release::OPEN_VERSION).expect("a page");
    let id = own.dossier.evidence.first().expect("the push").id.to_string();
    let ci = stage.pipeline(&["pay"]).await;
    let facts = async |body: Value| stage.ask(&Method::POST, "/api/v1/facts", Some(&ci), &body.to_string()).await;
    let named = {
        let mut cut = cut("pay", "7.1", &theirs);
        cut["repository"] = OTHER.into();
        cut
    };
    assert_eq!(facts(named).await.1["code"], "other-repository");
    assert_eq!(facts(cut("pay", "7.0", &theirs)).await.0, StatusCode::OK);
    let (status, _) = stage.ask(&Method::GET, &format!("/api/v1/evidence/{id}"), Some(&ci), "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let view = release_view(&stage.engine, "pay", "7.0").expect("a page");
    assert!(view.dossier.evidence.iter().all(|e| e.kind != "code.push"));
    // Nor does claiming the repository.
    let lena = stage.session("lena", Role::Admin, &["pay"]).await;
    let claim = json!({ "repositories": [REPO, OTHER] }).to_string();
    let (status, told) = stage.ask(&Method::PUT, "/api/v1/products/pay", Some(&lena), &claim).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &"scope".into()), "{told}");
    // Another case is another product, or none.
    let (status, _) = stage.ask(&Method::PUT, "/api/v1/products/PAY", Some(&lena), "{\"repositories\":[]}").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, told) =
        stage.ask(&Method::PUT, "/api/v1/products/PAY", Some(&stage.tokens["olaf"]), "{\"repositories\":[]}").await;
    assert_eq!((status, &told["code"]), (StatusCode::BAD_REQUEST, &"bad-product".into()), "{told}");
    // What waits for another product is bound by hand by its own people only.
    let web = stage.pipeline(&["web"]).await;
    let query = format!("product=web&commit={}&name=hidden.txt", sha("nowhere"));
    let waits = stage.sender.report(at(3), &web, &query, b"hidden".to_vec()).await.expect("taken");
    let path = format!("/api/v1/unbound/{}/bind", waits["id"].as_str().expect("an id"));
    let to = json!({ "product": "pay", "release": "7.0" }).to_string();
    for who in [&stage.session("rita", Role::ReleaseManager, &["pay"]).await, &stage.tokens["anna"]] {
        assert_eq!(stage.ask(&Method::POST, &path, Some(who), &to).await.0, StatusCode::NOT_FOUND);
    }
    stage.clean();
}

/// A commit of the product lies in another of its repositories, too, where everybody may push: what is reviewed, approved and
/// ruled there counts for nothing that is cut from the first.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_merged_in_one_repository_reviews_nothing_of_another() {
    let stage = stage().await;
    let both = json!({ "repositories": [REPO, OTHER] });
    stage.sender.call(at(0), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &both).await.expect("set");
    let direct = sha("direct");
    let commits = [(direct.clone(), "dana".to_owned(), "PAY-1 quickly".to_owned())];
    stage
        .sender
        .github(at(1), "push", &forge::push(REPO, at(1), "main", None, &commits, "dana"))
        .await
        .expect("pushed");
    stage.sender.github(at(2), "push", &forge::tag(REPO, at(2), "v3.0", &direct, "dana")).await.expect("tagged");
    let verdict = |id: &str| {
        let stored = find_release(&stage.engine, "pay", "3.0").expect("cut");
        let judged = judge(&stage.engine, &stored).expect("judged");
        judged.evaluation.requirements.iter().find(|r| r.id == id).expect("there").verdict.to_string()
    };
    let asked = ["code-review", "protected-branch", "deployment-approval"];
    let before = asked.map(verdict);
    assert!(before.iter().all(|verdict| verdict != "passed"), "{before:?}");
    let reviewed = async |repo: &str, minute: i64| {
        let mut pull = forge::Pull {
            repo,
            number: 99,
            title: "PAY-1 quickly",
            author: "dana",
            branch: "feature",
            head: &direct,
            merge: None,
        };
        let review = forge::review(at(minute), &pull, "tom", "approved", &direct);
        let opened = forge::pull_request(at(minute), "opened", &pull, "dana");
        let rule = forge::branch_rule(repo, at(minute), 2);
        pull.merge = Some((&direct, "mara"));
        let merged = forge::pull_request(at(minute + 1), "closed", &pull, "mara");
        let run = json!({ "action": "approved", "approver": forge::user("priya"), "environment": "production",
            "workflow_run": { "id": 5, "head_sha": direct }, "repository": opened["repository"], "sender": forge::user("priya") });
        for (event, value) in [
            ("branch_protection_rule", rule),
            ("pull_request", opened),
            ("pull_request_review", review),
            ("pull_request", merged),
            ("deployment_review", run),
        ] {
            stage.sender.github(at(minute), event, &value).await.expect("taken");
        }
    };
    reviewed(OTHER, 10).await;
    assert_eq!(asked.map(verdict), before);
    stage.clean();
}

/// A deployment that is said to have begun long ago makes no old scan fresh.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_time_freshens_nothing() {
    let stage = stage().await;
    let post =
        async |value: Value| stage.sender.call(at(0), &stage.ci, "POST", "/api/v1/facts", &value).await.expect("told");
    post(cut("pay", "6.1", &sha("six"))).await;
    let old = "occurred_at=2025-01-01T00%3A00%3A00Z";
    let query = format!("product=pay&release=6.1&name=codeql.sarif&{old}");
    stage.sender.report(at(1), &stage.ci, &query, reports::sarif("CodeQL", "2", &[])).await.expect("taken");
    let sast = async || {
        let stored = find_release(&stage.engine, "pay", "6.1").expect("cut");
        let judged = judge(&stage.engine, &stored).expect("judged");
        let r = judged.evaluation.requirements.iter().find(|r| r.id == "sast").expect("there").clone();
        format!("{} {}", r.verdict, r.cause.name())
    };
    let before = sast().await;
    assert_eq!(before, "failed expired");
    post(
        json!({ "kind": "deployment.event", "product": "pay", "release": "6.1", "id": "61", "environment": "production",
        "state": "succeeded", "occurred_at": "2025-01-01T01:00:00Z" }),
    )
    .await;
    assert_eq!(sast().await, before);
    stage.clean();
}

/// Nobody becomes another account of somebody else by naming their id, and no version is what it does not look like.
#[tokio::test(flavor = "multi_thread")]
async fn ids_and_versions_are_what_they_look_like() {
    let stage = stage().await;
    let id = certrail_usecases::sign_in(&stage.engine, &stage.tokens["priya"]).expect("signed in").person.expect("her");
    let twin = json!({ "name": "Twin", "accounts": [id], "role": "viewer" }).to_string();
    let (_, told) = stage.ask(&Method::PUT, "/api/v1/people", Some(&stage.tokens["olaf"]), &twin).await;
    assert_eq!(told["code"], "bad-account", "{told}");
    for version in ["1.0\u{1b}[31m", "1.0\u{200b}", "1.0\u{202e}", "..", "latest", "rel_x", "1 0", "1.0\u{0435}"] {
        let body = cut("pay", version, &sha("six")).to_string();
        let (_, told) = stage.ask(&Method::POST, "/api/v1/facts", Some(&stage.ci), &body).await;
        assert_eq!(told["code"], "bad-version", "{version:?}: {told}");
    }
    // The same key for something else is another delivery.
    for version in ["1.0", "1.1"] {
        let body = cut("pay", version, &sha(version)).to_string();
        assert_eq!(stage.ask(&Method::POST, "/api/v1/facts", Some(&stage.ci), &body).await.0, StatusCode::OK);
    }
    let send = async |version: &str| {
        let query = format!("product=pay&release={version}&name=a.xml&for=unit");
        stage.sender.report_under("one-key", at(0), &stage.ci, &query, reports::junit("unit", 3, 0)).await
    };
    send("1.0").await.expect("taken");
    assert_eq!(send("1.0").await.expect("known")["duplicate"], true);
    let refused = send("1.1").await.unwrap_err().to_string();
    assert!(refused.contains("409") && refused.contains("for something else"), "{refused}");
    stage.clean();
}
