//! Marks for people on a piece of evidence (ux §2.2). Marks are never verdicts.

use serde::{Deserialize, Serialize};

/// Something about the time or subject of a piece of evidence that a person should see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It reached us after the release was decided or shipped; it did not count (T37, T38).
    Late,
    /// Its subject changed afterwards (T04).
    Stale,
    /// It happened in time and reached us more than 24 hours later.
    RecordedLate,
    /// It speaks of another build than the one released (T14).
    OtherBuild,
    /// It claims the future, or its source's clock is far off (T39).
    Clock,
    /// When we received it is uncertain: our own clock had jumped.
    OurClock,
    /// The same content was delivered again; it never counts as fresh.
    Repeat,
    /// Its bytes could not be read.
    Unread,
}

impl Mark {
    /// The word people meet.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Late => "Late",
            Self::Stale => "Stale",
            Self::RecordedLate => "Recorded late",
            Self::OtherBuild => "Other build",
            Self::Clock => "Clock",
            Self::OurClock => "Our clock",
            Self::Repeat => "Repeat",
            Self::Unread => "Unread",
        }
    }

    /// The glyph beside the word.
    #[must_use]
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Late => "◷",
            Self::Stale => "↺",
            Self::RecordedLate => "⇥",
            Self::OtherBuild => "≠",
            Self::Clock | Self::OurClock => "⚠",
            Self::Repeat => "=",
            Self::Unread => "…",
        }
    }

    /// The sentence that explains it.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Late => "It reached us after the decision, so it did not count towards it.",
            Self::Stale => "What it speaks of changed afterwards.",
            Self::RecordedLate => "It happened in time and reached us more than 24 hours later.",
            Self::OtherBuild => "It is about another build than the one released.",
            Self::Clock => "Its time lies in the future or its source's clock is far off.",
            Self::OurClock => "Our own clock had jumped, so when we received it is uncertain.",
            Self::Repeat => "The same content had been received before.",
            Self::Unread => "We keep the bytes but could not read them.",
        }
    }
}
