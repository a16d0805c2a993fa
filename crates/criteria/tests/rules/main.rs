//! Each rule on the smallest release that shows what it does: one world per case, judged by the built-in set.
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of a test: values as they are written down"
)]

mod attempts;
mod case;
mod cover;
mod findings;
mod protection;
mod staging;

use std::sync::Arc;

use case::{Case, HEAD, IMAGE, MERGE, OLD, at};
use certrail_criteria::{Certification, STANDARD};
use certrail_domain::{BindRule, Cause, HowKnown, Product, ReleaseState, Verdict};
use serde_json::{Value, json};

/// A fact with the minute it happened at.
type Told = (i64, Value);

fn human(account: &str) -> Value {
    json!({ "account": account, "kind": "human" })
}

/// Change 7 by dana, opened with OLD, moved to HEAD, merged as MERGE at minute 0.
fn change(case: Case) -> Case {
    change_by(case, "dana", &[])
}

fn change_by(case: Case, pusher: &str, co_authors: &[&str]) -> Case {
    let event = |action: &str, state: &str, head: &str, pusher: Value| json!({ "kind": "code.change", "repository": "acme/pay", "number": 7, "action": action, "state": state, "title": "PAY-7 Round half to even", "tickets": ["PAY-7"], "author": human("dana"), "head": head, "head_branch": "pay-7", "target_branch": "main", "pusher": pusher });
    let mut merged = event("closed", "merged", HEAD, Value::Null);
    merged["merge_commit"] = json!(MERGE);
    merged["merged_at"] = json!(at(0).to_string());
    let push = json!({ "kind": "code.push", "repository": "acme/pay", "branch": "pay-7", "before": OLD, "after": HEAD, "forced": false, "pusher": human(pusher), "commits": [{ "sha": HEAD, "author": "dana", "co_authors": co_authors, "title": "Round", "tickets": [] }] });
    case.with(-120, event("opened", "open", OLD, human("dana")))
        .with(-90, push)
        .with(-90, event("synchronize", "open", HEAD, human(pusher)))
        .with(0, merged)
}

fn review(minute: i64, by: Value, verdict: &str, revision: &str) -> Told {
    (
        minute,
        json!({ "kind": "code.review", "repository": "acme/pay", "number": 7, "reviewer": by, "verdict": verdict, "revision": revision, "submitted_at": at(minute).to_string() }),
    )
}

fn reviewed(case: Case, reviews: &[Told]) -> Case {
    reviews.iter().fold(case, |case, (minute, facts)| case.with(*minute, facts.clone()))
}

/// The least that each check accepts: what only somebody said that it happened authorises, reviews and approves nothing.
#[test]
fn what_was_only_reported_satisfies_no_check_that_asks_who() {
    let ticket = json!({ "kind": "requirement.ticket", "key": "PAY-7", "title": "Rounding", "status": "open", "impact": "none", "authorised_by": human("anna") });
    let yes = |environment: &str, meaning: &str| json!({ "kind": "deployment.approval", "environment": environment, "meaning": meaning, "verdict": "approved", "comment": "", "approver": human("quinn"), "digests": [IMAGE], "commit": MERGE });
    let whole = || {
        let case = reviewed(change(Case::new()), &[review(-60, human("tom"), "approved", HEAD)]);
        case.told(-200, ticket.clone(), BindRule::Ticket, Some("anna"))
            .with(60, yes("", "qa"))
            .with(70, yes("production", "approval"))
    };
    for (kind, requirement) in [
        ("code.review", "code-review"),
        ("requirement.ticket", "work-item"),
        ("deployment.approval", "qa-sign-off"),
        ("deployment.approval", "deployment-approval"),
    ] {
        let verdict = |case: Case| {
            let found = case.judged().requirements.into_iter().find(|r| r.id == requirement).unwrap();
            (found.verdict, found.sentence)
        };
        let (seen, told) = (verdict(whole()), verdict(whole().reported(kind)));
        assert_eq!(seen.0, Verdict::Passed, "{requirement}: {}", seen.1);
        assert!(!told.0.opens_gate(), "{requirement} passes by what was only reported: {}", told.1);
    }
}

