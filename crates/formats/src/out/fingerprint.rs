//! What makes two sightings the same finding.
//!
//! A known vulnerability is its name and the component without its version: the same issue told by two tools, or in the
//! next version that still has it, is the same finding. Anything else is the tool, its rule, the place and what stands
//! there; the line number never counts alone, because it moves with every line above it. What stands there is hashed: it
//! may be the very secret that was found.

use std::collections::HashMap;

use certrail_domain::facts::Component;

use super::purl;

/// Longer fingerprints are cut and end in a digest of the whole.
const MAX: usize = 400;

/// The name under which a vulnerability is known to most: CVE before GHSA before the tool's own.
pub(crate) fn best_name<'a>(rule: &'a str, aliases: &'a [String]) -> &'a str {
    let all = || std::iter::once(rule).chain(aliases.iter().map(String::as_str));
    let starting = |prefix: &'static str| all().filter(move |n| n.get(..prefix.len()) == Some(prefix));
    let mut cves: Vec<&str> = starting("CVE-").collect();
    cves.sort_unstable();
    cves.dedup();
    match cves.as_slice() {
        [one] => one,
        [] => starting("GHSA-").min().unwrap_or(rule),
        // An advisory over several vulnerabilities is none of them: two such may share one and differ in the rest.
        _ => rule,
    }
}

/// The fingerprint of a vulnerability in a component.
pub(crate) fn of_vulnerability(rule: &str, aliases: &[String], component: &Component) -> String {
    let stem = component.purl.as_deref().and_then(purl::stem);
    let part = stem.unwrap_or_else(|| component.name.to_lowercase());
    bounded(format!("vuln|{}|{part}", best_name(rule, aliases)))
}

/// Fingerprints by rule, place and context; the same three again within a report get a number.
#[derive(Default)]
pub(crate) struct Places {
    seen: HashMap<u64, u32>,
    /// Where the tool's own fingerprint was first seen.
    own: HashMap<u64, u64>,
}

impl Places {
    /// The fingerprint by the tool's own, which it promises to keep. One that comes again elsewhere in the same report is
    /// not told apart by the tool, and gets a number: two findings must not become one.
    pub(crate) fn own(&mut self, kind: &str, tool: &str, rule: &str, own: &str, spot: (&str, Option<u64>)) -> String {
        let plain = format!("{kind}|{}|{rule}|={own}", tool.to_lowercase());
        let here = short_hash(&format!("{}|{:?}", normal_path(spot.0), spot.1));
        if *self.own.entry(short_hash(&plain)).or_insert(here) == here {
            return bounded(plain);
        }
        let ordinal = self.again(&plain) + 1;
        bounded(format!("{plain}|#{ordinal}"))
    }

    /// How many times it was asked for, with this one.
    fn again(&mut self, plain: &str) -> u32 {
        let seen = self.seen.entry(short_hash(plain)).or_default();
        *seen += 1;
        *seen
    }

    /// The fingerprint of something at a place. `context` is what stands there, or the message where that is not told.
    pub(crate) fn of(&mut self, kind: &str, tool: &str, rule: &str, place: &str, context: &str) -> String {
        let tool = tool.to_lowercase();
        let context = digest(context);
        let plain = format!("{kind}|{tool}|{rule}|{}|{context}", normal_path(place));
        let ordinal = self.again(&plain);
        bounded(if ordinal > 1 { format!("{plain}|#{ordinal}") } else { plain })
    }
}

/// What tells two texts apart and says nothing of them. Blanks do not count.
pub(crate) fn digest(text: &str) -> String {
    sha256_hex(squeezed(text).as_bytes())[..16].to_owned()
}

/// Without blanks and case of blanks: a reindented line is the same line.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).take(2_000).collect()
}

/// Where build services check sources out, and how many names of the job follow: the same file on another runner is the
/// same file.
const CHECKOUTS: &[(&str, usize)] = &[
    ("/home/runner/work/", 2),
    ("/Users/runner/work/", 2),
    ("/__w/", 2),
    ("/github/workspace/", 0),
    ("D:/a/", 2),
    ("/home/vsts/work/", 2),
    ("/builds/", 2),
    ("/home/circleci/project/", 0),
    ("/opt/atlassian/pipelines/agent/build/", 0),
    ("/var/jenkins_home/workspace/", 1),
    ("/var/lib/jenkins/workspace/", 1),
    ("/home/jenkins/agent/workspace/", 1),
];

/// `./src\a.rs`, `src/a.rs` and `/home/runner/work/x/x/src/a.rs` are the same file; of `file:///srv/x/a.rs` only the
/// scheme goes.
pub(crate) fn normal_path(path: &str) -> String {
    let path = path.trim().replace('\\', "/");
    let path = path.trim_start_matches("file://").trim_start_matches("./");
    // `file:///D:/a/…`
    let path = path.strip_prefix('/').filter(|p| p.get(1..3) == Some(":/")).unwrap_or(path);
    let inside = CHECKOUTS.iter().find_map(|(prefix, names)| {
        let rest = path.strip_prefix(prefix)?;
        rest.splitn(names + 1, '/').nth(*names).filter(|p| !p.is_empty())
    });
    inside.unwrap_or(path).to_owned()
}

fn bounded(text: String) -> String {
    if text.len() <= MAX {
        return text;
    }
    let hex = &sha256_hex(text.as_bytes())[..32];
    let mut end = MAX - 40;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…{hex}", &text[..end])
}

fn sha256_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
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
    fn an_advisory_over_several_vulnerabilities_is_none_of_them() {
        let names = |ids: &[&str]| ids.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
        assert_eq!(best_name("ELSA-1", &names(&["CVE-2099-1", "CVE-2099-2"])), "ELSA-1");
        assert_eq!(best_name("GHSA-x", &names(&["CVE-2099-1"])), "CVE-2099-1");
        assert_eq!(best_name("CVE-2099-1", &names(&["GHSA-x"])), "CVE-2099-1");
        assert_eq!(best_name("RUSTSEC-1", &names(&["GHSA-x"])), "GHSA-x");
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

    #[test]
    fn the_same_file_on_another_runner_is_the_same_file() {
        let same =
            ["src/a.rs", "./src/a.rs", "src\\a.rs", "/home/runner/work/pay/pay/src/a.rs", "/builds/g/p/src/a.rs"];
        assert!(same.iter().all(|p| normal_path(p) == "src/a.rs"));
        assert_eq!(normal_path("file:///srv/a.rs"), "/srv/a.rs");
        assert_eq!(normal_path("/builds/g"), "/builds/g");
    }

    #[test]
    fn what_was_found_does_not_stand_in_the_fingerprint() {
        let print = Places::default().of("secret", "gitleaks", "aws-access-token", "a.py", "AKIAZ7VQ4M2NXW5JRT6K");
        assert!(!print.contains("AKIA"), "{print}");
    }

    #[test]
    fn an_own_fingerprint_that_tells_nothing_apart_does_not_merge_findings() {
        let mut places = Places::default();
        let first = places.own("sast", "t", "r", "same-for-all", ("a.py", Some(1)));
        let again = places.own("sast", "t", "r", "same-for-all", ("./a.py", Some(1)));
        let other = places.own("sast", "t", "r", "same-for-all", ("a.py", Some(9)));
        let third = places.own("sast", "t", "r", "same-for-all", ("b.py", Some(1)));
        assert_eq!(first, again);
        assert_eq!(std::collections::BTreeSet::from([&first, &other, &third]).len(), 3);
    }

    fn of_long() -> String {
        Places::default().of("sast", "t", "r", &"ä/".repeat(5_000), "x")
    }
}
