//! Inside the commit: what a scan detects, reopens and closes.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

use certrail_domain::{Facts, Finding, FindingId, FindingState, Release, ReleaseState, Time, version_cmp};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, finding_decisions,
        findings::{self, Fix, Grade, Standing},
        releases::{self, StoredRelease},
        scans::{self, Saw, Sighting, StoredScan},
        signals,
    },
};
use serde::Serialize;

use super::{AlertEvent, Covering, Dues, Prepared, Ready, Running, alert, stand};
use crate::engine::{Batch, Fault};

/// The entry that tells what a scan moved.
#[derive(Serialize)]
struct Moved {
    /// The scan's entry.
    scan: u64,
    product: String,
    scope: String,
    complete: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detected: Vec<FindingId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reopened: Vec<FindingId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixed: Vec<FindingId>,
    /// Those of the detected and reopened that a decision in force covers at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    covered: Vec<FindingId>,
    /// Those of the reopened whose clock goes on: they are back in the release they were fixed in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resumed: Vec<FindingId>,
    /// Those that somebody decided about and that are graver or milder now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    regraded: Vec<FindingId>,
}

/// Steps that wait for the entry that tells them: row, id and, for new ones, nothing else.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) detected: Vec<(i64, FindingId)>,
    pub(super) reopened: Vec<(i64, FindingId)>,
    pub(super) fixed: Vec<(i64, FindingId)>,
    /// Of the reopened.
    pub(super) resumed: BTreeSet<i64>,
    pub(super) regraded: Vec<(i64, FindingId)>,
}

impl Steps {
    fn is_empty(&self) -> bool {
        [&self.detected, &self.reopened, &self.fixed, &self.regraded].into_iter().all(Vec::is_empty)
    }
}

/// A scan was taken in: its findings are detected or seen again, and what it closes is closed.
pub(crate) fn arrived(
    batch: &mut Batch<'_>,
    prepared: &Prepared,
    entry: u64,
    bound: &[StoredRelease],
) -> Result<(), Fault> {
    let at = prepared.made_at(batch.now);
    let scope = scans::scope(batch.tx, &prepared.product, &prepared.scope)?;
    let newest = newest(bound, &prepared.product);
    let dues = Dues::of(batch.tx, batch.criteria, &prepared.product, entry)?;
    let mut steps = Steps::default();
    let mut found = Vec::with_capacity(prepared.list.len());
    let mut known = HashMap::new();
    let mut next = findings::last_seq(batch.tx)?;
    for ready in &prepared.list {
        let (level, exploited) = (ready.level, ready.seen.is_exploited());
        let seq = match findings::standing(batch.tx, &ready.key)? {
            Some(standing) => {
                known.insert(standing.seq, ready);
                standing.seq
            }
            None => {
                next += 1;
                let finding = Finding {
                    id: FindingId::of_key(&ready.key),
                    product: prepared.product.clone(),
                    kind: prepared.kind,
                    state: FindingState::Detected,
                    level,
                    first_seen: at,
                    first_entry: entry,
                    clock_from: at,
                    due: dues.due_new(Running { seq: next, level, exploited, from: at }),
                    until: None,
                    seen: ready.seen.clone(),
                };
                findings::insert(batch.tx, next, &ready.key, &finding, &ready.document)?;
                steps.detected.push((next, finding.id));
                next
            }
        };
        found.push(Saw { finding: seq, level, exploited, suppressed: ready.suppressed });
    }
    let scan = StoredScan { log_index: entry, scope, complete: prepared.closes(batch.now), at, found };
    scans::insert_scan(batch.tx, &scan)?;
    let product = prepared.product.as_str();
    let follow = Follow { scan: &scan, product, release: newest.as_ref(), dues: &dues, ready: &known };
    follow.run(batch, &mut steps)?;
    tell(batch, &scan, &prepared.product, &prepared.scope, bound, steps)
}

