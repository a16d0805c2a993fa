//! Where the range of a release ends: at what was judged, and at nothing else. What was cut and never decided on, a deployment
//! that somebody told, a version that nobody knows and a baseline that one person states alone hide nothing.

use certrail_usecases::{Gate, ask_gate, wait_for_ranges};

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
    pushed(stage, minute, "main", Some(before), &[id], false).await;
    tagged(stage, minute + 1, version, id).await;
}

/// Commits of a release, by what they are called here, and where its range ends.
fn range(stage: &Stage, version: &str) -> (Vec<&'static str>, String) {
    const LABELS: [&str; 7] = ["decoy", "evil", "final", "later", "merge", "root", "side"];
    let stored = find_release(&stage.engine, "pay", version).expect("there");
    let members = stage.engine.read(|tx| certrail_store::tables::bindings::members(tx, stored.seq)).expect("readable");
    let owned = |label: &str| members.iter().any(|(key, _, base)| *base && key.parts() == ("commit", &sha(label)));
    let ends = certrail_domain::sentence::range(&stored.release).expect("is cut");
    (LABELS.into_iter().filter(|label| owned(label)).collect(), ends)
}

/// A pipeline tells of a release and of commits with what they follow.
async fn told(stage: &Stage, minute: i64, version: &str, cut: &str, previous: Option<&str>, range: &[(&str, &[&str])]) {
    let line = |(id, parents): &(&str, &[&str])| json!({ "sha": sha(id), "author": "dana", "title": id, "tickets": [], "parents": parents.iter().map(|p| sha(p)).collect::<Vec<_>>() });
    let range: Vec<Value> = range.iter().map(line).collect();
    let body = json!({ "kind": "release.manifest", "product": "pay", "version": version, "repository": REPO, "commit": sha(cut), "previous": previous, "range": range });
    stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", &body).await.expect("cut");
}

/// Commits reach a branch, as the forge says.
async fn pushed(stage: &Stage, minute: i64, branch: &str, before: Option<&str>, commits: &[&str], forced: bool) {
    let list: Vec<_> = commits.iter().map(|id| (sha(id), "mallory".to_owned(), format!("PAY-8 {id}"))).collect();
    let mut push = forge::push(REPO, at(minute), branch, before.map(sha).as_deref(), &list, "mallory");
    push["forced"] = json!(forced);
    stage.sender.github(at(minute), "push", &push).await.expect("taken");
}

async fn tagged(stage: &Stage, minute: i64, version: &str, id: &str) {
    let tag = forge::tag(REPO, at(minute), version, &sha(id), "mallory");
    stage.sender.github(at(minute), "push", &tag).await.expect("taken");
}

fn is_partial(stage: &Stage, version: &str) -> bool {
    find_release(&stage.engine, "pay", version).expect("there").release.range_partial
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
        wait_for_ranges(&stage.engine, "pay").await.expect("followed");
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

/// After somebody certified 2.4.1 a pipeline says that it had more commits, outright or by what its cut follows: whatever it has
/// now, it takes no commit out of the next release that nobody knew of when it was decided on.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_on_takes_nothing_more_out_of_later_releases() {
    for way in 0..3 {
        let stage = until_241().await;
        decide(&stage).await;
        let lie: (&str, &str, &[(&str, &[&str])]) = match way {
            0 => ("2.4.1", "merge", &[("merge", &["root"]), ("evil", &["merge", "root"])]),
            _ => ("0.0.7", "side", &[("side", &["root"]), ("merge", &["root", "evil"])]),
        };
        if way < 2 {
            told(&stage, 2_090, lie.0, lie.1, None, lie.2).await;
        } else {
            // The order of a list makes the cut follow what it does not.
            pushed(&stage, 2_090, "main", Some("evil"), &["merge", "side"], false).await;
        }
        pushed(&stage, 2_100, "main", Some("merge"), &["evil"], false).await;
        next(&stage, 2_110, "evil", "final", "v2.4.2").await;
        wait_for_ranges(&stage.engine, "pay").await.expect("followed");
        let (commits, ends) = range(&stage, "2.4.2");
        assert!(commits.contains(&"evil") && commits.contains(&"final"), "way {way}: {commits:?} {ends}");
        assert!(review(&stage, "2.4.2").contains("evil went to main without a change"), "way {way}");
        stage.clean();
    }
}

