//! Which format is it? By content, most specific first, never by file name.

use crate::{
    Format, NotRead,
    base::{clip, input::Input, shape::Shape, xml},
    definition::Head,
};

/// Parses the beginning of a report.
pub(crate) fn head(text: &str) -> Result<Head<'_>, NotRead> {
    let start = text.trim_start();
    match start.as_bytes().first() {
        None => Ok(Head::Empty),
        Some(b'<') => xml::root(start).map(Head::Xml).map_err(|why| NotRead::new(None, why)),
        Some(b'{' | b'[') => match Shape::of(start) {
            Some(shape) => Ok(Head::Json(shape)),
            // `[INFO] …` begins like a list and is a log.
            None => Ok(noisy(text)),
        },
        Some(_) => Ok(noisy(text)),
    }
}

/// Text, or JSON lines behind what another program wrote to the same stream.
fn noisy(text: &str) -> Head<'_> {
    let line = text.lines().take(200).find(|l| l.starts_with('{'));
    match line.and_then(Shape::of) {
        Some(shape) => Head::Noisy(text, shape),
        None => Head::Text(text),
    }
}

/// Tells the format, by the beginning where that is enough: a member that tells it may stand at the end.
pub(crate) fn tell(input: &Input<'_>, wanted: Option<Format>) -> Result<Format, NotRead> {
    let told = |text| format(text, &head(text)?, wanted);
    match told(input.head()) {
        Err(_) if input.more().len() > input.head().len() => told(input.more()),
        told => told,
    }
}

/// Tells the format. `wanted` is what the sender says it is.
fn format(text: &str, head: &Head<'_>, wanted: Option<Format>) -> Result<Format, NotRead> {
    if let Some(wanted) = wanted {
        if wanted.0.looks.iter().any(|l| l.fits(head)) || wanted.0.blank == Some(blank(text)) && blank(text).len() < 3 {
            return Ok(wanted);
        }
        return Err(match first(head) {
            Some(found) => {
                NotRead::new(Some(found.name()), format!("It is not {}: it is {}.", wanted.title(), found.title()))
            }
            None => {
                let unknown = unknown(text, head);
                NotRead::new(unknown.looks_like, format!("It is not {}. {}", wanted.title(), unknown.why))
            }
        });
    }
    first(head).ok_or_else(|| unknown(text, head))
}

fn first(head: &Head<'_>) -> Option<Format> {
    Format::all().iter().copied().find(|f| f.0.looks.iter().any(|l| l.fits(head)))
}

/// Every format a head looks like; more than one means that two rules are too wide.
pub(crate) fn every(head: &Head<'_>) -> Vec<Format> {
    Format::all().iter().copied().filter(|f| f.0.looks.iter().any(|l| l.fits(head))).collect()
}

/// The report, if it is so short that it says nothing.
fn blank(text: &str) -> &str {
    match text.trim() {
        short if short.len() <= 2 => short,
        _ => "something",
    }
}

/// What to say of a report that no reader knows.
fn unknown(text: &str, head: &Head<'_>) -> NotRead {
    let why = match head {
        Head::Empty => "It is empty.".to_owned(),
        Head::Json(_) if matches!(blank(text), "[]" | "{}") => {
            "It is an empty JSON value: nothing in it tells which tool wrote it. Say so with --type.".to_owned()
        }
        Head::Json(shape) => return json(shape),
        Head::Xml(root) => format!("Its root element is <{}>, which no reader knows.", clip(&root.name)),
        Head::Text(text) | Head::Noisy(text, _) => {
            let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
            format!("It is text that no reader knows; it begins `{}`.", crate::base::clip_to(first, 60))
        }
    };
    NotRead::new(None, why)
}

fn json(shape: &Shape) -> NotRead {
    if let Some(Shape::Scalar(format)) = shape.at("bomFormat") {
        return NotRead::new(None, format!("Its bomFormat is `{}`, not `CycloneDX`.", clip(format)));
    }
    if shape.holds("$schema~cyclonedx") {
        return NotRead::new(Some("cyclonedx"), "It names the CycloneDX schema and has no bomFormat.");
    }
    let members: Vec<String> = shape.members().into_iter().take(6).map(|m| format!("`{}`", clip(m))).collect();
    match members.is_empty() {
        true => NotRead::new(None, "It is JSON of no format that a reader knows."),
        false => NotRead::new(
            None,
            format!("It is JSON of no format that a reader knows; its first members are {}.", members.join(", ")),
        ),
    }
}
