//! Who may say what: each operation by each role and scope, and what a word reaches.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use certrail_domain::{Action, Extent};
use certrail_usecases::{Person, fsck, invite, open_session, recover, redeem_link, sign_in};
use certrail_web::{Access, Reach};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

const OTHER: &str = "acme/web";

impl Stage {
    pub(super) fn router(&self) -> axum::Router {
        certrail_web::router(crate::commands::web_app(self.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}")))
    }

    pub(super) async fn ask(
        &self,
        method: &Method,
        path: &str,
        secret: Option<&str>,
        body: &str,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(secret) = secret {
            request = request.header("authorization", format!("Bearer {secret}"));
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = self.router().oneshot(request).await.expect("answers");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn person(&self, account: &str, role: Role, products: &[&str]) -> Person {
        let products: Vec<String> = products.iter().map(|p| (*p).to_owned()).collect();
        let scope = certrail_usecases::scope_of_products(&products).expect("a scope");
        let new = NewPerson { name: account.into(), accounts: vec![account.into()], role, scope };
        put_person(&self.engine, &Caller::internal("test"), new).await.expect("a person")
    }

    pub(super) async fn session(&self, account: &str, role: Role, products: &[&str]) -> String {
        let person = self.person(account, role, products).await;
        session_for(&self.engine, &person).await.expect("a session").secret
    }

    pub(super) async fn pipeline(&self, products: &[&str]) -> String {
        let new = NewToken::pipeline("ci", products);
        create_token(&self.engine, &Caller::internal("test"), new).await.expect("a token").secret
    }

    pub(super) async fn second_product(&self) {
        let body = json!({ "repositories": [OTHER] });
        self.sender
            .call(at(-580), &self.tokens["olaf"], "PUT", "/api/v1/products/web", &body)
            .await
            .expect("a product");
    }

    pub(super) fn clean(&self) {
        assert_eq!(fsck(&self.engine).expect("runs").faults, Vec::<String>::new());
    }
}

/// What stands behind an id is of a product, too: whoever reaches another one neither reads nor decides it.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_leads_nobody_beyond_their_products() {
    let stage = stage().await;
    stage.second_product().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let found = [("a", "src/a.rs", "error", "one")];
    let query = format!("product=pay&commit={}&name=codeql.sarif", sha("merge"));
    let scan =
        stage.sender.report(at(100), &stage.ci, &query, reports::sarif("CodeQL", "2", &found)).await.expect("taken");
    let anna = &stage.tokens["anna"];
    let ask = json!({ "product": "pay", "release": "2.4.1", "requirement": "rollback-target", "reason": "First release: nothing to go back to.",
        "expires_at": at(60 * 24 * 20).to_string() });
    let exception = stage.sender.call(at(110), anna, "POST", "/api/v1/exceptions", &ask).await.expect("asked");
    let exception = exception["id"].as_str().expect("an id").to_owned();
    let list =
        stage.sender.call(at(111), anna, "GET", "/api/v1/findings?product=pay", &Value::Null).await.expect("lists");
    let finding = list[0]["id"].as_str().unwrap_or_else(|| panic!("{list:#}")).to_owned();
    let evidence = scan["id"].as_str().expect("an id");
    let (pat, near) =
        (stage.session("pat", Role::Approver, &["web"]).await, stage.session("nina", Role::Approver, &["pay"]).await);
    for (method, path) in [
        (Method::GET, format!("/api/v1/evidence/{evidence}")),
        (Method::GET, format!("/api/v1/evidence/{evidence}/raw")),
        (Method::GET, format!("/e/{evidence}")),
        (Method::GET, format!("/api/v1/findings/{finding}")),
        (Method::POST, format!("/api/v1/exceptions/{exception}/approve")),
    ] {
        let (status, told) = stage.ask(&method, &path, Some(&pat), "").await;
        assert!(
            [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status),
            "pat reaches {method} {path}: {status} {told}"
        );
        let (status, told) = stage.ask(&method, &path, Some(&near), "").await;
        assert!(status.is_success(), "nina does not reach {method} {path}: {status} {told}");
    }
    stage.clean();
}

/// Who may do what stands on one page, for everybody who signed in.
#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_is_a_page() {
    let stage = stage().await;
    let (status, page) = super::one_bad_row::page(&stage.router(), &stage.tokens["vera"], "/access").await;
    assert_eq!(status, StatusCode::OK);
    for action in Action::EVERY {
        assert!(page.contains(action.sentence()), "{}: {}", action.name(), action.sentence());
    }
    for role in Role::ALL {
        assert!(page.contains(&role.name().replace('-', " ")), "{}", role.name());
    }
}

/// Every operation states its rule; here each is played by each role, reaching everything, this product, another one.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_holds_its_rule_for_every_role_and_scope() {
    let stage = stage().await;
    stage.second_product().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let list = "/api/v1/products/pay/releases/2.4.1";
    let (_, release) = stage.ask(&Method::GET, list, Some(&stage.tokens["olaf"]), "").await;
    let evidence =
        release.pointer("/evaluation/requirements/1/rows/0/inputs/0").and_then(Value::as_str).expect("evidence");
    let mut callers = Vec::new();
    for role in Role::ALL {
        for products in [&["*"][..], &["pay"], &["web"]] {
            let name = format!("{}-{}", role.name(), products[0].replace('*', "all"));
            callers.push((role, products[0], stage.session(&name, role, products).await));
        }
    }
    let deployment = r#"{"kind":"deployment.validation","product":"pay","release":"2.4.1","environment":"staging","name":"x","passed":true}"#;
    let exception = json!({ "product": "pay", "release": "2.4.1", "requirement": "sbom", "reason": "It is a test of who may ask.", "expires_at": at(9_000) }).to_string();
    let operations = certrail_web::operations();
    assert!(operations.len() > 60, "{}", operations.len());
    for operation in operations {
        let path = operation
            .path
            .replace("{product}", "pay")
            .replace("{version}", "2.4.1")
            .replace("{gate}", "quality")
            .replace("{verb}", "approve")
            .replace("{index}", "0")
            .replace("{*path}", "0/000")
            .replace("{connector}", "github")
            .replace("{role}", "admin")
            .replace("{kind}", "code.review")
            .replace("{link}", "x")
            .replace("{person}", "nobody");
        let path = match operation.path.contains("/evidence/") || operation.path.starts_with("/e/") {
            true => path.replace("{id}", evidence),
            false => path.replace("{id}", "nothing"),
        };
        let (path, body) = match (operation.path, operation.method.as_str()) {
            ("/api/v1/evidence", _) => (format!("{path}?product=pay&release=2.4.1&name=x"), "nothing known"),
            ("/api/v1/facts", _) => (path, deployment),
            ("/api/v1/exceptions", _) => (path, exception.as_str()),
            (p, "POST" | "PUT" | "DELETE") if p.starts_with("/api/") => (path, "{}"),
            _ => (path, ""),
        };
        let what = format!("{} {}", operation.method, operation.path);
        let anonymous = stage.ask(&operation.method, &path, None, body).await.0;
        let turned_away = anonymous == StatusCode::UNAUTHORIZED || anonymous == StatusCode::SEE_OTHER;
        match operation.access {
            Access::Open => {
                let leads_on = ["/sign-out", "/demo/as/{role}"].contains(&operation.path);
                assert!(!turned_away || leads_on, "{what}: {anonymous} to a stranger");
                continue;
            }
            Access::Proves => continue,
            Access::SignedIn | Access::Needs(..) | Access::NeedsOne(..) => {
                assert!(turned_away, "{what}: {anonymous} to a stranger");
            }
        }
        for (role, reached, secret) in &callers {
            let (status, answer) = stage.ask(&operation.method, &path, Some(secret), body).await;
            let who = format!("{what} by {} of {reached}: {status} {answer}", role.name());
            let refused = status == StatusCode::FORBIDDEN;
            let (may, reach) = match operation.access {
                Access::Needs(action, reach) => (role.may(action), reach),
                Access::NeedsOne(actions, reach) => (actions.iter().any(|action| role.may(*action)), reach),
                _ => {
                    // About themselves: never refused for what they are.
                    assert!(!refused && status != StatusCode::UNAUTHORIZED || answer["code"] == "role", "{who}");
                    continue;
                }
            };
            let named_body = ["/api/v1/evidence", "/api/v1/facts", "/api/v1/exceptions"].contains(&operation.path);
            let elsewhere = *reached == "web";
            match reach {
                _ if !may => assert!(refused, "{who}"),
                Reach::Everything => assert_eq!(refused, *reached != "*", "{who}"),
                // Whoever may ask may not approve, but for the one person of a team of one.
                Reach::Product if operation.path.ends_with("accepts-reported/{kind}") => {
                    assert_eq!(refused, elsewhere || !role.may(Action::GrantException), "{who}");
                }
                Reach::Product => assert_eq!(refused, elsewhere, "{who}"),
                // The fact of the body is a pipeline's to record.
                Reach::Named if operation.path == "/api/v1/facts" => {
                    assert_eq!(refused, elsewhere || !role.may(Action::Record), "{who}");
                }
                Reach::Named if named_body => assert_eq!(refused, elsewhere, "{who}"),
                Reach::Named if path.contains(evidence) => {
                    assert_eq!(status == StatusCode::NOT_FOUND, elsewhere, "{who}");
                }
                Reach::Named | Reach::List => assert!(!refused, "{who}"),
            }
        }
    }
    stage.clean();
}

