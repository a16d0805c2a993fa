//! Findings, lived through again: every report is read again, and every step that the log tells is taken again. What
//! comes out is compared with what is kept. Who still sees a finding is compared with what those scans saw.

use std::{
    cell::RefCell,
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    rc::Rc,
};

use certrail_domain::{
    Facts, FindingDecision, FindingId, FindingState, Product, Reach, Time,
    facts::{Alert, Scan, ScanKind},
};
use certrail_ledger::sha256;
use certrail_store::{
    StoreError,
    tables::{
        audit::Table,
        finding_decisions::Triage,
        findings::{self, Grade, Shelf},
        jobs,
        log::Act,
        products,
        releases::{self, StoredRelease},
        scans::{self, Saw},
        signals::StoredSignal,
    },
};
use serde_json::Value;

use super::Check;
use crate::{
    add_evidence::READERS,
    engine::Job,
    track::{self, Dues, Ready, Reread, Running, key, seen_by_alert},
};

type Key = [u8; 16];

/// Findings of one report held at once; one with more is read twice.
const HELD: usize = 250_000;

/// A finding as the log tells it.
struct Lived {
    seq: i64,
    product: String,
    kind: ScanKind,
    name: [u8; 32],
    /// What it looked like, each once.
    documents: Vec<[u8; 32]>,
    state: FindingState,
    /// What any scan or alert said of it: one of these it is, once nobody sees it any longer.
    said: Vec<Grade>,
    /// An alert of a forge: nothing sights it, its last event tells.
    alert: bool,
    first: (u64, Time),
    /// Since which entry, and from when on.
    clock: (u64, Time),
    until: Option<Time>,
    /// Entry, state, when, and whether its clock starts with it.
    steps: Vec<(u64, FindingState, Time, bool)>,
    /// The scan that no longer saw it.
    fixed_by: u64,
    last_at: Option<Time>,
}

/// The entry from which on a scan is known, and the one that gave it up.
type End = (Option<u64>, Option<u64>);

/// All findings, lived through again.
#[derive(Default)]
pub(super) struct Findings {
    by_key: HashMap<Key, Lived>,
    products: BTreeMap<String, Product>,
    /// As they stand now, the newest change last.
    decisions: Vec<FindingDecision>,
    scans: u64,
    /// Pieces of what they saw.
    pieces: u64,
    /// The entries that tell that a large scan is taken in, or cannot be; by its entry.
    ends: HashMap<u64, End>,
    /// The same, as kept.
    kept_ends: BTreeMap<u64, End>,
    /// Scans that jobs take in, with how many findings they took in; none for all.
    jobs: Option<HashMap<u64, Option<u64>>>,
    /// When each scan was made, by entry.
    made: HashMap<u64, Time>,
    /// Alerts of repositories that no product owned yet.
    alerts: HashMap<u64, Alert>,
    /// Reports read by readers of another version: what they gave is not known here.
    of_other_readers: u64,
    /// The rows of the findings they told of.
    not_compared: HashSet<i64>,
}

impl Findings {
    /// How many rows each table should have.
    pub(super) fn rows(&self) -> [(Table, u64); 4] {
        let steps = self.by_key.values().map(|f| f.steps.len() as u64).sum();
        [
            (Table::Scan, self.scans),
            (Table::ScanFound, self.pieces),
            (Table::Finding, self.by_key.len() as u64),
            (Table::FindingMove, steps),
        ]
    }

    /// A product as it is told.
    pub(super) fn product(&mut self, document: &str) {
        if let Ok(product) = serde_json::from_str::<Product>(document) {
            self.products.insert(product.name.clone(), product);
        }
    }

