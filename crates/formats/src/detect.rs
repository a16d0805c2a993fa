//! Which format is it? By content, most specific first, never by file name.

use serde::{Deserialize, de::IgnoredAny};

use crate::{NotRead, xml};

/// A format with a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JUnit XML in its dialects.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// CycloneDX JSON.
    CycloneDx,
    /// Cobertura XML.
    Cobertura,
    /// LCOV tracefile.
    Lcov,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Junit, Self::Sarif, Self::CycloneDx, Self::Cobertura, Self::Lcov];

    /// The name used on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::Cobertura => "cobertura",
            Self::Lcov => "lcov",
        }
    }

    /// The name people use.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Junit => "JUnit XML",
            Self::Sarif => "SARIF 2.1.0",
            Self::CycloneDx => "CycloneDX JSON",
            Self::Cobertura => "Cobertura XML",
            Self::Lcov => "LCOV",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}

/// The members that tell JSON formats apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonProbe<'a> {
    #[serde(borrow, default)]
    bom_format: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    spec_version: Option<IgnoredAny>,
    #[serde(borrow, default, rename = "$schema")]
    schema: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    version: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    runs: Option<IgnoredAny>,
}

/// Tells the format of `text`.
///
/// # Errors
/// When it is none with a reader; the error says what it looks like.
pub fn detect(text: &str) -> Result<Format, NotRead> {
    match text.trim_start().as_bytes().first() {
        None => Err(NotRead::new(None, "It is empty.")),
        Some(b'<') => detect_xml(text),
        Some(b'{' | b'[') => detect_json(text),
        _ if looks_like_lcov(text) => Ok(Format::Lcov),
        _ => Err(NotRead::new(None, "It is neither XML nor JSON nor an LCOV tracefile.")),
    }
}

fn detect_xml(text: &str) -> Result<Format, NotRead> {
    let root = xml::root(text).map_err(|why| NotRead::new(None, why))?;
    let has = |name: &str| root.attributes.iter().any(|a| a == name);
    match root.name.as_str() {
        "testsuites" | "testsuite" => Ok(Format::Junit),
        "coverage" if has("clover") => {
            Err(NotRead::new(Some("clover"), "It is a Clover report; there is no reader for it yet."))
        }
        "coverage" => Ok(Format::Cobertura),
        "report" => {
            Err(NotRead::new(Some("jacoco"), "Its root is <report>, as in JaCoCo; there is no reader for it yet."))
        }
        "bom" => Err(NotRead::new(Some("cyclonedx-xml"), "It is CycloneDX in XML; send the JSON form.")),
        name => Err(NotRead::new(None, format!("Its root element is <{}>, which no reader knows.", crate::clip(name)))),
    }
}

fn detect_json(text: &str) -> Result<Format, NotRead> {
    let probe: JsonProbe<'_> = match serde_json::from_str(text) {
        Ok(probe) => probe,
        Err(e) if e.is_data() => return Err(NotRead::new(None, "It is JSON of no format that a reader knows.")),
        Err(e) => return Err(NotRead::new(None, format!("It is not JSON: {e}."))),
    };
    if let Some(format) = &probe.bom_format {
        if format == "CycloneDX" {
            return Ok(Format::CycloneDx);
        }
        let why = format!("Its bomFormat is `{}`, not `CycloneDX`.", crate::clip(format));
        return Err(NotRead::new(None, why));
    }
    if probe.spec_version.is_some() && probe.schema.as_ref().is_some_and(|s| s.contains("cyclonedx")) {
        return Err(NotRead::new(Some("cyclonedx"), "It names the CycloneDX schema and has no bomFormat."));
    }
    let version = probe.version.map(|v| v.get().trim_matches('"'));
    let names_sarif = probe.schema.as_ref().is_some_and(|s| s.contains("sarif"));
    match (probe.runs.is_some(), version) {
        (true, Some("2.1.0")) => Ok(Format::Sarif),
        (true, Some(other)) => {
            Err(NotRead::new(Some("sarif"), format!("It is SARIF {}; only 2.1.0 is read.", crate::clip(other))))
        }
        (true, None) if names_sarif => Err(NotRead::new(Some("sarif"), "It is SARIF without a version.")),
        _ => Err(NotRead::new(None, "It is JSON of no format that a reader knows.")),
    }
}

fn looks_like_lcov(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with("TN:") || line.starts_with("SF:"))
}
