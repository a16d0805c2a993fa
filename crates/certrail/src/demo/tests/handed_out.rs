//! Dossiers are made once, by asking for one or by a decision, and read as they were made; large files are had in parts.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

const DOSSIERS: &str = "/api/v1/products/pay/releases/2.4.1/dossiers";

/// A file, or a part of it: status, the headers that matter, bytes.
async fn file(stage: &Stage, path: &str, who: &str, asked: &[(&str, &str)]) -> (StatusCode, [String; 3], Vec<u8>) {
    let mut request = Request::get(path).header("authorization", format!("Bearer {}", stage.tokens[who]));
    for (name, value) in asked {
        request = request.header(*name, *value);
    }
    let answer = stage.router().oneshot(request.body(Body::empty()).expect("a request")).await.expect("answers");
    let told = |name| answer.headers().get(name).and_then(|v| v.to_str().ok().map(str::to_owned)).unwrap_or_default();
    let headers = [told(header::ETAG), told(header::CONTENT_RANGE), told(header::CONTENT_LENGTH)];
    let status = answer.status();
    (status, headers, answer.into_body().collect().await.expect("a body").to_bytes().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_is_made_once_and_read_as_it_was_made() {
    let stage = stage().await;
    stage.second_product().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    decide(&stage).await;
    // The decision made the first one.
    let anna = &stage.tokens["anna"];
    let (status, all) = stage.ask(&Method::GET, DOSSIERS, Some(anna), "").await;
    assert_eq!((status, all.as_array().map(Vec::len)), (StatusCode::OK, Some(1)), "{all:#}");
    assert_eq!(all[0]["made_by"], "anna", "{all:#}");
    let (_, _, decided) = file(&stage, &format!("{DOSSIERS}/1/dossier.json"), "anna", &[]).await;
    assert!(certrail_usecases::verify_dossier(&decided, None).genuine());
    // Asking for one makes the next.
    let asked = Request::post(DOSSIERS).header("authorization", format!("Bearer {anna}"));
    let answer = stage.router().oneshot(asked.body(Body::empty()).expect("a request")).await.expect("answers");
    assert_eq!(answer.status(), StatusCode::CREATED);
    let location = answer.headers().get(header::LOCATION).and_then(|v| v.to_str().ok()).map(str::to_owned);
    assert_eq!(location, Some(format!("{DOSSIERS}/2")));
    let made = answer.into_body().collect().await.expect("a body").to_bytes();
    let made: Value = serde_json::from_slice(&made).expect("JSON");
    assert_eq!(made["number"], 2, "{made:#}");
    assert_eq!(stage.ask(&Method::GET, &location.expect("one"), Some(anna), "").await.0, StatusCode::OK);
    // Reading writes nothing, and what is read never changes, whatever happens to the release.
    let before = stage.engine.head().size();
    let path = format!("{DOSSIERS}/2/dossier.json");
    let (status, [tag, ..], bytes) = file(&stage, &path, "anna", &[]).await;
    assert_eq!(
        (status, &tag),
        (StatusCode::OK, &format!("\"sha256:{}\"", made["json"]["sha256"].as_str().expect("hex")))
    );
    assert_eq!(bytes.len() as u64, made["json"]["size"]);
    for page in ["/r/pay/2.4.1", "/r/pay/2.4.1/dossiers", "/r/pay/2.4.1/dossiers/2", "/releases", "/log"] {
        assert_eq!(file(&stage, page, "anna", &[]).await.0, StatusCode::OK, "{page}");
    }
    assert_eq!(stage.engine.head().size(), before);
    let later = forge::check_run(REPO, at(3_000), &sha("merge"), "later", "failure");
    stage.sender.github(at(3_000), "check_run", &later).await.expect("taken");
    assert_eq!(file(&stage, &path, "anna", &[]).await.2, bytes);
    // In parts, and only if it is still the same.
    let known = tag.as_str();
    let (status, [_, range, length], part) = file(&stage, &path, "anna", &[("range", "bytes=10-19")]).await;
    assert_eq!((status, length.as_str()), (StatusCode::PARTIAL_CONTENT, "10"));
    assert_eq!((range, part.as_slice()), (format!("bytes 10-19/{}", bytes.len()), &bytes[10..20]));
    let other = [("range", "bytes=10-19"), ("if-range", "\"other\"")];
    assert_eq!(file(&stage, &path, "anna", &other).await.0, StatusCode::OK);
    let (status, [_, range, _], _) = file(&stage, &path, "anna", &[("range", "bytes=999999999-")]).await;
    assert_eq!((status, range), (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{}", bytes.len())));
    assert_eq!(file(&stage, &path, "anna", &[("if-none-match", known)]).await.0, StatusCode::NOT_MODIFIED);
    // What is not there is said so.
    for (path, code) in [("3", "no-such-dossier"), ("0/dossier.json", "no-such-dossier"), ("2/dossier.pdf", "no-pdf")] {
        let (status, told) = stage.ask(&Method::GET, &format!("{DOSSIERS}/{path}"), Some(anna), "").await;
        assert_eq!((status, &told["code"]), (StatusCode::NOT_FOUND, &json!(code)), "{path}: {told}");
    }
    for odd in [format!("{DOSSIERS}/first"), format!("{DOSSIERS}/%FF"), "/api/v1/products/%FF/releases".to_owned()] {
        let (status, told) = stage.ask(&Method::GET, &odd, Some(anna), "").await;
        assert_eq!((status, &told["code"]), (StatusCode::BAD_REQUEST, &json!("bad-path")), "{odd}: {told}");
    }
    // Who reaches another product only has none of it.
    let stranger = stage.pipeline(&["web"]).await;
    for (method, path) in [(Method::POST, DOSSIERS.to_owned()), (Method::GET, path.clone())] {
        let (status, _) = stage.ask(&method, &path, Some(&stranger), "").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    stage.clean();
}

/// Many ask at once: each is answered, with a dossier that was begun after they asked.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_asks_at_once_is_given_one() {
    let stage = Arc::new(stage().await);
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let all: Vec<_> = (0..12)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move { stage.ask(&Method::POST, DOSSIERS, Some(&stage.tokens["anna"]), "").await })
        })
        .collect();
    let mut numbers = std::collections::BTreeSet::new();
    for one in all {
        let (status, made) = one.await.expect("no panic");
        assert_eq!(status, StatusCode::CREATED, "{made}");
        numbers.insert(made["number"].as_u64().expect("a number"));
    }
    let last = numbers.last().copied().unwrap_or_default();
    assert_eq!(numbers, (1..=last).collect(), "numbered without gaps");
    assert!(last < 12, "those who waited together share one: {numbers:?}");
    stage.clean();
}

/// An original that is a file of its own is had in parts too.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_original_is_had_in_parts() {
    let stage = stage().await;
    let mut report = reports::junit("unit", 3, 0);
    report.extend((0..200_000u32).flat_map(|n| format!("<!-- {n} -->\n").into_bytes()));
    let query = format!("product=pay&commit={}&name=unit.xml", sha("merge"));
    let taken = stage.sender.report(at(0), &stage.ci, &query, report.clone()).await.expect("taken");
    let path = format!("/api/v1/evidence/{}/raw", taken["id"].as_str().expect("an id"));
    let (status, _, whole) = file(&stage, &path, "anna", &[("accept-encoding", "gzip")]).await;
    assert_eq!((status, whole == report), (StatusCode::OK, true), "as it was received, {} bytes", whole.len());
    let (status, _, part) = file(&stage, &path, "anna", &[("range", "bytes=2000000-2000099")]).await;
    assert_eq!((status, part.as_slice()), (StatusCode::PARTIAL_CONTENT, &report[2_000_000..2_000_100]));
    let page = format!("/e/{}", taken["id"].as_str().expect("an id"));
    let (status, _, page) = file(&stage, &page, "anna", &[]).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&page));
}

