//! Every operation of the server with its access rule: whoever adds an address states who may use it.
//!
//! The router is made from these, so there is none without a rule; a test plays role × scope × operation.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    handler::Handler,
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use certrail_domain::{Action, Problem, ProblemKind, is_blank};
use certrail_usecases::{Caller, On, allow};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::{
    App,
    blocking::blocking,
    caller::{identify, identify_machine},
    input::{blank, unreadable},
    limiter::Limiter,
    pages::PageRefusal,
    peer::Peer,
    refusal::Refusal,
};

/// Who may use an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: it shows nothing of the installation's, or is meant for the world.
    Open,
    /// Whoever proves who they are in the request itself: a link, a sign-in key; as often as somebody may try. Deliveries prove
    /// it by a signature, and come in thousands.
    Proves,
    /// Whoever is signed in, about themselves.
    SignedIn,
    /// Whoever may do this, on this.
    Needs(Action, Reach),
    /// Whoever may do one of these, on this: what exactly is asked for decides which, and the use case tells them apart.
    NeedsOne(&'static [Action], Reach),
}

/// What an operation is done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The `{product}` of its path.
    Product,
    /// The product named in its body or query, or that of the object named in its path: the use case looks.
    Named,
    /// A list: it shows what the caller reaches.
    List,
    /// What belongs to no product.
    Everything,
}

/// An operation.
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path, with `{parameters}`.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Whether it takes parameters in its query; pages do, each as it reads them.
    takes_query: bool,
    route: MethodRouter<App>,
}

impl Operation {
    fn new<H, T>(method: Method, filter: MethodFilter, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Self { method, path, access, takes_query: false, route: on(filter, handler) }
    }

    /// The same, with parameters in its query.
    pub(crate) fn with_query(self) -> Self {
        Self { takes_query: true, ..self }
    }

    pub(crate) fn get<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self::new(Method::GET, MethodFilter::GET, path, access, handler)
    }

    pub(crate) fn post<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self::new(Method::POST, MethodFilter::POST, path, access, handler)
    }

    pub(crate) fn put<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self::new(Method::PUT, MethodFilter::PUT, path, access, handler)
    }

    pub(crate) fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Self::new(Method::DELETE, MethodFilter::DELETE, path, access, handler)
    }
}

/// Of an operation: who may use it, and whether it takes parameters.
type Rule = (Access, bool);

/// The rules by method and path.
pub(crate) type Rules = HashMap<(Method, &'static str), Rule>;

/// The routes of operations, and their rules.
pub(crate) fn routes(operations: Vec<Operation>, rules: &mut Rules) -> Router<App> {
    operations.into_iter().fold(Router::new(), |router, operation| {
        rules.insert((operation.method, operation.path), (operation.access, operation.takes_query));
        router.route(operation.path, operation.route)
    })
}

/// Whether others wait for their turn to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd(pub(crate) bool);

/// What guards the operations.
#[derive(Clone)]
pub(crate) struct Guard {
    rules: Arc<Rules>,
    tries: Arc<Limiter>,
    /// Places for those who look at something. Others wait in line, so that whoever sends evidence or asks a gate does not
    /// stand behind a crowd of readers at every step of the way.
    readers: Arc<Semaphore>,
    /// Places for those of them who are being told apart from strangers: it takes next to nothing, and hundreds at once would
    /// leave a gate's answer no processor.
    known: Arc<Semaphore>,
    /// Gates that wait for their answer: somebody's deployment hangs on each.
    gates: Arc<watch::Sender<usize>>,
}

/// How long whoever looks stands back for gates.
const STAND_BACK: Duration = Duration::from_millis(20);

impl Guard {
    pub(crate) fn new(rules: Rules) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let places = || Arc::new(Semaphore::new(processors.clamp(2, 32)));
        let gates = Arc::new(watch::Sender::new(0));
        Self { rules: Arc::new(rules), tries: Arc::default(), readers: places(), known: places(), gates }
    }

    /// A place for whoever looks, when one is free. Making a dossier takes long, and has a line of its own.
    async fn place(&self, method: &Method) -> Option<SemaphorePermit<'_>> {
        if *method != Method::GET {
            return None;
        }
        let mut gates = self.gates.subscribe();
        // Nobody stands back for ever: after a moment it is this reader's turn all the same.
        let _ = tokio::time::timeout(STAND_BACK, gates.wait_for(|asked| *asked == 0)).await;
        self.readers.acquire().await.ok()
    }

    /// Readers stand back while this is there.
    fn gate(&self) -> Asked<'_> {
        self.gates.send_modify(|asked| *asked += 1);
        Asked(&self.gates)
    }
}

