//! Bytes by their digest: small ones in packs of the database, large ones as files.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use crate::{Result, StoreError};

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
        Ok(Self { folder })
    }

    fn path(&self, hex: &str) -> PathBuf {
        let (first, rest) = hex.split_at(hex.len().min(2));
        self.folder.join(first).join(rest)
    }

    /// Writes `bytes` under their digest, durable when this returns. Writing the same twice is no harm.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put(&self, hex: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(hex);
        if path.exists() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        let io = |e| StoreError::io(format!("write blob {hex}"), e);
        fs::create_dir_all(&folder).map_err(io)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(io)?;
        file.write_all(bytes).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(&path).map_err(|e| io(e.error))?;
        // The name must be durable too, in its folder and the folder's in ours.
        for folder in [&folder, &self.folder] {
            File::open(folder).and_then(|f| f.sync_all()).map_err(io)?;
        }
        Ok(())
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
}
