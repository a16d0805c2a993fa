//! Releases: which versions, in what state?

use axum::extract::State;
use certrail_usecases::{Listed, list_releases, names_of_products};
use maud::html;
use serde::Deserialize;

use super::{Page, layout, show};
use crate::{App, blocking::in_turn, caller::Reader, input::Filter, svg};

/// Releases of a product on one page.
const ON_A_PAGE: u64 = 25;

#[derive(Deserialize)]
pub(super) struct Which {
    /// One product only.
    product: Option<String>,
    /// Behind the release of that number.
    before: Option<i64>,
}

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader, Filter(which): Filter<Which>) -> Page {
    let (engine, own) = (app.engine.clone(), caller.clone());
    let further = which.before.is_some();
    let groups = in_turn(app.engine.clone(), move || {
        let mut groups = Vec::new();
        let wanted = |name: &str| which.product.as_deref().is_none_or(|product| product == name);
        for product in names_of_products(&engine, &own)?.into_iter().filter(|name| wanted(name)) {
            let cards = list_releases(&engine, &product, which.before, ON_A_PAGE)?;
            groups.push((product, cards));
        }
        Ok(groups)
    })
    .await?;
    let body = html! {
        h1 { "Releases" }
        @if groups.is_empty() {
            p { "No products yet. Make one: " code { "certrail product add NAME --repository OWNER/NAME" } }
        }
        @for (product, cards) in &groups {
            h2 { a href=(super::asked::place(product)) { (product) } }
            div.scroll tabindex="0" {
                table {
                    caption { "Releases of " (product) ", newest first" }
                    thead { tr { th scope="col" { "Version" } th scope="col" { "State" } th scope="col" { "Readiness" } th scope="col" { "In one sentence" } th scope="col" { "In production" } } }
                    tbody {
                        @for row in cards {
                            @match row {
                            Listed::Damaged(row) => { tr { th scope="row" { (row.name) } td colspan="4" { (layout::damaged(row)) } } }
                            Listed::Whole(card) => {
                            @let r = &card.release;
                            tr {
                                th scope="row" { a href=(format!("/r/{}/{}", layout::encode(&r.product), layout::encode(&r.version))) { (r.version) } }
                                td { (r.state.name().replace('_', " ")) @if r.ungated { " " span.tag.failed { "✕ ungated" } } }
                                td.one-line { (svg::bar(&card.evaluation.summary)) " " span.meta { (card.evaluation.summary.met) " of " (card.evaluation.summary.counted) } }
                                td { (card.sentence) }
                                td.one-line { @match r.shipped_at { Some(at) => (layout::time(at)), None => "–" } }
                            }
                            } }
                        }
                    }
                }
            }
            @if cards.is_empty() { p { "No release" @if further { " before those" } "." } }
            @if let Some(last) = cards.last().filter(|_| cards.len() as u64 == ON_A_PAGE).map(|row| row.cursor(|card| card.cursor.to_string())) {
                p { a href=(format!("/releases?product={}&before={}", layout::encode(product), last)) { "Older releases of " (product) } }
            }
        }
    };
    Ok(show(&app, &caller, "Releases", "/releases", &body))
}
