//! Northwind Pay: three products, their people, and releases with one of every state and mark.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use certrail_domain::{Role, Scope, Time};
use certrail_usecases::{Caller, Engine, NewPerson, NewToken, create_token, put_person, session_for};
use serde_json::{Value, json};

use super::{
    forge::{self, Pull, digest, sha},
    reports,
    world::{Sender, StoryClock},
};

/// How many days before today the story begins.
pub(super) const STORY_DAYS: i64 = 45;
const MINUTE: i64 = 60 * Time::SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = Time::DAY;

/// The people: name, account at the forge, role.
const PEOPLE: [(&str, &str, Role); 8] = [
    ("Anna Meyer", "anna", Role::ReleaseManager),
    ("Priya Rao", "priya", Role::Approver),
    ("Richard Osei", "richard", Role::Approver),
    ("Olaf Berg", "olaf", Role::Admin),
    ("Dana Cole", "dana", Role::Contributor),
    ("Tom Lind", "tom", Role::Contributor),
    ("Vera Novak", "vera", Role::Viewer),
    ("Aud Itor", "aud", Role::Auditor),
];

/// What is odd about a release of the story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Odd {
    /// Nobody gave the QA sign-off.
    no_qa: bool,
    /// A test fails.
    failing_test: bool,
    /// The approval is of an earlier version.
    stale_review: bool,
    /// The author approved it.
    self_review: bool,
    /// The image that was scanned is another one.
    other_build: bool,
    /// A high vulnerability is open for too long.
    overdue: bool,
    /// ... and somebody accepted that, for a while.
    excepted: bool,
    /// The test report is empty.
    empty_tests: bool,
    /// Coverage is too low.
    low_coverage: bool,
    /// It goes to production without a decision.
    ungated: bool,
    /// It is certified.
    certify: bool,
    /// It goes to production.
    ship: bool,
    /// A report reaches us after it shipped.
    late: bool,
    /// A report claims the future.
    future: bool,
    /// Commits reach the branch without a change.
    direct_push: bool,
    /// It is only on its way: no tag yet.
    uncut: bool,
}

/// Everything a story needs.
struct Story<'a> {
    sender: &'a Sender,
    /// The pipeline's token.
    ci: String,
    /// Sessions of people by account.
    tokens: BTreeMap<&'static str, String>,
    /// The head of main by repository.
    heads: BTreeMap<String, String>,
    /// The commit and image of each release.
    built: BTreeMap<String, (String, String)>,
    /// The alerts that the next release of a repository mends.
    alerts: BTreeMap<String, serde_json::Value>,
    number: u64,
}

