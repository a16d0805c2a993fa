//! Products, connectors, criteria, people, tokens.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::StatusCode,
};
use certrail_domain::{Connector, Problem, ProblemKind, Product, Time, facts::BandPolicy};
use certrail_usecases::{
    ConnectorInput, Listed, NewAcceptance, NewPerson, NewSecret, NewToken, Person, Put, Session, SettingsRequest,
    TokenView, add_connector_secret, create_token, decide_acceptance, known_product, list_connectors, list_people,
    list_tokens, put_connector, put_criteria, put_person, put_product, request_acceptance, revoke_token,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Body, NoBody, settings};
use crate::{App, blocking::in_turn, caller::SignedIn, input::Params, refusal::Refusal, room::Sender};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductInput {
    repositories: Option<Vec<String>>,
    branch: Option<String>,
    tag_pattern: Option<String>,
    production: Option<Vec<String>>,
    environments: Option<Vec<String>>,
    criteria: Option<String>,
    severity: Option<BandPolicy>,
    sole_decider: Option<bool>,
    /// Why, and from when on: for whoever decides about what becomes weaker.
    reason: Option<String>,
    from: Option<Time>,
}

/// A product as it is, and the change of it that waits for somebody.
#[derive(Serialize)]
pub(crate) struct ProductAnswer {
    #[serde(flatten)]
    product: Product,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Value>,
}

/// Somebody asks that the product accepts reports of a kind.
pub(crate) async fn ask_acceptance(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(product): Path<String>,
    body: Body<NewAcceptance>,
) -> Answer<Product> {
    Ok(Json(request_acceptance(&app.engine, &caller, &product, body.value).await?))
}

/// Somebody else approves that.
pub(crate) async fn approve_acceptance(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, kind)): Path<(String, String)>,
    _: NoBody,
) -> Answer<Product> {
    Ok(Json(decide_acceptance(&app.engine, &caller, &product, &kind, true, None).await?))
}

/// It is accepted no longer.
pub(crate) async fn end_acceptance(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, kind)): Path<(String, String)>,
    _: NoBody,
) -> Answer<Product> {
    Ok(Json(decide_acceptance(&app.engine, &caller, &product, &kind, false, None).await?))
}

pub(crate) async fn product(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
    body: Body<ProductInput>,
) -> Result<(StatusCode, Json<ProductAnswer>), Refusal> {
    let (engine, wanted) = (app.engine.clone(), name.clone());
    let known = in_turn(app.engine.clone(), move || known_product(&engine, &wanted)).await?;
    // What is not named stays as it is.
    let usual = known.unwrap_or_else(|| Product::new(&name, None));
    let as_it_is = usual.clone();
    let input = body.value;
    let asked = SettingsRequest { reason: input.reason, from: input.from };
    let product = Product {
        name,
        repositories: input.repositories.unwrap_or(usual.repositories),
        branch: input.branch.unwrap_or(usual.branch),
        tag_pattern: input.tag_pattern.unwrap_or(usual.tag_pattern),
        production: input.production.unwrap_or(usual.production),
        environments: input.environments.unwrap_or(usual.environments),
        criteria: input.criteria.unwrap_or(usual.criteria),
        severity: input.severity.unwrap_or(usual.severity),
        accepts_reported: usual.accepts_reported,
        sole_decider: input.sole_decider.unwrap_or(usual.sole_decider),
        baselines: usual.baselines,
        production_before: usual.production_before,
    };
    Ok(match put_product(&app.engine, &caller, product, asked).await? {
        Put::InEffect(product) => (StatusCode::OK, Json(ProductAnswer { product, waiting: None })),
        Put::Waits(change) => {
            (StatusCode::ACCEPTED, Json(ProductAnswer { product: as_it_is, waiting: Some(settings::card(&change)) }))
        }
    })
}

pub(crate) async fn connectors(State(app): State<App>) -> Answer<Vec<Listed<Arc<Connector>>>> {
    Ok(Json(in_turn(app.engine.clone(), move || list_connectors(&app.engine)).await?))
}

pub(crate) async fn connector(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    body: Body<ConnectorInput>,
) -> Answer<Connector> {
    Ok(Json(put_connector(&app.engine, &caller, &id, body.value).await?))
}

/// It is heard no longer.
pub(crate) async fn end_connector(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    _: NoBody,
) -> Answer<Connector> {
    Ok(Json(certrail_usecases::end_connector(&app.engine, &caller, &id).await?))
}

/// A secret for it, shown once.
pub(crate) async fn connector_secret(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    _: NoBody,
) -> Answer<NewSecret> {
    Ok(Json(add_connector_secret(&app.engine, &caller, &id).await?))
}

pub(crate) async fn criteria(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Params(asked): Params<SettingsRequest>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let received = app.room.receive(Sender::Proven(caller.account()), request.into_body(), 1024 * 1024).await?;
    let text = String::from_utf8(received.bytes).map_err(|_| {
        Problem::new(
            ProblemKind::BadInput,
            "bad-criteria",
            "The criteria were not recorded.",
            "The file is not UTF-8.",
            "Save it as UTF-8.",
        )
    })?;
    Ok(match put_criteria(&app.engine, &caller, text, asked).await? {
        Put::InEffect(name) => (StatusCode::OK, Json(json!({ "criteria": name }))),
        Put::Waits(change) => (StatusCode::ACCEPTED, Json(json!({ "waiting": settings::card(&change) }))),
    })
}

pub(crate) async fn person(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    body: Body<NewPerson>,
) -> Answer<Person> {
    Ok(Json(put_person(&app.engine, &caller, body.value).await?))
}

/// Somebody leaves, named by id or account.
pub(crate) async fn end_person(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(person): Path<String>,
    _: NoBody,
) -> Answer<Value> {
    let (person, tokens) = certrail_usecases::end_person(&app.engine, &caller, &person).await?;
    Ok(Json(json!({ "ended": person, "tokens_ended": tokens })))
}

pub(crate) async fn people(State(app): State<App>) -> Answer<Vec<Listed<Person>>> {
    Ok(Json(in_turn(app.engine.clone(), move || list_people(&app.engine)).await?))
}

pub(crate) async fn token(State(app): State<App>, SignedIn(caller): SignedIn, body: Body<NewToken>) -> Answer<Session> {
    Ok(Json(create_token(&app.engine, &caller, body.value).await?))
}

pub(crate) async fn tokens(State(app): State<App>, SignedIn(caller): SignedIn) -> Answer<Vec<TokenView>> {
    Ok(Json(in_turn(app.engine.clone(), move || list_tokens(&app.engine, &caller)).await?))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    _: NoBody,
) -> Answer<Value> {
    let ended = revoke_token(&app.engine, &caller, id).await?;
    Ok(Json(json!({ "revoked": ended })))
}

pub(crate) async fn whoami(SignedIn(caller): SignedIn) -> Json<Value> {
    Json(json!({
        "name": caller.name, "role": caller.role, "scope": caller.scope, "person": caller.person, "how": caller.how,
    }))
}
