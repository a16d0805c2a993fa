//! What type a release is, is fixed at its cut; an emergency is declared by a person.

use super::*;

fn manifest(kind: &str) -> Value {
    json!({ "kind": "release.manifest", "product": "pay", "version": "2.4.1", "repository": REPO, "commit": sha("merge"),
        "release_type": kind })
}

fn kind(stage: &Stage) -> &'static str {
    find_release(&stage.engine, "pay", "2.4.1").expect("cut").release.release_type.name()
}

const DECLARE: &str = "/api/v1/products/pay/releases/2.4.1/emergency";

#[tokio::test]
async fn no_pipeline_makes_a_release_an_emergency() {
    let stage = stage().await;
    let asked = |kind: &str| manifest(kind);
    let told =
        stage.sender.call(at(1), &stage.ci, "POST", "/api/v1/facts", &asked("emergency")).await.expect("is kept");
    let warned = told["ack"]["warnings"].to_string();
    assert!(warned.contains("cut as a normal release") && warned.contains("certrail release emergency"), "{told}");
    assert_eq!(kind(&stage), "normal");
    for (minute, word) in [(2, "standard"), (3, "emergency"), (4, "normal")] {
        stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", &asked(word)).await.expect("is kept");
        assert_eq!(kind(&stage), "normal", "{word}");
    }
    // Nor does a person in passing: what it is, is fixed.
    stage
        .sender
        .call(at(5), &stage.tokens["anna"], "POST", "/api/v1/facts", &asked("standard"))
        .await
        .expect("is kept");
    assert_eq!(kind(&stage), "normal");
    stage.clean();
}

#[tokio::test]
async fn a_person_declares_an_emergency_with_a_reason() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let declared = json!({ "because": "incident", "reason": "Payments have failed since four in the morning." });
    let call = async |minute: i64, who: &str, told: &Value| {
        stage.sender.call(at(minute), who, "POST", DECLARE, told).await.map_err(|e| e.to_string())
    };
    for (who, why) in [(&stage.ci, "403"), (&stage.tokens["priya"], "403")] {
        let refused = call(2_000, who, &declared).await.expect_err("may not");
        assert!(refused.contains(why), "{refused}");
    }
    let short = json!({ "because": "incident", "reason": "Because." });
    assert!(call(2_001, &stage.tokens["anna"], &short).await.is_err());
    let other = json!({ "because": "hurry", "reason": "We want to go home before six o'clock." });
    assert!(call(2_002, &stage.tokens["anna"], &other).await.is_err());
    call(2_003, &stage.tokens["anna"], &declared).await.expect("declares");
    assert_eq!(kind(&stage), "emergency");
    let again = call(2_004, &stage.tokens["anna"], &declared).await.expect_err("was declared");
    assert!(again.contains("declared"), "{again}");
    let lines = release_view(&stage.engine, "pay", "2.4.1").expect("a page").dossier.lines.join("\n");
    assert!(
        lines.contains("anna declared it an emergency") && lines.contains("look back at it by 16 Mar 2026"),
        "{lines}"
    );
    // Somebody else looks back at it, once.
    let back = "/api/v1/products/pay/releases/2.4.1/look-back";
    let note = json!({ "note": "The cause was a certificate that had ended; it renews itself now." });
    let look = async |minute: i64, who: &str, note: &Value| {
        let who = &stage.tokens[who];
        stage.sender.call(at(minute), who, "POST", back, note).await.map_err(|e| e.to_string())
    };
    let early = look(2_005, "priya", &note).await.unwrap_err();
    assert!(early.contains("nothing to look back at yet"), "{early}");
    let told = json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1", "id": "1", "environment": "production", "state": "succeeded" });
    stage.sender.call(at(2_005), &stage.ci, "POST", "/api/v1/facts", &told).await.expect("is kept");
    assert!(look(2_006, "anna", &note).await.unwrap_err().contains("own-decision"));
    assert!(look(2_007, "vera", &note).await.is_err());
    assert!(look(2_008, "priya", &json!({ "note": "Fine." })).await.is_err());
    look(2_009, "priya", &note).await.expect("is recorded");
    assert!(look(2_010, "priya", &note).await.unwrap_err().contains("looked-back"));
    let notices = release_view(&stage.engine, "pay", "2.4.1").expect("a page").dossier.notices.join("\n");
    assert!(notices.contains("priya looked back at it on") && !notices.contains("look back at it by"), "{notices}");
    // A later word of a pipeline does not undo it either.
    stage.sender.call(at(2_011), &stage.ci, "POST", "/api/v1/facts", &manifest("normal")).await.expect("is kept");
    assert_eq!(kind(&stage), "emergency");
    stage.clean();
}
