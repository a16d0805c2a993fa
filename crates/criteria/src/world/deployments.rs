//! The deployments of a release, each put together from its events.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::{
    ActorKind, BindRule, Course, EvidenceId, Facts, Interval, Time, Word,
    facts::{Deployment, DeploymentState},
    tries,
};

use super::claims_future;
use crate::{Evidence, Input, Twin};

/// A deployment, put together from its events.
#[derive(Clone, Debug)]
pub struct DeploymentView<'a> {
    /// `github:acme/pay/123/production`.
    pub id: String,
    /// Its newest event.
    pub newest: &'a Deployment,
    /// It went to production, as the product or the sender has it.
    pub production: bool,
    /// When it began, as [`Course`] has it.
    pub start: Interval,
    /// When we first heard that it was under way, where its beginning is only told.
    pub told: Option<Time>,
    /// It was under way, by any word about it that is more than a request.
    pub under_way: bool,
    /// When it succeeded.
    pub succeeded: Option<Interval>,
    /// When it failed or was replaced, by the last word that says so.
    pub ended: Option<Interval>,
    /// The artefacts it deployed, from all its events.
    pub digests: BTreeSet<String>,
    /// The commits it deployed, from all its events.
    pub commits: BTreeSet<String>,
    /// The people who deployed it, by any of its events.
    pub deployers: BTreeSet<String>,
    /// The first entry that tells of it.
    pub heard: u64,
    /// The evidence that tells of it.
    pub evidence: Vec<EvidenceId>,
}

/// The deployments of exactly this release. Others that are bound to it, of a commit in its history say, are
/// part of its story and decide nothing.
pub(super) fn deployments<'a>(
    input: &Input<'a>,
    present: &[&'a Evidence],
    future: &[&'a Evidence],
) -> Vec<DeploymentView<'a>> {
    let mut by_id: BTreeMap<String, Vec<(&'a Evidence, &'a Deployment)>> = BTreeMap::new();
    for e in present.iter().chain(future) {
        if let Facts::Deployment(d) = &e.signal.facts
            && input.release.is_deployed_by(d, e.rule)
        {
            by_id.entry(d.attempt()).or_default().push((e, d));
        }
    }
    let own = input.release.cut_at.map(|cut_at| Twin {
        version: input.release.version.clone(),
        against: None,
        cut_at,
        digests: input.release.digests.clone(),
        joined: input.joined.clone(),
        certifications: input.certifications.to_vec(),
    });
    let mut views: Vec<DeploymentView<'a>> = by_id
        .into_iter()
        .flat_map(|(id, events)| tries_of(&id, &events))
        .filter_map(|(id, mut events)| {
            events.sort_by_key(|(e, _)| (e.at(), e.log_index));
            let words: Vec<Word> = events.iter().map(|(e, d)| word(e, d)).collect();
            let Course { began: start, succeeded, told } = Course::of(&words)?;
            let production = events.iter().any(|(e, d)| input.product.is_production(d, e.log_index));
            let named = events.iter().any(|(e, _)| e.rule == BindRule::Explicit);
            let digests: BTreeSet<String> = events.iter().flat_map(|(_, d)| d.digests.iter().cloned()).collect();
            let commits = events.iter().filter_map(|(_, d)| d.commit.clone()).collect();
            // A candidate that becomes the final version is the same thing, and was tried as it; to production it went as one of them.
            let heard = events.iter().map(|(e, _)| e.log_index).min().unwrap_or_default();
            let is_own = || own.as_ref().is_none_or(|own| own.is_deployed(input.twins, (start, heard), &digests));
            if production && !named && !input.twins.is_empty() && !is_own() {
                return None;
            }
            events.retain(|(e, _)| !claims_future(e));
            let (_, newest) = *events.last()?;
            Some(DeploymentView {
                id,
                newest,
                production,
                heard,
                start,
                told,
                // What was only asked for and then called off never began; what nobody asked for and failed had.
                under_way: began(&events),
                succeeded,
                ended: words.iter().filter(|w| is_over(w.state) && !w.future).map(|w| w.at).max_by_key(|at| at.at),
                digests,
                commits,
                deployers: events
                    .iter()
                    .filter_map(|(_, d)| d.deployer.as_ref().filter(|who| who.kind == ActorKind::Human))
                    .map(|who| who.account.clone())
                    .collect(),
                evidence: events.iter().map(|(e, _)| e.id.clone()).collect(),
            })
        })
        .collect();
    views.sort_by(|a, b| (a.start.at, &a.id).cmp(&(b.start.at, &b.id)));
    views
}

/// Words about one deployment.
type Events<'a> = Vec<(&'a Evidence, &'a Deployment)>;

/// Each try of a run for itself; the first has the name of the run.
fn tries_of<'a>(id: &str, events: &[(&'a Evidence, &'a Deployment)]) -> Vec<(String, Events<'a>)> {
    let words: Vec<Word> = events.iter().map(|(e, d)| word(e, d)).collect();
    let named = |n: usize| if n == 0 { id.to_owned() } else { format!("{id}#{}", n + 1) };
    let of = |places: Vec<usize>| places.into_iter().map(|place| events[place]).collect();
    tries(&words).into_iter().enumerate().map(|(n, places)| (named(n), of(places))).collect()
}

fn began(events: &Events<'_>) -> bool {
    let any = |state| events.iter().any(|(_, d)| d.state == state);
    any(DeploymentState::Started)
        || any(DeploymentState::Succeeded)
        || any(DeploymentState::Failed) && !any(DeploymentState::Requested)
}

const fn is_over(state: DeploymentState) -> bool {
    matches!(state, DeploymentState::Failed | DeploymentState::Inactive)
}

fn word(e: &Evidence, d: &Deployment) -> Word {
    Word::of(&e.signal, d.state, e.received, e.receipt_interval(), e.log_index)
}
