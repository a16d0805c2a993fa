//! What the edge does before anybody is known: it reads little, counts tries, speaks in one shape, and writes nothing for
//! whoever only looks.

use std::{net::IpAddr, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, header},
};
use certrail_web::{Access, Peer};
use futures_util::stream;
use tower::ServiceExt;

use super::*;

/// A path with something in the place of each parameter.
fn filled(path: &str, with: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { with } else { part }).collect::<Vec<_>>().join("/")
}

/// Whoever sends no signature is refused before a byte of what they send is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_without_a_signature_is_refused_before_its_body_comes() {
    let stage = stage().await;
    let endless = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let ask = async |signature: Option<&str>| {
        let mut request =
            Request::post("/hooks/github").header("x-github-event", "push").header("x-github-delivery", "1");
        if let Some(signature) = signature {
            request = request.header("x-hub-signature-256", signature);
        }
        let asked = stage.router().oneshot(request.body(endless()).expect("a request"));
        tokio::time::timeout(Duration::from_secs(5), asked).await.map(|answer| answer.expect("answers").status())
    };
    assert_eq!(ask(None).await, Ok(StatusCode::UNAUTHORIZED));
    for malformed in ["sha256=", "sha256=00", "sha1=00", "x"] {
        assert_eq!(ask(Some(malformed)).await, Ok(StatusCode::UNAUTHORIZED), "{malformed}");
    }
}

/// Before anybody signed in no form is longer than a page of text.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_before_sign_in_is_short() {
    let stage = stage().await;
    // The link itself is all that is asked for where somebody was invited: no form is read.
    for path in ["/sign-in", "/setup/x"] {
        for (length, expected) in [(70_000, true), (1_000, false)] {
            let form = Request::post(path)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::from(format!("token={}", "x".repeat(length))));
            let status = stage.router().oneshot(form.expect("a request")).await.expect("answers").status();
            assert_eq!(status == StatusCode::PAYLOAD_TOO_LARGE, expected, "{path} with {length}: {status}");
        }
    }
}

/// Guessing keys and links is slow for whoever has an address of their own, and holds nobody else up.
#[tokio::test(flavor = "multi_thread")]
async fn tries_to_sign_in_are_counted_by_address() {
    let stage = stage().await;
    let router = stage.router();
    let guess = async |path: &'static str, from: [u8; 4]| {
        let form = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .extension(Peer::of(IpAddr::from(from)))
            .body(Body::from("token=certrail_guess&name=x&account=x"));
        router.clone().oneshot(form.expect("a request")).await.expect("answers").status()
    };
    for (path, last) in [("/sign-in", 1), ("/setup/x", 2), ("/link/x", 3)] {
        let own = [192, 0, 2, last];
        let mut refused = 0;
        for _ in 0..30 {
            refused += usize::from(guess(path, own).await == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!((1..30).contains(&refused), "{path}: {refused} of 30 were refused");
        assert_ne!(guess(path, [198, 51, 100, 1]).await, StatusCode::TOO_MANY_REQUESTS, "{path}: somebody else");
    }
}

/// Every operation for machines refuses in one shape, and so does an address where there is none.
#[tokio::test(flavor = "multi_thread")]
async fn machines_are_refused_as_problems() {
    let stage = stage().await;
    let mut asked = vec![(Method::GET, "/api/v1/nope".to_owned()), (Method::GET, "/log/tile/x".to_owned())];
    for operation in certrail_web::operations() {
        let machine = ["/api/", "/hooks/", "/log/"].iter().any(|start| operation.path.starts_with(start));
        if machine && operation.access != Access::Open {
            asked.push((operation.method.clone(), filled(operation.path, "x")));
        }
    }
    asked.push((Method::POST, "/hooks/github".to_owned()));
    assert!(asked.len() > 40, "{}", asked.len());
    for (method, path) in asked {
        let request = Request::builder().method(&method).uri(&path).body(Body::empty()).expect("a request");
        let answer = stage.router().oneshot(request).await.expect("answers");
        let media = answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        assert!(answer.status().is_client_error(), "{method} {path}: {}", answer.status());
        assert_eq!(media, "application/problem+json", "{method} {path}: {}", answer.status());
    }
}

/// Whoever only looks leaves nothing behind, whatever they look at.
#[tokio::test(flavor = "multi_thread")]
async fn looking_writes_nothing() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    decide(&stage).await;
    let before = stage.engine.head().size();
    let mut looked = 0;
    for operation in certrail_web::operations().into_iter().filter(|o| o.method == Method::GET) {
        for version in ["2.4.1", "1"] {
            let path = operation.path.replace("{product}", "pay").replace("{version}", version);
            let (status, _) = stage.ask(&Method::GET, &filled(&path, "1"), Some(&stage.tokens["olaf"]), "").await;
            looked += usize::from(status.is_success());
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        }
    }
    assert!(looked > 30, "{looked} were there to look at");
    assert_eq!(stage.engine.head().size(), before);
    stage.clean();
}
