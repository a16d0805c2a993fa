//! The shape of the first JSON value of a report: which members it has, a few levels down.

use std::fmt;

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// How deep a shape looks.
const DEPTH: usize = 5;
/// How many members of an object it remembers.
const MEMBERS: usize = 100;

/// What a value looks like.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Shape {
    /// Null, or not seen.
    #[default]
    Nothing,
    /// A text, number or truth value, as text.
    Scalar(String),
    /// A list, by its first element that is not null.
    List(Option<Box<Shape>>),
    /// An object.
    Object(Vec<(String, Shape)>),
}

impl Shape {
    /// The shape of the first value in `head`, as far as it goes. `None` where there is not even a beginning of JSON.
    pub(crate) fn of(head: &str) -> Option<Self> {
        let mut shape = Self::Nothing;
        let mut json = serde_json::Deserializer::from_str(head);
        let outcome = Into { shape: &mut shape, depth: DEPTH }.deserialize(&mut json);
        match (outcome, &shape) {
            (Err(_), Self::Nothing) => None,
            _ => Some(shape),
        }
    }

    /// The value at `runs[].tool.driver`; `[]` stands for the first element of a list.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        let mut here = self;
        for part in path.split('.').filter(|p| !p.is_empty()) {
            let (name, lists) = match part.split_once("[]") {
                Some((name, rest)) => (name, 1 + rest.matches("[]").count()),
                None => (part, 0),
            };
            if !name.is_empty() {
                let Self::Object(members) = here else { return None };
                here = &members.iter().find(|(key, _)| key == name)?.1;
            }
            for _ in 0..lists {
                let Self::List(Some(first)) = here else { return None };
                here = first;
            }
        }
        Some(here)
    }

    /// Whether `condition` holds: `a.b` (is there), `!a.b` (is not), `a=x` (is x), `a~x` (holds x, any case),
    /// `a:{}` (is an object), `a:[]` (is a list).
    pub(crate) fn holds(&self, condition: &str) -> bool {
        if let Some(rest) = condition.strip_prefix('!') {
            return !self.holds(rest);
        }
        if let Some(path) = condition.strip_suffix(":{}") {
            return matches!(self.at(path), Some(Self::Object(_)));
        }
        if let Some(path) = condition.strip_suffix(":[]") {
            return matches!(self.at(path), Some(Self::List(_)));
        }
        let scalar = |path: &str| match self.at(path) {
            Some(Self::Scalar(text)) => Some(text.as_str()),
            _ => None,
        };
        if let Some((path, value)) = condition.split_once('=') {
            return scalar(path) == Some(value);
        }
        if let Some((path, part)) = condition.split_once('~') {
            return scalar(path).is_some_and(|t| t.to_ascii_lowercase().contains(part));
        }
        self.at(condition).is_some()
    }

    /// The names of the first members, for saying what it is that no reader knows.
    pub(crate) fn members(&self) -> Vec<&str> {
        match self {
            Self::Object(members) => members.iter().map(|(key, _)| key.as_str()).collect(),
            Self::List(Some(first)) => first.members(),
            _ => Vec::new(),
        }
    }
}

/// Fills a shape in place, so that a head that ends in the middle leaves what it showed.
struct Into<'s> {
    shape: &'s mut Shape,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Into<'_> {
    fn scalar<E>(self, text: impl std::fmt::Display) -> Result<(), E> {
        *self.shape = Shape::Scalar(text.to_string());
        Ok(())
    }
}

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<(), E> {
        self.scalar(v)
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<(), E> {
        self.scalar(v)
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<(), E> {
        self.scalar(v)
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<(), E> {
        self.scalar(v)
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<(), E> {
        self.scalar(super::clip(v))
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        *self.shape = Shape::Nothing;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        *self.shape = Shape::List(None);
        if self.depth == 0 {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        loop {
            let mut first = Box::new(Shape::Nothing);
            let outcome = seq.next_element_seed(Into { shape: &mut first, depth: self.depth - 1 });
            let seen = *first != Shape::Nothing;
            if seen {
                *self.shape = Shape::List(Some(first));
            }
            if outcome?.is_none() {
                return Ok(());
            }
            if seen {
                break;
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        *self.shape = Shape::Object(Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            let Shape::Object(members) = &mut *self.shape else { return Ok(()) };
            if self.depth == 0 || members.len() >= MEMBERS {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            members.push((key, Shape::Nothing));
            if let Some((_, shape)) = members.last_mut() {
                map.next_value_seed(Into { shape, depth: self.depth - 1 })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_look_into_a_shape() {
        let shape =
            Shape::of(r#"{"runs":[null,{"tool":{"driver":{"name":"x"}}},{"other":1}],"version":"2.1.0","n":[]"#);
        let shape = shape.unwrap();
        for good in
            ["runs", "runs[].tool", "version=2.1.0", "version~.1", "!other", "!runs[].other", "n:[]", "runs[].tool:{}"]
        {
            assert!(shape.holds(good), "{good}");
        }
        for bad in ["rungs", "runs.tool", "version=2", "n[].a", "version:{}", "!version"] {
            assert!(!shape.holds(bad), "{bad}");
        }
        assert!(Shape::of("[{\"a\":1}]").unwrap().holds("[].a=1"));
        assert_eq!(Shape::of("["), Some(Shape::List(None)));
        assert_eq!(Shape::of("x"), None);
    }
}
