//! What concerns a repository as a whole: told once, bound to no release, read by every release it matters to.

use certrail_criteria::open_findings;
use certrail_store::tables::bindings;
use certrail_usecases::judge_at;

use super::*;

/// An event of a code scanning alert.
fn alert(minute: i64, number: u64, state: &str, branch: Option<&str>) -> Step {
    let mut value = forge::dependabot(REPO, at(minute), number, at(minute), "high", &format!("Leak {number}"));
    value["action"] = json!(if state == "open" { "created" } else { state });
    value["alert"]["state"] = json!(state);
    value["alert"]["rule"] =
        json!({ "id": "leak", "description": format!("Leak {number}"), "security_severity_level": "high" });
    // A commit that no release has: where an alert was last seen does not make it go away elsewhere.
    value["alert"]["most_recent_instance"] = json!({ "commit_sha": sha("somewhere") });
    if let Some(branch) = branch {
        value["alert"]["most_recent_instance"]["ref"] = json!(branch);
    }
    Step::Hook("code_scanning_alert", value)
}

/// The branch gets a commit, and a release is cut there.
async fn release(stage: &Stage, minute: i64, version: &str, before: Option<&str>) {
    let commit = (sha(version), "dana".to_owned(), format!("PAY-1 {version}"));
    let before = before.map(sha);
    let push = forge::push(REPO, at(minute), "main", before.as_deref(), &[commit], "dana");
    send(stage, at(minute), &Step::Hook("push", push)).await;
    let tag = forge::tag(REPO, at(minute), &format!("v{version}"), &sha(version), "dana");
    send(stage, at(minute), &Step::Hook("push", tag)).await;
}

/// The titles of what is open in a release, as it is known at a position and time.
fn open_at(stage: &Stage, version: &str, position: u64, when: Time) -> Vec<String> {
    let stored = find_release(&stage.engine, "pay", version).expect("there");
    let judged = judge_at(&stage.engine, &stored, position, when).expect("judged");
    open_findings(&judged.seen.input()).open.values().map(|f| f.name.to_owned()).collect()
}

fn open(stage: &Stage, version: &str) -> Vec<String> {
    open_at(stage, version, stage.engine.head().size(), stage.engine.now())
}

