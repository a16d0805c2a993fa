//! Releases: which versions, in what state?

use axum::{extract::State, http::HeaderMap};
use certrail_usecases::{list_products, list_releases};
use maud::html;

use super::{Page, layout, reader, show};
use crate::{App, blocking::blocking, svg};

pub(super) async fn page(State(app): State<App>, headers: HeaderMap) -> Page {
    let caller = reader(&app, &headers, "/releases").await?;
    let engine = app.engine.clone();
    let groups = blocking(move || {
        let mut groups = Vec::new();
        for product in list_products(&engine)? {
            let cards = list_releases(&engine, &product.name, 25)?;
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
            h2 { (product.name) }
            div.scroll tabindex="0" {
                table {
                    caption { "Releases of " (product.name) ", newest first" }
                    thead { tr { th scope="col" { "Version" } th scope="col" { "State" } th scope="col" { "Readiness" } th scope="col" { "In one sentence" } th scope="col" { "In production" } } }
                    tbody {
                        @for card in cards {
                            @let r = &card.release;
                            tr {
                                th scope="row" { a href=(format!("/r/{}/{}", layout::encode(&r.product), layout::encode(&r.version))) { (r.version) } }
                                td { (r.state.name().replace('_', " ")) @if r.ungated { " " span.tag.failed { "✕ ungated" } } }
                                td { (svg::bar(&card.evaluation.summary)) span.meta { (card.evaluation.summary.met) " of " (card.evaluation.summary.counted) } }
                                td { (card.sentence) }
                                td { @match r.shipped_at { Some(at) => (layout::time(at)), None => "–" } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(show(&app, &caller, "Releases", "/releases", &body))
}
