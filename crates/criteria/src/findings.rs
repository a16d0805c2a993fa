//! What is open in a release: the newest complete scan of each scope tells, and every later one that is not complete adds
//! what it saw. Alerts of the forge tell by themselves.

use std::collections::{BTreeMap, HashMap};

use certrail_domain::{
    Assessment, Claim, EvidenceId, Facts, FindingDecision, FindingId, Graded, Key, Release, Time,
    facts::{Alert, Level, Scan},
};

use crate::{
    Clock, Evidence, Input, World,
    rules::{About, Scope, about},
};

/// What is known of findings, as far as the release's evidence tells of them.
#[derive(Clone, Debug, Default)]
pub struct Tracked {
    /// What each scan saw, by its entry in the log.
    pub scans: BTreeMap<u64, Vec<InScan>>,
    /// The entries of scans whose findings are not all known, and why.
    pub incomplete: BTreeMap<u64, Incomplete>,
    /// The findings, by row.
    pub known: BTreeMap<i64, TrackedFinding>,
    /// The rows of alerts, by fingerprint.
    pub alerts: BTreeMap<String, i64>,
    /// Every decision that speaks of one of them, with its id in this product; by id of the decision.
    pub decisions: Vec<(FindingId, FindingDecision)>,
}

/// Why what a scan saw is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// It is still being taken in.
    OnItsWay,
    /// It could not be taken in, and will not be.
    GivenUp,
}

impl Incomplete {
    /// What is so, behind "what it found".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::OnItsWay => "is still being taken in",
            Self::GivenUp => "could not be taken in",
        }
    }
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
    /// The scans that speak and whose findings are not all known: what they saw is not among what is open.
    pub incomplete: Vec<(EvidenceId, Incomplete)>,
    /// What is open.
    pub open: BTreeMap<String, OpenFinding<'a>>,
    /// What the reports leave out themselves, up to medium.
    pub left_out: BTreeMap<String, OpenFinding<'a>>,
}

/// What is open in a release, decisions in force named beside it.
#[must_use]
pub fn open_findings<'a>(input: &'a Input<'_>) -> OpenFindings<'a> {
    collect(input, &World::new(input))
}

pub(crate) fn collect<'a>(input: &Input<'a>, world: &World<'a>) -> OpenFindings<'a> {
    let (scans, scanned) = speaking(world, input.release);
    let why = |e: &&Evidence| Some((e.id.clone(), *input.findings.incomplete.get(&e.log_index)?));
    let incomplete = scans.iter().filter_map(why).collect();
    let mut found = OpenFindings { scanned, incomplete, open: BTreeMap::new(), left_out: BTreeMap::new() };
    for e in scans {
        for seen in input.findings.scans.get(&e.log_index).into_iter().flatten() {
            let Some(known) = input.findings.known.get(&seen.finding) else { continue };
            // One scan is judged for itself; all of them together, finding by finding.
            let shelf = if seen.suppressed { &mut found.left_out } else { &mut found.open };
            let entry = shelf.entry(known.id.to_string()).or_insert_with(|| OpenFinding {
                id: known.id.to_string(),
                name: &known.name,
                level: seen.level,
                exploited: false,
                detected: known.detected,
                assessed: known.assessed.as_ref(),
                inputs: vec![],
                decision: None,
            });
            entry.level = entry.level.max(seen.level);
            entry.exploited |= seen.exploited;
            entry.inputs.push(e.id.clone());
        }
    }
    // Left out by one and shown by another: it is there.
    found.left_out.retain(|id, _| !found.open.contains_key(id));
    for open in found.open.values_mut() {
        let id = FindingId::from_stored(open.id.as_str());
        open.decision = decision_on(input, &id, (open.level, open.exploited), &world.as_of);
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
                decision: known
                    .and_then(|k| decision_on(input, &k.id, (alert.level.unwrap_or(Level::High), false), &world.as_of)),
            },
        );
    }
    found
}

/// The decision in force on a finding as grave as that, which reaches this release; the one that holds longest.
pub(crate) fn decision_on<'a>(
    input: &Input<'a>,
    finding: &FindingId,
    (level, exploited): (Level, bool),
    clock: &Clock,
) -> Option<&'a FindingDecision> {
    let begin = input.findings.decisions.partition_point(|(id, _)| id < finding);
    input.findings.decisions[begin..]
        .iter()
        .take_while(|(id, _)| id == finding)
        .map(|(_, decision)| decision)
        .filter(|d| {
            let counts = !d.alone || input.product.sole_decider;
            counts
                && clock.holds(d.edges(), |now| d.in_force(now))
                && d.covers(level, exploited)
                && d.reaches(input.release)
        })
        .max_by_key(|d| d.expires_at)
}

/// How grave findings were when somebody excused them, and how grave they are.
pub(crate) struct RiskTaken {
    at: Time,
    /// As the scans of the release said that were received by then.
    then: HashMap<String, Grade>,
    now: HashMap<String, Grade>,
}

/// A level, and whether it is exploited: the gravest that anything says.
type Grade = (Level, bool);