/// A scan that was taken in before belongs to other releases now: what it closes and reopens follows from that.
pub(crate) fn bound_again(batch: &mut Batch<'_>, entry: u64) -> Result<(), Fault> {
    let mut bound = Vec::new();
    for binding in bindings::of_signal(batch.tx, entry)? {
        bound.extend(releases::by_seq(batch.tx, binding.release)?);
    }
    let Some(scan) = scans::scan(batch.tx, entry)? else {
        // An alert that was there before its product was.
        if let Some(signal) = signals::get(batch.tx, entry)?
            && let Facts::Alert(told) = &signal.signal.facts
        {
            let at = signal.signal.occurred_at.unwrap_or(signal.received);
            alert(batch, told, AlertEvent { at, entry, only_new: true }, &bound)?;
        }
        return Ok(());
    };
    let Some((product, scope)) = scans::scope_named(batch.tx, scan.scope)? else { return Ok(()) };
    let mut steps = Steps::default();
    let newest = newest(&bound, &product);
    let dues = Dues::of(batch.tx, batch.criteria, &product, batch.next_index())?;
    let none = HashMap::new();
    let follow = Follow { scan: &scan, product: &product, release: newest.as_ref(), dues: &dues, ready: &none };
    follow.run(batch, &mut steps)?;
    tell(batch, &scan, &product, &scope, &bound, steps)
}

/// The newest release of a product among some.
fn newest(bound: &[StoredRelease], product: &str) -> Option<StoredRelease> {
    bound.iter().filter(|s| s.release.product == product).max_by(|a, b| order(a, b)).cloned()
}

/// What is on its way comes after everything that has a version.
pub(crate) fn order(a: &StoredRelease, b: &StoredRelease) -> Ordering {
    let open = |r: &Release| r.state == ReleaseState::Open;
    let (a_open, b_open) = (open(&a.release), open(&b.release));
    match (a_open, b_open) {
        (false, false) => version_cmp(&a.release.version, &b.release.version),
        _ => a_open.cmp(&b_open),
    }
    .then_with(|| a.seq.cmp(&b.seq))
}

/// Releases looked up once.
#[derive(Default)]
struct Releases(HashMap<i64, Option<StoredRelease>>);

impl Releases {
    /// Whether a scan of `this` may speak about what was last said of `that` (0 is no release).
    fn may_speak(&mut self, tx: &Tx<'_>, this: &StoredRelease, that: i64) -> Result<bool, StoreError> {
        if that == 0 || that == this.seq {
            return Ok(true);
        }
        let known = match self.0.get(&that) {
            Some(known) => known,
            None => {
                let looked_up = releases::by_seq(tx, that)?;
                self.0.entry(that).or_insert(looked_up)
            }
        };
        Ok(known.as_ref().is_none_or(|that| order(this, that) != Ordering::Less))
    }
}

/// How something that was fixed comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// In a newer release: its clock starts anew.
    Anew,
    /// In the release it was fixed in: its clock goes on.
    Resumed,
}

/// What a scan says, and about which release.
struct Follow<'a> {
    scan: &'a StoredScan,
    product: &'a str,
    release: Option<&'a StoredRelease>,
    dues: &'a Dues,
    /// What findings that were known look like to this scan.
    ready: &'a HashMap<i64, &'a Ready>,
}

