//! What deployments, approvals and ways back make it necessary to look for.

use std::collections::{BTreeMap, BTreeSet};

use certrail_criteria::{Evidence, Refusal, Twin};
use certrail_domain::{BindRule, Facts, Product, Release, ReleaseState, Time, facts::DeploymentState};
use certrail_store::{
    StoreError, Tx,
    tables::{bindings, decisions, releases},
};

use super::{as_evidence, certifications};
use crate::{doubts::Doubts, tag_elsewhere::tag_elsewhere};

/// [`joined`] where something asks for it: an approval that names no artefact, as a forge knows of none; what was tried somewhere, of
/// a release with several; and other releases at its commit.
pub(super) fn joined_where_asked(
    tx: &Tx<'_>,
    (seq, release): (i64, &Release),
    (evidence, twins): (&[Evidence], &[Twin]),
    position: u64,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let asks = |e: &Evidence| match &e.signal.facts {
        Facts::Approval(a) => a.digests.is_empty(),
        Facts::Validation(_) => release.digests.len() > 1,
        _ => false,
    };
    let asked = !twins.is_empty() || evidence.iter().any(asks);
    if asked { joined(tx, seq, position) } else { Ok(BTreeMap::new()) }
}

/// The entry with which each artefact of a release joined it, as known at a position.
pub(crate) fn joined(tx: &Tx<'_>, seq: i64, position: u64) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut joined = BTreeMap::new();
    for (from, state) in releases::states(tx, seq)?.into_iter().take_while(|(from, _)| *from < position) {
        let digests = state?.digests;
        joined.retain(|digest, _| digests.contains(digest));
        for digest in digests {
            joined.entry(digest).or_insert(from);
        }
    }
    Ok(joined)
}

/// Refusals that are looked at, the newest: pipelines ask again and again.
const REFUSALS: u64 = 1_000;

/// What the gates of a release refused while a deployment to production was under way that ended otherwise than it should. `None`
/// where there is no such deployment.
pub(super) fn refusals(
    tx: &Tx<'_>,
    (release, product): (&Release, &Product),
    evidence: &[Evidence],
    position: u64,
) -> Result<Option<Vec<Refusal>>, StoreError> {
    let mut runs: BTreeMap<String, Vec<(DeploymentState, Time)>> = BTreeMap::new();
    for e in evidence {
        if let Facts::Deployment(d) = &e.signal.facts
            && product.is_production(d, e.log_index)
        {
            runs.entry(d.attempt()).or_default().push((d.state, e.at().min(e.received)));
        }
    }
    let is = |words: &[(DeploymentState, Time)], state| words.iter().any(|(known, _)| *known == state);
    // What was replaced had succeeded, as a rule.
    runs.retain(|_, words| {
        is(words, DeploymentState::Failed)
            || is(words, DeploymentState::Inactive) && !is(words, DeploymentState::Succeeded)
    });
    let times = || runs.values().flatten().map(|(_, at)| *at);
    let Some((first, last)) = times().min().zip(times().max()) else { return Ok(None) };
    // By clocks that may differ.
    let between = (first.plus(-Time::DAY).as_micros(), last.plus(Time::DAY).as_micros());
    let said = decisions::refusals(tx, release.id.as_str(), between, position, REFUSALS)?;
    let refusal = |(gate, at): (String, i64)| {
        let environment = gate.strip_prefix("deploy:")?.to_owned();
        Some(Refusal { environment, at: Time::from_micros(at) })
    };
    Ok(Some(said.into_iter().filter_map(refusal).collect()))
}

/// The versions named as rollback targets that a decision before `position` certified.
pub(super) fn known_versions(
    tx: &Tx<'_>,
    release: &Release,
    (evidence, doubts): (&[Evidence], &Doubts),
    position: u64,
) -> Result<Vec<String>, StoreError> {
    let named: BTreeSet<&str> = evidence
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::RollbackTarget(target) if target.version != release.version => Some(target.version.as_str()),
            _ => None,
        })
        .collect();
    let mut known = Vec::new();
    for version in named {
        let Some(other) = releases::by_version(tx, &release.product, version)? else { continue };
        // One whose certification was withdrawn, or that was taken back, is no refuge; nor is one whose tag was moved, or that
        // grew; and the same thing is no other.
        let Some(then) = releases::at(tx, other.seq, position)? else { continue };
        if then.state == ReleaseState::RolledBack || then.commit == release.commit {
            continue;
        }
        let certifications = certifications(tx, (other.seq, &then), position)?;
        let newest = certifications.last().filter(|newest| newest.passed);
        if !newest.is_some_and(|newest| then.digests.iter().all(|digest| newest.digests.contains(digest))) {
            continue;
        }
        let tags = bindings::of_kind_at(tx, other.seq, "code.tag", position)?.into_iter();
        let tags: Vec<Evidence> = tags
            .map(|index| Ok(as_evidence(bindings::bound(tx, index)?.as_ref(), BindRule::Explicit, doubts)))
            .collect::<Result<_, StoreError>>()?;
        if tag_elsewhere(tags.iter(), &then).is_none() {
            known.push(version.to_owned());
        }
    }
    Ok(known)
}
