//! Who is asking: a bearer token or a session cookie; in the demo, a sample person.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use certrail_domain::{Problem, ProblemKind, Role};
use certrail_usecases::{Caller, sign_in};

use crate::{App, operation::caller_of, pages::PageRefusal, refusal::Refusal};

/// The name of the session cookie.
pub(crate) const COOKIE: &str = "certrail_session";

/// The caller of the API. Cookies do not count there: a page of another site could make a browser send them.
pub(crate) struct SignedIn(pub(crate) Caller);

/// The person who looks at a page.
pub(crate) struct Reader(pub(crate) Caller);

/// The token in the `Authorization` header. One that is blank is a token that is unknown, not one that is absent.
fn bearer(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::AUTHORIZATION)
        .map(|v| v.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")).unwrap_or_default().to_owned())
}

/// The session in the cookie.
fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=').map(str::to_owned))
        .filter(|secret| !secret.is_empty())
}

/// Who a page is asked for by: a session, a token, or in the demo a sample person.
pub(crate) fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let sample = || app.settings.demo.as_ref().and_then(|d| d.get(&Role::ReleaseManager).cloned());
    of_secret(app, bearer(headers).or_else(|| cookie(headers)).or_else(sample))
}

/// Who is signed in in this browser, if anybody is.
pub(crate) fn identify_session(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    of_secret(app, cookie(headers))
}

/// Who calls the API: by token.
pub(crate) fn identify_machine(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    of_secret(app, bearer(headers))
}

fn of_secret(app: &App, secret: Option<String>) -> Result<Caller, Problem> {
    match secret {
        Some(secret) => sign_in(&app.engine, &secret),
        None => Err(Problem::new(
            ProblemKind::NotSignedIn,
            "not-signed-in",
            "You are not signed in.",
            "The request carries neither a token nor a session.",
            "Give a token as `Authorization: Bearer …` (CERTRAIL_TOKEN for the command line), or sign in at /sign-in.",
        )),
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        Ok(Self(caller_of(&parts.extensions)?))
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = PageRefusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, PageRefusal> {
        Ok(Self(caller_of(&parts.extensions)?))
    }
}
