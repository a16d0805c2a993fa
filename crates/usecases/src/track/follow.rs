//! Following a scan: what it sees is detected, seen again or reopened, and what it no longer sees is closed.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

use certrail_domain::{Finding, FindingId, FindingState, Release, ReleaseState, Time, facts::ScanKind, version_cmp};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, finding_decisions,
        findings::{self, Fix, Grade, Standing},
        releases::{self, StoredRelease},
        scans::{self, Saw, Sighting, StoredScan},
    },
};
use serde::Serialize;

use super::{
    Dues, Ready, Running,
    tell::{Steps, marks, tell},
};
use crate::engine::{Batch, Fault};

/// A scan as one commit follows it: what it says, and about which releases.
pub(crate) struct Following {
    pub(super) scan: StoredScan,
    pub(super) product: String,
    pub(super) scope: String,
    /// The releases it belongs to.
    pub(super) bound: Vec<StoredRelease>,
    /// The newest of them.
    release: Option<StoredRelease>,
    dues: Dues,
}

impl Following {
    /// A scan of `product`, before it is kept.
    pub(super) fn new(
        batch: &Batch<'_>,
        scan: StoredScan,
        (product, scope): (&str, &str),
        bound: &[StoredRelease],
    ) -> Result<Self, StoreError> {
        Ok(Self {
            scan,
            product: product.to_owned(),
            scope: scope.to_owned(),
            bound: bound.to_vec(),
            release: newest(bound, product),
            dues: Dues::of(batch.tx, batch.criteria, product, batch.next_index())?,
        })
    }

    /// A scan that is kept, by its entry.
    ///
    /// # Errors
    /// When it is not there, or the store fails.
    pub(crate) fn of(batch: &Batch<'_>, entry: u64) -> Result<Self, StoreError> {
        let gone = || StoreError::Damaged(format!("the scan of entry {entry} is not there"));
        let scan = scans::scan(batch.tx, entry)?.ok_or_else(gone)?;
        let (product, scope) = scans::scope_named(batch.tx, scan.scope)?.ok_or_else(gone)?;
        Self::new(batch, scan, (&product, &scope), &releases_of(batch.tx, entry)?)
    }

    /// Whether all that it saw is known.
    pub(crate) const fn is_taken_in(&self) -> bool {
        self.scan.taken_in.is_some()
    }

    /// Tells what moved.
    pub(crate) fn tell(&self, batch: &mut Batch<'_>, steps: Steps) -> Result<(), Fault> {
        tell(batch, &self.scan, &self.product, &self.scope, &self.bound, steps)
    }

    /// How many findings of it are taken in.
    pub(crate) fn so_far(&self, tx: &Tx<'_>) -> Result<u64, StoreError> {
        Ok(scans::found(tx, self.scan.log_index)?.len() as u64)
    }

    /// From here on all that it saw is known; or cannot be, and why.
    pub(crate) fn end(&self, batch: &mut Batch<'_>, why_not: Option<&str>) -> Result<(), Fault> {
        let act = if why_not.is_none() { TAKEN_IN } else { NOT_TAKEN_IN };
        let (scan, product, scope) = (self.scan.log_index, &self.product, &self.scope);
        let told = TakenIn { scan, product, scope, why: why_not };
        let entry = batch.control(act, "certrail", &marks(&self.bound), &told)?;
        match why_not {
            None => Ok(scans::set_taken_in(batch.tx, scan, entry)?),
            Some(_) => Ok(scans::set_given_up(batch.tx, scan, entry)?),
        }
    }

    /// Follows a piece that was taken in before; tells whether there is one.
    pub(crate) fn see_piece(&self, batch: &Batch<'_>, piece: i64, steps: &mut Steps) -> Result<bool, Fault> {
        let found = scans::found_piece(batch.tx, self.scan.log_index, piece)?;
        match &found {
            Some(found) => self.see(batch, found, &HashMap::new(), steps).map(|()| true),
            None => Ok(false),
        }
    }

