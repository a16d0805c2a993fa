//! You, your tokens, and for admins the people.

use axum::{
    Form,
    extract::{Path, State},
    http::HeaderMap,
};
use certrail_domain::{Action, Role};
use certrail_usecases::{Caller, NewToken, Person, allow, create_token, list_people, put_person, sign_in_link};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Page, reader, show};
use crate::{App, blocking::blocking};

pub(super) async fn page(State(app): State<App>, headers: HeaderMap) -> Page {
    let caller = reader(&app, &headers, "/account").await?;
    render(&app, &caller, None).await
}

/// The page, with something that is shown once.
async fn render(app: &App, caller: &Caller, once: Option<(&str, String)>) -> Page {
    let engine = app.engine.clone();
    let people = blocking(move || list_people(&engine)).await?;
    let admin = caller.role.may(Action::Administer);
    let body = html! {
        h1 { "You" }
        p { (caller.name) ", " (caller.role.name().replace('-', " ")) }
        @if let Some((what, secret)) = &once {
            div.good role="status" { p { (what) " It is shown once." } pre tabindex="0" { (secret) } }
        }
        @if caller.person.is_some() {
            form.inline method="post" action="/account/token" {
                p { "A token for the command line signs in your name. Use it as CERTRAIL_TOKEN." }
                button type="submit" { "Make a token (90 days)" }
            }
        }
        @if admin { (everybody(&people)) }
    };
    Ok(show(app, caller, "You", "/account", &body))
}

fn everybody(people: &[Person]) -> Markup {
    html! {
        h2 { "People" }
        div.scroll tabindex="0" {
            table {
                caption { "Everybody who may sign in" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Accounts" } th scope="col" { "Sign-in" } } }
                tbody {
                    @for p in people {
                        tr {
                            th scope="row" { (p.name) } td { (p.role.name()) } td { (p.accounts.join(", ")) }
                            td { form method="post" action=(format!("/account/link/{}", p.id)) { button.plain type="submit" { "Make a one-time link" } } }
                        }
                    }
                }
            }
        }
        form.inline method="post" action="/account/person" {
            p { "Add a person, or change one by the same name. Accounts at the code host decide who counts as an author." }
            label { "Name " input name="name" required maxlength="200"; }
            label { "Accounts, separated by commas " input name="accounts" required maxlength="500"; }
            label { "Role " select name="role" { @for role in Role::ALL { option value=(role.name()) { (role.name()) } } } }
            button type="submit" { "Save" }
        }
    }
}

pub(super) async fn token(State(app): State<App>, headers: HeaderMap) -> Page {
    let caller = reader(&app, &headers, "/account").await?;
    let new = NewToken { name: "made on the page".into(), role: caller.role, days: 90 };
    let session = create_token(&app.engine, &caller, new, true).await?;
    render(&app, &caller, Some(("Your token.", session.secret))).await
}

pub(super) async fn link(State(app): State<App>, headers: HeaderMap, Path(person): Path<String>) -> Page {
    let caller = reader(&app, &headers, "/account").await?;
    let session = sign_in_link(&app.engine, &caller, &person).await?;
    let host = headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or("this server").to_owned();
    let address = format!("{host}/link/{}", session.secret);
    render(&app, &caller, Some(("A sign-in link for one use within 24 hours. Give it to that person only.", address)))
        .await
}

#[derive(Deserialize)]
pub(super) struct PersonForm {
    name: String,
    accounts: String,
    role: Role,
}

pub(super) async fn person(State(app): State<App>, headers: HeaderMap, Form(form): Form<PersonForm>) -> Page {
    let caller = reader(&app, &headers, "/account").await?;
    allow(&caller, Action::Administer)?;
    let accounts = form.accounts.split(',').map(|a| a.trim().to_owned()).collect();
    put_person(&app.engine, &caller, form.name.trim().to_owned(), accounts, form.role).await?;
    render(&app, &caller, None).await
}
