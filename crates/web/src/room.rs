//! Room for bodies: how much memory all that is being received may hold. Small bodies need none, and what nobody has proved to be
//! theirs yet has its own, so that strangers cannot keep out those whom we know.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::{Body, HttpBody};
use certrail_domain::{Problem, ProblemKind};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{peer::Peer, refusal::too_large, shares::Shares};

const KIB: usize = 1024;
/// Up to this many bytes need no room: deliveries of forges are smaller, and the number of connections bounds them.
const SMALL: usize = 64 * KIB;
/// Room for bodies whose signature is checked when they are there, in KiB.
const UNPROVEN: usize = 128 * KIB;
/// Room for bodies of senders who said who they are, in KiB.
const PROVEN: usize = 512 * KIB;

/// What one address may hold of it: one of the largest deliveries. Those whose own address is not known share all.
const OF_AN_ADDRESS: usize = 32 * KIB;
/// What one person or token may hold of it: one of the largest reports.
const OF_AN_ACCOUNT: usize = 256 * KIB;

/// What is known of a sender before their body is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Nothing but the address: the signature is over the body. Forges are fast, and strangers are slow on purpose.
    Unproven(Peer),
    /// Who they are, by account.
    Proven(String),
}

impl Sender {
    /// The fewest bytes a second, at any time since the beginning.
    const fn pace(&self) -> usize {
        match self {
            Self::Unproven(_) => 1024 * KIB,
            Self::Proven(_) => 64 * KIB,
        }
    }
}

/// The room there is.
#[derive(Clone, Debug)]
pub struct Room {
    unproven: Arc<Semaphore>,
    proven: Arc<Semaphore>,
    addresses: Shares,
    accounts: Shares,
    /// The longest waits for room, of strangers and of those whom we know.
    brief: Duration,
    patience: Duration,
    /// How long a body may take besides its bytes.
    grace: Duration,
}

impl Default for Room {
    fn default() -> Self {
        let room = |kib| Arc::new(Semaphore::new(kib));
        let [brief, patience, grace] = [5, 20, 5].map(Duration::from_secs);
        let (addresses, accounts) = (Shares::new(OF_AN_ADDRESS), Shares::new(OF_AN_ACCOUNT));
        Self { unproven: room(UNPROVEN), proven: room(PROVEN), addresses, accounts, brief, patience, grace }
    }
}

/// A body that was received, and the room it takes until this is dropped.
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: Option<Held>,
}

/// Room that somebody holds: of all there is, and of what is theirs.
#[derive(Debug)]
pub(crate) struct Held {
    all: OwnedSemaphorePermit,
    own: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn merge(&mut self, more: Self) {
        self.all.merge(more.all);
        match (&mut self.own, more.own) {
            (Some(own), Some(more)) => own.merge(more),
            (own, more) => *own = own.take().or(more),
        }
    }
}

