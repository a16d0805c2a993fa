//! The frame around every page.

use certrail_domain::{Role, Time};
use certrail_usecases::{Caller, DamagedRow};
use maud::{DOCTYPE, Markup, html};

use crate::App;

/// A page with navigation.
pub(super) fn full(app: &App, caller: &Caller, title: &str, here: &str, body: &Markup) -> Markup {
    let links =
        [("/", "Home"), ("/releases", "Releases"), ("/findings", "Findings"), ("/unbound", "Unbound"), ("/log", "Log")];
    frame(
        title,
        &html! {
            a.skip href="#main" { "Skip to content" }
            header.top {
                a.brand href="/" { "certrail" }
                nav aria-label="Main" {
                    @for (href, word) in links {
                        a href=(href) aria-current=[(here == href).then_some("page")] { (word) }
                    }
                }
                div.who {
                    a href="/account" { (caller.name) ", " (caller.role.name().replace('-', " ")) }
                    @if app.settings.demo.is_some() {
                        span.roles {
                            " change role: "
                            @for role in Role::ALL { a href=(format!("/demo/as/{}", role.name())) { (role.name()) } " " }
                        }
                    } @else {
                        form method="post" action="/sign-out" { button.plain type="submit" { "Sign out" } }
                    }
                }
            }
            @if app.settings.demo.is_some() {
                p.strip role="note" { "Sample data. Nothing leaves this computer." }
            }
            @if let Some(doubt) = app.engine.clock_doubt() { p.alarm role="alert" { (doubt.sentence()) } }
            main #main { (body) }
            footer { "certrail " (app.settings.version) " · as of " (app.engine.now().human()) " · log of " (app.engine.head().size()) " entries" }
        },
    )
}

/// A page without navigation.
pub(super) fn bare(title: &str, body: &Markup) -> Markup {
    frame(title, &html! { main #main.narrow { p.brand { "certrail" } (body) } })
}

/// A row whose record cannot be read.
pub(super) fn damaged(row: &DamagedRow) -> Markup {
    html! { span.tag.failed { "✕ damaged" } " " (row.damaged) }
}

fn frame(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · certrail" }
                link rel="stylesheet" href="/static/style.css";
                link rel="icon" href="data:,";
            }
            body { (body) }
        }
    }
}

/// A time a person reads, with the exact one behind it.
pub(super) fn time(at: Time) -> Markup {
    html! { time datetime=(at) title=(at) { (at.human()) } }
}

/// A digest or commit, short, with the whole one behind it.
pub(super) fn short(text: &str) -> Markup {
    let cut: String = text.chars().take(if text.starts_with("sha256:") { 19 } else { 10 }).collect();
    html! { code title=(text) { (cut) @if cut.len() < text.len() { "…" } } }
}

/// Percent-encodes a path for a query or a link.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.~/".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}
