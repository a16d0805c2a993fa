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
        let query = format!("product=pay&{about}&name=codeql.sarif");
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
        for closed in ["open", "closed"] {
            let list = self.get(&format!("/api/v1/findings?product=pay&show={closed}")).await;
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
    s.scan("release=1.0.0&scope=acme%2Fother", &[], true).await;
    assert_eq!(s.standing().await, ["a detected", "b detected"], "a scan of another part closes nothing");

    s.scan("release=1.0.0", &["a"], true).await;
    assert_eq!(s.standing().await, ["a detected", "b fixed"]);
    s.scan("release=2.0.0", &["a", "b"], true).await;
    assert_eq!(s.standing().await, ["a detected", "b reopened"]);
    s.scan("release=2.0.0", &[], true).await;
    assert_eq!(s.standing().await, ["a fixed", "b fixed"]);

    s.scan("release=1.0.0", &["a", "b"], true).await;
    assert_eq!(s.standing().await, ["a fixed", "b fixed"], "an older release still has them; that is no news");

    let list = s.get("/api/v1/findings?product=pay&show=closed").await;
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
    let send = async |key: &str, minute: i64| {
        s.stage.sender.report_under(key, at(minute), &s.stage.ci, query, bytes.clone()).await.expect("taken")
    };
    let first = send("one", 10).await;
    let size = s.stage.engine.head().size();
    // The same delivery again: its receipt, and no entry.
    let second = send("one", 11).await;
    assert_eq!((&second["index"], &second["duplicate"]), (&first["index"], &json!(true)));
    assert_eq!(s.stage.engine.head().size(), size);
    // Another sending of the same bytes: an entry, which says what it repeats.
    let third = send("two", 12).await;
    assert_eq!((&third["repeats"], &third["duplicate"]), (&first["index"], &json!(false)));
    assert_eq!(s.stage.engine.head().size(), size + 1, "and none that tells of a finding");
    s.minute = 12;
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

const DAY: i64 = 24 * 60;

/// Criteria of two lines: the commit was scanned within the year, and no finding is past its limit.
const SCANNED: &str = "
name: scanned
version: '1'
about: What this story needs.
requirements:
  - id: sast
    title: Static analysis
    why: The source was searched.
    fix: Scan it.
    check: { kind: scan, of: [sast], target: commit, max_age_days: 365 }
  - id: findings
    title: Vulnerability limits
    why: Weaknesses are fixed in time or accepted.
    fix: Fix it.
    check: { kind: findings, critical_days: 7, high_days: 30, medium_days: 90, low_days: 180 }
";

impl Story {
    async fn post(&self, who: &str, path: &str, body: Value) -> Result<Value, String> {
        self.stage
            .sender
            .call(at(self.minute), &self.stage.tokens[who], "POST", path, &body)
            .await
            .map_err(|e| e.to_string())
    }

    async fn criteria(&mut self, text: &str, product: &Value) {
        self.minute += 1;
        self.stage.clock.set(at(self.minute));
        let system = Caller::internal("test");
        certrail_usecases::put_criteria(
            &self.stage.engine,
            &system,
            text.to_owned(),
            certrail_usecases::SettingsRequest::default(),
        )
        .await
        .expect("admitted");
        let path = "/api/v1/products/pay";
        self.stage
            .sender
            .call(at(self.minute), &self.stage.tokens["olaf"], "PUT", path, product)
            .await
            .expect("a product");
    }

    /// Whether the gate before certification opens, and what the release's findings requirement says.
    async fn gate(&self, version: &str) -> (bool, String) {
        let answer = self
            .post("anna", &format!("/api/v1/products/pay/releases/{version}/gates/certification"), Value::Null)
            .await;
        let stored = find_release(&self.stage.engine, "pay", version).expect("cut");
        let judged = judge(&self.stage.engine, &stored).expect("judged");
        let findings = judged.evaluation.requirements.iter().find(|r| r.id == "findings").expect("there");
        (answer.expect("answers")["allow"] == json!(true), format!("{}: {}", findings.verdict, findings.sentence))
    }

    async fn only(&self, show: &str) -> Value {
        let list = self.get(&format!("/api/v1/findings?product=pay&show={show}")).await;
        let all = list.as_array().expect("a list");
        assert_eq!(all.len(), 1, "{list:#}");
        all[0].clone()
    }
}

/// The whole life: detected, looked at, accepted for a time, carried by the next release, expired, gate closed, fixed by a
/// complete scan, reopened.
#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_finding_opens_and_closes_the_gate() {
    let mut s = Story::begin().await;
    s.criteria(SCANNED, &json!({ "repositories": [REPO], "criteria": "scanned" })).await;
    let detected = at(s.minute + 1);
    s.scan("release=1.0.0", &["weak-hash"], true).await;
    let finding = s.only("open").await;
    let id = finding["id"].as_str().unwrap().to_owned();
    let address = format!("/api/v1/findings/{id}");
    assert_eq!((&finding["state"], &finding["level"]), (&json!("detected"), &json!("medium")));
    assert_eq!(finding["due"], json!(detected.plus(90 * Time::DAY).to_string()));
    assert!(s.gate("1.0.0").await.0, "within its limit");

    // Looked at: the state moves, nothing else.
    s.minute += 1;
    let triage = json!({ "to": "triaged", "reason": "Used for cache keys only." });
    assert_eq!(s.post("anna", &format!("{address}/triage"), triage.clone()).await.unwrap()["state"], json!("triaged"));
    let refused = s.stage.sender.call(at(s.minute), &s.stage.ci, "POST", &format!("{address}/triage"), &triage).await;
    assert!(refused.is_err(), "a pipeline looks at nothing");

    // Past its limit: closed. Accepted for 60 days by somebody else: open.
    s.minute = 100 * DAY;
    assert_eq!(
        s.gate("1.0.0").await.1,
        format!(
            "failed: weak-hash (medium) is 9 days over its limit of 90 days from detection on {}, own limits.",
            detected.date()
        )
    );
    let expires = at(s.minute).plus(60 * Time::DAY);
    let accept = json!({ "claim": "accept", "reason": "Cache keys are no secrets; it is replaced in the summer.", "expires_at": expires.to_string() });
    let effect = s.post("anna", &format!("{address}/effect"), accept.clone()).await.unwrap();
    assert!(effect["sentence"].as_str().unwrap().starts_with("Would unblock pay 1.0.0 (50% → 100%)."), "{effect:#}");
    let asked = s.post("priya", &format!("{address}/decisions"), accept.clone()).await.unwrap();
    assert!(!s.gate("1.0.0").await.0, "asked for is not approved");
    let approve = |id: &Value| format!("/api/v1/finding-decisions/{}/approve", id.as_str().unwrap());
    assert!(s.post("priya", &approve(&asked["id"]), Value::Null).await.unwrap_err().contains("cannot approve it"));
    assert!(s.post("anna", &approve(&asked["id"]), Value::Null).await.is_err(), "her role may not");
    // Taken back, and asked for by Anna instead.
    s.post("priya", &approve(&asked["id"]).replace("approve", "revoke"), Value::Null).await.unwrap();
    let asked = s.post("anna", &format!("{address}/decisions"), accept).await.unwrap();
    s.minute += 1;
    s.post("priya", &approve(&asked["id"]), Value::Null).await.unwrap();
    let (opens, why) = s.gate("1.0.0").await;
    assert!(opens && why.contains("priya accepted this on") && why.contains("Cache keys are no secrets"), "{why}");
    assert_eq!(s.only("decided").await["state"], json!("accepted"));

    // The next release carries it, and the decision reaches it.
    s.scan("release=2.0.0", &["weak-hash"], true).await;
    assert!(s.gate("2.0.0").await.0);
    let compared = s.get("/api/v1/products/pay/releases/2.0.0/findings").await;
    assert_eq!(
        (&compared["previous"], &compared["groups"][0]["name"], &compared["groups"][0]["total"]),
        (&json!("1.0.0"), &json!("decided"), &json!(1)),
        "{compared:#}"
    );

    // It ends: the gate closes by itself, and the finding is open again with the clock it always had.
    s.minute = 161 * DAY;
    assert!(!s.gate("2.0.0").await.0, "no grace");
    assert_eq!(s.only("decided").await["state"], json!("accepted"), "nothing has been written yet");
    assert_eq!(certrail_usecases::end_decisions(&s.stage.engine).await.unwrap(), 1);
    assert_eq!(certrail_usecases::end_decisions(&s.stage.engine).await.unwrap(), 0);
    let open = s.only("open").await;
    assert_eq!((&open["state"], &open["due"]), (&json!("triaged"), &json!(detected.plus(90 * Time::DAY).to_string())));

    // Decided again, it holds again; revoked, it does not.
    let again = json!({ "claim": "accept", "reason": "The replacement is late by one more month." });
    let asked = s.post("anna", &format!("{address}/decisions"), again).await.unwrap();
    assert_eq!(
        (&asked["renewals"], asked["expires_at"].as_str().unwrap()),
        (&json!(1), at(s.minute).plus(90 * Time::DAY).to_string().as_str())
    );
    s.minute += 1;
    s.post("priya", &approve(&asked["id"]), Value::Null).await.unwrap();
    assert!(s.gate("2.0.0").await.0);
    s.minute += 1;
    s.post("priya", &approve(&asked["id"]).replace("approve", "revoke"), Value::Null).await.unwrap_err();
    let why = json!({ "reason": "The replacement is there." });
    s.post("priya", &approve(&asked["id"]).replace("approve", "revoke"), why).await.unwrap();
    assert!(!s.gate("2.0.0").await.0);

    // Fixed by a complete scan, and reopened by the next with a clock of its own.
    s.scan("release=2.0.0", &[], false).await;
    assert!(!s.gate("2.0.0").await.0, "a failed scan fixes nothing");
    s.scan("release=2.0.0", &[], true).await;
    assert!(s.gate("2.0.0").await.0);
    assert_eq!(s.only("fixed").await["state"], json!("fixed"));
    // Back in the same release, it was never gone: its clock goes on. In a newer one it starts anew.
    s.scan("release=2.0.0", &["weak-hash"], true).await;
    let open = s.only("open").await;
    assert_eq!((&open["state"], &open["due"]), (&json!("reopened"), &json!(detected.plus(90 * Time::DAY).to_string())));
    assert!(!s.gate("2.0.0").await.0);
    s.scan("release=2.0.0", &[], true).await;
    s.cut("3.0.0", "three").await;
    let reopened = at(s.minute + 1);
    s.scan("release=3.0.0", &["weak-hash"], true).await;
    let open = s.only("open").await;
    assert_eq!((&open["state"], &open["due"]), (&json!("reopened"), &json!(reopened.plus(90 * Time::DAY).to_string())));
    let view = s.get(&address).await;
    let life: Vec<String> = view["moves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| format!("{} by {}", m["to"].as_str().unwrap(), m["by"].as_str().unwrap().split('_').next().unwrap()))
        .collect();
    assert_eq!(
        life,
        [
            "detected by certrail",
            "triaged by per",
            "accepted by per",
            "triaged by certrail",
            "accepted by per",
            "triaged by per",
            "fixed by certrail",
            "reopened by certrail",
            "fixed by certrail",
            "reopened by certrail"
        ]
    );
    assert_eq!(certrail_usecases::fsck(&s.stage.engine).expect("runs").faults, Vec::<String>::new());
}

/// Criteria under which anything open closes the gate.
const ZERO: &str = "
name: zero
version: '1'
about: What these stories need.
requirements:
  - id: findings
    title: Vulnerability limits
    why: Nothing may be open.
    fix: Fix it.
    check: { kind: findings, critical_days: 0, high_days: 0, medium_days: 0, low_days: 0 }
";

/// A Trivy report of an image: vulnerability and severity of `openssl` in it.
fn trivy(image: &str, found: &[(&str, &str)], run: i64) -> Vec<u8> {
    let found: Vec<Value> = found
        .iter()
        .map(|(id, severity)| {
            json!({ "VulnerabilityID": id, "PkgName": "openssl", "InstalledVersion": "1.0", "Severity": severity,
                "Title": "broken", "PkgIdentifier": { "PURL": "pkg:deb/debian/openssl@1.0" } })
        })
        .collect();
    let report = json!({ "SchemaVersion": 2, "ArtifactName": image, "ArtifactType": "container_image", "Run": run,
        "Results": [{ "Target": image, "Class": "os-pkgs", "Type": "debian", "Packages": [{ "Name": "openssl" }],
            "Vulnerabilities": found }] });
    serde_json::to_vec(&report).expect("writes")
}

impl Story {
    async fn strict() -> Self {
        let mut s = Self::begin().await;
        s.criteria(ZERO, &json!({ "repositories": [REPO], "criteria": "zero" })).await;
        s
    }

    async fn send(&mut self, query: &str, bytes: Vec<u8>) -> Value {
        self.minute += 1;
        let database = at(self.minute - 1);
        let query = format!("product=pay&{query}&database_date={database}");
        self.stage.sender.report(at(self.minute), &self.stage.ci, &query, bytes).await.expect("taken")
    }

    fn faults(&self) -> Vec<String> {
        certrail_usecases::fsck(&self.stage.engine).expect("runs").faults
    }
}

/// What one scope does not see, another still does: in the verdict as in the life.
#[tokio::test(flavor = "multi_thread")]
async fn a_clean_scan_of_something_else_hides_and_closes_nothing() {
    let mut s = Story::strict().await;
    let api = trivy("acme/api:1", &[("CVE-2099-1", "CRITICAL")], 1);
    s.send("release=1.0.0&name=trivy.json", api).await;
    assert!(!s.gate("1.0.0").await.0);
    s.send("release=1.0.0&name=trivy.json", trivy("acme/web:1", &[], 2)).await;
    assert!(!s.gate("1.0.0").await.0, "another image");
    assert_eq!(s.standing().await, ["CVE-2099-1 detected"]);

    // Reports that name no target are told apart by their file, or by what the sender says.
    s.scan("release=2.0.0", &["a"], true).await;
    let clean = serde_json::to_vec(&json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": { "name": "CodeQL",
        "semanticVersion": "2.20", "rules": [{ "id": "r" }] } }, "results": [] }] }))
    .expect("writes");
    s.send("release=2.0.0&name=other.sarif", clean.clone()).await;
    s.send("release=2.0.0&name=codeql.sarif&scope=payments/ui", clean.clone()).await;
    assert!(!s.gate("2.0.0").await.0);
    s.send("release=2.0.0&name=codeql.sarif", clean).await;
    assert!(s.gate("2.0.0").await.0);
    assert_eq!(s.standing().await, ["CVE-2099-1 detected", "a fixed"]);
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// A tool that nobody here has heard of: what it found is listed and compared like anything else.
#[tokio::test(flavor = "multi_thread")]
async fn the_findings_of_an_unknown_tool_can_be_read() {
    let mut s = Story::begin().await;
    let found = [("odd", "warning", "src/round.rs", "odd")];
    s.send("release=1.0.0&name=novel.sarif", reports::sarif("Novel Scanner", "1", &found)).await;
    assert_eq!(s.standing().await, ["odd detected"]);
    let section = s.get("/api/v1/products/pay/releases/1.0.0/findings").await;
    assert_eq!(section["groups"][0]["findings"][0]["name"], "odd");
    assert!(!s.gate("1.0.0").await.0);
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// What is kept of a comparison goes with either release that it compares.
#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_follows_the_release_before_too() {
    let mut s = Story::begin().await;
    let groups = async |s: &Story| {
        let section = s.get("/api/v1/products/pay/releases/2.0.0/findings").await;
        let groups = section["groups"].as_array().expect("groups").clone();
        groups.iter().map(|g| format!("{} {}", g["name"].as_str().unwrap_or(""), g["total"])).collect::<Vec<_>>()
    };
    s.scan("release=1.0.0", &["b"], true).await;
    s.scan("release=2.0.0", &["a"], true).await;
    assert_eq!(groups(&s).await, ["new 1", "fixed 1"]);
    s.scan("release=1.0.0", &["a"], true).await;
    assert_eq!(groups(&s).await, ["carried 1"]);
    let page = s.stage.ask(&axum::http::Method::GET, "/r/pay/2.0.0", Some(&s.stage.tokens["anna"]), "").await;
    assert_eq!(page.0, axum::http::StatusCode::OK);
    s.scan("release=1.0.0", &[], true).await;
    assert_eq!(groups(&s).await, ["new 1"]);
}

