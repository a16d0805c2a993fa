//! What the XML readers share. quick-xml never expands entities of a DTD, so entity bombs stay text.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// Deeper nesting than any report has.
pub(crate) const MAX_DEPTH: usize = 256;

/// The root element.
pub(crate) struct Root {
    pub(crate) name: String,
    pub(crate) attributes: Vec<String>,
}

/// Finds the root element without reading further.
pub(crate) fn root(text: &str) -> Result<Root, String> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(e) | Event::Empty(e)) => {
                return Ok(Root {
                    name: local(&e),
                    attributes: e.attributes().flatten().map(|a| a.key.local_name().as_ref().to_owned()).collect(),
                });
            }
            Ok(Event::Eof) => return Err("It has no root element.".into()),
            Ok(_) => {}
            Err(e) => return Err(format!("It is not XML: {e}.")),
        }
    }
}

/// The local name of an element.
pub(crate) fn local(e: &BytesStart<'_>) -> String {
    e.local_name().as_ref().to_owned()
}

/// An attribute's value; unknown entities are left as they are.
pub(crate) fn attribute(e: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = e.attributes().with_checks(false).flatten().find(|a| a.key.local_name().as_ref() == name)?;
    Some(
        found
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_or_else(|_| found.value.to_string(), |v| v.into_owned()),
    )
}

/// An attribute read as a number.
pub(crate) fn number(e: &BytesStart<'_>, name: &str) -> Option<u64> {
    attribute(e, name)?.trim().parse().ok()
}
