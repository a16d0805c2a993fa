//! The server is away: evidence waits in the checkout, and goes out when it is back.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Output, Stdio},
};

use super::command::{certrail, text};

const REPORT: &str = "<testsuite name='unit'><testcase name='a'/></testsuite>";

/// A server on a port chosen before, with a product and a pipeline's token.
struct Server {
    child: Child,
    token: String,
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(data: &Path, port: u16) -> Server {
    let mut child = certrail()
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(data)
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut link, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()).lines());
    loop {
        let line = lines.next().expect("the server says that it is ready").unwrap();
        if let Some(rest) = line.strip_prefix("Set up   ") {
            rest.split_whitespace().next().unwrap().clone_into(&mut link);
        }
        if line.starts_with("Ready") {
            break;
        }
    }
    let http = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let signed = http
        .post(&link)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("name=Olaf&account=olaf")
        .send()
        .unwrap();
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().to_owned();
    let session = cookie.split(['=', ';']).nth(1).unwrap();
    let base = format!("http://127.0.0.1:{port}/api/v1");
    let made = http
        .put(format!("{base}/products/pay"))
        .bearer_auth(session)
        .json(&serde_json::json!({ "repositories": ["acme/pay"] }))
        .send()
        .unwrap();
    assert!(made.status().is_success(), "{:?}", made.text());
    let token: serde_json::Value = http
        .post(format!("{base}/tokens"))
        .bearer_auth(session)
        .json(&serde_json::json!({ "name": "ci", "role": "contributor", "days": 1 }))
        .send()
        .unwrap()
        .json()
        .unwrap();
    Server { child, token: token["secret"].as_str().expect("a token").to_owned() }
}

#[test]
fn evidence_waits_in_the_checkout_and_goes_out_with_the_next_command() {
    let folder = tempfile::tempdir().unwrap();
    let (checkout, data) = (folder.path().join("checkout"), folder.path().join("data"));
    fs::create_dir_all(checkout.join(".git")).unwrap();
    fs::create_dir_all(checkout.join("deep")).unwrap();
    fs::write(checkout.join("deep/a.xml"), REPORT).unwrap();
    let port = free_port();
    let run = |args: &[&str], token: &str| -> Output {
        certrail()
            .args(["--server", &format!("http://127.0.0.1:{port}"), "--timeout", "5"])
            .args(args)
            .current_dir(checkout.join("deep"))
            .env("CERTRAIL_TOKEN", token)
            .env("CERTRAIL_PRODUCT", "pay")
            .output()
            .unwrap()
    };
    let commit = "a".repeat(40);
    let add = ["evidence", "add", "a.xml", "--commit", &commit];
    let kept = run(&add, "t");
    assert_eq!(kept.status.code(), Some(0), "{}", text(&kept));
    assert!(text(&kept).contains("Not delivered yet") && text(&kept).contains("(1 item)"), "{}", text(&kept));
    let spool = checkout.join(".certrail/spool");
    let waiting = || fs::read_dir(&spool).unwrap().filter(|e| e.as_ref().unwrap().path().is_file()).count();
    assert_eq!(waiting(), 2, "a request and its body");
    for entry in fs::read_dir(&spool).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("CERTRAIL_TOKEN") && !text.contains("bearer"), "{text}");
    }
    assert_eq!(fs::read_to_string(checkout.join(".certrail/.gitignore")).unwrap(), "*\n");
    let fact = ["ticket", "PAY-7", "--title", "Rounding", "--strict-delivery"];
    assert_eq!(run(&fact, "t").status.code(), Some(6));
    assert_eq!(run(&["evidence", "deliver"], "t").status.code(), Some(6), "nobody answers yet");
    // A gate that cannot be asked is never a yes.
    assert_eq!(run(&["gate", "check", "evidence", "--release", "1.0.0"], "t").status.code(), Some(4));
    let mut server = start(&data, port);
    // One that the server refuses is set aside, and blocks nothing.
    fs::write(spool.join("00.json"), format!("{{\"server\":\"http://127.0.0.1:{port}\",\"path\":\"/api/v1/facts\",\"query\":[],\"tried_at\":\"2026-01-01T00:00:00Z\"}}")).unwrap();
    fs::write(spool.join("00.body"), "{}").unwrap();
    let later = run(&["ticket", "PAY-8", "--title", "Retries"], &server.token);
    assert_eq!(later.status.code(), Some(0), "{}", text(&later));
    assert!(text(&later).contains("Delivered what waited: 2 items"), "{}", text(&later));
    assert_eq!(waiting(), 0);
    assert!(spool.join("refused/00.why").is_file());
    let again = run(&add, &server.token);
    assert!(text(&again).contains("a.xml: junit"), "{}", text(&again));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
}
