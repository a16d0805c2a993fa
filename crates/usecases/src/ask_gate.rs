//! A gate is asked: evaluate at the newest position, answer, log the question with its evaluation.

use std::{fmt, sync::Arc};

use certrail_criteria::{APPROVAL_DAYS, Rule};
use certrail_domain::{Action, Facts, Problem, ProblemKind, Release, Time, Verdict, facts::same_environment, sentence};
use certrail_ledger::{Hash, leaf::label};
use certrail_store::tables::decisions::{self, GateAsk};
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;

use crate::{
    Caller,
    access::{On, allow},
    bind,
    engine::{ClockDoubt, Engine, Kept},
    judge::{Judged, judge_next},
    tag_elsewhere::tag_elsewhere,
};

/// A named checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Every blocking requirement has evidence, good or bad.
    Evidence,
    /// Tests and findings are good.
    Quality,
    /// The release may be certified: nothing blocking is open before deployment.
    Certification,
    /// The release may go to an environment: certified, approved, and nothing new against it.
    Deploy(String),
}

impl Gate {
    /// Reads `evidence`, `quality`, `certification`, `deploy:production`; a bare environment means its deploy gate.
    ///
    /// # Errors
    /// When the text is empty.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        match text.trim() {
            "evidence" => Ok(Self::Evidence),
            "quality" => Ok(Self::Quality),
            "certification" => Ok(Self::Certification),
            other => match other.strip_prefix("deploy:").unwrap_or(other) {
                "" => Err(Problem::new(
                    ProblemKind::BadInput,
                    "no-such-gate",
                    "The gate was not asked.",
                    "No gate was named.",
                    "Name one of evidence, quality, certification, or deploy:ENVIRONMENT.",
                )),
                environment => Ok(Self::Deploy(environment.to_owned())),
            },
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evidence => f.write_str("evidence"),
            Self::Quality => f.write_str("quality"),
            Self::Certification => f.write_str("certification"),
            Self::Deploy(environment) => write!(f, "deploy:{environment}"),
        }
    }
}

/// Something that keeps a gate closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// The requirement's id, or `certification`, `approval`.
    pub requirement: String,
    /// What people call it.
    pub title: String,
    /// How it stands.
    pub verdict: Verdict,
    /// Why, one sentence.
    pub sentence: String,
    /// What to do.
    pub fix: String,
}

/// A gate's answer.
#[derive(Clone, Debug, Serialize)]
pub struct GateAnswer {
    /// The gate.
    pub gate: String,
    /// `payments-api/2.4.1`.
    pub release: String,
    /// Whether it is open.
    pub allow: bool,
    /// The sentence.
    pub sentence: String,
    /// The fraction.
    pub fraction: String,
    /// What keeps it closed, worst first.
    pub blockers: Vec<Blocker>,
    /// All entries below this were seen.
    pub log_position: u64,
    /// The clock of the answer.
    pub decided_at: Time,
    /// SHA-256 of the evaluation it rests on.
    pub evaluation: String,
    /// The clock of that evaluation, by which it may be run again.
    pub evaluated_at: Time,
    /// It was judged for the next deployment of a release that had been in production.
    pub next: bool,
    /// The entry that records this question.
    pub index: u64,
}

/// Asks a gate. The question and its answer are on record whatever the answer is.
///
/// # Errors
/// A role that may not, an unknown release, a failed commit. An error is never an answer: it is neither yes nor no.
pub async fn ask_gate(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    gate: Gate,
) -> Result<GateAnswer, Problem> {
    let on = match &gate {
        Gate::Deploy(environment) => On::Environment(product, environment),
        Gate::Evidence | Gate::Quality | Gate::Certification => On::Product(product),
    };
    allow(caller, Action::AskGate, on)?;
    let asked = Asked { product: product.to_owned(), version: version.to_owned(), gate, account: caller.account() };
    let own = engine.clone();
    let turn = engine.judging_turn(format!("{product}/{version}")).await;
    let WorkedOut { answer, seq, mark, ask, body } = engine.answer(move || work_out(&own, &asked, turn)).await?;
    let recorded = answer.clone();
    let (index, _) = engine
        .write(move |batch| {
            let index = batch.control("gate-asked", &ask.actor, &[mark], &recorded)?;
            batch.keep_body(&body.0, &body.1, index)?;
            let first = decisions::first_evaluated(batch.tx, &ask.release)?.is_none();
            decisions::insert_ask(batch.tx, &GateAsk { log_index: index, ..ask.clone() })?;
            if first {
                // What went out unjudged has an evaluation on record now.
                bind::refresh_base(batch, seq)?;
            }
            Ok(index)
        })
        .await?;
    Ok(GateAnswer { index, ..answer })
}

