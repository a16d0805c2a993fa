//! The findings of a release against the release before it: new, carried, fixed, decided, and not looked at again.

use std::{cmp::Ordering, collections::BTreeSet};

use certrail_criteria::{Evidence, OpenFinding, open_findings};
use certrail_domain::{
    EvidenceId, Facts, FindingDecision, Limits, Problem, Release, ReleaseState, Time,
    facts::{Database, Level, Levels, Scan, ScanKind},
    version_cmp,
};
use certrail_store::{
    StoreError, Tx,
    tables::releases::{self, StoredRelease},
};
use serde::Serialize;

use crate::{
    engine::{Engine, internal},
    judge::{Seen, judge_in},
};

/// A finding of a release.
#[derive(Clone, Debug, Serialize)]
pub struct FindingLine {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// How grave.
    pub level: Level,
    /// When it was detected, or detected again after a fix.
    pub detected: Time,
    /// By when it has to be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Why then.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub clock: String,
    /// The decision that covers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<FindingDecision>,
}

/// What a scan of the release looked at.
#[derive(Clone, Debug, Serialize)]
pub struct ScanLine {
    /// The evidence.
    pub evidence: EvidenceId,
    /// What it looked for.
    pub kind: ScanKind,
    /// The tool and its version.
    pub tool: String,
    /// What it scanned, as it says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Files, packages or addresses it looked at.
    pub looked_at: Option<u64>,
    /// Rules it ran with.
    pub rules: u64,
    /// Where its knowledge of vulnerabilities comes from.
    pub database: Database,
    /// When it was made.
    pub at: Time,
    /// What it found.
    pub levels: Levels,
    /// Left out by the report itself.
    pub suppressed: u64,
    /// Why it proves nothing, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// The findings of a release.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReleaseFindings {
    /// The version it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// At least one complete scan of it is there.
    pub scanned: bool,
    /// What each scan looked at, newest first.
    pub scans: Vec<ScanLine>,
    /// Open by level; decided ones are left out.
    pub levels: Levels,
    /// In this release and not in the one before.
    pub new: Vec<FindingLine>,
    /// In both.
    pub carried: Vec<FindingLine>,
    /// In the one before, and gone from a complete scan of the same kind by the same tool.
    pub fixed: Vec<FindingLine>,
    /// In this release, and covered by a decision.
    pub decided: Vec<FindingLine>,
    /// In the one before, and nothing looked again.
    pub not_looked_at: Vec<FindingLine>,
}

/// Compares the findings of a release with those of the release before it.
///
/// # Errors
/// When the store fails.
pub fn release_findings(engine: &Engine, stored: &StoredRelease) -> Result<ReleaseFindings, Problem> {
    let (now, position) = (engine.now(), engine.head().size());
    let compared = engine.store.read(|tx| {
        let judged = judge_in(tx, &engine.criteria, stored, position, now)?;
        let before = before(tx, &judged.seen.release)?;
        let before = before.map(|b| judge_in(tx, &engine.criteria, &b, position, now)).transpose()?;
        Ok(compare(&judged.seen, before.as_ref().map(|b| &b.seen), &judged.criteria.limits()))
    });
    compared.map_err(|e| internal(&e))
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
    let known = releases::of_product(tx, &release.product, None, NEWEST)?;
    let below = known.into_iter().filter(|s| lower(&s.release));
    Ok(below.max_by(|a, b| version_cmp(&a.release.version, &b.release.version)))
}

/// Compares what is open in two releases.
pub(crate) fn compare(this: &Seen, before: Option<&Seen>, limits: &Limits) -> ReleaseFindings {
    let input = this.input();
    let now = open_findings(&input);
    let mut out = ReleaseFindings {
        scanned: now.scanned,
        scans: scan_lines(&this.evidence),
        previous: before.map(|b| b.release.version.clone()),
        ..ReleaseFindings::default()
    };
    let before_input = before.map(Seen::input);
    let then = before_input.as_ref().map(open_findings);
    let was = |id: &str| then.as_ref().is_some_and(|t| t.open.contains_key(id));
    for (id, finding) in &now.open {
        let line = line(finding, limits);
        if finding.decision.is_some() {
            out.decided.push(line);
            continue;
        }
        out.levels.add(finding.level);
        if was(id) { out.carried.push(line) } else { out.new.push(line) }
    }
    let looked: BTreeSet<(String, ScanKind)> = scans(&this.evidence)
        .filter(|(_, s)| s.doubt().is_none())
        .map(|(_, s)| (s.tool.to_lowercase(), s.scan))
        .collect();
    for (_, finding) in then.iter().flat_map(|t| &t.open).filter(|(id, _)| !now.open.contains_key(*id)) {
        let by = before.into_iter().flat_map(|b| scans(&b.evidence)).filter(|(e, _)| finding.inputs.contains(&e.id));
        let mut by = by.map(|(_, s)| (s.tool.to_lowercase(), s.scan)).peekable();
        // An alert tells by itself when it is gone.
        let again = by.peek().is_none() || by.all(|scan| looked.contains(&scan));
        let line = line(finding, limits);
        if again { out.fixed.push(line) } else { out.not_looked_at.push(line) }
    }
    for list in [&mut out.new, &mut out.carried, &mut out.fixed, &mut out.decided, &mut out.not_looked_at] {
        list.sort_by(|a, b| (b.level, a.due, &a.name).cmp(&(a.level, b.due, &b.name)));
    }
    out
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
        decision: f.decision.cloned(),
    }
}

fn scans(evidence: &[Evidence]) -> impl Iterator<Item = (&Evidence, &Scan)> {
    evidence.iter().filter_map(|e| match &e.signal.facts {
        Facts::Scan(scan) => Some((e, scan)),
        _ => None,
    })
}

/// What each scan looked at, newest first.
pub(crate) fn scan_lines(evidence: &[Evidence]) -> Vec<ScanLine> {
    let mut lines: Vec<ScanLine> = scans(evidence)
        .map(|(e, s)| ScanLine {
            evidence: e.id.clone(),
            kind: s.scan,
            tool: match &s.tool_version {
                Some(version) => format!("{} {version}", s.tool),
                None => s.tool.clone(),
            },
            target: s.target.clone().unwrap_or_default(),
            looked_at: s.looked_at,
            rules: s.rules,
            database: s.database,
            at: e.at(),
            levels: s.levels,
            suppressed: s.suppressed,
            doubt: s.doubt().map(|d| d.words()),
        })
        .collect();
    lines.sort_by(|a, b| (b.at, &b.evidence).cmp(&(a.at, &a.evidence)));
    lines
}