#[test]
fn a_review_counts_when_it_is_before_the_merge_of_the_final_version_by_somebody_else() {
    use Verdict::{Failed, Indeterminate, Missing, Passed};
    let tom = || human("tom");
    let cases: Vec<(&str, Vec<Told>, Verdict, Cause)> = vec![
        ("nothing", vec![], Missing, Cause::Absent),
        ("good", vec![review(-60, tom(), "approved", HEAD)], Passed, Cause::Satisfied),
        ("of an earlier version", vec![review(-100, tom(), "approved", OLD)], Failed, Cause::Stale),
        ("after the merge", vec![review(30, tom(), "approved", HEAD)], Failed, Cause::TooLate),
        ("at the same moment", vec![review(0, tom(), "approved", HEAD)], Indeterminate, Cause::ClockUncertain),
        ("by the author", vec![review(-60, human("dana"), "approved", HEAD)], Failed, Cause::NotIndependent),
        (
            "by a program",
            vec![review(-60, json!({ "account": "robot", "kind": "bot" }), "approved", HEAD)],
            Failed,
            Cause::NotIndependent,
        ),
        (
            "given and taken back",
            vec![review(-60, tom(), "approved", HEAD), review(-50, tom(), "dismissed", HEAD)],
            Missing,
            Cause::Absent,
        ),
        (
            "a comment takes nothing back",
            vec![review(-60, tom(), "approved", HEAD), review(-50, tom(), "commented", HEAD)],
            Passed,
            Cause::Satisfied,
        ),
        (
            "somebody else asks for changes",
            vec![review(-60, tom(), "approved", HEAD), review(-50, human("eve"), "changes_requested", HEAD)],
            Failed,
            Cause::Negative,
        ),
    ];
    for (name, reviews, verdict, cause) in cases {
        eprintln!("{name}");
        reviewed(change(Case::new()), &reviews).gives("code-review", verdict, cause);
    }
}

#[test]
fn whoever_pushed_last_does_not_approve() {
    let case = reviewed(change_by(Case::new(), "tom", &[]), &[review(-60, human("tom"), "approved", HEAD)]);
    // Tom pushed to Dana's change: that makes him an author of it.
    case.gives("code-review", Verdict::Failed, Cause::NotIndependent);
}

#[test]
fn an_author_known_by_mail_only_may_be_the_reviewer() {
    let approved = [review(-60, human("tom"), "approved", HEAD)];
    let case = || reviewed(change_by(Case::new(), "dana", &["t.lee@acme.example"]), &approved);
    case().gives("code-review", Verdict::Indeterminate, Cause::IdentityUncertain);
    case().person("per_2", &["tom", "t.lee@acme.example"]).gives("code-review", Verdict::Failed, Cause::NotIndependent);
    case().person("per_3", &["t.lee@acme.example", "other"]).gives("code-review", Verdict::Passed, Cause::Satisfied);
    case().person("per_2", &["tom", "tom@acme.example"]).gives("code-review", Verdict::Passed, Cause::Satisfied);
}

#[test]
fn two_accounts_of_one_person_are_one_person() {
    let case = reviewed(change(Case::new()), &[review(-60, human("dana-work"), "approved", HEAD)]);
    case.gives("code-review", Verdict::Passed, Cause::Satisfied);
    let case = reviewed(change(Case::new()), &[review(-60, human("dana-work"), "approved", HEAD)]);
    case.person("per_1", &["dana", "dana-work"]).gives("code-review", Verdict::Failed, Cause::NotIndependent);
}

#[test]
fn two_approvals_are_by_two_people() {
    let two = STANDARD.replace("kind: review, approvals: 1", "kind: review, approvals: 2");
    let approvals = [review(-60, human("tom"), "approved", HEAD), review(-50, human("tom-work"), "approved", HEAD)];
    let mut case = reviewed(change(Case::new()), &approvals);
    case.criteria = two.clone();
    case.gives("code-review", Verdict::Passed, Cause::Satisfied);
    let mut case = reviewed(change(Case::new()), &approvals).person("per_2", &["tom", "tom-work"]);
    case.criteria = two;
    case.gives("code-review", Verdict::Failed, Cause::BelowThreshold);
}