/// A pipeline's token for one product: its word, however it is put, changes nothing for another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_reaches_no_further_than_whoever_says_it() {
    let stage = stage().await;
    stage.second_product().await;
    // Both are built from one repository, so that they share every commit.
    let both = json!({ "repositories": [REPO, OTHER] });
    stage.sender.call(at(-570), &stage.tokens["olaf"], "PUT", "/api/v1/products/web", &both).await.expect("changed");
    let (root, head) = (sha("first"), sha("head"));
    let commit = |id: &str| (id.to_owned(), "dana".to_owned(), "x".to_owned());
    stage
        .sender
        .github(at(0), "push", &forge::push(REPO, at(0), "main", None, &[commit(&root)], "dana"))
        .await
        .expect("a push");
    stage
        .sender
        .github(at(1), "push", &forge::push(REPO, at(1), "main", Some(&root), &[commit(&head)], "dana"))
        .await
        .expect("a push");
    let (pay, web) = (stage.pipeline(&["pay"]).await, stage.pipeline(&["web"]).await);
    let cut = |product: &str| json!({ "kind": "release.manifest", "product": product, "version": "1.0.0", "release_type": "normal", "commit": head, "digests": [] });
    for (minute, token, product) in [(2, &pay, "pay"), (3, &web, "web")] {
        stage.sender.call(at(minute), token, "POST", "/api/v1/facts", &cut(product)).await.expect("cut");
    }
    // Cutting, recording, asking, reading for the other one: refused, and the reason names both.
    let told = stage.sender.call(at(4), &web, "POST", "/api/v1/facts", &cut("pay")).await.unwrap_err().to_string();
    assert!(told.contains("403") && told.contains("You reach the products web; this is the product pay."), "{told}");
    for path in ["/api/v1/products/pay/releases/1.0.0/gates/quality", "/api/v1/products/pay/releases/1.0.0/certify"] {
        assert!(stage.sender.call(at(4), &web, "POST", path, &json!({})).await.is_err(), "{path}");
    }
    let listed = stage.sender.call(at(4), &web, "GET", "/api/v1/products", &Value::Null).await.expect("lists");
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    // A report about the commit they share counts for the sender's product and for no other.
    let bound = |answer: &Value| {
        answer["bound"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|b| b["release"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let report = |product: &str| format!("product={product}&commit={head}&name=junit.xml&for=unit");
    let answer = stage.sender.report(at(5), &web, &report("web"), reports::junit("unit", 3, 0)).await.expect("taken");
    assert_eq!(bound(&answer), ["web/1.0.0"]);
    // A bill of materials makes no artefact of another product's release, though it names the commit that is cut.
    let image = digest("somebody else's");
    let sbom = format!("product=web&commit={head}&digest={image}&name=sbom.json");
    stage.sender.report(at(6), &web, &sbom, reports::cyclonedx("web", "1", &image)).await.expect("taken");
    let digests = |product: &str| find_release(&stage.engine, product, "1.0.0").expect("cut").release.digests;
    assert_eq!((digests("pay"), digests("web")), (vec![], vec![image.clone()]));
    // What a checkout tells of commits ends no other product's range.
    let lie = json!({ "kind": "release.manifest", "product": "web", "version": "1.1.0", "release_type": "normal", "commit": sha("next"),
        "range": [{ "sha": sha("next"), "parents": [head] }, { "sha": head, "parents": [] }] });
    stage.sender.call(at(7), &web, "POST", "/api/v1/facts", &lie).await.expect("cut");
    let own = release_view(&stage.engine, "pay", "1.0.0").expect("a page");
    assert_eq!(
        own.dossier.evidence.iter().filter(|e| e.kind == "code.push").count(),
        2,
        "both pushes are still in its range"
    );
    // A work item is of the product it was told for.
    let ticket =
        json!({ "kind": "requirement.ticket", "product": "web", "key": "PAY-1", "title": "x", "status": "open" });
    let answer =
        stage.sender.call(at(8), &stage.pipeline(&["*"]).await, "POST", "/api/v1/facts", &ticket).await.expect("told");
    assert_eq!(answer["ack"]["bound"], json!([]));
    // And the source cannot be claimed.
    let claimed = format!("{}&source=github%3Aacme%2Fpay", report("web"));
    assert!(stage.sender.report(at(9), &web, &claimed, vec![b'x']).await.is_err());
    stage.clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_reaches_further_than_whoever_makes_it_and_all_of_it_ends_together() {
    let stage = stage().await;
    let caller = |secret: &str| sign_in(&stage.engine, secret).expect("signed in");
    let make = async |by: &str, new: NewToken| create_token(&stage.engine, &caller(by), new).await;
    let own = |products: &[&str]| NewToken { role: Role::Admin, own: true, ..NewToken::pipeline("mine", products) };
    let lena = stage.session("lena", Role::Admin, &["pay"]).await;
    assert_eq!(make(&lena, own(&["*"])).await.unwrap_err().code, "bad-token");
    assert_eq!(make(&lena, own(&[])).await.unwrap_err().code, "bad-scope");
    // What is misspelt would reach nothing, and nobody would notice.
    let misspelt = make(&stage.tokens["olaf"], NewToken::pipeline("ci", &["pya"])).await;
    assert_eq!(misspelt.unwrap_err().code, "no-such-product");
    let odd = NewToken { repositories: Some(vec!["pay".into()]), ..NewToken::pipeline("ci", &["pay"]) };
    assert_eq!(make(&stage.tokens["olaf"], odd).await.unwrap_err().code, "bad-repository");
    // A token, one made with it, one made with that, and a session opened with it.
    let brief = |days: i64, new: NewToken| NewToken { days: Some(days), ..new };
    let first = make(&stage.tokens["olaf"], brief(30, own(&["*"]))).await.expect("made");
    let second = make(&first.secret, brief(20, own(&["pay"]))).await.expect("made");
    let pipeline = make(&second.secret, brief(20, NewToken::pipeline("ci", &["pay"]))).await.expect("made");
    let session = open_session(&stage.engine, &second.secret).await.expect("opened");
    assert!(!caller(&session.secret).is_interactive(), "a token in a browser is no person at a browser");
    assert_eq!(caller(&session.secret).scope.products, Extent::one("pay"));
    let wide = make(&second.secret, brief(20, NewToken::pipeline("ci", &["web"]))).await;
    assert_eq!(wide.unwrap_err().code, "bad-token");
    // The way through a browser session hides nobody's child, and no child outlives its maker.
    let hidden = make(&session.secret, brief(20, own(&["pay"]))).await.expect("made");
    make(&second.secret, NewToken { days: None, ..NewToken::pipeline("until its maker ends", &["pay"]) })
        .await
        .expect("made");
    let longer = make(&second.secret, brief(21, own(&["pay"]))).await;
    assert_eq!(longer.unwrap_err().code, "bad-token");
    let path = format!("/api/v1/tokens/{}", first.id);
    let ended = stage.sender.call(at(1), &stage.tokens["olaf"], "DELETE", &path, &json!({})).await.expect("ended");
    assert_eq!(ended["revoked"].as_array().map(Vec::len), Some(6), "{ended}");
    for secret in [&first.secret, &second.secret, &pipeline.secret, &session.secret, &hidden.secret] {
        assert!(sign_in(&stage.engine, secret).is_err());
    }
    stage.clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_nobody_promotes_themselves_and_leaving_ends_everything() {
    let stage = stage().await;
    let put = async |by: &str, account: &str, role: &str| {
        let body = json!({ "name": account, "accounts": [account], "role": role });
        stage.sender.call(at(1), &stage.tokens[by], "PUT", "/api/v1/people", &body).await.map_err(|e| e.to_string())
    };
    let told = put("olaf", "olaf", "release-manager").await.unwrap_err();
    assert!(told.contains("Nobody changes their own role"), "{told}");
    put("olaf", "lena", "admin").await.expect("a second admin");
    let lena = stage.session("lena", Role::Admin, &["*"]).await;
    let body = json!({ "name": "Olaf B.", "accounts": ["olaf"], "role": "viewer" });
    let changed = stage.sender.call(at(2), &lena, "PUT", "/api/v1/people", &body).await.expect("another admin may");
    assert_eq!(
        (&changed["name"], &changed["role"]),
        (&json!("Olaf B."), &json!("viewer")),
        "told by account, not by name"
    );
    let refused = stage.ask(&Method::PUT, "/api/v1/people", Some(&stage.tokens["olaf"]), &body.to_string()).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN, "a demotion reaches the sessions that are open");
    // Two people's accounts, a blank one, none, the last admin.
    for (accounts, code) in
        [(json!(["anna", "priya"]), "account-taken"), (json!([""]), "empty-value"), (json!([]), "no-account")]
    {
        let body = json!({ "name": "x", "accounts": accounts, "role": "viewer" }).to_string();
        assert_eq!(stage.ask(&Method::PUT, "/api/v1/people", Some(&lena), &body).await.1["code"], code);
    }
    // Somebody leaves: their session, and the token they made for a pipeline.
    let mia = stage.session("mia", Role::Admin, &["*"]).await;
    let made = create_token(&stage.engine, &sign_in(&stage.engine, &mia).unwrap(), NewToken::pipeline("ci", &["pay"]))
        .await
        .unwrap();
    let ended = stage.ask(&Method::DELETE, "/api/v1/people/mia", Some(&lena), "{}").await;
    assert_eq!((ended.0, ended.1["tokens_ended"].as_array().map(Vec::len)), (StatusCode::OK, Some(2)), "{}", ended.1);
    assert!(sign_in(&stage.engine, &mia).is_err() && sign_in(&stage.engine, &made.secret).is_err());
    let last = stage.ask(&Method::DELETE, "/api/v1/people/lena", Some(&lena), "{}").await;
    assert_eq!(last.1["code"], "own-role");
    let last = certrail_usecases::end_person(&stage.engine, &Caller::internal("test"), "lena").await;
    assert_eq!(last.unwrap_err().code, "last-admin");
    stage.clean();
}

/// What a token is for besides its products: environments, and some of the actions of its role.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_reaches_its_environments_and_actions_and_no_others() {
    let stage = stage().await;
    let olaf = sign_in(&stage.engine, &stage.tokens["olaf"]).expect("signed in");
    let make = async |new: NewToken| create_token(&stage.engine, &olaf, new).await.map(|made| made.secret);
    let staging = NewToken { environments: Some(vec!["Staging".into()]), ..NewToken::pipeline("ci", &["pay"]) };
    let staging = make(staging).await.expect("made");
    let only_gates = NewToken { actions: Some(vec!["ask-gate".into()]), ..NewToken::pipeline("ci", &["pay"]) };
    let only_gates = make(only_gates).await.expect("made");
    let misspelt = NewToken { actions: Some(vec!["ask-gates".into()]), ..NewToken::pipeline("ci", &["pay"]) };
    assert_eq!(make(misspelt).await.unwrap_err().code, "no-such-action");
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let deployed = |environment: &str| {
        json!({ "kind": "deployment.event", "product": "pay", "release": "2.4.1", "environment": environment, "id": "9",
            "state": "succeeded" })
        .to_string()
    };
    let gate = |name: &str| format!("/api/v1/products/pay/releases/2.4.1/gates/{name}");
    for (token, path, body, status) in [
        (&staging, "/api/v1/facts".to_owned(), deployed("staging"), 200),
        (&staging, "/api/v1/facts".to_owned(), deployed("production"), 403),
        (&staging, gate("deploy:staging"), String::new(), 200),
        (&staging, gate("deploy:production"), String::new(), 403),
        (&only_gates, gate("deploy:production"), String::new(), 200),
        (&only_gates, "/api/v1/facts".to_owned(), deployed("staging"), 403),
        (&only_gates, "/api/v1/evidence?product=pay&release=2.4.1&name=a".to_owned(), "x".to_owned(), 403),
    ] {
        let (told, answer) = stage.ask(&Method::POST, &path, Some(token), &body).await;
        assert_eq!(told.as_u16(), status, "{path} {body}: {answer}");
    }
    stage.clean();
}

/// A product of two repositories: the pipeline of one says nothing of a release that is cut from the other.
#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_of_one_repository_speaks_of_no_release_of_another() {
    const UI: &str = "acme/pay-ui";
    let stage = stage().await;
    let both = json!({ "repositories": [REPO, UI] });
    stage.sender.call(at(0), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &both).await.expect("set");
    let olaf = sign_in(&stage.engine, &stage.tokens["olaf"]).expect("signed in");
    let only = |name: &str| NewToken { repositories: Some(vec![name.into()]), ..NewToken::pipeline("ci", &["pay"]) };
    let [core, ui] = [
        create_token(&stage.engine, &olaf, only("Acme/Pay")).await.expect("made").secret,
        create_token(&stage.engine, &olaf, only(UI)).await.expect("made").secret,
    ];
    assert!(REPO.eq_ignore_ascii_case("Acme/Pay"));
    let (own, theirs) = (sha("core 1"), sha("ui 1"));
    for (repository, commit) in [(REPO, &own), (UI, &theirs)] {
        let commits = [(commit.clone(), "dana".to_owned(), "x".to_owned())];
        let push = forge::push(repository, at(1), "main", None, &commits, "dana");
        stage.sender.github(at(1), "push", &push).await.expect("pushed");
    }
    let built = format!("sha256:{}", "7".repeat(64));
    let send = async |token: &str, query: &str, body: &[u8]| {
        let query = format!("product=pay&{query}");
        stage.sender.report(at(2), token, &query, body.to_vec()).await.expect("taken")
    };
    let sbom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [] }).to_string();
    let of_theirs = format!("commit={theirs}&digest={built}&name=sbom.json");
    // While nothing is cut, commits say whose they are.
    let bound = |answer: &Value| answer["bound"].as_array().map_or(0, Vec::len);
    let forged = send(&core, &of_theirs, sbom.as_bytes()).await;
    assert_eq!(bound(&forged), 0, "{forged}");
    let honest = send(&ui, &format!("commit={theirs}&name=b.txt"), b"b").await;
    assert_eq!(bound(&honest), 1, "{honest}");
    for (repository, version, commit) in [(REPO, "1.0", &own), (UI, "1.1", &theirs)] {
        let tag = forge::tag(repository, at(3), &format!("v{version}"), commit, "dana");
        stage.sender.github(at(3), "push", &tag).await.expect("tagged");
    }
    for query in [format!("commit={theirs}&name=c.txt"), "release=1.1&name=d.txt".into()] {
        let forged = send(&core, &query, query.as_bytes()).await;
        assert_eq!(bound(&forged), 0, "{forged}");
    }
    let deployed = json!({ "kind": "deployment.event", "product": "pay", "release": "1.1", "environment": "production",
        "id": "7", "state": "succeeded" });
    let told = stage.sender.call(at(4), &core, "POST", "/api/v1/facts", &deployed).await.expect("kept");
    assert_eq!(bound(&told["ack"]), 0, "{told}");
    let view = release_view(&stage.engine, "pay", "1.1").expect("a page");
    assert!(view.dossier.release.digests.is_empty(), "what they say was built there is no artefact of it");
    let by_hand = format!("/api/v1/unbound/{}/bind", forged["id"].as_str().expect("an id"));
    let to = json!({ "product": "pay", "release": "1.1" }).to_string();
    let (status, _) = stage.ask(&Method::POST, &by_hand, Some(&stage.tokens["anna"]), &to).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // Their scan closes nothing that the other's found, whatever part it says it answers for.
    let scan = |rules: &[&str]| {
        let found: Vec<_> = rules.iter().map(|rule| (*rule, "error", "src/a.rs", "escape it")).collect();
        reports::sarif("CodeQL", "2", &found)
    };
    send(&ui, "release=1.1&name=codeql.sarif&scope=code", &scan(&["js/xss"])).await;
    send(&core, "release=1.0&name=codeql.sarif&scope=code", &scan(&[])).await;
    let open = stage.ask(&Method::GET, "/api/v1/findings?product=pay", Some(&stage.tokens["anna"]), "").await.1;
    assert_eq!(open[0]["state"], "detected", "{open}");
    // The honest one speaks of all that is its own.
    let honest = send(&ui, &of_theirs, sbom.as_bytes()).await;
    assert_eq!(bound(&honest), 1, "{honest}");
    let told = stage.sender.call(at(5), &ui, "POST", "/api/v1/facts", &deployed).await.expect("kept");
    assert_eq!(bound(&told["ack"]), 1, "{told}");
    let view = release_view(&stage.engine, "pay", "1.1").expect("a page");
    assert_eq!(view.dossier.release.digests, [built]);
    stage.clean();
}

