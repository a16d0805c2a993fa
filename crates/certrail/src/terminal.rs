//! Words of others on a terminal: what a report, a ticket or a server says is shown as text, and moves no cursor.

use std::borrow::Cow;

use serde_json::Value;

/// Whether a character does something to a terminal, or turns the direction of what follows.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text on one line, with a sign in the place of each character that acts instead of being shown.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if acts(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect::<String>().into()
}

/// Every text in an answer, plain.
pub(crate) fn plain_in(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(shown) = plain(text) {
                *text = shown;
            }
        }
        Value::Array(all) => all.iter_mut().for_each(plain_in),
        Value::Object(members) => members.values_mut().for_each(plain_in),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_shown_as_a_sign() {
        assert_eq!(plain("zlib\u{1b}[2K\u{1b}[1A 1.2\r\npassed"), "zlib\u{fffd}[2K\u{fffd}[1A 1.2  passed");
        assert_eq!(plain("\u{202e}dessap\u{7}"), "\u{fffd}dessap\u{fffd}");
        assert!(matches!(plain("größer → 👩‍💻"), Cow::Borrowed(_)));
        let mut value = serde_json::json!({ "rows": [{ "title": "a\u{9b}b" }], "n": 1 });
        plain_in(&mut value);
        assert_eq!(value, serde_json::json!({ "rows": [{ "title": "a\u{fffd}b" }], "n": 1 }));
    }
}
