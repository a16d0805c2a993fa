//! Times as reports write them. A time without a zone names no instant and is not taken.

use certrail_domain::Time;

/// RFC 3339, the same with a blank for the `T` or a zone without colon, RFC 2822 in GMT, or seconds since 1970.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Ok(time) = Time::parse(text) {
        return Some(time);
    }
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    let mut fixed = text.trim_end_matches(" UTC").trim_end_matches(" +0000 UTC").replacen(' ', "T", 1);
    if text.ends_with(" UTC") && !fixed.ends_with('Z') {
        fixed.push('Z');
    }
    // 2016-11-05T14:52:15.748-0400
    let zone = fixed.len().checked_sub(5).and_then(|at| fixed.get(at..));
    if zone.is_some_and(|z| matches!(z.as_bytes()[0], b'+' | b'-') && z[1..].bytes().all(|b| b.is_ascii_digit())) {
        fixed.insert(fixed.len() - 2, ':');
    }
    // 2025-01-02T03:04:05 +01:00
    let fixed = fixed.replace(' ', "");
    Time::parse(&fixed).ok()
}

/// Seconds or milliseconds since 1970, told apart by their size.
pub(crate) fn epoch(number: f64) -> Option<Time> {
    let seconds = if number > 1e11 { number / 1_000.0 } else { number };
    // From 1990 to 2200: anything else is no time.
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    (6.3e8..7.3e9).contains(&seconds).then(|| Time::from_micros((seconds * 1e6) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_a_zone_are_taken_and_others_are_not() {
        for (text, expected) in [
            ("2026-11-23T12:00:00Z", Some("2026-11-23T12:00:00Z")),
            ("2026-11-23 12:00:00 UTC", Some("2026-11-23T12:00:00Z")),
            ("2016-11-05T14:52:15.748-0400", Some("2016-11-05T18:52:15.748Z")),
            ("1795435200", Some("2026-11-23T12:00:00Z")),
            ("1795435200000", Some("2026-11-23T12:00:00Z")),
            ("2026-11-23T12:00:00", None),
            ("", None),
            ("-", None),
            ("+0000", None),
            ("ä+000", None),
        ] {
            let expected = expected.map(|e| Time::parse(e).unwrap());
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
