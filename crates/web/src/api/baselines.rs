//! From which commits on the history of a product is judged.

use axum::{
    Json,
    extract::{Path, State},
};
use certrail_domain::Product;
use certrail_usecases::{NewBaseline, decide_baseline, state_baseline};

use super::{Answer, Body, NoBody};
use crate::{App, caller::SignedIn};

/// States one.
pub(crate) async fn state(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(product): Path<String>,
    body: Body<NewBaseline>,
) -> Answer<Product> {
    Ok(Json(state_baseline(&app.engine, &caller, &product, body.value).await?))
}

/// Somebody else approves it.
pub(crate) async fn approve(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, commit)): Path<(String, String)>,
    _: NoBody,
) -> Answer<Product> {
    Ok(Json(decide_baseline(&app.engine, &caller, &product, &commit, true, None).await?))
}

/// It ends no range any more; one that waits is rejected.
pub(crate) async fn end(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, commit)): Path<(String, String)>,
    _: NoBody,
) -> Answer<Product> {
    Ok(Json(decide_baseline(&app.engine, &caller, &product, &commit, false, None).await?))
}