/// A no that was told by a word is taken back by whoever is known to be called so, and by nobody who only reads the same.
#[test]
fn a_review_is_a_persons_whatever_they_are_called() {
    let told = review(-80, human("name:tom"), "changes_requested", HEAD);
    let given = review(-60, human("tom"), "approved", HEAD);
    let case = reviewed(change(Case::new()), &[told.clone(), given.clone()]);
    case.gives("code-review", Verdict::Failed, Cause::Negative);
    let judged = case.judged();
    let sentence = &judged.requirements.iter().find(|r| r.id == "code-review").unwrap().sentence;
    assert!(sentence.starts_with("tom asked for changes"), "{sentence}");
    let known = ["tom", "name:tom"];
    let case = reviewed(change(Case::new()), &[told, given.clone()]).person("per_1", &known);
    case.gives("code-review", Verdict::Passed, Cause::Satisfied);
    // Nor are two that cannot be told apart the two that are asked for.
    let two = STANDARD.replace("kind: review, approvals: 1", "kind: review, approvals: 2");
    let other = review(-50, human("name:tom"), "approved", HEAD);
    let mut case = reviewed(change(Case::new()), &[given, other]);
    case.criteria = two;
    case.gives("code-review", Verdict::Failed, Cause::BelowThreshold);
}

/// The same, where somebody with a token said so.
fn told(case: Case, (minute, facts): Told) -> Case {
    let mut case = case.with(minute, facts);
    Arc::make_mut(&mut case.evidence.last_mut().unwrap().signal).known = HowKnown::Reported;
    case
}

fn accepting(product: &Product, kind: &str) -> Product {
    let mut product = serde_json::to_value(product).unwrap();
    let accepted = json!({ "kind": kind, "reason": "no webhook", "requester": "per_1", "requested_at": at(-300).to_string(),
        "approver": "per_2", "approved_at": at(-299).to_string() });
    product["accepts_reported"] = json!([accepted]);
    serde_json::from_value(product).unwrap()
}

/// A pipeline says no in Eve's name. It counts, is called what it is, and is taken back as it was told; what the forge saw is not.
#[test]
fn a_told_no_is_taken_back_as_it_was_told() {
    use Verdict::{Failed, Passed};
    let yes = || review(-60, human("tom"), "approved", HEAD);
    let eve = |minute: i64, verdict: &str| review(minute, human("eve"), verdict, HEAD);
    let start = || reviewed(change(Case::new()), &[yes()]);
    let no = || told(start(), eve(-50, "changes_requested"));
    no().gives("code-review", Failed, Cause::Negative);
    let judged = no().judged();
    let sentence = &judged.requirements.iter().find(|r| r.id == "code-review").unwrap().sentence;
    assert!(sentence.starts_with("That eve asked for changes"), "{sentence}");
    for verdict in ["dismissed", "approved"] {
        // Also after the merge, when nobody can approve any more.
        for minute in [-50, -40, 90] {
            let taken_back = || told(no(), eve(minute, verdict));
            taken_back().gives("code-review", Passed, Cause::Satisfied);
            told(taken_back(), eve(minute + 1, "changes_requested")).gives("code-review", Failed, Cause::Negative);
        }
        told(no(), eve(-55, verdict)).gives("code-review", Failed, Cause::Negative);
        told(no(), review(-40, human("tom"), verdict, HEAD)).gives("code-review", Failed, Cause::Negative);
        // What the forge saw is taken back by nobody's report, and is what is said.
        let seen = told(no().with(-45, eve(-45, "changes_requested").1), eve(-40, verdict));
        let sentence = &seen.judged().requirements.iter().find(|r| r.id == "code-review").unwrap().sentence.clone();
        assert!(sentence.starts_with("eve asked for changes"), "{sentence}");
        // Nor does it give a yes, or take one back.
        told(start(), review(-40, human("tom"), verdict, HEAD)).gives("code-review", Passed, Cause::Satisfied);
    }
    reviewed(no(), &[eve(-40, "approved")]).gives("code-review", Passed, Cause::Satisfied);
    told(no(), eve(-40, "commented")).gives("code-review", Failed, Cause::Negative);
    // Where reports count, the forge's own word about the change still stands alone.
    let mut accepted = told(no(), eve(-40, "dismissed"));
    accepted.product = accepting(&accepted.product, "code.review");
    accepted.gives("code-review", Passed, Cause::Satisfied);
}

