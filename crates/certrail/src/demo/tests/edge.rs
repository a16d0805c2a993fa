//! The edge: blank values, unknown members and what does not read are refused in one shape, with the name and the fix.

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

struct Answer {
    status: u16,
    media: String,
    body: Value,
}

async fn ask(stage: &Stage, method: &str, path: &str, who: Option<&str>, body: &[u8]) -> Answer {
    let app = crate::commands::web_app(stage.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
    let mut request = Request::builder().method(method).uri(path);
    if let Some(secret) = who {
        request = request.header("authorization", format!("Bearer {secret}"));
    }
    let request = request.body(Body::from(body.to_vec())).expect("a request");
    let response = certrail_web::router(app).oneshot(request).await.expect("answers");
    let status = response.status().as_u16();
    let media = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    Answer { status, media, body: serde_json::from_slice(&bytes).unwrap_or_default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn blank_values_and_unknown_members_are_refused_by_name() {
    let stage = stage().await;
    let olaf = stage.tokens["olaf"].as_str();
    let with = |member: &str, value: Value| {
        let mut ticket =
            json!({ "kind": "requirement.ticket", "product": "pay", "key": "PAY-1", "title": "x", "status": "open" });
        ticket[member] = value;
        ticket.to_string()
    };
    for (method, path, body, name) in [
        ("PUT", "/api/v1/products/pay", r#"{"production":[""]}"#.to_owned(), "production[0]"),
        ("PUT", "/api/v1/products/pay", r#"{"repositories":["acme/pay"," "]}"#.to_owned(), "repositories[1]"),
        ("PUT", "/api/v1/products/pay", r#"{"branch":""}"#.to_owned(), "branch"),
        ("PUT", "/api/v1/people", r#"{"name":"","accounts":["x"],"role":"viewer"}"#.to_owned(), "name"),
        ("POST", "/api/v1/facts", with("status", json!("")), "status"),
        (
            "POST",
            "/api/v1/facts",
            with("authorised_by", json!({ "account": " ", "kind": "human" })),
            "authorised_by.account",
        ),
        ("POST", "/api/v1/evidence?product=pay&release=1.0.0&scope=", "x".to_owned(), "scope"),
        ("POST", "/api/v1/evidence?product=&release=1.0.0", "x".to_owned(), "product"),
        ("POST", "/api/v1/evidence?product=pay&release=1.0.0&run=", "x".to_owned(), "run"),
        ("GET", "/api/v1/findings/queue?product=", String::new(), "product"),
        ("GET", "/api/v1/products//releases", String::new(), "product"),
        ("GET", "/api/v1/products/%20/releases", String::new(), "product"),
    ] {
        let Answer { status, media, body } = ask(&stage, method, path, Some(olaf), body.as_bytes()).await;
        assert_eq!(
            (status, media.as_str(), &body["code"]),
            (400, "application/problem+json", &json!("empty-value")),
            "{method} {path} {body}"
        );
        assert!(body["detail"].as_str().is_some_and(|why| why.contains(&format!("`{name}`"))), "{path}: {body}");
    }
    // Production cannot be emptied, and nothing was.
    let emptied = ask(&stage, "PUT", "/api/v1/products/pay", Some(olaf), br#"{"production":[]}"#).await;
    assert_eq!(emptied.status, 400);
    let (_, product) = (0, ask(&stage, "GET", "/api/v1/products", Some(olaf), b"").await.body[0].clone());
    assert_eq!((&product["production"], &product["repositories"]), (&json!(["production", "prod"]), &json!([REPO])));
    // Misspelt members, on every kind of input, by name.
    for (path, body, name) in [
        ("/api/v1/facts", with("authorized_by", json!({ "account": "boss", "kind": "human" })), "authorized_by"),
        (
            "/api/v1/facts",
            json!({ "kind": "release.manifest", "product": "pay", "version": "1", "commit": "a", "digest": [] })
                .to_string(),
            "`digest`",
        ),
        (
            "/api/v1/tokens",
            json!({ "name": "x", "role": "contributor", "days": 1, "product": ["pay"] }).to_string(),
            "`product`",
        ),
        ("/api/v1/evidence?product=pay&relase=1.0.0", "x".to_owned(), "relase"),
        ("/api/v1/evidence?product=pay&release=1.0.0&occurred_at=yesterday", "x".to_owned(), "occurred_at"),
        (
            "/api/v1/facts",
            r#"{"kind":"requirement.ticket","product":"pay","product":"web","key":"a","title":"b","status":"c"}"#
                .to_owned(),
            "product",
        ),
    ] {
        let Answer { status, media, body } = ask(&stage, "POST", path, Some(olaf), body.as_bytes()).await;
        assert_eq!((status, media.as_str()), (400, "application/problem+json"), "{path} {body}");
        assert!(body["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{body}");
        assert!(body["detail"].as_str().is_some_and(|why| why.contains(name)), "{name} is not named: {body}");
    }
    // An empty file, an address for another method, a form before anybody signed in that is no form.
    let query = "/api/v1/evidence?product=pay&release=1.0.0&name=junit.xml";
    assert_eq!(ask(&stage, "POST", query, Some(olaf), b"").await.body["code"], "empty-body");
    let method = ask(&stage, "PUT", "/api/v1/whoami", Some(olaf), b"").await;
    assert_eq!((method.status, method.media.as_str()), (405, "application/problem+json"));
}

/// What a forge sends is refused where it cannot be told apart from another delivery.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_has_an_id_an_event_and_a_body() {
    let stage = stage().await;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"hush");
    for (event, delivery, body) in
        [("push", "", "{}"), ("", "1", "{}"), ("push", " ", "{}"), ("push", &*"1".repeat(129), "{}"), ("push", "1", "")]
    {
        let tag = data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, body.as_bytes()).as_ref());
        let app = crate::commands::web_app(stage.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
        let request = Request::post("/hooks/github")
            .header("x-github-event", event)
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", format!("sha256={tag}"))
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let response = certrail_web::router(app).oneshot(request).await.expect("answers");
        assert_eq!(response.status().as_u16(), 400, "{event:?} {delivery:?} {body:?}");
    }
    assert_eq!(certrail_usecases::fsck(&stage.engine).expect("runs").faults, Vec::<String>::new());
}

/// What an operation does not take it does not let vanish: parameters, members of those within, text that nobody sees, too much.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_asked_for_is_refused() {
    let stage = stage().await;
    let olaf = stage.tokens["olaf"].as_str();
    let ticket = |who: Value| {
        json!({ "kind": "requirement.ticket", "product": "pay", "key": "PAY-1", "title": "x", "status": "open", "authorised_by": who })
            .to_string()
    };
    let cut = |more: Value| {
        let mut cut = json!({ "kind": "release.manifest", "product": "pay", "version": "8.0", "commit": sha("c") });
        cut.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        cut.to_string()
    };
    let long = format!("{{\"production\":[\"{}\"]}}", "x".repeat(70_000));
    for (method, path, body, status, code) in [
        ("GET", "/api/v1/whoami?product=pay", String::new(), 400, "bad-query"),
        ("GET", "/api/v1/products?x=", String::new(), 400, "bad-query"),
        ("PUT", "/api/v1/products/pay", "{\"production\":[\"\u{200b}\"]}".to_owned(), 400, "empty-value"),
        ("PUT", "/api/v1/products/pay", long, 413, "too-large"),
        ("PUT", "/api/v1/products/..", "{}".to_owned(), 400, "bad-product"),
        ("POST", "/api/v1/facts", ticket(json!({ "account": "x", "kind": "human", "knd": 1 })), 400, "bad-json"),
        ("POST", "/api/v1/facts", ticket(json!({ "account": "x".repeat(20_000), "kind": "human" })), 400, "too-long"),
        ("POST", "/api/v1/facts", ticket(json!(null)).replace("PAY-1", "PAY 1"), 400, "bad-work-item"),
        ("POST", "/api/v1/facts", cut(json!({ "commit": "0".repeat(40) })), 400, "bad-commit"),
        ("POST", "/api/v1/facts", cut(json!({ "range": [{ "sha": sha("c"), "parents": [""] }] })), 400, "bad-commit"),
        (
            "POST",
            "/api/v1/facts",
            cut(json!({ "range": [{ "sha": sha("c"), "tickets": [""] }] })),
            400,
            "bad-work-item",
        ),
        ("DELETE", "/log/checkpoint", String::new(), 405, "no-such-method"),
        ("PUT", "/healthz", String::new(), 405, "no-such-method"),
    ] {
        let answer = ask(&stage, method, path, Some(olaf), body.as_bytes()).await;
        let told = answer.body["code"].as_str().unwrap_or_default();
        assert!(
            answer.status == status && (code.is_empty() || told == code),
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
        assert!(code.is_empty() || answer.media == "application/problem+json", "{method} {path}: {}", answer.media);
    }
    stage.clean();
}

/// A hook that was left as a form: what is in it is read, and one without anything is kept and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_as_a_form_is_read_or_says_why_not() {
    let stage = stage().await;
    let commits = [(sha("formed"), "dana".to_owned(), "PAY-1 x".to_owned())];
    let push = forge::push(REPO, at(1), "main", None, &commits, "dana").to_string();
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &push).finish();
    let hook = async |minute: i64, body: Vec<u8>| {
        stage.sender.hook_bytes(("github", &stage.sender.secret), at(minute), "push", body).await
    };
    let read = hook(1, form.into_bytes()).await.expect("taken");
    assert_eq!(read["ack"]["bound"].as_array().map(Vec::len), Some(1), "{read}");
    for nothing in ["payload=", "payload=%7B", "other=1"] {
        let kept = hook(2, nothing.as_bytes().to_vec()).await.expect("kept");
        assert!(kept["ack"]["warnings"][0].as_str().is_some_and(|w| w.contains("kept unread")), "{kept}");
    }
    stage.clean();
}

/// Whatever the operation, a blank value is refused by its name before anything else of the body is looked at, also where no
/// body is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn no_operation_takes_a_blank_value_for_none() {
    let stage = stage().await;
    let mut others = Vec::new();
    for operation in certrail_web::operations() {
        // Reports are bytes of any kind, and criteria are YAML.
        let is_json = !["/api/v1/evidence", "/api/v1/criteria"].contains(&operation.path);
        if !operation.path.starts_with("/api/") || operation.method == "GET" || !is_json {
            continue;
        }
        let parts = operation.path.split('/').map(|part| if part.starts_with('{') { "pay" } else { part });
        let path = parts.collect::<Vec<_>>().join("/").replace("exceptions/pay/pay", "exceptions/pay/approve");
        let mut codes = Vec::new();
        for who in ["olaf", "anna", "priya"] {
            let secret = Some(stage.tokens[who].as_str());
            let body = br#"{"deep":[{"inside":" "}]}"#;
            let answer = ask(&stage, operation.method.as_str(), &path, secret, body).await;
            codes.push(answer.body["code"].as_str().unwrap_or_default().to_owned());
            let told = answer.body["detail"].as_str().unwrap_or_default();
            assert!(
                answer.status >= 400
                    && (codes.last().is_some_and(|c| c != "empty-value") || told.contains("deep[0].inside"))
            );
        }
        // Whoever may not do it at all is told that first.
        if !codes.contains(&"empty-value".to_owned())
            || codes.iter().any(|c| !["empty-value", "role"].contains(&c.as_str()))
        {
            others.push(format!("{} {}: {codes:?}", operation.method, operation.path));
        }
    }
    assert_eq!(others, Vec::<String>::new());
}
