//! Many people read the page of one large release while its gate is asked and evidence comes in: what each of them waits,
//! and how much memory the server takes. The server is a process of its own, so that its memory is its own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use certrail_domain::{Product, Role, Scope};
use certrail_usecases::{NewPerson, NewToken, create_token, put_person, put_product, session_for};
use http_body_util::Full;
use hyper::{Request, body::Bytes};
use serde_json::Value;

use super::{
    Args, PRODUCT, REPO, close, load, open, percentile, product,
    server::{Line, Server},
    system,
};
use crate::{
    demo::forge::{self, sha},
    failure::Failure,
};

/// Of the release that everybody reads.
const SIGNALS: u64 = 6_000;
const COMMITS: u64 = 300;
/// What comes in meanwhile, each second: for other releases, and for this one.
const OTHERS: u64 = 500;
const OWN: u64 = 5;
const OTHER_REPO: &str = "acme/other";

/// What somebody measured.
#[derive(Default)]
pub(super) struct Waited {
    pub(super) times: Vec<Duration>,
    bytes: u64,
}

impl Waited {
    pub(super) fn of(all: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::default();
        for one in all {
            sum.times.extend(one.times);
            sum.bytes += one.bytes;
        }
        sum.times.sort();
        sum
    }
}

/// Asks the same again and again until the time is over.
pub(super) async fn repeat(
    address: SocketAddr,
    until: Instant,
    pause: Duration,
    make: impl Fn() -> anyhow::Result<Request<Full<Bytes>>>,
) -> anyhow::Result<Waited> {
    let mut line = Line::open(address).await?;
    let mut waited = Waited::default();
    while Instant::now() < until {
        let (answer, size, took) = line.ask(make()?).await?;
        if !answer.status().is_success() {
            bail!("it was answered with {}", answer.status());
        }
        waited.times.push(took);
        waited.bytes += size as u64;
        tokio::time::sleep(pause).await;
    }
    Ok(waited)
}

/// Sends check runs of commits at a steady pace as long as `goes_on` says so.
pub(super) async fn deliver(
    address: SocketAddr,
    goes_on: impl Fn() -> bool,
    each_second: u64,
    make: impl Fn(u64) -> Value,
) -> anyhow::Result<Waited> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut line = Line::open(address).await?;
    let mut waited = Waited::default();
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / each_second));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"bench");
    while goes_on() {
        beat.tick().await;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let body = serde_json::to_vec(&make(number))?;
        let tag = data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, &body).as_ref());
        let request = Request::post("/hooks/github")
            .header("host", "bench")
            .header("x-github-event", "check_run")
            .header("x-github-delivery", format!("reading-{number}"))
            .header("x-hub-signature-256", format!("sha256={tag}"))
            .body(Full::new(Bytes::from(body)))?;
        let (answer, _, took) = line.ask(request).await?;
        if answer.status() != 202 {
            bail!("a delivery was answered with {}", answer.status());
        }
        waited.times.push(took);
    }
    Ok(waited)
}

pub(super) async fn readers(args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let engine = open(&data).await?;
    put_product(
        &engine,
        &system(),
        Product::new("other", Some(OTHER_REPO)),
        certrail_usecases::SettingsRequest::default(),
    )
    .await?;
    let new =
        NewPerson { name: "mara".into(), accounts: vec!["mara".into()], role: Role::ReleaseManager, scope: Scope::ALL };
    let person = put_person(&engine, &system(), new).await?;
    let session = session_for(&engine, &person).await?.secret;
    let token = create_token(&engine, &system(), NewToken::pipeline("bench", &["*"])).await?.secret;
    let last = product::history(&engine, 1, SIGNALS, COMMITS).await?;
    let tag = forge::tag(REPO, engine.now(), "v1.0.0", &last, "mara");
    load::one(&engine, "push", tag).await?;
    close(engine).await?;
    let server = Server::start(&data)?;
    let address = server.address;
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let (session, token) = (Arc::<str>::from(session), Arc::<str>::from(token));
    let pages: Vec<_> = (0..args.readers)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(repeat(address, until, Duration::ZERO, move || {
                let page = Request::get(format!("/r/{PRODUCT}/1.0.0")).header("host", "bench");
                Ok(page.header("cookie", format!("certrail_session={session}")).body(Full::default())?)
            }))
        })
        .collect();
    let gates: Vec<_> = (0..2)
        .map(|_| {
            let token = token.clone();
            tokio::spawn(repeat(address, until, Duration::from_millis(50), move || {
                let gate = Request::post(format!("/api/v1/products/{PRODUCT}/releases/1.0.0/gates/deploy:production"));
                Ok(gate
                    .header("host", "bench")
                    .header("authorization", format!("Bearer {token}"))
                    .body(Full::default())?)
            }))
        })
        .collect();
    let at = certrail_usecases::system_clock().read();
    let own = tokio::spawn(deliver(
        address,
        move || Instant::now() < until,
        OWN,
        move |n| forge::check_run(REPO, at, &last, &format!("late {n}"), "success"),
    ));
    // Four connections share the pace, as a forge has several.
    let others: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(deliver(
                address,
                move || Instant::now() < until,
                OTHERS / 4,
                move |n| {
                    forge::check_run(
                        OTHER_REPO,
                        at,
                        &sha(&format!("other {}", n / 50)),
                        &format!("check {n}"),
                        "success",
                    )
                },
            ))
        })
        .collect();
    let pages = all(pages).await?;
    let gates = all(gates).await?;
    let own = all(vec![own]).await?;
    let others = all(others).await?;
    let (most, now) = server.resident()?;
    println!(
        "readers  {} at once read a release of {SIGNALS} signals and {COMMITS} commits for {} s: {:.0} pages/s of {} KB; page p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms",
        args.readers,
        args.seconds,
        pages.times.len() as f64 / args.seconds as f64,
        pages.bytes / (pages.times.len().max(1) as u64 * 1000),
        percentile(&pages.times, 0.5),
        percentile(&pages.times, 0.95),
        percentile(&pages.times, 0.99)
    );
    println!(
        "         {} gates asked meanwhile: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms; deliveries {:.0}/s for others (p99 {:.0} ms), {:.1}/s for it; resident at most {most} MB, at the end {now} MB",
        gates.times.len(),
        percentile(&gates.times, 0.5),
        percentile(&gates.times, 0.95),
        percentile(&gates.times, 0.99),
        others.times.len() as f64 / args.seconds as f64,
        percentile(&others.times, 0.99),
        own.times.len() as f64 / args.seconds as f64,
    );
    drop(server);
    idle(&data, &token).await?;
    dossiers(&data, &token).await
}

