//! `certrail bench`: figures of this program on this machine, beside the floor they are compared with.
//!
//! Load goes to a server of our own on loopback. Every acknowledgement counted is a 202 that left after
//! the commit which holds the signal and the signed checkpoint.

mod disk;
mod evaluation;
mod findings;
mod load;
mod product;
mod readers;
mod report;
mod server;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use certrail_domain::Product;
use certrail_usecases::{Caller, Engine, Gate, Renderer, ask_gate, fsck_folder, put_product, verify_dossier};

use self::load::{Padding, Signed};
use crate::{
    commands,
    demo::forge::{self, digest, sha},
    failure::Failure,
};

/// Measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Signals for the ingest figure.
    #[arg(long, default_value_t = 40_000)]
    signals: u64,
    /// Connections that send at once.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Signals of other releases for the gate and start figures; the small store has a thirtieth of it.
    #[arg(long, default_value_t = 300_000)]
    history: u64,
    /// A folder of deliveries, `EVENT.….json` each, whose size on disk is shown as well.
    #[arg(long)]
    samples: Option<std::path::PathBuf>,
    /// Releases of one product that the history is divided between.
    #[arg(long, default_value_t = 300)]
    releases: u64,
    /// Runs of each figure; the median is printed.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Findings in the store for the list and storage figures.
    #[arg(long, default_value_t = 1_000_000)]
    findings: u64,
    /// Findings of the one large report.
    #[arg(long, default_value_t = 200_000)]
    in_a_report: u64,
    /// People who read the page of one release at once.
    #[arg(long, default_value_t = 200)]
    readers: usize,
    /// Seconds that they read.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only one part of the figures.
    #[arg(long)]
    only: Option<Figures>,
}

/// A part of the figures.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Figures {
    Ingest,
    Disk,
    Release,
    Evaluation,
    Product,
    Findings,
    Report,
    Readers,
}

const PRODUCT: &str = "bench";
const REPO: &str = "acme/bench";
/// Gate questions for one percentile.
const ASKS: usize = 500;

