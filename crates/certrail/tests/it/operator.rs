//! What an operator does on the machine that holds the data: letting somebody back in, and stopping.

use std::{io::Write, net::TcpStream, process::Output, time::Duration};

use super::{
    command::{certrail, text},
    serving::Serving,
};

fn post(address: &str, form: &'static str) -> (u16, Option<String>) {
    let http = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let asked = http.post(address).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = asked.send().unwrap();
    let cookie = answer.headers().get("set-cookie").map(|c| c.to_str().unwrap().to_owned());
    (answer.status().as_u16(), cookie)
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Whoever lost their key comes back by a link that is made on the data folder, once, and it stands in the log.
#[test]
fn the_operator_lets_somebody_back_in_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let link = |args: &[&str]| -> Output {
        certrail().args(["admin", "sign-in-link", "--data"]).arg(&data).args(args).output().unwrap()
    };
    let lost = ["--person", "olaf", "--reason", "Lost the key with the laptop."];
    assert_eq!(link(&lost).status.code(), Some(5), "there is no such folder yet");
    let server = Serving::start(&data);
    let set_up = server.set_up.clone().expect("a set-up link");
    let (_, cookie) = post(&set_up, "name=Olaf&account=olaf");
    assert!(cookie.is_some(), "the first person is in");
    let beside = link(&lost);
    assert!(!beside.status.success() && text(&beside).contains("in use"), "{}", text(&beside));
    server.stop(PATIENCE);
    // Not for nobody, and not for no reason.
    assert_eq!(link(&["--person", "nobody", "--reason", "Lost the key."]).status.code(), Some(5));
    for reason in [" ", "x"] {
        assert_eq!(link(&["--person", "olaf", "--reason", reason]).status.code(), Some(2));
    }
    let made = link(&lost);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    let said = text(&made);
    let secret = said.lines().find_map(|line| line.split_once("/link/")).expect("an address").1.trim().to_owned();
    let server = Serving::start(&data);
    assert!(server.set_up.is_none(), "somebody is set up");
    let address = format!("http://{}/link/{secret}", server.address);
    let (status, cookie) = post(&address, "");
    assert!(cookie.is_some_and(|c| c.starts_with("certrail_session=")), "{status}");
    let (again, cookie) = post(&address, "");
    assert!((400..500).contains(&again) && cookie.is_none(), "a link is for one use: {again}");
    server.stop(PATIENCE);
    let database = rusqlite::Connection::open(data.join("certrail.db")).unwrap();
    let document: String =
        database.query_row("SELECT document FROM act WHERE act = 'recovered'", [], |row| row.get(0)).unwrap();
    assert!(document.contains("Lost the key with the laptop.") && !document.contains(&secret), "{document}");
    drop(database);
    let checked = certrail().args(["admin", "fsck", "--data"]).arg(&data).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
}

/// A stop waits for nobody who sends half a request, and for what is under way no longer than it says.
#[test]
fn half_a_request_holds_up_no_stop() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(&folder.path().join("data"));
    let mut halves = Vec::new();
    for half in ["", "POST /hooks/github HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(half.as_bytes()).unwrap();
        halves.push(stream);
    }
    std::thread::sleep(Duration::from_millis(200));
    let took = server.stop(PATIENCE);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let server = Serving::start(&folder.path().join("data"));
    let mut body = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /hooks/github HTTP/1.1\r\nhost: x\r\nx-github-event: push\r\nx-github-delivery: 1\r\nx-hub-signature-256: sha256={}\r\ncontent-length: 1000\r\n\r\nhalf",
        "0".repeat(64)
    );
    body.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    server.stop(PATIENCE);
}
