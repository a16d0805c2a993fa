//! `certrail demo`: a living sample company, loaded through the real capture paths.
//!
//! Signed webhook payloads and report files go through the same router as anybody's; only the clock
//! is ours, so that the story lies in the days before today.

mod company;
pub(crate) mod forge;
pub(crate) mod reports;
#[cfg(test)]
mod tests;
pub(crate) mod world;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Instant};

use certrail_domain::Role;
use certrail_usecases::{Engine, Renderer, list_releases, names_of_products};

use crate::{
    commands,
    failure::{Failure, NO, SIGN_IN},
    listen::{self, Limits},
};

/// Show certrail with a sample company.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Load, print the sentence of each release, write the dossier files of one, and end.
    #[arg(long)]
    once: bool,
    /// Keep the data here; without it, it lies in a temporary folder and goes at the end.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
}

/// The release whose dossier is shown first.
pub(crate) const SHOWN: (&str, &str) = ("payments-api", "2.4.0");

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    crate::commands::quiet_logs();
    let begun = Instant::now();
    let (folder, keep) = match &args.data {
        Some(folder) => (folder.clone(), None),
        None => {
            let temporary = tempfile::Builder::new().prefix("certrail-demo-").tempdir()?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    if folder.join("certrail.db").exists() {
        return Err(Failure::new(
            NO,
            "The demo was not loaded.",
            format!("{} holds data already.", folder.display()),
            "Name an empty folder, or run it with `certrail serve --data`.",
        ));
    }
    eprintln!("Loading  sample company \"Northwind Pay\" into {}", folder.display());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let clock = world::StoryClock::default();
    let now = certrail_usecases::system_clock().read();
    clock.set(now.plus(-company::STORY_DAYS * certrail_domain::Time::DAY));
    let engine = commands::open_engine(&folder, "demo.certrail.local/log", clock.as_clock())?;
    let sessions = runtime.block_on(company::load(&engine, &clock, now, |line| eprintln!("         {line}")))?;
    clock.follow_the_real_one();
    let products = names_of_products(&engine, &certrail_usecases::Caller::internal("demo"))?;
    let mut releases = 0;
    for product in &products {
        for row in list_releases(&engine, product, None, 50)? {
            releases += 1;
            if let (true, Some(card)) = (args.once, row.whole()) {
                println!("{} {}", product, card.sentence);
            }
        }
    }
    eprintln!(
        "Loaded   {} products, {releases} releases, {} log entries in {:.1} s",
        products.len(),
        engine.head().size(),
        begun.elapsed().as_secs_f64()
    );
    if args.once {
        let renderer = Renderer::Child(std::env::current_exe()?);
        let file = runtime.block_on(crate::dossier_files::made(&engine, SHOWN.0, SHOWN.1, renderer))?;
        for (name, bytes) in [("dossier.json", Some(file.json)), ("dossier.pdf", file.pdf)] {
            let bytes = bytes
                .ok_or_else(|| Failure::new(NO, "The demo is not complete.", format!("{name} was not made."), ""))?;
            let path = folder.join(name);
            std::fs::write(&path, bytes)?;
            println!("{}", path.display());
        }
        engine.close();
        return Ok(0);
    }
    serve(&runtime, &engine, args.listen, sessions, keep.is_some())?;
    drop(keep);
    Ok(0)
}

fn serve(
    runtime: &tokio::runtime::Runtime,
    engine: &std::sync::Arc<Engine>,
    listen: SocketAddr,
    sessions: BTreeMap<Role, String>,
    temporary: bool,
) -> Result<(), Failure> {
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(|e| {
            Failure::new(
                SIGN_IN,
                "The demo did not start.",
                format!("{listen}: {e}."),
                "Give another address with --listen 127.0.0.1:0.",
            )
        })?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(Failure::new(
                SIGN_IN,
                "The demo did not start.",
                "Anybody who reaches it acts as a sample person.",
                "Listen on 127.0.0.1 only.",
            ));
        }
        println!(
            "Started  http://{address}   (this computer only{})",
            if temporary { "; data in a temporary folder, removed on exit. Keep it: --data ./demo" } else { "" }
        );
        println!(
            "Open     http://{address}/r/{}/{}   signed in as Release manager (change role: top right)",
            SHOWN.0, SHOWN.1
        );
        println!("         http://{address}/r/payments-api/2.5.0   what a release looks like that is not ready");
        println!("Next     certrail serve   run it for your team");
        println!("Ctrl-C to stop.");
        let app = commands::web_app(engine.clone(), Some(sessions))?;
        listen::serve(
            listener,
            certrail_web::router(app),
            commands::stop_signal(),
            Limits::usual(certrail_web::Proxies::default()),
        )
        .await;
        let own = engine.clone();
        tokio::task::spawn_blocking(move || own.close()).await.map_err(anyhow::Error::from)?;
        Ok(())
    })
}