/// What the pipeline of one repository says of a release that is cut from the other changes nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn no_pipeline_cuts_the_release_of_another_repository() {
    const UI: &str = "acme/pay-ui";
    let stage = stage().await;
    let both = json!({ "repositories": [REPO, UI] });
    stage.sender.call(at(0), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &both).await.expect("set");
    let olaf = sign_in(&stage.engine, &stage.tokens["olaf"]).expect("signed in");
    let only = NewToken { repositories: Some(vec![REPO.into()]), ..NewToken::pipeline("ci", &["pay"]) };
    let core = create_token(&stage.engine, &olaf, only).await.expect("made").secret;
    let commits = [(sha("ui 1"), "dana".to_owned(), "x".to_owned())];
    stage.sender.github(at(1), "push", &forge::push(UI, at(1), "main", None, &commits, "dana")).await.expect("pushed");
    let tag = forge::tag(UI, at(2), "v1.1", &sha("ui 1"), "dana");
    stage.sender.github(at(2), "push", &tag).await.expect("tagged");
    let cut = |version: &str, commit: &str, more: Value| {
        let mut cut = json!({ "kind": "release.manifest", "product": "pay", "version": version, "commit": commit,
            "repository": REPO, "digests": [format!("sha256:{}", "e".repeat(64))] });
        cut.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        cut.to_string()
    };
    let ask = async |body: String| stage.ask(&Method::POST, "/api/v1/facts", Some(&core), &body).await;
    for version in ["1.1", "1.2"] {
        let (status, told) = ask(cut(version, &sha("ui 1"), json!({ "release_type": "emergency" }))).await;
        assert_eq!((status, &told["code"]), (StatusCode::BAD_REQUEST, &json!("other-repository")), "{told}");
    }
    // Before its push is known a commit can be claimed; the forge's own tag says where it belongs.
    assert_eq!(ask(cut("1.3", &sha("ui 2"), json!({}))).await.0, StatusCode::OK);
    let tag = forge::tag(UI, at(4), "v1.3", &sha("ui 2"), "dana");
    stage.sender.github(at(4), "push", &tag).await.expect("tagged");
    let stored = find_release(&stage.engine, "pay", "1.3").expect("cut");
    assert_eq!(stored.release.repository.as_deref(), Some(UI));
    // Of commits it says what their objects say.
    let range = json!({ "range": [{ "sha": sha("core 9"), "parents": [sha("ui 1")], "tickets": ["EVIL-9"] }] });
    let (status, told) = ask(cut("9.0", &sha("core 9"), range)).await;
    assert!(
        status == StatusCode::OK && told["ack"]["warnings"][0].as_str().is_some_and(|w| w.contains("1 commits")),
        "{told}"
    );
    let view = release_view(&stage.engine, "pay", "9.0").expect("a page");
    assert!(view.dossier.changes.iter().all(|change| change.tickets.is_empty()));
    // A name of today is not taken for the repository that had it when the token was made.
    let view = release_view(&stage.engine, "pay", "1.1").expect("a page");
    assert!(view.dossier.release.digests.is_empty() && view.dossier.release.release_type.name() == "normal");
    stage.clean();
}

