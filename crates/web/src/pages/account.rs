//! You, your tokens, and for admins the people.

use axum::{extract::State, http::HeaderMap};
use certrail_domain::{Action, Extent, Role, Scope};
use certrail_usecases::{
    Caller, Listed, NewPerson, NewToken, Person, create_token, end_person, invite, list_people, names_of_products,
    put_person, scope_of_products,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Page, layout, show};
use crate::{
    App,
    blocking::in_turn,
    caller::Reader,
    input::{Filled, PagePath},
};

pub(super) async fn page(State(app): State<App>, Reader(caller): Reader) -> Page {
    render(&app, &caller, None).await
}

/// The page, with something that is shown once.
async fn render(app: &App, caller: &Caller, once: Option<(&str, String)>) -> Page {
    let (engine, own) = (app.engine.clone(), caller.clone());
    let admin = caller.may(Action::Administer) && caller.scope.products.is_all();
    let (people, products) = in_turn(app.engine.clone(), move || {
        let people = if admin { list_people(&engine)? } else { Vec::new() };
        Ok((people, names_of_products(&engine, &own)?))
    })
    .await?;
    let body = html! {
        h1 { "You" }
        p { (caller.name) ", " (caller.role.name().replace('-', " ")) ", for " (reach(&caller.scope)) ". " a href="/access" { "Who may do what" } }
        @if caller.person.is_some() && !caller.is_interactive() {
            p.note { "You signed in with a token. What you decide now counts as reported, not as observed; sign in with your sign-in key to decide." }
        }
        @if let Some((what, secret)) = &once {
            div.good role="status" { p { (what) " It is shown once." } pre tabindex="0" { (secret) } }
        }
        @if caller.person.is_some() {
            form.inline method="post" action="/account/token" {
                p { "A token for the command line signs in your name. Use it as CERTRAIL_TOKEN." }
                label { "Name " input name="name" required maxlength="100" value="command line"; }
                label { "For " select name="product" required {
                    option value="" { "choose a product" }
                    @for p in &products { option value=(p) { (p) } }
                    @if caller.scope.products.is_all() { option value="*" { "* (all products)" } }
                } }
                button type="submit" { "Make a token (90 days)" }
            }
        }
        @if admin { (everybody(&people)) }
    };
    Ok(show(app, caller, "You", "/account", &body))
}

/// A scope in words.
fn reach(scope: &Scope) -> String {
    let part = |what: &str, extent: &Extent| match extent {
        Extent::All => format!("all {what}"),
        Extent::Only(names) if names.is_empty() => format!("no {what}"),
        Extent::Only(_) => format!("the {what} {}", extent.shown()),
    };
    let mut words = vec![part("products", &scope.products)];
    for (what, extent) in
        [("environments", &scope.environments), ("repositories", &scope.repositories), ("actions", &scope.actions)]
    {
        if !extent.is_all() {
            words.push(part(what, extent));
        }
    }
    words.join("; ")
}

fn everybody(people: &[Listed<Person>]) -> Markup {
    html! {
        h2 { "People" }
        div.scroll tabindex="0" {
            table {
                caption { "Everybody who is known" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Reaches" } th scope="col" { "Accounts" } th scope="col" { "Sign-in" } } }
                tbody {
                    @for row in people {
                        @match row {
                        Listed::Damaged(row) => { tr { th scope="row" { (row.name) } td colspan="4" { (layout::damaged(row)) } } }
                        Listed::Whole(p) => { tr {
                            th scope="row" { (p.name) } td { (p.role.name()) } td { (reach(&p.scope)) } td { (p.accounts.join(", ")) }
                            td { @match p.ended_at {
                                Some(at) => { "left on " (layout::time(at)) }
                                None => {
                                    form.inline method="post" action=(format!("/account/link/{}", p.id)) { button.plain type="submit" { "Invite" } }
                                    " " form.inline method="post" action=(format!("/account/end/{}", p.id)) { button.plain type="submit" { "Has left" } }
                                }
                            } }
                        } }
                        }
                    }
                }
            }
        }
        form.inline method="post" action="/account/person" {
            p { "Add a person, or change the one who has one of the accounts. Accounts at the code host decide who counts as an author." }
            label { "Name " input name="name" required maxlength="200"; }
            label { "Accounts, separated by commas " input name="accounts" required maxlength="500"; }
            label { "Role " select name="role" { @for role in Role::ALL { option value=(role.name()) { (role.name()) } } } }
            label { "Products, separated by commas, or * " input name="products" required maxlength="500"; }
            button type="submit" { "Save" }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenForm {
    name: String,
    product: String,
}

pub(super) async fn token(State(app): State<App>, Reader(caller): Reader, Filled(form): Filled<TokenForm>) -> Page {
    let new =
        NewToken { role: caller.role, days: Some(90), own: true, ..NewToken::pipeline(&form.name, &[&form.product]) };
    let session = create_token(&app.engine, &caller, new).await?;
    render(&app, &caller, Some(("Your token.", session.secret))).await
}

pub(super) async fn link(
    State(app): State<App>,
    Reader(caller): Reader,
    headers: HeaderMap,
    PagePath(person): PagePath<String>,
) -> Page {
    let session = invite(&app.engine, &caller, &person).await?;
    let host = headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or("this server").to_owned();
    // Where the operator did not say where people reach it, as whoever asks reached it.
    let base = app.settings.public_url.clone().unwrap_or_else(|| format!("http://{host}"));
    let address = format!("{}/link/{}", base.trim_end_matches('/'), session.secret);
    render(&app, &caller, Some(("An invitation for one use within 24 hours. Give it to that person only.", address)))
        .await
}

pub(super) async fn end(State(app): State<App>, Reader(caller): Reader, PagePath(person): PagePath<String>) -> Page {
    end_person(&app.engine, &caller, &person).await?;
    render(&app, &caller, None).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonForm {
    name: String,
    accounts: String,
    role: Role,
    products: String,
}

pub(super) async fn person(State(app): State<App>, Reader(caller): Reader, Filled(form): Filled<PersonForm>) -> Page {
    let split = |text: &str| text.split(',').map(|a| a.trim().to_owned()).collect::<Vec<_>>();
    let scope = scope_of_products(&split(&form.products))?;
    let new = NewPerson { name: form.name, accounts: split(&form.accounts), role: form.role, scope };
    put_person(&app.engine, &caller, new).await?;
    render(&app, &caller, None).await
}