/// Whoever takes files as slowly as they like holds a few places of their own, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn slow_downloads_hold_a_few_places_of_their_own() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    stage.ask(&Method::POST, DOSSIERS, Some(&stage.tokens["anna"]), "").await;
    let (path, router) = (format!("{DOSSIERS}/1/dossier.json"), stage.router());
    let ask = async |who: &str, method: Method| {
        let request = Request::builder().method(method).uri(&path);
        let request = request.header("authorization", format!("Bearer {}", stage.tokens[who]));
        router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("answers")
    };
    let mut held = Vec::new();
    for _ in 0..8 {
        let answer = ask("anna", Method::GET).await;
        assert_eq!(answer.status(), StatusCode::OK);
        held.push(answer);
    }
    let ninth = tokio::time::timeout(std::time::Duration::from_millis(300), ask("anna", Method::GET)).await;
    assert!(ninth.is_err(), "the ninth waits for a place of her own");
    let asked = ask("anna", Method::HEAD).await;
    let length = asked.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).map(str::to_owned);
    assert_eq!(asked.status(), StatusCode::OK, "asking about a file takes no place");
    let whole = ask("priya", Method::GET).await;
    assert_eq!(whole.status(), StatusCode::OK, "others have their own");
    let whole = whole.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(length, Some(whole.len().to_string()));
    held.pop();
    assert_eq!(ask("anna", Method::GET).await.status(), StatusCode::OK);
}

/// Whoever may look may have dossiers made, and each is kept for ever: nobody fills the disk with them.
#[tokio::test(flavor = "multi_thread")]
async fn one_account_has_a_hundred_dossiers_made_in_an_hour() {
    let stage = stage().await;
    let push = forge::push(REPO, at(1), "main", None, &[(sha("one"), "dana".into(), "PAY-1 One".into())], "dana");
    stage.sender.github(at(1), "push", &push).await.expect("taken");
    stage.sender.github(at(2), "push", &forge::tag(REPO, at(2), "v2.4.1", &sha("one"), "dana")).await.expect("taken");
    let ask = async |who: &str| stage.ask(&Method::POST, DOSSIERS, Some(&stage.tokens[who]), "").await;
    for number in 1..=100 {
        let (status, made) = ask("vera").await;
        assert_eq!((status, &made["number"]), (StatusCode::CREATED, &json!(number)), "{made:#}");
    }
    let (status, refused) = ask("vera").await;
    assert_eq!((status, &refused["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("too-many-dossiers")), "{refused:#}");
    // Others are not held up, and an hour later it goes on.
    assert_eq!(ask("anna").await.0, StatusCode::CREATED);
    let later = forge::check_run(REPO, at(70), &sha("one"), "ci", "success");
    stage.sender.github(at(70), "check_run", &later).await.expect("taken");
    assert_eq!(ask("vera").await.0, StatusCode::CREATED);
    stage.clean();
}
