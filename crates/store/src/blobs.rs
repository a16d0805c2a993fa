//! Bytes by their digest: small ones in packs of the database, large ones as files.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Result, StoreError, files, frames};

/// Where bytes are, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobPlace {
    /// How many, plain.
    pub size: u64,
    /// The frame that holds them; `None` for a file of their own.
    pub frame: Option<FramePlace>,
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePlace {
    /// The pack.
    pub pack: i64,
    /// Its first byte there.
    pub start: u64,
    /// How many bytes.
    pub packed: u64,
}

/// The folder of large blobs: `blobs/ab/cdef….zst`, a zstd frame each, named by the digest of the plain bytes.
#[derive(Clone, Debug)]
pub struct BlobFiles {
    folder: PathBuf,
    /// Who is writing into which of the folders.
    writing: Arc<[Mutex<()>; 256]>,
}

/// The folder a digest goes into, by its first byte.
fn shelf(hex: &str) -> usize {
    hex.get(..2).and_then(|first| u8::from_str_radix(first, 16).ok()).map_or(0, usize::from)
}

impl BlobFiles {
    /// Bodies that take up to this many bytes when packed go into packs: a file of its own costs three times waiting for the disk.
    pub const SMALL: usize = 64 * 1024;
    /// Bodies with more bytes than this are not tried.
    pub const PACKABLE: usize = 1024 * 1024;

    /// The folder inside the data folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(data: &Path) -> Result<Self> {
        let folder = data.join("blobs");
        fs::create_dir_all(&folder).map_err(|e| StoreError::io(format!("make folder {}", folder.display()), e))?;
        Ok(Self { folder, writing: Arc::new(std::array::from_fn(|_| Mutex::new(()))) })
    }

    fn path(&self, hex: &str) -> PathBuf {
        let (first, rest) = hex.split_at(hex.len().min(2));
        self.folder.join(first).join(format!("{rest}.zst"))
    }

    /// Whether the bytes of a digest have a file here.
    pub(crate) fn has(&self, hex: &str) -> bool {
        self.path(hex).is_file()
    }

    /// Writes `bytes` under their digest, durable when this returns: file and name. Writing the same twice, also at once,
    /// is no harm; the second one waits until they are on disk like the first.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put(&self, hex: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(hex);
        // One writer per folder: what is there once we are in was finished, or its writer died on the way.
        let _one = self.writing[shelf(hex)].lock().unwrap_or_else(PoisonError::into_inner);
        if path.exists() {
            return files::sync(&path).and_then(|()| files::sync_folder(&self.folder));
        }
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(|e| StoreError::io(format!("write blob {hex}"), e))?;
        files::write_durably(&path, &frames::pack_alone(bytes)?)?;
        // The name of a new folder must be durable too.
        files::sync_folder(&self.folder)
    }

    /// What lies in the folder, each file as `abcdef….zst` without the slash: digests of blobs, and whatever else somebody put there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn names(&self) -> Result<Vec<String>> {
        let read = |folder: &Path| {
            fs::read_dir(folder)
                .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
                .map_err(|e| StoreError::io(format!("list {}", folder.display()), e))
        };
        let mut names = Vec::new();
        for shelf in read(&self.folder)? {
            let first = shelf.file_name().to_string_lossy().into_owned();
            if !shelf.path().is_dir() {
                names.push(first);
                continue;
            }
            names.extend(read(&shelf.path())?.iter().map(|f| format!("{first}{}", f.file_name().to_string_lossy())));
        }
        Ok(names)
    }

    /// The `size` bytes of a digest, if they are here.
    ///
    /// # Errors
    /// When the disk refuses, or they are not that many.
    pub fn get(&self, hex: &str, size: u64) -> Result<Option<Vec<u8>>> {
        match fs::read(self.path(hex)) {
            Ok(frame) => frames::unpack(&frame, size).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(format!("read blob {hex}"), e)),
        }
    }
}

impl BlobFiles {
    /// The `size` bytes of a digest from one on, piece by piece, if they are here.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn read(&self, hex: &str, size: u64, from: u64) -> Result<Option<BodyReader>> {
        let failed = |e| StoreError::io(format!("read blob {hex}"), e);
        let file = match fs::File::open(self.path(hex)) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let mut plain = frames::reader(file).map_err(failed)?;
        // A frame is read from its beginning; what is before is unpacked and dropped.
        let skipped = std::io::copy(&mut plain.by_ref().take(from), &mut std::io::sink()).map_err(failed)?;
        if skipped < from {
            return Err(StoreError::Damaged(format!("blob {hex} is cut off")));
        }
        Ok(Some(BodyReader(Box::new(plain.take(size - from.min(size))))))
    }
}

/// Plain bytes on their way out of a frame.
pub struct BodyReader(Box<dyn Read + Send>);

impl BodyReader {
    /// Bytes that are in memory already, from one on.
    #[must_use]
    pub fn held(bytes: Vec<u8>, from: u64) -> Self {
        let mut bytes = std::io::Cursor::new(bytes);
        bytes.set_position(from);
        Self(Box::new(bytes))
    }
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_comes_back_and_may_be_written_twice() {
        let data = tempfile::tempdir().expect("a folder");
        let blobs = BlobFiles::open(data.path()).expect("opens");
        blobs.put("abcd", b"bytes").expect("writes");
        blobs.put("abcd", b"bytes").expect("writes again");
        assert_eq!(blobs.get("abcd", 5).expect("reads").as_deref(), Some(b"bytes".as_slice()));
        assert_eq!(blobs.get("ffff", 5).expect("reads"), None);
        let mut from_two = String::new();
        let mut reader = blobs.read("abcd", 5, 2).expect("reads").expect("is there");
        reader.read_to_string(&mut from_two).expect("reads");
        assert_eq!(from_two, "tes");
        assert!(blobs.read("abcd", 5, 6).is_err(), "beyond its end");
    }

    #[test]
    fn the_same_bytes_at_once_are_there_for_everybody_who_is_told_so() {
        let data = tempfile::tempdir().expect("a folder");
        let blobs = BlobFiles::open(data.path()).expect("opens");
        let bytes = vec![7; 200_000];
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    blobs.put("abcd", &bytes).expect("writes");
                    assert_eq!(blobs.get("abcd", 200_000).expect("reads").as_deref(), Some(bytes.as_slice()));
                });
            }
        });
        assert_eq!(fs::read_dir(data.path().join("blobs/ab")).expect("lists").count(), 1);
    }
}
