//! The story's clock, and how its people send things: through the router, as anybody would.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use anyhow::{Context, bail};
use axum::{Router, body::Body, http::Request};
use certrail_domain::Time;
use certrail_usecases::{Clock, system_clock};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// A clock that stands where the story puts it, and follows the real one afterwards.
#[derive(Clone, Default)]
pub(crate) struct StoryClock(Arc<AtomicI64>);

impl StoryClock {
    /// The clock as the engine wants it.
    pub(crate) fn as_clock(&self) -> Clock {
        let (own, real) = (self.0.clone(), system_clock());
        Clock::told(move || match own.load(Ordering::Relaxed) {
            0 => real.read(),
            micros => Time::from_micros(micros),
        })
    }

    /// Puts the clock to `at`.
    pub(crate) fn set(&self, at: Time) {
        self.0.store(at.as_micros(), Ordering::Relaxed);
    }

    /// From now on, the real time.
    pub(crate) fn follow_the_real_one(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Sends things to the system under a story clock.
pub(crate) struct Sender {
    router: Router,
    pub(crate) secret: String,
    clock: StoryClock,
    deliveries: AtomicU64,
}

impl Sender {
    pub(crate) fn new(router: Router, secret: String, clock: StoryClock) -> Self {
        Self { router, secret, clock, deliveries: AtomicU64::new(0) }
    }

    async fn send(&self, request: Request<Body>) -> anyhow::Result<Value> {
        let what = request.uri().to_string();
        let response = self.router.clone().oneshot(request).await.context("send")?;
        let status = response.status();
        let bytes = response.into_body().collect().await.context("read the answer")?.to_bytes();
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if !status.is_success() {
            let text = |member: &str| value[member].as_str().unwrap_or_default();
            bail!("{what}: {status} {} {}", text("code"), text("detail"));
        }
        Ok(value)
    }

    /// Delivers a GitHub event, received at `at`, signed as GitHub signs.
    pub(crate) async fn github(&self, at: Time, event: &str, payload: &Value) -> anyhow::Result<Value> {
        self.hook("github", &self.secret, at, event, payload).await
    }

    /// [`Sender::github`] to a connector, signed with a secret.
    pub(crate) async fn hook(
        &self,
        connector: &str,
        secret: &str,
        at: Time,
        event: &str,
        payload: &Value,
    ) -> anyhow::Result<Value> {
        self.hook_bytes((connector, secret), at, event, serde_json::to_vec(payload)?).await
    }

    /// [`Sender::hook`] with a body of any kind.
    pub(crate) async fn hook_bytes(
        &self,
        (connector, secret): (&str, &str),
        at: Time,
        event: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Value> {
        self.clock.set(at);
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, &body).as_ref());
        let number = self.deliveries.fetch_add(1, Ordering::Relaxed);
        let request = Request::post(format!("/hooks/{connector}"))
            .header("x-github-event", event)
            .header("x-github-delivery", format!("demo-{number:06}"))
            .header("x-hub-signature-256", format!("sha256={tag}"))
            .body(Body::from(body))?;
        self.send(request).await
    }

    /// Sends a report as a pipeline would.
    pub(crate) async fn report(&self, at: Time, token: &str, query: &str, bytes: Vec<u8>) -> anyhow::Result<Value> {
        let key = format!("report-{}", self.deliveries.fetch_add(1, Ordering::Relaxed));
        self.report_under(&key, at, token, query, bytes).await
    }

    /// [`Sender::report`] under a key of the delivery.
    pub(crate) async fn report_under(
        &self,
        key: &str,
        at: Time,
        token: &str,
        query: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<Value> {
        self.clock.set(at);
        let request = Request::post(format!("/api/v1/evidence?{query}"))
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key)
            .body(Body::from(bytes))?;
        self.send(request).await
    }

    /// Calls the API as a person or pipeline.
    pub(crate) async fn call(
        &self,
        at: Time,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        self.clock.set(at);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(serde_json::to_vec(body)?))?;
        self.send(request).await
    }
}
