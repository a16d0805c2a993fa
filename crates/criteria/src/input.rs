//! What an evaluation may look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use certrail_domain::{
    Actor, BindRule, DecidedAgainst, EvidenceId, Exception, Home, HowKnown, Interval, PersonId, Product, Release,
    Signal, Time, Truth, home, shown_account,
};

use crate::findings::Tracked;

/// How well it is known when we received something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// By a clock that was believed.
    Known,
    /// Our clock had jumped, and time went on by its counter.
    Uncertain,
    /// Our clock ran ahead: some time before an operator set it right.
    AtLatest,
}

/// A piece of evidence as it counts for a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its id.
    pub id: EvidenceId,
    /// Its entry in the log.
    pub log_index: u64,
    /// When we received it, or where our clock was wrong the latest that it can have been.
    pub received: Time,
    /// How well that is known.
    pub receipt: Receipt,
    /// The rule that bound it.
    pub rule: BindRule,
    /// The entry whose content it repeats.
    pub duplicate_of: Option<u64>,
    /// What it says; shared with whoever keeps it.
    pub signal: Arc<Signal>,
}

impl Evidence {
    /// Whether the system where it happened told it, or the person who did it here.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        self.signal.known == HowKnown::Observed
    }

    /// Whether it counts where what happened has to be observed: it was, or the product accepts reports of its kind.
    #[must_use]
    pub fn is_believed(&self, product: &Product) -> bool {
        self.is_observed() || product.accepts(self.signal.facts.kind())
    }

    /// Whether it counts only because the product accepts reports of its kind.
    #[must_use]
    pub fn is_accepted_report(&self, product: &Product) -> bool {
        !self.is_observed() && product.accepts(self.signal.facts.kind())
    }

    /// Whether it is known when it happened: its source says so, or it was received by a clock that was right.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.signal.occurred_at.is_some() || self.receipt == Receipt::Known
    }

    /// How far off a clock that jumped may have been.
    const NOBODY_KNOWS: i64 = 100 * 366 * Time::DAY;

    /// When we received it, with the quality of our clock then.
    #[must_use]
    pub fn receipt_interval(&self) -> Interval {
        match self.receipt {
            Receipt::Known => Interval::new(self.received, Interval::SERVER),
            Receipt::Uncertain => Interval::new(self.received, Self::NOBODY_KNOWS),
            // It ends at the latest that it can have been.
            Receipt::AtLatest => Interval::new(self.received.plus(-Self::NOBODY_KNOWS), Self::NOBODY_KNOWS),
        }
    }

    /// When it happened: by its source, else when we received it.
    #[must_use]
    pub fn at(&self) -> Time {
        self.signal.occurred_at.unwrap_or(self.received)
    }

    /// That instant with the quality of the clock behind it; our own clock stands in where the source says nothing.
    #[must_use]
    pub fn interval(&self) -> Interval {
        self.signal.interval(self.receipt_interval())
    }
}

/// A decision on a release: that it is certified, or that it is not, or not any more.
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

/// Another release of the product that is cut at the same commit: a candidate, say, and the final version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Its version.
    pub version: String,
    /// Who decided against it, where that stands.
    pub against: Option<DecidedAgainst>,
    /// When it was cut.
    pub cut_at: Time,
    /// Its artefacts.
    pub digests: Vec<String>,
    /// The entry with which each of them joined it.
    pub joined: BTreeMap<String, u64>,
    /// The decisions on it.
    pub certifications: Vec<Certification>,
}

impl Twin {
    /// How much speaks for it where a deployment says of no release that it is the one: that it was there, had what was deployed when
    /// that was heard, and stood certified; then the newest that was there, or the oldest where none was.
    fn rank(&self, (start, heard): (Interval, u64), digests: &BTreeSet<String>) -> (bool, bool, bool, i64) {
        let there = self.cut_at <= start.at;
        let certified = stood_certified(&self.certifications, (start, None), digests) != Truth::False;
        let age = if there { self.cut_at.as_micros() } else { -self.cut_at.as_micros() };
        let has = |digest: &String| self.joined.get(digest).is_some_and(|joined| *joined <= heard);
        (there, digests.iter().all(has), certified, age)
    }

    /// Who decided against it since a release with the same artefacts was certified, and not in favour of that one.
    #[must_use]
    pub fn opposes(&self, release: &Release, certifications: &[Certification]) -> Option<&DecidedAgainst> {
        let against = self.against.as_ref()?;
        let certified = certifications.iter().rev().find(|yes| yes.passed)?;
        let since = self.certifications.last().is_some_and(|no| !no.passed && no.log_index > certified.log_index);
        let other = |digest: &String| !release.digests.contains(digest);
        let rebuilt = self.digests.iter().any(other) && !release.digests.is_empty();
        (since && !rebuilt && against.superseded_by.as_ref() != Some(&release.version)).then_some(against)
    }

