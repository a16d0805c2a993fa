//! Judging: every requirement over its subjects, then exceptions, then the sum.

mod later;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use certrail_domain::{
    Cause, Evaluation, EvidenceId, Exception, ExceptionId, Facts, Interval, Key, RequirementResult, Row, RuleOutcome,
    RuleResult, Snapshot, Subject, Time, Truth, Verdict, facts::ReviewVerdict,
};

use crate::{
    Criteria, Evidence, Identities, Input, Requirement, Rule, World,
    findings::RiskTaken,
    predicate::Predicate,
    rules::{Approved, Found, Scope, approvals_for_production},
};

/// The version of the rules. It changes whenever the same inputs could give another output.
pub const EVALUATOR: &str = "certrail-rules/12";

/// An evaluation, and for how long it stays what it is.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The outcome.
    pub evaluation: Evaluation,
    /// The first instant at which the clock alone could change a verdict; none if it never can. The ages that its
    /// sentences name are those of the time of decision.
    pub valid_until: Option<Time>,
    /// How the approvals for production stand, each environment for itself.
    pub approvals: Vec<Approved>,
    /// The accounts of everybody who wrote any of the release.
    pub authors: BTreeSet<String>,
}

/// Judges a release. A pure function: the same input and criteria give the same bytes.
#[must_use]
pub fn evaluate(criteria: &Criteria, criteria_digest: &str, input: &Input<'_>) -> Evaluated {
    let world = World::new(input);
    let scope = Scope { input, world: &world };
    let release = serde_json::to_value(input.release).map_err(|e| e.to_string());
    let mut rules = Vec::new();
    let run = |requirement: &Requirement, scope: &Scope<'_>| match applies(requirement, &release) {
        Ok(true) => requirement.check.run(scope),
        Ok(false) => {
            Found::nothing(Verdict::NotApplicable, Cause::NoSubjects, "It does not apply to this type of release.")
        }
        Err(why) => Found::nothing(
            Verdict::Indeterminate,
            Cause::Error,
            &format!("Whether it applies could not be computed: {why}."),
        ),
    };
    let mut judged: Vec<Judged<'_>> =
        criteria.requirements.iter().map(|r| judge(r, run(r, &scope), &scope, &mut rules)).collect();
    later::look_again(&world, input, &mut judged, &run);
    let requirements: Vec<RequirementResult> = judged.into_iter().map(Judged::sum).collect();
    rules.extend(time_rules(&world, input));
    rules.sort_by(|a, b| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)));
    let evaluation = Evaluation {
        schema: Evaluation::SCHEMA.to_owned(),
        snapshot: Snapshot {
            release: input.release.id.clone(),
            log_position: input.log_position,
            decision_time: input.decision_time,
            criteria: criteria.name.clone(),
            criteria_version: criteria.version.clone(),
            criteria_digest: criteria_digest.to_owned(),
            evaluator: EVALUATOR.to_owned(),
            exceptions: relied_on(&scope, &requirements),
            evidence_count: input.evidence.len() as u64,
            next: input.next,
        },
        summary: Evaluation::summarise(&requirements),
        requirements,
        rules,
    };
    let approvals = approvals_for_production(&scope, &criteria.requirements.iter().map(|r| &r.check));
    let authors = world.authors.iter().map(|account| (*account).to_owned()).collect();
    Evaluated { evaluation, valid_until: world.valid_until(), approvals, authors }
}

/// The exceptions of a release that were in force, approved by somebody who wrote none of it.
fn in_force<'a>(scope: &'a Scope<'_>) -> impl Iterator<Item = &'a Exception> {
    let Scope { input, world } = scope;
    let own = input.exceptions.iter().filter(|e| e.scope.release == input.release.id);
    own.filter(move |e| world.as_of.holds(e.edges(), |now| e.in_force(now)) && scope.may_decide(e) == Truth::True)
}

/// The exceptions that were in force, decisions about findings among them that a verdict rests on.
fn relied_on(scope: &Scope<'_>, requirements: &[RequirementResult]) -> Vec<ExceptionId> {
    let used = requirements.iter().flat_map(|r| &r.rows).filter_map(|row| row.exception.clone());
    let mut all: Vec<ExceptionId> = in_force(scope).map(|e| e.id.clone()).chain(used).collect();
    all.sort();
    all.dedup();
    all
}

fn applies(requirement: &Requirement, release: &Result<serde_json::Value, String>) -> Result<bool, String> {
    let Some(source) = &requirement.applies else { return Ok(true) };
    let release = release.as_ref().map_err(Clone::clone)?;
    let predicate = Predicate::compile(source).map_err(|e| e.to_string())?;
    let predicate = predicate.about(release).map_err(|e| e.to_string())?;
    predicate.holds(&serde_json::Value::Null).map_err(|e| e.to_string())
}

