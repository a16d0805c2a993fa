//! A log put back from an older copy is noticed, and goes on only after somebody said what happened.

use std::{fs, path::Path};

use super::command::{certrail, text};

/// Runs a command of `admin` on a data folder.
fn admin(args: &[&str], data: &Path) -> std::process::Output {
    certrail().args(["admin"]).args(args).arg("--data").arg(data).output().unwrap()
}

/// Opens and closes the log, which records the built-in criteria the first time.
fn live(data: &Path, guard: &Path) -> std::process::Output {
    let mut child = certrail()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .arg("--guard")
        .arg(guard)
        .env("RUST_LOG", "error")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    if lines.any(|line| line.unwrap_or_default().starts_with("Ready")) {
        // Longer than the guard may lag.
        std::thread::sleep(std::time::Duration::from_millis(600));
        child.kill().unwrap();
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_log_put_back_from_an_older_copy_is_not_served_until_somebody_answers_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, guard) = (folder.path().join("data"), folder.path().join("elsewhere.json"));
    fs::create_dir_all(&data).unwrap();
    live(&data, &guard);
    let early = folder.path().join("early");
    let made = admin(&["backup", "--keys", "--to", early.to_str().unwrap()], &data);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    let twice = admin(&["backup", "--to", early.to_str().unwrap()], &data);
    assert_ne!(twice.status.code(), Some(0), "a folder that holds something is left alone");
    let part = folder.path().join("other.part");
    fs::create_dir_all(part.join("rest")).unwrap();
    let blocked = admin(&["backup", "--to", folder.path().join("other").to_str().unwrap()], &data);
    assert!(text(&blocked).contains("interrupted"), "{}", text(&blocked));
    let checked = admin(&["fsck"], &early);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    // The log goes on: a set-up link is no entry, so an epoch is begun to have one.
    let more = admin(&["new-epoch", "--reason", "exercise", "--guard", guard.to_str().unwrap()], &data);
    assert_eq!(more.status.code(), Some(0), "{}", text(&more));
    // The older copy takes its place.
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&early, &data).unwrap();
    let refused = live(&data, &guard);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains("new-epoch"), "{}", text(&refused));
    let answered =
        admin(&["new-epoch", "--reason", "restored after a disk failure", "--guard", guard.to_str().unwrap()], &data);
    assert_eq!(answered.status.code(), Some(0), "{}", text(&answered));
    assert!(text(&answered).contains("Life 3"), "{}", text(&answered));
    let checked = admin(&["fsck"], &data);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    assert!(!live(&data, &guard).status.success(), "killed, not refused");
    assert_eq!(admin(&["new-epoch", "--reason", " "], &data).status.code(), Some(2));
}
