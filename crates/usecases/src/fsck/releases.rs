//! Releases: what their entries tell, one after the other, gives the record that is kept.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::{BaseKind, DecidedAgainst, Release, ReleaseState, ReleaseType, Time};
use certrail_ledger::{Hash, hex, leaf::label, sha256, unhex};
use certrail_store::{
    StoreError,
    tables::{
        audit, graph,
        log::Act,
        range_bases::{self, StoredBase},
        releases, shipments,
    },
};
use serde_json::Value;

use super::Check;
use crate::bind::Contained;

/// Releases as the log tells of them.
#[derive(Default)]
pub(super) struct Folded {
    releases: BTreeMap<String, Release>,
    /// The release of each blinded label.
    labels: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
    /// Those that end the range of others, with the commits that they take out of them.
    judged: BTreeMap<String, (StoredBase, Contained)>,
    /// What each was from an entry on, artefacts left out: they follow from what it owns, and have no entry of their own.
    states: BTreeMap<String, Vec<(u64, Option<Hash>)>>,
    /// The number of each release, once the table was read.
    numbers: BTreeMap<String, i64>,
}

impl Folded {
    pub(super) fn len(&self) -> u64 {
        self.releases.len() as u64
    }

    /// How many of them are cut.
    pub(super) fn cut(&self) -> u64 {
        self.releases.values().filter(|release| release.commit.is_some()).count() as u64
    }

    /// An entry tells of a release.
    pub(super) fn told(&mut self, check: &mut Check<'_>, act: &Act, doc: &Value) {
        let whole = |value: &Value| serde_json::from_value::<Release>(value.clone()).ok();
        let known = match act.act.as_str() {
            "release-opened" => {
                let release = whole(&doc["release"]);
                let key = doc["label_key"].as_str().and_then(unhex);
                release.zip(key).map(|(release, key)| {
                    let id = release.id.to_string();
                    self.labels.insert(hex(&label(&key, &id)), id.clone());
                    self.keys.insert(id.clone(), hex(&key));
                    self.releases.insert(id, release);
                })
            }
            "release-range" => doc["release"].as_str().and_then(|id| self.releases.get_mut(id)).and_then(|release| {
                release.range_partial = doc["range_partial"].as_bool()?;
                release.bases = serde_json::from_value(doc["bases"].clone()).ok()?;
                release.includes = serde_json::from_value(doc["includes"].clone()).ok()?;
                Some(())
            }),
            "release-judged" => doc["release"].as_str().filter(|id| self.releases.contains_key(*id)).and_then(|id| {
                let kind: Option<BaseKind> = serde_json::from_value(doc["kind"].clone()).ok()?;
                let commits: Contained = serde_json::from_value(doc["commits"].clone()).ok()?;
                let from_index = self.judged.get(id).map_or(act.log_index, |(known, _)| known.from_index);
                self.judged.remove(id);
                let base = kind.map(|kind| (StoredBase { from_index, kind }, commits));
                self.judged.extend(base.map(|base| (id.to_owned(), base)));
                Some(())
            }),
            crate::declare_emergency::DECLARED => {
                doc["release"].as_str().and_then(|id| self.releases.get_mut(id)).and_then(|release| {
                    release.emergency = Some(serde_json::from_value(doc["emergency"].clone()).ok()?);
                    release.release_type = ReleaseType::Emergency;
                    Some(())
                })
            }
            crate::look_back::LOOKED_BACK => {
                doc["release"].as_str().and_then(|id| self.releases.get_mut(id)).and_then(|release| {
                    release.looked_back.push(serde_json::from_value(doc["looked_back"].clone()).ok()?);
                    Some(())
                })
            }
            "release-cut" => whole(doc).map(|release| drop(self.releases.insert(release.id.to_string(), release))),
            _ => doc["release"]
                .as_str()
                .and_then(|id| self.releases.get_mut(id))
                .and_then(|release| shipped(release, doc)),
        };
        // It is named, told whole as a member, or is the document.
        let named = [&doc["release"], &doc["release"]["id"], &doc["id"]];
        if let Some(id) = named.into_iter().find_map(Value::as_str) {
            self.remember(id.to_owned(), act.log_index);
        }
        if known.is_none() {
            check.report.fault(format!("Entry {} ({}) does not tell of a release we know.", act.log_index, act.act));
        }
    }

