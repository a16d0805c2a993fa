//! People and findings: looking at one, working on it, and decisions that reach as far as they say and end when they say.
//! A decision is asked for by one and approved by another (ADR 11).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use certrail_criteria::open_findings;

use certrail_domain::{
    Action, Assessment, Claim, ExceptionId, ExceptionState, Finding, FindingDecision, FindingId, FindingState,
    Justification, Problem, ProblemKind, Reach, Release, Time, facts::Level, line_of,
};
use certrail_ledger::leaf::label;
use certrail_store::{
    StoreError, Tx,
    tables::{
        finding_decisions::{self, Triage},
        findings, products, releases, scans,
    },
};
use serde::Deserialize;

use crate::{
    Caller,
    access::{On, allow, decides},
    criteria_sets::CriteriaSets,
    engine::{Batch, Engine, Fault, random},
    finding_effect::coming,
    inputs::words,
    judge::judge_in,
    look_findings::unknown,
    separation,
    track::{self, Dues, Running, stand},
};

/// How far a decision shall reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// One release.
    Release,
    /// The releases of a line.
    Line,
    /// The product.
    #[default]
    Product,
    /// Every product that has the same finding.
    Everywhere,
}

const fn yes() -> bool {
    true
}

/// What is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFindingDecision {
    /// What is claimed.
    pub claim: Claim,
    /// Why the product is not affected: one of the five words of VEX.
    #[serde(default)]
    pub justification: Option<Justification>,
    /// How far it reaches.
    #[serde(default)]
    pub within: Within,
    /// The release of [`Within::Release`], or one of the line of [`Within::Line`].
    #[serde(default)]
    pub release: Option<String>,
    /// Also releases that nobody knows yet.
    #[serde(default = "yes")]
    pub future: bool,
    /// Why, at least twenty characters.
    pub reason: String,
    /// What is done instead.
    #[serde(default)]
    pub compensating: String,
    /// When it ends; 90 days from now where nobody says, or as long as the level allows.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// What somebody says who looked at a finding.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTriage {
    /// `triaged` or `in_remediation`.
    pub to: FindingState,
    /// Why, or what is being done.
    pub reason: String,
    /// What is known beyond what scanners tell.
    #[serde(default)]
    pub assessment: Assessment,
}

pub(crate) fn refuse(code: &str, why: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Refused, code, "Nothing was recorded.", why, fix)
}

/// A finding with its row, or the problem that there is none.
pub(crate) fn find(tx: &Tx<'_>, id: &str) -> Result<findings::StoredFinding, Fault> {
    let key = FindingId::key_in(id).ok_or_else(|| unknown(id))?;
    Ok(findings::by_key(tx, &key)?.ok_or_else(|| unknown(id))?)
}

