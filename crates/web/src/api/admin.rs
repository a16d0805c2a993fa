//! Products, criteria, people, tokens.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use certrail_domain::{Action, Problem, ProblemKind, Product, Role, facts::BandPolicy};
use certrail_usecases::{
    NewToken, Person, Session, allow, create_token, list_people, list_products, list_tokens, put_criteria, put_person,
    put_product, revoke_token,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Body};
use crate::{App, blocking::blocking, caller::SignedIn, refusal::read_body};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductInput {
    repositories: Option<Vec<String>>,
    branch: Option<String>,
    tag_pattern: Option<String>,
    production: Option<Vec<String>>,
    criteria: Option<String>,
    severity: Option<BandPolicy>,
}

pub(crate) async fn product(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
    body: Body<ProductInput>,
) -> Answer<Product> {
    allow(&caller, Action::Administer)?;
    let (engine, wanted) = (app.engine.clone(), name.clone());
    let known = blocking(move || list_products(&engine)).await?.into_iter().find(|p| p.name == wanted);
    // What is not named stays as it is.
    let usual = known.unwrap_or_else(|| Product::new(&name, None));
    let input = body.value;
    let product = Product {
        name,
        repositories: input.repositories.unwrap_or(usual.repositories),
        branch: input.branch.unwrap_or(usual.branch),
        tag_pattern: input.tag_pattern.unwrap_or(usual.tag_pattern),
        production: input.production.unwrap_or(usual.production),
        criteria: input.criteria.unwrap_or(usual.criteria),
        severity: input.severity.unwrap_or(usual.severity),
    };
    Ok(Json(put_product(&app.engine, &caller, product).await?))
}

pub(crate) async fn criteria(State(app): State<App>, SignedIn(caller): SignedIn, request: Request) -> Answer<Value> {
    let bytes = read_body(request.into_body(), 1024 * 1024).await?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Problem::new(
            ProblemKind::BadInput,
            "bad-criteria",
            "The criteria were not recorded.",
            "The file is not UTF-8.",
            "Save it as UTF-8.",
        )
    })?;
    let name = put_criteria(&app.engine, &caller, text).await?;
    Ok(Json(json!({ "criteria": name })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonInput {
    name: String,
    accounts: Vec<String>,
    role: Role,
}

pub(crate) async fn person(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    body: Body<PersonInput>,
) -> Answer<Person> {
    let input = body.value;
    Ok(Json(put_person(&app.engine, &caller, input.name, input.accounts, input.role).await?))
}

pub(crate) async fn people(State(app): State<App>, SignedIn(caller): SignedIn) -> Answer<Vec<Person>> {
    allow(&caller, Action::Read)?;
    Ok(Json(blocking(move || list_people(&app.engine)).await?))
}

#[derive(Deserialize)]
pub(crate) struct TokenInput {
    #[serde(default)]
    own: bool,
    #[serde(flatten)]
    new: NewToken,
}

pub(crate) async fn token(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    body: Body<TokenInput>,
) -> Answer<Session> {
    Ok(Json(create_token(&app.engine, &caller, body.value.new, body.value.own).await?))
}

pub(crate) async fn tokens(State(app): State<App>, SignedIn(caller): SignedIn) -> Answer<Value> {
    let all = blocking(move || list_tokens(&app.engine, &caller)).await?;
    let shown: Vec<Value> = all
        .into_iter()
        .map(|t| json!({ "id": t.id, "kind": t.kind, "name": t.name, "role": t.role, "expires_at": t.expires, "revoked_at": t.revoked }))
        .collect();
    Ok(Json(json!(shown)))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Answer<Value> {
    revoke_token(&app.engine, &caller, id.clone()).await?;
    Ok(Json(json!({ "revoked": id })))
}

pub(crate) async fn whoami(SignedIn(caller): SignedIn) -> Json<Value> {
    Json(json!({ "name": caller.name, "role": caller.role, "person": caller.person, "how": caller.how }))
}