/// What somebody did by an account stays theirs: no admin takes it from their record and comes in under it.
#[tokio::test(flavor = "multi_thread")]
async fn no_account_is_taken_from_whoever_signed_in() {
    let stage = stage().await;
    let put = async |accounts: &[&str]| {
        let body = json!({ "name": "Ron", "accounts": accounts, "role": "release-manager" }).to_string();
        stage.ask(&Method::PUT, "/api/v1/people", Some(&stage.tokens["olaf"]), &body).await
    };
    assert_eq!(put(&["ron", "ron-old"]).await.0, StatusCode::OK);
    // Mistyped, and nobody came in by it yet.
    assert_eq!(put(&["ron", "ron.w"]).await.0, StatusCode::OK);
    let olaf = sign_in(&stage.engine, &stage.tokens["olaf"]).expect("signed in");
    let link = invite(&stage.engine, &olaf, "ron").await.expect("invited");
    redeem_link(&stage.engine, &link.secret, None).await.expect("signed in");
    for taken in [&["ron.w"][..], &["ron"], &["ron.w", "github.com:ron.x"]] {
        let (status, told) = put(taken).await;
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("account-kept")), "{told}");
    }
    assert_eq!(put(&["ron", "ron.w", "ron@acme.example"]).await.0, StatusCode::OK, "more are fine");
    for unseen in ["ro\u{200b}n", "ron\0", "r on"] {
        assert_eq!(put(&[unseen]).await.1["code"], "bad-account", "{unseen:?}");
    }
    stage.clean();
}