/// Loads the company. Returns a session by role for the pages.
pub(super) async fn load(
    engine: &Arc<Engine>,
    clock: &StoryClock,
    now: Time,
    say: impl Fn(&str),
) -> anyhow::Result<BTreeMap<Role, String>> {
    let start = now.plus(-STORY_DAYS * DAY);
    let secret = "northwind-demo-only";
    engine.keys.add_secret("github", secret)?;
    let app =
        crate::commands::web_app(engine.clone(), None).map_err(|_| anyhow::anyhow!("the router could not be made"))?;
    let sender = Sender::new(certrail_web::router(app), secret.to_owned(), clock.clone());
    let (ci, tokens) = people(engine).await?;
    let mut story = Story {
        sender: &sender,
        ci,
        tokens,
        heads: BTreeMap::new(),
        built: BTreeMap::new(),
        alerts: BTreeMap::new(),
        number: 100,
    };
    for (i, product) in ["payments-api", "ledger-core", "web-checkout"].into_iter().enumerate() {
        let start = start.plus(i as i64 * 10 * MINUTE);
        let repo = format!("northwind/{product}");
        let admin = story.tokens["olaf"].clone();
        sender
            .call(start, &admin, "PUT", &format!("/api/v1/products/{product}"), &json!({ "repositories": [repo] }))
            .await?;
        sender.github(start.plus(MINUTE), "branch_protection_rule", &forge::branch_rule(&repo, start, 1)).await?;
    }
    let shipped = Odd { certify: true, ship: true, ..Odd::default() };
    // Days before now, product, version, what is odd. In order of time: the log's clock never runs back.
    let plan: [(i64, &str, &str, Odd); 14] = [
        (40, "payments-api", "2.3.0", shipped),
        (38, "ledger-core", "1.0.0", shipped),
        (36, "web-checkout", "5.0.0", shipped),
        (30, "payments-api", "2.3.1", Odd { late: true, ..shipped }),
        (26, "ledger-core", "1.1.0", Odd { overdue: true, excepted: true, ..shipped }),
        (22, "web-checkout", "5.1.0", Odd { ungated: true, no_qa: true, ship: true, ..Odd::default() }),
        (18, "payments-api", "2.4.0", shipped),
        (14, "ledger-core", "1.2.0", Odd { certify: true, ..Odd::default() }),
        (11, "web-checkout", "5.2.0", Odd { failing_test: true, other_build: true, ..Odd::default() }),
        (9, "ledger-core", "1.3.0", Odd { self_review: true, empty_tests: true, ..Odd::default() }),
        (7, "web-checkout", "5.3.0", Odd { stale_review: true, low_coverage: true, future: true, ..Odd::default() }),
        (4, "ledger-core", "1.4.0", Odd { direct_push: true, ..Odd::default() }),
        (2, "payments-api", "2.5.0", Odd { no_qa: true, overdue: true, ..Odd::default() }),
        (1, "payments-api", "next", Odd { uncut: true, ..Odd::default() }),
    ];
    for (days, product, version, odd) in plan {
        say(&format!("{product} {version}"));
        story.release(now.plus(-days * DAY), product, version, odd).await?;
        story.security(now.plus(-days * DAY + 12 * HOUR), product, version).await?;
        if version == "1.1.0" {
            story.go_back(now.plus(-(days - 2) * DAY), product, "1.0.0").await?;
        }
        if version == "5.2.0" {
            story.begin_in_vain(now.plus(-(days - 1) * DAY), product, version).await?;
        }
    }
    // What belongs to nobody we know, and what nobody can read.
    let at = now.plus(-18 * HOUR);
    // Nobody will ship what fails its tests: the next version takes its place.
    let no =
        json!({ "reason": "The basket loses its last item; the next version mends that.", "superseded_by": "5.3.0" });
    let reject = "/api/v1/products/web-checkout/releases/5.2.0/reject";
    sender.call(at, &story.tokens["anna"], "POST", reject, &no).await?;
    // It waits: one environment would count as production no more, and there is no other admin.
    let ask = json!({ "production": ["production"], "reason": "Nothing is deployed to prod any more." });
    sender.call(at, &story.tokens["olaf"], "PUT", "/api/v1/products/payments-api", &ask).await?;
    sender
        .github(
            at,
            "push",
            &forge::push(
                "northwind/unknown-service",
                at,
                "main",
                None,
                &[(sha("x"), "tom".into(), "Mystery".into())],
                "tom",
            ),
        )
        .await?;
    sender.github(at.plus(MINUTE), "watch", &json!({ "action": "started", "repository": { "full_name": "northwind/payments-api" }, "sender": forge::user("tom") })).await?;
    sender
        .report(
            at.plus(2 * MINUTE),
            &story.ci,
            &format!("product=payments-api&name=notes.bin&commit={}", sha("nobody")),
            vec![0, 159, 146, 150],
        )
        .await?;
    clock.set(now);
    let mut sessions = BTreeMap::new();
    for person in certrail_usecases::list_people(engine)?.iter().filter_map(|row| row.whole()) {
        let session = session_for(engine, person).await?;
        sessions.entry(person.role).or_insert(session.secret);
    }
    Ok(sessions)
}

