//! The findings of a release against the release before it: new, carried, fixed, decided, and not looked at again.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use certrail_criteria::{Evidence, Incomplete, OpenFinding, closes, is_for, open_findings};
use certrail_domain::{
    Facts, Limits, Problem, Release, ReleaseState, Time,
    facts::{Levels, Scan},
    version_cmp,
};
use certrail_dossier::{FindingGroup, FindingLine, FindingsSection};
use certrail_store::{
    StoreError, Tx,
    tables::releases::{self, StoredRelease},
};

use crate::{
    engine::{Engine, Made},
    judge::{Judged, Seen, judge_now},
};

/// Compares the findings of a release with those of the release before it; kept until something of either changes.
///
/// # Errors
/// When the store fails.
pub fn release_findings(engine: &Engine, stored: &StoredRelease) -> Result<Arc<FindingsSection>, Problem> {
    let acts = engine.kept.acts();
    let (position, now) = (engine.head().size(), engine.now());
    engine.read(|tx| {
        let before = readable_before(tx, &stored.release)?;
        engine.kept.get_or_make(tx, (stored, before.as_slice()), position, now, |_| {
            let judged = judge_now(tx, engine, stored, position, now)?;
            let section = section(tx, engine, &judged, position, now)?;
            let lines: usize = section.groups.iter().map(|g| g.findings.len()).sum();
            let valid_until = judged.valid_until;
            Ok(Made { value: Arc::new(section), at: now, valid_until, weight: lines as u64 * 300, acts })
        })
    })
}

/// [`before`], where its record can be read.
pub(crate) fn readable_before(tx: &Tx<'_>, release: &Release) -> Result<Option<StoredRelease>, StoreError> {
    match before(tx, release) {
        Err(error) if error.is_damage() => Ok(None),
        other => other,
    }
}

/// The findings of a judged release against the one before it.
pub(crate) fn section(
    tx: &Tx<'_>,
    engine: &Engine,
    judged: &Judged,
    position: u64,
    now: Time,
) -> Result<FindingsSection, StoreError> {
    let release = &judged.seen.release;
    let before = before(tx, release).and_then(|before| {
        let Some(b) = before else { return Ok(None) };
        // A release that is only now being told of was not there at the position.
        if releases::at(tx, b.seq, position)?.is_none() {
            return Ok(None);
        }
        judge_now(tx, engine, &b, position, now).map(Some)
    });
    let limits = judged.criteria.limits();
    match before {
        Ok(before) => Ok(compare(&judged.seen, before.as_ref().map(|b| &b.seen), &limits)),
        // Another release's damage is said, and takes nothing from this one.
        Err(error) if error.is_damage() => {
            tracing::error!(%error, release = %release.id, "the release before cannot be judged");
            let which = release.previous.clone().unwrap_or_else(|| "the release before".to_owned());
            let why = format!("Its findings could not be compared with {which}: a record of that release is damaged.");
            Ok(FindingsSection { not_compared: Some(why), ..compare(&judged.seen, None, &limits) })
        }
        Err(error) => Err(error),
    }
}

/// Releases looked at to find the one before, where none is named.
const NEWEST: u64 = 200;

/// The release before another: the one it follows, or the next lower version.
pub(crate) fn before(tx: &Tx<'_>, release: &Release) -> Result<Option<StoredRelease>, StoreError> {
    if let Some(version) = &release.previous {
        return releases::by_version(tx, &release.product, version);
    }
    let open = release.state == ReleaseState::Open;
    let lower = |other: &Release| {
        other.state != ReleaseState::Open
            && other.id != release.id
            && (open || version_cmp(&other.version, &release.version) == Ordering::Less)
    };
    // One whose record is damaged may be the one before: its version stands beside it.
    let below = releases::listed(tx, &release.product, None, NEWEST)?.into_iter().filter(|row| match &row.release {
        Ok(stored) => lower(&stored.release),
        Err(_) => open || version_cmp(&row.version, &release.version) == Ordering::Less,
    });
    below.max_by(|a, b| version_cmp(&a.version, &b.version)).map(|row| row.release).transpose()
}

