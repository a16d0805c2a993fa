//! One report with very many findings: how long whoever sends something else meanwhile waits, what the server holds in
//! memory while many read the release, and how long fsck takes afterwards. The server is a process of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use certrail_domain::{Role, Scope};
use certrail_usecases::{NewPerson, NewToken, create_token, put_person, session_for};
use http_body_util::Full;
use hyper::{Request, body::Bytes};

use super::{
    Args, PRODUCT, REPO, close, findings, load, open, percentile,
    readers::{Waited, deliver, repeat},
    server::{Line, Server},
    system,
};
use crate::{
    demo::forge::{self, sha},
    failure::Failure,
};

/// People who read its release and its findings at once.
const READERS: usize = 24;
/// What comes in meanwhile, each second.
const OTHERS: u64 = 50;

pub(super) async fn report(args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let engine = open(&data).await?;
    let at = engine.now();
    let commit = sha("bench report");
    let begin = [(commit.clone(), "dana".into(), "PAY-1 begin".into())];
    load::one(&engine, "push", forge::push(REPO, at, "main", None, &begin, "dana")).await?;
    load::one(&engine, "push", forge::tag(REPO, at, "v1.0.0", &commit, "dana")).await?;
    let new =
        NewPerson { name: "mara".into(), accounts: vec!["mara".into()], role: Role::ReleaseManager, scope: Scope::ALL };
    let person = put_person(&engine, &system(), new).await?;
    let session = session_for(&engine, &person).await?.secret;
    let token = create_token(&engine, &system(), NewToken::pipeline("bench", &["*"])).await?.secret;
    close(engine).await?;

    let server = Server::start(&data)?;
    let runs = ["new ones", "the same seen again", "none of them seen any longer", "all of them back"];
    for (run, what) in runs.into_iter().enumerate() {
        let bytes = Bytes::from(match run {
            2 => findings::report(args.in_a_report * 10, 1, 2),
            _ => findings::report(0, args.in_a_report, run as u64),
        });
        let (took, waited) = import(&server, &token, &commit, bytes.clone(), at).await?;
        println!(
            "report   {} findings ({:.0} MB), {what}: taken in {:.1} s; meanwhile {} deliveries: p50 {:.0} ms, longest {:.0} ms; resident at most {} MB",
            args.in_a_report,
            bytes.len() as f64 / 1e6,
            took.as_secs_f64(),
            waited.times.len(),
            percentile(&waited.times, 0.5),
            percentile(&waited.times, 1.0),
            server.resident()?.0
        );
        if run == 1 {
            read(&server, &session, &token).await?;
        }
    }
    drop(server);
    super::check(&data)
}

/// Sends a report while somebody else sends deliveries about another repository.
async fn import(
    server: &Server,
    token: &str,
    commit: &str,
    bytes: Bytes,
    at: certrail_domain::Time,
) -> anyhow::Result<(Duration, Waited)> {
    let path = format!("/api/v1/evidence?product={PRODUCT}&commit={commit}&name=bench.sarif");
    let request = Request::post(path).header("host", "bench").header("authorization", format!("Bearer {token}"));
    let request = request.body(Full::new(bytes))?;
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    let others = tokio::spawn(deliver(
        server.address,
        move || !stop.load(Ordering::Relaxed),
        OTHERS,
        move |n| {
            forge::check_run("acme/other", at, &sha(&format!("other {}", n / 50)), &format!("check {n}"), "success")
        },
    ));
    let (answer, _, took) = Line::open(server.address).await?.ask(request).await?;
    anyhow::ensure!(answer.status().is_success(), "the report was answered with {}", answer.status());
    over.store(true, Ordering::Relaxed);
    Ok((took, Waited::of([others.await.context("a client ended early")??])))
}

/// Many read the release, its findings and the list of all findings at once.
async fn read(server: &Server, session: &str, token: &str) -> anyhow::Result<()> {
    let (session, token) = (Arc::<str>::from(session), Arc::<str>::from(token));
    let until = Instant::now() + Duration::from_secs(10);
    let paths = [
        ("release", format!("/r/{PRODUCT}/1.0.0")),
        ("list of findings", format!("/findings?product={PRODUCT}")),
        ("findings of the release", format!("/api/v1/products/{PRODUCT}/releases/1.0.0/findings")),
    ];
    let mut readers = Vec::new();
    for n in 0..READERS {
        let path = paths[n % paths.len()].1.clone();
        let (session, token) = (session.clone(), token.clone());
        readers.push(tokio::spawn(repeat(server.address, until, Duration::ZERO, move || {
            let page = Request::get(&path).header("host", "bench").header("authorization", format!("Bearer {token}"));
            Ok(page.header("cookie", format!("certrail_session={session}")).body(Full::default())?)
        })));
    }
    let mut each: [Vec<Waited>; 3] = Default::default();
    for (n, reader) in readers.into_iter().enumerate() {
        each[n % paths.len()].push(reader.await.context("a client ended early")??);
    }
    for ((what, _), waited) in paths.iter().zip(each) {
        let waited = Waited::of(waited);
        println!(
            "         {} read the {what} at once: {} times in 10 s, p50 {:.0} ms, p95 {:.0} ms",
            READERS / paths.len(),
            waited.times.len(),
            percentile(&waited.times, 0.5),
            percentile(&waited.times, 0.95)
        );
    }
    let (most, now) = server.resident()?;
    println!("         resident at most {most} MB, now {now} MB");
    Ok(())
}
