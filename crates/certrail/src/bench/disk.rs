//! What a delivery costs on disk: what is kept of it after a clean stop, and what was written on the way.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use certrail_usecases::Engine;

use super::{Args, close, load, open};
use crate::failure::Failure;

/// Bytes that this process had written to its disks so far; `None` where the system does not tell.
fn written() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.trim().parse().ok()
}

/// Bytes of all files in a folder and those in it.
pub(super) fn bytes_in(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { bytes_in(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}

/// A new store, and how large one is after a clean stop: while it is open, its write-ahead log counts for nothing kept.
async fn open_empty(data: &Path) -> Result<(Arc<Engine>, u64), Failure> {
    close(open(data).await?).await?;
    let empty = bytes_in(data)?;
    Ok((open(data).await?, empty))
}

pub(super) async fn disk(args: &Args) -> Result<(), Failure> {
    for (name, padding) in [("random", load::Padding::Random), ("text", load::Padding::Text)] {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let (engine, empty) = open_empty(&data).await?;
        let before = written();
        let sent = load::send(&engine, args.clients, args.signals, 0, load::Signed::Rightly, padding).await?;
        close(engine).await?;
        let kept = bytes_in(&data)?.saturating_sub(empty);
        let each = |bytes: u64| bytes as f64 / args.signals as f64 / 1000.0;
        let written = written().zip(before).map(|(after, before)| after - before);
        println!(
            "disk     {} deliveries of 1 KiB, padded with {name}: {:.2} KB kept each, {} written each; {:.0} signals/s",
            args.signals,
            each(kept),
            written.map_or_else(|| "not known what".to_owned(), |bytes| format!("{:.1} KB", each(bytes))),
            args.signals as f64 / sent.took.as_secs_f64()
        );
    }
    match &args.samples {
        Some(folder) => samples(folder).await,
        None => Ok(()),
    }
}

/// Each sample is sent so often, with other bytes each time: the pages that a store begins with do not count.
const ROUNDS: usize = 20;

/// Deliveries from files `….json`, each under the event that its name begins with.
async fn samples(folder: &Path) -> Result<(), Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.ends_with(".headers.json") {
            files.push(path);
        }
    }
    files.sort();
    let data = tempfile::tempdir()?;
    let data = data.path().join("data");
    let (engine, empty) = open_empty(&data).await?;
    let (mut sent, mut deliveries) = (0, 0_u64);
    for (round, file) in (0..ROUNDS).flat_map(|round| files.iter().map(move |file| (round, file))) {
        // No two are the same bytes, which would be kept once.
        let body = std::fs::read_to_string(file)?.replacen('{', &format!("{{\"round\":{round},"), 1).into_bytes();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let event = name.trim_start_matches("captured.").split('.').next().unwrap_or_default().to_owned();
        sent += body.len() as u64;
        deliveries += 1;
        load::raw(&engine, &event, body).await?;
    }
    close(engine).await?;
    let kept = bytes_in(&data)?.saturating_sub(empty);
    println!(
        "         {deliveries} deliveries of a forge, {} KB: {} KB kept, {:.2} of their size",
        sent / 1000,
        kept / 1000,
        kept as f64 / sent as f64
    );
    Ok(())
}
