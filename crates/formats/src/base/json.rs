//! JSON, member by member and record by record, so that memory follows one record and not the report.

use std::{borrow::Cow, fmt, io::BufRead, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::input::{Body, Input};
use crate::NotRead;

/// Something that takes the members of an object as they come.
///
/// Each call takes its value with one of [`value`], [`each`], [`entries`], [`inner`], [`objects`], [`skip`].
pub(crate) trait Object<'de> {
    /// Takes one member.
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error>;

    /// The object has ended.
    fn end(&mut self) {}
}

/// Reads one object, or a list of them, member by member.
pub(crate) fn read<'de, V: Object<'de>>(input: &mut Input<'de>, visitor: &mut V) -> Result<(), NotRead> {
    run(input, Objects(visitor), false)
}

/// Reads objects that follow each other: JSON lines, or a list of the same objects.
pub(crate) fn read_stream<'de, V: Object<'de>>(input: &mut Input<'de>, visitor: &mut V) -> Result<(), NotRead> {
    run(input, Objects(visitor), true)
}

/// Reads records: a list of them, one alone, or lines.
pub(crate) fn records<'de, T: Deserialize<'de>>(
    input: &mut Input<'de>,
    mut each: impl FnMut(T),
) -> Result<(), NotRead> {
    run(input, Records { each: &mut each, of: PhantomData, loose: true }, true)
}

/// A seed that can be used again for each value of a stream.
trait Again<'de> {
    fn once<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
}

fn run<'de, S: Again<'de>>(input: &mut Input<'de>, mut seed: S, many: bool) -> Result<(), NotRead> {
    match input.take()? {
        Body::Whole(Cow::Borrowed(text)) => drive(serde_json::Deserializer::from_str(text), &mut seed, many),
        // A text that had to be transcoded is ours and cannot lend itself for `'de`.
        Body::Whole(Cow::Owned(text)) => {
            let cursor = std::io::Cursor::new(text.into_bytes());
            drive(serde_json::Deserializer::from_reader(cursor), &mut seed, many)
        }
        Body::Stream(reader) => drive_reader(reader, &mut seed, many),
    }
}

fn drive_reader<'de, S: Again<'de>>(reader: Box<dyn BufRead + 'de>, seed: &mut S, many: bool) -> Result<(), NotRead> {
    drive(serde_json::Deserializer::from_reader(reader), seed, many)
}

fn drive<'de, R: serde_json::de::Read<'de>, S: Again<'de>>(
    mut json: serde_json::Deserializer<R>,
    seed: &mut S,
    many: bool,
) -> Result<(), NotRead> {
    loop {
        seed.once(&mut json).map_err(|e| NotRead::new(None, wrong(&e)))?;
        match json.end() {
            Ok(()) => return Ok(()),
            Err(_) if many => {}
            Err(e) => return Err(NotRead::new(None, wrong(&e))),
        }
    }
}

/// What is wrong with it, one sentence.
fn wrong(e: &serde_json::Error) -> String {
    if e.is_eof() {
        return format!("It breaks off at line {}, column {}.", e.line(), e.column());
    }
    let text = e.to_string();
    match e.is_syntax() {
        true => format!("It is not JSON: {}.", super::clip(&text)),
        false => format!("A member has the wrong type: {}.", super::clip(&text)),
    }
}

struct Objects<'v, V>(&'v mut V);

impl<'de, V: Object<'de>> Again<'de> for Objects<'_, V> {
    fn once<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        Objects(self.0).deserialize(deserializer)
    }
}

impl<'de, V: Object<'de>> DeserializeSeed<'de> for Objects<'_, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Null is nothing. Any other scalar falls through to serde's error: a text where findings should be is not "none".
macro_rules! null_is_nothing {
    () => {
        fn visit_unit<E: de::Error>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

impl<'de, V: Object<'de>> Visitor<'de> for Objects<'_, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<KeyText<'de>>()? {
            self.0.member(&key.0, &mut map)?;
        }
        self.0.end();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Objects(self.0))?.is_some() {}
        Ok(())
    }

    null_is_nothing!();
}

