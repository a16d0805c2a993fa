//! Whose account a word is: the same word at two homes is two accounts, and they are one person only where somebody said so.

use super::*;

fn verdict(stage: &Stage, id: &str) -> String {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let r = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("there").clone();
    format!("{} {}: {}", r.verdict, r.cause.name(), r.sentence)
}

async fn put_person(stage: &Stage, minute: i64, name: &str, accounts: &[&str]) -> anyhow::Result<Value> {
    let body = json!({ "name": name, "accounts": accounts, "role": "viewer" });
    stage.sender.call(at(minute), &stage.tokens["olaf"], "PUT", "/api/v1/people", &body).await
}

/// At a host of one's own two logins are two people without anybody linking them, and neither is one of github.com.
#[tokio::test(flavor = "multi_thread")]
async fn two_logins_of_one_host_are_two_people() {
    let stage = stage().await;
    let call = async |method: &str, path: &str, body: Value| {
        stage.sender.call(at(0), &stage.tokens["olaf"], method, path, &body).await.expect("done")
    };
    let body = json!({ "provider": "github", "host": "git.acme.example", "repositories": "*", "products": "*" });
    call("PUT", "/api/v1/connectors/inside", body).await;
    let made = call("POST", "/api/v1/connectors/inside/secrets", json!({})).await;
    let secret = made["secret"].as_str().expect("shown once").to_owned();
    call("PUT", "/api/v1/products/pay", json!({ "repositories": [format!("git.acme.example/{REPO}")] })).await;
    for (minute, step) in steps() {
        let Step::Hook(event, payload) = &step else { continue };
        stage.sender.hook("inside", &secret, at(minute), event, payload).await.expect("taken");
    }
    let told = verdict(&stage, "code-review");
    assert!(told.starts_with("passed satisfied: git.acme.example:tom approved the final version"), "{told}");
    stage.clean();
}

/// A pipeline names somebody by a word that is also an author's login: it may be them, and no guess opens a gate.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_was_told_is_no_login() {
    let stage = stage().await;
    for (minute, step) in steps().into_iter().filter(|(_, step)| !matches!(step, Step::Word(..))) {
        send(&stage, at(minute), &step).await;
    }
    let path = "/api/v1/products/pay/accepts-reported";
    let asked = json!({ "kind": "requirement.ticket", "reason": "Our tracker cannot be reached from here." });
    stage.sender.call(at(80), &stage.tokens["anna"], "POST", path, &asked).await.expect("asked");
    let one = format!("{path}/requirement.ticket");
    stage.sender.call(at(81), &stage.tokens["priya"], "POST", &one, &json!({})).await.expect("approved");
    let ticket = async |minute: i64, by: &str| {
        let ticket = json!({ "kind": "requirement.ticket", "product": "pay", "key": "PAY-7", "title": "Rounding", "status": "open",
            "authorised_by": { "account": by, "kind": "human" } });
        stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", &ticket).await.expect("told");
        verdict(&stage, "work-item")
    };
    // The author is dana of github.com. Their own account authorises nothing, and a word that reads the same may be theirs.
    let told = ticket(82, "github.com:Dana").await;
    assert!(told.starts_with("failed not_independent"), "{told}");
    let told = ticket(83, "dana").await;
    assert!(told.starts_with("indeterminate identity_uncertain") && told.contains("authorised by dana,"), "{told}");
    let told = ticket(84, "git.acme.example:dana").await;
    assert!(told.starts_with("indeterminate identity_uncertain"), "{told}");
    // Whoever reads otherwise is somebody else.
    assert!(ticket(84, "boss").await.starts_with("passed satisfied"));
    assert!(ticket(85, "dana").await.starts_with("indeterminate"));
    // The way on: somebody says who is who. One word is one account of one person, however it is written.
    put_person(&stage, 86, "Rae", &["name:dana"]).await.expect("recorded");
    assert!(verdict(&stage, "work-item").starts_with("indeterminate identity_uncertain"));
    put_person(&stage, 87, "Dana", &["github.com:dana"]).await.expect("recorded");
    let told = ticket(88, "dana").await;
    assert!(told.starts_with("passed satisfied") && told.contains("authorised by Rae"), "{told}");
    let both = put_person(&stage, 89, "Eve", &["dana"]).await.expect_err("of two people").to_string();
    assert!(both.contains("account-taken"), "{both}");
    stage.clean();
}

/// An admin cannot make one record out of two, nor give somebody's id to somebody else as an account.
#[tokio::test(flavor = "multi_thread")]
async fn no_account_takes_over_a_person() {
    let stage = stage().await;
    let dana = put_person(&stage, 1, "Dana", &["dana"]).await.expect("recorded");
    let id = dana["id"].as_str().expect("an id");
    for account in
        [id.to_owned(), format!("github.com:{id}"), format!("name:{id}"), format!("GitHub.com:{}", id.to_lowercase())]
    {
        let refused = put_person(&stage, 2, "Rae", &["rae", &account]).await.expect_err("refused").to_string();
        assert!(refused.contains("bad-account"), "{account}: {refused}");
    }
    // Whoever is told as dana is Dana, until both records say otherwise.
    let refused = put_person(&stage, 3, "Rae", &["name:dana"]).await.expect_err("refused").to_string();
    assert!(refused.contains("account-taken") && refused.contains("Dana's"), "{refused}");
    let same = put_person(&stage, 4, "Dana", &["github.com:dana"]).await.expect("changed");
    assert_eq!(same["id"], dana["id"]);
    let rae = put_person(&stage, 5, "Rae", &["name:dana"]).await.expect("recorded");
    assert_ne!(rae["id"], dana["id"]);
    // Each is found by what stands in their own record.
    for (account, gone) in [("name:dana", "Rae"), ("dana", "Dana")] {
        let path = format!("/api/v1/people/{account}");
        let left = stage.sender.call(at(6), &stage.tokens["olaf"], "DELETE", &path, &Value::Null).await.expect("left");
        assert_eq!(left["ended"]["name"], gone, "{left:#}");
    }
    stage.clean();
}
