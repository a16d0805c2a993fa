//! The queue of a security engineer: findings that need a decision, in releases on their way, what blocks first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use certrail_criteria::open_findings;
use certrail_domain::{
    Action, Cause, Evaluation, EvidenceId, ExceptionState, FindingDecision, FindingState, Problem, Time, facts::Level,
};
use certrail_store::{
    StoreError, Tx,
    tables::{finding_decisions, findings, products, releases::StoredRelease},
};
use serde::Serialize;

use crate::{
    Caller,
    access::{On, allow},
    engine::{Engine, Made},
    finding_effect::coming,
    judge::judge_now,
    look_findings::{FindingCard, card},
};

/// A release on its way that has a finding.
#[derive(Clone, Debug, Serialize)]
pub struct InRelease {
    /// The version.
    pub version: String,
    /// The finding keeps its gate closed.
    pub blocks: bool,
    /// A decision covers it there.
    pub decided: bool,
}

/// A finding that needs a decision.
#[derive(Clone, Debug, Serialize)]
pub struct QueueItem {
    /// The finding.
    #[serde(flatten)]
    pub card: FindingCard,
    /// The releases on their way that have it.
    pub on_its_way_in: Vec<InRelease>,
    /// It keeps a gate closed.
    pub blocks: bool,
}

/// A decision that ends soon.
#[derive(Clone, Debug, Serialize)]
pub struct Ending {
    /// What the finding is called.
    pub name: String,
    /// How grave it is now.
    pub level: Level,
    /// The decision.
    pub decision: FindingDecision,
}

/// Approved decisions looked at, the newest first.
const APPROVED: u64 = 5_000;

/// The queue.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FindingQueue {
    /// How many need a decision.
    pub total: u64,
    /// The first of them, at most [`FindingQueue::MOST`].
    pub items: Vec<QueueItem>,
    /// Decisions that end within 14 days, the soonest first: decide again or fix.
    pub ending: Vec<Ending>,
    /// Releases on their way that could not be judged, since a record of theirs is damaged: what they need is not here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
}

impl FindingQueue {
    /// Items on one page.
    pub const MOST: usize = 100;
    /// A release that is planned to ship later than this is not pressing, and neither is a limit that ends later.
    pub const AHEAD: i64 = 14 * Time::DAY;
}

/// What keeps the gate of a release closed, as its evaluation says.
struct Closed {
    findings: BTreeSet<String>,
    scans: BTreeSet<EvidenceId>,
}

impl Closed {
    fn of(evaluation: &Evaluation) -> Self {
        let (mut findings, mut scans) = (BTreeSet::new(), BTreeSet::new());
        for row in evaluation.blockers(false).flat_map(|r| &r.rows).filter(|row| !row.verdict.opens_gate()) {
            if let Some(id) = row.subject.id.strip_prefix("finding:") {
                findings.insert(id.to_owned());
            } else if row.cause == Cause::BelowThreshold {
                // A scan that found more than it may have.
                scans.extend(row.inputs.iter().cloned());
            }
        }
        Self { findings, scans }
    }

    fn by(&self, finding: &str, seen_by: &[EvidenceId]) -> bool {
        self.findings.contains(finding) || seen_by.iter().any(|scan| self.scans.contains(scan))
    }
}

