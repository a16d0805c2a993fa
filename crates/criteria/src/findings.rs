//! What is open in a release: the newest complete scan of each tool, kind and object tells, and every later one that is
//! not complete adds what it saw. Alerts of the forge tell by themselves.

use std::collections::BTreeMap;

use certrail_domain::{
    Assessment, EvidenceId, Facts, FindingDecision, FindingId, Graded, Key, Time,
    facts::{Alert, Level, Scan},
};

use crate::{Evidence, Input, World};

/// What is known of findings, as far as the release's evidence tells of them.
#[derive(Clone, Debug, Default)]
pub struct Tracked {
    /// What each scan saw, by its entry in the log.
    pub scans: BTreeMap<u64, Vec<InScan>>,
    /// The findings, by row.
    pub known: BTreeMap<i64, TrackedFinding>,
    /// The rows of alerts, by fingerprint.
    pub alerts: BTreeMap<String, i64>,
    /// Every decision that speaks of one of them, with its id in this product; by id of the decision.
    pub decisions: Vec<(FindingId, FindingDecision)>,
}

/// A finding as one scan saw it.
#[derive(Clone, Copy, Debug)]
pub struct InScan {
    /// Its row.
    pub finding: i64,
    /// How grave the scan found it.
    pub level: Level,
    /// The report says that it is exploited.
    pub exploited: bool,
    /// The report leaves it out itself.
    pub suppressed: bool,
}

/// What is known of a finding across scans.
#[derive(Clone, Debug)]
pub struct TrackedFinding {
    /// Its id.
    pub id: FindingId,
    /// What it is called.
    pub name: String,
    /// When it was detected, or detected again after a fix.
    pub detected: Time,
    /// What people said of it last, and when.
    pub assessed: Option<(Assessment, Time)>,
}

/// A finding that is open in a release.
#[derive(Clone, Debug)]
pub struct OpenFinding<'a> {
    /// `fnd_…`, or the alert's own name where it is not tracked.
    pub id: String,
    /// What it is called.
    pub name: &'a str,
    /// How grave: the gravest that a scan says.
    pub level: Level,
    /// A scan says that it is exploited.
    pub exploited: bool,
    /// When it was detected, or detected again after a fix.
    pub detected: Time,
    /// What people said of it last, and when.
    pub assessed: Option<&'a (Assessment, Time)>,
    /// The scans that see it.
    pub inputs: Vec<EvidenceId>,
    /// The decision that covers it at the moment that counts.
    pub decision: Option<&'a FindingDecision>,
}

impl OpenFinding<'_> {
    /// As clocks look at it.
    #[must_use]
    pub fn graded(&self) -> Graded<'_> {
        Graded {
            level: self.level,
            exploited: self.exploited,
            detected: self.detected,
            assessed: self.assessed.map(|(a, at)| (a, *at)),
        }
    }
}

/// The findings of a release, by id.
#[derive(Clone, Debug)]
pub struct OpenFindings<'a> {
    /// At least one scan looked and saw.
    pub scanned: bool,
    /// What is open.
    pub open: BTreeMap<String, OpenFinding<'a>>,
}

/// What is open in a release, decisions in force named beside it.
#[must_use]
pub fn open_findings<'a>(input: &'a Input<'_>) -> OpenFindings<'a> {
    collect(input, &World::new(input))
}

pub(crate) fn collect<'a>(input: &'a Input<'_>, world: &World<'_>) -> OpenFindings<'a> {
    let (scans, scanned) = speaking(world);
    let mut found = OpenFindings { scanned, open: BTreeMap::new() };
    for (e, of_scan) in scans {
        for seen in input.findings.scans.get(&e.log_index).into_iter().flatten().filter(|s| !s.suppressed) {
            let Some(known) = input.findings.known.get(&seen.finding) else { continue };
            // One scan is judged for itself; all of them together, finding by finding.
            let entry = found.open.entry(known.id.to_string()).or_insert_with(|| OpenFinding {
                id: known.id.to_string(),
                name: &known.name,
                level: seen.level,
                exploited: false,
                detected: known.detected,
                assessed: known.assessed.as_ref(),
                inputs: vec![],
                decision: decision_on(input, &known.id, world.as_of),
            });
            entry.level = entry.level.max(seen.level);
            entry.exploited |= seen.exploited;
            entry.inputs.push(of_scan.clone());
        }
    }
    for (e, alert) in alerts(input, world) {
        let fingerprint = alert.fingerprint();
        let known = input.findings.alerts.get(&fingerprint).and_then(|seq| input.findings.known.get(seq));
        let id = known.map_or(fingerprint, |k| k.id.to_string());
        found.open.insert(
            id.clone(),
            OpenFinding {
                id,
                name: &alert.title,
                level: alert.level.unwrap_or(Level::High),
                exploited: false,
                detected: alert.detected_at.unwrap_or_else(|| e.at()),
                assessed: known.and_then(|k| k.assessed.as_ref()),
                inputs: vec![e.id.clone()],
                decision: known.and_then(|k| decision_on(input, &k.id, world.as_of)),
            },
        );
    }
    found
}