/// A gate that waits for its answer.
struct Asked<'a>(&'a watch::Sender<usize>);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|asked| *asked -= 1);
    }
}

/// Lets a request through if its operation's rule does. Handlers find the caller among the request's extensions.
pub(crate) async fn guard(
    State((app, guard)): State<(App, Guard)>,
    path: Option<MatchedPath>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    // What matches no path, or no method of it, is answered as such further on.
    let rule = path.as_ref().and_then(|path| {
        guard.rules.iter().find(|((m, p), _)| *m == method && *p == path.as_str()).map(|(_, rule)| *rule)
    });
    let takes_query = rule.is_none_or(|(_, takes_query)| takes_query);
    let rule = rule.map(|(access, _)| access);
    let (actions, reach): (Vec<Action>, Reach) = match rule {
        None | Some(Access::Open) => return next.run(request).await,
        Some(Access::Proves) => {
            let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Together);
            return match guard.tries.take(peer, Instant::now()) {
                Ok(()) => next.run(request).await,
                Err(problem) => PageRefusal::new(problem, "/".to_owned()).into_response(),
            };
        }
        Some(Access::SignedIn) => (Vec::new(), Reach::List),
        Some(Access::Needs(action, reach)) => (vec![action], reach),
        Some(Access::NeedsOne(actions, reach)) => (actions.to_vec(), reach),
    };
    let machine = request.uri().path().starts_with("/api/");
    if machine
        && !takes_query
        && let Some(query) = request.uri().query().filter(|query| !query.is_empty())
    {
        let name =
            form_urlencoded::parse(query.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned());
        return Refusal(unreadable("bad-query", "The query", &format!("this operation takes no parameter `{name}`")))
            .into_response();
    }
    let back = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let back = if method == Method::GET { back } else { "/".to_owned() };
    let refuse = |problem: Problem| match machine {
        true => Refusal(problem).into_response(),
        false => PageRefusal::new(problem, back.clone()).into_response(),
    };
    let (own, headers) = (app.clone(), request.headers().clone());
    let identified =
        blocking(move || if machine { identify_machine(&own, &headers) } else { identify(&own, &headers) });
    let line = if method == Method::GET { guard.known.acquire().await.ok() } else { None };
    let identified = identified.await;
    drop(line);
    let caller = match identified {
        Ok(caller) => caller,
        Err(problem) => return refuse(problem),
    };
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(error) => return refuse(unreadable("bad-path", "The address", &error.body_text())),
    };
    if let Some((name, _)) = parameters.iter().find(|(_, value)| is_blank(value)) {
        return refuse(blank(name));
    }
    if !actions.is_empty() {
        let product = parameters.iter().find(|(name, _)| *name == "product").map(|(_, value)| value);
        let on = match (reach, product) {
            (Reach::Product, Some(product)) => On::Product(product),
            (Reach::Product | Reach::Everything, _) => On::Everything,
            (Reach::Named | Reach::List, _) => On::Reached,
        };
        let mut refusals: Vec<Problem> =
            actions.iter().filter_map(|action| allow(&caller, *action, on).err()).collect();
        if refusals.len() == actions.len() {
            return refuse(refusals.swap_remove(0));
        }
    }
    // Strangers stand in nobody's way: a place is for who may be here.
    let _asked = actions.contains(&Action::AskGate).then(|| guard.gate());
    let _place = guard.place(&method).await;
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(Crowd(guard.readers.available_permits() == 0));
    next.run(request).await
}

/// The caller that the guard let through.
pub(crate) fn caller_of(extensions: &axum::http::Extensions) -> Result<Caller, Problem> {
    extensions.get::<Caller>().cloned().ok_or_else(|| {
        Problem::new(
            ProblemKind::Internal,
            "no-access-rule",
            "The request could not be answered.",
            "This operation does not say who may use it.",
            "Report it: it is a fault of certrail.",
        )
    })
}
