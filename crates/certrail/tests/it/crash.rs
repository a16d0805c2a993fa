//! SIGKILL during ingest: nothing acknowledged is lost. A short version of `scripts/kill-test`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use super::{
    command::{certrail, text},
    serving::Serving,
};

/// Delivers one signed event; `Some(index)` once acknowledged.
fn deliver(address: &str, secret: &str, number: u64) -> Option<u64> {
    let body =
        format!("{{\"ref\":\"refs/heads/main\",\"number\":{number},\"repository\":{{\"full_name\":\"acme/pay\"}}}}");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag: String =
        aws_lc_rs::hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let head = format!(
        "POST /hooks/github HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-github-event: push\r\nx-github-delivery: d{number}\r\nx-hub-signature-256: sha256={tag}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status_good = answer.starts_with("HTTP/1.1 202") || answer.starts_with("HTTP/1.1 200");
    let (_, rest) = answer.split_once("\"index\":")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    status_good.then(|| digits.parse().ok()).flatten()
}

/// Kills on one data folder. A whole check after each kill grows with the log, so longer runs take a new folder.
const KILLS_PER_FOLDER: u64 = 25;

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let rounds: u64 = std::env::var("CERTRAIL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let (mut killed, mut acknowledged) = (0, 0);
    while killed < rounds {
        let kills = KILLS_PER_FOLDER.min(rounds - killed);
        acknowledged += kill_and_check(kills, killed);
        killed += kills;
        eprintln!("{killed} kills, {acknowledged} deliveries acknowledged, none lost");
    }
}

/// Kills a server under load `kills` times on a folder of its own; returns how many deliveries were acknowledged.
fn kill_and_check(kills: u64, before: u64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let made = certrail().args(["admin", "secret", "github", "--data"]).arg(data).output().unwrap();
    let secret = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let mut acknowledged = std::collections::BTreeMap::new();
    let mut number = 0;
    for round in 0..kills {
        let mut server = Serving::start(data);
        let address = server.address.clone();
        let senders: Vec<_> = (0..4)
            .map(|s| {
                let (address, secret, first) = (address.clone(), secret.clone(), number + s * 10_000);
                std::thread::spawn(move || {
                    let mut got = Vec::new();
                    let begun = Instant::now();
                    for n in first..first + 10_000 {
                        match deliver(&address, &secret, n) {
                            Some(index) => got.push((n, index)),
                            None => break,
                        }
                        if begun.elapsed() > Duration::from_secs(10) {
                            break;
                        }
                    }
                    got
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(120 + 37 * ((before + round) % 7)));
        server.kill();
        for sender in senders {
            acknowledged.extend(sender.join().unwrap());
        }
        number += 40_000;
        let fsck = certrail().args(["admin", "fsck", "--data"]).arg(data).output().unwrap();
        assert_eq!(fsck.status.code(), Some(0), "round {round}: {}", text(&fsck));
    }
    assert!(acknowledged.len() as u64 >= kills, "only {} deliveries were acknowledged", acknowledged.len());
    // Each acknowledged delivery, sent again, is answered with the entry it became.
    let mut server = Serving::start(data);
    for (number, index) in &acknowledged {
        assert_eq!(
            deliver(&server.address, &secret, *number),
            Some(*index),
            "delivery {number} was acknowledged and is lost"
        );
    }
    server.kill();
    acknowledged.len() as u64
}

/// A server whose files can grow no further, as on a full disk: it acknowledges nothing more, and ends, rather than stay and
/// answer nobody. What it acknowledged is there at the next start.
#[test]
fn a_full_disk_ends_the_server_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let made = certrail().args(["admin", "secret", "github", "--data"]).arg(data).output().unwrap();
    let secret = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let mut limited = certrail();
    let program = limited.get_program().to_owned();
    let environment: Vec<_> = limited.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    limited = Command::new("sh");
    // No file may be larger than two megabytes, and whoever writes beyond is told so instead of killed.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""]).arg(program).arg("serve");
    for (name, value) in environment {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let mut server = Serving::run(&mut limited, data, "127.0.0.1:0");
    let mut acknowledged = Vec::new();
    for number in 0..50_000 {
        let Some(index) = deliver(&server.address, &secret, number) else { break };
        acknowledged.push((number, index));
    }
    assert!((10..50_000).contains(&acknowledged.len()), "{} were acknowledged", acknowledged.len());
    let begun = Instant::now();
    let ended = loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it cannot write, and stays");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(!ended.success(), "{ended}");
    let mut server = Serving::start(data);
    for (number, index) in &acknowledged {
        assert_eq!(deliver(&server.address, &secret, *number), Some(*index), "delivery {number} is lost");
    }
    server.kill();
    let fsck = certrail().args(["admin", "fsck", "--data"]).arg(data).output().unwrap();
    assert_eq!(fsck.status.code(), Some(0), "{}", text(&fsck));
}