/// After the merge nobody's word replaces what they said before it; one that came after it is theirs to take back.
#[test]
fn what_is_said_after_the_merge_takes_back_only_what_was_said_after_it() {
    let yes = review(-60, human("tom"), "approved", HEAD);
    let eve = |minute: i64, verdict: &str| review(minute, human("eve"), verdict, HEAD);
    let gives = |words: &[Told], verdict: Verdict| {
        let case = reviewed(change(Case::new()), &[std::slice::from_ref(&yes), words].concat());
        let found = case.judged().requirements.into_iter().find(|r| r.id == "code-review").unwrap();
        assert_eq!(found.verdict, verdict, "{words:?}: {}", found.sentence);
    };
    gives(&[eve(20, "changes_requested")], Verdict::Failed);
    gives(&[eve(20, "changes_requested"), eve(30, "dismissed")], Verdict::Passed);
    gives(&[eve(20, "changes_requested"), eve(30, "approved")], Verdict::Passed);
    gives(&[eve(-20, "changes_requested"), eve(30, "dismissed")], Verdict::Failed);
    // At the moment of the merge the clocks cannot tell.
    gives(&[eve(-20, "changes_requested"), eve(0, "dismissed")], Verdict::Failed);
    gives(&[eve(0, "changes_requested"), eve(30, "approved")], Verdict::Failed);
    gives(&[eve(0, "changes_requested"), eve(0, "dismissed")], Verdict::Passed);
    gives(&[review(30, human("tom"), "dismissed", HEAD)], Verdict::Passed);
}

/// Somebody says no with their token. They take it back with it, too; what they said in a session they do not.
#[test]
fn a_told_no_of_ones_own_is_taken_back_with_the_token() {
    let word = |minute: i64, meaning: &str, verdict: &str| -> Told {
        let environment = if meaning == "approval" { "production" } else { "" };
        (
            minute,
            json!({ "kind": "deployment.approval", "environment": environment, "meaning": meaning, "verdict": verdict, "comment": "", "approver": human("quinn"), "digests": [IMAGE], "commit": MERGE }),
        )
    };
    for (requirement, meaning) in [("deployment-approval", "approval"), ("qa-sign-off", "qa")] {
        let say = |minute: i64, verdict: &str| word(minute, meaning, verdict);
        let seen = |case: Case, (minute, facts): Told| case.with(minute, facts);
        let start = || change(Case::new());
        let no = || told(start(), say(10, "rejected"));
        no().gives(requirement, Verdict::Failed, Cause::Negative);
        told(no(), say(20, "approved")).gives(requirement, Verdict::Missing, Cause::NotObserved);
        told(no(), say(20, "withdrawn")).gives(requirement, Verdict::Missing, Cause::Absent);
        told(told(no(), say(20, "approved")), say(30, "rejected")).gives(requirement, Verdict::Failed, Cause::Negative);
        // What they said in a session stands beside it.
        let yes = told(told(seen(start(), say(5, "approved")), say(10, "rejected")), say(20, "approved"));
        yes.gives(requirement, Verdict::Passed, Cause::Satisfied);
        let refused = told(seen(start(), say(5, "rejected")), say(20, "approved"));
        refused.gives(requirement, Verdict::Failed, Cause::Negative);
    }
}

