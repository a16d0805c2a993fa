//! T19–T22: somebody separate allowed exactly this to be deployed, beforehand, not too long ago.

use std::collections::{BTreeMap, HashSet};

use certrail_domain::{
    ActorKind, Cause, EvidenceId, Facts, Interval, Row, RuleResult, Subject, Time, Truth, Verdict,
    facts::{Approval, ApprovalVerdict, plain_environment, same_environment},
};

use super::{Found, Rule, Scope, rule};
use crate::{Clock, Evidence, world::DeploymentView};

/// The deployments a requirement on an environment speaks of.
pub(super) fn deployments_to<'s, 'a>(
    scope: &'s Scope<'a>,
    environment: &str,
) -> impl Iterator<Item = &'s DeploymentView<'a>> {
    let production = same_environment(environment, Rule::PRODUCTION);
    let name = environment.to_owned();
    scope
        .world
        .deployments
        .iter()
        .filter(move |d| if production { d.production } else { same_environment(&d.newest.environment, &name) })
        .filter(|d| d.succeeded.is_some())
}

pub(super) fn check(scope: &Scope<'_>, environment: &str, validity_days: i64) -> Found {
    let (mut rows, mut rules) = (Vec::new(), Vec::new());
    let mut judge = |environments: &[&str], deployment: Option<&DeploymentView<'_>>| {
        let approvals = approvals(scope, environments, deployment.map(|d| d.start));
        let named = deployment.map_or(environment, |d| d.newest.environment.as_str());
        let (row, mut results) = one(scope, named, &approvals, deployment, validity_days);
        rows.push(row);
        rules.append(&mut results);
    };
    for deployment in deployments_to(scope, environment) {
        judge(&[deployment.newest.environment.as_str()], Some(deployment));
    }
    if deployments_to(scope, environment).next().is_none() {
        let production: Vec<&str> = scope.input.product.production.iter().map(String::as_str).collect();
        judge(
            if same_environment(environment, Rule::PRODUCTION) {
                &production
            } else {
                std::slice::from_ref(&environment)
            },
            None,
        );
    }
    Found { rules, ..Found::rows(rows) }
}

/// Whether exactly this environment may be deployed to: the same rule, before any deployment.
pub(crate) fn for_environment(scope: &Scope<'_>, environment: &str, validity_days: i64) -> Row {
    one(scope, environment, &approvals(scope, &[environment], None), None, validity_days).0
}

/// The newest word of each person about one of the environments, as it stood when the deployment began. A word that
/// came later takes nothing back and fails nothing; a late yes counts only for saying that it was too late. Nobody
/// knows how many people stand behind an approval without a name.
fn approvals<'a>(
    scope: &Scope<'a>,
    environments: &[&str],
    start: Option<Interval>,
) -> Vec<(&'a Evidence, &'a Approval)> {
    let mut latest: BTreeMap<(String, String), (bool, &Evidence, &Approval)> = BTreeMap::new();
    let taken_back = told_back(scope, "approval");
    // What came after the first production deployment counts for the next one.
    for e in scope.world.usable.iter().chain(&scope.world.after) {
        let Facts::Approval(a) = &e.signal.facts else { continue };
        let Some(named) = environments.iter().find(|name| a.is_for(name)).filter(|_| a.meaning == "approval") else {
            continue;
        };
        // A yes has to be observed; a no, or a yes taken back, counts from whomever we hear it.
        if a.verdict == ApprovalVerdict::Approved && !e.is_believed(scope.input.product) || taken_back.contains(&e.id) {
            continue;
        }
        // What was decided against since is approved anew, or not at all.
        if a.verdict == ApprovalVerdict::Approved && decided_against_since(scope, e, start) {
            continue;
        }
        let late = start.is_some_and(|start| start.before(e.interval()) == Truth::True);
        if late && a.verdict != ApprovalVerdict::Approved {
            continue;
        }
        let who = a.approver.as_ref().map_or(e.id.as_str(), |p| scope.input.identities.person(&p.account));
        let known = latest.entry((who.to_owned(), plain_environment(named))).or_insert((late, e, a));
        let rank = |late: bool, e: &Evidence| (!late, e.at(), e.log_index);
        if rank(late, e) >= rank(known.0, known.1) {
            *known = (late, e, a);
        }
    }
    latest.into_values().map(|(_, e, a)| (e, a)).collect()
}

/// Whether somebody decided against the release after an approval of its deployment, and before the deployment began.
fn decided_against_since(scope: &Scope<'_>, approval: &Evidence, start: Option<Interval>) -> bool {
    let before = |at: Time| start.is_none_or(|start| Interval::new(at, Interval::SERVER).before(start) != Truth::False);
    scope.input.certifications.iter().any(|no| !no.passed && no.log_index > approval.log_index && before(no.at))
}

