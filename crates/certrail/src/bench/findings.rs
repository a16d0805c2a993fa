//! Findings: importing a large report until its findings can be listed, the same again, and a store with many of them.

use std::{
    fmt::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use certrail_domain::Product;
use certrail_usecases::{
    Engine, EvidenceFile, FindingsWanted, Shelf, add_evidence, follow_evidence, list_findings, put_product,
};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes};
use hyper_util::rt::TokioIo;

use super::{Args, PRODUCT, REPO, close, load, median, open, system};
use crate::{
    commands,
    demo::forge::{self, sha},
    failure::Failure,
};

/// Findings of one report.
const OF_A_REPORT: u64 = 10_000;
/// Products that the many findings are spread over.
const PRODUCTS: u64 = 20;
/// Asks of one figure.
const ASKS: usize = 100;

/// A SARIF log with `count` findings numbered from `first` on; `run` makes its bytes differ.
pub(super) fn report(first: u64, count: u64, run: u64) -> Vec<u8> {
    let mut out = String::with_capacity(800 * count as usize);
    let _ = write!(
        out,
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"bench-scan","version":"1.{run}","rules":[{{"id":"B1"}}]}}}},"invocations":[{{"executionSuccessful":true}}],"results":["#
    );
    for n in first..first + count {
        let comma = if n == first { "" } else { "," };
        let level = ["error", "warning", "note"][(n % 3) as usize];
        let _ = write!(
            out,
            r#"{comma}{{"ruleId":"rule/{}","level":"{level}","message":{{"text":"A value from outside reaches a sink in function_{n}, and nothing on the way checks it; see the guide for what to do about it."}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"src/part_{}/file_{n}.rs"}},"region":{{"startLine":{},"startColumn":9,"snippet":{{"text":"let outcome_{n} = sink(argument.get({n}));"}}}}}}}}],"partialFingerprints":{{"primaryLocationLineHash":"{n:016x}:1"}}}}"#,
            n % 200,
            n % 97,
            n % 3_000 + 1
        );
    }
    out.push_str("]}]}");
    out.into_bytes()
}

pub(super) async fn findings(args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let engine = open(&data).await?;
    let at = engine.now();
    let commit = sha("bench findings");
    let begin = [(commit.clone(), "dana".into(), "PAY-1 begin".into())];
    load::one(&engine, "push", forge::push(REPO, at, "main", None, &begin, "dana")).await?;
    load::one(&engine, "push", forge::tag(REPO, at, "v1.0.0", &commit, "dana")).await?;
    let (mut first, mut same, mut next) = (vec![], vec![], vec![]);
    for run in 0..args.runs as u64 {
        // Each run has findings of its own, so that each first import is one.
        let bytes = Bytes::from(report((1 + run) * 100_000_000, OF_A_REPORT, 0));
        first.push(import(&engine, &commit, bytes.clone()).await?.as_secs_f64());
        same.push(import(&engine, &commit, bytes).await?.as_secs_f64());
        next.push(
            import(&engine, &commit, Bytes::from(report((1 + run) * 100_000_000, OF_A_REPORT, 1))).await?.as_secs_f64(),
        );
    }
    println!(
        "import   {:.2} s for a report with {OF_A_REPORT} findings ({:.1} MB) over HTTP until they are listed; the same file again {:.2} s; the next scan that sees the same {:.2} s (median of {} runs)",
        median(&mut first),
        report(0, OF_A_REPORT, 0).len() as f64 / 1e6,
        median(&mut same),
        median(&mut next),
        args.runs
    );
    many(&engine, &data, args).await?;
    close(engine).await
}