/// A question to a gate, and who asks.
struct Asked {
    product: String,
    version: String,
    gate: Gate,
    account: String,
}

/// The answer of a gate, and what is kept of it.
struct WorkedOut {
    answer: GateAnswer,
    /// The number of its release.
    seq: i64,
    /// The label of its release.
    mark: [u8; 16],
    ask: GateAsk,
    /// The evaluation it rests on.
    body: Arc<(Hash, Kept)>,
}

/// What a gate answers. Takes as long as a judgement does.
fn work_out(engine: &Engine, asked: &Asked, turn: OwnedMutexGuard<()>) -> Result<WorkedOut, Problem> {
    let Asked { product, version, gate, account } = asked;
    let stored = crate::look::find_release(engine, product, version)?;
    let judged = judge_next(engine, &stored)?;
    is_known(gate, &judged)?;
    let body = judged.body(&engine.blobs)?;
    drop(turn);
    let now = engine.now();
    let evaluation = &judged.evaluation;
    let mut blockers = blockers(gate, &judged, now);
    if let Some(doubt) = engine.clock_doubt() {
        blockers.insert(0, clock_uncertain(&doubt));
    }
    let digest = body.0;
    let answer = GateAnswer {
        gate: gate.to_string(),
        release: format!("{}/{}", stored.release.product, stored.release.version),
        // A gate over nothing stays closed: no requirement that counts is not the same as all met.
        allow: blockers.is_empty() && evaluation.summary.counted > 0,
        sentence: sentence::sentence(&stored.release, evaluation),
        fraction: sentence::fraction(&evaluation.summary),
        blockers,
        log_position: evaluation.snapshot.log_position,
        decided_at: now,
        evaluation: certrail_ledger::hex(&digest),
        evaluated_at: evaluation.snapshot.decision_time,
        next: evaluation.snapshot.next,
        index: 0,
    };
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let ask = GateAsk {
        log_index: 0,
        release: stored.release.id.to_string(),
        gate: answer.gate.clone(),
        answer: if answer.allow { "allow" } else { "deny" }.to_owned(),
        actor: account.clone(),
        asked: now.as_micros(),
        evaluation: digest,
    };
    Ok(WorkedOut { answer, seq: stored.seq, mark, ask, body })
}

/// Whether the product has what somebody asks to deploy to: that a name was mistyped is neither yes nor no, and no question on
/// record.
fn is_known(gate: &Gate, judged: &Judged) -> Result<(), Problem> {
    let Gate::Deploy(environment) = gate else { return Ok(()) };
    let product = &judged.seen.product;
    let by_criteria = judged.criteria.requirements.iter().filter_map(|r| r.check.environment());
    let production = product.production.iter().map(String::as_str);
    let deployed = judged.seen.evidence.iter().filter_map(|e| match &e.signal.facts {
        Facts::Deployment(d) => Some(d.environment.as_str()),
        _ => None,
    });
    // The criteria's word for production is one of them only where the product has one that is called so.
    let others = product.environments.iter().map(String::as_str).chain(by_criteria.filter(|e| *e != Rule::PRODUCTION));
    let mut known: Vec<&str> = Vec::new();
    for name in production.chain(others).chain(deployed) {
        if !known.iter().any(|k| same_environment(k, name)) {
            known.push(name);
        }
    }
    if known.iter().any(|name| same_environment(name, environment)) {
        return Ok(());
    }
    let asked = crate::inputs::clip(environment);
    let gates = ["evidence", "quality", "certification"];
    let meant = gates.into_iter().chain(known.iter().copied());
    let alike = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &asked.to_lowercase());
    let meant = meant.max_by(|a, b| alike(a).total_cmp(&alike(b))).filter(|name| alike(name) > 0.8);
    let guess = meant.map(|name| format!("Did you mean `{name}`? ")).unwrap_or_default();
    Err(Problem::new(
        ProblemKind::BadInput,
        "no-such-gate",
        "The gate was not asked.",
        format!("`{asked}` is no gate, and no environment of {}: {}.", product.name, known.join(", ")),
        format!(
            "{guess}Name one of evidence, quality, certification, or deploy:ENVIRONMENT; an admin adds an environment with `certrail product add {} --environment NAME`.",
            product.name
        ),
    ))
}

