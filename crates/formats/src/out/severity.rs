//! Tools' words and scores on our scale.

use certrail_domain::facts::{Epss, Level, Score, ScoreSystem};

/// What a tool's word means; `None` for words that say nothing (`unknown`, `undefined`) and for words we do not know.
pub(crate) fn level(word: &str) -> Option<Level> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "critical" | "blocker" | "fatal" | "very high" | "very_high" | "veryhigh" | "urgent" | "defcon1" => {
            Level::Critical
        }
        "high" | "error" | "important" | "major" | "severe" | "serious" => Level::High,
        "medium" | "moderate" | "warning" | "warn" | "med" => Level::Medium,
        "low" | "minor" | "note" | "style" | "refactor" | "convention" => Level::Low,
        "info" | "information" | "informational" | "negligible" | "none" | "trivial" | "hint" | "very low"
        | "very_low" | "log" | "trace" | "recommendation" => Level::Info,
        _ => return None,
    })
}

/// A score with its vector. What the vector gives stands in where no number is given; neither is nothing.
pub(crate) fn score(vector: &str, number: Option<f64>, by: &str) -> Option<Score> {
    let vector = vector.trim().trim_matches(['(', ')']);
    let parsed = parse(vector);
    let number = number.filter(|n| (0.0..=10.0).contains(n) && (*n > 0.0 || parsed.is_some()));
    let (system, value) = match (parsed, number) {
        (Some((system, _)), Some(number)) => (system, number),
        (Some((system, computed)), None) => (system, computed),
        (None, Some(number)) => (ScoreSystem::V3, number),
        (None, None) => return None,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10")]
    let tenths = (value * 10.0).round() as u8;
    let vector = parsed.is_some().then(|| crate::base::clip(vector));
    Some(Score { system, tenths, vector, by: crate::base::clip_to(by, 60) })
}

/// A score of a known edition without a vector.
pub(crate) fn number(system: ScoreSystem, number: Option<f64>, by: &str) -> Option<Score> {
    score("", number, by).map(|s| Score { system, ..s })
}

/// The edition of a vector, and the base score it gives.
fn parse(vector: &str) -> Option<(ScoreSystem, f64)> {
    if vector.len() > 500 || !vector.contains('/') {
        return None;
    }
    if vector.starts_with("CVSS:3") {
        return vector.parse::<cvss::v3::Vector>().ok().map(|v| (ScoreSystem::V3, v.score().value()));
    }
    if vector.starts_with("CVSS:4") {
        return vector.parse::<cvss::v4::Vector>().ok().map(|v| (ScoreSystem::V4, v.score().value()));
    }
    let plain = vector.trim_start_matches("CVSS2#").trim_start_matches("CVSS:2.0/");
    plain.parse::<cvss::v2::Vector>().ok().map(|v| (ScoreSystem::V2, v.score().value()))
}

/// An EPSS probability from 0 to 1, with its model and day where they are told.
pub(crate) fn epss(probability: Option<f64>, model: Option<&str>, date: Option<&str>) -> Option<Epss> {
    let probability = probability.filter(|p| (0.0..=1.0).contains(p))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1")]
    let ppm = (probability * 1e6).round() as u32;
    let text = |t: Option<&str>| t.map(|t| crate::base::clip_to(t, 40)).filter(|t| !t.is_empty());
    Some(Epss { ppm, model: text(model), date: text(date) })
}

/// `CWE-79`, `79`, `cwe-79: …` → 79.
pub(crate) fn cwe(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = match text.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("cwe-") || p.eq_ignore_ascii_case("cwe:")) {
        true => &text[4..],
        false => text,
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok().filter(|n| (1..100_000).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_give_their_edition_and_score() {
        for (vector, given, system, tenths) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None, ScoreSystem::V3, 98),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(9.1), ScoreSystem::V3, 91),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None, ScoreSystem::V2, 75),
            ("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", None, ScoreSystem::V2, 75),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None, ScoreSystem::V4, 93),
            ("", Some(5.0), ScoreSystem::V3, 50),
            ("rubbish", Some(5.0), ScoreSystem::V3, 50),
        ] {
            let score = score(vector, given, "nvd").unwrap();
            assert_eq!((score.system, score.tenths), (system, tenths), "{vector}");
        }
        assert_eq!(score("", None, ""), None);
        assert_eq!(score("", Some(0.0), ""), None);
        assert_eq!(score("", Some(11.0), ""), None);
        assert_eq!(
            [cwe("CWE-79"), cwe("cwe-79: XSS"), cwe("79"), cwe("x"), cwe("-1")],
            [Some(79), Some(79), Some(79), None, None]
        );
    }
}
