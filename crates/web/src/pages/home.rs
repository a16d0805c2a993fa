//! Home: what needs me?

use axum::extract::State;
use certrail_domain::{Action, ReleaseState, sentence};
use certrail_usecases::{DamagedRow, Listed, list_releases, names_of_products, settings_changes, unbound_queue};
use maud::html;

use super::{Page, layout, show};
use crate::{App, blocking::in_turn, caller::Reader, svg};

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader) -> Page {
    let (engine, own) = (app.engine.clone(), caller.clone());
    let (rows, unbound, settings) = in_turn(app.engine.clone(), move || {
        let mut cards = Vec::new();
        for product in names_of_products(&engine, &own)? {
            cards.extend(list_releases(&engine, &product, None, 6)?);
        }
        let (_, unbound) = unbound_queue(&engine, &own, None, 1)?;
        let settings = if own.may(Action::Administer) { settings_changes(&engine, &own)?.0 } else { Vec::new() };
        Ok((cards, unbound, settings))
    })
    .await?;
    let damaged: Vec<&DamagedRow> = rows
        .iter()
        .filter_map(|row| match row {
            Listed::Damaged(row) => Some(row),
            Listed::Whole(_) => None,
        })
        .collect();
    let cards: Vec<_> = rows.iter().filter_map(Listed::whole).collect();
    let waiting: Vec<_> = cards
        .iter()
        .filter(|c| matches!(c.release.state, ReleaseState::Cut | ReleaseState::Certified))
        .take(7)
        .collect();
    let ungated: Vec<_> = cards.iter().filter(|c| c.release.ungated).collect();
    let body = html! {
        h1 { "Waiting for you" }
        @for row in &damaged { p.alarm role="alert" { "Release " (row.name) ": " (row.damaged) } }
        @if waiting.is_empty() && ungated.is_empty() && damaged.is_empty() && settings.is_empty() { p { "Nothing is waiting for you." } }
        ul.cards {
            @for change in &settings {
                li {
                    a.card href="/settings" {
                        strong { "… " (change.settings.title()) }
                        span { "A change waits for an admin." }
                        @match change.weaker.len() { 0 => {}, 1 => { span.meta { "One thing becomes weaker." } } n => { span.meta { (n) " things become weaker." } } }
                    }
                }
            }
            @for card in &waiting {
                @let href = format!("/r/{}/{}", layout::encode(&card.release.product), layout::encode(&card.release.version));
                li {
                    a.card href=(href) {
                        strong { (card.release.title()) }
                        span { (card.sentence) }
                        (svg::bar(&card.evaluation.summary))
                        @if let Some(first) = sentence::open_items(&card.evaluation).first() { span.meta { (first.sentence) } }
                    }
                }
            }
        }
        @if !ungated.is_empty() {
            h2 { "In production without a valid decision" }
            ul { @for card in &ungated { li { a href=(format!("/r/{}/{}", layout::encode(&card.release.product), layout::encode(&card.release.version))) { (card.release.title()) } } } }
        }
        @if unbound > 0 { p { a href="/unbound" { (unbound) " signal" @if unbound != 1 { "s" } " bound to no release" } } }
    };
    Ok(show(&app, &caller, "Home", "/", &body))
}
