//! Who may do what: the one matrix, and how far the caller reaches in it.

use axum::extract::State;
use certrail_domain::{Action, Role};
use certrail_usecases::{Listed, Trusted, list_connectors, trusted_signers};
use maud::{Markup, html};

use super::{Page, layout, show};
use crate::{App, blocking::in_turn, caller::Reader};

/// The keys and identities that the operator of the server trusts to sign attestations.
fn signers(trusted: Option<&(u64, Trusted)>) -> Markup {
    let Some((entry, trusted)) = trusted.filter(|(_, t)| *t != Trusted::default()) else {
        return html! { p { "Nobody's: signatures of attestations are not checked here. Whoever operates the server names keys and roots with " code { "certrail serve --trust FILE" } "." } };
    };
    html! {
        p { "A signature that holds says who signed an attestation, not that what it says is true. Entry " (entry) " of the log says that from then on these count." }
        ul {
            @for key in &trusted.keys { li { (key.name) " " code { "sha256:" (key.sha256) } } }
            @for root in &trusted.roots { li { code { (root.identity) } " certified for " (root.issuer) " under the root " code { "sha256:" (root.sha256) } } }
        }
    }
}

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader) -> Page {
    let engine = app.engine.clone();
    let (connectors, trusted) =
        in_turn(app.engine.clone(), move || Ok((list_connectors(&engine)?, trusted_signers(&engine)?))).await?;
    let body = html! {
        h1 { "Who may do what" }
        p { "A role says what somebody may do, a scope says where: products, environments, repositories, and actions among those of the role. A token reaches no further than whoever made it, and both shrink with the role and scope that person holds now." }
        div.scroll tabindex="0" {
            table {
                caption { "Actions by role" }
                thead { tr { th scope="col" { "Action" } @for role in Role::ALL { th scope="col" { (role.name().replace('-', " ")) } } th scope="col" { "You" } } }
                tbody {
                    @for action in Action::EVERY {
                        tr {
                            th scope="row" { (action.sentence()) }
                            @for role in Role::ALL { td { @if role.may(action) { "✓ yes" } @else { "–" } } }
                            td { @if caller.may(action) { strong { "✓ yes" } } @else { "–" } }
                        }
                    }
                }
            }
        }
        p { "You reach the products " strong { (caller.scope.products.shown()) } ", the environments " strong { (caller.scope.environments.shown()) } ", the repositories " strong { (caller.scope.repositories.shown()) } "." }
        p { "What releases are judged by is changed by two people: " a href="/settings" { "changes of settings" } "." }
        h2 { "Who is heard" }
        p { "A connector hears one forge at an address of its own, with secrets of its own, and speaks for its repositories and products alone." }
        div.scroll tabindex="0" {
            table {
                caption { "Connectors" }
                thead { tr { th scope="col" { "Address" } th scope="col" { "Forge" } th scope="col" { "Repositories" } th scope="col" { "Products" } } }
                tbody {
                    @for row in connectors.iter().filter_map(Listed::damaged).filter(|_| caller.scope.products.is_all()) {
                        tr { th scope="row" { code { "/hooks/" (row.name) } } td colspan="3" { (layout::damaged(row)) } }
                    }
                    @for c in connectors.iter().filter_map(Listed::whole).filter(|c| c.products.is_within(&caller.scope.products)) {
                        tr {
                            th scope="row" { code { "/hooks/" (c.id) } @if c.ended { " " span.meta { "ended" } } }
                            td { (c.provider) " at " (c.host) } td { (c.repositories.shown()) } td { (c.products.shown()) }
                        }
                    }
                }
            }
        }
        h2 { "Whose signatures are believed" }
        (signers(trusted.as_ref()))
        p.meta { "Whoever writes the rules decides nothing under them, and whoever asks does not approve. A pipeline belongs to nobody: it cannot certify, approve or administer." }
    };
    Ok(show(&app, &caller, "Who may do what", "/access", &body))
}
