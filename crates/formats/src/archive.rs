//! Archives of reports: zip, tar, gzip, zstd and archives inside them, within limits that a bomb cannot pass.

use std::io::{Cursor, Read};

use crate::{NotRead, base::clip};

/// Files that are unpacked.
pub const MAX_FILES: u64 = 5_000;
/// Bytes that are unpacked in all.
pub const MAX_TOTAL: u64 = 256 << 20;
/// How many times larger than the archive its content may be, once it is large at all.
const MAX_RATIO: u64 = 300;
/// Content up to this size is never called a bomb.
const HARMLESS: u64 = 16 << 20;
/// Archives in archives.
const MAX_DEPTH: usize = 3;

/// What an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// PKZIP.
    Zip,
    /// POSIX tar.
    Tar,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl ArchiveKind {
    /// What these bytes are packed with, by their signature.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Self::Zip),
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ if bytes.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ => None,
        }
    }

    /// The name used on receipts and in facts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// What is left of the limits while one archive is unpacked.
struct Budget {
    files: u64,
    bytes: u64,
}

/// A block of a tar, in bytes.
const TAR_BLOCK: usize = 512;

/// Unpacks an archive and hands on each file in it with its path. Archives inside are unpacked too.
///
/// # Errors
/// What is no archive, is damaged or encrypted, or holds more than the limits: nothing of it is to be trusted then.
pub fn unpack(name: &str, bytes: &[u8], each: &mut dyn FnMut(String, Vec<u8>)) -> Result<(), NotRead> {
    let ratio = (bytes.len() as u64).saturating_mul(MAX_RATIO).max(HARMLESS);
    let mut budget = Budget { files: MAX_FILES, bytes: MAX_TOTAL.min(ratio) };
    open(name, bytes, 0, &mut budget, each)
}

fn open(
    name: &str,
    bytes: &[u8],
    depth: usize,
    budget: &mut Budget,
    each: &mut dyn FnMut(String, Vec<u8>),
) -> Result<(), NotRead> {
    let Some(kind) = ArchiveKind::of(bytes) else { return Err(NotRead::new(None, "It is no archive.")) };
    let damaged = |e: &dyn std::fmt::Display| {
        NotRead::new(
            Some(kind.name()),
            format!("The {} archive cannot be unpacked: {}.", kind.name(), clip(&e.to_string())),
        )
    };
    match kind {
        ArchiveKind::Gzip => {
            let content = take(flate2::read::MultiGzDecoder::new(bytes), budget)?.map_err(|e| damaged(&e))?;
            unwrapped(&inner_name(name, &[".gz", ".gzip", ".tgz"]), content, depth, budget, each)
        }
        ArchiveKind::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|e| damaged(&e))?;
            let content = take(decoder, budget)?.map_err(|e| damaged(&e))?;
            unwrapped(&inner_name(name, &[".zst", ".zstd"]), content, depth, budget, each)
        }
        ArchiveKind::Zip => {
            let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
            for index in 0..archive.len() {
                let entry = archive.by_index(index).map_err(|e| damaged(&e))?;
                if entry.is_dir() {
                    continue;
                }
                let path = clip(&String::from_utf8_lossy(entry.name_raw()));
                let content = take(entry, budget)?.map_err(|e| damaged(&e))?;
                file(&path, content, depth, budget, each)?;
            }
            Ok(())
        }
        ArchiveKind::Tar => {
            // A tar ends in two blocks of zeros (POSIX pax). Without them it may have lost files at its end.
            let ended =
                bytes.len() >= 2 * TAR_BLOCK && bytes.rchunks(TAR_BLOCK).take(2).all(|b| b.iter().all(|b| *b == 0));
            if !ended {
                return Err(damaged(&"it is cut off before its end"));
            }
            let mut archive = tar::Archive::new(bytes);
            for entry in archive.entries().map_err(|e| damaged(&e))? {
                let entry = entry.map_err(|e| damaged(&e))?;
                // Links, devices and the like hold no report.
                if !entry.header().entry_type().is_file() {
                    continue;
                }
                let path = clip(&String::from_utf8_lossy(&entry.path_bytes()));
                let content = take(entry, budget)?.map_err(|e| damaged(&e))?;
                file(&path, content, depth, budget, each)?;
            }
            Ok(())
        }
    }
}

