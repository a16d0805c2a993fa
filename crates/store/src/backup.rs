//! A copy of a data folder, taken while the server runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, params};

use crate::{Result, Store, StoreError};

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Large bodies.
    pub blobs: u64,
    /// Key files.
    pub keys: u64,
}

/// Copies the data folder `data` to the new folder `to`: the database as it stands at one moment, then large
/// bodies, which are on disk before the database names them and never change. Keys only where asked for: whoever
/// holds them can sign as this log.
///
/// # Errors
/// When there is no data, `to` holds something already, or a disk refuses.
pub fn backup(data: &Path, to: &Path, keys: bool) -> Result<Backup> {
    let file = data.join(Store::FILE);
    let there = fs::read_dir(to).map(|mut entries| entries.next().is_some()).unwrap_or(false);
    if there {
        let cause = std::io::Error::new(std::io::ErrorKind::AlreadyExists, "it holds something already");
        return Err(StoreError::io(format!("back up to {}", to.display()), cause));
    }
    fs::create_dir_all(to).map_err(|e| StoreError::io(format!("make folder {}", to.display()), e))?;
    crate::db::restrict(to, 0o700)?;
    let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let copy = to.join(Store::FILE);
    connection.execute("VACUUM INTO ?1", params![copy.to_string_lossy()])?;
    crate::db::restrict(&copy, 0o600)?;
    let database_bytes = fs::metadata(&copy).map_err(|e| StoreError::io("measure the copy", e))?.len();
    let blobs = copy_folder(&data.join("blobs"), &to.join("blobs"))?;
    let kept = if keys { copy_folder(&data.join("keys"), &to.join("keys"))? } else { 0 };
    if keys && kept == 0 {
        let cause = std::io::Error::new(std::io::ErrorKind::NotFound, "there are no keys");
        return Err(StoreError::io(format!("copy {}", data.join("keys").display()), cause));
    }
    fs::File::open(&copy).and_then(|f| f.sync_all()).map_err(|e| StoreError::io("write the copy to disk", e))?;
    Ok(Backup { database_bytes, blobs, keys: kept })
}

/// Copies the files beneath a folder, those being written left out; returns how many.
fn copy_folder(from: &Path, to: &Path) -> Result<u64> {
    let mut copied = 0;
    let mut queue = vec![PathBuf::new()];
    while let Some(relative) = queue.pop() {
        let folder = from.join(&relative);
        let io = |e| StoreError::io(format!("copy {}", folder.display()), e);
        let entries = match fs::read_dir(&folder) {
            // Where there were never large bodies, there is no folder of them.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && relative.as_os_str().is_empty() => return Ok(0),
            entries => entries.map_err(io)?,
        };
        let own = to.join(&relative);
        fs::create_dir_all(&own).map_err(io)?;
        crate::db::restrict(&own, 0o700)?;
        for entry in entries {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            if entry.file_type().map_err(io)?.is_dir() {
                queue.push(relative.join(name));
            } else if !name.to_string_lossy().starts_with(".tmp") {
                let copy = own.join(name);
                fs::copy(entry.path(), &copy).map_err(io)?;
                fs::File::open(&copy).and_then(|f| f.sync_all()).map_err(io)?;
                copied += 1;
            }
        }
    }
    Ok(copied)
}
