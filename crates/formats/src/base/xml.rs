//! XML, element by element. quick-xml never expands entities of a DTD, so entity bombs stay text.

use std::borrow::Cow;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::input::Input;
use crate::NotRead;

/// Deeper nesting than any report has.
pub(crate) const MAX_DEPTH: usize = 256;

/// The longest text of one element that is handed on, in bytes.
const MAX_ELEMENT_TEXT: usize = 64 << 10;

/// An element with its attributes.
pub(crate) struct Element<'a, 'b> {
    name: &'a str,
    start: &'a BytesStart<'b>,
}

impl Element<'_, '_> {
    /// The local name.
    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// An attribute by its local name; unknown entities are left as they are.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let found =
            self.start.attributes().with_checks(false).flatten().find(|a| a.key.local_name().as_ref() == name)?;
        Some(match found.normalized_value(XmlVersion::Implicit1_0) {
            Ok(value) => value.into_owned(),
            Err(_) => found.value.to_string(),
        })
    }

    /// The namespace that it declares as its own, empty if it declares none.
    pub(crate) fn namespace(&self) -> String {
        let (mut own, mut prefixed) = (None, None);
        for attribute in self.start.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "xmlns" => own = Some(attribute.value.to_string()),
                key if key.starts_with("xmlns:") => prefixed = prefixed.or_else(|| Some(attribute.value.to_string())),
                _ => {}
            }
        }
        own.or(prefixed).unwrap_or_default()
    }

    /// An attribute, empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> String {
        self.attribute(name).unwrap_or_default()
    }

    /// An attribute read as a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// An attribute read as a time with a zone.
    pub(crate) fn time(&self, name: &str) -> Option<certrail_domain::Time> {
        super::time::parse(&self.attribute(name)?)
    }
}

/// The local names of the elements around one, outermost first.
pub(crate) struct Path(Vec<String>);

impl Path {
    /// The name of the `back`th element around: 1 is the parent.
    pub(crate) fn up(&self, back: usize) -> &str {
        self.0.len().checked_sub(back).and_then(|i| self.0.get(i)).map_or("", String::as_str)
    }

    /// How many elements are around.
    pub(crate) fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether an element of that name is around.
    pub(crate) fn within(&self, name: &str) -> bool {
        self.0.iter().any(|n| n == name)
    }
}

/// Something that takes elements as they come.
pub(crate) trait Elements {
    /// An element begins.
    fn open(&mut self, element: &Element<'_, '_>, path: &Path);

    /// An element ends; `text` is what stood in it since its last child.
    fn close(&mut self, _name: &str, _text: &str, _path: &Path) {}
}

/// Walks through a report. Gives the reason where it breaks off before its end.
pub(crate) fn walk(input: &mut Input<'_>, to: &mut dyn Elements) -> Result<Option<String>, NotRead> {
    let mut reader = Reader::from_reader(input.reader()?);
    reader.config_mut().check_end_names = true;
    let mut buffer = Vec::new();
    let mut path = Path(Vec::new());
    let mut leaf = String::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(e)) => {
                leaf.clear();
                let name = e.local_name().as_ref().to_owned();
                to.open(&Element { name: &name, start: &e }, &path);
                path.0.push(name);
                if path.0.len() > MAX_DEPTH {
                    return Err(NotRead::new(None, "Its elements are nested too deeply."));
                }
            }
            Ok(Event::Empty(e)) => {
                leaf.clear();
                let local = e.local_name();
                let name: &str = local.as_ref();
                to.open(&Element { name, start: &e }, &path);
                to.close(name, "", &path);
            }
            Ok(Event::End(_)) => {
                let name = path.0.pop().unwrap_or_default();
                to.close(&name, leaf.trim(), &path);
                leaf.clear();
            }
            Ok(Event::Text(t)) => push(&mut leaf, &t),
            Ok(Event::CData(t)) => push(&mut leaf, &t),
            Ok(Event::GeneralRef(r)) => push(&mut leaf, &resolved(&r)),
            Ok(Event::Eof) => {
                return Ok(
                    (path.depth() > 0).then(|| "It ends in the middle; what comes after is not counted.".to_owned())
                );
            }
            Ok(_) => {}
            Err(e) => {
                let why = super::clip(&e.to_string());
                return Ok(Some(format!("It breaks off at byte {}: {why}.", reader.error_position())));
            }
        }
    }
}

fn push(leaf: &mut String, text: &str) {
    if leaf.len() + text.len() <= MAX_ELEMENT_TEXT {
        leaf.push_str(text);
    } else if leaf.len() < MAX_ELEMENT_TEXT {
        let mut end = MAX_ELEMENT_TEXT - leaf.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        leaf.push_str(&text[..end]);
    }
}

/// `&amp;` and its kind, and characters by number; what a DTD would define stays as it is.
fn resolved(reference: &quick_xml::events::BytesRef<'_>) -> Cow<'static, str> {
    let name: &str = reference;
    match name {
        "amp" => "&".into(),
        "lt" => "<".into(),
        "gt" => ">".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        _ => match reference.resolve_char_ref() {
            Ok(Some(c)) => c.to_string().into(),
            _ => format!("&{name};").into(),
        },
    }
}

/// What tells XML formats apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Root {
    /// The root's local name.
    pub(crate) name: String,
    /// Its attributes, namespaces among them.
    pub(crate) attributes: Vec<(String, String)>,
    /// The first elements inside, at any depth.
    pub(crate) inside: Vec<String>,
}

/// Finds the root element and what comes first in it.
pub(crate) fn root(head: &str) -> Result<Root, String> {
    const ENOUGH: usize = 40;
    let mut reader = Reader::from_str(head);
    let mut root: Option<Root> = None;
    loop {
        match (reader.read_event(), &mut root) {
            (Ok(Event::Start(e) | Event::Empty(e)), None) => {
                root = Some(Root {
                    name: e.local_name().as_ref().to_owned(),
                    attributes: e
                        .attributes()
                        .with_checks(false)
                        .flatten()
                        .take(50)
                        .map(|a| (a.key.as_ref().to_owned(), a.value.to_string()))
                        .collect(),
                    inside: Vec::new(),
                });
            }
            (Ok(Event::Start(e) | Event::Empty(e)), Some(root)) => {
                root.inside.push(e.local_name().as_ref().to_owned());
                if root.inside.len() >= ENOUGH {
                    break;
                }
            }
            (Ok(Event::Eof), None) => return Err("It has no root element.".into()),
            (Err(e), None) => return Err(format!("It is not XML: {}.", super::clip(&e.to_string()))),
            (Ok(Event::Eof) | Err(_), Some(_)) => break,
            (Ok(_), _) => {}
        }
    }
    Ok(root.unwrap_or_default())
}
