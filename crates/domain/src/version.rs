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
    let reserved = [crate::Release::OPEN_VERSION, "latest"].contains(&text) || text.starts_with("rel_");
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

/// Whether a version is a candidate for another: `2.5.0-rc.1` (SemVer 2.0.0 §9), `2026.3-beta2`.
#[must_use]
pub fn is_prerelease(version: &str) -> bool {
    match semver::Version::parse(version) {
        Ok(version) => !version.pre.is_empty(),
        Err(_) => version.split(['-', '.', '_']).skip(1).any(|part| {
            let part = part.to_ascii_lowercase();
            ["rc", "alpha", "beta", "pre", "snapshot", "dev"].iter().any(|word| part.starts_with(word))
        }),
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

/// Orders versions the way people expect: SemVer where both are SemVer, else number by number.
#[must_use]
pub fn version_cmp(a: &str, b: &str) -> Ordering {
    match (semver::Version::parse(a), semver::Version::parse(b)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => chunks(a).cmp(&chunks(b)).then_with(|| a.cmp(b)),
    }
}

/// Parts as number and rest; a number is its length without leading zeros, then its digits, so that none is too large.
fn chunks(text: &str) -> Vec<((usize, &str), &str)> {
    text.split(['.', '-', '+', '_'])
        .map(|part| {
            let (digits, rest) = part.split_at(part.bytes().take_while(u8::is_ascii_digit).count());
            let number = digits.trim_start_matches('0');
            ((number.len(), number), rest)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_what_people_expect() {
        let mut versions = vec!["2.10.0", "2.9.0", "2.10.0-rc1", "2026.3", "2026.12"];
        versions.sort_by(|a, b| version_cmp(a, b));
        assert_eq!(versions, ["2.9.0", "2.10.0-rc1", "2.10.0", "2026.3", "2026.12"]);
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
