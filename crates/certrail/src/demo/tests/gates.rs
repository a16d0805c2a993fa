//! A gate asks what requirements check, whatever a set calls them.

use certrail_usecases::{Gate, GateAnswer, ask_gate};

use super::*;

/// The checks of the built-in set that say how good a release is, and its approval, under names of one's own.
const OWN: &str = "
name: own
version: '1'
about: Names of our own.
requirements:
  - id: unit-tests
    title: Unit tests
    why: To know.
    check: { kind: tests, suites: [] }
    fix: Make them pass.
  - id: go
    title: Go
    why: To know.
    check: { kind: approval, environment: production, validity_days: 7 }
    fix: Ask an approver.
";

/// One that says nothing of quality.
const NAMELESS: &str = "
name: nameless
version: '1'
about: Nothing of quality.
requirements:
  - id: tests
    title: Bill of materials
    why: To know.
    check: { kind: sbom }
    fix: Make one.
";

async fn asked(stage: &Stage, gate: Gate) -> GateAnswer {
    ask_gate(&stage.engine, &Caller::internal("test"), "pay", "2.4.1", gate).await.unwrap_or_else(|e| panic!("{e}"))
}

async fn judged_by(stage: &Stage, minute: i64, text: &str, name: &str) {
    let system = Caller::internal("test");
    certrail_usecases::put_criteria(
        &stage.engine,
        &system,
        text.to_owned(),
        certrail_usecases::SettingsRequest::default(),
    )
    .await
    .unwrap_or_else(|e| panic!("{e}"));
    let product = json!({ "criteria": name });
    stage.sender.call(at(minute), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &product).await.expect("set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_asks_what_is_checked_and_no_name() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let unit = |failed: u64| {
        let query = format!("product=pay&commit={}&name=junit.xml&for=unit", sha("merge"));
        (query, reports::junit("unit", 20, failed))
    };
    judged_by(&stage, 1_900, OWN, "own").await;
    assert!(asked(&stage, Gate::Quality).await.allow);
    // Whoever certifies is not asked for the approval of a deployment, which comes later.
    assert!(asked(&stage, Gate::Certification).await.allow);
    let (query, bytes) = unit(5);
    stage.sender.report(at(1_901), &stage.ci, &query, bytes).await.expect("taken");
    let shut = asked(&stage, Gate::Quality).await;
    assert!(!shut.allow && shut.blockers[0].requirement == "unit-tests", "{shut:#?}");
    // What bears the name of another check is not that, and a gate that asks nothing says no.
    judged_by(&stage, 1_902, NAMELESS, "nameless").await;
    let shut = asked(&stage, Gate::Quality).await;
    assert!(!shut.allow && shut.blockers[0].sentence.contains("ask for no test"), "{shut:#?}");
    judged_by(&stage, 1_903, OWN, "own").await;
    let (query, bytes) = unit(0);
    stage.sender.report(at(1_904), &stage.ci, &query, bytes).await.expect("taken");
    let certify = "/api/v1/products/pay/releases/2.4.1/certify";
    stage.sender.call(at(1_905), &stage.tokens["anna"], "POST", certify, &json!({})).await.expect("certified");
    let shut = asked(&stage, Gate::Deploy("production".into())).await;
    assert!(!shut.allow && shut.blockers.iter().any(|b| b.requirement == "approval"), "{shut:#?}");
    stage.clean();
}
