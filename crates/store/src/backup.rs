//! A copy of a data folder, taken while the server runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, params};

use crate::{BlobFiles, Result, Store, StoreError};

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Large bodies.
    pub blobs: u64,
    /// Large bodies that the database names and that are not there.
    pub missing: u64,
    /// Key files.
    pub keys: u64,
}

/// Copies the data folder `data` to the new folder `to`: the database as it stands at one moment, then large
/// bodies, which are on disk before the database names them and never change. Keys only where asked for: whoever
/// holds them can sign as this log. It is written beside `to`, as `to.part`, and gets its name when it is whole: what
/// an interrupted backup leaves behind cannot be taken for one. What is missing already is counted, and the rest is kept.
///
/// # Errors
/// When there is no data, `to` or `to.part` holds something already, or a disk refuses.
pub fn backup(data: &Path, to: &Path, keys: bool) -> Result<Backup> {
    let file = data.join(Store::FILE);
    let named = to;
    // Written with a slash behind it, the folder's name would be lost.
    let plain: PathBuf = to.components().collect();
    let mut name = plain.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = plain.with_file_name(name);
    let to = part.as_path();
    for (folder, what) in [
        (named, "it holds something already"),
        (to, "an earlier backup was interrupted and left this behind; remove it, then try again"),
    ] {
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            let cause = std::io::Error::new(std::io::ErrorKind::AlreadyExists, what);
            return Err(StoreError::io(format!("back up to {}", folder.display()), cause));
        }
    }
    fs::create_dir_all(to).map_err(|e| StoreError::io(format!("make folder {}", to.display()), e))?;
    crate::db::restrict(to, 0o700)?;
    let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let copy = to.join(Store::FILE);
    connection.execute("VACUUM INTO ?1", params![copy.to_string_lossy()])?;
    crate::db::restrict(&copy, 0o600)?;
    let database_bytes = fs::metadata(&copy).map_err(|e| StoreError::io("measure the copy", e))?.len();
    let blobs = copy_folder(&data.join("blobs"), &to.join("blobs"))?;
    let missing = missing_bodies(&copy, to)?;
    let kept = if keys { copy_folder(&data.join("keys"), &to.join("keys"))? } else { 0 };
    if keys && kept == 0 {
        let cause = std::io::Error::new(std::io::ErrorKind::NotFound, "there are no keys");
        return Err(StoreError::io(format!("copy {}", data.join("keys").display()), cause));
    }
    let sync = |path: &Path| fs::File::open(path).and_then(|f| f.sync_all());
    sync(&copy).and_then(|()| sync(to)).map_err(|e| StoreError::io("write the copy to disk", e))?;
    // An empty folder of that name may be there; renaming over it is what was asked for.
    fs::rename(to, named).map_err(|e| StoreError::io(format!("name the backup {}", named.display()), e))?;
    sync(named.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        .map_err(|e| StoreError::io("write the backup's name to disk", e))?;
    Ok(Backup { database_bytes, blobs, missing, keys: kept })
}

/// Whether a data folder, which a server may have open, has a connector of that id; nothing where it holds no data yet.
///
/// # Errors
/// When the database cannot be read.
pub fn has_connector(data: &Path, id: &str) -> Result<Option<bool>> {
    let file = data.join(Store::FILE);
    if !file.is_file() {
        return Ok(None);
    }
    let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found =
        connection.query_row("SELECT COUNT(*) FROM connector WHERE id = ?1", params![id], |r| r.get::<_, i64>(0))?;
    Ok(Some(found > 0))
}

/// How many large bodies a copied database names that are not in its folder.
fn missing_bodies(database: &Path, folder: &Path) -> Result<u64> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT lower(hex(body)) FROM signal WHERE pack IS NULL UNION SELECT lower(hex(digest)) FROM body WHERE pack IS NULL";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let files = BlobFiles::open(folder)?;
    let mut missing = 0;
    while let Some(row) = rows.next()? {
        missing += u64::from(!files.has(&row.get::<_, String>(0)?));
    }
    Ok(missing)
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
