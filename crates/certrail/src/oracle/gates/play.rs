//! One story, told to the product, and where what it answers differs from what is true.

use certrail_domain::{Role, Scope, Time};
use certrail_ledger::{hex, sha256};
use certrail_usecases::{Caller, NewPerson, NewToken, Person, create_token, find_release, put_person, session_for};
use serde_json::{Value, json};

use super::{
    moves::{Artefact, Hat, Move, PEOPLE, Place, Say, Story, Who},
    world::World,
};
use crate::{
    demo::{forge, reports},
    oracle::product::Product,
};

/// Where the product and the truth differ.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// The product says yes where the truth is no; else the other way round.
    pub(super) false_pass: bool,
    pub(super) says: String,
}

/// What came of a story.
#[derive(Default)]
pub(super) struct Played {
    pub(super) judged: u64,
    /// How often the gate was open, and was to be.
    pub(super) opened: u64,
    pub(super) differences: Vec<Difference>,
}

/// The criteria of these stories.
pub(super) const CRITERIA: &str = "name: gates
version: '1'
about: What is asked of a release on its way out.
requirements:
  - { id: tests, title: Tests, why: To know., fix: Run them., check: { kind: tests, suites: [unit] } }
  - { id: coverage, title: Coverage, why: To know., fix: Test more., check: { kind: coverage, lines_percent: 80 } }
  - { id: sast, title: Static analysis, why: To know., fix: Scan., check: { kind: scan, of: [sast], target: commit, max_age_days: 30 } }
  - { id: sca, title: Dependencies, why: To know., fix: Scan., check: { kind: scan, of: [sca, container], target: digest, max_age_days: 3 } }
  - { id: sbom, title: Bill of materials, why: To know., fix: Make one., check: { kind: sbom } }
  - { id: sign-off, title: Sign-off, why: To know., fix: Sign., check: { kind: sign-off, meaning: qa } }
  - { id: staging, title: Tried, why: To know., fix: Look., check: { kind: validation, environment: staging, within_hours: 24 } }
  - { id: exceptions, title: Exceptions, why: To know., fix: Renew., check: { kind: exceptions } }
  - { id: approval, title: Approval, why: To know., fix: Approve., check: { kind: approval, environment: production, validity_days: 7 } }
  - { id: certified-first, title: Certified first, why: To know., fix: Certify., check: { kind: certified-first } }
";

/// A release on its way out, told to a product.
struct Telling<'a> {
    on: &'a Product,
    name: String,
    repository: String,
    world: World,
    people: Vec<Person>,
    /// Tokens that people made for themselves.
    own: Vec<String>,
    asked: Option<String>,
    deployments: u64,
    played: Played,
}

/// Tells a story.
pub(super) async fn play(on: &mut Product, story: &Story) -> Played {
    on.renew().await;
    let name = format!("g{}-{}", story.seed, on.now.as_micros() / Time::SECOND % 1_000_000);
    let mut telling = Telling {
        on,
        repository: format!("acme/{name}"),
        name,
        world: World::new(on.now),
        people: Vec::new(),
        own: Vec::new(),
        asked: None,
        deployments: 0,
        played: Played::default(),
    };
    telling.begin().await;
    for some in &story.moves {
        telling.world.now = telling.world.now.plus(600 * Time::SECOND);
        telling.tell(*some).await;
    }
    let stored = find_release(&telling.on.engine, &telling.name, "1.0.0").expect("cut");
    let (says, is) = (stored.release.ungated, telling.world.ungated);
    telling.compare(!says, !is, || format!("ungated is {says}"));
    let (now, played) = (telling.world.now, telling.played);
    on.now = now.plus(Time::DAY);
    played
}

