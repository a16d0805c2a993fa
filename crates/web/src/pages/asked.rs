//! What one person asks for on the page of a product and another decides.

use certrail_domain::Time;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;

/// Where the page of a product is.
pub(super) fn place(product: &str) -> String {
    format!("/p/{}", layout::encode(product))
}

/// What becomes of what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verb {
    Approve,
    End,
}

/// Which request somebody looked at: when it was asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Looked {
    pub(super) seen: Time,
}

/// Decides about the request at `one`, as it was asked for at `seen`.
pub(super) fn button(one: &str, seen: Time, verb: &str, word: &str) -> Markup {
    html! {
        form.small method="post" action=(format!("{one}/{verb}")) {
            input type="hidden" name="seen" value=(seen);
            button.plain type="submit" { (word) }
        }
    }
}
