//! What releases are judged by is changed by two people, with what becomes weaker named; or alone, a day later, and flagged.

use certrail_domain::{SettingsChange, SettingsState};
use certrail_usecases::{
    Person, Put, SettingsRequest, apply_due_settings, bring_criteria, decide_settings, put_criteria, settings_changes,
};

use super::*;

const OWN: &str = "name: own
version: '1'
about: Ours.
requirements:
  - id: review
    title: Review
    why: To know.
    fix: Ask for one.
    check: { kind: review, approvals: 2 }
  - id: bom
    title: Bill of materials
    why: To know.
    fix: Make one.
    check: { kind: sbom }
";

/// The first version of a set of our own that asks for less.
fn lax() -> String {
    OWN.replace("version: '1'", "version: '2'").replace("approvals: 2", "approvals: 1")
}

const DAY: i64 = 24 * 60;

async fn person(stage: &Stage, minute: i64, name: &str, role: Role) -> Person {
    stage.clock.set(at(minute));
    let new = NewPerson { name: name.into(), accounts: vec![name.into()], role, scope: Scope::ALL };
    put_person(&stage.engine, &Caller::internal("test"), new).await.expect("a person")
}

fn here(person: &Person) -> Caller {
    Caller::person(person, "session", "s")
}

async fn puts(stage: &Stage, minute: i64, who: &Caller, text: String) -> Result<Put<String>, String> {
    stage.clock.set(at(minute));
    put_criteria(&stage.engine, who, text, SettingsRequest::default()).await.map_err(|e| e.to_string())
}

async fn waits(stage: &Stage, minute: i64, who: &Caller, text: String) -> SettingsChange {
    match puts(stage, minute, who, text).await {
        Ok(Put::Waits(change)) => *change,
        other => panic!("it does not wait: {other:?}"),
    }
}

async fn decides(
    stage: &Stage,
    minute: i64,
    who: &Caller,
    change: &SettingsChange,
    yes: bool,
) -> Result<SettingsState, String> {
    stage.clock.set(at(minute));
    let decided = decide_settings(&stage.engine, who, change.id.as_str(), yes, None).await;
    decided.map(|c| c.state).map_err(|p| p.code)
}

async fn due(stage: &Stage, minute: i64) -> u64 {
    stage.clock.set(at(minute));
    apply_due_settings(&stage.engine).await.expect("works")
}

/// The version of the set that judges 2.4.1, and the notices in its dossier.
fn judged_by(stage: &Stage) -> (String, Vec<String>) {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let version = judge(&stage.engine, &stored).expect("judged").criteria.version.clone();
    let view = certrail_usecases::release_view(&stage.engine, "pay", "2.4.1").expect("seen");
    (version, view.dossier.notices.clone())
}

/// The story, judged by a set of our own from its beginning.
async fn story() -> (Stage, Person) {
    let stage = stage().await;
    let olaf = person(&stage, -580, "olaf", Role::Admin).await;
    assert_eq!(puts(&stage, -570, &here(&olaf), OWN.to_owned()).await, Ok(Put::InEffect("own".to_owned())));
    let product = json!({ "criteria": "own" });
    stage.sender.call(at(-569), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &product).await.expect("set");
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    (stage, olaf)
}

#[tokio::test]
async fn a_set_of_ones_own_is_not_called_standard_and_a_version_has_one_text() {
    let (stage, olaf) = story().await;
    for name in ["standard", "Standard"] {
        let text = certrail_criteria::STANDARD.replace("name: standard", &format!("name: {name}"));
        let text = text.replace("approvals: 1", "approvals: 0");
        let refused = puts(&stage, 2_000, &here(&olaf), text).await.unwrap_err();
        assert!(refused.contains("comes with the program"), "{refused}");
    }
    let again = puts(&stage, 2_001, &here(&olaf), OWN.replace("approvals: 2", "approvals: 1")).await.unwrap_err();
    assert!(again.contains("Version 1 of own is known"), "{again}");
    stage.clean();
}