/// Whether an environment counts as production: the product says so, or a deployment of the release to it did, or nobody who may
/// say what it is has named it.
fn is_production(judged: &Judged, environment: &str) -> bool {
    let product = &judged.seen.product;
    let by_criteria = || judged.criteria.requirements.iter().filter_map(|r| r.check.environment());
    let by_product = product.environments.iter().map(String::as_str);
    let named = by_product.chain(by_criteria()).any(|name| same_environment(name, environment));
    product.calls_production(environment)
        || !named
        || judged.seen.evidence.iter().any(|e| match &e.signal.facts {
            Facts::Deployment(d) => {
                same_environment(&d.environment, environment) && product.is_production(d, e.log_index)
            }
            _ => false,
        })
}

/// Nothing is judged by a clock that nobody believes.
fn clock_uncertain(doubt: &ClockDoubt) -> Blocker {
    Blocker {
        requirement: "clock".into(),
        title: "Time".into(),
        verdict: Verdict::Indeterminate,
        sentence: doubt.sentence(),
        fix: "Ask whoever runs the server to correct its clock.".into(),
    }
}

/// A gate that asks nothing is not open for that.
fn nothing_asked() -> Blocker {
    Blocker {
        requirement: "quality".into(),
        title: "Quality".into(),
        verdict: Verdict::Missing,
        sentence: "The criteria of the product ask for no test, coverage, scan or limit of findings.".into(),
        fix: "Ask another gate, or let the criteria name what good means.".into(),
    }
}

/// What keeps a gate closed.
fn blockers(gate: &Gate, judged: &Judged, now: Time) -> Vec<Blocker> {
    let open = sentence::open_items(&judged.evaluation).into_iter().filter(|r| !r.pending);
    let of = |r: &certrail_domain::RequirementResult| Blocker {
        requirement: r.id.clone(),
        title: r.title.clone(),
        verdict: r.verdict,
        sentence: r.sentence.clone(),
        fix: r.fix.clone(),
    };
    match gate {
        Gate::Evidence => {
            open.filter(|r| matches!(r.verdict, Verdict::Missing | Verdict::Indeterminate)).map(of).collect()
        }
        Gate::Quality => {
            if !judged.criteria.requirements.iter().any(|r| r.check.is_about_quality()) {
                return vec![nothing_asked()];
            }
            open.filter(|r| judged.checks(&r.id, Rule::is_about_quality)).map(of).collect()
        }
        // The approval of a deployment is given to what is certified; it is asked for at the deploy gate.
        Gate::Certification => {
            let with_it = |rule: &Rule| rule.comes_with_production(&judged.seen.product);
            let open = open.filter(|r| !judged.checks(&r.id, with_it)).map(of);
            decided_against(judged).into_iter().chain(open).collect()
        }
        Gate::Deploy(environment) => {
            let production = is_production(judged, environment);
            let asked = |rule: &Rule| rule.is_asked_for(environment, production);
            // What comes after another environment is not awaited here: it has to be there.
            let elsewhere = |rule: &Rule| matches!(rule, Rule::Validation { .. });
            let items = sentence::open_items(&judged.evaluation).into_iter();
            let items = items.filter(|r| !r.pending || judged.checks(&r.id, elsewhere));
            let mut all: Vec<Blocker> = items.filter(|r| judged.checks(&r.id, asked)).map(of).collect();
            all.extend(not_approved(judged, environment, now));
            if !production {
                return all;
            }
            let seen = &judged.seen;
            let decided = decided_against(judged).or_else(|| opposed(judged));
            let decided = decided.or_else(|| not_certified(&seen.certifications, &seen.evidence, &seen.release));
            all.splice(0..0, decided);
            all
        }
    }
}

