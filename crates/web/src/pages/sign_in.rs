//! Signing in: by token, or by the one-time set-up link. No passwords, no default credentials.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use certrail_domain::{Problem, ProblemKind, Role};
use certrail_usecases::{Arrived, TokenKind, open_session, redeem_setup, revoke_token};
use maud::html;
use serde::Deserialize;

use super::{PageRefusal, layout};
use crate::{
    App,
    blocking::blocking,
    caller::{COOKIE, identify, identify_session},
    input::{Filled, Filter, PagePath},
};

#[derive(Deserialize)]
pub(super) struct Target {
    #[serde(default)]
    to: String,
}

/// Only addresses of our own.
fn safe(to: &str) -> &str {
    if to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.contains(char::is_control) {
        to
    } else {
        "/"
    }
}

pub(super) async fn form(Filter(target): Filter<Target>) -> Html<String> {
    page(&target.to, None)
}

fn page(to: &str, error: Option<&Problem>) -> Html<String> {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(p) = error { p.alarm role="alert" { (p.what) " " (p.why) " " (p.fix) } }
        form method="post" action="/sign-in" {
            input type="hidden" name="to" value=(safe(to));
            label for="token" { "Sign-in key" }
            input #token name="token" type="password" autocomplete="current-password" required autofocus;
            button type="submit" { "Sign in" }
        }
        p.meta { "You got your key when you signed in for the first time. A token for the command line opens the pages, too, and what is decided then counts as reported." }
        p.meta { "On a new installation, open the set-up link that the server printed at its start. If your key is lost, ask whoever runs the server." }
    };
    Html(layout::bare(if error.is_some() { "Error: Sign in" } else { "Sign in" }, &body).into_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenForm {
    token: String,
    #[serde(default)]
    to: String,
}

fn with_cookie(app: &App, secret: &str, to: &str, seconds: i64) -> Response {
    let mut response = Redirect::to(safe(to)).into_response();
    set_cookie(&mut response, app, secret, seconds);
    response
}

fn set_cookie(response: &mut Response, app: &App, secret: &str, seconds: i64) {
    let secure = if app.settings.is_https() { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    // Secrets are letters and digits, so that this is always a header.
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}

pub(super) async fn submit(State(app): State<App>, Filled(form): Filled<TokenForm>) -> Response {
    match open_session(&app.engine, &form.token).await {
        Ok(session) => with_cookie(&app, &session.secret, &form.to, 12 * 3600),
        Err(problem) => (crate::refusal::status(problem.kind), page(&form.to, Some(&problem))).into_response(),
    }
}

pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, PageRefusal> {
    let (own, given) = (app.clone(), headers);
    match blocking(move || identify(&own, &given)).await {
        Ok(caller) if caller.how != TokenKind::Token.name() => {
            revoke_token(&app.engine, &caller, caller.key.clone()).await?;
        }
        Ok(_) => {}
        Err(problem) if problem.kind == ProblemKind::NotSignedIn => {}
        // Whether the session has ended is not known: it must not be said that it has.
        Err(problem) => return Err(problem.into()),
    }
    Ok(with_cookie(&app, "", "/sign-in", 0))
}

pub(super) async fn setup_form(PagePath(_): PagePath<String>) -> Html<String> {
    let body = html! {
        h1 { "Set up certrail" }
        p { "You become its first person, with the role admin. This link works once." }
        form method="post" {
            label for="name" { "Your name, as it should stand in the record" }
            input #name name="name" required maxlength="200" autofocus;
            label for="account" { "Your account at the code host, or your e-mail address" }
            input #account name="account" required maxlength="200";
            button type="submit" { "Begin" }
        }
    };
    Html(layout::bare("Set up", &body).into_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetupForm {
    name: String,
    #[serde(default)]
    account: String,
}

pub(super) async fn setup(
    State(app): State<App>,
    PagePath(link): PagePath<String>,
    Filled(form): Filled<SetupForm>,
) -> Response {
    match redeem_setup(&app.engine, &link, form.name, form.account).await {
        Ok(arrived) => welcome(&app, &arrived),
        Err(p) => {
            let body = html! { h1 { (p.what) } p.alarm role="alert" { (p.why) } p.fix { (p.fix) } };
            (crate::refusal::status(p.kind), Html(layout::bare("Error: Set up", &body).into_string())).into_response()
        }
    }
}

/// Somebody signed in for the first time, or anew: the key by which they come back is shown once.
fn welcome(app: &App, arrived: &Arrived) -> Response {
    let body = html! {
        h1 { "You are signed in" }
        p { "This is your sign-in key. It is shown once, and it is yours alone: put it into your password manager now." }
        pre tabindex="0" { (arrived.key.secret) }
        p { "A session lasts 12 hours; afterwards the key opens the next one at " a href="/sign-in" { "/sign-in" } ". It holds until " (layout::time(arrived.key.expires_at)) "." }
        p { a.button href="/" { "I have kept it" } }
    };
    let mut response = Html(layout::bare("Your sign-in key", &body).into_string()).into_response();
    set_cookie(&mut response, app, &arrived.session.secret, 12 * 3600);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A link opens a page first: a mail scanner that follows it must not use it up.
pub(super) async fn link_form(PagePath(_): PagePath<String>) -> Html<String> {
    let body = html! {
        h1 { "Sign in" }
        form method="post" { button type="submit" autofocus { "Sign in" } }
        p.meta { "This link works once." }
    };
    Html(layout::bare("Sign in", &body).into_string())
}

pub(super) async fn link(State(app): State<App>, headers: HeaderMap, PagePath(link): PagePath<String>) -> Response {
    let own = app.clone();
    // Somebody else's link, opened in a browser that is signed in, is a mistake or worse. Without a session it is neither.
    let already = blocking(move || identify_session(&own, &headers)).await.ok();
    match certrail_usecases::redeem_link(&app.engine, &link, already.as_ref()).await {
        Ok(arrived) => welcome(&app, &arrived),
        Err(p) => {
            let body = html! { h1 { (p.what) } p.alarm role="alert" { (p.why) } p.fix { (p.fix) } };
            (crate::refusal::status(p.kind), Html(layout::bare("Error: Sign in", &body).into_string())).into_response()
        }
    }
}

/// In the demo only: go on as another sample person.
pub(super) async fn demo_role(
    State(app): State<App>,
    PagePath(role): PagePath<String>,
) -> Result<Response, PageRefusal> {
    let secret = app.settings.demo.as_ref().zip(Role::from_name(&role)).and_then(|(d, r)| d.get(&r).cloned());
    match secret {
        Some(secret) => Ok(with_cookie(&app, &secret, "/", 12 * 3600)),
        None => Err(Problem::new(
            ProblemKind::NotFound,
            "no-such-page",
            "There is no such page.",
            "Roles are switched in the demo only.",
            "Sign in with another token.",
        )
        .into()),
    }
}
