//! Recomputing everything and naming what is wrong, from the log outwards: leaves to tiles to every signed head,
//! what is stored against its leaf, and what was derived against the entries it follows from.
//!
//! Whoever can write to the database can change any of its tables; the log is what they cannot change unseen. So
//! everything that a verdict rests on is compared with it.

mod acts;
mod baselines;
mod bindings;
mod context;
mod evaluations;
mod findings;
mod history;
mod links;
mod records;
mod releases;
mod surplus;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use certrail_domain::{Problem, Time};
use certrail_ledger::leaf::{self, Read};
use certrail_store::{
    BlobFiles, Store, StoreError, Tx,
    tables::{connectors, jobs, log, products, signals},
};
use serde::Serialize;

use crate::{
    criteria_sets::CriteriaSets,
    engine::{Engine, Job, Keys, LastSigned, internal, last_signed},
};

/// What was looked at and what is wrong.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FsckReport {
    /// Leaves hashed.
    pub leaves: u64,
    /// Tiles compared.
    pub tiles: u64,
    /// Checkpoints verified.
    pub checkpoints: u64,
    /// Bodies compared with their commitments.
    pub bodies: u64,
    /// Documents compared with their commitments.
    pub documents: u64,
    /// Releases whose record was worked out again.
    pub releases: u64,
    /// Past evaluations that were run again.
    pub evaluations: u64,
    /// What was not looked at, and why, one sentence each.
    pub notes: Vec<String>,
    /// What is wrong, one sentence each, at most 100 of them; empty is good.
    pub faults: Vec<String>,
}

impl FsckReport {
    /// At most this many faults are listed.
    const MAX_FAULTS: usize = 100;

    fn fault(&mut self, text: impl Into<String>) {
        if self.faults.len() < Self::MAX_FAULTS {
            self.faults.push(text.into());
        }
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsckStage {
    /// What is being compared: `entries`, then what follows from them.
    pub what: &'static str,
    /// How many are done.
    pub done: u64,
    /// Of how many; 0 where that is not known.
    pub of: u64,
}

/// Checks a running system.
///
/// # Errors
/// When the store cannot be read at all; what can be read and is wrong is in the report.
pub fn fsck(engine: &Arc<Engine>) -> Result<FsckReport, Problem> {
    engine.store.read(|tx| check(tx, &engine.blobs, Some(&engine.keys), None, &|_| ())).map_err(|e| internal(&e))
}

/// Checks a data folder that nobody serves, even one whose log would not open. Without its keys, what needs them is
/// left out, and a note says so. `guard` is where the last signed head is kept, if not in the folder; `progress` hears how far
/// it has come.
///
/// # Errors
/// When the folder is in use or the store cannot be read at all.
pub fn fsck_folder(
    folder: &Path,
    guard: Option<&Path>,
    progress: &dyn Fn(FsckStage),
) -> Result<FsckReport, StoreError> {
    let (store, _writer) = Store::open(folder)?;
    let blobs = BlobFiles::open(folder)?;
    let keys = if Keys::are_in(folder)? { Some(Keys::open(folder, "")?) } else { None };
    let last_signed = last_signed(folder, guard)?;
    store.read(|tx| check(tx, &blobs, keys.as_ref(), last_signed, progress))
}

/// What the checks share.
struct Check<'a> {
    tx: &'a Tx<'a>,
    blobs: &'a BlobFiles,
    /// Absent in a copy that was made without them.
    keys: Option<&'a Keys>,
    last_signed: Option<LastSigned>,
    criteria: CriteriaSets,
    /// Of signals from this entry on, keys may not be in their tables yet.
    keys_from: u64,
    /// Keys of signals that were found in their tables: of deliveries, and of contents.
    in_tables: (u64, u64),
    /// Products of which a job still follows a change, or what was judged: what belongs to their releases is on its way.
    following: BTreeSet<String>,
    /// Products whose clocks are others now: when their findings are due is on its way.
    due_again: BTreeSet<String>,
    progress: &'a dyn Fn(FsckStage),
    report: FsckReport,
}

impl Check<'_> {
    /// What is being compared from here on.
    fn comes_to(&self, what: &'static str) {
        (self.progress)(FsckStage { what, done: 0, of: 0 });
    }
}

/// Entries looked at in one step.
const STEP: u64 = 4096;