/// An approval for one environment opens no other: the rule of the criteria is asked about exactly this one.
fn not_approved(judged: &Judged, environment: &str, now: Time) -> Option<Blocker> {
    // Only what speaks of this environment can excuse it: a requirement that does not apply to this type of release,
    // or one that somebody excepted as a whole, not for one deployment.
    let seen = &judged.seen;
    let asked: Vec<(&String, i64)> = (judged.criteria.requirements.iter())
        .filter_map(|r| r.check.approval_days(&seen.product, environment).map(|days| (&r.id, days)))
        .collect();
    // Where the criteria ask for no approval, production needs one all the same.
    if asked.is_empty() && !is_production(judged, environment) {
        return None;
    }
    let verdict = |id: &str| judged.evaluation.requirements.iter().find(|r| r.id == id).map(|r| r.verdict);
    let excepted = |id: &str| {
        seen.exceptions.iter().any(|e| {
            e.scope.release == seen.release.id
                && e.scope.requirement == id
                && e.scope.subject.as_deref().is_none_or(|subject| subject == "release")
                && e.in_force(now)
                && judged.excuses_all(e)
        })
    };
    let left: Vec<i64> = asked
        .iter()
        .filter(|(id, _)| verdict(id) != Some(Verdict::NotApplicable) && !excepted(id))
        .map(|(_, days)| *days)
        .collect();
    if !asked.is_empty() && left.is_empty() {
        return None;
    }
    let days = left.into_iter().min().unwrap_or(APPROVAL_DAYS);
    let row = judged.approval(environment, days, now);
    (!row.verdict.opens_gate()).then(|| Blocker {
        requirement: "approval".into(),
        title: format!("Approval for {environment}"),
        verdict: row.verdict,
        sentence: row.sentence,
        fix: format!(
            "Ask an approver to approve the deployment to {environment} on the page of {}.",
            judged.seen.release.version
        ),
    })
}

/// Somebody decided that it is not to go out, and nobody the other way since.
fn decided_against(judged: &Judged) -> Option<Blocker> {
    let Release { version, decided_against, .. } = &judged.seen.release;
    let against = decided_against.as_ref()?;
    let who = judged.seen.identities.name(&against.by);
    Some(Blocker {
        requirement: "certification".into(),
        title: "Certification".into(),
        verdict: Verdict::Failed,
        sentence: format!("{who} {}", against.words()),
        fix: format!("Cut another version, or, where that was mistaken, certify {version} on its page."),
    })
}

/// Somebody decided since against another version of exactly the same.
fn opposed(judged: &Judged) -> Option<Blocker> {
    let seen = &judged.seen;
    let (twin, against) =
        seen.twins.iter().find_map(|twin| Some((twin, twin.opposes(&seen.release, &seen.certifications)?)))?;
    let (who, version) = (seen.identities.name(&against.by), &seen.release.version);
    Some(Blocker {
        requirement: "certification".into(),
        title: "Certification".into(),
        verdict: Verdict::Failed,
        sentence: format!(
            "{who} decided against {}, which is cut at the same commit: {}",
            twin.version, against.reason
        ),
        fix: format!(
            "Cut another version, or, where that does not hold for {version}, certify {version} again on its page."
        ),
    })
}

/// T23 and T24 at the gate: a yes is on record, and nothing that counts changed the build since.
fn not_certified(
    certifications: &[certrail_criteria::Certification],
    evidence: &[certrail_criteria::Evidence],
    release: &certrail_domain::Release,
) -> Option<Blocker> {
    let blocker = |sentence: String| Blocker {
        requirement: "certification".into(),
        title: "Certification".into(),
        verdict: Verdict::Missing,
        sentence,
        fix: format!("Ask a release manager to certify {} on its page.", release.version),
    };
    let Some(newest) = certifications.last().filter(|c| c.passed) else {
        return Some(blocker(format!("{} is not certified.", release.version)));
    };
    if release.digests.iter().any(|d| !newest.digests.contains(d)) {
        return Some(blocker("It has an artefact that was not there when it was certified.".into()));
    }
    tag_elsewhere(evidence.iter(), release).map(|elsewhere| Blocker {
        fix: format!("Put the tag of {} back, or cut another version.", release.version),
        ..blocker(elsewhere.sentence())
    })
}
