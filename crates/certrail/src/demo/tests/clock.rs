//! A clock that ran ahead once: evidence goes on, gates deny, and one recorded command begins the next era.

use std::sync::atomic::{AtomicI64, Ordering};

use certrail_usecases::{Clock, Gate, ask_gate, begin_clock_era, certify, fsck};

use super::*;

/// The clock of a computer, which a test moves.
#[derive(Clone, Default)]
struct Hands(Arc<(AtomicI64, AtomicI64)>);

impl Hands {
    fn wall(&self, by: i64) {
        self.0.0.fetch_add(by, Ordering::Relaxed);
    }

    fn pass(&self, by: i64) {
        self.wall(by);
        self.0.1.fetch_add(by, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let (wall, steady) = (self.clone(), self.clone());
        Clock::steadied(
            move || at(0).plus(wall.0.0.load(Ordering::Relaxed)),
            move || steady.0.1.load(Ordering::Relaxed),
        )
    }
}

const YEAR: i64 = 365 * Time::DAY;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_ran_ahead_once_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let hands = Hands::default();
    let open =
        || crate::commands::open_engine(folder.path(), "test/log", hands.clock()).unwrap_or_else(|f| panic!("{f:?}"));
    let system = Caller::internal("test");
    let engine = open();
    certrail_usecases::put_product(
        &engine,
        &system,
        certrail_domain::Product::new("pay", Some(REPO)),
        certrail_usecases::SettingsRequest::default(),
    )
    .await
    .expect("a product");
    let ci = create_token(&engine, &system, NewToken::pipeline("ci", &["pay"])).await.expect("a token").secret;
    let router = |engine: &Arc<Engine>| {
        certrail_web::router(crate::commands::web_app(engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}")))
    };
    // The story's clock is not asked: the engine has the test's own.
    let sender = |engine: &Arc<Engine>| Sender::new(router(engine), "hush".into(), StoryClock::default());
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "1.0.0", "commit": sha("root"), "digests": [] });
    sender(&engine).call(at(0), &ci, "POST", "/api/v1/facts", &cut).await.expect("cut");
    let report = async |engine: &Arc<Engine>, name: &str| {
        let query = format!("product=pay&release=1.0.0&name={name}&for=unit");
        // A sender counts its own keys, and each of these is a new one.
        sender(engine).report_under(name, at(0), &ci, &query, reports::junit("unit", 3, 0)).await.expect("taken")
    };
    let gate =
        async |engine: &Arc<Engine>| ask_gate(engine, &system, "pay", "1.0.0", Gate::Evidence).await.expect("answers");
    // It leaps a year: time goes on as before, the report is taken and its place in the log marked.
    hands.pass(60 * Time::SECOND);
    hands.wall(YEAR);
    let doubted = report(&engine, "one.xml").await;
    assert!(engine.head().received.since(at(0)) < Time::DAY);
    let marked = async |answer: &Value| {
        let id = answer["id"].as_str().expect("an id");
        let (_, page) = super::one_bad_row::page(&router(&engine), &ci, &format!("/e/{id}")).await;
        page.contains("Our own clock had jumped")
    };
    assert!(marked(&doubted).await, "whoever looks at it sees that its time is uncertain");
    let answer = gate(&engine).await;
    assert!(!answer.allow && answer.blockers[0].requirement == "clock", "{answer:?}");
    let refused = certify(
        &engine,
        &Caller {
            role: Role::ReleaseManager,
            person: Some(certrail_domain::PersonId::from_stored("per_x")),
            ..system.clone()
        },
        "pay",
        "1.0.0",
        certrail_usecases::NewCertification::default(),
        certrail_usecases::Renderer::None,
    )
    .await;
    assert_eq!(refused.unwrap_err().code, "clock-uncertain");
    let ready = sender(&engine).call(at(0), "", "GET", "/readyz", &Value::Null).await.expect("ready");
    assert!(ready["clock"]["why"].as_str().is_some_and(|why| why.contains("clock-era")), "{ready}");
    // It is set right: all is as before.
    hands.wall(-YEAR);
    assert!(!marked(&report(&engine, "two.xml").await).await);
    assert!(marked(&doubted).await, "it stays so");
    assert!(gate(&engine).await.blockers.iter().all(|b| b.requirement != "clock"));
    assert_eq!(fsck(&engine).expect("runs").faults, Vec::<String>::new());
    // The computer was off, and came up a year ahead: nobody can tell. Then it is corrected.
    engine.close();
    drop(engine);
    hands.wall(YEAR);
    let engine = open();
    report(&engine, "three.xml").await;
    engine.close();
    drop(engine);
    hands.wall(-YEAR);
    let engine = open();
    report(&engine, "four.xml").await;
    assert!(gate(&engine).await.blockers.iter().any(|b| b.requirement == "clock"), "it still stands in the future");
    // One recorded command, and receipt goes on from now.
    let own = engine.clone();
    let era = tokio::task::spawn_blocking(move || {
        assert_eq!(begin_clock_era(&own, " ").unwrap_err().code, "empty-value");
        begin_clock_era(&own, "The clock came up a year ahead after the battery was changed.").expect("begins")
    });
    let era = era.await.expect("runs");
    assert!(era.before.since(era.now) > YEAR - Time::DAY);
    report(&engine, "five.xml").await;
    assert!(engine.head().received.since(at(0)) < Time::DAY);
    assert!(gate(&engine).await.blockers.iter().all(|b| b.requirement != "clock"));
    assert_eq!(fsck(&engine).expect("runs").faults, Vec::<String>::new());
    engine.close();
}

