//! Reading members out of payloads whose shape nobody promises.

use std::{borrow::Cow, convert::Infallible};

use serde_json::Value;

use certrail_domain::{
    Actor, ActorKind, Time,
    json::{MOST_VALUES, Stopped, look_through},
};

/// The JSON of a delivery, and the media type it came in. Forges send it as it is or, where a hook was left as a
/// form, percent-encoded in the field `payload`. The bytes tell, not the header: a signature covers only them.
pub(crate) fn json(body: &[u8]) -> (Cow<'_, [u8]>, &'static str) {
    const FORM: &str = "application/x-www-form-urlencoded";
    if !body.starts_with(b"payload=") {
        return (Cow::Borrowed(body), "application/json");
    }
    let field = form_urlencoded::parse(body).find(|(name, _)| name == "payload").map(|(_, value)| value.into_owned());
    (Cow::Owned(field.unwrap_or_default().into_bytes()), FORM)
}

/// Whether a text is `owner/name` as forges write it: nothing that could be taken for a host, an id or a path.
pub(crate) fn is_owner_and_name(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    text.len() <= 200 && text.split_once('/').is_some_and(|(owner, name)| plain(owner) && plain(name))
}

/// Text at a JSON pointer; empty counts as absent.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|t| !t.is_empty())
}

/// Text at a JSON pointer, cut to a length nobody needs to exceed.
pub(crate) fn line(value: &Value, pointer: &str) -> String {
    text(value, pointer).unwrap_or_default().chars().take(300).collect()
}

/// A number at a JSON pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer)?.as_u64()
}

/// A time at a JSON pointer: RFC 3339 with zone, or seconds since the epoch.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<Time> {
    match value.pointer(pointer)? {
        Value::String(text) => Time::parse(text).ok(),
        Value::Number(n) => n.as_i64()?.checked_mul(Time::SECOND).map(Time::from_micros),
        _ => None,
    }
}

/// A full commit id at a JSON pointer: 40 or 64 hexadecimal digits, not all zero.
pub(crate) fn commit(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).and_then(as_commit)
}

/// The text as a commit id, if it is one.
pub(crate) fn as_commit(text: &str) -> Option<String> {
    let shaped = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    (shaped && text.bytes().any(|b| b != b'0')).then(|| text.to_ascii_lowercase())
}

/// A `sha256:…` digest inside a text, such as an image reference.
pub(crate) fn digest_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("sha256:")?;
    let hex: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (hex.len() == 64).then(|| format!("sha256:{}", hex.to_ascii_lowercase()))
}

/// An account object `{login, type}` at a JSON pointer.
pub(crate) fn account(value: &Value, pointer: &str) -> Option<Actor> {
    let object = value.pointer(pointer)?;
    let login = text(object, "/login")?;
    let kind = match text(object, "/type") {
        Some("User") if !login.ends_with("[bot]") => ActorKind::Human,
        Some("Bot") => ActorKind::Bot,
        _ if login.ends_with("[bot]") => ActorKind::Bot,
        _ => ActorKind::Unknown,
    };
    Some(Actor { account: login.to_lowercase(), name: text(object, "/name").map(str::to_owned), kind })
}

/// A payload as JSON, or why it is none: it may not hold more than a document of a forge does.
pub(crate) fn value(body: &[u8]) -> Result<Value, String> {
    let looked = look_through(body, &mut |_, _| Ok::<(), Infallible>(()));
    match looked {
        Err(Stopped::TooMany) => return Err(format!("The body holds more than {MOST_VALUES} values.")),
        Err(Stopped::Unreadable(e)) => return Err(format!("The body is not JSON: {e}.")),
        Err(Stopped::Refused(never)) => match never {},
        Ok(()) => {}
    }
    serde_json::from_slice(body).map_err(|e| format!("The body is not JSON: {e}."))
}