/// Sends a report and waits until its findings are listed.
async fn import(engine: &Arc<Engine>, commit: &str, bytes: Bytes) -> Result<Duration, Failure> {
    let caller = system();
    let token =
        certrail_usecases::create_token(engine, &caller, certrail_usecases::NewToken::pipeline("bench", &["*"]))
            .await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = commands::web_app(engine.clone(), None)?;
    let server = tokio::spawn(async move { axum::serve(listener, certrail_web::router(app)).await });
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.context("connect")?;
    tokio::spawn(connection);
    let ask = |method: &str, path: String, body: Bytes| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "bench")
            .header("authorization", format!("Bearer {}", token.secret))
            .body(Full::new(body))
    };
    let begun = Instant::now();
    let path = format!("/api/v1/evidence?product={PRODUCT}&commit={commit}&name=bench.sarif");
    let sent = sender.send_request(ask("POST", path, bytes).context("ask")?).await.context("send")?;
    let status = sent.status();
    let answer = sent.into_body().collect().await.context("read")?.to_bytes();
    ensure_all(
        status.is_success(),
        &format!("the report was answered with {status}: {}", String::from_utf8_lossy(&answer)),
    )?;
    // The connection takes the next request once it has read the whole answer.
    sender.ready().await.context("ready")?;
    let listed = sender
        .send_request(ask("GET", format!("/api/v1/findings?product={PRODUCT}"), Bytes::new()).context("ask")?)
        .await
        .context("send")?;
    let list = listed.into_body().collect().await.context("read")?.to_bytes();
    let took = begun.elapsed();
    server.abort();
    let list: Vec<serde_json::Value> = serde_json::from_slice(&list).context("a list")?;
    ensure_all(list.len() == 50, &format!("{} findings are listed, not 50", list.len()))?;
    Ok(took)
}

fn ensure_all(good: bool, why: &str) -> anyhow::Result<()> {
    ensure!(good, "{why}");
    Ok(())
}

/// A store with many findings of many products: what they take, and how long a page of the list takes.
async fn many(engine: &Arc<Engine>, data: &Path, args: &Args) -> Result<(), Failure> {
    for n in 0..PRODUCTS {
        put_product(
            engine,
            &system(),
            Product::new(&format!("many-{n}"), None),
            certrail_usecases::SettingsRequest::default(),
        )
        .await?;
    }
    let (before, raw) = (database(data), bodies(data));
    let reports = args.findings / OF_A_REPORT;
    let begun = Instant::now();
    for n in 0..reports {
        let file = EvidenceFile {
            product: format!("many-{}", n % PRODUCTS),
            name: format!("bench-{n}.sarif"),
            commit: Some(sha(&format!("many {n}"))),
            ..EvidenceFile::default()
        };
        let product = file.product.clone();
        let report = report(n * OF_A_REPORT, OF_A_REPORT, 0);
        let (mut receipt, _) = add_evidence(engine, &system(), file, report, None).await?;
        follow_evidence(engine, &product, true, &mut receipt).await?;
    }
    let took = begun.elapsed().as_secs_f64();
    let total = (reports * OF_A_REPORT).max(1);
    let kept = database(data).saturating_sub(before);
    let bodies = bodies(data).saturating_sub(raw);
    let page = |product: Option<String>, deep: bool| -> Result<f64, Failure> {
        let mut after = None;
        let mut times = Vec::new();
        for _ in 0..ASKS {
            let wanted = FindingsWanted {
                product: product.clone(),
                shelves: vec![Shelf::Open],
                after: after.clone(),
                limit: 50,
            };
            let begun = Instant::now();
            let list = list_findings(engine, &system(), &wanted)?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            after = list.last().and_then(|f| f.whole()).map(|f| f.cursor.clone()).filter(|_| deep);
        }
        Ok(median(&mut times))
    };
    println!(
        "findings {total} in the store: page of 50 by due date {:.1} ms for all products, {:.1} ms for one, {:.1} ms further on; {:.0} bytes each in the database, and {:.0} of raw report; filled at {:.0} findings/s",
        page(None, false)?,
        page(Some("many-3".into()), false)?,
        page(None, true)?,
        kept as f64 / total as f64,
        bodies as f64 / total as f64,
        total as f64 / took
    );
    Ok(())
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |m| m.len())
}

/// Bytes of the database.
fn database(data: &Path) -> u64 {
    ["certrail.db", "certrail.db-wal", "certrail.db-shm"].iter().map(|n| size(&data.join(n))).sum()
}

/// Bytes of large bodies, beside the database.
fn bodies(data: &Path) -> u64 {
    fn walk(folder: &Path) -> u64 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|e| if e.path().is_dir() { walk(&e.path()) } else { size(&e.path()) }).sum()
    }
    walk(data).saturating_sub(database(data))
}
