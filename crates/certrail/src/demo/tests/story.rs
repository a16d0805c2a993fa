//! The story of one release, then in any order of arrival.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_release_from_first_push_to_production() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let view = release_view(&stage.engine, "pay", "2.4.1").expect("there");
    assert_eq!(
        view.dossier.sentence,
        "2.4.1 is 66% certified — missing QA sign-off, rollback target and 1 more.",
        "{:#?}",
        verdicts(&stage)
    );
    let refused = stage
        .sender
        .call(at(1_000), &stage.tokens["anna"], "POST", "/api/v1/products/pay/releases/2.4.1/certify", &json!({}))
        .await;
    assert!(refused.expect_err("open requirements").to_string().contains("QA sign-off"));
    let viewer = stage
        .sender
        .call(at(1_001), &stage.tokens["vera"], "POST", "/api/v1/products/pay/releases/2.4.1/certify", &json!({}))
        .await;
    assert!(viewer.expect_err("a viewer").to_string().contains("403"));
    decide(&stage).await;
    stage.clock.set(at(3_000));
    let view = release_view(&stage.engine, "pay", "2.4.1").expect("there");
    assert_eq!(
        view.dossier.sentence,
        "2.4.1 is certified — 16 of 16 requirements met, 1 by exception.",
        "{:#?}",
        verdicts(&stage)
    );
    assert!(!view.dossier.release.ungated);
    assert_eq!(view.dossier.release.state.name(), "shipped");
    let report = certrail_usecases::fsck(&stage.engine).expect("reads");
    assert_eq!(report.faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_delivery_twice_is_one_entry_and_changed_content_is_refused() {
    let stage = stage().await;
    let (_, first) = steps().remove(1);
    let Step::Hook(event, value) = first else { unreachable!("the second step is a push") };
    let again = Sender::new(
        certrail_web::router(crate::commands::web_app(stage.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"))),
        "hush".into(),
        stage.clock.clone(),
    );
    let one = stage.sender.github(at(0), event, &value).await.expect("recorded");
    let size = stage.engine.head().size();
    // Another sender starts its delivery numbers anew, so this is a redelivery of the same id.
    let two = again.github(at(1), event, &value).await.expect("the same");
    assert_eq!(one["ack"]["index"], two["ack"]["index"]);
    assert_eq!(two["ack"]["duplicate"], true);
    assert_eq!(stage.engine.head().size(), size);
    let third = Sender::new(
        certrail_web::router(crate::commands::web_app(stage.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"))),
        "hush".into(),
        stage.clock.clone(),
    );
    let mut changed = value.clone();
    changed["forced"] = json!(true);
    assert!(third.github(at(2), event, &changed).await.expect_err("changed").to_string().contains("409"));
    let forged = Sender::new(
        certrail_web::router(crate::commands::web_app(stage.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"))),
        "wrong".into(),
        stage.clock.clone(),
    );
    assert!(forged.github(at(3), event, &value).await.expect_err("forged").to_string().contains("401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_evaluation_gives_the_same_bytes_again() {
    let stage = stage().await;
    let all = steps();
    let (early, late) = all.split_at(all.len() - 3);
    for (minute, step) in early {
        send(&stage, at(*minute), step).await;
    }
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let (position, time) = (stage.engine.head().size(), at(500));
    let before = certrail_usecases::evaluation_at(&stage.engine, &stored, position, time, false).expect("judged");
    for (_, step) in late {
        send(&stage, at(600), step).await;
    }
    decide(&stage).await;
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let after = certrail_usecases::evaluation_at(&stage.engine, &stored, position, time, false).expect("judged");
    assert_eq!(String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_a_closed_change_that_reach_the_branch_all_the_same_are_not_reviewed() {
    let stage = stage().await;
    for (minute, step) in steps().into_iter().filter(|(minute, _)| *minute < 60) {
        send(&stage, at(minute), &step).await;
    }
    let (sneaky, merge) = (sha("sneaky"), sha("merge"));
    let pull = Pull {
        repo: REPO,
        number: 13,
        title: "PAY-7 sneaky",
        author: "dana",
        branch: "sneak",
        head: &sneaky,
        merge: None,
    };
    stage
        .sender
        .github(at(50), "pull_request", &forge::pull_request(at(50), "opened", &pull, "dana"))
        .await
        .expect("taken");
    let mut closed = forge::pull_request(at(51), "closed", &pull, "dana");
    closed["pull_request"]["state"] = json!("closed");
    stage.sender.github(at(51), "pull_request", &closed).await.expect("taken");
    let commits = [(sneaky.clone(), "dana".to_owned(), "PAY-7 sneaky".to_owned())];
    stage
        .sender
        .github(at(52), "push", &forge::push(REPO, at(52), "main", Some(&merge), &commits, "dana"))
        .await
        .expect("taken");
    stage.sender.github(at(60), "push", &forge::tag(REPO, at(60), "v2.4.1", &sneaky, "anna")).await.expect("taken");
    let review = verdicts(&stage).into_iter().find(|v| v.starts_with("code-review")).expect("judged");
    assert!(review.starts_with("code-review failed"), "{review}");
}

/// The steps in another order; a failure names its seed.
fn shuffled(seed: u64) -> Vec<(i64, Step)> {
    let (mut all, mut next) = (steps(), numbers(seed));
    for i in (1..all.len()).rev() {
        all.swap(i, next(i + 1));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_arrival_ends_in_the_same_state() {
    let reference = stage().await;
    for (minute, step) in steps() {
        send(&reference, at(minute), &step).await;
    }
    let (expected, expected_verdicts) = (placement(&reference), verdicts(&reference));
    for seed in 1..=25 {
        let stage = stage().await;
        for (i, (_, step)) in shuffled(seed).into_iter().enumerate() {
            // Everything reaches us after it happened, in an order of its own.
            send(&stage, at(100 + i as i64), &step).await;
        }
        assert_eq!(
            placement(&stage),
            expected,
            "seed {seed}: {:#?}",
            unbound_queue(&stage.engine, &Caller::internal("test"), None, 50).expect("reads").0
        );
        let without_late: Vec<String> = verdicts(&stage);
        assert_eq!(without_late, expected_verdicts, "seed {seed}");
        let report = certrail_usecases::fsck(&stage.engine).expect("reads");
        assert_eq!(report.faults, Vec::<String>::new(), "seed {seed}");
        if seed == 1 {
            decide(&stage).await;
            stage.clock.set(at(3_000));
            let view = release_view(&stage.engine, "pay", "2.4.1").expect("there");
            assert_eq!(
                view.dossier.sentence,
                "2.4.1 is certified — 16 of 16 requirements met, 1 by exception.",
                "{:#?}",
                verdicts(&stage)
            );
        }
        stage.engine.close();
    }
}