impl Follow<'_> {
    /// Sights what the scan saw, reopens what was fixed, and closes what it no longer sees. Scans are in the order in which
    /// they were made, whatever the order in which they arrive.
    fn run(&self, batch: &mut Batch<'_>, steps: &mut Steps) -> Result<(), Fault> {
        let Self { scan, release, .. } = *self;
        let before: HashMap<i64, Sighting> =
            scans::sightings(batch.tx, scan.scope)?.into_iter().map(|s| (s.saw.finding, s)).collect();
        let mut known = Releases::default();
        let new: BTreeSet<i64> = steps.detected.iter().map(|(seq, _)| *seq).collect();
        // A scan that becomes known late says nothing that a later one of its scope did not see.
        let late = scans::complete_after(batch.tx, scan.scope, (scan.at, scan.log_index))?;
        let seen: BTreeSet<i64> = scan.found.iter().map(|s| s.finding).collect();
        for saw in &scan.found {
            let again = if new.contains(&saw.finding) { None } else { self.reopens(batch, &mut known, saw.finding)? };
            let reopens = again.is_some();
            if let Some(again) = again {
                steps.reopened.push((saw.finding, findings::id(batch.tx, saw.finding)?));
                if again == Again::Resumed {
                    steps.resumed.insert(saw.finding);
                }
            }
            let stands = match (before.get(&saw.finding), release) {
                (Some(sighting), Some(release)) => known.may_speak(batch.tx, release, sighting.release)?,
                // A scan that belongs to no release adds nothing to a sighting that does.
                (Some(sighting), None) => sighting.release == 0,
                (None, _) => reopens || !late || new.contains(&saw.finding),
            };
            if stands {
                self.sight(batch, *saw, before.get(&saw.finding))?;
                if !new.contains(&saw.finding) && self.grade(batch, saw.finding)? {
                    steps.regraded.push((saw.finding, findings::id(batch.tx, saw.finding)?));
                }
            }
        }
        // Only a complete scan of a release closes, and never what a later scan or release still shows.
        let Some(release) = release.filter(|_| scan.complete) else { return Ok(()) };
        for (finding, sighting) in before {
            if seen.contains(&finding) || (sighting.at, sighting.log_index) > (scan.at, scan.log_index) {
                continue;
            }
            if !known.may_speak(batch.tx, release, sighting.release)? {
                continue;
            }
            let others = scans::lose_sight(batch.tx, scan.scope, finding)?;
            if others {
                if self.grade(batch, finding)? {
                    steps.regraded.push((finding, findings::id(batch.tx, finding)?));
                }
            } else if findings::standing_of(batch.tx, finding)?.state != FindingState::Fixed {
                findings::fixed(batch.tx, finding, Fix { release: release.seq, scan: scan.log_index })?;
                steps.fixed.push((finding, findings::id(batch.tx, finding)?));
            }
        }
        steps.fixed.sort();
        Ok(())
    }

    /// Whether it shows that something which was fixed is there again: in a newer release, whenever the scan was made, or
    /// by a newer scan.
    fn reopens(&self, batch: &Batch<'_>, known: &mut Releases, finding: i64) -> Result<Option<Again>, StoreError> {
        let Some(release) = self.release else { return Ok(None) };
        let Standing { state, fix, .. } = findings::standing_of(batch.tx, finding)?;
        if state != FindingState::Fixed || !known.may_speak(batch.tx, release, fix.release)? {
            return Ok(None);
        }
        if fix.release != 0 && fix.release != release.seq {
            return Ok(Some(Again::Anew));
        }
        let fixed_at = scans::made(batch.tx, fix.scan)?.unwrap_or(Time::from_micros(i64::MIN));
        Ok(((fixed_at, fix.scan) < (self.scan.at, self.scan.log_index)).then_some(Again::Resumed))
    }

    /// The scope sees it: as the newest scan of it says, in the newest release.
    fn sight(&self, batch: &Batch<'_>, saw: Saw, before: Option<&Sighting>) -> Result<(), StoreError> {
        let release = self.release.map_or(0, |r| r.seq);
        let scan = self.scan;
        let own = Sighting { saw, log_index: scan.log_index, at: scan.at, release };
        let newer = before.filter(|b| (b.at, b.log_index) > (scan.at, scan.log_index));
        let sighting = newer.map_or(own, |newer| Sighting { release, ..*newer });
        if before == Some(&sighting) {
            return Ok(());
        }
        scans::sight(batch.tx, scan.scope, sighting)?;
        match self.ready.get(&saw.finding).filter(|_| newer.is_none()) {
            Some(ready) => findings::describe(batch.tx, saw.finding, self.product, &ready.seen, &ready.document),
            None => Ok(()),
        }
    }

    /// The gravest of all who see it counts. Tells whether that changed and a decision is in force on it.
    fn grade(&self, batch: &Batch<'_>, finding: i64) -> Result<bool, StoreError> {
        let standing = findings::standing_of(batch.tx, finding)?;
        let Some(grade) = graded(batch.tx, finding)? else { return Ok(false) };
        let running = Running { level: grade.level, exploited: grade.exploited, ..Running::of(&standing) };
        findings::grade(batch.tx, &standing, grade, self.dues.due(batch.tx, running)?)?;
        if (grade.level, grade.exploited) == (standing.level, standing.exploited)
            || standing.state == FindingState::Fixed
        {
            return Ok(false);
        }
        // Lists follow at once, in either direction; most findings were never decided about.
        let key = super::key_in(&findings::id(batch.tx, finding)?)?;
        let fingerprint = findings::fingerprint(batch.tx, finding)?;
        let decided = finding_decisions::about(batch.tx, &key, &fingerprint)?;
        Ok(decided.iter().any(|d| d.in_force(batch.now) && d.reach.is_whole()))
    }
}

