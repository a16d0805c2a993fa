//! Group commit: whatever queued while the last commit was in flight goes into the next one.
//!
//! An acknowledgement leaves only after COMMIT of the transaction that holds bodies,
//! signals, bindings, leaves, tiles and the signed checkpoint. After a failed COMMIT the process
//! ends: the page cache can no longer be believed, and start-up recovers from disk.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use certrail_domain::{Problem, ProblemKind, Time};
use certrail_ledger::{tile, tree::leaf_hash};
use certrail_store::{
    Mover, RecentKeys, StoreError, Tx, Writer,
    tables::{log, signals::StoredSignal},
};
use tokio::sync::oneshot;

use super::{Batch, ClockDoubt, Engine, LogHead, guard::Guard, head::SharedHead};

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

/// A piece of work that waits for its commit.
pub(super) trait Work: Send {
    /// Does it inside the commit and keeps the outcome. What it did before it failed, or panicked, stays in the batch.
    fn run(&mut self, batch: &mut Batch<'_>) -> Done;
    /// Tells the outcome, once the commit is durable.
    fn finish(self: Box<Self>, head: &SharedHead);
}

/// How a piece of work went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It is part of the commit.
    Kept,
    /// It was refused; nothing of it may stay.
    Refused,
}

/// Work in one commit, and bytes of small bodies in one pack.
const MAX_ITEMS: usize = 1024;
const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;
/// A commit that held as many means that many keep coming. Then the next one waits for more for at most a moment, and no
/// longer once nothing came within a pause.
const MANY: usize = 8;
const MOMENT: Duration = Duration::from_millis(1);
const PAUSE: Duration = Duration::from_micros(200);
/// Work that may wait for its commit; what comes beyond is told to come again, so that memory stays bounded.
const MAX_WAITING: usize = 8 * MAX_ITEMS;
/// Rows written after which the write-ahead log is moved into the database, and pages at which the writer does it itself.
const MOVE_AFTER_ROWS: u64 = 8_000;
const MAX_LOG_PAGES: u64 = 6_000;
/// Moving keeps the disk busy. Whoever comes right behind a large commit, to ask a gate about what was just cut, is not to
/// wait for it.
const MOVE_LATER: Duration = Duration::from_millis(50);

pub(super) enum Message {
    Work(Box<dyn Work>),
    Stop,
}

pub(super) struct Queue {
    inbox: Sender<Message>,
    waiting: Arc<AtomicUsize>,
}
pub(super) struct Handle(JoinHandle<()>);

impl Handle {
    pub(super) fn is_running(&self) -> bool {
        !self.0.is_finished()
    }

    pub(super) fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the writer ended by a panic");
        }
    }
}

pub(super) fn channel() -> (Queue, Receiver<Message>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    (Queue { inbox: sender, waiting: Arc::default() }, receiver)
}

/// The answer to work that panicked. What it said stands in the server's log.
fn panicked() -> Problem {
    tracing::error!("a piece of work panicked; it was undone, and what was committed beside it stands");
    Problem::new(
        ProblemKind::Internal,
        "internal",
        "Nothing was recorded.",
        "certrail failed inside while it worked on this request; what others sent was not touched.",
        "Look at the server's log, and report it; sending the same again will fail the same way.",
    )
}

/// The answer when too many wait already.
fn too_many() -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        "too-many-waiting",
        "Nothing was recorded.",
        format!("{MAX_WAITING} writes are waiting already."),
        "Send it again in a moment; a repeated delivery is recorded once.",
    )
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

/// Puts on record that the time became uncertain, or no longer is.
struct ClockNote(Option<ClockDoubt>);

