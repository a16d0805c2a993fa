//! A scanner's report taking shape.

use std::collections::BTreeMap;

use certrail_domain::{
    Facts, Time,
    facts::{BandPolicy, Component, Database, Epss, FindingSeen, Level, Scan, ScanKind, Score, Severity},
};

use super::{fingerprint, notes::Notes, severity};
use crate::{
    Format, Reading, Sink, Validity,
    base::{clip, clip_to, lenient::Few},
    definition::Context,
};

/// A finding as a reader hands it over.
#[derive(Default)]
pub(crate) struct Found<'a> {
    /// The rule or vulnerability.
    pub(crate) rule: &'a str,
    /// What is broken.
    pub(crate) title: &'a str,
    /// Where: path, address, host.
    pub(crate) place: &'a str,
    /// The line there.
    pub(crate) line: Option<u64>,
    /// What stands there, for the fingerprint; the title if it is empty.
    pub(crate) context: &'a str,
    /// The tool's own fingerprint, where it promises to keep it.
    pub(crate) own: Option<&'a str>,
    /// The tool's word for how grave it is.
    pub(crate) word: &'a str,
    /// What that word means, where it is not the usual meaning.
    pub(crate) level: Option<Level>,
    pub(crate) scores: Vec<Score>,
    pub(crate) epss: Option<Epss>,
    pub(crate) known_exploited: Option<bool>,
    pub(crate) aliases: Vec<String>,
    pub(crate) cwes: Vec<u32>,
    /// The affected component: makes it a known vulnerability.
    pub(crate) component: Option<Component>,
    pub(crate) reachable: Option<bool>,
    /// Why the report itself leaves it out.
    pub(crate) suppressed: Option<String>,
    pub(crate) first_seen: Option<Time>,
}

/// A scanner's report taking shape.
pub(crate) struct ScanReport<'c> {
    /// What will be told; levels and findings fill themselves.
    pub(crate) scan: Scan,
    /// Why it is not valid.
    pub(crate) faults: Notes,
    /// What struck the reader.
    pub(crate) warnings: Notes,
    /// There is a standard, and the reader checks against it.
    pub(crate) checked: bool,
    /// What else is counted.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// What it is about, beside commit, digests and target.
    pub(crate) subjects: Vec<String>,
    format: Format,
    sink: &'c mut Sink<'c>,
    places: fingerprint::Places,
    results: u64,
    unrated: u64,
    /// Suppressed by the report, and too grave for that.
    overruled: u64,
    told: Option<ScanKind>,
    database_told: Option<Time>,
    policy: BandPolicy,
}

impl<'c> ScanReport<'c> {
    /// A report of `tool`, which looks for `kind` unless the sender says otherwise.
    pub(crate) fn new(context: Context<'c>, kind: ScanKind, tool: &str) -> Self {
        Self {
            scan: Scan::new(kind, tool.to_owned()),
            faults: Notes::default(),
            warnings: Notes::default(),
            checked: false,
            counts: BTreeMap::new(),
            subjects: Vec::new(),
            format: context.format,
            sink: context.sink,
            places: fingerprint::Places::default(),
            results: 0,
            unrated: 0,
            overruled: 0,
            told: context.hints.scan,
            database_told: context.hints.database_at,
            policy: context.hints.policy,
        }
    }

    /// Takes a finding: counts it, gives it its fingerprint, hands it on.
    pub(crate) fn finding(&mut self, found: Found<'_>) {
        let kind = self.told.unwrap_or(self.scan.scan);
        self.finding_of(kind, found);
    }