/// A report from yesterday that arrives today says what was so yesterday.
#[tokio::test(flavor = "multi_thread")]
async fn scans_are_in_the_order_in_which_they_were_made() {
    let mut s = Story::strict().await;
    let made = |rules: &[&str], minute: i64| {
        let mut log: Value = serde_json::from_slice(&codeql(rules, true)).expect("JSON");
        log["runs"][0]["invocations"][0]["endTimeUtc"] = json!(at(minute).to_string());
        serde_json::to_vec(&log).expect("writes")
    };
    s.minute = 10;
    let newer = made(&["a"], 10);
    s.send("release=1.0.0&name=codeql.sarif", newer).await;
    let older = made(&[], 5);
    s.send("release=1.0.0&name=codeql.sarif", older).await;
    assert!(!s.gate("1.0.0").await.0);
    assert_eq!(s.standing().await, ["a detected"]);
    // And one that claims to come from the future closes nothing.
    let future = at(s.minute + 10 * DAY);
    s.send(&format!("release=1.0.0&name=codeql.sarif&occurred_at={future}"), codeql(&[], true)).await;
    assert_eq!(s.standing().await, ["a detected"]);
    assert!(!s.gate("1.0.0").await.0);
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// What a report leaves out itself stands aside up to medium; what is graver takes a decision here.
#[tokio::test(flavor = "multi_thread")]
async fn a_comment_in_the_source_accepts_nothing_grave() {
    let mut s = Story::strict().await;
    let log = |level: &str| {
        let mut log: Value = serde_json::from_slice(&codeql(&["rce"], true)).expect("JSON");
        log["runs"][0]["results"][0]["level"] = json!(level);
        log["runs"][0]["results"][0]["suppressions"] = json!([{ "kind": "inSource", "justification": "meh" }]);
        serde_json::to_vec(&log).expect("writes")
    };
    s.send("release=1.0.0&name=codeql.sarif", log("warning")).await;
    assert!(s.gate("1.0.0").await.0);
    assert_eq!(s.only("suppressed").await["level"], json!("medium"));
    s.send("release=2.0.0&name=codeql.sarif", log("error")).await;
    assert!(!s.gate("2.0.0").await.0);
    assert_eq!(s.only("open").await["level"], json!("high"));
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// The gravest of all who see it counts, and an accepted risk is accepted only as great as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_grows_is_no_longer_accepted() {
    let mut s = Story::strict().await;
    let report = |severity: &str, run: i64| trivy("acme/api:1", &[("CVE-2099-1", severity)], run);
    s.send("release=1.0.0&name=trivy.json", report("LOW", 1)).await;
    let id = s.only("open").await["id"].as_str().unwrap().to_owned();
    let address = format!("/api/v1/findings/{id}/decisions");
    let accept = json!({ "claim": "accept", "reason": "Nothing of it is reachable from outside.",
        "expires_at": at(s.minute).plus(100 * Time::DAY).to_string() });
    let asked = s.post("anna", &address, accept.clone()).await.unwrap();
    s.post("priya", &format!("/api/v1/finding-decisions/{}/approve", asked["id"].as_str().unwrap()), Value::Null)
        .await
        .unwrap();
    assert!(s.gate("1.0.0").await.0);
    // Another scanner finds it graver, and the milder one after it does not take that back.
    s.send("release=2.0.0&name=trivy.json&scope=acme%2Fother", report("CRITICAL", 2)).await;
    s.send("release=2.0.0&name=trivy.json", report("LOW", 3)).await;
    assert!(!s.gate("2.0.0").await.0);
    let open = s.only("open").await;
    assert_eq!((&open["level"], &open["state"]), (&json!("critical"), &json!("triaged")));
    let refused = s.post("anna", &address, accept).await.unwrap_err();
    assert!(refused.contains("at most 14 days"), "{refused}");
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// An exception to the limits is no way around what one may accept: it covers what was seen, as grave as it was, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn an_exception_to_the_limits_accepts_no_more_than_one_may() {
    let mut s = Story::strict().await;
    let report = |found: &[(&str, &str)], run: i64| trivy("acme/api:1", found, run);
    s.send("release=1.0.0&name=trivy.json", report(&[("CVE-2099-1", "HIGH")], 1)).await;
    let ask = json!({ "product": "pay", "release": "1.0.0", "requirement": "findings",
        "reason": "Nothing of it is reachable from outside.", "expires_at": at(s.minute).plus(100 * Time::DAY).to_string() });
    assert!(!s.gate("1.0.0").await.0);
    let asked = s.post("anna", "/api/v1/exceptions", ask).await.unwrap();
    s.minute += 1;
    let approve = format!("/api/v1/exceptions/{}/approve", asked["id"].as_str().unwrap());
    s.post("priya", &approve, Value::Null).await.unwrap();
    s.minute += 1;
    assert!(s.gate("1.0.0").await.0, "what was seen is excused");
    // What comes later is not, nor what becomes graver; what is fixed again leaves the rest as it was.
    s.send("release=1.0.0&name=trivy.json", report(&[("CVE-2099-1", "HIGH"), ("CVE-2099-2", "LOW")], 2)).await;
    assert!(!s.gate("1.0.0").await.0, "another finding");
    s.send("release=1.0.0&name=trivy.json", report(&[("CVE-2099-1", "HIGH")], 3)).await;
    assert!(s.gate("1.0.0").await.0);
    let excused = s.minute;
    // A risk that is high is taken for 30 days, whatever the exception says.
    s.minute = excused + 31 * DAY;
    assert!(!s.gate("1.0.0").await.0, "too long");
    s.minute = excused + 32 * DAY;
    s.send("release=1.0.0&name=trivy.json", report(&[("CVE-2099-1", "CRITICAL")], 4)).await;
    assert!(!s.gate("1.0.0").await.0, "graver");
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// One person alone moves no limit that has passed.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_says_moves_no_limit_that_has_passed() {
    let mut s = Story::begin().await;
    let bod =
        ZERO.replace("name: zero", "name: bod").replace("kind: findings,", "kind: findings, clocks: [bod-26-04],");
    s.criteria(&bod, &json!({ "repositories": [REPO], "criteria": "bod" })).await;
    s.send("release=1.0.0&name=trivy.json", trivy("acme/api:1", &[("CVE-2099-1", "CRITICAL")], 1)).await;
    let id = s.only("open").await["id"].as_str().unwrap().to_owned();
    let triage = format!("/api/v1/findings/{id}/triage");
    let says = |reason: &str| json!({ "to": "triaged", "reason": reason, "assessment": { "exposed": false, "automatable": false } });
    assert!(s.post("anna", &triage, says("meh")).await.unwrap_err().contains("fewer than 20"), "it moves the limit");
    s.minute += 10 * DAY;
    let late = s.post("anna", &triage, says("It runs on a network of its own.")).await.unwrap_err();
    assert!(late.contains("Its limit has passed"), "{late}");
    assert!(!s.gate("1.0.0").await.0);
    // What gains no time may be said, and stays known when something else is said.
    let told = json!({ "to": "triaged", "reason": "Found out.", "assessment": { "total_impact": true } });
    s.post("anna", &triage, told).await.unwrap();
    let view = s.get(&format!("/api/v1/findings/{id}")).await;
    assert_eq!(view["triage"][0]["assessment"]["total_impact"], json!(true));
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// A VEX document asks; a person decides. Where it names parts and versions, it means those.
#[tokio::test(flavor = "multi_thread")]
async fn a_vex_document_asks_for_what_it_is_about() {
    let mut s = Story::strict().await;
    s.send("release=1.0.0&name=trivy.json", trivy("acme/api:1", &[("CVE-2099-1", "HIGH")], 1)).await;
    let vex = |product: Value, n: u64| {
        serde_json::to_vec(
            &json!({ "@context": "https://openvex.dev/ns/v0.2.0", "@id": format!("https://example.org/{n}"),
            "author": "A", "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [{ "vulnerability":
            { "name": "CVE-2099-1" }, "products": [product], "status": "not_affected", "justification":
            "vulnerable_code_not_in_execute_path" }] }),
        )
        .expect("writes")
    };
    let others = [
        json!({ "@id": "pkg:generic/acme/pay@2.4.1" }),
        json!({ "@id": "pkg:generic/acme/pay@1.0.0", "subcomponents": [{ "@id": "pkg:deb/debian/zlib@1" }] }),
        json!({ "@id": "pkg:oci/other", "subcomponents": [{ "@id": "pkg:deb/debian/openssl@1.0" }] }),
    ];
    for (n, other) in others.into_iter().enumerate() {
        s.send("release=1.0.0&name=vex.json", vex(other, n as u64)).await;
    }
    let id = s.only("open").await["id"].as_str().unwrap().to_owned();
    let view = s.get(&format!("/api/v1/findings/{id}")).await;
    assert_eq!(view["decisions"], json!([]), "about something else");
    let ours =
        json!({ "@id": "pkg:generic/acme/pay@1.0.0", "subcomponents": [{ "@id": "pkg:deb/debian/openssl@1.0" }] });
    s.send("release=1.0.0&name=vex.json", vex(ours, 9)).await;
    let view = s.get(&format!("/api/v1/findings/{id}")).await;
    let asked = &view["decisions"][0];
    assert_eq!((&asked["state"], &asked["claim"]), (&json!("requested"), &json!("not_affected")));
    assert!(asked["reason"].as_str().unwrap().contains("pkg:generic/acme/pay@1.0.0"), "{asked:#}");
    assert!(!s.gate("1.0.0").await.0);
    s.post("priya", &format!("/api/v1/finding-decisions/{}/approve", asked["id"].as_str().unwrap()), Value::Null)
        .await
        .unwrap();
    assert!(s.gate("1.0.0").await.0);
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// Every product that has the same finding, and how grave it is by whose word.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_reaches_every_product_and_a_product_says_whose_word_counts() {
    let mut s = Story::strict().await;
    let web = json!({ "repositories": ["acme/web"], "criteria": "zero", "severity": "score-first" });
    s.stage.sender.call(at(s.minute), &s.stage.tokens["olaf"], "PUT", "/api/v1/products/web", &web).await.unwrap();
    let mut report: Value = serde_json::from_slice(&trivy("acme/x:1", &[("CVE-2099-1", "LOW")], 1)).unwrap();
    report["Results"][0]["Vulnerabilities"][0]["CVSS"] =
        json!({ "nvd": { "V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 9.8 } });
    let bytes = serde_json::to_vec(&report).unwrap();
    s.send("release=1.0.0&name=trivy.json", bytes.clone()).await;
    s.minute += 1;
    let query = format!("product=web&commit={}&name=trivy.json&database_date={}", sha("web"), at(s.minute));
    s.stage.sender.report(at(s.minute), &s.stage.ci, &query, bytes).await.expect("taken");
    let level = |list: Value| list[0]["level"].clone();
    assert_eq!(level(s.get("/api/v1/findings?product=pay").await), json!("low"), "the tool's word first");
    assert_eq!(level(s.get("/api/v1/findings?product=web").await), json!("critical"), "the score first");

    let id = s.only("open").await["id"].as_str().unwrap().to_owned();
    let none =
        json!({ "claim": "false_positive", "within": "everywhere", "reason": "Our build leaves that code out." });
    let asked = s.post("anna", &format!("/api/v1/findings/{id}/decisions"), none).await.unwrap();
    s.post("priya", &format!("/api/v1/finding-decisions/{}/approve", asked["id"].as_str().unwrap()), Value::Null)
        .await
        .unwrap();
    assert!(s.gate("1.0.0").await.0);
    for product in ["pay", "web"] {
        let decided = s.get(&format!("/api/v1/findings?product={product}&show=decided")).await;
        assert_eq!(decided[0]["state"], json!("false_positive"), "{product}");
    }
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// Two tools at one spot are two findings that know of each other; what a report leaves out is listed with the release.
#[tokio::test(flavor = "multi_thread")]
async fn two_tools_at_one_spot_are_told_of_each_other() {
    let mut s = Story::begin().await;
    let log = |tool: &str, rule: &str, suppressed: bool| {
        let mut log: Value = serde_json::from_slice(&codeql(&[rule], true)).expect("JSON");
        log["runs"][0]["tool"]["driver"]["name"] = json!(tool);
        log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"] = json!({ "startLine": 7 });
        if suppressed {
            log["runs"][0]["results"][0]["suppressions"] = json!([{ "kind": "inSource", "justification": "a test" }]);
        }
        serde_json::to_vec(&log).expect("writes")
    };
    s.send("release=1.0.0&name=codeql.sarif", log("CodeQL", "py/eval", false)).await;
    s.send("release=1.0.0&name=semgrep.sarif", log("Semgrep OSS", "eval-used", false)).await;
    s.send("release=1.0.0&name=bandit.sarif", log("Bandit", "B307", true)).await;
    let list = s.get("/api/v1/findings?product=pay").await;
    let first = list.as_array().unwrap().iter().find(|f| f["seen"]["rule"] == "py/eval").expect("there").clone();
    let view = s.get(&format!("/api/v1/findings/{}", first["id"].as_str().unwrap())).await;
    let same: Vec<&str> =
        view["possibly_same"].as_array().unwrap().iter().map(|f| f["seen"]["rule"].as_str().unwrap()).collect();
    assert_eq!(same, ["eval-used", "B307"]);
    let compared = s.get("/api/v1/products/pay/releases/1.0.0/findings").await;
    let groups: Vec<String> = compared["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| format!("{} {}", g["name"].as_str().unwrap(), g["total"]))
        .collect();
    assert_eq!(groups, ["new 2", "left_out 1"]);
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// A tar of files.
fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, bytes) in files {
        let mut head = [0_u8; 512];
        head[..path.len()].copy_from_slice(path.as_bytes());
        head[100..107].copy_from_slice(b"0000644");
        head[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        head[156] = b'0';
        head[257..263].copy_from_slice(b"ustar\0");
        head[148..156].fill(b' ');
        let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1_024, 0);
    out
}

/// Two reports never answer for each other because somebody named them alike.
#[tokio::test(flavor = "multi_thread")]
async fn reports_that_are_named_alike_are_told_apart() {
    let mut s = Story::strict().await;
    let (dirty, clean) = (codeql(&["a"], true), codeql(&[], true));
    // The same member twice, and in two archives; in one scope.
    let archive = tar(&[("out/r.sarif", dirty.clone()), ("out/r.sarif", clean.clone())]);
    s.send("release=1.0.0&name=all.tar&scope=services", archive).await;
    assert!(!s.gate("1.0.0").await.0);
    s.send("release=1.0.0&name=other.tar", tar(&[("out/r.sarif", clean.clone())])).await;
    assert!(!s.gate("1.0.0").await.0);
    // Long names that differ at their end.
    let long = "x/".repeat(120);
    s.send(&format!("release=2.0.0&name=a&scope={long}one"), codeql(&["b"], true)).await;
    s.send(&format!("release=2.0.0&name=a&scope={long}two"), clean.clone()).await;
    assert!(!s.gate("2.0.0").await.0);
    // Nothing that tells it apart at all: it closes nothing, and says so.
    s.cut("3.0.0", "three").await;
    s.send("release=3.0.0", codeql(&["c"], true)).await;
    let receipt = s.send("release=3.0.0", clean).await;
    assert!(receipt.to_string().contains("it closes nothing"), "{receipt:#}");
    assert!(!s.gate("3.0.0").await.0);
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// Its sender says when it was made, where the report does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_delivery_of_an_old_scan_closes_nothing() {
    let mut s = Story::strict().await;
    s.minute = 3 * DAY;
    s.send(&format!("release=1.0.0&name=codeql.sarif&occurred_at={}", at(2 * DAY)), codeql(&["a"], true)).await;
    s.send(&format!("release=1.0.0&name=codeql.sarif&occurred_at={}", at(DAY)), codeql(&[], true)).await;
    assert!(!s.gate("1.0.0").await.0);
    assert_eq!(s.standing().await, ["a detected"]);
    assert_eq!(s.faults(), Vec::<String>::new());
}

/// Gone from the newest release, a finding can still be decided on where it is open, as grave as it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_finding_is_decided_on_where_it_is_open() {
    let mut s = Story::strict().await;
    let report = |found: &[(&str, &str)], run: i64| trivy("acme/api:1", found, run);
    s.send("release=1.0.0&name=trivy.json", report(&[("CVE-2099-1", "CRITICAL")], 1)).await;
    s.send("release=2.0.0&name=trivy.json", report(&[], 2)).await;
    let fixed = s.only("fixed").await;
    assert!(!s.gate("1.0.0").await.0);
    let address = format!("/api/v1/findings/{}/decisions", fixed["id"].as_str().unwrap());
    let accept = |days: i64| {
        json!({ "claim": "accept", "within": "release", "release": "1.0.0",
            "reason": "The old line is read by nobody outside.", "expires_at": at(days * DAY).to_string() })
    };
    let refused = s.post("anna", &address, accept(60)).await.unwrap_err();
    assert!(refused.contains("at most 14 days"), "{refused}");
    let asked = s.post("anna", &address, accept(10)).await.unwrap();
    assert_eq!(asked["level"], json!("critical"));
    s.post("priya", &format!("/api/v1/finding-decisions/{}/approve", asked["id"].as_str().unwrap()), Value::Null)
        .await
        .unwrap();
    assert!(s.gate("1.0.0").await.0);
    assert_eq!(s.only("fixed").await["state"], json!("fixed"));
    let queue = s.get("/api/v1/findings/queue?product=pay").await;
    assert_eq!((&queue["total"], &queue["ending"][0]["decision"]["id"]), (&json!(0), &asked["id"]), "{queue:#}");
    assert_eq!(s.faults(), Vec::<String>::new());
}
