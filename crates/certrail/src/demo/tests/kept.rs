//! What was worked out of a release is kept, and counts only while nothing it rests on has changed. (Debug builds compare
//! what is kept with what is made anew each time somebody asks, so every story plays this; here are those who only look.)

use std::sync::Arc;

use certrail_usecases::{Gate, ask_gate, judge_at};

use super::*;

fn looked(stage: &Stage) -> Arc<certrail_usecases::Judged> {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    judge(&stage.engine, &stored).expect("judged")
}

/// The verdicts that are kept, compared with those made anew.
fn compared(stage: &Stage) -> Arc<certrail_usecases::Judged> {
    let kept = looked(stage);
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let fresh = judge_at(&stage.engine, &stored, stage.engine.head().size(), stage.engine.now()).expect("judged");
    let verdicts = |j: &certrail_usecases::Judged| -> Vec<_> {
        j.evaluation.requirements.iter().map(|r| (r.id.clone(), r.verdict, r.cause)).collect()
    };
    assert_eq!(verdicts(&kept), verdicts(&fresh), "at {}", stage.engine.now());
    kept
}

fn acts_of(stage: &Stage, act: &str) -> usize {
    let all =
        stage.engine.read(|tx| certrail_store::tables::log::act_names(tx, 0, u64::from(u32::MAX))).expect("reads");
    all.iter().filter(|(_, name)| name == act).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_concern_a_release_leaves_what_is_kept_of_it() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let other = json!({ "repositories": ["acme/other"] });
    stage.sender.call(at(90), &stage.tokens["olaf"], "PUT", "/api/v1/products/other", &other).await.expect("a product");
    let first = looked(&stage);
    let ask = async || {
        let system = Caller::internal("test");
        ask_gate(&stage.engine, &system, "pay", "2.4.1", Gate::Certification).await.expect("answered")
    };
    let asked = ask().await;
    let push = forge::push("acme/other", at(90), "main", None, &[(sha("x"), "dana".into(), "Else".into())], "dana");
    stage.sender.github(at(90), "push", &push).await.expect("taken");
    assert!(Arc::ptr_eq(&first, &looked(&stage)), "another product's push changes nothing");
    // Its findings move, and its alerts: that concerns its own releases.
    let moved = || acts_of(&stage, "findings-moved");
    let alert = forge::dependabot("acme/other", at(90), 1, at(90), "critical", "A flaw");
    stage.sender.github(at(90), "dependabot_alert", &alert).await.expect("taken");
    let ci = stage.pipeline(&["other"]).await;
    let found = reports::sarif("CodeQL", "2", &[("js/eval", "error", "src/a.js", "Code from outside is run")]);
    let query = format!("product=other&commit={}&name=codeql.sarif", sha("x"));
    let before = moved();
    stage.sender.report(at(90), &ci, &query, found).await.expect("taken");
    assert!(moved() > before, "what moved is on record");
    assert!(Arc::ptr_eq(&first, &looked(&stage)), "and nothing of this product's");
    assert_eq!(ask().await.evaluation, asked.evaluation, "and neither does a question");
    // One more piece of evidence, and everything is looked at again.
    let check = forge::check_run(REPO, at(91), &sha("merge"), "late", "failure");
    stage.sender.github(at(91), "check_run", &check).await.expect("taken");
    assert!(!Arc::ptr_eq(&first, &looked(&stage)));
    assert_ne!(ask().await.evaluation, asked.evaluation);
    let before = looked(&stage);
    // So does what concerns a repository as a whole, and what people decide.
    let alert = forge::dependabot(REPO, at(92), 1, at(92), "critical", "A flaw");
    stage.sender.github(at(92), "dependabot_alert", &alert).await.expect("taken");
    let after = compared(&stage);
    assert!(!Arc::ptr_eq(&before, &after));
    let system = Caller::internal("test");
    let new = NewPerson { name: "tom".into(), accounts: vec!["tom".into()], role: Role::Viewer, scope: Scope::ALL };
    put_person(&stage.engine, &system, new).await.expect("a person");
    assert!(!Arc::ptr_eq(&after, &compared(&stage)), "who is who is another");
    assert_eq!(certrail_usecases::fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}

/// Nobody sends anything, and time passes: what was fresh grows old, and exceptions end, at the moment they do.
#[tokio::test(flavor = "multi_thread")]
async fn time_alone_changes_what_is_kept_when_it_changes_a_verdict() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
        if find_release(&stage.engine, "pay", "2.4.1").is_ok() {
            compared(&stage);
        }
    }
    let mut until = compared(&stage).valid_until.expect("a scan grows old");
    let mut turns = 0;
    while turns < 20 {
        stage.clock.set(until.plus(-1));
        compared(&stage);
        stage.clock.set(until);
        let Some(next) = compared(&stage).valid_until else { break };
        assert!(next > until, "it names an instant to come");
        (until, turns) = (next, turns + 1);
    }
    assert!(turns > 0, "something changed with time alone");
}
