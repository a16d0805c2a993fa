//! What there is to say about a format: its name, its standard, how it is told from others, who reads it.

use std::fmt;

use crate::{
    Hints, NotRead, Reading, Sink,
    base::{input::Input, shape::Shape, xml::Root},
};

/// What a format reports about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Tests that ran.
    Tests,
    /// Code that tests ran through.
    Coverage,
    /// Weaknesses in code, secrets and configuration.
    Analysis,
    /// Known vulnerabilities in what others wrote.
    Components,
    /// Weaknesses of something that runs.
    Running,
    /// What an artefact is made of, where it comes from, what it is affected by.
    Supply,
}

impl Family {
    /// Every family, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Tests, Self::Coverage, Self::Analysis, Self::Components, Self::Running, Self::Supply];

    /// The heading it stands under.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tests => "Tests",
            Self::Coverage => "Coverage",
            Self::Analysis => "Static analysis, secrets, configuration",
            Self::Components => "Components and images",
            Self::Running => "Running systems and projects",
            Self::Supply => "Supply chain",
        }
    }
}

/// One way a format looks. Rules are data, so that documentation can print them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Looks {
    /// JSON whose first value fulfils all these conditions (see [`Shape::holds`]).
    Json(&'static [&'static str]),
    /// The same of JSON lines, which may stand behind or between lines of text.
    Lines(&'static [&'static str]),
    /// XML with this root; conditions: `@a` (has the attribute), `@a~x` (it holds x), `>a` (an element inside),
    /// each may be turned round with `!`.
    Xml(&'static str, &'static [&'static str]),
    /// Text that this function recognises by its head; the words say how.
    Text(fn(&str) -> bool, &'static str),
}

impl Looks {
    /// Whether a report with this head looks so.
    pub(crate) fn fits(&self, head: &Head<'_>) -> bool {
        match (self, head) {
            (Self::Json(conditions), Head::Json(shape)) => conditions.iter().all(|c| shape.holds(c)),
            (Self::Lines(conditions), Head::Json(shape) | Head::Noisy(_, shape)) => {
                conditions.iter().all(|c| shape.holds(c))
            }
            (Self::Xml(name, conditions), Head::Xml(root)) => {
                root.name == *name && conditions.iter().all(|c| holds(root, c))
            }
            (Self::Text(recognises, _), Head::Text(text) | Head::Noisy(text, _)) => recognises(text),
            _ => false,
        }
    }
}

fn holds(root: &Root, condition: &str) -> bool {
    if let Some(rest) = condition.strip_prefix('!') {
        return !holds(root, rest);
    }
    if let Some(inside) = condition.strip_prefix('>') {
        return root.inside.iter().any(|name| name == inside);
    }
    let condition = condition.trim_start_matches('@');
    let (name, part) = condition.split_once('~').unwrap_or((condition, ""));
    // A prefix may stand for the namespace that decides.
    let same = |key: &str| key == name || name == "xmlns" && key.starts_with("xmlns:");
    root.attributes.iter().any(|(key, value)| same(key) && value.contains(part))
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(conditions) => write!(f, "JSON: `{}`", conditions.join("`, `")),
            Self::Lines(conditions) => write!(f, "JSON lines, other lines between: `{}`", conditions.join("`, `")),
            Self::Xml(name, []) => write!(f, "XML: `<{name}>`"),
            Self::Xml(name, conditions) => write!(f, "XML: `<{name}>`, `{}`", conditions.join("`, `")),
            Self::Text(_, words) => f.write_str(words),
        }
    }
}

/// The beginning of a report, parsed as far as detection needs.
pub(crate) enum Head<'a> {
    Json(Shape),
    Xml(Root),
    Text(&'a str),
    /// Text with a line of JSON further on.
    Noisy(&'a str, Shape),
    Empty,
}

/// What a reader gets beside the report.
pub(crate) struct Context<'c> {
    pub(crate) format: Format,
    pub(crate) hints: &'c Hints,
    pub(crate) sink: &'c mut Sink<'c>,
}

/// Reads a report of one format.
pub(crate) type Read = for<'de> fn(&mut Input<'de>, Context<'_>) -> Result<Reading, NotRead>;

/// A format's entry in the registry.
pub(crate) struct Definition {
    /// The name on the command line and in JSON.
    pub(crate) name: &'static str,
    /// The name people use.
    pub(crate) title: &'static str,
    /// What it reports about.
    pub(crate) family: Family,
    /// Standard, version and clause; or whose output it is.
    pub(crate) standard: &'static str,
    /// How it is told from others; one is enough.
    pub(crate) looks: &'static [Looks],
    /// What a report of nothing looks like, where it could be anybody's: read only when the format is named.
    pub(crate) blank: Option<&'static str>,
    /// The reader.
    pub(crate) read: Read,
}

/// A format with a reader.
#[derive(Clone, Copy)]
pub struct Format(pub(crate) &'static Definition);

impl Format {
    /// Every format, in the order in which they are tried.
    #[must_use]
    pub fn all() -> &'static [Self] {
        crate::registry::ALL
    }

    /// The name used on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The name people use.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.0.title
    }

    /// What it reports about.
    #[must_use]
    pub const fn family(self) -> Family {
        self.0.family
    }

    /// Standard, version and clause; or whose output it is.
    #[must_use]
    pub const fn standard(self) -> &'static str {
        self.0.standard
    }

    /// How it is told from others, one way a line.
    #[must_use]
    pub fn detection(self) -> Vec<String> {
        let mut rules: Vec<String> = self.0.looks.iter().map(ToString::to_string).collect();
        rules.extend(self.0.blank.map(|blank| match blank {
            "" => "nothing at all, when the format is named".to_owned(),
            blank => format!("`{blank}` alone, when the format is named"),
        }));
        rules
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().iter().copied().find(|f| f.name() == name)
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