/// What a compression held: a file, or an archive that needs no folder of its own.
fn unwrapped(
    name: &str,
    content: Vec<u8>,
    depth: usize,
    budget: &mut Budget,
    each: &mut dyn FnMut(String, Vec<u8>),
) -> Result<(), NotRead> {
    match ArchiveKind::of(&content) {
        Some(_) if depth + 1 < MAX_DEPTH => open(name, &content, depth + 1, budget, each),
        _ => file(name, content, depth, budget, each),
    }
}

/// Hands a file on, or opens it where it is an archive itself.
fn file(
    path: &str,
    content: Vec<u8>,
    depth: usize,
    budget: &mut Budget,
    each: &mut dyn FnMut(String, Vec<u8>),
) -> Result<(), NotRead> {
    match ArchiveKind::of(&content) {
        Some(_) if depth + 1 < MAX_DEPTH => {
            let mut within = |inner: String, bytes: Vec<u8>| each(format!("{path}/{inner}"), bytes);
            open(path, &content, depth + 1, budget, &mut within)
        }
        Some(_) => Err(NotRead::new(None, "Archives are nested too deeply in it.")),
        None => {
            each(path.to_owned(), content);
            Ok(())
        }
    }
}

/// Reads content within the budget. The outer error is the budget's, the inner one the archive's.
fn take(from: impl Read, budget: &mut Budget) -> Result<std::io::Result<Vec<u8>>, NotRead> {
    let Some(files) = budget.files.checked_sub(1) else {
        return Err(NotRead::new(None, format!("It holds more than {MAX_FILES} files.")));
    };
    budget.files = files;
    let mut content = Vec::new();
    if let Err(e) = from.take(budget.bytes + 1).read_to_end(&mut content) {
        return Ok(Err(e));
    }
    match budget.bytes.checked_sub(content.len() as u64) {
        Some(left) => budget.bytes = left,
        None => return Err(NotRead::new(None, "It unpacks to far more than it is, or than is taken: no report does.")),
    }
    Ok(Ok(content))
}

/// `reports.tgz` → `reports.tar` is not known; the name without its ending is enough.
fn inner_name(name: &str, endings: &[&str]) -> String {
    let bare = endings.iter().find_map(|e| name.strip_suffix(e)).unwrap_or(name);
    if bare.is_empty() { "content".to_owned() } else { bare.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            out.append_data(&mut header, name, *bytes).unwrap();
        }
        out.into_inner().unwrap()
    }

    fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            out.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            out.write_all(bytes).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    fn list(name: &str, bytes: &[u8]) -> Result<Vec<(String, usize)>, NotRead> {
        let mut all = Vec::new();
        unpack(name, bytes, &mut |path, content| all.push((path, content.len())))?;
        Ok(all)
    }

    #[test]
    fn files_come_out_of_archives_in_archives() {
        let tar = tar_of(&[("a/junit.xml", b"<testsuites/>"), ("b.txt", b"x")]);
        assert_eq!(list("r.tgz", &gzip(&tar)).unwrap(), [("a/junit.xml".into(), 13), ("b.txt".into(), 1)]);
        let zip = zip_of(&[("inner.tar", &tar), ("../../etc/passwd", b"no")]);
        let expected =
            [("inner.tar/a/junit.xml".into(), 13), ("inner.tar/b.txt".into(), 1), ("../../etc/passwd".into(), 2)];
        assert_eq!(list("r.zip", &zip).unwrap(), expected);
        let zst = zstd::encode_all(&b"<testsuites/>"[..], 1).expect("packs");
        assert_eq!(list("junit.xml.zst", &zst).unwrap(), [("junit.xml".into(), 13)]);
    }

    #[test]
    fn bombs_and_damage_are_refused() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert!(list("bomb.gz", &bomb).unwrap_err().why.contains("far more"));
        let mut deep = b"<testsuites/>".to_vec();
        for _ in 0..5 {
            deep = gzip(&deep);
        }
        assert!(list("deep.gz", &deep).unwrap_err().why.contains("nested"));
        let zip = zip_of(&[("a", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaa")]);
        for cut in [4, zip.len() / 2, zip.len() - 3] {
            assert!(list("cut.zip", &zip[..cut]).is_err());
        }
        let names: Vec<String> = (0..=MAX_FILES).map(|i| format!("f{i}")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
        assert!(list("many.zip", &zip_of(&many)).unwrap_err().why.contains("more than"));
    }
}