/// What came, and what was decided, by a clock that stood two months ahead.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_clock_ran_ahead_came_at_an_uncertain_time() {
    const AHEAD: i64 = 60 * 24 * 60;
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let (merge, image) = (sha("merge"), digest("pay 2.4.1"));
    let report = async |minute: i64, query: &str, bytes: Vec<u8>| {
        let query = format!("product=pay&{query}");
        stage.sender.report(at(minute), &stage.ci, &query, bytes).await.unwrap_or_else(|e| panic!("{e}"));
    };
    let code = format!("commit={merge}&name=codeql.sarif");
    let post = async |minute: i64, who: &str, path: &str, value: &Value| {
        stage.sender.call(at(minute), &stage.tokens[who], "POST", path, value).await.unwrap_or_else(|e| panic!("{e}"))
    };
    let yes = json!({ "kind": "deployment.approval", "product": "pay", "release": "2.4.1", "meaning": "approval", "environment": "production", "verdict": "approved" });
    let token = json!({ "name": "later", "role": "contributor", "days": 1, "products": ["pay"] });
    report(AHEAD, &code, reports::sarif("CodeQL", "2", &[])).await;
    let found = [("js/xss", "error", "XSS", "a.js")];
    report(AHEAD, &format!("digest={image}&name=image.sarif"), reports::sarif("Grype", "1", &found)).await;
    post(AHEAD, "priya", "/api/v1/facts", &yes).await;
    let ask = json!({ "product": "pay", "release": "2.4.1", "requirement": "rollback-target", "reason": "First release: nothing to go back to.", "expires_at": at(AHEAD + 9_000).to_string() });
    let asked = post(AHEAD, "anna", "/api/v1/exceptions", &ask).await;
    let exception = format!("/api/v1/exceptions/{}", asked["id"].as_str().expect("an id"));
    post(AHEAD + 1, "priya", &format!("{exception}/approve"), &Value::Null).await;
    let later = post(AHEAD, "olaf", "/api/v1/tokens", &token).await["secret"].as_str().expect("a token").to_owned();
    // It is set right, on record.
    stage.clock.set(at(3_000));
    let own = stage.engine.clone();
    let begun = tokio::task::spawn_blocking(move || begin_clock_era(&own, "It ran ahead.")).await.expect("runs");
    begun.expect("begins");
    let refused = stage.sender.call(at(3_001), &later, "GET", "/api/v1/releases?product=pay", &Value::Null).await;
    assert!(refused.is_err(), "a token of one day, made in two months, is none");
    let revoke = format!("{exception}/revoke");
    let revoked = stage.sender.call(at(3_001), &stage.tokens["priya"], "POST", &revoke, &Value::Null).await;
    assert!(revoked.unwrap_err().to_string().contains("exception-state"), "it ended with the era");
    let findings = "/api/v1/findings?product=pay";
    let due = async || {
        let listed = stage.sender.call(at(3_002), &stage.tokens["anna"], "GET", findings, &Value::Null).await;
        let listed = listed.expect("listed");
        Time::parse(listed[0]["due"].as_str().unwrap_or_else(|| panic!("{listed:#}"))).expect("a time")
    };
    // Counted from no later than the era; a job works it out.
    let mut tries = 0;
    while due().await > at(3_000 + 35 * 24 * 60) {
        tries += 1;
        assert!(tries < 200, "due {}", due().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let says = |needle: &str| verdicts(&stage).into_iter().find(|v| v.contains(needle));
    for (minute, approval) in [(3_010, "indeterminate When"), (3_010 + 40 * 24 * 60, "failed The approval")] {
        stage.clock.set(at(minute));
        assert!(says("sast indeterminate When CodeQL 2 ran is uncertain").is_some(), "{:#?}", verdicts(&stage));
        assert!(says(&format!("deployment-approval {approval}")).is_some(), "{:#?}", verdicts(&stage));
        assert!(says("rollback-target missing").is_some(), "{:#?}", verdicts(&stage));
    }
    // There is a way on: what is sent and said again counts.
    report(3_020 + 40 * 24 * 60, &code, reports::sarif("CodeQL", "2", &[])).await;
    post(3_021 + 40 * 24 * 60, "priya", "/api/v1/facts", &yes).await;
    assert!(says("sast passed").is_some() && says("deployment-approval passed").is_some(), "{:#?}", verdicts(&stage));
    stage.clean();
}