    /// Whether a deployment of its commit that names no release is of this one rather than of the others. It began at some time, and
    /// some entry told of it first.
    #[must_use]
    pub fn is_deployed<'t>(
        &self,
        others: impl IntoIterator<Item = &'t Self>,
        began: (Interval, u64),
        digests: &BTreeSet<String>,
    ) -> bool {
        let own = (self.rank(began, digests), &self.version);
        others.into_iter().all(|other| (other.rank(began, digests), &other.version) <= own)
    }
}

/// A gate's no to a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where it was to go.
    pub environment: String,
    /// When, by our clock.
    pub at: Time,
}

/// Whether a certification of artefacts stood at a moment: one was given before, of all of them, and none was withdrawn between.
/// `before` tells of a time whether it is before that moment.
fn certified_before(decisions: &[Certification], before: impl Fn(Time) -> Truth, digests: &BTreeSet<String>) -> Truth {
    let stood = |yes: &Certification| {
        let ended = decisions.iter().filter(|no| !no.passed && no.log_index > yes.log_index).map(|no| before(no.at));
        // Both hold unless one does not.
        !Truth::any([!before(yes.at), Truth::any(ended)])
    };
    // A build that was not there when somebody decided was not decided on.
    let speaks = |yes: &&Certification| yes.passed && digests.iter().all(|d| yes.digests.contains(d));
    Truth::any(decisions.iter().filter(speaks).map(stood))
}

/// Whether a certification of artefacts stood when a deployment began: where that it began then is only told, and by when we heard of
/// it none stood any more, nobody knows.
#[must_use]
pub fn stood_certified(
    decisions: &[Certification],
    (start, told): (Interval, Option<Time>),
    digests: &BTreeSet<String>,
) -> Truth {
    let at = |moment: Interval| {
        certified_before(decisions, |at| Interval::new(at, Interval::SERVER).before(moment), digests)
    };
    let heard = told.map_or(Truth::True, |told| at(Interval::new(told, Interval::SERVER)));
    match (at(start), heard) {
        (Truth::True, Truth::False) => Truth::Unknown,
        (stood, _) => stood,
    }
}

/// Which accounts belong to one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    person_of: BTreeMap<String, String>,
    /// The name to show, by person.
    names: BTreeMap<String, String>,
    /// Somebody's record cannot be read: an account that nobody claims may be theirs.
    incomplete: bool,
}

impl Identities {
    /// From pairs of account and person.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { person_of: pairs.into_iter().map(|(a, p)| (a.to_lowercase(), p)).collect(), ..Self::default() }
    }

    /// Without somebody whose record cannot be read: whether an account that nobody claims is somebody else's is then unknown.
    #[must_use]
    pub const fn incomplete(mut self, incomplete: bool) -> Self {
        self.incomplete = incomplete;
        self
    }

    /// With the names of people, from pairs of person and name.
    #[must_use]
    pub fn with_names(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        self.names.extend(pairs);
        self
    }

    /// The name of whoever an account belongs to, for sentences; the account itself where nobody is known.
    #[must_use]
    pub fn name<'a>(&'a self, account: &'a str) -> &'a str {
        self.names.get(self.person(account)).map_or_else(|| shown_account(account), String::as_str)
    }

    /// The name of whoever a signal names: the one they are recorded by here, else the one it gives.
    #[must_use]
    pub fn shown<'a>(&'a self, actor: &'a Actor) -> &'a str {
        self.names.get(self.person(&actor.account)).map_or_else(|| actor.shown(), String::as_str)
    }

    /// The person behind an account; an account nobody claims stands for itself.
    #[must_use]
    pub fn person<'a>(&'a self, account: &'a str) -> &'a str {
        self.known(account).unwrap_or(account)
    }

    /// The person who is known to own an account, in whatever case it is written.
    fn known(&self, account: &str) -> Option<&str> {
        let known = self.person_of.get(account).or_else(|| self.person_of.get(&account.to_lowercase()));
        known.map(String::as_str)
    }

    /// Whether two accounts are one person. Two logins of a host that nobody claims are two people; a login and a mail
    /// address, two mail addresses, or accounts of two hosts could be anybody's until a person is recorded who owns one of
    /// that kind.
    #[must_use]
    pub fn same(&self, a: &str, b: &str) -> Truth {
        match (a == b, self.known(a), self.known(b)) {
            (true, ..) => Truth::True,
            (_, Some(a), Some(b)) => (a == b).into(),
            _ if self.incomplete => Truth::Unknown,
            (_, Some(person), None) => self.owns_kind_of(person, b),
            (_, None, Some(person)) => self.owns_kind_of(person, a),
            (_, None, None) => of_two_logins(a, b),
        }
    }

    /// Whoever put down a login, or a mail address, put down the one they use.
    fn owns_kind_of(&self, person: &str, account: &str) -> Truth {
        let mut owned = self.person_of.iter().filter(|(_, p)| *p == person).map(|(own, _)| own.as_str());
        // A word that was told may be whoever has a login that reads the same, at whatever host.
        if home(account) == Home::Told && owned.clone().any(|own| login(own) == login(account)) {
            return Truth::Unknown;
        }
        let known = owned.any(|own| !own.starts_with(PersonId::PREFIX) && same_kind(own, account));
        if known { Truth::False } else { Truth::Unknown }
    }

    /// Whether an account is one of several: [`Truth::True`] if it is, unknown if that cannot be told of one.
    pub fn among<'a>(&self, account: &str, others: impl IntoIterator<Item = &'a str>) -> Truth {
        Truth::any(others.into_iter().map(|other| self.same(account, other)))
    }
}

