//! What senders name, checked in one place: what is malformed is refused, never guessed.

use certrail_domain::{Extent, Problem, ProblemKind, Product, is_blank, is_invisible};
use certrail_store::tables::products;

use crate::engine::Engine;

/// Refuses an input: nothing was recorded, why, and what to do.
pub(crate) fn refuse(code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(ProblemKind::BadInput, code, "Nothing was recorded.", why, fix)
}

/// Refuses a value that is blank: the variable behind it is unset.
pub(crate) fn required(value: &str, name: &str) -> Result<(), Problem> {
    if is_blank(value) {
        let why = format!("`{name}` got an empty value.");
        return Err(refuse("empty-value", why, "Is a variable unset? Give a value, or leave it out."));
    }
    Ok(())
}

/// Refuses what is no digest.
pub(crate) fn digest(text: &str) -> Result<(), Problem> {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(());
    }
    let fix = "Give it as sha256: and 64 hexadecimal digits. A tag is not enough: tags move.";
    Err(refuse("bad-digest", format!("`{}` is not a digest.", clip(text)), fix))
}

/// Refuses what is no full commit id.
pub(crate) fn commit(text: &str) -> Result<(), Problem> {
    let hex = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    // Forges write zeros for none.
    if hex && text.bytes().any(|b| b != b'0') {
        return Ok(());
    }
    let fix = "Give all 40 (or 64) hexadecimal digits: `git rev-parse HEAD`.";
    Err(refuse("bad-commit", format!("`{}` is not a full commit id.", clip(text)), fix))
}

/// Refuses what is no key of a work item.
pub(crate) fn work_item(key: &str) -> Result<(), Problem> {
    if !is_blank(key) && key.chars().count() <= 100 && !key.chars().any(|c| is_invisible(c) || c.is_whitespace()) {
        return Ok(());
    }
    let fix = "Give it like PAY-123: no white space, and no more than 100 characters.";
    Err(refuse("bad-work-item", format!("`{}` is no key of a work item.", clip(key)), fix))
}

/// The start of what somebody typed, for a message.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A text of a document, within bounds, without what nobody sees and turns the rest into something else.
pub(crate) fn clip_long(text: &str) -> String {
    text.trim().chars().filter(|c| !misleads(*c)).take(1_500).collect()
}

/// Whether a character changes how others are shown: a control that is no line break, or one that turns the direction.
fn misleads(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t' | '\r') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters of a reason or note.
const LONGEST: usize = 2_000;

/// What somebody says beside an act, as it is kept: of so many characters at least that show something, and none that turns
/// what a reader sees into something else.
pub(crate) fn words(name: &str, text: &str, least: usize) -> Result<String, Problem> {
    let text = text.trim();
    if let Some(c) = text.chars().find(|c| misleads(*c)) {
        let why = format!("`{name}` holds the character U+{:04X}, which nobody sees.", u32::from(c));
        return Err(refuse("unseen-character", why, "Write it in plain text."));
    }
    if least > 0 {
        required(text, name)?;
    }
    let length = text.chars().count();
    // White space counts between words, and nothing that shows nothing does.
    if text.chars().filter(|c| !is_invisible(*c)).count() < least {
        let why = format!("`{name}` has fewer than {least} characters.");
        return Err(refuse("reason-too-short", why, "Say why, so that an auditor understands it."));
    }
    if length > LONGEST {
        let why = format!("`{name}` has {length} characters; {LONGEST} are kept.");
        return Err(refuse("reason-too-long", why, "Say it shorter, and name where the rest is."));
    }
    Ok(text.to_owned())
}

/// Refuses a reach over products and repositories that names what cannot be: a misspelt name reaches nothing, and nobody
/// would notice.
pub(crate) fn reach(engine: &Engine, products: &Extent, repositories: &Extent) -> Result<(), Problem> {
    if let Extent::Only(names) = products {
        for name in names {
            // A record that cannot be read is there all the same.
            if !engine.read(products::names)?.contains(name) {
                product(engine, name)?;
            }
        }
    }
    let Extent::Only(names) = repositories else { return Ok(()) };
    odd_repository(names).map_or(Ok(()), |(why, fix)| Err(refuse("bad-repository", why, fix)))
}

/// Why the first name that can be no repository is none, and what to do: it has no owner.
pub(crate) fn odd_repository<'a>(names: impl IntoIterator<Item = &'a String>) -> Option<(String, &'static str)> {
    let odd = names.into_iter().find(|name| !name.trim().trim_matches('/').contains('/'))?;
    let fix = "Write it with its owner, as its forge does: acme/pay.";
    Some((format!("`{}` is no repository.", clip(odd)), fix))
}

/// The product of that name, or the problem that there is none, with the names there are.
pub(crate) fn product(engine: &Engine, name: &str) -> Result<Product, Problem> {
    if let Some(product) = engine.read(|tx| products::get(tx, name))? {
        return Ok(product);
    }
    let mut names = engine.read(products::names)?;
    names.truncate(10);
    let fix = match names.is_empty() {
        true => "Make it first: `certrail product add NAME --repository OWNER/NAME`.".to_owned(),
        false => format!("Known are: {}.", names.join(", ")),
    };
    Err(Problem::new(
        ProblemKind::NotFound,
        "no-such-product",
        "Nothing was recorded.",
        format!("There is no product `{}`.", clip(name)),
        fix,
    ))
}