impl Work for ClockNote {
    fn run(&mut self, batch: &mut Batch<'_>) -> Done {
        let act = if self.0.is_some() { crate::clock_era::DOUBTED } else { crate::clock_era::BELIEVED };
        let noted = batch
            .control(act, "certrail", &[], &self.0)
            .and_then(|index| Ok(log::doubt_clock(batch.tx, index, self.0.is_some())?));
        match noted {
            Ok(()) => Done::Kept,
            Err(error) => {
                tracing::error!(%error, "that the time is uncertain could not be put on record");
                Done::Refused
            }
        }
    }

    fn finish(self: Box<Self>, _: &SharedHead) {}
}

/// Work with the place where its asker waits.
struct Job<T, F> {
    work: F,
    outcome: Option<Result<T, Problem>>,
    asker: oneshot::Sender<Outcome<T>>,
    _place: Place,
}

/// A place in the queue, given back when the work is done or dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Result<Self, Problem> {
        let place = Self(waiting.clone());
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        if before >= MAX_WAITING { Err(too_many()) } else { Ok(place) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T, F> Work for Job<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
{
    fn run(&mut self, batch: &mut Batch<'_>) -> Done {
        // A panic is an error of this piece of work alone: it is undone, and those beside it go on.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(batch)))
            .map_or_else(|_| Err(panicked()), |outcome| outcome.map_err(Fault::into_problem));
        let done = if outcome.is_ok() { Done::Kept } else { Done::Refused };
        self.outcome = Some(outcome);
        done
    }

    fn finish(self: Box<Self>, head: &SharedHead) {
        let outcome = self.outcome.unwrap_or_else(|| Err(not_committed()));
        // Nobody may be waiting any more; what was committed stays.
        drop(self.asker.send(outcome.map(|value| (value, head.clone()))));
    }
}

impl Queue {
    pub(super) fn submit<T, F>(&self, work: F) -> Result<oneshot::Receiver<Outcome<T>>, Problem>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (asker, receiver) = oneshot::channel::<Outcome<T>>();
        let job = Box::new(Job { work, outcome: None, asker, _place: Place::take(&self.waiting)? });
        self.inbox.send(Message::Work(job)).map_err(|_| not_committed())?;
        Ok(receiver)
    }

    pub(super) fn close(&self) {
        drop(self.inbox.send(Message::Stop));
    }
}

pub(super) fn start(
    engine: Weak<Engine>,
    mut writer: Writer,
    mover: Mover,
    mut guard: Guard,
    recent: RecentKeys,
    inbox: Receiver<Message>,
) -> Result<Handle, StoreError> {
    let tidy = Tidy::start(mover)?;
    let mut recent = recent;
    let was_doubted = writer.transaction(log::clock_is_doubted)?;
    let run = move || {
        let _end = EndTogether;
        let mut doubted = was_doubted;
        let mut stopping = false;
        let mut moved = writer.changes();
        let mut last = 0;
        while !stopping {
            let lags = engine.upgrade().and_then(|engine| guard.due(&engine.head()));
            let first = match lags {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(soon) => inbox.recv_timeout(soon),
            };
            let first = match first {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(engine) = engine.upgrade() {
                        note_last_signed(&engine, &mut guard);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let works;
            (works, stopping) = gather(&inbox, first, last);
            last = works.len();
            let Some(engine) = engine.upgrade() else { break };
            commit(&engine, &mut writer, &mut recent, &mut doubted, works);
            // Under steady load there is no pause to wait for.
            if guard.due(&engine.head()) == Some(Duration::ZERO) {
                note_last_signed(&engine, &mut guard);
            }
            if writer.changes() - moved > MOVE_AFTER_ROWS {
                moved = writer.changes();
                tidy.move_log(&writer);
            }
        }
        if let Some(engine) = engine.upgrade() {
            note_last_signed(&engine, &mut guard);
        }
        tidy.end();
        // Best effort: what stays in memory is made anew at the next start, and the log is read where it lies.
        if let Some(engine) = engine.upgrade() {
            let size = engine.head().size();
            let moved = writer.transaction(|tx| {
                let from = recent.empty(tx, size)?;
                log::set_keys_from(tx, from)
            });
            if let Err(error) = moved {
                tracing::warn!(%error, "keys could not be moved into their tables");
            }
            engine.store.rest();
        }
        if let Err(error) = writer.finish() {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database");
        }
    };
    let thread = std::thread::Builder::new()
        .name("certrail-writer".into())
        .spawn(run)
        .map_err(|cause| StoreError::Io { what: "start the writer".into(), cause })?;
    Ok(Handle(thread))
}

/// Everything for one commit, and whether it is the last: what waits already; and while many keep coming, what comes within
/// a moment. A commit dirties a dozen pages however little it holds, so that a few more in each spare a third of the writing;
/// where nobody else sends, nobody waits.
fn gather(inbox: &Receiver<Message>, first: Message, last: usize) -> (Vec<Box<dyn Work>>, bool) {
    let begun = Instant::now();
    let (mut works, mut stopping) = (Vec::new(), false);
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Work(work) => works.push(work),
            Message::Stop => stopping = true,
        }
        next = if works.len() < MAX_ITEMS { inbox.try_recv().ok() } else { None };
        let waits = last >= MANY && !stopping && works.len() < MAX_ITEMS && begun.elapsed() < MOMENT;
        if next.is_none() && waits {
            next = inbox.recv_timeout(PAUSE).ok();
        }
    }
    (works, stopping)
}

