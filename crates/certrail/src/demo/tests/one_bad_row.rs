//! One row that cannot be read is one row that says so: lists come, other releases are shown, and their gates answer.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use certrail_usecases::{Gate, ask_gate, list_findings, log_entries};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;

/// The stage with two releases and something unbound, opened again after somebody changed its database.
async fn damaged(changes: &[&str]) -> (Arc<Engine>, axum::Router, String, tempfile::TempDir) {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let next = sha("next");
    let commits = [(next.clone(), "dana".to_owned(), "PAY-8 Next".to_owned())];
    let push = forge::push(REPO, at(100), "main", Some(&sha("merge")), &commits, "dana");
    stage.sender.github(at(100), "push", &push).await.expect("taken");
    stage.sender.github(at(101), "push", &forge::tag(REPO, at(101), "v2.4.2", &next, "anna")).await.expect("taken");
    // 2.4.1 is what there was before, so 2.4.2 is judged without it.
    stage.baseline(at(101), &sha("merge"), Some("2.4.1")).await;
    changed_in(stage, changes).await
}

/// A stage, opened again after somebody changed its database.
async fn changed_in(stage: Stage, changes: &[&str]) -> (Arc<Engine>, axum::Router, String, tempfile::TempDir) {
    let lost = forge::check_run("acme/unknown", at(102), &sha("lost"), "ci", "success");
    stage.sender.github(at(102), "check_run", &lost).await.expect("taken");
    stage.sender.github(at(103), "check_run", &lost).await.expect("taken");
    let (secret, folder) = (stage.tokens["olaf"].clone(), stage._folder);
    let engine = stage.engine;
    drop(stage.sender);
    tokio::task::spawn_blocking(move || engine.close()).await.expect("closes");
    let database = rusqlite::Connection::open(folder.path().join("certrail.db")).expect("opens");
    for change in changes {
        assert!(database.execute(change, []).expect("a statement") > 0, "{change}: nothing was changed");
    }
    drop(database);
    let clock = StoryClock::default();
    clock.set(at(200));
    let engine =
        crate::commands::open_engine(folder.path(), "test/log", clock.as_clock()).unwrap_or_else(|f| panic!("{f:?}"));
    let app = crate::commands::web_app(engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
    (engine, certrail_web::router(app), secret, folder)
}

pub(super) async fn page(router: &axum::Router, secret: &str, address: &str) -> (StatusCode, String) {
    let request = Request::get(address).header("authorization", format!("Bearer {secret}"));
    let answer = router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("answers");
    let status = answer.status();
    let bytes = answer.into_body().collect().await.expect("reads").to_bytes();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

/// Each of these pages comes, marks what is damaged, and shows the rest.
async fn marked(router: &axum::Router, secret: &str, pages: &[(&str, &str)]) {
    for (address, rest) in pages {
        let (status, text) = page(router, secret, address).await;
        assert_eq!(status, StatusCode::OK, "{address}: {text}");
        assert!(text.contains("damaged"), "{address} marks nothing: {text}");
        assert!(text.contains(rest), "{address} does not show {rest}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_cannot_be_read_takes_no_list_and_no_other_release_with_it() {
    let (engine, router, secret, _folder) =
        damaged(&["UPDATE release SET document = replace(document, '{', '[') WHERE version = '2.4.1'"]).await;
    marked(
        &router,
        &secret,
        &[
            ("/", "pay 2.4.2"),
            ("/releases", "2.4.2"),
            ("/api/v1/products/pay/releases", "2.4.2"),
            // The release after it is shown, and says what it could not be compared with.
            ("/r/pay/2.4.2", "could not be compared"),
        ],
    )
    .await;
    let answer = ask_gate(&engine, &Caller::internal("test"), "pay", "2.4.2", Gate::Certification).await;
    assert!(!answer.expect("answers").allow);
    // The damaged one itself is no yes.
    let own = ask_gate(&engine, &Caller::internal("test"), "pay", "2.4.1", Gate::Certification).await;
    assert!(own.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_cannot_be_read_takes_its_own_release_and_no_other() {
    let (engine, router, secret, _folder) = damaged(&[
        "UPDATE signal SET facts = '[' WHERE kind = 'code.review'",
        "UPDATE signal SET facts = '[' WHERE log_index = (SELECT MAX(log_index) FROM unbound)",
    ])
    .await;
    marked(
        &router,
        &secret,
        &[
            ("/releases", "2.4.2"),
            ("/api/v1/products/pay/releases", "2.4.2"),
            ("/unbound", "acme/unknown"),
            ("/api/v1/unbound", "acme/unknown"),
            ("/log", "push"),
            ("/r/pay/2.4.2", "could not be compared"),
            ("/findings", "2.4.1"),
        ],
    )
    .await;
    assert!(log_entries(&engine, None, 500).expect("lists").iter().any(|row| row.whole().is_none()));
    // Nothing is said of a release whose evidence cannot be read: neither yes nor no.
    assert!(ask_gate(&engine, &Caller::internal("test"), "pay", "2.4.1", Gate::Certification).await.is_err());
    assert!(ask_gate(&engine, &Caller::internal("test"), "pay", "2.4.2", Gate::Certification).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_cannot_be_read_is_one_marked_row() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let found = [("a", "src/a.rs", "error", "one"), ("b", "src/b.rs", "error", "two")];
    let query = format!("product=pay&commit={}&name=codeql.sarif", sha("merge"));
    stage.sender.report(at(100), &stage.ci, &query, reports::sarif("CodeQL", "2", &found)).await.expect("taken");
    let database = rusqlite::Connection::open(stage._folder.path().join("certrail.db")).expect("opens");
    let changed = database.execute("UPDATE finding SET document = '[' WHERE seq = 1", []).expect("a statement");
    assert_eq!(changed, 1);
    drop(database);
    let wanted = certrail_usecases::FindingsWanted {
        product: Some("pay".into()),
        shelves: vec![certrail_usecases::Shelf::Open],
        after: None,
        limit: 50,
    };
    let list = list_findings(&stage.engine, &Caller::internal("test"), &wanted).expect("lists");
    assert_eq!(list.len(), 2);
    assert_eq!(list.iter().filter(|row| row.whole().is_none()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_cannot_be_read_is_one_marked_row() {
    let (_engine, router, secret, _folder) = damaged(&["UPDATE product SET document = '[' WHERE name = 'pay'"]).await;
    marked(&router, &secret, &[("/api/v1/products", "pay")]).await;
    for (address, rest) in [("/", "Waiting"), ("/releases", "2.4.1"), ("/findings", "pay"), ("/account", "pay")] {
        let (status, text) = page(&router, &secret, address).await;
        assert!(status == StatusCode::OK && text.contains(rest), "{address}: {text}");
    }
    // It is not made anew over what cannot be read.
    let put = Request::put("/api/v1/products/pay").header("authorization", format!("Bearer {secret}"));
    let put = put.header("content-type", "application/json").body(Body::from(r#"{"branch":"other"}"#));
    let answer = router.clone().oneshot(put.expect("a request")).await.expect("answers");
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Whose accounts are whose is then not known of everybody: what rests on two people being two is undecided, and says no.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_cannot_be_read_is_one_marked_row_and_nobody_is_taken_for_two() {
    let (engine, router, secret, _folder) =
        damaged(&["UPDATE person SET document = '[' WHERE document LIKE '%\"vera\"%'"]).await;
    marked(&router, &secret, &[("/account", "priya"), ("/api/v1/people", "priya")]).await;
    for address in ["/", "/releases", "/r/pay/2.4.1", "/r/pay/2.4.1/dossiers", "/findings", "/api/v1/tokens"] {
        assert_eq!(page(&router, &secret, address).await.0, StatusCode::OK, "{address}");
    }
    // Others can leave all the same; nobody is added, as the account might be the unreadable one's.
    let left = Request::delete("/api/v1/people/anna").header("authorization", format!("Bearer {secret}"));
    let answer = router.clone().oneshot(left.body(Body::empty()).expect("a request")).await.expect("answers");
    assert_eq!(answer.status(), StatusCode::OK);
    let stored = find_release(&engine, "pay", "2.4.1").expect("there");
    let judged = judge(&engine, &stored).expect("judged");
    let review = judged.evaluation.requirements.iter().find(|r| r.id == "code-review").expect("there");
    assert_eq!(review.verdict, certrail_domain::Verdict::Indeterminate, "{}", review.sentence);
}

/// What somebody decided, and cannot be read, is one release's trouble: lists, other releases and other people go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_cannot_be_read_is_one_releases_trouble() {
    for (change, closes) in [
        ("UPDATE exception SET document = '['", true),
        ("UPDATE decision SET envelope = '['", false),
        ("UPDATE decision SET world = x'00'", true),
        ("UPDATE dossier SET json = x'00'", false),
        ("UPDATE token SET scope = '[' WHERE name = 'ci'", false),
        ("UPDATE connector SET document = '['", false),
    ] {
        let stage = stage().await;
        for (minute, step) in steps() {
            send(&stage, at(minute), &step).await;
        }
        decide(&stage).await;
        let commits = [(sha("next"), "dana".to_owned(), "PAY-8 Next".to_owned())];
        let push = forge::push(REPO, at(2_100), "main", Some(&sha("merge")), &commits, "dana");
        stage.sender.github(at(2_100), "push", &push).await.expect("taken");
        let tag = forge::tag(REPO, at(2_101), "v2.4.2", &sha("next"), "anna");
        stage.sender.github(at(2_101), "push", &tag).await.expect("taken");
        let (engine, router, secret, _folder) = changed_in(stage, &[change]).await;
        for address in [
            "/",
            "/releases",
            "/findings",
            "/unbound",
            "/log",
            "/account",
            "/r/pay/2.4.2",
            "/api/v1/products/pay/releases",
        ] {
            let (status, text) = page(&router, &secret, address).await;
            assert_eq!(status, StatusCode::OK, "{change}: {address}: {text}");
        }
        // What is sent to a connector of which nobody knows for what it speaks is kept by its sender, who tries again.
        let hook = Request::post("/hooks/github").body(Body::from("{}")).expect("a request");
        let status = router.clone().oneshot(hook).await.expect("answers").status();
        let damaged = change.contains("connector");
        assert_eq!(status == StatusCode::INTERNAL_SERVER_ERROR, damaged, "{change}: {status}");
        let gate =
            async |version| ask_gate(&engine, &Caller::internal("test"), "pay", version, Gate::Certification).await;
        assert!(gate("2.4.2").await.is_ok(), "{change}");
        // Neither yes nor no is said where what somebody accepted cannot be read.
        assert_eq!(gate("2.4.1").await.is_err(), closes, "{change}");
        assert!(!certrail_usecases::fsck(&engine).expect("runs").faults.is_empty(), "{change}");
    }
}

/// A name or criteria that somebody changed in the tables alone are put under no seal, and who decided is what was signed.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_did_not_commit_to_is_put_under_no_seal() {
    for change in [
        "UPDATE person SET document = replace(document, '\"name\":\"', '\"name\":\"Dr. ')",
        "UPDATE criteria SET text = replace(text, 'title', 'title ')",
    ] {
        let (engine, ..) = damaged(&[change]).await;
        let made = crate::dossier_files::made(&engine, "pay", "2.4.1", certrail_usecases::Renderer::None).await;
        let problem = made.err().unwrap_or_else(|| panic!("{change}: a dossier was made"));
        assert!(problem.to_string().contains("failed inside"), "{problem:?}");
    }
    let (engine, ..) = damaged(&[]).await;
    crate::dossier_files::made(&engine, "pay", "2.4.1", certrail_usecases::Renderer::None).await.expect("made");
}
