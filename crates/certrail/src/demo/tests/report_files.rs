//! Report files as pipelines send them: archives, the same twice, a date told afterwards.

use super::*;

fn parts(receipt: &Value) -> Vec<(String, String)> {
    let text = |v: &Value, k: &str| v[k].as_str().unwrap_or_default().to_owned();
    let members = receipt["members"].as_array().into_iter().flatten();
    members.map(|m| (text(m, "name"), text(m, "type"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_in_an_archive_are_evidence_of_their_own_and_the_archive_is_kept() {
    let stage = stage().await;
    let bytes = include_bytes!("../../../../formats/tests/archives/reports.zip").to_vec();
    let query = "product=pay&release=2.4.1&name=reports.zip";
    let receipt = stage.sender.report_under("zip", at(1), &stage.ci, query, bytes.clone()).await.expect("taken");
    assert_eq!((&receipt["type"], &receipt["parsed"]), (&json!("zip"), &json!({ "files": 4, "reports": 3 })));
    let expected = [
        ("tests/junit.xml", "junit"),
        ("scan/bandit.json", "bandit"),
        ("coverage.tgz/coverage/coverage.xml", "cobertura"),
    ];
    let one = format!("/api/v1/evidence/{}", receipt["members"][0]["id"].as_str().expect("an id"));
    let one = stage.sender.call(at(1), &stage.ci, "GET", &one, &Value::Null).await.expect("there");
    assert_eq!(one["part_of"], receipt["index"], "a part names its delivery");
    assert_eq!(parts(&receipt), expected.map(|(n, t)| (n.to_owned(), t.to_owned())));

    let again = stage.sender.report_under("zip", at(2), &stage.ci, query, bytes).await.expect("taken");
    assert_eq!((&again["duplicate"], &again["index"]), (&json!(true), &receipt["index"]));
    assert!(again["members"].as_array().expect("a list").iter().all(|m| m["duplicate"] == true));
    assert_eq!(certrail_usecases::fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_cannot_be_unpacked_is_kept_and_says_so() {
    let stage = stage().await;
    let query = "product=pay&release=2.4.1&name=broken.zip";
    let receipt = stage.sender.report(at(1), &stage.ci, query, b"PK\x03\x04 and no more".to_vec()).await.expect("kept");
    assert!(receipt["warnings"][0].as_str().expect("a text").contains("could not be unpacked"), "{receipt}");
}

/// A dependency scan without the date of its database proves nothing; told afterwards, it does.
#[tokio::test(flavor = "multi_thread")]
async fn the_date_of_a_database_can_be_told_afterwards() {
    let stage = stage().await;
    let scan = reports::sarif("Trivy", "1", &[]);
    let query = "product=pay&release=2.4.1&name=trivy.sarif";
    let first = stage.sender.report(at(1), &stage.ci, query, scan.clone()).await.expect("taken");
    let warnings = first["warnings"].as_array().expect("a list");
    assert!(warnings.iter().any(|w| w.as_str().is_some_and(|w| w.contains("--database-date"))), "{first}");
    let dated = format!("{query}&database_date=2026-03-10T00:00:00Z");
    let second = stage.sender.report(at(2), &stage.ci, &dated, scan).await.expect("taken");
    assert_eq!(second["duplicate"], json!(false));
    assert_eq!(second["warnings"], json!([]), "{second}");
}