/// Without its writer the process can record nothing and would only look alive: it ends with it, and whoever watches
/// over it starts it again.
struct EndTogether;

impl Drop for EndTogether {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // No word to standard error: that it cannot be written to may be why we are here.
            std::process::abort();
        }
    }
}

/// A guard that cannot be written protects nothing; that is said, and ingest goes on.
fn note_last_signed(engine: &Engine, guard: &mut Guard) {
    let head = engine.head();
    if guard.due(&head).is_none() {
        return;
    }
    let written = guard.write(&head);
    let was_unguarded = engine.unguarded.swap(written.is_err(), Ordering::Relaxed);
    if let Err(error) = written {
        // Once, not at each try.
        if !was_unguarded {
            tracing::error!(%error, "the last signed head could not be noted; a restored copy may go unnoticed");
        }
        guard.put_off();
    }
}

/// The thread that moves the write-ahead log while commits go on.
struct Tidy {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    too_long: Arc<AtomicBool>,
}

impl Tidy {
    fn start(mover: Mover) -> Result<Self, StoreError> {
        let (wake, woken) = std::sync::mpsc::sync_channel(1);
        let too_long = Arc::new(AtomicBool::new(false));
        let flag = too_long.clone();
        let run = move || {
            while woken.recv().is_ok() {
                std::thread::sleep(MOVE_LATER);
                match mover.run() {
                    Ok(pages) => flag.store(pages > MAX_LOG_PAGES, Ordering::Relaxed),
                    Err(error) => tracing::warn!(%error, "the write-ahead log could not be moved; it is tried again"),
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("certrail-mover".into())
            .spawn(run)
            .map_err(|cause| StoreError::Io { what: "start the mover".into(), cause })?;
        Ok(Self { wake, thread, too_long })
    }

    /// Ends it, and its connection with it.
    fn end(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the mover ended by a panic");
        }
    }

    /// Under steady load the mover never catches up and the log would grow for ever; then the writer, between
    /// two commits, moves the little that is left, and the log begins anew.
    fn move_log(&self, writer: &Writer) {
        if self.too_long.swap(false, Ordering::Relaxed)
            && let Err(error) = writer.checkpoint()
        {
            tracing::warn!(%error, "the write-ahead log could not be moved; it is tried again");
        }
        // A full channel means that it is at work already.
        let _: Result<(), TrySendError<()>> = self.wake.try_send(());
    }
}

fn commit(
    engine: &Engine,
    writer: &mut Writer,
    recent: &mut RecentKeys,
    doubted: &mut bool,
    works: Vec<Box<dyn Work>>,
) {
    let old = engine.head();
    let clock = engine.now();
    let now = clock.max(old.received);
    let mut waiting: VecDeque<Box<dyn Work>> = works.into();
    let doubt = engine.clock_doubt();
    if doubt.is_some() != *doubted {
        // Before anything else in this commit: from here on the time is uncertain, or no longer.
        waiting.push_front(Box::new(ClockNote(doubt)));
        *doubted = doubt.is_some();
    }
    // A batch that outgrows its pack is split over several commits.
    while !waiting.is_empty() {
        // Savepoints cost every piece of work a copy of each page it touches. So the first attempt runs without;
        // only if one is refused after it had written something, the batch is done again with them.
        let outcome = match attempt(engine, writer, recent, &mut waiting, now, Care::Bold) {
            Err(Stop::Spoilt) => {
                recent.given_up();
                attempt(engine, writer, recent, &mut waiting, now, Care::Guarded)
            }
            other => other,
        };
        match outcome {
            Ok(Committed { head, done, signals, acted, left }) => {
                engine.store.remember(&signals);
                if let Some(head) = head {
                    recent.committed(head.keys_from);
                    engine.set_head(head);
                }
                if acted {
                    engine.kept.acted();
                }
                if left {
                    engine.worker.ring();
                }
                let head = engine.head();
                waiting.drain(..done).for_each(|work| work.finish(&head));
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed; ending so that start-up can recover from disk");
                std::process::abort();
            }
        }
    }
}

/// Whether each piece of work gets a savepoint of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    Bold,
    Guarded,
}

/// Why an attempt at a commit ended without one.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("refused work had written something")]
    Spoilt,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One transaction over as much of what waits as fits.
fn attempt(
    engine: &Engine,
    writer: &mut Writer,
    recent: &mut RecentKeys,
    waiting: &mut VecDeque<Box<dyn Work>>,
    now: Time,
    care: Care,
) -> Result<Committed, Stop> {
    let old = engine.head();
    writer.transaction(|tx| {
        let mut batch = Batch {
            tx,
            blobs: &engine.blobs,
            keys: &engine.keys,
            criteria: &engine.criteria,
            now,
            work_first: old.size(),
            first: old.size(),
            leaves: Vec::new(),
            pack: Vec::new(),
            recent,
            signals: Vec::new(),
            pieces: engine.pieces(),
            moved: 0,
            acted: false,
            left: false,
            life: None,
        };
        let mut done = 0;
        for work in waiting.iter_mut() {
            if batch.pack.len() >= MAX_PACK_BYTES || batch.moved >= batch.pieces.at_once {
                break;
            }
            run(work.as_mut(), &mut batch, care)?;
            done += 1;
            if !tx.is_open() {
                return Err(StoreError::Damaged("the database gave the transaction up".into()).into());
            }
        }
        // A new clock era may begin with this commit, and then it is earlier than it was.
        let now = batch.now;
        let Batch { leaves, pack, signals, recent, life, acted, left, .. } = batch;
        let mut next = old.as_ref().clone();
        if let Some((number, key)) = life {
            (next.epoch, next.key) = (number, key);
        }
        if !leaves.is_empty() {
            next.keys_from = recent.shrink(tx, old.size() + leaves.len() as u64)?;
        }
        let head = seal(tx, &old, next, now, &leaves, &pack)?;
        Ok(Committed { head, done, signals, acted, left })
    })
}

/// What one transaction held.
struct Committed {
    /// The new head; `None` if nothing was appended.
    head: Option<SharedHead>,
    /// How many pieces of work.
    done: usize,
    /// The signals in it, with the bytes of their normalised text.
    signals: Vec<(Arc<StoredSignal>, u64)>,
    /// Somebody acted: people expect to see what came of it.
    acted: bool,
    /// Something is left to later commits.
    left: bool,
}

/// Runs one piece of work so that, refused, it leaves nothing behind.
fn run(work: &mut dyn Work, batch: &mut Batch<'_>, care: Care) -> Result<(), Stop> {
    let (leaves, pack, life) = (batch.leaves.len(), batch.pack.len(), batch.life.clone());
    let (signals, keys) = (batch.signals.len(), batch.recent.added());
    batch.work_first = batch.next_index();
    if care == Care::Guarded {
        batch.tx.savepoint()?;
    }
    let changes = batch.tx.changes();
    match (work.run(batch), care) {
        (Done::Kept, Care::Bold) => {}
        (Done::Kept, Care::Guarded) => batch.tx.keep()?,
        (Done::Refused, Care::Bold) if batch.tx.changes() != changes => return Err(Stop::Spoilt),
        (Done::Refused, care) => {
            if care == Care::Guarded {
                batch.tx.undo()?;
            }
            batch.leaves.truncate(leaves);
            batch.pack.truncate(pack);
            batch.signals.truncate(signals);
            batch.recent.take_back(keys);
            batch.life = life;
        }
    }
    Ok(())
}

/// Leaves, pack, tiles and checkpoint into the transaction, which make `head` of a copy of the old one; `None` when nothing was appended.
fn seal(
    tx: &Tx<'_>,
    old: &LogHead,
    mut head: LogHead,
    now: Time,
    leaves: &[Vec<u8>],
    pack: &[u8],
) -> Result<Option<SharedHead>, StoreError> {
    if leaves.is_empty() {
        return Ok(None);
    }
    let mut bundle = Vec::with_capacity(leaves.iter().map(|l| l.len() + 2).sum());
    let mut full = Vec::new();
    for leaf in leaves {
        tile::push_entry(&mut bundle, leaf)
            .ok_or_else(|| StoreError::Damaged(format!("a leaf of {} bytes reached the log", leaf.len())))?;
        head.append(leaf_hash(leaf), |level, number, hashes| full.push((level, number, hashes)));
    }
    for (level, number, hashes) in full {
        log::insert_tile(tx, level, number, &hashes)?;
    }
    head.sign();
    head.received = now;
    let (first_index, log_size) = (old.size(), head.size());
    let batch = log::Batch { first_index, log_size, checkpoint: &head.checkpoint, leaves: &bundle, bodies: pack };
    log::insert_batch(tx, &batch)?;
    log::advance(tx, &old.stored(), &head.stored())?;
    Ok(Some(Arc::new(head)))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn refusal() -> Fault {
        Problem::new(ProblemKind::Refused, "no", "Nothing was recorded.", "A test refuses.", "Do not ask again.").into()
    }

    /// Beyond what may wait, whoever comes is told to come again, and has a place when somebody left.
    #[test]
    fn so_many_may_wait_and_no_more() {
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut places: Vec<Place> = (0..MAX_WAITING).map(|_| Place::take(&waiting).expect("a place")).collect();
        for _ in 0..3 {
            assert_eq!(Place::take(&waiting).err().expect("none is left").code, "too-many-waiting");
        }
        places.pop();
        drop(Place::take(&waiting).expect("a place"));
        drop(places);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn refused_work_leaves_nothing_and_takes_nobody_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(folder.path(), "test/log", crate::system_clock()).expect("an engine");
        let write = |name: &'static str, refuse: bool| {
            let engine = engine.clone();
            thread::spawn(move || {
                engine.write_blocking(move |batch| {
                    let index = batch.control("recovered", "tester", &[], &name)?;
                    if refuse { Err(refusal()) } else { Ok(index) }
                })
            })
        };
        let busy = engine.clone();
        // While this one holds the writer, the others queue up for one commit.
        let first = thread::spawn(move || {
            busy.write_blocking(|batch| {
                thread::sleep(Duration::from_millis(200));
                batch.control("recovered", "tester", &[], &"first")
            })
        });
        thread::sleep(Duration::from_millis(50));
        let others = [write("good", false), write("bad", true), write("also good", false)];
        first.join().expect("no panic").expect("recorded");
        let [good, bad, also] = others.map(|t| t.join().expect("no panic"));
        let (good, also) = (good.expect("recorded").0, also.expect("recorded").0);
        assert!(bad.is_err());
        let size = engine.head().size();
        let acts = engine.read(|tx| log::acts(tx, 0, size)).expect("readable");
        let names: Vec<(u64, &str)> = acts.iter().map(|a| (a.log_index, a.document.trim_matches('"'))).collect();
        let mut wanted = vec![(0, "first"), (good, "good"), (also, "also good")];
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        assert_eq!(size, 3);
        assert!(crate::fsck(&engine).expect("it runs").faults.is_empty());
        engine.close();
    }

