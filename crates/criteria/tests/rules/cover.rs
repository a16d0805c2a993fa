//! What a review covers: what lies between the base of its change and its merged head, and nothing that came beside it. Each
//! attempt stands with its honest twin.

use certrail_domain::{Cause, Verdict};
use serde_json::{Value, json};

use super::{
    case::{Case, HEAD, MERGE, OLD, at},
    human,
};

const BASE: &str = "4444444444444444444444444444444444444444";
const BESIDE: &str = "5555555555555555555555555555555555555555";
const SECOND: &str = "6666666666666666666666666666666666666666";

/// A commit as a push lists it: by whom, and whether the forge committed it.
fn commit(sha: &str, author: &str) -> Value {
    json!({ "sha": sha, "author": author, "title": "Work", "by_forge": false })
}

fn by_forge(sha: &str, author: &str) -> Value {
    json!({ "sha": sha, "author": author, "title": "Merge", "by_forge": true })
}

/// What the forge had on another branch before.
fn known(sha: &str, author: &str) -> Value {
    json!({ "sha": sha, "author": author, "title": "Work", "by_forge": false, "known_before": true })
}

fn push(branch: &str, before: Option<&str>, by: &str, commits: &[Value]) -> Value {
    json!({ "kind": "code.push", "repository": "acme/pay", "branch": branch, "before": before,
        "after": commits.last().unwrap()["sha"], "forced": false, "pusher": human(by), "commits": commits })
}

fn forced(mut push: Value) -> Value {
    push["forced"] = json!(true);
    push
}

/// Change 7 by dana to a branch.
fn event(action: &str, head: &str, target: &str, pusher: Option<&str>) -> Value {
    json!({ "kind": "code.change", "repository": "acme/pay", "number": 7, "action": action, "state": "open",
        "title": "PAY-7 Round", "author": human("dana"), "head": head, "head_branch": "pay-7", "target_branch": target,
        "pusher": pusher.map(human) })
}

fn merged(head: &str, target: &str, merge: Option<&str>, count: Option<u64>) -> Value {
    let mut closed = event("closed", head, target, None);
    closed["state"] = json!("merged");
    closed["merge_commit"] = json!(merge);
    closed["commit_count"] = json!(count);
    closed["merged_at"] = json!(at(0).to_string());
    closed
}

fn review(minute: i64, by: &str, verdict: &str, revision: &str) -> (i64, Value) {
    let facts = json!({ "kind": "code.review", "repository": "acme/pay", "number": 7, "reviewer": human(by), "verdict": verdict,
        "revision": revision, "submitted_at": at(minute).to_string(), "counted": true });
    (minute, facts)
}

fn told(story: &[(i64, Value)]) -> Case {
    story.iter().fold(Case::new(), |case, (minute, facts)| case.with(*minute, facts.clone()))
}

/// Opened at HEAD and approved by tom.
fn approved() -> Vec<(i64, Value)> {
    vec![
        (-90, push("pay-7", None, "dana", &[commit(HEAD, "dana")])),
        (-89, event("opened", HEAD, "main", Some("dana"))),
        review(-60, "tom", "approved", HEAD),
    ]
}

fn with(mut story: Vec<(i64, Value)>, more: impl IntoIterator<Item = (i64, Value)>) -> Vec<(i64, Value)> {
    story.extend(more);
    story
}

/// How a story ends for the review of its code: its worst row.
fn ends(name: &str, story: &[(i64, Value)], verdict: Verdict, cause: Cause, says: &str) {
    let judged = told(story).judged();
    let found = judged.requirements.iter().find(|r| r.id == "code-review").unwrap();
    let rows: Vec<_> = found.rows.iter().map(|r| (r.verdict, &r.sentence)).collect();
    assert_eq!((found.verdict, found.cause), (verdict, cause), "{name}: {rows:#?}");
    assert!(found.rows.iter().any(|r| r.verdict == verdict && r.sentence.contains(says)), "{name}: {rows:#?}");
}

