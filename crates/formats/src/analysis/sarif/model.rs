//! The parts of SARIF that are read, as the log has them.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    base::lenient::{Few, Maybe, Text},
    out::severity,
};

#[derive(Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(borrow, default)]
    pub(super) driver: Maybe<Driver<'a>>,
    #[serde(borrow, default)]
    pub(super) extensions: Few<Driver<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Driver<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) version: Text<'a>,
    #[serde(borrow, default)]
    pub(super) semantic_version: Text<'a>,
    #[serde(borrow, default)]
    pub(super) rules: super::rules::Held<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawRule<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) default_configuration: Maybe<Configuration<'a>>,
    #[serde(borrow, default)]
    pub(super) properties: Maybe<Properties<'a>>,
    #[serde(borrow, default)]
    pub(super) short_description: Maybe<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) relationships: Few<Relationship<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Configuration<'a> {
    #[serde(borrow, default)]
    pub(super) level: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct Properties<'a> {
    #[serde(borrow, default, rename = "security-severity")]
    pub(super) security_severity: Text<'a>,
    #[serde(borrow, default)]
    pub(super) tags: Few<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) cwe: Few<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Relationship<'a> {
    #[serde(borrow, default)]
    pub(super) target: Maybe<Reference<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(default)]
    pub(super) index: Text<'a>,
    #[serde(borrow, default)]
    pub(super) tool_component: Maybe<ComponentReference<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ComponentReference<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) index: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) text: Text<'a>,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifResult<'a> {
    #[serde(borrow, default)]
    pub(super) rule_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) rule_index: Text<'a>,
    #[serde(borrow, default)]
    pub(super) rule: Maybe<Reference<'a>>,
    #[serde(borrow, default)]
    pub(super) level: Text<'a>,
    #[serde(borrow, default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) message: Maybe<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) locations: Few<Location<'a>>,
    #[serde(borrow, default)]
    suppressions: Few<Suppression<'a>>,
    #[serde(borrow, default)]
    fingerprints: Maybe<Prints<'a>>,
    #[serde(borrow, default)]
    partial_fingerprints: Maybe<Prints<'a>>,
    #[serde(borrow, default)]
    pub(super) baseline_state: Text<'a>,
    #[serde(borrow, default)]
    taxa: Few<Reference<'a>>,
    #[serde(borrow, default)]
    properties: Maybe<Properties<'a>>,
    #[serde(default)]
    pub(super) stacks: Few<Stack>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Prints<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, Text<'a>>);

#[derive(Deserialize)]
pub(super) struct Stack {
    #[serde(default)]
    pub(super) frames: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location<'a> {
    #[serde(borrow, default)]
    pub(super) physical_location: Maybe<PhysicalLocation<'a>>,
    #[serde(borrow, default)]
    pub(super) logical_locations: Few<LogicalLocation<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogicalLocation<'a> {
    #[serde(borrow, default)]
    pub(super) fully_qualified_name: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhysicalLocation<'a> {
    #[serde(borrow, default)]
    pub(super) artifact_location: Maybe<ArtifactLocation<'a>>,
    #[serde(borrow, default)]
    pub(super) region: Maybe<Region<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ArtifactLocation<'a> {
    #[serde(borrow, default)]
    pub(super) uri: Text<'a>,
    #[serde(borrow, default)]
    pub(super) index: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct Artifact<'a> {
    #[serde(borrow, default)]
    pub(super) location: Maybe<ArtifactLocation<'a>>,
}

#[derive(Deserialize)]
pub(super) struct AutomationDetails<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
}

/// What a run changed about a rule (§3.51).
#[derive(Deserialize)]
pub(super) struct ConfigurationOverride<'a> {
    #[serde(borrow, default)]
    pub(super) descriptor: Maybe<Reference<'a>>,
    #[serde(borrow, default)]
    pub(super) configuration: Maybe<Configuration<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region<'a> {
    #[serde(borrow, default)]
    pub(super) start_line: Text<'a>,
    #[serde(borrow, default)]
    pub(super) snippet: Maybe<Message<'a>>,
}

#[derive(Deserialize)]
struct Suppression<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    justification: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation<'a> {
    #[serde(borrow, default)]
    pub(super) execution_successful: Text<'a>,
    #[serde(borrow, default)]
    pub(super) start_time_utc: Text<'a>,
    #[serde(borrow, default)]
    pub(super) end_time_utc: Text<'a>,
    #[serde(borrow, default)]
    pub(super) rule_configuration_overrides: Few<ConfigurationOverride<'a>>,
    #[serde(borrow, default)]
    pub(super) tool_execution_notifications: Few<Notification<'a>>,
    #[serde(borrow, default)]
    pub(super) tool_configuration_notifications: Few<Notification<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Notification<'a> {
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    message: Maybe<Message<'a>>,
    #[serde(borrow, default)]
    descriptor: Maybe<Reference<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Provenance<'a> {
    #[serde(borrow, default)]
    pub(super) revision_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) repository_uri: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunProperties<'a> {
    #[serde(borrow, default)]
    pub(super) image_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) repo_digests: Few<Text<'a>>,
}

