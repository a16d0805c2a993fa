//! Dossiers: what is genuine, and what only looks so.

use certrail_usecases::Renderer;

use super::*;
use crate::dossier_files::{self, DossierFiles};

/// The dossier of 2.4.1 as it stands, without pages.
async fn made(stage: &Stage) -> DossierFiles {
    dossier_files::made(&stage.engine, "pay", "2.4.1", Renderer::None).await.expect("made")
}

/// The release from the first push to production, with its dossier.
async fn finished() -> (Stage, DossierFiles) {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    decide(&stage).await;
    let file = made(&stage).await;
    (stage, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_sealed_by_another_hand_are_not_genuine() {
    use certrail_ledger::{keys::DecisionKey, seal};
    let (stage, file) = finished().await;
    let key = stage.engine.head().key.verifier().vkey();
    let verify = |bytes: &[u8]| certrail_usecases::verify_dossier(bytes, Some(&key));
    assert!(verify(&file.json).genuine(), "{:?}", verify(&file.json));
    // A file of the shape of a PDF is enough: what counts is who sealed the bytes around the attachment.
    let pages = [b"%PDF-1.7\nstream\n".as_slice(), &file.json, b"\nendstream\nstartxref\n0\n%%EOF"].concat();
    let own = seal::seal_pdf(&pages, &stage.engine.keys.dossier).expect("seals").expect("has startxref");
    assert!(verify(&own).genuine(), "{:?}", verify(&own));
    let (foreign, _) = DecisionKey::generate().expect("randomness");
    let forged = seal::seal_pdf(&pages, &foreign).expect("seals").expect("has startxref");
    assert!(!verify(&forged).genuine());
    let (inner, _) = seal::open_json(&file.json).expect("sealed");
    let resealed = seal::seal_json(&inner, &foreign).expect("seals");
    assert!(!verify(&resealed).genuine());
}

/// Who decided is what was signed, whatever a table says.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_of_whoever_signed_it() {
    let (stage, file) = finished().await;
    let decided = |file: &DossierFiles| {
        let (inner, _) = certrail_ledger::seal::open_json(&file.json).expect("sealed");
        let dossier: Value = serde_json::from_slice(&inner).expect("JSON");
        dossier["decisions"][0]["by"].as_str().expect("somebody").to_owned()
    };
    let signed = decided(&file);
    let database = rusqlite::Connection::open(stage._folder.path().join("certrail.db")).expect("opens");
    assert_eq!(database.execute("UPDATE decision SET actor = 'priya'", []).expect("a statement"), 1);
    assert_eq!(decided(&made(&stage).await), signed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_a_large_release_keeps_its_frozen_world() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let merge = sha("merge");
    for i in 0..2_500 {
        let check = forge::check_run(REPO, at(80), &merge, &format!("check {i}"), "success");
        stage.sender.github(at(80), "check_run", &check).await.expect("taken");
    }
    decide(&stage).await;
    let file = made(&stage).await;
    let verified = certrail_usecases::verify_dossier(&file.json, None);
    assert!(verified.genuine(), "{verified:?}");
    let report = certrail_usecases::fsck(&stage.engine).expect("reads");
    assert_eq!(report.faults, Vec::<String>::new());
}

/// A dossier of the finished release, changed by somebody who holds the sealing key.
async fn resealed(change: impl FnOnce(&mut Value)) -> certrail_usecases::Verification {
    use certrail_ledger::seal;
    let (stage, file) = finished().await;
    let (inner, _) = seal::open_json(&file.json).expect("sealed");
    let mut value: Value = serde_json::from_slice(&inner).expect("JSON");
    change(&mut value);
    // Read and written as the typed value, so that only the change differs.
    let dossier: certrail_dossier::Dossier = serde_json::from_value(value).expect("a dossier still");
    let bytes = serde_json::to_vec(&dossier).expect("writes");
    let sealed = seal::seal_json(&bytes, &stage.engine.keys.dossier).expect("seals");
    certrail_usecases::verify_dossier(&sealed, None)
}

#[track_caller]
fn fails_at(verification: &certrail_usecases::Verification, what: &str) {
    let failed: Vec<&str> = verification.checks.iter().filter(|c| !c.holds).map(|c| c.what.as_str()).collect();
    assert_eq!(failed, [what], "{verification:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn even_with_the_sealing_key_a_dossier_cannot_say_what_its_evidence_does_not() {
    assert!(resealed(|_| {}).await.genuine());
    let conclusions = "what it says follows from its evaluation";
    fails_at(&resealed(|d| d["sentence"] = json!("2.4.1 is certified.")).await, "its words are those of its verdicts");
    // Under the name of another program nothing is compared, and that is not kept quiet.
    let other = resealed(|d| d["integrity"]["tool"] = json!("certrail 0.0.9")).await;
    assert!(other.checks.iter().any(|c| c.detail.starts_with("NOT COMPARED")), "{other:?}");
    fails_at(&resealed(|d| d["summary"]["met"] = json!(17)).await, conclusions);
    fails_at(
        &resealed(|d| d["evaluation"]["requirements"][2]["rows"][0]["verdict"] = json!("failed")).await,
        conclusions,
    );
    fails_at(&resealed(|d| d["tests"][0]["evidence"] = json!("ev_01J8ZZZZZZZZZZZZZZZZZZZZZZ")).await, conclusions);
    let evidence = "evidence is in the log, unchanged";
    for salt in ["body", "facts", "people"] {
        fails_at(&resealed(|d| d["evidence"][0]["salts"][salt] = Value::Null).await, evidence);
    }
    fails_at(&resealed(|d| d["evidence"][0]["known"] = json!("reported")).await, evidence);
    let renamed = |d: &mut Value| {
        let rows = d["evidence"].as_array_mut().expect("rows");
        let row =
            rows.iter_mut().find(|r| r["people"].as_str().is_some_and(|p| p.contains("tom"))).expect("Tom reviewed");
        row["people"] = json!(row["people"].as_str().expect("text").replace("tom", "eve"));
    };
    fails_at(&resealed(renamed).await, evidence);
    fails_at(&resealed(|d| d["evidence"][0]["kind"] = json!("code.tag")).await, evidence);
    let decisions = "decisions are signed and in the log";
    fails_at(&resealed(|d| d["decisions"][0]["result"] = json!("FAILED")).await, decisions);
    fails_at(&resealed(|d| d["decisions"][0]["at"] = json!("2026-01-01T00:00:00Z")).await, decisions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mangled_dossier_is_never_genuine_and_never_a_panic() {
    use certrail_ledger::seal;
    let (stage, file) = finished().await;
    let (inner, _) = seal::open_json(&file.json).expect("sealed");
    for seed in 1..=200 {
        let mut next = numbers(seed);
        let mangle = |bytes: &[u8], next: &mut dyn FnMut(usize) -> usize| {
            let mut bytes = bytes.to_vec();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                match next(4) {
                    0 => bytes[at] = bytes[at].wrapping_add(1 + next(255) as u8),
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, next(256) as u8),
                    _ if next(8) == 0 => bytes.truncate(at),
                    _ => bytes[at] ^= 0x20,
                }
            }
            bytes
        };
        let outer = mangle(&file.json, &mut next);
        let verified = certrail_usecases::verify_dossier(&outer, None);
        assert!(outer == file.json || !verified.genuine(), "seed {seed}: {verified:?}");
        // Behind the seal: whoever holds its key, the reader must stand what they write.
        let resealed = seal::seal_json(&mangle(&inner, &mut next), &stage.engine.keys.dossier).expect("seals");
        let _ = certrail_usecases::verify_dossier(&resealed, None);
    }
}
