//! Files that are there whole or not at all, and on disk when we say so.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use crate::{Result, StoreError, db::restrict};

/// Makes `bytes` the content of `path`, for the owner only: whole or not at all, and both the file and its name are on
/// disk when this returns.
///
/// # Errors
/// When the disk refuses.
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |e| StoreError::io(format!("write {}", path.display()), e);
    let folder = folder_of(path);
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    restrict(file.path(), 0o600)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    sync_folder(&folder)
}

/// Puts on disk what is in a file that is there already, and its name: whoever wrote it may not have come that far.
pub(crate) fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|e| StoreError::io(format!("sync {}", path.display()), e))?;
    sync_folder(&folder_of(path))
}

/// Puts the names in a folder on disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| StoreError::io(format!("sync folder {}", folder.display()), e))
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        write_durably(&path, b"one").expect("writes");
        write_durably(&path, b"two").expect("writes again");
        assert_eq!(std::fs::read(&path).expect("reads"), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1, "nothing is left beside it");
        assert!(write_durably(&folder.path().join("no/such/place"), b"x").is_err());
    }
}
