//! A log that lost entries goes on under a new name and key, and nobody has to take that on trust.

use certrail_ledger::{life::Life, note::Checkpoint};
use certrail_usecases::{Renderer, begin_epoch, fsck, verify_dossier};

use super::*;

/// A certified release, then a new life: the key before, the signed head before, and the dossier after.
async fn gone_on() -> (Stage, String, String, Vec<u8>) {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    decide(&stage).await;
    let before = stage.engine.head();
    let engine = stage.engine.clone();
    let began = tokio::task::spawn_blocking(move || begin_epoch(&engine, "restored after a disk failure", None));
    let began = began.await.expect("no panic").expect("begins");
    assert_eq!((began.life.number, began.life.kept), (2, before.size()));
    let file = crate::dossier_files::made(&stage.engine, "pay", "2.4.1", Renderer::None).await.expect("made");
    (stage, before.key.verifier().vkey(), before.checkpoint.clone(), file.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_an_earlier_key_can_follow_the_log_into_its_new_life() {
    let (stage, old_key, old_head, dossier) = gone_on().await;
    let head = stage.engine.head();
    let new_key = head.key.verifier().vkey();
    assert_ne!(new_key, old_key);
    assert!(new_key.starts_with("test/log/2+"), "{new_key}");
    // The heads of the two lives cannot be taken for one another: they are of different logs by name.
    let name = |note: &str| Checkpoint::parse_unverified(note).expect("a head").origin;
    assert_eq!((name(&old_head), name(&head.checkpoint)), ("test/log".into(), "test/log/2".into()));
    for key in [&old_key, &new_key] {
        let verified = verify_dossier(&dossier, Some(key));
        assert!(verified.genuine(), "{key}: {verified:?}");
    }
    let stranger = certrail_ledger::keys::LogKey::from_seed("test/log", &[9; 32]).expect("a key").verifier().vkey();
    assert!(!verify_dossier(&dossier, Some(&stranger)).genuine());
    assert_eq!(fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_with_another_history_of_lives_is_not_genuine() {
    use certrail_ledger::seal;
    let (stage, old_key, _, dossier) = gone_on().await;
    let (inner, _) = seal::open_json(&dossier).expect("sealed");
    let changes: [fn(&mut Vec<Life>); 3] =
        [|lives| drop(lives.remove(0)), |lives| lives[1].kept += 1, |lives| lives[1].handed_over.clear()];
    for (i, change) in changes.iter().enumerate() {
        let mut value: certrail_dossier::Dossier = serde_json::from_slice(&inner).expect("reads");
        let lives = value.integrity.lives.iter().cloned().map(serde_json::from_value).collect::<Result<Vec<_>, _>>();
        let mut lives = lives.expect("lives");
        change(&mut lives);
        value.integrity.lives = lives.iter().map(|l| serde_json::to_value(l).expect("writes")).collect();
        let bytes = serde_json::to_vec(&value).expect("writes");
        let sealed = seal::seal_json(&bytes, &stage.engine.keys.dossier).expect("seals");
        assert!(!verify_dossier(&sealed, Some(&old_key)).genuine(), "change {i}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_of_the_whole_log_misses_no_life() {
    let (stage, ..) = gone_on().await;
    // A life that no entry began, as somebody with the database could add it.
    let engine = stage.engine.clone();
    let add = move |batch: &mut certrail_usecases::Batch<'_>| {
        let lives = certrail_store::tables::log::lives(batch.tx)?;
        let third = lives[1].replace("\"number\":2", "\"number\":3");
        Ok(certrail_store::tables::log::insert_life(batch.tx, 3, &third)?)
    };
    tokio::task::spawn_blocking(move || engine.write_blocking(add)).await.expect("no panic").expect("written");
    let faults = fsck(&stage.engine).expect("runs").faults.join("\n");
    assert!(faults.contains("The lives of the log that are kept are not those that its entries began"), "{faults}");
    assert!(faults.contains("hand-over to life 3"), "{faults}");
}
