//! What every reader stands on: input, JSON, XML, values that forgive their form.

pub(crate) mod input;
pub(crate) mod json;
pub(crate) mod lenient;
pub(crate) mod shape;
pub(crate) mod time;
pub(crate) mod xml;

/// The longest text taken over from a report, in characters.
pub(crate) const MAX_TEXT: usize = 300;

/// Cuts a text taken from a report to [`MAX_TEXT`] characters, on one line.
pub(crate) fn clip(text: &str) -> String {
    clip_to(text, MAX_TEXT)
}

/// Cuts a text to `max` characters, on one line.
pub(crate) fn clip_to(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    let mut length = 0;
    for word in text.split_whitespace() {
        if length > 0 {
            out.push(' ');
            length += 1;
        }
        for c in word.chars().take(max.saturating_sub(length)) {
            out.push(c);
            length += 1;
        }
        if length >= max {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_one_bounded_line() {
        assert_eq!(clip(" a\n\tb  c "), "a b c");
        assert_eq!(clip_to("abc def", 5), "abc d");
        assert_eq!(clip(&"ä".repeat(1_000)).chars().count(), MAX_TEXT);
    }
}
