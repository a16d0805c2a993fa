//! Group commit: whatever queued while the last commit was in flight goes into the next one.
//!
//! No timer. An acknowledgement leaves only after COMMIT of the transaction that holds bodies,
//! signals, bindings, leaves, tiles and the signed checkpoint. After a failed COMMIT the process
//! ends: the page cache can no longer be believed, and start-up recovers from disk.

use std::{
    sync::{
        Arc, Weak,
        mpsc::{Receiver, Sender},
    },
    thread::JoinHandle,
};

use certrail_domain::{Problem, ProblemKind, Time};
use certrail_ledger::{note::Checkpoint, tile, tree::leaf_hash};
use certrail_store::{StoreError, Tx, Writer, tables::log};
use tokio::sync::oneshot;

use super::{Batch, Engine, LogHead, head::SharedHead};

/// Why a piece of work did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It was refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault {
    fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Store(error) => super::internal(&error),
        }
    }
}

/// Told the outcome once the commit is durable.
pub(super) type Finish = Box<dyn FnOnce(&SharedHead) + Send>;
/// Runs inside the commit; undone alone if it fails.
pub(super) type Work = Box<dyn FnOnce(&mut Batch<'_>) -> Result<Finish, StoreError> + Send>;

/// Work in one commit, and bytes of small bodies in one pack.
const MAX_ITEMS: usize = 1024;
const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;
/// A clock that stands this far behind the newest entry stops us; less is bridged.
const MAX_STEP_BACK: i64 = 5 * Time::SECOND;

pub(super) enum Message {
    Work(Work),
    Stop,
}

pub(super) struct Queue(Sender<Message>);
pub(super) struct Handle(JoinHandle<()>);

impl Handle {
    pub(super) fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the writer ended by a panic");
        }
    }
}

pub(super) fn channel() -> (Queue, Receiver<Message>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    (Queue(sender), receiver)
}

pub(super) fn not_committed() -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        "not-committed",
        "Nothing was recorded.",
        "The server could not commit, or is stopping.",
        "Send it again; a repeated delivery is recorded once.",
    )
}

type Outcome<T> = Result<(T, Arc<LogHead>), Problem>;

impl Queue {
    pub(super) fn submit<T, F>(&self, work: F) -> Result<oneshot::Receiver<Outcome<T>>, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel::<Outcome<T>>();
        let boxed: Work = Box::new(move |batch| {
            let (leaves, pack) = (batch.leaves.len(), batch.pack.len());
            batch.work_first = batch.next_index();
            batch.tx.savepoint()?;
            match work(batch) {
                Ok(value) => {
                    batch.tx.keep()?;
                    Ok(Box::new(move |head: &SharedHead| drop(sender.send(Ok((value, head.clone()))))))
                }
                Err(fault) => {
                    batch.tx.undo()?;
                    batch.leaves.truncate(leaves);
                    batch.pack.truncate(pack);
                    let problem = fault.into_problem();
                    Ok(Box::new(move |_: &SharedHead| drop(sender.send(Err(problem)))))
                }
            }
        });
        self.0.send(Message::Work(boxed)).map_err(|_| not_committed())?;
        Ok(receiver)
    }

    pub(super) fn close(&self) {
        drop(self.0.send(Message::Stop));
    }
}

pub(super) fn start(engine: Weak<Engine>, mut writer: Writer, inbox: Receiver<Message>) -> Result<Handle, StoreError> {
    let run = move || {
        let mut stopping = false;
        while !stopping {
            let Ok(first) = inbox.recv() else { break };
            let mut works = Vec::new();
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Work(work) => works.push(work),
                    Message::Stop => stopping = true,
                }
                next = if works.len() < MAX_ITEMS { inbox.try_recv().ok() } else { None };
            }
            let Some(engine) = engine.upgrade() else { break };
            commit(&engine, &mut writer, works);
        }
        if let Err(error) = writer.checkpoint() {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database");
        }
    };
    let thread = std::thread::Builder::new()
        .name("certrail-writer".into())
        .spawn(run)
        .map_err(|cause| StoreError::Io { what: "start the writer".into(), cause })?;
    Ok(Handle(thread))
}

fn commit(engine: &Engine, writer: &mut Writer, works: Vec<Work>) {
    let old = engine.head();
    let clock = engine.now();
    if old.size() > 0 && old.received.since(clock) > MAX_STEP_BACK {
        // Answering nothing lets every waiter see "not committed"; time must not run backwards in the log.
        tracing::error!(clock = %clock, newest = %old.received, "the clock stands behind the newest entry; refusing to write");
        return;
    }
    let now = clock.max(old.received);
    let mut works = works.into_iter();
    // A batch that outgrows its pack is split over several commits.
    while works.len() > 0 {
        let old = engine.head();
        let outcome = writer.transaction(|tx| {
            let mut batch = Batch {
                tx,
                blobs: &engine.blobs,
                keys: &engine.keys,
                now,
                work_first: old.size(),
                first: old.size(),
                leaves: Vec::new(),
                pack: Vec::new(),
            };
            let mut finishes = Vec::new();
            while batch.pack.len() < MAX_PACK_BYTES {
                let Some(work) = works.next() else { break };
                finishes.push(work(&mut batch)?);
            }
            let (leaves, pack) = (batch.leaves, batch.pack);
            let head = seal(tx, engine, &old, now, &leaves, &pack)?;
            Ok((head, finishes))
        });
        match outcome {
            Ok((head, finishes)) => {
                if let Some(head) = head {
                    engine.set_head(head);
                }
                let head = engine.head();
                finishes.into_iter().for_each(|finish| finish(&head));
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed; ending so that start-up can recover from disk");
                std::process::abort();
            }
        }
    }
}

/// Leaves, pack, tiles and checkpoint into the transaction; `None` when nothing was appended.
fn seal(
    tx: &Tx<'_>,
    engine: &Engine,
    old: &LogHead,
    now: Time,
    leaves: &[Vec<u8>],
    pack: &[u8],
) -> Result<Option<SharedHead>, StoreError> {
    if leaves.is_empty() {
        return Ok(None);
    }
    let mut head = old.clone();
    let mut bundle = Vec::with_capacity(leaves.iter().map(|l| l.len() + 2).sum());
    let mut full = Vec::new();
    for leaf in leaves {
        tile::push_entry(&mut bundle, leaf);
        head.append(leaf_hash(leaf), |level, number, hashes| full.push((level, number, hashes)));
    }
    for (level, number, hashes) in full {
        log::insert_tile(tx, level, number, &hashes)?;
    }
    log::insert_batch(tx, old.size(), &bundle)?;
    if !pack.is_empty() {
        log::insert_pack(tx, old.size(), pack)?;
    }
    let checkpoint = Checkpoint { origin: engine.keys.origin().to_owned(), size: head.size(), root: head.range.root() };
    head.checkpoint = checkpoint.sign(&engine.keys.log);
    head.received = now;
    log::insert_checkpoint(tx, head.size(), &head.checkpoint)?;
    let origin = engine.keys.origin();
    log::advance(tx, &old.stored(origin), &head.stored(origin))?;
    Ok(Some(Arc::new(head)))
}
