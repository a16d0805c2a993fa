//! What makes two sightings the same finding.
//!
//! A known vulnerability is its name and the component without its version: the same issue told by two tools, or in the
//! next version that still has it, is the same finding. Anything else is the tool, its rule, the place and what stands
//! there; the line number never counts alone, because it moves with every line above it.

use std::collections::HashMap;

use certrail_domain::facts::Component;

use super::purl;

/// Longer fingerprints are cut and end in a digest of the whole.
const MAX: usize = 400;

/// The name under which a vulnerability is known to most: CVE before GHSA before the tool's own.
pub(crate) fn best_name<'a>(rule: &'a str, aliases: &'a [String]) -> &'a str {
    let all = || std::iter::once(rule).chain(aliases.iter().map(String::as_str));
    let starting = |prefix: &'static str| all().filter(|n| n.get(..prefix.len()) == Some(prefix)).min();
    starting("CVE-").or_else(|| starting("GHSA-")).unwrap_or(rule)
}

/// The fingerprint of a vulnerability in a component.
pub(crate) fn of_vulnerability(rule: &str, aliases: &[String], component: &Component) -> String {
    let stem = component.purl.as_deref().and_then(purl::stem);
    let part = stem.unwrap_or_else(|| component.name.to_lowercase());
    bounded(format!("vuln|{}|{part}", best_name(rule, aliases)))
}

/// The fingerprint by the tool's own, which it promises to keep.
pub(crate) fn own(kind: &str, tool: &str, rule: &str, own: &str) -> String {
    bounded(format!("{kind}|{}|{rule}|={own}", tool.to_lowercase()))
}

/// Fingerprints by rule, place and context; the same three again within a report get a number.
#[derive(Default)]
pub(crate) struct Places(HashMap<u64, u32>);

impl Places {
    /// The fingerprint of something at a place. `context` is what stands there, or the message where that is not told.
    pub(crate) fn of(&mut self, kind: &str, tool: &str, rule: &str, place: &str, context: &str) -> String {
        let tool = tool.to_lowercase();
        let context = squeezed(context);
        let plain = format!("{kind}|{tool}|{rule}|{}|{context}", normal_path(place));
        let seen = self.0.entry(short_hash(&plain)).or_default();
        *seen += 1;
        let ordinal = *seen;
        bounded(if ordinal > 1 { format!("{plain}|#{ordinal}") } else { plain })
    }
}

/// Without blanks and case of blanks: a reindented line is the same line.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).take(2_000).collect()
}

/// `./src\a.rs` and `src/a.rs` are the same file; `file:///work/x/src/a.rs` is left as it is but for the scheme.
fn normal_path(path: &str) -> String {
    let path = path.trim().replace('\\', "/");
    path.trim_start_matches("file://").trim_start_matches("./").to_owned()
}

fn bounded(text: String) -> String {
    if text.len() <= MAX {
        return text;
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let hex: String = digest.as_ref()[..16].iter().map(|b| format!("{b:02x}")).collect();
    let mut end = MAX - 40;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…{hex}", &text[..end])
}

/// A hash that is the same on every machine and in every year (FNV-1a): ordinals end up in fingerprints.
fn short_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str, purl: Option<&str>) -> Component {
        Component { name: name.into(), purl: purl.map(Into::into), ..Component::default() }
    }

    #[test]
    fn two_tools_and_two_versions_agree_on_a_vulnerability() {
        let trivy =
            of_vulnerability("CVE-2099-1", &[], &component("openssl", Some("pkg:deb/debian/openssl@3.0.1?arch=amd64")));
        let aliases = ["CVE-2099-1".to_owned()];
        let osv = of_vulnerability("GHSA-x", &aliases, &component("openssl", Some("pkg:deb/debian/openssl@3.0.2")));
        assert_eq!(trivy, osv);
    }

    #[test]
    fn a_finding_that_moves_down_is_the_same_and_a_twin_is_another() {
        let mut first = Places::default();
        let mut second = Places::default();
        let a = first.of("sast", "Bandit", "B101", "./src/a.py", "assert  x");
        assert_eq!(a, second.of("sast", "bandit", "B101", "src/a.py", "    assert x"));
        let twin = first.of("sast", "Bandit", "B101", "src/a.py", "assert x");
        assert_ne!(a, twin);
        assert!(of_long().len() <= MAX);
    }

    fn of_long() -> String {
        Places::default().of("sast", "t", "r", &"ä/".repeat(5_000), "x")
    }
}
