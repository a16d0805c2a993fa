//! Which commits belong to a release, when a checkout tells and pushes tell otherwise.

use super::*;

const BEGIN: &str = "2.4.0 and then";

/// `old`, then 2.4.0, then three pushes to the branch: `a`, `b`, `c`.
async fn pushed() -> Stage {
    let stage = stage().await;
    let commit = |id: &str| (sha(id), "dana".to_owned(), format!("PAY-9 {id}"));
    let mut before: Option<String> = None;
    for (minute, id) in [(0, "old"), (5, BEGIN), (10, "a"), (20, "b"), (30, "c")] {
        let push = forge::push(REPO, at(minute), "main", before.as_deref(), &[commit(id)], "dana");
        send(&stage, at(minute), &Step::Hook("push", push)).await;
        if id == BEGIN {
            send(&stage, at(6), &Step::Hook("push", forge::tag(REPO, at(6), "v2.4.0", &sha(id), "dana"))).await;
        }
        before = Some(sha(id));
    }
    stage.baseline(at(31), &sha(BEGIN), None).await;
    stage
}

/// What a checkout tells: the cut, the release before, and commits with their parents.
fn manifest(cut: &str, previous: Option<&str>, range: &[(&str, &[&str])]) -> Step {
    let range: Vec<Value> = range
        .iter()
        .map(|(id, parents)| json!({ "sha": sha(id), "author": "dana", "title": id, "tickets": [], "parents": parents.iter().map(|p| sha(p)).collect::<Vec<_>>() }))
        .collect();
    Step::Fact(
        json!({ "kind": "release.manifest", "product": "pay", "version": "2.5.0", "release_type": "normal", "repository": REPO, "commit": sha(cut), "previous": previous, "range": range }),
    )
}

/// The commits of a release by their labels, and whether its range is whole.
fn contents(stage: &Stage, version: &str) -> (Vec<String>, bool) {
    const LABELS: [&str; 11] = [BEGIN, "a", "b", "c", "h", "hidden", "m", "old", "r", "side", "unheard of"];
    let stored = find_release(&stage.engine, "pay", version).expect("there");
    let members = stage.engine.read(|tx| certrail_store::tables::bindings::members(tx, stored.seq)).expect("readable");
    let owned = |label: &str| members.iter().any(|(key, _, base)| *base && key.parts() == ("commit", &sha(label)));
    let names = LABELS.into_iter().filter(|label| owned(label)).map(str::to_owned).collect();
    (names, !stored.release.range_partial)
}

