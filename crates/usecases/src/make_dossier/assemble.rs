//! The value itself: every section from one state of the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use certrail_criteria::World;
use certrail_domain::{BaseKind, Baseline, Certified, Problem, RangeBase, Time, sentence, shown_account};
use certrail_dossier::{DecisionRow, Dossier, FindingsSection};
use certrail_store::{
    StoreError, Tx,
    tables::{
        people::{self, Person},
        products,
        releases::StoredRelease,
        settings_changes,
    },
};

use super::{events::events, marks::marks, proofs, sections};
use crate::{
    engine::{Engine, LogHead, Made},
    judge::{Judged, Seen, judge_in, judge_now},
    release_findings,
};

/// Puts the value together, with proofs and bodies of decisions.
pub(super) fn assemble(engine: &Engine, stored: &StoredRelease, number: u64) -> Result<Dossier, Problem> {
    let (head, now) = (engine.head(), engine.now());
    engine.read(|tx| build(engine, tx, stored, &head, now, number, true))
}

/// The value as pages need it: unnumbered, without proofs and bodies of decisions; kept until something changes.
pub(crate) fn preview(engine: &Engine, stored: &StoredRelease) -> Result<Arc<Dossier>, Problem> {
    let acts = engine.kept.acts();
    let (head, now) = (engine.head(), engine.now());
    engine.read(|tx| {
        let before = release_findings::readable_before(tx, &stored.release)?;
        engine.kept.get_or_make(tx, (stored, before.as_slice()), head.size(), now, |_| {
            let judged = judge_now(tx, engine, stored, head.size(), now)?;
            let dossier = build(engine, tx, stored, &head, now, 0, false)?;
            let weight = (dossier.evidence.len() + dossier.events.len()) as u64 * 500;
            Ok(Made { value: Arc::new(dossier), at: now, valid_until: judged.valid_until, weight, acts })
        })
    })
}

fn build(
    engine: &Engine,
    tx: &Tx<'_>,
    stored: &StoredRelease,
    head: &Arc<LogHead>,
    now: Time,
    number: u64,
    proofs: bool,
) -> Result<Dossier, StoreError> {
    let position = head.size();
    let judged = match proofs {
        // What is sealed was made at the time that it names.
        true => Arc::new(judge_in(tx, &engine.criteria, stored, position, now)?),
        false => judge_now(tx, engine, stored, position, now)?,
    };
    let release = judged.seen.release.clone();
    let everybody: Vec<Person> = match proofs {
        true => super::named::committed(tx, position)?,
        false => people::listed_at(tx, position)?.into_iter().filter_map(|(_, person)| person.ok()).collect(),
    };
    let names: BTreeMap<String, String> = everybody
        .iter()
        .flat_map(|p| p.accounts_meant().chain([p.id.to_string().to_lowercase()]).map(|a| (a, p.name.clone())))
        .collect();
    let show = |account: &str| {
        names.get(&account.to_lowercase()).cloned().unwrap_or_else(|| shown_account(account).to_owned())
    };
    let input = judged.seen.input();
    let world = World::new(&input);
    let evaluation = judged.evaluation.clone();
    let decisions = proofs::decision_rows(engine, tx, stored, head, &show, proofs)?;
    let conditions = judged.evaluation.summary.excepted > 0;
    let mut exceptions = judged.seen.exceptions.clone();
    for e in &mut exceptions {
        e.requester = show(&e.requester);
        e.approver = e.approver.as_deref().map(&show);
    }
    let mut findings = release_findings::section(tx, engine, &judged, position, now)?;
    for d in &mut findings.decisions {
        d.requester = show(&d.requester);
        d.approver = d.approver.as_deref().map(&show);
    }
    let marks = marks(&judged);
    let mut notices = notices(&release, &decisions, &show);
    notices.extend(changed_alone(tx, &judged.seen, &show)?);
    Ok(Dossier {
        schema: Dossier::SCHEMA.into(),
        number,
        made_at: now,
        standing: sentence::standing(&release, conditions).to_owned(),
        sentence: sentence::sentence(&release, &evaluation),
        fraction: sentence::fraction(&evaluation.summary),
        summary: evaluation.summary,
        lines: lines(&release, &judged, &world, &findings, &notices, &show),
        notices,
        changes: sections::change_rows(&world, &judged, &show),
        tests: sections::test_rows(&world),
        security: sections::security_rows(&world),
        findings,
        approvals: sections::approval_rows(&world, &show),
        deployments: sections::deployment_rows(&world, &release, &show),
        acceptance: sections::acceptance_rows(&judged),
        exceptions,
        controls: sections::control_rows(&judged),
        events: events(&judged, &marks, &show),
        integrity: proofs::integrity(engine, tx, stored, head, &decisions, proofs)?,
        evidence: proofs::evidence_rows(tx, &judged, marks, head, &show, proofs)?,
        decisions,
        evaluation,
        release,
    })
}