    /// Takes a finding of another kind than the report as a whole.
    pub(crate) fn finding_of(&mut self, kind: ScanKind, found: Found<'_>) {
        self.results += 1;
        let rule = clip_to(found.rule, 200);
        let rule = if rule.is_empty() { "(no rule)".to_owned() } else { rule };
        let title = match clip(found.title) {
            title if title.is_empty() => rule.clone(),
            title => title,
        };
        let place = clip(found.place);
        let mut aliases = found.aliases;
        aliases.retain(|a| !a.is_empty() && *a != rule);
        aliases.sort();
        aliases.dedup();
        aliases.truncate(50);
        let fingerprint = match (&found.component, found.own) {
            (Some(component), _) => fingerprint::of_vulnerability(&rule, &aliases, component),
            (None, Some(own)) if !own.trim().is_empty() => {
                self.places.own(kind.name(), &self.scan.tool, &rule, own.trim(), (&place, found.line))
            }
            (None, _) => {
                let context = if found.context.trim().is_empty() { &title } else { found.context };
                self.places.of(kind.name(), &self.scan.tool, &rule, &place, context)
            }
        };
        let severity = Severity {
            word: Some(clip_to(found.word, 40)).filter(|w| !w.is_empty()),
            tool: found.level.or_else(|| severity::level(found.word)),
            scores: found.scores,
            epss: found.epss,
            known_exploited: found.known_exploited,
        };
        let band = severity.band(self.policy);
        let level = band.unwrap_or(Level::High);
        let mut cwes = found.cwes;
        cwes.sort_unstable();
        cwes.dedup();
        cwes.truncate(50);
        let seen = FindingSeen {
            fingerprint,
            rule,
            level,
            title,
            place,
            line: found.line.filter(|n| *n > 0),
            aliases,
            cwes,
            severity,
            component: found.component.map(bounded),
            reachable: found.reachable,
            suppressed: found.suppressed.map(|s| clip(&s)),
            first_seen: found.first_seen,
        };
        if seen.is_left_out() {
            self.scan.suppressed += 1;
        } else {
            self.unrated += u64::from(band.is_none());
            self.overruled += u64::from(seen.suppressed.is_some());
            self.scan.levels.add(level);
        }
        self.keep(&seen);
        (self.sink)(seen);
    }

    /// Keeps the gravest for the facts. Sorted out when there are twice as many as needed.
    fn keep(&mut self, seen: &FindingSeen) {
        let kept = &mut self.scan.findings;
        if kept.len() >= 2 * Scan::MAX_FINDINGS {
            sort(kept);
        }
        kept.push(seen.clone());
    }

