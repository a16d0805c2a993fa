//! Looking through JSON before it is read: nothing of it is built, so what it costs is bounded before its meaning is known.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Values in one document; one that holds more is a mistake, or meant to fill the memory.
pub const MOST_VALUES: usize = 400_000;

/// Where a value stands in a document: `commits[2].author`.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// The document itself.
    Whole,
    /// A member of an object.
    Member(&'a Place<'a>, &'a str),
    /// An item of a list.
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// The name of the nearest member that it is, or is an item of.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::Member(_, name) => Some(name),
            Self::Item(list, _) => list.member(),
        }
    }

    /// Whether it is, or is in, a member of one of these names.
    #[must_use]
    pub fn is_within(&self, names: &[&str]) -> bool {
        match self {
            Self::Whole => false,
            Self::Member(around, name) => names.contains(name) || around.is_within(names),
            Self::Item(list, _) => list.is_within(names),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("body"),
            Self::Member(Self::Whole, name) => f.write_str(name),
            Self::Member(around, name) => write!(f, "{around}.{name}"),
            Self::Item(Self::Whole, number) => write!(f, "[{number}]"),
            Self::Item(list, number) => write!(f, "{list}[{number}]"),
        }
    }
}

/// Why a document was not looked through to its end.
#[derive(Debug)]
pub enum Stopped<E> {
    /// It does not read.
    Unreadable(serde_json::Error),
    /// It holds more than [`MOST_VALUES`].
    TooMany,
    /// Whoever looked refused a text.
    Refused(E),
}

/// Shows each text of a document to `look`, with its place.
///
/// # Errors
/// When the document does not read, holds too much, or `look` refuses.
pub fn look_through<E>(
    bytes: &[u8],
    look: &mut dyn FnMut(&Place<'_>, &str) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    let mut looking = Looking { look, values: 0, refused: None };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = At { looking: &mut looking, place: &Place::Whole }.deserialize(&mut reader).and_then(|()| reader.end());
    match (looking.refused, looking.values > MOST_VALUES, read) {
        (Some(refused), ..) => Err(Stopped::Refused(refused)),
        (None, true, _) => Err(Stopped::TooMany),
        (None, false, read) => read.map_err(Stopped::Unreadable),
    }
}

struct Looking<'a, E> {
    look: &'a mut dyn FnMut(&Place<'_>, &str) -> Result<(), E>,
    values: usize,
    refused: Option<E>,
}

struct At<'a, 'l, E> {
    looking: &'a mut Looking<'l, E>,
    place: &'a Place<'a>,
}

impl<'de, E> DeserializeSeed<'de> for At<'_, '_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.looking.values += 1;
        if self.looking.values > MOST_VALUES {
            return Err(D::Error::custom("it holds too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de, E> Visitor<'de> for At<'_, '_, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<X>(self) -> Result<(), X> {
        Ok(())
    }

    fn visit_bool<X>(self, _: bool) -> Result<(), X> {
        Ok(())
    }

    fn visit_i64<X>(self, _: i64) -> Result<(), X> {
        Ok(())
    }

    fn visit_u64<X>(self, _: u64) -> Result<(), X> {
        Ok(())
    }

    fn visit_f64<X>(self, _: f64) -> Result<(), X> {
        Ok(())
    }

    fn visit_str<X: Error>(self, text: &str) -> Result<(), X> {
        (self.looking.look)(self.place, text).map_err(|refused| {
            self.looking.refused = Some(refused);
            X::custom("it was refused")
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut number = 0;
        while items
            .next_element_seed(At { looking: &mut *self.looking, place: &Place::Item(self.place, number) })?
            .is_some()
        {
            number += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            members.next_value_seed(At { looking: &mut *self.looking, place: &Place::Member(self.place, &name) })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(document: &str) -> Result<Vec<String>, Stopped<String>> {
        let mut seen = Vec::new();
        look_through(document.as_bytes(), &mut |place, text| {
            if text == "no" {
                return Err(place.to_string());
            }
            seen.push(format!("{place}={text}"));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn each_text_is_shown_with_its_place() {
        let document = r#"{"a":"1","b":[null,true,-1,1.5,{"c":["2"]}],"b":"again"}"#;
        assert_eq!(texts(document).expect("reads"), ["a=1", "b[4].c[0]=2", "b=again"]);
        assert_eq!(texts(r#""whole""#).expect("reads"), ["body=whole"]);
        assert!(matches!(texts(r#"[{"x":["no"]}]"#), Err(Stopped::Refused(at)) if at == "[0].x[0]"));
        for bad in ["", "{", "{} x", "nul", "[1,]"] {
            assert!(matches!(texts(bad), Err(Stopped::Unreadable(_))), "{bad}");
        }
    }

    #[test]
    fn a_document_of_too_many_values_is_not_read_to_its_end() {
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert!(matches!(texts(&many), Err(Stopped::TooMany)));
        let deep = "[".repeat(100_000);
        assert!(matches!(texts(&deep), Err(Stopped::Unreadable(_))));
    }
}