impl RiskTaken {
    /// What was known of findings at a moment, and what is open.
    pub(crate) fn at(scope: &Scope<'_>, at: Time) -> Self {
        let Scope { input, world } = scope;
        let mut then: HashMap<String, Grade> = HashMap::new();
        let mut say = |row: i64, grade: Grade| {
            let Some(known) = input.findings.known.get(&row).filter(|known| known.detected <= at) else { return };
            let (level, exploited) = then.entry(known.id.to_string()).or_insert(grade);
            (*level, *exploited) = ((*level).max(grade.0), *exploited | grade.1);
        };
        for e in world.usable.iter().filter(|e| e.received <= at) {
            let Facts::Scan(scan) = &e.signal.facts else { continue };
            for seen in
                input.findings.scans.get(&e.log_index).into_iter().flatten().filter(|_| is_for(scan, input.release))
            {
                say(seen.finding, (seen.level, seen.exploited));
            }
        }
        // The forge tells of an alert again and again, and its newest word stands: it was there when it was detected.
        for (_, alert) in alerts(input, world) {
            if let Some(row) = input.findings.alerts.get(&alert.fingerprint()) {
                say(*row, (alert.level.unwrap_or(Level::High), false));
            }
        }
        let open = collect(input, world).open.into_values();
        Self { at, then, now: open.map(|f| (f.id, (f.level, f.exploited))).collect() }
    }

    /// Whether the risk of a finding was taken then, and still is: it was seen, is no graver, and no risk of its level is taken for
    /// longer (compliance §7.1).
    pub(crate) fn holds(&self, id: &str, clock: &Clock) -> bool {
        let Some(((level, exploited), now)) = self.then.get(id).zip(self.now.get(id)) else { return false };
        let most = Claim::Accept.most_days(*level) * Time::DAY;
        now.0 <= *level && (!now.1 || *exploited) && !clock.is_longer_ago(self.at, most)
    }
}

/// The scans of a release that speak, and whether there is a complete one among them.
fn speaking<'a>(world: &World<'a>, release: &Release) -> (Vec<&'a Evidence>, bool) {
    let own = world.usable.iter().copied().filter_map(|e| match &e.signal.facts {
        Facts::Scan(scan) if is_for(scan, release) => Some((e, scan)),
        _ => None,
    });
    let speaking = in_force(own, release);
    let scanned = speaking.iter().any(|(_, scan)| scan.doubt().is_none());
    (speaking.into_iter().map(|(e, _)| e).collect(), scanned)
}

/// Whether a scan was sent for the release's product: one of another product answers for that one, and its findings are
/// decided there.
#[must_use]
pub fn is_for(scan: &Scan, release: &Release) -> bool {
    scan.product.as_ref().is_none_or(|product| *product == release.product)
}

/// Of each scope the newest complete scan, and those after it that are not complete: they close nothing, and what they saw
/// is open all the same. Where a scope has scans of exactly this release, its scans of other commits no longer count.
pub(crate) fn in_force<'a>(
    scans: impl Iterator<Item = (&'a Evidence, &'a Scan)>,
    release: &Release,
) -> Vec<(&'a Evidence, &'a Scan)> {
    let mut scopes: BTreeMap<String, Vec<(&'a Evidence, &'a Scan)>> = BTreeMap::new();
    for (e, scan) in scans {
        scopes.entry(answers_for(e, scan)).or_default().push((e, scan));
    }
    let mut all = Vec::new();
    for (_, mut scans) in scopes {
        if scans.iter().any(|(e, scan)| closes(e, scan) && is_exact(e, scan, release)) {
            scans.retain(|(e, scan)| is_exact(e, scan, release));
        }
        // One that ends later by its own account is the newer one, in whatever order they arrive.
        scans.sort_by_key(|(e, scan)| (scan.made_at(e.received, e.signal.occurred_at), e.log_index));
        let newest = scans.iter().rposition(|(e, scan)| closes(e, scan));
        all.extend(scans.into_iter().skip(newest.unwrap_or(0)));
    }
    all
}

/// Whether a scan says that something is gone.
#[must_use]
pub fn closes(e: &Evidence, scan: &Scan) -> bool {
    scan.closes(&e.signal.named, e.received, e.signal.occurred_at)
}

/// What a scan answers for: its scope, and which of several artefacts. One without a scope answers for itself alone.
fn answers_for(e: &Evidence, scan: &Scan) -> String {
    let named = e.signal.named.iter().filter(|k| k.parts().0 == "digest").map(|k| k.parts().1);
    let mut digests: Vec<&str> = named.chain(scan.digests.iter().map(String::as_str)).collect();
    digests.sort_unstable();
    digests.dedup();
    let alone = if scan.scope.is_none() { format!("entry {}", e.log_index) } else { String::new() };
    format!("{}\n{}{alone}", scan.answers_for(&e.signal.source), digests.join(" "))
}

/// Whether it looked at exactly what is released.
fn is_exact(e: &Evidence, scan: &Scan, release: &Release) -> bool {
    let mut own: Vec<Key> = scan.digests.iter().map(|d| Key::digest(d)).collect();
    own.extend(scan.commit.iter().map(|c| Key::commit(c)));
    about(release, e, &own) == About::This
}

/// The newest event of each alert that is open. Dismissed at the forge is not accepted here: that takes a decision (law 6).
fn alerts<'a>(input: &Input<'a>, world: &World<'a>) -> Vec<(&'a Evidence, &'a Alert)> {
    let own = world.usable.iter().copied();
    // Alerts concern the repository as a whole: every release made while they are open on its branch, whatever commit
    // they were last seen on.
    let branch = input.release.branch.as_deref();
    let on_branch = |alert: &Alert| alert.branch.is_none() || branch.is_none() || alert.branch.as_deref() == branch;
    let whole = input
        .context
        .iter()
        .filter(|e| matches!(&e.signal.facts, Facts::Alert(a) if on_branch(a)) && world.as_of.has_come(e.at()));
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
