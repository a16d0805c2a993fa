//! What an evaluation may look at.

use std::{collections::BTreeMap, sync::Arc};

use certrail_domain::{BindRule, EvidenceId, Exception, Interval, Release, Signal, Time};

/// A piece of evidence as it counts for a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its id.
    pub id: EvidenceId,
    /// Its entry in the log.
    pub log_index: u64,
    /// When we received it.
    pub received: Time,
    /// The connector it came by.
    pub connector: String,
    /// The rule that bound it.
    pub rule: BindRule,
    /// The entry whose content it repeats.
    pub duplicate_of: Option<u64>,
    /// What it says; shared with whoever keeps it.
    pub signal: Arc<Signal>,
}

impl Evidence {
    /// When it happened: by its source, else when we received it.
    #[must_use]
    pub fn at(&self) -> Time {
        self.signal.occurred_at.unwrap_or(self.received)
    }

    /// That instant with the quality of the clock behind it (compliance §3): forges have server
    /// clocks, runners do not; our own clock stands in where the source says nothing.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let epsilon = match (self.signal.occurred_at, self.connector.as_str()) {
            (None, _) | (_, "github" | "api" | "page") => Interval::SERVER,
            (_, "cli") => Interval::RUNNER,
            _ => Interval::UNKNOWN,
        };
        Interval::new(self.at(), epsilon)
    }
}

/// A certification in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certification {
    /// Its entry in the log.
    pub log_index: u64,
    /// When it was decided, by our clock.
    pub at: Time,
    /// Whether it said yes.
    pub passed: bool,
    /// The artefacts it speaks of.
    pub digests: Vec<String>,
}

/// Which accounts belong to one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    person_of: BTreeMap<String, String>,
}

impl Identities {
    /// From pairs of account and person.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { person_of: pairs.into_iter().map(|(a, p)| (a.to_lowercase(), p)).collect() }
    }

    /// The person behind an account; an account nobody claims stands for itself.
    #[must_use]
    pub fn person<'a>(&'a self, account: &'a str) -> &'a str {
        self.person_of.get(account).map_or(account, String::as_str)
    }
}

/// Everything an evaluation is a function of, besides the criteria.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The release.
    pub release: &'a Release,
    /// Its evidence, in order of arrival.
    pub evidence: &'a [Evidence],
    /// What is known of its repositories as a whole: branch rules, in order of arrival.
    pub context: &'a [Evidence],
    /// Its exceptions, by id.
    pub exceptions: &'a [Exception],
    /// Its certifications, oldest first.
    pub certifications: &'a [Certification],
    /// Versions of the product that were certified or shipped.
    pub known_versions: &'a [String],
    /// Who is who.
    pub identities: &'a Identities,
    /// The log position: all entries below it were seen.
    pub log_position: u64,
    /// The clock of the decision.
    pub decision_time: Time,
}
