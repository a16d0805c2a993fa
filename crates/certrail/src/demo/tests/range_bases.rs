//! Where the range of a release ends: at what was judged, and at nothing else. What was cut and never decided on, a deployment
//! that somebody told, a version that nobody knows and a baseline that one person states alone hide nothing.

use certrail_usecases::{Gate, ask_gate};

use super::*;

/// The product's history up to 2.4.1, everything that needs no decision.
async fn until_241() -> Stage {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    stage
}

/// Pushes one commit to the branch behind another, and tags it.
async fn next(stage: &Stage, minute: i64, before: &str, id: &str, version: &str) {
    let commits = [(sha(id), "mallory".to_owned(), format!("PAY-8 {id}"))];
    let push = forge::push(REPO, at(minute), "main", Some(&sha(before)), &commits, "mallory");
    stage.sender.github(at(minute), "push", &push).await.expect("taken");
    let tag = forge::tag(REPO, at(minute + 1), version, &sha(id), "mallory");
    stage.sender.github(at(minute + 1), "push", &tag).await.expect("taken");
}

/// Commits of a release, by what they are called here, and where its range ends.
fn range(stage: &Stage, version: &str) -> (Vec<&'static str>, String) {
    const LABELS: [&str; 6] = ["decoy", "final", "later", "merge", "root", "side"];
    let stored = find_release(&stage.engine, "pay", version).expect("there");
    let members = stage.engine.read(|tx| certrail_store::tables::bindings::members(tx, stored.seq)).expect("readable");
    let owned = |label: &str| members.iter().any(|(key, _, base)| *base && key.parts() == ("commit", &sha(label)));
    let ends = certrail_domain::sentence::range(&stored.release).expect("is cut");
    (LABELS.into_iter().filter(|label| owned(label)).collect(), ends)
}

fn review(stage: &Stage, version: &str) -> String {
    let stored = find_release(&stage.engine, "pay", version).expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let found = judged.evaluation.requirements.iter().find(|r| r.id == "code-review").expect("asked for");
    let rows: Vec<&str> = found.rows.iter().map(|row| row.sentence.as_str()).collect();
    format!("{}: {}", found.verdict, rows.join(" "))
}

/// A tag at a commit that nobody reviewed, abandoned at once: the next release ships it all the same, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_nobody_decided_on_hides_nothing_from_the_next() {
    let stage = until_241().await;
    next(&stage, 100, "merge", "decoy", "v2.4.2").await;
    next(&stage, 110, "decoy", "final", "v2.4.3").await;
    let (commits, ends) = range(&stage, "2.4.3");
    assert_eq!(commits, ["decoy", "final", "merge"]);
    assert!(ends.starts_with("Its range ends at the baseline 2.4.0 at "), "{ends}");
    assert!(review(&stage, "2.4.3").starts_with("failed"), "{}", review(&stage, "2.4.3"));
    assert!(review(&stage, "2.4.3").contains("decoy went to main without a change"), "{}", review(&stage, "2.4.3"));
    // Nor does a deployment that a pipeline tells, asked for at the gate or not.
    let told = json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.2", "environment": "production", "state": "succeeded", "id": "d-1" });
    stage.sender.call(at(120), &stage.ci, "POST", "/api/v1/facts", &told).await.expect("told");
    ask_gate(&stage.engine, &Caller::internal("test"), "pay", "2.4.2", Gate::Evidence).await.expect("answers");
    assert_eq!(range(&stage, "2.4.3").0, ["decoy", "final", "merge"]);
    stage.clean();
}

/// The honest twin: what somebody certified is judged, and the next release begins behind it, in whatever order the two were
/// cut and decided on.
#[tokio::test(flavor = "multi_thread")]
async fn a_certified_release_ends_the_range_of_the_next() {
    for cut_before_it_is_decided in [false, true] {
        let stage = until_241().await;
        if cut_before_it_is_decided {
            next(&stage, 100, "merge", "later", "v2.4.2").await;
            assert_eq!(range(&stage, "2.4.2").0, ["later", "merge"]);
        }
        decide(&stage).await;
        if !cut_before_it_is_decided {
            next(&stage, 2_100, "merge", "later", "v2.4.2").await;
        }
        let wanted = (vec!["later"], "Its range ends at 2.4.1, which is certified.".to_owned());
        assert_eq!(range(&stage, "2.4.2"), wanted, "cut before: {cut_before_it_is_decided}");
        // What was decided on keeps what it had.
        assert_eq!(range(&stage, "2.4.1").0, ["merge"]);
        let page = release_view(&stage.engine, "pay", "2.4.2").expect("a page");
        assert!(page.dossier.lines.contains(&wanted.1), "{:?}", page.dossier.lines);
        stage.clean();
    }
}

/// A branch that began before what was certified last is merged: its own commits are new, what it began at is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_from_before_what_was_certified_brings_its_own_commits_alone() {
    let stage = until_241().await;
    decide(&stage).await;
    let line = |sha: &str, parents: &[&str]| json!({ "sha": sha, "author": "dana", "title": "x", "tickets": [], "parents": parents });
    let told = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.2", "repository": REPO, "commit": sha("later"), "previous": "2.4.1",
        "range": [line(&sha("later"), &[&sha("merge"), &sha("side")]), line(&sha("side"), &[&sha("root")])] });
    stage.sender.call(at(2_200), &stage.tokens["anna"], "POST", "/api/v1/facts", &told).await.expect("cut");
    assert_eq!(range(&stage, "2.4.2").0, ["later", "side"]);
    stage.clean();
}

