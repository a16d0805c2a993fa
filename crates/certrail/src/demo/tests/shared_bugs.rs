//! Small inputs of public bug reports, where they are at hand: each with its right answer.

use certrail_domain::Verdict;

use super::*;

/// Where they lie beside a checkout; nothing in this repository.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/bugs");

/// Plays the steps of a folder that are deliveries of the forge or products.
async fn played(folder: &str) -> Option<Stage> {
    let text = std::fs::read_to_string(format!("{FOLDER}/{folder}/steps.jsonl")).ok()?;
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a step"));
    let head = lines.next().expect("a head");
    let begun = Time::parse(head["recorded"].as_str().expect("a time")).expect("a time");
    let stage = stage().await;
    for (n, step) in lines.enumerate() {
        let at = begun.plus(n as i64 * Time::SECOND);
        match step["do"].as_str() {
            Some("hook") => {
                let event = step["event"].as_str().expect("an event");
                stage.sender.github(at, event, &step["payload"]).await.unwrap_or_else(|e| panic!("{folder} {n}: {e}"));
            }
            Some("api") => {
                let (method, path) =
                    (step["method"].as_str().expect("a method"), step["path"].as_str().expect("a path"));
                stage.sender.call(at, &stage.tokens["olaf"], method, path, &step["body"]).await.expect("is done");
            }
            other => panic!("{folder}: {other:?}"),
        }
    }
    Some(stage)
}

#[tokio::test]
async fn what_others_reported_has_the_right_answer() {
    use Verdict::{Failed, Passed};
    for (folder, product, version, requirement, verdict, says) in [
        ("07-approval-of-an-outsider", "outsider", "1.0.0", "code-review", Failed, "no member or collaborator"),
        ("07-approval-of-an-outsider", "newcomer", "1.0.0", "code-review", Failed, "no member or collaborator"),
        ("08-commit-beside-a-local-merge", "local-merge", "1.0.0", "code-review", Failed, "direct push"),
        ("14-protection-switched-off", "all-off", "1.0.0", "protected-branch", Failed, "switched off"),
        (
            "14-protection-switched-off",
            "admins-exempt",
            "1.0.0",
            "protected-branch",
            Passed,
            "administrators could bypass",
        ),
        ("19-patch-from-a-maintenance-branch", "maintenance", "4.0.1", "code-review", Passed, "bob approved"),
        ("25-auto-merge-after-two-seconds", "auto-merge", "1.0.1", "code-review", Passed, "bob approved"),
    ] {
        let Some(stage) = played(folder).await else {
            eprintln!("skipped: {folder} is not beside this checkout");
            continue;
        };
        let stored = find_release(&stage.engine, product, version).unwrap_or_else(|e| panic!("{folder}: {e}"));
        let judged = judge(&stage.engine, &stored).expect("judged");
        let found = judged.evaluation.requirements.iter().find(|r| r.id == requirement).expect("is judged");
        let rows: Vec<&str> = found.rows.iter().map(|row| row.sentence.as_str()).collect();
        assert_eq!(found.verdict, verdict, "{folder} {product}: {rows:#?}");
        assert!(rows.iter().any(|row| row.contains(says)), "{folder} {product}: {rows:#?}");
        stage.clean();
    }
}
