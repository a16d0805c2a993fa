//! The running system: store, keys, clock and the one thread that writes.

mod batch;
mod clock;
mod committer;
mod guard;
mod head;
mod heard;
mod jobs;
mod kept;
mod secrets;
mod turns;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use certrail_domain::{Problem, ProblemKind, Time};
use certrail_formats::Trust;
use certrail_store::{
    BlobFiles, RecentKeys, Store, StoreError, Tx,
    tables::{
        keys::{self, KeyOf},
        log,
    },
};

use crate::criteria_sets::CriteriaSets;

pub use batch::Batch;
pub(crate) use batch::{Kept, content_key, delivery_key, random};
pub use clock::{Clock, ClockDoubt, system_clock};
pub use committer::Fault;
pub(crate) use guard::last_signed;
pub use guard::{GuardFile, LastSigned};
pub use head::LogHead;
pub(crate) use head::{leaves, lives};
pub(crate) use heard::Names;
pub use jobs::Pieces;
pub(crate) use jobs::{AGAIN, Job};
pub(crate) use kept::Made;
pub use secrets::Keys;
pub use turns::blocking;
pub(crate) use turns::{NewestDossier, in_place};

/// How somebody proves who they are who signed in themselves.
pub(crate) const SESSION: &str = "session";

/// What becomes of a log that does not hold what was signed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It is not opened.
    Refuse,
    /// It is opened, so that somebody can say what happened: [`crate::begin_epoch`].
    Accept,
}

/// Everything a use case needs. Cheap to share.
pub struct Engine {
    /// The reading side of the store.
    pub store: Store,
    /// Large bodies.
    pub blobs: BlobFiles,
    /// Keys and webhook secrets.
    pub keys: Keys,
    /// Criteria sets parsed before.
    pub(crate) criteria: CriteriaSets,
    trust: OnceLock<Arc<Trust>>,
    folder: PathBuf,
    clock: clock::Belief,
    head: RwLock<Arc<LogHead>>,
    committer: Mutex<Option<committer::Handle>>,
    queue: committer::Queue,
    /// What was worked out of releases.
    pub(crate) kept: kept::Kept,
    turns: turns::Turns,
    worker: jobs::Worker,
    pieces: RwLock<Pieces>,
    ear: heard::Ear,
    /// When tokens were used last, as far as it is not in the store yet.
    used: Mutex<BTreeMap<String, Time>>,
    /// What was signed last could not be noted.
    unguarded: AtomicBool,
}

impl Engine {
    /// Opens a data folder and starts the writer. Makes keys, log and schema where there are none.
    ///
    /// # Errors
    /// When the folder is in use, damaged or newer than this program.
    pub fn open(folder: &Path, origin: &str, clock: Clock) -> Result<Arc<Self>, StoreError> {
        Ok(Self::open_guarded(folder, origin, clock, None, Loss::Refuse)?.0)
    }

    /// [`Engine::open`], with the last signed head kept where it is named (best on another disk), and a say in what
    /// becomes of a log that lost entries. Returns what was signed last, too.
    ///
    /// # Errors
    /// As [`Engine::open`], [`StoreError::RolledBack`] and [`StoreError::NoGuard`].
    pub fn open_guarded(
        folder: &Path,
        origin: &str,
        clock: Clock,
        named: Option<GuardFile<'_>>,
        loss: Loss,
    ) -> Result<(Arc<Self>, Option<LastSigned>), StoreError> {
        let (store, mut writer) = Store::open(folder)?;
        let mover = store.mover()?;
        let blobs = BlobFiles::open(folder)?;
        let begun = store.read(log::head)?.is_some();
        if begun && !Keys::are_in(folder)? {
            let keys = folder.join("keys");
            return Err(StoreError::Damaged(format!("the keys of the log are not here; put back {}", keys.display())));
        }
        if begun && loss == Loss::Refuse {
            Keys::are_complete_in(folder)?;
        }
        let keys = Keys::open(folder, origin)?;
        if !begun && loss == Loss::Refuse && !keys.log_keys()?.is_empty() {
            // What they signed is gone. The same name and key must not sign a second history.
            return Err(StoreError::Damaged(
                "here are the keys of a log, and the log is gone. Put back its database, or begin a new life with `certrail admin new-epoch`".into(),
            ));
        }
        let head = Arc::new(head::load_or_create(&mut writer, &keys, clock.read())?);
        let clock = clock::Belief::new(clock, (head.size() > 0).then_some(head.received));
        let place = named.map_or_else(|| guard::Guard::beside(folder), |file| file.path.to_owned());
        let mut guard = guard::Guard::new(place.clone());
        let last = guard.read()?;
        if last.is_none() && head.size() > 0 && loss == Loss::Refuse && named.is_some_and(|file| !file.begins) {
            return Err(StoreError::NoGuard { guard: place, held: head.size() });
        }
        match store.read(|tx| guard.check(&head, tx, &keys)) {
            Err(StoreError::RolledBack { .. }) if loss == Loss::Accept => {}
            checked => {
                checked?;
                if named.is_some() {
                    // One that cannot be written protects nothing; now is the time to say so.
                    guard.write(&head)?;
                }
            }
        }
        let (queue, inbox) = committer::channel();
        let no_thread = |cause| StoreError::Io { what: "start threads".to_owned(), cause };
        let turns = turns::Turns::new().map_err(no_thread)?;
        let kept = kept::Kept::new().map_err(no_thread)?;
        let engine = Arc::new(Self {
            store,
            blobs,
            keys,
            criteria: CriteriaSets::default(),
            trust: OnceLock::new(),
            folder: folder.to_owned(),
            clock,
            head: RwLock::new(head),
            committer: Mutex::new(None),
            queue,
            kept,
            turns,
            worker: jobs::Worker::default(),
            pieces: RwLock::default(),
            ear: heard::Ear::default(),
            used: Mutex::default(),
            unguarded: AtomicBool::new(false),
        });
        let recent = engine.store.read(|tx| recent_keys(tx, &engine.keys, engine.head().keys_from))?;
        let handle = committer::start(Arc::downgrade(&engine), writer, mover, guard, recent, inbox)?;
        *engine.committer.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok((engine, last))
    }