    /// All of a list in a record. One that is longer than what is kept leaves the scan partial.
    pub(crate) fn all<'f, T>(&mut self, list: &'f Few<T>) -> std::slice::Iter<'f, T> {
        if list.is_cut() {
            self.partial(format!("A list of {} in it is longer than is read", list.total));
        }
        list.iter()
    }

    /// What the report says of itself, findings it claims in all: fewer that are listed are lost.
    pub(crate) fn claims(&mut self, claimed: Option<u64>) {
        if let Some(claimed) = claimed.filter(|claimed| *claimed > self.results) {
            self.partial(format!("It claims {claimed} findings; {} are listed", self.results));
        }
    }

    /// Counts something beside findings.
    pub(crate) fn count(&mut self, name: &'static str, n: u64) {
        *self.counts.entry(name).or_default() += n;
    }

    /// Adds to the files, packages or addresses that were looked at.
    pub(crate) fn looked_at(&mut self, n: u64) {
        self.scan.looked_at = Some(self.scan.looked_at.unwrap_or(0).saturating_add(n));
    }

    /// Not everything was looked at, for this reason.
    pub(crate) fn partial(&mut self, why: impl Into<String>) {
        let why = clip(&why.into());
        self.scan.partial.get_or_insert(why);
    }

    /// The report does not come to its end: what it would have told is not known.
    pub(crate) fn cut_off(&mut self, why: Option<String>) {
        if let Some(why) = why {
            self.partial(why.trim_end_matches('.').to_owned());
            self.faults.add(why);
        }
    }

    /// An error that the tool reports: what it concerns was not looked at.
    pub(crate) fn error(&mut self, n: u64, why: &str) {
        if n > 0 {
            self.count("errors", n);
            let why = match clip_to(why, 200) {
                why if why.is_empty() => String::new(),
                why => format!("; the first: {why}"),
            };
            let errors = if n == 1 { "1 error".to_owned() } else { format!("{n} errors") };
            self.partial(format!("The tool reports {errors}{why}"));
        }
    }

    /// The kind of scan, where only the content tells it.
    pub(crate) fn kind(&mut self, kind: ScanKind) {
        self.scan.scan = kind;
    }

    /// The kind that the sender named.
    pub(crate) const fn kind_told(&self) -> Option<ScanKind> {
        self.told
    }

    /// What came out.
    pub(crate) fn finish(mut self) -> Reading {
        let scan = &mut self.scan;
        scan.scan = self.told.unwrap_or(scan.scan);
        scan.tool = clip_to(&scan.tool, 120);
        scan.tool_version = scan.tool_version.take().map(|v| clip_to(&v, 60)).filter(|v| !v.is_empty());
        scan.target = scan.target.take().map(|v| clip(&v)).filter(|v| !v.is_empty());
        if let Some(at) = self.database_told {
            scan.database = match scan.database {
                Database::Undated => Database::Dated(at),
                told => told,
            };
        }
        scan.digests.sort();
        scan.digests.dedup();
        sort(&mut scan.findings);
        if self.unrated > 0 {
            let n = self.unrated;
            let are = if n == 1 { "finding is" } else { "findings are" };
            self.warnings.add(format!("{n} {are} not rated by the report; each counts as high until it is."));
        }
        if self.overruled > 0 {
            let n = self.overruled;
            let (are, they) = if n == 1 { ("finding is", "it counts") } else { ("findings are", "they count") };
            self.warnings.add(format!(
                "{n} high or critical {are} suppressed by the report itself; {they} until somebody here decides."
            ));
        }
        if self.results > scan.findings.len() as u64 {
            self.warnings.add(format!(
                "The gravest {} findings are listed in its facts; all are counted and tracked.",
                Scan::MAX_FINDINGS
            ));
        }
        if scan.success == Some(false) {
            self.warnings.add("The tool says that it did not run to its end.");
        }
        self.warnings.add_some(scan.partial.as_ref().map(|why| format!("{}.", why.trim_end_matches('.'))));
        if scan.looked_at == Some(0) {
            self.warnings.add("It looked at nothing.");
        }
        if scan.scan.needs_database() && scan.database == Database::Undated {
            self.warnings
                .add("It does not say how old its database of vulnerabilities is; say it with --database-date.");
        }
        if scan.scan == ScanKind::Unknown {
            let kinds: Vec<&str> = ScanKind::TOLD.into_iter().map(ScanKind::name).collect();
            self.warnings.add(format!("What the tool looks for is not known; say it with --for {}.", kinds.join("|")));
        }
        let mut subjects = self.subjects;
        subjects.extend(scan.commit.iter().cloned());
        subjects.extend(scan.digests.iter().cloned());
        subjects.extend(scan.target.iter().cloned());
        let mut counts = self.counts;
        let l = scan.levels;
        for (name, n) in [
            ("results", self.results),
            ("suppressed", scan.suppressed),
            ("critical", l.critical),
            ("high", l.high),
            ("medium", l.medium),
            ("low", l.low),
            ("info", l.info),
        ] {
            counts.insert(name, n);
        }
        counts.extend(scan.looked_at.map(|n| ("looked_at", n)));
        counts.extend(Some(("rules", scan.rules)).filter(|(_, n)| *n > 0));
        Reading {
            format: self.format,
            valid: Validity::of(self.checked, &self.faults),
            faults: self.faults.into_vec(),
            facts: Facts::Scan(self.scan),
            counts,
            subjects,
            warnings: self.warnings.into_vec(),
        }
    }
}

/// Gravest first, then by fingerprint; at most as many as the facts hold.
fn sort(findings: &mut Vec<FindingSeen>) {
    findings.sort_by(|a, b| {
        let grave = (a.is_left_out(), b.level).cmp(&(b.is_left_out(), a.level));
        grave.then_with(|| a.fingerprint.cmp(&b.fingerprint)).then_with(|| a.place.cmp(&b.place))
    });
    findings.truncate(Scan::MAX_FINDINGS);
}

fn bounded(component: Component) -> Component {
    let part = |t: Option<String>| t.map(|t| clip_to(&t, 200)).filter(|t| !t.is_empty());
    Component {
        name: clip_to(&component.name, 200),
        version: part(component.version),
        purl: part(component.purl),
        fixed_in: part(component.fixed_in),
    }
}
