//! Work item keys in free text: `PAY-123`, and not `CVE-2024-1`, `RFC-9162` or `UTF-8` (pitfalls T13).

/// Prefixes that look like a project key and are not one.
const NOT_PROJECTS: &[&str] = &[
    "AES", "CAPEC", "CVE", "CWE", "ECMA", "EN", "GHSA", "GPL", "HTTP", "IEC", "IEEE", "ISO", "JSR", "LGPL", "MD",
    "MIT", "OSV", "PCI", "PEP", "RFC", "RHSA", "RUSTSEC", "SHA", "SOC", "TLS", "USN", "UTF", "WCAG", "X",
];

/// Finds work item keys in `text`, upper-cased, sorted, without repetition.
///
/// A key is two to ten letters or digits beginning with a letter, a hyphen, and a number without
/// leading zero, not glued to other word characters. Lower case counts: branch names carry them so.
#[must_use]
pub fn ticket_keys(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let is_word = |b: u8| b.is_ascii_alphanumeric();
    let mut found = Vec::new();
    for (dash, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'-') {
        let start = bytes[..dash].iter().rposition(|b| !is_word(*b)).map_or(0, |i| i + 1);
        let end = bytes[dash + 1..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |i| dash + 1 + i);
        let (project, number) = (&text[start..dash], &text[dash + 1..end]);
        let glued_before = start > 0 && matches!(bytes[start - 1], b'-' | b'.' | b'@');
        let glued_after = bytes
            .get(end)
            .is_some_and(|b| is_word(*b) || *b == b'-' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit));
        let shaped = (2..=10).contains(&project.len())
            && project.as_bytes()[0].is_ascii_alphabetic()
            && (1..=9).contains(&number.len())
            && !number.starts_with('0');
        let project = project.to_ascii_uppercase();
        if shaped && !glued_before && !glued_after && !NOT_PROJECTS.contains(&project.as_str()) {
            found.push(format!("{project}-{number}"));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_people_put_them() {
        for (text, expected) in [
            ("PAY-123: fix rounding", vec!["PAY-123"]),
            ("feature/pay-7_rounding", vec!["PAY-7"]),
            ("Merge (PAY-9, OPS-10)", vec!["OPS-10", "PAY-9"]),
            ("fixes PAY-1. See PAY-1", vec!["PAY-1"]),
            ("bump openssl for CVE-2024-1234 and CWE-79, utf-8, SHA-256, RFC-9162", vec![]),
            ("x-1 A-1 2026-03-15 v2.4.1-rc1 PAY-007", vec![]),
            ("größe PAY-5 ünï-3", vec!["PAY-5"]),
            ("", vec![]),
        ] {
            assert_eq!(ticket_keys(text), expected, "{text}");
        }
    }
}
