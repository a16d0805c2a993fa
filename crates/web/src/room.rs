//! Room for bodies: how much memory all that is being received may hold. Small bodies need none, and what nobody has proved to be
//! theirs yet has its own, so that strangers cannot keep out those whom we know.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, HttpBody};
use certrail_domain::{Problem, ProblemKind};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::too_large;

const KIB: usize = 1024;
/// Up to this many bytes need no room: deliveries of forges are smaller, and the number of connections bounds them.
const SMALL: usize = 64 * KIB;
/// Room for bodies whose signature is checked when they are there, in KiB.
const UNPROVEN: usize = 128 * KIB;
/// Room for bodies of senders who said who they are, in KiB.
const PROVEN: usize = 512 * KIB;

/// What is known of a sender before their body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Nothing: the signature is over the body. Forges are fast, and strangers are slow on purpose.
    Unproven,
    /// Who they are.
    Proven,
}

impl Sender {
    /// The fewest bytes a second, on the whole.
    const fn pace(self) -> usize {
        match self {
            Self::Unproven => 1024 * KIB,
            Self::Proven => 256 * KIB,
        }
    }
}

/// The room there is.
#[derive(Clone, Debug)]
pub struct Room {
    unproven: Arc<Semaphore>,
    proven: Arc<Semaphore>,
    /// The longest wait for room.
    patience: Duration,
    /// How long a body may take besides its bytes.
    grace: Duration,
}

impl Default for Room {
    fn default() -> Self {
        let room = |kib| Arc::new(Semaphore::new(kib));
        let (patience, grace) = (Duration::from_secs(20), Duration::from_secs(10));
        Self { unproven: room(UNPROVEN), proven: room(PROVEN), patience, grace }
    }
}

/// A body that was received, and the room it takes until this is dropped.
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: Option<OwnedSemaphorePermit>,
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
        let most = declared.unwrap_or(limit);
        let time = self.grace + Duration::from_secs((most / sender.pace()) as u64);
        // Waiting for room is not the sender's slowness, and is not counted.
        let mut room = match declared {
            Some(n) if n > SMALL => Some(self.take(sender, n).await?),
            _ => None,
        };
        let read = async {
            let (mut body, mut bytes) = (body, Vec::with_capacity(declared.unwrap_or(0)));
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return Err(cut_off("broke off before it was complete")) };
                let Ok(data) = frame.into_data() else { continue };
                if bytes.len() + data.len() > limit {
                    return Err(too_large(limit));
                }
                // How large it becomes was not said: as large as it may.
                if room.is_none() && bytes.len() + data.len() > SMALL {
                    room = Some(self.take(sender, limit).await?);
                }
                bytes.extend_from_slice(&data);
            }
            Ok(bytes)
        };
        let bytes = tokio::time::timeout(time, read).await.unwrap_or_else(|_| Err(cut_off("came too slowly")))?;
        Ok(Received { bytes, room })
    }

    async fn take(&self, sender: Sender, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let (room, all) = match sender {
            Sender::Unproven => (&self.unproven, UNPROVEN),
            Sender::Proven => (&self.proven, PROVEN),
        };
        let wanted = u32::try_from(bytes.div_ceil(KIB).min(all)).unwrap_or(u32::MAX);
        // All that is wanted at once: two that hold half each would wait for ever.
        let taken = tokio::time::timeout(self.patience, room.clone().acquire_many_owned(wanted)).await;
        taken.ok().and_then(Result::ok).ok_or_else(|| {
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
        let room = Room { patience: Duration::from_millis(10), ..Room::default() };
        let large = || Body::from(vec![7; 25 * KIB * KIB]);
        let limit = 25 * KIB * KIB;
        let mut held = Vec::new();
        for _ in 0..5 {
            held.push(room.receive(Sender::Unproven, large(), limit).await.expect("room"));
        }
        // There is no sixth, told or not; small ones and those of known senders come through.
        assert_eq!(code(&room, Sender::Unproven, large(), limit).await, "no-room");
        assert_eq!(code(&room, Sender::Unproven, chunked(4, 32 * KIB), limit).await, "no-room");
        assert_eq!(code(&room, Sender::Unproven, Body::from("small"), limit).await, "5 bytes");
        assert_eq!(code(&room, Sender::Unproven, chunked(2, 32 * KIB), limit).await, "65536 bytes");
        assert_eq!(code(&room, Sender::Proven, large(), limit).await, format!("{limit} bytes"));
        held.pop();
        assert_eq!(code(&room, Sender::Unproven, large(), limit).await, format!("{limit} bytes"));
        assert_eq!(code(&room, Sender::Proven, Body::from("large"), 4).await, "too-large");
        assert_eq!(code(&room, Sender::Proven, chunked(3, 2), 4).await, "too-large");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let room = Room { grace: Duration::ZERO, ..Room::default() };
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
        let body = Body::from_stream(first.chain(stream::pending()));
        assert_eq!(code(&room, Sender::Unproven, body, KIB).await, "body-cut-off");
    }
}
