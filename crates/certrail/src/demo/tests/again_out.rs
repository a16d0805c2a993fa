//! A release goes to production more than once: the gate of the next time asks about that time, and each time is judged for itself.

use super::*;

const DAY: i64 = 24 * 60;

async fn gate(stage: &Stage, minute: i64) -> (bool, Vec<String>) {
    let path = "/api/v1/products/pay/releases/2.4.1/gates/deploy:production";
    let answer = post(stage, minute, "anna", path, Value::Null).await;
    let blockers = answer["blockers"].as_array().into_iter().flatten();
    let names = blockers.map(|b| b["requirement"].as_str().unwrap_or("?").to_owned()).collect();
    (answer["allow"] == true, names)
}

async fn out_again(stage: &Stage, minute: i64, id: u64) {
    let (merge, image) = (sha("merge"), digest("pay 2.4.1"));
    let event = forge::deployment(REPO, at(minute), id, "production", &merge, &image, Some("success"));
    send(stage, at(minute), &Step::Hook("deployment_status", event)).await;
}

/// The sentences of a requirement's rows that are about a later deployment.
fn again(stage: &Stage, requirement: &str) -> Vec<String> {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let found = judged.evaluation.requirements.iter().find(|r| r.id == requirement).expect("is judged");
    let rows = found.rows.iter().filter(|row| row.sentence.starts_with("When it went to production again"));
    rows.map(|row| row.sentence.clone()).collect()
}

/// The scans of the story, made again.
async fn scan_again(stage: &Stage, minute: i64) {
    let when = |minute: i64| at(minute).to_string().replace(':', "%3A");
    for (of, step) in steps() {
        let Step::Report(query, bytes) = step else { continue };
        let query = query.replace(&when(of), &when(minute)).replace(&when(0), &when(minute));
        stage.sender.report(at(minute), &stage.ci, &query, bytes).await.unwrap_or_else(|e| panic!("{e}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_of_the_next_time_asks_what_holds_then() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    decide(&stage).await;
    assert_eq!(gate(&stage, 2_100).await, (true, vec![]), "on the same day");
    // Weeks later scans, the exception and the approval have grown old; what went out under them stays as it was.
    let (open, why) = gate(&stage, 2_100 + 30 * DAY).await;
    assert!(
        !open && ["dependency-scan", "rollback-target", "approval"].iter().all(|r| why.iter().any(|w| w == r)),
        "{why:?}"
    );
    assert_eq!(again(&stage, "dependency-scan"), Vec::<String>::new());
    // Out once more all the same, it is on record what did not hold then.
    out_again(&stage, 2_200 + 30 * DAY, 90).await;
    let rows = again(&stage, "dependency-scan");
    assert!(rows.len() == 1 && rows[0].contains("old; "), "{rows:?}");
    assert_eq!(again(&stage, "rollback-target").len(), 1);
    assert_eq!(again(&stage, "tests"), Vec::<String>::new(), "tests do not grow old");
    // A third time at once is no other.
    out_again(&stage, 2_201 + 30 * DAY, 91).await;
    assert_eq!(again(&stage, "dependency-scan").len(), 1);
    // Scanned, excused and approved anew it may go out, and does.
    let later = 2_300 + 30 * DAY;
    scan_again(&stage, later).await;
    let ask = json!({ "product": "pay", "release": "2.4.1", "requirement": "rollback-target",
        "reason": "There is nothing to go back to yet.", "expires_at": at(later + 20 * DAY).to_string() });
    let asked = post(&stage, later, "anna", "/api/v1/exceptions", ask).await;
    let approve = format!("/api/v1/exceptions/{}/approve", asked["id"].as_str().expect("an id"));
    post(&stage, later, "priya", &approve, Value::Null).await;
    post(&stage, later, "priya", "/api/v1/facts", of_release("approval", Some("production"))).await;
    let (open, why) = gate(&stage, later + 1).await;
    assert!(open, "{why:?}");
    out_again(&stage, later + 2, 92).await;
    assert_eq!(again(&stage, "dependency-scan").len(), 1, "of the time before, which stays on record");
    stage.clean();
}
