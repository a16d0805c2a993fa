//! Bytes by their digest: small ones in packs of the database, large ones as files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Result, StoreError, files};

/// Where a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobPlace {
    /// In the pack with that id, from `start`.
    Pack {
        /// The pack.
        id: i64,
        /// The first byte.
        start: u64,
        /// How many bytes.
        size: u64,
    },
    /// In a file of its own.
    File {
        /// How many bytes.
        size: u64,
    },
}

/// The folder of large blobs: `blobs/ab/cdef…`, named by digest.
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
    /// Bodies up to this many bytes go into packs.
    pub const SMALL: usize = 64 * 1024;

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
        self.folder.join(first).join(rest)
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
        files::write_durably(&path, bytes)?;
        // The name of a new folder must be durable too.
        files::sync_folder(&self.folder)
    }

    /// The bytes of a digest, if they are here.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn get(&self, hex: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.path(hex)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(format!("read blob {hex}"), e)),
        }
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
        assert_eq!(blobs.get("abcd").expect("reads").as_deref(), Some(b"bytes".as_slice()));
        assert_eq!(blobs.get("ffff").expect("reads"), None);
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
                    assert_eq!(blobs.get("abcd").expect("reads").as_deref(), Some(bytes.as_slice()));
                });
            }
        });
        assert_eq!(fs::read_dir(data.path().join("blobs/ab")).expect("lists").count(), 1);
    }
}
