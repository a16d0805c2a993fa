//! What shows nothing is blank: the sign of a variable that is unset, or of somebody who hides a name.

/// Whether a text shows nothing: white space, controls, and what Unicode has for no display of its own
/// (`Default_Ignorable_Code_Point`, UAX 44), the blank pattern of Braille among it.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Whether a character is a control, or shows nothing.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2800}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}')
}

/// A name as it is compared where people type and read it: trimmed, in small letters, without what nobody sees, and with
/// letters of other scripts that look like Latin ones as those (after Unicode UTS 39, confusables).
#[must_use]
pub fn plain(name: &str) -> String {
    let seen: String = name.chars().filter(|c| !is_invisible(*c)).collect();
    seen.trim().to_lowercase().chars().map(latin).collect()
}

/// The Latin small letter that one of another script looks like; else itself.
const fn latin(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'ь' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'ɡ' => 'g',
        'һ' => 'h',
        'і' | 'ι' | 'ı' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ⅼ' | 'ӏ' => 'l',
        'м' => 'm',
        'п' | 'η' | 'ո' => 'n',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' | 'ѡ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'ｚ' => 'z',
        '’' | '‘' | 'ʼ' => '\'',
        '‐' | '‑' | '–' | '—' | '−' => '-',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for name in
            ["production", " Production ", "prod\u{200b}uction", "prоduction", "ΡRODUCTION", "production\u{202e}"]
        {
            assert_eq!(plain(name), "production", "{name:?}");
        }
        for name in ["production.", "productions", "live", "prod"] {
            assert_ne!(plain(name), "production", "{name}");
        }
    }

    #[test]
    fn what_shows_nothing_is_blank() {
        for text in ["", " ", "\t\n", "\0", "\u{200b}", "\u{feff} \u{2060}", "\u{3164}", "\u{e0001}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", "\u{200b}a", "é", "0", "👩‍💻"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
