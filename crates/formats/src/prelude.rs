//! What almost every reader of a scanner's report uses.

pub(crate) use certrail_domain::facts::{Component, Database, Level, ScanKind, ScoreSystem};
pub(crate) use serde::{Deserialize, de::MapAccess};

pub(crate) use crate::{
    NotRead, Reading,
    base::{
        clip,
        input::Input,
        json::{self, Counted, Object},
        lenient::{Few, Maybe, Text},
        xml::{self, Element, Elements, Path},
    },
    definition::{Context, Definition, Family, Looks},
    out::{
        purl,
        scan::{Found, ScanReport},
        severity,
    },
};
