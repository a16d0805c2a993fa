//! A log put back from an older copy is noticed, and goes on only after somebody said what happened.

use std::{fs, path::Path};

use super::{
    command::{certrail, text},
    serving::Serving,
};

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

/// A guard that is not where it was named, or cannot be written, protects nothing: the server does not start as if it did.
#[test]
fn a_guard_that_is_not_there_is_no_guard() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(&data).unwrap();
    let serve = |guard: &Path, more: &[&str]| {
        let mut command = certrail();
        command.args(["serve", "--listen", "127.0.0.1:0", "--guard"]).arg(guard).args(more).arg("--data").arg(&data);
        command.output().unwrap()
    };
    let nowhere = folder.path().join("no/such/folder/guard.json");
    let refused = serve(&nowhere, &[]);
    assert_ne!(refused.status.code(), Some(0), "{}", text(&refused));
    assert!(text(&refused).contains("guard.json"), "{}", text(&refused));
    let guard = folder.path().join("guard.json");
    live(&data, &guard);
    let made = admin(&["new-epoch", "--reason", "exercise", "--guard", guard.to_str().unwrap()], &data);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    fs::remove_file(&guard).unwrap();
    let refused = serve(&guard, &[]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains("--begin-guard"), "{}", text(&refused));
    assert_eq!(admin(&["fsck", "--guard", guard.to_str().unwrap()], &data).status.code(), Some(5));
    assert!(text(&serve(&nowhere, &["--begin-guard"])).contains("guard.json"), "it cannot be written");
    let mut begun =
        Serving::run(certrail().arg("serve").args(["--begin-guard", "--guard"]).arg(&guard), &data, "127.0.0.1:0");
    assert!(guard.is_file(), "it is there before anything is served");
    begun.kill();
    // Nor is a key that seals dossiers made anew without a word.
    fs::remove_file(data.join("keys/dossier.p256")).unwrap();
    let refused = serve(&guard, &[]);
    assert!(text(&refused).contains("keys/dossier.p256 is not here"), "{}", text(&refused));
    let secret = admin(&["secret", "nope"], &data);
    assert_eq!(secret.status.code(), Some(5), "no such connector: {}", text(&secret));
}

#[test]
fn keys_whose_log_is_gone_sign_no_second_history_under_the_same_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(&data).unwrap();
    live(&data, &folder.path().join("guard.json"));
    let key = |text: &str| text.lines().find(|l| l.contains("/log")).unwrap_or_default().to_owned();
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    // Not even where the guard is gone with it.
    let refused = live(&data, &folder.path().join("unmounted.json"));
    assert!(text(&refused).contains("the log is gone"), "{}", text(&refused));
    assert!(!data.join("last-signed.json").exists());
    let answered = admin(&["new-epoch", "--reason", "the disk with the database is lost"], &data);
    assert_eq!(answered.status.code(), Some(0), "{}", text(&answered));
    assert!(key(&text(&answered)).contains("/2+"), "{}", text(&answered));
    let checked = admin(&["fsck"], &data);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
}

#[test]
fn a_copy_without_keys_is_checked_as_far_as_it_goes_and_stays_without() {
    let folder = tempfile::tempdir().unwrap();
    let (data, guard) = (folder.path().join("data"), folder.path().join("guard.json"));
    fs::create_dir_all(&data).unwrap();
    live(&data, &guard);
    let copy = folder.path().join("copy");
    let made = admin(&["backup", "--to", &format!("{}/", copy.display())], &data);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    let checked = admin(&["fsck"], &copy);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    assert!(text(&checked).contains("The keys are not here"), "{}", text(&checked));
    assert!(!copy.join("keys").exists());
    let started = live(&copy, &guard);
    assert!(text(&started).contains("put back"), "{}", text(&started));
    // With keys of somebody else, it is not this log.
    fs::create_dir_all(copy.join("keys")).unwrap();
    for entry in fs::read_dir(data.join("keys")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join("keys").join(path.file_name().unwrap())).unwrap();
    }
    fs::write(copy.join("keys/log.ed25519"), [7; 32]).unwrap();
    let checked = admin(&["fsck"], &copy);
    assert!(text(&checked).contains("a key that is not ours"), "{}", text(&checked));
    // And the guard knows what was signed last, wherever the copy is checked.
    let more = admin(&["new-epoch", "--reason", "exercise", "--guard", guard.to_str().unwrap()], &data);
    assert_eq!(more.status.code(), Some(0), "{}", text(&more));
    let old = admin(&["fsck", "--guard", guard.to_str().unwrap()], &copy);
    assert!(text(&old).contains("put back from an older copy"), "{}", text(&old));
}

/// A backup of a folder that lost a large body is made of what is there, and says what is not.
#[test]
fn a_backup_says_which_bodies_were_lost_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(&data).unwrap();
    let server = Serving::start(&data);
    let token = server.pipeline_of_pay();
    // Numbers that do not pack well, and enough of them for a file of their own (xorshift).
    let mut number = 88_172_645_463_325_252_u64;
    let mut lines = String::new();
    for _ in 0..20_000 {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        lines.push_str(&format!("{number:016x}\n"));
    }
    let at = format!("http://{}/api/v1/evidence?product=pay&commit={}&name=notes.txt", server.address, "1".repeat(40));
    let taken = reqwest::blocking::Client::new().post(at).bearer_auth(token).body(lines).send().unwrap();
    assert!(taken.status().is_success(), "{:?}", taken.text());
    server.stop(std::time::Duration::from_secs(10));
    let whole = admin(&["backup", "--to", folder.path().join("whole").to_str().unwrap()], &data);
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole));
    let shelves = fs::read_dir(data.join("blobs")).unwrap();
    let files: Vec<_> = shelves.flat_map(|shelf| fs::read_dir(shelf.unwrap().path()).unwrap()).collect();
    assert_eq!(files.len(), 1);
    fs::remove_file(files[0].as_ref().unwrap().path()).unwrap();
    let torn = admin(&["backup", "--to", folder.path().join("torn").to_str().unwrap()], &data);
    assert_eq!(torn.status.code(), Some(1), "{}", text(&torn));
    assert!(text(&torn).contains("1 of the large bodies"), "{}", text(&torn));
    assert!(folder.path().join("torn/certrail.db").exists(), "what is there is kept");
}
