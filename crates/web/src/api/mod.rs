//! `/api/v1`: JSON in, JSON out.

mod admin;
mod baselines;
mod decide;
mod dossiers;
mod findings;
mod record;
mod settings;
mod show;

pub(crate) use findings::state_of;

use axum::{
    Json,
    extract::{FromRequest, Request},
};
use certrail_domain::{Action, Problem, ProblemKind};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    App,
    input::{look_over, unreadable},
    operation::{Access, Operation, Reach, caller_of},
    refusal::Refusal,
    room::{Held, Received, Sender},
};

pub(crate) fn operations() -> Vec<Operation> {
    use Access::{Needs, NeedsOne, SignedIn};
    use Action::{Administer, Approve, AskGate, Bind, Certify, Cut, GrantException, Read, Record, RequestException};
    use Reach::{Everything, List, Named, Product};
    vec![
        Operation::post("/api/v1/evidence", Needs(Record, Named), record::evidence).with_query(),
        Operation::get("/api/v1/evidence/{id}", Needs(Read, Named), show::evidence),
        Operation::get("/api/v1/evidence/{id}/raw", Needs(Read, Named), show::raw),
        Operation::post("/api/v1/facts", NeedsOne(&[Record, Cut, Approve, Certify], Named), record::fact).with_query(),
        Operation::get("/api/v1/receipts/{index}", Needs(Read, List), show::receipt),
        Operation::get("/api/v1/unbound", Needs(Read, List), show::unbound).with_query(),
        Operation::post("/api/v1/unbound/{id}/bind", Needs(Bind, Named), decide::bind),
        Operation::get("/api/v1/products", Needs(Read, List), show::products),
        Operation::put("/api/v1/products/{product}", Needs(Administer, Product), admin::product),
        Operation::post(
            "/api/v1/products/{product}/accepts-reported",
            Needs(RequestException, Product),
            admin::ask_acceptance,
        ),
        // The use case tells an approver from the one person of a team of one.
        Operation::post(
            "/api/v1/products/{product}/accepts-reported/{kind}",
            Needs(RequestException, Product),
            admin::approve_acceptance,
        ),
        Operation::delete(
            "/api/v1/products/{product}/accepts-reported/{kind}",
            Needs(RequestException, Product),
            admin::end_acceptance,
        ),
        Operation::post("/api/v1/products/{product}/baselines", Needs(Administer, Product), baselines::state),
        Operation::post(
            "/api/v1/products/{product}/baselines/{commit}",
            Needs(GrantException, Product),
            baselines::approve,
        ),
        Operation::delete(
            "/api/v1/products/{product}/baselines/{commit}",
            NeedsOne(&[Administer, GrantException], Product),
            baselines::end,
        ),
        Operation::get("/api/v1/products/{product}/releases", Needs(Read, Product), show::releases).with_query(),
        Operation::get("/api/v1/products/{product}/releases/{version}", Needs(Read, Product), show::release),
        Operation::post(
            "/api/v1/products/{product}/releases/{version}/certify",
            Needs(Certify, Product),
            decide::certify,
        ),
        Operation::post(
            "/api/v1/products/{product}/releases/{version}/look-back",
            NeedsOne(&[Approve, Certify], Product),
            decide::look_back,
        ),
        Operation::post(
            "/api/v1/products/{product}/releases/{version}/reject",
            Needs(Certify, Product),
            decide::reject,
        ),
        Operation::post(
            "/api/v1/products/{product}/releases/{version}/emergency",
            Needs(Certify, Product),
            decide::emergency,
        ),
        Operation::post(
            "/api/v1/products/{product}/releases/{version}/gates/{gate}",
            Needs(AskGate, Product),
            decide::gate,
        ),
        Operation::get(
            "/api/v1/products/{product}/releases/{version}/evaluation",
            Needs(Read, Product),
            show::evaluation,
        )
        .with_query(),
        // Whoever may read a release may have its dossier: what is made is what they see, numbered.
        Operation::post("/api/v1/products/{product}/releases/{version}/dossiers", Needs(Read, Product), dossiers::make),
        Operation::get("/api/v1/products/{product}/releases/{version}/dossiers", Needs(Read, Product), dossiers::list)
            .with_query(),
        Operation::get(
            "/api/v1/products/{product}/releases/{version}/dossiers/{number}",
            Needs(Read, Product),
            dossiers::show,
        ),
        Operation::get(
            "/api/v1/products/{product}/releases/{version}/dossiers/{number}/dossier.json",
            Needs(Read, Product),
            dossiers::json,
        ),
        Operation::get(
            "/api/v1/products/{product}/releases/{version}/dossiers/{number}/dossier.pdf",
            Needs(Read, Product),
            dossiers::pdf,
        ),
        Operation::get(
            "/api/v1/products/{product}/releases/{version}/findings",
            Needs(Read, Product),
            findings::of_release,
        ),
        Operation::get("/api/v1/findings", Needs(Read, List), findings::list).with_query(),
        Operation::get("/api/v1/findings/queue", Needs(Read, List), findings::queue).with_query(),
        Operation::get("/api/v1/findings/{id}", Needs(Read, Named), findings::show),
        Operation::post("/api/v1/findings/{id}/triage", Needs(RequestException, Named), findings::triage),
        Operation::post("/api/v1/findings/{id}/decisions", Needs(RequestException, Named), findings::decide),
        Operation::post("/api/v1/findings/{id}/effect", Needs(RequestException, Named), findings::effect),
        // Taking back what one asked for oneself needs no right to grant; the use case tells them apart.
        Operation::post("/api/v1/finding-decisions/{id}/{verb}", Needs(Read, Named), findings::decision),
        Operation::post("/api/v1/exceptions", Needs(RequestException, Named), decide::request_exception),
        Operation::post("/api/v1/exceptions/{id}/{verb}", Needs(Action::GrantException, Named), decide::exception),
        Operation::get("/api/v1/connectors", Needs(Read, Everything), admin::connectors),
        Operation::put("/api/v1/connectors/{connector}", Needs(Administer, Everything), admin::connector),
        Operation::delete("/api/v1/connectors/{connector}", Needs(Administer, Everything), admin::end_connector),
        Operation::post(
            "/api/v1/connectors/{connector}/secrets",
            Needs(Administer, Everything),
            admin::connector_secret,
        ),
        Operation::put("/api/v1/criteria", Needs(Administer, Everything), admin::criteria).with_query(),
        Operation::get("/api/v1/settings", Needs(Read, List), settings::list),
        Operation::post("/api/v1/settings/{id}/{verb}", Needs(Administer, Named), settings::decide),
        Operation::get("/api/v1/people", Needs(Read, Everything), admin::people),
        Operation::put("/api/v1/people", Needs(Administer, Everything), admin::person),
        Operation::delete("/api/v1/people/{person}", Needs(Administer, Everything), admin::end_person),
        Operation::get("/api/v1/tokens", Needs(Administer, Everything), admin::tokens),
        Operation::post("/api/v1/tokens", SignedIn, admin::token),
        Operation::delete("/api/v1/tokens/{id}", SignedIn, admin::revoke),
        Operation::get("/api/v1/whoami", SignedIn, admin::whoami),
    ]
}

