//! What was worked out of a release, kept until something that it rests on changes. Judging looks at all evidence of a
//! release; most who ask, ask again before anything of that is another.
//!
//! What is kept is right as long as two things hold: nothing of what it was made from changed (its [`Basis`]), and the clock
//! has not reached the first instant at which time alone could change it. Changes are read from the log's own tables, so
//! that they are seen whoever made them.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

use certrail_domain::{Extent, Time};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, log, products,
        releases::{self, StoredRelease},
        signals,
    },
};
use quick_cache::{
    DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

/// Bytes of what is kept, as its makers weigh it.
const CAPACITY: u64 = 96 * 1024 * 1024;
/// Sentences tell ages ("3 days old"): after this long they are told again.
const TOLD_AGAIN: i64 = 60 * Time::SECOND;
/// How far behind something shown may be while many wait to look.
const LAG: Duration = Duration::from_secs(1);
/// Entries behind which it is cheaper to make everything anew than to see what changed.
const FAR: u64 = 20_000;

/// Acts that change nothing which is judged: they speak of questions, secrets, who is heard, and bindings, and the last are
/// looked at for themselves.
pub(super) const BESIDE: [&str; 10] = [
    "gate-asked",
    "dossier-made",
    "rebind",
    "token-created",
    "token-revoked",
    "connector",
    "secret-added",
    "repository-named",
    crate::bind::context::KNOWN,
    "trust",
];

/// Acts that change what is judged in the one product that they name.
const OF_PRODUCTS: [&str; 3] = ["findings-moved", "scan-taken-in", "scan-not-taken-in"];

/// The product that the document of an act names.
fn named_product(document: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        product: String,
    }
    serde_json::from_str::<Named>(document).ok().map(|named| named.product)
}

/// What something about a release was made from, told apart by when it changed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    of: i64,
    bound: Option<u64>,
    release: Option<u64>,
    product: u64,
    everything: u64,
}

/// How far the log was followed, and where something changed last.
#[derive(Default)]
struct Followed {
    to: u64,
    /// What concerns every release: criteria, people, products, decisions.
    everything: u64,
    /// What concerns every release of a product: scans, alerts, branch rules.
    products: BTreeMap<String, u64>,
}

#[derive(Clone)]
struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    /// Of the release it is about first, then of others that it rests on.
    basis: Vec<Basis>,
    /// The clock it was made by.
    at: Time,
    made: Instant,
    acts: u64,
    valid_until: Option<Time>,
    weight: u64,
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<(TypeId, i64), Entry> for ByWeight {
    fn weight(&self, _: &(TypeId, i64), entry: &Entry) -> u64 {
        entry.weight + 1000
    }
}

/// Something worked out, with what those who keep it have to know.
pub(crate) struct Made<T> {
    pub(crate) value: Arc<T>,
    /// The clock it was made by.
    pub(crate) at: Time,
    pub(crate) valid_until: Option<Time>,
    /// Bytes it takes, roughly.
    pub(crate) weight: u64,
    /// What people had done when what it is made from was looked at: [`Kept::acts`], read before the head.
    pub(crate) acts: u64,
}

/// What is kept, by kind and number of the release.
pub(crate) struct Kept {
    cache: Cache<(TypeId, i64), Entry, ByWeight>,
    followed: Mutex<Followed>,
    /// Acts of people committed by this process: whoever acted sees what came of it.
    acts: AtomicU64,
    away: Away,
}

impl Kept {
    /// # Errors
    /// When no thread can be started.
    pub(super) fn new() -> io::Result<Self> {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(256)
            .weight_capacity(CAPACITY)
            .shards(1)
            .build()
            .expect("capacities are given");
        let cache = Cache::with_options(options, ByWeight, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Ok(Self { cache, followed: Mutex::default(), acts: AtomicU64::new(0), away: Away::start()? })
    }

    /// What is kept of a release, if it is as good as made now; else made by `make`, which is given what was kept, and
    /// kept. `beside` are others that it rests on.
    ///
    /// # Errors
    /// When the store fails, or `make` does.
    pub(crate) fn get_or_make<T: Send + Sync + 'static>(
        &self,
        tx: &Tx<'_>,
        (release, beside): (&StoredRelease, &[StoredRelease]),
        position: u64,
        now: Time,
        make: impl FnOnce(Option<Arc<T>>) -> Result<Made<T>, StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        let all = std::iter::once(release).chain(beside);
        let basis: Option<Vec<Basis>> =
            all.map(|release| self.basis(tx, release, position)).collect::<Result<_, StoreError>>()?;
        let key = (TypeId::of::<T>(), release.seq);
        let good = |e: &Entry| {
            basis.as_ref().is_some_and(|basis| e.basis == *basis)
                && e.valid_until.is_none_or(|until| now < until)
                && (0..=TOLD_AGAIN).contains(&now.since(e.at))
        };
        let known = self.cache.get(&key);
        let still_good = known.as_ref().is_some_and(good);
        let known = known.and_then(|entry| entry.value.downcast().ok());
        if still_good && let Some(value) = known {
            return Ok(value);
        }
        let begun = Instant::now();
        let made = make(known.clone())?;
        if let Some(basis) = basis {
            let Made { value, at, valid_until, weight, acts } = made;
            let entry = Entry { value: value.clone(), basis, at, made: begun, acts, valid_until, weight };
            let mut evicted = <DefaultLifecycle<_, _> as Lifecycle<_, _>>::RequestState::default();
            self.cache.insert_with_lifecycle(key, entry, &mut evicted);
            self.away.take((known, evicted));
            return Ok(value);
        }
        Ok(made.value)
    }