/// Noes that their own tellers took back: a later word of the same person, told in the same way, is no yes and ends the no.
pub(super) fn told_back<'a>(scope: &Scope<'a>, meaning: &str) -> HashSet<&'a EvidenceId> {
    let told = scope.world.usable.iter().chain(&scope.world.after).filter_map(|e| match &e.signal.facts {
        Facts::Approval(a) if a.meaning == meaning && !e.is_believed(scope.input.product) => Some((*e, a)),
        _ => None,
    });
    let mut told: Vec<(&Evidence, &Approval)> = told.collect();
    told.sort_by_key(|(e, _)| (e.at(), e.log_index));
    let mut standing: BTreeMap<(&str, String), Vec<&EvidenceId>> = BTreeMap::new();
    let mut taken_back = HashSet::new();
    for (e, a) in told {
        let Some(who) = &a.approver else { continue };
        let noes = standing
            .entry((scope.input.identities.person(&who.account), plain_environment(&a.environment)))
            .or_default();
        match a.verdict {
            ApprovalVerdict::Rejected => noes.push(&e.id),
            ApprovalVerdict::Approved | ApprovalVerdict::Withdrawn => taken_back.extend(noes.drain(..)),
        }
    }
    taken_back
}

/// An approval: before the deployment, of the same object, by somebody separate, still valid; and itself.
type Judged<'a> = (Truth, bool, Truth, Truth, &'a (&'a Evidence, &'a Approval));

fn one(
    scope: &Scope<'_>,
    environment: &str,
    approvals: &[(&Evidence, &Approval)],
    deployment: Option<&DeploymentView<'_>>,
    validity_days: i64,
) -> (Row, Vec<RuleResult>) {
    let subject = match deployment {
        Some(d) => Subject {
            id: format!("deployment:{}", d.id),
            name: format!("deployment to {environment} on {}", d.start.at.human()),
        },
        None => Subject { id: "release".into(), name: scope.input.release.title() },
    };
    // Whether who approved wrote any of it rests on what was told of its changes, too.
    let told = scope
        .input
        .evidence
        .iter()
        .filter(|e| matches!(e.signal.facts, Facts::Change(_)) && e.is_accepted_report(scope.input.product));
    let inputs: Vec<EvidenceId> = (approvals.iter().map(|(e, _)| e.id.clone()))
        .chain(deployment.iter().flat_map(|d| d.evidence.clone()))
        .chain(told.filter(|_| !approvals.is_empty()).map(|e| e.id.clone()))
        .collect();
    let row = |verdict, cause, sentence: String| Row {
        subject: subject.clone(),
        verdict,
        cause,
        sentence,
        inputs: inputs.clone(),
        exception: None,
    };
    if let Some((_, a)) = approvals.iter().find(|(_, a)| a.verdict == ApprovalVerdict::Rejected) {
        let (who, to) = (a.approver.as_ref().map_or("somebody", |p| p.shown()), &a.environment);
        return (row(Verdict::Failed, Cause::Negative, format!("{who} refused the deployment to {to}.")), vec![]);
    }
    let given: Vec<&(&Evidence, &Approval)> =
        approvals.iter().filter(|(_, a)| a.verdict == ApprovalVerdict::Approved).collect();
    if let Some((e, who)) = told_yes(scope, environment).filter(|_| given.is_empty()) {
        let sentence = format!(
            "That {who} approved the deployment to {environment} was only reported; it counts when {who} approves in a session of theirs."
        );
        let row = row(Verdict::Missing, Cause::NotObserved, sentence);
        return (Row { inputs: vec![e.id.clone()], ..row }, vec![]);
    }
    if given.is_empty() {
        let sentence = if deployment.is_some() {
            format!("No approval was recorded before the deployment to {environment}.")
        } else {
            format!("Nobody has approved the deployment to {environment}.")
        };
        return (row(Verdict::Missing, Cause::Absent, sentence), vec![]);
    }
    let started = deployment.map(|d| Clock::stopped(d.start.at));
    let until = started.as_ref().unwrap_or(&scope.world.clock);
    let judged: Vec<Judged<'_>> = given
        .iter()
        .map(|pair| {
            let (e, a) = **pair;
            let before = deployment.map_or(Truth::True, |d| e.interval().before(d.start));
            let valid = match until.is_longer_ago(e.at(), validity_days * Time::DAY) {
                true => Truth::False,
                false if e.is_dated() => Truth::True,
                false => Truth::Unknown,
            };
            (before, same_object(scope, **pair, deployment), separate(scope, a, deployment), valid, *pair)
        })
        .collect();
    let name = &subject.id;
    let t19 = Truth::any(judged.iter().map(|j| j.0));
    let t20 = Truth::any(judged.iter().map(|j| j.1.into()));
    let t22 = Truth::any(judged.iter().map(|j| j.2));
    let say = |truth: Truth, yes: &str, no: &str, unknown: &str| match truth {
        Truth::True => yes.to_owned(),
        Truth::False => no.to_owned(),
        Truth::Unknown => unknown.to_owned(),
    };
    let rules = vec![
        rule(
            "T19",
            name,
            t19,
            say(
                t19,
                "The approval came before the deployment.",
                "The approval came after the deployment began.",
                "The clocks cannot tell.",
            ),
            inputs.clone(),
        ),
        rule(
            "T20",
            name,
            t20,
            say(
                t20,
                "The approval names exactly what is deployed.",
                "The approval names something else than what is deployed.",
                "",
            ),
            inputs.clone(),
        ),
        rule(
            "T22",
            name,
            t22,
            say(
                t22,
                "The approver wrote none of it and did not deploy it.",
                "The approver is an author or the deployer.",
                "It cannot be told whether the approver is an author or the deployer.",
            ),
            inputs.clone(),
        ),
    ];
    let good = judged.iter().find(|(before, object, separate, valid, _)| {
        *before == Truth::True && *object && *separate == Truth::True && *valid == Truth::True
    });
    let row = if let Some((.., (e, a))) = good {
        let who = a.approver.as_ref().map_or("somebody", |p| p.shown());
        let when = deployment.map_or_else(
            || format!("on {}", e.at().human()),
            |d| format!("{} before the deployment", crate::spans(e.at(), d.start.at)),
        );
        let to = &a.environment;
        row(Verdict::Passed, Cause::Satisfied, format!("{who} approved the deployment to {to} {when}."))
    } else if t20 == Truth::False {
        row(
            Verdict::Failed,
            Cause::WrongSubject,
            format!("The approval for {environment} names something else than what is released."),
        )
    } else if t19 == Truth::False {
        row(
            Verdict::Failed,
            Cause::TooLate,
            format!("The approval came after the deployment to {environment} had begun."),
        )
    } else if t19 == Truth::Unknown {
        row(
            Verdict::Indeterminate,
            Cause::ClockUncertain,
            "The approval came so close to the deployment that the clocks cannot tell which was first.".into(),
        )
    } else if t22 == Truth::Unknown {
        row(
            Verdict::Indeterminate,
            Cause::IdentityUncertain,
            format!(
                "Whoever approved the deployment to {environment} may be an author under another account; link the accounts to people."
            ),
        )
    } else if t22 == Truth::False {
        row(
            Verdict::Failed,
            Cause::NotIndependent,
            format!("Whoever approved the deployment to {environment} is an author or the deployer."),
        )
    } else if judged.iter().any(|(.., valid, _)| *valid == Truth::Unknown) {
        row(
            Verdict::Indeterminate,
            Cause::ClockUncertain,
            format!(
                "When the deployment to {environment} was approved is uncertain: the clock of this server was wrong then. Approve it again."
            ),
        )
    } else {
        row(
            Verdict::Failed,
            Cause::Expired,
            format!("The approval for {environment} is older than {validity_days} days."),
        )
    };
    (row, rules)
}

