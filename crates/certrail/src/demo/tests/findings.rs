//! What scans find, over time: detected, closed by complete scans of the same scope only, reopened.

use super::*;

/// A CodeQL log with findings by rule; `complete` says whether the tool ran to its end.
fn codeql(rules: &[&str], complete: bool) -> Vec<u8> {
    let found: Vec<(&str, &str, &str, &str)> = rules.iter().map(|r| (*r, "warning", "src/round.rs", *r)).collect();
    let mut log: Value = serde_json::from_slice(&reports::sarif("CodeQL", "2.20", &found)).expect("JSON");
    log["runs"][0]["invocations"][0]["executionSuccessful"] = json!(complete);
    serde_json::to_vec(&log).expect("writes")
}

struct Story {
    stage: Stage,
    minute: i64,
}

impl Story {
    async fn begin() -> Self {
        let mut story = Self { stage: stage().await, minute: 0 };
        for (version, seed) in [("1.0.0", "one"), ("2.0.0", "two")] {
            story.cut(version, seed).await;
        }
        story
    }

    async fn cut(&mut self, version: &str, seed: &str) {
        self.minute += 1;
        let manifest = json!({ "kind": "release.manifest", "product": "pay", "version": version, "release_type": "normal",
            "repository": REPO, "commit": sha(seed), "digests": [] });
        let sent = self.stage.sender.call(at(self.minute), &self.stage.ci, "POST", "/api/v1/facts", &manifest).await;
        sent.unwrap_or_else(|e| panic!("{e}"));
    }

    /// Sends a scan; each has a time of its own, so no two are the same delivery.
    async fn scan(&mut self, about: &str, rules: &[&str], complete: bool) -> Value {
        self.minute += 1;
        let query = format!("product=pay&{about}&name=codeql-{}.sarif", self.minute);
        let mut log: Value = serde_json::from_slice(&codeql(rules, complete)).expect("JSON");
        log["runs"][0]["properties"] = json!({ "run": self.minute });
        let bytes = serde_json::to_vec(&log).expect("writes");
        self.stage.sender.report(at(self.minute), &self.stage.ci, &query, bytes).await.expect("taken")
    }

    async fn get(&self, path: &str) -> Value {
        self.stage.sender.call(at(self.minute), &self.stage.ci, "GET", path, &Value::Null).await.expect("answers")
    }

    /// Rule and state of every finding, in order of rule.
    async fn standing(&self) -> Vec<String> {
        let mut all = Vec::new();
        for closed in [false, true] {
            let list = self.get(&format!("/api/v1/findings?product=pay&closed={closed}")).await;
            for f in list.as_array().expect("a list") {
                all.push(format!("{} {}", f["seen"]["rule"].as_str().unwrap(), f["state"].as_str().unwrap()));
            }
        }
        all.sort();
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_complete_scan_of_the_same_scope_closes_and_a_later_one_reopens() {
    let mut s = Story::begin().await;
    s.scan("release=1.0.0", &["a", "b"], true).await;
    assert_eq!(s.standing().await, ["a detected", "b detected"]);

    s.scan("release=1.0.0", &["a"], false).await;
    assert_eq!(s.standing().await, ["a detected", "b detected"], "a failed scan closes nothing");
    s.scan("release=1.0.0&source=ci:acme/other", &[], true).await;
    assert_eq!(s.standing().await, ["a detected", "b detected"], "another sender's scan closes nothing");

    s.scan("release=1.0.0", &["a"], true).await;
    assert_eq!(s.standing().await, ["a detected", "b fixed"]);
    s.scan("release=2.0.0", &["a", "b"], true).await;
    assert_eq!(s.standing().await, ["a detected", "b reopened"]);
    s.scan("release=2.0.0", &[], true).await;
    assert_eq!(s.standing().await, ["a fixed", "b fixed"]);

    s.scan("release=1.0.0", &["a", "b"], true).await;
    assert_eq!(s.standing().await, ["a fixed", "b fixed"], "an older release still has them; that is no news");

    let list = s.get("/api/v1/findings?product=pay&closed=true").await;
    let b = list.as_array().unwrap().iter().find(|f| f["seen"]["rule"] == "b").expect("there").clone();
    let view = s.get(&format!("/api/v1/findings/{}", b["id"].as_str().unwrap())).await;
    let steps: Vec<&str> = view["moves"].as_array().unwrap().iter().map(|m| m["to"].as_str().unwrap()).collect();
    assert_eq!(steps, ["detected", "fixed", "reopened", "fixed"]);
    assert_eq!(certrail_usecases::fsck(&s.stage.engine).expect("runs").faults, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_an_older_release_closes_nothing_that_a_newer_one_has() {
    let mut s = Story::begin().await;
    s.scan("release=2.0.0", &["new"], true).await;
    s.scan("release=1.0.0", &[], true).await;
    assert_eq!(s.standing().await, ["new detected"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_moves_nothing() {
    let mut s = Story::begin().await;
    let bytes = codeql(&["a"], true);
    let query = "product=pay&release=1.0.0&name=codeql.sarif";
    let first = s.stage.sender.report(at(10), &s.stage.ci, query, bytes.clone()).await.expect("taken");
    s.minute = 11;
    let size = s.stage.engine.head().size();
    let second = s.stage.sender.report(at(11), &s.stage.ci, query, bytes).await.expect("taken");
    assert_eq!((&second["index"], &second["duplicate"]), (&first["index"], &json!(true)));
    assert_eq!(s.stage.engine.head().size(), size);
    assert_eq!(s.standing().await, ["a detected"]);
}

/// A scan of a commit nobody knows detects; it closes when its release becomes known.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_counts_for_its_release_when_that_becomes_known() {
    let mut s = Story::begin().await;
    s.scan("release=2.0.0", &["a", "b"], true).await;
    let commit = format!("commit={}", sha("three"));
    s.scan(&commit, &["b", "c"], true).await;
    assert_eq!(s.standing().await, ["a detected", "b detected", "c detected"]);
    s.cut("3.0.0", "three").await;
    assert_eq!(s.standing().await, ["a fixed", "b detected", "c detected"]);
}
