//! Who is asking: a bearer token or a session cookie; in the demo, a sample person.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use certrail_domain::{Problem, ProblemKind, Role};
use certrail_usecases::{Caller, sign_in};

use crate::{App, refusal::Refusal};

/// The name of the session cookie.
pub(crate) const COOKIE: &str = "certrail_session";

/// The caller of the API, by token. Refuses with 401 otherwise.
///
/// Cookies do not count here: a page of another site could make a browser send them.
pub(crate) struct SignedIn(pub(crate) Caller);

/// The token in the `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned))
}

/// The session in the cookie.
fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=').map(str::to_owned))
}

/// Who a page is asked for by: a session, a token, or in the demo a sample person.
pub(crate) fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let sample = || app.settings.demo.as_ref().and_then(|d| d.get(&Role::ReleaseManager).cloned());
    of_secret(app, bearer(headers).or_else(|| cookie(headers)).or_else(sample))
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

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let (app, headers) = (app.clone(), parts.headers.clone());
        let caller = crate::blocking::blocking(move || of_secret(&app, bearer(&headers))).await?;
        Ok(Self(caller))
    }
}
