//! The demo, once: it loads, leaves the dossier files, and they verify until a byte changes.

use super::command::{certrail, text};

#[test]
fn the_demo_leaves_dossiers_that_verify_until_a_byte_changes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("x");
    let output = certrail().args(["demo", "--once", "--data"]).arg(&data).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let said = text(&output);
    for sentence in
        ["payments-api 2.4.0 is certified", "missing QA sign-off", "It reached production without a valid decision."]
    {
        assert!(said.contains(sentence), "{said}");
    }
    for name in ["dossier.json", "dossier.pdf"] {
        let file = data.join(name);
        let good = certrail().arg("verify").arg(&file).output().unwrap();
        assert_eq!(good.status.code(), Some(0), "{name}: {}", text(&good));
        let bytes = std::fs::read(&file).unwrap();
        let step = (bytes.len() / 40).max(1);
        for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&file, &changed).unwrap();
            let bad = certrail().arg("verify").arg(&file).output().unwrap();
            assert_eq!(bad.status.code(), Some(1), "{name} with byte {at} changed: {}", text(&bad));
        }
        std::fs::write(&file, &bytes).unwrap();
    }
    let fsck = certrail().args(["admin", "fsck", "--data"]).arg(&data).output().unwrap();
    assert_eq!(fsck.status.code(), Some(0), "{}", text(&fsck));
    let again = certrail().args(["demo", "--once", "--data"]).arg(&data).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "a folder with data is left alone");
}
