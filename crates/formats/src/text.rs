//! Bytes to text, without losing any report over its encoding.

use std::borrow::Cow;

/// A report as text.
pub(crate) struct Text<'a> {
    /// The text, without byte order mark.
    pub(crate) text: Cow<'a, str>,
    /// What had to be assumed.
    pub(crate) warning: Option<String>,
}

/// UTF-8 as it is; UTF-16 with a mark; anything else as ISO-8859-1, in which every byte is a character.
pub(crate) fn decode(bytes: &[u8]) -> Text<'_> {
    let utf16 = |big: bool| {
        let units = bytes[2..]
            .as_chunks::<2>()
            .0
            .iter()
            .map(|p| if big { u16::from_be_bytes(*p) } else { u16::from_le_bytes(*p) });
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => plain(rest),
        [0xFE, 0xFF, ..] => Text { text: utf16(true).into(), warning: Some("It is UTF-16.".into()) },
        [0xFF, 0xFE, ..] => Text { text: utf16(false).into(), warning: Some("It is UTF-16.".into()) },
        _ => plain(bytes),
    }
}

/// Bytes without a mark.
fn plain(bytes: &[u8]) -> Text<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Text { text: text.into(), warning: None },
        Err(_) => Text {
            text: bytes.iter().map(|b| char::from(*b)).collect::<String>().into(),
            warning: Some("It is not UTF-8; read as ISO-8859-1.".into()),
        },
    }
}