    /// A scan or an alert was taken in.
    pub(super) fn signal(
        &mut self,
        check: &mut Check<'_>,
        index: u64,
        signal: &StoredSignal,
    ) -> Result<(), StoreError> {
        match &signal.signal.facts {
            Facts::Scan(scan) => self.scan(check, index, signal, scan),
            Facts::Alert(alert) => {
                let at = signal.signal.occurred_at.unwrap_or(signal.received).min(signal.received);
                self.made.insert(index, at);
                self.alerts.insert(index, alert.clone());
                let owners: Vec<String> = self
                    .products
                    .values()
                    .filter(|p| p.repositories.contains(&alert.repository))
                    .map(|p| p.name.clone())
                    .collect();
                for product in owners {
                    self.alert(check, index, &product, alert, at)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn scan(
        &mut self,
        check: &mut Check<'_>,
        index: u64,
        signal: &StoredSignal,
        scan: &Scan,
    ) -> Result<(), StoreError> {
        let Some(product) = scan.product.as_deref() else { return Ok(()) };
        let Some(row) = scans::scan(check.tx, index)? else {
            check.report.fault(format!("What the scan of entry {index} saw is not kept."));
            return Ok(());
        };
        let (found, pieces) = (scans::found(check.tx, index)?, scans::pieces(check.tx, index)?);
        self.scans += 1;
        self.pieces += pieces.len() as u64;
        self.kept_ends.insert(index, (row.taken_in, row.given_up));
        let policy = self.products.get(product).map(|p| p.severity).unwrap_or_default();
        let Some(body) = crate::accept::body_of(check.tx, check.blobs, &signal.body, &signal.place)? else {
            return Ok(());
        };
        let Some(reread) = Reread::of(&body, (signal, scan), product, policy, HELD)? else {
            if signal.mapper.ends_with(&format!("@{READERS}")) {
                check
                    .report
                    .fault(format!("The report of entry {index} does not give the findings that were told of it."));
            }
            self.of_other_readers += 1;
            self.not_compared.extend(found.iter().map(|s| s.finding));
            return Ok(());
        };

        let at = reread.scan.made_at(signal.received);
        self.made.insert(index, at);
        let scope = scans::scope_named(check.tx, row.scope)?;
        // Taken in at once, it is one piece.
        let in_order = pieces.iter().copied().eq(0..pieces.len() as i64);
        let same = scope == Some((product.to_owned(), reread.scan.scope.clone()))
            && (row.complete, row.at) == (reread.scan.closes(signal.received), at)
            && in_order
            && (row.taken_in != Some(index) || pieces.len() == 1);
        let told = (index, at, product, reread.scan.kind);
        // What is not taken in yet is not told yet; how far that is, the job says.
        let so_far = self.jobs(check)?.get(&index).copied();
        let whole = row.taken_in.is_some() || so_far == Some(None);
        let same = same && so_far.flatten().is_none_or(|so_far| so_far == found.len() as u64);
        let mut matched = 0;
        reread.each(|ready| {
            let seq = match self.by_key.get(&ready.key) {
                Some(lived) => Some(lived.seq),
                None => findings::standing(check.tx, &ready.key)?.map(|kept| kept.seq),
            };
            let kept = seq.and_then(|seq| found.binary_search_by_key(&seq, |s| s.finding).ok()).map(|i| found[i]);
            let Some(seq) = seq.filter(|_| kept.is_some() || whole) else {
                if whole {
                    let id = FindingId::of_key(&ready.key);
                    check.report.fault(format!("The finding {id} of entry {index} is not kept."));
                }
                return Ok::<_, StoreError>(());
            };
            self.seen(seq, &ready, told);
            matched += 1;
            let same = kept.is_some_and(|s| {
                (s.level, s.exploited, s.suppressed) == (ready.level, ready.seen.is_exploited(), ready.suppressed)
            });
            if !same {
                let id = FindingId::of_key(&ready.key);
                check.report.fault(format!("The list of the scan of entry {index} does not say of {id} what it saw."));
            }
            Ok(())
        })?;
        if !same || matched != found.len() {
            check.report.fault(format!("What is kept of the scan of entry {index} is not what it tells."));
        }
        Ok(())
    }

    /// The scans that jobs take in, and how far they have come.
    fn jobs(&mut self, check: &Check<'_>) -> Result<&HashMap<u64, Option<u64>>, StoreError> {
        if self.jobs.is_none() {
            let mut all = HashMap::new();
            for stored in jobs::all(check.tx)? {
                if let Ok(Job::TakeIn(entry)) = Job::of(&stored) {
                    all.insert(entry, crate::jobs::taken_in_by(&stored));
                }
            }
            self.jobs = Some(all);
        }
        Ok(self.jobs.get_or_insert_default())
    }

    /// A scan saw a finding.
    fn seen(&mut self, seq: i64, ready: &Ready, (index, at, product, kind): (u64, Time, &str, ScanKind)) {
        let document = sha256(ready.document.as_bytes());
        let grade = Grade { level: ready.level, exploited: ready.seen.is_exploited(), suppressed: ready.suppressed };
        let lived = self.by_key.entry(ready.key).or_insert_with(|| Lived {
            seq,
            product: product.to_owned(),
            kind,
            name: sha256(ready.seen.name().as_bytes()),
            documents: Vec::new(),
            state: FindingState::Detected,
            said: Vec::new(),
            alert: false,
            first: (index, at),
            clock: (index, at),
            until: None,
            steps: Vec::new(),
            fixed_by: 0,
            last_at: None,
        });
        lived.looks_like(grade, document);
    }

    /// A large scan is taken in, or cannot be.
    pub(super) fn taken_in(&mut self, index: u64, doc: &Value, is: bool) {
        let end = if is { (Some(index), None) } else { (None, Some(index)) };
        self.ends.insert(doc["scan"].as_u64().unwrap_or(u64::MAX), end);
    }

    fn alert(
        &mut self,
        check: &mut Check<'_>,
        index: u64,
        product: &str,
        alert: &Alert,
        at: Time,
    ) -> Result<(), StoreError> {
        let seen = seen_by_alert(alert);
        let key = key(product, &seen.fingerprint);
        let document = sha256(findings::document(&seen)?.as_bytes());
        let grade = Grade { level: seen.level, exploited: false, suppressed: false };
        if let Some(lived) = self.by_key.get_mut(&key) {
            if lived.last_at.is_none_or(|last| last <= at) {
                (lived.said, lived.documents) = (vec![grade], vec![document]);
            }
            return Ok(());
        }
        if !(alert.open || alert.dismissed) {
            return Ok(());
        }
        let Some(kept) = findings::standing(check.tx, &key)? else {
            check.report.fault(format!("The finding {} of entry {index} is not kept.", FindingId::of_key(&key)));
            return Ok(());
        };
        let from = alert.detected_at.unwrap_or(at).min(at);
        let lived = Lived {
            seq: kept.seq,
            product: product.to_owned(),
            kind: alert.source.kind(),
            name: sha256(seen.name().as_bytes()),
            documents: vec![document],
            state: FindingState::Detected,
            said: vec![grade],
            alert: true,
            first: (index, from),
            clock: (index, from),
            until: None,
            steps: Vec::new(),
            fixed_by: 0,
            last_at: None,
        };
        self.by_key.insert(key, lived);
        Ok(())
    }

    /// A scan moved findings.
    pub(super) fn moved(&mut self, check: &mut Check<'_>, index: u64, doc: &Value) {
        let scan = doc["scan"].as_u64().unwrap_or(u64::MAX);
        let at = self.made.get(&scan).copied();
        let received = |told: Option<Time>| told.unwrap_or(Time::from_micros(0));
        let product = doc["product"].as_str().unwrap_or_default().to_owned();
        let resumed: HashSet<Key> = keys(&doc["resumed"]).into_iter().collect();
        for (list, to) in
            [("detected", FindingState::Detected), ("reopened", FindingState::Reopened), ("fixed", FindingState::Fixed)]
        {
            for key in keys(&doc[list]) {
                if !self.by_key.contains_key(&key)
                    && let (Some(alert), Some(at)) = (self.alerts.get(&scan).cloned(), at)
                    && let Err(e) = self.alert(check, scan, &product, &alert, at)
                {
                    check.report.fault(format!("The alert of entry {scan} cannot be compared: {e}."));
                }
                let Some(lived) = self.by_key.get_mut(&key) else {
                    let kept = findings::standing(check.tx, &key).ok().flatten().map(|s| s.seq);
                    if !kept.is_some_and(|seq| self.not_compared.contains(&seq)) {
                        check
                            .report
                            .fault(format!("Entry {index} moves {}, which nothing told of.", FindingId::of_key(&key)));
                    }
                    continue;
                };
                lived.state = to;
                lived.until = None;
                let starts = to == FindingState::Detected || to == FindingState::Reopened && !resumed.contains(&key);
                lived.steps.push((index, to, received(at), starts));
                lived.last_at = at;
                if to == FindingState::Fixed {
                    lived.fixed_by = scan;
                }
                if starts && to == FindingState::Reopened {
                    lived.clock = (index, received(at));
                }
            }
        }
        let now = self.received(check, index);
        for key in keys(&doc["covered"]).into_iter().chain(keys(&doc["regraded"])) {
            self.stand(check, &key, index, now);
        }
    }

    fn received(&self, check: &Check<'_>, index: u64) -> Time {
        let act = certrail_store::tables::log::acts(check.tx, index, index + 1).ok().and_then(|mut all| all.pop());
        act.map_or(Time::from_micros(0), |act| Time::from_micros(act.received))
    }

    /// Somebody said what they found out.
    pub(super) fn triaged(&mut self, index: u64, document: &str) {
        let Ok(told) = serde_json::from_str::<Triage>(document) else { return };
        let Some(lived) = FindingId::key_in(told.finding.as_str()).and_then(|key| self.by_key.get_mut(&key)) else {
            return;
        };
        lived.state = told.to;
        lived.until = None;
        lived.steps.push((index, told.to, told.at, false));
        lived.last_at = Some(told.at);
    }

    /// A decision was asked for, approved or ended.
    pub(super) fn decided(&mut self, check: &Check<'_>, act: &Act) {
        let Ok(decision) = serde_json::from_str::<FindingDecision>(&act.document) else { return };
        self.decisions.retain(|d| d.id != decision.id);
        let names: Vec<String> = match decision.reach {
            Reach::Everywhere { .. } => self.products.keys().cloned().collect(),
            _ => vec![decision.product.clone()],
        };
        let asked = decision.is_asked_for();
        let fingerprint = decision.fingerprint.clone();
        self.decisions.push(decision);
        for name in names.iter().filter(|_| !asked) {
            self.stand(check, &key(name, &fingerprint), act.log_index, Time::from_micros(act.received));
        }
    }

    /// Decisions that findings rested on have ended.
    pub(super) fn ended(&mut self, check: &Check<'_>, act: &Act, doc: &Value) {
        for key in keys(&doc["ended"]) {
            self.stand(check, &key, act.log_index, Time::from_micros(act.received));
        }
    }

    /// Where the decisions in force put a finding.
    fn stand(&mut self, check: &Check<'_>, of: &Key, index: u64, now: Time) {
        let Some(lived) = self.by_key.get_mut(of).filter(|f| f.state != FindingState::Fixed) else { return };
        // How grave it was then follows from who saw it then, which is not lived through again. Where that matters, what is
        // kept is taken for it; a decision that covers none of what was ever said of it never holds.
        let covers = |d: &FindingDecision| {
            let on = lived.said.iter().filter(|g| d.covers(g.level, g.exploited)).count();
            on == lived.said.len()
                || on > 0
                    && findings::moves(check.tx, lived.seq)
                        .is_ok_and(|all| all.iter().any(|m| m.entry == index && m.to == d.claim.state()))
        };
        let holds = self
            .decisions
            .iter()
            .filter(|d| d.in_force(now) && d.reach.is_whole())
            .filter(|d| d.product == lived.product || matches!(d.reach, Reach::Everywhere { .. }))
            .filter(|d| key(&lived.product, &d.fingerprint) == *of)
            .filter(|d| covers(d))
            .max_by_key(|d| d.expires_at);
        let (to, until) = match holds {
            Some(decision) => (decision.claim.state(), Some(decision.expires_at)),
            None if lived.state.is_open() => return,
            None => (FindingState::Triaged, None),
        };
        if (lived.state, lived.until) != (to, until) {
            (lived.state, lived.until) = (to, until);
            lived.steps.push((index, to, now, false));
            lived.last_at = Some(now);
        }
    }

    /// After the last entry: every finding is kept as it was lived through.
    pub(super) fn finish(&self, check: &mut Check<'_>) -> Result<(), StoreError> {
        if self.of_other_readers > 0 {
            check.report.notes.push(format!(
                "{} reports were read by readers of another version; {} findings that they told of were not compared.",
                self.of_other_readers,
                self.not_compared.len()
            ));
        }
        let waiting = Waiting::of(check)?;
        for (scan, kept) in &self.kept_ends {
            let told = match self.ends.get(scan) {
                Some(end) => *end,
                None if waiting.take_in.contains(scan) => (None, None),
                None => (Some(*scan), None),
            };
            if *kept != told {
                check
                    .report
                    .fault(format!("From when on the scan of entry {scan} is known is not kept as it is told."));
            }
        }
        let seen = Seen::default();
        let mut dues = BTreeMap::new();
        for name in self.products.keys() {
            if products::get(check.tx, name)?.is_some() {
                dues.insert(name.as_str(), Dues::of(check.tx, &check.criteria, name, i64::MAX as u64)?);
            }
        }
        let mut in_order: Vec<(&Key, &Lived)> = self.by_key.iter().collect();
        in_order.sort_by_key(|(_, f)| f.seq);
        for (key, lived) in in_order.into_iter().filter(|(_, f)| !self.not_compared.contains(&f.seq)) {
            let due = dues.get(lived.product.as_str());
            if !lived.is_kept(check, due)? || !lived.is_seen_as_told(check, &seen, &waiting)? {
                let id = FindingId::of_key(key);
                check.report.fault(format!("The finding {id} is not kept as the log tells it."));
            }
        }
        Ok(())
    }
}

impl Lived {
    /// Another scan tells of it.
    fn looks_like(&mut self, grade: Grade, document: [u8; 32]) {
        if !self.said.contains(&grade) {
            self.said.push(grade);
        }
        if !self.documents.contains(&document) {
            self.documents.push(document);
        }
    }

    fn is_kept(&self, check: &Check<'_>, dues: Option<&Dues>) -> Result<bool, StoreError> {
        let tx = check.tx;
        let Some(kept) = findings::by_seq(tx, self.seq)? else { return Ok(false) };
        let f = &kept.finding;
        let known = findings::known_at(tx, self.seq, i64::MAX as u64)?;
        let standing = findings::standing_of(tx, self.seq)?;
        let shelf = findings::shelf(tx, self.seq)?;
        // Graded by who sees it; where nobody does, as it was when somebody did.
        let graded = match track::graded(tx, self.seq)? {
            Some(grade) if !self.alert => vec![grade],
            _ => self.said.clone(),
        };
        if findings::spot(&f.product, &f.seen) != findings::spot_of(tx, self.seq)? {
            return Ok(false);
        }
        let graded = graded.iter().any(|g| {
            (g.level, g.exploited) == (f.level, standing.exploited)
                && shelf == Some((Shelf::of(self.state, g.suppressed), g.suppressed, self.clock.0))
        });
        let running = Running {
            seq: self.seq,
            level: f.level,
            exploited: standing.exploited,
            from: self.clock.1,
            since: self.clock.0,
        };
        let due = dues.map(|d| d.due(tx, running)).transpose()?.flatten();
        let mut steps: Vec<(u64, FindingState, Time, bool)> =
            findings::moves(tx, self.seq)?.iter().map(|m| (m.entry, m.to, m.at, m.starts_clock)).collect();
        let mut lived = self.steps.clone();
        steps.sort_unstable();
        lived.sort_unstable();
        Ok(graded
            && (f.product.as_str(), f.kind, f.state) == (self.product.as_str(), self.kind, self.state)
            && (f.first_entry, f.first_seen, f.clock_from) == (self.first.0, self.first.1, self.clock.1)
            && (f.due == due || check.due_again.contains(&self.product))
            && f.until == self.until
            && sha256(known.name.as_bytes()) == self.name
            && self.documents.contains(&sha256(findings::document(&f.seen)?.as_bytes()))
            && steps == lived)
    }

    /// Who sees it saw it, and what nobody sees is fixed.
    fn is_seen_as_told(&self, check: &Check<'_>, scans: &Seen, waiting: &Waiting) -> Result<bool, StoreError> {
        let tx = check.tx;
        let own = |release: i64| -> Result<bool, StoreError> {
            Ok(release == 0 || releases::by_seq(tx, release)?.is_some_and(|r| r.release.product == self.product))
        };
        let sightings = scans::seen_by(tx, self.seq)?;
        for (scope, sighting) in &sightings {
            let Some(scan) = scans.get(check, sighting.log_index)? else { return Ok(false) };
            let found = &scan.found;
            let seen = found.binary_search_by_key(&self.seq, |s| s.finding).is_ok_and(|i| found[i] == sighting.saw);
            if !(seen && scan.at == sighting.at && scan.scope.as_ref() == Some(scope) && own(sighting.release)?) {
                return Ok(false);
            }
            if waiting.follow.contains(&sighting.log_index) {
                continue;
            }
            // It was seen at least in the newest release that the scan is bound to.
            let kept = releases::by_seq(tx, sighting.release)?;
            let below = |b: &StoredRelease| kept.as_ref().is_none_or(|k| track::order(k, b) == Ordering::Less);
            if scan.bound.iter().any(|b| b.release.product == self.product && below(b)) {
                return Ok(false);
            }
        }
        let fix = findings::standing_of(tx, self.seq)?.fix;
        if self.alert {
            return Ok(sightings.is_empty() && fix.scan == 0 && fix.release == 0);
        }
        Ok((self.state == FindingState::Fixed || !sightings.is_empty())
            && fix.scan == self.fixed_by
            && own(fix.release)?)
    }
}

fn keys(list: &Value) -> Vec<Key> {
    list.as_array().into_iter().flatten().filter_map(|id| FindingId::key_in(id.as_str()?)).collect()
}

/// What scans saw, the lists that were looked at last: one is looked at for each finding it tells of, and may be long.
#[derive(Default)]
struct Seen(RefCell<VecDeque<(u64, Option<Rc<SeenByScan>>)>>);

struct SeenByScan {
    at: Time,
    scope: Option<String>,
    found: Vec<Saw>,
    bound: Vec<StoredRelease>,
}

impl Seen {
    /// Lists held at once.
    const MOST: usize = 16;

    fn get(&self, check: &Check<'_>, entry: u64) -> Result<Option<Rc<SeenByScan>>, StoreError> {
        let mut held = self.0.borrow_mut();
        if let Some(at) = held.iter().position(|(of, _)| *of == entry)
            && let Some(one) = held.remove(at)
        {
            held.push_front(one.clone());
            return Ok(one.1);
        }
        let tx = check.tx;
        let seen = match scans::scan(tx, entry)? {
            None => None,
            Some(scan) => {
                let bound = track::releases_of(tx, entry)?;
                let scope = scans::scope_named(tx, scan.scope)?.map(|(_, name)| name);
                Some(Rc::new(SeenByScan { at: scan.at, scope, found: scans::found(tx, entry)?, bound }))
            }
        };
        held.truncate(Self::MOST - 1);
        held.push_front((entry, seen.clone()));
        Ok(seen)
    }
}

/// Scans that jobs have not come to the end of, by entry.
#[derive(Default)]
struct Waiting {
    take_in: HashSet<u64>,
    /// In which release they are seen last follows when that is done.
    follow: HashSet<u64>,
}

impl Waiting {
    fn of(check: &mut Check<'_>) -> Result<Self, StoreError> {
        let mut waiting = Self::default();
        let all = jobs::all(check.tx)?;
        if !all.is_empty() {
            let left = all.len();
            check.report.notes.push(format!("Jobs that the next start of the server goes on with: {left}."));
        }
        for stored in all {
            let job = match Job::of(&stored) {
                Ok(job) => job,
                Err(error) => {
                    check.report.fault(format!("What is left to do cannot be read: {error}."));
                    continue;
                }
            };
            let (Job::TakeIn(entry) | Job::FollowScan(entry)) = job else { continue };
            let scan = scans::scan(check.tx, entry)?;
            let product = scan.map(|scan| scans::scope_named(check.tx, scan.scope)).transpose()?.flatten();
            if product.is_none_or(|(product, _)| product != stored.product) {
                check.report.fault(format!("A job is about the scan of entry {entry}, which is not there."));
            }
            waiting.follow.insert(entry);
            if job == Job::TakeIn(entry) {
                waiting.take_in.insert(entry);
            }
        }
        Ok(waiting)
    }
}