/// The decision in force on a finding that reaches this release; the one that holds longest.
pub(crate) fn decision_on<'a>(input: &'a Input<'_>, finding: &FindingId, at: Time) -> Option<&'a FindingDecision> {
    let begin = input.findings.decisions.partition_point(|(id, _)| id < finding);
    input.findings.decisions[begin..]
        .iter()
        .take_while(|(id, _)| id == finding)
        .map(|(_, decision)| decision)
        .filter(|d| d.in_force(at) && d.reaches(input.release))
        .max_by_key(|d| d.expires_at)
}

/// The scans that speak: the newest complete one of each tool, kind and object, and those that are not complete and
/// came after it. Tells, too, whether there is a complete one at all.
fn speaking<'a>(world: &World<'a>) -> (Vec<(&'a Evidence, EvidenceId)>, bool) {
    // One scan does not answer for another tool, kind or object; one that saw nothing answers for none.
    let mut newest: BTreeMap<String, &'a Evidence> = BTreeMap::new();
    // One that saw only a part, or does not show what it saw, closes nothing; what it did see is open all the same.
    let mut doubted: Vec<(&'a Evidence, &'a Scan)> = Vec::new();
    for e in world.usable.iter().copied() {
        let Facts::Scan(scan) = &e.signal.facts else { continue };
        if scan.doubt().is_some() {
            doubted.push((e, scan));
            continue;
        }
        let known = newest.entry(scanned_by(e, scan)).or_insert(e);
        if (e.at(), e.log_index) >= (known.at(), known.log_index) {
            *known = e;
        }
    }
    let scanned = !newest.is_empty();
    doubted.retain(|(e, scan)| {
        newest.get(&scanned_by(e, scan)).is_none_or(|n| (e.at(), e.log_index) > (n.at(), n.log_index))
    });
    let all = newest.into_values().chain(doubted.into_iter().map(|(e, _)| e));
    (all.map(|e| (e, e.id.clone())).collect(), scanned)
}

/// The newest event of each alert that is open. Dismissed at the forge is not accepted here: that takes a decision (law 6).
fn alerts<'a>(input: &'a Input<'_>, world: &World<'_>) -> Vec<(&'a Evidence, &'a Alert)> {
    let usable: std::collections::BTreeSet<u64> = world.usable.iter().map(|e| e.log_index).collect();
    let own = input.evidence.iter().filter(|e| usable.contains(&e.log_index));
    // Alerts that name no commit concern the repository as a whole: every release made while they are open.
    let whole = input
        .context
        .iter()
        .filter(|e| matches!(&e.signal.facts, Facts::Alert(a) if a.commit.is_none()) && e.at() <= world.as_of);
    let mut newest: BTreeMap<String, (&Evidence, &Alert)> = BTreeMap::new();
    for e in own.chain(whole) {
        let Facts::Alert(alert) = &e.signal.facts else { continue };
        let known = newest.entry(alert.fingerprint()).or_insert((e, alert));
        if (e.at(), e.log_index) >= (known.0.at(), known.0.log_index) {
            *known = (e, alert);
        }
    }
    newest.into_values().filter(|(_, a)| a.open || a.dismissed).collect()
}

/// Tool, kind and object of a scan.
fn scanned_by(e: &Evidence, s: &Scan) -> String {
    let mut about: Vec<&str> = e.signal.named.iter().map(Key::as_str).collect();
    about.extend(s.digests.iter().map(String::as_str));
    about.extend(s.commit.as_deref());
    about.sort_unstable();
    about.dedup();
    format!("{}\n{}\n{}", s.tool, s.scan.name(), about.join(" "))
}
