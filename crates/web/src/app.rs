//! The router: which address is answered where.

use std::{any::Any, collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use certrail_domain::{Problem, ProblemKind, Role};
use certrail_usecases::{Engine, Renderer};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate},
    csrf::CsrfLayer,
    set_header::SetResponseHeaderLayer,
};

use crate::{
    api, hooks, log_routes,
    operation::{self, Guard, Operation},
    ops,
    pages::{self, PageRefusal},
    refusal::Refusal,
    room::Room,
    slots::Slots,
};

/// What the edge is told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The commit and version of this program.
    pub version: String,
    /// How PDFs are rendered.
    pub renderer: Renderer,
    /// In the demo: the session of each sample person by role. Anybody who comes acts as one of them.
    pub demo: Option<BTreeMap<Role, String>>,
    /// Where people reach it, behind a proxy say: `https://certrail.example.com`.
    pub public_url: Option<String>,
}

impl Settings {
    /// Whether browsers come over TLS, so that a session may travel on nothing else.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// Shared by every request.
#[derive(Clone)]
pub struct App {
    /// The system.
    pub engine: Arc<Engine>,
    /// What the edge was told.
    pub settings: Arc<Settings>,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// Room for bodies on their way in.
    pub room: Room,
    /// Places for files on their way out.
    pub downloads: Slots,
}

/// The largest form, in bytes. API and hooks read their bodies themselves, each up to a limit of its own.
const MAX_FORM: usize = 64 * 1024;
const REQUEST_SECONDS: u64 = 120;

/// Every operation with its access rule, for whoever checks that each is held.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [pages::operations(), api::operations(), log_routes::operations(), ops::operations(), hooks::operations()]
        .into_iter()
        .flatten()
        .collect()
}

/// The answer where our own work ended in the middle: the log says where.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    let what = "The request could not be answered.";
    let why = "certrail failed inside; what was acknowledged is kept.";
    Refusal(Problem::new(ProblemKind::Internal, "internal", what, why, "Look at the server's log.")).into_response()
}

/// The answer to whoever would wait for ever: what they sent may be kept all the same.
async fn in_time(request: Request, next: Next) -> Response {
    let machine = is_of_machines(request.uri().path());
    match tokio::time::timeout(Duration::from_secs(REQUEST_SECONDS), next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let why = format!("It took longer than {REQUEST_SECONDS} s; what was sent may be kept or not.");
            let fix = "Send it again with the same delivery key: what is kept already is answered with its receipt.";
            let what = "The request was not answered in time.";
            let problem = Problem::new(ProblemKind::Unavailable, "too-slow", what, why, fix);
            if machine {
                Refusal(problem).into_response()
            } else {
                PageRefusal::new(problem, "/".into()).into_response()
            }
        }
    }
}

/// Whether an address is for machines, which are answered in JSON. `/log` itself is a page.
pub(crate) fn is_of_machines(path: &str) -> bool {
    let fixed = ["/healthz", "/readyz", "/metrics", "/version"];
    ["/api/", "/hooks/", "/log/"].iter().any(|start| path.starts_with(start)) || fixed.contains(&path)
}

/// Everything that is served.
pub fn router(app: App) -> Router {
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let mut rules = operation::Rules::new();
    // What a browser sends with a session is guarded against other sites; machines carry tokens.
    // No form is larger than a page of text, and some are read before anybody signed in.
    let browser = operation::routes(pages::operations(), &mut rules)
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(CsrfLayer::new());
    let machine = [api::operations(), log_routes::operations(), ops::operations()];
    let machine = operation::routes(machine.into_iter().flatten().collect(), &mut rules);
    let hooks = operation::routes(hooks::operations(), &mut rules);
    let guard = middleware::from_fn_with_state((app.clone(), Guard::new(rules)), operation::guard);
    Router::new()
        .merge(browser)
        .merge(machine)
        .route_layer(guard)
        .fallback(pages::not_found)
        // What is sent in parts is sent as it is: a part of something else would not fit.
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(
            |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| !headers.contains_key(header::ACCEPT_RANGES),
        )))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        // Deliveries come in thousands a second and are answered to machines: they pass what guards them, and no more.
        .merge(hooks)
        .method_not_allowed_fallback(pages::not_allowed)
        .layer(middleware::from_fn(in_time))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}