#[tokio::test]
async fn another_admin_decides_about_criteria_and_reads_what_becomes_weaker() {
    let (stage, olaf) = story().await;
    let ines = person(&stage, 100, "ines", Role::Admin).await;
    let change = waits(&stage, 2_000, &here(&olaf), lax()).await;
    assert_eq!(change.weaker, ["`review` asks for fewer approvals: 1 instead of 2."]);
    assert_eq!(judged_by(&stage).0, "1");
    // Asked for again it is the same; another one has to wait.
    assert_eq!(waits(&stage, 2_001, &here(&olaf), lax()).await.id, change.id);
    let other = lax().replace("version: '2'", "version: '3'");
    assert!(puts(&stage, 2_001, &here(&olaf), other).await.unwrap_err().contains("waits to be decided"));
    // Not by whoever asked, nor by a token, nor by an approver, nor by who became an admin for it.
    assert_eq!(decides(&stage, 2_002, &here(&olaf), &change, true).await, Err("own-request".to_owned()));
    assert_eq!(
        decides(&stage, 2_003, &Caller::person(&ines, "token", "t"), &change, true).await,
        Err("not-in-person".to_owned())
    );
    // A second admin made on the spot is no other person's word, also where they were made before it was asked for.
    let nils = person(&stage, 2_004, "nils", Role::Approver).await;
    assert_eq!(decides(&stage, 2_004, &here(&nils), &change, true).await, Err("role".to_owned()));
    let nils = person(&stage, 2_005, "nils", Role::Admin).await;
    assert_eq!(decides(&stage, 2_005, &here(&nils), &change, true).await, Err("too-new".to_owned()));
    // As long as somebody else could decide, a day changes nothing.
    assert_eq!((due(&stage, 2_001 + 2 * DAY).await, judged_by(&stage).0), (0, "1".to_owned()));
    assert_eq!(decides(&stage, 2_002 + 2 * DAY, &here(&ines), &change, true).await, Ok(SettingsState::Applied));
    let (version, notices) = judged_by(&stage);
    assert_eq!((version.as_str(), notices), ("2", Vec::new()));
    assert_eq!(decides(&stage, 2_003 + 2 * DAY, &here(&nils), &change, true).await, Err("decided".to_owned()));
    // What was judged before is what it was.
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let entries = stage.engine.head().size();
    let before = certrail_usecases::judge_at(&stage.engine, &stored, entries - 3, at(2_001)).expect("judged");
    assert_eq!(before.criteria.version, "1");
    stage.clean();
}

#[tokio::test]
async fn a_change_begins_when_it_was_to_begin() {
    let (stage, olaf) = story().await;
    let ines = person(&stage, 100, "ines", Role::Admin).await;
    stage.clock.set(at(2_000));
    let later = SettingsRequest { reason: Some("From the quarter on.".to_owned()), from: Some(at(2_000 + 3 * DAY)) };
    let put = put_criteria(&stage.engine, &here(&olaf), lax(), later).await.expect("waits");
    let Put::Waits(change) = put else { panic!("{put:?}") };
    assert_eq!(decides(&stage, 2_001, &here(&ines), &change, true).await, Ok(SettingsState::Approved));
    assert_eq!((due(&stage, 2_000 + 2 * DAY).await, judged_by(&stage).0), (0, "1".to_owned()));
    assert_eq!((due(&stage, 2_000 + 3 * DAY).await, judged_by(&stage).0), (1, "2".to_owned()));
    let past = SettingsRequest { reason: None, from: Some(at(2_000)) };
    let third = lax().replace("version: '2'", "version: '3'");
    assert!(put_criteria(&stage.engine, &here(&olaf), third, past).await.is_err());
    stage.clean();
}

#[tokio::test]
async fn one_admin_alone_waits_a_day_and_it_is_said() {
    let (stage, olaf) = story().await;
    let change = waits(&stage, 2_000, &here(&olaf), lax()).await;
    assert_eq!((due(&stage, 2_000 + DAY - 1).await, judged_by(&stage).0), (0, "1".to_owned()));
    assert_eq!((due(&stage, 2_000 + DAY).await, judged_by(&stage).0), (1, "2".to_owned()));
    let (_, notices) = judged_by(&stage);
    assert!(
        notices.iter().any(|n| n.contains("olaf changed the criteria own, version 2")
            && n.contains("nobody else decided that")
            && n.contains("asks for fewer approvals: 1 instead of 2")),
        "{notices:?}"
    );
    let (_, decided) = settings_changes(&stage.engine, &here(&olaf)).expect("reads");
    assert!(decided.iter().any(|c| c.id == change.id && c.alone), "{decided:?}");
    // The same under another name takes nothing of that back.
    let other = lax().replace("name: own", "name: other");
    assert!(matches!(puts(&stage, 3_500, &here(&olaf), other).await, Ok(Put::InEffect(_))));
    let moved = json!({ "criteria": "other" });
    stage.sender.call(at(3_501), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &moved).await.expect("set");
    let (_, notices) = judged_by(&stage);
    assert!(notices.iter().any(|n| n.contains("olaf changed the criteria own, version 2")), "{notices:?}");
    let moved = json!({ "criteria": "own" });
    stage.sender.call(at(3_502), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &moved).await.expect("set");
    // Whoever sends the other admin away is not alone for what they asked before.
    let ines = person(&stage, 4_000, "ines", Role::Admin).await;
    waits(&stage, 4_001, &here(&olaf), lax().replace("version: '2'", "version: '3'")).await;
    let system = Caller::internal("test");
    certrail_usecases::end_person(&stage.engine, &system, ines.id.as_str()).await.expect("ended");
    assert_eq!(due(&stage, 4_001 + 3 * DAY).await, 0);
    stage.clean();
}