/// A requirement with what was found for it.
struct Judged<'a> {
    requirement: &'a Requirement,
    rows: Vec<Row>,
    pending: bool,
}

impl Judged<'_> {
    /// The worst row is what counts.
    fn sum(self) -> RequirementResult {
        let Self { requirement, rows, pending } = self;
        let worst = rows.iter().max_by_key(|r| r.verdict).expect("there is at least one row");
        let same = rows.iter().filter(|r| r.verdict == worst.verdict).count();
        let sentence = match (rows.len(), same) {
            (1, _) | (_, 1) => worst.sentence.clone(),
            (all, n) if worst.verdict.opens_gate() => format!("{n} of {all}. {}", worst.sentence),
            (all, n) => format!("{n} of {all} do not meet it. {}", worst.sentence),
        };
        RequirementResult {
            id: requirement.id.clone(),
            title: requirement.title.clone(),
            verdict: worst.verdict,
            cause: worst.cause,
            sentence,
            fix: if worst.verdict.opens_gate() { String::new() } else { requirement.fix.clone() },
            blocking: requirement.blocking,
            pending: pending && !worst.verdict.opens_gate(),
            rows,
        }
    }
}

/// The rows of a requirement, with the exceptions that cover them.
fn judge<'a>(requirement: &'a Requirement, found: Found, scope: &Scope<'_>, rules: &mut Vec<RuleResult>) -> Judged<'a> {
    let input = scope.input;
    let Found { mut rows, rules: mut outcomes, fallback, pending } = found;
    if rows.is_empty() {
        let (verdict, cause, sentence) = fallback;
        rows.push(Row {
            subject: Subject { id: "release".into(), name: input.release.title() },
            verdict,
            cause,
            sentence,
            inputs: vec![],
            exception: None,
        });
    }
    let own: Vec<&Exception> = in_force(scope).filter(|e| e.scope.requirement == requirement.id).collect();
    let evidence = input.evidence.iter().chain(input.context).filter(|_| !own.is_empty());
    let held: HashMap<&EvidenceId, &Evidence> = evidence.map(|e| (&e.id, e)).collect();
    let of_findings = matches!(requirement.check, Rule::Findings { .. });
    let taken: Vec<Option<RiskTaken>> =
        own.iter().map(|e| e.decided_at.filter(|_| of_findings).map(|at| RiskTaken::at(scope, at))).collect();
    for row in rows.iter_mut().filter(|r| !r.verdict.opens_gate()) {
        let covering = own.iter().copied().zip(&taken).find(|(e, taken)| {
            let finding = row.subject.id.strip_prefix("finding:").zip(taken.as_ref());
            e.scope.subject.as_ref().is_none_or(|s| *s == row.subject.id)
                && match finding {
                    // A risk that was taken is not taken any longer once it is greater, nor for longer than one may be.
                    Some((id, taken)) => taken.holds(id, &scope.world.as_of),
                    None => was_part(requirement, input, row, e) && was_there(requirement, row, e, &held),
                }
        });
        if let Some((exception, _)) = covering {
            excuse(row, exception, input.identities);
            for outcome in outcomes.iter_mut().filter(|o| o.subject == row.subject.id && o.outcome == RuleOutcome::Fail)
            {
                outcome.outcome = RuleOutcome::Excused;
            }
        }
    }
    say_what_was_reported(&mut rows, input);
    rules.append(&mut outcomes);
    Judged { requirement, rows, pending }
}

/// Whether the artefacts that a row speaks of were part of the release when an exception was approved.
fn was_part(requirement: &Requirement, input: &Input<'_>, row: &Row, exception: &Exception) -> bool {
    let was = |digest: &String| exception.digests.contains(digest);
    match &requirement.check {
        Rule::SignOff { .. } | Rule::Approval { .. } => input.release.digests.iter().all(was),
        _ => {
            let key = row.subject.id.strip_prefix("digest:").map(|_| &row.subject.id);
            key.is_none_or(|key| exception.digests.iter().any(|digest| Key::digest(digest).as_str() == key))
        }
    }
}

/// Whether what a row speaks of was there when an exception was approved: what came later nobody looked at. That a deployment was not approved is excepted for those that follow; and
/// of a change only another head, or another no, is something new.
fn was_there(
    requirement: &Requirement,
    row: &Row,
    exception: &Exception,
    held: &HashMap<&EvidenceId, &Evidence>,
) -> bool {
    let Some(decided) = exception.decided_at else { return false };
    let (before, later): (Vec<&Evidence>, Vec<&Evidence>) =
        row.inputs.iter().filter_map(|id| held.get(id).copied()).partition(|e| e.received <= decided);
    let head_of = |e: &Evidence| match &e.signal.facts {
        Facts::Change(change) => Some(change.head.clone()),
        _ => None,
    };
    let heads: BTreeSet<String> = before.iter().filter_map(|e| head_of(e)).collect();
    later.into_iter().all(|e| match &e.signal.facts {
        Facts::Change(change) => heads.contains(&change.head),
        Facts::Review(review) => matches!(review.verdict, ReviewVerdict::Commented | ReviewVerdict::Approved),
        Facts::Deployment(_) => requirement.check.is_approval(),
        _ => false,
    })
}