/// What needs a decision: in a release on its way that ships within 14 days or has no date; not decided there; and past
/// its limit, within 14 days of it, or looked at by nobody yet.
///
/// # Errors
/// When the store fails.
pub fn finding_queue(engine: &Engine, caller: &Caller, product: Option<&str>) -> Result<FindingQueue, Problem> {
    if let Some(product) = product {
        crate::inputs::required(product, "product")?;
        allow(caller, Action::Read, On::Product(product))?;
        crate::inputs::product(engine, product)?;
    }
    let acts = engine.kept.acts();
    let (now, position) = (engine.now(), engine.head().size());
    let soon = now.plus(FindingQueue::AHEAD);
    engine.read(|tx| {
        let names = match product {
            Some(name) => vec![name.to_owned()],
            None => products::names(tx)?.into_iter().filter(|name| caller.reaches(name)).collect(),
        };
        let (mut total, mut first, mut damaged) = (0, Vec::new(), Vec::new());
        for name in names {
            let releases = coming(tx, &name)?;
            let Some((newest, others)) = releases.split_first() else { continue };
            let waiting = engine.kept.get_or_make(tx, (newest, others), position, now, |_| {
                let made = waiting(tx, engine, &releases, position, now)?;
                let weight = made.first.iter().map(|item| 100 + item.releases.len() as u64 * 50).sum();
                Ok(Made { valid_until: made.valid_until, value: Arc::new(made), at: now, weight, acts })
            })?;
            total += waiting.total;
            first.extend(waiting.first.iter().cloned());
            damaged.extend(waiting.damaged.iter().cloned());
        }
        first.sort_by_key(Waits::order);
        let mut items = Vec::new();
        for item in first.into_iter().take(FindingQueue::MOST) {
            let Some(stored) = findings::by_seq(tx, item.finding)? else { continue };
            items.push(QueueItem { card: card(tx, stored, now)?, on_its_way_in: item.releases, blocks: item.blocks });
        }
        let approved = finding_decisions::in_state(tx, ExceptionState::Approved, APPROVED)?;
        let soon_over = approved.into_iter().filter(|d| d.in_force(now) && d.expires_at <= soon);
        let mut ending = Vec::new();
        for decision in soon_over.filter(|d| product.is_none_or(|p| d.product == p) && caller.reaches(&d.product)) {
            let key = crate::track::key_in(&decision.finding)?;
            if let Some(stored) = findings::by_key(tx, &key)? {
                ending.push(Ending { name: stored.finding.seen.name(), level: stored.finding.level, decision });
            }
        }
        ending.sort_by_key(|e| e.decision.expires_at);
        ending.truncate(FindingQueue::MOST);
        Ok(FindingQueue { total, items, ending, damaged })
    })
}

/// A finding that needs a decision, by row.
#[derive(Clone)]
struct Waits {
    finding: i64,
    blocks: bool,
    due: Option<Time>,
    releases: Vec<InRelease>,
}

impl Waits {
    /// What closes a gate first, then what is due first.
    fn order(&self) -> (bool, Time, i64) {
        (!self.blocks, self.due.unwrap_or(Time::from_micros(i64::MAX)), self.finding)
    }
}

/// What waits in one product.
struct Waiting {
    total: u64,
    /// The first of it, at most [`FindingQueue::MOST`].
    first: Vec<Waits>,
    damaged: Vec<String>,
    valid_until: Option<Time>,
}

/// What needs a decision in the releases of a product that are on their way.
fn waiting(
    tx: &Tx<'_>,
    engine: &Engine,
    releases: &[StoredRelease],
    position: u64,
    now: Time,
) -> Result<Waiting, StoreError> {
    let soon = now.plus(FindingQueue::AHEAD);
    // By row of the finding: when it is due at the earliest, and where it is.
    let mut wanted: BTreeMap<i64, (Option<Time>, Vec<InRelease>)> = BTreeMap::new();
    let (mut damaged, mut valid_until) = (Vec::new(), None);
    for stored in releases {
        if stored.release.planned_at.is_some_and(|at| at > soon) {
            continue;
        }
        let judged = match judge_now(tx, engine, stored, position, now) {
            Err(error) if error.is_damage() => {
                tracing::error!(%error, release = %stored.release.id, "a release cannot be judged");
                damaged.push(stored.release.title());
                continue;
            }
            judged => judged?,
        };
        valid_until = [valid_until, judged.valid_until].into_iter().flatten().min();
        let limits = judged.criteria.limits();
        let closed = Closed::of(&judged.evaluation);
        let input = judged.seen.input();
        let rows: HashMap<&str, i64> =
            judged.seen.findings.known.iter().map(|(seq, f)| (f.id.as_str(), *seq)).collect();
        for (id, open) in open_findings(&input).open {
            let Some(seq) = rows.get(id.as_str()) else { continue };
            let due = limits.deadline(&open.graded()).map(|d| d.at);
            let decided = open.decision.is_some();
            let entry = wanted.entry(*seq).or_default();
            entry.0 = entry.0.into_iter().chain(due).min();
            let blocks = !decided && closed.by(&id, &open.inputs);
            entry.1.push(InRelease { version: stored.release.version.clone(), blocks, decided });
        }
    }
    let mut first = Vec::new();
    for (finding, (due, releases)) in wanted {
        let undecided = releases.iter().any(|r| !r.decided);
        let state = findings::standing_of(tx, finding)?.state;
        let fresh = matches!(state, FindingState::Detected | FindingState::Reopened);
        let blocks = releases.iter().any(|r| r.blocks);
        if undecided && (blocks || fresh || due.is_some_and(|d| d <= soon)) {
            first.push(Waits { finding, blocks, due, releases });
        }
    }
    first.sort_by_key(Waits::order);
    let total = first.len() as u64;
    first.truncate(FindingQueue::MOST);
    Ok(Waiting { total, first, damaged, valid_until })
}
