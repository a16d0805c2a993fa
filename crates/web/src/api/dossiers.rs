//! Dossiers: made by asking for one, read as they were made.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use certrail_usecases::{DossierCard, Face, find_dossier, list_dossiers, make_dossier};

use super::{Answer, NoBody, show::Page};
use crate::{
    App,
    blocking::blocking,
    caller::SignedIn,
    download::{self, FileAsked},
    input::{Params, Path},
    refusal::Refusal,
};

type Release = Path<(String, String)>;
type One = Path<(String, String, u64)>;

/// Makes the next one: `201 Created`, and where it is.
pub(crate) async fn make(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((product, version)): Release,
    OriginalUri(here): OriginalUri,
    _: NoBody,
) -> Result<Response, Refusal> {
    let renderer = app.settings.renderer.clone();
    let number = make_dossier(&app.engine, &caller, &product, &version, renderer).await?;
    let place = format!("{}/{number}", here.path().trim_end_matches('/'));
    let card = blocking(move || find_dossier(&app.engine, &product, &version, number)).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(card)).into_response())
}

pub(crate) async fn list(
    State(app): State<App>,
    Path((product, version)): Release,
    Params(page): Params<Page>,
) -> Answer<Vec<DossierCard>> {
    let before = page.before.unwrap_or(i64::MAX as u64);
    let limit = page.limit();
    Ok(Json(blocking(move || list_dossiers(&app.engine, &product, &version, before, limit)).await?))
}

pub(crate) async fn show(State(app): State<App>, Path((product, version, number)): One) -> Answer<DossierCard> {
    Ok(Json(blocking(move || find_dossier(&app.engine, &product, &version, number)).await?))
}

pub(crate) async fn json(State(app): State<App>, Path(of): One, asked: FileAsked) -> Result<Response, Refusal> {
    Ok(download::dossier(app, of, Face::Json, asked).await?)
}

pub(crate) async fn pdf(State(app): State<App>, Path(of): One, asked: FileAsked) -> Result<Response, Refusal> {
    Ok(download::dossier(app, of, Face::Pdf, asked).await?)
}
