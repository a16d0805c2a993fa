//! Version strings: `v2.4.1` is `2.4.1`, and 2.10 comes after 2.9.

use std::cmp::Ordering;

/// The version a person means: surrounding blanks and one leading `v` before a digit are dropped.
#[must_use]
pub fn normal_version(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => text,
    }
}

/// Whether a text can be the version of a release: at most 100 letters, digits and marks that look alike in no font, do
/// nothing to a terminal and fit into an address; and none of the names that mean another release.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+~:@!=".contains(c);
    let reserved = [crate::Release::OPEN_VERSION, "latest"].iter().any(|name| text.eq_ignore_ascii_case(name))
        || text.starts_with("rel_");
    (1..=100).contains(&text.len())
        && text.chars().all(plain)
        && text.contains(|c: char| c.is_ascii_alphanumeric())
        && !reserved
}

/// The version that a tag names under `pattern` (`v{version}`, `payments-{version}`), if it names one.
///
/// A version begins with a digit, so that `latest` or `nightly` never cuts a release.
#[must_use]
pub fn version_of_tag<'a>(pattern: &str, tag: &'a str) -> Option<&'a str> {
    let (before, after) = pattern.split_once("{version}")?;
    let version = tag.strip_prefix(before)?.strip_suffix(after)?;
    (version.starts_with(|c: char| c.is_ascii_digit()) && is_version(version)).then_some(version)
}

/// Words by which what is not yet a version calls itself.
const BEFORE: [&str; 12] =
    ["alpha", "beta", "canary", "cr", "dev", "m", "milestone", "nightly", "pre", "preview", "rc", "snapshot"];

/// Whether a version is a candidate for another: `2.5.0-rc.1` (SemVer 2.0.0 §9), `2026.3-beta2`, `1.4rc1`, `1.4~2`.
#[must_use]
pub fn is_prerelease(version: &str) -> bool {
    match semver::Version::parse(version) {
        Ok(version) => !version.pre.is_empty(),
        Err(_) => {
            let main = version.split('+').next().unwrap_or_default();
            let (_, rest) = main.split_at(numbers(main));
            // In Debian's versions a tilde sorts before the end.
            rest.starts_with('~')
                || rest
                    .split(|c: char| !c.is_ascii_alphabetic())
                    .any(|w| BEFORE.contains(&w.to_ascii_lowercase().as_str()))
        }
    }
}

/// The line a version belongs to: its first two numbers, `2.4` of `2.4.1-rc.2`. Nothing where it does not begin with two.
#[must_use]
pub fn line_of(version: &str) -> Option<&str> {
    let number = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let major = number(version);
    let rest = version.get(major..)?.strip_prefix('.').filter(|_| major > 0)?;
    let minor = number(rest);
    version.get(..major + 1 + minor).filter(|_| minor > 0)
}

/// Orders versions the way people expect: a candidate before what it is a candidate for, a revision (`1.4.0-2` where that is no
/// SemVer, `1.4.0.RELEASE`) behind it, number by number, and SemVer 2.0.0 §11 among those that are SemVer. A total order:
/// each version is compared by a key of its own.
#[must_use]
pub fn version_cmp(a: &str, b: &str) -> Ordering {
    SortKey::of(a).cmp(&SortKey::of(b))
}

/// What a version is ordered by, member by member.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortKey<'a> {
    /// Its numbers, zeros at the end left out: 1.4 and 1.4.0 are one.
    numbers: Vec<Number<'a>>,
    stage: Stage<'a>,
    /// What stands behind `+`.
    build: Vec<Part<'a>>,
    /// 1.4 and 1.4.0 are two all the same.
    text: &'a str,
}

/// A number of any size: how many digits without zeros before them, and those.
type Number<'a> = (usize, &'a str);