    /// Takes in a piece of what it saw: what is new is detected, and what is known is seen again.
    pub(crate) fn take_in(
        &self,
        batch: &mut Batch<'_>,
        kind: ScanKind,
        list: &[Ready],
        steps: &mut Steps,
    ) -> Result<(), Fault> {
        let (scan, at) = (&self.scan, self.scan.at);
        let mut found = Vec::with_capacity(list.len());
        let mut known = HashMap::new();
        let mut next = findings::last_seq(batch.tx)?;
        for ready in list {
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
                        product: self.product.clone(),
                        kind,
                        state: FindingState::Detected,
                        level,
                        first_seen: at,
                        first_entry: scan.log_index,
                        clock_from: at,
                        due: self.dues.due_new(Running {
                            seq: next,
                            level,
                            exploited,
                            from: at,
                            since: scan.log_index,
                        }),
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
        batch.moved += list.len();
        // Pieces are numbered in the order in which they come.
        let piece = scans::pieces(batch.tx, scan.log_index)?.len() as i64;
        scans::insert_found(batch.tx, scan.log_index, piece, found.clone())?;
        self.see(batch, &found, &known, steps)
    }

    /// Sights what the scan saw and reopens what was fixed. Scans are in the order in which they were made, whatever the order
    /// in which they arrive. `ready` is what findings that were known look like to it.
    fn see(
        &self,
        batch: &Batch<'_>,
        found: &[Saw],
        ready: &HashMap<i64, &Ready>,
        steps: &mut Steps,
    ) -> Result<(), Fault> {
        let Self { scan, release, .. } = self;
        let mut known = Releases::default();
        let new: BTreeSet<i64> = steps.detected.iter().map(|(seq, _)| *seq).collect();
        // A scan that becomes known late says nothing that a later one of its scope did not see.
        let late = scans::complete_after(batch.tx, scan.scope, (scan.at, scan.log_index))?;
        for saw in found {
            let is_new = new.contains(&saw.finding);
            let before = if is_new { None } else { scans::sighting(batch.tx, scan.scope, saw.finding)? };
            let again = if is_new { None } else { self.reopens(batch, &mut known, saw.finding)? };
            let reopens = again.is_some();
            if let Some(again) = again {
                steps.reopened.push((saw.finding, findings::id(batch.tx, saw.finding)?));
                if again == Again::Resumed {
                    steps.resumed.insert(saw.finding);
                }
            }
            let stands = match (&before, release) {
                (Some(sighting), Some(release)) => known.may_speak(batch.tx, release, sighting.release)?,
                // A scan that belongs to no release adds nothing to a sighting that does.
                (Some(sighting), None) => sighting.release == 0,
                (None, _) => reopens || !late || is_new,
            };
            if stands {
                self.sight(batch, *saw, before.as_ref(), ready)?;
                if !is_new && self.grade(batch, saw.finding)? {
                    steps.regraded.push((saw.finding, findings::id(batch.tx, saw.finding)?));
                }
            }
        }
        Ok(())
    }

    /// Closes what it no longer sees, behind a row; returns where to go on, if there is more. Only a complete scan of a release
    /// closes, and never what it sees itself, or what a later scan or release still shows.
    pub(crate) fn close(&self, batch: &Batch<'_>, after: i64, steps: &mut Steps) -> Result<Option<i64>, Fault> {
        let Self { scan, .. } = self;
        let Some(release) = self.release.as_ref().filter(|_| scan.complete) else { return Ok(None) };
        let mut known = Releases::default();
        // Not all that it sees bears its mark: it may have been bound to no release when it was seen.
        let own = scans::found(batch.tx, scan.log_index)?;
        let sees = |finding: i64| own.binary_search_by_key(&finding, |saw| saw.finding).is_ok();
        let most = batch.pieces.each;
        let seen = scans::sightings(batch.tx, scan.scope, after, most as u64)?;
        let next = seen.last().map(|last| last.saw.finding).filter(|_| seen.len() == most);
        for sighting in seen {
            let finding = sighting.saw.finding;
            if sees(finding)
                || (sighting.at, sighting.log_index) > (scan.at, scan.log_index)
                || !known.may_speak(batch.tx, release, sighting.release)?
            {
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
        Ok(next)
    }

    /// Closes all that it no longer sees, where that is little.
    pub(super) fn close_all(&self, batch: &Batch<'_>, steps: &mut Steps) -> Result<(), Fault> {
        let mut after = Some(0);
        while let Some(row) = after {
            after = self.close(batch, row, steps)?;
        }
        Ok(())
    }

    /// Whether it shows that something which was fixed is there again: in a newer release, whenever the scan was made, or
    /// by a newer scan.
    fn reopens(&self, batch: &Batch<'_>, known: &mut Releases, finding: i64) -> Result<Option<Again>, StoreError> {
        let Some(release) = &self.release else { return Ok(None) };
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
    fn sight(
        &self,
        batch: &Batch<'_>,
        saw: Saw,
        before: Option<&Sighting>,
        ready: &HashMap<i64, &Ready>,
    ) -> Result<(), StoreError> {
        let release = self.release.as_ref().map_or(0, |r| r.seq);
        let scan = &self.scan;
        let own = Sighting { saw, log_index: scan.log_index, at: scan.at, release };
        let newer = before.filter(|b| (b.at, b.log_index) > (scan.at, scan.log_index));
        let sighting = newer.map_or(own, |newer| Sighting { release, ..*newer });
        if before == Some(&sighting) {
            return Ok(());
        }
        scans::sight(batch.tx, scan.scope, sighting)?;
        match ready.get(&saw.finding).filter(|_| newer.is_none()) {
            Some(ready) => findings::describe(batch.tx, saw.finding, &self.product, &ready.seen, &ready.document),
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

/// The entry that tells that a large scan is taken in, or cannot be.
#[derive(Serialize)]
struct TakenIn<'a> {
    /// The scan's entry.
    scan: u64,
    product: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// The acts that tell that a large scan is taken in, or cannot be.
pub(crate) const TAKEN_IN: &str = "scan-taken-in";
pub(crate) const NOT_TAKEN_IN: &str = "scan-not-taken-in";

/// How something that was fixed comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// In a newer release: its clock starts anew.
    Anew,
    /// In the release it was fixed in: its clock goes on.
    Resumed,
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

/// The releases that a signal is bound to.
pub(crate) fn releases_of(tx: &Tx<'_>, entry: u64) -> Result<Vec<StoredRelease>, StoreError> {
    let mut bound = Vec::new();
    for binding in bindings::of_signal(tx, entry)? {
        bound.extend(releases::by_seq(tx, binding.release)?);
    }
    Ok(bound)
}