#[test]
fn a_commit_beside_the_change_is_not_reviewed_with_it() {
    use Verdict::{Failed, Indeterminate, Passed};
    let merge = || by_forge(MERGE, "tom");
    let main = |commits: &[Value]| (1, push("main", Some(BASE), "dana", commits));
    let closed = |count: Option<u64>| (0, merged(HEAD, "main", Some(MERGE), count));
    let good = with(approved(), [closed(Some(1)), main(&[commit(HEAD, "dana"), merge()])]);
    ends("merged by the button", &good, Passed, Cause::Satisfied, "tom approved");
    let beside = with(approved(), [closed(None), main(&[commit(HEAD, "dana"), commit(BESIDE, "dana"), merge()])]);
    ends("after it", &beside, Failed, Cause::Absent, "direct push 5555555");
    let before = with(approved(), [closed(Some(1)), main(&[commit(BESIDE, "dana"), commit(HEAD, "dana"), merge()])]);
    ends("before it, the branch known", &before, Failed, Cause::Absent, "direct push 5555555");
    // From a fork nothing is heard but its head: the forge's count tells, and where it gives none nothing does.
    let fork = |count| {
        let fork: Vec<_> = approved().into_iter().skip(1).collect();
        with(fork, [closed(count), main(&[commit(BESIDE, "dana"), commit(HEAD, "dana"), merge()])])
    };
    ends("a fork of two commits", &fork(Some(2)), Passed, Cause::Satisfied, "tom approved");
    ends("a fork of one", &fork(Some(1)), Failed, Cause::Absent, "direct push 5555555");
    ends("a fork of nobody knows", &fork(None), Indeterminate, Cause::Error, "nothing tells whether it is part of it");
    // A commit on top that pretends to be what merging made.
    let mut single = commit(MERGE, "dana");
    single["parents"] = json!([HEAD]);
    single["proved"] = json!(true);
    let pretends = with(approved(), [closed(Some(1)), main(&[commit(HEAD, "dana"), single])]);
    ends("one more commit as the merge", &pretends, Failed, Cause::Absent, "direct push 3333333");
}

#[test]
fn what_is_no_longer_the_head_is_not_covered() {
    use Verdict::{Failed, Passed};
    let story = |rest: Vec<(i64, Value)>| {
        let replaced = [
            (-90, push("pay-7", None, "dana", &[commit(OLD, "dana")])),
            (-89, event("opened", OLD, "main", Some("dana"))),
            (-80, forced(push("pay-7", Some(OLD), "dana", &[commit(HEAD, "dana")]))),
            (-79, event("synchronize", HEAD, "main", Some("dana"))),
            review(-60, "tom", "approved", HEAD),
        ];
        with(replaced.to_vec(), rest)
    };
    let squashed = (0, merged(HEAD, "main", Some(MERGE), Some(1)));
    let good = story(vec![squashed.clone(), (1, push("main", Some(BASE), "tom", &[by_forge(MERGE, "dana")]))]);
    ends("replaced, and gone", &good, Passed, Cause::Satisfied, "tom approved");
    let kept = story(vec![
        (-30, push("main", Some(BASE), "dana", &[commit(OLD, "dana")])),
        squashed,
        (1, push("main", Some(OLD), "tom", &[by_forge(MERGE, "dana")])),
    ]);
    ends("replaced, and pushed to main", &kept, Failed, Cause::Absent, "direct push 2222222");
    let with_merge = story(vec![
        (0, merged(HEAD, "main", Some(MERGE), None)),
        (1, push("main", Some(BASE), "dana", &[known(OLD, "dana"), commit(HEAD, "dana"), commit(MERGE, "dana")])),
    ]);
    let judged = told(&with_merge).judged();
    let found = judged.requirements.iter().find(|r| r.id == "code-review").unwrap();
    assert!(!found.verdict.opens_gate(), "{}", found.sentence);
}

#[test]
fn several_changes_land_in_one_push() {
    use Verdict::{Failed, Passed};
    // A queue squashed two changes; the second nobody approved.
    let other = |approved: bool| {
        let mut all = vec![
            (-50, event("opened", SECOND, "main", Some("dana"))),
            (0, merged(SECOND, "main", Some(BESIDE), Some(1))),
        ];
        all.extend(approved.then(|| review(-40, "tom", "approved", SECOND)));
        for (_, facts) in &mut all {
            facts["number"] = json!(8);
        }
        all
    };
    let landed = [
        (0, merged(HEAD, "main", Some(MERGE), Some(1))),
        (1, push("main", Some(BASE), "dana", &[by_forge(BESIDE, "dana"), by_forge(MERGE, "dana")])),
    ];
    let both = with(with(approved(), other(true)), landed.clone());
    ends("both approved", &both, Passed, Cause::Satisfied, "tom approved");
    let one = with(with(approved(), other(false)), landed.clone());
    ends("one of them", &one, Verdict::Missing, Cause::Absent, "no approval of #8");
    // The forge rebased a change of one commit, and a commit was there before.
    ends("one commit too many", &with(approved(), landed), Failed, Cause::Absent, "direct push 5555555");
}