    /// What is kept of a release, at most a second behind and not older than anything a person did: good enough to show
    /// while many wait to look.
    pub(crate) fn recent<T: Send + Sync + 'static>(&self, release: i64) -> Option<Arc<T>> {
        let entry = self.cache.get(&(TypeId::of::<T>(), release))?;
        let good = entry.made.elapsed() < LAG && entry.acts == self.acts.load(Ordering::Acquire);
        good.then(|| entry.value.downcast().ok()).flatten()
    }

    /// How many acts of people were committed.
    pub(crate) fn acts(&self) -> u64 {
        self.acts.load(Ordering::Acquire)
    }

    /// Somebody acted, and expects to see it.
    pub(crate) fn acted(&self) {
        self.acts.fetch_add(1, Ordering::AcqRel);
    }

    /// What a release rests on at a position; `None` where more than that was followed already, and it cannot be told.
    fn basis(&self, tx: &Tx<'_>, release: &StoredRelease, position: u64) -> Result<Option<Basis>, StoreError> {
        let bound = bindings::changed_at(tx, release.seq)?;
        let known = releases::changed_at(tx, release.seq, position)?;
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.follow(tx, position)?;
        let product = followed.products.get(&release.release.product).copied().unwrap_or_default();
        let everything = followed.everything;
        // What changed at `position` or later is not what this looks at.
        Ok((product.max(everything).max(bound.unwrap_or_default()) < position).then_some(Basis {
            of: release.seq,
            bound,
            release: known,
            product,
            everything,
        }))
    }
}

/// Lets go of what is no longer kept, on a thread of its own and a moment later: that of a large release takes milliseconds,
/// and whoever replaced it has somebody who waits for the answer.
struct Away(Sender<Box<dyn Send>>);

impl Away {
    const LATER: Duration = Duration::from_millis(20);

    /// The thread ends with what sends to it.
    fn start() -> io::Result<Self> {
        let (sender, inbox) = std::sync::mpsc::channel::<Box<dyn Send>>();
        let run = move || {
            while let Ok(first) = inbox.recv() {
                std::thread::sleep(Self::LATER);
                drop(first);
                inbox.try_iter().for_each(drop);
            }
        };
        std::thread::Builder::new().name("certrail-away".into()).spawn(run)?;
        Ok(Self(sender))
    }

    fn take(&self, gone: impl Send + 'static) {
        // Without its thread it is let go here.
        drop(self.0.send(Box::new(gone)));
    }
}

impl Followed {
    fn follow(&mut self, tx: &Tx<'_>, position: u64) -> Result<(), StoreError> {
        if position <= self.to {
            return Ok(());
        }
        if position - self.to > FAR {
            (self.to, self.everything) = (position, position - 1);
            return Ok(());
        }
        for index in signals::of_whole_products(tx, self.to, position)? {
            let signal = signals::get(tx, index)?;
            let signal = signal.ok_or_else(|| StoreError::Damaged(format!("signal {index} is not there")))?;
            match (signal.signal.forge_repository(), &signal.signal.reach) {
                // A forge speaks of a repository, to the products that have it. One that takes it later is itself another.
                (Some(repository), _) => {
                    let products = products::ever_of_repository(tx, repository)?;
                    self.products.extend(products.into_iter().map(|p| (p, index)));
                }
                (None, Extent::All) => self.everything = self.everything.max(index),
                (None, Extent::Only(products)) => self.products.extend(products.iter().map(|p| (p.clone(), index))),
            }
        }
        let acts = log::act_names(tx, self.to, position)?;
        let (of_products, acts): (Vec<_>, Vec<_>) =
            acts.into_iter().partition(|(_, act)| OF_PRODUCTS.contains(&act.as_str()));
        for (index, _) in of_products {
            // Findings are those of a product, and so is what moves them.
            if let Some(product) = log::acts(tx, index, index + 1)?.first().and_then(|act| named_product(&act.document))
            {
                self.products.insert(product, index);
            } else {
                self.everything = self.everything.max(index);
            }
        }
        let counts = acts.into_iter().filter(|(_, act)| !BESIDE.contains(&act.as_str()));
        self.everything = counts.map(|(index, _)| index).chain([self.everything]).max().unwrap_or_default();
        self.to = position;
        Ok(())
    }
}