/// An admin lets people in once; afterwards nobody signs in as somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_signs_in_as_somebody_else_is_impossible() {
    let stage = stage().await;
    let olaf = sign_in(&stage.engine, &stage.tokens["olaf"]).expect("signed in");
    let nora = stage.person("nora", Role::Approver, &["*"]).await;
    let link = invite(&stage.engine, &olaf, "nora").await.expect("invited");
    // In the browser of somebody else it is refused, and not used up.
    assert_eq!(redeem_link(&stage.engine, &link.secret, Some(&olaf)).await.unwrap_err().code, "somebody-else");
    let arrived = redeem_link(&stage.engine, &link.secret, None).await.expect("signed in");
    assert_eq!(arrived.person, nora.id);
    assert!(redeem_link(&stage.engine, &link.secret, None).await.is_err(), "once");
    assert_eq!(invite(&stage.engine, &olaf, "nora").await.unwrap_err().code, "has-signed-in");
    // The key opens sessions that are hers, for a year, and is no token.
    assert!(sign_in(&stage.engine, &arrived.key.secret).is_err());
    stage.clock.set(at(60 * 24 * 100));
    assert!(sign_in(&stage.engine, &arrived.session.secret).is_err(), "12 hours are over");
    let session = open_session(&stage.engine, &arrived.key.secret).await.expect("opened");
    assert!(sign_in(&stage.engine, &session.secret).expect("signed in").is_interactive());
    // A lost key: an operator with the data folder, on record, with a reason; what was there before ends.
    let engine = stage.engine.clone();
    let made = tokio::task::spawn_blocking(move || {
        assert_eq!(recover(&engine, "nora", " ").unwrap_err().code, "empty-value");
        recover(&engine, "nora", "Her computer was stolen.").expect("a link")
    });
    let (_, link) = made.await.expect("runs");
    assert!(
        sign_in(&stage.engine, &session.secret).is_err(),
        "it ends when the link is made: somebody else may hold it"
    );
    let again = redeem_link(&stage.engine, &link.secret, None).await.expect("signed in");
    assert!(
        sign_in(&stage.engine, &session.secret).is_err()
            && open_session(&stage.engine, &arrived.key.secret).await.is_err()
    );
    assert!(sign_in(&stage.engine, &again.session.secret).is_ok());
    stage.clean();
}
