//! The forge's own protection, as it stood when something reached the branch.

use certrail_domain::{Cause, Verdict};
use serde_json::{Value, json};

use super::{
    case::{Case, at},
    change, human, review, reviewed,
};

/// A rule as the forge tells of it.
fn rule(pattern: &str, reviews: u64) -> Value {
    json!({ "kind": "code.branch_rule", "repository": "acme/pay", "pattern": pattern, "removed": false,
        "required_reviews": reviews, "dismiss_stale": true, "enforce_admins": true, "created_at": at(-400).to_string() })
}

fn with(mut rule: Value, member: &str, value: Value) -> Value {
    rule[member] = value;
    rule
}

fn switched(on: bool) -> Value {
    with(with(rule("", 0), "switched", json!(on)), "required_reviews", Value::Null)
}

/// What the protection of a merge at minute 0 comes to, the rules told at their minutes.
fn ends(name: &str, rules: &[(i64, Value)], verdict: Verdict, cause: Cause, says: &str) {
    let case = reviewed(change(Case::new()), &[review(-60, human("tom"), "approved", super::case::HEAD)]);
    let case = rules.iter().fold(case, |case, (minute, facts)| case.beside(*minute, facts.clone()));
    let judged = case.judged();
    let found = judged.requirements.iter().find(|r| r.id == "protected-branch").unwrap();
    let row = &found.rows[0];
    assert_eq!((row.verdict, row.cause), (verdict, cause), "{name}: {}", row.sentence);
    assert!(row.sentence.contains(says), "{name}: {}", row.sentence);
}

#[test]
fn protection_that_was_switched_off_protects_nothing() {
    use Verdict::{Failed, Passed};
    let on = || (-300, rule("main", 1));
    ends("as it should be", &[on()], Passed, Cause::Satisfied, "main required 1 review when");
    ends(
        "off",
        &[on(), (-30, switched(false))],
        Failed,
        Cause::Negative,
        "All protection of acme/pay had been switched off",
    );
    let back = [on(), (-30, switched(false)), (-20, switched(true))];
    ends("off and on again", &back, Passed, Cause::Satisfied, "main required 1 review");
    ends("off after the merge", &[on(), (30, switched(false))], Passed, Cause::Satisfied, "main required 1 review");
    ends("on, and no rule", &[(-30, switched(true))], Verdict::Missing, Cause::Absent, "We hold no word");
    let gone = [on(), (-30, with(rule("main", 1), "removed", json!(true)))];
    ends("removed", &gone, Failed, Cause::Negative, "had been removed");
    let free = [(-300, with(rule("main", 1), "enforce_admins", json!(false)))];
    ends("not for administrators", &free, Passed, Cause::Satisfied, "administrators could bypass that");
}

/// A rule for exactly the branch counts before any pattern; of patterns the oldest does, whichever was changed last.
#[test]
fn the_rule_that_the_forge_follows_is_the_one_that_counts() {
    use Verdict::{Failed, Passed};
    let newer = |pattern: &str, reviews| with(rule(pattern, reviews), "created_at", json!(at(-350).to_string()));
    ends(
        "own rule",
        &[(-300, rule("main", 0)), (-200, rule("*", 2))],
        Failed,
        Cause::BelowThreshold,
        "required 0 reviews",
    );
    ends("the oldest", &[(-200, rule("m*", 0)), (-300, newer("*", 2))], Failed, Cause::BelowThreshold, "required 0");
    ends(
        "whose edit was last",
        &[(-300, rule("*", 1)), (-200, newer("m*", 0))],
        Passed,
        Cause::Satisfied,
        "required 1",
    );
    let other = [(-300, rule("main", 1)), (-200, with(rule("*", 1), "removed", json!(true)))];
    ends("another is removed", &other, Passed, Cause::Satisfied, "required 1 review");
    ends("of another part", &[(-300, rule("release/*", 1))], Verdict::Missing, Cause::Absent, "We hold no word");
}
