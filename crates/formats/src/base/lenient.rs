//! Values that forgive their form: a number written as text, a list that is null, one thing instead of a list.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use certrail_domain::Time;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::time;

/// Text, or a number or truth value as text. Anything else is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    /// The text, unless it is blank.
    pub(crate) fn some(&self) -> Option<&str> {
        Some(self.0.trim()).filter(|t| !t.is_empty())
    }

    /// The text as a number.
    pub(crate) fn number(&self) -> Option<u64> {
        self.0.trim().parse().ok()
    }

    /// The text as a time with a zone.
    pub(crate) fn time(&self) -> Option<Time> {
        time::parse(&self.0)
    }

    /// The text as a score.
    pub(crate) fn float(&self) -> Option<f64> {
        self.0.trim().parse().ok()
    }

    /// Whether it says yes.
    pub(crate) fn yes(&self) -> bool {
        self.0.eq_ignore_ascii_case("true")
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }

    fn visit_string<E: de::Error>(self, v: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v))
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if v { "true" } else { "false" }))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }
}

/// A list of which the first [`Few::MAX`] are kept and all are counted. Null is empty; one thing is a list of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Few<T> {
    /// The first ones.
    pub(crate) list: Vec<T>,
    /// How many there are.
    pub(crate) total: u64,
}

impl<T> Few<T> {
    /// How many are kept: enough for any honest list inside one record, too few to fill memory. A list that carries
    /// findings or outcomes is read with `all` of the report, which says when some were left out.
    pub(crate) const MAX: usize = 20_000;

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.list.iter()
    }

    /// Whether some are not kept.
    pub(crate) const fn is_cut(&self) -> bool {
        self.total > self.list.len() as u64
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.list.first()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { list: Vec::new(), total: 0 }
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FewVisitor(PhantomData))
    }
}

struct FewVisitor<T>(PhantomData<T>);

impl<T> FewVisitor<T> {
    fn one<'de, E: de::Error>(from: impl Deserializer<'de, Error = E>) -> Few<T>
    where
        T: Deserialize<'de>,
    {
        // One thing that is none of ours is no reason to refuse the whole report.
        let list: Vec<T> = T::deserialize(from).into_iter().collect();
        Few { total: list.len() as u64, list }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
    type Value = Few<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut few = Few::default();
        while few.list.len() < Few::<T>::MAX {
            match seq.next_element()? {
                Some(element) => few.list.push(element),
                None => {
                    few.total = few.list.len() as u64;
                    return Ok(few);
                }
            }
        }
        few.total = few.list.len() as u64;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            few.total += 1;
        }
        Ok(few)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let one = T::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Few { list: vec![one], total: 1 })
    }

    fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Self::one(de::value::BorrowedStrDeserializer::<E>::new(v)))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Self::one(de::value::StrDeserializer::<E>::new(v)))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Self::one(de::value::U64Deserializer::<E>::new(v)))
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Self::one(de::value::I64Deserializer::<E>::new(v)))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Self::one(de::value::F64Deserializer::<E>::new(v)))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Few::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Few::default())
    }
}

/// A part that may be null or of another form: then it is as if it were not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Maybe<T> {
    pub(crate) const fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaybeVisitor(PhantomData)).map(Self)
    }
}

struct MaybeVisitor<T>(PhantomData<T>);

macro_rules! nothing {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: de::Error>(self, _: $type) -> Result<Self::Value, E> { Ok(None) })*
    };
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for MaybeVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    nothing!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Part<'a> {
        #[serde(borrow)]
        name: Text<'a>,
    }

    #[test]
    fn forms_are_forgiven() {
        let text = |json: &str| serde_json::from_str::<Text<'_>>(json).map(|t| t.0.into_owned()).unwrap();
        assert_eq!(
            ["\"a\"", "1", "-1", "1.5", "true", "null", "[1,{}]", "{\"a\":[]}"].map(text),
            ["a", "1", "-1", "1.5", "true", "", "", ""]
        );
        let few = |json: &str| serde_json::from_str::<Few<Text<'_>>>(json).map(|f| f.total).unwrap();
        assert_eq!(["[1,2]", "null", "\"one\"", "true", "7"].map(few), [2, 0, 1, 0, 1]);
        let long = format!("[{}1]", "1,".repeat(50_000));
        let few: Few<Text<'_>> = serde_json::from_str(&long).unwrap();
        assert_eq!((few.list.len(), few.total), (Few::<Text<'_>>::MAX, 50_001));
        let maybe =
            |json: &str| serde_json::from_str::<Maybe<Part<'_>>>(json).unwrap().0.map(|p| p.name.0.into_owned());
        assert_eq!(maybe("{\"name\":3}"), Some("3".into()));
        assert_eq!(["null", "[]", "1", "\"x\"", "true"].map(maybe), [None, None, None, None, None]);
    }
}