#[tokio::test]
async fn a_new_program_proposes_its_set() {
    let (stage, olaf) = story().await;
    let text = certrail_criteria::STANDARD.replace("approvals: 1", "approvals: 2");
    let Put::Waits(change) = bring_criteria(&stage.engine, text.clone()).await.expect("proposed") else {
        panic!("it was swapped in");
    };
    assert_eq!((change.requester.as_str(), change.weaker.len()), ("certrail", 0));
    // A start later it is the same, and never in force by itself.
    assert_eq!(bring_criteria(&stage.engine, text.clone()).await, Ok(Put::Waits(change.clone())));
    assert_eq!(due(&stage, 2_000 + 30 * DAY).await, 0);
    // Refused, it is not asked again; a still newer one is.
    assert_eq!(decides(&stage, 2_001 + 30 * DAY, &here(&olaf), &change, false).await, Ok(SettingsState::Rejected));
    assert_eq!(bring_criteria(&stage.engine, text).await, Ok(Put::InEffect("standard".to_owned())));
    let newer = certrail_criteria::STANDARD.replace("approvals: 1", "approvals: 3");
    let Put::Waits(change) = bring_criteria(&stage.engine, newer).await.expect("proposed") else {
        panic!("it was swapped in");
    };
    assert_eq!(decides(&stage, 2_002 + 30 * DAY, &here(&olaf), &change, true).await, Ok(SettingsState::Applied));
    stage.clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_weakens_a_product_once_it_was_decided_on_waits_too() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let olaf = person(&stage, 99, "olaf", Role::Admin).await;
    let ines = person(&stage, 100, "ines", Role::Admin).await;
    let put = async |minute: i64, body: Value| {
        let path = "/api/v1/products/pay";
        let set = stage.sender.call(at(minute), &stage.tokens["olaf"], "PUT", path, &body).await;
        set.unwrap_or_else(|e| panic!("{e}"))
    };
    assert_eq!(puts(&stage, 1_002, &here(&olaf), OWN.to_owned()).await, Ok(Put::InEffect("own".to_owned())));
    // Nothing was decided yet: names of environments are put right by one.
    assert!(put(1_003, json!({ "production": ["production", "live"] })).await["waiting"].is_null());
    assert!(put(1_004, json!({ "production": ["production"] })).await["waiting"].is_null());
    decide(&stage).await;
    assert!(put(3_000, json!({ "production": ["production", "live"] })).await["waiting"].is_null(), "more is judged");
    let answer = put(3_001, json!({ "production": ["live"], "criteria": "own", "sole_decider": true })).await;
    let weaker = answer["waiting"]["weaker"].to_string();
    for says in ["`production` counts as production no more", "instead of standard", "One person may make and decide"] {
        assert!(weaker.contains(says), "{says}: {answer:#}");
    }
    assert_eq!((&answer["criteria"], &answer["sole_decider"]), (&json!("standard"), &Value::Null), "{answer:#}");
    // What is changed meanwhile stays.
    put(3_002, json!({ "tag_pattern": "pay-{version}" })).await;
    let (open, _) = settings_changes(&stage.engine, &here(&ines)).expect("reads");
    assert_eq!(decides(&stage, 3_003, &here(&ines), &open[0], true).await, Ok(SettingsState::Applied));
    let product = certrail_usecases::known_product(&stage.engine, "pay").expect("reads").expect("is there");
    assert_eq!((product.production, product.tag_pattern.as_str()), (vec!["live".to_owned()], "pay-{version}"));
    assert_eq!((product.criteria.as_str(), product.sole_decider), ("own", true));
    stage.clean();
}