/// A pass that rests on a report which only this product accepts says so.
fn say_what_was_reported(rows: &mut [Row], input: &Input<'_>) {
    if input.product.accepts_reported.is_empty() {
        return;
    }
    let evidence = input.evidence.iter().chain(input.context);
    let accepted: BTreeMap<&EvidenceId, &str> =
        evidence.filter(|e| e.is_accepted_report(input.product)).map(|e| (&e.id, e.signal.facts.kind())).collect();
    if accepted.is_empty() {
        return;
    }
    for row in rows.iter_mut().filter(|r| r.verdict.opens_gate()) {
        let mut kinds: Vec<&str> = row.inputs.iter().filter_map(|id| accepted.get(id).copied()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        if !kinds.is_empty() {
            let kinds = kinds.join(" and ");
            row.sentence
                .push_str(&format!(" This rests on what was only reported ({kinds}), which this product accepts."));
        }
    }
}

/// The rule was not met, and that stays on the record; the exception is named beside it (law 6).
fn excuse(row: &mut Row, exception: &Exception, identities: &Identities) {
    row.verdict = Verdict::Excepted;
    row.cause = Cause::Excepted;
    row.exception = Some(exception.id.clone());
    let approver = exception.approver.as_deref().map_or("somebody", |account| identities.name(account));
    let decided = exception.decided_at.map(Time::date).unwrap_or_default();
    let by_token = if exception.told_by_token { " (by a token, so it was only reported)" } else { "" };
    row.sentence = format!(
        "The rule was not met ({}); {approver} accepted this{by_token} on {decided} until {}, because: {}",
        row.sentence.trim_end_matches('.'),
        exception.expires_at.date(),
        exception.reason
    );
}

/// How late evidence of a kind may reach us before it is marked (T37): a day.
const LATENESS: i64 = Time::DAY;

/// Rules about evidence as such: T37, T38, T39.
fn time_rules(world: &World<'_>, input: &Input<'_>) -> Vec<RuleResult> {
    let one = |rule: &str, e: &Evidence, outcome: RuleOutcome, sentence: String| RuleResult {
        rule: rule.to_owned(),
        subject: e.id.to_string(),
        outcome,
        sentence,
        inputs: vec![e.id.clone()],
    };
    let mut out = Vec::new();
    for e in &world.future {
        out.push(one(
            "T39",
            e,
            RuleOutcome::Fail,
            format!(
                "It claims {}, and we received it {} earlier. It counts for nothing.",
                e.at().human(),
                Time::span(e.at().since(e.received))
            ),
        ));
    }
    for e in world.after.iter().filter(|e| !matches!(e.signal.facts, Facts::Change(_) | Facts::Push(_) | Facts::Tag(_)))
    {
        out.push(one(
            "T38",
            e,
            RuleOutcome::Fail,
            format!("It was made on {}, after the release began to go to production. It cannot satisfy what had to come before.", e.at().human()),
        ));
    }
    let decided = input.certifications.iter().filter(|c| c.passed).map(|c| c.at).min();
    for e in input.evidence.iter().filter(|e| e.signal.occurred_at.is_some()) {
        let delay = e.received.since(e.at());
        let after_decision = decided
            .is_some_and(|d| d < e.received && Interval::new(e.at(), 0).before(Interval::new(d, 0)) == Truth::True);
        if delay > LATENESS || after_decision {
            let why = if after_decision {
                "It reached us after the decision and did not count towards it."
            } else {
                "It counts, and the delay is on record."
            };
            out.push(one(
                "T37",
                e,
                RuleOutcome::Fail,
                format!("It happened on {} and reached us {} later. {why}", e.at().human(), Time::span(delay)),
            ));
        }
    }
    for (rule, clean) in [
        ("T37", "All evidence reached us within a day of happening."),
        ("T38", "No evidence was made after the fact."),
        ("T39", "No evidence claims the future."),
    ] {
        if !out.iter().any(|r| r.rule == rule) {
            let (outcome, sentence) = match input.evidence.is_empty() {
                true => (RuleOutcome::NotApplicable, "We hold no evidence."),
                false => (RuleOutcome::Pass, clean),
            };
            out.push(RuleResult {
                rule: rule.into(),
                subject: "release".into(),
                outcome,
                sentence: sentence.into(),
                inputs: vec![],
            });
        }
    }
    out
}