impl Room {
    /// Reads a whole body up to `limit` bytes.
    ///
    /// # Errors
    /// A body that is too large, breaks off or takes too long; no room.
    pub(crate) async fn receive(&self, sender: Sender, body: Body, limit: usize) -> Result<Received, Problem> {
        let hint = body.size_hint();
        let declared = hint.exact().map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        if declared.is_some_and(|n| n > limit) {
            return Err(too_large(limit));
        }
        let mut body = body;
        let mut bytes = Vec::new();
        let mut room: Option<Held> = None;
        let (mut begun, mut granted) = (Instant::now(), SMALL);
        loop {
            // Whoever announces much and sends little is not waited for, whatever they announced.
            let due = self.grace + Duration::from_secs_f64((bytes.len() + SMALL) as f64 / sender.pace() as f64);
            let frame = tokio::time::timeout_at((begun + due).into(), body.frame());
            let frame = frame.await.map_err(|_| cut_off("came too slowly"))?;
            let Some(frame) = frame else { return Ok(Received { bytes, room }) };
            let frame = frame.map_err(|_| cut_off("broke off before it was complete"))?;
            let Ok(data) = frame.into_data() else { continue };
            let needed = bytes.len() + data.len();
            if needed > limit {
                return Err(too_large(limit));
            }
            if needed > granted {
                // As much again as there is, so that room goes with what came and not with what was announced.
                let step = granted.min(limit.saturating_sub(granted)).max(needed - granted);
                let waiting = Instant::now();
                let more = self.take(&sender, step).await?;
                // Waiting for room is not the sender's slowness.
                begun += waiting.elapsed();
                granted += step;
                match &mut room {
                    Some(room) => room.merge(more),
                    none => *none = Some(more),
                }
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// The longest wait for room: forges give up after ten seconds.
    const fn patience(&self, sender: &Sender) -> Duration {
        match sender {
            Sender::Unproven(_) => self.brief,
            Sender::Proven(_) => self.patience,
        }
    }

    async fn take(&self, sender: &Sender, bytes: usize) -> Result<Held, Problem> {
        let (room, most, own) = match sender {
            Sender::Unproven(peer) => {
                let own = match peer {
                    Peer::Alone(address) => Some(self.addresses.of(&address.to_string())),
                    Peer::Together => None,
                };
                (&self.unproven, OF_AN_ADDRESS, own)
            }
            Sender::Proven(account) => (&self.proven, OF_AN_ACCOUNT, Some(self.accounts.of(account))),
        };
        let wanted = u32::try_from(bytes.div_ceil(KIB).min(most)).unwrap_or(u32::MAX);
        // Those who hold some and wait for more of each other give up in time; whoever holds all of their own waits for that.
        let take = async {
            let own = match own {
                Some(own) => Some(own.acquire_many_owned(wanted).await.ok()?),
                None => None,
            };
            Some(Held { all: room.clone().acquire_many_owned(wanted).await.ok()?, own })
        };
        let taken = tokio::time::timeout(self.patience(sender), take).await;
        taken.ok().flatten().ok_or_else(|| {
            Problem::new(
                ProblemKind::Unavailable,
                "no-room",
                "Nothing was recorded.",
                "The server is receiving as much as it can hold.",
                "Send it again in a moment.",
            )
        })
    }
}

fn cut_off(how: &str) -> Problem {
    Problem::new(
        ProblemKind::BadInput,
        "body-cut-off",
        "Nothing was recorded.",
        format!("The body {how}."),
        "Send it again.",
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures_util::{StreamExt, stream};

    use super::*;

    fn chunked(pieces: usize, size: usize) -> Body {
        let piece = Bytes::from(vec![7; size]);
        Body::from_stream(stream::iter((0..pieces).map(move |_| Ok::<_, std::io::Error>(piece.clone()))))
    }

    async fn code(room: &Room, sender: Sender, body: Body, limit: usize) -> String {
        room.receive(sender, body, limit).await.map_or_else(|p| p.code, |r| format!("{} bytes", r.bytes.len()))
    }

    #[tokio::test]
    async fn bodies_share_the_room_there_is_and_give_it_back() {
        let brief = Duration::from_millis(10);
        let room = Room { brief, patience: brief, ..Room::default() };
        let large = || Body::from(vec![7; 25 * KIB * KIB]);
        let limit = 25 * KIB * KIB;
        let mut held = Vec::new();
        while let Ok(one) = room.receive(Sender::Unproven(Peer::Together), large(), limit).await {
            held.push(one);
        }
        assert!((4..=5).contains(&held.len()), "{}", held.len());
        // There is no more, told or not; small ones and those of known senders come through.
        assert_eq!(code(&room, Sender::Unproven(Peer::Together), large(), limit).await, "no-room");
        assert_eq!(code(&room, Sender::Unproven(Peer::Together), chunked(800, 32 * KIB), limit).await, "no-room");
        assert_eq!(code(&room, Sender::Unproven(Peer::Together), Body::from("small"), limit).await, "5 bytes");
        assert_eq!(code(&room, Sender::Unproven(Peer::Together), chunked(2, 32 * KIB), limit).await, "65536 bytes");
        assert_eq!(code(&room, Sender::Proven("ci".into()), large(), limit).await, format!("{limit} bytes"));
        // One address, and one account, hold no more than theirs; others are not kept out.
        let peer = |last: u8| Sender::Unproven(Peer::Alone([192, 0, 2, last].into()));
        held.clear();
        let first = room.receive(peer(1), large(), limit).await.expect("there is room");
        assert_eq!(code(&room, peer(1), large(), limit).await, "no-room");
        assert_eq!(code(&room, peer(2), large(), limit).await, format!("{limit} bytes"));
        drop(first);
        assert_eq!(code(&room, peer(1), large(), limit).await, format!("{limit} bytes"));
        let ten = || Body::from(vec![7; 130 * KIB * KIB]);
        let first = room.receive(Sender::Proven("ci".into()), ten(), 130 * KIB * KIB).await.expect("there is room");
        assert_eq!(code(&room, Sender::Proven("ci".into()), ten(), 130 * KIB * KIB).await, "no-room");
        assert_eq!(code(&room, Sender::Proven("other".into()), large(), limit).await, format!("{limit} bytes"));
        drop(first);
        assert_eq!(code(&room, Sender::Unproven(Peer::Together), large(), limit).await, format!("{limit} bytes"));
        assert_eq!(code(&room, Sender::Proven("ci".into()), Body::from("large"), 4).await, "too-large");
        assert_eq!(code(&room, Sender::Proven("ci".into()), chunked(3, 2), 4).await, "too-large");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let room = Room { grace: Duration::from_millis(10), ..Room::default() };
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
        let body = Body::from_stream(first.chain(stream::pending()));
        assert_eq!(code(&room, Sender::Unproven(Peer::Together), body, KIB).await, "body-cut-off");
    }
}
