//! Whose signatures are believed stands in the log, and so does that somebody's no longer are.

use certrail_usecases::{fsck, fsck_folder, note_trust, trusted_signers};

use super::*;

/// An Ed25519 public key of our own (RFC 8410).
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

#[tokio::test(flavor = "multi_thread")]
async fn whom_an_operator_trusts_is_on_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = StoryClock::default();
    clock.set(at(0));
    let open = || {
        crate::commands::open_engine(&folder.path().join("data"), "test/log", clock.as_clock())
            .unwrap_or_else(|f| panic!("{f:?}"))
    };
    let file = folder.path().join("trust.toml");
    std::fs::write(folder.path().join("release.pub"), KEY).expect("writes");
    std::fs::write(&file, "[[key]]\nname = \"release key\"\nfile = \"release.pub\"\n").expect("writes");

    let engine = open();
    note_trust(&engine).await.expect("noted");
    assert_eq!(trusted_signers(&engine).expect("reads"), None, "nobody was ever trusted");
    engine.trust(crate::trust::load(&file).unwrap_or_else(|f| panic!("{f:?}")));
    note_trust(&engine).await.expect("noted");
    let (entry, trusted) = trusted_signers(&engine).expect("reads").expect("on record");
    assert_eq!(
        (trusted.keys[0].name.as_str(), trusted.keys[0].sha256.len(), trusted.roots.len()),
        ("release key", 64, 0)
    );
    note_trust(&engine).await.expect("noted");
    assert_eq!(trusted_signers(&engine).expect("reads").map(|(again, _)| again), Some(entry), "said once");
    assert_eq!(fsck(&engine).expect("runs").faults, Vec::<String>::new());
    engine.close();
    drop(engine);
    let seen = std::cell::RefCell::new(Vec::new());
    let report = fsck_folder(&folder.path().join("data"), None, &|stage| seen.borrow_mut().push(stage.what));
    assert_eq!(report.expect("runs").faults, Vec::<String>::new());
    let stages = seen.into_inner();
    assert!(stages.first() == Some(&"entries") && stages.contains(&"findings"), "it tells how far it is: {stages:?}");

    // Started without the file: nobody is trusted any more, and that is an entry too.
    let engine = open();
    note_trust(&engine).await.expect("noted");
    let (later, trusted) = trusted_signers(&engine).expect("reads").expect("on record");
    assert!(later > entry && trusted.keys.is_empty() && trusted.roots.is_empty());
    assert_eq!(fsck(&engine).expect("runs").faults, Vec::<String>::new());
}
