//! What people decide on pages, in sessions of their own: exceptions, and which reports count for a product.

use axum::{
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;

/// Somebody's browser.
struct Browser<'a> {
    stage: &'a Stage,
    who: &'static str,
}

impl Browser<'_> {
    async fn send(&self, request: axum::http::request::Builder, body: String) -> (u16, String) {
        let app = crate::commands::web_app(self.stage.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
        let request = request
            .header(header::COOKIE, format!("certrail_session={}", self.stage.tokens[self.who]))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .expect("a request");
        let answer = certrail_web::router(app).oneshot(request).await.expect("answers");
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.expect("reads").to_bytes();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn look(&self, path: &str) -> String {
        let (status, page) = self.send(Request::get(path), String::new()).await;
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    async fn fill(&self, path: &str, form: &[(&str, &str)]) -> (u16, String) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Request::post(path), body).await
    }
}

/// The address of the first form on a page that holds `part`.
fn form<'a>(page: &'a str, part: &str) -> Option<&'a str> {
    page.split("action=\"").skip(1).filter_map(|rest| rest.split('"').next()).find(|action| action.contains(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_asked_for_and_approved_on_the_release_page() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let [anna, priya, vera] = ["anna", "priya", "vera"].map(|who| Browser { stage: &stage, who });
    let here = "/r/pay/2.4.1";
    let page = anna.look(here).await;
    assert_eq!(form(&page, "/exceptions"), Some("/r/pay/2.4.1/exceptions"));
    assert_eq!(form(&vera.look(here).await, "/exceptions"), None, "a viewer is offered nothing");
    let until = at(60 * 24 * 20).to_string()[..10].to_owned();
    let why = ("reason", "Nothing to go back to in a first release.");
    let asked = [("requirement", "rollback-target"), why, ("compensating", ""), ("until", until.as_str())];
    assert_eq!(vera.fill("/r/pay/2.4.1/exceptions", &asked).await.0, 403);
    let (status, text) = anna.fill("/r/pay/2.4.1/exceptions", &asked[..3]).await;
    assert!(status == 400 && text.contains("until"), "{text}");
    let answer = anna.fill("/r/pay/2.4.1/exceptions", &asked).await;
    assert_eq!(answer.0, 303, "{}", answer.1);

    // Whoever asked is not offered to approve it, and cannot.
    assert_eq!(form(&anna.look(here).await, "/approve").filter(|f| f.contains("/exceptions/")), None);
    let page = priya.look(here).await;
    let approve = form(&page, "/exceptions/").expect("offered").to_owned();
    assert!(approve.ends_with("/approve"), "{approve}");
    assert_eq!(anna.fill(&approve, &[]).await.0, 403);
    assert_eq!(priya.fill(&approve, &[]).await.0, 303);
    assert!(priya.look(here).await.contains("approved by priya"));
    assert_eq!(priya.fill(&approve, &[]).await.0, 409);
    stage.clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_decide_on_the_page_of_a_product_which_reports_count() {
    let stage = stage().await;
    let [anna, priya, vera] = ["anna", "priya", "vera"].map(|who| Browser { stage: &stage, who });
    assert!(anna.look("/releases").await.contains("href=\"/p/pay\""));
    let page = anna.look("/p/pay").await;
    let ask = form(&page, "accepts-reported").expect("offered").to_owned();
    assert_eq!(form(&vera.look("/p/pay").await, "accepts-reported"), None);
    let short = [("kind", "code.change"), ("reason", "because")];
    assert!(anna.fill(&ask, &short).await.1.contains("fewer than 20 characters"));
    let asked = [("kind", "code.change"), ("reason", "Our forge is one that nobody hears.")];
    assert_eq!(anna.fill(&ask, &asked).await.0, 303);
    let approve = "/p/pay/accepts-reported/code.change/approve";
    let page = priya.look("/p/pay").await;
    assert_eq!(form(&page, "/approve"), Some(approve));
    let seen = |page: &str| {
        let (_, rest) = page.split_once(approve).expect("offered");
        let (_, rest) = rest.split_once("name=\"seen\" value=\"").expect("says which request");
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let looked = [("seen", seen(&page))];
    let looked: Vec<(&str, &str)> = looked.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(anna.fill(approve, &looked).await.0, 403, "whoever asked");
    assert_eq!(vera.fill(approve, &looked).await.0, 403);
    // Asked again with another reason after she looked: she approves nothing that she did not read.
    stage.clock.set(at(10));
    let other = [("kind", "code.change"), ("reason", "Because nobody will notice this one.")];
    assert_eq!(anna.fill(&ask, &other).await.0, 303);
    assert_eq!(priya.fill(approve, &looked).await.0, 409);
    let again = [("seen", seen(&priya.look("/p/pay").await))];
    let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(priya.fill(approve, &again).await.0, 303);
    assert!(priya.look("/p/pay").await.contains("approved by priya"));
    assert_eq!(anna.fill(&ask, &other).await.0, 409, "what holds is ended by whoever grants, not by asking");
    assert_eq!(priya.fill("/p/pay/accepts-reported/code.change/end", &again).await.0, 303);
    assert!(!priya.look("/p/pay").await.contains("approved by"));
    assert_eq!(priya.fill("/p/pay/accepts-reported/code.change/keep", &again).await.0, 400);
    stage.clean();
}

/// Whatever counts as production is approved on the page by its own button, and a work item is authorised there.
#[tokio::test(flavor = "multi_thread")]
async fn deployments_and_work_items_are_decided_on_the_release_page() {
    let stage = stage().await;
    let product = json!({ "repositories": [REPO], "production": ["prod-eu", "prod-us"] });
    stage.sender.call(at(0), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &product).await.expect("set");
    let told = |step: &Step| matches!(step, Step::Word(_, fact) if fact["kind"] == "requirement.ticket");
    for (minute, step) in steps() {
        if !told(&step) {
            send(&stage, at(minute), &step).await;
        }
    }
    let standing = |id: &str| {
        let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
        let judged = judge(&stage.engine, &stored).expect("judged");
        let found = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("there");
        let rows: Vec<String> = found.rows.iter().map(|row| row.sentence.clone()).collect();
        (found.verdict.to_string(), rows.join(" "))
    };
    let [anna, priya, vera] = ["anna", "priya", "vera"].map(|who| Browser { stage: &stage, who });
    let page = priya.look("/r/pay/2.4.1").await;
    assert!(page.contains("<option>prod-eu</option><option>prod-us</option>"), "{page}");
    for form in [
        &[("approval", "prod-eu"), ("sign_off", "qa")][..],
        &[("approval", "prod-eu"), ("environment", "staging")],
        &[("as", "approval")],
        &[("sign_off", "whatever")],
        &[],
    ] {
        assert_eq!(priya.fill("/r/pay/2.4.1/approve", form).await.0, 400, "{form:?}");
    }
    assert_eq!(anna.fill("/r/pay/2.4.1/approve", &[("approval", "prod-eu")]).await.0, 403);
    assert_eq!(priya.fill("/r/pay/2.4.1/approve", &[("approval", "prod-eu")]).await.0, 303);
    let (_, rows) = standing("deployment-approval");
    assert!(rows.contains("approved the deployment to prod-eu"), "{rows}");
    let before = standing("work-item");
    assert_ne!(before.0, "passed", "{before:?}");
    assert_eq!(vera.fill("/r/pay/2.4.1/work-items", &[("key", "PAY-7")]).await.0, 403);
    let items = page.split("name=\"key\"").nth(1).expect("a list");
    let item = items.split("<option>").nth(1).and_then(|rest| rest.split('<').next()).expect("an item").to_owned();
    assert_eq!(priya.fill("/r/pay/2.4.1/work-items", &[("key", &item)]).await.0, 303);
    let after = standing("work-item");
    assert_eq!(after.0, "passed", "{after:?}");
    stage.clean();
}

/// A reason is what an auditor reads: letters that nobody sees are none, and what turns what they see into something else is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_reason_says_something() {
    let stage = stage().await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let ask = async |reason: &str, compensating: &str| {
        let body = json!({ "product": "pay", "release": "2.4.1", "requirement": "rollback-target", "reason": reason,
            "compensating": compensating, "expires_at": at(60 * 24 * 20).to_string() });
        stage.sender.call(at(2_000), &stage.tokens["anna"], "POST", "/api/v1/exceptions", &body).await
    };
    for (letter, code) in [
        ("\u{200b}", "empty-value"),
        ("\u{ad}", "empty-value"),
        ("\u{3164}", "empty-value"),
        ("\u{2800}", "empty-value"),
        ("\u{1b}", "unseen-character"),
        ("\u{202e}", "unseen-character"),
        ("short\u{200b}\u{200b}\u{200b}\u{200b}", "reason-too-short"),
    ] {
        let reason = if letter.len() > 4 { letter.repeat(3) } else { letter.repeat(25) };
        let refused = ask(&reason, "").await.unwrap_err().to_string();
        assert!(refused.contains(code), "{code}: {refused}");
    }
    let good = "First release: there is nothing to go back to.";
    assert!(ask(good, "a\u{202e}b").await.unwrap_err().to_string().contains("unseen-character"));
    assert!(ask(&good.repeat(50), "").await.unwrap_err().to_string().contains("reason-too-long"));
    ask(good, "Kept 👩‍💻 at hand.").await.unwrap_or_else(|e| panic!("{e}"));
}