/// A commit that is not pushed yet is told into the range of what is then certified: it is judged where it ships.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_checkout_merely_tells_is_taken_out_of_no_later_release() {
    let stage = until_241().await;
    told(&stage, 90, "2.4.1", "merge", Some("2.4.0"), &[("merge", &["root"]), ("evil", &["merge", "root"])]).await;
    assert!(review(&stage, "2.4.1").contains("evil"), "no object proves that it is a merge");
    stage.clean();
}

/// A forced push of one commit, and a branch that begins somewhere, tell of no beginning of the history.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_forced_push_nor_a_new_branch_begins_a_history() {
    let stage = until_241().await;
    decide(&stage).await;
    pushed(&stage, 2_100, "main", Some("merge"), &["evil"], false).await;
    pushed(&stage, 2_101, "main", Some("evil"), &["final"], true).await;
    tagged(&stage, 2_102, "v2.4.2", "final").await;
    assert!(is_partial(&stage, "2.4.2"), "{}", range(&stage, "2.4.2").1);
    pushed(&stage, 2_103, "release/3", None, &["side"], false).await;
    tagged(&stage, 2_104, "v3.0.0", "side").await;
    assert!(is_partial(&stage, "3.0.0"), "{}", range(&stage, "3.0.0").1);
    stage.clean();
}

/// Before an admin states a baseline, a pipeline says that it follows what somebody pushes later.
#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_contains_what_is_proved_and_no_word() {
    let stage = stage().await;
    told(&stage, 0, "0.0.1", "decoy", None, &[("decoy", &["side"]), ("side", &["evil"])]).await;
    stage.baseline(at(1), &sha("side"), None).await;
    pushed(&stage, 2, "main", Some("side"), &["evil"], false).await;
    next(&stage, 3, "evil", "final", "v2.4.2").await;
    let (commits, ends) = range(&stage, "2.4.2");
    assert_eq!(commits, ["evil", "final"], "{ends}");
    assert!(ends.starts_with("Its range ends at the baseline at "), "{ends}");
    stage.clean();
}

/// What was pushed to a branch nobody listens to is history all the same: a checkout that leaves it out hides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_other_branches_tell_is_known() {
    let stage = until_241().await;
    decide(&stage).await;
    pushed(&stage, 2_100, "hotfix", Some("merge"), &["evil"], false).await;
    pushed(&stage, 2_101, "hotfix", Some("evil"), &["final"], false).await;
    told(&stage, 2_110, "2.4.2", "final", Some("2.4.1"), &[("final", &["evil"])]).await;
    assert_eq!(range(&stage, "2.4.2").0, ["evil", "final"]);
    // Also where nobody knows from where the branch began.
    pushed(&stage, 2_120, "other", None, &["decoy"], false).await;
    pushed(&stage, 2_121, "other", Some("decoy"), &["later"], false).await;
    told(&stage, 2_122, "2.4.3", "later", Some("2.4.1"), &[("later", &["decoy"])]).await;
    assert_eq!(range(&stage, "2.4.3").0, ["decoy", "later"]);
    assert!(is_partial(&stage, "2.4.3"));
    stage.clean();
}

/// An admin makes the product one of a sole decider, states a baseline, and takes that back: then nobody approved it, and it
/// counts no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_of_a_sole_decider_counts_as_long_as_there_is_one() {
    let stage = until_241().await;
    decide(&stage).await;
    next(&stage, 2_100, "merge", "evil", "v2.4.2").await;
    let olaf = stage.tokens["olaf"].as_str();
    let alone = async |minute: i64, alone: bool| {
        let body = json!({ "sole_decider": alone });
        stage.sender.call(at(minute), olaf, "PUT", "/api/v1/products/pay", &body).await.expect("set");
    };
    alone(2_110, true).await;
    // There is no other admin: a day later it is so.
    let day = 24 * 60;
    stage.clock.set(at(2_110 + day));
    assert_eq!(certrail_usecases::apply_due_settings(&stage.engine).await, Ok(1));
    stage.baseline(at(2_111 + day), &sha("merge"), None).await;
    next(&stage, 2_112 + day, "evil", "final", "v2.4.3").await;
    let reason = json!({ "commit": sha("evil"), "reason": "Nobody but me is here any more." });
    stage.sender.call(at(2_113 + day), olaf, "POST", "/api/v1/products/pay/baselines", &reason).await.expect("stated");
    assert_eq!(range(&stage, "2.4.3").0, ["final"]);
    alone(2_120 + day, false).await;
    assert_eq!(range(&stage, "2.4.3").0, ["evil", "final"]);
    stage.clean();
}