/// Compares what is open in two releases.
pub(crate) fn compare(this: &Seen, before: Option<&Seen>, limits: &Limits) -> FindingsSection {
    let input = this.input();
    let now = open_findings(&input);
    let before_input = before.map(Seen::input);
    let then = before_input.as_ref().map(open_findings);
    // What was open then is not all known, so nothing here is new or gone for sure.
    if let Some((before, (_, why))) = before.zip(then.as_ref().and_then(|then| then.incomplete.first())) {
        let version = &before.release.version;
        let words = why.words();
        let why =
            format!("Its findings could not be compared with {version}: what a scan of that release found {words}.");
        return FindingsSection { not_compared: Some(why), ..compare(this, None, limits) };
    }
    let was = |id: &str| then.as_ref().is_some_and(|t| t.open.contains_key(id));
    let mut groups: BTreeMap<Group, Vec<FindingLine>> = BTreeMap::new();
    let (mut levels, mut decisions) = (Levels::default(), BTreeMap::new());
    for (id, finding) in &now.open {
        let group = match finding.decision {
            Some(decision) => {
                decisions.insert(decision.id.clone(), decision.clone());
                Group::Decided
            }
            None if was(id) => Group::Carried,
            None => Group::New,
        };
        if group != Group::Decided {
            levels.add(finding.level);
        }
        groups.entry(group).or_default().push(line(finding, limits));
    }
    groups.insert(Group::LeftOut, now.left_out.values().map(|finding| line(finding, limits)).collect());
    groups.retain(|_, lines| !lines.is_empty());
    // What the newest scan of a scope says is not known: an earlier one does not answer for it.
    let is_incomplete = |e: &Evidence| now.incomplete.iter().any(|(id, _)| *id == e.id);
    let open: BTreeSet<String> =
        scans(&this.evidence).filter(|(e, _)| is_incomplete(e)).map(|(e, s)| scope_of(e, s)).collect();
    let looked: BTreeSet<String> = scans(&this.evidence)
        .filter(|(e, s)| is_for(s, &this.release) && closes(e, s))
        .map(|(e, s)| scope_of(e, s))
        .filter(|scope| !open.contains(scope))
        .collect();
    let there = |id: &String| now.open.contains_key(id) || now.left_out.contains_key(id);
    let gone = then.iter().flat_map(|t| &t.open).filter(|(id, _)| !there(id));
    for (_, finding) in gone {
        let by = before.into_iter().flat_map(|b| scans(&b.evidence)).filter(|(e, _)| finding.inputs.contains(&e.id));
        let mut by = by.map(|(e, s)| scope_of(e, s)).peekable();
        // An alert tells by itself when it is gone.
        let again = by.peek().is_none() || by.all(|scan| looked.contains(&scan));
        let group = if again { Group::Fixed } else { Group::NotLookedAt };
        groups.entry(group).or_default().push(line(finding, limits));
    }
    FindingsSection {
        previous: before.map(|b| b.release.version.clone()),
        not_compared: None,
        scanned: now.scanned,
        incomplete: now.incomplete.iter().filter(|(_, why)| *why == Incomplete::OnItsWay).count() as u64,
        given_up: now.incomplete.iter().filter(|(_, why)| *why == Incomplete::GivenUp).count() as u64,
        levels,
        groups: groups.into_iter().map(|(group, findings)| group.of(findings)).collect(),
        decisions: decisions.into_values().collect(),
    }
}

/// How a finding stands against the release before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    New,
    Carried,
    Decided,
    Fixed,
    /// It was in the release before, and no scan of this one looked for it again.
    NotLookedAt,
    /// The reports leave it out themselves; nobody here decided.
    LeftOut,
}

impl Group {
    fn of(self, mut findings: Vec<FindingLine>) -> FindingGroup {
        findings.sort_by(|a, b| (b.level, a.due, &a.name).cmp(&(a.level, b.due, &b.name)));
        let mut levels = Levels::default();
        findings.iter().for_each(|f| levels.add(f.level));
        let name = match self {
            Self::New => "new",
            Self::Carried => "carried",
            Self::Decided => "decided",
            Self::Fixed => "fixed",
            Self::NotLookedAt => "not_looked_at",
            Self::LeftOut => "left_out",
        };
        let total = findings.len() as u64;
        findings.truncate(FindingGroup::MOST);
        FindingGroup { name: name.to_owned(), total, levels, findings }
    }
}

/// What a scan answers for in any release: artefacts differ from one to the next.
fn scope_of(e: &Evidence, scan: &Scan) -> String {
    scan.answers_for(&e.signal.source)
}

fn line(f: &OpenFinding<'_>, limits: &Limits) -> FindingLine {
    let deadline = limits.deadline(&f.graded());
    FindingLine {
        id: f.id.clone(),
        name: f.name.to_owned(),
        level: f.level,
        detected: f.detected,
        due: deadline.as_ref().map(|d| d.at),
        clock: deadline.map(|d| d.words()).unwrap_or_default(),
        decision: f.decision.map(|d| d.id.clone()),
    }
}

fn scans(evidence: &[Evidence]) -> impl Iterator<Item = (&Evidence, &Scan)> {
    evidence.iter().filter_map(|e| match &e.signal.facts {
        Facts::Scan(scan) => Some((e, scan)),
        _ => None,
    })
}