/// Everybody, each in a session of their own, and the pipeline's token.
async fn people(engine: &Arc<Engine>) -> anyhow::Result<(String, BTreeMap<&'static str, String>)> {
    let system = Caller::internal("certrail");
    let mut sessions = BTreeMap::new();
    for (name, account, role) in PEOPLE {
        let new = NewPerson { name: name.into(), accounts: vec![account.into()], role, scope: Scope::ALL };
        let person = put_person(engine, &system, new).await?;
        sessions.insert(account, session_for(engine, &person).await?.secret);
    }
    let ci = create_token(engine, &system, NewToken::pipeline("pipeline", &["*"])).await?;
    Ok((ci.secret, sessions))
}

impl Story<'_> {
    async fn release(&mut self, at: Time, product: &str, version: &str, odd: Odd) -> anyhow::Result<()> {
        let repo = format!("northwind/{product}");
        // The forge tells of its branch rules whenever somebody touches them, and once a week by schedule.
        self.sender
            .github(at.plus(-2 * HOUR), "branch_protection_rule", &forge::branch_rule(&repo, at.plus(-2 * HOUR), 1))
            .await?;
        self.change(&repo, at, version, 0, Odd::default()).await?;
        let commit = self.change(&repo, at.plus(3 * HOUR), version, 1, odd).await?;
        let commit = if odd.direct_push { self.direct_push(&repo, at.plus(5 * HOUR), version).await? } else { commit };
        if odd.uncut {
            return Ok(());
        }
        if let Some(mut alert) = self.alerts.remove(&repo) {
            alert["action"] = json!("fixed");
            alert["alert"]["state"] = json!("fixed");
            alert["alert"]["updated_at"] = json!(at.plus(5 * HOUR + 30 * MINUTE).to_string());
            alert["alert"]["most_recent_instance"] = json!({ "commit_sha": commit, "ref": "refs/heads/main" });
            self.sender.github(at.plus(5 * HOUR + 30 * MINUTE), "code_scanning_alert", &alert).await?;
        }
        let image = digest(&format!("{product} {version}"));
        let at = at.plus(6 * HOUR);
        self.sender.github(at, "push", &forge::tag(&repo, at, &format!("v{version}"), &commit, "anna")).await?;
        self.number += 1;
        self.sender
            .github(
                at.plus(5 * MINUTE),
                "workflow_run",
                &forge::workflow_run(&repo, at.plus(5 * MINUTE), &commit, self.number, "success"),
            )
            .await?;
        self.reports(product, version, at.plus(10 * MINUTE), &commit, &image, odd).await?;
        self.decide(product, version, at.plus(HOUR), odd).await?;
        self.built.insert(format!("{product} {version}"), (commit.clone(), image.clone()));
        if odd.ship {
            self.ship(&repo, product, version, at.plus(2 * HOUR), &commit, &image, odd).await?;
        }
        Ok(())
    }

    /// A pull request from opening to merge; returns the commit that merging made.
    async fn change(&mut self, repo: &str, at: Time, version: &str, which: u64, odd: Odd) -> anyhow::Result<String> {
        self.number += 1;
        let number = self.number;
        let (author, reviewer) = if which == 0 { ("dana", "tom") } else { ("tom", "dana") };
        let ticket = format!("PAY-{number}");
        let title = format!("{ticket} {}", if which == 0 { "Round half to even" } else { "Retry failed captures" });
        let branch = format!("feature/{}", ticket.to_lowercase());
        let label = format!("{repo} {version} {which}");
        let (one, two, merge) =
            (sha(&format!("{label} one")), sha(&format!("{label} two")), sha(&format!("{label} merge")));
        let s = self.sender;
        let known = json!({ "kind": "requirement.ticket", "product": repo.split('/').nth(1), "key": ticket, "title": title, "status": "in progress", "reason": "Customers asked for it.", "authorised_by": { "account": "anna", "name": "Anna Meyer", "kind": "human" }, "impact": "No change to how card data is handled." });
        // The tracker is not connected; whoever authorises says so here, in a session of their own.
        s.call(at.plus(-HOUR), &self.tokens["anna"], "POST", "/api/v1/facts", &known).await?;
        let mut pull = Pull { repo, number, title: &title, author, branch: &branch, head: &one, merge: None };
        s.github(
            at,
            "push",
            &forge::push(repo, at, &branch, None, &[(one.clone(), author.into(), title.clone())], author),
        )
        .await?;
        s.github(at.plus(MINUTE), "pull_request", &forge::pull_request(at.plus(MINUTE), "opened", &pull, author))
            .await?;
        s.github(
            at.plus(10 * MINUTE),
            "check_run",
            &forge::check_run(repo, at.plus(10 * MINUTE), &one, "ci", "success"),
        )
        .await?;
        // The first approval goes stale with the next commit; usually it is given again.
        s.github(
            at.plus(20 * MINUTE),
            "pull_request_review",
            &forge::review(at.plus(20 * MINUTE), &pull, reviewer, "approved", &one),
        )
        .await?;
        s.github(
            at.plus(30 * MINUTE),
            "push",
            &forge::push(
                repo,
                at.plus(30 * MINUTE),
                &branch,
                Some(&one),
                &[(two.clone(), author.into(), "Address review".into())],
                author,
            ),
        )
        .await?;
        pull.head = &two;
        s.github(
            at.plus(31 * MINUTE),
            "pull_request",
            &forge::pull_request(at.plus(31 * MINUTE), "synchronize", &pull, author),
        )
        .await?;
        s.github(
            at.plus(40 * MINUTE),
            "check_run",
            &forge::check_run(repo, at.plus(40 * MINUTE), &two, "ci", "success"),
        )
        .await?;
        if !odd.stale_review {
            let by = if odd.self_review { author } else { reviewer };
            s.github(
                at.plus(50 * MINUTE),
                "pull_request_review",
                &forge::review(at.plus(50 * MINUTE), &pull, by, "approved", &two),
            )
            .await?;
        }
        let merged = at.plus(HOUR);
        pull.merge = Some((&merge, "anna"));
        s.github(merged, "pull_request", &forge::pull_request(merged, "closed", &pull, "anna")).await?;
        let before = self.heads.insert(repo.to_owned(), merge.clone());
        s.github(
            merged.plus(MINUTE),
            "push",
            &forge::push(
                repo,
                merged.plus(MINUTE),
                "main",
                before.as_deref(),
                &[(merge.clone(), author.into(), format!("{title} (#{number})"))],
                "anna",
            ),
        )
        .await?;
        Ok(merge)
    }

    async fn direct_push(&mut self, repo: &str, at: Time, version: &str) -> anyhow::Result<String> {
        let commit = sha(&format!("{repo} {version} direct"));
        let before = self.heads.insert(repo.to_owned(), commit.clone());
        let commits = [(commit.clone(), "olaf".to_owned(), "Quick fix in production config".to_owned())];
        self.sender.github(at, "push", &forge::push(repo, at, "main", before.as_deref(), &commits, "olaf")).await?;
        Ok(commit)
    }

    async fn reports(
        &mut self,
        product: &str,
        version: &str,
        at: Time,
        commit: &str,
        image: &str,
        odd: Odd,
    ) -> anyhow::Result<()> {
        let s = self.sender;
        let of_commit = format!("product={product}&commit={commit}");
        let of_image = format!("product={product}&commit={commit}&digest={image}");
        let failed = if odd.failing_test { 2 } else { 0 };
        let junit = if odd.empty_tests { reports::junit("unit", 0, 0) } else { reports::junit("unit", 412, failed) };
        s.report(at, &self.ci, &format!("{of_commit}&name=junit.xml&for=unit"), junit).await?;
        s.report(
            at.plus(MINUTE),
            &self.ci,
            &format!("{of_commit}&name=coverage.xml"),
            reports::cobertura(200, if odd.low_coverage { 121 } else { 184 }),
        )
        .await?;
        s.report(
            at.plus(2 * MINUTE),
            &self.ci,
            &format!("{of_commit}&name=codeql.sarif"),
            reports::sarif(
                "CodeQL",
                "2.20.1",
                &[("rs/log-injection", "warning", "src/audit.rs", "User input reaches the log.")],
            ),
        )
        .await?;
        s.report(
            at.plus(3 * MINUTE),
            &self.ci,
            &format!("{of_commit}&name=gitleaks.sarif"),
            reports::sarif("gitleaks", "8.24.0", &[]),
        )
        .await?;
        // The bill of materials names the image, which makes it an artefact of the release.
        s.report(
            at.plus(4 * MINUTE),
            &self.ci,
            &format!("{of_image}&name=sbom.cdx.json"),
            reports::cyclonedx(product, version, image),
        )
        .await?;
        let scanned = if odd.other_build { digest(&format!("{product} {version} rebuilt")) } else { image.to_owned() };
        s.report(
            at.plus(5 * MINUTE),
            &self.ci,
            &format!(
                "product={product}&release={version}&digest={scanned}&name=trivy.json&database_date={}",
                at.plus(-6 * HOUR)
            ),
            reports::trivy(&format!("northwind/{product}:{version}"), &reports::vulnerabilities(product, version)),
        )
        .await?;
        if odd.overdue {
            let repo = format!("northwind/{product}");
            let mut alert = forge::dependabot(
                &repo,
                at,
                self.number,
                at.plus(-34 * DAY),
                "high",
                "openssl: memory unsafety in certificate parsing",
            );
            // Code scanning alerts name their commit and branch: this one is open in the release until the next one mends it.
            alert["alert"]["most_recent_instance"] = json!({ "commit_sha": commit, "ref": "refs/heads/main" });
            alert["alert"]["rule"] = json!({ "id": "openssl-memory", "description": "openssl: memory unsafety in certificate parsing", "security_severity_level": "high" });
            s.github(at.plus(6 * MINUTE), "code_scanning_alert", &alert).await?;
            self.alerts.insert(repo, alert);
        }
        if odd.future {
            let claim = at.plus(3 * DAY);
            s.report(
                at.plus(7 * MINUTE),
                &self.ci,
                &format!(
                    "{of_commit}&name=load-test.xml&for=load&occurred_at={}",
                    claim.to_string().replace(':', "%3A")
                ),
                reports::junit("load", 3, 0),
            )
            .await?;
        }
        Ok(())
    }

    async fn decide(&self, product: &str, version: &str, at: Time, odd: Odd) -> anyhow::Result<()> {
        let s = self.sender;
        let fact = |mut value: Value| {
            value["product"] = json!(product);
            value["release"] = json!(version);
            value
        };
        let back = fact(
            json!({ "kind": "deployment.rollback_target", "to": previous(version), "plan": "Deploy the previous image; migrations are additive. Runbook RB-7." }),
        );
        s.call(at, &self.ci, "POST", "/api/v1/facts", &back).await?;
        if !odd.no_qa {
            let qa = fact(
                json!({ "kind": "deployment.approval", "meaning": "qa", "verdict": "approved", "comment": "Explored the capture flow, found nothing." }),
            );
            s.call(at.plus(10 * MINUTE), &self.tokens["priya"], "POST", "/api/v1/facts", &qa).await?;
        }
        if odd.excepted {
            let ask = json!({ "claim": "accept", "within": "line", "release": version, "reason": "The vulnerable parser is not reachable: we only parse our own certificates.", "compensating": "Certificates are pinned; the gateway refuses others." });
            self.accept(product, "memory unsafety", at.plus(12 * MINUTE), at.plus(20 * MINUTE), &ask).await?;
        }
        if odd.certify {
            let path = format!("/api/v1/products/{product}/releases/{version}");
            // The very first releases have nothing proven to go back to; that departure is on record too.
            if self.first(product, version) {
                let ask = json!({ "product": product, "release": version, "requirement": "rollback-target", "reason": "First release under certrail: no earlier version was certified here.", "compensating": "The previous image is kept and was rehearsed.", "expires_at": at.plus(30 * DAY).to_string() });
                self.except(at.plus(21 * MINUTE), at.plus(22 * MINUTE), &ask).await?;
            }
            s.call(
                at.plus(25 * MINUTE),
                &self.tokens["anna"],
                "POST",
                &format!("{path}/certify"),
                &json!({ "note": "Good to go." }),
            )
            .await?;
            let yes = fact(
                json!({ "kind": "deployment.approval", "meaning": "approval", "environment": "production", "verdict": "approved" }),
            );
            s.call(at.plus(30 * MINUTE), &self.tokens["richard"], "POST", "/api/v1/facts", &yes).await?;
        }
        let gate = format!("/api/v1/products/{product}/releases/{version}/gates/deploy:production");
        s.call(at.plus(40 * MINUTE), &self.ci, "POST", &gate, &Value::Null).await?;
        Ok(())
    }

    /// What security engineers do after a release: look at findings, work on them, send a VEX document.
    async fn security(&self, at: Time, product: &str, version: &str) -> anyhow::Result<()> {
        match (product, version) {
            ("payments-api", "2.4.0") => {
                let list = self
                    .sender
                    .call(at, &self.tokens["priya"], "GET", "/api/v1/findings?product=payments-api", &Value::Null)
                    .await?;
                for (title, to, reason) in [
                    ("inflate", "in_remediation", "The base image with the fix is being tested; PAY-140."),
                    ("cookie", "triaged", "Only the health check uses it; it sends no cookies."),
                ] {
                    let named = |f: &&Value| f["seen"]["title"].as_str().is_some_and(|t| t.contains(title));
                    let found =
                        list.as_array().into_iter().flatten().find(named).context("the finding is not there")?;
                    let path = format!("/api/v1/findings/{}/triage", found["id"].as_str().unwrap_or_default());
                    let told = json!({ "to": to, "reason": reason });
                    self.sender.call(at, &self.tokens["priya"], "POST", &path, &told).await?;
                }
            }
            ("ledger-core", "1.3.0") => {
                let query = format!("product={product}&release={version}&name=busybox.openvex.json");
                self.sender.report(at, &self.ci, &query, reports::openvex(at)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Anna asks for an exception, Priya approves it.
    async fn except(&self, asked_at: Time, approved_at: Time, ask: &Value) -> anyhow::Result<()> {
        let asked = self.sender.call(asked_at, &self.tokens["anna"], "POST", "/api/v1/exceptions", ask).await?;
        let path = format!("/api/v1/exceptions/{}/approve", asked["id"].as_str().unwrap_or_default());
        self.sender.call(approved_at, &self.tokens["priya"], "POST", &path, &Value::Null).await?;
        Ok(())
    }

    /// Anna asks for a decision about a finding, Priya approves it.
    async fn accept(
        &self,
        product: &str,
        title: &str,
        asked_at: Time,
        approved_at: Time,
        ask: &Value,
    ) -> anyhow::Result<()> {
        let (anna, path) = (&self.tokens["anna"], format!("/api/v1/findings?product={product}"));
        let list = self.sender.call(asked_at, anna, "GET", &path, &Value::Null).await?;
        let named = |f: &&Value| f["seen"]["title"].as_str().is_some_and(|t| t.contains(title));
        let found = list.as_array().into_iter().flatten().find(named).context("the finding is not there")?;
        let path = format!("/api/v1/findings/{}/decisions", found["id"].as_str().unwrap_or_default());
        let asked = self.sender.call(asked_at, anna, "POST", &path, ask).await?;
        let path = format!("/api/v1/finding-decisions/{}/approve", asked["id"].as_str().unwrap_or_default());
        self.sender.call(approved_at, &self.tokens["priya"], "POST", &path, &Value::Null).await?;
        Ok(())
    }

    fn first(&self, product: &str, version: &str) -> bool {
        matches!((product, version), ("payments-api", "2.3.0") | ("ledger-core", "1.0.0") | ("web-checkout", "5.0.0"))
    }

    /// The release before goes out again: Richard approves, the pipeline says that it is a rollback.
    async fn go_back(&mut self, at: Time, product: &str, to: &str) -> anyhow::Result<()> {
        let Some((commit, image)) = self.built.get(&format!("{product} {to}")).cloned() else { return Ok(()) };
        let yes = json!({ "kind": "deployment.approval", "product": product, "release": to, "meaning": "approval", "environment": "production", "verdict": "approved", "comment": "1.1.0 rounds refunds wrongly; go back." });
        self.sender.call(at, &self.tokens["richard"], "POST", "/api/v1/facts", &yes).await?;
        self.number += 1;
        for (minute, state) in [(5, None), (9, Some("success"))] {
            let at = at.plus(minute * MINUTE);
            let repo = format!("northwind/{product}");
            let mut event = forge::deployment(&repo, at, self.number, "production", &commit, &image, state);
            event["deployment"]["task"] = json!("deploy:rollback");
            let name = if state.is_some() { "deployment_status" } else { "deployment" };
            self.sender.github(at, name, &event).await?;
        }
        let check = json!({ "kind": "deployment.validation", "product": product, "release": to, "environment": "production", "name": "smoke test", "passed": true });
        self.sender.call(at.plus(20 * MINUTE), &self.ci, "POST", "/api/v1/facts", &check).await?;
        Ok(())
    }

    /// Somebody begins to roll out what nobody decided on, and asks no gate; it fails.
    async fn begin_in_vain(&mut self, at: Time, product: &str, version: &str) -> anyhow::Result<()> {
        let Some((commit, image)) = self.built.get(&format!("{product} {version}")).cloned() else { return Ok(()) };
        self.number += 1;
        let repo = format!("northwind/{product}");
        for (minute, name, state) in [
            (0, "deployment", None),
            (1, "deployment_status", Some("in_progress")),
            (4, "deployment_status", Some("failure")),
        ] {
            let at = at.plus(minute * MINUTE);
            let event = forge::deployment(&repo, at, self.number, "production", &commit, &image, state);
            self.sender.github(at, name, &event).await?;
        }
        Ok(())
    }

    async fn ship(
        &mut self,
        repo: &str,
        product: &str,
        version: &str,
        at: Time,
        commit: &str,
        image: &str,
        odd: Odd,
    ) -> anyhow::Result<()> {
        self.number += 1;
        let (s, id) = (self.sender, self.number);
        s.github(at, "deployment", &forge::deployment(repo, at, id, "production", commit, image, None)).await?;
        s.github(
            at.plus(MINUTE),
            "deployment_status",
            &forge::deployment(repo, at.plus(MINUTE), id, "production", commit, image, Some("in_progress")),
        )
        .await?;
        s.github(
            at.plus(5 * MINUTE),
            "deployment_status",
            &forge::deployment(repo, at.plus(5 * MINUTE), id, "production", commit, image, Some("success")),
        )
        .await?;
        let check = json!({ "kind": "deployment.validation", "product": product, "release": version, "environment": "production", "name": "smoke test", "passed": true });
        s.call(at.plus(20 * MINUTE), &self.ci, "POST", "/api/v1/facts", &check).await?;
        if odd.late {
            let claim = at.plus(-3 * HOUR).to_string().replace(':', "%3A");
            s.report(
                at.plus(3 * DAY),
                &self.ci,
                &format!("product={product}&commit={commit}&name=pentest.xml&for=pentest&occurred_at={claim}"),
                reports::junit("pentest", 18, 0),
            )
            .await?;
        }
        Ok(())
    }
}

/// The version to go back to, by the plan above.
fn previous(version: &str) -> &'static str {
    match version {
        "2.3.1" => "2.3.0",
        "2.4.0" => "2.3.1",
        "2.5.0" => "2.4.0",
        // 1.1.0 was taken back, and is no refuge.
        "1.1.0" | "1.2.0" | "1.3.0" | "1.4.0" => "1.0.0",
        "5.1.0" | "5.2.0" | "5.3.0" => "5.0.0",
        _ => "0.9.0",
    }
}
