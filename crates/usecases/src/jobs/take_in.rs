//! A large report is taken in piece by piece, read again from where it is kept, so that its findings are never all in memory
//! and no commit is long.

use std::sync::Arc;

use certrail_domain::{
    Facts, Problem,
    facts::{BandPolicy, ScanKind},
};
use certrail_store::{
    StoreError, Tx,
    tables::{
        jobs::{self, StoredJob},
        products,
        signals::{self, StoredSignal},
    },
};

use super::{Place, step};
use crate::{
    accept::body_of,
    engine::{Batch, Engine, Fault, internal},
    track::{Following, Ready, Reread, Steps},
};

/// The steps of taking a scan in, and of following one: what it saw, by finding or by piece; what it no longer sees, by row; the
/// end.
const SEES: i64 = 0;
const CLOSES: i64 = 1;
const END: i64 = 2;

/// How many findings of a scan are taken in so far; nothing where it is all of them.
pub(super) fn so_far(job: &StoredJob) -> Option<u64> {
    (job.step == SEES).then(|| u64::try_from(job.next).unwrap_or(0))
}

/// Takes a scan in.
pub(super) fn take_in(engine: &Engine, job: &StoredJob, entry: u64) -> Result<(), Problem> {
    let mut at = Some(Place::of(job));
    if job.step == SEES {
        at = match see(engine, job, entry)? {
            Ok(at) => at,
            Err(why) => return give_up(engine, job, entry, why),
        };
    }
    while let Some(place) = at {
        at = step(engine, job, place, move |batch| {
            let scan = Following::of(batch, entry)?;
            if place.step == CLOSES {
                return Ok(Some(close(batch, &scan, place.next)?.unwrap_or(Place { step: END, next: 0 })));
            }
            // Whoever says that all is known has looked: how far a job has come is not on record.
            let all = signals::get(batch.tx, entry)?.map(|signal| different(&signal));
            let why = (all != Some(scan.so_far(batch.tx)?)).then_some("Not all that it found was taken in.");
            scan.end(batch, why).map(|()| None)
        })?;
    }
    Ok(())
}

/// How many findings a scan told of, as its entry committed to.
fn different(signal: &StoredSignal) -> u64 {
    match &signal.signal.facts {
        Facts::Scan(scan) => scan.all.as_ref().map_or(0, |all| all.different),
        _ => 0,
    }
}

/// Puts on record that a scan is not taken in, wherever that stood.
pub(super) fn give_up(engine: &Engine, job: &StoredJob, entry: u64, why: &'static str) -> Result<(), Problem> {
    let Some(now) = engine.read(|tx| jobs::get(tx, job.seq))? else { return Ok(()) };
    let refused = move |batch: &mut Batch<'_>| Following::of(batch, entry)?.end(batch, Some(why)).map(|()| None);
    step(engine, job, Place::of(&now), refused).map(drop)
}

/// Follows a scan that is bound to other releases now.
pub(super) fn follow(engine: &Engine, job: &StoredJob, entry: u64) -> Result<(), Problem> {
    let mut at = Some(Place::of(job));
    while let Some(place) = at {
        at = step(engine, job, place, move |batch| {
            let scan = Following::of(batch, entry)?;
            // Of what could not be taken in nothing follows.
            if !scan.is_taken_in() {
                return Ok(None);
            }
            if place.step == CLOSES {
                return close(batch, &scan, place.next);
            }
            let mut steps = Steps::default();
            let next = match scan.see_piece(batch, place.next, &mut steps)? {
                true => Place { step: SEES, next: place.next + 1 },
                false => Place { step: CLOSES, next: 0 },
            };
            scan.tell(batch, steps).map(|()| Some(next))
        })?;
    }
    Ok(())
}

/// Closes what a scan no longer sees, behind a row; returns where that goes on.
fn close(batch: &mut Batch<'_>, scan: &Following, after: i64) -> Result<Option<Place>, Fault> {
    let mut steps = Steps::default();
    let next = scan.close(batch, after, &mut steps)?;
    scan.tell(batch, steps)?;
    Ok(next.map(|next| Place { step: CLOSES, next }))
}