fn system() -> Caller {
    Caller::internal("bench")
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    commands::quiet_logs();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!(
        "certrail {} on {} processors",
        crate::version(),
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    let wanted = |part| args.only.is_none_or(|only| only == part);
    if wanted(Figures::Ingest) {
        runtime.block_on(ingest(args))?;
    }
    if wanted(Figures::Disk) {
        runtime.block_on(disk::disk(args))?;
    }
    if wanted(Figures::Release) {
        runtime.block_on(gates_and_dossier(args))?;
    }
    if wanted(Figures::Evaluation) {
        evaluation::evaluation(args)?;
    }
    if wanted(Figures::Product) {
        runtime.block_on(product::product(args))?;
    }
    if wanted(Figures::Readers) {
        runtime.block_on(readers::readers(args))?;
    }
    if wanted(Figures::Report) {
        runtime.block_on(report::report(args))?;
    }
    if wanted(Figures::Findings) {
        runtime.block_on(findings::findings(args))?;
    }
    Ok(0)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn percentile(sorted: &[Duration], p: f64) -> f64 {
    let at = ((sorted.len() as f64 * p) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

async fn open(folder: &Path) -> Result<Arc<Engine>, Failure> {
    let own = folder.to_owned();
    let engine = tokio::task::spawn_blocking(move || {
        commands::open_engine(&own, "bench.local/log", certrail_usecases::system_clock())
    })
    .await
    .map_err(anyhow::Error::from)??;
    engine.keys.add_secret("github", "bench")?;
    put_product(&engine, &system(), Product::new(PRODUCT, Some(REPO)), certrail_usecases::SettingsRequest::default())
        .await?;
    Ok(engine)
}

async fn ingest(args: &Args) -> Result<(), Failure> {
    let (mut http, mut alone, mut floors, mut rates, mut ratios, mut p50, mut p99) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..args.runs {
        let folder = tempfile::tempdir()?;
        let rows = args.signals;
        let own = folder.path().to_owned();
        let floor = tokio::task::spawn_blocking(move || certrail_store::floor::batched_insert(&own, rows, 256, 1024))
            .await
            .map_err(anyhow::Error::from)??;
        let floor = rows as f64 / floor.as_secs_f64();
        let engine = open(&folder.path().join("data")).await?;
        let refused = load::send(&engine, args.clients, args.signals, 0, Signed::Wrongly, Padding::Text).await?;
        http.push(args.signals as f64 / refused.took.as_secs_f64());
        let sent = load::send(&engine, args.clients, args.signals, 0, Signed::Rightly, Padding::Text).await?;
        let rate = args.signals as f64 / sent.took.as_secs_f64();
        let direct = load::direct(&engine, 256, args.signals, 1_000_000).await?;
        alone.push(args.signals as f64 / direct.as_secs_f64());
        floors.push(floor);
        rates.push(rate);
        ratios.push(rate / floor);
        p50.push(percentile(&sent.latencies, 0.50));
        p99.push(percentile(&sent.latencies, 0.99));
        close(engine).await?;
    }
    println!(
        "ingest   {:.0} signals/s over HTTP with {} clients, 1 KiB each, acknowledged after commit and checkpoint; p50 {:.1} ms, p99 {:.1} ms",
        median(&mut rates),
        args.clients,
        median(&mut p50),
        median(&mut p99)
    );
    println!(
        "         floor: {:.0} rows/s, raw SQLite insert in batches of 256, same durability; ratio {:.2} (median of {} runs)",
        median(&mut floors),
        median(&mut ratios),
        args.runs
    );
    println!(
        "         HTTP alone: {:.0} requests/s, the same deliveries refused for their signature, sender on the same processors",
        median(&mut http)
    );
    println!("         without HTTP: {:.0} signals/s, 256 at once, just as durable", median(&mut alone));
    Ok(())
}

async fn close(engine: Arc<Engine>) -> Result<(), Failure> {
    tokio::task::spawn_blocking(move || engine.close()).await.map_err(anyhow::Error::from)?;
    Ok(())
}

async fn gates_and_dossier(args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let engine = open(&data).await?;
    release(&engine).await?;
    let small = (args.history / 30).max(1);
    load::send(&engine, args.clients, small, 10_000_000, Signed::Rightly, Padding::Text).await?;
    let few = gate_times(&engine).await?;
    load::send(&engine, args.clients, args.history - small, 20_000_000, Signed::Rightly, Padding::Text).await?;
    let many = gate_times(&engine).await?;
    println!(
        "gate     p50 {:.1} ms, p99 {:.1} ms with {small} signals of other releases; p50 {:.1} ms, p99 {:.1} ms with {}; ratio {:.2} ({ASKS} asks each, each one an entry of the log)",
        percentile(&few, 0.50),
        percentile(&few, 0.99),
        percentile(&many, 0.50),
        percentile(&many, 0.99),
        args.history,
        percentile(&many, 0.99) / percentile(&few, 0.99).max(0.001)
    );
    let begun = Instant::now();
    let file = crate::dossier_files::made(&engine, PRODUCT, "1.0.0", Renderer::Child(std::env::current_exe()?)).await?;
    let made = begun.elapsed();
    let pdf = file.pdf.unwrap_or_default();
    let begun = Instant::now();
    let verified = verify_dossier(&pdf, None);
    println!(
        "dossier  {:.2} s for JSON ({} KiB) and PDF ({} KiB) of a release with 1000 signals; verify {:.2} s ({})",
        made.as_secs_f64(),
        file.json.len() / 1024,
        pdf.len() / 1024,
        begun.elapsed().as_secs_f64(),
        if verified.genuine() { "genuine" } else { "NOT genuine" }
    );
    let size = engine.head().size();
    close(engine).await?;
    start(&data, size)?;
    check(&data)
}

/// How long the check of everything takes.
fn check(data: &Path) -> Result<(), Failure> {
    let begun = Instant::now();
    let report = fsck_folder(data, None, &|_| ())?;
    let took = begun.elapsed().as_secs_f64();
    println!(
        "fsck     {took:.1} s for {} entries and {} past evaluations: {:.0} entries/s ({})",
        report.leaves,
        report.evaluations,
        report.leaves as f64 / took,
        if report.faults.is_empty() { "clean" } else { "NOT clean" }
    );
    Ok(())
}

/// A release with a thousand signals: a tag and 999 checks on its commit.
async fn release(engine: &Arc<Engine>) -> Result<(), Failure> {
    let at = engine.now();
    let commit = sha("bench release");
    let hook = |event: &'static str, value: serde_json::Value| load::one(engine, event, value);
    hook("push", forge::push(REPO, at, "main", None, &[(commit.clone(), "dana".into(), "PAY-1 begin".into())], "dana"))
        .await?;
    hook("push", forge::tag(REPO, at, "v1.0.0", &commit, "dana")).await?;
    for i in 0..997 {
        hook("check_run", forge::check_run(REPO, at, &commit, &format!("check {i}"), "success")).await?;
    }
    hook("deployment", forge::deployment(REPO, at, 1, "staging", &commit, &digest("bench"), None)).await
}

/// Asks one after the other on a store at rest: the load that filled it has reached the disk.
async fn gate_times(engine: &Arc<Engine>) -> Result<Vec<Duration>, Failure> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut times = Vec::new();
    for _ in 0..ASKS {
        let begun = Instant::now();
        ask_gate(engine, &system(), PRODUCT, "1.0.0", Gate::Deploy("production".into())).await?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times)
}

/// How long a server takes to be ready on this data, and its resident size when idle.
fn start(data: &Path, size: u64) -> Result<(), Failure> {
    use std::io::{BufRead, BufReader};
    let begun = Instant::now();
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("RUST_LOG", "error")
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let ready = child
        .stdout
        .take()
        .is_some_and(|out| BufReader::new(out).lines().map_while(Result::ok).any(|l| l.starts_with("Ready")));
    let took = begun.elapsed();
    std::thread::sleep(Duration::from_secs(2));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .map_or_else(|| "not known here".to_owned(), |v| v.trim().to_owned());
    child.kill()?;
    child.wait()?;
    println!(
        "start    {:.2} s to ready on {size} entries{}; idle resident size {resident}",
        took.as_secs_f64(),
        if ready { "" } else { " (it did not say that it is ready)" }
    );
    Ok(())
}