fn check(
    tx: &Tx<'_>,
    blobs: &BlobFiles,
    keys: Option<&Keys>,
    last_signed: Option<LastSigned>,
    progress: &dyn Fn(FsckStage),
) -> Result<FsckReport, StoreError> {
    let report = FsckReport::default();
    let criteria = CriteriaSets::default();
    let (following, due_again) = on_their_way(tx)?;
    let in_tables = (0, 0);
    let mut check = Check {
        tx,
        blobs,
        keys,
        last_signed,
        criteria,
        keys_from: 0,
        in_tables,
        following,
        due_again,
        progress,
        report,
    };
    for product in &check.following {
        check.report.notes.push(format!(
            "A change of {product} is still being followed: what belongs to its releases was not compared, nor by which rules \
             signals of any product are bound."
        ));
    }
    for product in &check.due_again {
        check
            .report
            .notes
            .push(format!("When findings of {product} are due was not compared: it is being worked out."));
    }
    for product in check.following.union(&check.due_again) {
        if !products::names(tx)?.contains(product) {
            check.report.faults.push(format!("A job is about the product {product}, which is not there."));
        }
    }
    if keys.is_none() {
        check.report.notes.push("The keys are not here: who signed, and deliveries, were not compared.".into());
    }
    let Some(head) = log::head(tx)? else {
        check.report.fault("There is no log.");
        return Ok(check.report);
    };
    check.keys_from = head.keys_from;
    let mut tree = tree::Tree::begin(&mut check, &head)?;
    let mut told = acts::Told::beside(connectors::names(tx)?);
    let mut gap: Option<Gap> = None;
    // Ranges to look at, the next one last.
    let mut ranges: Vec<(u64, u64)> = vec![(0, head.size)];
    while let Some((from, to)) = ranges.pop() {
        if to - from > STEP {
            ranges.extend([(from + STEP, to), (from, from + STEP)]);
            continue;
        }
        progress(FsckStage { what: "entries", done: from, of: head.size });
        match crate::engine_leaves(tx, from, to) {
            Ok(leaves) => {
                Gap::end(&mut gap, &mut check);
                for (index, leaf) in (from..).zip(&leaves) {
                    tree.grow(&mut check, index, leaf)?;
                }
                if let Err(e) = entries(&mut check, from, &leaves, &mut told) {
                    check.report.fault(format!("Between entries {from} and {to}: {e}."));
                }
            }
            // Those beside what cannot be read are looked at all the same.
            Err(_) if to - from > 1 => {
                let middle = from + (to - from) / 2;
                ranges.extend([(middle, to), (from, middle)]);
            }
            // Without a leaf there is no tree behind it.
            Err(e) => {
                tree.broken = true;
                gap.get_or_insert_with(|| Gap { from, to, why: e.to_string() }).to = to;
            }
        }
    }
    Gap::end(&mut gap, &mut check);
    let broken = tree.broken;
    tree.finish(&mut check, &head);
    if broken {
        check.report.fault("Entries are missing, so what follows from them was not compared.");
    } else if let Err(e) = told.finish(&mut check) {
        check.report.fault(format!("What follows from the log cannot be read: {e}."));
    }
    Ok(check.report)
}

/// The products of which a job still follows a change, and those whose findings' due dates one works out.
fn on_their_way(tx: &Tx<'_>) -> Result<(BTreeSet<String>, BTreeSet<String>), StoreError> {
    let (mut following, mut due_again) = (BTreeSet::new(), BTreeSet::new());
    for stored in jobs::all(tx)? {
        match Job::of(&stored) {
            Ok(Job::FollowProduct(_) | Job::FollowRange(_)) => following.insert(stored.product),
            Ok(Job::DueAgain) => due_again.insert(stored.product),
            _ => false,
        };
    }
    Ok((following, due_again))
}

/// Entries, one behind the other, whose leaves cannot be read.
struct Gap {
    from: u64,
    to: u64,
    /// What the first of them says.
    why: String,
}

impl Gap {
    fn end(gap: &mut Option<Self>, check: &mut Check<'_>) {
        match gap.take() {
            Some(Self { from, to, why }) if to - from == 1 => {
                check.report.fault(format!("The leaf of entry {from} cannot be read: {why}."));
            }
            Some(Self { from, to, why }) => {
                check.report.fault(format!("The leaves {from} to {} cannot be read: {why}.", to - 1));
            }
            None => {}
        }
    }
}

/// The entries from `from` on: what is stored beside them, and what they tell of other tables.
fn entries(check: &mut Check<'_>, from: u64, leaves: &[Vec<u8>], told: &mut acts::Told) -> Result<(), StoreError> {
    let to = from + leaves.len() as u64;
    let mut stored: BTreeMap<u64, signals::StoredSignal> = BTreeMap::new();
    match signals::range(check.tx, from, to) {
        Ok(all) => {
            for (index, signal) in all {
                match signal {
                    Ok(signal) => drop(stored.insert(index, signal)),
                    Err(e) => check.report.fault(format!("The signal of entry {index} cannot be read: {e}.")),
                }
            }
        }
        Err(e) => check.report.fault(format!("Signals between {from} and {to} cannot be read: {e}.")),
    }
    let acts: BTreeMap<u64, log::Act> = log::acts(check.tx, from, to)?.into_iter().map(|a| (a.log_index, a)).collect();
    for (index, bytes) in (from..).zip(leaves) {
        let read = leaf::read(bytes);
        // What cannot be compared with one entry is a fault of that one.
        let mut compared = Ok(());
        match (&read, stored.get(&index), acts.get(&index)) {
            (Some(Read::Capture(said)), Some(signal), None) => {
                compared = records::signal(check, index, bytes, said, signal);
                told.signal(check, index, signal, &said.labels);
                told.received(check, index, signal.received);
            }
            (Some(control @ Read::Control { labels, .. }), None, Some(act)) => {
                records::document(check, index, bytes, control, act);
                compared = told.act(check, act, labels);
                told.received(check, index, Time::from_micros(act.received));
            }
            (Some(Read::Decision { digest, .. }), None, Some(act)) => {
                records::decision(check, index, digest, act);
                told.envelope(act);
                told.received(check, index, Time::from_micros(act.received));
            }
            // More labels of an entry before it, of the same commit.
            (Some(Read::Labels { of, labels, .. }), None, None) => told.labels(check, index, *of, labels),
            (None, ..) => check.report.fault(format!("Entry {index} cannot be read.")),
            (_, Some(_), Some(_)) => check.report.fault(format!("Entry {index} has two things stored beside it.")),
            _ => check.report.fault(format!("Entry {index} has nothing stored beside it.")),
        }
        if let Err(e) = compared {
            check.report.fault(format!("Entry {index} cannot be compared: {e}."));
        }
    }
    Ok(())
}