/// How grave a finding is by all who see it; nothing where nobody does.
pub(crate) fn graded(tx: &Tx<'_>, finding: i64) -> Result<Option<Grade>, StoreError> {
    let said = scans::said_of(tx, finding)?.into_iter().map(|s| Grade {
        level: s.level,
        exploited: s.exploited,
        suppressed: s.suppressed,
    });
    Ok(said.reduce(|a, b| Grade {
        level: a.level.max(b.level),
        exploited: a.exploited || b.exploited,
        suppressed: a.suppressed && b.suppressed,
    }))
}

/// One entry that tells what moved, and the steps in the lives of the findings.
pub(super) fn tell(
    batch: &mut Batch<'_>,
    scan: &StoredScan,
    product: &str,
    scope: &str,
    bound: &[StoredRelease],
    steps: Steps,
) -> Result<(), Fault> {
    if steps.is_empty() {
        return Ok(());
    }
    let ids = |list: &[(i64, FindingId)]| list.iter().map(|(_, id)| id.clone()).collect();
    let covering = Covering::of(batch.tx, product, batch.now)?;
    let mut covered = Vec::new();
    for (seq, id) in steps.detected.iter().chain(&steps.reopened).filter(|_| !covering.is_empty()) {
        if covering.covers(batch.tx, *seq, id)? {
            covered.push((*seq, id.clone()));
        }
    }
    let resumed: Vec<(i64, FindingId)> =
        steps.reopened.iter().filter(|(seq, _)| steps.resumed.contains(seq)).cloned().collect();
    let moved = Moved {
        scan: scan.log_index,
        product: product.to_owned(),
        scope: scope.to_owned(),
        complete: scan.complete,
        detected: ids(&steps.detected),
        reopened: ids(&steps.reopened),
        fixed: ids(&steps.fixed),
        covered: ids(&covered),
        resumed: ids(&resumed),
        regraded: ids(&steps.regraded),
    };
    let marks: Vec<[u8; 16]> = bound.iter().map(|s| label(&s.label_key, s.release.id.as_str())).collect();
    let entry = batch.control(MOVED, "certrail", &marks, &moved)?;
    let dues = Dues::of(batch.tx, batch.criteria, product, entry)?;
    for (seq, _) in steps.detected {
        findings::step(batch.tx, seq, FindingState::Detected, entry, scan.at, true)?;
    }
    for (seq, _) in steps.reopened {
        // The clock starts anew: what was fixed was not being worked on. Back in the same release, it was never gone.
        findings::move_to(batch.tx, seq, FindingState::Reopened, entry, scan.at, None)?;
        if !steps.resumed.contains(&seq) {
            findings::restart(batch.tx, seq, entry, scan.at)?;
        }
        let standing = findings::standing_of(batch.tx, seq)?;
        findings::set_due(batch.tx, seq, dues.due(batch.tx, Running::of(&standing))?)?;
    }
    for (seq, _) in steps.fixed {
        findings::move_to(batch.tx, seq, FindingState::Fixed, entry, scan.at, None)?;
    }
    for (seq, _) in covered.into_iter().chain(steps.regraded) {
        stand(batch, seq, entry)?;
    }
    Ok(())
}

/// The act that tells what a scan moved.
pub(crate) const MOVED: &str = "findings-moved";