#[test]
fn a_review_towards_another_branch_says_nothing_of_this_one() {
    use Verdict::{Failed, Passed};
    let story = |then: &str| {
        vec![
            (-90, push("pay-7", None, "dana", &[commit(HEAD, "dana")])),
            (-89, event("opened", HEAD, then, Some("dana"))),
            review(-60, "tom", "approved", HEAD),
            (-30, event("edited", HEAD, "main", None)),
            (0, merged(HEAD, "main", Some(MERGE), Some(1))),
            (1, push("main", Some(BASE), "tom", &[by_forge(MERGE, "dana")])),
        ]
    };
    ends("always to main", &story("main"), Passed, Cause::Satisfied, "tom approved");
    ends("to another when approved", &story("scratch"), Failed, Cause::Stale, "when it was to go to scratch");
    // Merged to another branch, and then pushed to this one by hand.
    let elsewhere = vec![
        (-90, push("pay-7", None, "dana", &[commit(HEAD, "dana")])),
        (-89, event("opened", HEAD, "scratch", Some("dana"))),
        review(-60, "tom", "approved", HEAD),
        (0, merged(HEAD, "scratch", Some(HEAD), Some(1))),
        (1, push("scratch", Some(BASE), "dana", &[known(HEAD, "dana")])),
        (2, push("main", Some(BASE), "dana", &[known(HEAD, "dana"), commit(MERGE, "dana")])),
    ];
    ends("by way of another branch", &elsewhere, Failed, Cause::Absent, "direct push 3333333");
}

/// Whoever may not write has an opinion; and nobody sets aside what was said against their own work.
#[test]
fn who_is_not_counted_says_neither_yes_nor_no() {
    use Verdict::{Failed, Passed};
    let landed = [
        (0, merged(HEAD, "main", Some(MERGE), Some(1))),
        (1, push("main", Some(BASE), "tom", &[by_forge(MERGE, "dana")])),
    ];
    let uncounted = |(minute, mut facts): (i64, Value)| {
        facts["counted"] = json!(false);
        (minute, facts)
    };
    let opened: Vec<_> = approved().into_iter().take(2).collect();
    let yes = with(opened, [uncounted(review(-60, "guest", "approved", HEAD))]);
    ends("a yes", &with(yes, landed.clone()), Failed, Cause::NotIndependent, "no member or collaborator");
    let no = with(approved(), [uncounted(review(-50, "guest", "changes_requested", HEAD))]);
    ends("a no", &with(no, landed.clone()), Passed, Cause::Satisfied, "tom approved");
    let aside = |by: &str| {
        let (minute, mut facts) = review(-40, "eve", "dismissed", HEAD);
        facts["set_aside_by"] = human(by);
        with(approved(), [review(-50, "eve", "changes_requested", HEAD), (minute, facts)])
    };
    ends(
        "set aside by an author",
        &with(aside("dana"), landed.clone()),
        Failed,
        Cause::Negative,
        "dana, who may be one of its authors, set that aside",
    );
    ends("by somebody else", &with(aside("tom"), landed.clone()), Passed, Cause::Satisfied, "tom approved");
    ends("by herself", &with(aside("eve"), landed), Passed, Cause::Satisfied, "tom approved");
}