/// What was decided otherwise than usual: an emergency, too late, or alone.
fn notices(
    release: &certrail_domain::Release,
    decisions: &[DecisionRow],
    show: &dyn Fn(&str) -> String,
) -> Vec<String> {
    let mut out = Vec::new();
    let certified: Vec<Certified> = decisions.iter().filter_map(DecisionRow::certified).collect();
    let open = release.to_look_back_at(&certified).is_some();
    let due = |what: &str| if open { what.to_owned() } else { String::new() };
    if let Some(emergency) = &release.emergency {
        out.push(format!(
            "{} declared it an emergency on {} ({}): {}{}",
            show(&emergency.declared_by),
            emergency.declared_at.human(),
            emergency.because.words(),
            emergency.reason.trim_end_matches('.').to_owned() + ".",
            due(&format!(" Somebody has to look back at it by {}.", emergency.review_due.date()))
        ));
    }
    if let Some(against) = &release.decided_against {
        out.push(format!("{} {}", show(&against.by), against.words()));
    }
    let mut against: Option<&DecisionRow> = None;
    for decision in decisions {
        match (against.take(), decision.certified()) {
            (_, None) => against = Some(decision),
            (Some(no), Some(again)) => out.push(format!(
                "{} had decided against it on {}; it was certified again on {}.",
                no.by,
                no.at.human(),
                again.at.human()
            )),
            (None, Some(_)) => {}
        }
    }
    for late in decisions.iter().filter(|d| d.late && d.certified().is_some()) {
        out.push(format!("It was certified on {}, after it had gone to production.", late.at.human()));
    }
    if let Some(by) = decisions.iter().rev().find_map(|d| d.review_due) {
        out.push(format!(
            "It was decided by its author; no separation of duties.{}",
            due(&format!(" A review by somebody else is due by {}.", by.date()))
        ));
    }
    for back in &release.looked_back {
        out.push(format!("{} looked back at it on {}: {}", show(&back.by), back.at.human(), back.note));
    }
    out
}

/// Changes by one admin alone that are named, of criteria and of a product each: the newest.
const MOST_ALONE: usize = 10;

/// What an admin changed alone of what this release is judged by, as far as it is in effect.
fn changed_alone(tx: &Tx<'_>, seen: &Seen, show: &dyn Fn(&str) -> String) -> Result<Vec<String>, StoreError> {
    // Later settings judge nothing of what went out.
    let (product, position) = (&seen.product, seen.settled);
    // Another set in place of one that was changed alone takes nothing of that back.
    let sets = products::versions(tx, &product.name, position)?.into_iter().map(|then| then.criteria);
    let sets: BTreeSet<String> = sets.chain([product.criteria.clone()]).collect();
    let keys = sets.iter().map(|set| format!("criteria:{set}")).chain([format!("product:{}", product.name)]);
    let mut out = Vec::new();
    for key in keys {
        let mut alone = settings_changes::applied(tx, &key, position)?;
        alone.retain(|change| change.alone);
        let more = alone.len().saturating_sub(MOST_ALONE);
        if more > 0 {
            let what = if more == 1 { "One more change" } else { "More changes" };
            out.push(format!("{what} by one admin alone, {more} in all, of {key}: see the page of settings."));
        }
        for change in alone.iter().take(MOST_ALONE) {
            let weaker = match change.weaker.as_slice() {
                [] => String::new(),
                weaker => format!(" Weaker since: {}", weaker.join(" ")),
            };
            out.push(format!(
                "{} changed {} on {}; nobody else decided that, as there was no other admin.{weaker}",
                show(&change.requester),
                change.settings.title(),
                change.decided_at.unwrap_or_default().human(),
            ));
        }
    }
    Ok(out)
}

/// Lines that say what matters.
const MOST_LINES: usize = 10;

fn lines(
    release: &certrail_domain::Release,
    judged: &Judged,
    world: &World<'_>,
    findings: &FindingsSection,
    notices: &[String],
    show: &dyn Fn(&str) -> String,
) -> Vec<String> {
    let s = judged.evaluation.summary;
    let product = &judged.seen.product;
    let mut out = vec![
        format!("{} changes by {} people.", world.changes.len(), world.authors.len()),
        format!("Change type: {}.", release.release_type.name()),
        format!(
            "{} requirements met, {} by exception, {} failed, {} without evidence, {} could not be told.",
            s.met, s.excepted, s.failed, s.missing, s.indeterminate
        ),
    ];
    if product.sole_decider {
        out.push("One person makes and decides everything in this product, as its admin declared.".into());
    }
    out.extend_from_slice(notices);
    let accepted: Vec<&str> =
        product.accepts_reported.iter().map(|a| a.kind.as_str()).filter(|kind| product.accepts(kind)).collect();
    if !accepted.is_empty() {
        out.push(format!("What was only reported counts in this product for {}.", accepted.join(", ")));
    }
    let room = MOST_LINES.saturating_sub(out.len() + 6);
    for item in sentence::open_items(&judged.evaluation).into_iter().filter(|r| !r.pending).take(room) {
        out.push(format!("{}: {}", item.title, item.sentence));
    }
    if findings.incomplete > 0 {
        out.push(
            "What a scan found was still being taken in when this was made, and is not among its findings.".into(),
        );
    }
    if findings.given_up > 0 {
        out.push("What a scan found could not be taken in, and is not among its findings.".into());
    }
    out.extend(findings.not_compared.clone());
    if release.ungated {
        out.push("It reached production without a valid decision.".into());
    }
    out.extend(sentence::range(release));
    let stated = |b: &&Baseline| {
        let ends = |base: &RangeBase| base.kind == BaseKind::Baseline && base.commit == b.commit;
        b.since.is_some() && release.bases.iter().any(ends)
    };
    for baseline in product.baselines.iter().filter(stated).take(1) {
        let commit: String = baseline.commit.chars().take(10).collect();
        let (by, at) = (show(&baseline.requester), baseline.requested_at.human());
        let approved = baseline.approver.as_ref().map(|a| format!(", approved by {}", show(a))).unwrap_or_default();
        out.push(format!("The baseline {commit} was stated by {by} on {at}{approved}: {}", baseline.reason));
    }
    out
}