    /// Somebody certified the release with one of these labels.
    pub(super) fn certified(&mut self, act: &Act, labels: &[String]) {
        let Some(id) = labels.iter().find_map(|l| self.labels.get(l)).cloned() else { return };
        if let Some(release) = self.releases.get_mut(&id) {
            if release.shipped_at.is_none() {
                release.state = ReleaseState::Certified;
            }
            release.certified_at = Some(Time::from_micros(act.received));
            release.decided_against = None;
            self.remember(id, act.log_index);
        }
    }

    /// Somebody decided against the release with one of these labels.
    pub(super) fn rejected(&mut self, act: &Act, labels: &[String], against: DecidedAgainst) {
        let Some(id) = labels.iter().find_map(|l| self.labels.get(l)).cloned() else { return };
        if let Some(release) = self.releases.get_mut(&id) {
            release.certified_at = None;
            if release.shipped_at.is_none() {
                release.state = against.state();
            }
            release.decided_against = Some(against);
            self.remember(id, act.log_index);
        }
    }

    /// Notes what a release is from an entry on.
    fn remember(&mut self, id: String, at: u64) {
        if let Some(release) = self.releases.get(&id) {
            let state = digest(release);
            self.states.entry(id).or_default().push((at, state));
        }
    }

    /// Each state that is kept of a release is that of the last entry before the next one.
    fn has_its_states(&self, check: &Check<'_>, stored: &releases::StoredRelease) -> Result<bool, StoreError> {
        let told = self.states.get(stored.release.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let kept = releases::states(check.tx, stored.seq)?;
        let ends = kept.iter().skip(1).map(|(from, _)| *from).chain([u64::MAX]);
        let mut last = None;
        let mut rest = told.iter().peekable();
        // What was told before the first state that is kept has none.
        if kept.first().is_none_or(|(from, _)| rest.peek().is_some_and(|(at, _)| at < from)) {
            return Ok(false);
        }
        for ((_, release), end) in kept.iter().zip(ends) {
            while let Some((_, state)) = rest.next_if(|(at, _)| *at < end) {
                last = *state;
            }
            if last.is_none() || last != release.as_ref().ok().and_then(digest) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether one of the labels is that of a release.
    pub(super) fn is_about(&self, id: &str, labels: &[String]) -> bool {
        labels.iter().any(|l| self.labels.get(l).is_some_and(|known| known == id))
    }

    /// The number of a release.
    pub(super) fn seq(&self, id: &str) -> Option<i64> {
        self.numbers.get(id).copied()
    }

    /// The number of the release with a blinded label.
    pub(super) fn of_label(&self, label: &str) -> Option<i64> {
        self.seq(self.labels.get(label)?)
    }

    /// Compares the releases that are kept with what was told.
    pub(super) fn finish(&mut self, check: &mut Check<'_>) -> Result<(), StoreError> {
        for stored in releases::all(check.tx)? {
            check.report.releases += 1;
            let kept = &stored.release;
            let id = kept.id.to_string();
            self.numbers.insert(id.clone(), stored.seq);
            let title = kept.title();
            let Some(told) = self.releases.get(&id) else {
                check.report.fault(format!("The release {title} is kept, and no entry tells of it."));
                continue;
            };
            // Artefacts and completeness follow from what the release owns, not from an entry of their own.
            let mut told = told.clone();
            told.digests.clone_from(&kept.digests);
            let newest = releases::at(check.tx, stored.seq, i64::MAX as u64)?;
            let same = told == *kept
                && self.has_its_states(check, &stored)?
                && newest.as_ref() == Some(kept)
                && self.keys.get(&id) == Some(&hex(&stored.label_key))
                && audit::release(check.tx, stored.seq)?.is_some_and(|columns| {
                    (columns.id, columns.product, columns.version) == (id, kept.product.clone(), kept.version.clone())
                        && columns.state == kept.state.name()
                        && columns.created == kept.created_at.as_micros()
                });
            if !same {
                check.report.fault(format!("The record of the release {title} is not what the log tells of it."));
            }
            if !check.following.contains(&stored.release.product) {
                owned(check, &stored, self.judged.get(stored.release.id.as_str()))?;
            }
        }
        Ok(())
    }
}

/// What tells a state of a release from others, artefacts left out.
fn digest(release: &Release) -> Option<Hash> {
    let mut release = release.clone();
    release.digests.clear();
    serde_json::to_vec(&release).ok().map(|bytes| sha256(&bytes))
}

/// A deployment, or what counts as production, changed what is out.
fn shipped(release: &mut Release, doc: &Value) -> Option<()> {
    release.state = serde_json::from_value(doc["state"].clone()).ok()?;
    release.shipped_at = serde_json::from_value(doc["shipped_at"].clone()).ok()?;
    release.ungated = doc["ungated"].as_bool()?;
    Some(())
}

/// What a release owns follows from its cut, what commits follow each other, and links.
fn owned(
    check: &mut Check<'_>,
    stored: &releases::StoredRelease,
    judged: Option<&(StoredBase, Contained)>,
) -> Result<(), StoreError> {
    let title = stored.release.title();
    let (told, kept) = crate::bind::owned_again(check.tx, stored)?;
    if told.keys != kept {
        let differ: BTreeSet<&String> =
            told.keys.keys().chain(kept.keys()).filter(|k| told.keys.get(*k) != kept.get(*k)).collect();
        let first: Vec<&str> = differ.iter().take(3).map(|k| k.as_str()).collect();
        check
            .report
            .fault(format!("The release {title} owns other things than follow from its cut: {}.", first.join(", ")));
    }
    if let Some(commit) = &stored.release.commit
        && !graph::cut_at(check.tx, commit)?.contains(&stored.seq)
    {
        check.report.fault(format!("That {title} is cut at {commit} is not kept."));
    }
    if told.dark != audit::frontier(check.tx, stored.seq)? {
        check.report.fault(format!("What {title} waits to hear of its commits is kept wrongly."));
    }
    let commits = range_bases::commits(check.tx, stored.seq)?;
    if told
        .bases
        .as_ref()
        .is_some_and(|bases| *bases != (stored.release.bases.clone(), stored.release.includes.clone()))
        || crate::bind::base_again(check.tx, stored)? != judged.map(|(base, _)| base.kind)
        || range_bases::get(check.tx, stored.seq)?.as_ref() != judged.map(|(base, _)| base)
        || !commits.is_subset(&told.reached)
        || judged.map_or(!commits.is_empty(), |(_, contained)| *contained != Contained::of(&commits))
    {
        check
            .report
            .fault(format!("Where ranges end at {title}, or its own, is kept otherwise than what was judged tells."));
    }
    let went_out = crate::bind::went_out_again(check.tx, stored)?.unwrap_or_default();
    if went_out != shipments::of_release(check.tx, stored.seq)? {
        check.report.fault(format!("When {title} went into production is kept otherwise than its deployments tell."));
    }
    if told.partial.is_some_and(|partial| partial != stored.release.range_partial) {
        check.report.fault(format!("Whether the commits of the release {title} are all known is kept wrongly."));
    }
    if told.digests.is_some_and(|digests| digests != stored.release.digests) {
        check.report.fault(format!("The release {title} has other artefacts than follow from what it owns."));
    }
    Ok(())
}