/// Connections that never finish their request.
const IDLE: usize = 2_000;
/// Dossiers at once.
const DOSSIERS: usize = 50;

fn asked(token: &str, method: &str, path: &str) -> anyhow::Result<Request<Full<Bytes>>> {
    let request = Request::builder().method(method).uri(path).header("host", "bench");
    Ok(request.header("authorization", format!("Bearer {token}")).body(Full::default())?)
}

/// Health and a gate while many hold connections open and send half a request.
async fn idle(data: &std::path::Path, token: &str) -> Result<(), Failure> {
    use tokio::io::AsyncWriteExt as _;
    let server = Server::start(data)?;
    let mut slow = Vec::new();
    for _ in 0..IDLE {
        let mut stream = tokio::net::TcpStream::connect(server.address).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").await?;
        slow.push(stream);
    }
    let until = Instant::now() + Duration::from_secs(8);
    let pause = Duration::from_millis(50);
    let health = repeat(server.address, until, pause, || asked(token, "GET", "/healthz")).await?;
    let until = Instant::now() + Duration::from_secs(5);
    let path = format!("/api/v1/products/{PRODUCT}/releases/1.0.0/gates/deploy:production");
    let gate = repeat(server.address, until, pause, || asked(token, "POST", &path)).await?;
    let (health, gate) = (Waited::of([health]), Waited::of([gate]));
    println!(
        "idle     {} connections with half a request each: health p99 {:.1} ms, gate p50 {:.1} ms, p99 {:.1} ms, resident at most {} MB",
        slow.len(),
        percentile(&health.times, 0.99),
        percentile(&gate.times, 0.5),
        percentile(&gate.times, 0.99),
        server.resident()?.0
    );
    Ok(())
}

/// Everybody wants a dossier at once.
async fn dossiers(data: &std::path::Path, token: &str) -> Result<(), Failure> {
    let server = Server::start(data)?;
    let begun = Instant::now();
    let address = server.address;
    let all: Vec<_> = (0..DOSSIERS)
        .map(|_| {
            let token = token.to_owned();
            tokio::spawn(async move {
                let path = format!("/api/v1/products/{PRODUCT}/releases/1.0.0/dossiers");
                let (answer, ..) = Line::open(address).await?.ask(asked(&token, "POST", &path)?).await?;
                let made = answer.headers().get("location").context("no dossier was made")?.to_str()?.to_owned();
                let path = format!("{made}/dossier.pdf");
                let (answer, size, _) = Line::open(address).await?.ask(asked(&token, "GET", &path)?).await?;
                anyhow::Ok((answer.status().is_success(), size))
            })
        })
        .collect();
    let (mut renderers, mut memory) = (0, 0);
    while !all.iter().all(tokio::task::JoinHandle::is_finished) {
        let (now, held) = server.family()?;
        (renderers, memory) = (renderers.max(now), memory.max(held));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = begun.elapsed();
    let (mut made, mut size) = (0, 0);
    for one in all {
        if let Ok((true, bytes)) = one.await.context("a client ended early")? {
            (made, size) = (made + 1, bytes);
        }
    }
    println!(
        "dossiers {made} of {DOSSIERS} PDFs of that release at once ({} KB each) in {:.1} s; at most {renderers} renderers, {memory} MB with the server",
        size / 1000,
        took.as_secs_f64()
    );
    Ok(())
}

async fn all(tasks: Vec<tokio::task::JoinHandle<anyhow::Result<Waited>>>) -> anyhow::Result<Waited> {
    let mut each = Vec::new();
    for task in tasks {
        each.push(task.await.context("a client ended early")??);
    }
    Ok(Waited::of(each))
}