#[test]
fn a_commit_without_a_change_was_reviewed_by_nobody() {
    let push = json!({ "kind": "code.push", "repository": "acme/pay", "branch": "main", "before": OLD, "after": MERGE, "forced": false, "pusher": human("dana"), "commits": [{ "sha": MERGE, "author": "dana", "title": "Quick fix", "tickets": [] }] });
    Case::new().with(0, push).gives("code-review", Verdict::Failed, Cause::Absent);
}

fn ticket(status: &str, authorised_by: Value) -> Value {
    json!({ "kind": "requirement.ticket", "key": "PAY-7", "title": "Rounding", "status": status, "authorised_by": authorised_by })
}

#[test]
fn a_work_item_is_its_newest_record_authorised_by_somebody_else() {
    use Verdict::{Failed, Indeterminate, Missing, Passed};
    let richard = || human("richard");
    let told = |case: Case, minute: i64, status: &str, by: Value, teller: Option<&str>| {
        case.told(minute, ticket(status, by), BindRule::Ticket, teller)
    };
    let base = || change(Case::new());
    base().gives("work-item", Missing, Cause::Absent);
    told(base(), -200, "open", Value::Null, None).gives("work-item", Missing, Cause::Absent);
    told(base(), -200, "open", richard(), None).gives("work-item", Passed, Cause::Satisfied);
    // Taken back later: the newest record counts, in whatever order they came.
    told(told(base(), -200, "open", richard(), None), -100, "Won't do", richard(), None).gives(
        "work-item",
        Failed,
        Cause::Negative,
    );
    told(told(base(), -100, "Won't do", richard(), None), -200, "open", richard(), None).gives(
        "work-item",
        Failed,
        Cause::Negative,
    );
    told(base(), -200, "open", human("dana"), None).gives("work-item", Failed, Cause::NotIndependent);
    told(base(), -200, "open", json!({ "account": "richard", "kind": "unknown" }), None).gives(
        "work-item",
        Indeterminate,
        Cause::IdentityUncertain,
    );
    told(base(), -200, "open", human("d.lee@acme.example"), None).gives(
        "work-item",
        Indeterminate,
        Cause::IdentityUncertain,
    );
    // The author says that somebody authorised it: nobody else does.
    told(base(), -200, "open", richard(), Some("dana")).gives("work-item", Indeterminate, Cause::NotIndependent);
    told(base(), -200, "open", richard(), Some("tom")).gives("work-item", Passed, Cause::Satisfied);
}

fn deployed(environment: &str, id: &str, state: &str, flagged: bool) -> Value {
    json!({ "kind": "deployment.event", "system": "github:acme/pay", "id": id, "environment": environment, "production": flagged, "state": state, "commit": MERGE, "digests": [IMAGE], "deployer": { "account": "deploy-bot", "kind": "bot" }, "rollback": false })
}

fn approved(environment: &str, by: Value, verdict: &str, digest: &str) -> Value {
    json!({ "kind": "deployment.approval", "environment": environment, "approver": by, "verdict": verdict, "digests": [digest], "meaning": "approval", "comment": "" })
}

#[test]
fn an_approval_is_separate_beforehand_and_of_exactly_this() {
    use Verdict::{Failed, Indeterminate, Missing, Passed};
    let other = format!("sha256:{}", "b".repeat(64));
    let shipped = || change(Case::new()).with(60, deployed("production", "1", "succeeded", false));
    let ask = "deployment-approval";
    shipped().gives(ask, Missing, Cause::Absent);
    shipped().with(30, approved("production", human("rita"), "approved", IMAGE)).gives(ask, Passed, Cause::Satisfied);
    shipped().with(30, approved("production", human("rita"), "approved", &other)).gives(
        ask,
        Failed,
        Cause::WrongSubject,
    );
    shipped().with(90, approved("production", human("rita"), "approved", IMAGE)).gives(ask, Failed, Cause::TooLate);
    shipped().with(60, approved("production", human("rita"), "approved", IMAGE)).gives(
        ask,
        Indeterminate,
        Cause::ClockUncertain,
    );
    shipped().with(30, approved("production", human("dana"), "approved", IMAGE)).gives(
        ask,
        Failed,
        Cause::NotIndependent,
    );
    shipped().with(-60 * 24 * 8, approved("production", human("rita"), "approved", IMAGE)).gives(
        ask,
        Failed,
        Cause::Expired,
    );
    // Somebody said yes, and nobody knows who.
    shipped().with(30, approved("production", Value::Null, "approved", IMAGE)).gives(
        ask,
        Indeterminate,
        Cause::IdentityUncertain,
    );
    shipped()
        .with(20, approved("production", human("rita"), "approved", IMAGE))
        .with(30, approved("production", Value::Null, "rejected", IMAGE))
        .gives(ask, Failed, Cause::Negative);
    // A yes taken back by the same person under another account.
    shipped()
        .with(20, approved("production", human("rita"), "approved", IMAGE))
        .with(30, approved("production", human("rita-m"), "withdrawn", IMAGE))
        .person("per_4", &["rita", "rita-m"])
        .gives(ask, Missing, Cause::Absent);
    // For another environment.
    shipped().with(30, approved("staging", human("rita"), "approved", IMAGE)).gives(ask, Missing, Cause::Absent);
}