/// Anna cuts.
async fn cut(stage: &Stage, step: &Step) {
    let Step::Fact(value) = step else { unreachable!("a manifest is a fact") };
    stage
        .sender
        .call(at(60), &stage.tokens["anna"], "POST", "/api/v1/facts", value)
        .await
        .unwrap_or_else(|e| panic!("{e}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_range_is_taken_as_told() {
    let stage = pushed().await;
    cut(&stage, &manifest("c", Some("2.4.0"), &[("c", &["b"]), ("b", &["a"]), ("a", &[BEGIN])])).await;
    assert_eq!(contents(&stage, "2.5.0"), (vec!["a".into(), "b".into(), "c".into()], true));
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_a_commit_out_of_the_range_does_not_hide_it() {
    let stage = pushed().await;
    cut(&stage, &manifest("c", Some("2.4.0"), &[("c", &["b"])])).await;
    assert_eq!(contents(&stage, "2.5.0"), (vec!["a".into(), "b".into(), "c".into()], true));
    // Nor does a parent that is not the real one: pushes told what it follows.
    let stage = pushed().await;
    cut(&stage, &manifest("c", Some("2.4.0"), &[("c", &[BEGIN])])).await;
    assert_eq!(contents(&stage, "2.5.0"), (vec!["a".into(), "b".into(), "c".into()], true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_takes_nothing_away_from_the_release_it_was_a_candidate_for() {
    let all = (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], true);
    let candidate = |minute: i64| Step::Hook("push", forge::tag(REPO, at(minute), "v2.5.0-rc.1", &sha("b"), "dana"));
    // By tags alone, then by a range that a checkout told, then with the candidate heard of last.
    let stage = pushed().await;
    send(&stage, at(40), &candidate(40)).await;
    let tag = forge::tag(REPO, at(50), "v2.5.0", &sha("c"), "dana");
    send(&stage, at(50), &Step::Hook("push", tag)).await;
    assert_eq!(contents(&stage, "2.5.0"), all);
    let told = manifest("c", Some("2.4.0"), &[("c", &["b"]), ("b", &["a"]), ("a", &[BEGIN])]);
    let stage = pushed().await;
    send(&stage, at(40), &candidate(40)).await;
    cut(&stage, &told).await;
    assert_eq!(contents(&stage, "2.5.0"), all);
    let stage = pushed().await;
    cut(&stage, &told).await;
    send(&stage, at(70), &candidate(70)).await;
    assert_eq!(contents(&stage, "2.5.0"), all);
    // Even where the sender takes the candidate for the release before.
    let stage = pushed().await;
    send(&stage, at(40), &candidate(40)).await;
    cut(&stage, &manifest("c", Some("2.5.0-rc.1"), &[("c", &["b"])])).await;
    assert_eq!(contents(&stage, "2.5.0").0, all.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_comes_after_the_range_finds_what_it_left_out() {
    let commit = |id: &str| (sha(id), "dana".to_owned(), format!("PAY-9 {id}"));
    let begin = forge::push(REPO, at(0), "main", None, &[commit(BEGIN)], "dana");
    let tag = forge::tag(REPO, at(1), "v2.4.0", &sha(BEGIN), "dana");
    let both = forge::push(REPO, at(20), "main", Some(&sha(BEGIN)), &[commit("b"), commit("c")], "dana");
    let told = manifest("c", Some("2.4.0"), &[("c", &[BEGIN])]);
    let mut found = Vec::new();
    for push_first in [true, false] {
        let stage = stage().await;
        send(&stage, at(0), &Step::Hook("push", begin.clone())).await;
        send(&stage, at(1), &Step::Hook("push", tag.clone())).await;
        stage.baseline(at(2), &sha(BEGIN), None).await;
        if push_first {
            send(&stage, at(20), &Step::Hook("push", both.clone())).await;
        }
        cut(&stage, &told).await;
        if !push_first {
            send(&stage, at(70), &Step::Hook("push", both.clone())).await;
        }
        found.push(contents(&stage, "2.5.0"));
    }
    assert_eq!(found[0].0, ["b", "c"]);
    assert_eq!(found[0], found[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_a_hotfix_back_brings_nothing_of_the_branch_into_the_hotfix() {
    let commit = |id: &str| (sha(id), "dana".to_owned(), format!("PAY-9 {id}"));
    // `h` follows 2.4.0 on a branch of its own; main is at `c`; the merge `m` brings it back.
    let step = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1", "release_type": "normal", "repository": REPO, "commit": sha("h"), "previous": "2.4.0", "range": [{ "sha": sha("h"), "author": "dana", "title": "h", "tickets": [], "parents": [sha(BEGIN)] }] });
    let back = forge::push(REPO, at(70), "main", Some(&sha("c")), &[commit("h"), commit("m")], "dana");
    for hotfix_first in [true, false] {
        let stage = pushed().await;
        if hotfix_first {
            cut(&stage, &Step::Fact(step.clone())).await;
        }
        send(&stage, at(70), &Step::Hook("push", back.clone())).await;
        if !hotfix_first {
            send(
                &stage,
                at(71),
                &Step::Hook("push", forge::tag(REPO, at(71), "v9.9.9-rc.1", &sha("unrelated"), "dana")),
            )
            .await;
            let Step::Fact(value) = Step::Fact(step.clone()) else { unreachable!("a fact") };
            stage
                .sender
                .call(at(80), &stage.tokens["anna"], "POST", "/api/v1/facts", &value)
                .await
                .unwrap_or_else(|e| panic!("{e}"));
        }
        assert_eq!(contents(&stage, "2.4.1").0, ["h"], "hotfix first: {hotfix_first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_release_comes_before_itself() {
    let stage = pushed().await;
    cut(&stage, &manifest("c", Some("2.5.0"), &[("c", &["b"])])).await;
    assert_eq!(contents(&stage, "2.5.0").0, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_release_before_is_cut_may_be_heard_of_later() {
    // 2.4.0 is cut at `r` on a branch of its own that left main at `a`; 2.5.0 is `c`, told from `b` on.
    let before = json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.5", "release_type": "normal", "repository": REPO, "commit": sha("r"), "previous": "2.4.0", "range": [{ "sha": sha("r"), "author": "dana", "title": "r", "tickets": [], "parents": [sha("a")] }] });
    let after = manifest("c", Some("2.4.5"), &[("c", &["b"]), ("b", &["a"])]);
    let mut found = Vec::new();
    for before_first in [true, false] {
        let stage = pushed().await;
        let steps = if before_first {
            [Step::Fact(before.clone()), after.clone()]
        } else {
            [after.clone(), Step::Fact(before.clone())]
        };
        for step in &steps {
            cut(&stage, step).await;
        }
        found.push(contents(&stage, "2.5.0"));
    }
    assert_eq!(found[0], found[1]);
    // Nobody judged 2.4.5, so what it brought is judged with the next one.
    assert_eq!(found[0].0, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_from_before_the_previous_release_brings_no_old_history() {
    let stage = pushed().await;
    // `side` began at `old`, which 2.4.0 contains, and was merged as `m`.
    let step = manifest(
        "m",
        Some("2.4.0"),
        &[("m", &["c", "side"]), ("side", &["old"]), ("c", &["b"]), ("b", &["a"]), ("a", &[BEGIN])],
    );
    cut(&stage, &step).await;
    let side = ["a", "b", "c", "m", "side"].map(str::to_owned).to_vec();
    assert_eq!(contents(&stage, "2.5.0"), (side, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_ends_in_the_dark_is_whole_only_if_it_says_where() {
    let stage = stage().await;
    cut(&stage, &manifest("c", None, &[("c", &["unheard of"])])).await;
    assert_eq!(contents(&stage, "2.5.0"), (vec!["c".into()], false));
    // A version that nobody knows is no end either; that of the baseline is.
    let stage = self::stage().await;
    cut(&stage, &manifest("c", Some("9.9"), &[("c", &["unheard of"])])).await;
    assert_eq!(contents(&stage, "2.5.0"), (vec!["c".into()], false));
    let stage = self::stage().await;
    cut(&stage, &manifest("c", Some("2.4.0"), &[("c", &["unheard of"])])).await;
    assert_eq!(contents(&stage, "2.5.0"), (vec!["c".into()], true));
    // A push that comes later lights up what was dark.
    let commits = [(sha("hidden"), "dana".into(), "Hidden".into()), (sha("unheard of"), "dana".into(), "Heard".into())];
    let push = forge::push(REPO, at(5), "main", Some(&sha("start")), &commits, "dana");
    send(&stage, at(90), &Step::Hook("push", push)).await;
    let (names, _) = contents(&stage, "2.5.0");
    assert_eq!(names, ["c", "hidden", "unheard of"]);
}

/// Where no forge is heard, the commits that a checkout lists name the work items of the release.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkouts_commits_bring_their_work_items() {
    let stage = stage().await;
    let head = sha("head");
    let post = async |minute: i64, value: Value| {
        stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", &value).await.expect("told")
    };
    let ticket = |product: &str| json!({ "kind": "requirement.ticket", "product": product, "key": "PAY-7", "title": "x", "status": "open" });
    let waits = post(0, ticket("pay")).await;
    assert_eq!(waits["ack"]["bound"], json!([]));
    post(
        1,
        json!({ "kind": "release.manifest", "product": "pay", "version": "1.0.0", "commit": head,
        "range": [{ "sha": head, "parents": [], "author": "dana", "title": "PAY-7 Round", "tickets": ["PAY-7"] }] }),
    )
    .await;
    let view = release_view(&stage.engine, "pay", "1.0.0").expect("a page");
    assert!(view.dossier.evidence.iter().any(|e| e.kind == "requirement.ticket"));
    let later = post(2, ticket("pay")).await;
    assert_eq!(later["ack"]["bound"][0]["release"], "pay/1.0.0");
    assert_eq!(certrail_usecases::fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}

/// A copy of somebody's commits in another repository, with more before them, and a ticket in a message.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_forge_tells_of_a_commit_counts_for_those_who_have_its_repository() {
    const COPY: &str = "acme/web";
    let stage = pushed().await;
    stage.second_product().await;
    let commit = |id: &str| (sha(id), "mallory".to_owned(), format!("PAY-99 {id}"));
    let copy = forge::push(COPY, at(40), "main", None, &[commit("hidden"), commit("b")], "mallory");
    send(&stage, at(40), &Step::Hook("push", copy)).await;
    send(&stage, at(50), &Step::Hook("push", forge::tag(REPO, at(50), "v2.5.0", &sha("c"), "dana"))).await;
    let owns_ticket = || {
        let stored = find_release(&stage.engine, "pay", "2.5.0").expect("there");
        let ticket = certrail_domain::Key::ticket("PAY-99");
        let member = stage.engine.read(|tx| certrail_store::tables::bindings::member(tx, stored.seq, &ticket));
        member.expect("readable").is_some()
    };
    let own = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    assert_eq!((contents(&stage, "2.5.0"), owns_ticket()), ((own.clone(), true), false));
    stage.clean();
    // Whoever takes the repository as theirs hears what it tells, also of what is cut; and keeps what they heard when it leaves:
    // a release that went out loses none of its evidence because the team works elsewhere now.
    let olaf = &stage.tokens["olaf"];
    let claim = async |minute: i64, repositories: Value| {
        let body = json!({ "repositories": repositories });
        stage.sender.call(at(minute), olaf, "PUT", "/api/v1/products/pay", &body).await.expect("changed");
    };
    claim(60, json!([REPO, COPY])).await;
    let mut more = own.clone();
    more.push("hidden".to_owned());
    assert_eq!((contents(&stage, "2.5.0").0, owns_ticket()), (more.clone(), true));
    stage.clean();
    claim(70, json!([REPO])).await;
    assert_eq!((contents(&stage, "2.5.0").0, owns_ticket()), (more, true));
    stage.clean();
}

/// Two products have one repository and listen to branches of their own; the history is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_one_branch_is_history_of_releases_cut_from_another() {
    let commit = |id: &str| (sha(id), "dana".to_owned(), format!("PAY-9 {id}"));
    let main = || Step::Hook("push", forge::push(REPO, at(20), "main", Some(&sha("old")), &[commit("m")], "dana"));
    let side = || Step::Hook("push", forge::push(REPO, at(21), "release", Some(&sha("m")), &[commit("r")], "dana"));
    let tag = || Step::Hook("push", forge::tag(REPO, at(22), "w-1.0.0", &sha("r"), "dana"));
    let mut told = Vec::new();
    for order in [[main(), side(), tag()], [side(), tag(), main()]] {
        let stage = stage().await;
        let own = json!({ "repositories": [REPO], "branch": "release", "tag_pattern": "w-{version}" });
        stage.sender.call(at(0), &stage.tokens["olaf"], "PUT", "/api/v1/products/web", &own).await.expect("made");
        for (minute, step) in (20..).zip(&order) {
            send(&stage, at(minute), step).await;
        }
        let stored = find_release(&stage.engine, "web", "1.0.0").expect("there");
        let members = stage.engine.read(|tx| certrail_store::tables::bindings::members(tx, stored.seq));
        told.push(members.expect("readable").into_iter().map(|(key, ..)| key.to_string()).collect::<Vec<_>>());
        stage.clean();
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].iter().any(|key| key.ends_with(&sha("m"))), "{told:?}");
}

/// What a crash left undone between a product's change and what follows from it is taken up when it is told again.
#[tokio::test(flavor = "multi_thread")]
async fn telling_a_product_again_takes_up_what_was_left_undone() {
    let stage = pushed().await;
    cut(&stage, &manifest("c", Some("2.4.0"), &[("c", &["b"]), ("b", &["a"]), ("a", &[BEGIN])])).await;
    let seq = find_release(&stage.engine, "pay", "2.5.0").expect("there").seq;
    let lose = move |batch: &mut certrail_usecases::Batch<'_>| {
        let key = certrail_domain::Key::commit(&sha("a"));
        certrail_store::tables::bindings::remove_member(batch.tx, seq, &key).map_err(Into::into)
    };
    stage.engine.write(lose).await.expect("written");
    assert!(!contents(&stage, "2.5.0").0.contains(&"a".to_owned()));
    assert!(!certrail_usecases::fsck(&stage.engine).expect("runs").faults.is_empty());
    let again = json!({ "repositories": [REPO] });
    stage.sender.call(at(70), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &again).await.expect("told again");
    assert!(contents(&stage, "2.5.0").0.contains(&"a".to_owned()));
    stage.clean();
}