/// Seen in production by its deployment system, and judged: the next release begins behind it, and says that nobody certified
/// it. Either alone ends no range, and the order does not matter.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_in_production_and_judged_ends_the_range_of_the_next() {
    for asked_first in [false, true] {
        let stage = until_241().await;
        next(&stage, 100, "merge", "later", "v2.4.2").await;
        let ask = async || {
            ask_gate(&stage.engine, &Caller::internal("test"), "pay", "2.4.1", Gate::Evidence).await.expect("answers");
        };
        let deploy = async || {
            for (minute, state) in [(140, None), (145, Some("success"))] {
                let event = if state.is_some() { "deployment_status" } else { "deployment" };
                let image = digest("pay 2.4.1");
                let body = forge::deployment(REPO, at(minute), 5, "production", &sha("merge"), &image, state);
                stage.sender.github(at(minute), event, &body).await.expect("taken");
            }
        };
        if asked_first {
            ask().await;
        } else {
            deploy().await;
        }
        assert_eq!(range(&stage, "2.4.2").0, ["later", "merge"], "asked first: {asked_first}");
        if asked_first {
            deploy().await;
        } else {
            ask().await;
        }
        certrail_usecases::wait_for_ranges(&stage.engine, "pay").await.expect("followed");
        let (commits, ends) = range(&stage, "2.4.2");
        assert_eq!(commits, ["later"], "asked first: {asked_first}");
        assert!(ends.contains("2.4.1, which was in production uncertified"), "{ends}");
        stage.clean();
    }
}

/// Once something was judged, a baseline is a way around judgement: it takes two people, and neither is a pipeline.
#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_is_stated_on_record_and_by_two_people_once_something_was_judged() {
    let stage = until_241().await;
    let path = "/api/v1/products/pay/baselines";
    let state = async |who: &str, minute: i64, commit: &str, reason: &str| {
        let token = if who == "ci" { &stage.ci } else { &stage.tokens[who] };
        let body = json!({ "commit": commit, "reason": reason });
        stage.sender.call(at(minute), token, "POST", path, &body).await.map_err(|e| e.to_string())
    };
    let why = "This is where we began to review.";
    for who in ["ci", "anna", "priya", "vera"] {
        assert!(state(who, 90, &sha("merge"), why).await.expect_err("not theirs to say").contains("403"), "{who}");
    }
    assert!(state("olaf", 90, "main", why).await.expect_err("no commit").contains("400"));
    assert!(state("olaf", 90, "", why).await.expect_err("empty").contains("400"));
    assert!(state("olaf", 90, &sha("merge"), "because").await.expect_err("no reason").contains("20 characters"));
    assert!(state("olaf", 90, &sha("root"), why).await.expect_err("stated already").contains("409"));
    decide(&stage).await;
    next(&stage, 2_100, "merge", "decoy", "v2.4.2").await;
    next(&stage, 2_110, "decoy", "final", "v2.4.3").await;
    // An admin alone: it waits, and hides nothing.
    state("olaf", 2_200, &sha("decoy"), why).await.expect("waits");
    assert_eq!(range(&stage, "2.4.3").0, ["decoy", "final"]);
    let one = format!("{path}/{}", sha("decoy"));
    let approve = async |who: &str| {
        stage.sender.call(at(2_210), &stage.tokens[who], "POST", &one, &json!({})).await.map_err(|e| e.to_string())
    };
    for who in ["olaf", "anna", "vera"] {
        assert!(approve(who).await.expect_err("not theirs to approve").contains("403"), "{who}");
    }
    approve("priya").await.expect("approved");
    assert_eq!(range(&stage, "2.4.3").0, ["final"]);
    // What was decided on before keeps its range; and whoever ends it brings everything back.
    assert_eq!(range(&stage, "2.4.1").0, ["merge"]);
    stage.clean();
    let page = release_view(&stage.engine, "pay", "2.4.3").expect("a page");
    let line = page.dossier.lines.iter().find(|line| line.starts_with("The baseline ")).expect("on page 1");
    assert!(line.contains("stated by olaf") && line.contains("approved by priya") && line.contains(why), "{line}");
    stage.sender.call(at(2_220), &stage.tokens["olaf"], "DELETE", &one, &json!({})).await.expect("ended");
    assert_eq!(range(&stage, "2.4.3").0, ["decoy", "final"]);
    stage.clean();
}

/// A release that is said to follow one which contains it follows something else.
#[tokio::test(flavor = "multi_thread")]
async fn no_release_follows_one_that_contains_it() {
    let stage = until_241().await;
    decide(&stage).await;
    let told = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1-again", "repository": REPO, "commit": sha("merge"), "previous": "2.4.1",
        "range": [{ "sha": sha("merge"), "author": "dana", "title": "x", "tickets": [], "parents": [sha("root")] }] });
    stage.sender.call(at(2_200), &stage.tokens["anna"], "POST", "/api/v1/facts", &told).await.expect("cut");
    let (commits, ends) = range(&stage, "2.4.1-again");
    assert_eq!(commits, ["merge"]);
    assert!(ends.starts_with("Its range ends at the baseline 2.4.0"), "{ends}");
    stage.clean();
}
