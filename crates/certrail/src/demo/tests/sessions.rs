//! What a browser holds after signing in.

use axum::{
    body::Body,
    http::{Request, header},
};
use certrail_usecases::{
    TokenKind, invite, list_tokens, open_session, redeem_link, redeem_setup, revoke_token, setup_link, sign_in,
};
use tower::ServiceExt;

use super::*;

/// A token that somebody makes for themselves.
async fn token_of(stage: &Stage, who: &str) -> String {
    let caller = sign_in(&stage.engine, &stage.tokens[who]).expect("signed in");
    let new = NewToken { role: caller.role, own: true, ..NewToken::pipeline(who, &["*"]) };
    create_token(&stage.engine, &caller, new).await.expect("a token").secret
}

/// What the sign-in page answers to a token: the cookie it sets.
async fn cookie(stage: &Stage, public_url: Option<&str>, token: &str) -> String {
    let mut app = crate::commands::web_app(stage.engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
    let mut settings = (*app.settings).clone();
    settings.public_url = public_url.map(str::to_owned);
    app.settings = settings.into();
    let form = Request::post("/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("token={token}&to=%2F")))
        .expect("a request");
    let response = certrail_web::router(app).oneshot(form).await.expect("answers");
    let set = response.headers().get(header::SET_COOKIE).and_then(|v| v.to_str().ok());
    set.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_a_session_and_never_keeps_the_token() {
    let stage = stage().await;
    let token = token_of(&stage, "anna").await;
    let plain = cookie(&stage, None, &token).await;
    assert!(plain.starts_with("certrail_session=certrail_") && !plain.contains(&token), "{plain}");
    assert!(plain.contains("HttpOnly") && plain.contains("SameSite=Strict") && !plain.contains("Secure"), "{plain}");
    let behind = cookie(&stage, Some("https://certrail.example.com"), &token).await;
    assert!(behind.contains("; Secure"), "{behind}");
    assert_eq!(cookie(&stage, None, "certrail_wrong").await, "");
}

/// Whoever set the server up and made no token comes back with their key after the session is over.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_day_after_the_set_up_a_way_leads_back_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = StoryClock::default();
    clock.set(at(0));
    let engine =
        crate::commands::open_engine(folder.path(), "test/log", clock.as_clock()).unwrap_or_else(|f| panic!("{f:?}"));
    let own = engine.clone();
    let link = tokio::task::spawn_blocking(move || setup_link(&own)).await.expect("runs").expect("a link").secret;
    let arrived = redeem_setup(&engine, &link, "Olaf".into(), "olaf".into()).await.expect("set up");
    assert!(sign_in(&engine, &arrived.session.secret).is_ok());
    clock.set(at(13 * 60));
    assert!(sign_in(&engine, &arrived.session.secret).is_err(), "it is over");
    let again = open_session(&engine, &arrived.key.secret).await.expect("a session").secret;
    let olaf = sign_in(&engine, &again).expect("signed in");
    assert!(olaf.role == Role::Admin && olaf.is_interactive());
    // The link set up one person, once.
    assert!(redeem_setup(&engine, &link, "Eve".into(), "eve".into()).await.is_err());
    assert_eq!(certrail_usecases::fsck(&engine).expect("runs").faults, Vec::<String>::new());
}

/// Whoever loses a role loses what rested on it: their tokens, those made with these, those they made for pipelines, and the
/// links they made for others.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_demoted_loses_what_rested_on_their_role() {
    let stage = stage().await;
    let as_role = |role| NewPerson { name: "mia".into(), accounts: vec!["mia".into()], role, scope: Scope::ALL };
    let system = Caller::internal("test");
    let mia = put_person(&stage.engine, &system, as_role(Role::Admin)).await.expect("a person");
    let session = session_for(&stage.engine, &mia).await.expect("a session").secret;
    let caller = sign_in(&stage.engine, &session).expect("signed in");
    let make =
        async |caller: &Caller, new: NewToken| create_token(&stage.engine, caller, new).await.expect("a token").secret;
    let own = make(&caller, NewToken { role: Role::Admin, own: true, ..NewToken::pipeline("own", &["*"]) }).await;
    let with_own = sign_in(&stage.engine, &own).expect("signed in");
    let child = make(&with_own, NewToken { role: Role::Admin, own: true, ..NewToken::pipeline("child", &["*"]) }).await;
    let pipeline = make(&caller, NewToken::pipeline("ci of mia", &["pay"])).await;
    let guest = NewPerson { name: "gus".into(), accounts: vec!["gus".into()], role: Role::Viewer, scope: Scope::ALL };
    let guest = put_person(&stage.engine, &system, guest).await.expect("a person");
    let link = invite(&stage.engine, &caller, guest.id.as_str()).await.expect("a link").secret;
    // Whoever asks sees whose each is, and when it was used last.
    for secret in [&own, &child, &pipeline] {
        sign_in(&stage.engine, secret).expect("signed in");
    }
    let olaf = sign_in(&stage.engine, &stage.tokens["olaf"]).expect("signed in");
    let listed = list_tokens(&stage.engine, &olaf).expect("reads");
    let used = |name: &str| listed.iter().find(|t| t.token.name == name).is_some_and(|t| t.token.last_used.is_some());
    assert!(used("own") && used("child") && used("ci of mia"));
    put_person(&stage.engine, &system, as_role(Role::Viewer)).await.expect("changed");
    assert!(sign_in(&stage.engine, &pipeline).is_err(), "a viewer makes no tokens for pipelines");
    assert!(redeem_link(&stage.engine, &link, None).await.is_err(), "nor invites anybody");
    for secret in [&own, &child] {
        // What stands for a person does what they may do now, and no more.
        assert!(
            sign_in(&stage.engine, secret).is_ok_and(|c| c.role == Role::Viewer)
                || sign_in(&stage.engine, secret).is_err()
        );
    }
    stage.clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_the_token_that_opened_it() {
    let stage = stage().await;
    let token = token_of(&stage, "anna").await;
    let session = open_session(&stage.engine, &token).await.expect("opened");
    let caller = sign_in(&stage.engine, &session.secret).expect("signed in");
    assert_eq!((caller.name.as_str(), caller.role, caller.is_interactive()), ("anna", Role::ReleaseManager, false));
    let olaf = sign_in(&stage.engine, &stage.tokens["olaf"]).expect("signed in");
    let annas = list_tokens(&stage.engine, &olaf).expect("reads");
    let annas = annas.iter().find(|t| t.token.kind == TokenKind::Token && t.whose.as_deref() == Some("anna"));
    let annas = annas.expect("hers").token.id.clone();
    revoke_token(&stage.engine, &olaf, annas).await.expect("revoked");
    assert!(sign_in(&stage.engine, &session.secret).is_err());
    assert!(open_session(&stage.engine, &token).await.is_err());
}