fn clean(stage: &Stage) {
    let report = certrail_usecases::fsck(&stage.engine).expect("reads");
    assert_eq!(report.faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_counts_for_every_release_made_while_it_is_open_and_is_bound_to_none() {
    let stage = stage().await;
    release(&stage, 0, "1.0.0", None).await;
    let Step::Hook(event, value) = alert(1, 7, "open", Some("refs/heads/main")) else { unreachable!("a delivery") };
    let answer = stage.sender.github(at(1), event, &value).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(answer["ack"]["context"], REPO, "{answer}");
    assert_eq!(answer["ack"]["bound"], json!([]), "{answer}");
    let entry = answer["ack"]["index"].as_u64().expect("an index");
    for (minute, version, before) in [(10, "1.1.0", "1.0.0"), (20, "1.2.0", "1.1.0"), (30, "1.3.0", "1.2.0")] {
        release(&stage, minute, version, Some(before)).await;
        assert_eq!(open(&stage, version), ["Leak 7"], "{version}");
    }
    let before_the_fix = (stage.engine.head().size(), at(31));
    send(&stage, at(32), &alert(32, 7, "fixed", Some("refs/heads/main"))).await;
    assert_eq!(open(&stage, "1.3.0"), Vec::<String>::new());
    assert_eq!(open_at(&stage, "1.3.0", before_the_fix.0, before_the_fix.1), ["Leak 7"], "as it was known then");
    let history = stage.engine.read(|tx| bindings::history(tx, entry)).expect("reads");
    assert_eq!(history, [], "three releases later, nothing was written about it again");
    clean(&stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_another_branch_concerns_no_release_and_hides_none() {
    let stage = stage().await;
    release(&stage, 0, "1.0.0", None).await;
    send(&stage, at(1), &alert(1, 7, "open", Some("refs/heads/main"))).await;
    // Seen on a branch of somebody's, and gone there: it is open where it was.
    send(&stage, at(2), &alert(2, 7, "open", Some("refs/pull/9/merge"))).await;
    send(&stage, at(3), &alert(3, 7, "fixed", Some("refs/pull/9/merge"))).await;
    send(&stage, at(4), &alert(4, 8, "open", Some("refs/heads/experiment"))).await;
    // Nobody says on which branch: it counts.
    send(&stage, at(5), &alert(5, 9, "open", None)).await;
    release(&stage, 10, "1.1.0", Some("1.0.0")).await;
    let mut found = open(&stage, "1.1.0");
    found.sort();
    assert_eq!(found, ["Leak 7", "Leak 9"]);
    clean(&stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_follows_from_what_happened_and_not_from_when_we_heard() {
    let events =
        [(10, 1, "open"), (20, 1, "fixed"), (30, 1, "open"), (12, 2, "open"), (22, 2, "fixed"), (14, 3, "open")];
    for seed in 0..6 {
        let stage = stage().await;
        release(&stage, 0, "1.0.0", None).await;
        let mut next = numbers(seed);
        let mut rest = events.to_vec();
        // Whatever an entry that is still to come said of the past does not change what was known.
        let mut known: Vec<(u64, Vec<Vec<String>>)> = Vec::new();
        let looks = |stage: &Stage, position: u64| -> Vec<Vec<String>> {
            [11, 21, 31].map(|minute| open_at(stage, "1.0.0", position, at(minute))).to_vec()
        };
        while !rest.is_empty() {
            let (minute, number, state) = rest.remove(next(rest.len()));
            send(&stage, at(40), &alert(minute, number, state, Some("refs/heads/main"))).await;
            let position = stage.engine.head().size();
            known.push((position, looks(&stage, position)));
        }
        let expected = [vec!["Leak 1"], vec!["Leak 2", "Leak 3"], vec!["Leak 1", "Leak 3"]];
        let mut last = known.last().expect("one").1.clone();
        last.iter_mut().for_each(|names| names.sort());
        assert_eq!(last, expected, "seed {seed}");
        for (position, then) in known {
            assert_eq!(looks(&stage, position), then, "seed {seed}, position {position}");
        }
        clean(&stage);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_nobody_waits_until_a_product_has_it_and_again_when_it_leaves() {
    let stage = stage().await;
    release(&stage, 0, "1.0.0", None).await;
    let mut stranger = forge::dependabot("acme/lib", at(1), 4, at(1), "high", "Leak 4");
    stranger["alert"]["number"] = json!(4);
    let answer = stage.sender.github(at(1), "dependabot_alert", &stranger).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(answer["ack"]["unbound"], "No product owns the repository acme/lib.", "{answer}");
    let waits = |stage: &Stage| unbound_queue(&stage.engine, &Caller::internal("test"), None, 10).expect("reads").1;
    let put = async |minute: i64, repositories: &[&str]| {
        let body = json!({ "repositories": repositories });
        let put = stage.sender.call(at(minute), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &body).await;
        put.unwrap_or_else(|e| panic!("{e}"));
    };
    assert_eq!((waits(&stage), open(&stage, "next")), (1, vec![]));
    put(2, &[REPO, "acme/lib"]).await;
    assert_eq!((waits(&stage), open(&stage, "next")), (0, vec!["Leak 4".to_owned()]));
    clean(&stage);
    put(3, &[REPO]).await;
    assert_eq!((waits(&stage), open(&stage, "next")), (1, vec![]));
    clean(&stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_closed_is_on_its_way_no_more_until_it_is_opened_again() {
    let head = sha("idea");
    let pull =
        Pull { repo: REPO, number: 44, title: "An idea", author: "dana", branch: "idea", head: &head, merge: None };
    let events = [
        ("pull_request", forge::pull_request(at(1), "opened", &pull, "dana")),
        ("pull_request_review", forge::review(at(2), &pull, "tom", "commented", &head)),
        ("pull_request", forge::pull_request(at(3), "closed", &pull, "dana")),
    ];
    let of_change = |stage: &Stage, version: &str| {
        let stored = find_release(&stage.engine, "pay", version).expect("there");
        let judged = judge(&stage.engine, &stored).expect("judged");
        let of = |e: &&certrail_criteria::Evidence| matches!(e.signal.facts.kind(), "code.change" | "code.review");
        judged.seen.evidence.iter().filter(of).count()
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let stage = stage().await;
        release(&stage, 0, "1.0.0", None).await;
        let mut entries = Vec::new();
        for i in order {
            let (event, value) = &events[i];
            let answer = stage.sender.github(at(5), event, value).await.unwrap_or_else(|e| panic!("{e}"));
            entries.push(answer["ack"]["index"].as_u64().expect("an index"));
        }
        assert_eq!(of_change(&stage, "next"), 0, "{order:?}");
        assert_eq!(unbound_queue(&stage.engine, &Caller::internal("test"), None, 10).expect("reads").1, 0, "{order:?}");
        let told = stage.engine.head().size();
        release(&stage, 10, "1.1.0", Some("1.0.0")).await;
        let moved = stage.engine.read(|tx| certrail_store::tables::log::acts(tx, told, told + 100)).expect("reads");
        let again: Vec<Value> = moved
            .iter()
            .filter(|a| a.act == "rebind")
            .flat_map(|a| serde_json::from_str::<Value>(&a.document).expect("JSON")["moved"].as_array().cloned())
            .flatten()
            .filter(|moved| moved["signal"].as_u64().is_some_and(|signal| entries.contains(&signal)))
            .collect();
        assert_eq!(again, Vec::<Value>::new(), "{order:?}");
        let again = forge::pull_request(at(20), "reopened", &pull, "dana");
        send(&stage, at(20), &Step::Hook("pull_request", again)).await;
        assert_eq!(of_change(&stage, "next"), 4, "{order:?}");
        clean(&stage);
    }
}