/// At home at the same place. A name in prose is comparable with nothing.
fn same_kind(a: &str, b: &str) -> bool {
    home(a) == home(b) && home(a) != Home::Nowhere
}

/// Two different logins of one host are two people, and so are two names that were told. A name that was told is another
/// than a login that reads otherwise, and where both read the same it may be the same or not. Whatever else it is, it
/// could be anybody.
fn of_two_logins(a: &str, b: &str) -> Truth {
    match (home(a), home(b)) {
        (Home::Host(a), Home::Host(b)) => {
            if a == b {
                Truth::False
            } else {
                Truth::Unknown
            }
        }
        (Home::Told, Home::Told) => Truth::False,
        (Home::Told, Home::Host(_)) | (Home::Host(_), Home::Told) if login(a) != login(b) => Truth::False,
        _ => Truth::Unknown,
    }
}

/// An account without its home.
fn login(account: &str) -> &str {
    account.rsplit_once(':').map_or(account, |(_, login)| login)
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
    /// What is known of the findings its evidence tells of.
    pub findings: &'a Tracked,
    /// Its certifications, oldest first.
    pub certifications: &'a [Certification],
    /// The entry with which each artefact joined the release, where something asks for that.
    pub joined: &'a BTreeMap<String, u64>,
    /// What its gates refused while a deployment was under way that did not succeed.
    pub refusals: &'a [Refusal],
    /// The product, as it was known.
    pub product: &'a Product,
    /// Versions of the product, among those named as rollback targets, that were certified.
    pub known_versions: &'a [String],
    /// Other releases of the product that are cut at the same commit.
    pub twins: &'a [Twin],
    /// Who is who.
    pub identities: &'a Identities,
    /// The log position: all entries below it were seen.
    pub log_position: u64,
    /// The clock of the decision.
    pub decision_time: Time,
    /// It is judged for the next deployment to production: what went out earlier stops no clock, and is not looked at.
    pub next: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_cannot_be_compared_are_neither_one_person_nor_two() {
        let known = Identities::new(
            [
                ("dana", "per_1"),
                ("dana@acme.example", "per_1"),
                ("tom", "per_2"),
                ("sam@acme.example", "per_3"),
                ("git.acme.example:gina", "per_4"),
                ("name:gee", "per_4"),
            ]
            .map(|(a, p)| (a.to_owned(), p.to_owned())),
        );
        for (a, b, truth) in [
            ("dana", "dana", Truth::True),
            ("dana", "dana@acme.example", Truth::True),
            ("dana", "tom", Truth::False),
            ("dana", "eve", Truth::False),
            ("eve", "mallory", Truth::False),
            // Tom may write under any address; Dana told us hers.
            ("tom", "t@private.example", Truth::Unknown),
            ("dana", "t@private.example", Truth::False),
            ("sam@acme.example", "sam", Truth::Unknown),
            ("eve", "eve@acme.example", Truth::Unknown),
            ("a@acme.example", "b@acme.example", Truth::Unknown),
            // Another host has names of its own; one that was told may be anybody's who is called so.
            ("git.acme.example:dana", "git.acme.example:tom", Truth::False),
            ("git.acme.example:eve", "eve", Truth::Unknown),
            ("git.acme.example:eve", "mallory", Truth::Unknown),
            ("name:eve", "eve", Truth::Unknown),
            ("name:eve", "mallory", Truth::False),
            ("name:eve", "name:mallory", Truth::False),
            ("name:eve", "eve@acme.example", Truth::Unknown),
            // Gina is told as gee; somebody told as gina may be her all the same.
            ("git.acme.example:gina", "name:mallory", Truth::False),
            ("git.acme.example:gina", "name:gina", Truth::Unknown),
            // A name in a trailer, or nothing at all, is nobody in particular.
            ("eve", "Eve Lee", Truth::Unknown),
            ("dana", "dana lee", Truth::Unknown),
            ("eve", "", Truth::Unknown),
        ] {
            assert_eq!(known.same(a, b), truth, "{a} {b}");
            assert_eq!(known.same(b, a), truth, "{b} {a}");
        }
        assert_eq!(known.among("tom", ["dana", "x@y.example"]), Truth::Unknown);
        assert_eq!(known.among("tom", ["x@y.example", "tom"]), Truth::True);
        assert_eq!(known.among("tom", []), Truth::False);
    }
}