impl Telling<'_> {
    fn commit(&self, of: &str) -> String {
        hex(&sha256(format!("{} {of}", self.name).as_bytes()))[..40].to_owned()
    }

    fn digest(&self, artefact: Artefact) -> String {
        format!("sha256:{}", hex(&sha256(format!("{} artefact {artefact}", self.name).as_bytes())))
    }

    /// A commit of dana's, cut with one artefact.
    async fn begin(&mut self) {
        for who in 0..PEOPLE.len() {
            let person = self.put(who).await;
            let caller = Caller::person(&person, "session", "s");
            let new = NewToken { own: true, role: person.role, ..NewToken::pipeline("own", &["*"]) };
            let token = create_token(&self.on.engine, &caller, new).await.expect("a token");
            self.people.push(person);
            self.own.push(token.secret);
        }
        let (root, cut) = (self.commit("root"), self.commit("cut"));
        self.on.begin_with(&self.name, &self.repository, &root, "gates").await;
        let places = json!({ "production": ["production", "prod-eu"], "environments": ["staging"] });
        let path = format!("/api/v1/products/{}", self.name);
        self.on.sender.call(self.world.now, &self.on.admin, "PUT", &path, &places).await.expect("kept");
        let commits = [(cut, "dana".to_owned(), "Round half to even".to_owned())];
        let push = forge::push(&self.repository, self.world.now, "main", Some(&root), &commits, "dana");
        self.on.sender.github(self.world.now, "push", &push).await.expect("kept");
        self.manifest().await;
    }

    async fn put(&self, who: Who) -> Person {
        let role = match self.world.hats[who] {
            Hat::Viewer => Role::Viewer,
            Hat::Manager => Role::ReleaseManager,
            Hat::Approver => Role::Approver,
        };
        let name = PEOPLE[who];
        let new = NewPerson { name: name.into(), accounts: vec![name.into()], role, scope: Scope::ALL };
        put_person(&self.on.engine, &Caller::internal("oracle"), new).await.expect("a person")
    }

    /// The release, with everything it is made of.
    async fn manifest(&self) {
        let digests: Vec<String> = self.world.build.iter().map(|artefact| self.digest(*artefact)).collect();
        let told = json!({ "kind": "release.manifest", "product": self.name, "version": "1.0.0",
            "repository": self.repository, "commit": self.commit("cut"), "digests": digests });
        self.pipeline("POST", "/api/v1/facts", &told).await.expect("kept");
    }

    async fn pipeline(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let sent = self.on.sender.call(self.world.now, &self.on.pipeline, method, path, body).await;
        sent.map_err(|e| e.to_string())
    }

    async fn report(&self, about: &str, days: i64, bytes: Vec<u8>) {
        let made = self.world.now.plus(-days * Time::DAY).to_string().replace(':', "%3A");
        let query = format!("product={}&occurred_at={made}&{about}", self.name);
        let sent = self.on.sender.report(self.world.now, &self.on.pipeline, &query, bytes).await;
        sent.unwrap_or_else(|e| panic!("{e}"));
    }

    /// Somebody does something in a session of theirs.
    async fn does(&self, by: Who, path: &str, body: &Value) -> Result<Value, String> {
        let session = session_for(&self.on.engine, &self.people[by]).await.expect("a session").secret;
        self.on.sender.call(self.world.now, &session, "POST", path, body).await.map_err(|e| e.to_string())
    }

    fn of_release(&self, verb: &str) -> String {
        format!("/api/v1/products/{}/releases/1.0.0/{verb}", self.name)
    }

    fn here(&self, here: bool) -> String {
        self.commit(if here { "cut" } else { "other" })
    }

    fn compare(&mut self, says: bool, is: bool, what: impl FnOnce() -> String) {
        self.played.judged += 1;
        if says != is {
            self.played.differences.push(Difference { false_pass: says, says: what() });
        }
    }

    async fn tell(&mut self, some: Move) {
        match some {
            Move::Build { artefact } => {
                if self.world.joins(artefact) {
                    self.manifest().await;
                }
            }
            Move::Test { ok, empty, here } => {
                let (tests, failed) = if empty { (0, 0) } else { (20, if ok { 0 } else { 3 }) };
                let about = format!("commit={}&name=unit.xml", self.here(here));
                self.report(&about, 0, reports::junit("unit", tests, failed)).await;
                if here {
                    self.world.tested(ok && !empty);
                }
            }
            Move::Coverage { enough, here } => {
                let about = format!("commit={}&name=coverage.xml", self.here(here));
                self.report(&about, 0, reports::cobertura(100, if enough { 90 } else { 50 })).await;
                if here {
                    self.world.covered(enough);
                }
            }
            Move::Sast { days, whole, here } => {
                let about = format!("commit={}&name=codeql.sarif", self.here(here));
                self.report(&about, days, searched("CodeQL", whole)).await;
                if here {
                    self.world.searched(days, whole);
                }
            }
            Move::Sca { of, days, whole } => {
                let made = self.world.now.plus(-days * Time::DAY).to_string().replace(':', "%3A");
                let about = format!("digest={}&name=trivy.sarif&database_date={made}", self.digest(of));
                self.report(&about, days, searched("Trivy", whole)).await;
                self.world.scanned(of, days, whole);
            }
            Move::Sbom { of, empty } => {
                let digest = self.digest(of);
                let about = format!("digest={digest}&name=sbom.json");
                let mut bytes = reports::cyclonedx(&self.name, "1.0.0", &digest);
                if empty {
                    let mut list: Value = serde_json::from_slice(&bytes).expect("JSON");
                    list["components"] = json!([]);
                    bytes = serde_json::to_vec(&list).expect("JSON");
                }
                self.report(&about, 0, bytes).await;
                self.world.listed(of, empty);
            }
            Move::Sign { by, say, told } => self.signs(by, say, told, None).await,
            Move::Approve { by, say, told, to } => self.signs(by, say, told, Some(to)).await,
            Move::Ask { by, of } => {
                let ask = json!({ "product": self.name, "release": "1.0.0", "requirement": of.id(),
                    "reason": "It cannot be had before the deadline.",
                    "expires_at": self.world.now.plus(10 * Time::DAY).to_string() });
                if let Ok(asked) = self.does(by, "/api/v1/exceptions", &ask).await {
                    self.asked = asked["id"].as_str().map(str::to_owned);
                    self.world.asks(by, of);
                }
            }
            Move::Grant { by } => {
                let Some(id) = self.asked.clone() else { return };
                let may = self.world.may_grant(by);
                let granted = self.does(by, &format!("/api/v1/exceptions/{id}/approve"), &Value::Null).await;
                self.compare(granted.is_ok(), may, || format!("granting: {granted:?}"));
                if granted.is_ok() {
                    self.world.grants();
                }
            }
            Move::Certify { by } => {
                let may = self.world.may_certify(by);
                let certified = self.does(by, &self.of_release("certify"), &json!({})).await;
                self.compare(certified.is_ok(), may, || format!("certifying: {certified:?}"));
                if certified.is_ok() {
                    self.world.decides(true);
                }
            }
            Move::Against { by } => {
                let may = self.world.may_reject(by);
                let reason = json!({ "reason": "It loses every second payment." });
                let rejected = self.does(by, &self.of_release("reject"), &reason).await;
                // To say no is never wrong; that nobody could, is.
                self.compare(rejected.is_ok() && may, may, || format!("rejecting: {rejected:?}"));
                if rejected.is_ok() {
                    self.world.decides(false);
                }
            }
            Move::Deploy { of, told, ok, to } => self.deploys(of, (told, ok), to).await,
            Move::Check { pages, ok } => {
                let name = if pages { "pages" } else { "payments" };
                let told = json!({ "kind": "deployment.validation", "product": self.name, "release": "1.0.0",
                    "environment": "staging", "name": name, "passed": ok });
                self.pipeline("POST", "/api/v1/facts", &told).await.expect("kept");
                self.world.looked(pages, ok);
            }
            Move::Gate { to } => {
                let is = self.world.may_go(to);
                let gate = self.of_release(&format!("gates/deploy:{}", to.name()));
                let answer = self.pipeline("POST", &gate, &Value::Null).await;
                let answer = answer.unwrap_or_else(|e| panic!("{e}"));
                self.played.opened += u64::from(answer["allow"] == true && is);
                self.compare(answer["allow"] == true, is, || {
                    let blockers = answer["blockers"].as_array().into_iter().flatten();
                    let said: Vec<&str> = blockers.filter_map(|b| b["sentence"].as_str()).collect();
                    format!("gate of {}: {}", to.name(), said.join(" "))
                });
            }
            Move::Tag { here } => {
                let event = forge::tag(&self.repository, self.world.now, "v1.0.0", &self.here(here), "dana");
                self.on.sender.github(self.world.now, "push", &event).await.expect("kept");
                self.world.tag_moved = !here;
            }
            Move::Wait { days } => self.world.now = self.world.now.plus(days * Time::DAY),
            Move::Wear { who, hat } => {
                self.world.hats[who] = hat;
                self.people[who] = self.put(who).await;
            }
        }
    }

    /// Somebody signs it off, or says whether it may go to a region of production.
    async fn signs(&mut self, by: Who, say: Say, told: bool, to: Option<Place>) {
        let verdict = match say {
            Say::Yes => "approved",
            Say::No => "rejected",
            Say::Back => "withdrawn",
        };
        let mut said = json!({ "kind": "deployment.approval", "product": self.name, "release": "1.0.0",
            "meaning": if to.is_some() { "approval" } else { "qa" }, "verdict": verdict });
        if let Some(to) = to {
            said["environment"] = json!(to.name());
        }
        let may = if to.is_some() { self.world.may_approve(by) } else { self.world.may_sign(by) };
        let sent = if told {
            let sent = self.on.sender.call(self.world.now, &self.own[by], "POST", "/api/v1/facts", &said).await;
            sent.map_err(|e| e.to_string())
        } else {
            let sent = self.does(by, "/api/v1/facts", &said).await;
            self.compare(sent.is_ok(), may, || format!("signing: {sent:?}"));
            sent
        };
        match (sent.is_ok(), to) {
            (true, None) => self.world.signs(by, say, told),
            (true, Some(to)) => self.world.approves(by, say, told, to),
            (false, _) => {}
        }
    }

    async fn deploys(&mut self, of: Artefact, (told, ok): (bool, bool), to: Place) {
        self.deployments += 1;
        let (state, digest) = (if ok { "success" } else { "failure" }, self.digest(of));
        if told {
            let state = if ok { "succeeded" } else { "failed" };
            let event = json!({ "kind": "deployment.event", "product": self.name, "release": "1.0.0",
                "id": format!("run {}", self.deployments), "environment": to.name(), "state": state, "digests": [digest] });
            self.pipeline("POST", "/api/v1/facts", &event).await.expect("kept");
        } else {
            let (number, commit) = (self.deployments, self.commit("cut"));
            let event =
                forge::deployment(&self.repository, self.world.now, number, to.name(), &commit, &digest, Some(state));
            self.on.sender.github(self.world.now, "deployment_status", &event).await.expect("kept");
        }
        if ok {
            self.world.deployed(of, to);
        }
    }
}

/// What a tool found, which is nothing; it may have broken off.
fn searched(tool: &str, whole: bool) -> Vec<u8> {
    let mut log: Value = serde_json::from_slice(&reports::sarif(tool, "2", &[])).expect("JSON");
    log["runs"][0]["invocations"][0]["executionSuccessful"] = json!(whole);
    serde_json::to_vec(&log).expect("JSON")
}
