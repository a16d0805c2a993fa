//! Findings as JSON.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use certrail_domain::Action;
use certrail_usecases::{FindingCard, FindingView, FindingsWanted, allow, finding_view, list_findings};
use serde::Deserialize;

use super::Answer;
use crate::{App, blocking::blocking, caller::SignedIn};

#[derive(Deserialize)]
pub(crate) struct Wanted {
    product: Option<String>,
    #[serde(default)]
    closed: bool,
    /// The cursor of the last one shown.
    after: Option<String>,
    limit: Option<u64>,
}

pub(crate) async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(wanted): Query<Wanted>,
) -> Answer<Vec<FindingCard>> {
    allow(&caller, Action::Read)?;
    let wanted = FindingsWanted {
        product: wanted.product,
        closed: wanted.closed,
        after: wanted.after,
        limit: wanted.limit.unwrap_or(50).clamp(1, 500),
    };
    Ok(Json(blocking(move || list_findings(&app.engine, &wanted)).await?))
}

pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Answer<FindingView> {
    allow(&caller, Action::Read)?;
    Ok(Json(blocking(move || finding_view(&app.engine, &id)).await?))
}
