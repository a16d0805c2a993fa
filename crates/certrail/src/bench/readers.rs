//! Many people read the page of one large release while its gate is asked and evidence comes in: what each of them waits,
//! and how much memory the server takes. The server is a process of its own, so that its memory is its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use certrail_domain::{Product, Role, Scope};
use certrail_usecases::{NewPerson, NewToken, create_token, put_person, put_product, session_for};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::{Args, PRODUCT, REPO, close, load, open, percentile, product, system};
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

/// A server of our own on a data folder; it ends with this value.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(data: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().context("the server says nothing")?;
        let mut lines = BufReader::new(out).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("http://")?;
            line.starts_with("Ready").then(|| rest.split_whitespace().next()?.parse().ok())?
        });
        // What else it says is read and thrown away, so that it never waits for us.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        match address {
            Some(address) => Ok(Self { child, address }),
            None => bail!("the server did not start"),
        }
    }

    /// The most memory it ever held, and what it holds now, megabytes.
    fn resident(&self) -> anyhow::Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
        };
        Ok((of("VmHWM:").context("no VmHWM")?, of("VmRSS:").context("no VmRSS")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One connection that stays open.
struct Line(SendRequest<Full<Bytes>>);

impl Line {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Asks, reads the whole answer and returns its size and how long that took.
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<(Response<()>, usize, Duration)> {
        self.0.ready().await?;
        let begun = Instant::now();
        let (head, body) = self.0.send_request(request).await?.into_parts();
        let size = body.collect().await?.to_bytes().len();
        Ok((Response::from_parts(head, ()), size, begun.elapsed()))
    }
}

/// What somebody measured.
#[derive(Default)]
struct Waited {
    times: Vec<Duration>,
    bytes: u64,
}

impl Waited {
    fn of(all: impl IntoIterator<Item = Self>) -> Self {
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
async fn repeat(
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

/// Sends check runs of commits at a steady pace.
async fn deliver(
    address: SocketAddr,
    until: Instant,
    each_second: u64,
    make: impl Fn(u64) -> Value,
) -> anyhow::Result<Waited> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut line = Line::open(address).await?;
    let mut waited = Waited::default();
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / each_second));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"bench");
    while Instant::now() < until {
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
    put_product(&engine, &system(), Product::new("other", Some(OTHER_REPO))).await?;
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
    let own = tokio::spawn(deliver(address, until, OWN, move |n| {
        forge::check_run(REPO, at, &last, &format!("late {n}"), "success")
    }));
    // Four connections share the pace, as a forge has several.
    let others: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(deliver(address, until, OTHERS / 4, move |n| {
                forge::check_run(OTHER_REPO, at, &sha(&format!("other {}", n / 50)), &format!("check {n}"), "success")
            }))
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
    Ok(())
}

async fn all(tasks: Vec<tokio::task::JoinHandle<anyhow::Result<Waited>>>) -> anyhow::Result<Waited> {
    let mut each = Vec::new();
    for task in tasks {
        each.push(task.await.context("a client ended early")??);
    }
    Ok(Waited::of(each))
}