/// Whoever brings a branch up to date by the button wrote nothing; whoever merges something else into it did.
#[test]
fn bringing_a_branch_up_to_date_makes_nobody_an_author() {
    use Verdict::{Failed, Passed};
    let update = |more: &[Value]| {
        let mut commits = vec![known(BASE, "tom")];
        commits.extend_from_slice(more);
        commits.push(by_forge(SECOND, "tom"));
        vec![
            (-90, push("pay-7", None, "dana", &[commit(HEAD, "dana")])),
            (-89, event("opened", HEAD, "main", Some("dana"))),
            (-80, push("pay-7", Some(HEAD), "tom", &commits)),
            (-79, event("synchronize", SECOND, "main", Some("tom"))),
            review(-60, "tom", "approved", SECOND),
            (0, merged(SECOND, "main", Some(MERGE), Some(2))),
            (1, push("main", Some(BASE), "tom", &[by_forge(MERGE, "dana")])),
        ]
    };
    ends("by the button", &update(&[]), Passed, Cause::Satisfied, "tom approved");
    ends("with a commit of his own", &update(&[commit(BESIDE, "tom")]), Failed, Cause::NotIndependent, "tom");
    // He wrote it on a branch of his own first, and the forge had it there.
    let smuggled =
        with(vec![(-95, push("tom-1", None, "tom", &[commit(BESIDE, "tom")]))], update(&[known(BESIDE, "tom")]));
    ends("from a branch of his own", &smuggled, Failed, Cause::NotIndependent, "tom");
}

/// Merging by the button is no work; merging by hand is.
#[test]
fn whoever_merges_by_hand_wrote_the_merge() {
    use Verdict::{Failed, Passed};
    let story = |merge: Value| {
        with(
            approved(),
            [
                (0, merged(HEAD, "main", Some(MERGE), Some(1))),
                (1, push("main", Some(BASE), "tom", &[commit(HEAD, "dana"), merge])),
            ],
        )
    };
    ends("by the button", &story(by_forge(MERGE, "tom")), Passed, Cause::Satisfied, "tom approved");
    let mut by_hand = commit(MERGE, "tom");
    by_hand["title"] = json!("Merge branch 'pay-7'");
    ends("by hand", &story(by_hand), Failed, Cause::NotIndependent, "tom approved");
    ends("as one commit more", &story(commit(MERGE, "tom")), Failed, Cause::Absent, "direct push 3333333");
    // Nor is a merge of a branch that nobody reviewed: two parents make no review.
    let mut merge = commit(MERGE, "dana");
    merge["parents"] = json!([BASE, BESIDE]);
    merge["proved"] = json!(true);
    let alone = [(1, push("main", Some(BASE), "dana", &[commit(BESIDE, "dana"), merge]))];
    ends("of no change", &alone, Failed, Cause::Absent, "direct push 3333333");
}

/// Two times of one clock have an order.
#[test]
fn the_forge_knows_the_order_of_what_it_did() {
    let story = |second: i64| {
        let mut given = review(0, "tom", "approved", HEAD);
        given.1["submitted_at"] = json!(at(0).to_string());
        let opened: Vec<_> = approved().into_iter().take(2).collect();
        let mut closed = merged(HEAD, "main", Some(MERGE), Some(1));
        closed["merged_at"] = json!(at(0).plus(second * certrail_domain::Time::SECOND).to_string());
        with(opened, [given, (0, closed), (1, push("main", Some(BASE), "tom", &[by_forge(MERGE, "dana")]))])
    };
    ends("two seconds before", &story(2), Verdict::Passed, Cause::Satisfied, "tom approved");
    ends("two seconds after", &story(-2), Verdict::Failed, Cause::TooLate, "only after it was merged");
    ends("in the same second", &story(0), Verdict::Indeterminate, Cause::ClockUncertain, "cannot tell");
}

