//! Dossiers of a release: made by asking for one, listed, and handed out as they were made.

use axum::{
    extract::State,
    response::{Redirect, Response},
};
use certrail_usecases::{DossierCard, Face, FileCard, find_dossier, list_dossiers, make_dossier};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Page, PageRefusal, layout, show};
use crate::{
    App,
    blocking::blocking,
    caller::Reader,
    download::{self, FileAsked},
    input::{Filter, PagePath},
};

type Release = PagePath<(String, String)>;
type One = PagePath<(String, String, u64)>;

/// Dossiers on one page.
const ON_A_PAGE: u64 = 50;

/// Where the dossiers of a release are.
fn place(product: &str, version: &str) -> String {
    format!("/r/{}/{}/dossiers", layout::encode(product), layout::encode(version))
}

/// Makes the next one and shows it.
pub(super) async fn make(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): Release,
) -> Result<Redirect, PageRefusal> {
    let renderer = app.settings.renderer.clone();
    let number = make_dossier(&app.engine, &caller, &product, &version, renderer).await?;
    Ok(Redirect::to(&format!("{}/{number}", place(&product, &version))))
}

#[derive(Deserialize)]
pub(super) struct Which {
    /// Below this number.
    before: Option<u64>,
}

pub(super) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version)): Release,
    Filter(which): Filter<Which>,
) -> Page {
    let (engine, of) = (app.engine.clone(), (product.clone(), version.clone()));
    let before = which.before.unwrap_or(i64::MAX as u64);
    let made = blocking(move || list_dossiers(&engine, &of.0, &of.1, before, ON_A_PAGE)).await?;
    let here = place(&product, &version);
    let body = html! {
        h1 { "Dossiers of " (product) " " (version) }
        p { "Each shows the release as it stood when it was made, and never changes. Anything that came later stands in a newer one." }
        form.inline method="post" action=(here) { button type="submit" { "Make a dossier" } }
        @if made.is_empty() { p { "None was made yet." } }
        ul.cards {
            @for dossier in &made {
                li.card {
                    strong { a href=(format!("{here}/{}", dossier.number)) { "Dossier " (dossier.number) } }
                    span { "made " (layout::time(dossier.made_at)) " for " (dossier.made_by) }
                    (files(dossier, &here))
                }
            }
        }
        @if let Some(last) = made.last().filter(|_| made.len() as u64 == ON_A_PAGE) {
            p { a href=(format!("{here}?before={}", last.number)) { "Older" } }
        }
        p { a href=(format!("/r/{}/{}", layout::encode(&product), layout::encode(&version))) { "Back to the release" } }
    };
    Ok(show(&app, &caller, &format!("Dossiers of {product} {version}"), "/releases", &body))
}

pub(super) async fn page(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath((product, version, number)): One,
) -> Page {
    let (engine, of) = (app.engine.clone(), (product.clone(), version.clone()));
    let dossier = blocking(move || find_dossier(&engine, &of.0, &of.1, number)).await?;
    let here = place(&product, &version);
    let release = format!("/r/{}/{}", layout::encode(&product), layout::encode(&version));
    let file = |name: &str, card: &FileCard| {
        html! {
            dt { (name) }
            dd { (size(card.size)) ", SHA-256 " code.digest { (card.sha256) } }
        }
    };
    let body = html! {
        h1 { "Dossier " (number) " of " a href=(release) { (product) " " (version) } }
        p { "Made " (layout::time(dossier.made_at)) " for " (dossier.made_by) ". It shows the release as it stood then, and these files never change." }
        div.actions { (files(&dossier, &here)) }
        dl {
            @if let Some(card) = &dossier.pdf { (file("PDF", card)) }
            (file("JSON", &dossier.json))
            dt { "On record" }
            dd { "entry " (dossier.entry) " of the log names both digests" }
        }
        h2 { "Check it without us" }
        p { "Give the file to whoever asks. With the program, no server and no network, " code { "certrail verify dossier.pdf" } " says whether it is genuine." }
        p { a href=(here) { "All dossiers of this release" } }
    };
    Ok(show(&app, &caller, &format!("Dossier {number} of {product} {version}"), "/releases", &body))
}

/// Links to the files.
fn files(dossier: &DossierCard, here: &str) -> Markup {
    let here = format!("{here}/{}", dossier.number);
    html! {
        span {
            @if dossier.pdf.is_some() { a.button href=(format!("{here}/dossier.pdf")) { "PDF" } " " }
            @else { "No PDF: it could not be rendered when this was made. " }
            a.button href=(format!("{here}/dossier.json")) { "JSON" }
        }
    }
}

/// How large a file is, for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

pub(super) async fn json(State(app): State<App>, PagePath(of): One, asked: FileAsked) -> Result<Response, PageRefusal> {
    Ok(download::dossier(app, of, Face::Json, asked).await?)
}

pub(super) async fn pdf(State(app): State<App>, PagePath(of): One, asked: FileAsked) -> Result<Response, PageRefusal> {
    Ok(download::dossier(app, of, Face::Pdf, asked).await?)
}