/// A hotfix that was certified is merged back by a change: both have it.
#[tokio::test(flavor = "multi_thread")]
async fn a_certified_hotfix_is_merged_back_by_its_change() {
    let stage = until_241().await;
    decide(&stage).await;
    // The head of the change is where 2.4.1 is cut.
    let (head, made) = (sha("merge"), sha("later"));
    let mut pull =
        Pull { repo: REPO, number: 13, title: "PAY-7 Back", author: "dana", branch: "back", head: &head, merge: None };
    stage
        .sender
        .github(at(2_100), "pull_request", &forge::pull_request(at(2_100), "opened", &pull, "dana"))
        .await
        .expect("taken");
    let review_event = forge::review(at(2_101), &pull, "tom", "approved", &head);
    stage.sender.github(at(2_101), "pull_request_review", &review_event).await.expect("taken");
    pull.merge = Some((&made, "anna"));
    stage
        .sender
        .github(at(2_102), "pull_request", &forge::pull_request(at(2_102), "closed", &pull, "anna"))
        .await
        .expect("taken");
    pushed(&stage, 2_103, "main", Some("merge"), &["later"], false).await;
    tagged(&stage, 2_104, "v2.4.2", "later").await;
    assert_eq!(range(&stage, "2.4.2").0, ["later"]);
    assert!(review(&stage, "2.4.2").starts_with("passed"), "{}", review(&stage, "2.4.2"));
    stage.clean();
}

/// A checkout without tags tells the whole history: what is behind the baseline is no part of the release.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_tells_everything_brings_nothing_from_before_the_baseline() {
    let stage = stage().await;
    let all: [(&str, &[&str]); 4] = [("final", &["later"]), ("later", &["root"]), ("root", &["side"]), ("side", &[])];
    told(&stage, 10, "2.4.2", "final", None, &all).await;
    let (commits, ends) = range(&stage, "2.4.2");
    assert_eq!(commits, ["final", "later"], "{ends}");
    assert!(ends.starts_with("Its range ends at the baseline 2.4.0 at "), "{ends}");
    let found = review(&stage, "2.4.2");
    assert!(found.contains("final") && !found.contains("side") && !found.contains("root"), "{found}");
    stage.clean();
}

/// Where no forge is heard, the commits of a release that nobody decided on are known by what its own checkout told.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_forge_an_abandoned_release_hides_nothing_either() {
    let stage = stage().await;
    told(&stage, 10, "2.4.1", "decoy", Some("2.4.0"), &[("decoy", &["root"])]).await;
    told(&stage, 11, "2.4.2", "final", Some("2.4.1"), &[("final", &["decoy"])]).await;
    let (commits, ends) = range(&stage, "2.4.2");
    assert_eq!(commits, ["decoy", "final"]);
    assert!(ends.ends_with("It includes what 2.4.1 brought, on which nobody had decided."), "{ends}");
    assert!(review(&stage, "2.4.2").contains("decoy"), "{}", review(&stage, "2.4.2"));
    stage.clean();
}

/// A release is cut once: what is told of it at another commit is refused, and changes nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_cut_at_one_commit() {
    let stage = stage().await;
    told(&stage, 10, "2.4.2", "later", Some("2.4.0"), &[("later", &["root"])]).await;
    let again = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.2", "repository": REPO, "commit": sha("final"), "range": [{ "sha": sha("final"), "parents": [sha("later")] }] });
    let refused = stage.sender.call(at(11), &stage.ci, "POST", "/api/v1/facts", &again).await.expect_err("cut already");
    assert!(refused.to_string().contains("cut-elsewhere"), "{refused}");
    assert_eq!(range(&stage, "2.4.2").0, ["later"]);
    stage.clean();
}

