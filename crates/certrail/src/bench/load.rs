//! Load: connections that send signed webhooks as fast as they are acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use certrail_usecases::{Delivery, Engine, deliver_webhook};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::REPO;
use crate::{commands, demo::forge::sha, failure::Failure};

/// What was sent.
pub(super) struct Sent {
    pub(super) took: Duration,
    /// Sorted.
    pub(super) latencies: Vec<Duration>,
}

/// How deliveries are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// With the right secret: each is recorded.
    Rightly,
    /// With another: each is read, checked and refused, which is what HTTP alone costs here.
    Wrongly,
}

/// Sends `count` check runs of 1 KiB, fifty about each commit.
pub(super) async fn send(
    engine: &Arc<Engine>,
    clients: usize,
    count: u64,
    first: u64,
    signed: Signed,
    padding: Padding,
) -> Result<Sent, Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = commands::web_app(engine.clone(), None)?;
    let server = tokio::spawn(async move { axum::serve(listener, certrail_web::router(app)).await });
    let next = Arc::new(AtomicU64::new(0));
    // Written and signed before the clock starts: what is measured is the server, as far as one machine allows.
    let (secret, expected): (&[u8], u16) = match signed {
        Signed::Rightly => (b"bench", 202),
        Signed::Wrongly => (b"another", 401),
    };
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let deliveries: Arc<[(Bytes, String)]> = (0..count)
        .map(|n| {
            let body = body(first + n, padding);
            let tag = data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, &body).as_ref());
            (Bytes::from(body), format!("sha256={tag}"))
        })
        .collect();
    let begun = Instant::now();
    let workers: Vec<_> = (0..clients)
        .map(|_| {
            let (next, deliveries) = (next.clone(), deliveries.clone());
            tokio::spawn(async move {
                let stream = tokio::net::TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                let mut latencies = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some((body, tag)) = deliveries.get(n as usize) else {
                        return Ok::<_, anyhow::Error>(latencies);
                    };
                    let request = Request::post("/hooks/github")
                        .header("host", "bench")
                        .header("x-github-event", "check_run")
                        .header("x-github-delivery", format!("bench-{}", first + n))
                        .header("x-hub-signature-256", tag)
                        .body(Full::new(body.clone()))?;
                    let sent = Instant::now();
                    let response = sender.send_request(request).await?;
                    let status = response.status();
                    response.into_body().collect().await?;
                    latencies.push(sent.elapsed());
                    if status != expected {
                        bail!("a delivery was answered with {status}");
                    }
                }
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await.context("a client ended early")??);
    }
    let took = begun.elapsed();
    server.abort();
    latencies.sort();
    Ok(Sent { took, latencies })
}

/// The same deliveries without a socket, `at_once` in flight: what verifying, mapping, binding and keeping cost.
pub(super) async fn direct(engine: &Arc<Engine>, at_once: usize, count: u64, first: u64) -> Result<Duration, Failure> {
    let made = (first..first + count).map(|n| delivery("check_run", body(n, Padding::Text))).collect();
    let begun = Instant::now();
    deliver(engine, made, at_once).await?;
    Ok(begun.elapsed())
}

/// Delivers without a socket, `at_once` in flight.
async fn deliver(engine: &Arc<Engine>, deliveries: Vec<Delivery>, at_once: usize) -> Result<(), Failure> {
    let deliveries = Arc::new(std::sync::Mutex::new(deliveries.into_iter()));
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (engine, deliveries) = (engine.clone(), deliveries.clone());
            tokio::spawn(async move {
                loop {
                    let next = deliveries.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some(delivery) = next else { return Ok::<_, anyhow::Error>(()) };
                    deliver_webhook(&engine, delivery).await?;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.context("a sender ended early")??;
    }
    Ok(())
}

/// What makes a delivery as long as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// Letters and digits without any order: nothing makes them shorter but that there are only 64 of them.
    Random,
    /// Words.
    Text,
}

impl Padding {
    fn of(self, length: usize, seed: u64) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const WORDS: &str = "The suite ran on the merge commit and every case of it passed; nothing was skipped. ";
        match self {
            Self::Text => WORDS.chars().cycle().take(length).collect(),
            Self::Random => {
                let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
                let mut next = || {
                    x ^= x << 13;
                    x ^= x >> 7;
                    x ^= x << 17;
                    char::from(LETTERS[(x >> 32) as usize % 64])
                };
                (0..length).map(|_| next()).collect()
            }
        }
    }
}

/// A check run of just about 1 KiB.
fn body(n: u64, padding: Padding) -> Vec<u8> {
    let mut value = json!({
        "action": "completed",
        "check_run": { "head_sha": sha(&format!("history {}", n / 50)), "name": format!("check {n}"), "status": "completed", "conclusion": "success", "completed_at": "2026-03-15T10:00:00Z", "app": { "slug": "ci" } },
        "sender": { "login": "ci", "type": "Bot" }, "repository": { "full_name": REPO }, "padding": "",
    });
    let short = serde_json::to_vec(&value).map_or(0, |b| b.len());
    value["padding"] = Value::String(padding.of(1024_usize.saturating_sub(short), n));
    serde_json::to_vec(&value).unwrap_or_default()
}

/// A delivery of an event, signed, under an id of its own.
fn delivery(event: &str, body: Vec<u8>) -> Delivery {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"bench");
    let tag = data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, &body).as_ref());
    let headers = vec![
        ("x-github-event".to_owned(), event.to_owned()),
        ("x-github-delivery".to_owned(), format!("stage-{}", NUMBER.fetch_add(1, Ordering::Relaxed))),
        ("x-hub-signature-256".to_owned(), format!("sha256={tag}")),
    ];
    Delivery { connector: "github".into(), headers, body }
}

/// Delivers one event without a socket, for setting the stage.
pub(super) async fn one(engine: &Arc<Engine>, event: &'static str, value: Value) -> Result<(), Failure> {
    raw(engine, event, serde_json::to_vec(&value).unwrap_or_default()).await
}

/// Delivers bytes as an event without a socket.
pub(super) async fn raw(engine: &Arc<Engine>, event: &str, body: Vec<u8>) -> Result<(), Failure> {
    deliver_webhook(engine, delivery(event, body)).await?;
    Ok(())
}

/// Delivers events without a socket, `at_once` in flight.
pub(super) async fn all(
    engine: &Arc<Engine>,
    events: Vec<(&'static str, Value)>,
    at_once: usize,
) -> Result<(), Failure> {
    let made = events.into_iter().map(|(event, value)| delivery(event, serde_json::to_vec(&value).unwrap_or_default()));
    deliver(engine, made.collect(), at_once).await
}