struct Records<'f, F, T> {
    each: &'f mut F,
    of: PhantomData<T>,
    /// One record alone, and pages of lists, are taken too.
    loose: bool,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Again<'de> for Records<'_, F, T> {
    fn once<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        Records { each: self.each, of: PhantomData, loose: self.loose }.deserialize(deserializer)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Records<'_, F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Records<'_, F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record or a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.loose {
            while seq.next_element_seed(Records { each: &mut *self.each, ..self })?.is_some() {}
        } else {
            while let Some(record) = seq.next_element::<Option<T>>()? {
                record.into_iter().for_each(&mut *self.each);
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        if !self.loose {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &"a list"));
        }
        (self.each)(T::deserialize(de::value::MapAccessDeserializer::new(map))?);
        Ok(())
    }

    null_is_nothing!();
}

/// The records of a list, and first of all nothing: that there is a list.
struct Listed<'f, F, T> {
    each: &'f mut F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(Option<T>)> DeserializeSeed<'de> for Listed<'_, F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(Option<T>)> Visitor<'de> for Listed<'_, F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        (self.each)(None);
        while let Some(record) = seq.next_element::<Option<T>>()? {
            if record.is_some() {
                (self.each)(record);
            }
        }
        Ok(())
    }

    null_is_nothing!();
}

/// Values of a list, scalars among them.
struct Values<'f, F, T> {
    each: &'f mut F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Values<'_, F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Values<'_, F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element()? {
            (self.each)(value);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    null_is_nothing!();
}

/// The entries of an object whose keys are data.
struct Entries<'f, F, T> {
    each: &'f mut F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(&str, T)> DeserializeSeed<'de> for Entries<'_, F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(&str, T)> Visitor<'de> for Entries<'_, F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<KeyText<'de>>()? {
            (self.each)(&key.0, map.next_value()?);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // PHP writes an empty object as a list.
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, &self)),
        }
    }

    null_is_nothing!();
}

/// A key, borrowed where it can be.
#[derive(Deserialize)]
struct KeyText<'a>(#[serde(borrow)] Cow<'a, str>);

/// Takes a value.
pub(crate) fn value<'de, T: Deserialize<'de>, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    map.next_value()
}

/// Leaves a value out.
pub(crate) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Takes the records of a list one by one. Null is an empty list; anything else is an error.
pub(crate) fn each<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    map: &mut A,
    mut each: impl FnMut(T),
) -> Result<(), A::Error> {
    map.next_value_seed(Records { each: &mut each, of: PhantomData, loose: false })
}

/// As [`each`]; says whether there was a list at all.
pub(crate) fn list<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    map: &mut A,
    mut each: impl FnMut(T),
) -> Result<bool, A::Error> {
    let mut listed = false;
    let mut each = |record: Option<T>| match record {
        Some(record) => each(record),
        None => listed = true,
    };
    map.next_value_seed(Listed { each: &mut each, of: PhantomData })?;
    Ok(listed)
}

/// Takes values of any kind from a list one by one.
pub(crate) fn records_in<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    map: &mut A,
    mut each: impl FnMut(T),
) -> Result<(), A::Error> {
    map.next_value_seed(Values { each: &mut each, of: PhantomData })
}

/// Takes the entries of an object one by one.
pub(crate) fn entries<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    map: &mut A,
    mut each: impl FnMut(&str, T),
) -> Result<(), A::Error> {
    map.next_value_seed(Entries { each: &mut each, of: PhantomData })
}

/// Takes an object, or each object of a list, member by member.
pub(crate) fn objects<'de, V: Object<'de>, A: MapAccess<'de>>(map: &mut A, visitor: &mut V) -> Result<(), A::Error> {
    map.next_value_seed(Objects(visitor))
}

/// How many elements or entries there are.
pub(crate) fn count<'de, A: MapAccess<'de>>(map: &mut A) -> Result<u64, A::Error> {
    map.next_value::<Counted>().map(|c| c.0)
}

/// How many elements a list or an object has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted(pub(crate) u64);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut n = 0;
        struct Counting<'n>(&'n mut u64);
        impl<'de> Visitor<'de> for Counting<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    *self.0 += 1;
                }
                Ok(())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    *self.0 += 1;
                }
                Ok(())
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
                Ok(())
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
                Ok(())
            }

            null_is_nothing!();
        }
        deserializer.deserialize_any(Counting(&mut n))?;
        Ok(Self(n))
    }
}
