//! `certrail serve`: the server.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use certrail_domain::{Role, Time};
use certrail_usecases::{
    Clock, Engine, GuardFile, Loss, Put, Renderer, apply_due_settings, bring_criteria, do_jobs, end_decisions,
    first_connector, is_set_up, judge_asked_last, keep_last_used, note_secrets, note_trust, setup_link, system_clock,
};
use certrail_web::{App, Proxies, Proxy, Room, Settings, Slots, router};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::{
    failure::{Failure, SIGN_IN},
    listen::{self, Limits},
    trust,
};

/// Run the server.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where everything is kept.
    #[arg(long, env = "CERTRAIL_DATA", default_value = "./certrail-data")]
    data: PathBuf,
    /// The address to listen on. Anything but this computer needs a proxy with TLS in front.
    #[arg(long, env = "CERTRAIL_LISTEN", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// The log's name, fixed at the first start; a name nobody else uses, like certrail.example.com/log.
    #[arg(long, env = "CERTRAIL_ORIGIN", default_value = "certrail.local/log")]
    origin: String,
    /// Where the last signed head is kept, best on another disk than the data: a log put back from an older copy
    /// is then noticed. In the data folder if not given.
    #[arg(long, env = "CERTRAIL_GUARD")]
    guard: Option<PathBuf>,
    /// The file named by --guard is not there yet: begin it with the log as it is. Not needed at the very first start.
    #[arg(long, requires = "guard")]
    begin_guard: bool,
    /// Where people reach it, through a proxy with TLS: `https://certrail.example.com`, say. Sessions then travel over TLS only.
    #[arg(long, env = "CERTRAIL_PUBLIC_URL", value_parser = public_url)]
    public_url: Option<String>,
    /// The proxies in front, as addresses or networks: `10.0.0.2`, `10.0.0.0/24`. What they say in X-Forwarded-For is
    /// believed, so that limits on tries and sizes count each client; name only those that append to it.
    #[arg(long = "proxy", env = "CERTRAIL_PROXY", value_delimiter = ',')]
    proxies: Vec<Proxy>,
    /// Whom to trust to sign attestations: a TOML file naming keys and Sigstore roots. Without it, none is checked.
    #[arg(long, env = "CERTRAIL_TRUST")]
    trust: Option<PathBuf>,
    /// Write logs as JSON.
    #[arg(long, env = "CERTRAIL_LOG_JSON")]
    log_json: bool,
}

fn public_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    url.map(|_| text.trim_end_matches('/').to_owned()).ok_or_else(|| "give it like https://certrail.example.com".into())
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    logs(args.log_json);
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let trust = args.trust.as_deref().map(trust::load).transpose()?;
    let guard = args.guard.as_deref().map(|path| GuardFile { path, begins: args.begin_guard });
    let engine = open_guarded(&args.data, &args.origin, system_clock(), guard)?;
    if let Some(trust) = trust {
        engine.trust(trust);
    }
    runtime.block_on(async {
        note_trust(&engine).await?;
        let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(|e| {
            Failure::new(
                SIGN_IN,
                "The server did not start.",
                format!("{}: {e}.", args.listen),
                "Give another address with --listen.",
            )
        })?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            eprintln!("Listening beyond this computer, without TLS: put a proxy with TLS in front.");
        }
        let own = engine.clone();
        if !tokio::task::spawn_blocking(move || is_set_up(&own)).await.map_err(anyhow::Error::from)?? {
            let own = engine.clone();
            let link = tokio::task::spawn_blocking(move || setup_link(&own)).await.map_err(anyhow::Error::from)??;
            let base = args.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
            say(format_args!("Set up   {base}/setup/{}   (works once, for 24 hours)", link.secret));
        }
        if engine.keys.secrets("github")?.is_empty() {
            say(format_args!(
                "Webhooks `certrail admin secret github --data {}` makes the secret for /hooks/github",
                args.data.display()
            ));
        }
        say(format_args!(
            "Ready    http://{address}   certrail {}, data {}, {} entries, ready in {:.1} s",
            crate::version(),
            args.data.display(),
            engine.head().size(),
            begun.elapsed().as_secs_f64()
        ));
        let housekeeping = tokio::spawn(end_decisions_in_time(engine.clone()));
        let ahead = tokio::spawn(judge_ahead(engine.clone()));
        let app = app_at(engine.clone(), None, args.public_url.clone())?;
        listen::serve(listener, router(app), stop(), Limits::usual(Proxies::new(args.proxies.clone()))).await;
        housekeeping.abort();
        ahead.abort();
        let own = engine.clone();
        tokio::task::spawn_blocking(move || own.close()).await.map_err(anyhow::Error::from)?;
        say(format_args!("Stopped. Everything acknowledged is on disk."));
        Ok(0)
    })
}

/// Says something on standard output. A server goes on, and ends as it should, whether or not anybody reads that.
fn say(what: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stdout(), "{what}"));
}

