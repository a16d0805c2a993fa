//! Burp Suite issues XML. An export of findings: it does not say what was visited. Requests and responses are not kept.
//! A DTD that defines entities is no report of Burp and is refused.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "burp",
    title: "Burp Suite XML",
    family: Family::Running,
    standard: "Burp Suite issues export",
    looks: &[Looks::Xml("issues", &["@burpVersion"])],
    blank: None,
    read,
};

#[derive(Default)]
struct Issue {
    kind: String,
    name: String,
    host: String,
    path: String,
    location: String,
    severity: String,
    cwes: Vec<u32>,
}

struct Burp<'c>(ScanReport<'c>, Option<Issue>);

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    if input.head().contains("<!ENTITY") {
        return Err(NotRead::new(None, "Its document type defines entities, which Burp never does."));
    }
    let mut burp = Burp(ScanReport::new(context, ScanKind::Dast, "Burp Suite"), None);
    let cut = xml::walk(input, &mut burp)?;
    burp.0.cut_off(cut);
    Ok(burp.0.finish())
}

impl Elements for Burp<'_> {
    fn open(&mut self, e: &Element<'_, '_>, _: &Path) {
        match e.name() {
            "issues" => self.0.scan.tool_version = e.attribute("burpVersion"),
            "issue" => self.1 = Some(Issue::default()),
            _ => {}
        }
    }

    fn close(&mut self, name: &str, text: &str, path: &Path) {
        let Some(issue) = &mut self.1 else { return };
        match (name, path.up(1)) {
            ("type", "issue") => issue.kind = clip(text),
            ("name", "issue") => issue.name = clip(text),
            ("host", "issue") => issue.host = clip(text),
            ("path", "issue") => issue.path = clip(text),
            ("location", "issue") => issue.location = clip(text),
            ("severity", "issue") => issue.severity = clip(text),
            ("vulnerabilityClassifications", "issue") => {
                issue.cwes = text.match_indices("CWE-").filter_map(|(at, _)| severity::cwe(&text[at..])).collect();
            }
            ("issue", _) => {
                let issue = self.1.take().unwrap_or_default();
                let place = format!("{}{}", issue.host, issue.path);
                // The user's mark takes the place of the level.
                let no = issue.severity.eq_ignore_ascii_case("false positive");
                self.0.finding(Found {
                    rule: &issue.kind,
                    title: &issue.name,
                    place: &place,
                    context: &issue.location,
                    word: &issue.severity,
                    level: no.then_some(Level::Info),
                    cwes: issue.cwes,
                    suppressed: no.then(|| "marked as a false positive".to_owned()),
                    ..Found::default()
                });
            }
            _ => {}
        }
    }
}
