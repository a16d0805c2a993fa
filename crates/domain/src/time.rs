//! Instants with a zone, the uncertainty around them, and what may be said about their order.
//!
//! All arithmetic is in microseconds since the Unix epoch, UTC. A text without an offset is
//! refused (AR-02): `2026-03-15T14:02:11` names no instant.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant, microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

/// Why a text is not an instant.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time with a zone")]
pub struct TimeError {
    text: String,
}

impl Time {
    /// One second, in the unit of this type.
    pub const SECOND: i64 = 1_000_000;
    /// One day.
    pub const DAY: i64 = 86_400 * Self::SECOND;

    /// The instant `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with an offset or `Z`.
    ///
    /// # Errors
    /// When the text has no zone, or is no time, or lies outside years -9999 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        text.trim()
            .parse::<Timestamp>()
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| TimeError { text: text.chars().take(64).collect() })
    }

    /// The instant `micros` later (or earlier); saturates at the ends.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to this instant; negative if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    fn jiff(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// `15 Mar 2026, 14:02 UTC`: the form people read.
    #[must_use]
    pub fn human(self) -> String {
        self.jiff().to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string()
    }

    /// `15 Mar 2026`.
    #[must_use]
    pub fn date(self) -> String {
        self.jiff().to_zoned(TimeZone::UTC).strftime("%-d %b %Y").to_string()
    }

    /// `3 h 12 min`, `4 days`: the length of a span in at most two units.
    #[must_use]
    pub fn span(micros: i64) -> String {
        let seconds = micros.unsigned_abs() / 1_000_000;
        let plural = |n: u64, unit: &str| if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") };
        match seconds {
            0..60 => format!("{seconds} s"),
            60..3600 => format!("{} min", seconds / 60),
            3600..86_400 if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
            3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
            _ => plural(seconds / 86_400, "day"),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.jiff())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// What can be said of a statement about time (compliance §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds, whatever the clocks did within their bounds.
    True,
    /// It does not hold, whatever the clocks did.
    False,
    /// The clocks are not good enough to tell.
    Unknown,
}

impl Truth {
    /// Whether any of several statements holds: unknown if none surely does and one may.
    pub fn any(statements: impl IntoIterator<Item = Self>) -> Self {
        statements.into_iter().fold(Self::False, |best, truth| match (best, truth) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::False, Self::False) => Self::False,
        })
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// An instant and how far off it may be: the closed interval `[at - epsilon, at + epsilon]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The instant as recorded.
    pub at: Time,
    /// Half the source's precision plus the bound on its skew, in microseconds.
    pub epsilon: i64,
}

impl Interval {
    /// Sources with a server clock: 2 s.
    pub const SERVER: i64 = 2 * Time::SECOND;
    /// Runners that teams host themselves: 60 s.
    pub const RUNNER: i64 = 60 * Time::SECOND;
    /// Nothing is known of the clock: 300 s.
    pub const UNKNOWN: i64 = 300 * Time::SECOND;

    /// An instant recorded by a clock of the given quality.
    #[must_use]
    pub const fn new(at: Time, epsilon: i64) -> Self {
        Self { at, epsilon }
    }

    /// Whether this happened before `other`: true if our latest is not after its earliest,
    /// false if our earliest is after its latest, else unknown (compliance §3, time model).
    #[must_use]
    pub fn before(self, other: Self) -> Truth {
        let (lo_a, hi_a) = (self.at.plus(-self.epsilon), self.at.plus(self.epsilon));
        let (lo_b, hi_b) = (other.at.plus(-other.epsilon), other.at.plus(other.epsilon));
        if hi_a <= lo_b {
            Truth::True
        } else if lo_a > hi_b {
            Truth::False
        } else {
            Truth::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_zone_is_refused() {
        assert!(Time::parse("2026-03-15T14:02:11").is_err());
        assert!(Time::parse("2026-03-15").is_err());
        assert!(Time::parse("").is_err());
        assert_eq!(Time::parse("2026-03-15T14:02:11+01:00").expect("valid").to_string(), "2026-03-15T13:02:11.000000Z");
    }

    #[test]
    fn absurd_times_do_not_panic() {
        for micros in [i64::MIN, i64::MAX, -1, 0] {
            let t = Time::from_micros(micros);
            let _ = (t.to_string(), t.human(), t.date(), t.plus(i64::MAX), t.since(Time::from_micros(i64::MIN)));
        }
    }

    #[test]
    fn order_is_unknown_while_intervals_overlap() {
        let at = |s: i64| Interval::new(Time::from_micros(s * Time::SECOND), Interval::SERVER);
        assert_eq!(at(0).before(at(4)), Truth::True);
        assert_eq!(at(0).before(at(3)), Truth::Unknown);
        assert_eq!(at(5).before(at(0)), Truth::False);
    }
}