    #[test]
    fn work_that_panics_is_undone_and_answered_and_takes_nobody_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(folder.path(), "test/log", crate::system_clock()).expect("an engine");
        let busy = engine.clone();
        let first = thread::spawn(move || {
            busy.write_blocking(|batch| {
                thread::sleep(Duration::from_millis(200));
                batch.control("recovered", "tester", &[], &"first")
            })
        });
        thread::sleep(Duration::from_millis(50));
        let beside = engine.clone();
        let good = thread::spawn(move || beside.write_blocking(|b| b.control("recovered", "tester", &[], &"good")));
        let bad = engine.write_blocking::<(), _>(|batch| {
            batch.control("recovered", "tester", &[], &"bad")?;
            panic!("a test panics")
        });
        assert_eq!(bad.expect_err("it panicked").kind, ProblemKind::Internal);
        assert!(first.join().expect("no panic").is_ok() && good.join().expect("no panic").is_ok());
        assert!(engine.can_write());
        assert_eq!(engine.head().size(), 2);
        assert!(crate::fsck(&engine).expect("it runs").faults.is_empty());
        engine.close();
    }

    /// Labels beyond those of one leaf follow in leaves that name it, and everything adds up.
    #[test]
    fn an_entry_with_many_labels_is_whole_and_one_that_is_too_long_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(folder.path(), "test/log", crate::system_clock()).expect("an engine");
        let labels: Vec<[u8; 16]> = (0..2_000_u32)
            .map(|n| {
                let mut label = [0; 16];
                label[..4].copy_from_slice(&n.to_be_bytes());
                label
            })
            .collect();
        let many = labels.clone();
        let (index, head) =
            engine.write_blocking(move |batch| batch.control("recovered", "tester", &many, &"many")).expect("recorded");
        assert_eq!((index, head.size()), (0, 1 + 31));
        let leaves = engine.read(|tx| crate::engine_leaves(tx, 0, head.size())).expect("readable");
        let mut found = Vec::new();
        for leaf in &leaves {
            assert!(leaf.len() <= certrail_ledger::leaf::LONGEST);
            match certrail_ledger::leaf::read(leaf).expect("known") {
                certrail_ledger::leaf::Read::Control { labels, .. } => found.extend(labels),
                certrail_ledger::leaf::Read::Labels { of: 0, labels, .. } => found.extend(labels),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(found, labels.iter().map(|l| certrail_ledger::hex(l)).collect::<Vec<_>>());
        let long = engine.write_blocking(|batch| batch.control("recovered", &"\u{1}".repeat(21_000), &[], &"long"));
        assert_eq!(long.expect_err("too long").code, "entry-too-large");
        let receipt = crate::receipt(&engine, &engine.head(), 0).expect("a receipt");
        receipt.verify(engine.head().key.verifier()).expect("holds");
        assert!(crate::fsck(&engine).expect("it runs").faults.is_empty());
        engine.close();
        drop(engine);
        Engine::open(folder.path(), "test/log", crate::system_clock()).expect("opens again").close();
    }
}
