//! Pages: HTML from the server, the sentence first, everything reachable without script.

mod account;
mod decide_finding;
mod evidence;
mod finding;
mod findings;
mod home;
mod layout;
mod log;
mod release;
mod releases;
mod sign_in;
mod unbound;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use certrail_domain::{Action, Problem, ProblemKind};
use certrail_usecases::{Caller, allow};
use maud::{Markup, html};

use crate::{App, blocking::blocking, caller::identify};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(home::page))
        .route("/releases", get(releases::page))
        .route("/r/{product}/{version}", get(release::page))
        .route("/r/{product}/{version}/dossier.json", get(release::dossier_json))
        .route("/r/{product}/{version}/dossier.pdf", get(release::dossier_pdf))
        .route("/r/{product}/{version}/certify", post(release::certify))
        .route("/r/{product}/{version}/approve", post(release::approve))
        .route("/e/{id}", get(evidence::page))
        .route("/e/{id}/raw", get(evidence::raw))
        .route("/findings", get(findings::page))
        .route("/findings/decide", post(decide_finding::decide))
        .route("/findings/effect", get(decide_finding::effect))
        .route("/findings/{verb}/decisions", post(decide_finding::end))
        .route("/f/{id}", get(finding::page))
        .route("/unbound", get(unbound::page))
        .route("/unbound/{id}/bind", post(unbound::bind))
        .route("/log", get(log::page))
        .route("/sign-in", get(sign_in::form).post(sign_in::submit))
        .route("/account", get(account::page))
        .route("/account/token", post(account::token))
        .route("/account/link/{person}", post(account::link))
        .route("/account/person", post(account::person))
        .route("/link/{link}", get(sign_in::link_form).post(sign_in::link))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/setup/{link}", get(sign_in::setup_form).post(sign_in::setup))
        .route("/demo/as/{role}", get(sign_in::demo_role))
        .route("/static/style.css", get(style))
        .route("/static/findings.js", get(script))
}

async fn style() -> Response {
    let css = include_str!("../../static/style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")], css)
        .into_response()
}

/// Keys and the live line of the findings page; everything there works without it, too.
async fn script() -> Response {
    let script = include_str!("../../static/findings.js");
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")], script)
        .into_response()
}

/// A refusal for people: the same words as for machines, on a page.
pub(crate) struct PageRefusal {
    problem: Problem,
    back: String,
}

impl From<Problem> for PageRefusal {
    fn from(problem: Problem) -> Self {
        Self { problem, back: "/".into() }
    }
}

impl IntoResponse for PageRefusal {
    fn into_response(self) -> Response {
        let p = self.problem;
        if p.kind == ProblemKind::NotSignedIn {
            return Redirect::to(&format!("/sign-in?to={}", layout::encode(&self.back))).into_response();
        }
        let body = html! {
            h1 { (p.what) }
            p { (p.why) }
            @if !p.fix.is_empty() { p.fix { strong { "What to do: " } (p.fix) } }
            p { a href="/" { "Home" } " · " a href="/releases" { "Releases" } }
        };
        let page = layout::bare(&format!("Error: {}", p.what), &body);
        (crate::refusal::status(p.kind), Html(page.into_string())).into_response()
    }
}

type Page = Result<Html<String>, PageRefusal>;

/// The person who looks, who must be allowed to.
pub(crate) async fn reader(app: &App, headers: &HeaderMap, back: &str) -> Result<Caller, PageRefusal> {
    let (own, given) = (app.clone(), headers.clone());
    let caller = blocking(move || identify(&own, &given))
        .await
        .map_err(|problem| PageRefusal { problem, back: back.to_owned() })?;
    allow(&caller, Action::Read)?;
    Ok(caller)
}

pub(crate) fn show(app: &App, caller: &Caller, title: &str, here: &str, body: &Markup) -> Html<String> {
    Html(layout::full(app, caller, title, here, body).into_string())
}

pub(crate) async fn not_found(State(_): State<App>, uri: Uri) -> Response {
    let problem = Problem::new(
        ProblemKind::NotFound,
        "no-such-page",
        "There is no such page.",
        format!("Nothing is at {}.", uri.path().chars().take(100).collect::<String>()),
        "Begin at the list of releases.",
    );
    if uri.path().starts_with("/api/") {
        return crate::refusal::Refusal(problem).into_response();
    }
    (StatusCode::NOT_FOUND, PageRefusal::from(problem)).into_response()
}
