//! The server is away: evidence waits, and goes out when it is back.

use std::{fs, process::Output};

use super::{
    command::{certrail, text},
    serving::Serving,
};

const REPORT: &str = "<testsuite name='unit'><testcase name='a'/></testsuite>";

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn evidence_waits_in_the_checkout_and_goes_out_with_the_next_command() {
    let folder = tempfile::tempdir().unwrap();
    let (checkout, data) = (folder.path().join("checkout"), folder.path().join("data"));
    fs::create_dir_all(checkout.join(".git")).unwrap();
    fs::create_dir_all(checkout.join("deep")).unwrap();
    fs::write(checkout.join("deep/a.xml"), REPORT).unwrap();
    let (port, spool) = (free_port(), folder.path().join("state"));
    let run = |args: &[&str], token: &str| -> Output {
        certrail()
            .args(["--server", &format!("http://127.0.0.1:{port}"), "--timeout", "5"])
            .args(args)
            .current_dir(checkout.join("deep"))
            .env("CERTRAIL_TOKEN", token)
            .env("CERTRAIL_PRODUCT", "pay")
            .env("CERTRAIL_SPOOL", &spool)
            .output()
            .unwrap()
    };
    let commit = "a".repeat(40);
    let add = ["evidence", "add", "a.xml", "--commit", &commit];
    let secret = "certrail_very-secret-token";
    let kept = run(&add, secret);
    assert_eq!(kept.status.code(), Some(0), "{}", text(&kept));
    assert!(text(&kept).contains("Not delivered yet") && text(&kept).contains("(1 item)"), "{}", text(&kept));
    let waiting = || {
        let all = fs::read_dir(&spool).unwrap().map(|e| e.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|x| x == "json" || x == "body")).count()
    };
    assert_eq!(waiting(), 2, "a request and its body");
    for entry in fs::read_dir(&spool).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!checkout.join(".certrail").exists(), "nothing waits in the checkout");
    let fact = ["ticket", "PAY-7", "--title", "Rounding", "--strict-delivery"];
    assert_eq!(run(&fact, secret).status.code(), Some(6));
    for fact in [
        ["deploy", "record", "1.0.0", "--environment=staging", "--id=1", "--result=succeeded"].as_slice(),
        &["deploy", "check", "1.0.0", "--environment=staging", "--result=passed"],
        &["deploy", "rollback-target", "1.0.0", "--to=0.9.0", "--plan=redeploy"],
    ] {
        assert_eq!(run(fact, secret).status.code(), Some(0), "{fact:?}");
    }
    assert_eq!(run(&["evidence", "deliver"], secret).status.code(), Some(6), "nobody answers yet");
    // A gate that cannot be asked is never a yes.
    assert_eq!(run(&["gate", "check", "evidence", "--release", "1.0.0"], secret).status.code(), Some(4));
    let server = Serving::run(certrail().arg("serve"), &data, &format!("127.0.0.1:{port}"));
    let token = server.pipeline_of_pay();
    // What nobody may send from here is set aside: a forged approval, and a path that leads elsewhere.
    let forge = |name: &str, item: &str, body: &str| {
        fs::write(spool.join(format!("{name}.json")), item).unwrap();
        fs::write(spool.join(format!("{name}.body")), body).unwrap();
    };
    let item = format!(
        "{{\"server\":\"http://127.0.0.1:{port}\",\"token\":\"\",\"endpoint\":\"fact\",\"query\":[],\"tried_at\":\"2026-01-01T00:00:00Z\"}}"
    );
    forge("00", &item, "{\"kind\":\"deployment.approval\"}");
    forge("01", &item.replace("\"fact\"", "\".elsewhere.invalid/x\""), "{}");
    // Another token takes nothing of it along; a release that is not there is the server's no, and no reason to wait.
    let later = run(&["ticket", "PAY-8", "--title", "Retries"], &token);
    assert_eq!(later.status.code(), Some(0), "{}", text(&later));
    assert!(!text(&later).contains("Delivered"), "{}", text(&later));
    assert_eq!(waiting(), 2 * 5);
    assert!(spool.join("refused/00.why").is_file() && spool.join("refused/01.why").is_file());
    let delivered = run(&["evidence", "deliver"], "certrail_ended");
    assert_eq!(delivered.status.code(), Some(3), "a token that is not live refuses nothing: {}", text(&delivered));
    assert_eq!(waiting(), 2 * 5);
    // One of them had arrived before, and only the answer got lost: under its key it is the same, though the time is added.
    let report = fs::read_dir(&spool).unwrap().map(|e| e.unwrap().path()).find(|path| {
        path.extension().is_some_and(|x| x == "json") && fs::read_to_string(path).unwrap().contains("\"evidence\"")
    });
    let report = report.expect("the report waits");
    let item: serde_json::Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let pairs = item["query"].as_array().unwrap().iter().filter(|pair| pair[0] != "occurred_at");
    let query: Vec<(&str, &str)> = pairs.map(|p| (p[0].as_str().unwrap(), p[1].as_str().unwrap())).collect();
    let first = reqwest::blocking::Client::new()
        .post(format!("http://127.0.0.1:{port}/api/v1/evidence"))
        .query(&query)
        .bearer_auth(&token)
        .header("idempotency-key", item["key"].as_str().expect("a key of its own"))
        .body(fs::read(report.with_extension("body")).unwrap())
        .send()
        .unwrap();
    assert!(first.status().is_success(), "{:?}", first.text());
    let entries = || -> i64 {
        let database = rusqlite::Connection::open(data.join("certrail.db")).unwrap();
        database.query_row("SELECT COUNT(*) FROM signal WHERE mapper LIKE 'junit%'", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(entries(), 1);
    let delivered = run(&["evidence", "deliver"], &token);
    assert_eq!(entries(), 1, "a retry is the same delivery");
    assert!(text(&delivered).contains("2 delivered, 3 refused, 0 waiting"), "{}", text(&delivered));
    assert_eq!(waiting(), 0);
    let again = run(&add, &token);
    assert!(text(&again).contains("a.xml: junit"), "{}", text(&again));
}
