//! What a stop interrupts is gone on with at the next start, without anybody saying anything again.

use certrail_usecases::do_jobs;

use super::*;

/// A clean stop leaves the database alone in its folder: whoever copies the one file has everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_leaves_no_write_ahead_log() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let Stage { engine, _folder: folder, .. } = stage;
    let log = folder.path().join("certrail.db-wal");
    assert!(log.is_file());
    engine.close();
    drop(engine);
    assert!(!log.exists() || log.metadata().is_ok_and(|m| m.len() == 0), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_repositories_is_followed_at_the_next_start() {
    let stage = stage().await;
    // A release of another repository, told before anybody claims that.
    let commit = sha("ledger");
    let commits = [(commit.clone(), "dana".to_owned(), "PAY-9 Ledger".to_owned())];
    stage
        .sender
        .github(at(1), "push", &forge::push("acme/ledger", at(1), "main", None, &commits, "dana"))
        .await
        .unwrap();
    stage.sender.github(at(2), "push", &forge::tag("acme/ledger", at(2), "v3.0.0", &commit, "dana")).await.unwrap();
    let run = forge::check_run("acme/ledger", at(3), &commit, "ci", "success");
    stage.sender.github(at(3), "check_run", &run).await.unwrap();
    let waiting = |engine: &Arc<Engine>| unbound_queue(engine, &Caller::internal("test"), None, 50).expect("reads").1;
    assert_eq!(waiting(&stage.engine), 3);

    // The process stops between recording the product and what follows from that.
    let (stage, _) = super::large_reports::stopped(stage).await;
    let put = json!({ "repositories": [REPO, "acme/ledger"] });
    let (olaf, engine) = (&stage.tokens["olaf"], &stage.engine);
    stage.sender.call(at(4), olaf, "PUT", "/api/v1/products/pay", &put).await.expect("a product");
    assert_eq!(waiting(engine), 3);
    assert!(find_release(engine, "pay", "3.0.0").is_err());
    let report = certrail_usecases::fsck(engine).expect("runs");
    assert_eq!(report.faults, Vec::<String>::new());
    assert!(report.notes.iter().any(|note| note.contains("still being followed")), "{:#?}", report.notes);

    do_jobs(engine).expect("starts");
    // The same again is answered when nothing is left to do.
    stage.sender.call(at(5), olaf, "PUT", "/api/v1/products/pay", &put).await.expect("a product");
    assert_eq!(waiting(engine), 0);
    assert_eq!(find_release(engine, "pay", "3.0.0").expect("cut").release.commit, Some(commit));
    let report = certrail_usecases::fsck(engine).expect("runs");
    assert_eq!((report.faults, report.notes), (Vec::new(), Vec::new()));
}