/// What a baseline changes is there at once, on the page and in a dossier, though nothing else came since.
#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_that_ends_is_seen_at_once() {
    let stage = stage().await;
    told(&stage, 10, "2.4.2", "later", Some("2.4.0"), &[("later", &["side"])]).await;
    let says = |what: &str| {
        let page = release_view(&stage.engine, "pay", "2.4.2").expect("a page");
        let line = page.dossier.lines.iter().find(|line| line.starts_with("Its range")).expect("says so").clone();
        assert!(line.contains(what), "{line}");
    };
    says("ends at the baseline 2.4.0");
    let one = format!("/api/v1/products/pay/baselines/{}", sha("root"));
    stage.sender.call(at(12), &stage.tokens["olaf"], "DELETE", &one, &json!({})).await.expect("ended");
    says("could not be followed");
    stage.clean();
}

/// A release that is cut in the middle of a push, of which only the order is known that the forge listed its commits in: what
/// is kept of it once it counts as judged is what a check works out, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_in_the_middle_of_a_push_is_kept_as_it_is_worked_out() {
    let stage = until_241().await;
    pushed(&stage, 100, "main", Some("merge"), &["decoy", "later", "final"], false).await;
    tagged(&stage, 101, "v2.4.2", "later").await;
    stage.clean();
    for (minute, state) in [(110, None), (111, Some("success"))] {
        let event = if state.is_some() { "deployment_status" } else { "deployment" };
        let image = digest("pay 2.4.2");
        let out = forge::deployment(REPO, at(minute), 7, "production", &sha("later"), &image, state);
        stage.sender.github(at(minute), event, &out).await.expect("taken");
    }
    ask_gate(&stage.engine, &Caller::internal("test"), "pay", "2.4.2", Gate::Evidence).await.expect("answers");
    wait_for_ranges(&stage.engine, "pay").await.expect("followed");
    stage.clean();
    next(&stage, 120, "final", "side", "v2.4.3").await;
    wait_for_ranges(&stage.engine, "pay").await.expect("followed");
    stage.clean();
}

/// A product that takes a repository hears what its forge told before of what the product has cut, without anything else
/// happening.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_before_a_product_had_the_repository_is_its_own_then() {
    let stage = until_241().await;
    let olaf = &stage.tokens["olaf"];
    stage.sender.call(at(90), olaf, "PUT", "/api/v1/products/web", &json!({})).await.expect("a product");
    let cut = json!({ "kind": "release.manifest", "product": "web", "version": "1.0.0", "commit": sha("merge"),
        "repository": REPO, "range": [{ "sha": sha("merge"), "author": "dana", "title": "x", "parents": [] }] });
    stage.sender.call(at(91), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("cut");
    let runs = || {
        let stored = find_release(&stage.engine, "web", "1.0.0").expect("cut");
        let judged = judge(&stage.engine, &stored).expect("judged");
        judged.seen.evidence.iter().filter(|e| e.signal.facts.kind() == "build.run").count()
    };
    assert_eq!(runs(), 0);
    let put = json!({ "repositories": [REPO], "branch": "web", "tag_pattern": "web-{version}" });
    stage.sender.call(at(92), olaf, "PUT", "/api/v1/products/web", &put).await.expect("changed");
    wait_for_ranges(&stage.engine, "web").await.expect("followed");
    assert_eq!(runs(), 1);
    stage.clean();
}

/// A forge speaks of a commit before it says that it was pushed: it belongs to the release when it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_comes_before_its_push_is_found_by_it() {
    let stage = until_241().await;
    let put = json!({ "repositories": [REPO, "acme/two"] });
    stage.sender.call(at(90), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &put).await.expect("changed");
    wait_for_ranges(&stage.engine, "pay").await.expect("followed");
    let cut = json!({ "kind": "release.manifest", "product": "pay", "version": "3.0.0", "commit": sha("later") });
    stage.sender.call(at(91), &stage.ci, "POST", "/api/v1/facts", &cut).await.expect("cut");
    let run = forge::check_run(REPO, at(92), &sha("later"), "early", "success");
    stage.sender.github(at(92), "check_run", &run).await.expect("taken");
    stage.clean();
    pushed(&stage, 93, "main", Some("merge"), &["later"], false).await;
    stage.clean();
    let stored = find_release(&stage.engine, "pay", "3.0.0").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    assert!(judged.seen.evidence.iter().any(|e| e.signal.facts.kind() == "test.check"));
}