/// Judges what is likely to be asked for next.
async fn judge_ahead(engine: Arc<Engine>) {
    if let Err(problem) = judge_asked_last(&engine).await {
        tracing::warn!(%problem, "which gates were asked last cannot be read; the first to ask again will wait longer");
    }
}

/// Every minute: findings whose decision has ended stand again where something has to be done (verdicts do not wait for
/// this), when tokens were used last is kept, and secrets of connectors that somebody made on the data folder are put on record.
async fn end_decisions_in_time(engine: Arc<Engine>) {
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        minute.tick().await;
        if let Err(problem) = keep_last_used(&engine).await {
            tracing::warn!(%problem, "when tokens were used last was not kept; the next minute tries again");
        }
        if let Err(problem) = note_secrets(&engine).await {
            tracing::warn!(%problem, "secrets of connectors were not put on record; the next minute tries again");
        }
        match apply_due_settings(&engine).await {
            Ok(0) => {}
            Ok(applied) => tracing::warn!(applied, "changes of settings are in effect from now on"),
            Err(problem) => {
                tracing::warn!(%problem, "changes of settings that are due did not take effect; the next minute tries again");
            }
        }
        match end_decisions(&engine).await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "decisions about findings have ended"),
            Err(problem) => {
                tracing::warn!(%problem, "decisions that have ended were not recorded; the next minute tries again");
            }
        }
    }
}

/// Opens a data folder and makes sure that the built-in criteria are on record.
pub(crate) fn open(data: &Path, origin: &str, clock: Clock) -> Result<Arc<Engine>, Failure> {
    open_guarded(data, origin, clock, None)
}

fn open_guarded(data: &Path, origin: &str, clock: Clock, guard: Option<GuardFile<'_>>) -> Result<Arc<Engine>, Failure> {
    let (engine, _) = Engine::open_guarded(data, origin, clock, guard, Loss::Refuse)?;
    let own = engine.clone();
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime
            .block_on(async {
                let put = bring_criteria(&own, certrail_criteria::STANDARD.to_owned()).await?;
                if let Put::Waits(change) = put {
                    tracing::warn!(id = %change.id, "this program brings another set of its criteria; it is proposed, and an admin decides on the page /settings");
                }
                first_connector(&own).await?;
                note_secrets(&own).await
            })
            .map_err(anyhow::Error::from)
    });
    done.join().map_err(|_| anyhow::anyhow!("recording the criteria ended early"))??;
    // What a stop interrupted goes on.
    do_jobs(&engine)?;
    Ok(engine)
}

/// What the edge needs, on this computer.
pub(crate) fn app(engine: Arc<Engine>, demo: Option<BTreeMap<Role, String>>) -> Result<App, Failure> {
    app_at(engine, demo, None)
}

fn app_at(
    engine: Arc<Engine>,
    demo: Option<BTreeMap<Role, String>>,
    public_url: Option<String>,
) -> Result<App, Failure> {
    let program = std::env::current_exe().context("find this program")?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // A second server in one process (tests) keeps the first recorder.
    let _ = metrics::set_global_recorder(recorder);
    // The program that runs the tests of this crate renders nothing.
    let renderer = if cfg!(test) { Renderer::None } else { Renderer::Child(program) };
    let settings = Settings { version: crate::version(), renderer, demo, public_url };
    Ok(App {
        engine,
        settings: Arc::new(settings),
        metrics: handle,
        room: Room::default(),
        downloads: Slots::default(),
    })
}

/// Resolves at Ctrl-C or SIGTERM.
pub(crate) async fn stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(_) => return drop(interrupt.await),
        };
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}

/// Structured logs on standard error; `RUST_LOG` sets the level.
pub(crate) fn logs(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        let _ = builder.json().try_init();
    } else {
        let _ = builder.try_init();
    }
}

/// Memory a rendering may take.
const RENDER_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The bounded child: a dossier in, its PDF out.
pub(crate) fn render_pdf() -> Result<u8, Failure> {
    bound_memory();
    let mut json = Vec::new();
    std::io::stdin().read_to_end(&mut json)?;
    // The dossier arrives sealed; the attachment must carry the seal, the reader ignores it.
    let pdf = certrail_dossier::render(&json).map_err(anyhow::Error::from)?;
    std::io::stdout().write_all(&pdf)?;
    Ok(0)
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "setrlimit has no safe form in std; both arguments are plain values")]
fn bound_memory() {
    let limit = libc::rlimit { rlim_cur: RENDER_BYTES, rlim_max: RENDER_BYTES };
    // SAFETY: the pointer is to a live local, and the call only reads it.
    if unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) } != 0 {
        eprintln!("the renderer's memory could not be bounded");
    }
}

#[cfg(not(unix))]
fn bound_memory() {}

/// Now, for commands that print it.
pub(crate) fn now() -> Time {
    system_clock().read()
}
