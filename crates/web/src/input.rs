//! What comes in from outside, read in one place: queries, bodies and forms. A blank value is the sign of a variable that is unset,
//! and is refused with its name; what cannot be read is refused in our own words, as problem+json or on a page.

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::FormRejection},
    http::{StatusCode, Uri, request::Parts},
};
use certrail_domain::{
    Problem, ProblemKind, is_blank,
    json::{MOST_VALUES, Stopped, look_through},
};
use serde::de::DeserializeOwned;

use crate::{App, pages::PageRefusal, refusal::Refusal};

/// Free text beside an act: it may be left blank, where the act does not ask for it.
const MAY_BE_BLANK: [&str; 4] = ["comment", "note", "compensating", "reason"];

/// Refuses a blank value.
pub(crate) fn blank(name: &str) -> Problem {
    Problem::new(
        ProblemKind::BadInput,
        "empty-value",
        "Nothing was done.",
        format!("`{name}` got an empty value."),
        "Is a variable unset? Give a value, or leave it out.",
    )
}

/// Refuses what does not read.
pub(crate) fn unreadable(code: &str, what: &str, why: &str) -> Problem {
    let why = format!("{what} does not read: {}.", why.trim_end_matches('.'));
    Problem::new(ProblemKind::BadInput, code, "Nothing was done.", why, "Look at docs/reference/api.md for its shape.")
}

/// Bytes of one text; only objects of commits are longer.
const MOST_TEXT: usize = 16 * 1024;
const MOST_OBJECT: usize = 256 * 1024;

/// Refuses blank text anywhere in a JSON document, text that is longer than anybody reads, and more values than a document of ours has.
/// What a checkout tells of commits (`range`, `commits`) is nobody's typing: authors and titles there may be blank.
pub(crate) fn look_over(bytes: &[u8]) -> Result<(), Problem> {
    let looked = look_through(bytes, &mut |place, text| {
        let may_be_blank = place.is_within(&["range", "commits"]) || place.is_within(&MAY_BE_BLANK);
        if !may_be_blank && is_blank(text) {
            return Err(blank(&place.to_string()));
        }
        let most = if place.member() == Some("raw") { MOST_OBJECT } else { MOST_TEXT };
        if text.len() > most { Err(too_long(&place.to_string(), text.len(), most)) } else { Ok(()) }
    });
    looked.map_err(|stopped| match stopped {
        Stopped::Refused(problem) => problem,
        Stopped::Unreadable(e) => unreadable("bad-json", "The body", &e.to_string()),
        Stopped::TooMany => Problem::new(
            ProblemKind::TooLarge,
            "too-many-values",
            "Nothing was done.",
            format!("The body holds more than {MOST_VALUES} values."),
            "Send less at once.",
        ),
    })
}

fn too_long(name: &str, is: usize, most: usize) -> Problem {
    Problem::new(
        ProblemKind::BadInput,
        "too-long",
        "Nothing was done.",
        format!("`{name}` has {is} bytes, more than {most}."),
        "Say it shorter, or send it as evidence of its own.",
    )
}

/// What stands in the path of an API operation.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Ok(Self(read_path(parts, app).await?))
    }
}

/// What stands in the path of a page.
pub(crate) struct PagePath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for PagePath<T> {
    type Rejection = PageRefusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageRefusal> {
        Ok(Self(read_path(parts, app).await?))
    }
}

async fn read_path<T: DeserializeOwned + Send>(parts: &mut Parts, app: &App) -> Result<T, Problem> {
    let read = axum::extract::Path::from_request_parts(parts, app).await;
    Ok(read.map_err(|e| unreadable("bad-path", "The address", &e.body_text()))?.0)
}

/// The query of an API operation.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        if let Some((name, _)) = form_urlencoded::parse(query.as_bytes()).find(|(_, value)| is_blank(value)) {
            return Err(blank(&name).into());
        }
        Ok(Self(read_query(&parts.uri)?))
    }
}

/// The query of a page. Browsers send every input of a form; a blank one is left out.
pub(crate) struct Filter<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Filter<T> {
    type Rejection = PageRefusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, PageRefusal> {
        let query = parts.uri.query().unwrap_or_default();
        let filled = form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !is_blank(value));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish();
        let uri: Uri =
            format!("/?{query}").parse().map_err(|_| unreadable("bad-query", "The query", "it is no query"))?;
        Ok(Self(read_query(&uri)?))
    }
}

fn read_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let read = Query::try_from_uri(uri).map_err(|e| unreadable("bad-query", "The query", &e.body_text()))?;
    Ok(read.0)
}

/// A form that a page sent.
pub(crate) struct Filled<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Filled<T> {
    type Rejection = PageRefusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageRefusal> {
        let form = Form::from_request(request, app).await;
        Ok(Self(form.map_err(|e| bad_form(&e))?.0))
    }
}

fn bad_form(rejection: &FormRejection) -> Problem {
    if rejection.status() != StatusCode::PAYLOAD_TOO_LARGE {
        return unreadable("bad-form", "The form", &rejection.body_text());
    }
    let (kind, why) = (ProblemKind::TooLarge, "The form is larger than any of these pages sends.");
    Problem::new(kind, "too-large", "Nothing was done.", why, "Use the forms on the pages; send files as evidence.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_blank_is_named_wherever_it_is() {
        for (value, name) in [
            (json!({ "a": "" }), "a"),
            (json!({ "a": { "b": [" "] } }), "a.b[0]"),
            (json!([{ "a": "\t" }]), "[0].a"),
            (json!(""), "body"),
            (json!({ "a": "\u{200b}" }), "a"),
            (json!({ "a": "x".repeat(MOST_TEXT + 1) }), "a"),
        ] {
            assert!(look_over(value.to_string().as_bytes()).unwrap_err().why.contains(&format!("`{name}`")), "{value}");
        }
        let fine = json!({ "note": "", "reason": " ", "n": null, "b": false, "list": [], "range": [{ "author": "" }] });
        assert_eq!(look_over(fine.to_string().as_bytes()), Ok(()));
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert_eq!(look_over(many.as_bytes()).unwrap_err().code, "too-many-values");
    }
}