#[test]
fn a_later_word_changes_nothing_about_an_earlier_deployment() {
    let twice = || {
        change(Case::new())
            .with(60, deployed("production", "1", "succeeded", false))
            .with(30, approved("production", human("rita"), "approved", IMAGE))
    };
    let ask = "deployment-approval";
    for later in ["approved", "rejected", "withdrawn"] {
        let case = twice().with(90, approved("production", human("rita"), later, IMAGE));
        case.gives(ask, Verdict::Passed, Cause::Satisfied);
    }
    // It counts for the next one.
    twice()
        .with(90, approved("production", human("rita"), "rejected", IMAGE))
        .with(120, deployed("production", "2", "succeeded", false))
        .gives(ask, Verdict::Failed, Cause::Negative);
}

#[test]
fn every_production_environment_of_the_product_needs_its_own_approval() {
    let base = || {
        let mut case = change(Case::new());
        case.product.production = vec!["prod-eu".into(), "prod-us".into()];
        case.with(60, deployed("prod-eu", "1", "succeeded", false))
            .with(70, deployed("prod-us", "2", "succeeded", false))
            .with(30, approved("prod-eu", human("rita"), "approved", IMAGE))
    };
    base().gives("deployment-approval", Verdict::Missing, Cause::Absent);
    base().with(30, approved("prod-us", human("rita"), "approved", IMAGE)).gives(
        "deployment-approval",
        Verdict::Passed,
        Cause::Satisfied,
    );
    // "production" is none of this product's environments, so nothing was deployed there; a check there checks nothing.
    let checked = |environment: &str| json!({ "kind": "deployment.validation", "environment": environment, "name": "smoke", "passed": true });
    base().with(90, checked("production")).gives("post-deployment", Verdict::Missing, Cause::NotYet);
    base().with(90, checked("prod-eu")).gives("post-deployment", Verdict::Missing, Cause::NotYet);
    base().with(90, checked("prod-eu")).with(90, checked("prod-us")).gives(
        "post-deployment",
        Verdict::Passed,
        Cause::Satisfied,
    );
}

#[test]
fn production_is_what_the_product_or_the_sender_calls_so() {
    let certified = |case: &mut Case| {
        case.certifications.push(Certification {
            log_index: 500,
            at: at(30),
            passed: true,
            digests: vec![IMAGE.into()],
        });
    };
    let mut early = change(Case::new()).with(60, deployed("Production", "1", "succeeded", false));
    early.gives("certified-first", Verdict::Failed, Cause::Absent);
    certified(&mut early);
    early.gives("certified-first", Verdict::Passed, Cause::Satisfied);
    change(Case::new()).with(60, deployed("live", "1", "succeeded", true)).gives(
        "certified-first",
        Verdict::Failed,
        Cause::Absent,
    );
    change(Case::new()).with(60, deployed("live", "1", "succeeded", false)).gives(
        "certified-first",
        Verdict::Missing,
        Cause::NotYet,
    );
}