/// A yes for an environment that was only reported.
fn told_yes<'a>(scope: &Scope<'a>, environment: &str) -> Option<(&'a Evidence, &'a str)> {
    scope.world.usable.iter().find_map(|e| match &e.signal.facts {
        Facts::Approval(a)
            if a.meaning == "approval"
                && a.is_for(environment)
                && a.verdict == ApprovalVerdict::Approved
                && !e.is_believed(scope.input.product) =>
        {
            Some((*e, a.approver.as_ref().map_or("somebody", |p| p.shown())))
        }
        _ => None,
    })
}

/// T20: the approval names the artefacts, or where it names none, the exact commit.
pub(super) fn same_object(
    scope: &Scope<'_>,
    (e, a): (&Evidence, &Approval),
    deployment: Option<&DeploymentView<'_>>,
) -> bool {
    let release = scope.input.release;
    let deployed: Vec<&String> = deployment
        .map(|d| d.digests.iter().collect())
        .filter(|d: &Vec<_>| !d.is_empty())
        .unwrap_or_else(|| release.digests.iter().collect());
    // What was signed here before there was an artefact is no signature on one; a forge knows of none.
    if a.digests.is_empty() && a.repository.is_none() && !deployed.is_empty() {
        return false;
    }
    // A forge's speaks of what was there when it was given.
    let joined_later = |digest: &&String| scope.input.joined.get(*digest).is_some_and(|joined| *joined > e.log_index);
    if a.digests.is_empty() && deployed.iter().any(joined_later) {
        return false;
    }
    if a.digests.is_empty() || deployed.is_empty() {
        let commits = deployment.map(|d| &d.commits).filter(|commits| !commits.is_empty());
        return match (&a.commit, commits) {
            (Some(commit), Some(deployed)) => deployed.iter().all(|d| d == commit),
            (Some(commit), None) => release.commit.as_ref() == Some(commit),
            (None, _) => false,
        };
    }
    deployed.iter().all(|d| a.digests.contains(d))
}

/// T22: the approver wrote none of it and, unless a pipeline deploys, does not deploy it.
fn separate(scope: &Scope<'_>, a: &Approval, deployment: Option<&DeploymentView<'_>>) -> Truth {
    let Some(approver) = &a.approver else { return Truth::Unknown };
    match approver.kind {
        ActorKind::Human => {}
        ActorKind::Bot => return Truth::False,
        ActorKind::Unknown => return Truth::Unknown,
    }
    if scope.input.product.sole_decider {
        return Truth::True;
    }
    // Whoever any word about it names deployed it.
    let deployers = deployment.iter().flat_map(|d| &d.deployers).map(String::as_str);
    let involved = scope.world.authors.iter().copied().chain(deployers);
    !scope.input.identities.among(&approver.account, involved)
}