impl SarifResult<'_> {
    /// The tool's fingerprint: a whole one by its newest version, else a partial one with its place (§3.27.16, 17).
    /// Partial ones may hold anything that helps (author, file hash); only a hash of the place itself tells results apart.
    pub(super) fn own_fingerprint(&self, place: &str) -> Option<String> {
        let whole = self.fingerprints.get();
        if let Some(whole) = whole.and_then(|f| f.0.values().rev().filter_map(|v| v.some()).find(|v| is_print(v))) {
            return Some(whole.to_owned());
        }
        let partial = &self.partial_fingerprints.get()?.0;
        let told = partial
            .iter()
            .find(|(key, _)| key.to_ascii_lowercase().contains("primarylocation") && key.contains("Hash"));
        let value = told?.1.some().filter(|v| is_print(v))?;
        Some(format!("{place}|{value}"))
    }

    /// The score of the result itself, where its rule has none.
    pub(super) fn security_severity(&self) -> Option<f64> {
        self.properties.get()?.security_severity.float()
    }

    /// CWE numbers named by the result: taxa and tags.
    pub(super) fn cwes(&self) -> Vec<u32> {
        let taxa = self.taxa.iter().filter(|t| t.of_cwe()).filter_map(|t| severity::cwe(&t.id));
        let tags = self.properties.get().into_iter().flat_map(|p| cwe_tags(p));
        taxa.chain(tags).collect()
    }

    /// Whether its file is told by its number among the files only.
    pub(super) fn needs_files(&self) -> bool {
        let file = self.locations.iter().find_map(|l| l.physical_location.get()?.artifact_location.get());
        file.is_some_and(|f| f.uri.some().is_none() && f.index.number().is_some())
    }

    /// Suppressed when there are suppressions and all are accepted, which is what no status means (§3.35.3).
    pub(super) fn suppressed(&self) -> Option<String> {
        let first = self.suppressions.first()?;
        if self.suppressions.iter().any(|s| !matches!(s.status.some(), None | Some("accepted"))) {
            return None;
        }
        let kind = first.kind.some().unwrap_or("no kind given");
        Some(match first.justification.some() {
            Some(why) => format!("{kind}: {why}"),
            None => kind.to_owned(),
        })
    }
}

impl Notification<'_> {
    /// What the tool was told to say.
    pub(super) fn text(&self) -> &str {
        self.message.get().and_then(|m| m.text.some()).or_else(|| self.descriptor.get()?.id.some()).unwrap_or_default()
    }

    /// Something was not looked at: an error, or a warning that says so of a file (§3.58.6 leaves the level to the tool).
    pub(super) fn is_loss(&self) -> bool {
        match self.level.to_ascii_lowercase().as_str() {
            "error" => return true,
            // Not told means warning (§3.58.6).
            "warning" | "" => {}
            _ => return false,
        }
        let id = self.descriptor.get().and_then(|d| d.id.some()).unwrap_or_default();
        let said = format!("{id} {}", self.text()).to_ascii_lowercase();
        LOSSES.iter().any(|loss| said.contains(loss))
    }
}

/// How tools word, as a warning, that they could not look at something.
const LOSSES: &[&str] = &[
    "syntax error",
    "parse error",
    "parsing error",
    "partial parsing",
    "could not parse",
    "could not be parsed",
    "cannot be parsed",
    "failed to parse",
    "lexical error",
    "internal matching error",
    "extraction-error",
    "extraction error",
    "timeout",
    "timed out",
    "out of memory",
    "too many matches",
];

/// Whether it can tell results apart: no prose (`requires login`), nothing short.
fn is_print(text: &str) -> bool {
    text.len() >= 8 && !text.contains(char::is_whitespace)
}

impl Reference<'_> {
    /// Whether it refers to the Common Weakness Enumeration. A bare `CWE-…` says so itself.
    pub(super) fn of_cwe(&self) -> bool {
        self.tool_component.get().is_some_and(|c| c.name.eq_ignore_ascii_case("cwe"))
            || self.id.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("cwe-"))
    }
}

/// `external/cwe/cwe-079`, `CWE-79: …`, as tags or as a property.
pub(super) fn cwe_tags<'p>(properties: &'p Properties<'_>) -> impl Iterator<Item = u32> + 'p {
    properties.tags.iter().chain(&properties.cwe).filter_map(|tag| {
        let lower = tag.to_ascii_lowercase();
        let at = lower.rfind("cwe-").or_else(|| lower.rfind("cwe:"))?;
        severity::cwe(&lower[at..])
    })
}