#[test]
fn a_deployment_of_something_in_the_history_is_not_the_releases_own() {
    let mut older = deployed("production", "1", "succeeded", true);
    older["commit"] = json!(OLD);
    older["digests"] = json!([]);
    let ask = "certified-first";
    change(Case::new()).with(-300, older.clone()).gives(ask, Verdict::Missing, Cause::NotYet);
    // Named outright, it is, and of another commit than the one somebody may have certified.
    change(Case::new()).told(60, older, BindRule::Explicit, None).gives(ask, Verdict::Failed, Cause::WrongSubject);
    // Another build of the same commit is not what was certified, and does not go unseen.
    let mut rebuilt = deployed("production", "1", "succeeded", true);
    rebuilt["digests"] = json!([format!("sha256:{}", "b".repeat(64))]);
    let mut rebuilt =
        change(Case::new()).with(60, rebuilt).with(30, approved("production", human("rita"), "approved", IMAGE));
    rebuilt.certifications.push(Certification {
        log_index: 500,
        at: at(30),
        passed: true,
        digests: vec![IMAGE.into()],
    });
    rebuilt.gives(ask, Verdict::Failed, Cause::Absent);
    rebuilt.gives("deployment-approval", Verdict::Failed, Cause::WrongSubject);
}

#[test]
fn a_release_can_only_go_back_to_what_was_good() {
    let target =
        |version: &str, plan: &str| json!({ "kind": "deployment.rollback_target", "version": version, "plan": plan });
    let ask = "rollback-target";
    Case::new().gives(ask, Verdict::Missing, Cause::Absent);
    Case::new().with(0, target("2.4.1", "redeploy")).gives(ask, Verdict::Failed, Cause::WrongSubject);
    Case::new().with(0, target("2.4.0", " ")).gives(ask, Verdict::Failed, Cause::Empty);
    Case::new().with(0, target("2.4.0", "redeploy")).gives(ask, Verdict::Indeterminate, Cause::Error);
    let mut known = Case::new().with(0, target("2.4.0", "redeploy"));
    known.known.push("2.4.0".into());
    known.gives(ask, Verdict::Passed, Cause::Satisfied);
}

#[test]
fn nothing_is_never_a_pass() {
    let mut empty = Case::new();
    empty.release.state = ReleaseState::Cut;
    let evaluation = empty.judged();
    assert_eq!(evaluation.summary.met, 0);
    for requirement in &evaluation.requirements {
        // No exception was granted, so there is nothing to check about exceptions. Everything else is open.
        let open = !requirement.verdict.opens_gate();
        assert_eq!(open, requirement.id != "exceptions", "{} is {:?}", requirement.id, requirement.verdict);
    }
    // A run of no tests, a scan of no files, a report that broke off.
    let tests = |tests: u64, passed: u64, complete: bool| json!({ "kind": "test.run", "suite": "unit", "tests": tests, "passed": passed, "failed": 0, "errors": 0, "skipped": tests - passed, "complete": complete });
    Case::new().with(0, tests(0, 0, true)).gives("tests", Verdict::Indeterminate, Cause::Empty);
    Case::new().with(0, tests(5, 0, true)).gives("tests", Verdict::Indeterminate, Cause::Empty);
    Case::new().with(0, tests(5, 5, false)).gives("tests", Verdict::Indeterminate, Cause::Error);
    Case::new().with(0, tests(5, 5, true)).gives("tests", Verdict::Passed, Cause::Satisfied);
    let scan = |success: Value, looked_at: Value| json!({ "kind": "security.scan", "scan": "sast", "tool": "semgrep", "scope": "semgrep.json", "success": success, "looked_at": looked_at, "levels": { "critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0 }, "commit": MERGE });
    Case::new().with(0, scan(json!(true), json!(0))).gives("sast", Verdict::Indeterminate, Cause::Empty);
    Case::new().with(0, scan(json!(false), json!(10))).gives("sast", Verdict::Indeterminate, Cause::Error);
    Case::new().with(0, scan(json!(true), json!(10))).gives("sast", Verdict::Passed, Cause::Satisfied);
}