    /// Whether the writer is there; without it nothing can be recorded.
    #[must_use]
    pub fn can_write(&self) -> bool {
        self.committer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(committer::Handle::is_running)
    }

    /// Whether what was signed last could not be noted: a log put back from an older copy would go unnoticed.
    #[must_use]
    pub fn is_unguarded(&self) -> bool {
        self.unguarded.load(Ordering::Relaxed)
    }

    /// From now on, signatures of attestations are checked against these keys and roots. Counts once, at the start.
    pub fn trust(&self, trust: Arc<Trust>) {
        let _ = self.trust.set(trust);
    }

    /// Whom the operator trusts to sign attestations.
    pub(crate) fn trusted(&self) -> Option<Arc<Trust>> {
        self.trust.get().cloned()
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Now, as far as the clock is believed.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Why the time is uncertain, if it is: gates deny until it is not.
    #[must_use]
    pub fn clock_doubt(&self) -> Option<ClockDoubt> {
        self.clock.doubt()
    }

    /// Somebody says that the clock is right. Returns what it shows.
    pub(crate) fn believe_clock(&self) -> Time {
        self.clock.believe()
    }

    /// The newest signed head of the log.
    #[must_use]
    pub fn head(&self) -> Arc<LogHead> {
        self.head.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_head(&self, head: Arc<LogHead>) {
        self.clock.received(head.received);
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
    }

    /// Runs `work` in the next commit. Resolves when the commit is durable and covered by a signed
    /// checkpoint, with that head; then and only then may anything be acknowledged (law 2).
    /// `work` may run twice, the first time without a trace: it must do nothing outside the batch that cannot be repeated.
    ///
    /// # Errors
    /// What `work` refuses, or [`ProblemKind::Unavailable`] when the commit failed: nothing of it happened.
    pub async fn write<T, F>(&self, work: F) -> Result<(T, Arc<LogHead>), Problem>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.queue.submit(work)?.await.unwrap_or_else(|_| Err(committer::not_committed()))
    }

    /// [`Engine::write`] for callers that are not async.
    ///
    /// # Errors
    /// As [`Engine::write`].
    pub fn write_blocking<T, F>(&self, work: F) -> Result<(T, Arc<LogHead>), Problem>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.queue.submit(work)?.blocking_recv().unwrap_or_else(|_| Err(committer::not_committed()))
    }

    /// Reads one consistent state, as it stands after the newest commit.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read<T>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> Result<T, Problem> {
        turns::in_place(|| self.store.read(f)).map_err(|e| internal(&e))
    }

    /// Notes that a token was used.
    pub(crate) fn note_used(&self, id: &str, at: Time) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        match used.get_mut(id) {
            Some(known) => *known = at,
            None => drop(used.insert(id.to_owned(), at)),
        }
    }

    /// When tokens were used last, as far as it is not in the store yet.
    pub(crate) fn last_used(&self) -> BTreeMap<String, Time> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, handed over to whoever keeps it.
    pub(crate) fn take_used(&self) -> BTreeMap<String, Time> {
        std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Finishes what is queued and stops the writer. Further writes are refused.
    pub fn close(&self) {
        let handle = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            self.queue.close();
            handle.join();
        }
        // What it wants to write is refused by now.
        self.worker.end();
    }
}

/// The keys that may not be in their tables, made anew from their signals.
fn recent_keys(tx: &Tx<'_>, keys: &Keys, from: u64) -> Result<RecentKeys, StoreError> {
    let mut recent = RecentKeys::new(from);
    for signal in keys::signals_from(tx, from)? {
        let delivery = batch::delivery_key(keys, &signal.connector, &signal.delivery);
        recent.add(KeyOf::Delivery, delivery, signal.log_index);
        if let Some(digest) = signal.brought {
            recent.add(KeyOf::Content, batch::content_key(&digest), signal.log_index);
        }
    }
    recent.committed(from);
    Ok(recent)
}

/// A fault of ours as a problem. The cause goes to the log, not to the asker.
pub(crate) fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = %error, "internal fault");
    Problem::new(
        ProblemKind::Internal,
        "internal",
        "The request could not be answered.",
        "certrail failed inside; nothing was lost.",
        "Look at the server's log, or ask again.",
    )
}
