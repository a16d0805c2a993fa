//! Pages: HTML from the server, the sentence first, everything reachable without script.

mod access;
mod account;
mod asked;
mod baselines;
mod decide_finding;
mod dossiers;
mod evidence;
mod finding;
mod findings;
mod home;
mod layout;
mod log;
mod product;
mod release;
mod releases;
mod settings;
mod sign_in;
mod unbound;

use axum::{
    extract::State,
    http::{StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use certrail_domain::{Action, Problem, ProblemKind};
use certrail_usecases::Caller;
use maud::{Markup, html};

use crate::{
    App,
    operation::{Access, Operation, Reach},
};

pub(crate) fn operations() -> Vec<Operation> {
    use Access::{Needs, NeedsOne, Open, Proves, SignedIn};
    use Action::{Administer, Approve, Bind, Certify, GrantException, Read, Record, RequestException};
    use Reach::{Everything, List, Named, Product};
    vec![
        Operation::get("/", Needs(Read, List), home::page),
        Operation::get("/releases", Needs(Read, List), releases::page),
        Operation::get("/r/{product}/{version}", Needs(Read, Product), release::page),
        Operation::get("/r/{product}/{version}/changes", Needs(Read, Product), release::all_changes),
        Operation::get("/r/{product}/{version}/evidence", Needs(Read, Product), release::all_evidence),
        Operation::get("/r/{product}/{version}/requirements/{id}", Needs(Read, Product), release::all_rows),
        Operation::get("/r/{product}/{version}/dossiers", Needs(Read, Product), dossiers::list),
        Operation::post("/r/{product}/{version}/dossiers", Needs(Read, Product), dossiers::make),
        Operation::get("/r/{product}/{version}/dossiers/{number}", Needs(Read, Product), dossiers::page),
        Operation::get("/r/{product}/{version}/dossiers/{number}/dossier.json", Needs(Read, Product), dossiers::json),
        Operation::get("/r/{product}/{version}/dossiers/{number}/dossier.pdf", Needs(Read, Product), dossiers::pdf),
        Operation::post("/r/{product}/{version}/certify", Needs(Certify, Product), release::certify),
        Operation::post("/r/{product}/{version}/look-back", NeedsOne(&[Approve, Certify], Product), release::look_back),
        Operation::post("/r/{product}/{version}/reject", Needs(Certify, Product), release::reject),
        Operation::post("/r/{product}/{version}/emergency", Needs(Certify, Product), release::emergency),
        Operation::post("/r/{product}/{version}/approve", NeedsOne(&[Approve, Certify], Product), release::approve),
        Operation::post(
            "/r/{product}/{version}/work-items",
            NeedsOne(&[Approve, Certify, Record], Product),
            release::authorise_work_item,
        ),
        Operation::post(
            "/r/{product}/{version}/exceptions",
            Needs(RequestException, Product),
            release::request_exception,
        ),
        Operation::post(
            "/r/{product}/{version}/exceptions/{id}/{verb}",
            Needs(GrantException, Product),
            release::answer_exception,
        ),
        Operation::get("/p/{product}", Needs(Read, Product), product::page),
        Operation::post("/p/{product}/accepts-reported", Needs(RequestException, Product), product::request),
        // One person alone may do both where the product says that there is no other; the use case tells.
        Operation::post(
            "/p/{product}/accepts-reported/{kind}/{verb}",
            NeedsOne(&[GrantException, RequestException], Product),
            product::answer,
        ),
        Operation::post("/p/{product}/baselines", Needs(Administer, Product), baselines::request),
        // More is judged by whoever administers it; less by whoever grants exceptions.
        Operation::post(
            "/p/{product}/baselines/{commit}/{verb}",
            NeedsOne(&[GrantException, Administer], Product),
            baselines::answer,
        ),
        Operation::get("/e/{id}", Needs(Read, Named), evidence::page),
        Operation::get("/e/{id}/raw", Needs(Read, Named), evidence::raw),
        Operation::get("/findings", Needs(Read, List), findings::page),
        Operation::post("/findings/decide", Needs(RequestException, Named), decide_finding::decide),
        Operation::get("/findings/effect", Needs(RequestException, Named), decide_finding::effect),
        // Taking back what one asked for oneself needs no right to grant.
        Operation::post(
            "/findings/{verb}/decisions",
            NeedsOne(&[GrantException, RequestException], Named),
            decide_finding::end,
        ),
        Operation::get("/f/{id}", Needs(Read, Named), finding::page),
        Operation::get("/unbound", Needs(Read, List), unbound::page),
        Operation::post("/unbound/{id}/bind", Needs(Bind, Named), unbound::bind),
        Operation::get("/log", Needs(Read, Everything), log::page),
        Operation::get("/access", Needs(Read, List), access::page),
        Operation::get("/settings", Needs(Read, List), settings::page),
        Operation::post("/settings/{id}/{verb}", Needs(Administer, Named), settings::answer),
        Operation::get("/sign-in", Open, sign_in::form),
        Operation::post("/sign-in", Proves, sign_in::submit),
        Operation::get("/account", SignedIn, account::page),
        Operation::post("/account/token", SignedIn, account::token),
        Operation::post("/account/link/{person}", Needs(Administer, Everything), account::link),
        Operation::post("/account/person", Needs(Administer, Everything), account::person),
        Operation::post("/account/end/{person}", Needs(Administer, Everything), account::end),
        Operation::get("/link/{link}", Open, sign_in::link_form),
        Operation::post("/link/{link}", Proves, sign_in::link),
        Operation::post("/sign-out", Open, sign_in::sign_out),
        Operation::get("/setup/{link}", Open, sign_in::setup_form),
        Operation::post("/setup/{link}", Proves, sign_in::setup),
        Operation::get("/demo/as/{role}", Open, sign_in::demo_role),
        Operation::get("/static/style.css", Open, style),
        Operation::get("/static/findings.js", Open, script),
    ]
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

impl PageRefusal {
    /// A refusal; whoever has to sign in first is led back to `back`.
    pub(crate) const fn new(problem: Problem, back: String) -> Self {
        Self { problem, back }
    }
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

pub(crate) fn show(app: &App, caller: &Caller, title: &str, here: &str, body: &Markup) -> Html<String> {
    Html(layout::full(app, caller, title, here, body).into_string())
}

pub(crate) async fn not_allowed(uri: Uri) -> Response {
    let problem = Problem::new(
        ProblemKind::NoSuchMethod,
        "no-such-method",
        "Nothing was done.",
        "The address is there, and not for this method.",
        "Look at docs/reference/api.md.",
    );
    match crate::app::is_of_machines(uri.path()) {
        true => crate::refusal::Refusal(problem).into_response(),
        false => PageRefusal::from(problem).into_response(),
    }
}

pub(crate) async fn not_found(State(_): State<App>, uri: Uri) -> Response {
    let problem = Problem::new(
        ProblemKind::NotFound,
        "no-such-page",
        "There is no such page.",
        format!("Nothing is at {}.", uri.path().chars().take(100).collect::<String>()),
        "Begin at the list of releases.",
    );
    if crate::app::is_of_machines(uri.path()) {
        return crate::api::no_such_address().into_response();
    }
    (StatusCode::NOT_FOUND, PageRefusal::from(problem)).into_response()
}