/// What ships and came to the branch by no push that we heard of was judged by nobody.
#[test]
fn what_came_another_way_is_not_reviewed() {
    use Verdict::Failed;
    // Pushed to a branch, and main followed unheard; then a change was merged on top.
    let heard = |on: &str| {
        with(
            vec![(-120, push(on, Some(BASE), "dana", &[commit(BESIDE, "dana")]))],
            with(
                approved(),
                [
                    (0, merged(HEAD, "main", Some(MERGE), Some(1))),
                    (1, push("main", Some(BESIDE), "tom", &[commit(HEAD, "dana"), by_forge(MERGE, "tom")])),
                ],
            ),
        )
    };
    ends("by a push that was lost", &heard("dana-1"), Failed, Cause::Absent, "direct push 5555555");
    // A line of its own, which began where another branch was.
    let mut line = Case::new();
    line.release.commit = Some(SECOND.into());
    let story = [
        (-120, push("develop", Some(BASE), "dana", &[commit(BESIDE, "dana")])),
        (
            -110,
            json!({ "kind": "code.push", "repository": "acme/pay", "branch": "release/2", "before": null, "after": BESIDE,
            "forced": false, "pusher": human("dana"), "commits": [] }),
        ),
        (-10, push("release/2", Some(BESIDE), "tom", &[commit(SECOND, "dana")])),
    ];
    let judged = story.iter().fold(line, |case, (minute, facts)| case.with(*minute, facts.clone())).judged();
    let found = judged.requirements.iter().find(|r| r.id == "code-review").unwrap();
    let says: Vec<&str> = found.rows.iter().map(|row| row.sentence.as_str()).collect();
    assert!(says.iter().any(|s| s.contains("direct push 5555555") && s.contains("to develop")), "{says:?}");
    assert!(says.iter().any(|s| s.contains("direct push 6666666") && s.contains("to release/2")), "{says:?}");
    assert_eq!(found.verdict, Failed);
}

/// A base that is moved under a review, and a count that is older than the merge.
#[test]
fn neither_a_moved_base_nor_an_old_count_covers_more() {
    use Verdict::Failed;
    let moved = vec![
        (-100, push("main", Some(BASE), "dana", &[commit(BESIDE, "dana")])),
        (
            -95,
            json!({ "kind": "code.push", "repository": "acme/pay", "branch": "pay-7", "before": null, "after": BESIDE,
            "forced": false, "pusher": human("dana"), "commits": [] }),
        ),
        (-90, push("pay-7", Some(BESIDE), "dana", &[commit(HEAD, "dana")])),
        (-89, event("opened", HEAD, "main", Some("dana"))),
        review(-60, "tom", "approved", HEAD),
        (
            -50,
            json!({ "kind": "code.push", "repository": "acme/pay", "branch": "main", "before": BESIDE, "after": BASE,
            "forced": true, "pusher": human("dana"), "commits": [] }),
        ),
        (0, merged(HEAD, "main", Some(MERGE), Some(2))),
        (1, push("main", Some(BASE), "tom", &[commit(BESIDE, "dana"), commit(HEAD, "dana"), by_forge(MERGE, "tom")])),
    ];
    ends("a moved base", &moved, Failed, Cause::Absent, "direct push 5555555");
    let counted = vec![
        (-90, push("pay-7", None, "dana", &[commit(OLD, "dana"), commit(HEAD, "dana")])),
        (-89, event("opened", HEAD, "main", Some("dana"))),
        review(-60, "tom", "approved", HEAD),
        (0, merged(HEAD, "main", Some(MERGE), Some(2))),
        (1, push("main", Some(OLD), "dana", &[commit(BESIDE, "dana"), commit(HEAD, "dana"), by_forge(MERGE, "dana")])),
    ];
    ends("an old count", &counted, Failed, Cause::Absent, "direct push 5555555");
}

/// An approver presses the button of an update towards a branch of his own, and the change is merged as it is.
#[test]
fn an_update_from_ones_own_branch_is_work() {
    let smuggled = vec![
        (-95, push("tom-1", None, "tom", &[commit(BESIDE, "tom")])),
        (-90, push("pay-7", None, "dana", &[commit(HEAD, "dana")])),
        (-89, event("opened", HEAD, "main", Some("dana"))),
        (-85, event("edited", HEAD, "tom-1", None)),
        (-80, push("pay-7", Some(HEAD), "tom", &[known(BESIDE, "tom"), by_forge(SECOND, "tom")])),
        (-79, event("synchronize", SECOND, "tom-1", Some("tom"))),
        (-75, event("edited", SECOND, "main", None)),
        review(-60, "tom", "approved", SECOND),
        (0, merged(SECOND, "main", Some(MERGE), Some(3))),
        (
            1,
            push(
                "main",
                Some(BASE),
                "tom",
                &[known(HEAD, "dana"), known(BESIDE, "tom"), known(SECOND, "tom"), by_forge(MERGE, "tom")],
            ),
        ),
    ];
    ends("by the button", &smuggled, Verdict::Failed, Cause::NotIndependent, "tom approved");
}