/// Records that somebody looked at findings or works on them, and what they know of them: all or none. Their clocks follow.
///
/// # Errors
/// A role that may not, a finding that is fixed or decided, no reason, an assessment out of range.
pub async fn triage_findings(
    engine: &Arc<Engine>,
    caller: &Caller,
    ids: Vec<String>,
    new: NewTriage,
) -> Result<Vec<Finding>, Problem> {
    allow(caller, Action::RequestException, On::Reached)?;
    if caller.person.is_none() {
        return Err(refuse("not-a-person", "A person has to say this, and this token belongs to nobody.", "Sign in."));
    }
    if !matches!(new.to, FindingState::Triaged | FindingState::InRemediation) {
        return Err(refuse(
            "bad-state",
            format!("Nobody can say that a finding is {}.", new.to.name().replace('_', " ")),
            "Say `triaged` or `in_remediation`; scans tell what is fixed, decisions what is accepted.",
        ));
    }
    words("reason", &new.reason, 3)?;
    if new.assessment.potential_impact.is_some_and(|n| !(1..=5).contains(&n)) {
        return Err(refuse(
            "bad-impact",
            "The potential impact is not between 1 and 5.",
            "Give 1 (least) to 5 (most).",
        ));
    }
    let caller = caller.clone();
    let (all, _) = engine
        .write(move |batch| {
            once(&ids).into_iter().map(|id| triage(batch, &caller, id, &new)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    Ok(all)
}

fn triage(batch: &mut Batch<'_>, caller: &Caller, id: &str, new: &NewTriage) -> Result<Finding, Fault> {
    let stored = find(batch.tx, id)?;
    allow(caller, Action::RequestException, On::Product(&stored.finding.product))?;
    if !stored.finding.state.is_open() {
        let state = stored.finding.state.name().replace('_', " ");
        let fix = "Revoke the decision first, or wait for the scan that sees it again.";
        return Err(refuse("not-open", format!("It is {state}."), fix).into());
    }
    if new.assessment.patch_released.is_some_and(|at| at > batch.now) {
        let fix = "Give the day the patch was released.";
        return Err(refuse("future", "The patch would be released in the future.", fix).into());
    }
    let position = batch.next_index();
    let before = track::assessed_at(batch.tx, stored.seq, position)?;
    let standing = findings::standing_of(batch.tx, stored.seq)?;
    let assessment = before.clone().map(|(a, _)| a).unwrap_or_default().then(&new.assessment);
    let first = before.as_ref().map(|(_, at)| *at).filter(|at| *at >= standing.clock_from);
    let assessed_at = (!assessment.is_empty()).then(|| first.unwrap_or(batch.now));
    let dues = Dues::of(batch.tx, batch.criteria, &stored.finding.product, position)?;
    let known = assessed_at.map(|at| (assessment.clone(), at));
    gains_no_time(&dues, Running::of(&standing), before.as_ref(), known.as_ref(), new, batch.now)?;
    let told = Triage {
        finding: stored.finding.id.clone(),
        product: stored.finding.product.clone(),
        to: new.to,
        reason: words("reason", &new.reason, 3)?,
        assessment,
        assessed_at,
        at: batch.now,
    };
    let marks = marks(batch.tx, stored.seq)?;
    let act = format!("finding-{}", new.to.name());
    let index = batch.control(&act, &caller.account(), &marks, &told)?;
    finding_decisions::triage(batch.tx, stored.seq, &told, index)?;
    findings::move_to(batch.tx, stored.seq, new.to, index, batch.now, None)?;
    let due = dues.given(Running::of(&standing), known.as_ref()).first().map(|d| d.at);
    findings::set_due(batch.tx, stored.seq, due)?;
    Ok(find(batch.tx, id)?.finding)
}

/// What one person says alone may move a limit that is still ahead, with a reason that an auditor understands; one that has
/// passed moves only by a decision, which takes two.
fn gains_no_time(
    dues: &Dues,
    finding: Running,
    before: Option<&(Assessment, Time)>,
    after: Option<&(Assessment, Time)>,
    new: &NewTriage,
    now: Time,
) -> Result<(), Problem> {
    let later = dues.given(finding, after);
    for limit in dues.given(finding, before) {
        let moved = later.iter().find(|d| d.clock == limit.clock).is_none_or(|d| d.at > limit.at);
        if moved && limit.at <= now {
            let why = format!("Its limit has passed ({}), and this would move it.", limit.words());
            return Err(refuse("limit-passed", why, "Ask for a decision; somebody else approves it."));
        }
        if moved {
            words("reason", &new.reason, 20)?;
        }
    }
    Ok(())
}

/// The labels of the releases a finding was seen in last: what is said of it belongs to them.
fn marks(tx: &Tx<'_>, seq: i64) -> Result<Vec<[u8; 16]>, StoreError> {
    let mut marks = Vec::new();
    for (_, sighting) in scans::seen_by(tx, seq)? {
        if let Some(stored) = releases::by_seq(tx, sighting.release)? {
            marks.push(label(&stored.label_key, stored.release.id.as_str()));
        }
    }
    marks.sort_unstable();
    marks.dedup();
    Ok(marks)
}

/// Asks for the same decision about findings: for all or none. It has no effect until somebody else approves it.
///
/// # Errors
/// A role that may not, an unknown finding or release, a claim without what it needs, no end or one too far away.
pub async fn request_finding_decisions(
    engine: &Arc<Engine>,
    caller: &Caller,
    ids: Vec<String>,
    new: NewFindingDecision,
) -> Result<Vec<FindingDecision>, Problem> {
    allow(caller, Action::RequestException, everywhere(&new).unwrap_or(On::Reached))?;
    let caller = caller.clone();
    let (decisions, _) = engine
        .write(move |batch| {
            let mut opens = Opens::new(batch.next_index(), batch.now);
            let mut one = |id: &String| {
                let stored = find(batch.tx, id)?;
                allow(&caller, Action::RequestException, On::Product(&stored.finding.product))?;
                let open = opens.of(batch.tx, batch.criteria, &stored.finding.product, new.release.as_deref())?;
                let decision = draft(batch.tx, &stored, &new, &caller.account(), batch.now, open)?;
                ask(batch, stored.seq, decision)
            };
            once(&ids).into_iter().map(&mut one).collect::<Result<Vec<_>, Fault>>()
        })
        .await?;
    Ok(decisions)
}

/// What reaches every product is nothing for somebody who reaches some.
fn everywhere(new: &NewFindingDecision) -> Option<On<'static>> {
    (new.within == Within::Everywhere).then_some(On::Everything)
}

/// Each once, in order.
fn once(ids: &[String]) -> Vec<&String> {
    let mut seen = BTreeSet::new();
    ids.iter().filter(|id| seen.insert(*id)).collect()
}

/// What is open in a release, and how grave.
pub(crate) type OpenIn = (Release, BTreeMap<String, (Level, bool)>);

/// What is open in the releases of products that are on their way, each product judged once.
pub(crate) struct Opens {
    position: u64,
    now: Time,
    known: BTreeMap<(String, String), Vec<OpenIn>>,
}

impl Opens {
    pub(crate) const fn new(position: u64, now: Time) -> Self {
        Self { position, now, known: BTreeMap::new() }
    }

    /// Of a product; the release of that version besides, whether it is on its way or not.
    pub(crate) fn of(
        &mut self,
        tx: &Tx<'_>,
        sets: &CriteriaSets,
        product: &str,
        version: Option<&str>,
    ) -> Result<&[OpenIn], StoreError> {
        let key = (product.to_owned(), version.unwrap_or_default().to_owned());
        if !self.known.contains_key(&key) {
            let mut releases = coming(tx, product)?;
            let named = version.map(|v| releases::by_version(tx, product, v)).transpose()?.flatten();
            releases.extend(named.filter(|n| releases.iter().all(|r| r.seq != n.seq)));
            let mut all = Vec::new();
            for stored in releases {
                let judged = judge_in(tx, sets, &stored, self.position, self.now)?;
                let input = judged.seen.input();
                let open = open_findings(&input).open;
                let open = open.into_iter().map(|(id, f)| (id, (f.level, f.exploited))).collect();
                all.push((judged.seen.release.clone(), open));
            }
            self.known.insert(key.clone(), all);
        }
        Ok(self.known.get(&key).map_or(&[], Vec::as_slice))
    }
}

/// How grave a finding is in what a decision reaches: the gravest there and of those who see it now.
fn reached_grade(decision: &FindingDecision, now: (Level, bool), open: &[OpenIn]) -> (Level, bool) {
    let there = open.iter().filter(|(release, _)| decision.reaches(release));
    let there = there.filter_map(|(_, findings)| findings.get(decision.finding.as_str()).copied());
    there.fold(now, |(level, exploited), (l, e)| (level.max(l), exploited || e))
}

/// Records a decision that was asked for.
pub(crate) fn ask(batch: &mut Batch<'_>, seq: i64, decision: FindingDecision) -> Result<FindingDecision, Fault> {
    let key = track::key_in(&decision.finding)?;
    let before = finding_decisions::about(batch.tx, &key, &decision.fingerprint)?;
    let decided = |d: &&FindingDecision| d.claim == decision.claim && d.decided_at.is_some() && d.approver.is_some();
    let decision = FindingDecision {
        id: ExceptionId::new(batch.now, random()?),
        renewals: before.iter().filter(decided).filter(|d| d.state != ExceptionState::Rejected).count() as u64,
        ..decision
    };
    record(batch, seq, "requested", &decision.requester.clone(), &decision)?;
    Ok(decision)
}

fn record(batch: &mut Batch<'_>, seq: i64, what: &str, by: &str, decision: &FindingDecision) -> Result<u64, Fault> {
    let marks = marks(batch.tx, seq)?;
    let index = batch.control(&format!("{DECISION}{what}"), by, &marks, decision)?;
    finding_decisions::record(batch.tx, decision, index)?;
    Ok(index)
}

/// What the acts about decisions begin with.
pub(crate) const DECISION: &str = "finding-decision-";

/// A decision as it was asked for, checked; it has no id yet.
///
/// # Errors
/// What was asked for does not hold together.
pub(crate) fn draft(
    tx: &Tx<'_>,
    stored: &findings::StoredFinding,
    new: &NewFindingDecision,
    requester: &str,
    now: Time,
    open: &[OpenIn],
) -> Result<FindingDecision, Fault> {
    let finding = &stored.finding;
    // Gone from the newest release, it may still be open in one that is on its way.
    if finding.state == FindingState::Fixed && !open.iter().any(|(_, f)| f.contains_key(finding.id.as_str())) {
        return Err(refuse("fixed", "It is fixed.", "There is nothing to decide unless a scan sees it again.").into());
    }
    let reason = words("reason", &new.reason, 20)?;
    let compensating = match new.compensating.trim() {
        "" => String::new(),
        text => words("compensating", text, 1)?,
    };
    match (new.claim, new.justification) {
        (Claim::NotAffected, None) => {
            let words: Vec<&str> = Justification::ALL.iter().map(|j| j.name()).collect();
            let fix = format!("Give one of: {}.", words.join(", "));
            return Err(refuse("no-justification", "Not affected needs a justification.", fix).into());
        }
        (Claim::Accept | Claim::FalsePositive, Some(_)) => {
            let fix = "Leave it out, or claim `not_affected`.";
            return Err(refuse("justification", "A justification goes with not affected only.", fix).into());
        }
        _ => {}
    }
    let seen = (finding.level, findings::standing_of(tx, stored.seq)?.exploited);
    let mut decision = FindingDecision {
        id: ExceptionId::from_stored(""),
        finding: finding.id.clone(),
        product: finding.product.clone(),
        fingerprint: finding.seen.fingerprint.clone(),
        claim: new.claim,
        justification: new.justification,
        level: finding.level,
        exploited: seen.1,
        reach: reach(tx, finding, new)?,
        reason,
        compensating,
        evidence: None,
        requester: requester.to_owned(),
        approver: None,
        state: ExceptionState::Requested,
        renewals: 0,
        requested_at: now,
        decided_at: None,
        decided_because: String::new(),
        alone: false,
        expires_at: now,
    };
    (decision.level, decision.exploited) = reached_grade(&decision, seen, open);
    let (claim, level) = (decision.claim, decision.level);
    let most = claim.most_days(level);
    decision.expires_at = new.expires_at.unwrap_or_else(|| now.plus(claim.usual_days(level) * Time::DAY));
    if decision.expires_at <= now || decision.expires_at.since(now) > most * Time::DAY {
        let why = format!("It has to end in the future, at most {most} days from now for a {} one.", level.name());
        return Err(refuse("bad-expiry", why, "Give a nearer date; it can be decided again.").into());
    }
    Ok(decision)
}

fn reach(tx: &Tx<'_>, finding: &Finding, new: &NewFindingDecision) -> Result<Reach, Fault> {
    let future = new.future;
    let named = || {
        let fix = "Name the release, as in 2.4.1.";
        new.release.as_deref().ok_or_else(|| refuse("no-release", "It does not say which release.", fix))
    };
    Ok(match new.within {
        Within::Product => Reach::Product { future },
        Within::Everywhere => Reach::Everywhere { future },
        Within::Line => {
            let version = named()?;
            let fix = "Name a release whose version begins with two numbers, or its line: 2.4.";
            let why = format!("`{}` is in no line.", crate::inputs::clip(version));
            Reach::Line { line: line_of(version).ok_or_else(|| refuse("no-line", why, fix))?.to_owned(), future }
        }
        Within::Release => {
            let version = named()?;
            let stored = releases::by_version(tx, &finding.product, version)?.ok_or_else(|| {
                let why = format!("{} has no release `{}`.", finding.product, crate::inputs::clip(version));
                refuse("no-such-release", why, "`certrail release list` shows them.")
            })?;
            Reach::Release { release: stored.release.id }
        }
    })
}

/// Approves, rejects or revokes decisions, all or none, and says why. Whoever asked may take it back while nobody approved it.
///
/// # Errors
/// A role that may not, the requester approving their own, a state that does not allow it, no reason for an end.
pub async fn decide_finding_decisions(
    engine: &Arc<Engine>,
    caller: &Caller,
    ids: Vec<String>,
    to: ExceptionState,
    why: String,
) -> Result<Vec<FindingDecision>, Problem> {
    let caller = caller.clone();
    let (decisions, _) = engine
        .write(move |batch| {
            once(&ids).into_iter().map(|id| end(batch, &caller, id, to, &why)).collect::<Result<Vec<_>, Fault>>()
        })
        .await?;
    Ok(decisions)
}

fn end(
    batch: &mut Batch<'_>,
    caller: &Caller,
    id: &str,
    to: ExceptionState,
    why: &str,
) -> Result<FindingDecision, Fault> {
    let Some(mut decision) = finding_decisions::get(batch.tx, id)? else {
        let why = format!("There is no decision `{}`.", crate::inputs::clip(id));
        let (what, fix) = ("Nothing was changed.", "`certrail finding show` names them.");
        return Err(Problem::new(ProblemKind::NotFound, "no-such-decision", what, why, fix).into());
    };
    let own = separation::asked(batch.tx, caller, &decision.requester)?;
    // Taking back what one has asked for needs no more than asking.
    let undo = own && decision.state == ExceptionState::Requested && to == ExceptionState::Revoked;
    let on = match decision.reach {
        Reach::Everywhere { .. } => On::Everything,
        _ => On::Product(&decision.product),
    };
    allow(caller, if undo { Action::RequestException } else { Action::GrantException }, on)?;
    let allowed = matches!(
        (decision.state, to),
        (ExceptionState::Requested, ExceptionState::Approved | ExceptionState::Rejected)
            | (ExceptionState::Approved, ExceptionState::Revoked)
    );
    if !(allowed || undo) {
        let why = format!("The decision is {}.", decision.state.name());
        let (what, fix) = ("Nothing was changed.", "Ask for a new one where this one has ended.");
        return Err(Problem::new(ProblemKind::Conflict, "decision-state", what, why, fix).into());
    }
    let product = products::get(batch.tx, &decision.product)?;
    // One product's way is no other's.
    let everywhere = matches!(decision.reach, Reach::Everywhere { .. });
    let sole = !everywhere && product.as_ref().is_some_and(|p| p.sole_decider);
    if !undo && to == ExceptionState::Approved && (own && !sole || caller.person.is_none()) {
        let why = "Whoever asks for a decision cannot approve it.";
        return Err(refuse("own-decision", why, "Ask another approver.").into());
    }
    if to == ExceptionState::Approved {
        decides(caller, product.as_ref().filter(|_| !everywhere))?;
        let mut alone = own;
        for stored in speaks_of(batch.tx, &decision)? {
            let judged = judge_in(batch.tx, batch.criteria, &stored, batch.next_index(), batch.now)?;
            let of = &judged.seen.product;
            let one = certrail_domain::Product { sole_decider: of.sole_decider && !everywhere, ..of.clone() };
            alone |= separation::decides_alone(caller, &one, &judged, "Nothing was recorded.")?;
        }
        decision.alone = alone;
    }
    if to == ExceptionState::Approved && decision.expires_at <= batch.now {
        return Err(refuse("expired", "It would have ended already.", "Ask for a new one.").into());
    }
    let stored = find(batch.tx, decision.finding.as_str())?;
    if to == ExceptionState::Approved {
        let mut opens = Opens::new(batch.next_index(), batch.now);
        let open = opens.of(batch.tx, batch.criteria, &decision.product, None)?;
        let seen = (stored.finding.level, findings::standing_of(batch.tx, stored.seq)?.exploited);
        let (level, exploited) = reached_grade(&decision, seen, open);
        if !decision.covers(level, exploited) {
            let now = if exploited { "known to be exploited" } else { level.name() };
            let why = format!("It has become {now} since this was asked for.");
            return Err(refuse("graver", why, "Ask for a new decision.").into());
        }
    }
    // An approval rests on the reason of the one who asked; an end has its own.
    decision.decided_because = match (why.trim(), to) {
        ("", _) if undo => "Taken back by the one who asked.".to_owned(),
        ("", ExceptionState::Approved) => String::new(),
        (text, _) => words("reason", text, 3)?,
    };
    decision.state = to;
    decision.approver = (!undo).then(|| caller.account());
    decision.decided_at = Some(batch.now);
    let index = record(batch, stored.seq, to.name(), &caller.account(), &decision)?;
    for seq in reached(batch.tx, &decision)? {
        stand(batch, seq, index)?;
    }
    Ok(decision)
}

/// Releases that a decision reaches, newest first, of which somebody may still decide: so many are looked at.
const LOOKED_AT: usize = 5;

/// The releases whose authors do not decide on a finding: those that the decision reaches and that are not out yet.
fn speaks_of(tx: &Tx<'_>, decision: &FindingDecision) -> Result<Vec<releases::StoredRelease>, StoreError> {
    if let Reach::Release { release } = &decision.reach {
        return Ok(releases::by_id(tx, release.as_str())?.into_iter().collect());
    }
    let mut names = vec![decision.product.clone()];
    if matches!(decision.reach, Reach::Everywhere { .. }) {
        names = products::names(tx)?;
    }
    let mut all = Vec::new();
    for name in names {
        let newest = releases::of_product(tx, &name, None, 50)?.into_iter();
        let concerned = newest.filter(|s| s.release.shipped_at.is_none() && decision.reaches(&s.release));
        all.extend(concerned.take(LOOKED_AT));
    }
    Ok(all)
}

/// Ends what was asked for or decided later than now.
pub(crate) fn end_later(batch: &mut Batch<'_>, why: &str) -> Result<(), Fault> {
    let operator = Caller::internal(crate::clock_era::OPERATOR);
    for (state, to) in
        [(ExceptionState::Requested, ExceptionState::Rejected), (ExceptionState::Approved, ExceptionState::Revoked)]
    {
        for decision in finding_decisions::in_state(batch.tx, state, i64::MAX as u64)? {
            if decision.requested_at.max(decision.decided_at.unwrap_or_default()) > batch.now {
                end(batch, &operator, &decision.id.to_string(), to, why)?;
            }
        }
    }
    Ok(())
}

/// The findings a decision speaks of, in every product it reaches.
fn reached(tx: &Tx<'_>, decision: &FindingDecision) -> Result<Vec<i64>, StoreError> {
    let everywhere = matches!(decision.reach, Reach::Everywhere { .. });
    let names: Vec<String> = match everywhere {
        true => products::names(tx)?,
        false => vec![decision.product.clone()],
    };
    let mut rows = Vec::new();
    for name in names {
        rows.extend(findings::standing(tx, &track::key(&name, &decision.fingerprint))?.map(|s| s.seq));
    }
    Ok(rows)
}

/// Findings moved in one commit when their decisions end.
const CHUNK: u64 = 1_000;

/// Moves findings whose decision has ended back to where something has to be done about them. Verdicts do not wait for
/// this: they look at the clock themselves. Returns how many.
///
/// # Errors
/// A failed commit.
pub async fn end_decisions(engine: &Arc<Engine>) -> Result<u64, Problem> {
    let mut total = 0;
    loop {
        let now = engine.now();
        if engine.read(|tx| findings::ended(tx, now, 1))?.is_empty() {
            return Ok(total);
        }
        let (moved, _) = engine
            .write(move |batch| {
                let rows = findings::ended(batch.tx, batch.now, CHUNK)?;
                let ids = rows.iter().map(|seq| findings::id(batch.tx, *seq)).collect::<Result<Vec<_>, _>>()?;
                let mut labels = Vec::new();
                for seq in &rows {
                    labels.extend(marks(batch.tx, *seq)?);
                }
                labels.sort_unstable();
                labels.dedup();
                let document = serde_json::json!({ "ended": ids });
                let index = batch.control(ENDED, "certrail", &labels, &document)?;
                for seq in &rows {
                    stand(batch, *seq, index)?;
                }
                Ok(rows.len() as u64)
            })
            .await?;
        total += moved;
    }
}

/// The act that tells which findings no decision holds any longer.
pub(crate) const ENDED: &str = "findings-ended";