/// Takes in what a scan saw, from the finding on that is next. Returns where it goes on; or why it cannot be read as it was.
fn see(engine: &Engine, job: &StoredJob, entry: u64) -> Result<Result<Option<Place>, &'static str>, Problem> {
    // What is damaged stays so; a disk that does not answer may answer later.
    let kept = match engine.store.read(|tx| Kept::of(tx, engine, entry)) {
        Err(error) if !error.is_damage() => return Err(internal(&error)),
        kept => kept.ok().flatten(),
    };
    let Some(kept) = kept else { return Ok(Err("Its bytes are not here any more, or are damaged.")) };
    let Facts::Scan(scan) = &kept.signal.signal.facts else { return Ok(Err("It is no scan.")) };
    let product = scan.product.as_deref().unwrap_or_default();
    let hold = engine.pieces().at_once;
    let again = Reread::of(&kept.body, (&kept.signal, scan), product, kept.policy, hold).map_err(|e| internal(&e))?;
    let Some(again) = again else {
        return Ok(Err("Read again, it does not give the findings that it gave when it came."));
    };
    let mut pieces = Pieces { engine, job, entry, kind: again.scan.kind, at: Place::of(job), list: Vec::new() };
    let mut skip = job.next;
    let read = again.each(|ready| {
        if skip > 0 {
            skip -= 1;
            return Ok(());
        }
        pieces.take(ready)
    });
    let read = read.and_then(|()| pieces.hand_over());
    match read {
        Ok(()) => step(engine, job, pieces.at, move |_| Ok(Some(Place { step: CLOSES, next: 0 }))).map(Ok),
        Err(Stop::Elsewhere) => Ok(Ok(None)),
        Err(Stop::Failed(problem)) => Err(*problem),
    }
}

/// What is kept of a report.
struct Kept {
    signal: Arc<StoredSignal>,
    body: Vec<u8>,
    policy: BandPolicy,
}

impl Kept {
    fn of(tx: &Tx<'_>, engine: &Engine, entry: u64) -> Result<Option<Self>, StoreError> {
        let Some(signal) = signals::get(tx, entry)? else { return Ok(None) };
        let Some(body) = body_of(tx, &engine.blobs, &signal.body, &signal.place)? else { return Ok(None) };
        let Facts::Scan(scan) = &signal.signal.facts else { return Ok(None) };
        // As it was read when it came.
        let product = products::at(tx, scan.product.as_deref().unwrap_or_default(), entry)?;
        Ok(Some(Self { policy: product.map(|p| p.severity).unwrap_or_default(), signal, body }))
    }
}

/// Pieces of a scan on their way into commits.
struct Pieces<'a> {
    engine: &'a Engine,
    job: &'a StoredJob,
    entry: u64,
    kind: ScanKind,
    at: Place,
    list: Vec<Ready>,
}

/// Why a scan is not taken in any further.
enum Stop {
    /// The job stands elsewhere by now.
    Elsewhere,
    Failed(Box<Problem>),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(Box::new(internal(&error)))
    }
}

impl Pieces<'_> {
    fn take(&mut self, ready: Ready) -> Result<(), Stop> {
        self.list.push(ready);
        if self.list.len() < self.engine.pieces().each { Ok(()) } else { self.hand_over() }
    }

    fn hand_over(&mut self) -> Result<(), Stop> {
        let list = std::mem::take(&mut self.list);
        if list.is_empty() {
            return Ok(());
        }
        let (entry, kind, at) = (self.entry, self.kind, self.at);
        let next = Place { step: SEES, next: at.next + list.len() as i64 };
        let went = step(self.engine, self.job, at, move |batch| {
            let scan = Following::of(batch, entry)?;
            let mut steps = Steps::default();
            scan.take_in(batch, kind, &list, &mut steps)?;
            scan.tell(batch, steps).map(|()| Some(next))
        });
        self.at = next;
        match went {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(Stop::Elsewhere),
            Err(problem) => Err(Stop::Failed(Box::new(problem))),
        }
    }
}