/// What is under `/api/` and matches nothing.
pub(crate) fn no_such_address() -> Refusal {
    Refusal(Problem::new(
        ProblemKind::NotFound,
        "no-such-address",
        "There is nothing at this address.",
        "The path is not part of the API.",
        "Look at docs/reference/api.md.",
    ))
}

/// Bytes of a JSON body. What tells of commits is larger.
const MAX_JSON: usize = 64 * 1024;
/// Bytes of a fact: a release with the commits of its range, a change with its own.
pub(crate) const MAX_FACT: usize = 16 * 1024 * 1024;

/// A JSON body, refused in our own words. Keeps the raw bytes: they are what gets recorded.
pub(crate) struct Body<T, const MOST: usize = MAX_JSON> {
    pub(crate) value: T,
    pub(crate) bytes: Vec<u8>,
    _room: Option<Held>,
}

impl<T: DeserializeOwned, const MOST: usize> FromRequest<App> for Body<T, MOST> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        Self::parse(receive(request, app, MOST).await?)
    }
}

/// Reads the body of whoever is known by now.
async fn receive(request: Request, app: &App, most: usize) -> Result<Received, Refusal> {
    let caller = caller_of(request.extensions())?;
    Ok(app.room.receive(Sender::Proven(caller.account()), request.into_body(), most).await?)
}

/// A JSON body that may be left out.
pub(crate) struct Optional<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for Optional<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let received = receive(request, app, MAX_JSON).await?;
        let told: Option<T> = if received.bytes.is_empty() { None } else { Body::<_>::parse(received)?.value };
        Ok(Self(told.unwrap_or_default()))
    }
}

/// The body of an operation that takes none: left out, `null` or `{}`. What it does not take it does not let vanish.
pub(crate) struct NoBody;

impl FromRequest<App> for NoBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        Optional::<Option<Nothing>>::from_request(request, app).await.map(|_| Self)
    }
}

impl<T: DeserializeOwned, const MOST: usize> Body<T, MOST> {
    /// Reads what was sent.
    fn parse(received: Received) -> Result<Self, Refusal> {
        let Received { bytes, room } = received;
        look_over(&bytes)?;
        let value = serde_json::from_slice(&bytes).map_err(|e| unreadable("bad-json", "The body", &e.to_string()))?;
        Ok(Self { value, bytes, _room: room })
    }
}

type Answer<T> = Result<Json<T>, Refusal>;
