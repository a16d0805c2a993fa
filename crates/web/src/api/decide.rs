//! Gates, certification, exceptions, binding by hand.

use axum::{Json, extract::State};
use certrail_domain::{Exception, Release};
use certrail_usecases::{
    CertifyReceipt, Gate, GateAnswer, NewCertification, NewEmergency, NewException, NewLookBack, NewRejection,
    ask_gate, bind_by_hand, certify as certify_release, decide_exception, declare_emergency, look_back as look_back_at,
    reject as reject_release, request_exception as ask_for,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Body, NoBody};
use crate::{App, caller::SignedIn, input::Path};

pub(crate) async fn gate(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, version, gate)): Path<(String, String, String)>,
    _: NoBody,
) -> Answer<GateAnswer> {
    let answer = ask_gate(&app.engine, &caller, &product, &version, Gate::parse(&gate)?).await?;
    metrics::counter!("certrail_gate_asks_total", "answer" => if answer.allow { "allow" } else { "deny" }).increment(1);
    Ok(Json(answer))
}

pub(crate) async fn certify(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, version)): Path<(String, String)>,
    body: Body<NewCertification>,
) -> Answer<CertifyReceipt> {
    let renderer = app.settings.renderer.clone();
    let (receipt, _) = certify_release(&app.engine, &caller, &product, &version, body.value, renderer).await?;
    Ok(Json(receipt))
}

pub(crate) async fn look_back(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, version)): Path<(String, String)>,
    body: Body<NewLookBack>,
) -> Answer<Release> {
    Ok(Json(look_back_at(&app.engine, &caller, &product, &version, body.value).await?))
}

pub(crate) async fn reject(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, version)): Path<(String, String)>,
    body: Body<NewRejection>,
) -> Answer<Release> {
    Ok(Json(reject_release(&app.engine, &caller, &product, &version, body.value).await?))
}

pub(crate) async fn emergency(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, version)): Path<(String, String)>,
    body: Body<NewEmergency>,
) -> Answer<Release> {
    Ok(Json(declare_emergency(&app.engine, &caller, &product, &version, body.value).await?))
}

pub(crate) async fn request_exception(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    body: Body<NewException>,
) -> Answer<Exception> {
    Ok(Json(ask_for(&app.engine, &caller, body.value).await?))
}

pub(crate) async fn exception(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((id, verb)): Path<(String, String)>,
    _: NoBody,
) -> Answer<Exception> {
    let to = super::findings::state_of(&verb)?;
    Ok(Json(decide_exception(&app.engine, &caller, &id, to, None).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    product: String,
    release: String,
}

pub(crate) async fn bind(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    body: Body<Target>,
) -> Answer<Value> {
    bind_by_hand(&app.engine, &caller, &id, &body.value.product, &body.value.release).await?;
    Ok(Json(json!({ "bound": id })))
}