/// How far a version is on its way to its numbers, or beyond.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Stage<'a> {
    /// A candidate by SemVer: its identifiers by their rule.
    SemVerCandidate(Vec<Part<'a>>),
    Candidate(Vec<Part<'a>>),
    Itself,
    Revision(Vec<Part<'a>>),
}

/// A part of what follows the numbers. Numbers come before words (SemVer 2.0.0 §11.4.3).
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Number(Number<'a>),
    /// A word of SemVer: case tells two apart.
    Identifier(&'a str),
    Word(String),
}

impl<'a> SortKey<'a> {
    fn of(text: &'a str) -> Self {
        let (main, build) = text.split_once('+').unwrap_or((text, ""));
        let (front, rest) = main.split_at(numbers(main));
        let mut numbers: Vec<Number<'_>> = front.split('.').filter(|n| !n.is_empty()).map(number).collect();
        while numbers.last().is_some_and(|(digits, _)| *digits == 0) {
            numbers.pop();
        }
        let stage = match rest.strip_prefix('-').filter(|_| semver::Version::parse(text).is_ok()) {
            Some(identifiers) => Stage::SemVerCandidate(identifiers.split('.').map(identifier).collect()),
            None if is_prerelease(text) => Stage::Candidate(parts(rest)),
            None if rest.is_empty() => Stage::Itself,
            None => Stage::Revision(parts(rest)),
        };
        Self { numbers, stage, build: parts(build), text }
    }
}

/// How much of a version is numbers and the points between them.
fn numbers(main: &str) -> usize {
    main.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count()
}

fn number(digits: &str) -> Number<'_> {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

fn identifier(text: &str) -> Part<'_> {
    if text.bytes().all(|b| b.is_ascii_digit()) { Part::Number(number(text)) } else { Part::Identifier(text) }
}

/// Numbers and words in turn, whatever stands between them.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        let mut rest = run;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (part, more) = rest.split_at(end);
            parts.push(if digits { Part::Number(number(part)) } else { Part::Word(part.to_ascii_lowercase()) });
            rest = more;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_what_people_expect() {
        let mut versions = vec!["2.10.0", "2.9.0", "2.10.0-rc1", "2026.3", "2026.12"];
        versions.sort_by(|a, b| version_cmp(a, b));
        assert_eq!(versions, ["2.9.0", "2.10.0-rc1", "2.10.0", "2026.3", "2026.12"]);
        let ascending = [
            "nightly",
            "",
            "release-9",
            "release-10",
            "0.9",
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0-rc1",
            "1.0~1",
            "1.0.0.rc1",
            "1.0rc2",
            "1.0rc10",
            "1.0",
            "1.0.0",
            "1.0.0+build.7",
            "1.0.0+build.10",
            "1.0.0_1",
            "1.0.0.RELEASE",
            "1.0.0.1",
            "1.0.1",
            "2026.3-rc1",
            "2026.03",
            "2026.3",
            "2026.3-2",
            "99999999999999999999999.1",
        ];
        for (n, a) in ascending.iter().enumerate() {
            for (m, b) in ascending.iter().enumerate() {
                assert_eq!(version_cmp(a, b), n.cmp(&m), "{a} {b}");
            }
        }
    }

    proptest::proptest! {
        /// Three versions at a time: the order is one of all of them, and SemVer's among those that are SemVer.
        #[test]
        fn order_is_total(
            a in "([0-2]|v)?(\\.[0-2]){0,3}([-.+_~]?(rc|RELEASE|beta|1|02|x)?[0-2]?){0,3}",
            b in "([0-2]|v)?(\\.[0-2]){0,3}([-.+_~]?(rc|RELEASE|beta|1|02|x)?[0-2]?){0,3}",
            c in "[0-2](\\.[0-2]){2}(-(rc|beta|1|x)(\\.[0-2a])?)?",
            d in "[0-2](\\.[0-2]){2}(-(rc|beta|1|x)(\\.[0-2a])?)?",
        ) {
            for (a, b, c) in [(&a, &b, &c), (&b, &c, &a), (&c, &a, &b), (&c, &a, &d)] {
                let (ab, bc, ac) = (version_cmp(a, b), version_cmp(b, c), version_cmp(a, c));
                proptest::prop_assert_eq!(ab, version_cmp(b, a).reverse());
                proptest::prop_assert_eq!(ab == Ordering::Equal, a == b);
                if ab == bc {
                    proptest::prop_assert_eq!(ac, ab);
                }
            }
            let semver = |text: &str| semver::Version::parse(text).expect("a SemVer");
            proptest::prop_assert_eq!(version_cmp(&c, &d), semver(&c).cmp(&semver(&d)));
        }
    }

    #[test]
    fn a_line_is_two_numbers() {
        for (version, line) in [
            ("2.4.1", Some("2.4")),
            ("2.4", Some("2.4")),
            ("2.4-rc.1", Some("2.4")),
            ("2026.11.3", Some("2026.11")),
            ("7", None),
            ("next", None),
            ("", None),
            ("1.x", None),
            (".5", None),
        ] {
            assert_eq!(line_of(version), line, "{version}");
        }
    }

    #[test]
    fn candidates_are_known_by_their_name() {
        for (version, candidate) in [
            ("2.5.0-rc.1", true),
            ("2.5.0", false),
            ("2.5.0+build.7", false),
            ("2026.3-beta2", true),
            ("2026.3", false),
            ("7", false),
            ("1.4rc1", true),
            ("1.4~2", true),
            ("1.4.0.RELEASE", false),
            ("1.4.M2", true),
            ("2026.3-premium", false),
            ("2026.3+rc1", false),
        ] {
            assert_eq!(is_prerelease(version), candidate, "{version}");
        }
    }

    #[test]
    fn tags_name_versions_only_by_their_pattern() {
        assert_eq!(version_of_tag("v{version}", "v2.4.1"), Some("2.4.1"));
        assert_eq!(version_of_tag("v{version}", "vnext"), None);
        assert_eq!(version_of_tag("pay-{version}", "v2.4.1"), None);
        assert_eq!(version_of_tag("broken", "v2.4.1"), None);
        assert_eq!(normal_version(" v2.4.1 "), "2.4.1");
        assert_eq!(normal_version("vnext"), "vnext");
    }
}
